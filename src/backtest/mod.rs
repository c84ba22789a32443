//! What a config would have done to the traffic of a log: models of the mechanisms that it sets, run over every
//! request in order of start time, several configs side by side.
//!
//! In go the spooled calls of the log, out comes a [`BacktestReport`]. The models run alone, one by one, but the
//! breaker sees what the timeout cuts. Nothing here reads a log, and nothing but the spool touches the world.
//!
//! | where | what |
//! |---|---|
//! | `call` | one request as the models see it |
//! | `spool` | all requests in a temporary file, read back in order of time |
//! | `order` | positions and keys in order of time |
//! | `timeline` | calls to starts and ends in order of time |
//! | `pipeline` | who does what when, on all cores |
//! | `sweep` | one pass of all models over the events |
//! | `load` | how many calls are in flight |
//! | `timeout`, `breaker`, `bulkhead`, `retries`, `stability`, `regret` | one model each |
//! | `traffic` | what holds whatever the config |
//! | `open_minute` | counts by minute from calls that come nearly in order |
//! | `minutes` | the models that single requests are not needed for, over rows of window tables |
//! | `verdict` | the result in words |

pub(crate) mod breaker;
pub(crate) mod bulkhead;
pub(crate) mod call;
mod load;
mod minutes;
pub(crate) mod open_minute;
mod order;
pub(crate) mod pipeline;
pub(crate) mod regret;
pub(crate) mod report;
pub(crate) mod retries;
pub(crate) mod spool;
pub(crate) mod stability;
mod sweep;
pub(crate) mod timeline;
pub(crate) mod timeout;
mod traffic;
mod verdict;

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;

use crate::report::format_time;
use crate::tuning::TunableConfig;
use breaker::{BreakerResult, Knobs};
use bulkhead::{BulkheadResult, Queue};
use pipeline::Pipeline;
use regret::{BestInHindsight, Calls, RegretResult};
use report::{BacktestReport, BulkheadResults, ConfigResult, Split, TrafficResult};
use retries::RetriesResult;
use spool::Stored;
use stability::History;
use std::sync::Arc;
use sweep::{Counted, Sweep, SweepPlan, Swept};
use timeline::Batch;
use timeout::{DurationSums, TimeoutResult};
use traffic::Traffic;

/// One config to test.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// What it is called, for example `recommended` or a file's name.
    pub name: String,
    /// The config, within the consumers' bounds.
    pub config: TunableConfig,
    /// How its rule set came to it; `None` for a config that is constant.
    pub history: Option<History>,
}

/// The part of the log that a split tests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SplitPlan {
    /// The first part's share of the log, 0 to 1.
    pub share: f64,
    /// Calls that start at or after are tested, in UTC microseconds.
    pub at_us: i64,
    /// The config fitted on the first part; it is to be among the candidates, too.
    pub fitted: TunableConfig,
}

/// What to test, and how.
#[derive(Clone, Debug)]
pub(crate) struct Backtest {
    /// Configs, in the order of the result.
    pub candidates: Vec<Candidate>,
    /// The bulkhead's queue.
    pub queue: Queue,
    /// What the configs do not set of the breaker.
    pub consumer: Knobs,
    /// The logged field that breakers are kept by; `None`: the endpoint. The calls are numbered by it.
    pub breaker_by: Option<String>,
    /// `None` tests on the whole log.
    pub split: Option<SplitPlan>,
    /// Threads for the models.
    pub threads: usize,
    /// Whether the best constant config is looked for.
    pub grid: Grid,
}

/// Whether the configs are measured against the best constant one in hindsight, which costs more than all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// They are.
    Tried,
    /// They are not: the regret is `null`.
    LeftOut,
}

impl Backtest {
    /// A test on the whole log with the queue and the breaker that the consumers have.
    pub(crate) fn new(candidates: Vec<Candidate>, threads: usize) -> Self {
        let consumer = Knobs::consumer(0.0, 0);
        Backtest {
            candidates,
            queue: Queue::CONSUMER,
            consumer,
            breaker_by: None,
            split: None,
            threads,
            grid: Grid::Tried,
        }
    }

    /// Runs every model over the spooled calls.
    ///
    /// # Errors
    /// When the temporary file cannot be read back.
    pub(crate) fn run(&self, stored: &Stored) -> anyhow::Result<BacktestReport> {
        let test = self.clone().start(stored);
        let batches = stored.batches(self.tested_from_us());
        pipeline::run(self.threads, batches, |batch, pipeline| test.take(Arc::new(batch), pipeline))?;
        Ok(test.finish())
    }

    /// Calls that start earlier by their stamps are not tested.
    fn tested_from_us(&self) -> i64 {
        self.split.map_or(i64::MIN, |split| split.at_us)
    }

