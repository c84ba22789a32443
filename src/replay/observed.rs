//! Single requests on their way to `zscore`: taken as they are read, judged in event time.
//!
//! Inputs are read side by side and a request may be written later than it ended; the order here is by time, then
//! input, then line, whatever order they come in.

use crate::report::OptimizationConfig;
use crate::rules::Anomaly;
use crate::rules::zscore::{Observation, ZScore};
use crate::window::pane::pane_of;
use std::collections::BTreeMap;

/// The rules and the requests that no cycle has taken yet.
pub(super) struct Observed {
    rules: ZScore,
    pane_ms: i64,
    /// By pane, each with its input.
    waiting: BTreeMap<i64, Vec<(usize, Observation)>>,
}

impl Observed {
    pub(super) fn new(limits: OptimizationConfig, pane_ms: i64) -> Self {
        Observed { rules: ZScore::new(limits), pane_ms, waiting: BTreeMap::new() }
    }

    /// Takes a request; those of one input come in its own order.
    pub(super) fn push(&mut self, input: usize, request: Observation) {
        self.waiting.entry(pane_of(request.timestamp_ms, self.pane_ms)).or_default().push((input, request));
    }

    /// Gives the endpoints of the requests that are remembered other numbers.
    pub(super) fn rename(&mut self, number: impl Fn(u32) -> u32) {
        self.rules.rename(number);
    }

    /// Calls `change` with the endpoint of every request that was not judged, which is a leaf.
    pub(super) fn for_each_leaf(&mut self, mut change: impl FnMut(&mut u32)) {
        self.waiting.values_mut().flatten().for_each(|(_, request)| change(&mut request.endpoint));
    }

    /// Judges what lies in the panes up to this one and was not judged before; nothing is still to come for these.
    /// `endpoint_of` gives a leaf's endpoint.
    pub(super) fn judge_until(&mut self, end_pane: i64, endpoint_of: impl Fn(u32) -> u32) -> Vec<Anomaly> {
        while let Some(pane) = self.waiting.first_entry().filter(|pane| *pane.key() <= end_pane) {
            let mut requests = pane.remove();
            // Stable, so that each input's own order is kept.
            requests.sort_by_key(|(input, request)| (request.timestamp_ms, *input));
            for (_, request) in requests {
                self.rules.judge(&Observation { endpoint: endpoint_of(request.endpoint), ..request });
            }
        }
        self.rules.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::knob::Knobs;

    /// Eleven requests of which the last in time takes longer, and so is off by more than three sigmas; were it judged
    /// before the others, it would not be.
    #[test]
    fn requests_are_judged_by_time_then_input_then_line() {
        let observation = |timestamp_ms, duration_ms: u64| Observation {
            timestamp_ms,
            duration_ns: Some(duration_ms * 1_000_000),
            endpoint: 0,
            is_error: false,
            memory_bytes: None,
            cpu: None,
        };
        let judged = |slow_at: (usize, i64), others_at: (usize, i64)| {
            let mut observed = Observed::new(Knobs::default().optimization, 60_000);
            observed.push(slow_at.0, observation(slow_at.1, 11));
            (0..10).for_each(|_| observed.push(others_at.0, observation(others_at.1, 10)));
            assert_eq!(observed.judge_until(0, |leaf| leaf), []);
            observed.judge_until(1, |leaf| leaf).len()
        };
        assert_eq!(judged((0, 2), (0, 1)), 1);
        assert_eq!(judged((0, 1), (0, 2)), 0);
        assert_eq!(judged((1, 1), (0, 1)), 1);
        assert_eq!(judged((0, 1), (1, 1)), 0);
        assert_eq!(judged((0, 1), (0, 1)), 0);
    }
}
