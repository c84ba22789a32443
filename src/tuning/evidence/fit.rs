//! Collects what the settings are worked out from, in one pass over the calls in order of start.
//!
//! Two parts of the log are kept apart, so that one pass serves both the whole log and its first part.

use super::minutes::{FailingMinute, FailingMinutes, WorstMinute};
use super::retries::MIN_MINUTE_REQUESTS;
use crate::backtest::call::{Call, MINUTE_US, Outcome};
use crate::window::value_counts::ValueCounts;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is known of one endpoint, or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// Requests.
    pub requests: u64,
    /// Of those, with a status of 500 or above.
    pub failures: u64,
    /// Requests with a duration.
    pub timed: u64,
    /// Durations of the good requests.
    pub good_values: ValueCounts,
    /// Minutes in which something failed.
    pub minutes: FailingMinutes,
    /// Of the minutes with enough requests.
    pub worst_minute: Option<WorstMinute>,
    /// Most requests in flight at a start.
    pub peak_in_flight: u64,
    minute: Minute,
}

/// The minute under way.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    minute: i64,
    requests: u32,
    failures: u32,
    first_failure_us: u32,
    last_failure_us: u32,
}

/// One part of the log: all endpoints together, and each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// All endpoints; their good durations are those of the endpoints.
    pub all: Series,
    /// By number.
    pub endpoints: Vec<Series>,
}

/// Collects both parts.
#[derive(Debug)]
pub(crate) struct EvidenceFit {
    /// Calls that start at or after belong to the second part; a whole minute.
    split_us: i64,
    parts: [Observed; 2],
    /// End, whether the call took no time, endpoint.
    ends: BinaryHeap<Reverse<(i64, bool, u32)>>,
    in_flight: Vec<u32>,
}

impl EvidenceFit {
    /// A fit whose second part begins at `split_us`, a whole minute; `None` for a log of one part.
    pub(crate) fn new(split_us: Option<i64>) -> Self {
        EvidenceFit {
            split_us: split_us.unwrap_or(i64::MAX),
            parts: Default::default(),
            ends: BinaryHeap::new(),
            in_flight: Vec::new(),
        }
    }

    /// Takes the next calls in order of start.
    pub(crate) fn take(&mut self, calls: &[Call]) {
        calls.iter().for_each(|call| self.take_call(call));
    }

    fn take_call(&mut self, call: &Call) {
        let part = &mut self.parts[usize::from(call.start_us >= self.split_us)];
        let index = call.endpoint as usize;
        if index >= part.endpoints.len() {
            part.endpoints.resize_with(index + 1, Series::default);
        }
        let endpoint = &mut part.endpoints[index];
        part.all.count(call);
        endpoint.count(call);
        let Some(duration_us) = call.duration_us else { return };
        if call.outcome == Outcome::Good {
            endpoint.good_values.extend(&[duration_us.saturating_mul(1000)]);
        }
        // At one instant: ends of calls that took time, then starts, then ends of calls that took none.
        while let Some(Reverse((end_us, is_instant, ended))) = self.ends.peek().copied()
            && (end_us, is_instant) <= (call.start_us, false)
        {
            self.ends.pop();
            self.in_flight[ended as usize] -= 1;
        }
        if index >= self.in_flight.len() {
            self.in_flight.resize(index + 1, 0);
        }
        self.in_flight[index] += 1;
        let end_us = call.start_us.saturating_add_unsigned(duration_us);
        self.ends.push(Reverse((end_us, duration_us == 0, call.endpoint)));
        endpoint.peak_in_flight = endpoint.peak_in_flight.max(u64::from(self.in_flight[index]));
        part.all.peak_in_flight = part.all.peak_in_flight.max(self.ends.len() as u64);
    }

    /// Both parts; [`Observed::append`] makes the whole log of them.
    pub(crate) fn finish(self) -> (Observed, Observed) {
        let [mut first, mut second] = self.parts;
        first.finish();
        second.finish();
        (first, second)
    }
}

impl Observed {
    fn finish(&mut self) {
        self.all.end_minute();
        self.endpoints.iter_mut().for_each(Series::end_minute);
    }

    /// Adds the part behind this one.
    pub(crate) fn append(&mut self, later: Observed) {
        self.all.append(later.all);
        if self.endpoints.len() < later.endpoints.len() {
            self.endpoints.resize_with(later.endpoints.len(), Series::default);
        }
        self.endpoints.iter_mut().zip(later.endpoints).for_each(|(endpoint, later)| endpoint.append(later));
    }

    /// All endpoints together, their good durations included.
    pub(crate) fn whole(&self) -> Series {
        let mut all = self.all.clone();
        self.endpoints.iter().for_each(|endpoint| all.good_values.append(endpoint.good_values.clone()));
        all
    }
}

