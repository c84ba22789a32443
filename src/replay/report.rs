//! A finished replay and what is known of its reading, put together as a report.

use super::latency_advice::no_latency;
use super::{Engine, Kept, Replay, SecondLook};
use crate::advise::trace::Trace;
use crate::plan::{ReplayPlan, RuleChoice, RuleSet, SpikeRule};
use crate::report::{
    Input, InputSettings, Recommended, RecommendedBreaker, RecommendedBulkhead, RecommendedClient, Report,
    SCHEMA_VERSION, Settings, Summary, format_time,
};
use crate::route::declared::unmatched;
use crate::route::naming::{OTHER, UNMATCHED};
use crate::usage::negative_binomial::Phase;
use crate::window::minute::Repeats;

/// Share of the cycles at the floor from which the published rules' habit is explained.
const NOTABLE_FLOOR_SHARE: f64 = 0.5;

/// What whole seconds keep from everyone who looks at them.
const COARSE: &str = "every latency is a whole number of seconds, so each request may have taken nearly a second longer than \
                      the percentiles and the timeout from them say; log it finer, such as Apache's %D or nginx's \
                      $request_time";

/// What the reading of the log found, beside the requests themselves.
pub struct Reading {
    /// The inputs, in order.
    pub inputs: Vec<Input>,
    /// Settings as they were resolved against the log.
    pub settings: InputSettings,
    /// Counts that reading fills; the rest is the replay's.
    pub summary: Summary,
    /// What a second look can go over, when the plan keeps it or an input was a window table.
    pub(crate) kept: Option<Kept>,
    /// Every request with all that the analyses look at, when they are to run.
    pub(crate) trace: Option<Trace>,
    /// What of the logs the window tables beside them hold.
    pub(crate) repeats: Option<Repeats>,
}

impl Replay {
    /// The report; call [`Replay::finish`] before.
    pub(crate) fn into_report(
        mut self,
        plan: &ReplayPlan,
        reading: Reading,
        SecondLook { evidence, backtest }: SecondLook,
    ) -> Report {
        let rules = &plan.rules;
        let sum = self.intake.totals.sum();
        let has_latency = sum.timed > 0;
        let is_coarse = self.intake.totals.is_in_whole_seconds();
        let endpoints = self.intake.totals.finish(&self.names);
        let rails = self.feedback.rails.finish();
        let mut notes = reading.summary.notes.clone();
        notes.extend(is_coarse.then(|| COARSE.to_owned()));
        notes.extend(self.floor_note(&rails));
        notes.extend(self.route_notes(plan));
        // Window tables keep the routes that they were made with, which another note tells.
        let is_log = |input: &Input| !input.is_window_table();
        if let Some(declared) = plan.input.declared.as_deref().filter(|_| reading.inputs.iter().all(is_log)) {
            notes.extend(unmatched::note(declared, endpoints.iter().map(|row| (&*row.method, &*row.path))));
        }
        notes.extend(self.usage.has_too_many().then(|| {
            format!(
                "there are more than {} developers, so their usage is not compared: name the right field with \
                 --developer-field, or allow more with --max-developers",
                plan.input.max_developers
            )
        }));
        let explained = std::mem::take(&mut self.explained);
        let routes = plan.explains_routes.then(|| explained.rows(&self.intake.naming, &self.names, &endpoints));
        let supported = evidence.as_ref().filter(|_| rules.choice == RuleChoice::Evidence);
        let (recommended, reasons) = match supported {
            Some(evidence) => (evidence.global.recommended(&rules.current), evidence.global.reasons()),
            None => {
                let why = (!has_latency).then(|| no_latency(&reading.inputs));
                let reasons = self.feedback.trace.reasons(rules, why.as_deref(), &self.names);
                (self.recommended(has_latency), reasons)
            }
        };
        let usage_spikes = self.usage.take_spikes();
        let (mut usage_alerts, usage_episodes) = self.usage.take_alerts();
        usage_alerts.retain(|alert| alert.data.phase != Phase::End.name());
        let summary = Summary {
            errors: sum.errors,
            cycles: self.feedback.cycle_count,
            skipped_cycles: self.feedback.skipped_cycle_count,
            endpoints: endpoints.len() as u64,
            developers: (!self.usage.has_too_many()).then(|| self.usage.developer_count()),
            usage_windows_not_tested: self.usage.windows_not_tested(),
            skipped_gaps: std::mem::take(&mut self.feedback.skipped_gaps),
            gaps: match &self.engine {
                Engine::Event(_) => self.feedback.gaps(),
                Engine::Arrival(_) => Vec::new(),
            },
            rails,
            has_latency,
            notes,
            ..reading.summary
        };
        Report {
            schema_version: SCHEMA_VERSION,
            inputs: reading.inputs,
            settings: Settings {
                rules: rules.choice.name(),
                anomaly_config: rules.anomaly,
                tuner_config: rules.tuner,
                loop_config: rules.looping,
                spike_rule: rules.spikes.name(),
                usage: rules.usage,
                evidence: rules.evidence,
                optimization: (rules.rules == RuleSet::ZScore).then_some(rules.optimization),
                input: reading.settings,
            },
            summary,
            current: rules.current,
            recommended,
            reasons,
            changes: std::mem::take(&mut self.feedback.changes),
            anomalies: self.feedback.episodes.finish(&self.names),
            endpoints,
            routes,
            usage_spikes,
            usage_episodes: matches!(rules.spikes, SpikeRule::NegativeBinomial(_)).then_some(usage_episodes),
            usage_alerts,
            evidence,
            backtest,
            cycles: std::mem::take(&mut self.feedback.cycles),
        }
    }

