//! Every threshold of `documented` with two small logs: one that just misses it and one that just passes it.
//!
//! One window is one minute here and so is the interval, so that cycle n sees exactly minute n.

use crate::cases::Case;
use crate::cycle::Cycle;
use crate::record::Record;
use serde_json::{Value, json};

/// A rule's limit.
pub struct Threshold {
    pub below: Case,
    pub above: Case,
    /// Whether the rule acted.
    pub shows: Observation,
}

/// A question about a whole replay.
type Observation = Box<dyn Fn(&[Cycle]) -> bool>;

/// A whole hour of 2026.
const START_MS: i64 = 1_780_315_200_000;
const MINUTE_MS: i64 = 60_000;

/// A log under construction.
#[derive(Default)]
struct Log(Vec<Record>);

fn log() -> Log {
    Log::default()
}

impl Log {
    /// `count` requests in the minute.
    fn put(mut self, minute: i64, path: &'static str, count: i64, status: u16, ms: f64) -> Log {
        let record = |i| Record {
            timestamp_ms: START_MS + minute * MINUTE_MS + 1 + i,
            method: "GET",
            path,
            status,
            duration_ms: Some(ms),
        };
        self.0.extend((0..count).map(record));
        self
    }

    /// `count` requests whose duration the log does not say.
    fn put_untimed(self, minute: i64, path: &'static str, count: usize) -> Log {
        let known = self.0.len();
        let mut log = self.put(minute, path, count as i64, 200, 0.0);
        log.0[known..].iter_mut().for_each(|record| record.duration_ms = None);
        log
    }

    /// The same in each of the minutes.
    fn each(self, minutes: std::ops::Range<i64>, path: &'static str, count: i64, ms: f64) -> Log {
        minutes.fold(self, |log, minute| log.put(minute, path, count, 200, ms))
    }

    /// One request at a moment after the start.
    fn at(mut self, offset_ms: i64) -> Log {
        let timestamp_ms = START_MS + offset_ms;
        self.0.push(Record { timestamp_ms, method: "GET", path: "/x", status: 200, duration_ms: Some(100.0) });
        self
    }

    fn with(self, knobs: Value) -> (Log, Value) {
        (self, knobs)
    }
}

/// One-minute windows, and whatever else the log was given.
fn case(name: String, log: Log, mut knobs: Value) -> Case {
    let window = &mut knobs["loopConfig"]["windowSizeMinutes"];
    if window.is_null() {
        *window = json!(1);
    }
    Case { name, records: log.0, knobs }
}

fn threshold(
    name: &str,
    below: (Log, Value),
    above: (Log, Value),
    shows: impl Fn(&[Cycle]) -> bool + 'static,
) -> Threshold {
    Threshold {
        below: case(format!("{name}, just below"), below.0, below.1),
        above: case(format!("{name}, just above"), above.0, above.1),
        shows: Box::new(shows),
    }
}

/// Two logs under the default knobs, and an anomaly of the last cycle.
fn anomaly(name: &str, below: Log, above: Log, key: &'static str) -> Threshold {
    threshold(name, below.with(json!({})), above.with(json!({})), move |cycles| {
        cycles.last().unwrap().anomalies.contains_key(key)
    })
}

fn setting(cycles: &[Cycle], section: &str, key: &str) -> f64 {
    cycles.last().unwrap().config[section][key].as_f64().unwrap()
}

fn processed(cycles: &[Cycle]) -> u64 {
    cycles.last().unwrap().patterns_processed
}

fn current(failure_threshold: i64, timeout_ms: i64, max_retries: i64) -> Value {
    json!({
        "circuitBreaker": { "failureThreshold": failure_threshold, "openTimeoutMs": 30_000 },
        "bulkhead": { "maxConcurrentCalls": 10 },
        "httpClient": { "timeoutMs": timeout_ms, "maxRetries": max_retries },
    })
}

/// All of them.
pub fn all() -> Vec<Threshold> {
    [latency(), error_rate(), frequency(), unknown_endpoint(), timeout(), retries(), breaker(), time()]
        .into_iter()
        .flatten()
        .collect()
}

fn latency() -> Vec<Threshold> {
    let base = || log().each(0..3, "/x", 10, 100.0).put(3, "/other", 10, 200, 100.0);
    vec![
        anomaly(
            "2.5 times the baseline",
            base().put(3, "/x", 10, 200, 250.0),
            base().put(3, "/x", 10, 200, 250.001),
            "GET /x latency high",
        ),
        anomaly(
            "twice that multiple",
            base().put(3, "/x", 10, 200, 500.0),
            base().put(3, "/x", 10, 200, 500.001),
            "GET /x latency critical",
        ),
        anomaly(
            "ten durations to judge latency",
            base().put(3, "/x", 9, 200, 900.0).put_untimed(3, "/x", 5),
            base().put(3, "/x", 10, 200, 900.0).put_untimed(3, "/x", 5),
            "GET /x latency critical",
        ),
        anomaly(
            "three non-empty history windows",
            base().put(4, "/y", 10, 200, 900.0).each(2..4, "/y", 10, 100.0),
            base().put(4, "/y", 10, 200, 900.0).each(1..4, "/y", 10, 100.0),
            "GET /y latency critical",
        ),
    ]
}

