//! Why a log's fields are not those of requests, in words for the person who has it.

use crate::plan::Role;

/// A sample in which no fields for a request can be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFields {
    /// A header without a row.
    #[error("none of the first lines has the {columns} columns that `#Fields:` names")]
    NoRow {
        /// How many columns there are.
        columns: usize,
    },
    /// Rows that tell the time of a day alone.
    #[error(
        "the columns are `time` and no `date`, so that no row tells its day; log the column date, too (in IIS under Logging, \
         Select Fields), or put `date` first in `#Fields:` and the day, as the `#Date:` line has it, before each row"
    )]
    NoDate,
    /// No line is an object.
    #[error("none of the {lines} sampled lines is a JSON object; JSON lines have one `{{...}}` on each line")]
    NotJson {
        /// How many lines there were.
        lines: usize,
    },
    /// A role has no field.
    #[error("no field of the lines holds {}: found {known}; name it with `--field {}=NAME`", what(*.role), role.name())]
    Missing {
        /// The role.
        role: Role,
        /// The fields that there are, escaped for display.
        known: String,
    },
    /// A field that the user named is in no line.
    #[error("no sampled line has the field `{name}` of `--field {}={name}`: found {known}; name one of these", role.name())]
    Unknown {
        /// The role.
        role: Role,
        /// The name that was given, escaped for display.
        name: String,
        /// The fields that there are, escaped for display.
        known: String,
    },
}

fn what(role: Role) -> &'static str {
    match role {
        Role::Timestamp => "the time",
        Role::Method => "the method",
        Role::Path => "the path",
        Role::Status => "the status code",
        Role::Duration => "the duration",
        Role::Request => "the request line",
    }
}
