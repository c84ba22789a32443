//! Requests become columns.

use super::{Narrow, STRETCH_CALLS, Shape, Stretch};
use crate::backtest::call::{KeptCall, OUTCOME_BITS, OUTCOME_MASK};

/// Columns as they are written.
#[derive(Debug, Default)]
pub(in crate::backtest::spool) struct Packed {
    pub shape: Shape,
    columns: Vec<u8>,
    long_us: Vec<u64>,
    numbers: Vec<u32>,
}

impl Packed {
    /// Hands on all bytes.
    pub(in crate::backtest::spool) fn write(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
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
    pub(in crate::backtest::spool) fn seconds(&self) -> impl Iterator<Item = u16> {
        let times = &self.columns.as_chunks::<4>().0[..self.shape.stretches as usize];
        times.iter().map(|bytes| Stretch::of(u32::from_le_bytes(*bytes)).second)
    }

    /// Gives the endpoints other numbers.
    pub(in crate::backtest::spool) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        for value in &mut self.numbers {
            *value = if self.shape.is_local {
                number(*value)
            } else {
                number(*value >> OUTCOME_BITS) << OUTCOME_BITS | *value & OUTCOME_MASK
            };
        }
    }
}

/// Collects the requests of a page.
#[derive(Debug)]
pub(in crate::backtest::spool) struct Columns {
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
    pub(in crate::backtest::spool) fn with_room(calls: usize) -> Self {
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
    pub(in crate::backtest::spool) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Appends a request that started so many microseconds after the base.
    #[inline(always)]
    pub(in crate::backtest::spool) fn push_exact(&mut self, call: &KeptCall, offset_us: u32) {
        self.times.push(offset_us);
        self.push(call);
    }

    /// Appends a request that ended in this second after the base, as one of its many.
    #[inline(always)]
    pub(in crate::backtest::spool) fn push_ranked(&mut self, call: &KeptCall, second: u16, rank: u16) {
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
    pub(in crate::backtest::spool) fn pack(mut self) -> Packed {
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
        let stretches: usize = self.lengths.iter().map(|length| usize::from(length.div_ceil(STRETCH_CALLS))).sum();
        shape.has_lengths = stretches * 5 <= self.tags.len() * 4;
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
        *numbers = std::mem::take(&mut self.endpoints.endpoints);
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
}
