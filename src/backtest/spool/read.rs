//! The spooled requests as events in order of time, by slices of time gathered from the pages that overlap them.

use super::columns::Unpacked;
use super::page::Stamps;
use super::second::{SecondCounts, Spread};
use super::{PageEntry, unable};
use crate::backtest::timeline::{Arrivals, Batch, Timeline};
use anyhow::Context;
use std::fs::File;
use std::iter::Peekable;
use std::os::unix::fs::FileExt;

/// Calls gathered before they are put in order and handed on; few enough to stay in a cache.
const SLICE_CALLS: usize = 1 << 13;

const FIRST_RANK_BYTES: usize = 8;

/// All requests of a log, in a file without a name.
pub(crate) struct Stored {
    file: File,
    /// In order of the earliest start, then input order.
    index: Vec<(u32, PageEntry)>,
    /// All inputs together.
    seconds: SecondCounts,
    /// By input: the inputs before it.
    earlier_seconds: Vec<SecondCounts>,
    calls: u64,
    good_timed: u64,
    /// What the endpoints in the file are now; empty: what they were.
    endpoints: Vec<u32>,
}

impl PageEntry {
    pub(super) fn bytes(&self) -> usize {
        self.shape.bytes() + self.first_ranks as usize * FIRST_RANK_BYTES
    }
}

impl Stored {
    pub(super) fn new(
        file: File,
        mut index: Vec<PageEntry>,
        by_input: Vec<SecondCounts>,
        calls: u64,
        good_timed: u64,
    ) -> Self {
        let mut seconds = SecondCounts::default();
        let earlier_seconds = by_input.iter().map(|counts| seconds.append(counts)).collect();
        // Pages of one input are in its order already.
        index.sort_by_key(|entry| entry.input);
        let mut index: Vec<(u32, PageEntry)> = (0..).zip(index).collect();
        index.sort_by_key(|(number, entry)| (entry.min_start_us, *number));
        Stored { file, index, seconds, earlier_seconds, calls, good_timed, endpoints: Vec::new() }
    }

    /// Gives the endpoints other numbers from now on: `numbers[old]`.
    pub(crate) fn renumber(&mut self, numbers: Vec<u32>) {
        self.endpoints = numbers;
    }

    /// Requests.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Good requests with a duration: how many values a percentile of them is over, at most.
    pub(crate) fn good_timed(&self) -> u64 {
        self.good_timed
    }

    /// Whether any of the requests had a stamp of whole seconds.
    pub(crate) fn has_whole_seconds(&self) -> bool {
        self.index.iter().any(|(_, entry)| entry.stamps == Stamps::WholeSeconds)
    }

    /// The first and the last [`crate::backtest::call::Call::stamped_start_us`].
    pub(crate) fn span_us(&self) -> Option<(i64, i64)> {
        let first = self.index.first()?.1.min_start_us;
        let last = self.index.iter().map(|(_, entry)| entry.last_stamped_us).max()?;
        Some((first, last))
    }

    /// Bytes of all columns.
    #[cfg(test)]
    pub(super) fn column_bytes(&self) -> usize {
        self.index.iter().map(|(_, entry)| entry.shape.bytes()).sum()
    }

    /// From the first to the last start of each page, by their stamps.
    #[cfg(test)]
    pub(super) fn page_spans_us(&self) -> impl Iterator<Item = (i64, i64)> {
        self.index.iter().map(|(_, entry)| (entry.min_start_us, entry.last_stamped_us))
    }

    /// The starts and ends of all calls that start at or after `from_us` by their stamps. Equal starts are in input order
    /// or, where some stamps are whole seconds, in order of end, then input order.
    pub(crate) fn batches(&self, from_us: i64) -> Batches<'_> {
        self.batches_of(from_us, SLICE_CALLS)
    }

    /// The same with so many calls put in order at once.
    pub(super) fn batches_of(&self, from_us: i64, slice_calls: usize) -> Batches<'_> {
        let pages: Vec<_> = self.index.iter().filter(|(_, entry)| entry.last_stamped_us >= from_us).collect();
        Batches {
            stored: self,
            from_us,
            slice_calls,
            pages: pages.into_iter().peekable(),
            // Requests that are spread over a second lie in their page as they started before that: which page and which
            // place follows from how the log was cut, and when they ended does not.
            timeline: Timeline::new(self.has_whole_seconds()),
            bytes: Vec::new(),
            unpacked: Unpacked::default(),
            unordered_until_us: i64::MIN,
            is_over: false,
        }
    }

    fn read(&self, entry: &PageEntry, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        bytes.resize(entry.bytes(), 0);
        self.file.read_exact_at(bytes, entry.at_byte)
    }

    /// Adds a page's calls that start at or after `from_us`.
    fn unpack(
        &self,
        number: u32,
        entry: &PageEntry,
        from_us: i64,
        bytes: &[u8],
        unpacked: &mut Unpacked,
        calls: &mut Arrivals,
    ) {
        if entry.min_start_us < from_us {
            let mut all = Arrivals::new();
            self.unpack(number, entry, i64::MIN, bytes, unpacked, &mut all);
            calls.extend_if(&all, |call| call.stamped_start_us() >= from_us);
            return;
        }
        let (columns, first_ranks) = bytes.split_at(entry.shape.bytes());
        let now = |endpoint: u32| self.endpoints.get(endpoint as usize).copied().unwrap_or(endpoint);
        let times = unpacked.read(&entry.shape, columns, now);
        match entry.stamps {
            Stamps::Exact => unpacked.add_exact(&times, entry.base, entry.last_stamped_us, number, calls),
            Stamps::WholeSeconds => {
                let mut seconds = PageSeconds::new(self, entry, first_ranks.as_chunks().0);
                unpacked.add_ranked(&times, entry.base, number, |second| seconds.spread(second), calls);
            }
        }
    }
}

