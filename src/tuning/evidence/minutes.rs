//! Minutes with failures: which of them are an incident, how often requests fail in the others, how long incidents
//! last.

use crate::backtest::call::MINUTE_US;

/// Standard deviations above the base rate from which a minute is an incident.
const INCIDENT_DEVIATIONS: f64 = 3.0;

/// Failures that a minute may have beyond that: one failure alone is none.
const SPARE_FAILURES: f64 = 1.0;

/// Times the base rate is worked out anew without the incidents; each time it can only fall.
const ROUNDS: usize = 32;

/// One minute with at least one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailingMinute {
    pub minute: i64,
    pub requests: u32,
    pub failures: u32,
    /// Microseconds into the minute.
    pub first_failure_us: u32,
    /// Microseconds into the minute.
    pub last_failure_us: u32,
}

/// The minutes of one series in which something failed, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FailingMinutes(pub Vec<FailingMinute>);

/// A log without its incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clean {
    /// Requests outside of incidents.
    pub requests: u64,
    /// Failures among them.
    pub failures: u64,
    /// Minutes left out.
    pub incident_minutes: u64,
    /// From the first to the last failure of each incident, in microseconds.
    pub episodes_us: Vec<i64>,
}

/// The minute with the largest failure rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorstMinute {
    pub minute: i64,
    pub requests: u32,
    pub failures: u32,
}

impl WorstMinute {
    /// The worse of two; of equal ones the earlier.
    pub(crate) fn worse(self, other: WorstMinute) -> WorstMinute {
        let (own, others) = (self.crossed(&other), other.crossed(&self));
        if others > own || (others == own && other.minute < self.minute) { other } else { self }
    }

    fn crossed(&self, other: &WorstMinute) -> u64 {
        u64::from(self.failures) * u64::from(other.requests)
    }

    pub(super) fn rate(&self) -> f64 {
        f64::from(self.failures) / f64::from(self.requests)
    }
}

impl FailingMinutes {
    /// Takes the incidents out: minutes with more failures than the base rate explains, the rate being that of the
    /// minutes left.
    pub(super) fn clean(&self, requests: u64, failures: u64) -> Clean {
        let mut clean = Clean { requests, failures, ..Clean::default() };
        for _ in 0..ROUNDS {
            let rate = clean.rate();
            let mut next = Clean { requests, failures, ..Clean::default() };
            for minute in self.0.iter().filter(|minute| minute.is_incident(rate)) {
                next.requests -= u64::from(minute.requests);
                next.failures -= u64::from(minute.failures);
                next.incident_minutes += 1;
            }
            let is_settled = next.incident_minutes <= clean.incident_minutes;
            clean = next;
            if is_settled {
                break;
            }
        }
        let rate = clean.rate();
        clean.episodes_us = self.episodes_us(rate);
        clean
    }

    fn episodes_us(&self, rate: f64) -> Vec<i64> {
        let incidents: Vec<&FailingMinute> = self.0.iter().filter(|minute| minute.is_incident(rate)).collect();
        let episodes = incidents.chunk_by(|earlier, later| later.minute - earlier.minute <= 1);
        let length = |episode: &[&FailingMinute]| match episode {
            [first, .., last] => last.last_failure() - first.first_failure(),
            [only] => only.last_failure() - only.first_failure(),
            [] => 0,
        };
        episodes.map(length).collect()
    }
}

impl FailingMinute {
    fn is_incident(&self, rate: f64) -> bool {
        let expected = f64::from(self.requests) * rate;
        let deviation = (expected * (1.0 - rate)).max(0.0).sqrt();
        f64::from(self.failures) > expected + INCIDENT_DEVIATIONS * deviation + SPARE_FAILURES
    }

    fn first_failure(&self) -> i64 {
        self.minute * MINUTE_US + i64::from(self.first_failure_us)
    }

    fn last_failure(&self) -> i64 {
        self.minute * MINUTE_US + i64::from(self.last_failure_us)
    }
}

impl Clean {
    /// Share of the requests that fail, 0 to 1.
    pub(super) fn rate(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64, requests: u32, failures: u32) -> FailingMinute {
        FailingMinute { minute, requests, failures, first_failure_us: 10_000_000, last_failure_us: 40_000_000 }
    }

    #[test]
    fn an_incident_does_not_raise_the_base_rate() {
        // 1,000 minutes of 100 requests, one failure in each tenth minute, half of all in two of them.
        let mut minutes: Vec<_> = (0..1000).step_by(10).map(|at| minute(at, 100, 1)).collect();
        minutes.extend([minute(1001, 100, 50), minute(1002, 100, 50)]);
        let clean = FailingMinutes(minutes).clean(100_200, 200);
        assert_eq!((clean.requests, clean.failures, clean.incident_minutes), (100_000, 100, 2));
        assert_eq!(clean.episodes_us, [MINUTE_US + 30_000_000]);
    }

    #[test]
    fn three_deviations_and_a_failure_are_still_ordinary() {
        // 10,000 requests at 1 %: 100 expected, a deviation of 9.95.
        let is_incident = |failures| minute(0, 10_000, failures).is_incident(0.01);
        assert!(!is_incident(130) && is_incident(131));
        let alone = |failures| minute(0, 1, failures).is_incident(0.0);
        assert!(!alone(1) && minute(0, 2, 2).is_incident(0.0));
    }

    #[test]
    fn incidents_apart_by_a_minute_are_two() {
        let minutes = FailingMinutes(vec![minute(5, 10, 9), minute(6, 10, 9), minute(8, 10, 9)]);
        assert_eq!(minutes.clean(10_000, 27).episodes_us, [90_000_000, 30_000_000]);
    }

    #[test]
    fn the_worst_minute_has_the_largest_share() {
        let worst = |minute, requests, failures| WorstMinute { minute, requests, failures };
        assert_eq!(worst(1, 100, 10).worse(worst(2, 20, 3)), worst(2, 20, 3));
        assert_eq!(worst(2, 20, 2).worse(worst(1, 100, 10)), worst(1, 100, 10));
        assert_eq!(worst(1, 100, 10).worse(worst(2, 20, 2)), worst(1, 100, 10));
    }
}
