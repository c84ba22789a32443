//! Whether logs repeat what window tables hold: a job that is run again over the log that it has added already would
//! count every request twice, and the sums would not show it.
//!
//! A table keeps no single requests, so what can be known is that a minute's rows are the same to the last duration.
//! The minutes at a log's ends may be shared with the logs beside it, and nothing can be told of minutes to which
//! several servers contributed.

use super::{MinuteCounts, MinuteTable};
use crate::window::value_counts::ValueCounts;
use hashbrown::HashMap;
use std::fmt;

/// The share of the requests from which on repeated minutes are no chance: quiet servers may have some alike, in which
/// only a health check came.
const MIN_SHARE_PERCENT: u64 = 10;

/// Minutes of logs that are in tables already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeats {
    /// How many are.
    pub repeated: u64,
    /// How many the logs have.
    pub minutes: u64,
}

impl fmt::Display for Repeats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repeats { repeated, minutes } = self;
        write!(
            formatter,
            "{repeated} of the logs' {minutes} minutes are in the window tables already, request by request: the same \
             requests count twice"
        )
    }
}

/// One minute of the logs.
#[derive(Default)]
struct Minute {
    requests: u64,
    has_news: bool,
}

impl MinuteTable {
    /// What of these counts, those of logs, another table holds row by row; `None` where that may be chance.
    pub(crate) fn repeats(&self, tabled: &MinuteTable) -> Option<Repeats> {
        if tabled.rows.is_empty() {
            return None;
        }
        let mut minutes: HashMap<i64, Minute> = HashMap::new();
        for (key, row) in &self.rows {
            let minute = minutes.entry(key.minute).or_default();
            minute.requests += row.0.requests;
            minute.has_news |= !tabled.rows.get(key).is_some_and(|known| is_same(known, row));
        }
        let requests: u64 = minutes.values().map(|minute| minute.requests).sum();
        let repeated = minutes.values().filter(|minute| !minute.has_news);
        let (repeated, repeated_requests) =
            repeated.fold((0, 0), |(count, sum), minute| (count + 1, sum + minute.requests));
        let is_chance = repeated_requests.saturating_mul(100) < requests.saturating_mul(MIN_SHARE_PERCENT);
        (repeated > 0 && !is_chance).then_some(Repeats { repeated, minutes: minutes.len() as u64 })
    }

    /// Adds another table's rows.
    pub(crate) fn append(&mut self, other: MinuteTable) {
        for (key, (counts, values)) in other.rows {
            self.row(key, &counts).append(values);
        }
    }
}

fn is_same(a: &(MinuteCounts, ValueCounts), b: &(MinuteCounts, ValueCounts)) -> bool {
    a.0 == b.0 && a.1.clone().into_sorted() == b.1.clone().into_sorted()
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
            let found = table(log).repeats(&table(tabled));
            assert_eq!(found.map(|found| (found.repeated, found.minutes)), expected, "{log:?} {tabled:?}");
        };
        let log = [(10, 5), (20, 6), (70_000, 5)];
        check(&log, &log, Some((2, 2)));
        check(&log, &[], None);
        check(&log, &log[..2], Some((1, 2)));
        // Another server's minute, another duration, another time.
        check(&log, &[(10, 5)], None);
        check(&log[..2], &[(10, 5), (20, 7)], None);
        check(&log[..2], &[(10, 5), (21, 6)], None);
        check(&log[..2], &[(10, 6), (20, 5)], Some((1, 1)));
    }

    #[test]
    fn few_requests_alike_may_be_chance() {
        let busy = |requests: i64| (0..requests).map(|n| (n, 1)).chain([(90_000, 7)]).collect::<Vec<_>>();
        let quiet = table(&[(90_000, 7)]);
        assert_eq!(table(&busy(9)).repeats(&quiet), Some(Repeats { repeated: 1, minutes: 2 }));
        assert_eq!(table(&busy(10)).repeats(&quiet), None);
    }

    #[test]
    fn tables_append_to_the_same_rows() {
        let (a, b) = ([(10, 5), (20, 6)], [(70_000, 5), (15, 6)]);
        let mut appended = table(&a);
        appended.append(table(&b));
        let whole = table(&[&a[..], &b].concat());
        let same = |key: &MinuteKey| is_same(&appended.rows[key], &whole.rows[key]);
        assert_eq!(appended.rows.len(), whole.rows.len());
        assert!(whole.rows.keys().all(same));
    }
}
