//! What is left of a log for a second look: its requests one by one, or their counts by minute.

use super::split_pass;
use crate::backtest::Backtest;
use crate::backtest::pipeline;
use crate::backtest::report::BacktestReport;
use crate::backtest::spool::{Batches, Stored};
use crate::threads::lock;
use crate::tuning::evidence::{EndpointPeaks, EvidenceFit, Observed};
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
    pub(crate) fn fit(&self, threads: usize, endpoint_peaks: EndpointPeaks) -> anyhow::Result<Observed> {
        let mut fit = EvidenceFit::new(None, endpoint_peaks);
        match self {
            Kept::Calls(calls) => {
                let fit = &Mutex::new(&mut fit);
                let batches = fit_batches(calls, i64::MAX, endpoint_peaks);
                pipeline::run(threads, batches, |batch, pipeline| {
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
        endpoint_peaks: EndpointPeaks,
        prepare: impl Fn(&Observed) -> Backtest + Send,
    ) -> anyhow::Result<(Observed, Observed, BacktestReport)> {
        let mut fit = EvidenceFit::new(Some(split_us), endpoint_peaks);
        match self {
            Kept::Calls(calls) => {
                let batches = fit_batches(calls, split_us, endpoint_peaks);
                split_pass::run(calls, batches, split_us, threads, fit, prepare)
            }
            Kept::Minutes(minutes) => {
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

/// All batches, those up to `until_us` in the order that a fit needs.
fn fit_batches(calls: &Stored, until_us: i64, endpoint_peaks: EndpointPeaks) -> Batches<'_> {
    let batches = calls.batches(i64::MIN);
    match endpoint_peaks {
        EndpointPeaks::Asked => batches,
        EndpointPeaks::LeftOut => batches.unordered_until(until_us),
    }
}
