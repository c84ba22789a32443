//! Requests as 12-byte records, in pages of neighbouring start times.
//!
//! A worker turns the requests of one chunk into a [`Block`]: cut into pages that a record's short fields can span, in
//! log order where that is nearly the order of starts, else sorted by start (equal ones stay in log order). A page is
//! what is read back at once, so that one early start in a block brings only its own page into memory early.
//!
//! Where stamps are whole seconds, a record keeps the second and its rank among the block's requests of that second;
//! the start follows when all requests of the second are known ([`super::second`]).

use super::second::MICROS;
#[cfg(test)]
use crate::backtest::call::Call;
use crate::backtest::call::{KeptCall, OUTCOME_BITS, OUTCOME_MASK, Outcome};
use crate::backtest::order::TimeOrder;
use std::collections::BTreeMap;

/// Bytes of a record on disk.
pub(super) const RECORD_BYTES: usize = 12;

/// Where a record's tag begins.
const TAG_AT: usize = 8;

/// Records of a full page.
const PAGE_RECORDS: usize = 4096;

/// Requests that share ranks within their seconds; a rank has 16 bits.
const RANKED_CALLS: usize = 1 << 16;

/// Times that pages in log order may be long all together: from its first request, a page's short fields reach so far in
/// both directions.
const NARROW_US: u64 = 1 << (u32::BITS - 1);

/// How often such pages may cover one time on average.
const MOST_OVERLAP: u64 = 2;

/// Numbers of endpoints that are remembered when they change.
const REMEMBERED_NUMBERS: usize = 1 << 16;

/// Duration of a record without one.
const NO_DURATION: u32 = u32::MAX;

/// Duration of a record that has a longer one than fits, kept behind the page's records.
const LONG_DURATION: u32 = u32::MAX - 1;

/// How exact the log's time stamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// Milliseconds or finer: taken as they stand.
    Exact,
    /// Whole seconds: the requests of one second are spread over it.
    WholeSeconds,
}

impl Stamps {
    /// The bound of [`Call::spread_us`].
    pub(super) fn longest_spread_us(self) -> i64 {
        match self {
            Stamps::Exact => 0,
            Stamps::WholeSeconds => MICROS,
        }
    }
}

/// One request within its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Exact stamps: microseconds from the page's base to the start. Whole seconds: seconds from the page's base to
    /// the end (high half) and the rank within the second (low half).
    when: u32,
    duration: u32,
    /// The endpoint, and the outcome in the lowest bits.
    tag: u32,
}

/// Requests of neighbouring start times.
#[derive(Debug)]
pub(super) struct Page {
    pub stamps: Stamps,
    /// What `when` counts from: microseconds (exact) or seconds.
    pub base: i64,
    /// No request of the page starts before.
    pub min_start_us: i64,
    /// No request of the page starts after.
    pub max_start_us: i64,
    /// [`Record`]s, as they are written.
    pub records: Vec<[u8; RECORD_BYTES]>,
    /// The durations that do not fit, in the records' order.
    pub long_us: Vec<u64>,
    /// Which run of ranks the records belong to.
    pub run: usize,
}

/// The requests of one chunk, ready to be written.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(super) pages: Vec<Page>,
    /// For each run of ranks: its seconds, ascending, with their number of requests.
    pub(super) seconds: Vec<Vec<(i64, u32)>>,
    /// Of the requests, those that were good and have a duration.
    pub(super) good_timed: u64,
}

impl Block {
    /// The requests of one chunk, in log order.
    pub(crate) fn new(calls: &[KeptCall], stamps: Stamps) -> Self {
        let mut block = Block::default();
        match stamps {
            Stamps::Exact => block.add_exact(calls),
            Stamps::WholeSeconds => calls.chunks(RANKED_CALLS).for_each(|run| block.add_ranked(run)),
        }
        block
    }

    /// The same of calls that are not kept by a chunk.
    #[cfg(test)]
    pub(crate) fn of(calls: &[Call], stamps: Stamps) -> Self {
        Block::new(&calls.iter().map(KeptCall::from).collect::<Vec<_>>(), stamps)
    }

