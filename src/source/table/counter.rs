//! Rows -> counts by id and window, as far as one worker has come.
//!
//! Ids stay known from piece to piece; counts are handed on after each, so that what is held follows the ids and the
//! windows of a piece, never the rows.

use super::{TableReading, Unread};
use crate::route::endpoint::Interner;
use crate::source::rejected::escaped;
use crate::source::usage::{Extent, UsageGroup, UsageQuery};
use crate::usage::zscore_daily::Day;
use hashbrown::HashMap;

/// A row, as far as a scan reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// The line or the row of the file, from 1.
    pub(super) number: u64,
    /// Empty where there is none.
    pub(super) id: &'a [u8],
    /// UTC milliseconds, or what stands there in place of a time.
    pub(super) time_ms: Result<i64, &'a [u8]>,
    /// Calls that the row stands for, or what stands there in place of a count.
    pub(super) calls: Result<u64, &'a [u8]>,
    /// The amount, as the source writes it.
    pub(super) amount: Option<&'a str>,
}

/// The counts of one id in one window.
#[derive(Debug)]
pub(super) struct Group {
    id: String,
    window: i64,
    cell: Cell,
}

#[derive(Debug, Default)]
struct Cell {
    rows: u64,
    sums: Day,
}

impl Group {
    /// The group as sources hand it over.
    pub(super) fn as_usage(&self) -> UsageGroup<'_> {
        let Cell { rows, sums } = &self.cell;
        let id = (!self.id.is_empty()).then_some(&*self.id);
        UsageGroup { id, window: self.window, rows: *rows, calls: sums.calls, amount: sums.revenue.as_deref() }
    }
}

/// Counts rows.
pub(super) struct Counter {
    /// What rows are numbered by.
    noun: &'static str,
    /// Inclusive, UTC milliseconds.
    from_ms: i64,
    /// Exclusive.
    to_ms: i64,
    window_ms: i64,
    ids: Interner,
    cells: HashMap<(u32, i64), Cell>,
    reading: TableReading,
}

impl Counter {
    pub(super) fn new(query: &UsageQuery, noun: &'static str) -> Self {
        Counter {
            noun,
            from_ms: query.from_ms.unwrap_or(i64::MIN),
            to_ms: query.to_ms.unwrap_or(i64::MAX),
            window_ms: query.window_ms,
            ids: Interner::default(),
            cells: HashMap::new(),
            reading: TableReading::default(),
        }
    }

    /// Counts a row within the bounds; one without a time or a count is only told.
    #[inline]
    pub(super) fn add(&mut self, row: Row<'_>) {
        let time_ms = match row.time_ms {
            Ok(time_ms) => time_ms,
            Err(found) => {
                self.reading.rows_without_time += 1;
                self.reading.no_time.get_or_insert_with(|| Unread::new(self.noun, row.number, found));
                return;
            }
        };
        let calls = match row.calls {
            Ok(calls) => calls,
            Err(found) => {
                self.reading.rows_without_calls += 1;
                self.reading.no_calls.get_or_insert_with(|| Unread::new(self.noun, row.number, found));
                return;
            }
        };
        if time_ms < self.from_ms || time_ms >= self.to_ms {
            self.reading.rows_outside += 1;
            return;
        }
        self.reading.note(time_ms);
        let id = self.ids.intern([b"", row.id, b""]);
        let cell = self.cells.entry((id, time_ms.div_euclid(self.window_ms))).or_default();
        cell.rows += 1;
        cell.sums.add(calls, row.amount);
    }

    /// What was counted since the last time.
    pub(super) fn take(&mut self) -> (TableReading, Vec<Group>) {
        let name = |id: u32| String::from_utf8_lossy(self.ids.parts(id)[1]).into_owned();
        let groups = self.cells.drain().map(|((id, window), cell)| Group { id: name(id), window, cell }).collect();
        (std::mem::take(&mut self.reading), groups)
    }
}

impl Unread {
    fn new(noun: &'static str, number: u64, found: &[u8]) -> Self {
        Unread { file: 0, number, noun, found: escaped(found) }
    }
}

