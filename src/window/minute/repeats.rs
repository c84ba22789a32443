//! Whether logs or a window table repeat what the tables before them hold: a job that is run again over the log that it
//! has added already would count every request twice, and the sums would not show it.
//!
//! A table keeps no single requests, so what can be known is that a minute's rows are the same to the last duration.
//! The minutes at a log's ends may be shared with the logs beside it, and nothing can be told of minutes to which
//! several servers contributed.

use super::{MinuteCounts, MinuteTable};
use crate::window::value_counts::ValueCounts;
use hashbrown::HashMap;
use std::fmt;

/// The share of the requests within the tables' time from which on repeated minutes are no chance: quiet servers may have some alike, in which
/// only a health check came.
const MIN_SHARE_PERCENT: u64 = 10;

/// What repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// All logs together.
    Logs,
    /// The window table of this name.
    Table(String),
}

/// Minutes that are in tables already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeats {
    /// Whose minutes they are.
    pub whose: Whose,
    /// How many are.
    pub repeated: u64,
    /// How many there are within the tables' time.
    pub minutes: u64,
}

impl Repeats {
    /// Whether they are those of the table of this name.
    pub(crate) fn is_of(&self, table: &str) -> bool {
        matches!(&self.whose, Whose::Table(name) if name == table)
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repeats { whose, repeated, minutes } = self;
        match whose {
            Whose::Logs => {
                write!(
                    formatter,
                    "{repeated} of the logs' {minutes} minutes within their time are in the window tables"
                )?;
            }
            Whose::Table(name) => write!(
                formatter,
                "{repeated} of the {minutes} minutes of {name} within their time are in the window tables before it"
            )?,
        }
        formatter.write_str(" already, request by request: the same requests count twice")
    }
}

/// Rows and their distinct durations, together, from which on two minutes are not alike by chance: a quiet server's minute may
/// hold a health check alone, and so may another's.
const MIN_DETAILS: usize = 3;

/// One minute of what is compared.
#[derive(Default)]
struct Minute {
    requests: u64,
    details: usize,
    has_news: bool,
}

impl Minute {
    fn tells(&self) -> bool {
        self.details >= MIN_DETAILS
    }
}

impl MinuteTable {
    /// What of these counts another table holds row by row; `None` where that may be chance.
    pub(crate) fn repeats(&self, whose: Whose, tabled: &MinuteTable) -> Option<Repeats> {
        let (first, last) = tabled.span?;
        let mut minutes: HashMap<i64, Minute> = HashMap::new();
        for (key, row) in &self.rows {
            // Of a log that goes beyond what a table retains, the part that it can hold counts.
            if !(first..=last).contains(&key.minute) {
                continue;
            }
            let minute = minutes.entry(key.minute).or_default();
            minute.requests += row.0.requests;
            let (counts, values) = (&row.0, sorted(row));
            minute.details += values.len().max(1);
            let is_known = |known: &(MinuteCounts, ValueCounts)| known.0 == *counts && sorted(known) == values;
            minute.has_news |= !tabled.rows.get(key).is_some_and(is_known);
        }
        minutes.retain(|_, minute| minute.tells());
        let requests: u64 = minutes.values().map(|minute| minute.requests).sum();
        let repeated = minutes.values().filter(|minute| !minute.has_news);
        let (repeated, repeated_requests) =
            repeated.fold((0, 0), |(count, sum), minute| (count + 1, sum + minute.requests));
        let is_chance = repeated_requests.saturating_mul(100) < requests.saturating_mul(MIN_SHARE_PERCENT);
        (repeated > 0 && !is_chance).then_some(Repeats { whose, repeated, minutes: minutes.len() as u64 })
    }

    /// Adds another table's rows.
    pub(crate) fn append(&mut self, other: MinuteTable) {
        if self.rows.is_empty() {
            *self = other;
            return;
        }
        for (key, (counts, values)) in other.rows {
            self.row(key, &counts).append(values);
        }
    }
}

/// A row's durations in nanoseconds with their counts.
fn sorted((_, values): &(MinuteCounts, ValueCounts)) -> Vec<(u64, u64)> {
    values.clone().into_sorted()
}

#[cfg(test)]
mod tests {
    use super::super::MinuteKey;
    use super::*;
    use crate::backtest::call::Outcome;

    /// A table with a request at each of these milliseconds, with its duration.
    fn table(requests: &[(i64, u64)]) -> MinuteTable {
        let mut table = MinuteTable::default();
        for &(at_ms, ns) in requests {
            let minute = at_ms / 60_000 + 1;
            let (started, outcome) = (minute - 1, Outcome::Good);
            let key = MinuteKey { late: false, minute, started, endpoint: 0, outcome, not_found: false };
            let (ended_ms, started_us) = ((at_ms, at_ms), (at_ms * 1000, at_ms * 1000));
            table.add_row(key, &MinuteCounts { requests: 1, long_connections: 0, ended_ms, started_us }, &[(ns, 1)]);
        }
        table
    }

    #[test]
    fn a_minute_repeats_when_all_its_rows_are_the_same() {
        let check = |log: &[(i64, u64)], tabled: &[(i64, u64)], expected: Option<(u64, u64)>| {
            let found = table(log).repeats(Whose::Logs, &table(tabled));
            assert_eq!(found.map(|found| (found.repeated, found.minutes)), expected, "{log:?} {tabled:?}");
        };
        let log = [(10, 5), (15, 7), (20, 6), (70_000, 5), (70_001, 6), (70_002, 7)];
        check(&log, &log, Some((2, 2)));
        check(&log, &[], None);
        check(&log, &[&log[..3], &[(130_000, 1)]].concat(), Some((1, 2)));
        // What lies outside of a table's time cannot be in it.
        check(&log, &log[..3], Some((1, 1)));
        // Another server's minute, another duration, another time.
        check(&log, &[(10, 5)], None);
        check(&log[..3], &[(10, 5), (15, 7), (20, 8)], None);
        check(&log[..3], &[(10, 5), (15, 7), (21, 6)], None);
        check(&log[..3], &[(10, 6), (15, 7), (20, 5)], Some((1, 1)));
        // Too little to tell two servers apart.
        check(&[(10, 5), (20, 6)], &[(10, 5), (20, 6)], None);
    }

    #[test]
    fn few_requests_alike_may_be_chance() {
        let quiet = [(90_000, 7), (90_001, 8), (90_002, 9)];
        let busy = |requests: i64| (0..requests).map(|n| (n, n as u64)).chain(quiet).collect::<Vec<_>>();
        let tabled = table(&[&[(0, 99)], &quiet[..]].concat());
        let repeats = |busy: &[(i64, u64)]| table(busy).repeats(Whose::Logs, &tabled);
        assert_eq!(repeats(&busy(27)), Some(Repeats { whose: Whose::Logs, repeated: 1, minutes: 2 }));
        assert_eq!(repeats(&busy(28)), None);
    }

    #[test]
    fn tables_append_to_the_same_rows() {
        let (a, b) = ([(10, 5), (20, 6)], [(70_000, 5), (15, 6)]);
        let mut appended = table(&a);
        appended.append(table(&b));
        let whole = table(&[&a[..], &b].concat());
        let same = |key: &MinuteKey| {
            let (a, b) = (&appended.rows[key], &whole.rows[key]);
            a.0 == b.0 && sorted(a) == sorted(b)
        };
        assert_eq!(appended.rows.len(), whole.rows.len());
        assert!(whole.rows.keys().all(same));
    }
}
