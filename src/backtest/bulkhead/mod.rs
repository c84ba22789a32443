//! What a bulkhead would have done: the semantics of @backendkit-labs/bulkhead 0.2.1 over an exact sweep.
//!
//! A start that finds as many calls running as are allowed waits in a queue, in order; it is rejected when the queue
//! is full or its wait runs out. A wait that ends at the very moment at which a place comes free gets the place, and
//! one that runs out does so before the starts of that moment. Calls without a duration in the log are left out, and
//! the timeout is not looked at: a bulkhead is judged alone.
//!
//! Only what may find the bulkhead full is modelled: with a queue in [`queued`], without one in [`unqueued`].

mod places;
mod queued;
mod unqueued;

use super::timeline::Batch;
use queued::Queued;
use serde::Serialize;
use unqueued::Unqueued;

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
    queue: Queue,
    model: Model,
    tally: Tally,
}

/// When calls ran, by their numbers.
#[cfg(test)]
pub(super) type RanUs = std::collections::BTreeMap<u64, i64>;

enum Model {
    Queued(Queued),
    Unqueued(Unqueued),
}

impl Model {
    /// Whether other calls are in flight before a batch than in the log.
    fn differ(&self, batch: &Batch) -> bool {
        match self {
            Model::Queued(queued) => queued.differs_at(batch.from_us),
            Model::Unqueued(unqueued) => unqueued.differs(),
        }
    }

    /// Takes what is in flight before a batch from the log.
    fn begin(&mut self, batch: &Batch) {
        match self {
            Model::Queued(queued) => queued.begin(batch),
            Model::Unqueued(unqueued) => unqueued.begin(batch),
        }
    }

    fn take(&mut self, batch: &Batch, tally: &mut Tally) {
        match self {
            Model::Queued(queued) => queued.take(batch, tally),
            Model::Unqueued(unqueued) => unqueued.take(batch, tally),
        }
    }
}

impl Bulkhead {
    /// An empty bulkhead.
    pub(crate) fn new(max_running: usize, queue: Queue) -> Self {
        let model = match queue.calls {
            0 => Model::Unqueued(Unqueued::new(max_running)),
            _ => Model::Queued(Queued::new(max_running, queue)),
        };
        Bulkhead { max_running, queue, model, tally: Tally::default() }
    }

    /// What it was made with.
    pub(super) fn plan(&self) -> (usize, Queue) {
        (self.max_running, self.queue)
    }

    /// Takes the next events.
    ///
    /// Where every call in flight runs as the log says and the log's own number in flight fits, no start finds the
    /// bulkhead full: there is nothing to model.
    pub(super) fn take(&mut self, batch: &Batch) {
        let load = &batch.load;
        self.tally.calls += u64::from(load.starts);
        let differs = self.model.differ(batch);
        if !differs && load.peak as usize <= self.max_running {
            return;
        }
        if !differs {
            self.model.begin(batch);
        }
        self.model.take(batch, &mut self.tally);
    }

    /// When each call ran that was modelled.
    #[cfg(test)]
    pub(super) fn ran_us(&self) -> &RanUs {
        match &self.model {
            Model::Queued(queued) => &queued.ran_us,
            Model::Unqueued(unqueued) => &unqueued.ran_us,
        }
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
