//! How far a config was from the best constant one in hindsight, by one cost.
//!
//! cost = FTR + good-rejected + bad-admitted, all three per call that succeeded according to the log: good calls that
//! the timeout cuts, good calls that the breaker rejects, failures (status 500 or above) that it lets through. A
//! longer timeout costs nothing here, so the grid has but the longest that the tuners give.

use super::breaker::{BankPlan, JudgeOpenings, Knobs, Tally};
use serde::Serialize;

/// The grid's breaker thresholds in percent, between the tuners' bounds.
const THRESHOLDS_PERCENT: [f64; 5] = [10.0, 20.0, 30.0, 50.0, 80.0];

/// The grid's open timeouts: the shortest that is recommended, and the consumer's default.
const OPEN_TIMEOUTS_MS: [f64; 2] = [5_000.0, 30_000.0];

/// The grid's timeout: the tuners' upper bound.
const TIMEOUT_MS: f64 = 30_000.0;

/// The same in microseconds.
pub(super) const GRID_TIMEOUT_US: u64 = 30_000_000;

/// What each kind of mistake weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostWeights {
    /// A good call cut by the timeout.
    #[serde(serialize_with = "crate::tuning::number")]
    pub false_timeout: f64,
    /// A good call rejected by the breaker.
    #[serde(serialize_with = "crate::tuning::number")]
    pub good_rejected: f64,
    /// A failing call let through by the breaker.
    #[serde(serialize_with = "crate::tuning::number")]
    pub bad_admitted: f64,
}

/// All calls are worth the same.
pub(super) const WEIGHTS: CostWeights = CostWeights { false_timeout: 1.0, good_rejected: 1.0, bad_admitted: 1.0 };

/// The calls that a cost is per, and those that can be let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub good: u64,
    pub failed: u64,
}

/// The cost of what a timeout and a breaker did; `None` without a good call.
pub(super) fn cost(good_cut: u64, breaker: &Tally, calls: Calls) -> Option<f64> {
    let mistakes = WEIGHTS.false_timeout * good_cut as f64
        + WEIGHTS.good_rejected * breaker.good_rejected as f64
        + WEIGHTS.bad_admitted * (calls.failed - breaker.failed_rejected) as f64;
    (calls.good > 0).then(|| mistakes / calls.good as f64)
}

/// The grid's settings under one timeout; `consumer` has what it does not vary.
pub(super) fn grid(consumer: Knobs) -> BankPlan {
    let knobs = pairs().map(|(threshold, open_ms)| Knobs {
        failure_threshold_percent: threshold,
        open_timeout_us: (open_ms * 1e3) as i64,
        ..consumer
    });
    BankPlan { timeout_us: GRID_TIMEOUT_US, settings: knobs.collect(), judge: JudgeOpenings::No }
}

fn pairs() -> impl Iterator<Item = (f64, f64)> {
    THRESHOLDS_PERCENT.iter().flat_map(|threshold| OPEN_TIMEOUTS_MS.map(|open_ms| (*threshold, open_ms)))
}

/// The cheapest of the grid; of equal ones the one with the highest threshold, then the shortest open timeout. `good_cut`
/// is what its timeout cut, `tallies` are what its settings did, in order.
pub(super) fn best<'a>(
    good_cut: u64,
    tallies: impl Iterator<Item = &'a Tally>,
    calls: Calls,
) -> Option<BestInHindsight> {
    let costs = pairs().zip(tallies).filter_map(|((failure_threshold, open_timeout_ms), tally)| {
        Some(BestInHindsight {
            cost: cost(good_cut, tally, calls)?,
            failure_threshold,
            open_timeout_ms,
            timeout_ms: TIMEOUT_MS,
            weights: WEIGHTS,
            failure_thresholds: THRESHOLDS_PERCENT.to_vec(),
            open_timeouts_ms: OPEN_TIMEOUTS_MS.to_vec(),
        })
    });
    costs.min_by(|a, b| {
        let tie = b.failure_threshold.total_cmp(&a.failure_threshold);
        a.cost.total_cmp(&b.cost).then(tie).then(a.open_timeout_ms.total_cmp(&b.open_timeout_ms))
    })
}

/// The best constant config of the grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BestInHindsight {
    /// Its cost, per call that succeeded.
    #[serde(serialize_with = "crate::tuning::number")]
    pub cost: f64,
    /// Percent.
    #[serde(serialize_with = "crate::tuning::number")]
    pub failure_threshold: f64,
    /// Milliseconds.
    #[serde(serialize_with = "crate::tuning::number")]
    pub open_timeout_ms: f64,
    /// Milliseconds.
    #[serde(serialize_with = "crate::tuning::number")]
    pub timeout_ms: f64,
    /// What each kind of mistake weighs.
    pub weights: CostWeights,
    /// The thresholds that were tried, in percent.
    pub failure_thresholds: Vec<f64>,
    /// The open timeouts that were tried, in milliseconds.
    pub open_timeouts_ms: Vec<f64>,
}

/// A config's distance from the best.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegretResult {
    /// Its cost; `null` when no call succeeded, and from window tables.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub cost: Option<f64>,
    /// Its cost less that of the best; below 0 where the config is off the grid and better.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub regret: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_counted_once_per_good_call() {
        let breaker = Tally { good_rejected: 3, failed_rejected: 4, ..Tally::default() };
        assert_eq!(cost(5, &breaker, Calls { good: 10, failed: 6 }), Some(1.0));
        assert_eq!(cost(0, &breaker, Calls { good: 0, failed: 6 }), None);
    }
}
