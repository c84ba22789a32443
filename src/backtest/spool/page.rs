//! Requests as 12-byte records, in pages of neighbouring start times.
//!
//! A worker turns the requests of one chunk into a [`Block`]: sorted by start (equal ones stay in log order), cut into
//! pages that a record's short fields can span. A page is what is read back at once, so that one early start in a
//! block brings only its own page into memory early.
//!
//! Where stamps are whole seconds, a record keeps the second and its rank among the block's requests of that second;
//! the start follows when all requests of the second are known ([`super::second`]).

use super::second::MICROS;
use crate::backtest::call::{Call, Outcome};
use crate::backtest::order::TimeOrder;
use std::collections::BTreeMap;

/// Bytes of a record on disk.
pub(super) const RECORD_BYTES: usize = 12;

/// Records of a full page.
const PAGE_RECORDS: usize = 4096;

/// Requests that share ranks within their seconds; a rank has 16 bits.
const RANKED_CALLS: usize = 1 << 16;

/// The low bits of a record's tag, which hold the outcome.
const OUTCOME_BITS: u32 = 2;
const OUTCOME_MASK: u32 = (1 << OUTCOME_BITS) - 1;

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
    pub records: Vec<Record>,
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
    pub(crate) fn new(calls: &[Call], stamps: Stamps) -> Self {
        let mut block = Block::default();
        match stamps {
            Stamps::Exact => block.add_exact(calls),
            Stamps::WholeSeconds => calls.chunks(RANKED_CALLS).for_each(|run| block.add_ranked(run)),
        }
        block
    }

    /// Gives the endpoints other numbers.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        for record in self.pages.iter_mut().flat_map(|page| &mut page.records) {
            record.tag = number(record.tag >> OUTCOME_BITS) << OUTCOME_BITS | record.tag & OUTCOME_MASK;
        }
    }

    fn add_exact(&mut self, calls: &[Call]) {
        for position in TimeOrder::default().of(calls.iter().map(|call| call.start_us)) {
            let call = &calls[position];
            self.add(call, Stamps::Exact, call.start_us, 0);
        }
    }

    fn add_ranked(&mut self, calls: &[Call]) {
        let ends: Vec<i64> = calls.iter().map(end_second).collect();
        let (ranks, seconds) = ranks(&ends);
        self.seconds.push(seconds);
        for position in TimeOrder::default().of(calls.iter().map(|call| call.start_us)) {
            let call = &calls[position];
            self.add(call, Stamps::WholeSeconds, ends[position], ranks[position]);
        }
    }

    /// Appends a request to the last page, or to a new one where it does not fit. `at` is in the page's unit.
    fn add(&mut self, call: &Call, stamps: Stamps, at: i64, rank: u16) {
        self.good_timed += u64::from(call.outcome == Outcome::Good && call.duration_us.is_some());
        let run = self.seconds.len();
        let last = self.pages.last().filter(|page| page.run == run && page.records.len() < PAGE_RECORDS);
        let when = match last.and_then(|page| page.when(at, rank)) {
            Some(when) => when,
            None => {
                let base = match stamps {
                    Stamps::Exact => at,
                    // Ends do not rise with starts: later pages may hold ends before this one.
                    Stamps::WholeSeconds => at.saturating_sub(i64::from(u16::MAX) / 2),
                };
                self.pages.push(Page::new(stamps, base, call.start_us, run));
                self.pages.last().and_then(|page| page.when(at, rank)).unwrap_or(0)
            }
        };
        if let Some(page) = self.pages.last_mut() {
            page.push(call, when);
        }
    }
}

/// Seconds that a run's ends are counted in without sorting: logs are nearly in order of time.
const COUNTED_SECONDS: u64 = 1 << 16;

/// The rank of each end among those of its second, and how many there are in each second, ascending.
fn ranks(end_seconds: &[i64]) -> (Vec<u16>, Vec<(i64, u32)>) {
    let next = |count: &mut u32| {
        let rank = *count as u16;
        *count += 1;
        rank
    };
    let first = end_seconds.iter().copied().min().unwrap_or(0);
    let span = end_seconds.iter().max().map_or(0, |last| last.abs_diff(first));
    if span < COUNTED_SECONDS {
        let mut counts = vec![0; span as usize + 1];
        let ranks = end_seconds.iter().map(|second| next(&mut counts[second.abs_diff(first) as usize])).collect();
        return (ranks, (first..).zip(counts).filter(|(_, count)| *count > 0).collect());
    }
    let mut counts = BTreeMap::new();
    let ranks = end_seconds.iter().map(|second| next(counts.entry(*second).or_default())).collect();
    (ranks, counts.into_iter().collect())
}

/// The second in which a call with a whole-second stamp ended.
fn end_second(call: &Call) -> i64 {
    call.start_us.saturating_add_unsigned(call.duration_us.unwrap_or(0)).div_euclid(MICROS)
}

impl Page {
    fn new(stamps: Stamps, base: i64, start_us: i64, run: usize) -> Self {
        Page {
            stamps,
            base,
            min_start_us: start_us,
            max_start_us: start_us,
            records: Vec::new(),
            long_us: Vec::new(),
            run,
        }
    }

    /// The record field for a time; `None` when it is too far from the base.
    fn when(&self, at: i64, rank: u16) -> Option<u32> {
        let offset = at.checked_sub(self.base)?;
        match self.stamps {
            Stamps::Exact => u32::try_from(offset).ok(),
            Stamps::WholeSeconds => Some(u32::from(u16::try_from(offset).ok()?) << 16 | u32::from(rank)),
        }
    }

    fn push(&mut self, call: &Call, when: u32) {
        let duration = match call.duration_us {
            None => NO_DURATION,
            Some(us) => u32::try_from(us).ok().filter(|us| *us < LONG_DURATION).unwrap_or_else(|| {
                self.long_us.push(us);
                LONG_DURATION
            }),
        };
        let outcome = match call.outcome {
            Outcome::Good => 0,
            Outcome::Neither => 1,
            Outcome::Failed => 2,
        };
        self.records.push(Record { when, duration, tag: call.endpoint << OUTCOME_BITS | outcome });
        let latest_us = call.start_us.saturating_add(self.stamps.longest_spread_us());
        self.max_start_us = self.max_start_us.max(latest_us);
    }
}

impl Record {
    pub(super) fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..4].copy_from_slice(&self.when.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.duration.to_le_bytes());
        bytes[8..].copy_from_slice(&self.tag.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Record { when: word(0), duration: word(4), tag: word(8) }
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
        match self.tag & OUTCOME_MASK {
            0 => Outcome::Good,
            1 => Outcome::Neither,
            _ => Outcome::Failed,
        }
    }
}
