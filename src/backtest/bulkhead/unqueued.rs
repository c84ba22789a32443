//! A bulkhead without a queue: a call runs from its start to its end as in the log, or it is rejected.
//!
//! So starts and ends only count up and down, and a call's end has to know whether it ran.

use super::Tally;
use crate::backtest::call::Outcome;
use crate::backtest::timeline::Batch;

/// The call has a place.
const RUNS: u8 = 1;

/// It was turned away.
const REJECTED: u8 = 2;

/// Its places.
pub(super) struct Unqueued {
    max_running: u32,
    running: u32,
    /// By place in the next batch, as far as calls are left for it: [`RUNS`], [`REJECTED`], or 0 without a
    /// duration.
    states: Vec<u8>,
    #[cfg(test)]
    pub(super) ran_us: super::RanUs,
}

impl Unqueued {
    /// Empty ones.
    pub(super) fn new(max_running: usize) -> Self {
        Unqueued {
            max_running: u32::try_from(max_running).unwrap_or(u32::MAX),
            running: 0,
            states: Vec::new(),
            #[cfg(test)]
            ran_us: super::RanUs::new(),
        }
    }

    /// Whether a call that is in flight in the log was rejected.
    pub(super) fn differs(&self) -> bool {
        self.states.contains(&REJECTED)
    }

    /// Takes what is in flight before a batch from the log.
    pub(super) fn begin(&mut self, batch: &Batch) {
        self.states.clear();
        self.states.extend(batch.left().iter().map(|call| if call.is_timed() { RUNS } else { 0 }));
        self.running = batch.in_flight_before();
    }

    /// Takes the next events. Which of them are rejected is as good as random, so that nothing branches on it.
    pub(super) fn take(&mut self, batch: &Batch, tally: &mut Tally) {
        self.states.resize(batch.calls.len(), 0);
        let (mut running, mut rejected, mut good_rejected) = (self.running, 0, 0);
        for event in &batch.events {
            let state = &mut self.states[event.call()];
            let is_end = u32::from(event.is_end());
            let starts = u32::from(event.is_timed()) & !is_end;
            let admitted = starts & u32::from(running < self.max_running);
            let turned_away = starts - admitted;
            running = running + admitted - (is_end & u32::from(*state & RUNS));
            *state |= (admitted * u32::from(RUNS) + turned_away * u32::from(REJECTED)) as u8;
            rejected += turned_away;
            good_rejected += turned_away & u32::from(event.outcome() == Outcome::Good);
            #[cfg(test)]
            if admitted == 1 {
                let call = &batch.calls[event.call()];
                self.ran_us.insert(call.number, call.start_us);
            }
        }
        self.running = running;
        tally.rejected_full += u64::from(rejected);
        tally.good_rejected += u64::from(good_rejected);
        if rejected > 0 && tally.first_full_us.is_none() {
            tally.first_full_us = self.first_rejected_us(batch);
        }
        // The next batch has these in its first places, in this order.
        let left: Vec<u8> = batch.leaves.iter().map(|place| self.states[*place as usize]).collect();
        self.states = left;
    }

    fn first_rejected_us(&self, batch: &Batch) -> Option<i64> {
        let mut rejected = batch.starts.iter().filter(|place| self.states[**place as usize] == REJECTED);
        rejected.next().map(|place| batch.calls[*place as usize].start_us)
    }
}
