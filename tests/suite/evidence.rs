//! `--rules evidence` on a day of traffic: what it recommends holds on requests that it has not seen, and does not
//! depend on where the log ends.

use crate::binary::stdout_of;
use crate::record::{Record, to_json_lines};
use crate::rng::Rng;
use serde_json::Value;

const DAY_MS: i64 = 86_400_000;
const START_MS: i64 = 1_780_272_000_000;

/// The first one was looked at while the rules were made, the others were not.
const SEEDS: [u64; 3] = [20_260_601, 1, 77];

/// Route, its share in 1,000 requests, its fastest answer and the width of the usual ones in milliseconds, failures in
/// 1,000 requests.
const ROUTES: [(&str, i64, i64, i64, i64); 4] = [
    ("/search", 300, 40, 200, 8),
    ("/orders", 300, 20, 80, 5),
    ("/payments", 100, 150, 500, 10),
    ("/health", 300, 1, 3, 0),
];

/// When and for how long nearly everything fails, in milliseconds; the last one lies in the last hour.
const OUTAGES: [(i64, i64); 7] = [
    (5_000_000, 30_000),
    (18_000_000, 34_000),
    (27_000_000, 38_000),
    (40_000_000, 36_000),
    (55_000_000, 33_000),
    (71_000_000, 35_000),
    (84_000_000, 44_000),
];

/// About 240,000 requests over a day with a busy afternoon; each answer may take up to four times as long.
fn a_day(seed: u64, outages: &[(i64, i64)]) -> Vec<Record> {
    let mut rng = Rng::new(seed);
    let mut records = Vec::new();
    let mut at_ms = START_MS;
    while at_ms < START_MS + DAY_MS {
        let is_busy = (12..18).contains(&((at_ms - START_MS) / 3_600_000));
        at_ms += rng.range(1, if is_busy { 400 } else { 800 });
        let mut place = rng.range(0, 1000);
        let route = ROUTES.iter().find(|route| {
            place -= route.1;
            place < 0
        });
        let (path, _, fastest_ms, width_ms, failures) = route.unwrap();
        let usual_ms = (fastest_ms + rng.range(0, *width_ms)) as f64;
        // A tail that thins out: each quarter more comes half as often.
        let mut quarters = 0;
        while quarters < 12 && rng.chance(500) {
            quarters += 1;
        }
        let is_out = |outage: &(i64, i64)| (outage.0..outage.0 + outage.1).contains(&(at_ms - START_MS));
        let failures = if outages.iter().any(is_out) { 900 } else { *failures };
        let status = if rng.chance(failures) { 503 } else { 200 };
        let duration_ms = Some((usual_ms * (1.0 + 0.25 * f64::from(quarters))).round());
        records.push(Record { timestamp_ms: at_ms, method: "GET", path, status, duration_ms });
    }
    records
}

fn document(records: &[Record], args: &[&str]) -> Value {
    let args = [&["backtest", "-", "--log-format", "json", "-f", "json"], args].concat();
    serde_json::from_str(&stdout_of(&args, to_json_lines(records).as_bytes())).unwrap()
}

fn config<'a>(document: &'a Value, name: &str) -> &'a Value {
    let configs = document["backtest"]["configs"].as_array().unwrap();
    configs.iter().find(|config| config["name"] == name).unwrap()
}

/// The goals that a config misses on the tested half of a day without outages.
fn misses(result: &Value) -> Vec<&'static str> {
    let figure = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap();
    let goals = [
        ("at most one good call of a thousand is cut", figure("/timeout/falseTimeoutRate") <= 0.001),
        ("a slack from 1 to 1.3", (1.0..=1.3).contains(&figure("/timeout/slack"))),
        ("at most one call of ten thousand is rejected", figure("/bulkhead/queue/rejectedShare") <= 0.0001),
        ("no false opening", figure("/breaker/falseOpenings") == 0.0),
        ("good calls pass the breaker", figure("/breaker/goodRejected") == 0.0),
    ];
    goals.iter().filter(|(_, is_met)| !is_met).map(|(goal, _)| *goal).collect()
}

#[test]
fn it_holds_on_the_half_that_it_was_not_fitted_on_and_the_others_do_not() {
    for (seed, rule_sets) in
        SEEDS.into_iter().zip([&["documented", "published", "zscore"][..], &["documented"], &["published"]])
    {
        let day = a_day(seed, &[]);
        for rules in rule_sets {
            let document = document(&day, &["--rules", rules]);
            assert_eq!(document["backtest"]["split"]["share"], 0.5);
            let evidence = config(&document, "evidence");
            assert_eq!(misses(evidence), Vec::<&str>::new(), "seed {seed}: {evidence:#}");
            assert_eq!(evidence["breaker"]["openings"], 0, "seed {seed}");
            for other in ["current", "recommended"] {
                let result = config(&document, other);
                assert_ne!(misses(result), Vec::<&str>::new(), "seed {seed}, {other} of {rules}: {result:#}");
            }
        }
    }
}

#[test]
fn it_opens_no_breaker_falsely_on_a_day_with_outages() {
    for seed in SEEDS {
        let document = document(&a_day(seed, &OUTAGES), &[]);
        let breaker = &config(&document, "evidence")["breaker"];
        assert_eq!(breaker["falseOpenings"], 0, "seed {seed}: {breaker:#}");
        assert_ne!(breaker["openings"], 0, "seed {seed}: the outages are not seen");
    }
}

#[test]
fn it_does_not_depend_on_where_the_log_ends() {
    for seed in SEEDS {
        let day = a_day(seed, &OUTAGES);
        let shorter: Vec<Record> =
            day.iter().filter(|record| record.timestamp_ms < START_MS + DAY_MS - 3_600_000).cloned().collect();
        let recommended = |records: &[Record]| {
            let args = ["replay", "-", "--log-format", "json", "-f", "config", "--rules", "evidence"];
            serde_json::from_str::<Value>(&stdout_of(&args, to_json_lines(records).as_bytes())).unwrap()
        };
        let (whole, cut) = (recommended(&day), recommended(&shorter));
        for key in [
            "/circuitBreaker/failureThreshold",
            "/circuitBreaker/openTimeoutMs",
            "/bulkhead/maxConcurrentCalls",
            "/httpClient/timeoutMs",
            "/httpClient/maxRetries",
        ] {
            let value = |config: &Value| config.pointer(key).and_then(Value::as_f64).unwrap();
            let difference = (value(&cut) - value(&whole)).abs();
            assert!(difference <= 0.1 * value(&whole), "seed {seed}, {key}: {whole} {cut}");
        }
        // Worked out from the outages, and not the value in force.
        assert_ne!(whole["circuitBreaker"]["openTimeoutMs"], 30_000, "seed {seed}");
    }
}
