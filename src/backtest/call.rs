//! One request as the models see it: when it started, how long it took, whose it was and how it ended. No log text
//! comes this far.

use crate::request::{FIRST_ERROR_STATUS, SWITCHING_PROTOCOLS};

/// Microseconds of a minute.
pub(crate) const MINUTE_US: i64 = 60_000_000;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// UTC microseconds: the end less the duration.
    pub start_us: i64,
    /// How far behind its stamp the end was put, in microseconds: below a second, and 0 where stamps are exact.
    pub spread_us: u32,
    /// Rounded up to whole microseconds; `None`: no latency in the log, or a long connection.
    pub duration_us: Option<u64>,
    /// What the breakers are kept by: the number of the endpoint, or that of the upstream; below 2^30.
    pub endpoint: u32,
    /// How it ended.
    pub outcome: Outcome,
}

/// What is kept of a call besides its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptCall {
    duration_us: u64,
    /// The endpoint, and the outcome in the lowest bits.
    tag: u32,
}

/// Low bits of a tag, which hold the outcome.
pub(super) const OUTCOME_BITS: u32 = 2;
pub(super) const OUTCOME_MASK: u32 = (1 << OUTCOME_BITS) - 1;

impl KeptCall {
    /// In the place of a duration: longer than any.
    pub(super) const NO_DURATION: u64 = u64::MAX;

    /// See [`Call`].
    #[inline(always)]
    pub(crate) fn new(duration_us: Option<u64>, endpoint: u32, status: u16) -> Self {
        KeptCall::with_outcome(duration_us, endpoint, Outcome::of(status))
    }

    #[inline(always)]
    fn with_outcome(duration_us: Option<u64>, endpoint: u32, outcome: Outcome) -> Self {
        let duration_us = duration_us.unwrap_or(Self::NO_DURATION);
        KeptCall { duration_us, tag: endpoint << OUTCOME_BITS | outcome as u32 }
    }

    /// The duration as it is kept: [`Self::NO_DURATION`] where there is none.
    #[inline(always)]
    pub(super) fn duration_or_none(&self) -> u64 {
        self.duration_us
    }

    /// Four times the endpoint, and the outcome.
    #[inline(always)]
    pub(super) fn tag(&self) -> u32 {
        self.tag
    }

    /// Whether it is good and has a duration.
    #[inline(always)]
    pub(super) fn is_good_and_timed(&self) -> bool {
        self.tag & OUTCOME_MASK == Outcome::Good as u32 && self.duration_us != Self::NO_DURATION
    }
}

#[cfg(test)]
impl From<&Call> for KeptCall {
    fn from(call: &Call) -> Self {
        KeptCall::with_outcome(call.duration_us, call.endpoint, call.outcome)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    /// A status below 500, neither 499 nor 101.
    Good,
    /// 499 (the client left) or 101 (another protocol from there on).
    Neither,
    /// A status of 500 or above.
    Failed,
}

/// nginx: the client went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Call {
    /// A call that ended at `end_ms`, in UTC milliseconds.
    pub(crate) fn ended(end_ms: i64, duration_ns: Option<u64>, endpoint: u32, status: u16) -> Self {
        let duration_us = duration_ns.map(|ns| ns.div_ceil(1000));
        let start_us = end_ms.saturating_mul(1000).saturating_sub_unsigned(duration_us.unwrap_or(0));
        Call { start_us, spread_us: 0, duration_us, endpoint, outcome: Outcome::of(status) }
    }

    /// The stamp less the duration, in UTC microseconds. It tells to which minute and to which part of a log a call
    /// belongs, because it depends on no other call; how calls stand to each other is told by `start_us`.
    pub(crate) fn stamped_start_us(&self) -> i64 {
        self.start_us - i64::from(self.spread_us)
    }
}

impl Outcome {
    /// The outcome in the lowest bits of a tag.
    #[inline(always)]
    pub(super) fn of_tag(tag: u32) -> Self {
        const OUTCOMES: [Outcome; 4] = [Outcome::Good, Outcome::Neither, Outcome::Failed, Outcome::Failed];
        OUTCOMES[(tag & OUTCOME_MASK) as usize]
    }

    fn of(status: u16) -> Self {
        match status {
            FIRST_ERROR_STATUS.. => Outcome::Failed,
            SWITCHING_PROTOCOLS | CLIENT_CLOSED_REQUEST => Outcome::Neither,
            _ => Outcome::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_starts_a_duration_before_its_end() {
        let call = |duration_ns| Call::ended(10, duration_ns, 0, 200);
        assert_eq!((call(Some(4_000_001)).start_us, call(Some(4_000_001)).duration_us), (5_999, Some(4_001)));
        assert_eq!((call(None).start_us, call(None).duration_us), (10_000, None));
    }

    #[test]
    fn only_answers_below_500_that_somebody_waited_for_are_good() {
        let of = |status| Call::ended(0, None, 0, status).outcome;
        assert_eq!([100, 101, 102, 498, 499].map(of), {
            use Outcome::{Good, Neither};
            [Good, Neither, Good, Good, Neither]
        });
        assert_eq!([500, 599].map(of), [Outcome::Failed; 2]);
    }
}
