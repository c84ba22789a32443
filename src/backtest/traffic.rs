//! What is true of the traffic whatever the config: counts, the span of time, the number in flight.

use super::call::Outcome;
use super::load::{self, Load};
use super::timeline::Batch;
use crate::window::minute::MinuteRow;

/// The traffic under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub calls: u64,
    pub good: u64,
    pub failed: u64,
    /// First and last start, in microseconds.
    pub span_us: Option<(i64, i64)>,
    /// The same by their stamps.
    pub stamped_span_us: Option<(i64, i64)>,
    /// Calls with a duration in flight after the last load.
    pub in_flight: u32,
    /// Most calls in flight at a start, itself included, and the first time that it was so.
    pub peak: Option<(u32, i64)>,
}

impl Traffic {
    /// Takes the calls that start in the next batch.
    pub(super) fn take_calls(&mut self, batch: &Batch) {
        let calls = batch.started();
        let (Some(first), Some(last)) = (batch.started().next(), batch.started().next_back()) else { return };
        let from_us = self.span_us.map_or(first.start_us, |(from_us, _)| from_us);
        self.span_us = Some((from_us, last.start_us));
        self.calls += calls.len() as u64;
        let (mut from_us, mut to_us) = self.stamped_span_us.unwrap_or((i64::MAX, i64::MIN));
        for call in calls {
            let start_us = call.stamped_start_us();
            (from_us, to_us) = (from_us.min(start_us), to_us.max(start_us));
            self.good += u64::from(call.outcome() == Outcome::Good);
            self.failed += u64::from(call.outcome() == Outcome::Failed);
        }
        self.stamped_span_us = Some((from_us, to_us));
    }

    /// Takes requests that are not known one by one: how many were in flight stays unknown.
    pub(super) fn take_row(&mut self, row: &MinuteRow) {
        let (from_us, to_us) = row.counts.started_us;
        let (first_us, last_us) = self.stamped_span_us.unwrap_or((from_us, to_us));
        self.stamped_span_us = Some((first_us.min(from_us), last_us.max(to_us)));
        self.calls += row.counts.requests;
        match row.key.outcome {
            Outcome::Good => self.good += row.counts.requests,
            Outcome::Failed => self.failed += row.counts.requests,
            Outcome::Neither => {}
        }
    }

    /// Takes the load of the next batch.
    pub(super) fn take_load(&mut self, batch: &Batch, load: Load) {
        if load.peak > self.peak.map_or(0, |(peak, _)| peak) {
            let at_us = load::first_at_us(batch, self.in_flight, load.peak);
            self.peak = at_us.map(|at_us| (load.peak, at_us));
        }
        self.in_flight = load.after;
    }

    /// Microseconds from the first start to the last.
    pub(super) fn length_us(&self) -> i64 {
        self.span_us.map_or(0, |(from_us, to_us)| to_us.saturating_sub(from_us))
    }
}
