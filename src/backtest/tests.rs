//! The backtest as a whole: a naive simulation of the timeout and its breaker, threads, splits and words.

use super::call::{Call, Outcome};
use super::spool::{Block, Spool, Stamps};
use super::*;

fn stored(calls: &[Call], stamps: Stamps) -> Stored {
    let mut spool = Spool::create().unwrap();
    calls.chunks(300).for_each(|block| spool.push(0, Block::of(block, stamps)).unwrap());
    spool.finish().unwrap()
}

fn config(timeout_ms: f64, threshold: f64, max_calls: f64) -> TunableConfig {
    let mut config = TunableConfig::default();
    config.http_client.timeout_ms = timeout_ms;
    config.circuit_breaker.failure_threshold = threshold;
    config.bulkhead.max_concurrent_calls = max_calls;
    config
}

fn candidate(name: &str, config: TunableConfig) -> Candidate {
    Candidate { name: name.to_owned(), config, history: None }
}

/// Ten calls a second at 50 endpoints, 20 to 119 ms long, each hundredth 2 s; a bad minute at one endpoint.
fn traffic(count: i64) -> Vec<Call> {
    let call = |n: i64| {
        let duration_ms = if n % 100 == 7 { 2_000 } else { 20 + n * 7919 % 100 };
        let endpoint = (n * 31 % 50) as u32;
        let is_bad = (1_000..1_600).contains(&n) && endpoint == 5 || n % 997 == 0;
        let outcome = if is_bad { Outcome::Failed } else { Outcome::Good };
        let end_us = 1_700_000_000_000_000 + n * 100_000;
        Call {
            start_us: end_us - duration_ms * 1000,
            spread_us: 0,
            duration_us: Some(duration_ms as u64 * 1000),
            endpoint,
            outcome,
        }
    };
    (0..count).map(call).collect()
}

fn run(candidates: Vec<Candidate>, calls: &[Call]) -> BacktestReport {
    Backtest::new(candidates, 2).run(&stored(calls, Stamps::Exact)).unwrap()
}

#[test]
fn the_timeout_agrees_with_stepping_through_every_millisecond() {
    let calls = traffic(2_000);
    for timeout_ms in [19.0, 20.0, 75.0, 1_999.0, 2_000.0, 2_001.0] {
        // Whoever is still running when the clock has gone past the timeout is cut.
        let (mut cut, mut good_cut, mut saved_ms) = (0, 0, 0);
        for call in &calls {
            let mut clock_ms = 0;
            let mut was_cut = false;
            while call.duration_us.unwrap() > clock_ms * 1000 {
                clock_ms += 1;
                if clock_ms as f64 > timeout_ms {
                    was_cut = true;
                    saved_ms += 1;
                }
            }
            cut += u64::from(was_cut);
            good_cut += u64::from(was_cut && call.outcome == Outcome::Good);
        }
        let report = run(vec![candidate("one", config(timeout_ms, 50.0, 10.0))], &calls);
        let timeout = report.configs[0].timeout.clone().unwrap();
        assert_eq!((timeout.cut, timeout.good_cut), (cut, good_cut), "{timeout_ms}");
        let good = calls.iter().filter(|call| call.outcome == Outcome::Good).count();
        assert_eq!(timeout.false_timeout_rate, Some(good_cut as f64 / good as f64));
        let whole_ms: u64 = calls.iter().map(|call| call.duration_us.unwrap() / 1000).sum();
        assert_eq!(timeout.time_saved_share, Some(saved_ms as f64 / whole_ms as f64), "{timeout_ms}");
    }
}

#[test]
fn the_peak_is_the_largest_number_of_calls_that_overlap() {
    let calls = traffic(3_000);
    let overlap = |at: &Call| {
        let is_running = |call: &&Call| {
            let end_us = call.start_us + call.duration_us.unwrap() as i64;
            call.start_us <= at.start_us && at.start_us < end_us
        };
        calls.iter().filter(is_running).count() as u64
    };
    let report = run(vec![candidate("one", config(500.0, 50.0, 3.0))], &calls);
    let peak = calls.iter().map(overlap).max();
    assert!(peak > Some(2));
    assert_eq!(report.traffic.peak_in_flight, peak);
}

