//! The rule set `documented`: what the README of `@backendkit-labs/auto-learning` 0.3.1 promises.
//!
//! Each endpoint's window is compared with the history windows before it, at most one anomaly per
//! endpoint, metric and cycle. Ratios and thresholds are compared in `f64` as written there.

use super::{Anomaly, Direction, Findings, Signals, Slowest, tally};
use crate::report::{AnomalyConfig, LoopConfig, Metric, Severity};
use crate::route::endpoint::EndpointNames;
use crate::window::aggregate::{EndpointView, Horizon};
use crate::window::pane::{Counts, nanos_to_ms};

/// Requests in the window below which a mean, a rate or a p95 says nothing; fixed by the rule.
const MIN_REQUESTS: u64 = 10;

/// A latency of this many times the anomalous multiple is critical (README: 2.5 high, 5.0 critical).
const CRITICAL_MULTIPLE: f64 = 2.0;

/// An error rate must exceed the baseline's by this factor.
const ERROR_RATE_FACTOR: f64 = 2.0;

/// Frequency deviations are counted in units of at least one request.
const MIN_FREQUENCY_SCALE: f64 = 1.0;

/// The percentile that sets the timeout.
const TIMEOUT_PERCENTILE: f64 = 95.0;

/// The rule set and what it remembers between cycles.
#[derive(Debug)]
pub struct Documented {
    thresholds: AnomalyConfig,
    window_ms: i64,
    baseline_windows: usize,
    min_baseline_windows: usize,
    min_samples: f64,
    /// Endpoints that may still be reported as unknown, with the end of the pane of their first request.
    newcomers: Vec<(u32, i64)>,
    /// The two slowest endpoints of the last cycle, looked at first in the next: the rest need only be counted.
    last_slowest: [Option<u32>; 2],
    /// Requests of an endpoint in each history window.
    windows: Vec<u64>,
    scratch: Vec<u64>,
}

