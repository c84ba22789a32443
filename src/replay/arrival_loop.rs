//! Cycles over single requests in arrival order, for `published`.

use super::feedback::Feedback;
use crate::plan::RulesPlan;
use crate::route::endpoint::EndpointNames;
use crate::rules::published::{Arrival, Published};

/// Requests looked at to find the loop's origin (rules.md 3).
const ORIGIN_SAMPLE: usize = 1000;

pub(super) struct ArrivalLoop {
    rules: Published,
    interval_ms: i64,
    max_gap_ms: i64,
    /// Requests held back until the origin is known.
    first: Vec<Arrival>,
    next_end_ms: Option<i64>,
    newest_ms: i64,
}

impl ArrivalLoop {
    pub(super) fn new(plan: &RulesPlan) -> Self {
        ArrivalLoop {
            rules: Published::new(plan.anomaly, &plan.looping),
            interval_ms: plan.looping.default_interval_ms,
            max_gap_ms: plan.looping.max_gap_ms,
            first: Vec::new(),
            next_end_ms: None,
            newest_ms: i64::MIN,
        }
    }

    pub(super) fn arrive(&mut self, arrival: Arrival, feedback: &mut Feedback, names: &EndpointNames) {
        match self.next_end_ms {
            Some(next_end_ms) => self.record(arrival, next_end_ms, feedback, names),
            None => {
                self.first.push(arrival);
                if self.first.len() == ORIGIN_SAMPLE {
                    self.start(feedback, names);
                }
            }
        }
    }

    /// Sets the origin and replays what was held back.
    fn start(&mut self, feedback: &mut Feedback, names: &EndpointNames) {
        let first = std::mem::take(&mut self.first);
        let Some(smallest_ms) = first.iter().map(|arrival| arrival.timestamp_ms).min() else { return };
        self.newest_ms = smallest_ms;
        let mut next_end_ms = self.floor(smallest_ms) + self.interval_ms;
        for arrival in first {
            self.record(arrival, next_end_ms, feedback, names);
            next_end_ms = self.next_end_ms.unwrap_or(next_end_ms);
        }
    }

    fn floor(&self, timestamp_ms: i64) -> i64 {
        timestamp_ms.div_euclid(self.interval_ms) * self.interval_ms
    }

    /// Runs the cycles that are due before the request, then stores it.
    fn record(&mut self, arrival: Arrival, mut next_end_ms: i64, feedback: &mut Feedback, names: &EndpointNames) {
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
            feedback.apply(next_end_ms, self.rules.judge(next_end_ms, names), names);
            next_end_ms += self.interval_ms;
        }
        self.newest_ms = self.newest_ms.max(arrival.timestamp_ms);
        self.next_end_ms = Some(next_end_ms);
        self.rules.record(arrival);
    }

    /// Runs the last cycle.
    pub(super) fn finish(&mut self, feedback: &mut Feedback, names: &EndpointNames) {
        self.start(feedback, names);
        if let Some(end_ms) = self.next_end_ms {
            feedback.apply(end_ms, self.rules.judge(end_ms, names), names);
        }
    }
}
