//! How the requests of a page lie in the file: times, durations and endpoints each in a column of their own, as narrow as
//! the page allows.
//!
//! A log in order of time with whole seconds and milliseconds takes some four bytes a request, and no page takes more
//! than twelve, durations of more than an hour left out. Which times a page may hold is decided in [`super::page`].

use super::second::{MICROS, Spread};
use crate::backtest::call::{KeptCall, OUTCOME_BITS, OUTCOME_MASK};
use crate::backtest::timeline::Tracked;

/// In the place of a duration: there is none.
const NO_DURATION: u64 = KeptCall::NO_DURATION;

/// Most requests in a stretch: their number less one has a byte.
const STRETCH_CALLS: u16 = 256;

/// A duration in a column: its place holds one of two marks where it has none, or one that does not fit.
trait Narrow: Copy + PartialEq {
    const UNIT_US: u64;
    const NONE: Self;
    const LONG: Self;

    fn of(units: u64) -> Self;
    fn units(self) -> u64;

    /// What stands for a duration in microseconds.
    #[inline(always)]
    fn pack(us: u64) -> Self {
        let (units, rest) = (us / Self::UNIT_US, us % Self::UNIT_US);
        match us {
            NO_DURATION => Self::NONE,
            _ if rest == 0 && units < Self::LONG.units() => Self::of(units),
            _ => Self::LONG,
        }
    }

    #[inline(always)]
    fn unpack(self) -> u64 {
        if self == Self::NONE { NO_DURATION } else { self.units() * Self::UNIT_US }
    }
}

impl Narrow for u16 {
    const UNIT_US: u64 = 1_000;
    const NONE: u16 = u16::MAX;
    const LONG: u16 = u16::MAX - 1;

    #[inline(always)]
    fn of(units: u64) -> u16 {
        units as u16
    }

    #[inline(always)]
    fn units(self) -> u64 {
        u64::from(self)
    }
}

impl Narrow for u32 {
    const UNIT_US: u64 = 1;
    const NONE: u32 = u32::MAX;
    const LONG: u32 = u32::MAX - 1;

    #[inline(always)]
    fn of(units: u64) -> u32 {
        units as u32
    }

