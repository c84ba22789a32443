//! Requests become columns.

use super::{Narrow, STRETCH_CALLS, Shape, Stretch};
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
    endpoints: LocalNumbers,
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
        let ShortCalls { each, .. } = calls;
        let mut shape = Shape { calls: each.len() as u32, ..Shape::default() };
        self.pack_times(&mut shape, bytes);
        pack_durations(each, &mut shape, bytes);
        self.pack_tags(each, &mut shape, bytes);
        if shape.long > 0 {
            let is_long = if shape.in_millis { is_long::<u16> } else { is_long::<u32> };
            let long = each.iter().filter(|call| is_long(call.duration));
            bytes.extend(long.flat_map(|call| calls.length_us(call).to_le_bytes()));
        }
        if shape.is_local {
            bytes.extend(self.endpoints.endpoints.iter().copied().flat_map(u32::to_le_bytes));
            shape.numbers = self.endpoints.endpoints.len() as u32;
        } else {
            bytes.extend(each.iter().flat_map(|call| call.tag.to_le_bytes()));
            shape.numbers = shape.calls;
        }
        self.endpoints.clear();
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

    fn pack_tags(&mut self, calls: &[ShortCall], shape: &mut Shape, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + calls.len() * 2, 0);
        let mut places = bytes[start..].as_chunks_mut::<2>().0.iter_mut().zip(calls);
        // With as many endpoints, their list and two bytes for each tag are no less than all tags.
        let most = calls.len() / 2;
        shape.is_local =
            places.all(|(place, ShortCall { tag, .. })| match self.endpoints.local(tag >> OUTCOME_BITS, most) {
                Some(local) => {
                    *place = (local << OUTCOME_BITS | (tag & OUTCOME_MASK) as u16).to_le_bytes();
                    true
                }
                None => false,
            });
        if !shape.is_local {
            bytes.truncate(start);
        }
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

/// Numbers of a page's endpoints, in order of their first request.
#[derive(Debug, Default)]
struct LocalNumbers {
    /// By endpoint.
    local: Vec<u16>,
    endpoints: Vec<u32>,
}

impl LocalNumbers {
    const NONE: u16 = u16::MAX;

    /// Endpoints from here on have no number.
    const ENDPOINTS: usize = 1 << 16;

    #[inline(always)]
    fn local(&mut self, endpoint: u32, most: usize) -> Option<u16> {
        match self.local.get(endpoint as usize) {
            Some(&local) if local != Self::NONE => Some(local),
            _ => self.add(endpoint, most),
        }
    }

    /// Takes the numbers back.
    fn clear(&mut self) {
        self.endpoints.drain(..).for_each(|endpoint| self.local[endpoint as usize] = Self::NONE);
    }

    #[cold]
    fn add(&mut self, endpoint: u32, most: usize) -> Option<u16> {
        let place = endpoint as usize;
        if self.endpoints.len() >= most || place >= Self::ENDPOINTS {
            return None;
        }
        if place >= self.local.len() {
            self.local.resize(place + 1, Self::NONE);
        }
        let local = self.endpoints.len() as u16;
        self.local[place] = local;
        self.endpoints.push(endpoint);
        Some(local)
    }
}
