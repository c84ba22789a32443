//! Loads and replicas worked out by hand.

use super::load::{Load, LoadSweep};
use super::replicas::{Capacity, Demand};
use super::report::{Move, ScaleReport};
use crate::advise::Basis;
use crate::advise::config::ScaleConfig;
use crate::backtest::call::{Call, Outcome};
use crate::backtest::timeline::Batch;
use crate::backtest::timeline::tests::batches;
use crate::report::OptimizationConfig;
use proptest::prelude::*;

const MS: i64 = 1000;

/// A call by its start and duration in milliseconds.
fn call(start_ms: i64, duration_ms: Option<u64>) -> Call {
    let duration_us = duration_ms.map(|ms| ms * MS as u64);
    Call { start_us: start_ms * MS, spread_us: 0, duration_us, endpoint: 0, outcome: Outcome::Good }
}

fn sweep(calls: &[Call], window_ms: i64, mut close: impl FnMut(&Load)) -> LoadSweep {
    let mut sweep = LoadSweep::new(window_ms);
    let batches = batches(calls, 7);
    batches.iter().flat_map(Batch::moments).for_each(|(moment, call)| sweep.take(moment, call, &mut close));
    sweep.finish(&mut close);
    sweep
}

fn loads(calls: &[Call], window_ms: i64) -> Vec<Load> {
    let mut loads = Vec::new();
    sweep(calls, window_ms, |load| loads.push(*load));
    loads
}

/// Windows of a second. Two calls overlap from 300 to 500 ms; the second goes on to 2 300 ms; one has no duration.
#[test]
fn in_flight_is_exact_and_little_is_by_start() {
    let calls = [call(100, Some(400)), call(300, Some(2000)), call(900, None), call(5100, Some(100))];
    let load = |from_ms: i64, to_ms: i64, (requests, timed), duration_ms: u128, in_flight_ms: u128, peak| Load {
        from_us: from_ms * MS,
        to_us: to_ms * MS,
        requests,
        timed,
        duration_us: duration_ms * 1000,
        in_flight_us: in_flight_ms * 1000,
        peak,
    };
    let expected = [
        load(0, 1000, (3, 2), 2400, 400 + 700, 2),
        load(1000, 2000, (0, 0), 0, 1000, 1),
        load(2000, 3000, (0, 0), 0, 300, 1),
        load(3000, 5000, (0, 0), 0, 0, 0),
        load(5000, 6000, (1, 1), 100, 100, 1),
    ];
    assert_eq!(loads(&calls, 1000), expected);
}

#[test]
fn a_call_of_a_thousand_days_is_few_loads() {
    let loads = loads(&[call(0, Some(86_400_000_000))], 1);
    assert_eq!((loads.len(), loads[1].peak), (3, 1));
}

proptest! {
    /// Little's law: over the whole log both ways to count agree.
    #[test]
    fn what_began_is_what_was_in_flight(
        mut calls in prop::collection::vec((0i64..20_000, prop::option::of(0u64..5_000)), 1..60),
        window_ms in prop::sample::select(vec![1i64, 7, 1000, 60_000]),
    ) {
        calls.sort_unstable();
        let calls: Vec<Call> = calls.iter().map(|(start_ms, duration_ms)| call(*start_ms, *duration_ms)).collect();
        let loads = loads(&calls, window_ms);
        let sum = |figure: fn(&Load) -> u128| loads.iter().map(figure).sum::<u128>();
        prop_assert_eq!(sum(|load| load.duration_us), sum(|load| load.in_flight_us));
        prop_assert!(loads.windows(2).all(|pair| pair[0].to_us == pair[1].from_us));
        let brute = |at_us: i64| {
            let is_in_flight = |call: &&Call| {
                call.duration_us.is_some_and(|us| call.start_us <= at_us && at_us < call.start_us + us as i64)
            };
            calls.iter().filter(is_in_flight).count() as u64
        };
        let peak = calls.iter().map(|call| brute(call.start_us)).max().unwrap_or(0);
        let told = loads.iter().map(|load| load.peak).max().unwrap_or(0);
        // A call of no duration is in flight at its own instant alone.
        prop_assert!(told >= peak);
        if calls.iter().all(|call| call.duration_us != Some(0)) {
            prop_assert_eq!(told, peak);
        }
    }
}

