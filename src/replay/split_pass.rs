//! One pass over a log in two parts: evidence of both, and a test on the second of what the first supports.
//!
//! The two parts overlap a little: where stamps are whole seconds, a call of the first part may start up to a second
//! after one of the second, and calls of the first are in flight for as long as they take. So batches wait until the
//! first part is complete, and its calls are taken out of what is tested.

use crate::backtest::report::BacktestReport;
use crate::backtest::spool::{MAX_SPREAD_US, Stored};
use crate::backtest::timeline::{Batch, Tracked};
use crate::backtest::{Backtest, Test};
use crate::tuning::evidence::{EvidenceFit, Observed};
use std::sync::Arc;

/// The pass under way; `P` makes the test of the first part's evidence.
pub(super) struct SplitPass<'a, P> {
    stored: &'a Stored,
    split_us: i64,
    prepare: P,
    fit: EvidenceFit,
    /// Batches that may have calls of the second part, as long as the first is not complete.
    waiting: Vec<Arc<Batch>>,
    /// From when on it is.
    test: Option<Test<'a>>,
    /// Calls of the first part may still start or be in flight.
    is_mixed: bool,
}

impl<'a, P: Fn(&Observed) -> Backtest> SplitPass<'a, P> {
    /// `split_us` is a whole minute.
    pub(super) fn new(stored: &'a Stored, split_us: i64, prepare: P) -> Self {
        let fit = EvidenceFit::new(Some(split_us));
        SplitPass { stored, split_us, prepare, fit, waiting: Vec::new(), test: None, is_mixed: true }
    }

    /// Takes the next events.
    pub(super) fn take(&mut self, batch: Arc<Batch>) {
        self.fit.take(&batch);
        if let Some(test) = &mut self.test {
            hand_on(test, &batch, self.split_us, &mut self.is_mixed);
            return;
        }
        let is_complete = is_beyond(batch.started().next(), self.split_us.saturating_add(MAX_SPREAD_US));
        // Ends without a start belong to what waits, too.
        if is_beyond(batch.started().next_back(), self.split_us) || !self.waiting.is_empty() {
            self.waiting.push(batch);
        }
        if is_complete {
            self.test = Some(self.begin());
        }
    }

    /// The test, with what waits for it.
    fn begin(&mut self) -> Test<'a> {
        let mut test = (self.prepare)(self.fit.first()).start(self.stored);
        for batch in self.waiting.drain(..) {
            hand_on(&mut test, &batch, self.split_us, &mut self.is_mixed);
        }
        test
    }

    /// Both parts' evidence, and the result of the test.
    pub(super) fn finish(mut self) -> (Observed, Observed, BacktestReport) {
        let test = match self.test.take() {
            Some(test) => test,
            None => self.begin(),
        };
        let (first, second) = self.fit.finish();
        (first, second, test.finish())
    }
}

fn is_beyond(call: Option<&Tracked>, at_us: i64) -> bool {
    call.is_some_and(|call| call.start_us >= at_us)
}

/// Hands on what is tested of a batch.
fn hand_on(test: &mut Test, batch: &Arc<Batch>, split_us: i64, is_mixed: &mut bool) {
    if *is_mixed {
        test.take(&Arc::new(batch.only(|call| call.stamped_start_us() >= split_us)));
        *is_mixed = !batch.is_from(split_us);
    } else {
        test.take(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::call::{Call, MINUTE_US, Outcome};
    use crate::backtest::spool::{Block, Spool, Stamps};
    use crate::backtest::timeline::tests::batches;
    use crate::backtest::{Candidate, SplitPlan};
    use crate::tuning::TunableConfig;
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
        ) {
            calls.sort_by_key(|call| call.start_us);
            let stored = stored(&calls);
            let mut pass = SplitPass::new(&stored, SPLIT_US, prepare);
            let mut fit = EvidenceFit::new(Some(SPLIT_US));
            for batch in batches(&calls, batch_calls) {
                fit.take(&batch);
                pass.take(Arc::new(batch));
            }
            let (first, second, report) = pass.finish();
            let (first_alone, second_alone) = fit.finish();
            prop_assert_eq!(format!("{first:?} {second:?}"), format!("{first_alone:?} {second_alone:?}"));
            let tested: Vec<Call> = calls.iter().filter(|call| call.stamped_start_us() >= SPLIT_US).copied().collect();
            let mut test = prepare(&first).start(&stored);
            for batch in batches(&tested, batch_calls) {
                test.take(&Arc::new(batch));
            }
            prop_assert_eq!(report, test.finish());
        }
    }
}
