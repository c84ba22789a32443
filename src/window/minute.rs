//! Exact counts by minute, endpoint and outcome: all that is kept of a log where its single requests are not.
//!
//! Requests go in chunk by chunk, or rows of a window table; out come rows in one order, whatever the order of the
//! additions. Rows of one key add up, so tables merge. This module knows neither files nor rules.

mod repeats;

pub(crate) use repeats::{Repeats, Whose};

use super::pane::{Answer, Cell, Counts, NO_PANE, Span, pane_of};
use super::value_counts::ValueCounts;
use crate::backtest::call::{Call, MINUTE_US, Outcome};
use crate::route::endpoint::EndpointNames;
use hashbrown::HashMap;

/// Milliseconds of a minute.
pub(crate) const MINUTE_MS: i64 = 60_000;

/// What the requests of one row have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MinuteKey {
    /// Too far behind the newest to count in a cycle.
    pub late: bool,
    /// The minute `((n - 1) min, n min]` of their stamps: left-open, as panes are.
    pub minute: i64,
    /// The minute `[n min, (n + 1) min)` of their stamps less their durations.
    pub started: i64,
    /// The endpoint, in the numbering of whoever holds the key.
    pub endpoint: u32,
    /// How they ended.
    pub outcome: Outcome,
    /// Answered with 404.
    pub not_found: bool,
}

/// What was counted of the requests of one row, their durations apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MinuteCounts {
    /// Requests; at least one.
    pub requests: u64,
    /// Of those, long connections, which have no duration.
    pub long_connections: u64,
    /// First and last stamp, UTC ms.
    pub ended_ms: (i64, i64),
    /// First and last stamp less duration, UTC microseconds.
    pub started_us: (i64, i64),
}

impl MinuteCounts {
    fn add(&mut self, other: &MinuteCounts) {
        let union = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        self.requests += other.requests;
        self.long_connections += other.long_connections;
        self.ended_ms = union(self.ended_ms, other.ended_ms);
        self.started_us = union(self.started_us, other.started_us);
    }
}

/// What one chunk adds to one key.
#[derive(Debug)]
pub(crate) struct MinuteCell {
    /// The key; the endpoint in the worker's numbering, then in the run's.
    pub key: MinuteKey,
    /// What was counted.
    pub counts: MinuteCounts,
    /// The durations in nanoseconds, in no particular order.
    pub values_ns: Vec<u64>,
}

/// One request as a [`MinuteBuilder`] takes it.
pub(crate) struct MinuteRequest<'a> {
    /// Its stamp, UTC ms.
    pub timestamp_ms: i64,
    /// The request as the backtest sees it.
    pub call: &'a Call,
    /// Its duration in nanoseconds.
    pub duration_ns: Option<u64>,
    /// How it was answered.
    pub answer: Answer,
    /// Too far behind the newest.
    pub is_late: bool,
    /// A connection that is long by design.
    pub is_long: bool,
}

/// Collects one chunk's requests; reused from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct MinuteBuilder {
    numbers: HashMap<MinuteKey, usize>,
    cells: Vec<MinuteCell>,
}

impl MinuteBuilder {
    /// Counts a request.
    pub(crate) fn add(&mut self, request: &MinuteRequest) {
        let MinuteRequest { timestamp_ms, call, duration_ns, answer, is_late, is_long } = *request;
        let start_us = call.stamped_start_us();
        let key = MinuteKey {
            late: is_late,
            minute: pane_of(timestamp_ms, MINUTE_MS),
            started: start_us.div_euclid(MINUTE_US),
            endpoint: call.endpoint,
            outcome: call.outcome,
            not_found: answer == Answer::NotFound,
        };
        let counts = MinuteCounts {
            requests: 1,
            long_connections: u64::from(is_long),
            ended_ms: (timestamp_ms, timestamp_ms),
            started_us: (start_us, start_us),
        };
        let cells = &mut self.cells;
        let number = *self.numbers.entry(key).or_insert(cells.len());
        match cells.get_mut(number) {
            Some(cell) => cell.counts.add(&counts),
            None => cells.push(MinuteCell { key, counts, values_ns: Vec::new() }),
        }
        cells[number].values_ns.extend(duration_ns);
    }

    /// The chunk's cells; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Vec<MinuteCell> {
        self.numbers.clear();
        std::mem::take(&mut self.cells)
    }
}

/// Rows that may still grow, by key; endpoints in the run's numbering.
#[derive(Debug, Default)]
pub(crate) struct MinuteTable {
    rows: HashMap<MinuteKey, (MinuteCounts, ValueCounts)>,
    /// The first and the last minute of the rows.
    span: Option<(i64, i64)>,
}

