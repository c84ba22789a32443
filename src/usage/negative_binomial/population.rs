//! How many calls the busiest windows of all developers have, day by day.
//!
//! Counts go into buckets of an eighth of a power of two; what comes out is the 99.9th percentile of the windows with
//! calls of the last day, as the top of its bucket.

use super::code::{Code, Reader};

/// Buckets of a power of two.
const STEPS: usize = 8;
const BUCKETS: usize = 33 * STEPS;

/// The share of windows that stay below.
const SHARE: f64 = 0.999;

/// Before a day is over.
const DEFAULT_CALLS: f64 = 50.0;

/// Today's windows by size, and yesterday's result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Population {
    counts: Vec<u64>,
    busiest: f64,
}

impl Population {
    pub(super) fn new() -> Self {
        Population { counts: vec![0; BUCKETS], busiest: DEFAULT_CALLS }
    }

    /// Calls that only one window in a thousand exceeds.
    pub(super) fn busiest_calls(&self) -> f64 {
        self.busiest
    }

    pub(super) fn note(&mut self, calls: u32) {
        if calls > 0 {
            self.counts[bucket(calls)] += 1;
        }
    }

    pub(super) fn end_day(&mut self) {
        let windows: u64 = self.counts.iter().sum();
        let rank = (windows as f64 * SHARE) as u64;
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below > rank
        });
        if let Some(bucket) = found {
            self.busiest = top(bucket);
        }
        self.counts.fill(0);
    }
}

/// Powers of two in [`STEPS`] equal steps.
fn bucket(calls: u32) -> usize {
    let power = calls.ilog2() as usize;
    let step = ((u64::from(calls) * STEPS as u64) >> power) as usize - STEPS;
    power * STEPS + step
}

fn top(bucket: usize) -> f64 {
    let (power, step) = (bucket / STEPS, bucket % STEPS);
    2_f64.powi(power as i32) * (1.0 + (step + 1) as f64 / STEPS as f64)
}

impl Code for Population {
    fn encode(&self, out: &mut Vec<u8>) {
        self.counts.iter().for_each(|count| count.encode(out));
        self.busiest.encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let counts = (0..BUCKETS).map(|_| u64::decode(reader)).collect::<Option<Vec<_>>>()?;
        // A sum that overflows is no sum of counts.
        counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))?;
        Some(Population { counts, busiest: f64::decode(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_lies_below_the_top_of_its_bucket() {
        for calls in (1..5000).chain([u32::MAX - 1, u32::MAX]) {
            let (calls, top_calls) = (f64::from(calls), top(bucket(calls)));
            assert!(calls < top_calls && top_calls <= calls * 1.125 + 1.0, "{calls} {top_calls}");
        }
    }

    #[test]
    fn one_window_in_a_thousand_is_above() {
        let mut population = Population::new();
        assert_eq!(population.busiest_calls(), 50.0);
        (0..999).for_each(|_| population.note(10));
        population.note(1000);
        population.note(0);
        population.end_day();
        assert_eq!(population.busiest_calls(), 1024.0);
        (0..1001).for_each(|_| population.note(10));
        population.end_day();
        assert_eq!(population.busiest_calls(), 11.0);
        population.end_day();
        assert_eq!(population.busiest_calls(), 11.0, "a day without a call teaches nothing");
    }
}
