//! What to do about each critical anomaly. It is printed beside the anomaly and never done.
//!
//! In go visits in order of time, judged by the rule set `zscore`; out come its critical findings, and those about memory,
//! which the plugin heals whatever their severity, folded into episodes with what the plugin would do.

pub mod report;
#[cfg(test)]
mod tests;

use super::Kept;
use super::trace::Visit;
use crate::report::{Metric, OptimizationConfig, Severity, format_time};
use crate::request::FIRST_ERROR_STATUS;
use crate::route::endpoint::EndpointNames;
use crate::rules::zscore::{Observation, ZScore};
use crate::rules::{Anomaly, Direction};
use report::{Healing as Row, HealingReport};
use std::collections::BTreeMap;

/// Findings of one endpoint and metric further apart are two episodes: the plugin's aggregation window.
const EPISODE_GAP_MS: i64 = 300_000;

/// Room above the slowest answer in a timeout that lets it pass, as `evidence` has it.
const TIMEOUT_HEADROOM: f64 = 1.2;

/// The findings of a log under way.
pub(super) struct Healing {
    rules: ZScore,
    /// By endpoint and metric.
    open: BTreeMap<(u32, Metric), Episode>,
    over: Vec<Episode>,
}

/// Findings that follow each other.
#[derive(Clone, Debug)]
struct Episode {
    from_ms: i64,
    to_ms: i64,
    count: u64,
    /// The one that is furthest off.
    worst: Anomaly,
}

impl Healing {
    pub(super) fn new(limits: OptimizationConfig) -> Self {
        Healing { rules: ZScore::new(limits), open: BTreeMap::new(), over: Vec::new() }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        self.rules.judge(&observation(visit));
        for anomaly in self.rules.take() {
            if anomaly.severity == Severity::Critical || anomaly.metric == Metric::Memory {
                self.note(visit.ended_ms, anomaly);
            }
        }
    }

    fn note(&mut self, at_ms: i64, anomaly: Anomaly) {
        let key = (anomaly.endpoint, anomaly.metric);
        let new = Episode { from_ms: at_ms, to_ms: at_ms, count: 1, worst: anomaly };
        let Some(episode) = self.open.get_mut(&key) else {
            self.open.insert(key, new);
            return;
        };
        if at_ms.saturating_sub(episode.to_ms) > EPISODE_GAP_MS {
            self.over.push(std::mem::replace(episode, new));
            return;
        }
        episode.to_ms = at_ms;
        episode.count += 1;
        let distance = |anomaly: &Anomaly| (anomaly.actual - anomaly.baseline).abs();
        if distance(&new.worst) > distance(&episode.worst) {
            episode.worst = new.worst;
        }
    }

    /// What was found, once all requests were taken.
    pub(super) fn finish(self, kept: &Kept, names: &EndpointNames) -> HealingReport {
        let mut episodes = self.over;
        episodes.extend(self.open.into_values());
        let name = |episode: &Episode| names.name(episode.worst.endpoint);
        episodes.sort_by(|a, b| (a.from_ms, name(a), a.worst.metric).cmp(&(b.from_ms, name(b), b.worst.metric)));
        let rows = episodes.iter().map(|episode| row(episode, names)).collect();
        HealingReport { basis: kept.basis(), anomalies: rows }
    }
}

/// The visit as the rules see it.
pub(super) fn observation(visit: &Visit) -> Observation {
    Observation {
        timestamp_ms: visit.ended_ms,
        duration_ns: visit.duration_ns,
        endpoint: visit.endpoint,
        is_error: visit.status >= FIRST_ERROR_STATUS,
        memory_bytes: visit.memory_bytes,
        cpu: visit.cpu,
    }
}

fn row(episode: &Episode, names: &EndpointNames) -> Row {
    let Anomaly { endpoint, metric, severity, actual, baseline, .. } = episode.worst;
    let name = names.name(endpoint);
    Row {
        from: format_time(episode.from_ms),
        to: format_time(episode.to_ms),
        method: name.method.clone(),
        path: name.path.clone(),
        group: name.group.clone(),
        metric,
        severity,
        count: episode.count,
        peak: actual,
        baseline,
        actions: actions(&episode.worst),
    }
}

/// What the plugin would do, with the figures that it would need.
fn actions(worst: &Anomaly) -> Vec<String> {
    let actions: &[String] = match (worst.metric, worst.direction) {
        (Metric::Latency, Direction::Down) => {
            &["Nothing: these answers were faster than usual. See whether they held what they should.".to_owned()]
        }
        (Metric::Latency, Direction::Up) => &[
            format!(
                "Raise the timeout of this route to {} ms, if such an answer is worth the wait.",
                (TIMEOUT_HEADROOM * worst.actual).ceil()
            ),
            "Cache its answers, where `learn advise cache` says that it pays.".to_owned(),
            "Look at the slowest queries of this route at that time.".to_owned(),
        ],
        (Metric::ErrorRate, _) => {
            &["Open the circuit breaker of this route.".to_owned(), "Serve fallbacks while it is open.".to_owned()]
        }
        (Metric::Memory, _) => &[
            format!(
                "Raise the heap, and --max-memory, above {} MB, if that much is meant to be used.",
                worst.actual.ceil()
            ),
            "Otherwise look for a leak on this route.".to_owned(),
        ],
        _ => &[],
    };
    actions.to_vec()
}
