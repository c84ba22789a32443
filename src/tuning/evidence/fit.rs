//! Collects what the settings are worked out from, in one pass over batches of calls, or over rows in order of the minute
//! in which their requests started.
//!
//! Two parts of the log are kept apart, so that one pass serves both the whole log and its first part.

use super::in_flight::InFlight;
use super::minute_counts::{Minute, Minutes};
use super::minutes::{FailingMinute, FailingMinutes, WorstMinute};
use super::resolution::Resolution;
use super::retries::MIN_MINUTE_REQUESTS;
use crate::backtest::call::{MINUTE_US, Outcome};
use crate::backtest::open_minute::OpenMinutes;
use crate::backtest::timeline::{Batch, Event, Tracked};
use crate::window::minute::MinuteRow;
use crate::window::value_counts::ValueCounts;

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
    /// Most requests in flight at a start; `None` where single requests are not known, none has a duration, or it was not
    /// asked for.
    pub peak_in_flight: Option<u64>,
}

/// One part of the log: all endpoints together, and each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// All endpoints; their good durations are those of the endpoints.
    pub all: Series,
    /// By number.
    pub endpoints: Vec<Series>,
    open: OpenMinutes<Minutes>,
}

/// Whether the most in flight of each endpoint is asked for, which only batches in order tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointPeaks {
    Asked,
    LeftOut,
}

/// Collects both parts.
#[derive(Debug)]
pub(crate) struct EvidenceFit {
    /// Calls that start at or after belong to the second part; a whole minute.
    split_us: i64,
    /// All calls that are in flight or still to come belong to the second part.
    is_second: bool,
    parts: [Observed; 2],
    endpoint_peaks: EndpointPeaks,
    /// By endpoint.
    in_flight: Vec<InFlight>,
    all_in_flight: InFlight,
}

impl EvidenceFit {
    /// A fit whose second part begins at `split_us`, a whole minute; `None` for a log of one part.
    pub(crate) fn new(split_us: Option<i64>, endpoint_peaks: EndpointPeaks) -> Self {
        EvidenceFit {
            split_us: split_us.unwrap_or(i64::MAX),
            is_second: false,
            parts: Default::default(),
            endpoint_peaks,
            in_flight: Vec::new(),
            all_in_flight: InFlight::default(),
        }
    }

    /// Takes the next batch. One in no order belongs to the first part as a whole.
    pub(crate) fn take(&mut self, batch: &Batch) {
        let split_us = self.split_us;
        let own_part = |call: &Tracked| usize::from(call.stamped_start_us() >= split_us);
        let part = self.part_of(batch);
        match part {
            Some(part) => {
                self.parts[part].count_all(batch);
                self.all_in_flight.take(part, batch);
            }
            None => {
                batch.for_each_start(|call, floor_us| self.parts[own_part(call)].count(call, floor_us));
                let step = |event: &Event| self.all_in_flight.step(own_part(&batch.calls[event.call()]), *event);
                batch.events.iter().for_each(step);
            }
        }
        if self.endpoint_peaks == EndpointPeaks::Asked {
            self.step_endpoints(batch, |call| part.unwrap_or_else(|| own_part(call)));
        }
    }

    /// The part that all of a batch's calls belong to; most batches have one.
    fn part_of(&mut self, batch: &Batch) -> Option<usize> {
        if !batch.is_in_order {
            return Some(0);
        }
        if !self.is_second {
            if batch.started().next_back().is_none_or(|last| last.start_us < self.split_us) {
                return (!batch.starts.is_empty()).then_some(0);
            }
            self.is_second = batch.is_from(self.split_us);
        }
        self.is_second.then_some(1)
    }

    fn step_endpoints(&mut self, batch: &Batch, part_of: impl Fn(&Tracked) -> usize) {
        let endpoints = self.parts.iter().map(|part| part.endpoints.len()).max().unwrap_or(0);
        self.in_flight.resize(endpoints, InFlight::default());
        for event in &batch.events {
            let call = &batch.calls[event.call()];
            self.in_flight[call.endpoint as usize].step(part_of(call), *event);
        }
    }

    /// Takes a row of requests that are not known one by one; rows come in order of the minute of their start.
    pub(crate) fn take_row(&mut self, row: &MinuteRow) {
        self.parts[usize::from(row.key.started * MINUTE_US >= self.split_us)].count_row(row);
    }

    /// The first part; no call of it may come any more.
    pub(crate) fn first(&mut self) -> &Observed {
        self.finish_part(0);
        &self.parts[0]
    }

    fn finish_part(&mut self, part: usize) {
        let observed = &mut self.parts[part];
        observed.finish();
        observed.all.peak_in_flight = self.all_in_flight.peak(part);
        for (endpoint, in_flight) in observed.endpoints.iter_mut().zip(&self.in_flight) {
            endpoint.peak_in_flight = in_flight.peak(part);
        }
    }