impl TableReading {
    fn note(&mut self, time_ms: i64) {
        self.rows += 1;
        let extent = self.extent.get_or_insert(Extent { first_ms: time_ms, last_ms: time_ms });
        extent.first_ms = extent.first_ms.min(time_ms);
        extent.last_ms = extent.last_ms.max(time_ms);
    }
}

/// Calls as text: fractions are cut, and nothing stands for none; `None` for less than that and for what is no number.
pub(super) fn calls(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    if text.is_empty() {
        return Some(0);
    }
    // A cast from a fraction cuts, and takes what is out of bounds for the nearest bound.
    let fraction = || text.parse::<f64>().ok().filter(|calls| *calls >= 0.0).map(|calls| calls as u64);
    text.parse().ok().or_else(fraction)
}

/// An amount as text, if it is a number.
pub(super) fn amount(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    text.parse::<f64>().is_ok_and(f64::is_finite).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::usage::CountedBy;

    #[test]
    fn rows_within_the_bounds_are_counted_by_id_and_window() {
        let query = UsageQuery { by: CountedBy::Api, from_ms: Some(-10), to_ms: Some(20), window_ms: 10 };
        let mut counter = Counter::new(&query, "line");
        for (id, time_ms) in [("a", -11), ("a", -10), ("a", -1), ("b", -1), ("", 0), ("a", 19), ("a", 20)] {
            let row = Row { number: 1, id: id.as_bytes(), time_ms: Ok(time_ms), calls: Ok(2), amount: Some("0.1") };
            counter.add(row);
        }
        let row = Row { number: 8, id: b"a", time_ms: Ok(1), calls: Ok(1), amount: None };
        counter.add(Row { time_ms: Err(b"soon"), ..row });
        counter.add(Row { number: 9, time_ms: Err(b"later"), ..row });
        counter.add(Row { number: 10, calls: Err(b"\x1b"), ..row });
        counter.add(Row { number: 11, time_ms: Ok(20), calls: Err(b"x"), ..row });
        let (reading, groups) = counter.take();
        let extent = Some(Extent { first_ms: -10, last_ms: 19 });
        let rows = TableReading { rows: 5, rows_outside: 2, ..TableReading::default() };
        let unread = |number, found: &str| Some(Unread { file: 0, number, noun: "line", found: found.to_owned() });
        let (no_time, no_calls) = (unread(8, "soon"), unread(10, "\\x1b"));
        assert_eq!(
            reading,
            TableReading { extent, rows_without_time: 2, rows_without_calls: 2, no_time, no_calls, ..rows }
        );
        let mut found: Vec<_> = groups.iter().map(Group::as_usage).collect();
        found.sort_by_key(|group| (group.window, group.id));
        let group = |id, window, rows, calls, amount| UsageGroup { id, window, rows, calls, amount: Some(amount) };
        let expected = [
            group(Some("a"), -1, 2, 4, "0.2"),
            group(Some("b"), -1, 1, 2, "0.1"),
            group(None, 0, 1, 2, "0.1"),
            group(Some("a"), 1, 1, 2, "0.1"),
        ];
        assert_eq!(found, expected);
        assert_eq!(counter.take().0, TableReading::default());
    }

    #[test]
    fn calls_are_whole_and_not_negative() {
        for (text, expected) in [("7", 7), (" 7 ", 7), ("7.9", 7), ("1e3", 1000), ("", 0), ("-0.0", 0)] {
            assert_eq!(calls(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!((calls(b"18446744073709551615"), calls(b"1e30")), (Some(u64::MAX), Some(u64::MAX)));
        for text in [&b"-3"[..], b"-0.5", b"x", b"NaN", b"1,000", b"\xff"] {
            assert_eq!(calls(text), None, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_numbers() {
        assert_eq!(
            [" 1.50 ", "-2", "x", "", "inf"].map(|text| amount(text.as_bytes())),
            [Some("1.50"), Some("-2"), None, None, None]
        );
    }
}
