//! Seeded requests and knobs, on which `learn` must agree with the package (`published`) and with the reference
//! (`documented`). Each family aims at one way to go wrong; which one, its function says.

use crate::record::Record;
use crate::rng::Rng;
use crate::traffic::{MINUTE_MS, delay, endpoints, start, traffic};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Seed of everything here; another number gives other, equally good cases.
const SEED: u64 = 20_260_601;

/// A log and the knobs to replay it with.
pub struct Case {
    pub name: String,
    /// In log order.
    pub records: Vec<Record>,
    /// The driver's options, and `order` (`lateness`, `maxGap`, in seconds), which only `documented` reads.
    pub knobs: Value,
}

impl Case {
    /// The knobs as `learn`'s flags; a config in force is written into `folder`.
    pub fn flags(&self, rules: &str, folder: &Path) -> Vec<String> {
        let mut flags = Vec::new();
        for (section, value) in self.knobs.as_object().unwrap() {
            match section.as_str() {
                "intervalMs" => flags.push(format!("--default-interval-ms={value}")),
                "limits" => flags.push(format!("--max-patterns={}", value["maxPatterns"])),
                "initialConfig" => {
                    let file = folder.join("current.json");
                    std::fs::write(&file, value.to_string()).unwrap();
                    flags.push(format!("--current={}", file.display()));
                }
                "order" if rules == "published" => {}
                "order" => flags.extend(value.as_object().unwrap().iter().map(|(k, v)| format!("--{}={v}s", kebab(k)))),
                _ => flags.extend(value.as_object().unwrap().iter().map(|(k, v)| format!("--{}={v}", kebab(k)))),
            }
        }
        flags
    }
}

fn kebab(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut kebab, c| {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
        kebab
    })
}

