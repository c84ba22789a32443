//! Which anomalies are healed, and how.

use super::*;
use crate::advise::trace::fields::plain_visit;

const MS: u64 = 1_000_000;

fn visit(ended_ms: i64, duration_ms: u64) -> Visit {
    Visit { duration_ns: Some(duration_ms * MS), ..plain_visit(ended_ms) }
}

fn episodes(visits: &[Visit]) -> Vec<Episode> {
    let limits = OptimizationConfig { max_memory: 512.0, cpu_threshold: 80.0 };
    let mut healing = Healing::new(limits);
    visits.iter().for_each(|visit| healing.take(visit));
    let mut episodes = healing.over;
    episodes.extend(healing.open.into_values());
    episodes
}

fn found(visits: &[Visit]) -> Vec<(Metric, u64)> {
    episodes(visits).iter().map(|episode| (episode.worst.metric, episode.count)).collect()
}

/// Of n equal requests and one that differs, that one is off by sqrt(n) sigmas: 26 make it critical, 25 high.
#[test]
fn only_critical_latency_is_healed() {
    let of = |usual: usize| found(&[vec![visit(0, 10); usual], vec![visit(0, 500)]].concat());
    assert_eq!((of(25), of(26)), (vec![], vec![(Metric::Latency, 1)]));
    let worst = &episodes(&[vec![visit(0, 10); 26], vec![visit(0, 500)]].concat())[0].worst;
    assert_eq!(actions(worst)[0], "Raise the timeout of this route to 600 ms, if such an answer is worth the wait.");
    let fast = &episodes(&[vec![visit(0, 500); 26], vec![visit(0, 10)]].concat())[0].worst;
    assert!(actions(fast)[0].starts_with("Nothing"));
}

#[test]
fn the_eleventh_failure_of_a_minute_opens_the_breaker() {
    let failures = |count: usize| vec![Visit { status: 500, ..visit(0, 10) }; count];
    assert_eq!((found(&failures(10)), found(&failures(12))), (vec![], vec![(Metric::ErrorRate, 2)]));
    assert_eq!(actions(&episodes(&failures(11))[0].worst)[0], "Open the circuit breaker of this route.");
}

#[test]
fn memory_is_healed_and_cpu_is_not() {
    let using = |mb: f64, cpu: f64| Visit { memory_bytes: Some(mb * 1_048_576.0), cpu: Some(cpu), ..visit(0, 10) };
    assert_eq!(found(&[using(512.0, 99.0)]), []);
    assert_eq!(found(&[using(512.5, 99.0)]), [(Metric::Memory, 1)]);
    assert!(actions(&episodes(&[using(512.5, 0.0)])[0].worst)[0].contains("above 513 MB"));
}

#[test]
fn findings_five_minutes_apart_are_one_episode() {
    let spans = |second_ms: i64| {
        let at = |ended_ms, mb: f64| Visit { memory_bytes: Some(mb * 1_048_576.0), ..visit(ended_ms, 10) };
        let found = episodes(&[at(0, 600.0), at(second_ms, 700.0)]);
        found.iter().map(|one| (one.from_ms, one.to_ms, one.worst.actual)).collect::<Vec<_>>()
    };
    assert_eq!(spans(300_000), [(0, 300_000, 700.0)]);
    assert_eq!(spans(300_001), [(0, 0, 600.0), (300_001, 300_001, 700.0)]);
}
