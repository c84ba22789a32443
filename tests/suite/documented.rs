//! `documented` against the reference implementation: on the generated and the worked cases, and at every threshold.

use crate::cases::{Case, documented_only, generated};
use crate::cycle::Cycle;
use crate::{binary, oracle, reference, thresholds};
use std::sync::OnceLock;

/// The generated cases and what the reference makes of them; run once for all tests.
fn generated_and_told() -> &'static (Vec<Case>, Vec<Vec<Cycle>>) {
    static TOLD: OnceLock<(Vec<Case>, Vec<Vec<Cycle>>)> = OnceLock::new();
    TOLD.get_or_init(|| {
        let cases: Vec<Case> = generated().into_iter().chain(documented_only()).collect();
        let told = refer(&cases);
        (cases, told)
    })
}

fn refer(cases: &[Case]) -> Vec<Vec<Cycle>> {
    cases.iter().map(|case| reference::replay(&case.records, &case.knobs)).collect()
}

#[test]
fn generated_cases_agree_with_the_reference() {
    let (cases, told) = generated_and_told();
    binary::assert_agrees("documented", cases, told);
}

#[test]
fn worked_cases_agree_with_the_reference() {
    let cases = oracle::worked();
    binary::assert_agrees("documented", &cases, &refer(&cases));
}

/// Without this a generator could decay into calm traffic unseen.
#[test]
fn generated_cases_reach_every_documented_outcome() {
    let cycles: Vec<&Cycle> = generated_and_told().1.iter().flatten().collect();
    for outcome in ["latency high", "latency critical", "error_rate high", "frequency medium", "unknown_endpoint low"] {
        let count = cycles.iter().filter(|c| c.anomalies.keys().any(|key| key.ends_with(outcome))).count();
        assert!(count >= 30, "{outcome} in {count} cycles");
    }
}

fn assert_thresholds(replay: impl Fn(&Case) -> Vec<Cycle>) {
    let thresholds = thresholds::all();
    for threshold in &thresholds {
        for (case, expected) in [(&threshold.below, false), (&threshold.above, true)] {
            let told = replay(case);
            assert_eq!((threshold.shows)(&told), expected, "{}: {:?}", case.name, told.last());
        }
    }
    assert_eq!(thresholds.len(), 34);
}

#[test]
fn every_threshold_has_a_case_just_below_and_just_above() {
    assert_thresholds(|case| binary::replay(case, "documented"));
}

#[test]
fn the_reference_sees_every_threshold() {
    assert_thresholds(|case| reference::replay(&case.records, &case.knobs));
}