/// A name, how many cases, and how to make one.
type Family = (&'static str, u64, fn(&mut Rng) -> (Vec<Record>, Value));

/// The cases for both rule sets.
pub fn generated() -> Vec<Case> {
    from_families(&[
        ("boundary", 48, boundary),
        ("latency-ties", 32, latency_ties),
        ("rate-ties", 24, rate_ties),
        ("idle", 40, idle),
        ("crowd", 6, crowd),
        ("disorder", 48, disorder),
        ("knobs", 80, every_knob),
        ("pruned", 16, pruned),
        ("incident", 32, incident),
        ("tiny", 20, tiny),
    ])
}

/// Cases that the package cannot express.
pub fn documented_only() -> Vec<Case> {
    from_families(&[("absent-durations", 24, absent_durations)])
}

fn from_families(families: &[Family]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &(family, count, generate) in families {
        for number in 0..count {
            let mut rng = Rng::new(SEED ^ (cases.len() as u64) << 32);
            let (records, knobs) = generate(&mut rng);
            cases.push(Case { name: format!("{family}-{number:02}"), records, knobs });
        }
    }
    cases
}

/// Requests on the very ends of cycles and windows, and one millisecond beside them.
fn boundary(rng: &mut Rng) -> (Vec<Record>, Value) {
    let interval_ms = *rng.pick(&[15_000, 30_000, MINUTE_MS, MINUTE_MS, 300_000]);
    let origin = start(rng) / interval_ms * interval_ms;
    let cycles = rng.range(8, 40);
    let count = rng.range(2, 5);
    let endpoints = endpoints(rng, count);
    let mut records: Vec<Record> = (0..rng.range(100, 700))
        .map(|_| {
            let timestamp_ms = origin + interval_ms / 2 * rng.range(0, 2 * cycles) + *rng.pick(&[-1, 0, 0, 0, 1]);
            let endpoint = *rng.pick(&endpoints);
            endpoint.at(rng, timestamp_ms)
        })
        .collect();
    records.sort_by_key(|record| record.timestamp_ms);
    let window = *rng.pick(&[1.0, 2.0, 5.0, 2.5, 0.5]);
    (records, json!({ "intervalMs": interval_ms, "loopConfig": { "windowSizeMinutes": window } }))
}

/// Deviations that are exactly 2.5, 3, 4 and 5 spreads, or the least step beside: in any number of whole batches the
/// mean and the median are `middle`, and the 95th percentile is `middle + near`.
fn latency_ties(rng: &mut Rng) -> (Vec<Record>, Value) {
    let first = start(rng) / MINUTE_MS * MINUTE_MS;
    let unit = *rng.pick(&[1.0, 1.0, 10.0, 8.0]);
    let endpoints = endpoints(rng, 3);
    let mut records = Vec::new();
    for minute in 0..rng.range(6, 30) {
        for endpoint in &endpoints {
            let near = 4 * rng.range(1, 6);
            let half_spreads = *rng.pick(&[5, 6, 8, 10]);
            let far = half_spreads * near / 4 + *rng.pick(&[-1, 0, 0, 0, 1]);
            let middle = 200;
            let values = [(1, -far), (3, -near), (32, 0), (3, near), (1, far)];
            for (index, offset) in values.iter().flat_map(|&(n, offset)| vec![offset; n]).enumerate() {
                let timestamp_ms = first + minute * MINUTE_MS + 1 + index as i64;
                records.push(endpoint.with(timestamp_ms, 200, (middle + offset) as f64 / unit));
            }
        }
    }
    records.sort_by_key(|record| record.timestamp_ms);
    let window = *rng.pick(&[1, 1, 5]);
    (records, json!({ "loopConfig": { "windowSizeMinutes": window } }))
}

/// Error rates that are exactly the thresholds, per endpoint (0.05) and as the mean over endpoints (0.1, 0.01) whose sum
/// depends on the order of its terms; and timeouts exactly one step from their target.
fn rate_ties(rng: &mut Rng) -> (Vec<Record>, Value) {
    let first = start(rng) / MINUTE_MS * MINUTE_MS;
    // Failures of 100 requests, per endpoint.
    let failures = *rng.pick(&[
        [10, 10, 10, 10],
        [1, 8, 3, 28],
        [1, 14, 17, 8],
        [1, 1, 1, 1],
        [0, 3, 1, 0],
        [5, 5, 5, 5],
        [20, 7, 6, 7],
        [2, 1, 1, 0],
    ]);
    let endpoints = endpoints(rng, 4);
    let slowest = *rng.pick(&[4750, 5250, 4749, 5251, 600]);
    let mut records = Vec::new();
    for minute in 0..rng.range(6, 20) {
        let shift = rng.range(-1, 2) * i64::from(rng.chance(300));
        for index in 0..400 {
            let (endpoint, turn) = (index as usize % 4, index / 4);
            let failed = turn < failures[endpoint] + shift;
            let status = if failed { 503 } else { 200 };
            let duration = if endpoint == 0 { slowest } else { 20 + turn };
            let timestamp_ms = first + minute * MINUTE_MS + 1 + (index * 53) % 50_000;
            records.push(endpoints[endpoint].with(timestamp_ms, status, duration as f64));
        }
    }
    records.sort_by_key(|record| record.timestamp_ms);
    let window = *rng.pick(&[1, 5]);
    let cooldown = *rng.pick(&[0, 59_999, MINUTE_MS, 60_001]);
    let knobs = json!({
        "loopConfig": { "windowSizeMinutes": window, "cooldownBetweenChangesMs": cooldown },
        "tunerConfig": { "cooldownMs": cooldown },
    });
    (records, knobs)
}

/// Bursts with silence between them, shorter and longer than the window and the horizon.
fn idle(rng: &mut Rng) -> (Vec<Record>, Value) {
    let mut at = start(rng);
    let count = rng.range(1, 6);
    let endpoints = endpoints(rng, count);
    let mut records = Vec::new();
    for _ in 0..rng.range(2, 9) {
        let span_ms = rng.range(1, 20) * MINUTE_MS;
        let count = rng.range(1, 200);
        records.extend(traffic(rng, &endpoints, at, span_ms, count));
        at += span_ms + *rng.pick(&[1, 4, 5, 6, 20, 61, 200]) * MINUTE_MS + rng.range(0, 2);
    }
    let max_gap = *rng.pick(&[1200, 3600, 3661, 14_400]);
    // With 0 the cycles of the silence act too, on nothing.
    let min_samples = *rng.pick(&[0, 10]);
    (records, json!({ "order": { "maxGap": max_gap }, "loopConfig": { "minSamplesBeforeTuning": min_samples } }))
}

/// More requests in one window than the package remembers.
fn crowd(rng: &mut Rng) -> (Vec<Record>, Value) {
    let from = start(rng);
    let endpoints = endpoints(rng, 6);
    let minutes = rng.range(3, 7);
    let count = rng.range(13_000, 20_000);
    let mut records = traffic(rng, &endpoints, from, minutes * MINUTE_MS, count);
    if rng.chance(500) {
        delay(rng, &mut records, 20, 3 * MINUTE_MS);
    }
    let limits = match rng.range(0, 4) {
        0 => json!({ "limits": { "maxPatterns": 12_000 } }),
        1 => json!({ "limits": { "maxPatterns": 0 } }),
        _ => json!({}),
    };
    (records, limits)
}

/// Lines that stand behind later ones by seconds, minutes or hours.
fn disorder(rng: &mut Rng) -> (Vec<Record>, Value) {
    let from = start(rng);
    let minutes = rng.range(20, 180);
    let (kinds, count) = (rng.range(2, 6), rng.range(100, 1500));
    let endpoints = endpoints(rng, kinds);
    let mut records = traffic(rng, &endpoints, from, minutes * MINUTE_MS, count);
    let permille = *rng.pick(&[10, 100, 500]);
    let delay_ms = *rng.pick(&[2_000, 90_000, 5 * MINUTE_MS, 10 * MINUTE_MS, 150 * MINUTE_MS]);
    delay(rng, &mut records, permille, delay_ms);
    let lateness = *rng.pick(&[0, 1, 60, 300, 1800]);
    let window = *rng.pick(&[1.0, 5.0]);
    (records, json!({ "order": { "lateness": lateness }, "loopConfig": { "windowSizeMinutes": window } }))
}

/// Every knob away from its default, independently.
fn every_knob(rng: &mut Rng) -> (Vec<Record>, Value) {
    let from = start(rng);
    let minutes = rng.range(15, 120);
    let (kinds, count) = (rng.range(1, 8), rng.range(50, 1200));
    let endpoints = endpoints(rng, kinds);
    let mut records = traffic(rng, &endpoints, from, minutes * MINUTE_MS, count);
    if rng.chance(400) {
        delay(rng, &mut records, 100, 4 * MINUTE_MS);
    }
    (records, knobs(rng))
}

fn knobs(rng: &mut Rng) -> Value {
    let choices = [
        ("anomalyConfig", "latencyStdDevThreshold", json!([0, 0.1, 0.5, 1.2, 2, 3.5, 10])),
        ("anomalyConfig", "errorRateThreshold", json!([0, 0.01, 0.1, 0.2, 1])),
        ("anomalyConfig", "frequencyDeviationThreshold", json!([0, 0.1, 1, 2.5, 6])),
        ("anomalyConfig", "enableUnknownEndpointDetection", json!([true, false])),
        ("tunerConfig", "minTimeoutMs", json!([0, 1, 50, 300, 2500.5])),
        ("tunerConfig", "maxTimeoutMs", json!([5000, 12_000, 60_000])),
        ("tunerConfig", "smoothingFactor", json!([0, 0.1, 0.7, 1])),
        ("tunerConfig", "adjustmentStepMs", json!([0, 1, 50, 2000])),
        ("tunerConfig", "cooldownMs", json!([0, 1, 30_000, 120_000, 600_000])),
        ("loopConfig", "windowSizeMinutes", json!([0.1, 0.7, 1, 1.25, 2.3, 10])),
        ("loopConfig", "minSamplesBeforeTuning", json!([0, 1, 3, 25])),
        ("loopConfig", "cooldownBetweenChangesMs", json!([0, 1, 30_000, 60_000, 300_000])),
        ("loopConfig", "pruneTtlHours", json!([0, 0.02, 0.1, 1, 48])),
        ("loopConfig", "baselineWindows", json!([1, 3, 6, 20])),
        ("loopConfig", "minBaselineWindows", json!([1, 2, 5])),
        ("limits", "maxPatterns", json!([1, 5, 40, 150])),
        ("order", "lateness", json!([0, 10, 200])),
        ("order", "maxGap", json!([1500, 4000])),
    ];
    let mut knobs = json!({});
    for (section, key, values) in &choices {
        if rng.chance(400) {
            knobs[*section][*key] = rng.pick(values.as_array().unwrap()).clone();
        }
    }
    if rng.chance(500) {
        knobs["intervalMs"] = rng.pick(&[json!(15_000), json!(30_000), json!(45_000), json!(300_000)]).clone();
    }
    if rng.chance(400) {
        knobs["initialConfig"] = config(rng);
    }
    knobs
}

fn config(rng: &mut Rng) -> Value {
    json!({
        "circuitBreaker": {
            "failureThreshold": *rng.pick(&[5.0, 12.5, 78.0, 95.0]),
            "openTimeoutMs": *rng.pick(&[1, 15_000]),
        },
        "bulkhead": { "maxConcurrentCalls": *rng.pick(&[1, 250]) },
        "httpClient": { "timeoutMs": *rng.pick(&[100.0, 2500.75, 45_000.0]), "maxRetries": *rng.pick(&[0, 1, 2, 5]) },
    })
}

/// The package forgets requests sooner than its window does, and out of order.
fn pruned(rng: &mut Rng) -> (Vec<Record>, Value) {
    let (mut records, _) = disorder(rng);
    records.truncate(600);
    let mut loop_config = Map::new();
    loop_config
        .insert("pruneTtlHours".to_owned(), rng.pick(&[json!(0.001), json!(0.01), json!(0.03), json!(0.25)]).clone());
    loop_config.insert("minSamplesBeforeTuning".to_owned(), rng.pick(&[json!(0), json!(5)]).clone());
    let capacity = *rng.pick(&[30, 120, 10_000]);
    (records, json!({ "loopConfig": loop_config, "limits": { "maxPatterns": capacity } }))
}

/// Hours of calm traffic in which one endpoint turns slow and failing, one falls silent and one is new.
fn incident(rng: &mut Rng) -> (Vec<Record>, Value) {
    let from = start(rng);
    let window = *rng.pick(&[1, 2, 5]);
    let span_ms = window * 30 * MINUTE_MS;
    let mut endpoints = endpoints(rng, 5);
    for endpoint in &mut endpoints {
        endpoint.error_permille = endpoint.error_permille.min(20);
    }
    let rare = endpoints.pop().unwrap();
    let count = rng.range(800, 2500);
    let (begin, end) = (from + span_ms * 2 / 3, from + span_ms * 2 / 3 + window * 2 * MINUTE_MS);
    let mut records = traffic(rng, &endpoints, from, span_ms, count);
    let (slow, silent) = (endpoints[0], endpoints[1]);
    let within = |record: &Record| (begin..end).contains(&record.timestamp_ms);
    records.retain(|record| !(within(record) && record.path == silent.path));
    for record in &mut records {
        if within(record) && record.path == slow.path {
            record.duration_ms = record.duration_ms.map(|ms| ms * 6.0);
            record.status = if rng.chance(300) { 503 } else { record.status };
        }
    }
    let burst = rng.range(1, 20);
    records.extend(traffic(rng, &[rare], begin, span_ms / 5, burst));
    records.sort_by_key(|record| record.timestamp_ms);
    (records, json!({ "loopConfig": { "windowSizeMinutes": window } }))
}

/// One request, two, thirty: fewer than any rule needs.
fn tiny(rng: &mut Rng) -> (Vec<Record>, Value) {
    let from = start(rng) / MINUTE_MS * MINUTE_MS;
    let endpoints = endpoints(rng, 2);
    let count = *rng.pick(&[1, 2, 9, 10, 11, 30]);
    let span_ms = *rng.pick(&[1, MINUTE_MS, 10 * MINUTE_MS]);
    let mut records = traffic(rng, &endpoints, from, span_ms, count);
    if rng.chance(500) {
        records[0].timestamp_ms = from;
    }
    (records, json!({}))
}

/// Requests whose duration the log does not say, and switched protocols, whose duration is no latency.
fn absent_durations(rng: &mut Rng) -> (Vec<Record>, Value) {
    let (mut records, mut knobs) = incident(rng);
    let absent_permille = *rng.pick(&[20, 300, 900, 1000]);
    for record in &mut records {
        if rng.chance(absent_permille) {
            record.duration_ms = None;
        } else if rng.chance(50) {
            record.status = 101;
        }
    }
    knobs["loopConfig"]["minSamplesBeforeTuning"] = json!(3);
    (records, knobs)
}
