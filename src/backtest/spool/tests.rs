//! Spooled and read back, against sorting in memory.

use super::*;
use crate::backtest::call::{Call, Outcome};
use crate::backtest::timeline::Tracked;
use proptest::prelude::*;

fn spooled(files: &[(Stamps, Vec<Call>)], block_calls: usize) -> Stored {
    let (mut spool, mut gatherer) = (Spool::create().unwrap(), Gatherer::default());
    for (stamps, calls) in files {
        calls.chunks(block_calls).for_each(|block| spool.push(0, gatherer.block_of(block, *stamps)).unwrap());
    }
    spool.finish().unwrap()
}

fn read(stored: &Stored, from_us: i64) -> Vec<Call> {
    read_slices(stored, from_us, 1 << 13)
}

fn read_slices(stored: &Stored, from_us: i64, slice_calls: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for batch in stored.batches_of(from_us, slice_calls) {
        calls.extend(batch.unwrap().started().map(Tracked::call));
    }
    calls
}

/// The specification, as plainly as it can be said.
fn sorted(files: &[(Stamps, Vec<Call>)]) -> Vec<Call> {
    let second_of = |call: &Call| (call.start_us + call.duration_us.unwrap_or(0) as i64).div_euclid(1_000_000);
    let all: Vec<(Stamps, Call)> =
        files.iter().flat_map(|(stamps, calls)| calls.iter().map(|call| (*stamps, *call))).collect();
    let whole: Vec<i64> =
        all.iter().filter(|(stamps, _)| *stamps == Stamps::WholeSeconds).map(|(_, call)| second_of(call)).collect();
    let mut ranked = 0;
    let mut calls = Vec::new();
    for (stamps, mut call) in all {
        if stamps == Stamps::WholeSeconds {
            let second = second_of(&call);
            let before = whole[..ranked].iter().filter(|other| **other == second).count() as i64;
            let count = whole.iter().filter(|other| **other == second).count() as i64;
            call.spread_us = ((2 * before + 1) * 1_000_000 / (2 * count)) as u32;
            call.start_us = second * 1_000_000 - call.duration_us.unwrap_or(0) as i64 + i64::from(call.spread_us);
            ranked += 1;
        }
        calls.push(call);
    }
    calls.sort_by_key(|call| (call.start_us, if whole.is_empty() { None } else { call.duration_us }));
    calls
}

fn call(start_us: i64, duration_us: Option<u64>, endpoint: u32) -> Call {
    let outcome = [Outcome::Good, Outcome::Neither, Outcome::Failed][endpoint as usize % 3];
    Call { start_us, spread_us: 0, duration_us, endpoint, outcome }
}

/// Of the durations of a log that are not out of the ordinary, so many of 256 are whole milliseconds.
fn duration(in_millis: u32) -> impl Strategy<Value = Option<u64>> {
    let first_long = u64::from(short::LONG);
    prop_oneof![
        16 * (256 - in_millis) => (0..2_000_000u64).prop_map(Some),
        16 * in_millis => prop_oneof![0..2_000u64, 65_530..65_540u64].prop_map(|ms| Some(ms * 1_000)),
        // Starts that are the same only once requests are spread over their second.
        2048 => (0..8u64).prop_map(|quarters| Some(quarters * 250_000)),
        256 => Just(None),
        64 => prop_oneof![first_long - 2..first_long + 2, u64::from(u32::MAX) - 2..1 << 32, Just(86_400_000_000_000)]
            .prop_map(Some),
    ]
}

fn file() -> impl Strategy<Value = (Stamps, Vec<Call>)> {
    let endpoints = prop::sample::select(vec![0..3u32, 0..1000, 65_530..65_540, (1 << 30) - 2..1 << 30]);
    (prop::sample::select(vec![0, 128, 256]), endpoints)
        .prop_flat_map(|(in_millis, endpoints)| file_with(duration(in_millis).boxed(), endpoints))
}

fn file_with(
    duration: BoxedStrategy<Option<u64>>,
    endpoints: std::ops::Range<u32>,
) -> impl Strategy<Value = (Stamps, Vec<Call>)> {
    let exact_end = prop_oneof![9 => 0..30_000_000i64, 1 => -4_000_000_000_000..9_000_000_000_000_000i64];
    let exact = (exact_end, duration.clone(), endpoints.clone())
        .prop_map(|(end_us, duration, endpoint)| call(end_us - duration.unwrap_or(0) as i64, duration, endpoint));
    let whole_end = prop_oneof![9 => 0..30i64, 1 => -4_000_000..9_000_000_000i64];
    // A log may go on with finer stamps than it began with.
    let fraction_us = prop_oneof![4 => Just(0), 1 => 0..1_000_000i64];
    let whole = (whole_end, fraction_us, duration, endpoints).prop_map(|(end_s, fraction_us, duration, endpoint)| {
        call(end_s * 1_000_000 + fraction_us - duration.unwrap_or(0) as i64, duration, endpoint)
    });
    prop_oneof![
        prop::collection::vec(exact, 0..200).prop_map(|calls| (Stamps::Exact, calls)),
        prop::collection::vec(whole, 0..200).prop_map(|calls| (Stamps::WholeSeconds, calls)),
    ]
}

