//! A bulkhead with a queue.
//!
//! Who comes later changes nothing for who waits, so that a start tells at once when the call runs, or that it never
//! does: ends are not looked at.

use super::{Queue, Tally};
use crate::backtest::call::Outcome;
use crate::backtest::timeline::{Batch, Phase, TimePhase, Tracked};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Its places and its queue.
pub(super) struct Queued {
    max_running: usize,
    queue: Queue,
    /// When the calls end that have the places. One that is over stays until another takes its place.
    ends: BinaryHeap<Reverse<TimePhase>>,
    /// When those that wait leave the queue, in order: they run, or their wait is over. Some may have left.
    leave: VecDeque<TimePhase>,
    /// Up to then calls are in flight that would not be so in the log, or the other way round.
    differs_until: Option<TimePhase>,
    #[cfg(test)]
    pub(super) ran_us: super::RanUs,
}

impl Queued {
    /// Empty ones.
    pub(super) fn new(max_running: usize, queue: Queue) -> Self {
        Queued {
            max_running,
            queue,
            ends: BinaryHeap::new(),
            leave: VecDeque::new(),
            differs_until: None,
            #[cfg(test)]
            ran_us: super::RanUs::new(),
        }
    }

    /// Whether other calls are in flight from then on than in the log.
    pub(super) fn differs_at(&self, from_us: i64) -> bool {
        self.differs_until.is_some_and(|until| until >= TimePhase::of(from_us, Phase::End))
    }

    /// Takes what is in flight before a batch from the log.
    pub(super) fn begin(&mut self, batch: &Batch) {
        self.leave.clear();
        self.ends.clear();
        let in_flight = batch.left().filter(|(_, is_in_flight)| *is_in_flight);
        self.ends.extend(in_flight.map(|(call, _)| Reverse(TimePhase::of_end(call.start_us, call.duration_us))));
    }

    /// Takes the next starts.
    pub(super) fn take(&mut self, batch: &Batch, tally: &mut Tally) {
        batch.started().filter(|call| call.is_timed()).for_each(|call| self.start(call, tally));
    }

    #[inline]
    fn start(&mut self, call: &Tracked, tally: &mut Tally) {
        let end = TimePhase::of_end(call.start_us, call.duration_us);
        if self.ends.len() < self.max_running {
            self.ends.push(Reverse(end));
        } else if self.first_end() < TimePhase::of(call.start_us, Phase::Start) {
            self.replace_first_end(end);
        } else {
            self.wait(call, tally);
            return;
        }
        self.note_run(call.number, call.start_us);
    }

    #[inline]
    fn note_run(&mut self, _call: u64, _at_us: i64) {
        #[cfg(test)]
        self.ran_us.insert(_call, _at_us);
    }

    /// When the first of the places comes free; [`TimePhase::NEVER`] where there is none.
    #[inline]
    fn first_end(&self) -> TimePhase {
        self.ends.peek().map_or(TimePhase::NEVER, |first| first.0)
    }

    #[inline]
    fn replace_first_end(&mut self, end: TimePhase) {
        if let Some(mut first) = self.ends.peek_mut() {
            *first = Reverse(end);
        }
    }

    /// All places are taken when it starts.
    fn wait(&mut self, call: &Tracked, tally: &mut Tally) {
        let start_us = call.start_us;
        let start = TimePhase::of(start_us, Phase::Start);
        let is_good = u64::from(call.outcome() == Outcome::Good);
        tally.first_full_us.get_or_insert(start_us);
        self.differs_until = self.differs_until.max(Some(TimePhase::of_end(start_us, call.duration_us)));
        while self.leave.front().is_some_and(|leaves| *leaves < start) {
            self.leave.pop_front();
        }
        if self.leave.len() >= self.queue.calls {
            tally.rejected_full += 1;
            tally.good_rejected += is_good;
            return;
        }
        let over = TimePhase::of(start_us.saturating_add(self.queue.wait_us), Phase::WaitOver);
        let free = self.first_end();
        if free < over {
            let end = TimePhase::of_end(free.at_us(), call.duration_us);
            self.replace_first_end(end);
            self.differs_until = self.differs_until.max(Some(end));
            let wait_us = free.at_us().saturating_sub(start_us);
            tally.waited += 1;
            tally.wait_us = tally.wait_us.saturating_add(wait_us as u64);
            tally.longest_wait_us = tally.longest_wait_us.max(wait_us);
            self.note_run(call.number, free.at_us());
        } else {
            tally.rejected_waiting += 1;
            tally.good_rejected += is_good;
            self.differs_until = self.differs_until.max(Some(over));
        }
        self.leave.push_back(free.min(over));
        tally.longest_queue = tally.longest_queue.max(self.leave.len());
    }
}
