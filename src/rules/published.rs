//! The rule set `published`: what the npm package `@backendkit-labs/auto-learning` 0.3.1 really does.
//!
//! The baseline is the very window that is judged, every request is judged in every window it lies in,
//! and arithmetic goes through the same `f64` operations in the same order as in the package, because
//! exact ties do occur. Its store is a queue in arrival order that forgets the oldest.

use super::{Anomaly, Direction, Findings, Signals, Slowest, fold, tally};
use crate::report::{AnomalyConfig, LoopConfig, Metric, Severity};
use crate::route::endpoint::EndpointNames;
use crate::window::pane::Answer;
use crate::window::value_counts::nearest_rank;
use std::collections::VecDeque;

/// Deviations, in spreads, above which a latency anomaly is critical, high, medium (else low).
const CRITICAL_DEVIATION: f64 = 5.0;
const HIGH_DEVIATION: f64 = 4.0;
const MEDIUM_DEVIATION: f64 = 3.0;

/// The smallest spread, in milliseconds.
const MIN_SPREAD_MS: f64 = 1.0;

const MS_PER_HOUR: f64 = 3_600_000.0;

/// One request as the package stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// UTC ms.
    pub timestamp_ms: i64,
    /// Milliseconds as the log's digits denote them; `None` is left out of latency statistics.
    pub duration_ms: Option<f64>,
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    /// How it was answered.
    pub answer: Answer,
}

/// The rule set and its store.
#[derive(Debug)]
pub struct Published {
    thresholds: AnomalyConfig,
    window_ms: i64,
    min_samples: f64,
    prune_ttl_ms: f64,
    /// 0 = no limit.
    max_patterns: usize,
    store: VecDeque<Arrival>,
    /// Position in `groups` plus one, by endpoint; 0 when the endpoint is not in the window.
    group_of: Vec<u32>,
    groups: Vec<Group>,
}

/// One endpoint's requests in the window.
#[derive(Debug, Default)]
struct Group {
    endpoint: u32,
    requests: u64,
    errors: u64,
    durations_ms: Vec<f64>,
    mean_ms: f64,
    spread_ms: f64,
    p95_ms: f64,
}

