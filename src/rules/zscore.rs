//! The rule set `zscore`: each request against the last thousand, after the anomaly detector of OpenSpeed's ML optimizer.
//!
//! Requests come in event time, each once; a cycle takes those that it is the first to contain. Anomalies go out, and
//! nothing else: the windows and the tuning are those of `documented`. z = (x - mean) / population sigma over the
//! endpoint's requests among the last [`HISTORY`] of all endpoints, the judged one included. Durations are whole
//! nanoseconds and compared without rounding, because z is exactly 3 or 5 for simple traffic.

use super::{Anomaly, Direction, fold};
use crate::report::{Metric, OptimizationConfig, Severity};
use crate::window::pane::nanos_to_ms;
use std::collections::{BTreeMap, VecDeque};

/// Requests of all endpoints that a request is judged by.
const HISTORY: usize = 1000;

/// |z| above which a duration is a high anomaly.
const HIGH_SIGMAS: u128 = 3;

/// |z| above which it is a critical one.
const CRITICAL_SIGMAS: u128 = 5;

/// More failures than this in the last minute are an anomaly.
const MAX_FAILURES: usize = 10;

/// That minute; a failure exactly so long ago is no longer in it.
const FAILURE_SPAN_MS: i64 = 60_000;

/// Longer durations, above 115 days, count as this, so that every product here fits 128 bits.
const LONGEST_NS: u64 = 10_000_000_000_000_000;

const BYTES_PER_MB: f64 = 1_048_576.0;

/// The logged fields of a request's memory in bytes and of its CPU figure, in the plugin's own names.
pub(crate) const RESOURCE_FIELDS: &[&[&str]] = &[&["memoryUsage"], &["cpuUsage"]];

/// One request as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// UTC ms.
    pub timestamp_ms: i64,
    /// `None` is left out of means and judged by its status alone.
    pub duration_ns: Option<u64>,
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    /// Status 500 or above.
    pub is_error: bool,
    /// Memory in bytes, where the log says it.
    pub memory_bytes: Option<f64>,
    /// CPU, in whatever unit the log has it, where it says it.
    pub cpu: Option<f64>,
}

/// The rule set and the requests that it remembers.
#[derive(Debug)]
pub struct ZScore {
    limits: OptimizationConfig,
    /// The last requests in event time, at most [`HISTORY`].
    history: VecDeque<Observation>,
    /// Times of the failures among them.
    failures_ms: VecDeque<i64>,
    /// Durations among them, by endpoint.
    sums: Vec<Sums>,
    found: BTreeMap<(u32, Metric, Severity), Option<Anomaly>>,
}

/// Durations of one endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    timed: u128,
    sum_ns: u128,
    squares: u128,
}

impl ZScore {
    /// The rule set with its knobs.
    pub fn new(limits: OptimizationConfig) -> Self {
        let (history, failures_ms) = (VecDeque::with_capacity(HISTORY + 1), VecDeque::new());
        ZScore { limits, history, failures_ms, sums: Vec::new(), found: BTreeMap::new() }
    }

    /// Judges a request, which must not be older than the one before.
    pub fn judge(&mut self, request: &Observation) {
        self.remember(request);
        self.judge_latency(request);
        if request.is_error {
            self.judge_failures(request);
        }
        let memory_mb = request.memory_bytes.map(|bytes| bytes / BYTES_PER_MB);
        self.judge_resource(request, Metric::Memory, memory_mb, self.limits.max_memory);
        self.judge_resource(request, Metric::Cpu, request.cpu, self.limits.cpu_threshold);
    }

    /// Gives the endpoints of what is remembered other numbers; several may become one.
    pub fn rename(&mut self, number: impl Fn(u32) -> u32) {
        self.sums.clear();
        for mut request in std::mem::take(&mut self.history) {
            request.endpoint = number(request.endpoint);
            if let Some(sums) = self.timed_sums(&request) {
                sums.add(request.duration_ns);
            }
            self.history.push_back(request);
        }
    }