fn error_rate() -> Vec<Threshold> {
    let calm = || log().each(0..3, "/x", 20, 100.0).put(3, "/other", 10, 200, 100.0);
    let failing = || {
        (0..3).fold(log().put(3, "/other", 10, 200, 9.0), |l, m| l.put(m, "/x", 18, 200, 9.0).put(m, "/x", 2, 500, 9.0))
    };
    let last = |log: Log, good: i64, bad: i64| log.put(3, "/x", good, 200, 100.0).put(3, "/x", bad, 500, 100.0);
    let key = "GET /x error_rate high";
    vec![
        anomaly("an error rate of 0.05", last(calm(), 19, 1), last(calm(), 18, 1), key),
        anomaly("twice the baseline's error rate", last(failing(), 16, 4), last(failing(), 15, 4), key),
        anomaly("ten requests to judge errors", last(calm(), 0, 9), last(calm(), 0, 10), key),
        anomaly(
            "a status of 500",
            calm().put(3, "/x", 20, 499, 100.0),
            calm().put(3, "/x", 18, 499, 100.0).put(3, "/x", 2, 500, 100.0),
            key,
        ),
    ]
}

fn frequency() -> Vec<Threshold> {
    // `/x` gets these counts, minute by minute, beside a steady neighbour.
    let counts = |counts: &[i64]| {
        let minutes = counts.iter().zip(0..);
        minutes.fold(log(), |log, (&x, minute)| log.put(minute, "/other", 10, 200, 9.0).put(minute, "/x", x, 200, 9.0))
    };
    let key = "GET /x frequency medium";
    vec![
        anomaly(
            "three times the root of the mean, up",
            counts(&[16, 16, 16, 16, 28]),
            counts(&[16, 16, 16, 16, 29]),
            key,
        ),
        anomaly(
            "three times the root of the mean, down",
            counts(&[16, 16, 16, 16, 4]),
            counts(&[16, 16, 16, 16, 3]),
            key,
        ),
        anomaly("three standard deviations", counts(&[4, 28, 4, 28, 52]), counts(&[4, 28, 4, 28, 53]), key),
        anomaly(
            "a spread of at least one request",
            counts(&[1, 1, 1, 0, 0, 0, 3]),
            counts(&[1, 1, 1, 0, 0, 0, 4]),
            key,
        ),
        anomaly("silence after enough requests", counts(&[9, 9, 9, 0]), counts(&[10, 10, 10, 0]), key),
        threshold(
            "a history window begins at the origin",
            log().put(0, "/x", 30, 200, 9.0).at(89_999).with(half_minutes()),
            log().put(0, "/x", 30, 200, 9.0).at(119_999).with(half_minutes()),
            |cycles| cycles.last().unwrap().anomalies.contains_key("GET /x frequency medium"),
        ),
    ]
}

fn half_minutes() -> Value {
    json!({ "intervalMs": 30_000, "loopConfig": { "minBaselineWindows": 1, "minSamplesBeforeTuning": 1 } })
}

fn unknown_endpoint() -> Vec<Threshold> {
    let key = "GET /new unknown_endpoint low";
    vec![
        anomaly(
            "a whole baseline before an endpoint is new",
            log().each(0..12, "/x", 10, 9.0).put(11, "/new", 1, 200, 9.0),
            log().each(0..13, "/x", 10, 9.0).put(12, "/new", 1, 200, 9.0),
            key,
        ),
        anomaly(
            "ten requests before a cycle does anything",
            log().each(0..12, "/x", 10, 9.0).put(12, "/x", 8, 200, 9.0).put(12, "/new", 1, 200, 9.0),
            log().each(0..12, "/x", 10, 9.0).put(12, "/x", 9, 200, 9.0).put(12, "/new", 1, 200, 9.0),
            key,
        ),
        anomaly(
            "the first request lies in this very window",
            log().put(5, "/new", 1, 200, 9.0).each(0..14, "/x", 10, 9.0).put(13, "/new", 1, 200, 9.0),
            log().each(0..14, "/x", 10, 9.0).put(13, "/new", 1, 200, 9.0),
            key,
        ),
    ]
}

