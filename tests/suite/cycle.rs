//! One feedback cycle as three programs tell it: the package's driver, the reference implementation, `learn`.

use serde_json::Value;
use std::collections::BTreeMap;

/// What one cycle did.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// RFC 3339 UTC with milliseconds.
    pub end: String,
    pub patterns_processed: u64,
    pub anomalies_found: u64,
    /// Counts by `METHOD PATH metric severity`.
    pub anomalies: BTreeMap<String, u64>,
    /// The changed sections.
    pub config_changes: Value,
    /// The config after the cycle.
    pub config: Value,
}

/// Numbers closer than this, relative to the greater, are equal.
const TOLERANCE: f64 = 1e-9;

/// The cycles in the driver's output; its last line, the final config, repeats the last cycle's.
pub fn from_driver(text: &str) -> Vec<Cycle> {
    objects(text)
        .filter(|object| object.get("cycleEnd").is_some())
        .map(|object| {
            let counts = object["anomalies"].as_object().unwrap();
            let anomalies = counts.iter().map(|(key, count)| (key.clone(), count.as_u64().unwrap())).collect();
            from_object(&object, anomalies)
        })
        .collect()
}

/// The cycles in `learn`'s NDJSON.
pub fn from_learn(text: &str) -> Vec<Cycle> {
    objects(text)
        .filter(|object| object["type"] == "cycle")
        .map(|object| {
            let anomalies = object["anomalies"].as_array().unwrap().iter().map(anomaly_count).collect();
            from_object(&object, anomalies)
        })
        .collect()
}

fn objects(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}")))
}

fn anomaly_count(anomaly: &Value) -> (String, u64) {
    let text = |key: &str| anomaly[key].as_str().unwrap();
    let key = format!("{} {} {} {}", text("method"), text("path"), text("metric"), text("severity"));
    (key, anomaly["count"].as_u64().unwrap())
}

fn from_object(object: &Value, anomalies: BTreeMap<String, u64>) -> Cycle {
    Cycle {
        end: object["cycleEnd"].as_str().unwrap().to_owned(),
        patterns_processed: object["patternsProcessed"].as_u64().unwrap(),
        anomalies_found: object["anomaliesFound"].as_u64().unwrap(),
        anomalies,
        config_changes: object["configChanges"].clone(),
        config: object["config"].clone(),
    }
}

/// The first disagreement, told cycle by cycle; `None` when there is none.
pub fn disagreement(expected: &[Cycle], actual: &[Cycle]) -> Option<String> {
    let pairs = expected.iter().zip(actual);
    let differing = pairs.clone().enumerate().find(|(_, (expected, actual))| !same(expected, actual));
    if let Some((index, (expected, actual))) = differing {
        let count = pairs.filter(|(expected, actual)| !same(expected, actual)).count();
        return Some(format!("{count} cycles differ, first {index}:\n  expected {expected:?}\n  got      {actual:?}"));
    }
    (expected.len() != actual.len()).then(|| format!("expected {} cycles, got {}", expected.len(), actual.len()))
}

fn same(expected: &Cycle, actual: &Cycle) -> bool {
    let plain = |c: &Cycle| (c.end.clone(), c.patterns_processed, c.anomalies_found, c.anomalies.clone());
    plain(expected) == plain(actual)
        && close(&expected.config_changes, &actual.config_changes)
        && close(&expected.config, &actual.config)
}

fn close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| close(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn a_difference_of_one_part_in_a_billion_is_seen() {
    let close = |a: f64, b: f64| close(&serde_json::json!({ "timeoutMs": a }), &serde_json::json!({ "timeoutMs": b }));
    assert!(close(1.0, 1.000_000_000_9));
    assert!(!close(1.0, 1.000_000_001_1));
}
