//! What a log that has no latency has in its place.

use std::fmt;

/// What lines without a latency have in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatencyHint {
    /// A field that is called as durations are, or holds them with a unit.
    NoNumber {
        /// Its name.
        field: String,
        /// What stands in it.
        found: String,
    },
    /// Fields that hold numbers, any of which may be a latency.
    Numbers(Vec<String>),
}

impl fmt::Display for LatencyHint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LatencyHint::NoNumber { field, found } => {
                write!(formatter, "`{}` holds \"{}\", which is no number", field.escape_debug(), found.escape_debug())
            }
            LatencyHint::Numbers(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{}`", field.escape_debug())).collect();
                write!(formatter, "numbers are in {}", fields.join(", "))
            }
        }
    }
}
