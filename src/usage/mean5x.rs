//! The rule `mean5x`: calls in a window strictly above `multiplier` times the mean of the windows before it.
//!
//! Source: the usage anomaly detector of CalloraOrg (defaults: 5 times the mean of twelve 5-minute windows).
//! Missing windows count as zero; a mean of 0 flags any call.

use crate::report::{UsageConfig, UsageSpike, UsageSpikeData, format_time};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// The event's name in the original.
pub(super) const EVENT: &str = "usage.anomaly.detected";

/// What keeps a spike from being reported; nothing in the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// Fewer calls than this are no spike.
    pub min_calls: u64,
    /// Whether a developer without a call in the whole baseline can spike.
    pub new_developer: NewDeveloper,
}

/// What a developer without a call in the whole baseline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewDeveloper {
    /// A spike with the first call.
    #[default]
    Flag,
    /// None until there is a baseline.
    Skip,
}

impl NewDeveloper {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            NewDeveloper::Flag => "flag",
            NewDeveloper::Skip => "skip",
        }
    }
}

/// A spike with the windows that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The event.
    pub spike: UsageSpike,
    /// The start of the window, UTC milliseconds since the epoch.
    pub start_ms: i64,
    /// Calls in each window of the baseline and in the tested one, oldest first.
    pub trend: Vec<u64>,
}

/// The rule over consecutive windows; constant work per developer and window.
#[derive(Debug)]
pub struct Mean5x {
    config: UsageConfig,
    guards: Guards,
    /// The last windows, oldest first, with their calls by developer.
    baseline: VecDeque<(i64, HashMap<u32, u64>)>,
    /// Each developer's calls within `baseline`.
    sums: Vec<u64>,
    spikes: Vec<Spike>,
}

#[derive(Debug)]
struct Spike {
    window: i64,
    developer: u32,
    calls: u64,
    baseline_sum: u64,
    trend: Vec<u64>,
}

impl Mean5x {
    /// The rule without any window.
    pub fn new(config: UsageConfig) -> Self {
        let (guards, baseline) = (Guards::default(), VecDeque::new());
        Mean5x { config, guards, baseline, sums: Vec::new(), spikes: Vec::new() }
    }

    /// The rule with other guards.
    pub fn with_guards(self, guards: Guards) -> Self {
        Mean5x { guards, ..self }
    }

    /// Windows that make a baseline.
    pub fn baseline_windows(&self) -> i64 {
        self.config.baseline_windows as i64
    }

    /// Takes the next window that has calls and tests it, if a whole baseline lies between `first_window`
    /// and it.
    pub fn close(&mut self, window: i64, calls: HashMap<u32, u64>, first_window: i64) {
        self.forget_before(window - self.baseline_windows());
        if window - first_window >= self.baseline_windows() {
            for (&developer, &calls) in &calls {
                let baseline_sum = self.sums.get(developer as usize).copied().unwrap_or(0);
                if self.is_spike(calls, baseline_sum) {
                    let trend = self.trend(window, developer, calls);
                    self.spikes.push(Spike { window, developer, calls, baseline_sum, trend });
                }
            }
        }
        for (&developer, &calls) in &calls {
            let index = developer as usize;
            if index >= self.sums.len() {
                self.sums.resize(index + 1, 0);
            }
            self.sums[index] += calls;
        }
        self.baseline.push_back((window, calls));
    }

    fn is_spike(&self, calls: u64, baseline_sum: u64) -> bool {
        let is_guarded =
            calls < self.guards.min_calls || (baseline_sum == 0 && self.guards.new_developer == NewDeveloper::Skip);
        let mean = baseline_sum as f64 / self.config.baseline_windows as f64;
        !is_guarded && calls as f64 > mean * self.config.multiplier
    }

    /// The developer's calls in the windows before `window`, then those in it.
    fn trend(&self, window: i64, developer: u32, calls: u64) -> Vec<u64> {
        let mut trend = vec![0; self.config.baseline_windows + 1];
        let first = window - self.baseline_windows();
        for (before, by_developer) in &self.baseline {
            let slot = usize::try_from(before - first).ok().and_then(|index| trend.get_mut(index));
            if let (Some(slot), Some(calls)) = (slot, by_developer.get(&developer)) {
                *slot = *calls;
            }
        }
        trend[self.config.baseline_windows] = calls;
        trend
    }

    /// Forgets every window and every spike.
    pub fn forget_all(&mut self) {
        (self.baseline, self.sums, self.spikes) = Default::default();
    }

    fn forget_before(&mut self, window: i64) {
        while self.baseline.front().is_some_and(|(oldest, _)| *oldest < window) {
            let Some((_, calls)) = self.baseline.pop_front() else { return };
            for (developer, calls) in calls {
                self.sums[developer as usize] -= calls;
            }
        }
    }

