//! One input on its way through the merge: how far it is, and what of it waits for its turn.
//!
//! What its next neighbours tell decides whether a clock is astray. Nothing is added up here.

use crate::backtest::spool::Block;
use crate::rules::published::Arrival;
use crate::source::chunk::ChunkPart;
use crate::source::format::InputFormat;
use crate::source::lines::Chunk;
use crate::source::tally::InputTally;
use std::collections::{BTreeMap, VecDeque};

/// One input on its way through.
pub struct InputMerge {
    /// How its lines are laid out; `None` when there are none.
    pub(super) format: Option<InputFormat>,
    /// What was counted.
    pub tally: InputTally,
    pub(super) first_ms: Option<i64>,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    pub(super) next_number: u64,
    /// How many chunks count, once known.
    total: Option<u64>,
    pub(super) newest_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    /// Requests to be handed on, each with the newest of its input up to it.
    pub(super) arrivals: VecDeque<(i64, Arrival)>,
}

/// A part whose turn has not come; its endpoints are leaves of the run.
pub(super) struct Waiting {
    /// The chunk, as long as it may have to be read again.
    pub(super) chunk: Option<Chunk>,
    pub(super) file_bytes: u64,
    pub(super) part: ChunkPart,
    pub(super) block: Option<Block>,
}

impl InputMerge {
    /// An input whose first request is known from its sample.
    pub fn new(format: Option<InputFormat>, tally: InputTally, first_ms: Option<i64>) -> Self {
        InputMerge {
            format,
            tally,
            first_ms,
            waiting: BTreeMap::new(),
            next_number: 0,
            total: None,
            newest_ms: None,
            last_ms: None,
            arrivals: VecDeque::new(),
        }
    }

    /// Takes a part that came; `false` where it lies behind a chunk that could not be read, and does not count.
    pub(super) fn wait(&mut self, number: u64, part: Waiting) -> bool {
        let counts = self.total.is_none_or(|total| number < total);
        if counts {
            self.waiting.insert(number, part);
        }
        counts
    }

    /// Ends it after so many chunks, or before.
    pub(super) fn end(&mut self, chunks: u64) {
        self.total = Some(self.total.map_or(chunks, |total| total.min(chunks)));
    }

    /// Ends it before a chunk that could not be read, whichever came first of those and others; gives those that came and
    /// do not count.
    pub(super) fn cut(&mut self, number: u64, error: String) -> BTreeMap<u64, Waiting> {
        if self.total.is_some_and(|total| number >= total) {
            return BTreeMap::new();
        }
        self.total = Some(number);
        self.tally.input.error = Some(error);
        self.waiting.split_off(&number)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.total == Some(self.next_number)
    }

    /// No request still to come from this input is timely and older than this plus the lateness.
    pub(super) fn frontier_ms(&self) -> i64 {
        if self.is_finished() { i64::MAX } else { self.newest_ms.or(self.first_ms).unwrap_or(i64::MIN) }
    }

    /// How far the input's next request to hand on is at least.
    pub(super) fn arrival_bound_ms(&self) -> i64 {
        self.arrivals.front().map_or_else(|| self.frontier_ms(), |(newest_ms, _)| *newest_ms)
    }

    /// The first request after a chunk, as far as it is known.
    pub(super) fn next_first_ms(&self, number: u64) -> Neighbour {
        let mut later = number + 1;
        while let Some(waiting) = self.waiting.get(&later) {
            if let Some(first_ms) = waiting.part.first_ms {
                return Neighbour::At(first_ms);
            }
            later += 1;
        }
        if self.total.is_some_and(|total| later >= total) { Neighbour::None } else { Neighbour::Unknown }
    }
}

pub(super) enum Neighbour {
    At(i64),
    None,
    Unknown,
}

/// Whether two neighbouring requests of the part, or the last one before it and its first, lie too far apart.
pub(super) fn has_jump(part: &ChunkPart, last_ms: Option<i64>, max_gap_ms: i64) -> bool {
    let at_start = last_ms.zip(part.first_ms).is_some_and(|(last, first)| is_apart(last, first, max_gap_ms));
    part.has_jump || at_start
}

/// Whether two requests lie further apart than the largest gap.
pub(in crate::source) fn is_apart(a_ms: i64, b_ms: i64, max_gap_ms: i64) -> bool {
    a_ms.abs_diff(b_ms) > max_gap_ms as u64
}

/// Which of the requests are further than the largest gap from both their neighbours.
pub(in crate::source) fn astray(
    timestamps: &[i64],
    before_ms: Option<i64>,
    after_ms: Option<i64>,
    max_gap_ms: i64,
) -> Vec<u32> {
    let neighbour = |index: Option<usize>| index.and_then(|index| timestamps.get(index)).copied();
    let is_astray = |index: &usize| {
        let previous = if *index == 0 { before_ms } else { neighbour(index.checked_sub(1)) };
        let next = if index + 1 == timestamps.len() { after_ms } else { neighbour(Some(index + 1)) };
        let own = timestamps[*index];
        previous.is_some_and(|previous| is_apart(previous, own, max_gap_ms))
            && next.is_some_and(|next| is_apart(own, next, max_gap_ms))
    };
    (0..timestamps.len()).filter(is_astray).map(|index| index as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_requests_are_astray() {
        let far = 1000;
        assert_eq!(astray(&[0, 5000, 10], None, None, far), [1]);
        assert_eq!(astray(&[0, 1001, 1], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[0, 1002, 1], None, None, far), [1]);
        assert_eq!(astray(&[0, 5000, 5001, 10], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[5000, 10], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[5000, 10], Some(0), None, far), [0]);
        assert_eq!(astray(&[0, 5000], None, Some(20), far), [1]);
        assert_eq!(astray(&[0, 5000], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[0, 5000, 99_000], None, Some(7), far), [1, 2]);
    }

    /// Chunks 2 and 4 of six cannot be read: the first two count, whatever comes first.
    #[test]
    fn what_counts_ends_before_the_first_chunk_that_cannot_be_read() {
        let fails = |number: &u64| [2, 4].contains(number);
        for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [4, 3, 5, 1, 0, 2], [2, 5, 4, 0, 3, 1]] {
            for ended_after in 0..7 {
                let mut input = InputMerge::new(None, InputTally::new("a.log".to_owned(), None, None, false), None);
                for (step, number) in order.iter().chain([&6]).enumerate() {
                    if step == ended_after {
                        input.end(6);
                    }
                    if fails(number) {
                        input.cut(*number, number.to_string());
                    } else if *number < 6 {
                        input.wait(
                            *number,
                            Waiting { chunk: None, file_bytes: 0, part: ChunkPart::default(), block: None },
                        );
                    }
                }
                assert_eq!(input.waiting.keys().copied().collect::<Vec<_>>(), [0, 1], "{order:?}");
                assert_eq!((input.total, input.tally.input.error.as_deref()), (Some(2), Some("2")), "{order:?}");
            }
        }
    }
}