impl Series {
    fn count(&mut self, call: &Call) {
        let minute = call.start_us.div_euclid(MINUTE_US);
        if minute != self.minute.minute {
            self.end_minute();
            self.minute = Minute { minute, ..Minute::default() };
        }
        self.requests += 1;
        self.timed += u64::from(call.duration_us.is_some());
        self.minute.requests += 1;
        if call.outcome == Outcome::Failed {
            let within_us = call.start_us.rem_euclid(MINUTE_US) as u32;
            if self.minute.failures == 0 {
                self.minute.first_failure_us = within_us;
            }
            self.minute.last_failure_us = within_us;
            self.minute.failures += 1;
            self.failures += 1;
        }
    }

    fn end_minute(&mut self) {
        let Minute { minute, requests, failures, first_failure_us, last_failure_us } = std::mem::take(&mut self.minute);
        if requests >= MIN_MINUTE_REQUESTS {
            let ended = WorstMinute { minute, requests, failures };
            self.worst_minute = Some(self.worst_minute.map_or(ended, |worst| worst.worse(ended)));
        }
        if failures > 0 {
            self.minutes.0.push(FailingMinute { minute, requests, failures, first_failure_us, last_failure_us });
        }
    }

    fn append(&mut self, later: Series) {
        self.requests += later.requests;
        self.failures += later.failures;
        self.timed += later.timed;
        self.good_values.append(later.good_values);
        self.minutes.0.extend(later.minutes.0);
        self.worst_minute = match (self.worst_minute, later.worst_minute) {
            (Some(worst), Some(later)) => Some(worst.worse(later)),
            (worst, later) => worst.or(later),
        };
        self.peak_in_flight = self.peak_in_flight.max(later.peak_in_flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(start_us: i64, duration_us: u64, endpoint: u32) -> Call {
        Call { start_us, duration_us: Some(duration_us), endpoint, outcome: Outcome::Good }
    }

    fn fit(calls: &[Call], split_us: Option<i64>) -> (Observed, Observed) {
        let mut fit = EvidenceFit::new(split_us);
        fit.take(calls);
        let (first, second) = fit.finish();
        let mut whole = first.clone();
        whole.append(second);
        (first, whole)
    }

    #[test]
    fn in_flight_at_one_instant() {
        let peak = |calls: &[Call]| fit(calls, None).1.all.peak_in_flight;
        // A call that ends when the next starts is gone; one without a length is still there.
        assert_eq!(peak(&[call(0, 10, 0), call(10, 10, 0)]), 1);
        assert_eq!(peak(&[call(0, 11, 0), call(10, 10, 0)]), 2);
        assert_eq!(peak(&[call(10, 0, 0), call(10, 0, 0)]), 2);
        assert_eq!(peak(&[call(10, 0, 0), call(11, 0, 0)]), 1);
    }

    fn naive_peak(calls: &[Call], endpoint: Option<u32>) -> u64 {
        let of = |call: &&Call| endpoint.is_none_or(|endpoint| call.endpoint == endpoint);
        let calls: Vec<&Call> = calls.iter().filter(of).collect();
        let in_flight = |index: usize| {
            let start = calls[index].start_us;
            let is_there = |other: &&&Call| {
                let duration = other.duration_us.unwrap() as i64;
                other.start_us + duration > start || (duration == 0 && other.start_us == start)
            };
            calls[..=index].iter().filter(is_there).count() as u64
        };
        (0..calls.len()).map(in_flight).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn a_log_in_two_parts_is_the_log(
            mut calls in prop::collection::vec((0i64..600_000_000, 0u64..100_000_000, 0u32..4, 0u8..3), 1..200),
            split_minute in 0i64..10,
        ) {
            calls.sort();
            let outcome = |kind| [Outcome::Good, Outcome::Neither, Outcome::Failed][usize::from(kind)];
            let calls: Vec<Call> = calls.iter().map(|(start, duration, endpoint, kind)| {
                Call { outcome: outcome(*kind), ..call(*start, *duration, *endpoint) }
            }).collect();
            let (_, whole) = fit(&calls, None);
            let (first, parts) = fit(&calls, Some(split_minute * MINUTE_US));
            let (alone, _) = fit(&calls.iter().filter(|c| c.start_us < split_minute * MINUTE_US).copied().collect::<Vec<_>>(), None);
            let told = |series: &Series| (series.requests, series.failures, series.timed, series.good_values.clone().into_sorted(),
                series.minutes.clone(), series.worst_minute, series.peak_in_flight);
            for (a, b) in [(&whole, &parts), (&first, &alone)] {
                prop_assert_eq!(told(&a.whole()), told(&b.whole()));
                for (a, b) in a.endpoints.iter().zip(&b.endpoints) {
                    prop_assert_eq!(told(a), told(b));
                }
            }
            prop_assert_eq!(whole.all.peak_in_flight, naive_peak(&calls, None));
            for (endpoint, series) in whole.endpoints.iter().enumerate() {
                prop_assert_eq!(series.peak_in_flight, naive_peak(&calls, Some(endpoint as u32)));
            }
        }
    }
}
