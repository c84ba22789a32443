//! The requests of one chunk, in pages of neighbouring start times.
//!
//! A worker turns the requests of one chunk into a [`Block`]: cut into pages that the columns' short fields can span, in
//! log order where that is nearly the order of starts, else sorted by start (equal ones stay in log order). A page is
//! what is read back at once, so that one early start in a block brings only its own page into memory early.
//!
//! Where stamps are whole seconds, a page keeps the second and the ranks among the block's requests of that second; the
//! start follows when all requests of the second are known ([`super::second`]).

use super::columns::{Columns, PAGE_CALLS, Packed};
use super::second::MICROS;
#[cfg(test)]
use crate::backtest::call::Call;
use crate::backtest::call::KeptCall;
use std::collections::BTreeMap;

/// Requests that share ranks within their seconds; a rank has 16 bits.
const RANKED_CALLS: usize = 1 << 16;

/// Times that pages in log order may be long all together: from its first request, a page's short fields reach so far in
/// both directions.
const NARROW_US: u64 = 1 << (u32::BITS - 1);

/// How often such pages may cover one time on average.
const MOST_OVERLAP: u64 = 2;

/// How exact the log's time stamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// Milliseconds or finer: taken as they stand.
    Exact,
    /// Whole seconds: the requests of one second are spread over it.
    WholeSeconds,
}

/// Requests of neighbouring start times.
#[derive(Debug)]
pub(super) struct Page {
    pub stamps: Stamps,
    /// What times count from: microseconds (exact) or seconds.
    pub base: i64,
    /// No request of the page starts before.
    pub min_start_us: i64,
    /// The last start, by its stamp.
    pub last_stamped_us: i64,
    /// The requests, as they are written.
    pub packed: Packed,
    /// Which run of ranks the requests belong to.
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

/// When a request was, as its page keeps it: the start in microseconds (exact), or the second of the end and the rank in
/// it.
type At = (i64, u16);

impl Block {
    /// The requests of one chunk, in log order.
    pub(crate) fn new(calls: &[KeptCall], stamps: Stamps) -> Self {
        let good_timed = calls.iter().filter(|call| call.is_good_and_timed()).count() as u64;
        let mut block = Block { good_timed, ..Block::default() };
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

    /// Gives the endpoints other numbers.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        self.pages.iter_mut().for_each(|page| page.packed.renumber(&mut number));
    }

    fn add_exact(&mut self, calls: &[KeptCall]) {
        let at = |call: &KeptCall| (call.start_us, 0);
        match in_log_order(calls, Stamps::Exact, 0, at) {
            Some(pages) => self.pages.extend(pages),
            None => {
                let sorted = by_start(calls).map(|place| &calls[place]);
                self.add_sorted(sorted.map(|call| (call, at(call))), Stamps::Exact, 0);
            }
        }
    }

    fn add_ranked(&mut self, calls: &[KeptCall]) {
        let Some(first) = calls.first() else { return };
        let run = self.seconds.len() + 1;
        let mut ranks = Ranks::new(end_second(first));
        match in_log_order(calls, Stamps::WholeSeconds, run, |call| ranks.next(call)) {
            Some(pages) => self.pages.extend(pages),
            None => {
                ranks = Ranks::new(end_second(first));
                let ranked: Vec<At> = calls.iter().map(|call| ranks.next(call)).collect();
                let sorted = by_start(calls).map(|place| (&calls[place], ranked[place]));
                self.add_sorted(sorted, Stamps::WholeSeconds, run);
            }
        }
        self.seconds.push(ranks.into_counts());
    }

    /// Cuts requests in order of start into pages.
    fn add_sorted<'a>(&mut self, calls: impl Iterator<Item = (&'a KeptCall, At)>, stamps: Stamps, run: usize) {
        let mut calls = calls.peekable();
        while let Some((_, (at, _))) = calls.peek() {
            let base = match stamps {
                Stamps::Exact => *at,
                Stamps::WholeSeconds => before(*at),
            };
            let mut page = PageWriter::new(stamps, base, PAGE_CALLS);
            while page.columns.len() < PAGE_CALLS && calls.next_if(|(call, at)| page.push(call, *at)).is_some() {}
            self.pages.push(page.finish(run));
        }
    }
}

/// The places of requests in order of start.
fn by_start(calls: &[KeptCall]) -> impl Iterator<Item = usize> {
    let mut places: Vec<usize> = (0..calls.len()).collect();
    places.sort_by_key(|place| calls[*place].start_us);
    places.into_iter()
}

/// Cuts requests into pages as they stand, `at` telling when each was; `None` where that would not do, as one does not
/// fit or the pages overlap much.
fn in_log_order(
    calls: &[KeptCall],
    stamps: Stamps,
    run: usize,
    mut at: impl FnMut(&KeptCall) -> At,
) -> Option<Vec<Page>> {
    let fill = |calls: &[KeptCall]| {
        let first = calls.first()?;
        let base = match stamps {
            Stamps::Exact => first.start_us.saturating_sub(NARROW_US as i64),
            Stamps::WholeSeconds => before(end_second(first)),
        };
        let mut page = PageWriter::new(stamps, base, calls.len());
        calls.iter().all(|call| page.push(call, at(call))).then(|| page.finish(run))
    };
    let pages: Option<Vec<Page>> = calls.chunks(PAGE_CALLS).map(fill).collect();
    pages.filter(|pages| are_narrow(pages))
}

