//! All that is counted instead of modelled, against telling every breaker everything.

use super::*;
use crate::backtest::call::Call;
use crate::backtest::timeline::tests::batches;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One breaker per endpoint that is told each start and each end, one by one.
fn told_everything(calls: &[Call], timeout_us: u64, knobs: &Knobs, end_us: i64) -> (Tally, Option<u64>) {
    let mut moments = Vec::new();
    for (call, number) in calls.iter().zip(0..) {
        let duration_us = call.duration_us.unwrap_or(0);
        moments.push(((call.start_us, Phase::Start, number), call));
        moments.push((end_moment(call.start_us, duration_us.min(timeout_us), number), call));
    }
    moments.sort_by_key(|(moment, _)| *moment);
    let mut breakers: BTreeMap<u32, Breaker> = BTreeMap::new();
    let (mut tally, mut quiet, mut started) = (Tally::default(), Quiet::new(knobs.window_calls), 0);
    for ((at_us, phase, number), call) in moments {
        let breaker = breakers.entry(call.endpoint).or_default();
        let is_cut = call.duration_us.unwrap_or(0) > timeout_us;
        if phase == Phase::Start {
            started = number + 1;
            if !breaker.admit(at_us, number, knobs) {
                tally.note_rejection(Fate::of(call.outcome, call.duration_us.unwrap_or(0), timeout_us));
            }
            continue;
        }
        let failed = is_cut || call.outcome == Outcome::Failed;
        let was_half_open = breaker.is_half_open();
        if let Turn::Opened(failures) = breaker.settle(at_us, number, failed, started, knobs) {
            tally.note_opening(was_half_open, call.endpoint, failures, knobs.open_timeout_us);
        }
        quiet.end(call.endpoint, failed);
    }
    for breaker in breakers.values().filter(|breaker| breaker.is_open()) {
        tally.open_us = tally.open_us.saturating_sub((breaker.next_turn_us(knobs) - end_us).max(0) as u64);
    }
    let limits = quiet.finish();
    let false_openings =
        tally.trips.iter().filter(|((endpoint, failures), _)| limits.is_ordinary(*endpoint, *failures));
    let false_openings = false_openings.map(|(_, count)| count).sum();
    (tally, Some(false_openings))
}

/// Trips by row, which depend on what failed first.
fn without_rows((tally, false_openings): (Tally, Option<u64>)) -> (Tally, Vec<(u32, u64)>, Option<u64>) {
    let mut trips: Vec<(u32, u64)> = tally.trips.iter().map(|((_, failures), count)| (*failures, *count)).collect();
    trips.sort_unstable();
    (Tally { trips: BTreeMap::new(), ..tally }, trips, false_openings)
}

fn knobs(window_calls: u32) -> impl Strategy<Value = Knobs> {
    let threshold = prop::sample::select(vec![0.0, 10.0, 20.0, 33.3, 50.0, 100.0]);
    (threshold, 1i64..400, 1..=window_calls, 1u32..4).prop_map(
        move |(threshold, open_us, minimum_calls, probe_calls)| Knobs {
            failure_threshold_percent: threshold,
            open_timeout_us: open_us,
            window_calls,
            minimum_calls,
            probe_calls,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let outcome = prop_oneof![8 => Just(Outcome::Good), 1 => Just(Outcome::Neither), 2 => Just(Outcome::Failed)];
    let duration = prop_oneof![1 => Just(None), 12 => (0u64..40).prop_map(Some), 1 => (0u64..600).prop_map(Some)];
    (0i64..3_000, duration, 0u32..3, outcome).prop_map(|(start_us, duration_us, endpoint, outcome)| Call {
        start_us,
        spread_us: 0,
        duration_us,
        endpoint,
        outcome,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn what_is_only_counted_comes_to_the_same(
        mut calls in prop::collection::vec(call(), 1..900),
        (timeouts, settings) in (1u32..12).prop_flat_map(|window| (
            prop::collection::vec(0u64..60, 1..3),
            prop::collection::vec(knobs(window), 1..4),
        )),
        batch_calls in 1usize..200,
    ) {
        calls.sort_by_key(|call| call.start_us);
        let end_us = calls.last().map_or(0, |call| call.start_us);
        let bank = |timeout_us: &u64| {
            BankPlan { timeout_us: *timeout_us, settings: settings.clone(), judge: JudgeOpenings::Yes }
        };
        let mut breakers = Breakers::new(timeouts.iter().map(bank).collect());
        batches(&calls, batch_calls).iter().for_each(|batch| breakers.take(batch));
        for (timeout_us, found) in timeouts.iter().zip(breakers.finish(end_us)) {
            for (knobs, found) in settings.iter().zip(found) {
                let expected = told_everything(&calls, *timeout_us, knobs, end_us);
                prop_assert_eq!(without_rows(found), without_rows(expected), "{:?} behind {} us", knobs, timeout_us);
            }
        }
    }
}