/// A batch that fits a bulkhead is passed over; one call after the other must come to the same.
#[test]
fn passing_over_batches_that_fit_changes_nothing() {
    use super::bulkhead::Bulkhead;
    use super::timeline::tests::batches;
    let mut calls = traffic(4_000);
    calls.sort_by_key(|call| call.start_us);
    let (mut fitting, mut full) = (0, 0);
    for max_calls in 1..8 {
        for (queue, batch_calls) in [(Queue::NONE, 5), (Queue { calls: 2, wait_us: 50_000 }, 5), (Queue::CONSUMER, 700)]
        {
            let mut one_by_one = Bulkhead::new(max_calls, queue);
            let mut by_batch = Bulkhead::new(max_calls, queue);
            for mut batch in batches(&calls, batch_calls) {
                *(if batch.load.peak as usize <= max_calls { &mut fitting } else { &mut full }) += 1;
                by_batch.take(&batch);
                batch.load.peak = u32::MAX;
                one_by_one.take(&batch);
            }
            let tally = one_by_one.finish();
            let timed = calls.iter().filter(|call| call.duration_us.is_some()).count();
            assert_eq!(tally.calls, timed as u64);
            assert_eq!(by_batch.finish(), tally, "{max_calls} {queue:?}");
        }
    }
    assert!(fitting > 100 && full > 100, "{fitting} {full}");
}

#[test]
fn neither_threads_nor_order_of_the_log_show() {
    let calls = traffic(5_000);
    let candidates: Vec<Candidate> =
        [60.0, 120.0, 3_000.0].iter().map(|ms| candidate(&ms.to_string(), config(*ms, 30.0, 3.0))).collect();
    let expected = run(candidates.clone(), &calls);
    for threads in [0, 1, 3, 9] {
        let given = Backtest::new(candidates.clone(), threads).run(&stored(&calls, Stamps::Exact)).unwrap();
        assert_eq!(given, expected, "{threads} threads");
    }
    let shuffled: Vec<Call> = calls[2_500..].iter().chain(&calls[..2_500]).copied().collect();
    assert_eq!(run(candidates, &shuffled), expected);
}

#[test]
fn a_split_tests_on_the_rest_alone() {
    let calls = traffic(5_000);
    let at_us = calls[2_500].start_us;
    let fitted = config(2_000.0, 50.0, 10.0);
    let mut backtest = Backtest::new(vec![candidate("fitted", fitted)], 2);
    backtest.split = Some(SplitPlan { share: 0.5, at_us, fitted });
    let given = backtest.run(&stored(&calls, Stamps::Exact)).unwrap();
    let rest: Vec<Call> = calls.iter().filter(|call| call.start_us >= at_us).copied().collect();
    let alone = run(vec![candidate("fitted", fitted)], &rest);
    assert_eq!((&given.configs, &given.traffic), (&alone.configs, &alone.traffic));
    let split = given.split.unwrap();
    assert_eq!(split.fitted_requests + given.traffic.requests, 5_000);
    assert_eq!(given.fitted, Some(fitted));
}

#[test]
fn a_breaker_sees_what_the_timeout_cuts() {
    let calls = traffic(3_000);
    let report =
        run(vec![candidate("short", config(19.0, 50.0, 10.0)), candidate("long", config(3e3, 50.0, 10.0))], &calls);
    let (short, long) = (report.configs[0].breaker.as_ref().unwrap(), report.configs[1].breaker.as_ref().unwrap());
    // Every call is cut: each of the 50 endpoints opens as soon as it has five.
    assert!(short.openings >= 50 && short.good_rejected == 0 && short.bad_kept_out == short.rejected);
    // The bad minute alone: the endpoint's twelve failures.
    assert!(long.openings >= 1 && long.openings < 5 && long.bad_kept_out > 0, "{long:?}");
    assert_eq!(long.false_openings, 0);
    assert!(long.open_seconds >= 30.0);
}

#[test]
fn openings_that_quiet_periods_explain_are_false() {
    // Every fourth call fails, all the time: two or three of ten is this endpoint's calm.
    let calls: Vec<Call> = traffic(6_000)
        .into_iter()
        .zip(0..)
        .map(|(call, n)| {
            let outcome = if n % 4 == 0 || n % 40 == 1 { Outcome::Failed } else { Outcome::Good };
            Call { endpoint: 0, outcome, ..call }
        })
        .collect();
    let report =
        run(vec![candidate("touchy", config(3e3, 20.0, 10.0)), candidate("calm", config(3e3, 80.0, 10.0))], &calls);
    let touchy = report.configs[0].breaker.as_ref().unwrap();
    assert!(touchy.false_openings > 0 && touchy.false_openings <= touchy.openings, "{touchy:?}");
    let breaker = report.configs[1].breaker.as_ref().unwrap();
    assert_eq!((breaker.openings, breaker.false_openings), (0, 0));
}

