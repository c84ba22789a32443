//! The breaker and the bulkhead against the npm packages themselves, run by node under a simulated clock, call by call.
//! `bash tests/run.sh` installs what is needed.

#[path = "../../tests/suite/rng.rs"]
mod rng;

use super::breaker::{BankPlan, Breakers, JudgeOpenings, Knobs, State};
use super::bulkhead::{Bulkhead, Queue};
use super::call::{Call, Outcome};
use super::timeline::tests::batches;

/// Calls that a batch begins with: few, so that calls in flight pass from batch to batch.
const BATCH_CALLS: usize = 7;
use rng::Rng;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const CASES: u64 = 400;

/// What the driver prints for the cases, one value each.
fn package(driver: &str, cases: &[Value]) -> Vec<Value> {
    let file = format!("{}/tests/oracle/{driver}", env!("CARGO_MANIFEST_DIR"));
    let mut input = tempfile::tempfile().unwrap();
    cases.iter().for_each(|case| writeln!(input, "{case}").unwrap());
    std::io::Seek::rewind(&mut input).unwrap();
    let output = Command::new("node").arg(file).stdin(Stdio::from(input)).output();
    let output = output.unwrap_or_else(|e| panic!("node does not start ({e}): run the tests with `bash tests/run.sh`"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{driver} failed (`bash tests/run.sh` installs what it needs):\n{stderr}");
    let told: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), cases.len());
    told
}

/// Calls with bursts at one instant, overlaps, and durations that make ends meet starts and borders.
fn calls(rng: &mut Rng, count: i64, border_ms: i64, failing_permille: i64) -> Vec<Call> {
    let mut start_ms = 1_000_000;
    let mut failing = failing_permille;
    let step = *rng.pick(&[1, 5, 20, 100]);
    let call = |_| {
        if rng.chance(30) {
            failing = *rng.pick(&[0, failing_permille, 1000]);
        }
        start_ms += match rng.range(0, 20) {
            0..4 => 0,
            4 => border_ms,
            5 => border_ms - 1,
            6 => border_ms + 1,
            _ => rng.range(0, step + 1),
        };
        let duration_ms = match rng.range(0, 12) {
            0..2 => 0,
            2 => border_ms,
            3 => step,
            4 => rng.range(0, 4 * border_ms + 2),
            _ => rng.range(0, 4 * step + 1),
        };
        let outcome = if rng.chance(failing) { Outcome::Failed } else { Outcome::Good };
        Call {
            start_us: start_ms * 1000,
            spread_us: 0,
            duration_us: Some(duration_ms as u64 * 1000),
            endpoint: 0,
            outcome,
        }
    };
    (0..count).map(call).collect()
}

/// A case for the breaker: its settings, the timeout that cuts, and the calls.
struct BreakerCase {
    knobs: Knobs,
    timeout_us: u64,
    calls: Vec<Call>,
}

impl BreakerCase {
    fn generate(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let open_ms = *rng.pick(&[1, 10, 50, 200, 1000]);
        let window_calls = *rng.pick(&[1, 2, 5, 7, 10, 10, 10, 10, 100]);
        let knobs = Knobs {
            failure_threshold_percent: *rng.pick(&[
                0.0,
                10.0,
                14.285714285714285,
                20.0,
                28.57142857142857,
                30.0,
                33.3,
                50.0,
                55.5,
                60.0,
                70.0,
                100.0,
            ]),
            open_timeout_us: open_ms * 1000,
            window_calls: window_calls as u32,
            minimum_calls: rng.range(1, window_calls.min(12) + 1) as u32,
            probe_calls: *rng.pick(&[1, 2, 3, 3, 3, 5]),
        };
        let failing = *rng.pick(&[20, 150, 300, 500, 800]);
        let calls = calls(&mut rng, 200, open_ms, failing);
        let timeout_ms = *rng.pick(&[u64::MAX / 1000, 0, 1, 7, open_ms as u64, 3 * open_ms as u64]);
        BreakerCase { knobs, timeout_us: timeout_ms * 1000, calls }
    }

