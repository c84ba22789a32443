//! What `negative-binomial` goes on from: what earlier runs learnt, else the rows of the last days.

use crate::plan::scan::LearningPlan;
use crate::usage::UsageReplay;
use crate::usage::negative_binomial::state::{self, Unreadable};
use crate::usage::negative_binomial::{NegativeBinomial, WARM_UP_WINDOWS};
use crate::usage::span::Span;
use anyhow::Context;
use std::io::Read;

/// zstd's fastest level: most of the state is noise that a slower one does not make smaller.
const LEVEL: i32 = 1;

/// What earlier runs learnt, and of whom.
pub(super) type Learnt = (NegativeBinomial, Vec<String>);

/// Where learning begins.
pub(super) struct Start {
    /// The rule, and what it knows already.
    pub(super) usage: UsageReplay,
    /// Windows to read before the first tested one.
    pub(super) windows_before: usize,
    /// The start of the first window that is learnt from, UTC milliseconds; `None` where that is long past, or the
    /// first row's.
    pub(super) learnt_from_ms: Option<i64>,
}

/// Goes on from what was learnt, if that ends before the tested windows and not longer ago than learning reaches back;
/// else begins anew. `tested` is `None` where only the rows can tell.
pub(super) fn start(learning: &LearningPlan, learnt: Option<Learnt>, tested: Option<Span>) -> Start {
    let window_ms = learning.calendar.window_ms();
    let learning_windows = (learning.learn_from_ms / window_ms).max(WARM_UP_WINDOWS as i64);
    let missing = |rule: &NegativeBinomial| Some(tested?.first.saturating_sub(rule.last_window()?.saturating_add(1)));
    let usable = learnt.and_then(|(rule, names)| {
        let missing = missing(&rule).filter(|missing| (0..=learning_windows).contains(missing))?;
        // The last hour shows whether the table is still written.
        let windows_before = missing.max(WARM_UP_WINDOWS as i64) as usize;
        Some(Start { usage: UsageReplay::learning(rule, names), windows_before, learnt_from_ms: None })
    });
    let mut start = usable.unwrap_or_else(|| Start {
        usage: UsageReplay::learning(NegativeBinomial::new(learning.calendar, learning.surprise), Vec::new()),
        windows_before: learning_windows as usize,
        learnt_from_ms: tested.map(|tested| tested.first.saturating_sub(learning_windows).saturating_mul(window_ms)),
    });
    if let Some(tested) = tested {
        start.usage.tell_from(tested.first);
    }
    start
}

/// What was learnt so far, compressed; empty when nothing was.
pub(super) fn write(usage: &UsageReplay) -> anyhow::Result<Vec<u8>> {
    let compressed = || {
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        usage.write_learnt(&mut encoder)?;
        encoder.finish()
    };
    compressed().context("what was learnt cannot be put into bytes")
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// Bytes that are not whole, and what was learnt in other windows or another zone.
pub(super) fn read(learning: &LearningPlan, bytes: &[u8]) -> Result<Learnt, Unreadable> {
    let mut decoder = zstd::Decoder::new(bytes)?;
    let learnt = state::read(learning.calendar, learning.surprise, &mut decoder)?;
    // The checksum stands behind the last byte.
    match decoder.read(&mut [0])? {
        0 => Ok(learnt),
        _ => Err(Unreadable::Malformed("something follows its end")),
    }
}
