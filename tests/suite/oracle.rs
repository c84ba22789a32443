//! `published` against the package itself, run by node under a simulated clock.

use crate::binary;
use crate::cases::{Case, generated};
use crate::cycle::{Cycle, from_driver};
use crate::record::{from_json_lines, to_json_lines};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle")
}

/// The worked cases, by name.
pub fn worked() -> Vec<Case> {
    let mut cases: Vec<Case> = std::fs::read_dir(folder().join("cases"))
        .unwrap()
        .filter_map(|entry| {
            let file = entry.unwrap().path();
            let name = file.file_name()?.to_str()?.strip_suffix(".options.json")?.to_owned();
            let knobs: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let records =
                from_json_lines(&std::fs::read_to_string(file.with_file_name(format!("{name}.jsonl"))).unwrap());
            Some(Case { name, records, knobs })
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// What the package makes of each case, in the cases' order.
fn package(cases: &[Case]) -> Vec<Vec<Cycle>> {
    let batch = tempfile::tempdir().unwrap();
    for case in cases {
        let write = |ending: &str, text: String| {
            std::fs::write(batch.path().join(format!("{}{ending}", case.name)), text).unwrap();
        };
        write(".jsonl", to_json_lines(&case.records));
        write(".options.json", case.knobs.to_string());
    }
    let output = Command::new("node")
        .arg(folder().join("run.mjs"))
        .arg("--batch")
        .arg(batch.path())
        .output()
        .unwrap_or_else(|e| panic!("node does not start ({e}): run the suite with `bash tests/run.sh`"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the driver failed (`bash tests/run.sh` installs what it needs):\n{stderr}");
    let read =
        |case: &Case| std::fs::read_to_string(batch.path().join(format!("{}.expected.jsonl", case.name))).unwrap();
    cases.iter().map(|case| from_driver(&read(case))).collect()
}

/// The generated cases and what the package makes of them; run once for all tests.
fn generated_and_told() -> &'static (Vec<Case>, Vec<Vec<Cycle>>) {
    static TOLD: OnceLock<(Vec<Case>, Vec<Vec<Cycle>>)> = OnceLock::new();
    TOLD.get_or_init(|| {
        let cases = generated();
        let told = package(&cases);
        (cases, told)
    })
}

#[test]
fn generated_cases_agree_with_the_package() {
    let (cases, told) = generated_and_told();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    binary::assert_agrees("published", cases, told);
}

#[test]
fn worked_cases_agree_with_their_expectation_and_the_package_with_both() {
    let cases = worked();
    assert_eq!(cases.len(), 8);
    let written = |case: &Case| folder().join("cases").join(format!("{}.expected.jsonl", case.name));
    let expected: Vec<_> =
        cases.iter().map(|case| from_driver(&std::fs::read_to_string(written(case)).unwrap())).collect();
    assert_eq!(package(&cases), expected, "the installed package or the driver is not the one that made the cases");
    binary::assert_agrees("published", &cases, &expected);
}

/// Without this a generator could decay into calm traffic unseen.
#[test]
fn generated_cases_reach_every_published_outcome() {
    let (cases, told) = generated_and_told();
    let cycles: Vec<&Cycle> = told.iter().flatten().collect();
    for outcome in ["latency low", "latency medium", "latency high", "latency critical", "error_rate high"] {
        let count = cycles.iter().filter(|c| c.anomalies.keys().any(|key| key.ends_with(outcome))).count();
        assert!(count >= 50, "{outcome} in {count} cycles");
    }
    let crowds = cases.iter().filter(|case| case.name.starts_with("crowd")).count();
    let full = cycles.iter().filter(|c| c.patterns_processed == 10_000).count();
    assert!(full >= crowds, "{full} cycles at the package's limit");
    let idle = cycles.iter().filter(|c| c.patterns_processed == 0).count();
    assert!(idle >= 100, "{idle} idle cycles");
}
