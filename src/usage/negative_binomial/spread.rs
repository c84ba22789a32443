//! How much more a developer's counts vary than chance alone would make them.
//!
//! The overdispersion a of each scale: variance = mean + a * mean^2, from running means of squared errors and of squared
//! expectations, by the method of moments. Each scale has its own, because it depends on how long the causes last:
//! where they last for one window, a falls with the number of windows, where they last for hours it does not.

use super::code::code_fields;

/// Windows looked at together.
pub(super) const SCALES: [usize; 3] = [1, 3, 6];

/// The share of a new window: a memory of about five days.
const SHARE: f64 = 1.0 / 1500.0;

/// The overdispersion to start from is their ratio, with the weight of `PRIOR_SQUARE` squared calls a window.
const PRIOR_EXCESS: f64 = 0.15;
const PRIOR_SQUARE: f64 = 0.5;

/// Overdispersion stays within these.
const LEAST: f64 = 0.05;
const MOST: f64 = 60.0;

/// Errors beyond so many standard deviations count as this many, or one incident would blind the rule for days.
const MOST_DEVIATIONS: f64 = 5.0;

/// A limit on errors in calls where hardly any are expected.
const LEAST_LIMIT: f64 = 3.0;

/// Squared errors and expectations by scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spread {
    excess: [f64; SCALES.len()],
    square: [f64; SCALES.len()],
}
code_fields!(Spread { excess, square });

impl Spread {
    /// The overdispersion of the scale with this index.
    pub(super) fn overdispersion(&self, index: usize) -> f64 {
        let windows = SCALES[index] as f64;
        let (shrink, prior) = (windows.sqrt().recip(), windows * windows);
        let excess = self.excess[index] + PRIOR_EXCESS * shrink * prior;
        (excess / (self.square[index] + PRIOR_SQUARE * prior)).clamp(LEAST * shrink, MOST)
    }

    /// Takes in what came of an expectation.
    pub(super) fn teach(&mut self, index: usize, calls: f64, expected: f64) {
        let deviation = (expected + self.overdispersion(index) * expected * expected).sqrt();
        let calls = calls.min((expected + MOST_DEVIATIONS * deviation).max(LEAST_LIMIT));
        let error = (calls - expected).powi(2) - expected;
        self.excess[index] = (self.excess[index] + SHARE * (error - self.excess[index])).max(0.0);
        self.square[index] += SHARE * (expected * expected - self.square[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overdispersion_of_a_known_series_is_found() {
        // Half the windows 50, half 150: variance 2,500 = 100 + a * 10,000.
        let mut spread = Spread::default();
        assert!((spread.overdispersion(0) - 0.3).abs() < 1e-12);
        for window in 0..20_000 {
            spread.teach(0, if window % 2 == 0 { 50.0 } else { 150.0 }, 100.0);
        }
        assert!((spread.overdispersion(0) - 0.24).abs() < 0.001, "{}", spread.overdispersion(0));
    }

    #[test]
    fn one_incident_does_not_blind_the_rule() {
        let mut spread = Spread::default();
        (0..3000).for_each(|window| spread.teach(0, if window % 2 == 0 { 90.0 } else { 110.0 }, 100.0));
        assert_eq!(spread.overdispersion(0), LEAST);
        spread.teach(0, 1e6, 100.0);
        assert!(spread.overdispersion(0) < 2.0 * LEAST, "{}", spread.overdispersion(0));
    }
}
