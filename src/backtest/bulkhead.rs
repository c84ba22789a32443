//! What a bulkhead would have done: the semantics of @backendkit-labs/bulkhead 0.2.1 over an exact sweep.
//!
//! A start that finds as many calls running as are allowed waits in a queue, in order; it is rejected when the queue
//! is full or its wait runs out. A wait that ends at the very moment at which a place comes free gets the place, and
//! one that runs out does so before the starts of that moment. Calls without a duration in the log are left out, and
//! the timeout is not looked at: a bulkhead is judged alone.

use super::call::Outcome;
use super::timeline::{Batch, Event, Phase, Rank, end_moment};
use serde::Serialize;
use std::cmp::Reverse;
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
    /// By slot: the call did not start when the log says.
    is_absent: Vec<bool>,
    /// Slots that are set there.
    absent: usize,
    tally: Tally,
    /// When each call ran, by its number.
    #[cfg(test)]
    pub(super) ran_us: std::collections::BTreeMap<u64, i64>,
}

impl Bulkhead {
    /// An empty bulkhead. A fraction of a call counts as one, as the consumer compares.
    pub(crate) fn new(max_concurrent_calls: f64, queue: Queue) -> Self {
        Bulkhead {
            max_running: max_concurrent_calls.ceil().max(0.0) as usize,
            queue_plan: queue,
            running: 0,
            queue: VecDeque::new(),
            delayed_ends: BinaryHeap::new(),
            next_due: Rank::NEVER,
            is_absent: Vec::new(),
            absent: 0,
            tally: Tally::default(),
            #[cfg(test)]
            ran_us: std::collections::BTreeMap::new(),
        }
    }

    #[inline]
    fn run(&mut self, _at_us: i64, _call: u64) {
        self.running += 1;
        #[cfg(test)]
        self.ran_us.insert(_call, _at_us);
    }

    /// Takes the next events. Where nothing waits and the log's own number in flight fits, there is nothing to model.
    pub(crate) fn take_batch(&mut self, batch: &Batch) {
        let is_idle = self.absent == 0 && self.queue.is_empty() && self.delayed_ends.is_empty();
        if is_idle && batch.peak_in_flight <= self.max_running {
            self.tally.calls += batch.timed_starts;
            self.running = batch.in_flight_after;
            return;
        }
        batch.events.iter().for_each(|event| self.take(event));
    }

    /// Takes the next event.
    #[inline]
    pub(crate) fn take(&mut self, event: &Event) {
        if !event.is_timed {
            return;
        }
        let rank = Rank::of(event.moment());
        if self.next_due < rank {
            self.settle_before(rank);
        }
        let slot = event.slot as usize;
        if event.phase != Phase::Start {
            match self.is_absent.get_mut(slot) {
                Some(is_absent @ true) => {
                    *is_absent = false;
                    self.absent -= 1;
                }
                _ => {
                    self.running -= 1;
                    if !self.queue.is_empty() {
                        self.serve(event.at_us, event.phase);
                        self.find_next_due();
                    }
                }
            }
            return;
        }
        self.tally.calls += 1;
        if self.running < self.max_running {
            self.run(event.at_us, event.call);
            return;
        }
        if slot >= self.is_absent.len() {
            self.is_absent.resize(slot + 1, false);
        }
        self.is_absent[slot] = true;
        self.absent += 1;
        self.hold(event);
        self.find_next_due();
    }

    fn hold(&mut self, event: &Event) {
        let is_good = event.outcome == Outcome::Good;
        self.tally.first_full_us.get_or_insert(event.at_us);
        if self.queue.len() >= self.queue_plan.calls {
            self.tally.rejected_full += 1;
            self.tally.good_rejected += u64::from(is_good);
            return;
        }
        let (since_us, duration_us, call) = (event.at_us, event.duration_us, event.call);
        self.queue.push_back(Waiting { since_us, duration_us, call, is_good });
        self.tally.longest_queue = self.tally.longest_queue.max(self.queue.len());
    }

    /// Lets waiting calls run while there is room.
    fn serve(&mut self, at_us: i64, phase: Phase) {
        while self.running < self.max_running
            && let Some(waiting) = self.queue.pop_front()
        {
            let wait_us = at_us.saturating_sub(waiting.since_us);
            self.tally.waited += 1;
            self.tally.wait_us = self.tally.wait_us.saturating_add(wait_us as u64);
            self.tally.longest_wait_us = self.tally.longest_wait_us.max(wait_us);
            self.run(at_us, waiting.call);
            let end = end_moment(at_us, waiting.duration_us, waiting.call);
            // At the log's end of time a call that takes time ends in the phase that is under way.
            self.delayed_ends.push(Reverse(Rank::of(end.max((at_us, phase, waiting.call)))));
        }
    }

    /// Ends delayed calls and waits that are due before a moment.
    fn settle_before(&mut self, moment: Rank) {
        while self.next_due < moment {
            let (at_us, phase) = self.next_due.time_and_phase();
            if phase == Phase::WaitOver {
                let waiting = self.queue.pop_front();
                self.tally.rejected_waiting += 1;
                self.tally.good_rejected += u64::from(waiting.is_some_and(|waiting| waiting.is_good));
            } else {
                self.delayed_ends.pop();
                self.running -= 1;
                self.serve(at_us, phase);
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
    }

    /// What was counted, once nothing runs or waits any more.
    pub(crate) fn finish(&mut self) -> Tally {
        self.settle_before(Rank::NEVER);
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