    /// The spikes found, by window, then developer. A window that ends after `last_request_ms` is partial: the
    /// log may not hold all of it.
    pub fn take_findings(&mut self, names: &[String], last_request_ms: i64) -> Vec<Finding> {
        let mut spikes = std::mem::take(&mut self.spikes);
        spikes.sort_by(|a, b| {
            let name = |spike: &Spike| &names[spike.developer as usize];
            a.window.cmp(&b.window).then_with(|| (name(a), a.calls).cmp(&(name(b), b.calls)))
        });
        spikes.into_iter().map(|spike| self.finding(spike, names, last_request_ms)).collect()
    }

    fn finding(&self, spike: Spike, names: &[String], last_request_ms: i64) -> Finding {
        let mean = spike.baseline_sum as f64 / self.config.baseline_windows as f64;
        let start_ms = spike.window * self.config.window_ms;
        let end_ms = start_ms + self.config.window_ms;
        let end = format_time(end_ms);
        let event = UsageSpike {
            event: EVENT,
            timestamp: end.clone(),
            developer_id: names[spike.developer as usize].clone(),
            data: UsageSpikeData {
                window_start: format_time(start_ms),
                window_end: end,
                current_calls: spike.calls,
                baseline_mean: round4(mean),
                multiplier: self.config.multiplier,
                ratio: (mean > 0.0).then(|| round4(spike.calls as f64 / mean)),
                window_ms: self.config.window_ms,
            },
            partial: end_ms > last_request_ms.saturating_add(1),
        };
        Finding { spike: event, start_ms, trend: spike.trend }
    }
}

/// Rounds to 4 decimals, halves up, as the original does (`Math.round(x * 1e4) / 1e4`).
pub fn round4(value: f64) -> f64 {
    (value * 1e4 + 0.5).floor() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: UsageConfig = UsageConfig { multiplier: 5.0, baseline_windows: 12, window_ms: 300_000 };

    /// Feeds one developer's calls in consecutive windows (0 = no row) and gives the windows that spiked.
    fn spikes(calls: &[u64]) -> Vec<i64> {
        guarded(calls, Guards::default()).iter().map(|spike| spike.window).collect()
    }

    fn guarded(calls: &[u64], guards: Guards) -> Vec<Spike> {
        let mut rule = Mean5x::new(CONFIG).with_guards(guards);
        for (window, &calls) in calls.iter().enumerate() {
            if calls > 0 {
                rule.close(window as i64, HashMap::from([(0, calls)]), 0);
            }
        }
        rule.spikes
    }

    #[test]
    fn guards_hold_back_small_counts_and_new_developers() {
        let mut calls = vec![0; 12];
        calls.push(20);
        let found = |calls: &[u64], min_calls, new_developer| guarded(calls, Guards { min_calls, new_developer }).len();
        assert_eq!(found(&calls, 20, NewDeveloper::Flag), 1);
        assert_eq!(found(&calls, 21, NewDeveloper::Flag), 0);
        assert_eq!(found(&calls, 0, NewDeveloper::Skip), 0);
        calls[0] = 1;
        assert_eq!(found(&calls, 0, NewDeveloper::Skip), 1);
    }

    #[test]
    fn the_trend_is_the_baseline_and_the_window_itself() {
        let mut calls = vec![0; 14];
        (calls[0], calls[1], calls[11], calls[13]) = (9, 1, 3, 70);
        let spikes = guarded(&calls, Guards::default());
        assert_eq!(spikes.iter().map(|spike| spike.window).collect::<Vec<_>>(), [13]);
        assert_eq!(spikes[0].trend, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 70]);
    }

    #[test]
    fn more_than_five_times_the_mean_is_a_spike() {
        let mut calls = vec![10; 12];
        calls.push(50);
        assert_eq!(spikes(&calls), [0i64; 0]);
        calls[12] = 51;
        assert_eq!(spikes(&calls), [12]);
    }

    #[test]
    fn missing_windows_count_as_zero() {
        // 24 calls in one of the twelve windows: mean 2, limit 10.
        let mut calls = vec![0; 12];
        calls[3] = 24;
        calls.push(11);
        assert_eq!(spikes(&calls), [12]);
        calls[12] = 10;
        assert_eq!(spikes(&calls), [0i64; 0]);
    }

    #[test]
    fn a_zero_baseline_flags_any_call_once_twelve_windows_have_passed() {
        let mut calls = vec![0; 11];
        calls.push(1);
        assert_eq!(spikes(&calls), [0i64; 0]);
        let mut calls = vec![0; 12];
        calls.push(1);
        assert_eq!(spikes(&calls), [12]);
    }

    #[test]
    fn a_window_leaves_the_baseline_after_twelve() {
        let mut calls = vec![0; 26];
        calls[0] = 1000;
        calls[12] = 1;
        calls[13] = 1;
        calls[25] = 1;
        // Window 12 still has the 1,000 before it, 13 has the single call of 12, 25 that of 13.
        assert_eq!(spikes(&calls), [13, 25]);
    }

    #[test]
    fn rounding_is_to_four_decimals_halves_up() {
        assert_eq!(round4(1.0 / 3.0), 0.3333);
        assert_eq!(round4(0.000_05), 0.0001);
        assert_eq!(round4(10.0), 10.0);
    }
}