    #[inline(always)]
    fn units(self) -> u64 {
        u64::from(self)
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
    /// Whether tags are two bytes that point to the page's endpoints.
    is_local: bool,
    /// The page's endpoints, or the tags of all requests.
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

/// Columns as they are written.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub shape: Shape,
    columns: Vec<u8>,
    long_us: Vec<u64>,
    numbers: Vec<u32>,
}

impl Packed {
    /// Hands on all bytes.
    pub(super) fn write(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        out.write_all(&self.columns)?;
        for us in &self.long_us {
            out.write_all(&us.to_le_bytes())?;
        }
        for number in &self.numbers {
            out.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    /// The seconds after the page's base in which a request ended, some more than once.
    pub(super) fn seconds(&self) -> impl Iterator<Item = u16> {
        let times = &self.columns.as_chunks::<4>().0[..self.shape.stretches as usize];
        times.iter().map(|bytes| Stretch::of(u32::from_le_bytes(*bytes)).second)
    }

    /// Gives the endpoints other numbers.
    pub(super) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        for value in &mut self.numbers {
            *value = if self.shape.is_local {
                number(*value)
            } else {
                number(*value >> OUTCOME_BITS) << OUTCOME_BITS | *value & OUTCOME_MASK
            };
        }
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

/// Collects the requests of a page.
#[derive(Debug)]
pub(super) struct Columns {
    /// Exact: microseconds after the base. Whole seconds: stretches.
    times: Vec<u32>,
    /// By stretch; empty where stamps are exact.
    lengths: Vec<u16>,
    /// What would continue the last stretch.
    next: u32,
    durations_us: Vec<u64>,
    tags: Vec<u32>,
    endpoints: LocalNumbers,
}

impl Columns {
    /// No requests yet, and room for so many.
    pub(super) fn with_room(calls: usize) -> Self {
        Columns {
            times: Vec::with_capacity(calls),
            lengths: Vec::new(),
            next: 0,
            durations_us: Vec::with_capacity(calls),
            tags: Vec::with_capacity(calls),
            endpoints: LocalNumbers::default(),
        }
    }

    /// Requests so far.
    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Appends a request that started so many microseconds after the base.
    #[inline(always)]
    pub(super) fn push_exact(&mut self, call: &KeptCall, offset_us: u32) {
        self.times.push(offset_us);
        self.push(call);
    }

    /// Appends a request that ended in this second after the base, as one of its many.
    #[inline(always)]
    pub(super) fn push_ranked(&mut self, call: &KeptCall, second: u16, rank: u16) {
        let word = Stretch { second, rank }.word();
        match self.lengths.last_mut() {
            // The first of a second continues none: the word before it may be the last rank of another.
            Some(length) if word == self.next && rank > 0 => *length += 1,
            _ => {
                self.times.push(word);
                self.lengths.push(1);
            }
        }
        self.next = word.wrapping_add(1);
        self.push(call);
    }

    #[inline(always)]
    fn push(&mut self, call: &KeptCall) {
        self.durations_us.push(call.duration_or_none());
        self.tags.push(call.tag());
    }

    /// What was collected.
    pub(super) fn pack(mut self) -> Packed {
        let mut packed = Packed::default();
        packed.shape.calls = self.tags.len() as u32;
        packed.columns.reserve_exact(self.tags.len() * 8 + self.times.len() * 5);
        self.pack_times(&mut packed);
        self.pack_durations(&mut packed);
        self.pack_tags(&mut packed);
        packed
    }

    fn pack_times(&self, packed: &mut Packed) {
        let Packed { shape, columns, .. } = packed;
        if self.lengths.is_empty() {
            columns.extend(self.times.iter().flat_map(|offset_us| offset_us.to_le_bytes()));
            return;
        }
        shape.has_lengths = self.lengths.len() * 5 <= self.tags.len() * 4;
        let most = if shape.has_lengths { STRETCH_CALLS } else { 1 };
        let parts = |length: u16| (0..length).step_by(usize::from(most));
        for (word, length) in self.times.iter().zip(&self.lengths) {
            for behind in parts(*length) {
                columns.extend((word + u32::from(behind)).to_le_bytes());
                shape.stretches += 1;
            }
        }
        if shape.has_lengths {
            let last = |length: u16, behind: u16| (length - behind).min(most) - 1;
            let parts = self.lengths.iter().flat_map(|length| parts(*length).map(|behind| last(*length, behind) as u8));
            columns.extend(parts);
        }
    }

    fn pack_durations(&self, packed: &mut Packed) {
        let does_not_fit = |us: &&u64| u16::pack(**us) == u16::LONG;
        let long = self.durations_us.iter().filter(does_not_fit).count();
        packed.shape.in_millis = long * 4 <= self.durations_us.len();
        if packed.shape.in_millis {
            self.pack_durations_as::<u16, 2>(packed, u16::to_le_bytes);
        } else {
            self.pack_durations_as::<u32, 4>(packed, u32::to_le_bytes);
        }
        packed.shape.long = packed.long_us.len() as u32;
    }

    fn pack_durations_as<T: Narrow, const BYTES: usize>(&self, packed: &mut Packed, bytes: fn(T) -> [u8; BYTES]) {
        let Packed { columns, long_us, .. } = packed;
        let start = columns.len();
        columns.resize(start + self.durations_us.len() * BYTES, 0);
        for (place, us) in columns[start..].as_chunks_mut::<BYTES>().0.iter_mut().zip(&self.durations_us) {
            let value = T::pack(*us);
            if value == T::LONG {
                long_us.push(*us);
            }
            *place = bytes(value);
        }
    }

    fn pack_tags(&mut self, packed: &mut Packed) {
        let Packed { columns, numbers, shape, .. } = packed;
        let start = columns.len();
        columns.resize(start + self.tags.len() * 2, 0);
        let mut places = columns[start..].as_chunks_mut::<2>().0.iter_mut().zip(&self.tags);
        // With as many endpoints, their list and two bytes for each tag are no less than all tags.
        let most = self.tags.len() / 2;
        shape.is_local = places.all(|(place, tag)| match self.endpoints.local(tag >> OUTCOME_BITS, most) {
            Some(local) => {
                *place = (local << OUTCOME_BITS | (tag & OUTCOME_MASK) as u16).to_le_bytes();
                true
            }
            None => false,
        });
        *numbers = self.endpoints.take();
        if !shape.is_local {
            columns.truncate(start);
            numbers.clone_from(&self.tags);
        }
        shape.numbers = numbers.len() as u32;
    }
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

    /// The endpoints with a number; the next page begins.
    fn take(&mut self) -> Vec<u32> {
        self.endpoints.iter().for_each(|endpoint| self.local[*endpoint as usize] = Self::NONE);
        std::mem::take(&mut self.endpoints)
    }
}

/// A page's columns, read back.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// What is in the place of no duration included.
    durations_us: Vec<u64>,
    tags: Vec<u32>,
    endpoints: Vec<u32>,
}

impl Unpacked {
    /// Reads what [`Packed::write`] wrote; gives the column of the times. `number` gives an endpoint its number.
    pub(super) fn read<'a>(&mut self, shape: &Shape, bytes: &'a [u8], number: impl Fn(u32) -> u32) -> Times<'a> {
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

    /// Adds the requests of a page with exact stamps.
    pub(super) fn add_exact(&self, times: &Times, base_us: i64, page: u32, calls: &mut Vec<Tracked>) {
        let each = times.words.iter().zip(self.durations_us.iter().zip(&self.tags));
        calls.extend(each.map(|(offset, (duration_us, tag))| {
            let start_us = base_us + i64::from(u32::from_le_bytes(*offset));
            Tracked::waiting(start_us, 0, *duration_us, *tag, page)
        }));
    }

    /// Adds the requests of a page with whole seconds, which `spread` tells how to spread, given the second after the base.
    pub(super) fn add_ranked(
        &self,
        times: &Times,
        base_second: i64,
        page: u32,
        mut spread: impl FnMut(u16) -> Spread,
        calls: &mut Vec<Tracked>,
    ) {
        let mut from = 0;
        let lengths = times.lengths.iter().map(|length| usize::from(*length) + 1).chain(std::iter::repeat(1));
        for (word, length) in times.words.iter().zip(lengths) {
            let Stretch { second, rank } = Stretch::of(u32::from_le_bytes(*word));
            let spread = spread(second);
            let second_us = (base_second + i64::from(second)) * MICROS;
            let each = self.durations_us[from..from + length].iter().zip(&self.tags[from..from + length]);
            calls.extend((u32::from(rank)..).zip(each).map(|(rank, (duration_us, tag))| {
                let within_us = spread.end_within_us(rank);
                let length_us = if *duration_us == NO_DURATION { 0 } else { *duration_us };
                let start_us = (second_us + i64::from(within_us)).saturating_sub_unsigned(length_us);
                Tracked::waiting(start_us, within_us, *duration_us, *tag, page)
            }));
            from += length;
        }
    }
}

/// The column of a page's times.
pub(super) struct Times<'a> {
    words: &'a [[u8; 4]],
    lengths: &'a [u8],
}