#[test]
fn the_verdict_names_a_winner_beyond_noise_and_its_price() {
    let calls = traffic(20_000);
    let names = |a: f64, b: f64| {
        vec![candidate("current", config(a, 80.0, 50.0)), candidate("recommended", config(b, 80.0, 50.0))]
    };
    let clear = run(names(1_000.0, 2_000.0), &calls).verdict;
    assert!(clear.starts_with("`recommended` would have been better: "), "{clear}");
    assert!(
        clear.contains("`recommended` would have lost 0.010 % of the good calls (cut 0 %, opened a breaker once"),
        "{clear}"
    );
    assert!(clear.contains("`current` would have lost 1.0 %"), "{clear}");
    assert!(clear.contains("The price against `current`: a caller waits 8.0 s at worst instead of 4.0 s"), "{clear}");
    let even = run(names(2_000.0, 2_500.0), &calls).verdict;
    assert!(even.starts_with("No config would have been clearly better: "), "{even}");
    assert!(even.contains("There is no price against `recommended`; besides, a caller waits 8.0 s"), "{even}");
}

#[test]
fn without_latency_the_timeout_and_the_bulkhead_are_null() {
    let calls: Vec<Call> = traffic(500).iter().map(|call| Call { duration_us: None, ..*call }).collect();
    let report = Backtest::new(vec![candidate("one", TunableConfig::default())], 1)
        .run(&stored(&calls, Stamps::WholeSeconds))
        .unwrap();
    let result = &report.configs[0];
    assert_eq!((&result.timeout, &result.bulkhead, report.traffic.peak_in_flight), (&None, &None, None));
    assert_eq!(result.retries.failures, calls.iter().filter(|call| call.outcome == Outcome::Failed).count() as u64);
    assert!(report.limits.iter().any(|limit| limit.contains("$msec")));
    assert!(report.limits.iter().any(|limit| limit.starts_with("500 of 500 requests have no duration")));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["configs"][0]["timeout"].is_null() && json["configs"][0]["breaker"]["openSeconds"].is_number());
}

#[test]
fn an_empty_log_gives_no_verdict_and_no_panic() {
    let report = run(vec![candidate("one", TunableConfig::default())], &[]);
    assert_eq!(report.verdict, "Nothing could be tested: no request succeeded, so no config could have lost one.");
    assert_eq!((report.best_in_hindsight, report.traffic.from), (None, None));
}

#[test]
fn traffic_that_cannot_tell_configs_apart_makes_none_even() {
    let candidates = || vec![candidate("a", config(1.0, 80.0, 50.0)), candidate("b", config(9e3, 80.0, 50.0))];
    let verdict = |calls: &[Call]| run(candidates(), calls).verdict;
    let good = |count: i64, duration_us: Option<u64>| -> Vec<Call> {
        traffic(count).iter().map(|call| Call { duration_us, outcome: Outcome::Good, ..*call }).collect()
    };
    // Config `a` cuts all that take 2 ms: of ten calls that is beyond noise, of nine it is not.
    assert!(
        verdict(&good(9, Some(2_000))).starts_with("Nothing could be tested: only 9 good calls, where a difference")
    );
    assert!(verdict(&good(10, Some(2_000))).starts_with("`b` would have been better"));
    assert!(verdict(&good(1, Some(2_000))).starts_with("Nothing could be tested: only 1 good call, "));
    let blind = good(500, None);
    assert!(verdict(&blind).starts_with("Nothing could be tested: no request has a duration"), "{}", verdict(&blind));
    let mut failing = blind;
    failing[7].outcome = Outcome::Failed;
    assert!(verdict(&failing).starts_with("No config would have been clearly better"), "{}", verdict(&failing));
}

#[test]
fn hostile_times_do_not_panic() {
    let far = [i64::MIN / 2, -1, 0, i64::MAX / 2];
    let call = |start_us| Call {
        start_us,
        spread_us: 0,
        duration_us: Some(86_400_000_000_000),
        endpoint: 0,
        outcome: Outcome::Failed,
    };
    let calls: Vec<Call> = far.map(call).into();
    for stamps in [Stamps::Exact, Stamps::WholeSeconds] {
        let huge = config(f64::MAX, 0.0, f64::MAX);
        let mut endless = huge;
        endless.http_client.max_retries = f64::MAX;
        let candidates =
            vec![candidate("huge", huge), candidate("none", config(0.0, 100.0, 0.0)), candidate("endless", endless)];
        let report = Backtest::new(candidates, 2).run(&stored(&calls, stamps)).unwrap();
        assert_eq!(report.traffic.failed, 4);
    }
}
