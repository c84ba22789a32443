//! Apache's `LogFormat` strings, rewritten as the templates that lines are read by.
//!
//! Text in, text out: each `%` directive becomes the variable of the same meaning
//! (<https://httpd.apache.org/docs/2.4/mod/mod_log_config.html>). Nothing here reads a log.

use std::fmt::Write;

/// Why a `LogFormat` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApacheError {
    /// A `%` that no directive follows.
    #[error("the Apache LogFormat has a `%` without a directive before `{rest}`")]
    NoDirective {
        /// What follows.
        rest: String,
    },
    /// A time in a form of its own.
    #[error(
        "the Apache LogFormat writes its time as `%{{{form}}}t`; `%t`, `%{{sec}}t`, `%{{msec}}t`, `%{{usec}}t` and \
         forms that begin with `%Y-%m-%d` can be read"
    )]
    TimeForm {
        /// Its form.
        form: String,
    },
}

/// The template of a format string, or of the whole `LogFormat` directive as it stands in httpd.conf.
///
/// # Errors
/// A `%` that is no directive, or a time that cannot be read.
pub fn as_template(text: &str) -> Result<String, ApacheError> {
    let format = format_string(text.trim_end_matches(['\r', '\n']));
    let mut template = String::new();
    let mut rest = format.as_str();
    while let Some(percent) = rest.find('%') {
        template += &rest[..percent];
        let (directive, after) = Directive::split(&rest[percent + 1..])?;
        rest = match (directive.letter, after.strip_prefix("%q")) {
            // The query follows the path without anything between them.
            ('U', Some(after)) => {
                template += "${request_uri}";
                after
            }
            _ => {
                directive.write(&mut template)?;
                after
            }
        };
    }
    template += rest;
    Ok(template)
}

/// The format string of a directive, its escapes undone; or the text itself.
fn format_string(text: &str) -> String {
    let directive = text.trim_start().strip_prefix("LogFormat").map(str::trim_start);
    let quoted = directive.and_then(|rest| rest.strip_prefix('"'));
    let mut plain = String::new();
    let mut chars = quoted.unwrap_or(text).chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted.is_some() => break,
            '\\' => match chars.next() {
                Some('t') => plain.push('\t'),
                Some('n') => {}
                escaped => plain.extend(escaped),
            },
            c => plain.push(c),
        }
    }
    plain
}

/// `%!200,304<{argument}letter`, of which only the argument and the letter matter.
struct Directive<'f> {
    argument: Option<&'f str>,
    letter: char,
}

impl<'f> Directive<'f> {
    fn split(text: &'f str) -> Result<(Self, &'f str), ApacheError> {
        let none = || ApacheError::NoDirective { rest: text.chars().take(20).collect() };
        let is_modifier = |c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>');
        let mut rest = text.trim_start_matches(is_modifier);
        let mut argument = None;
        if let Some(braced) = rest.strip_prefix('{') {
            let (inside, after) = braced.split_once('}').ok_or_else(none)?;
            (argument, rest) = (Some(inside), after.trim_start_matches(is_modifier));
        }
        // `%^FU` and the like have two letters.
        let rest = rest.strip_prefix('^').map_or(rest, |long| long.get(1..).unwrap_or_default());
        let letter = rest.chars().next().filter(|c| c.is_ascii_alphabetic() || *c == '%').ok_or_else(none)?;
        Ok((Directive { argument, letter }, &rest[letter.len_utf8()..]))
    }

    fn write(&self, template: &mut String) -> Result<(), ApacheError> {
        let name = match (self.letter, self.argument) {
            ('%', _) => {
                template.push('%');
                return Ok(());
            }
            ('t', None) => {
                *template += "[${start_local}]";
                return Ok(());
            }
            ('t', Some(form)) => stamp(form)?.to_owned(),
            ('h' | 'a', None) => "remote_addr".to_owned(),
            ('u', _) => "remote_user".to_owned(),
            ('r', _) => "request".to_owned(),
            ('s', _) => "status".to_owned(),
            ('m', _) => "request_method".to_owned(),
            ('U', _) => "uri".to_owned(),
            ('b' | 'B', _) => "body_bytes_sent".to_owned(),
            ('O', _) => "bytes_sent".to_owned(),
            ('I', _) => "bytes_received".to_owned(),
            ('v' | 'V', _) => "server_name".to_owned(),
            ('p', _) => "server_port".to_owned(),
            ('D', _) | ('T', Some("us")) => "request_time_us".to_owned(),
            ('T', Some("ms")) => "response_time_ms".to_owned(),
            ('T', _) => "request_time".to_owned(),
            ('i', Some(header)) => format!("http_{}", variable(header)),
            ('o', Some(header)) => format!("sent_http_{}", variable(header)),
            (letter, Some(argument)) => format!("{letter}_{}", variable(argument)),
            (letter, None) => format!("apache_{letter}"),
        };
        // Writing to a string cannot fail.
        let _ = write!(template, "${{{name}}}");
        Ok(())
    }
}

/// The stamp that `%{form}t` writes: of the request's start, unless it says otherwise.
fn stamp(form: &str) -> Result<&'static str, ApacheError> {
    let (name, form_alone) = match form.split_once(':') {
        Some(("end", rest)) => ("time", rest),
        Some(("begin", rest)) => ("start_time", rest),
        _ => ("start_time", form),
    };
    let is_known = matches!(form_alone, "sec" | "msec" | "usec") || form_alone.starts_with("%Y-%m-%d");
    if is_known { Ok(name) } else { Err(ApacheError::TimeForm { form: form.to_owned() }) }
}

/// A header's name as nginx spells it in a variable.
fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, expected: &str) {
        assert_eq!(as_template(format).as_deref(), Ok(expected), "{format}");
    }

    #[test]
    fn directives_become_variables() {
        check(
            r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" %D"#,
            r#"${remote_addr} ${apache_l} ${remote_user} [${start_local}] "${request}" ${status} ${body_bytes_sent} "${http_referer}" "${http_user_agent}" ${request_time_us}"#,
        );
        check(
            r#"LogFormat "%v:%p %h \"%r\" %400,501{Via}i %{ms}T 100%%" vhost"#,
            r#"${server_name}:${server_port} ${remote_addr} "${request}" ${http_via} ${response_time_ms} 100%"#,
        );
        check("%m %U%q %H", "${request_method} ${request_uri} ${apache_H}");
        check("%T %{s}T %{us}T", "${request_time} ${request_time} ${request_time_us}");
        check("%{%Y-%m-%dT%H:%M:%S}t %{end:msec}t", "${start_time} ${time}");
        check(r"%a\t%{c}a %^FB", "${remote_addr}\t${a_c} ${body_bytes_sent}");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let none = |rest: &str| Err(ApacheError::NoDirective { rest: rest.to_owned() });
        assert_eq!(as_template("%h %"), none(""));
        assert_eq!(as_template("%{Referer i"), none("{Referer i"));
        assert_eq!(as_template("%é"), none("é"));
        assert_eq!(as_template("%{%d.%m.%Y}t"), Err(ApacheError::TimeForm { form: "%d.%m.%Y".to_owned() }));
    }
}
