//! Collects what the settings are worked out from, in one pass over the calls in order of start, or over rows in
//! order of the minute in which their requests started.
//!
//! Two parts of the log are kept apart, so that one pass serves both the whole log and its first part.

use super::minutes::{FailingMinute, FailingMinutes, WorstMinute};
use super::resolution::Resolution;
use super::retries::MIN_MINUTE_REQUESTS;
use crate::backtest::call::{Call, MINUTE_US, Outcome};
use crate::backtest::open_minute::OpenMinutes;
use crate::window::minute::MinuteRow;
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
    /// Most requests in flight at a start; `None` where single requests are not known, or none has a duration.
    pub peak_in_flight: Option<u64>,
    open: OpenMinutes<Minute>,
}

/// The calls of one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    requests: u32,
    failures: u32,
    /// First and last, in microseconds.
    failure_span_us: Option<(i64, i64)>,
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
        let part = &mut self.parts[usize::from(call.stamped_start_us() >= self.split_us)];
        let index = call.endpoint as usize;
        part.all.count(call);
        let endpoint = part.endpoint(call.endpoint);
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
        endpoint.peak_in_flight = endpoint.peak_in_flight.max(Some(u64::from(self.in_flight[index])));
        part.all.peak_in_flight = part.all.peak_in_flight.max(Some(self.ends.len() as u64));
    }

    /// Takes a row of requests that are not known one by one; rows come in order of the minute of their start.
    pub(crate) fn take_row(&mut self, row: &MinuteRow) {
        let part = &mut self.parts[usize::from(row.key.started * MINUTE_US >= self.split_us)];
        let endpoint = part.endpoint(row.key.endpoint);
        endpoint.count_row(row);
        if row.key.outcome == Outcome::Good {
            let values: Vec<(u64, u64)> = row.durations_us().map(|(us, count)| (us * 1000, count)).collect();
            endpoint.good_values.extend_counted(&values);
        }
        part.all.count_row(row);
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
    fn endpoint(&mut self, number: u32) -> &mut Series {
        let index = number as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize_with(index + 1, Series::default);
        }
        &mut self.endpoints[index]
    }

    fn finish(&mut self) {
        self.all.end_minutes();
        self.endpoints.iter_mut().for_each(Series::end_minutes);
    }

    /// Adds the part behind this one.
    pub(crate) fn append(&mut self, later: Observed) {
        self.all.append(later.all);
        if self.endpoints.len() < later.endpoints.len() {
            self.endpoints.resize_with(later.endpoints.len(), Series::default);
        }
        self.endpoints.iter_mut().zip(later.endpoints).for_each(|(endpoint, later)| endpoint.append(later));
    }

    /// The step in which the good durations are written.
    pub(crate) fn resolution(&self) -> Resolution {
        Resolution::of(self.endpoints.iter().map(|endpoint| &endpoint.good_values))
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
        self.requests += 1;
        self.timed += u64::from(call.duration_us.is_some());
        let start_us = call.stamped_start_us();
        let Series { open, minutes, worst_minute, failures, .. } = self;
        let minute = open.at(start_us, |start_us, minute| end_minute(start_us, minute, minutes, worst_minute));
        minute.requests += 1;
        if call.outcome == Outcome::Failed {
            *failures += 1;
            minute.failures += 1;
            let (first_us, last_us) = minute.failure_span_us.unwrap_or((start_us, start_us));
            minute.failure_span_us = Some((first_us.min(start_us), last_us.max(start_us)));
        }
    }

    fn count_row(&mut self, row: &MinuteRow) {
        let requests = row.counts.requests;
        self.requests += requests;
        self.timed += row.timed();
        let Series { open, minutes, worst_minute, failures, .. } = self;
        let start_us = row.key.started * MINUTE_US;
        let minute = open.at(start_us, |start_us, minute| end_minute(start_us, minute, minutes, worst_minute));
        let requests_u32 = u32::try_from(requests).unwrap_or(u32::MAX);
        minute.requests = minute.requests.saturating_add(requests_u32);
        if row.key.outcome == Outcome::Failed {
            *failures += requests;
            minute.failures = minute.failures.saturating_add(requests_u32);
            let (first_us, last_us) = minute.failure_span_us.unwrap_or(row.counts.started_us);
            let (row_first_us, row_last_us) = row.counts.started_us;
            minute.failure_span_us = Some((first_us.min(row_first_us), last_us.max(row_last_us)));
        }
    }

    fn end_minutes(&mut self) {
        let Series { open, minutes, worst_minute, .. } = self;
        open.finish(|start_us, minute| end_minute(start_us, minute, minutes, worst_minute));
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

fn end_minute(start_us: i64, ended: Minute, failing: &mut FailingMinutes, worst: &mut Option<WorstMinute>) {
    let Minute { requests, failures, failure_span_us } = ended;
    let minute = start_us.div_euclid(MINUTE_US);
    if requests >= MIN_MINUTE_REQUESTS {
        let ended = WorstMinute { minute, requests, failures };
        *worst = Some(worst.map_or(ended, |worst| worst.worse(ended)));
    }
    if let Some((first_us, last_us)) = failure_span_us {
        let within = |at_us: i64| at_us.rem_euclid(MINUTE_US) as u32;
        let (first_failure_us, last_failure_us) = (within(first_us), within(last_us));
        failing.0.push(FailingMinute { minute, requests, failures, first_failure_us, last_failure_us });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(start_us: i64, duration_us: u64, endpoint: u32) -> Call {
        Call { start_us, spread_us: 0, duration_us: Some(duration_us), endpoint, outcome: Outcome::Good }
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
        let peak = |calls: &[Call]| fit(calls, None).1.all.peak_in_flight.unwrap();
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
            prop_assert_eq!(whole.all.peak_in_flight.unwrap_or(0), naive_peak(&calls, None));
            for (endpoint, series) in whole.endpoints.iter().enumerate() {
                prop_assert_eq!(series.peak_in_flight.unwrap_or(0), naive_peak(&calls, Some(endpoint as u32)));
            }
        }
    }
}
