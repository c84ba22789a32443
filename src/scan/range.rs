//! Which windows a scan tests and reads, by its plan, its clock and the rows' extent. Reads no clock.

use crate::plan::scan::Coverage;
use crate::source::usage::Extent;
use crate::usage::span::{self, Span};

/// The windows of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Milliseconds of a window.
    pub(super) window_ms: i64,
    /// Windows that the first one tested needs before it.
    pub(super) baseline_windows: usize,
}

/// The windows to test at this clock, and how many lie further back than an outage is made up for.
pub(super) fn by_clock(coverage: Coverage, frame: Frame, now_ms: i64, watermark_ms: Option<i64>) -> (Span, u64) {
    match coverage {
        Coverage::Clock { grace_ms, catch_up_ms, .. } => {
            let last = span::last_completed(now_ms, grace_ms, frame.window_ms);
            let watermark = watermark_ms.map(|start_ms| start_ms.div_euclid(frame.window_ms));
            span::since(watermark, last, catch_up_ms / frame.window_ms)
        }
        Coverage::Range { from_ms, to_ms, .. } => {
            let last = span::last_completed(now_ms, 0, frame.window_ms);
            (span::between(from_ms, to_ms.unwrap_or(now_ms), last, frame.window_ms), 0)
        }
        Coverage::Everything => (Span { first: 0, last: -1 }, 0),
    }
}

/// What has to be read of files without a clock.
pub(super) fn file_bounds_ms(coverage: Coverage, frame: Frame) -> (Option<i64>, Option<i64>) {
    match coverage {
        Coverage::Range { from_ms, to_ms, .. } => {
            let span = span::between(from_ms, to_ms.unwrap_or(from_ms), i64::MAX, frame.window_ms);
            (Some(span.bounds_ms(frame.baseline_windows, frame.window_ms).0), to_ms)
        }
        Coverage::Clock { .. } | Coverage::Everything => (None, None),
    }
}

/// The windows of files without a clock that are tested, up to the last row's, and how many are not for want of a
/// baseline.
pub(super) fn by_extent(coverage: Coverage, frame: Frame, extent: Option<Extent>) -> (Span, u64) {
    let Some(extent) = extent else { return (Span { first: 0, last: -1 }, 0) };
    let [first, last] = [extent.first_ms, extent.last_ms].map(|time_ms| time_ms.div_euclid(frame.window_ms));
    if let Coverage::Range { from_ms, to_ms, .. } = coverage {
        let to_ms = to_ms.unwrap_or((last + 1).saturating_mul(frame.window_ms));
        return (span::between(from_ms, to_ms, last, frame.window_ms), 0);
    }
    let span = Span { first: first.saturating_add(frame.baseline_windows as i64), last };
    (span, (last - first + 1).unsigned_abs() - span.count())
}
