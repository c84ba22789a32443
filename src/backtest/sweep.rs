//! One pass over the spooled calls for all configs: the calling thread reads, sorts and makes the events, the others
//! run the models. No model sees another, so the number of threads shows in no result.

use super::breaker::{self, Breakers, JudgeOpenings, Knobs};
use super::bulkhead::{self, Bulkhead, Queue};
use super::call::{Call, Outcome};
use super::regret::Hindsight;
use super::retries::Retries;
use super::spool::Stored;
use super::timeline::{Batch, Event, Phase, Timeline};
use super::timeout::{self, Durations, Timeout};
use super::traffic::Traffic;
use crate::tuning::TunableConfig;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Calls whose events the models get at once; small enough to stay in a cache.
const BATCH_CALLS: usize = 1 << 12;

/// Batches that may wait for a thread.
const WAITING_BATCHES: usize = 4;

/// The models of one config that see single events.
pub(super) struct Models {
    timeout: Timeout,
    breakers: Breakers,
    queued: Bulkhead,
    unqueued: Bulkhead,
}

/// What one config's models counted.
pub(super) struct Counted {
    pub timeout: timeout::Tally,
    pub breaker: breaker::Tally,
    pub false_openings: u64,
    pub queued: bulkhead::Tally,
    pub unqueued: bulkhead::Tally,
}

impl Models {
    pub(super) fn new(config: &TunableConfig, consumer: Knobs, queue: Queue) -> Self {
        let timeout_us = timeout_us(config);
        let knobs = Knobs {
            failure_threshold_percent: config.circuit_breaker.failure_threshold,
            open_timeout_us: micros(config.circuit_breaker.open_timeout_ms) as i64,
            ..consumer
        };
        let max_calls = config.bulkhead.max_concurrent_calls;
        Models {
            timeout: Timeout::new(timeout_us),
            breakers: Breakers::new(vec![knobs], timeout_us, JudgeOpenings::Yes),
            queued: Bulkhead::new(max_calls, queue),
            unqueued: Bulkhead::new(max_calls, Queue::NONE),
        }
    }

    fn take(&mut self, batch: &Batch) {
        for event in &batch.events {
            if event.is_timed & (event.phase == Phase::Start) {
                self.timeout.take(event.duration_us, event.outcome);
            }
            self.breakers.take(event);
        }
        self.queued.take_batch(batch);
        self.unqueued.take_batch(batch);
    }

    fn finish(mut self, end_us: i64) -> Counted {
        let (breaker, false_openings) = self.breakers.finish(end_us).pop().unwrap_or_default();
        Counted {
            timeout: self.timeout.finish(),
            breaker,
            false_openings: false_openings.unwrap_or(0),
            queued: self.queued.finish(),
            unqueued: self.unqueued.finish(),
        }
    }
}

/// A config's timeout in microseconds.
pub(super) fn timeout_us(config: &TunableConfig) -> u64 {
    micros(config.http_client.timeout_ms)
}

/// Milliseconds as microseconds, within what times can hold.
fn micros(ms: f64) -> u64 {
    const LONGEST_US: f64 = 9e18;
    (ms * 1e3).round().clamp(0.0, LONGEST_US) as u64
}

/// What the calling thread works out itself.
pub(super) struct Shared {
    pub traffic: Traffic,
    pub durations: Durations,
    pub retries: Retries,
}

/// What the other threads run.
enum Task {
    Config(Box<Models>),
    Hindsight(Box<Hindsight>),
}

impl Task {
    fn take(&mut self, batch: &Batch) {
        match self {
            Task::Config(models) => models.take(batch),
            Task::Hindsight(hindsight) => hindsight.take(&batch.events),
        }
    }
}

/// Runs everything over the calls that start at or after `from_us`.
///
/// # Errors
/// Those of [`Stored::replay`].
pub(super) fn run(
    stored: &Stored,
    from_us: i64,
    models: Vec<Models>,
    hindsight: Option<Hindsight>,
    shared: &mut Shared,
    threads: usize,
) -> anyhow::Result<(Vec<Counted>, Option<Hindsight>)> {
    let threads = threads.clamp(1, models.len() + 1);
    // The grid costs about as much as a config; it goes last, where the fewest tasks are.
    let hindsight = hindsight.map(|hindsight| Task::Hindsight(Box::new(hindsight)));
    let tasks = models.into_iter().map(|models| Task::Config(Box::new(models))).chain(hindsight);
    let mut hands: Vec<Vec<(usize, Task)>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, task) in tasks.enumerate() {
        hands[number % threads].push((number, task));
    }
    let done = std::thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut handles = Vec::new();
        for tasks in hands {
            let (sender, receiver) = sync_channel(WAITING_BATCHES);
            senders.push(sender);
            handles.push(scope.spawn(move || work(tasks, &receiver)));
        }
        let read = feed(stored, from_us, shared, &senders);
        drop(senders);
        let done = handles.into_iter().flat_map(|handle| match handle.join() {
            Ok(tasks) => tasks,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let done: Vec<(usize, Task)> = done.collect();
        read.map(|()| done)
    })?;
    Ok(gather(done, shared))
}

fn work(mut tasks: Vec<(usize, Task)>, batches: &Receiver<Arc<Batch>>) -> Vec<(usize, Task)> {
    for batch in batches {
        tasks.iter_mut().for_each(|(_, task)| task.take(&batch));
    }
    tasks
}

fn feed(stored: &Stored, from_us: i64, shared: &mut Shared, senders: &[SyncSender<Arc<Batch>>]) -> anyhow::Result<()> {
    let mut timeline = Timeline::default();
    let send = |events: Vec<Event>, traffic: &mut Traffic| {
        let batch = Arc::new(Batch::new(events, traffic.in_flight));
        traffic.take_batch(&batch);
        // A thread that is gone panicked; joining it says so.
        senders.iter().for_each(|sender| drop(sender.send(Arc::clone(&batch))));
    };
    stored.replay(from_us, |calls| {
        for batch in calls.chunks(BATCH_CALLS) {
            shared.take(batch);
            let mut events = Vec::with_capacity(2 * batch.len());
            batch.iter().for_each(|call| timeline.push(call, &mut events));
            send(events, &mut shared.traffic);
        }
        Ok(())
    })?;
    let mut events = Vec::new();
    timeline.finish(&mut events);
    send(events, &mut shared.traffic);
    Ok(())
}

impl Shared {
    fn take(&mut self, calls: &[Call]) {
        self.traffic.take_calls(calls);
        for call in calls {
            self.durations.take(call);
            self.retries.take(call.stamped_start_us(), call.outcome == Outcome::Failed);
        }
    }
}

/// Puts the configs back in their order.
fn gather(mut done: Vec<(usize, Task)>, shared: &Shared) -> (Vec<Counted>, Option<Hindsight>) {
    let end_us = shared.traffic.span_us.map_or(0, |(_, to_us)| to_us);
    done.sort_by_key(|(number, _)| *number);
    let (mut counted, mut grid) = (Vec::new(), None);
    for (_, task) in done {
        match task {
            Task::Config(models) => counted.push(models.finish(end_us)),
            Task::Hindsight(hindsight) => grid = Some(*hindsight),
        }
    }
    (counted, grid)
}