/// The stored calls, batch by batch; there is one at least. Fails when the file cannot be read back.
pub(crate) struct Batches<'a> {
    stored: &'a Stored,
    from_us: i64,
    slice_calls: usize,
    /// Those that are still to be read.
    pages: Peekable<std::vec::IntoIter<&'a (u32, PageEntry)>>,
    timeline: Timeline,
    /// Room for a page.
    bytes: Vec<u8>,
    unpacked: Unpacked,
    unordered_until_us: i64,
    is_over: bool,
}

impl Batches<'_> {
    /// Batches that end by then need not be in order; dense ones are not.
    pub(crate) fn unordered_until(self, unordered_until_us: i64) -> Self {
        Batches { unordered_until_us, ..self }
    }

    fn gather(&mut self) -> anyhow::Result<Batch> {
        let Batches { stored, timeline, bytes, unpacked, .. } = self;
        // Twice what is left over, so that sorting stays linear in the calls however far pages overlap.
        let mut missing = self.slice_calls.saturating_sub(timeline.waiting()).max(timeline.waiting());
        let mut pages = Vec::new();
        while missing > 0
            && let Some(page) = self.pages.next()
        {
            missing = missing.saturating_sub(page.1.shape.calls as usize);
            pages.push(page);
        }
        let until_us = self.pages.peek().map(|(_, next)| next.min_start_us);
        self.is_over = until_us.is_none();
        timeline.begin(until_us);
        for (number, entry) in pages {
            stored.read(entry, bytes).with_context(unable)?;
            stored.unpack(*number, entry, self.from_us, bytes, unpacked, timeline.arrivals());
            anyhow::ensure!(!timeline.is_full(), too_many(timeline.waiting()));
        }
        Ok(timeline.settle(until_us.is_none_or(|until_us| until_us > self.unordered_until_us)))
    }
}

impl Iterator for Batches<'_> {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let batch = self.gather();
        self.is_over |= batch.is_err();
        Some(batch)
    }
}

/// What is said where as many requests would have to be in memory at once.
fn too_many(calls: usize) -> String {
    format!(
        "more than {calls} requests are in flight at one time, or their stamps lie in no order; split the log, or leave the \
         backtest out with --no-backtest"
    )
}

/// Seconds remembered at once: the requests of a page end in few that take turns.
const REMEMBERED: usize = 64;

/// How the requests that ended in the seconds of a page are spread.
struct PageSeconds<'a> {
    stored: &'a Stored,
    entry: &'a PageEntry,
    first_ranks: &'a [[u8; FIRST_RANK_BYTES]],
    /// By the last digits of the second's distance from the page's base: the distance, and how its requests are spread.
    remembered: [Option<(u16, Spread)>; REMEMBERED],
}

impl<'a> PageSeconds<'a> {
    fn new(stored: &'a Stored, entry: &'a PageEntry, first_ranks: &'a [[u8; FIRST_RANK_BYTES]]) -> Self {
        PageSeconds { stored, entry, first_ranks, remembered: [None; REMEMBERED] }
    }

    /// How those are spread that ended in the second so far behind the page's base.
    #[inline]
    fn spread(&mut self, offset: u16) -> Spread {
        let place = usize::from(offset) % REMEMBERED;
        match self.remembered[place] {
            Some((known, spread)) if known == offset => spread,
            _ => {
                let spread = self.look_up(offset);
                self.remembered[place] = Some((offset, spread));
                spread
            }
        }
    }

    #[cold]
    fn look_up(&self, offset: u16) -> Spread {
        let second = self.entry.base + i64::from(offset);
        let found = self.first_ranks.binary_search_by_key(&u32::from(offset), first_half);
        let first = found.map_or(0, |index| second_half(&self.first_ranks[index]));
        let earlier = self.stored.earlier_seconds.get(self.entry.input as usize);
        let earlier = earlier.map_or(0, |counts| counts.get(second));
        Spread::new(earlier.saturating_add(first), self.stored.seconds.get(second))
    }
}

fn first_half(bytes: &[u8; 8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn second_half(bytes: &[u8; 8]) -> u32 {
    u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
}