proptest! {
    #[test]
    fn any_log_comes_back_whole_and_in_order(
        files in prop::collection::vec(file(), 0..4),
        block_calls in 1..100usize,
        slice_calls in 1..200usize,
    ) {
        let stored = spooled(&files, block_calls);
        let given = read_slices(&stored, i64::MIN, slice_calls);
        let expected = sorted(&files);
        prop_assert_eq!(&given, &expected);
        prop_assert_eq!(stored.calls(), expected.len() as u64);
        let good = expected.iter().filter(|call| call.outcome == Outcome::Good && call.duration_us.is_some()).count();
        prop_assert_eq!(stored.good_timed(), good as u64);
        let stamped = || expected.iter().map(Call::stamped_start_us);
        let long = expected.iter().filter(|call| call.duration_us.is_some_and(|us| us >= u64::from(short::LONG))).count();
        prop_assert!(stored.column_bytes() <= 12 * expected.len() + 8 * long);
        prop_assert_eq!(stored.span_us(), stamped().min().zip(stamped().max()));
    }
}

#[test]
fn what_a_chunk_left_behind_is_in_no_block() {
    let mut gatherer = Gatherer::default();
    let calls = [call(0, Some(3_000), 0), call(9, Some(1 << 40), 1)];
    calls.iter().for_each(|call| gatherer.push(0, call.into()));
    gatherer.clear();
    assert!(gatherer.take_block(Stamps::Exact).is_none());
    let mut spool = Spool::create().unwrap();
    spool.push(0, gatherer.block_of(&calls, Stamps::Exact)).unwrap();
    assert!(gatherer.take_block(Stamps::Exact).is_none());
    let stored = spool.finish().unwrap();
    assert_eq!((read(&stored, i64::MIN), stored.good_timed()), (calls.to_vec(), 1));
}

#[test]
fn a_second_that_spans_blocks_and_files_is_spread_in_input_order() {
    let at = |endpoint| call(7_000_000, Some(0), endpoint);
    let files = [
        (Stamps::WholeSeconds, vec![at(0), at(1), at(2)]),
        (Stamps::Exact, vec![call(7_000_001, Some(0), 9)]),
        (Stamps::WholeSeconds, vec![at(3), at(4)]),
    ];
    let told: Vec<(i64, u32)> =
        read(&spooled(&files, 2), i64::MIN).iter().map(|call| (call.start_us, call.endpoint)).collect();
    let (exact, spread) = told.split_at(1);
    assert_eq!(exact, [(7_000_001, 9)]);
    assert_eq!(spread, [(7_100_000, 0), (7_300_000, 1), (7_500_000, 2), (7_700_000, 3), (7_900_000, 4)]);
}

#[test]
fn a_large_log_with_early_starts_comes_back_in_order_and_from_any_moment() {
    let calls: Vec<Call> = (0..150_000i64)
        .map(|n| {
            let duration_us = if n % 5_000 == 0 { 60_000_000 } else { n as u64 * 7919 % 50_000 };
            call(n * 1_000 - duration_us as i64, Some(duration_us), n as u32)
        })
        .collect();
    // Two files in the wrong order.
    let (early, late) = calls.split_at(70_000);
    let files = [(Stamps::Exact, late.to_vec()), (Stamps::Exact, early.to_vec())];
    let stored = spooled(&files, 9_000);
    let expected = sorted(&files);
    assert_eq!(read(&stored, i64::MIN), expected);
    let from_us = 90_000_123;
    let rest: Vec<Call> = expected.into_iter().filter(|call| call.start_us >= from_us).collect();
    assert!(rest.len() > 10_000);
    assert_eq!(read(&stored, from_us), rest);
}

/// Pages are in log order or cut from sorted calls: a log in order, two clocks in one log, an early start in each page,
/// an end far away.
#[test]
fn blocks_of_many_pages_come_back_in_order_and_overlap_little() {
    let calls = |ahead_s: fn(i64) -> i64, duration_s: fn(i64) -> i64| -> Vec<Call> {
        let call = |n: i64| {
            let start_us = (n / 30 + ahead_s(n) - duration_s(n)) * 1_000_000;
            call(start_us, Some(duration_s(n) as u64 * 1_000_000), n as u32 % 3)
        };
        (100_000..130_000).map(call).collect()
    };
    let logs = [
        calls(|_| 0, |n| n % 4),
        calls(|n| n % 2 * 1_500, |n| n % 4),
        calls(|_| 0, |n| i64::from(n % 1_000 == 0) * 2_000),
        calls(|n| i64::from(n % 5_000 == 0) * 200_000, |n| i64::from(n % 5_000 == 0) * 200_000),
    ];
    for (number, calls) in logs.iter().enumerate() {
        for stamps in [Stamps::Exact, Stamps::WholeSeconds] {
            let stored = spooled(&[(stamps, calls.clone())], 20_000);
            // How many pages cover a moment on average.
            let (first_us, last_us) = stored.span_us().unwrap();
            let covered_us: i64 = stored.page_spans_us().map(|(from_us, to_us)| to_us - from_us).sum();
            assert!(covered_us < 3 * (last_us - first_us), "{number} {stamps:?}");
            let given = read(&stored, i64::MIN);
            assert!(given.is_sorted_by_key(|call| call.start_us) && given.len() == calls.len());
            if stamps == Stamps::Exact {
                assert_eq!(given, sorted(&[(stamps, calls.clone())]), "{number}");
            }
        }
    }
}

