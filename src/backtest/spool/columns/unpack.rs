//! Columns become requests.

use super::{NO_DURATION, Narrow, Shape, Stretch};
use crate::backtest::call::{OUTCOME_BITS, OUTCOME_MASK};
use crate::backtest::spool::second::{MICROS, Spread};
use crate::backtest::timeline::{Arrivals, Tracked};

/// A page's columns, read back.
#[derive(Debug, Default)]
pub(in crate::backtest::spool) struct Unpacked {
    /// What is in the place of no duration included.
    durations_us: Vec<u64>,
    tags: Vec<u32>,
    endpoints: Vec<u32>,
}

impl Unpacked {
    /// Reads what [`super::pack::Columns::pack`] gave; gives the column of the times. `number` gives an endpoint its number.
    pub(in crate::backtest::spool) fn read<'a>(
        &mut self,
        shape: &Shape,
        bytes: &'a [u8],
        number: impl Fn(u32) -> u32,
    ) -> Times<'a> {
        let (times, rest) = bytes.split_at(shape.time_bytes());
        let (durations, rest) = rest.split_at(shape.duration_bytes());
        let (tags, rest) = rest.split_at(shape.tag_bytes());
        let (long, rest) = rest.split_at(shape.long as usize * 8);
        let numbers =
            rest[..shape.numbers as usize * 4].as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        self.durations_us.clear();
        if shape.in_millis {
            self.unpack_durations(durations.as_chunks::<2>().0, long.as_chunks::<8>().0, u16::from_le_bytes);
        } else {
            self.unpack_durations(durations.as_chunks::<4>().0, long.as_chunks::<8>().0, u32::from_le_bytes);
        }
        self.tags.clear();
        self.endpoints.clear();
        if shape.is_local {
            self.endpoints.extend(numbers.map(|endpoint| number(endpoint) << OUTCOME_BITS));
            let tag = |bytes: &[u8; 2]| {
                let local = u16::from_le_bytes(*bytes);
                self.endpoints[usize::from(local >> OUTCOME_BITS)] | u32::from(local) & OUTCOME_MASK
            };
            self.tags.extend(tags.as_chunks::<2>().0.iter().map(tag));
        } else {
            self.tags.extend(numbers.map(|tag| number(tag >> OUTCOME_BITS) << OUTCOME_BITS | tag & OUTCOME_MASK));
        }
        let (words, lengths) = times.split_at(times.len() - shape.length_bytes());
        Times { words: words.as_chunks::<4>().0, lengths }
    }

    fn unpack_durations<T: Narrow, const BYTES: usize>(
        &mut self,
        column: &[[u8; BYTES]],
        long: &[[u8; 8]],
        value: fn([u8; BYTES]) -> T,
    ) {
        self.durations_us.extend(column.iter().map(|bytes| value(*bytes).unpack()));
        if !long.is_empty() {
            let places = column.iter().zip(&mut self.durations_us).filter(|(bytes, _)| value(**bytes) == T::LONG);
            places.zip(long).for_each(|((_, us), long)| *us = u64::from_le_bytes(*long));
        }
    }

    /// Adds the requests of a page with exact stamps; the last one starts at `last_us`.
    pub(in crate::backtest::spool) fn add_exact(
        &self,
        times: &Times,
        base_us: i64,
        last_us: i64,
        page: u32,
        calls: &mut Arrivals,
    ) {
        let each = times.words.iter().zip(self.durations_us.iter().zip(&self.tags));
        let each = each.map(|(offset, (duration_us, tag))| {
            let start_us = base_us + i64::from(u32::from_le_bytes(*offset));
            Tracked::waiting(start_us, 0, *duration_us, *tag, page)
        });
        calls.extend(last_us, each);
    }

    /// Adds the requests of a page with whole seconds, which `spread` tells how to spread, given the second after the base.
    pub(in crate::backtest::spool) fn add_ranked(
        &self,
        times: &Times,
        base_second: i64,
        page: u32,
        mut spread: impl FnMut(u16) -> Spread,
        calls: &mut Arrivals,
    ) {
        let mut from = 0;
        let lengths = times.lengths.iter().map(|length| usize::from(*length) + 1).chain(std::iter::repeat(1));
        for (word, length) in times.words.iter().zip(lengths) {
            let Stretch { second, rank } = Stretch::of(u32::from_le_bytes(*word));
            let spread = spread(second);
            let second_us = (base_second + i64::from(second)) * MICROS;
            let each = self.durations_us[from..from + length].iter().zip(&self.tags[from..from + length]);
            let each = (u32::from(rank)..).zip(each).map(|(rank, (duration_us, tag))| {
                let within_us = spread.end_within_us(rank);
                let length_us = if *duration_us == NO_DURATION { 0 } else { *duration_us };
                let start_us = (second_us + i64::from(within_us)).saturating_sub_unsigned(length_us);
                Tracked::waiting(start_us, within_us, *duration_us, *tag, page)
            });
            calls.extend(second_us + MICROS, each);
            from += length;
        }
    }
}

/// The column of a page's times.
pub(in crate::backtest::spool) struct Times<'a> {
    words: &'a [[u8; 4]],
    lengths: &'a [u8],
}
