//! `httpClient.maxRetries`: one more when many requests fail, one less when hardly any do.

use crate::plan::RuleSet;

/// Above this error ratio retries rise.
const RISE_ABOVE: f64 = 0.1;

/// Below this error ratio retries fall.
const FALL_BELOW: f64 = 0.01;

/// The most retries the rules set.
pub const CEILING: f64 = 5.0;

/// The fewest retries a rule set goes down to: the README says 0, the package stops at 1.
pub fn floor(rules: RuleSet) -> f64 {
    match rules {
        RuleSet::Documented | RuleSet::ZScore => 0.0,
        RuleSet::Published => 1.0,
    }
}

/// Whether the error ratio asks for another number of retries, be there room for it or not.
pub fn wants_change(error_ratio: f64) -> bool {
    !(FALL_BELOW..=RISE_ABOVE).contains(&error_ratio)
}

/// The next number of retries.
pub fn propose(current: f64, error_ratio: f64, rules: RuleSet) -> f64 {
    if error_ratio > RISE_ABOVE {
        (current + 1.0).min(CEILING)
    } else if error_ratio < FALL_BELOW && current > floor(rules) {
        (current - 1.0).max(0.0)
    } else {
        current
    }
}

#[cfg(test)]
mod tests {
    use super::RuleSet::{Documented, Published};
    use super::*;

    #[test]
    fn both_thresholds_are_exclusive() {
        assert_eq!(propose(3.0, 0.1, Documented), 3.0);
        assert_eq!(propose(3.0, 0.100_001, Documented), 4.0);
        assert_eq!(propose(3.0, 0.01, Documented), 3.0);
        assert_eq!(propose(3.0, 0.009_999, Documented), 2.0);
    }

    #[test]
    fn the_band_that_keeps_them_includes_both_thresholds() {
        assert_eq!([0.009_999, 0.01, 0.1, 0.100_001].map(wants_change), [true, false, false, true]);
    }

    #[test]
    fn stays_within_its_bounds() {
        assert_eq!(propose(5.0, 1.0, Documented), 5.0);
        assert_eq!(propose(1.0, 0.0, Documented), 0.0);
        assert_eq!(propose(0.0, 0.0, Documented), 0.0);
        assert_eq!(propose(2.0, 0.0, Published), 1.0);
        assert_eq!(propose(1.0, 0.0, Published), 1.0);
        assert_eq!(propose(0.0, 0.0, Published), 0.0);
    }
}
