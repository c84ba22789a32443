//! One pass over a log in two parts: evidence of both, and a test on the second of what the first supports.
//!
//! The two parts overlap a little: where stamps are whole seconds, a call of the first part may start up to a second
//! after one of the second, and calls of the first are in flight for as long as they take. So batches wait until the
//! first part is complete, and its calls are taken out of what is tested.

use crate::backtest::pipeline::{self, Pipeline};
use crate::backtest::report::BacktestReport;
use crate::backtest::spool::{MAX_SPREAD_US, Stored};
use crate::backtest::timeline::{Batch, Tracked};
use crate::backtest::{Backtest, Test};
use crate::threads::{into_inner, lock};
use crate::tuning::evidence::{EvidenceFit, Observed};
use std::mem::take;
use std::sync::{Arc, Mutex, OnceLock};

/// The stage that fits; those of the test are behind it.
const FITTING: usize = 0;

/// Gives both parts' evidence, as `fit` collects it, and the result of the test that `prepare` makes of the first part's;
/// `batches` are those of all calls, in order from `split_us` on: there, at a whole minute, the second part begins.
///
/// # Errors
/// Those of the batches.
pub(super) fn run(
    stored: &Stored,
    batches: impl Iterator<Item = anyhow::Result<Batch>> + Send,
    split_us: i64,
    threads: usize,
    fit: EvidenceFit,
    prepare: impl Fn(&Observed) -> Backtest + Send,
) -> anyhow::Result<(Observed, Observed, BacktestReport)> {
    let pass = Mutex::new(SplitPass { stored, split_us, prepare, fit, waiting: Vec::new(), is_mixed: true });
    let test = OnceLock::new();
    pipeline::run(threads, batches, |batch, pipeline| {
        let (pass, test) = (&pass, &test);
        pipeline.post(FITTING, move |pipeline| lock(pass).take(Arc::new(batch), test, pipeline));
    })?;
    let mut pass = into_inner(pass);
    let test = match test.into_inner() {
        Some(test) => test,
        None => pass.test_what_waits(threads)?,
    };
    let (first, second) = pass.fit.finish();
    Ok((first, second, test.finish()))
}

/// The pass under way; `P` makes the test of the first part's evidence.
struct SplitPass<'a, P> {
    stored: &'a Stored,
    split_us: i64,
    prepare: P,
    fit: EvidenceFit,
    /// Batches that may have calls of the second part, as long as the first is not complete.
    waiting: Vec<Arc<Batch>>,
    /// Calls of the first part may still start or be in flight.
    is_mixed: bool,
}

impl<'a, P: Fn(&Observed) -> Backtest + Send> SplitPass<'a, P> {
    /// Takes the next events; there is a test from when on the first part is complete.
    fn take<'env>(&mut self, batch: Arc<Batch>, test: &'env OnceLock<Test<'a>>, pipeline: &Pipeline<'env>) {
        self.fit.take(&batch);
        if !batch.is_in_order {
            // It ends before the second part begins.
            return;
        }
        if let Some(test) = test.get() {
            self.hand_on(batch, test, pipeline);
            return;
        }
        let is_complete = is_beyond(batch.started().next(), self.split_us.saturating_add(MAX_SPREAD_US));
        // Ends without a start belong to what waits, too.
        if is_beyond(batch.started().next_back(), self.split_us) || !self.waiting.is_empty() {
            self.waiting.push(batch);
        }
        if is_complete {
            let test = test.get_or_init(|| self.begin());
            take(&mut self.waiting).into_iter().for_each(|batch| self.hand_on(batch, test, pipeline));
        }
    }

    fn begin(&mut self) -> Test<'a> {
        (self.prepare)(self.fit.first()).start(self.stored)
    }

    /// Hands on what is tested of a batch.
    fn hand_on<'env>(&mut self, batch: Arc<Batch>, test: &'env Test<'a>, pipeline: &Pipeline<'env>) {
        if self.is_mixed {
            self.is_mixed = !batch.is_from(self.split_us);
            test.take(Arc::new(batch.only(|call| call.stamped_start_us() >= self.split_us)), pipeline);
        } else {
            test.take(batch, pipeline);
        }
    }

    /// The whole test of a log that ended before it was seen that its first part is complete.
    fn test_what_waits(&mut self, threads: usize) -> anyhow::Result<Test<'a>> {
        let test = self.begin();
        let waiting = take(&mut self.waiting).into_iter().map(anyhow::Ok);
        pipeline::run(threads, waiting, |batch, pipeline| self.hand_on(batch, &test, pipeline))?;
        Ok(test)
    }
}