    /// The anomalies since the last call.
    pub fn take(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.found).into_values().flatten().collect()
    }

    /// The plugin's anomaly score of the request that was judged last, 0 to 1: min(|z| / 5, 1); 0 without a duration.
    pub(crate) fn score(&self, request: &Observation) -> f64 {
        let sums = self.sums.get(request.endpoint as usize);
        let z = sums.zip(request.duration_ns).map_or(0.0, |(sums, duration_ns)| sums.sigmas_off(duration_ns));
        (z / CRITICAL_SIGMAS as f64).min(1.0)
    }

    /// The requests that the next one is judged by, the oldest first.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = &Observation> {
        self.history.iter()
    }

    fn remember(&mut self, request: &Observation) {
        self.history.push_back(*request);
        if request.is_error {
            self.failures_ms.push_back(request.timestamp_ms);
        }
        if let Some(sums) = self.timed_sums(request) {
            sums.add(request.duration_ns);
        }
        if self.history.len() > HISTORY {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.history.pop_front() else { return };
        if oldest.is_error {
            self.failures_ms.pop_front();
        }
        if let Some(sums) = self.timed_sums(&oldest) {
            sums.subtract(oldest.duration_ns);
        }
    }

    /// Where the request's duration is summed up; `None` without one.
    fn timed_sums(&mut self, request: &Observation) -> Option<&mut Sums> {
        request.duration_ns?;
        let index = request.endpoint as usize;
        if index >= self.sums.len() {
            self.sums.resize(index + 1, Sums::default());
        }
        self.sums.get_mut(index)
    }

    fn judge_latency(&mut self, request: &Observation) {
        let Some(duration_ns) = request.duration_ns else { return };
        let Some(sums) = self.sums.get(request.endpoint as usize) else { return };
        let severity = if sums.deviates(duration_ns, CRITICAL_SIGMAS) {
            Severity::Critical
        } else if sums.deviates(duration_ns, HIGH_SIGMAS) {
            Severity::High
        } else {
            return;
        };
        let (actual, baseline) = (nanos_to_ms(u128::from(duration_ns)), sums.mean_ms());
        self.note(request.endpoint, Metric::Latency, severity, actual, baseline);
    }

    /// Failures of all endpoints, as the plugin counts them; told as shares of the minute's requests.
    fn judge_failures(&mut self, request: &Observation) {
        let is_before = |timestamp_ms: i64| request.timestamp_ms - timestamp_ms >= FAILURE_SPAN_MS;
        let failures = self.failures_ms.len() - self.failures_ms.partition_point(|failed_ms| is_before(*failed_ms));
        if failures <= MAX_FAILURES {
            return;
        }
        let requests = self.history.len() - self.history.partition_point(|seen| is_before(seen.timestamp_ms));
        let share = |failures: usize| failures as f64 / requests as f64;
        let (actual, baseline) = (share(failures), share(MAX_FAILURES));
        self.note(request.endpoint, Metric::ErrorRate, Severity::Critical, actual, baseline);
    }

    fn judge_resource(&mut self, request: &Observation, metric: Metric, used: Option<f64>, limit: f64) {
        if let Some(used) = used.filter(|used| *used > limit) {
            self.note(request.endpoint, metric, Severity::High, used, limit);
        }
    }

    fn note(&mut self, endpoint: u32, metric: Metric, severity: Severity, actual: f64, baseline: f64) {
        let direction = if actual < baseline { Direction::Down } else { Direction::Up };
        let anomaly = Anomaly { endpoint, metric, severity, count: 1, direction, actual, baseline };
        fold(self.found.entry((endpoint, metric, severity)).or_default(), anomaly);
    }
}

impl Sums {
    fn add(&mut self, duration_ns: Option<u64>) {
        let Some(value) = duration_ns.map(bounded) else { return };
        self.timed += 1;
        self.sum_ns += value;
        self.squares += value * value;
    }

    fn subtract(&mut self, duration_ns: Option<u64>) {
        let Some(value) = duration_ns.map(bounded) else { return };
        self.timed -= 1;
        self.sum_ns -= value;
        self.squares -= value * value;
    }

