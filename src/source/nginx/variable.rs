//! What is known about variables: what their values mean, how they look and how long they are.
//!
//! Names in, facts out. The names are nginx's own; those of other servers' formats, which only presets use, are what
//! the servers call them. A name that is not known here is text of any shape and length.

use super::matcher::{Exempt, Shape};
use super::syntax::Escape;
use crate::plan::Unit;

/// Stamps, the finest first, with how they are written.
pub(super) const STAMPS: [(&str, Clock); 7] = [
    ("msec", Clock::Epoch),
    ("time_local", Clock::Local),
    ("time_iso8601", Clock::Iso8601),
    ("start_local", Clock::Local),
    ("time", Clock::Any),
    ("start_time", Clock::Any),
    ("accept_date", Clock::LocalMillis),
];

/// Stamps of a request's start. Its end is as much later as the first of [`UNTIL_END`] says that is logged.
const STARTS: [&str; 3] = ["start_local", "start_time", "accept_date"];

/// Times from a request's start to its end.
pub(super) const UNTIL_END: [&str; 4] = ["Ta", "Tt", "duration_ms", "request_time_us"];

/// A variable that holds a duration.
pub(super) type Timing = (&'static str, Unit, Form);

/// The latency as the client saw it, the upstream's part standing in for it where that is all there is, or all that
/// the server counts itself: a load balancer's own time goes for the body that it buffers.
pub(super) const REQUEST_TIMES: [Timing; 9] = [
    ("request_time", Unit::Seconds, Form::Single),
    ("request_time_us", Unit::Micros, Form::Whole),
    ("response_time_ms", Unit::Millis, Form::Single),
    ("duration_ms", Unit::Millis, Form::Phase),
    ("Ta", Unit::Millis, Form::Phase),
    ("elapsed_ms", Unit::Millis, Form::Phase),
    ("target_processing_time", Unit::Seconds, Form::Phase),
    ("backend_processing_time", Unit::Seconds, Form::Phase),
    ("upstream_response_time", Unit::Seconds, Form::List),
];

/// The upstream's part of the latency.
pub(super) const UPSTREAM_LATENCIES: [Timing; 5] = [
    ("upstream_response_time", Unit::Seconds, Form::List),
    ("upstream_service_time", Unit::Millis, Form::Phase),
    ("Tr", Unit::Millis, Form::Phase),
    ("target_processing_time", Unit::Seconds, Form::Phase),
    ("backend_processing_time", Unit::Seconds, Form::Phase),
];

/// Whether a variable of this name holds the upstream's part of the latency.
pub(in crate::source) fn is_upstream_latency(name: &str) -> bool {
    UPSTREAM_LATENCIES.iter().any(|(known, ..)| *known == name)
}

/// Statuses, nginx's first: three digits always. The others say `-`, `-1` or `0` where no answer was begun.
pub(super) const STATUSES: [&str; 4] = [STATUS, "status_code", "elb_status_code", "response_code"];

/// nginx's own.
pub(super) const STATUS: &str = "status";

/// Variables whose values never hold a space.
const WORDS: [&str; 22] = [
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
    "request_time_us",
    "response_code",
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
    /// RFC 3339, whole seconds
    Iso8601,
    /// `01/May/2025:00:00:00.000`, without a zone
    LocalMillis,
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
    /// One number of digits only.
    Whole,
    /// One number; `-1` where the phase that it times was not reached, and `+` before one that was not over yet.
    Phase,
    /// One number for each upstream server tried.
    List,
}

/// How the values of a variable denote times.
pub(super) fn clock(name: &str) -> Clock {
    STAMPS.iter().find(|(known, _)| *known == name).map_or(Clock::Any, |(_, clock)| *clock)
}

/// Whether a stamp is one of a request's start.
pub(super) fn is_start(name: &str) -> bool {
    STARTS.contains(&name)
}

/// The unit and the form of a variable's durations.
pub(super) fn timing(name: &str) -> (Unit, Form) {
    let known = REQUEST_TIMES.iter().chain(&UPSTREAM_LATENCIES).find(|(known, ..)| *known == name);
    let unknown = if is_list(name) { Form::List } else { Form::Single };
    known.map_or((Unit::Seconds, unknown), |(_, unit, form)| (*unit, *form))
}

fn is_list(name: &str) -> bool {
    name.starts_with("upstream_")
}

/// Which occurrences of the literal after a variable belong to the variable's value.
pub(super) fn exempt(name: &str, literal: &str, escape: Escape) -> Exempt {
    match literal.bytes().next() {
        Some(b'"') if escape != Escape::None => Exempt::EscapedQuote,
        Some(b' ') if clock(name) == Clock::Local => Exempt::StampSpace,
        Some(b' ') if name == "elapsed_ms" => Exempt::Padding,
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
        "time_local" | "start_local" => "01/May/2025:00:00:00 +0000",
        "time_iso8601" => "2025-05-01T00:00:00+00:00",
        "msec" => "1746057600.000",
        "status" => "200",
        "remote_user" => "-",
        "request_time" | "upstream_response_time" | "upstream_connect_time" | "upstream_header_time" => "0.123",
        _ => return None,
    };
    Some(example.len())
}
