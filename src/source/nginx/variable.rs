//! What is known about nginx's own variables: how their values look and how long they are.
//!
//! Names in, facts out. A name that is not known here is text of any shape and length.

use super::matcher::{Exempt, Shape};
use super::syntax::Escape;

/// Variables whose values never hold a space.
const WORDS: [&str; 20] = [
    "body_bytes_sent",
    "bytes_sent",
    "connection",
    "connection_requests",
    "connection_time",
    "content_length",
    "gzip_ratio",
    "host",
    "msec",
    "pid",
    "pipe",
    "remote_addr",
    "request_id",
    "request_length",
    "request_time",
    "scheme",
    "server_name",
    "server_port",
    "status",
    "time_iso8601",
];

/// Variables with a time for each upstream server tried.
const UPSTREAM_TIMES: [&str; 4] =
    ["upstream_connect_time", "upstream_header_time", "upstream_queue_time", "upstream_response_time"];

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// `01/May/2025:00:00:00 +0000`
    Local,
    /// RFC 3339
    Iso8601,
    /// Seconds, or milliseconds, since 1970
    Epoch,
    /// Each line's own shape decides.
    Any,
}

/// How a duration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One number.
    Single,
    /// One number for each upstream server tried.
    List,
}

/// How the values of a variable denote times.
pub(super) fn clock(name: &str) -> Clock {
    match name {
        "time_local" => Clock::Local,
        "time_iso8601" => Clock::Iso8601,
        "msec" => Clock::Epoch,
        _ => Clock::Any,
    }
}

/// How the values of a variable denote durations.
pub(super) fn form(name: &str) -> Form {
    if is_list(name) { Form::List } else { Form::Single }
}

fn is_list(name: &str) -> bool {
    name.starts_with("upstream_")
}

/// Which occurrences of the literal after a variable belong to the variable's value.
pub(super) fn exempt(name: &str, literal: &str, escape: Escape) -> Exempt {
    match literal.bytes().next() {
        Some(b'"') if escape != Escape::None => Exempt::EscapedQuote,
        Some(b' ') if name == "time_local" => Exempt::StampSpace,
        Some(b' ') if is_list(name) => Exempt::ListSeparator,
        _ => Exempt::Nothing,
    }
}

/// What a variable's value may hold at the end of a line.
pub(super) fn shape(name: &str) -> Shape {
    if WORDS.contains(&name) {
        Shape::Word
    } else if UPSTREAM_TIMES.contains(&name) {
        Shape::List
    } else {
        Shape::Text
    }
}

/// How long a variable's value is on most lines; `None` where that varies.
pub(super) fn usual_len(name: &str) -> Option<usize> {
    let example = match name {
        "time_local" => "01/May/2025:00:00:00 +0000",
        "time_iso8601" => "2025-05-01T00:00:00+00:00",
        "msec" => "1746057600.000",
        "status" => "200",
        "remote_user" => "-",
        "request_time" | "upstream_response_time" | "upstream_connect_time" | "upstream_header_time" => "0.123",
        _ => return None,
    };
    Some(example.len())
}
