//! A JSON line -> the executions in it, or the server's message that it is.

use crate::request::DecimalMs;
use crate::source::duration_of;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// The key under which services log their queries.
const EXECUTIONS: &str = "queryExecutions";

const EXPECTED_EXECUTIONS: &str = "queryExecutions: [{query: text, duration: milliseconds}]";

/// What a line is.
pub(super) enum Line<'a> {
    /// A service's queries, with their durations in nanoseconds.
    Executions(Vec<(String, u64)>),
    /// A line of PostgreSQL's jsonlog.
    Message { message: Cow<'a, str>, session: Cow<'a, str>, database: Cow<'a, str> },
    /// An object without either.
    Other,
    /// What would have been right.
    Rejected(&'static str),
}

#[derive(Deserialize)]
struct ServerLine<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dbname: Option<Cow<'a, str>>,
    error_severity: Option<Cow<'a, str>>,
}

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Line<'_> {
    if memmem::find(line, EXECUTIONS.as_bytes()).is_some() {
        return match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(object)) => object.get(EXECUTIONS).map_or(Line::Other, executions),
            _ => Line::Rejected("a JSON object"),
        };
    }
    match serde_json::from_slice::<ServerLine<'_>>(line) {
        Ok(ServerLine { message: Some(message), session_id: Some(session), dbname, error_severity: Some(_) }) => {
            Line::Message { message, session, database: dbname.unwrap_or_default() }
        }
        Ok(_) => Line::Other,
        // Fields of other types under these names are another program's.
        Err(error) if error.is_data() && line.starts_with(b"{") => Line::Other,
        Err(_) => Line::Rejected("a JSON object"),
    }
}

fn executions<'a>(value: &Value) -> Line<'a> {
    let Value::Array(items) = value else {
        return if value.is_null() { Line::Other } else { Line::Rejected(EXPECTED_EXECUTIONS) };
    };
    let read = |item: &Value| {
        let nanos = match item.get("duration")? {
            Value::Number(number) => duration_of(number.to_string().as_bytes(), 0),
            Value::String(text) => duration_of(text.as_bytes(), 0),
            _ => None,
        };
        Some((item.get("query")?.as_str()?.to_owned(), nanos.map(DecimalMs::nanos)?))
    };
    let found: Option<Vec<_>> = items.iter().map(read).collect();
    found.map_or(Line::Rejected(EXPECTED_EXECUTIONS), Line::Executions)
}
