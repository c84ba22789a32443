//! One step of the loop: findings in, the config and the record of what moved it forward.

use super::episode::Episodes;
use super::rail::Rails;
use super::reason::Trace;
use crate::plan::{RuleSet, RulesPlan};
use crate::report::{AnomalyCount, Change, ConfigChanges, Cycle, Gap, format_time};
use crate::route::endpoint::EndpointNames;
use crate::rules::{Anomaly, Findings, Signals};
use crate::tuning::{self, TunableConfig};

/// The config under tuning and everything noted on the way.
pub(super) struct Feedback {
    plan: RulesPlan,
    pub(super) config: TunableConfig,
    last_change_ms: Option<i64>,
    pub(super) cycle_count: u64,
    pub(super) skipped_cycle_count: u64,
    pub(super) changes: Vec<Change>,
    /// The same as whole configs, each with the end of its cycle.
    pub(super) configs: Vec<(i64, TunableConfig)>,
    pub(super) cycles: Vec<Cycle>,
    pub(super) episodes: Episodes,
    pub(super) rails: Rails,
    pub(super) trace: Trace,
    pub(super) skipped_gaps: Vec<Gap>,
    gaps: Vec<(i64, i64)>,
}

impl Feedback {
    pub(super) fn new(plan: RulesPlan) -> Self {
        Feedback {
            config: plan.current,
            last_change_ms: None,
            cycle_count: 0,
            skipped_cycle_count: 0,
            changes: Vec::new(),
            configs: Vec::new(),
            cycles: Vec::new(),
            episodes: Episodes::new(plan.looping.window_ms()),
            rails: Rails::new(&plan),
            trace: Trace::default(),
            skipped_gaps: Vec::new(),
            gaps: Vec::new(),
            plan,
        }
    }

    /// Ends a cycle: tunes the config by the findings and notes both.
    pub(super) fn apply(&mut self, end_ms: i64, findings: Findings, names: &EndpointNames) {
        self.cycle_count += 1;
        let changes = match &findings.signals {
            Some(signals) => self.tune(end_ms, signals),
            None => {
                self.skipped_cycle_count += 1;
                ConfigChanges::default()
            }
        };
        for anomaly in &findings.anomalies {
            self.episodes.note(end_ms, anomaly);
        }
        self.rails.note(&self.config);
        if self.plan.keep_cycles {
            self.keep_cycle(end_ms, &findings, changes, names);
        }
    }

    fn tune(&mut self, end_ms: i64, signals: &Signals) -> ConfigChanges {
        let next = tuning::propose(&self.config, signals, &self.plan.tuner, self.plan.rules);
        let is_due = self.has_cooled_down(end_ms);
        let applied = if is_due { next } else { self.config };
        let changes = tuning::changes(&self.config, &applied);
        self.trace.note(signals, &self.config, &next, &applied);
        self.rails.note_signals(signals);
        if changes != ConfigChanges::default() {
            self.config = applied;
            self.last_change_ms = Some(end_ms);
            self.configs.push((end_ms, applied));
            self.changes.push(Change { cycle_end: format_time(end_ms), config_changes: changes });
        }
        changes
    }

    /// `published`: strictly more than the cooldown since the last change, which starts at the epoch; the others: at
    /// least the cooldown, and the first change is free.
    fn has_cooled_down(&self, end_ms: i64) -> bool {
        match self.plan.rules {
            RuleSet::Published => (end_ms - self.last_change_ms.unwrap_or(0)) as f64 > self.plan.tuner.cooldown_ms,
            RuleSet::Documented | RuleSet::ZScore => self
                .last_change_ms
                .is_none_or(|last| (end_ms - last) as f64 >= self.plan.looping.cooldown_between_changes_ms),
        }
    }

    fn keep_cycle(&mut self, end_ms: i64, findings: &Findings, changes: ConfigChanges, names: &EndpointNames) {
        let mut anomalies: Vec<AnomalyCount> =
            findings.anomalies.iter().map(|anomaly| count_of(anomaly, names)).collect();
        anomalies.sort_unstable();
        self.cycles.push(Cycle {
            cycle_end: format_time(end_ms),
            patterns_processed: findings.requests,
            anomalies_found: anomalies.iter().map(|anomaly| anomaly.count).sum(),
            anomalies,
            config_changes: changes,
            config: self.config,
        });
    }

    /// Notes a stretch in which no cycle runs.
    pub(super) fn skip_gap(&mut self, from_ms: i64, to_ms: i64) {
        self.skipped_gaps.push(Gap { from: format_time(from_ms), to: format_time(to_ms) });
    }

    /// Notes a window that fell silent; windows that touch are one gap.
    pub(super) fn note_gap(&mut self, from_ms: i64, to_ms: i64) {
        match self.gaps.last_mut() {
            Some((_, end_ms)) if *end_ms >= from_ms => *end_ms = to_ms,
            _ => self.gaps.push((from_ms, to_ms)),
        }
    }

    /// The windows that fell silent.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.gaps.iter().map(|(from, to)| Gap { from: format_time(*from), to: format_time(*to) }).collect()
    }
}

fn count_of(anomaly: &Anomaly, names: &EndpointNames) -> AnomalyCount {
    let name = names.name(anomaly.endpoint);
    AnomalyCount {
        method: name.method.clone(),
        path: name.path.clone(),
        group: name.group.clone(),
        metric: anomaly.metric,
        severity: anomaly.severity,
        count: anomaly.count,
    }
}
