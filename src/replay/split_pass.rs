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
        let started = batch.started();
        let is_complete = is_beyond(started.first(), self.split_us.saturating_add(MAX_SPREAD_US));
        // Ends without a start belong to what waits, too.
        if is_beyond(started.last(), self.split_us) || !self.waiting.is_empty() {
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
    let is_tested = |call: &Tracked| call.stamped_start_us() >= split_us;
    if *is_mixed {
        let tested: Vec<Tracked> = batch.started().iter().filter(|call| is_tested(call)).copied().collect();
        test.take(&Arc::new(batch.only(is_tested)), &tested);
        let has_none_left = is_beyond(batch.started().first(), split_us.saturating_add(MAX_SPREAD_US));
        *is_mixed = !(has_none_left && batch.calls.iter().all(is_tested));
    } else {
        test.take(batch, batch.started());
    }
}
