//! What a bulkhead would have done: the semantics of @backendkit-labs/bulkhead 0.2.1 over an exact sweep.
//!
//! A start that finds as many calls running as are allowed waits in a queue, in order; it is rejected when the queue
//! is full or its wait runs out. A wait that ends at the very moment at which a place comes free gets the place, and
//! one that runs out does so before the starts of that moment. Calls without a duration in the log are left out, and
//! the timeout is not looked at: a bulkhead is judged alone.

use super::call::Outcome;
use super::load::{Load, STRETCH_EVENTS};
use super::timeline::{Batch, Event, Moment, Phase, Rank, Tracked, end_moment};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

/// How long a queue is and how long one waits in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Calls that may wait; 0: a call is rejected at once.
    pub calls: usize,
    /// Microseconds that a call waits at most.
    pub wait_us: i64,
}

impl Queue {
    /// What the consumer has.
    pub(crate) const CONSUMER: Queue = Queue { calls: 100, wait_us: 30_000_000 };

    /// Rejects at once.
    pub(crate) const NONE: Queue = Queue { calls: 0, wait_us: 0 };
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub calls: u64,
    pub rejected_full: u64,
    pub rejected_waiting: u64,
    pub good_rejected: u64,
    /// Calls that waited and then ran.
    pub waited: u64,
    /// Of those that ran.
    pub wait_us: u64,
    pub longest_wait_us: i64,
    pub longest_queue: usize,
    pub first_full_us: Option<i64>,
}

/// A call in the queue.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since_us: i64,
    duration_us: u64,
    call: u64,
    is_good: bool,
}

/// Calls that may run at once. A fraction of a call counts as one, as the consumer compares.
pub(super) fn max_running(max_concurrent_calls: f64) -> usize {
    max_concurrent_calls.ceil().max(0.0) as usize
}

/// One bulkhead.
pub(crate) struct Bulkhead {
    max_running: usize,
    queue_plan: Queue,
    running: usize,
    queue: VecDeque<Waiting>,
    /// Ends of the calls that waited; all others end when the log says.
    delayed_ends: BinaryHeap<Reverse<Rank>>,
    /// The first of those and of the waits that run out.
    next_due: Rank,
    /// The time of that.
    next_due_us: i64,
    /// By place in the batch: the call is in flight, but did not start when the log says.
    is_absent: Vec<bool>,
    /// Places that are set there.
    absent: usize,
    tally: Tally,
    /// When each call ran, by its number.
    #[cfg(test)]
    pub(super) ran_us: std::collections::BTreeMap<u64, i64>,
}

impl Bulkhead {
    /// An empty bulkhead.
    pub(crate) fn new(max_running: usize, queue: Queue) -> Self {
        Bulkhead {
            max_running,
            queue_plan: queue,
            running: 0,
            queue: VecDeque::new(),
            delayed_ends: BinaryHeap::new(),
            next_due: Rank::NEVER,
            next_due_us: i64::MAX,
            is_absent: Vec::new(),
            absent: 0,
            tally: Tally::default(),
            #[cfg(test)]
            ran_us: std::collections::BTreeMap::new(),
        }
    }

    /// What it was made with.
    pub(super) fn plan(&self) -> (usize, Queue) {
        (self.max_running, self.queue_plan)
    }

    #[inline]
    fn run(&mut self, _at_us: i64, _call: u64) {
        self.running += 1;
        #[cfg(test)]
        self.ran_us.insert(_call, _at_us);
    }

    /// Takes the next events, with the load of each stretch.
    ///
    /// Where nothing waits, every call in flight runs as the log says and the log's own number in flight fits, no start
    /// finds the bulkhead full: there is nothing to model.
    pub(super) fn take(&mut self, batch: &Batch, loads: &[Load]) {
        self.turn_to(batch);
        for (events, load) in batch.events.chunks(STRETCH_EVENTS).zip(loads) {
            let is_idle = self.absent == 0 && self.queue.is_empty() && self.delayed_ends.is_empty();
            if is_idle && load.peak as usize <= self.max_running {
                self.tally.calls += u64::from(load.starts);
                self.running = load.after as usize;
            } else if self.queue_plan.calls == 0 {
                self.turn_away(batch, events);
            } else {
                events.iter().for_each(|event| self.take_event(&batch.calls[event.call()], *event));
            }
        }
    }

