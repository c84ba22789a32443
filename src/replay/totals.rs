//! What every endpoint did over the whole log.

use crate::report::EndpointRow;
use crate::route::endpoint::EndpointNames;
use crate::window::pane::{Counts, nanos_to_ms};
use crate::window::value_counts::{ValueCounts, nearest_rank, value_at};
use std::cmp::Reverse;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// As many durations in whole seconds, out of a log in milliseconds, are no chance.
const TELLING_DURATIONS: u64 = 10;

/// One endpoint's sums and durations.
#[derive(Clone, Debug, Default)]
struct Total {
    counts: Counts,
    values: ValueCounts,
}

/// All endpoints by number.
#[derive(Debug, Default)]
pub(super) struct Totals {
    endpoints: Vec<Total>,
}

impl Totals {
    pub(super) fn add<'v>(&mut self, endpoint: u32, counts: &Counts, runs_ns: impl Iterator<Item = &'v [u64]>) {
        let values = self.counted(endpoint, counts);
        runs_ns.for_each(|values_ns| values.extend(values_ns));
    }

    /// Takes durations in nanoseconds of what was counted, with how often each occurred.
    pub(super) fn add_counted(&mut self, endpoint: u32, values: &[(u64, u64)]) {
        self.counted(endpoint, &Counts::default()).extend_counted(values);
    }

    /// Takes one endpoint for a part of another.
    pub(super) fn unite(&mut self, from: u32, into: u32) {
        let Some(from) = self.endpoints.get_mut(from as usize).map(std::mem::take) else { return };
        self.counted(into, &from.counts).append(from.values);
    }

    fn counted(&mut self, endpoint: u32, counts: &Counts) -> &mut ValueCounts {
        let index = endpoint as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize_with(index + 1, Total::default);
        }
        let total = &mut self.endpoints[index];
        total.counts.add(counts);
        &mut total.values
    }

    /// All endpoints together.
    pub(super) fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        self.endpoints.iter().for_each(|total| sum.add(&total.counts));
        sum
    }

    /// Whether every duration is a whole number of seconds, not all of them none, and there are enough of them for that to
    /// be no chance.
    pub(super) fn is_in_whole_seconds(&self) -> bool {
        let mut durations = self.endpoints.iter().flat_map(|total| total.values.values_ns());
        let sum = self.sum();
        sum.timed >= TELLING_DURATIONS && sum.duration_ns > 0 && durations.all(|ns| ns.is_multiple_of(NANOS_PER_SECOND))
    }

    /// One row per endpoint with requests: by total time, then count, both descending, then name.
    pub(super) fn finish(&mut self, names: &EndpointNames) -> Vec<EndpointRow> {
        let totals = std::mem::take(&mut self.endpoints);
        let used = totals.into_iter().enumerate().filter(|(_, total)| total.counts.requests > 0);
        let mut numbered: Vec<(u32, Total)> = used.map(|(number, total)| (number as u32, total)).collect();
        numbered.sort_by(|(number_a, a), (number_b, b)| {
            let key = |total: &Total| Reverse((total.counts.duration_ns, total.counts.requests));
            key(a).cmp(&key(b)).then_with(|| names.name(*number_a).cmp(names.name(*number_b)))
        });
        numbered.into_iter().map(|(number, total)| total.row(number, names)).collect()
    }
}

impl Total {
    fn row(self, number: u32, names: &EndpointNames) -> EndpointRow {
        let name = names.name(number);
        let timed = self.counts.timed;
        let sorted = self.values.into_sorted();
        let percentile =
            |percent| value_at(&sorted, nearest_rank(percent, timed)).map(|ns| nanos_to_ms(u128::from(ns)));
        EndpointRow {
            method: name.method.clone(),
            path: name.path.clone(),
            group: name.group.clone(),
            count: self.counts.requests,
            errors: self.counts.errors,
            error_rate: self.counts.error_ratio(),
            total_ms: (timed > 0).then(|| nanos_to_ms(self.counts.duration_ns)),
            mean_ms: self.counts.mean_ms(),
            p50_ms: percentile(50.0),
            p95_ms: percentile(95.0),
            p99_ms: percentile(99.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_told_from_ten_durations_on() {
        let check = |durations_ms: &[u64], expected| {
            let mut totals = Totals::default();
            for (endpoint, ms) in (0..).zip(durations_ms) {
                let duration_ns = u128::from(ms * 1_000_000);
                let counts = Counts { requests: 1, timed: 1, duration_ns, ..Counts::default() };
                totals.add(endpoint % 3, &counts, [&[ms * 1_000_000][..]].into_iter());
            }
            assert_eq!(totals.is_in_whole_seconds(), expected, "{durations_ms:?}");
        };
        check(&[0, 1000, 0, 2000, 0, 0, 0, 1000, 0], false);
        check(&[0, 1000, 0, 2000, 0, 0, 0, 1000, 0, 0], true);
        check(&[0, 1000, 0, 2000, 0, 0, 0, 1000, 0, 1], false);
        check(&[0; 20], false);
        check(&[], false);
    }
}
