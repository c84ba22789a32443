//! One pass of all models over batches of events: what is counted call by call is one stage of a pipeline, and each model
//! is one behind it. No model sees another.

use super::Candidate;
use super::breaker::{self, BankPlan, Breakers, JudgeOpenings, Knobs};
use super::bulkhead::{self, Bulkhead, Queue};
use super::call::Outcome;
use super::pipeline::Pipeline;
use super::regret;
use super::retries::Retries;
use super::timeline::Batch;
use super::timeout::{self, Durations, Timeout};
use super::traffic::Traffic;
use crate::threads::{into_inner, lock};
use crate::tuning::TunableConfig;
use std::sync::{Arc, Mutex};

/// The stage that counts call by call; earlier ones are free for the caller.
const COUNTING: usize = 1;

/// What one config's models counted.
pub(super) struct Counted {
    pub timeout: timeout::Tally,
    pub breaker: breaker::Tally,
    pub false_openings: u64,
    pub queued: bulkhead::Tally,
    pub unqueued: bulkhead::Tally,
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

/// What is counted call by call.
pub(super) struct Shared {
    pub traffic: Traffic,
    pub durations: Durations,
    pub retries: Retries,
    /// By config, then the grid's.
    timeouts: Vec<Timeout>,
    shortest_timeout_us: u64,
}

impl Shared {
    /// Takes the next batch.
    fn take(&mut self, batch: &Batch) {
        self.traffic.take(batch);
        batch.for_each_start(|call, floor_us| {
            let (outcome, start_us) = (call.outcome(), call.stamped_start_us());
            self.traffic.take_call(start_us, outcome);
            self.retries.take(start_us, floor_us, 1, u64::from(outcome == Outcome::Failed));
            if call.is_timed() {
                self.durations.take(call.duration_us, outcome);
            }
            if call.duration_us > self.shortest_timeout_us {
                self.timeouts.iter_mut().for_each(|timeout| timeout.take(call.duration_us, outcome));
            }
        });
    }
}

/// A model that sees every event.
enum Model {
    Breakers(Box<Breakers>),
    Bulkhead(Box<Bulkhead>),
}

impl Model {
    fn take(&mut self, batch: &Batch) {
        match self {
            Model::Breakers(breakers) => breakers.take(batch),
            Model::Bulkhead(bulkhead) => bulkhead.take(batch),
        }
    }
}

/// Models under way.
pub(super) struct Sweep {
    shared: Mutex<Shared>,
    /// By config: which bulkheads are its own, with and without a queue.
    bulkheads: Vec<[(usize, Queue); 2]>,
    models: Vec<Mutex<Model>>,
}

/// What all models counted.
pub(super) struct Swept {
    pub shared: Shared,
    /// By config.
    pub counted: Vec<Counted>,
    /// What the grid's timeout cut, and what its breakers did.
    pub grid: Option<(u64, Vec<breaker::Tally>)>,
}

/// What the models are run with.
pub(super) struct SweepPlan<'a> {
    pub candidates: &'a [Candidate],
    pub consumer: Knobs,
    pub queue: Queue,
    pub grid: super::Grid,
    /// Most good calls with a duration that can come.
    pub good_timed: u64,
}

impl Sweep {
    pub(super) fn new(plan: &SweepPlan) -> Self {
        let configs = plan.candidates.iter().map(|candidate| &candidate.config);
        let mut banks: Vec<BankPlan> = configs.clone().map(|config| bank(config, plan.consumer)).collect();
        banks.extend((plan.grid == super::Grid::Tried).then(|| regret::grid(plan.consumer)));
        let timeouts = banks.iter().map(|bank| Timeout::new(bank.timeout_us)).collect();
        // A retry counts when it is a whole one.
        let retries = configs.clone().map(|config| config.http_client.max_retries as u32).collect();
        let shared = Shared {
            traffic: Traffic::default(),
            durations: Durations::new(plan.good_timed),
            retries: Retries::new(retries),
            timeouts,
            shortest_timeout_us: banks.iter().map(|bank| bank.timeout_us).min().unwrap_or(u64::MAX),
        };
        let own = |config: &TunableConfig| {
            let max_running = bulkhead::max_running(config.bulkhead.max_concurrent_calls);
            [(max_running, plan.queue), (max_running, Queue::NONE)]
        };
        let bulkheads: Vec<[(usize, Queue); 2]> = configs.map(own).collect();
        let mut models = vec![Model::Breakers(Box::new(Breakers::new(banks)))];
        let each = distinct(&bulkheads);
        models.extend(each.iter().map(|(max, queue)| Model::Bulkhead(Box::new(Bulkhead::new(*max, *queue)))));
        Sweep { shared: Mutex::new(shared), bulkheads, models: models.into_iter().map(Mutex::new).collect() }
    }

    /// Posts the next events.
    pub(super) fn take<'env>(&'env self, batch: Arc<Batch>, pipeline: &Pipeline<'env>) {
        for (stage, model) in (COUNTING + 1..).zip(&self.models) {
            let batch = Arc::clone(&batch);
            pipeline.post(stage, move |_| lock(model).take(&batch));
        }
        pipeline.post(COUNTING, move |_| lock(&self.shared).take(&batch));
    }

    pub(super) fn finish(self) -> Swept {
        let shared = into_inner(self.shared);
        let end_us = shared.traffic.span_us.map_or(0, |(_, to_us)| to_us);
        let (mut banks, mut turned_away) = (Vec::new(), Vec::new());
        for model in self.models.into_iter().map(into_inner) {
            match model {
                Model::Breakers(breakers) => banks = breakers.finish(end_us),
                Model::Bulkhead(bulkhead) => turned_away.push((bulkhead.plan(), bulkhead.finish())),
            }
        }
        let tally = |plan: &(usize, Queue)| {
            let found = turned_away.iter().find(|(other, _)| other == plan);
            found.map(|(_, tally)| *tally).unwrap_or_default()
        };
        let mut timeouts = shared.timeouts.iter().map(|timeout| timeout.finish());
        let mut banks = banks.into_iter();
        let each = self.bulkheads.iter().zip(banks.by_ref()).zip(timeouts.by_ref());
        let counted = each.map(|(([queued, unqueued], mut bank), timeout)| {
            let (breaker, false_openings) = bank.pop().unwrap_or_default();
            let false_openings = false_openings.unwrap_or(0);
            Counted { timeout, breaker, false_openings, queued: tally(queued), unqueued: tally(unqueued) }
        });
        let counted = counted.collect();
        let grid = timeouts.next().zip(banks.next()).map(|(timeout, bank)| {
            let tallies = bank.into_iter().map(|(tally, _)| tally).collect();
            (timeout.good_cut, tallies)
        });
        drop(timeouts);
        Swept { counted, grid, shared }
    }
}

/// A config's breaker behind its timeout.
fn bank(config: &TunableConfig, consumer: Knobs) -> BankPlan {
    let knobs = Knobs {
        failure_threshold_percent: config.circuit_breaker.failure_threshold,
        open_timeout_us: micros(config.circuit_breaker.open_timeout_ms) as i64,
        ..consumer
    };
    BankPlan { timeout_us: timeout_us(config), settings: vec![knobs], judge: JudgeOpenings::Yes }
}

/// Each once: rules seldom move the bulkhead, and equal ones do the same.
fn distinct(bulkheads: &[[(usize, Queue); 2]]) -> Vec<(usize, Queue)> {
    let mut distinct: Vec<(usize, Queue)> = Vec::new();
    for plan in bulkheads.as_flattened() {
        if !distinct.contains(plan) {
            distinct.push(*plan);
        }
    }
    distinct
}