impl Documented {
    /// The rule set with its knobs.
    pub fn new(thresholds: AnomalyConfig, looping: &LoopConfig) -> Self {
        Documented {
            thresholds,
            window_ms: looping.window_ms(),
            baseline_windows: looping.baseline_windows,
            min_baseline_windows: looping.min_baseline_windows,
            min_samples: looping.min_samples_before_tuning,
            newcomers: Vec::new(),
            last_slowest: [None; 2],
            windows: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Notes that an endpoint was seen for the first time in the log, in the pane that ends at `pane_end_ms`.
    pub fn first_seen(&mut self, endpoint: u32, pane_end_ms: i64) {
        self.newcomers.push((endpoint, pane_end_ms));
    }

    /// Takes one endpoint for a part of another from now on; `into_was_seen`: the other had requests before. What
    /// was ever seen under either name is no newcomer.
    pub fn unite(&mut self, from: u32, into: u32, into_was_seen: bool) {
        let pane_end_ms = |endpoint: u32| {
            let newcomer = self.newcomers.iter().find(|(newcomer, _)| *newcomer == endpoint);
            newcomer.map(|(_, pane_end_ms)| *pane_end_ms)
        };
        let united = match (pane_end_ms(from), pane_end_ms(into)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, None) if !into_was_seen => one,
            _ => None,
        };
        self.newcomers.retain(|(newcomer, _)| *newcomer != from && *newcomer != into);
        self.newcomers.extend(united.map(|pane_end_ms| (into, pane_end_ms)));
    }

    /// How many history windows begin at or after the origin at a cycle's end.
    pub fn existing_windows(&self, end_ms: i64, origin_ms: i64) -> usize {
        let since_origin = (end_ms - origin_ms) / self.window_ms - 1;
        usize::try_from(since_origin).unwrap_or(0).min(self.baseline_windows)
    }

    /// Judges the window that ends at `end_ms`; the horizon has been advanced there.
    pub fn judge(&mut self, horizon: &Horizon, end_ms: i64, origin_ms: i64, names: &EndpointNames) -> Findings {
        let requests = horizon.total().requests;
        if (requests as f64) < self.min_samples {
            self.forget_newcomers(end_ms);
            return Findings::skipped(requests);
        }
        let mut anomalies = Vec::new();
        let existing = self.existing_windows(end_ms, origin_ms);
        self.windows.resize(existing, 0);
        let limit = self.thresholds.frequency_deviation_threshold * MIN_FREQUENCY_SCALE;
        let history_limit = limit * existing as f64;
        // Too few requests for a mean or a rate, and both count and mean within the smallest deviation.
        let is_surely_normal = move |current: u32, history: u32| {
            u64::from(current) < MIN_REQUESTS && f64::from(current) <= limit && f64::from(history) <= history_limit
        };
        for endpoint in horizon.endpoints(|current, history| !is_surely_normal(current, history)) {
            self.judge_endpoint(&endpoint, &mut anomalies);
        }
        self.report_unknown(end_ms, origin_ms, &mut anomalies);
        self.conclude(horizon, names, anomalies)
    }

    /// What tuning reads of a window whose anomalies another rule set found.
    pub fn judge_by(
        &mut self,
        horizon: &Horizon,
        end_ms: i64,
        names: &EndpointNames,
        anomalies: Vec<Anomaly>,
    ) -> Findings {
        self.forget_newcomers(end_ms);
        let requests = horizon.total().requests;
        if (requests as f64) < self.min_samples {
            return Findings::skipped(requests);
        }
        self.conclude(horizon, names, anomalies)
    }

    fn conclude(&mut self, horizon: &Horizon, names: &EndpointNames, anomalies: Vec<Anomaly>) -> Findings {
        let window = horizon.total();
        let requests = window.requests;
        let (severe_anomalies, count) = tally(&anomalies);
        // Without a request there is no aggregate, and tuning needs one.
        let signals = (requests > 0).then(|| Signals {
            slowest: self.slowest(horizon, names),
            error_ratio: window.error_ratio(),
            severe_anomalies,
            anomalies: count,
        });
        Findings { requests, signals, anomalies }
    }

    fn judge_endpoint(&mut self, endpoint: &EndpointView, anomalies: &mut Vec<Anomaly>) {
        // Once every history window exists their sum is known, and most endpoints are cleared by it alone.
        let is_whole = self.windows.len() == self.baseline_windows;
        if is_whole && !self.may_deviate(endpoint, endpoint.horizon_history()) {
            return;
        }
        endpoint.history_requests(&mut self.windows);
        let non_empty = self.windows.iter().filter(|requests| **requests > 0).count();
        if self.windows.is_empty() || non_empty < self.min_baseline_windows {
            return;
        }
        let baseline = if is_whole { endpoint.horizon_history().clone() } else { endpoint.history(self.windows.len()) };
        anomalies.extend(self.latency(endpoint, &baseline));
        anomalies.extend(self.error_rate(endpoint, &baseline));
        anomalies.extend(self.frequency(endpoint, &baseline));
    }

    /// Whether any rule could fire against this baseline. Single windows can only widen the frequency's
    /// scale, so a count within the narrowest one needs no look at them.
    fn may_deviate(&self, endpoint: &EndpointView, baseline: &Counts) -> bool {
        let mean = baseline.requests as f64 / self.windows.len() as f64;
        self.deviates_in_frequency(endpoint, mean, narrowest_scale(mean))
            || self.error_rate(endpoint, baseline).is_some()
            || self.latency(endpoint, baseline).is_some()
    }

    fn latency(&self, endpoint: &EndpointView, baseline: &Counts) -> Option<Anomaly> {
        let current = endpoint.current();
        if current.timed < MIN_REQUESTS {
            return None;
        }
        let (mean, expected) = (current.mean_ms()?, baseline.mean_ms()?);
        let multiple = self.thresholds.latency_std_dev_threshold;
        let severity = if mean > expected * (multiple * CRITICAL_MULTIPLE) {
            Severity::Critical
        } else if mean > expected * multiple {
            Severity::High
        } else {
            return None;
        };
        Some(anomaly(endpoint.endpoint, Metric::Latency, severity, mean, expected))
    }

    fn error_rate(&self, endpoint: &EndpointView, baseline: &Counts) -> Option<Anomaly> {
        let current = endpoint.current();
        let (rate, expected) = (current.error_ratio(), baseline.error_ratio());
        let is_anomalous = current.requests >= MIN_REQUESTS
            && rate > self.thresholds.error_rate_threshold
            && rate > ERROR_RATE_FACTOR * expected;
        is_anomalous.then(|| anomaly(endpoint.endpoint, Metric::ErrorRate, Severity::High, rate, expected))
    }

    /// |count - mean| > threshold * max(population standard deviation, sqrt(mean), 1): the square root is
    /// the deviation of a Poisson count, so that a constant history does not flag noise.
    fn frequency(&self, endpoint: &EndpointView, baseline: &Counts) -> Option<Anomaly> {
        let n = self.windows.len() as f64;
        let mean = baseline.requests as f64 / n;
        let squares: f64 = self.windows.iter().map(|requests| (*requests as f64 - mean).powi(2)).sum();
        let scale = (squares / n).sqrt().max(narrowest_scale(mean));
        let count = endpoint.current().requests as f64;
        let is_anomalous = self.deviates_in_frequency(endpoint, mean, scale);
        is_anomalous.then(|| anomaly(endpoint.endpoint, Metric::Frequency, Severity::Medium, count, mean))
    }

    fn deviates_in_frequency(&self, endpoint: &EndpointView, mean: f64, scale: f64) -> bool {
        let count = endpoint.current().requests as f64;
        (count - mean).abs() > self.thresholds.frequency_deviation_threshold * scale
    }

    /// Reports each newcomer once, in the first judged window that holds its first request, when a full
    /// baseline has been seen before that window.
    fn report_unknown(&mut self, end_ms: i64, origin_ms: i64, anomalies: &mut Vec<Anomaly>) {
        self.forget_newcomers(end_ms);
        let baseline_ms = self.window_ms.saturating_mul(self.baseline_windows as i64);
        if end_ms - self.window_ms - origin_ms < baseline_ms {
            return;
        }
        let newcomers = self.newcomers.drain(..);
        if self.thresholds.enable_unknown_endpoint_detection {
            anomalies.extend(
                newcomers.map(|(endpoint, _)| anomaly(endpoint, Metric::UnknownEndpoint, Severity::Low, 1.0, 0.0)),
            );
        }
    }

    /// Drops the newcomers whose first request has left the window.
    fn forget_newcomers(&mut self, end_ms: i64) {
        let window_start_ms = end_ms - self.window_ms;
        self.newcomers.retain(|(_, pane_end_ms)| *pane_end_ms > window_start_ms);
    }

    /// The two largest p95 among endpoints with enough durations; equal ones by name.
    fn slowest(&mut self, horizon: &Horizon, names: &EndpointNames) -> Option<Slowest> {
        let last = self.last_slowest;
        let first = last.into_iter().flatten().filter_map(|endpoint| horizon.endpoint(endpoint));
        let busy = horizon.endpoints(|current, _| u64::from(current) >= MIN_REQUESTS);
        let others = busy.filter(|view| !last.contains(&Some(view.endpoint)));
        let mut top: [Option<(u64, u32)>; 2] = [None, None];
        for view in first.chain(others) {
            if view.current().timed < MIN_REQUESTS {
                continue;
            }
            // An equal p95 must be seen too, so that the tie goes by name and not by order.
            let floor = top[1].and_then(|(p95, _)| p95.checked_sub(1));
            let Some(p95) = view.percentile_above(TIMEOUT_PERCENTILE, floor, &mut self.scratch) else { continue };
            let candidate = (p95, view.endpoint);
            let wins = |held: Option<(u64, u32)>| {
                held.is_none_or(|(held_p95, held_endpoint)| {
                    p95 > held_p95 || (p95 == held_p95 && names.name(view.endpoint) < names.name(held_endpoint))
                })
            };
            if wins(top[0]) {
                top = [Some(candidate), top[0]];
            } else if wins(top[1]) {
                top[1] = Some(candidate);
            }
        }
        let (p95, endpoint) = top[0]?;
        self.last_slowest = top.map(|held| held.map(|(_, endpoint)| endpoint));
        let runner_up_ms = top[1].map(|(p95, _)| nanos_to_ms(u128::from(p95)));
        Some(Slowest { endpoint, p95_ms: nanos_to_ms(u128::from(p95)), runner_up_ms })
    }
}

/// The deviation of a Poisson count, at least one request.
fn narrowest_scale(mean: f64) -> f64 {
    mean.sqrt().max(MIN_FREQUENCY_SCALE)
}

fn anomaly(endpoint: u32, metric: Metric, severity: Severity, actual: f64, baseline: f64) -> Anomaly {
    let direction = if actual < baseline { Direction::Down } else { Direction::Up };
    Anomaly { endpoint, metric, severity, count: 1, direction, actual, baseline }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::knob::Knobs;
    use crate::window::aggregate::Geometry;
    use crate::window::pane::{EndpointPane, Pane, Span};
    use crate::window::value_run::{ValueRun, ValueRuns};

    const WINDOW_MS: i64 = 300_000;

    /// One window of one endpoint: requests, errors, duration of each in ms.
    type Window = (u64, u64, u64);

    /// Judges the last of the windows, one pane each, the earlier ones being its history.
    fn judge(windows: &[Window]) -> Findings {
        let mut names = EndpointNames::default();
        let endpoint = names.intern([b"GET", b"/a", b""], false);
        let geometry = Geometry { pane_ms: WINDOW_MS, window_panes: 1, history_windows: 12 };
        let mut horizon = Horizon::new(geometry);
        let knobs = Knobs::default();
        let mut rules = Documented::new(knobs.anomaly, &knobs.looping);
        for (number, &(requests, errors, duration_ms)) in (1..).zip(windows) {
            let values_ns = vec![duration_ms * 1_000_000; requests as usize];
            let duration_ns = values_ns.iter().map(|ns| u128::from(*ns)).sum();
            let counts = Counts { requests, errors, timed: requests, duration_ns };
            let values =
                ValueRuns::from_iter([ValueRun::new(&values_ns.into(), 0..requests as usize, duration_ms * 1_000_000)]);
            let span = Span { pane: number, first_ms: 0, last_ms: 0 };
            let endpoints =
                if requests == 0 { Vec::new() } else { vec![(endpoint, EndpointPane { counts, values, found_ms: 0 })] };
            let pane = Pane { span, endpoints: endpoints.into_iter().collect() };
            horizon.push(pane, |endpoint| rules.first_seen(endpoint, number * WINDOW_MS));
        }
        let end_pane = windows.len() as i64;
        horizon.advance(end_pane);
        rules.judge(&horizon, end_pane * WINDOW_MS, 0, &names)
    }

    fn found(windows: &[Window]) -> Vec<(Metric, Severity)> {
        judge(windows).anomalies.iter().map(|anomaly| (anomaly.metric, anomaly.severity)).collect()
    }

    /// Three equal windows of history, then the one under test.
    fn after_history(history: Window, current: Window) -> Vec<(Metric, Severity)> {
        found(&[history, history, history, current])
    }

    #[test]
    fn latency_is_high_above_two_and_a_half_times_and_critical_above_five() {
        let latency = |duration_ms| after_history((20, 0, 100), (20, 0, duration_ms));
        assert_eq!(latency(250), []);
        assert_eq!(latency(251), [(Metric::Latency, Severity::High)]);
        assert_eq!(latency(500), [(Metric::Latency, Severity::High)]);
        assert_eq!(latency(501), [(Metric::Latency, Severity::Critical)]);
    }

    #[test]
    fn a_mean_needs_ten_requests() {
        assert_eq!(after_history((10, 0, 100), (9, 0, 900)), []);
        assert_eq!(after_history((10, 0, 100), (10, 0, 900)), [(Metric::Latency, Severity::Critical)]);
    }

    #[test]
    fn the_error_rate_must_pass_both_the_threshold_and_twice_the_baseline() {
        let high = vec![(Metric::ErrorRate, Severity::High)];
        assert_eq!(after_history((100, 0, 1), (100, 5, 1)), []);
        assert_eq!(after_history((100, 0, 1), (100, 6, 1)), high);
        assert_eq!(after_history((100, 5, 1), (100, 10, 1)), []);
        assert_eq!(after_history((100, 5, 1), (100, 11, 1)), high);
    }

    #[test]
    fn frequency_deviates_beyond_three_scales_in_both_directions() {
        let medium = vec![(Metric::Frequency, Severity::Medium)];
        // A constant history of 100: the scale is sqrt(100).
        assert_eq!(after_history((100, 0, 1), (130, 0, 1)), []);
        assert_eq!(after_history((100, 0, 1), (131, 0, 1)), medium);
        assert_eq!(after_history((100, 0, 1), (70, 0, 1)), []);
        assert_eq!(after_history((100, 0, 1), (69, 0, 1)), medium);
        // 10, 20, 30: mean 20, population deviation sqrt(200 / 3) = 8.165.
        let history = [(10, 0, 1), (20, 0, 1), (30, 0, 1)];
        assert_eq!(found(&[history[0], history[1], history[2], (44, 0, 1)]), []);
        assert_eq!(found(&[history[0], history[1], history[2], (45, 0, 1)]), medium);
    }

    #[test]
    fn three_history_windows_must_hold_requests() {
        assert_eq!(found(&[(20, 0, 1), (20, 0, 1), (20, 0, 900)]), []);
        assert_eq!(found(&[(20, 0, 1), (0, 0, 0), (20, 0, 1), (20, 0, 900)]), []);
        let judged = found(&[(20, 0, 1), (0, 0, 0), (20, 0, 1), (20, 0, 1), (20, 0, 900)]);
        assert_eq!(judged, [(Metric::Latency, Severity::Critical)]);
    }

    #[test]
    fn a_newcomer_is_reported_after_a_full_baseline() {
        let late_start = |empty_windows: usize| {
            let mut windows = vec![(0, 0, 0); empty_windows];
            windows.push((10, 0, 1));
            found(&windows)
        };
        assert_eq!(late_start(11), []);
        assert_eq!(late_start(12), [(Metric::UnknownEndpoint, Severity::Low)]);
    }

    #[test]
    fn fewer_requests_than_the_minimum_do_nothing() {
        assert_eq!(judge(&[(9, 9, 1)]), Findings::skipped(9));
        let findings = judge(&[(10, 1, 40)]);
        let signals = findings.signals.unwrap();
        assert_eq!((signals.error_ratio, signals.slowest.unwrap().p95_ms), (0.1, 40.0));
    }
}