    fn is_cut(&self, call: &Call) -> bool {
        call.duration_us.unwrap() > self.timeout_us
    }

    fn to_json(&self) -> Value {
        let calls = self.calls.iter().map(|call| {
            let duration_us = call.duration_us.unwrap().min(self.timeout_us);
            let ok = call.outcome != Outcome::Failed && !self.is_cut(call);
            json!({"start": call.start_us / 1000, "durationMs": duration_us / 1000, "ok": ok})
        });
        json!({
            "options": {
                "failureThreshold": self.knobs.failure_threshold_percent,
                "openTimeoutMs": self.knobs.open_timeout_us / 1000,
                "slidingWindowSize": self.knobs.window_calls,
                "minimumCalls": self.knobs.minimum_calls,
                "halfOpenMaxCalls": self.knobs.probe_calls,
            },
            "calls": calls.collect::<Vec<_>>(),
        })
    }

    /// What the package prints for the same case. A crowd of other endpoints must not show.
    fn model(&self) -> Value {
        let endpoint = 3;
        let mut breakers = self.breakers(vec![self.knobs]);
        let own: Vec<Call> = self.calls.iter().map(|call| Call { endpoint, ..*call }).collect();
        let others = own.iter().map(|call| Call { endpoint: 1, outcome: Outcome::Failed, ..*call });
        let mut all: Vec<Call> = own.iter().copied().chain(others).collect();
        all.sort_by_key(|call| call.start_us);
        let mut rows = Vec::new();
        for batch in batches(&all, BATCH_CALLS) {
            for event in &batch.events {
                let call = &batch.calls[event.call()];
                breakers.take_event(call, *event);
                if !event.is_end() && call.endpoint == endpoint {
                    let breaker = breakers.breaker(endpoint);
                    rows.push(json!([breaker.let_through(call.number), state_name(breaker.state())]));
                }
            }
        }
        json!({"rows": rows, "opens": self.openings(&own)})
    }
}

impl BreakerCase {
    fn breakers(&self, settings: Vec<Knobs>) -> Breakers {
        Breakers::new(vec![BankPlan { timeout_us: self.timeout_us, settings, judge: JudgeOpenings::Yes }])
    }

    fn openings(&self, calls: &[Call]) -> u64 {
        let mut breakers = self.breakers(vec![self.knobs]);
        batches(calls, BATCH_CALLS).iter().for_each(|batch| breakers.take(batch));
        breakers.finish(0)[0][0].0.openings
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half_open",
    }
}

#[test]
fn the_breaker_agrees_with_the_package_call_by_call() {
    let cases: Vec<BreakerCase> = (0..CASES).map(BreakerCase::generate).collect();
    let told = package("breaker.mjs", &cases.iter().map(BreakerCase::to_json).collect::<Vec<_>>());
    let mut states = std::collections::BTreeMap::<String, u32>::new();
    for (seed, (case, told)) in cases.iter().zip(&told).enumerate() {
        assert_eq!(&case.model(), told, "seed {seed}, {:?}", case.knobs);
        for row in told["rows"].as_array().unwrap() {
            *states.entry(row.to_string()).or_default() += 1;
        }
    }
    // Without this a generator could decay into closed breakers unseen.
    for row in [r#"[true,"closed"]"#, r#"[false,"open"]"#, r#"[true,"half_open"]"#, r#"[false,"half_open"]"#] {
        assert!(states.get(row).is_some_and(|count| *count >= 1000), "{row}: {states:?}");
    }
}

