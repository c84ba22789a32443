//! How the requests of a page lie in the file: times, durations and endpoints each in a column of their own, as narrow as
//! the page allows.
//!
//! A log in order of time with whole seconds and milliseconds takes some four bytes a request, and no page takes more
//! than twelve, durations of more than 53 minutes left out. Which times a page may hold is decided in [`super::page`].

mod pack;
mod unpack;

use super::short::{LONG, NONE};
use crate::backtest::call::{KeptCall, OUTCOME_BITS};

pub(super) use pack::Columns;
pub(super) use unpack::Unpacked;

/// In the place of a duration: there is none.
const NO_DURATION: u64 = KeptCall::NO_DURATION;

/// Most requests in a stretch: a byte holds one less.
const STRETCH_CALLS: u16 = 256;

/// Most requests of a page.
pub(super) const PAGE_CALLS: usize = 4096;

/// Most endpoints of a list that two bytes of a tag can point to.
const MOST_LOCAL: usize = 1 << (u16::BITS - OUTCOME_BITS);

/// A duration in a column: its place holds one of two marks where it has none, or one that does not fit.
trait Narrow: Copy + PartialEq + Into<u64> {
    const UNIT_US: u64;
    const NONE: Self;
    const LONG: Self;

    /// What stands for the duration of a [`ShortCall`](super::short::ShortCall).
    fn pack(duration: u32) -> Self;

    #[inline(always)]
    fn unpack(self) -> u64 {
        if self == Self::NONE { NO_DURATION } else { self.into() * Self::UNIT_US }
    }
}

impl Narrow for u16 {
    const UNIT_US: u64 = 1_000;
    const NONE: u16 = u16::MAX;
    const LONG: u16 = u16::MAX - 1;

    #[inline(always)]
    fn pack(duration: u32) -> u16 {
        let millis = duration / 1_000;
        match duration {
            NONE => Self::NONE,
            us if us == millis * 1_000 && millis < Self::LONG.into() => millis as u16,
            _ => Self::LONG,
        }
    }
}

impl Narrow for u32 {
    const UNIT_US: u64 = 1;
    const NONE: u32 = u32::MAX;
    const LONG: u32 = u32::MAX - 1;

    #[inline(always)]
    fn pack(duration: u32) -> u32 {
        if (LONG..NONE).contains(&duration) { Self::LONG } else { duration }
    }
}

/// What a page's columns hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub calls: u32,
    /// Whole seconds: stretches; 0 where stamps are exact and every request has a time of its own.
    stretches: u32,
    /// Whether a stretch may have more than one request.
    has_lengths: bool,
    /// Whether durations are whole milliseconds in two bytes; else microseconds in four.
    in_millis: bool,
    /// Durations that do not fit in their column.
    long: u32,
    /// Whether tags are two bytes that point to a list of endpoints.
    is_local: bool,
    /// The list of endpoints, or the tags of all requests.
    numbers: u32,
}

impl Shape {
    /// Bytes of the columns and what follows them.
    pub(super) fn bytes(&self) -> usize {
        self.column_bytes() + self.long as usize * 8 + self.numbers as usize * 4
    }

    fn column_bytes(&self) -> usize {
        self.time_bytes() + self.duration_bytes() + self.tag_bytes()
    }

    fn time_bytes(&self) -> usize {
        let times = if self.stretches == 0 { self.calls } else { self.stretches };
        times as usize * 4 + self.length_bytes()
    }

    fn length_bytes(&self) -> usize {
        if self.has_lengths { self.stretches as usize } else { 0 }
    }

    fn duration_bytes(&self) -> usize {
        self.calls as usize * if self.in_millis { 2 } else { 4 }
    }

    fn tag_bytes(&self) -> usize {
        if self.is_local { self.calls as usize * 2 } else { 0 }
    }
}

/// Neighbours in the log that ended in one second: that, counted from the page's base, and the first one's rank in it.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    second: u16,
    rank: u16,
}

impl Stretch {
    fn of(word: u32) -> Self {
        Stretch { second: (word >> 16) as u16, rank: word as u16 }
    }

    fn word(self) -> u32 {
        u32::from(self.second) << 16 | u32::from(self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_is_narrow_where_it_is_whole_units_that_fit(
            us in prop_oneof![0..LONG, (0..66_000u32).prop_map(|ms| ms * 1_000), 65_533_999..65_534_002u32, LONG - 2..LONG],
        ) {
            let fits = us % 1_000 == 0 && us / 1_000 < u32::from(u16::MAX) - 1;
            prop_assert_eq!(u16::pack(us), if fits { (us / 1_000) as u16 } else { u16::LONG });
            prop_assert_eq!(u32::pack(us), us);
            prop_assert!(!fits || u16::pack(us).unpack() == u64::from(us));
        }
    }

    #[test]
    fn what_is_no_short_duration_has_a_mark() {
        assert_eq!((u16::pack(NONE), u32::pack(NONE)), (u16::NONE, u32::NONE));
        for place in [LONG, NONE - 2, NONE - 1] {
            assert_eq!((u16::pack(place), u32::pack(place)), (u16::LONG, u32::LONG));
        }
    }
}
