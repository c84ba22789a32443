//! What is true of the traffic whatever the config: counts, the span of time, the number in flight.

use super::call::Outcome;
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
    /// Most calls in flight at a start, itself included, and the first time that it was so.
    pub peak: Option<(u32, i64)>,
}

impl Traffic {
    /// Takes the next batch.
    pub(super) fn take(&mut self, batch: &Batch) {
        let (Some(first), Some(last)) = (batch.started().next(), batch.started().next_back()) else { return };
        let from_us = self.span_us.map_or(first.start_us, |(from_us, _)| from_us);
        self.span_us = Some((from_us, last.start_us));
        if batch.load.peak > self.peak.map_or(0, |(peak, _)| peak) {
            self.peak = batch.first_at_us(batch.load.peak).map(|at_us| (batch.load.peak, at_us));
        }
    }

    /// Takes a call that starts in it, by its stamp.
    #[inline(always)]
    pub(super) fn take_call(&mut self, start_us: i64, outcome: Outcome) {
        self.calls += 1;
        self.good += u64::from(outcome == Outcome::Good);
        self.failed += u64::from(outcome == Outcome::Failed);
        let (from_us, to_us) = self.stamped_span_us.unwrap_or((start_us, start_us));
        self.stamped_span_us = Some((from_us.min(start_us), to_us.max(start_us)));
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

    /// Microseconds from the first start to the last.
    pub(super) fn length_us(&self) -> i64 {
        self.span_us.map_or(0, |(from_us, to_us)| to_us.saturating_sub(from_us))
    }
}
