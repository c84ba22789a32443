//! A `log_format` that writes one JSON object a line: which key holds which variable.
//!
//! The format's text in, the keys with what they mean out; the lines themselves are read as JSON.

use super::FormatError;
use super::syntax::{is_json, parts, split_variable};
use crate::plan::{FieldOverride, Latency, Role, Unit};
use serde_json::Value;

/// Stamps, the finest first.
const STAMPS: [&str; 3] = ["msec", "time_iso8601", "time_local"];

/// Paths as the client sent them, then as nginx made them.
const PATHS: [&str; 3] = ["request_uri", "uri", "document_uri"];

const UPSTREAM_TIME: &str = "upstream_response_time";

/// What the keys of a format mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct JsonTemplate {
    /// What a request is made of.
    pub(in crate::source) fields: Vec<FieldOverride>,
    /// Who sent it.
    pub(in crate::source) developer: Option<String>,
    /// The upstream's part of the latency.
    pub(in crate::source) upstream: Option<String>,
    /// The dotted keys whose whole value is one variable, each with the variable's name.
    pub(in crate::source) keys: Vec<(String, String)>,
}

/// What the keys of a format mean; `None` for a format that writes no JSON.
///
/// # Errors
/// A format that cannot be taken apart, or is no JSON even with its variables filled in.
pub(in crate::source) fn json_template(
    log_format: &str,
    latency: Latency,
) -> Result<Option<JsonTemplate>, FormatError> {
    let (parts, _) = parts(log_format)?;
    let text = parts.concat();
    if !is_json(&text) {
        return Ok(None);
    }
    let object: Value = serde_json::from_str(&filled_in(&text)?).map_err(|_| FormatError::JsonTemplate)?;
    let mut keys = Vec::new();
    collect("", &object, &mut keys);
    let developer = key_of(&keys, &["remote_user"]);
    let upstream = key_of(&keys, &[UPSTREAM_TIME]);
    Ok(Some(JsonTemplate { fields: fields(&keys, latency), developer, upstream, keys }))
}

/// The format with its variables as strings: `$status` is `"$status"` where it stands for itself.
fn filled_in(text: &str) -> Result<String, FormatError> {
    let mut filled = String::with_capacity(text.len() + 16);
    let (mut rest, mut is_quoted) = (text, false);
    while let Some(at) = rest.find(['"', '\\', '$']) {
        filled.push_str(&rest[..at]);
        let (found, after) = rest[at..].split_at(1);
        rest = after;
        match found {
            "$" => {
                let (name, after) = split_variable(rest)?;
                let quote = if is_quoted { "" } else { "\"" };
                filled.extend([quote, "$", name, quote]);
                rest = after;
            }
            "\\" => {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                filled.push('\\');
                filled.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            quote => {
                is_quoted = !is_quoted;
                filled.push_str(quote);
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The dotted keys whose whole value is one variable, each with the variable's name.
fn collect(key: &str, value: &Value, keys: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                collect(&name, value, keys);
            }
        }
        Value::String(text) => {
            let variable = text.strip_prefix('$').filter(|name| is_name(name));
            keys.extend(variable.map(|name| (key.to_owned(), name.to_owned())));
        }
        _ => {}
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The key that holds the first of these variables that one holds.
fn key_of(keys: &[(String, String)], variables: &[&str]) -> Option<String> {
    let key = |variable: &&str| keys.iter().find(|(_, known)| known == variable).map(|(key, _)| key.clone());
    variables.iter().find_map(key)
}

fn fields(keys: &[(String, String)], latency: Latency) -> Vec<FieldOverride> {
    let field = |role, variables: &[&str], unit| Some(FieldOverride { role, name: key_of(keys, variables)?, unit });
    let (method, path) = (field(Role::Method, &["request_method"], None), field(Role::Path, &PATHS, None));
    let target = match (method, path) {
        (Some(method), Some(path)) => [Some(method), Some(path)],
        _ => [field(Role::Request, &["request"], None), None],
    };
    let durations = match latency {
        Latency::Request => ["request_time", UPSTREAM_TIME],
        Latency::Upstream => [UPSTREAM_TIME, "request_time"],
    };
    let others = [
        field(Role::Timestamp, &STAMPS, None),
        field(Role::Status, &["status"], None),
        field(Role::Duration, &durations, Some(Unit::Seconds)),
    ];
    others.into_iter().chain(target).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(log_format: &str, latency: Latency) -> Vec<String> {
        let template = json_template(log_format, latency).unwrap().unwrap();
        template.fields.iter().map(|field| format!("{}={}", field.role.name(), field.name)).collect()
    }

    #[test]
    fn keys_mean_what_their_variables_mean() {
        let format = "log_format j escape=json '{ \"t\": $msec, \"when\":\"$time_iso8601\",' '\"q\":{\"m\":\"$request_method\",' \
                      '\"u\":\"${request_uri}\"}, \"s\":$status, \"note\":\"a \\\\\"$uri\\\\\"\", \"rt\":\"$request_time\", ' \
                      '\"urt\":\"$upstream_response_time\", \"line\":\"$request\"}';";
        assert_eq!(
            told(format, Latency::Request),
            ["timestamp=t", "status=s", "duration=rt", "method=q.m", "path=q.u"]
        );
        assert!(told(format, Latency::Upstream).contains(&"duration=urt".to_owned()));
        let line = "{\"a\":\"$request\",\"b\":\"$uri\",\"c\":\"$time_local\"}";
        assert_eq!(told(line, Latency::Request), ["timestamp=c", "request=a"]);
        let who = json_template("{\"a\":{\"b\":\"$remote_user\"}}", Latency::Request).unwrap().unwrap();
        assert_eq!((who.developer.as_deref(), who.upstream), (Some("a.b"), None));
    }

    #[test]
    fn other_formats_write_no_json() {
        assert_eq!(json_template("$remote_addr [$time_local]", Latency::Request), Ok(None));
        assert_eq!(json_template("{\"a\":$b \"c\"}", Latency::Request), Err(FormatError::JsonTemplate));
    }

    proptest! {
        #[test]
        fn no_format_panics(text in "[{}\"\\\\$a_:, ä'=]{0,40}") {
            let _ = json_template(&text, Latency::Request);
            let _ = json_template(&format!("{{\"{text}\"}}"), Latency::Request);
        }
    }
}
