//! What a breaker's setting is counted by: openings, and what it rejected.

use super::watch::Starts;
use crate::backtest::call::Outcome;
use std::collections::BTreeMap;

/// What one setting did, as counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub openings: u64,
    /// Of those, after a failed probe.
    pub reopenings: u64,
    pub open_us: u64,
    pub rejected: u64,
    /// Would have succeeded in time.
    pub good_rejected: u64,
    /// Would have failed or been cut.
    pub bad_rejected: u64,
    /// Of those, a status of 500 or above.
    pub failed_rejected: u64,
    /// Openings out of the closed state, by the endpoint's row and failures in the window.
    pub trips: BTreeMap<(u32, u32), u64>,
}

/// What a call comes to when it is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It succeeds in time.
    Succeeds,
    /// It ends in time, neither good nor a failure.
    Neither,
    /// It does not fail by itself, but the timeout cuts it.
    Cut,
    /// Its status is 500 or above.
    Fails,
}

impl Fate {
    pub(super) fn of(outcome: Outcome, duration_us: u64, timeout_us: u64) -> Self {
        match outcome {
            Outcome::Failed => Fate::Fails,
            _ if duration_us > timeout_us => Fate::Cut,
            Outcome::Good => Fate::Succeeds,
            Outcome::Neither => Fate::Neither,
        }
    }
}

impl Tally {
    pub(super) fn note_rejection(&mut self, fate: Fate) {
        self.rejected += 1;
        self.good_rejected += u64::from(fate == Fate::Succeeds);
        self.bad_rejected += u64::from(matches!(fate, Fate::Fails | Fate::Cut));
        self.failed_rejected += u64::from(fate == Fate::Fails);
    }

    /// All that started while it was open.
    pub(super) fn note_rejections(&mut self, before: &Starts, after: &Starts) {
        let Starts { good, neither, failed, good_cut, neither_cut } = after.since(before);
        self.rejected += good + neither + failed;
        self.good_rejected += good - good_cut;
        self.bad_rejected += failed + good_cut + neither_cut;
        self.failed_rejected += failed;
    }

    pub(super) fn note_opening(&mut self, was_half_open: bool, row: u32, failures: u32, open_timeout_us: i64) {
        self.openings += 1;
        self.open_us = self.open_us.saturating_add(open_timeout_us.max(0) as u64);
        if was_half_open {
            self.reopenings += 1;
        } else {
            *self.trips.entry((row, failures)).or_default() += 1;
        }
    }
}
