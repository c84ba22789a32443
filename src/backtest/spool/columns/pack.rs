//! Requests become columns.

use super::{MOST_LOCAL, Narrow, STRETCH_CALLS, Shape, Stretch};
use crate::backtest::call::{OUTCOME_BITS, OUTCOME_MASK};
use crate::backtest::spool::short::{ShortCall, ShortCalls};

impl Shape {
    /// The seconds after the page's base in which a request ended, some more than once.
    pub(in crate::backtest::spool) fn seconds(&self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        let times = &bytes.as_chunks::<4>().0[..self.stretches as usize];
        times.iter().map(|bytes| Stretch::of(u32::from_le_bytes(*bytes)).second)
    }

    /// Gives the endpoints other numbers.
    pub(in crate::backtest::spool) fn renumber(&self, bytes: &mut [u8], mut number: impl FnMut(u32) -> u32) {
        let numbers = bytes.len() - self.numbers as usize * 4;
        for place in bytes[numbers..].as_chunks_mut::<4>().0 {
            let value = u32::from_le_bytes(*place);
            let value = if self.is_local {
                number(value)
            } else {
                number(value >> OUTCOME_BITS) << OUTCOME_BITS | value & OUTCOME_MASK
            };
            *place = value.to_le_bytes();
        }
    }
}

/// Turns the requests of a page into columns, one page after the other; keeps the room that this takes.
#[derive(Debug, Default)]
pub(in crate::backtest::spool) struct Columns {
    /// Exact: microseconds after the base. Whole seconds: stretches.
    times: Vec<u32>,
    /// By stretch; empty where stamps are exact.
    lengths: Vec<u16>,
}

impl Columns {
    /// The page's next request started so many microseconds after the base.
    #[inline(always)]
    pub(in crate::backtest::spool) fn push_exact(&mut self, offset_us: u32) {
        self.times.push(offset_us);
    }

    /// The page's next requests ended in this second after the base, the first one as one of its many.
    pub(in crate::backtest::spool) fn push_stretch(&mut self, second: u16, rank: u16, length: u16) {
        self.times.push(Stretch { second, rank }.word());
        self.lengths.push(length);
    }

    /// Appends the columns of the page with these requests, whose times were pushed.
    pub(in crate::backtest::spool) fn pack(&mut self, calls: ShortCalls, bytes: &mut Vec<u8>) -> Shape {
        let ShortCalls { each, endpoints, .. } = calls;
        let mut shape = Shape { calls: each.len() as u32, ..Shape::default() };
        // The list is that of the chunk, which has few pages. With as many endpoints, it and two bytes for each tag are no less
        // than all tags.
        shape.is_local = endpoints.len() <= MOST_LOCAL && endpoints.len() < each.len() / 2;
        self.pack_times(&mut shape, bytes);
        pack_durations(each, &mut shape, bytes);
        if shape.is_local {
            bytes.extend(each.iter().flat_map(|call| (call.tag as u16).to_le_bytes()));
        }
        if shape.long > 0 {
            let is_long = if shape.in_millis { is_long::<u16> } else { is_long::<u32> };
            let long = each.iter().filter(|call| is_long(call.duration));
            bytes.extend(long.flat_map(|call| calls.length_us(call).to_le_bytes()));
        }
        if shape.is_local {
            bytes.extend(endpoints.iter().copied().flat_map(u32::to_le_bytes));
            shape.numbers = endpoints.len() as u32;
        } else {
            let tag = |local: u32| endpoints[(local >> OUTCOME_BITS) as usize] << OUTCOME_BITS | local & OUTCOME_MASK;
            bytes.extend(each.iter().flat_map(|call| tag(call.tag).to_le_bytes()));
            shape.numbers = shape.calls;
        }
        shape
    }

    fn pack_times(&mut self, shape: &mut Shape, bytes: &mut Vec<u8>) {
        if self.lengths.is_empty() {
            bytes.extend(self.times.drain(..).flat_map(u32::to_le_bytes));
            return;
        }
        let stretches: usize = self.lengths.iter().map(|length| usize::from(length.div_ceil(STRETCH_CALLS))).sum();
        shape.has_lengths = stretches * 5 <= shape.calls as usize * 4;
        let most = if shape.has_lengths { STRETCH_CALLS } else { 1 };
        let parts = |length: u16| (0..length).step_by(usize::from(most));
        for (word, length) in self.times.drain(..).zip(&self.lengths) {
            for behind in parts(*length) {
                bytes.extend((word + u32::from(behind)).to_le_bytes());
                shape.stretches += 1;
            }
        }
        if shape.has_lengths {
            let last = |length: u16, behind: u16| (length - behind).min(most) - 1;
            let parts = self.lengths.iter().flat_map(|length| parts(*length).map(|behind| last(*length, behind) as u8));
            bytes.extend(parts);
        }
        self.lengths.clear();
    }
}

/// Most logs have whole milliseconds; only where that does not do for a page, it is gone over again.
fn pack_durations(calls: &[ShortCall], shape: &mut Shape, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    shape.long = pack_durations_as(calls, bytes, u16::to_le_bytes);
    shape.in_millis = shape.long * 4 <= shape.calls;
    if !shape.in_millis {
        bytes.truncate(start);
        shape.long = pack_durations_as(calls, bytes, u32::to_le_bytes);
    }
}

/// Appends a column of durations; gives how many do not fit in it.
fn pack_durations_as<T: Narrow, const BYTES: usize>(
    calls: &[ShortCall],
    bytes: &mut Vec<u8>,
    to_bytes: fn(T) -> [u8; BYTES],
) -> u32 {
    let start = bytes.len();
    bytes.resize(start + calls.len() * BYTES, 0);
    let mut long = 0;
    for (place, call) in bytes[start..].as_chunks_mut::<BYTES>().0.iter_mut().zip(calls) {
        let value = T::pack(call.duration);
        long += u32::from(value == T::LONG);
        *place = to_bytes(value);
    }
    long
}

fn is_long<T: Narrow>(duration: u32) -> bool {
    T::pack(duration) == T::LONG
}
