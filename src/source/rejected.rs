//! Lines that did not parse: where, what was found, what was expected. Log text is escaped here, once, so
//! that it can go to a terminal or a file as it is.

use crate::report::format_time;
use crate::request::Rejection;

/// Bytes of log text that a reason shows.
const SHOWN_BYTES: usize = 40;

/// What a line inside of another is said to have where it ends, for its column does not tell.
pub(super) const LINE_END: &[u8] = b"\n";

/// A longer line is not kept, to see which other format it may be in.
const KEPT_BYTES: usize = 4096;

/// One rejected line within its chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// The line within its chunk, from 1.
    pub line: u64,
    /// Byte column, from 1.
    pub column: usize,
    /// `found ..., expected ...`, escaped.
    pub reason: String,
    /// The line itself; empty where that is of no use.
    pub text: Box<[u8]>,
}

impl RejectedLine {
    /// A line that does not fit its format.
    pub fn new(line: u64, text: &[u8], rejection: &Rejection) -> Self {
        let found = match rejection.found {
            LINE_END => "the end of the line".to_owned(),
            [] if rejection.column > text.len() => "the end of the line".to_owned(),
            [] => "nothing".to_owned(),
            bytes => format!("\"{}\"", escaped(bytes)),
        };
        let reason = format!("found {found}, expected {}", rejection.expected);
        let text = if text.len() <= KEPT_BYTES { Box::from(text) } else { Box::default() };
        RejectedLine { line, column: rejection.column, reason, text }
    }

    /// A request whose time is far from that of both its neighbours.
    pub fn astray(line: u64, timestamp_ms: i64) -> Self {
        let found = format_time(timestamp_ms);
        let reason = format!("found a lone request at {found}, expected a time near its neighbours' (--max-gap)");
        RejectedLine { line, column: 1, reason, text: Box::default() }
    }
}

/// The first bytes of log text with everything but printable ASCII escaped.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let mut text: String = shown.escape_ascii().to_string();
    if shown.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_escaped_and_short() {
        let long = [b'x'; 100];
        let reason = |column, found| {
            RejectedLine::new(1, b"0123456789", &Rejection { column, found, expected: "a number" }).reason
        };
        assert_eq!(reason(3, b"a\x1b[2J\""), r#"found "a\x1b[2J\"", expected a number"#);
        assert_eq!(reason(11, b""), "found the end of the line, expected a number");
        assert_eq!(reason(5, LINE_END), "found the end of the line, expected a number");
        assert_eq!(reason(5, b""), "found nothing, expected a number");
        assert_eq!(reason(5, &long), format!("found \"{}...\", expected a number", "x".repeat(40)));
    }
}
