//! A bulkhead with a queue.
//!
//! Who comes later changes nothing for who waits, so that a start tells at once when the call runs, or that it never
//! does: ends are not looked at. Whether a call waits is as good as random, so that nothing branches on it: one that need
//! not wait has left the queue before it came.

use super::places::Places;
use super::{Queue, Tally};
use crate::backtest::call::Outcome;
use crate::backtest::timeline::{Batch, Phase, TimePhase, Tracked};

/// Calls that are remembered before those are dropped that have left the queue.
const REMEMBERED: usize = 1024;

/// Its places and its queue.
pub(super) struct Queued {
    max_running: usize,
    queue: Queue,
    places: Places,
    /// When each call leaves the queue, or could have left it: they leave in order. Some that have left may be missing.
    leave: Vec<TimePhase>,
    /// How many of those may be kept.
    room: usize,
    /// Up to then calls are in flight that would not be so in the log, or the other way round.
    differs_until: TimePhase,
    #[cfg(test)]
    pub(super) ran_us: super::RanUs,
}

impl Queued {
    /// Empty ones.
    pub(super) fn new(max_running: usize, queue: Queue) -> Self {
        Queued {
            max_running,
            queue,
            places: Places::default(),
            leave: Vec::new(),
            room: REMEMBERED,
            differs_until: TimePhase::EVER,
            #[cfg(test)]
            ran_us: super::RanUs::new(),
        }
    }

    /// Whether other calls are in flight from then on than in the log.
    pub(super) fn differs_at(&self, from_us: i64) -> bool {
        self.differs_until > TimePhase::EVER && self.differs_until >= TimePhase::of(from_us, Phase::End)
    }

    /// Takes what is in flight before a batch from the log.
    pub(super) fn begin(&mut self, batch: &Batch) {
        self.leave.clear();
        let in_flight = batch.left().iter().filter(|call| call.is_timed());
        let ends = in_flight.map(|call| TimePhase::of_end(call.start_us, call.duration_us));
        self.places = Places::new(self.max_running, ends.collect());
    }

    /// Takes the next starts.
    pub(super) fn take(&mut self, batch: &Batch, tally: &mut Tally) {
        batch.started().filter(|call| call.is_timed()).for_each(|call| self.start(call, tally));
    }

    #[inline(always)]
    fn start(&mut self, call: &Tracked, tally: &mut Tally) {
        let start_us = call.start_us;
        let start = TimePhase::of(start_us, Phase::Start);
        let free = self.places.first_free();
        let waits = free > start;
        if waits && tally.first_full_us.is_none() {
            tally.first_full_us = Some(start_us);
        }
        if self.are_waiting(self.queue.calls, start) {
            tally.rejected_full += 1;
            self.reject(call, tally);
            return;
        }
        let over = TimePhase::of(start_us.saturating_add(self.queue.wait_us), Phase::WaitOver);
        if free >= over {
            tally.rejected_waiting += 1;
            self.reject(call, tally);
            self.differs_until = self.differs_until.max(over);
        } else {
            let runs_us = free.at_us().max(start_us);
            let wait_us = runs_us.saturating_sub(start_us);
            let end = TimePhase::of_end(runs_us, call.duration_us);
            self.places.take_first(end);
            self.differs_until = self.differs_until.max(if waits { end } else { TimePhase::EVER });
            tally.waited += u64::from(waits);
            tally.wait_us = tally.wait_us.saturating_add(wait_us as u64);
            tally.longest_wait_us = tally.longest_wait_us.max(wait_us);
            #[cfg(test)]
            self.ran_us.insert(call.number, runs_us);
        }
        self.enqueue(free.min(over), start);
        if self.are_waiting(tally.longest_queue + 1, start) {
            tally.longest_queue += 1;
        }
    }

    /// Whether so many calls are in the queue at a start. As they leave in order, the first of the last so many tells.
    #[inline(always)]
    fn are_waiting(&self, calls: usize, start: TimePhase) -> bool {
        let first = self.leave.len().wrapping_sub(calls);
        self.leave.get(first).is_some_and(|leaves| *leaves >= start)
    }

    #[inline(always)]
    fn enqueue(&mut self, leaves: TimePhase, start: TimePhase) {
        self.leave.push(leaves);
        if self.leave.len() >= self.room {
            self.forget_left(start);
        }
    }

    #[cold]
    fn forget_left(&mut self, start: TimePhase) {
        let left = self.leave.partition_point(|leaves| *leaves < start);
        self.leave.drain(..left);
        self.room = (2 * self.leave.len()).max(REMEMBERED);
    }

    #[cold]
    fn reject(&mut self, call: &Tracked, tally: &mut Tally) {
        tally.good_rejected += u64::from(call.outcome() == Outcome::Good);
        self.differs_until = self.differs_until.max(TimePhase::of_end(call.start_us, call.duration_us));
    }
}
