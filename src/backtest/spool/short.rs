//! Calls in eight bytes each, while a worker gathers those of its chunk: four for the duration, since few take most of an hour.

use super::local::LocalNumbers;
use crate::backtest::call::{KeptCall, OUTCOME_BITS, OUTCOME_MASK};
use crate::plan::MAX_CHUNK_BYTES;
use std::ops::Range;

/// A call, but for when it ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortCall {
    /// Microseconds, [`NONE`], or from [`LONG`] on the place of a longer one in a list.
    pub duration: u32,
    /// Four times the local number of the endpoint, and the outcome.
    pub tag: u32,
}

/// There is no duration.
pub(super) const NONE: u32 = u32::MAX;

/// The first place of a longer duration: more than 53 minutes, and there are as many places as bytes in the longest chunk.
pub(super) const LONG: u32 = u32::MAX - (1 << 30);
const _: () = assert!(MAX_CHUNK_BYTES <= (u32::MAX - LONG) as usize);

impl ShortCall {
    /// The same in short; a long duration is appended to the list.
    #[inline(always)]
    pub(super) fn new(call: KeptCall, long_us: &mut Vec<u64>, numbers: &mut LocalNumbers) -> Self {
        let duration = match call.duration_or_none() {
            us if us < u64::from(LONG) => us as u32,
            KeptCall::NO_DURATION => NONE,
            us => place(us, long_us),
        };
        let tag = call.tag();
        ShortCall { duration, tag: numbers.of(tag >> OUTCOME_BITS) << OUTCOME_BITS | tag & OUTCOME_MASK }
    }
}

#[cold]
fn place(us: u64, long_us: &mut Vec<u64>) -> u32 {
    long_us.push(us);
    LONG + long_us.len() as u32 - 1
}

/// Calls, with the lists of the long durations and of the endpoints.
#[derive(Clone, Copy)]
pub(super) struct ShortCalls<'a> {
    pub each: &'a [ShortCall],
    pub long_us: &'a [u64],
    /// By local number.
    pub endpoints: &'a [u32],
}

impl ShortCalls<'_> {
    /// Those in these places.
    #[inline(always)]
    pub(super) fn slice(&self, places: Range<usize>) -> Self {
        ShortCalls { each: &self.each[places], ..*self }
    }

    /// Microseconds from the start of a call to its end: the duration, or none.
    #[inline(always)]
    pub(super) fn length_us(&self, call: &ShortCall) -> u64 {
        match call.duration {
            NONE => 0,
            us if us < LONG => us.into(),
            place => self.long_us[(place - LONG) as usize],
        }
    }

    /// The shortest and the longest of these.
    pub(super) fn lengths_us(&self) -> (u64, u64) {
        // A place is longer than what is no place, and one more than none is 0.
        let each = self.each.iter().map(|call| call.duration.wrapping_add(1));
        let (shortest, longest) = each.fold((u32::MAX, 0), |(least, most), us| (us.min(least), us.max(most)));
        if longest <= LONG {
            return (shortest.saturating_sub(1).into(), longest.saturating_sub(1).into());
        }
        let lengths = self.each.iter().map(|call| self.length_us(call));
        lengths.fold((u64::MAX, 0), |(least, most), us| (us.min(least), us.max(most)))
    }
}