    /// |x - S/n| > k sqrt(Q/n - S^2/n^2), times n and squared: (n x - S)^2 > k^2 (n Q - S^2). False where all are equal.
    fn deviates(&self, duration_ns: u64, sigmas: u128) -> bool {
        let distance = (self.timed * bounded(duration_ns)).abs_diff(self.sum_ns);
        let variance = self.timed * self.squares - self.sum_ns * self.sum_ns;
        // a > k^2 b for whole numbers, without the product.
        (distance * distance).div_ceil(sigmas * sigmas) > variance
    }

    /// |z| = |n x - S| / sqrt(n Q - S^2); 0 where all are equal.
    fn sigmas_off(&self, duration_ns: u64) -> f64 {
        let distance = (self.timed * bounded(duration_ns)).abs_diff(self.sum_ns);
        let variance = self.timed * self.squares - self.sum_ns * self.sum_ns;
        if variance == 0 { 0.0 } else { distance as f64 / (variance as f64).sqrt() }
    }

    fn mean_ms(&self) -> f64 {
        nanos_to_ms(self.sum_ns) / self.timed as f64
    }
}

fn bounded(duration_ns: u64) -> u128 {
    u128::from(duration_ns.min(LONGEST_NS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::knob::Knobs;

    const MS: u64 = 1_000_000;

    fn request(timestamp_ms: i64, endpoint: u32, duration_ms: u64) -> Observation {
        let duration_ns = Some(duration_ms * MS);
        Observation { timestamp_ms, duration_ns, endpoint, is_error: false, memory_bytes: None, cpu: None }
    }

    fn failure(timestamp_ms: i64, endpoint: u32) -> Observation {
        Observation { is_error: true, ..request(timestamp_ms, endpoint, 10) }
    }

    fn judge(requests: &[Observation]) -> Vec<Anomaly> {
        let mut rules = ZScore::new(Knobs::default().optimization);
        requests.iter().for_each(|request| rules.judge(request));
        rules.take()
    }

    fn found(requests: &[Observation]) -> Vec<(u32, Metric, Severity, u64)> {
        judge(requests).iter().map(|found| (found.endpoint, found.metric, found.severity, found.count)).collect()
    }

    /// Equal requests and one that takes `last_ms`.
    fn last_of(count: usize, usual_ms: u64, last_ms: u64) -> Vec<(u32, Metric, Severity, u64)> {
        let mut requests = vec![request(0, 0, usual_ms); count - 1];
        requests.push(request(0, 0, last_ms));
        found(&requests)
    }

    /// Of n requests of which one differs, however little, that one is off by exactly sqrt(n - 1) sigmas.
    #[test]
    fn three_and_five_sigmas_are_exclusive() {
        assert_eq!(last_of(10, 10, 11), []);
        assert_eq!(last_of(11, 10, 11), [(0, Metric::Latency, Severity::High, 1)]);
        assert_eq!(last_of(26, 10, 5000), [(0, Metric::Latency, Severity::High, 1)]);
        assert_eq!(last_of(27, 10, 11), [(0, Metric::Latency, Severity::Critical, 1)]);
        assert_eq!(last_of(27, 10, 10), []);
    }

    #[test]
    fn a_request_may_be_too_fast_and_the_furthest_one_is_told() {
        let mut requests = vec![request(0, 0, 100); 40];
        requests.push(request(0, 0, 90));
        let anomalies = judge(&requests);
        // (40 x 100 + 90) / 41.
        assert_eq!((anomalies[0].direction, anomalies[0].actual), (Direction::Down, 90.0));
        assert_eq!(anomalies[0].baseline, 4090.0 / 41.0);
        requests.push(request(0, 0, 500));
        let anomalies = judge(&requests);
        assert_eq!((anomalies[0].count, anomalies[0].direction, anomalies[0].actual), (2, Direction::Up, 500.0));
    }

    #[test]
    fn endpoints_have_means_of_their_own_and_requests_without_a_duration_none() {
        let mut requests = vec![request(0, 0, 10); 10];
        requests.extend([request(0, 1, 900); 10]);
        requests.extend([Observation { duration_ns: None, ..request(0, 0, 0) }; 10]);
        assert_eq!(found(&requests), []);
        requests.push(request(0, 0, 11));
        assert_eq!(found(&requests), [(0, Metric::Latency, Severity::High, 1)]);
    }

    /// Ten usual requests of either endpoint; united, the second's are as usual as the first's.
    #[test]
    fn what_is_renamed_is_remembered_under_the_new_name() {
        let judged = |renames: bool| {
            let mut rules = ZScore::new(Knobs::default().optimization);
            (0..10).for_each(|_| rules.judge(&request(0, 1, 10)));
            (0..10).for_each(|_| rules.judge(&request(0, 2, 11)));
            if renames {
                rules.rename(|_| 1);
            }
            rules.take();
            rules.judge(&request(1, 1, 11));
            rules.take().len()
        };
        assert_eq!((judged(false), judged(true)), (1, 0));
    }

    /// Ten usual requests, then others; the eleventh of the first endpoint deviates as long as all ten are remembered.
    #[test]
    fn the_last_thousand_requests_of_all_endpoints_are_remembered() {
        let with_others = |others: usize| {
            let mut requests = vec![request(0, 0, 10); 10];
            requests.extend(vec![request(0, 1, 10); others]);
            requests.push(request(0, 0, 11));
            found(&requests)
        };
        assert_eq!(with_others(989), [(0, Metric::Latency, Severity::High, 1)]);
        assert_eq!(with_others(990), []);
    }

    #[test]
    fn more_than_ten_failures_in_less_than_a_minute_are_critical() {
        let failures = |last_ms: i64, before: usize| {
            let mut requests = vec![failure(0, 0); before];
            requests.push(failure(last_ms, 1));
            found(&requests)
        };
        assert_eq!(failures(59_999, 9), []);
        assert_eq!(failures(59_999, 10), [(1, Metric::ErrorRate, Severity::Critical, 1)]);
        assert_eq!(failures(60_000, 10), []);
        // Without a failure of its own a request is not asked.
        let mut requests = vec![failure(0, 0); 10];
        requests.extend([request(1, 1, 10), failure(2, 0)]);
        let anomalies = judge(&requests);
        assert_eq!((anomalies[0].actual, anomalies[0].baseline), (11.0 / 12.0, 10.0 / 12.0));
    }

    #[test]
    fn forgotten_failures_do_not_count() {
        let with_others = |others: usize| {
            let mut requests = vec![failure(0, 0); 10];
            requests.extend(vec![request(0, 1, 10); others]);
            requests.push(failure(0, 0));
            found(&requests)
        };
        assert_eq!(with_others(989), [(0, Metric::ErrorRate, Severity::Critical, 1)]);
        assert_eq!(with_others(990), []);
    }

    #[test]
    fn resources_are_high_above_their_limits() {
        let using = |memory_bytes: f64, cpu: f64| {
            found(&[Observation { memory_bytes: Some(memory_bytes), cpu: Some(cpu), ..request(0, 0, 10) }])
        };
        assert_eq!(using(512.0 * BYTES_PER_MB, 80.0), []);
        assert_eq!(using(512.0 * BYTES_PER_MB + 1.0, 80.0), [(0, Metric::Memory, Severity::High, 1)]);
        assert_eq!(using(0.0, 80.000_001), [(0, Metric::Cpu, Severity::High, 1)]);
        assert_eq!(using(f64::NAN, f64::NAN), []);
    }

    #[test]
    fn the_longest_durations_overflow_nothing() {
        let longest = |duration_ns| Observation { duration_ns: Some(duration_ns), ..request(0, 0, 0) };
        let mut requests = vec![longest(u64::MAX); 1500];
        requests.extend([longest(0), longest(u64::MAX)]);
        assert_eq!(found(&requests), [(0, Metric::Latency, Severity::Critical, 1)]);
    }

    #[test]
    fn what_was_taken_is_not_told_again() {
        let mut rules = ZScore::new(Knobs::default().optimization);
        for _ in 0..11 {
            rules.judge(&failure(0, 0));
        }
        assert_eq!((rules.take().len(), rules.take().len()), (1, 0));
    }
}