    /// Gives the endpoints other numbers; each is asked for once where they are small.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        let mut known: Vec<Option<u32>> = Vec::new();
        for bytes in self.pages.iter_mut().flat_map(|page| &mut page.records) {
            let tag = Record::from_bytes(bytes).tag;
            let old = tag >> OUTCOME_BITS;
            let place = old as usize;
            if place >= known.len() && place < REMEMBERED_NUMBERS {
                known.resize(place + 1, None);
            }
            let new = match known.get_mut(place) {
                Some(known) => *known.get_or_insert_with(|| number(old)),
                None => number(old),
            };
            bytes[TAG_AT..].copy_from_slice(&(new << OUTCOME_BITS | tag & OUTCOME_MASK).to_le_bytes());
        }
    }

    fn add_exact(&mut self, calls: &[KeptCall]) {
        let at = |call: &KeptCall| (call.start_us, 0);
        if self.add_in_log_order(calls, Stamps::Exact, 0, at) {
            return;
        }
        for place in TimeOrder::default().of(calls.iter().map(|call| call.start_us)) {
            self.add(&calls[place], Stamps::Exact, at(&calls[place]), 0);
        }
    }

    fn add_ranked(&mut self, calls: &[KeptCall]) {
        let Some(first) = calls.first() else { return };
        let run = self.seconds.len() + 1;
        let mut ranks = Ranks::new(end_second(first));
        if !self.add_in_log_order(calls, Stamps::WholeSeconds, run, |call| ranks.next(call)) {
            ranks = Ranks::new(end_second(first));
            let ranked: Vec<(i64, u16)> = calls.iter().map(|call| ranks.next(call)).collect();
            for place in TimeOrder::default().of(calls.iter().map(|call| call.start_us)) {
                self.add(&calls[place], Stamps::WholeSeconds, ranked[place], run);
            }
        }
        self.seconds.push(ranks.into_counts());
    }

    /// Cuts requests into pages as they stand, `at` giving what [`Self::add`] is given; `false` where that would not do,
    /// as one does not fit or the pages overlap much: then nothing is added.
    fn add_in_log_order(
        &mut self,
        calls: &[KeptCall],
        stamps: Stamps,
        run: usize,
        mut at: impl FnMut(&KeptCall) -> (i64, u16),
    ) -> bool {
        let mut good_timed = 0;
        let fill = |calls: &[KeptCall]| {
            let first = calls.first()?;
            let base = match stamps {
                Stamps::Exact => first.start_us.saturating_sub(NARROW_US as i64),
                Stamps::WholeSeconds => before(end_second(first)),
            };
            let mut page = Page::new(stamps, base, run);
            page.records.reserve_exact(calls.len());
            for call in calls {
                let (at, rank) = at(call);
                let when = page.when(at, rank)?;
                page.push(call, at, when);
                good_timed += u64::from(call.is_good_and_timed());
            }
            Some(page)
        };
        let filled: Option<Vec<Page>> = calls.chunks(PAGE_RECORDS).map(fill).collect();
        let Some(filled) = filled.filter(|pages| are_narrow(pages)) else { return false };
        self.pages.extend(filled);
        self.good_timed += good_timed;
        true
    }

    /// Appends a request to the last page, or to a new one where it does not fit. `at` is in the page's unit.
    #[inline]
    fn add(&mut self, call: &KeptCall, stamps: Stamps, (at, rank): (i64, u16), run: usize) {
        self.good_timed += u64::from(call.is_good_and_timed());
        let last = self.pages.last_mut().filter(|page| page.run == run && page.records.len() < PAGE_RECORDS);
        if let Some((page, when)) = last.and_then(|page| page.when(at, rank).map(|when| (page, when))) {
            page.push(call, at, when);
            return;
        }
        let base = match stamps {
            Stamps::Exact => at,
            Stamps::WholeSeconds => before(at),
        };
        let mut page = Page::new(stamps, base, run);
        let when = page.when(at, rank).unwrap_or(0);
        page.push(call, at, when);
        self.pages.push(page);
    }
}

/// The base of a page of whole seconds whose first record has this one: others may lie before it as well as behind.
fn before(second: i64) -> i64 {
    second.saturating_sub(i64::from(u16::MAX) / 2)
}

/// Whether pages overlap so little that they need not be cut from sorted calls. Those of a log in order do; one early
/// start in each, or two clocks in one log, and sorting keeps them apart.
fn are_narrow(pages: &[Page]) -> bool {
    let first_us = pages.iter().map(|page| page.min_start_us).min().unwrap_or(0);
    let last_us = pages.iter().map(Page::last_stamped_us).max().unwrap_or(0);
    let all = last_us.abs_diff(first_us);
    let lengths = pages.iter().map(|page| page.last_stamped_us().abs_diff(page.min_start_us));
    all < NARROW_US && lengths.fold(0, u64::saturating_add) <= all.saturating_mul(MOST_OVERLAP)
}

/// Seconds before a run's first that its ends are counted in without sorting: logs are nearly in order of time.
const SECONDS_BEFORE: i64 = 1 << 10;

/// Most seconds that are counted in so.
const COUNTED_SECONDS: usize = 1 << 16;

/// How many calls of a run ended in each second so far.
enum Ranks {
    /// From a first second on.
    Dense(i64, Vec<u32>),
    Sparse(BTreeMap<i64, u32>),
}

impl Ranks {
    /// No call yet; the first one will end in this second.
    fn new(second: i64) -> Self {
        Ranks::Dense(second.saturating_sub(SECONDS_BEFORE), vec![0; 2 * SECONDS_BEFORE as usize])
    }