impl Published {
    /// The rule set with its knobs.
    pub fn new(thresholds: AnomalyConfig, looping: &LoopConfig) -> Self {
        Published {
            thresholds,
            window_ms: looping.window_ms(),
            min_samples: looping.min_samples_before_tuning,
            prune_ttl_ms: looping.prune_ttl_hours * MS_PER_HOUR,
            max_patterns: looping.max_patterns,
            store: VecDeque::new(),
            group_of: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Stores a request; the oldest is forgotten when the store is full.
    pub fn record(&mut self, arrival: Arrival) {
        self.store.push_back(arrival);
        if self.max_patterns > 0 && self.store.len() > self.max_patterns {
            self.store.pop_front();
        }
    }

    /// Gives the endpoints of the stored requests other numbers.
    pub fn rename(&mut self, number: impl Fn(u32) -> u32) {
        self.store.iter_mut().for_each(|arrival| arrival.endpoint = number(arrival.endpoint));
    }

    /// Judges the window `[end - window, end]`, then prunes the store.
    pub fn judge(&mut self, end_ms: i64, names: &EndpointNames) -> Findings {
        let start_ms = end_ms - self.window_ms;
        let window = |arrival: &&Arrival| arrival.timestamp_ms >= start_ms && arrival.timestamp_ms <= end_ms;
        let requests = self.store.iter().filter(window).count() as u64;
        if (requests as f64) < self.min_samples {
            self.make_bounded(end_ms);
            return Findings::skipped(requests);
        }
        self.aggregate(start_ms, end_ms);
        let anomalies = self.anomalies(start_ms, end_ms);
        let (severe_anomalies, count) = tally(&anomalies);
        // Without an aggregate the package returns the config as it is, and so does a cycle that does nothing.
        let signals = (!self.groups.is_empty()).then(|| Signals {
            slowest: self.slowest(names),
            error_ratio: self.mean_error_ratio(),
            severe_anomalies,
            anomalies: count,
        });
        self.prune(end_ms);
        Findings { requests, signals, anomalies }
    }

    fn prune(&mut self, end_ms: i64) {
        // JavaScript's Date drops the fraction of a millisecond.
        let cutoff = (end_ms as f64 - self.prune_ttl_ms).trunc();
        self.store.retain(|arrival| arrival.timestamp_ms as f64 >= cutoff);
    }

    /// With an unlimited store the package would keep for ever what a skipped cycle does not prune; what
    /// is older than both the window and the retention can never be seen again.
    fn make_bounded(&mut self, end_ms: i64) {
        if self.max_patterns == 0 {
            let horizon_ms = (self.window_ms as f64).max(self.prune_ttl_ms);
            let cutoff = end_ms as f64 - horizon_ms;
            while self.store.front().is_some_and(|arrival| (arrival.timestamp_ms as f64) < cutoff) {
                self.store.pop_front();
            }
        }
    }

    /// Groups the window by endpoint, in order of first appearance.
    fn aggregate(&mut self, start_ms: i64, end_ms: i64) {
        for group in self.groups.drain(..) {
            self.group_of[group.endpoint as usize] = 0;
        }
        for arrival in &self.store {
            if arrival.timestamp_ms < start_ms || arrival.timestamp_ms > end_ms {
                continue;
            }
            let index = arrival.endpoint as usize;
            if index >= self.group_of.len() {
                self.group_of.resize(index + 1, 0);
            }
            if self.group_of[index] == 0 {
                self.groups.push(Group { endpoint: arrival.endpoint, ..Group::default() });
                self.group_of[index] = self.groups.len() as u32;
            }
            let group = &mut self.groups[self.group_of[index] as usize - 1];
            group.requests += 1;
            group.errors += u64::from(arrival.answer == Answer::Failed);
            group.durations_ms.extend(arrival.duration_ms);
        }
        self.groups.iter_mut().for_each(Group::summarise);
    }

    /// Every request of the window against its endpoint, counted by endpoint, metric and severity.
    fn anomalies(&self, start_ms: i64, end_ms: i64) -> Vec<Anomaly> {
        let mut latency: Vec<[Option<Anomaly>; 4]> = vec![[const { None }; 4]; self.groups.len()];
        let mut anomalies = Vec::new();
        for arrival in &self.store {
            if arrival.timestamp_ms < start_ms || arrival.timestamp_ms > end_ms {
                continue;
            }
            let index = self.group_of[arrival.endpoint as usize] as usize - 1;
            let group = &self.groups[index];
            let Some(duration_ms) = arrival.duration_ms else { continue };
            let deviation = (duration_ms - group.mean_ms).abs() / group.spread_ms;
            if deviation > self.thresholds.latency_std_dev_threshold {
                let severity = severity_of(deviation);
                fold(&mut latency[index][severity as usize], latency_anomaly(group, severity, duration_ms));
            }
        }
        anomalies.extend(latency.into_iter().flatten().flatten());
        anomalies.extend(self.groups.iter().filter_map(|group| self.error_anomaly(group)));
        anomalies
    }

    /// Every failed request is an anomaly while its endpoint's error ratio is below the threshold.
    fn error_anomaly(&self, group: &Group) -> Option<Anomaly> {
        let ratio = group.error_ratio();
        (group.errors > 0 && ratio < self.thresholds.error_rate_threshold).then_some(Anomaly {
            endpoint: group.endpoint,
            metric: Metric::ErrorRate,
            severity: Severity::High,
            count: group.errors,
            direction: Direction::Up,
            actual: 1.0,
            baseline: ratio,
        })
    }

    fn mean_error_ratio(&self) -> f64 {
        self.groups.iter().map(Group::error_ratio).fold(0.0, |sum, ratio| sum + ratio) / self.groups.len() as f64
    }

    fn slowest(&self, names: &EndpointNames) -> Option<Slowest> {
        let timed = || self.groups.iter().filter(|group| !group.durations_ms.is_empty());
        let order = |a: &&Group, b: &&Group| {
            a.p95_ms.total_cmp(&b.p95_ms).then_with(|| names.name(b.endpoint).cmp(names.name(a.endpoint)))
        };
        let slowest = timed().max_by(order)?;
        let others = timed().filter(|group| group.endpoint != slowest.endpoint);
        let runner_up_ms = others.map(|group| group.p95_ms).max_by(f64::total_cmp);
        Some(Slowest { endpoint: slowest.endpoint, p95_ms: slowest.p95_ms, runner_up_ms })
    }
}

impl Group {
    fn summarise(&mut self) {
        self.durations_ms.sort_unstable_by(f64::total_cmp);
        let n = self.durations_ms.len();
        if n == 0 {
            return;
        }
        let percentile = |percent| self.durations_ms[nearest_rank(percent, n as u64) as usize];
        let p50_ms = percentile(50.0);
        self.p95_ms = percentile(95.0);
        self.spread_ms = ((self.p95_ms - p50_ms) / 2.0).max(MIN_SPREAD_MS);
        // Left to right over the ascending values, as the package adds them.
        self.mean_ms = self.durations_ms.iter().fold(0.0, |sum, value| sum + value) / n as f64;
    }

    fn error_ratio(&self) -> f64 {
        self.errors as f64 / self.requests as f64
    }
}

fn severity_of(deviation: f64) -> Severity {
    if deviation > CRITICAL_DEVIATION {
        Severity::Critical
    } else if deviation > HIGH_DEVIATION {
        Severity::High
    } else if deviation > MEDIUM_DEVIATION {
        Severity::Medium
    } else {
        Severity::Low
    }
}

/// One request's latency anomaly.
fn latency_anomaly(group: &Group, severity: Severity, duration_ms: f64) -> Anomaly {
    Anomaly {
        endpoint: group.endpoint,
        metric: Metric::Latency,
        severity,
        count: 1,
        direction: if duration_ms < group.mean_ms { Direction::Down } else { Direction::Up },
        actual: duration_ms,
        baseline: group.mean_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::knob::Knobs;

    fn judge(durations_ms: &[f64], errors: usize) -> Findings {
        let mut names = EndpointNames::default();
        let endpoint = names.intern([b"GET", b"/a", b""], false);
        let knobs = Knobs::default();
        let mut rules = Published::new(knobs.anomaly, &knobs.looping);
        for (i, &duration_ms) in durations_ms.iter().enumerate() {
            let arrival = Arrival {
                timestamp_ms: 1000,
                duration_ms: Some(duration_ms),
                endpoint,
                answer: if i < errors { Answer::Failed } else { Answer::Found },
            };
            rules.record(arrival);
        }
        rules.judge(60_000, &names)
    }

    /// Forty requests of 10 ms, four of 12 (so that the spread is 1), and one that deviates.
    fn latency_of(outlier_ms: f64) -> Vec<(Severity, u64)> {
        let mut durations = vec![10.0; 40];
        durations.extend([12.0; 4]);
        durations.push(outlier_ms);
        let mean = durations.iter().sum::<f64>() / 45.0;
        assert!(mean > 10.0);
        let latency = |anomaly: &&Anomaly| anomaly.metric == Metric::Latency;
        judge(&durations, 0).anomalies.iter().filter(latency).map(|a| (a.severity, a.count)).collect()
    }

    #[test]
    fn severity_follows_the_deviation_in_spreads() {
        // The outlier x moves the mean to (448 + x) / 45, so it deviates by (44 x - 448) / 45.
        assert_eq!(latency_of(12.73), []);
        assert_eq!(latency_of(12.75), [(Severity::Low, 1)]);
        assert_eq!(latency_of(13.24), [(Severity::Low, 1)]);
        assert_eq!(latency_of(13.26), [(Severity::Medium, 1)]);
        assert_eq!(latency_of(14.27), [(Severity::Medium, 1)]);
        assert_eq!(latency_of(14.28), [(Severity::High, 1)]);
        assert_eq!(latency_of(15.29), [(Severity::High, 1)]);
        assert_eq!(latency_of(15.30), [(Severity::Critical, 1)]);
    }

    #[test]
    fn failures_of_a_healthy_endpoint_are_high_and_of_a_sick_one_nothing() {
        let errors = |errors| {
            judge(&[10.0; 40], errors).anomalies.iter().map(|a| (a.metric, a.severity, a.count)).collect::<Vec<_>>()
        };
        assert_eq!(errors(0), []);
        assert_eq!(errors(1), [(Metric::ErrorRate, Severity::High, 1)]);
        // Two of forty are exactly the threshold of 0.05.
        assert_eq!(errors(2), []);
    }

    #[test]
    fn both_window_ends_belong_to_the_window_and_the_store_forgets_the_oldest() {
        let mut names = EndpointNames::default();
        let endpoint = names.intern([b"GET", b"/a", b""], false);
        let knobs = Knobs::default();
        let looping = LoopConfig { max_patterns: 3, ..knobs.looping };
        let mut rules = Published::new(knobs.anomaly, &looping);
        let seen = |rules: &mut Published, end_ms| rules.judge(end_ms, &names).requests;
        for timestamp_ms in [0, 0, 300_000, 300_001] {
            rules.record(Arrival { timestamp_ms, duration_ms: None, endpoint, answer: Answer::Found });
        }
        assert_eq!(seen(&mut rules, 300_000), 2);
        assert_eq!(seen(&mut rules, 300_001), 2);
        assert_eq!(seen(&mut rules, 600_001), 1);
        assert_eq!(seen(&mut rules, 600_002), 0);
    }
}
