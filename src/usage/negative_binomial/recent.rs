//! The last hour and a half of a developer: calls, what was learnt of them, and what had been expected.

use super::code::code_fields;

/// Windows whose level is compared with the profile.
pub(super) const LEVEL_WINDOWS: usize = 12;

/// Windows kept: those of the level, and the longest scale before the present window.
const KEPT: usize = LEVEL_WINDOWS + 6;

/// The last windows, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent {
    calls: [u32; KEPT],
    taught: [f32; KEPT],
    expected: [f32; KEPT],
}
code_fields!(Recent { calls, taught, expected });

fn sum<T: Into<f64> + Copy>(values: &[T]) -> f64 {
    values.iter().map(|&value| value.into()).sum()
}

impl Recent {
    pub(super) fn push(&mut self, calls: u32, taught: f64, expected: f64) {
        self.calls.copy_within(1.., 0);
        self.taught.copy_within(1.., 0);
        self.expected.copy_within(1.., 0);
        self.calls[KEPT - 1] = calls;
        self.taught[KEPT - 1] = taught as f32;
        self.expected[KEPT - 1] = expected as f32;
    }

    /// Calls in the last `windows` windows.
    pub(super) fn calls(&self, windows: usize) -> f64 {
        sum(&self.calls[KEPT - windows..])
    }

    /// The most calls in any of the last `windows` windows.
    pub(super) fn most_calls(&self, windows: usize) -> u32 {
        self.calls[KEPT - windows..].iter().copied().max().unwrap_or(0)
    }

    /// Calls that were learnt of the last `windows` windows.
    pub(super) fn taught(&self, windows: usize) -> f64 {
        sum(&self.taught[KEPT - windows..])
    }

    /// Calls that were expected in the last `windows` windows.
    pub(super) fn expected(&self, windows: usize) -> f64 {
        sum(&self.expected[KEPT - windows..])
    }

    /// What was learnt, and what had been expected, in the hour that ended `before` windows ago.
    pub(super) fn hour(&self, before: usize) -> (f64, f64) {
        let hour = KEPT - before - LEVEL_WINDOWS..KEPT - before;
        (sum(&self.taught[hour.clone()]), sum(&self.expected[hour]))
    }

    /// What was expected has turned out wrong by this factor.
    pub(super) fn correct(&mut self, factor: f64) {
        self.expected.iter_mut().for_each(|expected| *expected = (f64::from(*expected) * factor) as f32);
    }

    /// Calls in each of the last twelve windows, oldest first.
    pub(super) fn trend(&self) -> impl Iterator<Item = u64> + '_ {
        self.calls[KEPT - LEVEL_WINDOWS..].iter().map(|&calls| u64::from(calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_reach_back_as_far_as_they_say() {
        let mut recent = Recent::default();
        for window in 0..20_u32 {
            recent.push(window, f64::from(window) + 0.5, 2.0);
        }
        assert_eq!((recent.calls(1), recent.calls(5), recent.most_calls(2)), (19.0, 85.0, 19));
        assert_eq!(recent.taught(2), 38.0);
        assert_eq!(recent.hour(0), ((8..20).sum::<u32>() as f64 + 6.0, 24.0));
        assert_eq!(recent.hour(5).0, (3..15).sum::<u32>() as f64 + 6.0);
        assert_eq!(recent.trend().collect::<Vec<_>>(), (8..20).collect::<Vec<_>>());
        recent.correct(0.25);
        assert_eq!(recent.expected(4), 2.0);
    }
}
