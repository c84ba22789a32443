//! What an endpoint's breakers need not be asked about: starts that all of them treat as before, and successes that
//! turn none of them. The starts are counted on, so that what an open breaker rejected is a difference; the successes
//! wait until something happens at the endpoint.

use super::state::{Breaker, Knobs};
use crate::backtest::call::Outcome;

/// Calls of an endpoint that started so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Starts {
    pub good: u64,
    pub neither: u64,
    pub failed: u64,
    /// Of the good ones, those that a timeout cuts.
    pub good_cut: u64,
    pub neither_cut: u64,
}

impl Starts {
    pub(super) fn since(&self, before: &Starts) -> Starts {
        Starts {
            good: self.good - before.good,
            neither: self.neither - before.neither,
            failed: self.failed - before.failed,
            good_cut: self.good_cut - before.good_cut,
            neither_cut: self.neither_cut - before.neither_cut,
        }
    }
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// Where its breakers are, once there was anything to tell them.
    pub row: Option<u32>,
    /// A start at this time or later may turn a breaker.
    pub next_turn_us: i64,
    /// The end of an older call is told at once.
    pub first_in_number: u64,
    /// Starts by outcome, then successes that ended and that no breaker was told of.
    counted: [u64; 4],
}

/// Where untold successes are counted.
const UNTOLD: usize = 3;

impl Default for Watch {
    fn default() -> Self {
        Watch { row: None, next_turn_us: i64::MAX, first_in_number: 0, counted: [0; 4] }
    }
}

impl Watch {
    #[inline(always)]
    pub(super) fn count_start(&mut self, outcome: Outcome) {
        self.counted[outcome as usize] += 1;
    }

    /// Counts a start, or the end of a success that no breaker is told of.
    #[inline(always)]
    pub(super) fn count(&mut self, outcome: Outcome, is_end: bool) {
        self.counted[if is_end { UNTOLD } else { outcome as usize }] += 1;
    }

    /// The successes that no breaker was told of; from now on they are.
    pub(super) fn tell(&mut self) -> u64 {
        std::mem::take(&mut self.counted[UNTOLD])
    }

    /// What started, with those that a bank's timeout cuts.
    pub(super) fn starts(&self, [good_cut, neither_cut]: [u64; 2]) -> Starts {
        let [good, neither, failed, _] = self.counted;
        Starts { good, neither, failed, good_cut, neither_cut }
    }

    /// Nothing is minded until [`Watch::mind`] says so.
    pub(super) fn forget_turns(&mut self) {
        (self.next_turn_us, self.first_in_number) = (i64::MAX, 0);
    }

    /// Minds what one of the breakers waits for.
    pub(super) fn mind(&mut self, breaker: &Breaker, knobs: &Knobs) {
        self.next_turn_us = self.next_turn_us.min(breaker.next_turn_us(knobs));
        self.first_in_number = self.first_in_number.max(breaker.first_in_number(knobs));
    }
}
