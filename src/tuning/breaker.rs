//! `circuitBreaker.failureThreshold`: down for every severe anomaly, slowly up in clean cycles.

/// Percent taken off for each high or critical anomaly.
const STEP_DOWN_PERCENT: f64 = 10.0;

/// Percent added in a cycle without any anomaly.
const STEP_UP_PERCENT: f64 = 5.0;

/// The lowest threshold the rules set, in percent.
pub const FLOOR_PERCENT: f64 = 10.0;

/// The highest threshold the rules set, in percent.
pub const CEILING_PERCENT: f64 = 80.0;

/// The next threshold, in percent.
pub fn propose(current_percent: f64, severe_anomalies: u64, anomalies: u64) -> f64 {
    if severe_anomalies > 0 {
        (current_percent - STEP_DOWN_PERCENT * severe_anomalies as f64).max(FLOOR_PERCENT)
    } else if anomalies == 0 {
        (current_percent + STEP_UP_PERCENT).min(CEILING_PERCENT)
    } else {
        current_percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severe_anomalies_tighten_and_clean_cycles_relax() {
        assert_eq!(propose(50.0, 3, 3), 20.0);
        assert_eq!(propose(50.0, 4, 9), 10.0);
        assert_eq!(propose(50.0, 5, 5), 10.0);
        assert_eq!(propose(50.0, 0, 1), 50.0);
        assert_eq!(propose(50.0, 0, 0), 55.0);
        assert_eq!(propose(78.0, 0, 0), 80.0);
    }

    #[test]
    fn a_value_outside_the_bounds_is_brought_to_them() {
        assert_eq!(propose(5.0, 1, 1), 10.0);
        assert_eq!(propose(95.0, 0, 0), 80.0);
    }
}
