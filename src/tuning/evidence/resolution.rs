//! The step in which a log writes durations: what is shorter than that, it cannot tell.
//!
//! In go the durations of a log, out comes the coarsest of the usual steps that all of them are multiples of.

use crate::window::value_counts::ValueCounts;

/// The coarsest step that explains every duration of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resolution {
    /// As finely as calls are kept.
    Microseconds,
    /// nginx, HAProxy and most others.
    Milliseconds,
    /// Apache's `%T`.
    Seconds,
}

impl Resolution {
    /// What all of these durations are written in.
    pub(super) fn of<'a>(durations: impl Iterator<Item = &'a ValueCounts>) -> Self {
        durations.flat_map(ValueCounts::values_ns).fold(Resolution::Seconds, Resolution::with)
    }

    /// Taken down as far as one more duration, in nanoseconds, asks for.
    fn with(self, duration_ns: u64) -> Self {
        match self {
            Resolution::Seconds if duration_ns.is_multiple_of(1_000_000_000) => self,
            Resolution::Seconds | Resolution::Milliseconds if duration_ns.is_multiple_of(1_000_000) => {
                Resolution::Milliseconds
            }
            _ => Resolution::Microseconds,
        }
    }

    /// The step in milliseconds.
    pub(super) fn step_ms(self) -> f64 {
        match self {
            Resolution::Microseconds => 0.001,
            Resolution::Milliseconds => 1.0,
            Resolution::Seconds => 1_000.0,
        }
    }

    /// The step as a word.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Resolution::Microseconds => "microseconds",
            Resolution::Milliseconds => "milliseconds",
            Resolution::Seconds => "seconds",
        }
    }

    /// The shortest time in whole steps, from `at_least_ms` on, that is beyond whatever the log writes as
    /// `logged_ms`: it may have cut off nearly a step.
    pub(super) fn beyond(self, logged_ms: f64, at_least_ms: f64) -> f64 {
        let step_ms = self.step_ms();
        let steps = (at_least_ms.max(logged_ms + step_ms) / step_ms - 1e-6).ceil();
        // Dividing by a whole number keeps decimals short.
        if step_ms < 1.0 { steps / (1.0 / step_ms).round() } else { steps * step_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations_us: &[u64]) -> Resolution {
        let mut counts = ValueCounts::default();
        counts.extend(&durations_us.iter().map(|us| us * 1_000).collect::<Vec<_>>());
        Resolution::of([&ValueCounts::default(), &counts].into_iter())
    }

    #[test]
    fn one_duration_between_the_steps_tells_a_finer_one() {
        assert_eq!(of(&[0, 1_000_000, 7_000_000]), Resolution::Seconds);
        assert_eq!(of(&[0, 1_000_000, 999_000]), Resolution::Milliseconds);
        assert_eq!(of(&[1_000, 2_001]), Resolution::Microseconds);
        assert_eq!(of(&[2_001, 1_000_000]), Resolution::Microseconds);
    }

    #[test]
    fn a_busy_log_tells_the_same_as_a_quiet_one() {
        assert_eq!(of(&[1_000_000; 5_000]), Resolution::Seconds);
        assert_eq!(of(&[3_000; 5_000]), Resolution::Milliseconds);
        assert_eq!(of(&[&[3_000; 5_000][..], &[7]].concat()), Resolution::Microseconds);
    }

    #[test]
    fn a_logged_time_may_have_been_a_step_longer() {
        assert_eq!(Resolution::Milliseconds.beyond(3.0, 3.6), 4.0);
        assert_eq!(Resolution::Milliseconds.beyond(4.0, 4.8), 5.0);
        assert_eq!(Resolution::Milliseconds.beyond(10.0, 12.0), 12.0);
        assert_eq!(Resolution::Milliseconds.beyond(10.0, 12.1), 13.0);
        assert_eq!(Resolution::Seconds.beyond(3.0e3, 3.6e3), 4.0e3);
        assert_eq!(Resolution::Microseconds.beyond(0.5, 1.0), 1.0);
        assert_eq!(Resolution::Microseconds.beyond(1.0, 1.24), 1.24);
    }
}