    /// The second of the next call, and its rank among the calls of that.
    #[inline]
    fn next(&mut self, call: &KeptCall) -> (i64, u16) {
        let second = end_second(call);
        let count = match self {
            Ranks::Dense(first, counts) if (second.wrapping_sub(*first) as u64) < counts.len() as u64 => {
                &mut counts[second.wrapping_sub(*first) as usize]
            }
            _ => self.make_room(second),
        };
        let rank = *count as u16;
        *count += 1;
        (second, rank)
    }

    #[cold]
    fn make_room(&mut self, second: i64) -> &mut u32 {
        if let Ranks::Dense(first, counts) = self {
            let first = *first;
            if second < first || second.abs_diff(first) >= COUNTED_SECONDS as u64 {
                let counted = (first..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
                *self = Ranks::Sparse(counted.collect());
            }
        }
        match self {
            Ranks::Dense(first, counts) => {
                let at = second.abs_diff(*first) as usize;
                counts.resize((at + 1).next_power_of_two(), 0);
                &mut counts[at]
            }
            Ranks::Sparse(counts) => counts.entry(second).or_default(),
        }
    }

    /// The seconds with calls, ascending.
    fn into_counts(self) -> Vec<(i64, u32)> {
        match self {
            Ranks::Dense(first, counts) => (first..).zip(counts).filter(|(_, count)| *count > 0).collect(),
            Ranks::Sparse(counts) => counts.into_iter().collect(),
        }
    }
}

/// The second in which a call with a whole-second stamp ended.
fn end_second(call: &KeptCall) -> i64 {
    call.start_us.saturating_add_unsigned(call.duration_us().unwrap_or(0)).div_euclid(MICROS)
}

impl Page {
    fn new(stamps: Stamps, base: i64, run: usize) -> Self {
        Page {
            stamps,
            base,
            min_start_us: i64::MAX,
            max_start_us: i64::MIN,
            records: Vec::new(),
            long_us: Vec::new(),
            run,
        }
    }

    /// The last start, by its stamp.
    fn last_stamped_us(&self) -> i64 {
        self.max_start_us.saturating_sub(self.stamps.longest_spread_us())
    }

    /// The record field for a time; `None` when it is too far from the base.
    fn when(&self, at: i64, rank: u16) -> Option<u32> {
        let offset = at.checked_sub(self.base)?;
        match self.stamps {
            Stamps::Exact => u32::try_from(offset).ok(),
            Stamps::WholeSeconds => Some(u32::from(u16::try_from(offset).ok()?) << 16 | u32::from(rank)),
        }
    }

    /// Appends a request; `at` is in the page's unit, and `when` what [`Self::when`] makes of it.
    #[inline]
    fn push(&mut self, call: &KeptCall, at: i64, when: u32) {
        let duration = match call.duration_us() {
            None => NO_DURATION,
            Some(us) => u32::try_from(us).ok().filter(|us| *us < LONG_DURATION).unwrap_or_else(|| {
                self.long_us.push(us);
                LONG_DURATION
            }),
        };
        self.records.push(Record { when, duration, tag: call.tag() }.to_bytes());
        let earliest_us = match self.stamps {
            Stamps::Exact => call.start_us,
            // Spreading begins with the second, whatever part of one a stamp may have.
            Stamps::WholeSeconds => at.saturating_mul(MICROS).saturating_sub_unsigned(call.duration_us().unwrap_or(0)),
        };
        let latest_us = earliest_us.saturating_add(self.stamps.longest_spread_us());
        self.min_start_us = self.min_start_us.min(earliest_us);
        self.max_start_us = self.max_start_us.max(latest_us);
    }
}

impl Record {
    #[inline(always)]
    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..4].copy_from_slice(&self.when.to_le_bytes());
        bytes[4..TAG_AT].copy_from_slice(&self.duration.to_le_bytes());
        bytes[TAG_AT..].copy_from_slice(&self.tag.to_le_bytes());
        bytes
    }

    #[inline(always)]
    pub(super) fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Record { when: word(0), duration: word(4), tag: word(TAG_AT) }
    }

    /// Microseconds after the page's base (exact stamps).
    pub(super) fn offset_us(self) -> i64 {
        i64::from(self.when)
    }

    /// Seconds after the page's base, and the rank within the second (whole seconds).
    pub(super) fn second_and_rank(self) -> (u16, u16) {
        ((self.when >> 16) as u16, self.when as u16)
    }

    /// The duration; `long` gives the page's next one that did not fit.
    pub(super) fn duration_us(self, long: &mut impl FnMut() -> u64) -> Option<u64> {
        match self.duration {
            NO_DURATION => None,
            LONG_DURATION => Some(long()),
            us => Some(u64::from(us)),
        }
    }

    pub(super) fn endpoint(self) -> u32 {
        self.tag >> OUTCOME_BITS
    }

    pub(super) fn outcome(self) -> Outcome {
        Outcome::of_tag(self.tag)
    }
}
