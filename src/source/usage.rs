//! What every usage source yields: rows and calls by id and window, summed as far as the source can.
//!
//! Only counts pass through here, never rows, so that what a scan holds depends on ids and windows alone.

use crate::plan::scan::UsageColumns;

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedBy {
    /// The developer column.
    Developer,
    /// The API column; the amount column is summed too.
    Api,
}

impl CountedBy {
    /// The column whose values are told apart.
    pub(crate) fn id_column(self, columns: &UsageColumns) -> &str {
        match self {
            CountedBy::Developer => &columns.developer,
            CountedBy::Api => &columns.api,
        }
    }
}

/// What to count.
#[derive(Clone, Copy, Debug)]
pub struct UsageQuery {
    /// Whose calls.
    pub by: CountedBy,
    /// UTC milliseconds, inclusive; `None` from the first row on.
    pub from_ms: Option<i64>,
    /// UTC milliseconds, exclusive; `None` to the last row.
    pub to_ms: Option<i64>,
    /// Milliseconds of a window; windows are aligned to the epoch.
    pub window_ms: i64,
}

/// Some rows of one id in one window; an id may stand in several groups of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageGroup<'a> {
    /// The id; `None` where the column was NULL.
    pub id: Option<&'a str>,
    /// The window, counted from the epoch.
    pub window: i64,
    /// Rows.
    pub rows: u64,
    /// Calls: the rows, or the sum of the calls column.
    pub calls: u64,
    /// The sum of the amount column, as the source writes it.
    pub amount: Option<&'a str>,
}

/// The stretch between the first and the last row, UTC milliseconds; only files are read for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first row's time.
    pub first_ms: i64,
    /// The last row's time.
    pub last_ms: i64,
}

/// The column of this name: exactly, else as SQL folds it, else the error names the nearest.
///
/// # Errors
/// `no column ...; the nearest is ...; there are ...`.
pub(crate) fn find_column<'a>(wanted: &str, flag: &str, columns: &'a [String]) -> anyhow::Result<&'a String> {
    let exact = columns.iter().find(|column| *column == wanted);
    let folded = || columns.iter().find(|column| **column == wanted.to_ascii_lowercase());
    if let Some(column) = exact.or_else(folded) {
        return Ok(column);
    }
    let nearest = crate::nearest::nearest(wanted, columns.iter().map(String::as_str)).unwrap_or("none");
    const MOST_NAMED: usize = 40;
    let more = if columns.len() > MOST_NAMED { ", ..." } else { "" };
    let named: Vec<_> = columns.iter().take(MOST_NAMED).map(String::as_str).collect();
    anyhow::bail!("no column `{wanted}`; the nearest is `{nearest}` ({flag}); there are {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_column_names_the_nearest_and_all() {
        let columns = ["id", "Created", "developer_id"].map(str::to_owned);
        let found = |wanted| find_column(wanted, "--time-column", &columns).map_err(|error| error.to_string());
        assert_eq!(found("Created").unwrap(), "Created");
        assert_eq!(found("DEVELOPER_ID").unwrap(), "developer_id");
        assert_eq!(
            found("craeted").unwrap_err(),
            "no column `craeted`; the nearest is `Created` (--time-column); there are id, Created, developer_id"
        );
    }
}