fn timeout() -> Vec<Threshold> {
    let moved = |cycles: &[Cycle]| setting(cycles, "httpClient", "timeoutMs") != 10_000.0;
    let at_once = || json!({ "tunerConfig": { "smoothingFactor": 1, "adjustmentStepMs": 0 } });
    let only = |ms: f64| log().put(0, "/x", 10, 200, ms);
    let beside_slow = |count: i64| only(5000.0).put(0, "/slow", count, 200, 9000.0).put_untimed(0, "/slow", 1);
    vec![
        threshold("a step of 500 ms", only(4750.0).with(json!({})), only(4749.999).with(json!({})), moved),
        threshold("ten durations for a p95", beside_slow(9).with(json!({})), beside_slow(10).with(json!({})), moved),
        threshold("the least timeout", only(500.0).with(at_once()), only(500.001).with(at_once()), |cycles| {
            setting(cycles, "httpClient", "timeoutMs") > 1000.0
        }),
        threshold("the greatest timeout", only(15_000.0).with(at_once()), only(14_999.999).with(at_once()), |cycles| {
            setting(cycles, "httpClient", "timeoutMs") < 30_000.0
        }),
        threshold(
            "the rank of the 95th percentile",
            log().put(0, "/x", 19, 200, 5000.0).put(0, "/x", 1, 200, 9000.0).with(json!({})),
            log().put(0, "/x", 18, 200, 5000.0).put(0, "/x", 2, 200, 9000.0).with(json!({})),
            moved,
        ),
    ]
}

fn retries() -> Vec<Threshold> {
    let mixed = |good: i64, bad: i64| log().put(0, "/x", good, 200, 5000.0).put(0, "/x", bad, 500, 5000.0);
    let retries = |cycles: &[Cycle]| setting(cycles, "httpClient", "maxRetries");
    let from = |retries: i64| json!({ "initialConfig": current(50, 10_000, retries) });
    vec![
        threshold("a tenth failing", mixed(90, 10).with(json!({})), mixed(89, 11).with(json!({})), move |c| {
            retries(c) == 4.0
        }),
        threshold("a hundredth failing", mixed(99, 1).with(json!({})), mixed(100, 1).with(json!({})), move |c| {
            retries(c) == 2.0
        }),
        threshold("at most five retries", mixed(0, 20).with(from(5)), mixed(0, 20).with(from(3)), move |c| {
            retries(c) < 5.0
        }),
        threshold("no fewer than no retries", mixed(20, 0).with(from(1)), mixed(20, 0).with(from(2)), move |c| {
            retries(c) > 0.0
        }),
    ]
}

fn breaker() -> Vec<Threshold> {
    let threshold_percent = |cycles: &[Cycle]| setting(cycles, "circuitBreaker", "failureThreshold");
    // The first three minutes are too quiet for a cycle to act, but busy enough to be a baseline.
    let failing = || log().each(0..3, "/x", 10, 9.0).put(3, "/x", 11, 500, 9.0);
    let from = |failure_threshold: i64| {
        json!({
            "initialConfig": current(failure_threshold, 1000, 0),
            "loopConfig": { "minSamplesBeforeTuning": 11 },
        })
    };
    let calm = || log().put(0, "/x", 11, 200, 9.0);
    vec![
        threshold("the least failure threshold", failing().with(from(20)), failing().with(from(21)), move |c| {
            threshold_percent(c) > 10.0
        }),
        threshold("the greatest failure threshold", calm().with(from(75)), calm().with(from(74)), move |c| {
            threshold_percent(c) < 80.0
        }),
    ]
}

fn time() -> Vec<Threshold> {
    let three = || log().each(0..3, "/x", 10, 9.0);
    let cooldown = |ms: i64| json!({ "loopConfig": { "cooldownBetweenChangesMs": ms } });
    let wide = || json!({ "loopConfig": { "windowSizeMinutes": 10 } });
    let gap = || json!({ "order": { "maxGap": 600 } });
    let stray = |offset_ms: i64| log().at(0).at(offset_ms).at(0);
    vec![
        threshold("the cooldown", three().with(cooldown(120_001)), three().with(cooldown(120_000)), |cycles| {
            cycles.last().unwrap().config_changes != json!({})
        }),
        threshold(
            "five minutes of lateness",
            log().at(400_000).at(99_999).with(wide()),
            log().at(400_000).at(100_000).with(wide()),
            |cycles| processed(cycles) == 2,
        ),
        threshold(
            "the greatest gap",
            log().at(1).at(2).at(600_003).at(600_004).with(gap()),
            log().at(1).at(2).at(600_002).at(600_003).with(gap()),
            |cycles| cycles.len() > 2,
        ),
        threshold("a stray clock", stray(600_001).with(gap()), stray(600_000).with(gap()), |cycles| cycles.len() > 1),
        threshold(
            "a window's open start",
            log().at(0).at(60_000).with(json!({})),
            log().at(1).at(60_000).with(json!({})),
            |cycles| processed(cycles) == 2,
        ),
        threshold(
            "a window's closed end",
            log().at(1).at(60_001).with(json!({})),
            log().at(1).at(60_000).with(json!({})),
            |cycles| processed(cycles) == 2,
        ),
    ]
}
