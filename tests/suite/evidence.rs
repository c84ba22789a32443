//! `--rules evidence` on a day of traffic: what it recommends holds on requests that it has not seen, and does not
//! depend on where the log ends.

use crate::binary::stdout_of;
use crate::record::{Record, to_json_lines};
use crate::rng::Rng;
use serde_json::Value;

const DAY_MS: i64 = 86_400_000;
const START_MS: i64 = 1_780_272_000_000;
const SEED: u64 = 20_260_601;

/// Route, its share in 1,000 requests, its fastest answer and the width of the usual ones in milliseconds, failures in
/// 1,000 requests.
const ROUTES: [(&str, i64, i64, i64, i64); 4] = [
    ("/search", 300, 40, 200, 8),
    ("/orders", 300, 20, 80, 5),
    ("/payments", 100, 150, 500, 10),
    ("/health", 300, 1, 3, 0),
];

/// About 120,000 requests over a day with a busy afternoon; each answer may take up to four times as long.
fn a_day() -> Vec<Record> {
    let mut rng = Rng::new(SEED);
    let mut records = Vec::new();
    let mut at_ms = START_MS;
    while at_ms < START_MS + DAY_MS {
        let is_busy = (12..18).contains(&((at_ms - START_MS) / 3_600_000));
        at_ms += rng.range(1, if is_busy { 800 } else { 1_600 });
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
        let status = if rng.chance(*failures) { 503 } else { 200 };
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

#[test]
fn it_holds_on_the_half_that_it_was_not_fitted_on() {
    let document = document(&a_day(), &[]);
    assert_eq!(document["backtest"]["split"]["share"], 0.5);
    let evidence = config(&document, "evidence");
    let figure = |pointer: &str| evidence.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(figure("/timeout/falseTimeoutRate") <= 0.001, "{evidence:#}");
    assert!((1.0..=1.3).contains(&figure("/timeout/slack")), "{evidence:#}");
    assert!(figure("/bulkhead/queue/rejectedShare") <= 0.0001, "{evidence:#}");
    assert_eq!((figure("/breaker/falseOpenings"), figure("/breaker/openings")), (0.0, 0.0), "{evidence:#}");
    // The same figures tell other configs apart: the test could fail.
    let current = config(&document, "current");
    assert!(current["timeout"]["slack"].as_f64().unwrap() > 1.3, "{current:#}");
}

#[test]
fn it_does_not_depend_on_where_the_log_ends() {
    let day = a_day();
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
        assert!((value(&cut) - value(&whole)).abs() <= 0.1 * value(&whole), "{key}: {whole} {cut}");
    }
}