/// The base of a page of whole seconds whose first record has this one: others may lie before it as well as behind.
fn before(second: i64) -> i64 {
    second.saturating_sub(i64::from(u16::MAX) / 2)
}

/// Whether pages overlap so little that they need not be cut from sorted calls. Those of a log in order do; one early
/// start in each, or two clocks in one log, and sorting keeps them apart.
fn are_narrow(pages: &[Page]) -> bool {
    let first_us = pages.iter().map(|page| page.min_start_us).min().unwrap_or(0);
    let last_us = pages.iter().map(|page| page.last_stamped_us).max().unwrap_or(0);
    let all = last_us.abs_diff(first_us);
    let lengths = pages.iter().map(|page| page.last_stamped_us.abs_diff(page.min_start_us));
    all < NARROW_US && lengths.fold(0, u64::saturating_add) <= all.saturating_mul(MOST_OVERLAP)
}

/// Seconds before a run's first that its ends are counted in without sorting: logs are nearly in order of time.
const SECONDS_BEFORE: i64 = 1 << 10;

/// Most seconds that are counted in so.
const COUNTED_SECONDS: usize = 1 << 16;

/// How many calls of a run ended in each second so far.
struct Ranks {
    counts: Counts,
    /// The second of the last call, and how many ended in it: not yet in the counts.
    second: i64,
    count: u32,
}

enum Counts {
    /// From a first second on.
    Dense(i64, Vec<u32>),
    Sparse(BTreeMap<i64, u32>),
}

impl Ranks {
    /// No call yet; the first one will end in this second.
    fn new(second: i64) -> Self {
        let counts = Counts::Dense(second.saturating_sub(SECONDS_BEFORE), vec![0; 2 * SECONDS_BEFORE as usize]);
        Ranks { counts, second, count: 0 }
    }

    /// The second of the next call, and its rank among the calls of that.
    #[inline(always)]
    fn next(&mut self, call: &KeptCall) -> At {
        let end_us = call.end_us();
        if (end_us.wrapping_sub(self.second.wrapping_mul(MICROS)) as u64) >= MICROS as u64 {
            self.turn_to(end_us.div_euclid(MICROS));
        }
        let rank = self.count as u16;
        self.count += 1;
        (self.second, rank)
    }

    fn turn_to(&mut self, second: i64) {
        *self.counts.at(self.second) = self.count;
        self.count = *self.counts.at(second);
        self.second = second;
    }

    /// The seconds with calls, ascending.
    fn into_counts(mut self) -> Vec<(i64, u32)> {
        *self.counts.at(self.second) = self.count;
        match self.counts {
            Counts::Dense(first, counts) => (first..).zip(counts).filter(|(_, count)| *count > 0).collect(),
            Counts::Sparse(counts) => counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Counts {
    fn at(&mut self, second: i64) -> &mut u32 {
        if let Counts::Dense(first, counts) = self {
            let first = *first;
            if second < first || second.abs_diff(first) >= COUNTED_SECONDS as u64 {
                let counted = (first..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
                *self = Counts::Sparse(counted.collect());
            }
        }
        match self {
            Counts::Dense(first, counts) => {
                let at = second.abs_diff(*first) as usize;
                if at >= counts.len() {
                    counts.resize((at + 1).next_power_of_two(), 0);
                }
                &mut counts[at]
            }
            Counts::Sparse(counts) => counts.entry(second).or_default(),
        }
    }
}

/// The second in which a call with a whole-second stamp ended.
fn end_second(call: &KeptCall) -> i64 {
    call.end_us().div_euclid(MICROS)
}

/// A page under way.
struct PageWriter {
    stamps: Stamps,
    base: i64,
    min_start_us: i64,
    /// The last start, by its stamp.
    last_stamped_us: i64,
    columns: Columns,
}

impl PageWriter {
    /// An empty page with room for so many requests.
    fn new(stamps: Stamps, base: i64, calls: usize) -> Self {
        let columns = Columns::with_room(calls);
        PageWriter { stamps, base, min_start_us: i64::MAX, last_stamped_us: i64::MIN, columns }
    }

    /// Appends a request; `false` when it is too far from the base.
    #[inline(always)]
    fn push(&mut self, call: &KeptCall, (at, rank): At) -> bool {
        let Some(offset) = at.checked_sub(self.base) else { return false };
        let stamped_us = match self.stamps {
            Stamps::Exact => {
                let Ok(offset_us) = u32::try_from(offset) else { return false };
                self.columns.push_exact(call, offset_us);
                call.start_us
            }
            Stamps::WholeSeconds => {
                let Ok(second) = u16::try_from(offset) else { return false };
                self.columns.push_ranked(call, second, rank);
                // Spreading begins with the second, whatever part of one a stamp may have.
                at.saturating_mul(MICROS).saturating_sub_unsigned(call.duration_us().unwrap_or(0))
            }
        };
        self.min_start_us = self.min_start_us.min(stamped_us);
        self.last_stamped_us = self.last_stamped_us.max(stamped_us);
        true
    }

    fn finish(self, run: usize) -> Page {
        Page {
            stamps: self.stamps,
            base: self.base,
            min_start_us: self.min_start_us,
            last_stamped_us: self.last_stamped_us,
            packed: self.columns.pack(),
            run,
        }
    }
}
