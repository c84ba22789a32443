//! Exact value counts of one endpoint over the whole log, for percentiles by nearest rank.
//!
//! Most logs write whole milliseconds, so the small ones of a busy endpoint are counted in an array;
//! everything else is kept as sorted runs of (value, count). No sketch: the same input gives the same bytes.

/// Values kept unsorted before an endpoint is worth an array.
const BUSY: usize = 4096;

/// Whole milliseconds below this are counted by index.
const DENSE_MS: u64 = 1024;

const NANOS_PER_MS: u64 = 1_000_000;
const MICROS_PER_MS: u64 = 1_000;
const NANOS_PER_MICRO: u64 = 1_000;

/// How often each duration occurred.
#[derive(Clone, Debug, Default)]
pub struct ValueCounts {
    dense: Vec<u64>,
    runs: Vec<(u64, u64)>,
    pending: Vec<u64>,
    pending_runs: Vec<(u64, u64)>,
}

impl ValueCounts {
    /// Counts durations, in nanoseconds.
    pub fn extend(&mut self, values_ns: &[u64]) {
        if self.dense.is_empty() {
            self.pending.extend_from_slice(values_ns);
            if self.pending.len() >= BUSY {
                self.dense.resize(DENSE_MS as usize, 0);
                let pending = std::mem::take(&mut self.pending);
                self.count(&pending);
            }
        } else {
            self.count(values_ns);
        }
    }

    /// Counts one duration, in microseconds.
    #[inline(always)]
    pub fn add_us(&mut self, micros: u64) {
        let ms = micros / MICROS_PER_MS;
        match self.dense.get_mut(ms as usize) {
            Some(count) if ms * MICROS_PER_MS == micros => *count += 1,
            _ => self.extend(&[micros.saturating_mul(NANOS_PER_MICRO)]),
        }
    }

    /// Counts durations, in nanoseconds, each as often as it says.
    pub fn extend_counted(&mut self, values: &[(u64, u64)]) {
        self.pending_runs.extend_from_slice(values);
        if self.pending_runs.len() >= BUSY.max(self.runs.len()) {
            self.unite_pending_runs();
        }
    }

    fn unite_pending_runs(&mut self) {
        self.runs.append(&mut self.pending_runs);
        unite(&mut self.runs);
    }

    /// Adds another's counts.
    pub fn append(&mut self, other: ValueCounts) {
        self.extend(&other.pending);
        self.extend_counted(&other.pending_runs);
        if self.dense.is_empty() {
            self.dense = other.dense;
        } else {
            self.dense.iter_mut().zip(&other.dense).for_each(|(count, added)| *count += added);
        }
        self.extend_counted(&other.runs);
    }

    fn count(&mut self, values_ns: &[u64]) {
        for &nanos in values_ns {
            let ms = nanos / NANOS_PER_MS;
            if ms < DENSE_MS && ms * NANOS_PER_MS == nanos {
                self.dense[ms as usize] += 1;
            } else {
                self.pending.push(nanos);
            }
        }
        // Compacting only when the runs have doubled keeps the cost per value logarithmic.
        if self.pending.len() >= BUSY.max(self.runs.len()) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.pending.sort_unstable();
        let mut merged = Vec::with_capacity(self.runs.len() + self.pending.len());
        let mut runs = self.runs.iter().copied().peekable();
        for chunk in self.pending.chunk_by(|a, b| a == b) {
            let (value, mut count) = (chunk[0], chunk.len() as u64);
            while let Some(run) = runs.next_if(|run| run.0 <= value) {
                if run.0 == value {
                    count += run.1;
                } else {
                    merged.push(run);
                }
            }
            merged.push((value, count));
        }
        merged.extend(runs);
        merged.shrink_to_fit();
        self.runs = merged;
        self.pending = Vec::new();
    }

