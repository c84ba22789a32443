//! Stretches without a call where calls were due.

use super::calendar::Place;
use super::code::code_fields;
use super::profile::DayProfile;
use super::tail;

/// Windows that a silence lasts at least.
const LEAST_WINDOWS: u32 = 6;

/// Calls that are missing at least.
const LEAST_EXPECTED: f64 = 60.0;

/// The mean share of days on which these windows were empty, from which silence is nothing rare.
const RARE_SHARE: f64 = 0.1;

/// A silence under way; zero windows of it otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Silence {
    pub(super) windows: u32,
    /// Calls missing so far.
    pub(super) expected: f64,
    /// ln of the probability of as many empty windows.
    pub(super) ln_probability: f64,
    /// Recent calls as a share of the profile's, when it began; at most 1.
    pub(super) level: f64,
    /// Shares of days on which the last windows were empty, in 255ths.
    empty_shares: [u8; LEAST_WINDOWS as usize],
}
code_fields!(Silence { windows, expected, ln_probability, level, empty_shares });

impl Silence {
    pub(super) fn new() -> Self {
        Silence { level: 1.0, empty_shares: [u8::MAX; LEAST_WINDOWS as usize], ..Silence::default() }
    }

    /// Counts a window. `level` is asked for when a silence begins.
    pub(super) fn note(&mut self, calls: u32, expected: f64, overdispersion: f64, level: impl FnOnce() -> f64) {
        if calls > 0 {
            (self.windows, self.expected, self.ln_probability) = (0, 0.0, 0.0);
            return;
        }
        if self.windows == 0 {
            self.level = level().min(1.0);
        }
        let missing = expected * self.level;
        self.windows = self.windows.saturating_add(1);
        self.expected += missing;
        self.ln_probability += tail::ln_none(missing, overdispersion);
    }

    /// Whether the silence is less likely than `surprise`.
    pub(super) fn is_surprising(&self, surprise: f64) -> bool {
        let empty: f64 = self.empty_shares.iter().map(|&share| f64::from(share)).sum();
        let share = empty / f64::from(u8::MAX) / f64::from(LEAST_WINDOWS);
        self.windows >= LEAST_WINDOWS
            && self.expected >= LEAST_EXPECTED
            && self.ln_probability < surprise.ln()
            && share < RARE_SHARE
    }

    /// Notes how often this window was empty on earlier days; after it was tested.
    pub(super) fn remember(&mut self, profile: &DayProfile, place: Place) {
        self.empty_shares.copy_within(1.., 0);
        self.empty_shares[LEAST_WINDOWS as usize - 1] = profile.empty_share(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(windows: u32, expected: f64) -> Silence {
        let mut silence = Silence { empty_shares: [0; 6], ..Silence::new() };
        (0..windows).for_each(|_| silence.note(0, expected, 0.1, || 1.0));
        silence
    }

    #[test]
    fn six_windows_and_sixty_calls_make_a_silence() {
        assert!(silent(6, 10.0).is_surprising(1e-5));
        assert!(!silent(5, 100.0).is_surprising(1e-5));
        assert!(!silent(6, 9.99).is_surprising(1e-5));
        // (1 + 0.1 * 10)^(-6 / 0.1) = 2^-60.
        let probability = 2_f64.powi(-60);
        assert!(silent(6, 10.0).is_surprising(probability * 1.001));
        assert!(!silent(6, 10.0).is_surprising(probability * 0.999));
    }

    #[test]
    fn where_silence_is_usual_it_is_no_surprise() {
        let usual = |share| Silence { empty_shares: [share; 6], ..silent(6, 50.0) };
        assert!(usual(25).is_surprising(1e-5));
        assert!(!usual(26).is_surprising(1e-5));
    }

    #[test]
    fn a_call_ends_it_and_a_quiet_hour_before_lessens_it() {
        let mut silence = silent(9, 50.0);
        silence.note(1, 50.0, 0.1, || 1.0);
        assert_eq!((silence.windows, silence.expected, silence.ln_probability), (0, 0.0, 0.0));
        silence.note(0, 50.0, 0.1, || 0.25);
        silence.note(0, 50.0, 0.1, || 1.0);
        assert_eq!(silence.expected, 25.0);
        silence.note(1, 50.0, 0.1, || 1.0);
        silence.note(0, 50.0, 0.1, || 7.0);
        assert_eq!(silence.expected, 50.0);
    }
}
