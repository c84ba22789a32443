//! `zscore` against a slow and obvious second implementation, on the generated and the worked cases.
//!
//! It shares no code with `src/`. Durations of the cases are whole microseconds, and z is compared as a fraction of whole
//! numbers: of ten requests that are alike but for one, that one is off by exactly three sigmas.

use crate::binary::{assert_agrees, stdout_of};
use crate::cases::{Case, documented_only, generated};
use crate::cycle::Cycle;
use crate::oracle;
use crate::record::{Record, to_json_lines};
use crate::reference::{self, Found};
use serde_json::Value;
use std::sync::OnceLock;

/// What the detector says of each request, given all up to it.
fn find(by_time: &[&Record]) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, record) in by_time.iter().enumerate() {
        let history = &by_time[(index + 1).saturating_sub(1000)..=index];
        let mut tell = |metric, severity| {
            let (timestamp_ms, key) = (record.timestamp_ms, (record.method, record.path));
            found.push(Found { timestamp_ms, key, metric, severity });
        };
        if let Some(severity) = latency(record, history) {
            tell("latency", severity);
        }
        let is_recent = |other: &&&Record| other.status >= 500 && record.timestamp_ms - other.timestamp_ms < 60_000;
        if record.status >= 500 && history.iter().filter(is_recent).count() > 10 {
            tell("error_rate", "critical");
        }
    }
    found
}

fn micros(record: &Record) -> Option<i128> {
    record.duration_ms.filter(|_| record.status != 101).map(|ms| (ms * 1000.0).round() as i128)
}

/// z^2 = (x - m)^2 / (sum of (x_i - m)^2 / n), with every difference taken n times.
fn latency(record: &Record, history: &[&Record]) -> Option<&'static str> {
    let own = micros(record)?;
    let same = history.iter().filter(|other| (other.method, other.path) == (record.method, record.path));
    let values: Vec<i128> = same.filter_map(|other| micros(other)).collect();
    let n = values.len() as i128;
    let sum: i128 = values.iter().sum();
    let squares: i128 = values.iter().map(|value| (n * value - sum).pow(2)).sum();
    let beyond = |sigmas: i128| n * (n * own - sum).pow(2) > sigmas * sigmas * squares;
    if beyond(5) {
        Some("critical")
    } else if beyond(3) {
        Some("high")
    } else {
        None
    }
}

fn refer(cases: &[Case]) -> Vec<Vec<Cycle>> {
    cases.iter().map(|case| reference::replay_by(&case.records, &case.knobs, find)).collect()
}

/// The generated cases and what the reference makes of them; run once for all tests.
fn generated_and_told() -> &'static (Vec<Case>, Vec<Vec<Cycle>>) {
    static TOLD: OnceLock<(Vec<Case>, Vec<Vec<Cycle>>)> = OnceLock::new();
    TOLD.get_or_init(|| {
        let cases: Vec<Case> = generated().into_iter().chain(documented_only()).collect();
        let told = refer(&cases);
        (cases, told)
    })
}

#[test]
fn generated_cases_agree_with_the_reference() {
    let (cases, told) = generated_and_told();
    assert_agrees("zscore", cases, told);
}

#[test]
fn worked_cases_agree_with_the_reference() {
    let cases = oracle::worked();
    assert_agrees("zscore", &cases, &refer(&cases));
}

/// Without this a generator could decay into calm traffic unseen.
#[test]
fn generated_cases_reach_every_outcome() {
    let cycles: Vec<&Cycle> = generated_and_told().1.iter().flatten().collect();
    for outcome in ["latency high", "latency critical", "error_rate critical"] {
        let count = cycles.iter().filter(|c| c.anomalies.keys().any(|key| key.ends_with(outcome))).count();
        assert!(count >= 30, "{outcome} in {count} cycles");
    }
}

/// Twelve requests a second apart whose last needs 512 MB and one byte, and 80.5 of CPU.
fn with_resources() -> String {
    let record = |i: i64| Record {
        timestamp_ms: 1_780_315_200_000 + i * 1000,
        method: "GET",
        path: "/report",
        status: 200,
        duration_ms: Some(20.0),
    };
    let records: Vec<Record> = (0..12).map(record).collect();
    let lines = to_json_lines(&records);
    let (usual, last) = lines.trim_end().rsplit_once('\n').unwrap();
    let usual = usual.replace("\"durationMs\"", "\"memoryUsage\":536870912,\"cpuUsage\":80,\"durationMs\"");
    let last = last.replace("\"durationMs\"", "\"memoryUsage\":536870913,\"cpuUsage\":\"80.5\",\"durationMs\"");
    format!("{usual}\n{last}\n")
}

#[test]
fn memory_and_cpu_are_judged_where_the_log_has_them() {
    let metrics = |flags: &[&str]| {
        let args = [&["replay", "-", "--rules", "zscore", "-f", "json", "--no-backtest"], flags].concat();
        let document: Value = serde_json::from_str(&stdout_of(&args, with_resources().as_bytes())).unwrap();
        let episodes = document["anomalies"].as_array().unwrap().iter();
        episodes.map(|e| (e["metric"].clone(), e["count"].clone())).collect::<Vec<_>>()
    };
    let both = [("cpu".into(), 1.into()), ("memory".into(), 1.into())];
    assert_eq!(metrics(&[]), both);
    assert_eq!(metrics(&["--max-memory=513", "--cpu-threshold=80.5"]), []);
    // Beside --group-by there is room for both still.
    assert_eq!(metrics(&["--group-by=path", "--where=method=GET"]), both);
}