    /// Every value in nanoseconds at least once, in no order.
    pub fn values_ns(&self) -> impl Iterator<Item = u64> + '_ {
        let dense = (0..).zip(&self.dense).filter(|(_, count)| **count > 0).map(|(ms, _)| ms * NANOS_PER_MS);
        let runs = self.runs.iter().chain(&self.pending_runs).map(|(value, _)| *value);
        dense.chain(runs).chain(self.pending.iter().copied())
    }

    /// Every distinct value in nanoseconds with its count, ascending.
    pub fn into_sorted(mut self) -> Vec<(u64, u64)> {
        self.compact();
        self.unite_pending_runs();
        let dense = self.dense.iter().enumerate().filter(|(_, count)| **count > 0);
        let mut all: Vec<_> = dense.map(|(ms, count)| (ms as u64 * NANOS_PER_MS, *count)).collect();
        all.append(&mut self.runs);
        // A whole millisecond may have been counted both before and after the array existed.
        unite(&mut all);
        all
    }
}

/// Sorts runs and adds those of one value up.
fn unite(runs: &mut Vec<(u64, u64)>) {
    // The stable sort: it merges what is in order already.
    runs.sort();
    runs.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 += later.1;
        }
        same
    });
}

/// The nearest-rank position of a percentile, from 0: `max(0, ceil(percent / 100 * n) - 1)`, computed as
/// the npm package does.
pub fn nearest_rank(percent: f64, n: u64) -> u64 {
    ((percent / 100.0 * n as f64).ceil() as u64).saturating_sub(1)
}

/// The value at a rank (from 0) of ascending (value, count) runs.
pub fn value_at(sorted: &[(u64, u64)], rank: u64) -> Option<u64> {
    let mut seen = 0;
    sorted.iter().find_map(|(value, count)| {
        seen += count;
        (seen > rank).then_some(*value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_are_nearest_rank() {
        let ranks = |n| [50.0, 95.0, 99.0].map(|percent| nearest_rank(percent, n));
        assert_eq!(ranks(0), [0, 0, 0]);
        assert_eq!(ranks(1), [0, 0, 0]);
        assert_eq!(ranks(2), [0, 1, 1]);
        assert_eq!(ranks(20), [9, 18, 19]);
        assert_eq!(ranks(21), [10, 19, 20]);
        assert_eq!(ranks(100), [49, 94, 98]);
        assert_eq!(ranks(101), [50, 95, 99]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn counts_equal_a_sort(
            parts in prop::collection::vec(prop::collection::vec(0u64..3000, 0..1000), 0..12),
            unit in prop::sample::select(vec![1u64, 1000, NANOS_PER_MS]),
        ) {
            let (mut counts, mut counted) = (ValueCounts::default(), ValueCounts::default());
            let mut all = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                let values: Vec<u64> = part.iter().map(|v| v * unit).collect();
                counts.extend(&values);
                if number % 3 == 0 {
                    counted.extend(&values);
                } else if number % 3 == 1 && unit >= NANOS_PER_MICRO {
                    values.iter().for_each(|value| counted.add_us(value / NANOS_PER_MICRO));
                } else {
                    counted.extend_counted(&values.iter().map(|value| (*value, 1)).collect::<Vec<_>>());
                }
                all.extend(values);
            }
            all.sort_unstable();
            let (first, second) = parts.split_at(parts.len() / 2);
            let of = |parts: &[Vec<u64>]| {
                let mut counts = ValueCounts::default();
                parts.iter().for_each(|part| counts.extend(&part.iter().map(|v| v * unit).collect::<Vec<_>>()));
                counts
            };
            let mut halves = of(first);
            halves.append(of(second));
            let sorted = counts.into_sorted();
            prop_assert_eq!(&halves.into_sorted(), &sorted);
            prop_assert_eq!(&counted.into_sorted(), &sorted);
            prop_assert!(sorted.is_sorted_by(|a, b| a.0 < b.0));
            for (rank, value) in all.iter().enumerate() {
                prop_assert_eq!(value_at(&sorted, rank as u64), Some(*value));
            }
            prop_assert_eq!(value_at(&sorted, all.len() as u64), None);
        }
    }
}
