//! Usage rows with known times, and the spikes in them counted the slow way: row by row, window by window.

use crate::rng::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const WINDOW_US: i64 = 300_000_000;
pub const DAY_US: i64 = 86_400_000_000;

/// A row: who (NULL, empty or a name) and when, microseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Row {
    pub developer: Option<String>,
    pub at_us: i64,
}

/// Fourteen days that end with `last_day_us`'s, dense on the last one, with rows on the very borders of windows.
pub fn rows(rng: &mut Rng, last_day_us: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    let name = |rng: &mut Rng| match rng.range(0, 13) {
        0 => None,
        1 => Some(String::new()),
        number => Some(format!("dev_{}", number * 7 % 12)),
    };
    let mut add = |rng: &mut Rng, from: i64, length: i64, count: i64| {
        for _ in 0..count {
            let at = from + rng.range(0, length / 1000) * 1000 + rng.range(0, 1000);
            let at_us = match rng.range(0, 10) {
                0 => at.div_euclid(WINDOW_US) * WINDOW_US,
                1 => at.div_euclid(WINDOW_US) * WINDOW_US - 1,
                _ => at,
            };
            rows.push(Row { developer: name(rng), at_us });
        }
    };
    add(rng, last_day_us - 13 * DAY_US, 13 * DAY_US, 3000);
    add(rng, last_day_us - DAY_US / 24, DAY_US + DAY_US / 24, 4000);
    for _ in 0..40 {
        let (from, calls) = (last_day_us + rng.range(0, 288) * WINDOW_US, rng.range(5, 60));
        add(rng, from, WINDOW_US, calls);
    }
    rows
}

/// Every spike among the windows of `[from, to)`, as the events that `learn` writes, by window, then developer.
pub fn spikes(rows: &[Row], from_us: i64, to_us: i64) -> Vec<Value> {
    let mut counts: BTreeMap<(&str, i64), u64> = BTreeMap::new();
    for row in rows {
        if let Some(developer) = row.developer.as_deref().filter(|name| !name.is_empty()) {
            *counts.entry((developer, row.at_us.div_euclid(WINDOW_US))).or_default() += 1;
        }
    }
    let mut developers: Vec<&str> = counts.keys().map(|(developer, _)| *developer).collect();
    developers.dedup();
    let mut found = Vec::new();
    for window in from_us / WINDOW_US..to_us / WINDOW_US {
        for developer in &developers {
            let calls_in = |window: i64| counts.get(&(developer, window)).copied().unwrap_or(0);
            let (calls, mean) =
                (calls_in(window), (1..=12).map(|back| calls_in(window - back)).sum::<u64>() as f64 / 12.0);
            if calls as f64 > mean * 5.0 {
                found.push(event(developer, window, calls, mean));
            }
        }
    }
    found
}

fn event(developer: &str, window: i64, calls: u64, mean: f64) -> Value {
    let time = |window: i64| {
        let moment = chrono::DateTime::from_timestamp_micros(window * WINDOW_US).unwrap();
        moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    let round = |value: f64| (value * 1e4).round() / 1e4;
    json!({
        "event": "usage.anomaly.detected", "timestamp": time(window + 1), "developerId": developer,
        "data": { "windowStart": time(window), "windowEnd": time(window + 1), "currentCalls": calls,
            "baselineMean": round(mean), "multiplier": 5.0, "windowMs": 300_000,
            "ratio": if mean > 0.0 { json!(round(calls as f64 / mean)) } else { Value::Null } },
    })
}

/// Whether two JSON values are equal, `5` and `5.0` being the same number.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

/// Compares the lines of ndjson with what was expected.
pub fn assert_events(what: &str, ndjson: &[u8], expected: &[Value]) {
    let found: Vec<Value> =
        String::from_utf8_lossy(ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let differs = found.iter().zip(expected).find(|(one, other)| !same(one, other));
    assert!(differs.is_none(), "{what}: {differs:#?}");
    assert_eq!(found.len(), expected.len(), "{what}");
}