/// Settings that share a bank must not see one another.
#[test]
fn a_bank_gives_each_setting_what_it_gets_alone() {
    for seed in 0..60 {
        let case = BreakerCase::generate(seed);
        let settings: Vec<Knobs> = (0..20u32)
            .map(|n| Knobs { failure_threshold_percent: f64::from(n * 5), probe_calls: n % 4 + 1, ..case.knobs })
            .collect();
        let run = |settings: Vec<Knobs>| {
            let mut breakers = case.breakers(settings);
            batches(&case.calls, BATCH_CALLS).iter().for_each(|batch| breakers.take(batch));
            breakers.finish(case.calls.last().unwrap().start_us).remove(0)
        };
        let alone: Vec<_> = settings.iter().flat_map(|knobs| run(vec![*knobs])).collect();
        assert_eq!(run(settings), alone, "seed {seed}");
    }
}

struct BulkheadCase {
    max_calls: i64,
    queue: Queue,
    calls: Vec<Call>,
}

impl BulkheadCase {
    fn generate(seed: u64) -> Self {
        let mut rng = Rng::new(1_000 + seed);
        let wait_ms = *rng.pick(&[1, 20, 100, 400]);
        let queue = Queue { calls: *rng.pick(&[0, 1, 2, 5, 100]), wait_us: wait_ms * 1000 };
        let calls = calls(&mut rng, 150, wait_ms, 100);
        BulkheadCase { max_calls: *rng.pick(&[1, 1, 2, 3, 5, 20]), queue, calls }
    }

    fn to_json(&self) -> Value {
        let calls = self.calls.iter();
        let calls =
            calls.map(|call| json!({"start": call.start_us / 1000, "durationMs": call.duration_us.unwrap() / 1000}));
        json!({
            "options": {
                "maxConcurrentCalls": self.max_calls,
                "maxQueueSize": self.queue.calls,
                "queueTimeoutMs": self.queue.wait_us / 1000,
            },
            "calls": calls.collect::<Vec<_>>(),
        })
    }
}

#[test]
fn the_bulkhead_agrees_with_the_package_call_by_call() {
    let cases: Vec<BulkheadCase> = (0..CASES).map(BulkheadCase::generate).collect();
    let told = package("bulkhead.mjs", &cases.iter().map(BulkheadCase::to_json).collect::<Vec<_>>());
    let (mut ran_late, mut ran_at_once, mut rejected) = (0, 0, 0);
    for (seed, (case, told)) in cases.iter().zip(&told).enumerate() {
        let mut bulkhead = Bulkhead::new(case.max_calls as usize, case.queue);
        for mut batch in batches(&case.calls, BATCH_CALLS) {
            // As if nothing fitted, so that every call is modelled.
            batch.load.peak = u32::MAX;
            bulkhead.take(&batch);
        }
        let ran_us = bulkhead.ran_us().clone();
        let tally = bulkhead.finish();
        assert_eq!(tally.calls, case.calls.len() as u64, "seed {seed}");
        let expected: Vec<Option<i64>> =
            told.as_array().unwrap().iter().map(|ms| ms.as_i64().map(|ms| ms * 1000)).collect();
        let given: Vec<Option<i64>> = (0..case.calls.len() as u64).map(|call| ran_us.get(&call).copied()).collect();
        assert_eq!(given, expected, "seed {seed}, {} {:?}", case.max_calls, case.queue);
        let waits = expected.iter().zip(&case.calls).filter_map(|(ran, call)| Some((*ran)? - call.start_us));
        let waits: Vec<i64> = waits.filter(|wait_us| *wait_us > 0).collect();
        let none = expected.iter().filter(|ran| ran.is_none()).count() as u64;
        assert_eq!(tally.rejected_full + tally.rejected_waiting, none, "seed {seed}");
        assert_eq!(tally.wait_us, waits.iter().sum::<i64>() as u64, "seed {seed}");
        assert_eq!(tally.longest_wait_us, waits.iter().copied().max().unwrap_or(0), "seed {seed}");
        ran_late += waits.len();
        rejected += none as usize;
        ran_at_once += expected.len() - waits.len() - none as usize;
    }
    assert!(ran_late > 3000 && rejected > 3000 && ran_at_once > 3000, "{ran_late} {rejected} {ran_at_once}");
}
