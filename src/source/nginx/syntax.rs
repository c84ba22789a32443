//! Reads a `log_format` as it stands in nginx.conf into literals and variables.
//!
//! In goes either the bare format string or the pasted directive (`log_format NAME escape=json 'a' 'b';`),
//! out comes a [`Template`]. It must not know what any variable means.

use super::FormatError;
use std::iter::Peekable;
use std::str::Chars;

/// How nginx wrote the characters that could be mistaken for the format's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\xHH`; `\"` and `\\` too, as Apache writes the same format.
    Default,
    /// As in a JSON string.
    Json,
    /// Not at all.
    None,
}

/// One piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that stands in every line. Never empty, never beside another literal.
    Literal(String),
    /// The name of a variable, without `$`.
    Variable(String),
}

/// A format string, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
    pub(super) escape: Escape,
}

impl Template {
    /// Parses a bare format string or a directive.
    pub(super) fn parse(text: &str) -> Result<Template, FormatError> {
        let (parts, escape) = parts(text)?;
        if is_json(&parts.concat()) {
            return Err(FormatError::JsonTemplate);
        }
        let mut template = Template { pieces: Vec::new(), escape };
        for part in &parts {
            template.add(part)?;
        }
        if template.pieces.is_empty() { Err(FormatError::Empty) } else { Ok(template) }
    }

    /// Appends one part. A variable's name ends where its part ends, as in nginx.
    fn add(&mut self, part: &str) -> Result<(), FormatError> {
        let mut rest = part;
        while let Some(dollar) = rest.find('$') {
            self.add_literal(&rest[..dollar]);
            let (name, after) = split_variable(&rest[dollar + 1..])?;
            self.pieces.push(Piece::Variable(name.to_owned()));
            rest = after;
        }
        self.add_literal(rest);
        Ok(())
    }

    fn add_literal(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Literal(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Literal(text.to_owned())),
        }
    }
}

/// Splits what follows a `$` into the variable's name and the rest.
pub(super) fn split_variable(text: &str) -> Result<(&str, &str), FormatError> {
    let bad = || FormatError::BadVariable { rest: text.chars().take(20).collect() };
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    let rest = if braced.is_some() { rest.strip_prefix('}').ok_or_else(bad)? } else { rest };
    if name.is_empty() { Err(bad()) } else { Ok((name, rest)) }
}

/// The format's parts and its escape mode, whichever way it was pasted.
pub(super) fn parts(text: &str) -> Result<(Vec<String>, Escape), FormatError> {
    let pasted = text.trim_start();
    let directive = pasted.strip_prefix("log_format").filter(|rest| rest.starts_with(char::is_whitespace));
    let is_list = pasted.starts_with('\'') || pasted.starts_with("escape=");
    if directive.is_none() && !is_list {
        // Spaces at either end belong to the format; the line end of the file it came from does not.
        let bare = text.trim_end_matches(['\r', '\n']);
        return Ok((vec![unescape_conf(bare)], Escape::Default));
    }
    let mut words = words(directive.unwrap_or(pasted))?.into_iter().peekable();
    if directive.is_some() {
        words.next();
    }
    let escape = match words.next_if(|word| word.starts_with("escape=")).as_deref() {
        None | Some("escape=default") => Escape::Default,
        Some("escape=json") => Escape::Json,
        Some("escape=none") => Escape::None,
        Some(other) => return Err(FormatError::UnknownEscape { found: other["escape=".len()..].to_owned() }),
    };
    Ok((words.collect(), escape))
}

/// The words of a directive up to its `;`, quotes and comments taken off.
fn words(text: &str) -> Result<Vec<String>, FormatError> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&next) = chars.peek() {
        match next {
            ';' => break,
            '#' => chars.by_ref().take_while(|&c| c != '\n').for_each(drop),
            '\'' | '"' => {
                chars.next();
                words.push(quoted(&mut chars, next)?);
            }
            c if c.is_whitespace() => {
                chars.next();
            }
            _ => words.push(bare_word(&mut chars)),
        }
    }
    Ok(words)
}

