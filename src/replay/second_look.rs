//! A second look at every request, once the replay is over: what the whole log supports, and what the config in force
//! and the recommended ones would have done.
//!
//! Where the log is long enough, configs are fitted on its first half and tested on the second: a config tested on the
//! requests that it was made from looks better than it is. This module decides what is tested, not how.

use super::{Kept, Replay};
use crate::backtest::breaker::Knobs;
use crate::backtest::bulkhead::Queue;
use crate::backtest::call::MINUTE_US;
use crate::backtest::report::BacktestReport;
use crate::backtest::stability::History;
use crate::backtest::{Backtest, Candidate, Grid, SplitPlan};
use crate::plan::backtest::{BacktestPlan, SplitChoice};
use crate::plan::{ReplayPlan, RuleChoice};
use crate::report::{EndpointEvidence, EvidenceReport};
use crate::tuning::TunableConfig;
use crate::tuning::evidence::{EndpointPeaks, Evidence, MIN_TIMED_REQUESTS, Observed};

/// The first part's share of a split log.
const FIRST_PART: f64 = 0.5;

/// A shorter log is not split.
const MIN_SPLIT_SPAN_US: i64 = 120 * MINUTE_US;

/// Nor is one with fewer requests.
const MIN_SPLIT_REQUESTS: u64 = 2_000;

/// What the second look found.
#[derive(Default)]
pub(crate) struct SecondLook {
    /// What the whole log supports.
    pub(crate) evidence: Option<EvidenceReport>,
    /// What the configs would have done.
    pub(crate) backtest: Option<BacktestReport>,
}

impl Replay {
    /// Goes over the kept requests again; call [`Replay::finish`] before.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(crate) fn look_again(&self, kept: &Kept, plan: &ReplayPlan) -> anyhow::Result<SecondLook> {
        let peaks = if self.tells_endpoints(plan) { EndpointPeaks::Asked } else { EndpointPeaks::LeftOut };
        let Some(asked) = &plan.backtest else {
            let evidence = self.evidence_of(kept.fit(plan.threads, peaks)?, plan);
            return Ok(SecondLook { evidence: Some(evidence), backtest: None });
        };
        let test = |split, fitted: &Evidence| self.backtest(kept, plan, asked, split, fitted);
        let (evidence, backtest) = match split(kept, asked.split) {
            Some(split) => {
                let prepare = |first: &Observed| test(Some(split), &self.global(first));
                let (mut whole, later, backtest) = kept.fit_and_run(split.1, plan.threads, peaks, prepare)?;
                whole.append(later);
                (self.evidence_of(whole, plan), backtest)
            }
            None => {
                let evidence = self.evidence_of(kept.fit(plan.threads, peaks)?, plan);
                let backtest = kept.run(&test(None, &evidence.global))?;
                (evidence, backtest)
            }
        };
        Ok(SecondLook { evidence: Some(evidence), backtest: Some(backtest) })
    }

    /// Whether evidence is worked out for each endpoint. Kept by something else, the requests do not tell theirs.
    fn tells_endpoints(&self, plan: &ReplayPlan) -> bool {
        self.plan.endpoint_evidence && plan.input.breaker_by.is_none()
    }

    fn global(&self, observed: &Observed) -> Evidence {
        Evidence::of(observed.whole(), observed.resolution(), &self.plan.evidence, &self.plan.tuner)
    }

    fn evidence_of(&self, observed: Observed, plan: &ReplayPlan) -> EvidenceReport {
        let (global, resolution) = (self.global(&observed), observed.resolution());
        let each = if self.tells_endpoints(plan) { observed.endpoints } else { Vec::new() };
        let numbered = (0..).zip(each).filter(|(_, series)| series.requests > 0);
        let (told, left_out): (Vec<_>, Vec<_>) = numbered.partition(|(_, series)| series.timed >= MIN_TIMED_REQUESTS);
        let mut endpoints: Vec<EndpointEvidence> = told
            .into_iter()
            .map(|(number, series)| {
                let name = self.names.name(number).clone();
                let evidence = Evidence::of(series, resolution, &self.plan.evidence, &self.plan.tuner);
                EndpointEvidence { method: name.method, path: name.path, group: name.group, evidence }
            })
            .collect();
        endpoints.sort_by(|a, b| (&a.path, &a.method, &a.group).cmp(&(&b.path, &b.method, &b.group)));
        EvidenceReport { global, endpoints, endpoints_left_out: left_out.len() as u64 }
    }

    /// What is tested, and how.
    fn backtest(
        &self,
        kept: &Kept,
        plan: &ReplayPlan,
        asked: &BacktestPlan,
        split: Option<(f64, i64)>,
        evidence: &Evidence,
    ) -> Backtest {
        let current = self.plan.current;
        let supported = evidence.config(&current);
        let constant = |name: &str, config| Candidate { name: name.to_owned(), config, history: None };
        let mut candidates = Vec::new();
        if asked.tests_current {
            candidates.push(constant("current", current));
        }
        candidates.extend(asked.configs.iter().map(|(name, config)| constant(name, *config)));
        let fitted = match self.plan.choice {
            RuleChoice::Replayed(_) => {
                let tuned = split.map_or(self.feedback.config, |(_, at_us)| self.config_at(at_us));
                let history = kept.span_us().map(|(from_us, _)| self.history(from_us));
                candidates.push(Candidate { name: "recommended".to_owned(), config: tuned, history });
                candidates.push(constant("evidence", supported));
                tuned
            }
            RuleChoice::Evidence => {
                candidates.push(constant("recommended", supported));
                supported
            }
        };
        let split = split.map(|(share, at_us)| SplitPlan { share, at_us, fitted });
        let grid = if asked.looks_for_best { Grid::Tried } else { Grid::LeftOut };
        let queue = asked.queue_calls.map_or(Queue::CONSUMER, |calls| Queue { calls, ..Queue::CONSUMER });
        let consumer = Knobs {
            minimum_calls: self.plan.evidence.breaker_minimum,
            window_calls: self.plan.evidence.breaker_window,
            ..Knobs::consumer(0.0, 0)
        };
        let breaker_by = asked.breaker_by.clone();
        Backtest { split, consumer, grid, queue, breaker_by, ..Backtest::new(candidates, plan.threads) }
    }

    /// The config after the last cycle that ended by then.
    fn config_at(&self, at_us: i64) -> TunableConfig {
        let configs = &self.feedback.configs;
        let until = configs.partition_point(|(end_ms, _)| end_ms.saturating_mul(1000) <= at_us);
        until.checked_sub(1).map_or(self.plan.current, |last| configs[last].1)
    }

    fn history(&self, from_us: i64) -> History {
        let changes = self.feedback.configs.iter().map(|(end_ms, config)| (end_ms.saturating_mul(1000), *config));
        History { from_us, initial: self.plan.current, changes: changes.collect() }
    }
}

/// The first part's share of the time, and where the second part begins, on a whole minute; `None`: there is one part.
fn split(kept: &Kept, choice: SplitChoice) -> Option<(f64, i64)> {
    let (from_us, to_us) = kept.span_us()?;
    let span_us = to_us.saturating_sub(from_us);
    let is_long = span_us >= MIN_SPLIT_SPAN_US && kept.requests() >= MIN_SPLIT_REQUESTS;
    let share = match choice {
        SplitChoice::Whole => return None,
        SplitChoice::At(share) => share,
        SplitChoice::WhereLong => Some(FIRST_PART).filter(|_| is_long)?,
    };
    let at_us = from_us.saturating_add((span_us as f64 * share) as i64);
    Some((share, at_us.div_euclid(MINUTE_US) * MINUTE_US))
}