fn capacity() -> Capacity {
    Capacity::new(&ScaleConfig::default(), &OptimizationConfig { max_memory: 512.0, cpu_threshold: 80.0 })
}

/// A minute with this many requests in flight all the time, this peak and this many requests.
fn minute(number: i64, in_flight: u128, peak: u64, requests: u64) -> Load {
    let from_us = number * 60_000 * MS;
    let to_us = from_us + 60_000 * MS;
    Load { from_us, to_us, requests, in_flight_us: in_flight * 60_000_000, peak, ..Load::default() }
}

fn needed(load: Load) -> u64 {
    let mut demand = Demand::new(capacity());
    demand.take(&load);
    demand.rows[0].replicas_needed
}

/// A replica takes 10 at once and is to have 8; 1,000 requests per second are what the one in force is for.
#[test]
fn each_bound_is_exact() {
    assert_eq!([8, 9, 16, 17].map(|mean| needed(minute(0, mean, 0, 0))), [1, 2, 2, 3]);
    assert_eq!([10, 11, 20, 21].map(|peak| needed(minute(0, 0, peak, 0))), [1, 2, 2, 3]);
    assert_eq!([60_000, 60_001].map(|requests| needed(minute(0, 0, 0, requests))), [1, 2]);
}

#[test]
fn up_at_once_and_down_after_five_minutes() {
    let mut demand = Demand::new(capacity());
    // The mean in flight needs 1, 3, 2, 1, 1, 1, 1, 1 replicas.
    for (number, mean) in [8, 24, 16, 8, 8, 8, 8, 8].into_iter().enumerate() {
        demand.take(&minute(number as i64, mean, 0, 0));
    }
    // Known at the end of minute 1; the three of then are forgotten at the end of minute 6, the two of minute 2 after.
    let at = |minute: i64, from, to| Move::new(minute * 60_000 * MS, from, to);
    assert_eq!(demand.moves, [at(2, 1, 3), at(7, 3, 2), at(8, 2, 1)]);
    assert_eq!((demand.percentile(95), demand.percentile(50), demand.windows_above(1)), (3, 1, 2));
}

/// A stretch of silence acts as its minutes would.
#[test]
fn silence_scales_down_in_time() {
    let mut demand = Demand::new(capacity());
    demand.take(&minute(0, 24, 0, 0));
    let silence = Load { from_us: 60_000 * MS, to_us: 3_600_000 * MS, ..Load::default() };
    demand.take(&silence);
    let at = |minute: i64, from, to| Move::new(minute * 60_000 * MS, from, to);
    assert_eq!(demand.moves, [at(1, 1, 3), at(6, 3, 1)]);
    assert_eq!(demand.windows_by_needed.into_iter().collect::<Vec<_>>(), [(1, 59), (3, 1)]);
}

#[test]
fn slow_windows_without_load_are_told_apart() {
    // 12 calls of 101 ms at once: slow, and too many for one replica; a lone one of 101 ms: slow, and not; one of 100 ms.
    let mut calls = vec![call(0, Some(101)); 12];
    calls.extend([call(60_000, Some(101)), call(120_000, Some(100))]);
    let mut demand = Demand::new(capacity());
    let sweep = sweep(&calls, 60_000, |load| demand.take(load));
    let basis = Basis { requests: 14, from: String::new(), to: String::new() };
    let report = ScaleReport::new(basis, sweep, demand, "shop");
    assert_eq!((report.slow_windows, report.slow_windows_within_capacity), (2, 1));
    assert_eq!((report.peak_in_flight, report.max_concurrent_calls), (12, 18));
    let replicas = &report.replicas;
    assert_eq!((replicas.peak, replicas.p95, replicas.windows, replicas.windows_above_in_force), (2, 2, 3, 1));
    assert_eq!(replicas.peak_at, "1970-01-01T00:00:00.000Z");
}