    /// Both parts; [`Observed::append`] makes the whole log of them.
    pub(crate) fn finish(mut self) -> (Observed, Observed) {
        self.finish_part(0);
        self.finish_part(1);
        let [first, second] = self.parts;
        (first, second)
    }
}

impl Observed {
    #[inline(always)]
    fn endpoint(&mut self, number: u32) -> &mut Series {
        let index = number as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize_with(index + 1, Series::default);
        }
        &mut self.endpoints[index]
    }

    /// Counts the calls that start in a batch.
    fn count_all(&mut self, batch: &Batch) {
        batch.for_each_start(|call, floor_us| self.count(call, floor_us));
    }

    /// No call comes any more from before `floor_us`.
    #[inline(always)]
    fn count(&mut self, call: &Tracked, floor_us: i64) {
        let outcome = call.outcome();
        let start_us = call.stamped_start_us();
        let endpoint = self.endpoint(call.endpoint);
        if call.is_timed() {
            endpoint.timed += 1;
            if outcome == Outcome::Good {
                endpoint.good_values.add_us(call.duration_us);
            }
        }
        let minute = self.minute(start_us, floor_us).at(call.endpoint);
        minute.requests += 1;
        if outcome == Outcome::Failed {
            minute.fail(1, (start_us, start_us));
        }
    }

    fn count_row(&mut self, row: &MinuteRow) {
        let requests = row.counts.requests;
        let endpoint = self.endpoint(row.key.endpoint);
        endpoint.timed += row.timed();
        if row.key.outcome == Outcome::Good {
            let values: Vec<(u64, u64)> = row.durations_us().map(|(us, count)| (us * 1000, count)).collect();
            endpoint.good_values.extend_counted(&values);
        }
        let start_us = row.key.started * MINUTE_US;
        let minute = self.minute(start_us, start_us).at(row.key.endpoint);
        minute.requests += requests;
        if row.key.outcome == Outcome::Failed {
            minute.fail(requests, row.counts.started_us);
        }
    }

    #[inline(always)]
    fn minute(&mut self, start_us: i64, floor_us: i64) -> &mut Minutes {
        let Observed { all, endpoints, open } = self;
        open.at(start_us, floor_us, |start_us, minutes| minutes.close(start_us, all, endpoints))
    }

    fn finish(&mut self) {
        let Observed { all, endpoints, open } = self;
        open.finish(|start_us, minutes| minutes.close(start_us, all, endpoints));
        all.timed = endpoints.iter().map(|endpoint| endpoint.timed).sum();
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

    pub(super) fn add_minute(&mut self, start_us: i64, ended: &Minute) {
        self.requests += ended.requests;
        self.failures += ended.failures;
        let minute = start_us.div_euclid(MINUTE_US);
        let counted = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (requests, failures) = (counted(ended.requests), counted(ended.failures));
        if requests >= MIN_MINUTE_REQUESTS {
            let ended = WorstMinute { minute, requests, failures };
            self.worst_minute = Some(self.worst_minute.map_or(ended, |worst| worst.worse(ended)));
        }
        if let Some((first_us, last_us)) = ended.failure_span_us {
            let within = |at_us: i64| at_us.rem_euclid(MINUTE_US) as u32;
            let (first_failure_us, last_failure_us) = (within(first_us), within(last_us));
            self.minutes.0.push(FailingMinute { minute, requests, failures, first_failure_us, last_failure_us });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::call::Call;
    use crate::backtest::timeline::tests::{batches, batches_in};
    use proptest::prelude::*;

    fn call(start_us: i64, duration_us: u64, endpoint: u32) -> Call {
        Call { start_us, spread_us: 0, duration_us: Some(duration_us), endpoint, outcome: Outcome::Good }
    }

    fn fit(calls: &[Call], split_us: Option<i64>) -> (Observed, Observed) {
        let mut fit = EvidenceFit::new(split_us, EndpointPeaks::Asked);
        batches(calls, 13).iter().for_each(|batch| fit.take(batch));
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
            let mut unordered = EvidenceFit::new(None, EndpointPeaks::LeftOut);
            batches_in(false, &calls, 13).iter().for_each(|batch| unordered.take(batch));
            let (mut unordered, _) = unordered.finish();
            prop_assert_eq!(told(&unordered.whole()), told(&whole.whole()));
            for (a, b) in unordered.endpoints.iter_mut().zip(&whole.endpoints) {
                prop_assert_eq!(a.peak_in_flight, None);
                a.peak_in_flight = b.peak_in_flight;
                prop_assert_eq!(told(a), told(b));
            }
            prop_assert_eq!(whole.all.peak_in_flight.unwrap_or(0), naive_peak(&calls, None));
            for (endpoint, series) in whole.endpoints.iter().enumerate() {
                prop_assert_eq!(series.peak_in_flight.unwrap_or(0), naive_peak(&calls, Some(endpoint as u32)));
            }
        }
    }
}