impl MinuteTable {
    /// Adds what a chunk found.
    pub(crate) fn add_cell(&mut self, cell: &MinuteCell) {
        self.row(cell.key, &cell.counts).extend(&cell.values_ns);
    }

    /// Adds a row whose durations are counted: nanoseconds with how often they occurred.
    pub(crate) fn add_row(&mut self, key: MinuteKey, counts: &MinuteCounts, values: &[(u64, u64)]) {
        self.row(key, counts).extend_counted(values);
    }

    fn row(&mut self, key: MinuteKey, counts: &MinuteCounts) -> &mut ValueCounts {
        let (first, last) = self.span.unwrap_or((key.minute, key.minute));
        self.span = Some((first.min(key.minute), last.max(key.minute)));
        let same = |(known, _): &mut (MinuteCounts, ValueCounts)| known.add(counts);
        let (_, values) = self.rows.entry(key).and_modify(same).or_insert_with(|| (*counts, ValueCounts::default()));
        values
    }

    /// The rows in their order: late ones last, by minute, route, method, minute of the start, outcome.
    pub(crate) fn finish(self, names: &EndpointNames) -> MinuteRows {
        let row =
            |(key, (counts, values)): (_, (_, ValueCounts))| MinuteRow { key, counts, values: values.into_sorted() };
        let mut rows: Vec<MinuteRow> = self.rows.into_iter().map(row).collect();
        rows.sort_unstable_by(|a, b| {
            let when = |key: &MinuteKey| (key.late, key.minute);
            let rest = |key: &MinuteKey| (key.started, key.outcome, key.not_found);
            let by_name = || names.name(a.key.endpoint).cmp(names.name(b.key.endpoint));
            when(&a.key).cmp(&when(&b.key)).then_with(by_name).then_with(|| rest(&a.key).cmp(&rest(&b.key)))
        });
        MinuteRows { rows }
    }
}

/// One finished row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MinuteRow {
    /// The key; the endpoint in the run's numbering.
    pub key: MinuteKey,
    /// What was counted.
    pub counts: MinuteCounts,
    /// Every duration in nanoseconds with how often it occurred, ascending.
    pub values: Vec<(u64, u64)>,
}

impl MinuteRow {
    /// Requests with a duration.
    pub(crate) fn timed(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum()
    }

    /// The row as panes count, for an endpoint; its longest duration is left out. Panes of `pane_ms` have to be multiples
    /// of a minute.
    pub(crate) fn cell(&self, endpoint: u32, pane_ms: i64) -> Cell {
        let pane = if self.key.late { NO_PANE } else { self.span(pane_ms).pane };
        let found_ms = if self.key.not_found { i64::MAX } else { self.counts.ended_ms.0 };
        Cell { pane, endpoint, counts: self.pane_counts(), max_ns: 0, found_ms }
    }

    fn pane_counts(&self) -> Counts {
        let requests = self.counts.requests;
        Counts {
            requests,
            errors: if self.key.outcome == Outcome::Failed { requests } else { 0 },
            timed: self.timed(),
            duration_ns: self.values.iter().map(|(ns, count)| u128::from(*ns) * u128::from(*count)).sum(),
        }
    }

    /// The pane of the row's minute, which lies in one where `pane_ms` is a multiple of a minute.
    pub(crate) fn span(&self, pane_ms: i64) -> Span {
        let (first_ms, last_ms) = self.counts.ended_ms;
        Span { pane: pane_of(self.key.minute * MINUTE_MS, pane_ms), first_ms, last_ms }
    }

    /// The durations as the backtest has them: whole microseconds, rounded up, with how often they occurred.
    pub(crate) fn durations_us(&self) -> impl Iterator<Item = (u64, u64)> {
        self.values.iter().map(|(ns, count)| (ns.div_ceil(1000), *count))
    }
}

/// A whole log, or many, by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MinuteRows {
    /// In the order of [`MinuteTable::finish`].
    pub rows: Vec<MinuteRow>,
}

impl MinuteRows {
    /// Keeps the rows of the `span_ms` milliseconds up to the end of the newest row's minute. A lone request further than
    /// `max_gap_ms` behind all others is a clock that went astray, and is not what the others are measured by.
    pub(crate) fn retain(&mut self, span_ms: i64, max_gap_ms: i64) {
        let Some(newest) = self.newest_minute(max_gap_ms) else { return };
        self.rows.retain(|row| (newest - row.key.minute).saturating_mul(MINUTE_MS) < span_ms);
    }