    /// The test, before its first call.
    pub(crate) fn start(self, stored: &Stored) -> Test<'_> {
        let sweep = Sweep::new(&SweepPlan {
            candidates: &self.candidates,
            consumer: self.consumer,
            queue: self.queue,
            grid: self.grid,
            good_timed: stored.good_timed(),
        });
        Test { backtest: self, stored, sweep }
    }

    /// Puts the report together; `calls` are those of the whole log.
    fn report(
        &self,
        facts: &Facts,
        calls: u64,
        configs: Vec<ConfigResult>,
        best_in_hindsight: Option<BestInHindsight>,
        limits: Vec<String>,
    ) -> BacktestReport {
        let traffic = facts.result();
        BacktestReport {
            verdict: verdict::verdict(&configs, &traffic),
            split: self.split.map(|split| Split {
                share: split.share,
                at: format_us(split.at_us),
                fitted_requests: calls - facts.traffic.calls,
            }),
            fitted: self.split.map(|split| split.fitted),
            breaker_by: self.breaker_by.clone(),
            traffic,
            configs,
            best_in_hindsight,
            limits,
        }
    }

    fn result(
        &self,
        candidate: &Candidate,
        counted: &Counted,
        retries: RetriesResult,
        facts: &Facts,
        best: &Option<BestInHindsight>,
    ) -> ConfigResult {
        let has_latency = facts.durations.timed > 0;
        let cost = regret::cost(counted.timeout.good_cut, &counted.breaker, calls_of(&facts.traffic));
        let timeout_us = sweep::timeout_us(&candidate.config);
        ConfigResult {
            name: candidate.name.clone(),
            config: candidate.config,
            timeout: has_latency
                .then(|| TimeoutResult::new(&counted.timeout, timeout_us, &facts.durations, facts.p999_us)),
            breaker: Some(BreakerResult::new(&counted.breaker, counted.false_openings, facts.traffic.length_us())),
            bulkhead: has_latency.then(|| BulkheadResults {
                queue: BulkheadResult::new(&counted.queued, self.queue),
                no_queue: BulkheadResult::new(&counted.unqueued, Queue::NONE),
            }),
            retries,
            stability: candidate.history.as_ref().map(stability::moves),
            regret: RegretResult { cost, regret: cost.zip(best.as_ref()).map(|(cost, best)| cost - best.cost) },
        }
    }
}

/// A test under way.
pub(crate) struct Test<'a> {
    backtest: Backtest,
    stored: &'a Stored,
    sweep: Sweep,
}

impl Test<'_> {
    /// Posts the next events: those of calls that are tested, and no others.
    pub(crate) fn take<'env>(&'env self, batch: Arc<Batch>, pipeline: &Pipeline<'env>) {
        self.sweep.take(batch, pipeline);
    }

    /// What came of it.
    pub(crate) fn finish(self) -> BacktestReport {
        let Test { backtest, stored, sweep } = self;
        let Swept { mut shared, counted, grid } = sweep.finish();
        let calls = calls_of(&shared.traffic);
        let best = grid.and_then(|(good_cut, tallies)| regret::best(good_cut, tallies.iter(), calls));
        let configs = backtest.candidates.iter().map(|candidate| &candidate.config);
        let timeouts_ms: Vec<f64> = configs.map(|config| config.http_client.timeout_ms).collect();
        let retries = shared.retries.finish(&timeouts_ms);
        let p999_us = shared.durations.p999_us();
        let facts = Facts { p999_us, traffic: shared.traffic, durations: shared.durations.sums };
        let each = backtest.candidates.iter().zip(&counted).zip(retries);
        let configs: Vec<ConfigResult> = each
            .map(|((candidate, counted), retries)| backtest.result(candidate, counted, retries, &facts, &best))
            .collect();
        backtest.report(&facts, stored.calls(), configs, best, limits(stored, &facts))
    }
}

/// What the results share.
struct Facts {
    traffic: Traffic,
    durations: DurationSums,
    p999_us: Option<u64>,
}

impl Facts {
    fn result(&self) -> TrafficResult {
        let traffic = &self.traffic;
        TrafficResult {
            requests: traffic.calls,
            good: traffic.good,
            failed: traffic.failed,
            timed: self.durations.timed,
            from: traffic.stamped_span_us.map(|(from_us, _)| format_us(from_us)),
            to: traffic.stamped_span_us.map(|(_, to_us)| format_us(to_us)),
            p999_ms: self.p999_us.map(|us| us as f64 / 1e3),
            peak_in_flight: traffic.peak.map(|(calls, _)| u64::from(calls)),
            peak_at: traffic.peak.map(|(_, at_us)| format_us(at_us)),
        }
    }
}

fn calls_of(traffic: &Traffic) -> Calls {
    Calls { good: traffic.good, failed: traffic.failed }
}

fn format_us(at_us: i64) -> String {
    format_time(at_us.div_euclid(1000))
}

const CENSORED: &str = "Latencies are censored by the timeouts that were in force when the log was written: a call \
                        that was cut then looks no longer than that.";
const NO_FEEDBACK: &str = "Queueing feedback is not replayed: a call takes as long as it took, however many others a \
                           config would have kept away.";
const RETRIED: &str = "Retried requests in the log are counted as they stand.";

/// What the figures cannot say.
fn limits(stored: &Stored, facts: &Facts) -> Vec<String> {
    let mut limits = [CENSORED, NO_FEEDBACK, RETRIED].map(str::to_owned).to_vec();
    if stored.has_whole_seconds() {
        limits.push(
            "The log's times are whole seconds: the requests that ended in one second are taken to be spread evenly \
             over it, in log order. Log $msec for exact figures."
                .to_owned(),
        );
    }
    let untimed = facts.traffic.calls - facts.durations.timed;
    if untimed > 0 {
        limits.push(format!(
            "{untimed} of {} requests have no duration (or were long connections): the timeout and the bulkhead leave \
             them out, and to the breaker they end where they start.",
            facts.traffic.calls
        ));
    }
    limits
}
