//! Gathers the requests of the chunk that a worker reads, and makes a [`Block`] of them at its end.
//!
//! Gathering is part of the hot loop: neighbours that ended at one time share that, and all room is kept for the next
//! chunk.

use super::columns::Columns;
use super::local::LocalNumbers;
use super::page::{Block, Stamps};
use super::short::{ShortCall, ShortCalls};
#[cfg(test)]
use crate::backtest::call::Call;
use crate::backtest::call::KeptCall;
use std::ops::Range;

/// Requests that share ranks within their seconds; a rank has 16 bits.
const RANKED_CALLS: usize = 1 << 16;

/// Requests in log order.
#[derive(Default)]
pub(crate) struct Gatherer {
    calls: Vec<ShortCall>,
    /// Durations that are too long for that.
    long_us: Vec<u64>,
    endpoints: LocalNumbers,
    /// When calls ended, in microseconds, and the place of the first of the neighbours that did.
    ends: Vec<(i64, usize)>,
    good_timed: u64,
    /// Room for a page's columns.
    columns: Columns,
}

impl Gatherer {
    /// Appends a request.
    #[inline(always)]
    pub(crate) fn push(&mut self, end_us: i64, call: KeptCall) {
        if self.ends.last().is_none_or(|(last_us, _)| *last_us != end_us) {
            self.ends.push((end_us, self.calls.len()));
        }
        self.good_timed += u64::from(call.is_good_and_timed());
        self.calls.push(ShortCall::new(call, &mut self.long_us, &mut self.endpoints));
    }

    /// Forgets all requests.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.long_us.clear();
        self.endpoints.clear();
        self.ends.clear();
        self.good_timed = 0;
    }

    /// The requests so far, which are then forgotten; `None` when there are none.
    pub(crate) fn take_block(&mut self, stamps: Stamps) -> Option<Block> {
        if self.calls.is_empty() {
            return None;
        }
        let mut block = Block::new(stamps, self.calls.len(), self.good_timed);
        for (run, each) in self.calls.chunks(RANKED_CALLS).enumerate() {
            let from = run * RANKED_CALLS;
            let calls = ShortCalls { each, long_us: &self.long_us, endpoints: &self.endpoints.endpoints };
            block.add(ends_within(&self.ends, from..from + each.len()), calls, &mut self.columns);
        }
        self.clear();
        Some(block)
    }
}

/// When the calls in these places ended, and how many neighbours did.
fn ends_within(ends: &[(i64, usize)], places: Range<usize>) -> impl Iterator<Item = (i64, usize)> {
    let from = ends.partition_point(|(_, place)| *place <= places.start) - 1;
    let ends = &ends[from..ends.partition_point(|(_, place)| *place < places.end)];
    let next = ends[1..].iter().map(|(_, place)| *place).chain([places.end]);
    ends.iter().zip(next).map(move |((end_us, place), next)| (*end_us, next - place.max(&places.start)))
}

#[cfg(test)]
impl Gatherer {
    /// A block of calls that no chunk has.
    pub(super) fn block_of(&mut self, calls: &[Call], stamps: Stamps) -> Block {
        for call in calls {
            self.push(call.start_us.saturating_add_unsigned(call.duration_us.unwrap_or(0)), call.into());
        }
        self.take_block(stamps).unwrap()
    }
}

#[cfg(test)]
impl Block {
    /// The same of calls on their own.
    pub(crate) fn of(calls: &[Call], stamps: Stamps) -> Self {
        Gatherer::default().block_of(calls, stamps)
    }
}