    /// Calls have other places in the next batch.
    fn turn_to(&mut self, batch: &Batch) {
        let mut is_absent = vec![false; batch.calls.len()];
        if self.absent > 0 {
            for (is_absent, place) in is_absent.iter_mut().zip(&batch.carried) {
                *is_absent = self.is_absent[*place as usize];
            }
        }
        self.is_absent = is_absent;
    }

    /// Takes events without a queue: a start finds a place or is rejected, and nobody waits. Which of the two it is, and
    /// whether it is a start, is at random, so that only the time of the first rejection is worth a branch.
    fn turn_away(&mut self, batch: &Batch, events: &[Event]) {
        for event in events {
            let (timed, is_end) = (event.is_timed(), event.is_end());
            let is_full = self.running >= self.max_running;
            let is_absent = &mut self.is_absent[event.call()];
            let is_rejected = timed & !is_end & is_full;
            let (runs, stops) = (timed & !is_end & !is_full, timed & is_end & !*is_absent);
            self.running = self.running + usize::from(runs) - usize::from(stops);
            self.absent = self.absent + usize::from(is_rejected) - usize::from(timed & is_end & *is_absent);
            *is_absent = is_rejected;
            let call = &batch.calls[event.call()];
            self.tally.calls += u64::from(timed & !is_end);
            self.tally.rejected_full += u64::from(is_rejected);
            self.tally.good_rejected += u64::from(is_rejected & (call.outcome() == Outcome::Good));
            if is_rejected & self.tally.first_full_us.is_none() {
                self.tally.first_full_us = Some(call.start_us);
            }
            #[cfg(test)]
            if runs {
                self.ran_us.insert(call.number, call.start_us);
            }
        }
    }

    #[inline]
    fn take_event(&mut self, call: &Tracked, event: Event) {
        if !event.is_timed() {
            return;
        }
        if event.is_end() {
            self.settle_before(call.end_us(), || call.end());
            let is_absent = &mut self.is_absent[event.call()];
            if std::mem::take(is_absent) {
                self.absent -= 1;
                return;
            }
            self.running -= 1;
            if !self.queue.is_empty() {
                let (at_us, phase, _) = call.end();
                let end = self.serve(at_us, phase);
                self.delayed_ends.extend(end);
                self.find_next_due();
            }
            return;
        }
        self.settle_before(call.start_us, || call.start());
        self.tally.calls += 1;
        if self.running < self.max_running {
            self.run(call.start_us, call.number);
            return;
        }
        self.is_absent[event.call()] = true;
        self.absent += 1;
        self.hold(call);
    }

    fn hold(&mut self, call: &Tracked) {
        let is_good = call.outcome() == Outcome::Good;
        self.tally.first_full_us.get_or_insert(call.start_us);
        if self.queue.len() >= self.queue_plan.calls {
            self.tally.rejected_full += 1;
            self.tally.good_rejected += u64::from(is_good);
            return;
        }
        let (since_us, duration_us, call) = (call.start_us, call.duration_us, call.number);
        self.queue.push_back(Waiting { since_us, duration_us, call, is_good });
        self.tally.longest_queue = self.tally.longest_queue.max(self.queue.len());
        if self.queue.len() == 1 {
            self.find_next_due();
        }
    }

    /// Lets a waiting call run if there is room; gives its end.
    fn serve(&mut self, at_us: i64, phase: Phase) -> Option<Reverse<Rank>> {
        if self.running >= self.max_running {
            return None;
        }
        let waiting = self.queue.pop_front()?;
        let wait_us = at_us.saturating_sub(waiting.since_us);
        self.tally.waited += 1;
        self.tally.wait_us = self.tally.wait_us.saturating_add(wait_us as u64);
        self.tally.longest_wait_us = self.tally.longest_wait_us.max(wait_us);
        self.run(at_us, waiting.call);
        let end = end_moment(at_us, waiting.duration_us, waiting.call);
        // At the log's end of time a call that takes time ends in the phase that is under way.
        Some(Reverse(Rank::of(end.max((at_us, phase, waiting.call)))))
    }

