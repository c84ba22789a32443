//! Cycles over panes in event time, for the rule sets that do not live by arrival order.

use super::feedback::Feedback;
use super::intake::{Intake, Settled};
use super::observed::Observed;
use crate::plan::{RuleSet, RulesPlan};
use crate::route::endpoint::EndpointNames;
use crate::route::naming::Merged;
use crate::rules::Findings;
use crate::rules::documented::Documented;
use crate::rules::zscore::Observation;
use crate::window::aggregate::Horizon;
use std::collections::BTreeMap;

/// Requests per window that make a baseline busy and its absence a gap (rules.md 4).
const BUSY_WINDOW: u64 = 10;

/// The loop's place in time, its windows and its rules.
pub(super) struct EventLoop {
    horizon: Horizon,
    rules: Documented,
    /// `zscore`, whose anomalies take the place of those of `documented`.
    observed: Option<Observed>,
    interval_ms: i64,
    window_ms: i64,
    max_gap_ms: i64,
    pane_ms: i64,
    progress: Option<Progress>,
}

#[derive(Clone, Copy)]
struct Progress {
    origin_ms: i64,
    next_end_ms: i64,
    last_request_ms: i64,
}

impl EventLoop {
    pub(super) fn new(plan: &RulesPlan) -> Self {
        let geometry = super::Replay::geometry(plan);
        EventLoop {
            horizon: Horizon::new(geometry),
            rules: Documented::new(plan.anomaly, &plan.looping),
            observed: (plan.rules == RuleSet::ZScore).then(|| Observed::new(plan.optimization, geometry.pane_ms)),
            interval_ms: plan.looping.default_interval_ms,
            window_ms: plan.looping.window_ms(),
            max_gap_ms: plan.looping.max_gap_ms,
            pane_ms: geometry.pane_ms,
            progress: None,
        }
    }

    /// Takes one request of an input.
    pub(super) fn observe(&mut self, input: usize, request: Observation) {
        if let Some(observed) = &mut self.observed {
            observed.push(input, request);
        }
    }

    /// Runs every cycle whose requests are all known: those that end before the watermark, up to the first
    /// one at or after the last request.
    pub(super) fn advance(
        &mut self,
        watermark_ms: i64,
        intake: &mut Intake,
        feedback: &mut Feedback,
        names: &mut EndpointNames,
    ) {
        while let Some(next) = intake.open_panes.first() {
            if next.first_ms >= watermark_ms {
                return;
            }
            let end_ms = self.next_end(next.first_ms, feedback);
            if end_ms >= watermark_ms {
                return;
            }
            self.run_cycle(end_ms, intake, feedback, names);
        }
    }

    /// The end of the next cycle, given the next request: after a long gap the loop resumes at that
    /// request's floored interval.
    fn next_end(&mut self, next_request_ms: i64, feedback: &mut Feedback) -> i64 {
        let resumed_ms = next_request_ms.div_euclid(self.interval_ms) * self.interval_ms;
        let progress = self.progress.get_or_insert(Progress {
            origin_ms: resumed_ms,
            next_end_ms: resumed_ms + self.interval_ms,
            last_request_ms: next_request_ms,
        });
        if next_request_ms - progress.last_request_ms > self.max_gap_ms {
            let resumed_end_ms = resumed_ms + self.interval_ms;
            if resumed_end_ms > progress.next_end_ms {
                feedback.skip_gap(progress.last_request_ms, next_request_ms);
                progress.next_end_ms = resumed_end_ms;
            }
        }
        progress.next_end_ms
    }

    /// Calls `change` with every leaf that is under way.
    pub(super) fn for_each_leaf(&mut self, change: impl FnMut(&mut u32)) {
        if let Some(observed) = &mut self.observed {
            observed.for_each_leaf(change);
        }
    }

    /// The end of the last cycle, once there was one.
    pub(super) fn end_ms(&self) -> Option<i64> {
        self.progress.map(|progress| progress.next_end_ms - self.interval_ms)
    }

    fn run_cycle(&mut self, end_ms: i64, intake: &mut Intake, feedback: &mut Feedback, names: &mut EndpointNames) {
        let Some(progress) = &mut self.progress else { return };
        let end_pane = end_ms / self.pane_ms;
        let Settled { merged, panes } = intake.settle(end_pane, end_ms, names);
        let is_renamed = !merged.is_empty();
        // By what they became in the end: an endpoint may have been two others in between.
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for Merged { from, .. } in merged.into_iter().filter(|merged| self.horizon.has_seen(merged.from)) {
            parts.entry(intake.naming.target(from)).or_default().push(from);
        }
        for (into, from) in parts {
            let mut into_was_seen = self.horizon.has_seen(into);
            for from in &from {
                self.rules.unite(*from, into, into_was_seen);
                into_was_seen = true;
            }
            self.horizon.unite(&from, into);
        }
        if let Some(observed) = self.observed.as_mut().filter(|_| is_renamed) {
            observed.rename(|endpoint| intake.naming.target(endpoint));
        }
        for pane in panes {
            progress.last_request_ms = progress.last_request_ms.max(pane.span.last_ms);
            let (rules, pane_end_ms) = (&mut self.rules, pane.span.pane * self.pane_ms);
            self.horizon.push(pane, |endpoint| rules.first_seen(endpoint, pane_end_ms));
        }
        progress.next_end_ms = end_ms + self.interval_ms;
        let origin_ms = progress.origin_ms;
        self.horizon.advance(end_pane);
        let findings = match &mut self.observed {
            Some(observed) => {
                let found = observed.judge_until(end_pane, |leaf| intake.naming.place(leaf).shown);
                self.rules.judge_by(&self.horizon, end_ms, names, found)
            }
            None => self.rules.judge(&self.horizon, end_ms, origin_ms, names),
        };
        if self.is_gap(&findings, end_ms, origin_ms) {
            feedback.note_gap(end_ms - self.window_ms, end_ms);
        }
        feedback.apply(end_ms, findings, names);
    }

    /// Whether the window fell silent after a busy baseline.
    fn is_gap(&self, findings: &Findings, end_ms: i64, origin_ms: i64) -> bool {
        if findings.requests >= BUSY_WINDOW {
            return false;
        }
        let windows = self.rules.existing_windows(end_ms, origin_ms);
        windows > 0 && self.horizon.total_history_requests(windows) >= BUSY_WINDOW * windows as u64
    }
}
