//! `httpClient.timeoutMs`: smoothed towards twice the largest p95.

use crate::report::TunerConfig;
use crate::rules::Slowest;

/// The timeout leaves the slowest endpoint's p95 this much room.
const P95_FACTOR: f64 = 2.0;

/// Where the timeout heads for with a p95, in milliseconds: `2 * p95` within the tuner's bounds.
pub fn target_ms(p95_ms: f64, bounds: &TunerConfig) -> f64 {
    (p95_ms * P95_FACTOR).max(bounds.min_timeout_ms).min(bounds.max_timeout_ms)
}

/// The next timeout, in milliseconds: `current + (target - current) * smoothingFactor` when the target is
/// further away than `adjustmentStepMs`; as it is without an endpoint to go by.
pub fn propose(current_ms: f64, slowest: Option<&Slowest>, bounds: &TunerConfig) -> f64 {
    let Some(slowest) = slowest else { return current_ms };
    let target = target_ms(slowest.p95_ms, bounds);
    if (target - current_ms).abs() > bounds.adjustment_step_ms {
        current_ms + (target - current_ms) * bounds.smoothing_factor
    } else {
        current_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: TunerConfig = TunerConfig {
        min_timeout_ms: 1000.0,
        max_timeout_ms: 30_000.0,
        smoothing_factor: 0.3,
        adjustment_step_ms: 500.0,
        cooldown_ms: 60_000.0,
    };

    fn next(current_ms: f64, p95_ms: f64) -> f64 {
        let slowest = Slowest { endpoint: 0, p95_ms, runner_up_ms: None };
        propose(current_ms, Some(&slowest), &BOUNDS)
    }

    #[test]
    fn moves_by_the_smoothing_factor_when_further_than_a_step() {
        assert_eq!(next(10_000.0, 4750.0), 10_000.0);
        assert_eq!(next(10_000.0, 4749.5), 10_000.0 + (9499.0 - 10_000.0) * 0.3);
        assert_eq!(next(10_000.0, 10_000.0), 13_000.0);
    }

    #[test]
    fn the_target_is_clamped() {
        assert_eq!(next(2000.0, 1.0), 1700.0);
        assert_eq!(next(20_000.0, 1e9), 23_000.0);
        assert_eq!(target_ms(500.0, &BOUNDS), 1000.0);
        assert_eq!(target_ms(500.5, &BOUNDS), 1001.0);
        assert_eq!(target_ms(15_000.5, &BOUNDS), 30_000.0);
    }

    #[test]
    fn stays_without_an_endpoint() {
        assert_eq!(propose(1234.5, None, &BOUNDS), 1234.5);
    }
}
