//! What is left of a log for a second look: its requests one by one, or their counts by minute.

use super::split_pass;
use crate::backtest::Backtest;
use crate::backtest::pipeline::{self, lock};
use crate::backtest::report::BacktestReport;
use crate::backtest::spool::Stored;
use crate::tuning::evidence::{EvidenceFit, Observed};
use crate::window::minute::MinuteRows;
use std::sync::Mutex;

/// What a second look can go over.
pub(crate) enum Kept {
    /// Every request.
    Calls(Stored),
    /// Counts by minute: an input was a window table.
    Minutes(MinuteRows),
}

impl Kept {
    /// Requests.
    pub(crate) fn requests(&self) -> u64 {
        match self {
            Kept::Calls(calls) => calls.calls(),
            Kept::Minutes(minutes) => minutes.requests(),
        }
    }

    /// The first and the last start by the stamps, UTC microseconds.
    pub(crate) fn span_us(&self) -> Option<(i64, i64)> {
        match self {
            Kept::Calls(calls) => calls.span_us(),
            Kept::Minutes(minutes) => minutes.span_us(),
        }
    }

    /// What evidence is worked out from.
    ///
    /// # Errors
    /// When the requests cannot be read back.
    pub(crate) fn fit(&self, threads: usize) -> anyhow::Result<Observed> {
        let mut fit = EvidenceFit::new(None);
        match self {
            Kept::Calls(calls) => {
                let fit = &Mutex::new(&mut fit);
                pipeline::run(threads, calls.batches(i64::MIN), |batch, pipeline| {
                    pipeline.post(0, move |_| lock(fit).take(&batch));
                })?;
            }
            Kept::Minutes(minutes) => minutes.by_start().into_iter().for_each(|row| fit.take_row(row)),
        }
        Ok(fit.finish().0)
    }

    /// The same for the part before `split_us`, a whole minute, and for the rest; and what the configs would have done
    /// in the rest, when `prepare` has made a test of the first part's.
    ///
    /// # Errors
    /// When the requests cannot be read back.
    pub(crate) fn fit_and_run(
        &self,
        split_us: i64,
        threads: usize,
        prepare: impl Fn(&Observed) -> Backtest + Send,
    ) -> anyhow::Result<(Observed, Observed, BacktestReport)> {
        match self {
            Kept::Calls(calls) => split_pass::run(calls, calls.batches(i64::MIN), split_us, threads, prepare),
            Kept::Minutes(minutes) => {
                let mut fit = EvidenceFit::new(Some(split_us));
                minutes.by_start().into_iter().for_each(|row| fit.take_row(row));
                let (first, second) = fit.finish();
                let report = prepare(&first).run_minutes(minutes);
                Ok((first, second, report))
            }
        }
    }

    /// What the configs would have done.
    ///
    /// # Errors
    /// When the requests cannot be read back.
    pub(crate) fn run(&self, backtest: &Backtest) -> anyhow::Result<BacktestReport> {
        match self {
            Kept::Calls(calls) => backtest.run(calls),
            Kept::Minutes(minutes) => Ok(backtest.run_minutes(minutes)),
        }
    }
}
