//! The models that need no single requests, over the rows of window tables: the timeout and the retries.
//!
//! Their figures are those of the same requests one by one. The breaker, the bulkhead and what is in flight depend on
//! the order of requests within a minute and stay `null`.

use super::call::{MINUTE_US, Outcome};
use super::regret::RegretResult;
use super::report::{BacktestReport, ConfigResult};
use super::retries::{Retries, RetriesResult};
use super::timeout::{DurationSums, Timeout, TimeoutResult};
use super::traffic::Traffic;
use super::{Backtest, CENSORED, Candidate, Facts, RETRIED, stability, sweep};
use crate::window::minute::{MinuteRow, MinuteRows};
use crate::window::value_counts::{ValueCounts, value_at};

/// What is summed up over the rows.
struct Sums {
    traffic: Traffic,
    durations: DurationSums,
    good_us: ValueCounts,
    retries: Retries,
    /// By config.
    timeouts: Vec<Timeout>,
}

impl Backtest {
    /// Runs the models over the rows of the tested part, which begins on a whole minute.
    pub(crate) fn run_minutes(&self, minutes: &MinuteRows) -> BacktestReport {
        let from_us = self.split.map_or(i64::MIN, |split| split.at_us);
        let configs = self.candidates.iter().map(|candidate| &candidate.config);
        let mut sums = Sums {
            traffic: Traffic::default(),
            durations: DurationSums::default(),
            good_us: ValueCounts::default(),
            retries: Retries::new(configs.clone().map(|config| config.http_client.max_retries as u32).collect()),
            timeouts: configs.clone().map(|config| Timeout::new(sweep::timeout_us(config))).collect(),
        };
        let tested = |row: &&MinuteRow| row.key.started * MINUTE_US >= from_us;
        minutes.by_start().into_iter().filter(tested).for_each(|row| sums.take(row));
        let timeouts_ms: Vec<f64> = configs.map(|config| config.http_client.timeout_ms).collect();
        let retries = sums.retries.finish(&timeouts_ms);
        // ceil(0.999 n) from below.
        let good = sums.durations.good_timed;
        let p999_us = value_at(&sums.good_us.into_sorted(), good.saturating_sub(good / 1000 + 1));
        let facts = Facts { traffic: sums.traffic, durations: sums.durations, p999_us };
        let each = self.candidates.iter().zip(sums.timeouts).zip(retries);
        let results = each.map(|((candidate, timeout), retries)| without_calls(candidate, timeout, retries, &facts));
        let results = results.collect();
        self.report(&facts, minutes.requests(), results, None, limits(&facts))
    }
}

impl Sums {
    fn take(&mut self, row: &MinuteRow) {
        let (requests, outcome) = (row.counts.requests, row.key.outcome);
        let failures = if outcome == Outcome::Failed { requests } else { 0 };
        self.traffic.take_row(row);
        let start_us = row.key.started * MINUTE_US;
        self.retries.take(start_us, start_us, requests, failures);
        let values: Vec<(u64, u64)> = row.durations_us().collect();
        for &(us, calls) in &values {
            self.durations.take(us, outcome, calls);
            self.timeouts.iter_mut().for_each(|timeout| timeout.take_many(us, outcome, calls));
        }
        if outcome == Outcome::Good {
            self.good_us.extend_counted(&values);
        }
    }
}

fn without_calls(candidate: &Candidate, timeout: Timeout, retries: RetriesResult, facts: &Facts) -> ConfigResult {
    let timeout_us = sweep::timeout_us(&candidate.config);
    let has_latency = facts.durations.timed > 0;
    ConfigResult {
        name: candidate.name.clone(),
        config: candidate.config,
        timeout: has_latency
            .then(|| TimeoutResult::new(&timeout.finish(), timeout_us, &facts.durations, facts.p999_us)),
        breaker: None,
        bulkhead: None,
        retries,
        stability: candidate.history.as_ref().map(stability::moves),
        regret: RegretResult::default(),
    }
}

fn limits(facts: &Facts) -> Vec<String> {
    let mut limits = [CENSORED, RETRIED].map(str::to_owned).to_vec();
    limits.push(
        "Window tables keep no single requests: the breaker, the bulkhead, the number in flight and the regret need the \
         logs."
            .to_owned(),
    );
    let untimed = facts.traffic.calls - facts.durations.timed;
    if untimed > 0 {
        limits.push(format!(
            "{untimed} of {} requests have no duration (or were long connections): the timeout leaves them out.",
            facts.traffic.calls
        ));
    }
    limits
}
