//! A progress bar on standard error, for people who watch a run.
//!
//! Shown only where the plan asks for it, and gone when the run is over or ended. It knows bytes, not what they mean.

use crate::plan::ReplayPlan;
use crate::source::{self, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Reads with a progress bar, which is told the bytes and goes when it is over.
pub(crate) fn with_progress<T>(plan: &ReplayPlan, read: impl FnOnce(Progress) -> T) -> T {
    let bar = progress_bar(plan);
    let read = read(&|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    read
}

/// Bytes read, rate and time left on standard error; nothing unless the plan asks for it.
fn progress_bar(plan: &ReplayPlan) -> ProgressBar {
    if !plan.output.progress {
        return ProgressBar::hidden();
    }
    let (bar, template) = match source::total_bytes(plan) {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes}/{total_bytes} at {bytes_per_sec}, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} at {bytes_per_sec}"),
    };
    let bar = match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    clear_when_killed(&bar);
    bar
}

/// Takes the bar off the screen when somebody ends the run, which then ends as it would have.
fn clear_when_killed(bar: &ProgressBar) {
    // Without the handler the line stays, which is no reason to fail.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let bar = bar.clone();
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            bar.finish_and_clear();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}
