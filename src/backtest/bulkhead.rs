//! What a bulkhead would have done: the semantics of @backendkit-labs/bulkhead 0.2.1 over an exact sweep.
//!
//! A start that finds as many calls running as are allowed waits in a queue, in order; it is rejected when the queue
//! is full or its wait runs out. A wait that ends at the very moment at which a place comes free gets the place, and
//! one that runs out does so before the starts of that moment. Calls without a duration in the log are left out, and
//! the timeout is not looked at: a bulkhead is judged alone.
//!
//! Who comes later changes nothing for who waits, so that a start tells at once when the call runs, or that it never
//! does: only starts are modelled, and of those only what may find the bulkhead full.

use super::call::Outcome;
use super::load::Load;
use super::timeline::{Batch, Phase, TimePhase, Tracked};
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

/// Calls that may run at once. A fraction of a call counts as one, as the consumer compares.
pub(super) fn max_running(max_concurrent_calls: f64) -> usize {
    max_concurrent_calls.ceil().max(0.0) as usize
}

/// One bulkhead.
pub(crate) struct Bulkhead {
    max_running: usize,
    queue_plan: Queue,
    /// When the calls end that have the places. One that is over stays until another takes its place.
    ends: BinaryHeap<Reverse<TimePhase>>,
    /// When those that wait leave the queue, in order: they run, or their wait is over. Some may have left.
    leave: VecDeque<TimePhase>,
    /// Up to then calls are in flight that would not be so in the log, or the other way round.
    differs_until: Option<TimePhase>,
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
            ends: BinaryHeap::new(),
            leave: VecDeque::new(),
            differs_until: None,
            tally: Tally::default(),
            #[cfg(test)]
            ran_us: std::collections::BTreeMap::new(),
        }
    }

    /// What it was made with.
    pub(super) fn plan(&self) -> (usize, Queue) {
        (self.max_running, self.queue_plan)
    }

    /// Takes the next events, with their load.
    ///
    /// Where every call in flight runs as the log says and the log's own number in flight fits, no start finds the
    /// bulkhead full: there is nothing to model.
    pub(super) fn take(&mut self, batch: &Batch, load: Load) {
        if self.differs_until.is_none_or(|until| until < TimePhase::of(batch.from_us, Phase::End)) {
            if load.peak as usize <= self.max_running {
                self.tally.calls += u64::from(load.starts);
                return;
            }
            self.leave.clear();
            self.ends.clear();
            self.ends.extend(batch.in_flight().map(|call| Reverse(TimePhase::of_end(call.start_us, call.duration_us))));
        }
        batch.started().filter(|call| call.is_timed()).for_each(|call| self.start(call));
    }

    #[inline]
    fn start(&mut self, call: &Tracked) {
        self.tally.calls += 1;
        let end = TimePhase::of_end(call.start_us, call.duration_us);
        if self.ends.len() < self.max_running {
            self.ends.push(Reverse(end));
        } else if self.first_end() < TimePhase::of(call.start_us, Phase::Start) {
            self.replace_first_end(end);
        } else {
            self.wait(call);
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
    fn wait(&mut self, call: &Tracked) {
        let start_us = call.start_us;
        let start = TimePhase::of(start_us, Phase::Start);
        let is_good = u64::from(call.outcome() == Outcome::Good);
        self.tally.first_full_us.get_or_insert(start_us);
        self.differs_until = self.differs_until.max(Some(TimePhase::of_end(start_us, call.duration_us)));
        while self.leave.front().is_some_and(|leaves| *leaves < start) {
            self.leave.pop_front();
        }
        if self.leave.len() >= self.queue_plan.calls {
            self.tally.rejected_full += 1;
            self.tally.good_rejected += is_good;
            return;
        }
        let over = TimePhase::of(start_us.saturating_add(self.queue_plan.wait_us), Phase::WaitOver);
        let free = self.first_end();
        if free < over {
            let end = TimePhase::of_end(free.at_us(), call.duration_us);
            self.replace_first_end(end);
            self.differs_until = self.differs_until.max(Some(end));
            let wait_us = free.at_us().saturating_sub(start_us);
            self.tally.waited += 1;
            self.tally.wait_us = self.tally.wait_us.saturating_add(wait_us as u64);
            self.tally.longest_wait_us = self.tally.longest_wait_us.max(wait_us);
            self.note_run(call.number, free.at_us());
        } else {
            self.tally.rejected_waiting += 1;
            self.tally.good_rejected += is_good;
            self.differs_until = self.differs_until.max(Some(over));
        }
        self.leave.push_back(free.min(over));
        self.tally.longest_queue = self.tally.longest_queue.max(self.leave.len());
    }

    /// What was counted.
    pub(crate) fn finish(self) -> Tally {
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