    fn newest_minute(&self, max_gap_ms: i64) -> Option<i64> {
        let newest = self.rows.iter().map(|row| row.key.minute).max()?;
        let in_newest = self.rows.iter().filter(|row| row.key.minute == newest);
        let before = self.rows.iter().map(|row| row.key.minute).filter(|minute| *minute < newest).max();
        let is_far = |before: i64| (newest - before).saturating_mul(MINUTE_MS) > max_gap_ms;
        let is_lone = in_newest.map(|row| row.counts.requests).sum::<u64>() == 1;
        Some(before.filter(|before| is_lone && is_far(*before)).unwrap_or(newest))
    }

    /// Requests.
    pub(crate) fn requests(&self) -> u64 {
        self.rows.iter().map(|row| row.counts.requests).sum()
    }

    /// The first and the last stamp less duration, UTC microseconds.
    pub(crate) fn span_us(&self) -> Option<(i64, i64)> {
        let spans = self.rows.iter().map(|row| row.counts.started_us);
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The rows in order of the minute in which their requests started.
    pub(crate) fn by_start(&self) -> Vec<&MinuteRow> {
        let mut rows: Vec<&MinuteRow> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.key.started);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(table: &mut MinuteBuilder, timestamp_ms: i64, duration_ns: Option<u64>, status: u16) {
        let call = Call::ended(timestamp_ms, duration_ns, 0, status);
        let answer = if status == 404 { Answer::NotFound } else { Answer::Found };
        table.add(&MinuteRequest { timestamp_ms, call: &call, duration_ns, answer, is_late: false, is_long: false });
    }

    fn rows(builder: &mut MinuteBuilder) -> MinuteRows {
        let (mut names, mut table) = (EndpointNames::default(), MinuteTable::default());
        names.intern([b"GET", b"/", b""], false);
        builder.finish().iter().for_each(|cell| table.add_cell(cell));
        table.finish(&names)
    }

    #[test]
    fn a_request_counts_in_the_minutes_of_its_stamp_and_of_its_start() {
        let mut builder = MinuteBuilder::default();
        // The end of a minute belongs to it, its start belongs to the one before; starts are the other way round.
        request(&mut builder, 60_000, Some(60_000_000_000), 200);
        request(&mut builder, 60_001, Some(1_000_000), 200);
        request(&mut builder, 60_001, Some(1_000_001), 200);
        request(&mut builder, 60_001, None, 503);
        let told = rows(&mut builder);
        let told: Vec<_> =
            told.rows.iter().map(|r| (r.key.minute, r.key.started, r.key.outcome, &r.values[..])).collect();
        assert_eq!(
            told,
            [
                (1, 0, Outcome::Good, &[(60_000_000_000, 1)][..]),
                (2, 0, Outcome::Good, &[(1_000_001, 1)][..]),
                (2, 1, Outcome::Good, &[(1_000_000, 1)][..]),
                (2, 1, Outcome::Failed, &[][..]),
            ]
        );
    }

    #[test]
    fn retaining_counts_back_from_the_end_of_the_newest_minute() {
        let kept = |span_ms| {
            let mut builder = MinuteBuilder::default();
            (1..=10).for_each(|minute| request(&mut builder, minute * MINUTE_MS, None, 200));
            let mut rows = rows(&mut builder);
            rows.retain(span_ms, i64::MAX);
            rows.rows.iter().map(|row| row.key.minute).collect::<Vec<_>>()
        };
        assert_eq!(kept(1), [10]);
        assert_eq!(kept(3 * MINUTE_MS), [8, 9, 10]);
        assert_eq!(kept(3 * MINUTE_MS + 1), [7, 8, 9, 10]);
        assert_eq!(kept(i64::MAX).len(), 10);
    }

    #[test]
    fn a_lone_stray_clock_is_not_what_the_others_are_measured_by() {
        let kept = |strays: usize, max_gap_ms: i64| {
            let mut builder = MinuteBuilder::default();
            (1..=10).for_each(|minute| request(&mut builder, minute * MINUTE_MS, None, 200));
            (0..strays).for_each(|_| request(&mut builder, 70 * MINUTE_MS, None, 200));
            let mut rows = rows(&mut builder);
            rows.retain(2 * MINUTE_MS, max_gap_ms);
            rows.rows.iter().map(|row| row.key.minute).collect::<Vec<_>>()
        };
        assert_eq!(kept(1, 60 * MINUTE_MS), [70], "as near as a log without requests may be");
        assert_eq!(kept(1, 60 * MINUTE_MS - 1), [9, 10, 70]);
        assert_eq!(kept(2, 60 * MINUTE_MS - 1), [70], "two agree");
    }
}
