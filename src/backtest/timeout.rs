//! What a timeout would have cut: a call is cut when it took longer than the timeout.

use super::call::Outcome;
use serde::Serialize;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub cut: u64,
    pub good_cut: u64,
    pub saved_us: u128,
}

/// One timeout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout {
    timeout_us: u64,
    tally: Tally,
}

impl Timeout {
    pub(crate) fn new(timeout_us: u64) -> Self {
        Timeout { timeout_us, tally: Tally::default() }
    }

    /// Takes the next call.
    #[inline]
    pub(crate) fn take(&mut self, duration_us: u64, outcome: Outcome) {
        if duration_us > self.timeout_us {
            self.tally.cut += 1;
            self.tally.good_cut += u64::from(outcome == Outcome::Good);
            self.tally.saved_us += u128::from(duration_us - self.timeout_us);
        }
    }

    /// Takes calls of one duration and outcome.
    pub(crate) fn take_many(&mut self, duration_us: u64, outcome: Outcome, calls: u64) {
        if duration_us > self.timeout_us {
            self.tally.cut += calls;
            self.tally.good_cut += if outcome == Outcome::Good { calls } else { 0 };
            self.tally.saved_us += u128::from(duration_us - self.timeout_us) * u128::from(calls);
        }
    }

    pub(crate) fn finish(self) -> Tally {
        self.tally
    }
}

/// Sums over the durations that every timeout is measured by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DurationSums {
    pub timed: u64,
    pub good_timed: u64,
    pub sum_us: u128,
}

impl DurationSums {
    /// Takes calls of one duration and outcome.
    #[inline(always)]
    pub(crate) fn take(&mut self, duration_us: u64, outcome: Outcome, calls: u64) {
        self.timed += calls;
        self.sum_us += u128::from(duration_us) * u128::from(calls);
        self.good_timed += if outcome == Outcome::Good { calls } else { 0 };
    }
}

/// The sums, and the slowest of the good calls.
#[derive(Clone, Debug)]
pub(crate) struct Durations {
    pub sums: DurationSums,
    slowest: Slowest,
}

impl Durations {
    /// `good_timed` is the largest number of good calls that can come.
    pub(crate) fn new(good_timed: u64) -> Self {
        Durations { sums: DurationSums::default(), slowest: Slowest::new(good_timed) }
    }

    /// Takes the next call.
    #[inline(always)]
    pub(crate) fn take(&mut self, duration_us: u64, outcome: Outcome) {
        self.sums.take(duration_us, outcome, 1);
        if outcome == Outcome::Good {
            self.slowest.push(duration_us);
        }
    }

    /// The nearest-rank 99.9th percentile of the good calls, in microseconds; `None` without good calls.
    pub(crate) fn p999_us(&mut self) -> Option<u64> {
        // ceil(0.999 n) from below is floor(n / 1000) + 1 from above.
        let from_above = self.sums.good_timed / 1000;
        (self.sums.good_timed > 0).then(|| self.slowest.at_rank_from_above(from_above as usize)).flatten()
    }
}

/// The largest values of a stream: enough for the 99.9th percentile of as many values as were announced.
#[derive(Clone, Debug)]
struct Slowest {
    keep: usize,
    values: Vec<u64>,
    /// Nothing below can be among the largest.
    floor: u64,
}

impl Slowest {
    fn new(values: u64) -> Self {
        Slowest { keep: (values / 1000) as usize + 1, values: Vec::new(), floor: 0 }
    }

    #[inline(always)]
    fn push(&mut self, value: u64) {
        if value < self.floor {
            return;
        }
        self.values.push(value);
        // Dropping half at once makes the cost of a value constant.
        if self.values.len() >= 2 * self.keep {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.values.len() > self.keep {
            let (_, least, _) = self.values.select_nth_unstable_by(self.keep - 1, |a, b| b.cmp(a));
            self.floor = *least;
            self.values.truncate(self.keep);
        }
    }

    /// The value with so many larger or equal ones before it.
    fn at_rank_from_above(&mut self, rank: usize) -> Option<u64> {
        (rank < self.values.len()).then(|| *self.values.select_nth_unstable_by(rank, |a, b| b.cmp(a)).1)
    }
}

/// What a timeout would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutResult {
    /// Calls cut.
    pub cut: u64,
    /// Of those, calls that succeeded according to the log.
    pub good_cut: u64,
    /// `goodCut` as a share of all calls that succeeded, 0 to 1; `null` when none did.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub false_timeout_rate: Option<f64>,
    /// The timeout as a multiple of the 99.9th percentile of the calls that succeeded.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub slack: Option<f64>,
    /// Share of all calls' time that the timeout would have saved, 0 to 1.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub time_saved_share: Option<f64>,
}

impl TimeoutResult {
    pub(super) fn new(tally: &Tally, timeout_us: u64, all: &DurationSums, p999_us: Option<u64>) -> Self {
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        TimeoutResult {
            cut: tally.cut,
            good_cut: tally.good_cut,
            false_timeout_rate: share(tally.good_cut as f64, all.good_timed as f64),
            slack: p999_us.and_then(|p999_us| share(timeout_us as f64, p999_us as f64)),
            time_saved_share: share(tally.saved_us as f64, all.sum_us as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_longer_calls_are_cut_and_only_good_ones_falsely() {
        let (mut timeout, mut all) = (Timeout::new(100), Durations::new(2));
        for (duration_us, outcome) in [(100, Outcome::Good), (101, Outcome::Good), (150, Outcome::Failed)] {
            timeout.take(duration_us, outcome);
            all.take(duration_us, outcome);
        }
        let tally = timeout.finish();
        assert_eq!(tally, Tally { cut: 2, good_cut: 1, saved_us: 51 });
        let p999_us = all.p999_us();
        let result = TimeoutResult::new(&tally, 100, &all.sums, p999_us);
        assert_eq!(result.false_timeout_rate, Some(0.5));
        assert_eq!((result.slack, result.time_saved_share), (Some(100.0 / 101.0), Some(51.0 / 351.0)));
    }

    #[test]
    fn the_percentile_is_the_nearest_rank_whatever_the_order() {
        for n in [1u64, 2, 999, 1000, 1001, 2500, 10_000] {
            for announced in [n, 3 * n] {
                let mut all = Durations::new(announced);
                // A stride that is coprime to every n visits each value once.
                (0..n).for_each(|i| all.take(1 + i * 7919 % n, Outcome::Good));
                assert_eq!(all.p999_us(), Some((n * 999).div_ceil(1000).max(1)), "{n} of {announced}");
            }
        }
        assert_eq!(Durations::new(0).p999_us(), None);
    }
}