#[test]
fn more_requests_in_a_second_than_a_rank_holds_stay_spread() {
    let calls = vec![call(0, Some(0), 0); 140_000];
    let starts: Vec<i64> =
        read(&spooled(&[(Stamps::WholeSeconds, calls)], usize::MAX), i64::MIN).iter().map(|c| c.start_us).collect();
    assert!((0..140_000i64).all(|k| starts[k as usize] == (2 * k + 1) * 1_000_000 / 280_000));
}

#[test]
fn an_ordinary_log_takes_four_bytes_a_request() {
    let at = |n: i64| call(n / 50 * 1_000_000, Some((n as u64 % 40) * 1_000), n as u32 % 60);
    let calls: Vec<Call> = (0..40_960).map(at).collect();
    let bytes_of = |stamps| spooled(&[(stamps, calls.clone())], usize::MAX).column_bytes() as f64 / calls.len() as f64;
    assert!(bytes_of(Stamps::WholeSeconds) < 4.25, "{}", bytes_of(Stamps::WholeSeconds));
    assert!(bytes_of(Stamps::Exact) < 8.1, "{}", bytes_of(Stamps::Exact));
}

/// As many stretches as pay, a long one that is two, durations in microseconds, and as many endpoints as pay.
#[test]
fn no_page_takes_more_than_twelve_bytes_a_request() {
    for long in 800..840i64 {
        let at = |n: i64| call(if n < 4096 - long { n % 2 } else { 5 } * 1_000_000, Some(n as u64), n as u32 % 2048);
        let stored = spooled(&[(Stamps::WholeSeconds, (0..4096).map(at).collect())], usize::MAX);
        assert!(stored.column_bytes() <= 12 * 4096, "{long}: {}", stored.column_bytes());
    }
}

#[test]
fn renumbering_reaches_every_request_however_many_endpoints_a_page_has() {
    for endpoints in [3, 1_000, 1 << 20] {
        let calls: Vec<Call> = (0..2_000).map(|n| call(n, Some(1), n as u32 * 7919 % endpoints)).collect();
        let mut block = Block::of(&calls, Stamps::Exact);
        block.renumber(|endpoint| 2 * endpoint + 1);
        let mut spool = Spool::create().unwrap();
        spool.push(0, block).unwrap();
        let mut stored = spool.finish().unwrap();
        let told = |stored: &Stored| read(stored, i64::MIN).iter().map(|call| call.endpoint).collect::<Vec<u32>>();
        assert!(told(&stored).iter().zip(&calls).all(|(told, call)| *told == 2 * call.endpoint + 1), "{endpoints}");
        stored.renumber((0..=2 * endpoints).map(|endpoint| endpoint + 5).collect());
        assert!(told(&stored).iter().zip(&calls).all(|(told, call)| *told == 2 * call.endpoint + 6), "{endpoints}");
        let outcomes = read(&stored, i64::MIN).iter().map(|call| call.outcome).collect::<Vec<Outcome>>();
        assert_eq!(outcomes, calls.iter().map(|call| call.outcome).collect::<Vec<Outcome>>());
    }
}

#[test]
fn a_file_that_cannot_be_written_says_what_to_do() {
    let error = anyhow::Error::new(std::io::Error::from(std::io::ErrorKind::StorageFull)).context(unable());
    let text = format!("{error:#}");
    assert!(text.contains("TMPDIR") && text.contains("--no-backtest") && text.contains("space"), "{text}");
}

#[test]
fn only_short_batches_that_end_in_time_are_in_no_order() {
    const MINUTE_US: i64 = 60_000_000;
    let told = |step_us: i64, unordered_until_us: i64| -> Vec<bool> {
        let calls: Vec<Call> = (0..40_000).map(|n| call(n / 4096 * step_us, Some(1), 0)).collect();
        let stored = spooled(&[(Stamps::Exact, calls)], 4096);
        let batches = stored.batches_of(i64::MIN, 4096).unordered_until(unordered_until_us);
        batches.map(|batch| batch.unwrap().is_in_order).collect()
    };
    let only_ends =
        |ordered: Vec<bool>| ordered[0] && ordered[ordered.len() - 1] && !ordered[1..ordered.len() - 1].contains(&true);
    assert!(only_ends(told(16 * MINUTE_US, i64::MAX)));
    assert!(!told(16 * MINUTE_US + 1, i64::MAX).contains(&false));
    // The second batch ends where the third begins.
    assert_eq!(told(MINUTE_US, 2 * MINUTE_US)[..4], [true, false, true, true]);
    assert_eq!(told(MINUTE_US, 2 * MINUTE_US - 1)[..4], [true, true, true, true]);
}