    fn recommended(&self, has_latency: bool) -> Recommended {
        let config = &self.feedback.config;
        Recommended {
            circuit_breaker: RecommendedBreaker {
                failure_threshold: Some(config.circuit_breaker.failure_threshold),
                open_timeout_ms: Some(config.circuit_breaker.open_timeout_ms),
            },
            bulkhead: RecommendedBulkhead { max_concurrent_calls: Some(config.bulkhead.max_concurrent_calls) },
            http_client: RecommendedClient {
                timeout_ms: has_latency.then_some(config.http_client.timeout_ms),
                max_retries: Some(config.http_client.max_retries),
            },
        }
    }

    /// Says what was too much to be kept apart.
    fn route_notes(&self, plan: &ReplayPlan) -> Vec<String> {
        const ADVICE: &str = "name routes with --routes or --openapi, or allow more with --max-routes";
        let naming = &self.intake.naming;
        if let Some(full_since_ms) = naming.full_since_ms() {
            return vec![format!(
                "there are more than {} routes; from the cycle that ends at {} on, every new one is counted as {OTHER}: \
                 {ADVICE}",
                plan.input.max_routes,
                format_time(full_since_ms)
            )];
        }
        let forgotten = naming.has_forgotten().then(|| {
            format!(
                "so many different paths were answered with 404 only that they are not remembered: what comes before a \
                 path's first other answer stays {UNMATCHED}; {ADVICE}"
            )
        });
        forgotten.into_iter().collect()
    }

    /// Says what drives the published threshold to its floor, when it sat there for long.
    fn floor_note(&self, rails: &[crate::report::Rail]) -> Option<String> {
        let is_notable = self.plan.rules == RuleSet::Published
            && rails.iter().any(|rail| {
                rail.setting == "circuitBreaker.failureThreshold"
                    && rail.side == "floor"
                    && rail.share >= NOTABLE_FLOOR_SHARE
            });
        is_notable.then(|| {
            "published rules: each failed request of an otherwise healthy endpoint counts as a high anomaly, in \
             every window it lies in, so failureThreshold sinks to its floor on ordinary traffic; treat it as the \
             rule's doing, not as advice"
                .to_owned()
        })
    }
}
