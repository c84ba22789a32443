//! Requests as the tests make them, and the JSON lines in which both the package's driver and `learn` read them.

use serde_json::Value;
use std::fmt::Write as _;

/// One finished request.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When it ended, in milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub method: &'static str,
    /// Without numbers or other ids, so that its route is itself.
    pub path: &'static str,
    pub status: u16,
    /// `None`: the log does not say.
    pub duration_ms: Option<f64>,
}

/// The records as lines of `{timestamp, method, path, statusCode, durationMs}`.
pub fn to_json_lines(records: &[Record]) -> String {
    let mut lines = String::new();
    for Record { timestamp_ms, method, path, status, duration_ms } in records {
        lines.push('{');
        if let Some(duration_ms) = duration_ms {
            // As JavaScript writes it: the shortest form, whole numbers without a fraction.
            write!(lines, "\"durationMs\":{duration_ms},").unwrap();
        }
        let (method, path) = (Value::from(*method), Value::from(*path));
        writeln!(lines, "\"method\":{method},\"path\":{path},\"statusCode\":{status},\"timestamp\":{timestamp_ms}}}")
            .unwrap();
    }
    lines
}

/// The records of such lines; the worked cases are read with it.
pub fn from_json_lines(text: &str) -> Vec<Record> {
    text.lines()
        .map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            let leak = |key: &str| &*object[key].as_str().unwrap().to_owned().leak();
            Record {
                timestamp_ms: object["timestamp"].as_i64().unwrap(),
                method: leak("method"),
                path: leak("path"),
                status: object["statusCode"].as_u64().unwrap() as u16,
                duration_ms: object["durationMs"].as_f64(),
            }
        })
        .collect()
}