    /// Ends delayed calls and waits that are due before a moment at `at_us`.
    #[inline]
    fn settle_before(&mut self, at_us: i64, moment: impl FnOnce() -> Moment) {
        if at_us >= self.next_due_us {
            self.settle_due(Rank::of(moment()));
        }
    }

    fn settle_due(&mut self, moment: Rank) {
        while self.next_due < moment {
            let (at_us, phase) = self.next_due.time_and_phase();
            if phase == Phase::WaitOver {
                let waiting = self.queue.pop_front();
                self.tally.rejected_waiting += 1;
                self.tally.good_rejected += u64::from(waiting.is_some_and(|waiting| waiting.is_good));
            } else {
                self.running -= 1;
                let end = self.serve(at_us, phase);
                // One end takes the other's place, which costs less than taking one out and putting one in.
                match (end, self.delayed_ends.peek_mut()) {
                    (Some(end), Some(mut first)) => *first = end,
                    (None, Some(first)) => drop(PeekMut::pop(first)),
                    (_, None) => {}
                }
            }
            self.find_next_due();
        }
    }

    fn find_next_due(&mut self) {
        let end = self.delayed_ends.peek().map_or(Rank::NEVER, |end| end.0);
        let wait_over = self.queue.front().map_or(Rank::NEVER, |waiting| {
            Rank::of((waiting.since_us.saturating_add(self.queue_plan.wait_us), Phase::WaitOver, waiting.call))
        });
        self.next_due = end.min(wait_over);
        self.next_due_us = self.next_due.time_and_phase().0;
    }

    /// What was counted, once nothing runs or waits any more.
    pub(crate) fn finish(&mut self) -> Tally {
        self.settle_due(Rank::NEVER);
        self.tally
    }
}

/// What a bulkhead setting would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkheadResult {
    /// Calls that may wait.
    pub queue_calls: u64,
    /// Milliseconds that a call waits at most.
    #[serde(serialize_with = "crate::tuning::number")]
    pub queue_wait_ms: f64,
    /// Calls rejected at a full queue.
    pub rejected_full: u64,
    /// Calls rejected because their wait ran out.
    pub rejected_waiting: u64,
    /// Both as a share of the calls, 0 to 1.
    #[serde(serialize_with = "crate::tuning::number")]
    pub rejected_share: f64,
    /// Rejected calls that succeeded according to the log.
    pub good_rejected: u64,
    /// Share of the calls that waited and then ran, 0 to 1.
    #[serde(serialize_with = "crate::tuning::number")]
    pub waited_share: f64,
    /// Their mean wait in milliseconds; `null` when none waited.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub mean_wait_ms: Option<f64>,
    /// Their longest wait in milliseconds.
    #[serde(serialize_with = "crate::tuning::number")]
    pub longest_wait_ms: f64,
    /// Most calls that waited at once.
    pub longest_queue: u64,
    /// The first start that found no place, RFC 3339 UTC.
    pub first_full: Option<String>,
}

impl BulkheadResult {
    pub(super) fn new(tally: &Tally, queue: Queue) -> Self {
        let share = |calls: u64| if tally.calls == 0 { 0.0 } else { calls as f64 / tally.calls as f64 };
        BulkheadResult {
            queue_calls: queue.calls as u64,
            queue_wait_ms: queue.wait_us as f64 / 1e3,
            rejected_full: tally.rejected_full,
            rejected_waiting: tally.rejected_waiting,
            rejected_share: share(tally.rejected_full + tally.rejected_waiting),
            good_rejected: tally.good_rejected,
            waited_share: share(tally.waited),
            mean_wait_ms: (tally.waited > 0).then(|| tally.wait_us as f64 / tally.waited as f64 / 1e3),
            longest_wait_ms: tally.longest_wait_us as f64 / 1e3,
            longest_queue: tally.longest_queue as u64,
            first_full: tally.first_full_us.map(|us| crate::report::format_time(us.div_euclid(1000))),
        }
    }
}