fn quoted(chars: &mut Peekable<Chars>, quote: char) -> Result<String, FormatError> {
    let mut raw = String::new();
    while let Some(c) = chars.next() {
        if c == quote {
            return Ok(unescape_conf(&raw));
        }
        raw.push(c);
        if c == '\\' {
            raw.extend(chars.next());
        }
    }
    Err(FormatError::OpenQuote { quote })
}

fn bare_word(chars: &mut Peekable<Chars>) -> String {
    let mut raw = String::new();
    while let Some(c) = chars.next_if(|&c| c != ';' && !c.is_whitespace()) {
        raw.push(c);
    }
    unescape_conf(&raw)
}

/// Undoes nginx.conf's own escapes: a quote or backslash after a backslash stands for itself, and `\t`,
/// `\r`, `\n` for control characters; any other backslash stays.
fn unescape_conf(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some(quoted @ ('"' | '\'' | '\\')) => text.push(quoted),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    text
}

/// Whether the format is a template of one JSON object.
pub(super) fn is_json(format: &str) -> bool {
    let inner = format.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim_start().starts_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    fn variable(name: &str) -> Piece {
        Piece::Variable(name.to_owned())
    }

    fn pieces(text: &str) -> Vec<Piece> {
        Template::parse(text).unwrap().pieces
    }

    #[test]
    fn a_bare_string_keeps_its_spaces() {
        assert_eq!(pieces("$a - ${b}c \r\n"), [variable("a"), literal(" - "), variable("b"), literal("c ")]);
        assert_eq!(pieces(" [$a]"), [literal(" ["), variable("a"), literal("]")]);
        assert_eq!(pieces(r"$a\t$b"), [variable("a"), literal("\t"), variable("b")]);
    }

    #[test]
    fn a_directive_is_joined_from_its_parts() {
        let text = "\n  log_format  main  '$a - $b ' # who\n      \"[$c] \\\"$d\\\"\"\n  '$e';  access_log off;";
        let expected = [
            variable("a"),
            literal(" - "),
            variable("b"),
            literal(" ["),
            variable("c"),
            literal("] \""),
            variable("d"),
            literal("\""),
            variable("e"),
        ];
        assert_eq!(pieces(text), expected);
    }

    #[test]
    fn a_name_ends_with_its_part() {
        assert_eq!(pieces("'$a' 'b'"), [variable("a"), literal("b")]);
        assert_eq!(pieces("log_format x $a;"), [variable("a")]);
    }

    #[test]
    fn escape_is_honoured() {
        let escape = |text| Template::parse(text).map(|template| template.escape);
        assert_eq!(escape("$a"), Ok(Escape::Default));
        assert_eq!(escape("log_format x escape=json '$a';"), Ok(Escape::Json));
        assert_eq!(escape("escape=none '$a'"), Ok(Escape::None));
        assert_eq!(escape("log_format x escape=default '$a'"), Ok(Escape::Default));
        assert_eq!(escape("log_format x escape=xml '$a'"), Err(FormatError::UnknownEscape { found: "xml".to_owned() }));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text| Template::parse(text).unwrap_err();
        let bad = |rest: &str| FormatError::BadVariable { rest: rest.to_owned() };
        assert_eq!(error(""), FormatError::Empty);
        assert_eq!(error("log_format main;"), FormatError::Empty);
        assert_eq!(error("'$a"), FormatError::OpenQuote { quote: '\'' });
        assert_eq!(error("'$a\\'"), FormatError::OpenQuote { quote: '\'' });
        assert_eq!(error("$a $"), bad(""));
        assert_eq!(error("$a $-x"), bad("-x"));
        assert_eq!(error("${a $b"), bad("{a $b"));
        assert_eq!(error("log_format j escape=json '{' '\"t\":\"$a\"' '}';"), FormatError::JsonTemplate);
    }

    #[test]
    fn a_brace_alone_is_not_json() {
        assert_eq!(pieces("{$a}"), [literal("{"), variable("a"), literal("}")]);
    }
}
