//! The places of a bulkhead, by when they come free.
//!
//! A heap without a branch on what it holds: how far an end sinks is as good as random. So all levels are full, the last
//! one up to places that never come free, and each call goes through all of them.

use crate::backtest::timeline::TimePhase;

/// When each place comes free.
#[derive(Default)]
pub(super) struct Places {
    /// None comes free after those at twice its place plus one and plus two.
    free: Vec<TimePhase>,
    /// Below the first place.
    levels: u32,
}

impl Places {
    /// So many, of which some are taken until the given ends; no more than there are.
    pub(super) fn new(places: usize, mut taken: Vec<TimePhase>) -> Self {
        taken.sort_unstable();
        let always_free = std::iter::repeat_n(TimePhase::EVER, places.saturating_sub(taken.len()));
        let mut free: Vec<TimePhase> = always_free.chain(taken).collect();
        let levels = (free.len() + 1).next_power_of_two().trailing_zeros().max(1);
        free.resize((1 << levels) - 1, TimePhase::NEVER);
        Places { free, levels: levels - 1 }
    }

    /// When the first place comes free; [`TimePhase::EVER`] where one always was. It stays so until another call takes it.
    #[inline(always)]
    pub(super) fn first_free(&self) -> TimePhase {
        self.free[0]
    }

    /// Gives the place that comes free first to a call with this end.
    #[inline(always)]
    pub(super) fn take_first(&mut self, end: TimePhase) {
        let (mut at, mut sinking) = (0, end);
        for _ in 0..self.levels {
            let (left, right) = (self.free[2 * at + 1], self.free[2 * at + 2]);
            let earlier = left.min(right);
            self.free[at] = sinking.min(earlier);
            sinking = sinking.max(earlier);
            at = 2 * at + 1 + usize::from(right < left);
        }
        self.free[at] = sinking;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::timeline::Phase;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_the_least_of_all(
            places in 0usize..40,
            taken in prop::collection::vec(0i64..50, 0..40),
            ends in prop::collection::vec(0i64..100, 0..200),
        ) {
            let at = |us: &i64| TimePhase::of(*us, Phase::End);
            let taken: Vec<TimePhase> = taken.iter().take(places).map(at).collect();
            let mut sorted: Vec<TimePhase> = taken.iter().copied().chain(vec![TimePhase::EVER; places - taken.len()]).collect();
            let mut heap = Places::new(places, taken);
            for end in ends.iter().map(at) {
                sorted.sort_unstable();
                prop_assert_eq!(heap.first_free(), sorted.first().copied().unwrap_or(TimePhase::NEVER));
                if let Some(first) = sorted.first_mut() {
                    *first = end;
                    heap.take_first(end);
                }
            }
        }
    }
}
