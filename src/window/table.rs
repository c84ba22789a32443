//! What a window table looks like: its columns, and how values stand in the text of a CSV file.
//!
//! Both its writer and its reader go by this. A change that an older reader would misread raises [`VERSION`].

use crate::backtest::call::Outcome;
use chrono::{DateTime, SecondsFormat};
use std::fmt::Write as _;

/// The version of the layout, in the first column of every row.
pub(crate) const VERSION: i64 = 1;

/// The columns that a Parquet and a CSV file have in common, in order; the durations follow.
pub(crate) const COLUMNS: [&str; 14] = [
    "windowTable",
    "latency",
    "minute",
    "method",
    "route",
    "startMinute",
    "outcome",
    "late",
    "requests",
    "longConnections",
    "firstRequest",
    "lastRequest",
    "firstStart",
    "lastStart",
];

/// The durations in nanoseconds, ascending: a list in Parquet, `NS*COUNT` pairs in CSV.
pub(crate) const DURATIONS: &str = "durationsNs";

/// How often each of them occurred; a list, in Parquet only.
pub(crate) const DURATION_COUNTS: &str = "durationCounts";

/// A row without regard to how it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableRow {
    /// [`VERSION`].
    pub version: i64,
    /// Which duration is the latency: `request` or `upstream`.
    pub latency: String,
    /// The end of the minute `(end - 60 s, end]` in which the requests ended, UTC microseconds.
    pub minute_us: i64,
    /// The method.
    pub method: String,
    /// The route.
    pub route: String,
    /// The start of the minute `[start, start + 60 s)` in which they started, UTC microseconds.
    pub start_minute_us: i64,
    /// See [`outcome_name`].
    pub outcome: String,
    /// Too far behind the newest request of their log to count in a cycle.
    pub late: bool,
    /// Requests.
    pub requests: i64,
    /// Of those, long connections.
    pub long_connections: i64,
    /// First and last stamp, UTC microseconds.
    pub ended_us: (i64, i64),
    /// First and last stamp less duration, UTC microseconds.
    pub started_us: (i64, i64),
    /// Nanoseconds with how often they occurred, ascending.
    pub values: Vec<(i64, i64)>,
}

/// How outcomes are written, and whether the answer was 404, which is a good one.
const OUTCOMES: [(&str, Outcome, bool); 4] = [
    ("good", Outcome::Good, false),
    ("notFound", Outcome::Good, true),
    ("neither", Outcome::Neither, false),
    ("failed", Outcome::Failed, false),
];

/// How an outcome is written.
pub(crate) fn outcome_name(outcome: Outcome, not_found: bool) -> &'static str {
    let written = OUTCOMES.iter().find(|(_, known, is_missing)| (*known, *is_missing) == (outcome, not_found));
    written.map_or("", |(name, ..)| name)
}

/// The outcome of that name, and whether the answer was 404.
pub(crate) fn outcome_named(name: &str) -> Option<(Outcome, bool)> {
    OUTCOMES.iter().find(|(known, ..)| *known == name).map(|(_, outcome, not_found)| (*outcome, *not_found))
}

/// A time in microseconds as RFC 3339 UTC.
pub(crate) fn time_text(at_us: i64, precision: SecondsFormat) -> String {
    DateTime::from_timestamp_micros(at_us).map_or_else(String::new, |time| time.to_rfc3339_opts(precision, true))
}

/// The time that a text stands for, in microseconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}

/// `NS*COUNT` pairs with a space between them; `*1` is left out.
pub(crate) fn values_text(values: &[(i64, i64)]) -> String {
    let mut text = String::new();
    for (ns, count) in values {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a `String` cannot fail.
        let _ = match count {
            1 => write!(text, "{space}{ns}"),
            _ => write!(text, "{space}{ns}*{count}"),
        };
    }
    text
}

/// The pairs that a text stands for.
pub(crate) fn parse_values(text: &str) -> Option<Vec<(i64, i64)>> {
    let pair = |pair: &str| match pair.split_once('*') {
        Some((ns, count)) => Some((ns.parse().ok()?, count.parse().ok()?)),
        None => Some((pair.parse().ok()?, 1)),
    };
    text.split_ascii_whitespace().map(pair).collect()
}

/// Text that no spreadsheet runs as a formula, and that [`unguarded`] turns back.
pub(crate) fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{text}") } else { text.to_owned() }
}

/// The text that was guarded.
pub(crate) fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_values_come_back(text in "[=+@'\\-\t\r]?.*", values in prop::collection::vec(any::<(i64, i64)>(), 0..5)) {
            let guarded = guarded(&text);
            prop_assert_eq!(unguarded(&guarded), &text);
            prop_assert_eq!(parse_values(&values_text(&values)), Some(values));
        }

        #[test]
        fn times_come_back(at_us in -58_948_387_200_000_000i64..250_215_091_199_999_000) {
            prop_assert_eq!(parse_time(&time_text(at_us, SecondsFormat::Micros)), Some(at_us));
        }
    }

    #[test]
    fn what_is_no_list_of_durations_is_none() {
        for text in ["1,2", "x", "1*", "*1", "1*2*3", "9223372036854775808"] {
            assert_eq!(parse_values(text), None, "{text}");
        }
        assert_eq!(parse_values(""), Some(Vec::new()));
        assert_eq!(values_text(&[(5, 1), (7, 3)]), "5 7*3");
        for (name, outcome, not_found) in OUTCOMES {
            assert_eq!((outcome_name(outcome, not_found), outcome_named(name)), (name, Some((outcome, not_found))));
        }
    }
}
