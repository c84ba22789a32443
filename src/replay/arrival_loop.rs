//! Cycles over single requests in arrival order, for `published`.

use super::feedback::Feedback;
use super::intake::Intake;
use crate::plan::RulesPlan;
use crate::route::endpoint::EndpointNames;
use crate::route::naming::NOT_FOUND;
use crate::rules::published::{Arrival, Published};
use crate::window::pane::Answer;
use std::collections::VecDeque;

/// Requests looked at to find the loop's origin (rules.md 3).
const ORIGIN_SAMPLE: usize = 1000;

pub(super) struct ArrivalLoop {
    rules: Published,
    interval_ms: i64,
    pane_ms: i64,
    max_gap_ms: i64,
    /// 0 = no limit.
    max_patterns: usize,
    /// Requests that wait until everything before them is known, by leaf.
    held: VecDeque<Arrival>,
    /// Requests held back until the origin is known, by leaf.
    first: Vec<Arrival>,
    /// Requests of the cycle under way, by leaf.
    fresh: VecDeque<Arrival>,
    next_end_ms: Option<i64>,
    newest_ms: i64,
}

impl ArrivalLoop {
    pub(super) fn new(plan: &RulesPlan) -> Self {
        ArrivalLoop {
            rules: Published::new(plan.anomaly, &plan.looping),
            interval_ms: plan.looping.default_interval_ms,
            pane_ms: super::Replay::geometry(plan).pane_ms,
            max_gap_ms: plan.looping.max_gap_ms,
            max_patterns: plan.looping.max_patterns,
            held: VecDeque::new(),
            first: Vec::new(),
            fresh: VecDeque::new(),
            next_end_ms: None,
            newest_ms: i64::MIN,
        }
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        self.held.push_back(arrival);
    }

    /// Goes on with the requests before which nothing is still to come: a cycle that they end can be named.
    pub(super) fn advance(
        &mut self,
        watermark_ms: i64,
        intake: &mut Intake,
        feedback: &mut Feedback,
        names: &mut EndpointNames,
    ) {
        let is_known = |arrival: &Arrival| arrival.timestamp_ms <= watermark_ms;
        while self.held.front().is_some_and(is_known)
            && let Some(arrival) = self.held.pop_front()
        {
            match self.next_end_ms {
                Some(next_end_ms) => self.record(arrival, next_end_ms, intake, feedback, names),
                None => {
                    self.first.push(arrival);
                    if self.first.len() == ORIGIN_SAMPLE {
                        self.start(intake, feedback, names);
                    }
                }
            }
        }
    }

    /// Sets the origin and replays what was held back.
    fn start(&mut self, intake: &mut Intake, feedback: &mut Feedback, names: &mut EndpointNames) {
        let first = std::mem::take(&mut self.first);
        let Some(smallest_ms) = first.iter().map(|arrival| arrival.timestamp_ms).min() else { return };
        self.newest_ms = smallest_ms;
        let mut next_end_ms = self.floor(smallest_ms) + self.interval_ms;
        for arrival in first {
            self.record(arrival, next_end_ms, intake, feedback, names);
            next_end_ms = self.next_end_ms.unwrap_or(next_end_ms);
        }
    }

    fn floor(&self, timestamp_ms: i64) -> i64 {
        timestamp_ms.div_euclid(self.interval_ms) * self.interval_ms
    }

    /// Runs the cycles that are due before the request, then stores it.
    fn record(
        &mut self,
        arrival: Arrival,
        mut next_end_ms: i64,
        intake: &mut Intake,
        feedback: &mut Feedback,
        names: &mut EndpointNames,
    ) {
        while arrival.timestamp_ms > next_end_ms {
            let has_caught_up = next_end_ms - self.interval_ms >= self.newest_ms;
            if has_caught_up && arrival.timestamp_ms.saturating_sub(self.newest_ms) > self.max_gap_ms {
                let resumed_end_ms = self.floor(arrival.timestamp_ms) + self.interval_ms;
                if resumed_end_ms > next_end_ms {
                    feedback.skip_gap(self.newest_ms, arrival.timestamp_ms);
                    next_end_ms = resumed_end_ms;
                    continue;
                }
            }
            self.run_cycle(next_end_ms, intake, feedback, names);
            next_end_ms += self.interval_ms;
        }
        self.newest_ms = self.newest_ms.max(arrival.timestamp_ms);
        self.next_end_ms = Some(next_end_ms);
        self.fresh.push_back(arrival);
        // What the rules' store would have forgotten by the cycle's end.
        if self.max_patterns > 0 && self.fresh.len() > self.max_patterns {
            self.fresh.pop_front();
        }
    }

    fn run_cycle(&mut self, end_ms: i64, intake: &mut Intake, feedback: &mut Feedback, names: &mut EndpointNames) {
        let mut merged = intake.settle(end_ms.div_euclid(self.pane_ms), end_ms, names).merged;
        // Late requests are in no pane; by now they have arrived.
        let found_ms = |arrival: &Arrival| match arrival.answer {
            Answer::NotFound => NOT_FOUND,
            Answer::Found | Answer::Failed => arrival.timestamp_ms,
        };
        let seen = self.fresh.iter().map(|arrival| (arrival.endpoint, found_ms(arrival)));
        merged.extend(intake.settle_leaves(seen, end_ms, names));
        if !merged.is_empty() {
            self.rules.rename(|endpoint| intake.naming.target(endpoint));
        }
        for arrival in self.fresh.drain(..) {
            self.rules.record(Arrival { endpoint: intake.naming.place(arrival.endpoint).shown, ..arrival });
        }
        feedback.apply(end_ms, self.rules.judge(end_ms, names), names);
    }

    /// Runs the last cycle, and gives its end.
    pub(super) fn finish(
        &mut self,
        intake: &mut Intake,
        feedback: &mut Feedback,
        names: &mut EndpointNames,
    ) -> Option<i64> {
        self.start(intake, feedback, names);
        let end_ms = self.next_end_ms?;
        self.run_cycle(end_ms, intake, feedback, names);
        Some(end_ms)
    }

    /// Calls `change` with every leaf that is under way.
    pub(super) fn for_each_leaf(&mut self, change: impl FnMut(&mut u32)) {
        let waiting = self.held.iter_mut().chain(&mut self.first).chain(&mut self.fresh);
        waiting.map(|arrival| &mut arrival.endpoint).for_each(change);
    }
}