fn is_beyond(call: Option<&Tracked>, at_us: i64) -> bool {
    call.is_some_and(|call| call.start_us >= at_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::call::{Call, MINUTE_US, Outcome};
    use crate::backtest::spool::{Block, Spool, Stamps};
    use crate::backtest::timeline::tests::{batches, batches_in};
    use crate::backtest::{Candidate, SplitPlan};
    use crate::tuning::TunableConfig;
    use crate::tuning::evidence::EndpointPeaks;
    use proptest::prelude::*;

    const SPLIT_US: i64 = MINUTE_US;

    fn stored(calls: &[Call]) -> Stored {
        let mut spool = Spool::create().unwrap();
        spool.push(0, Block::of(calls, Stamps::Exact)).unwrap();
        spool.finish().unwrap()
    }

    /// A test whose configs tell what was known of the first part.
    fn prepare(first: &Observed) -> Backtest {
        let mut config = TunableConfig::default();
        config.http_client.timeout_ms = 100.0 + first.all.requests as f64;
        config.bulkhead.max_concurrent_calls = 1.0 + (first.all.failures % 4) as f64;
        let candidates = vec![Candidate { name: "fitted".to_owned(), config, history: None }];
        let split = Some(SplitPlan { share: 0.5, at_us: SPLIT_US, fitted: config });
        Backtest { split, ..Backtest::new(candidates, 1) }
    }

    fn call() -> impl Strategy<Value = Call> {
        let near = prop_oneof![3 => -1_500_000i64..1_500_000, 1 => -30_000_000i64..30_000_000];
        let duration = prop_oneof![Just(None), (0u64..500_000).prop_map(Some), (0u64..40_000_000).prop_map(Some)];
        let outcome = prop::sample::select(vec![Outcome::Good, Outcome::Neither, Outcome::Failed]);
        (near, 0u32..1_000_000, duration, 0u32..3, outcome).prop_map(
            |(at_us, spread_us, duration_us, endpoint, outcome)| Call {
                start_us: SPLIT_US + at_us,
                spread_us,
                duration_us,
                endpoint,
                outcome,
            },
        )
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_a_pass_for_each_part_finds(
            mut calls in prop::collection::vec(call(), 1..120),
            batch_calls in 1usize..60,
            threads in 1usize..4,
        ) {
            calls.sort_by_key(|call| call.start_us);
            let stored = stored(&calls);
            let made = batches(&calls, batch_calls);
            let fit = || EvidenceFit::new(Some(SPLIT_US), EndpointPeaks::Asked);
            let each = made.iter().cloned().map(Ok);
            let (first, second, report) = run(&stored, each, SPLIT_US, threads, fit(), prepare).unwrap();
            let mut fit = fit();
            made.iter().for_each(|batch| fit.take(batch));
            let (first_alone, second_alone) = fit.finish();
            prop_assert_eq!(format!("{first:?} {second:?}"), format!("{first_alone:?} {second_alone:?}"));
            let tested: Vec<Call> = calls.iter().filter(|call| call.stamped_start_us() >= SPLIT_US).copied().collect();
            let test = prepare(&first).start(&stored);
            let made = batches(&tested, batch_calls).into_iter().map(anyhow::Ok);
            pipeline::run(1, made, |batch, pipeline| test.take(Arc::new(batch), pipeline)).unwrap();
            prop_assert_eq!(&report, &test.finish());

            // What ends before the second part begins need not be in order.
            let in_order = batches_in(true, &calls, batch_calls);
            let mixed = in_order.into_iter().zip(batches_in(false, &calls, batch_calls)).map(|(ordered, unordered)| {
                Ok(if unordered.last_us < SPLIT_US { unordered } else { ordered })
            });
            let fit = EvidenceFit::new(Some(SPLIT_US), EndpointPeaks::LeftOut);
            let (first_mixed, second_mixed, report_mixed) = run(&stored, mixed, SPLIT_US, threads, fit, prepare).unwrap();
            let told = |part: &Observed| format!("{:?}", part.whole());
            prop_assert_eq!([told(&first_mixed), told(&second_mixed)], [told(&first), told(&second)]);
            prop_assert_eq!(report_mixed, report);
        }
    }
}
