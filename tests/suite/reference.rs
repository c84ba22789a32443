//! The `documented` rules a second time: slow and obvious, written from the rules' text alone.
//!
//! Every cycle looks at the whole log again. It must share no code with `src/`, or a mistake there would be here too.

use crate::cycle::Cycle;
use crate::record::Record;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Requests that an endpoint needs in the window before its latency, errors or p95 mean anything.
const ENDPOINT_MIN_REQUESTS: usize = 10;

/// The knobs, with the rules' defaults where the case names none.
struct Rules {
    interval_ms: i64,
    window_ms: i64,
    min_samples: f64,
    cooldown_ms: f64,
    baseline_windows: i64,
    min_baseline_windows: usize,
    lateness_ms: i64,
    max_gap_ms: i64,
    latency_threshold: f64,
    error_threshold: f64,
    frequency_threshold: f64,
    report_unknown: bool,
    min_timeout_ms: f64,
    max_timeout_ms: f64,
    smoothing: f64,
    step_ms: f64,
}

impl Rules {
    fn from_knobs(knobs: &Value) -> Self {
        let number = |section: &str, key: &str, default: f64| knobs[section][key].as_f64().unwrap_or(default);
        Rules {
            interval_ms: knobs["intervalMs"].as_i64().unwrap_or(60_000),
            window_ms: (number("loopConfig", "windowSizeMinutes", 5.0) * 60_000.0).round() as i64,
            min_samples: number("loopConfig", "minSamplesBeforeTuning", 10.0),
            cooldown_ms: number("loopConfig", "cooldownBetweenChangesMs", 120_000.0),
            baseline_windows: number("loopConfig", "baselineWindows", 12.0) as i64,
            min_baseline_windows: number("loopConfig", "minBaselineWindows", 3.0) as usize,
            lateness_ms: number("order", "lateness", 300.0) as i64 * 1000,
            max_gap_ms: number("order", "maxGap", 7.0 * 86_400.0) as i64 * 1000,
            latency_threshold: number("anomalyConfig", "latencyStdDevThreshold", 2.5),
            error_threshold: number("anomalyConfig", "errorRateThreshold", 0.05),
            frequency_threshold: number("anomalyConfig", "frequencyDeviationThreshold", 3.0),
            report_unknown: knobs["anomalyConfig"]["enableUnknownEndpointDetection"].as_bool().unwrap_or(true),
            min_timeout_ms: number("tunerConfig", "minTimeoutMs", 1000.0),
            max_timeout_ms: number("tunerConfig", "maxTimeoutMs", 30_000.0),
            smoothing: number("tunerConfig", "smoothingFactor", 0.3),
            step_ms: number("tunerConfig", "adjustmentStepMs", 500.0),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Config {
    failure_threshold: f64,
    open_timeout_ms: f64,
    max_concurrent_calls: f64,
    timeout_ms: f64,
    max_retries: f64,
}

impl Config {
    fn from_knobs(knobs: &Value) -> Self {
        let current = &knobs["initialConfig"];
        let number = |section: &str, key: &str, default: f64| current[section][key].as_f64().unwrap_or(default);
        Config {
            failure_threshold: number("circuitBreaker", "failureThreshold", 50.0),
            open_timeout_ms: number("circuitBreaker", "openTimeoutMs", 30_000.0),
            max_concurrent_calls: number("bulkhead", "maxConcurrentCalls", 10.0),
            timeout_ms: number("httpClient", "timeoutMs", 10_000.0),
            max_retries: number("httpClient", "maxRetries", 3.0),
        }
    }

    fn to_json(self) -> Value {
        json!({
            "circuitBreaker": { "failureThreshold": self.failure_threshold, "openTimeoutMs": self.open_timeout_ms },
            "bulkhead": { "maxConcurrentCalls": self.max_concurrent_calls },
            "httpClient": { "timeoutMs": self.timeout_ms, "maxRetries": self.max_retries },
        })
    }
}

pub type EndpointKey = (&'static str, &'static str);

/// One endpoint's requests in one window.
#[derive(Clone, Default)]
struct Tally {
    requests: usize,
    errors: usize,
    durations_ms: Vec<f64>,
}

impl Tally {
    fn add(&mut self, record: &Record) {
        self.requests += 1;
        self.errors += usize::from(record.status >= 500);
        // A switched protocol's connection is long by design: its duration is no latency.
        self.durations_ms.extend(record.duration_ms.filter(|_| record.status != 101));
    }

    fn error_rate(&self) -> f64 {
        self.errors as f64 / self.requests as f64
    }

    /// The ten requests are ten with a duration: a rare one must not count for more beside long connections.
    fn has_enough_durations(&self) -> bool {
        self.durations_ms.len() >= ENDPOINT_MIN_REQUESTS
    }

    fn mean_ms(&self) -> Option<f64> {
        let count = self.durations_ms.len();
        (count > 0).then(|| self.durations_ms.iter().sum::<f64>() / count as f64)
    }

    fn p95_ms(&self) -> Option<f64> {
        let mut sorted = self.durations_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (0.95 * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

/// One anomaly that another rule set finds in one request.
pub struct Found {
    pub timestamp_ms: i64,
    pub key: EndpointKey,
    pub metric: &'static str,
    pub severity: &'static str,
}

/// Another rule set: requests by time in, what it finds in them out.
pub type Finder = fn(&[&Record]) -> Vec<Found>;

/// Replays the log, cycle by cycle.
pub fn replay(records: &[Record], knobs: &Value) -> Vec<Cycle> {
    replay_judged(records, knobs, None)
}

/// The same with the anomalies that `find` finds among the requests, by time, in place of its own.
pub fn replay_by(records: &[Record], knobs: &Value, find: Finder) -> Vec<Cycle> {
    replay_judged(records, knobs, Some(find))
}

fn replay_judged(records: &[Record], knobs: &Value, find: Option<Finder>) -> Vec<Cycle> {
    let rules = Rules::from_knobs(knobs);
    let accepted = in_time(without_strays(records, &rules), &rules);
    let mut stamps: Vec<i64> = accepted.iter().map(|record| record.timestamp_ms).collect();
    stamps.sort_unstable();
    let origin = floor(stamps[0], rules.interval_ms);
    let mut state = State { config: Config::from_knobs(knobs), last_change_ms: None, reported: BTreeSet::new() };
    let mut by_time = accepted.clone();
    by_time.sort_by_key(|record| record.timestamp_ms);
    let found = find.map(|find| find(&by_time));
    let mut last_end = i64::MIN;
    let mut cycle = |end| {
        // Each request is judged in the first cycle that contains it.
        let is_new = |found: &&Found| found.timestamp_ms > last_end && found.timestamp_ms <= end;
        let found = found.as_ref().map(|all| all.iter().filter(is_new).collect::<Vec<_>>());
        last_end = end;
        state.cycle(&rules, &accepted, origin, end, found)
    };
    cycle_ends(&stamps, &rules).into_iter().map(&mut cycle).collect()
}

fn floor(timestamp_ms: i64, interval_ms: i64) -> i64 {
    timestamp_ms.div_euclid(interval_ms) * interval_ms
}

/// A lone request further than the greatest gap from the line before and the line after is a stray clock.
fn without_strays<'a>(records: &'a [Record], rules: &Rules) -> Vec<&'a Record> {
    let far = |a: &Record, b: &Record| a.timestamp_ms.abs_diff(b.timestamp_ms) > rules.max_gap_ms as u64;
    let stray = |i: usize| {
        i > 0 && i + 1 < records.len() && far(&records[i - 1], &records[i]) && far(&records[i], &records[i + 1])
    };
    (0..records.len()).filter(|&i| !stray(i)).map(|i| &records[i]).collect()
}

/// A request further behind the newest line before it than the lateness counts in no cycle.
fn in_time<'a>(records: Vec<&'a Record>, rules: &Rules) -> Vec<&'a Record> {
    let mut newest = i64::MIN;
    let mut kept = Vec::new();
    for record in records {
        newest = newest.max(record.timestamp_ms);
        if record.timestamp_ms >= newest - rules.lateness_ms {
            kept.push(record);
        }
    }
    kept
}

fn cycle_ends(stamps: &[i64], rules: &Rules) -> Vec<i64> {
    let mut ends = Vec::new();
    let mut next = floor(stamps[0], rules.interval_ms) + rules.interval_ms;
    for (index, &stamp) in stamps.iter().enumerate() {
        if index > 0 && stamp - stamps[index - 1] > rules.max_gap_ms {
            next = next.max(floor(stamp, rules.interval_ms) + rules.interval_ms);
        }
        let following = stamps.get(index + 1).filter(|&&following| following - stamp <= rules.max_gap_ms);
        // Up to the request before the next one's cycle, or, at a gap and at the end, up to the first end at or after it.
        while following.map_or(ends.last().is_none_or(|&last| last < stamp), |&following| next < following) {
            ends.push(next);
            next += rules.interval_ms;
        }
    }
    ends
}

/// What one cycle leaves to the next.
struct State {
    config: Config,
    last_change_ms: Option<i64>,
    reported: BTreeSet<EndpointKey>,
}

impl State {
    fn cycle(&mut self, rules: &Rules, log: &[&Record], origin: i64, end: i64, found: Option<Vec<&Found>>) -> Cycle {
        let view = View::at(rules, log, origin, end);
        let before = self.config;
        let mut anomalies = BTreeMap::new();
        if view.requests() as f64 >= rules.min_samples {
            let found = match found {
                Some(found) => found.iter().map(|found| (found.key, found.metric, found.severity)).collect(),
                None => self.judge(rules, &view),
            };
            for (key, metric, severity) in found {
                *anomalies.entry(format!("{} {} {metric} {severity}", key.0, key.1)).or_insert(0) += 1;
            }
            self.tune(rules, &view, &anomalies);
        }
        let (old, new) = (before.to_json(), self.config.to_json());
        let changed = new.as_object().unwrap().iter().filter(|(section, value)| old[section.as_str()] != **value);
        Cycle {
            end: rfc3339(end),
            patterns_processed: view.requests() as u64,
            anomalies_found: anomalies.values().sum(),
            anomalies,
            config_changes: Value::Object(changed.map(|(section, value)| (section.clone(), value.clone())).collect()),
            config: new,
        }
    }

    fn judge(&mut self, rules: &Rules, view: &View) -> Vec<(EndpointKey, &'static str, &'static str)> {
        let mut found = Vec::new();
        let endpoints: BTreeSet<EndpointKey> = view.window.keys().chain(view.history.keys()).copied().collect();
        for key in endpoints {
            let now = view.window.get(&key).cloned().unwrap_or_default();
            if let Some(history) = view.history.get(&key).filter(|h| h.non_empty() >= rules.min_baseline_windows) {
                let base = history.whole();
                found.extend(latency(rules, &now, &base).map(|severity| (key, "latency", severity)));
                if now.requests >= ENDPOINT_MIN_REQUESTS {
                    let rate = now.error_rate();
                    if rate > rules.error_threshold && rate > 2.0 * base.error_rate() {
                        found.push((key, "error_rate", "high"));
                    }
                }
                if history.frequency_is_unusual(rules, now.requests) {
                    found.push((key, "frequency", "medium"));
                }
            }
            let old_enough = view.start - view.origin >= rules.baseline_windows * rules.window_ms;
            let new_here = now.requests > 0 && view.first_seen[&key] > view.start;
            if rules.report_unknown && old_enough && new_here && self.reported.insert(key) {
                found.push((key, "unknown_endpoint", "low"));
            }
        }
        found
    }

    fn tune(&mut self, rules: &Rules, view: &View, anomalies: &BTreeMap<String, u64>) {
        if view.requests() == 0 {
            return;
        }
        let mut next = self.config;
        let busy = view.window.values().filter(|tally| tally.has_enough_durations());
        if let Some(p95_ms) = busy.filter_map(Tally::p95_ms).reduce(f64::max) {
            let target = (2.0 * p95_ms).max(rules.min_timeout_ms).min(rules.max_timeout_ms);
            if (target - next.timeout_ms).abs() > rules.step_ms {
                next.timeout_ms += (target - next.timeout_ms) * rules.smoothing;
            }
        }
        let errors: usize = view.window.values().map(|tally| tally.errors).sum();
        let rate = errors as f64 / view.requests() as f64;
        if rate > 0.10 {
            next.max_retries = (next.max_retries + 1.0).min(5.0);
        } else if rate < 0.01 {
            next.max_retries = (next.max_retries - 1.0).max(0.0);
        }
        let grave = |key: &&String| key.ends_with(" high") || key.ends_with(" critical");
        let grave: u64 = anomalies.keys().filter(grave).map(|key| anomalies[key]).sum();
        if grave > 0 {
            next.failure_threshold = (next.failure_threshold - 10.0 * grave as f64).max(10.0);
        } else if anomalies.is_empty() {
            next.failure_threshold = (next.failure_threshold + 5.0).min(80.0);
        }
        let rested = self.last_change_ms.is_none_or(|last| (view.end - last) as f64 >= rules.cooldown_ms);
        if next != self.config && rested {
            self.config = next;
            self.last_change_ms = Some(view.end);
        }
    }
}

fn latency(rules: &Rules, now: &Tally, base: &Tally) -> Option<&'static str> {
    let (mean_ms, base_ms) = (now.mean_ms().filter(|_| now.has_enough_durations())?, base.mean_ms()?);
    if mean_ms > base_ms * (2.0 * rules.latency_threshold) {
        Some("critical")
    } else if mean_ms > base_ms * rules.latency_threshold {
        Some("high")
    } else {
        None
    }
}

/// What one cycle can see.
struct View {
    origin: i64,
    /// Exclusive start of the window.
    start: i64,
    /// Inclusive end of the window.
    end: i64,
    window: BTreeMap<EndpointKey, Tally>,
    history: BTreeMap<EndpointKey, History>,
    first_seen: BTreeMap<EndpointKey, i64>,
}

impl View {
    fn at(rules: &Rules, log: &[&Record], origin: i64, end: i64) -> View {
        let width = rules.window_ms;
        let existing = (1..=rules.baseline_windows).filter(|k| end - (k + 1) * width >= origin).count();
        let (mut window, mut history, mut first_seen) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for record in log {
            let key = (record.method, record.path);
            let first = first_seen.entry(key).or_insert(record.timestamp_ms);
            *first = record.timestamp_ms.min(*first);
            if record.timestamp_ms > end {
                continue;
            }
            // Window k is (end - (k + 1) w, end - k w]; 0 is the current one.
            let k = ((end - record.timestamp_ms) / width) as usize;
            if k == 0 {
                window.entry(key).or_insert_with(Tally::default).add(record);
            } else if k <= existing {
                let empty = || History(vec![Tally::default(); existing]);
                history.entry(key).or_insert_with(empty).0[k - 1].add(record);
            }
        }
        View { origin, start: end - width, end, window, history, first_seen }
    }

    fn requests(&self) -> usize {
        self.window.values().map(|tally| tally.requests).sum()
    }
}

/// One endpoint's existing history windows.
struct History(Vec<Tally>);

impl History {
    fn non_empty(&self) -> usize {
        self.0.iter().filter(|tally| tally.requests > 0).count()
    }

    fn whole(&self) -> Tally {
        self.0.iter().fold(Tally::default(), |mut whole, tally| {
            whole.requests += tally.requests;
            whole.errors += tally.errors;
            whole.durations_ms.extend(&tally.durations_ms);
            whole
        })
    }

    fn frequency_is_unusual(&self, rules: &Rules, requests: usize) -> bool {
        let windows = self.0.len() as f64;
        let counts = || self.0.iter().map(|tally| tally.requests as f64);
        let mean = counts().sum::<f64>() / windows;
        let deviation = (counts().map(|count| (count - mean).powi(2)).sum::<f64>() / windows).sqrt();
        (requests as f64 - mean).abs() > rules.frequency_threshold * deviation.max(mean.sqrt()).max(1.0)
    }
}

/// RFC 3339 UTC with milliseconds.
pub fn rfc3339(timestamp_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(timestamp_ms).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
