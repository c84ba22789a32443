//! What is left of a log for a second look: its requests one by one, or their counts by minute.

use crate::backtest::Backtest;
use crate::backtest::call::Call;
use crate::backtest::report::BacktestReport;
use crate::backtest::spool::Stored;
use crate::tuning::evidence::{EvidenceFit, Observed};
use crate::window::minute::MinuteRows;
use std::sync::mpsc::sync_channel;

/// Slices of calls that may wait to be taken.
const WAITING_SLICES: usize = 2;

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

    /// What evidence is worked out from: the part before `split_us`, a whole minute, and the rest.
    ///
    /// # Errors
    /// When the requests cannot be read back.
    pub(crate) fn fit(&self, split_us: Option<i64>, threads: usize) -> anyhow::Result<(Observed, Observed)> {
        let mut fit = EvidenceFit::new(split_us);
        match self {
            Kept::Calls(calls) => fit_calls(&mut fit, calls, threads)?,
            Kept::Minutes(minutes) => minutes.by_start().into_iter().for_each(|row| fit.take_row(row)),
        }
        Ok(fit.finish())
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

/// One pass over all calls: they are read and put in order on a thread of their own, if there may be two.
fn fit_calls(fit: &mut EvidenceFit, calls: &Stored, threads: usize) -> anyhow::Result<()> {
    if threads == 1 {
        return calls.replay(i64::MIN, |calls| {
            fit.take(calls);
            Ok(())
        });
    }
    let (sender, receiver) = sync_channel::<Vec<Call>>(WAITING_SLICES);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            calls.replay(i64::MIN, |calls| {
                // Nobody takes them any more when the other thread has panicked, which shows there.
                sender.send(calls.to_vec()).ok();
                Ok(())
            })
        });
        receiver.iter().for_each(|calls| fit.take(&calls));
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
