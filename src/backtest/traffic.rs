//! What is true of the traffic whatever the config: counts, the span of time, the number in flight.

use super::call::{Call, Outcome};
use super::timeline::Batch;

/// The traffic under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub calls: u64,
    pub good: u64,
    pub failed: u64,
    /// First and last start, in microseconds.
    pub span_us: Option<(i64, i64)>,
    /// Calls with a duration in flight after the last batch.
    pub in_flight: usize,
    /// Most calls in flight at a start, itself included, and the first time that it was so.
    pub peak: Option<(usize, i64)>,
}

impl Traffic {
    pub(super) fn take_calls(&mut self, calls: &[Call]) {
        let (Some(first), Some(last)) = (calls.first(), calls.last()) else { return };
        let from_us = self.span_us.map_or(first.start_us, |(from_us, _)| from_us);
        self.span_us = Some((from_us, last.start_us));
        self.calls += calls.len() as u64;
        for call in calls {
            self.good += u64::from(call.outcome == Outcome::Good);
            self.failed += u64::from(call.outcome == Outcome::Failed);
        }
    }

    pub(super) fn take_batch(&mut self, batch: &Batch) {
        self.in_flight = batch.in_flight_after;
        if batch.peak_in_flight > self.peak.map_or(0, |(peak, _)| peak) {
            self.peak = Some((batch.peak_in_flight, batch.peak_at_us));
        }
    }

    /// Microseconds from the first start to the last.
    pub(super) fn length_us(&self) -> i64 {
        self.span_us.map_or(0, |(from_us, to_us)| to_us.saturating_sub(from_us))
    }
}
