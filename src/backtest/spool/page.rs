//! The requests of one chunk, in pages of neighbouring start times.
//!
//! A worker turns the requests of one chunk into a [`Block`]: cut into pages that the columns' short fields can span, in
//! log order where that is nearly the order of starts, else sorted by start (equal ones stay in log order). A page is
//! what is read back at once, so that one early start in a block brings only its own page into memory early.
//!
//! Where stamps are whole seconds, a page keeps the second and the ranks among the block's requests of that second; the
//! start follows when all requests of the second are known ([`super::second`]).

use super::columns::{Columns, PAGE_CALLS, Shape};
use super::ranks::Ranks;
use super::second::MICROS;
use super::short::{ShortCall, ShortCalls};

/// Times that pages in log order may be long all together: from its first request, a page's short fields reach so far in
/// both directions.
const NARROW_US: u64 = 1 << (u32::BITS - 1);

/// How often such pages may cover one time on average.
const MOST_OVERLAP: u64 = 2;

/// Bytes that a request of an ordinary log takes, rounded up.
const USUAL_BYTES: usize = 5;

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
    /// What times count from: microseconds (exact) or seconds.
    pub base: i64,
    /// No request of the page starts before.
    pub min_start_us: i64,
    /// The last start, by its stamp.
    pub last_stamped_us: i64,
    /// What its bytes hold.
    pub shape: Shape,
    /// Which run of ranks the requests belong to.
    pub run: usize,
}

/// The requests of one chunk, ready to be written.
#[derive(Debug)]
pub(crate) struct Block {
    pub(super) stamps: Stamps,
    pages: Vec<Page>,
    /// Those of one page behind those of the other.
    bytes: Vec<u8>,
    /// For each run of ranks: its seconds, ascending, with their number of requests.
    pub(super) seconds: Vec<Vec<(i64, u32)>>,
    /// Of the requests, those that were good and have a duration.
    pub(super) good_timed: u64,
}

/// Neighbours that ended at one time.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Where stamps are whole seconds, the beginning of the second, whatever part of one a stamp may have.
    end_us: i64,
    /// The rank of the first of them.
    rank: u32,
    calls: usize,
}

impl Block {
    /// No requests yet, and room for so many.
    pub(super) fn new(stamps: Stamps, calls: usize, good_timed: u64) -> Self {
        let bytes = Vec::with_capacity(calls * USUAL_BYTES);
        Block { stamps, pages: Vec::new(), bytes, seconds: Vec::new(), good_timed }
    }

    /// Its pages, each with its bytes.
    pub(super) fn pages(&self) -> impl Iterator<Item = (&Page, &[u8])> {
        let mut rest = &self.bytes[..];
        self.pages.iter().map(move |page| (page, rest.split_off(..page.shape.bytes()).unwrap_or_default()))
    }

    /// Gives the endpoints other numbers.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        let mut rest = &mut self.bytes[..];
        for page in &self.pages {
            let bytes = rest.split_off_mut(..page.shape.bytes()).unwrap_or_default();
            page.shape.renumber(bytes, &mut number);
        }
    }

    /// Appends requests in log order that share ranks within their seconds. `ends` tells when, in microseconds, how many
    /// neighbours ended.
    pub(super) fn add(&mut self, ends: impl Iterator<Item = (i64, usize)>, calls: ShortCalls, columns: &mut Columns) {
        let run = self.seconds.len();
        let spans = match self.stamps {
            Stamps::Exact => ends.map(|(end_us, calls)| Span { end_us, rank: 0, calls }).collect(),
            Stamps::WholeSeconds => self.rank(ends),
        };
        let (pages, bytes) = (self.pages.len(), self.bytes.len());
        self.cut(&spans, calls, run, columns);
        if !are_narrow(&self.pages[pages..]) {
            self.pages.truncate(pages);
            self.bytes.truncate(bytes);
            let (spans, each) = by_start(&spans, calls);
            self.cut(&spans, ShortCalls { each: &each, ..calls }, run, columns);
        }
    }

    fn rank(&mut self, ends: impl Iterator<Item = (i64, usize)>) -> Vec<Span> {
        let mut ends = ends.map(|(end_us, calls)| (end_us.div_euclid(MICROS), calls)).peekable();
        let mut ranks = Ranks::new(ends.peek().map_or(0, |(second, _)| *second));
        let mut spans = Vec::new();
        for (second, calls) in ends {
            let rank = ranks.next(second, calls as u32);
            append(&mut spans, Span { end_us: second.saturating_mul(MICROS), rank, calls });
        }
        self.seconds.push(ranks.into_counts());
        spans
    }

    /// Cuts requests into pages as they stand.
    fn cut(&mut self, spans: &[Span], calls: ShortCalls, run: usize, columns: &mut Columns) {
        // The next call; the span that it is of, and the place in that.
        let (mut from, mut at, mut within) = (0, 0, 0);
        while let (Some(span), Some(call)) = (spans.get(at), calls.each.get(from)) {
            let base = match self.stamps {
                Stamps::Exact => span.start_us(calls.length_us(call)).saturating_sub_unsigned(NARROW_US),
                Stamps::WholeSeconds => span.second().saturating_sub(i64::from(u16::MAX) / 2),
            };
            let mut page = PageWriter::new(self.stamps, base, columns);
            let mut to = from;
            while let Some(span) = spans.get(at) {
                let span = span.behind(within);
                let most = span.calls.min(PAGE_CALLS - (to - from));
                let fitting = page.take(&span, calls.slice(to..to + most));
                to += fitting;
                if fitting < span.calls {
                    within += fitting;
                    break;
                }
                (at, within) = (at + 1, 0);
            }
            self.pages.push(page.finish(calls.slice(from..to), run, &mut self.bytes));
            from = to;
        }
    }
}

impl Span {
    fn second(&self) -> i64 {
        self.end_us.div_euclid(MICROS)
    }

    /// When a call of this length started, by its stamp.
    #[inline(always)]
    fn start_us(&self, length_us: u64) -> i64 {
        self.end_us.saturating_sub_unsigned(length_us)
    }

    /// Without the first calls.
    fn behind(&self, calls: usize) -> Self {
        Span { rank: self.rank + calls as u32, calls: self.calls - calls, ..*self }
    }
}

/// Appends calls, to the last ones where they are the next of the same second.
fn append(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        Some(last) if last.end_us == span.end_us && last.behind(last.calls).rank == span.rank => {
            last.calls += span.calls
        }
        _ => spans.push(span),
    }
}

/// The same requests in order of start.
fn by_start(spans: &[Span], calls: ShortCalls) -> (Vec<Span>, Vec<ShortCall>) {
    let each = spans.iter().flat_map(|span| (0..span.calls).map(|first| Span { calls: 1, ..span.behind(first) }));
    let each: Vec<Span> = each.collect();
    let starts = each.iter().zip(calls.each).map(|(span, call)| span.start_us(calls.length_us(call)));
    let mut places: Vec<(i64, u32)> = starts.zip(0..).collect();
    places.sort_by_key(|(start_us, _)| *start_us);
    let mut sorted = Vec::new();
    places.iter().for_each(|(_, place)| append(&mut sorted, each[*place as usize]));
    (sorted, places.iter().map(|(_, place)| calls.each[*place as usize]).collect())
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

/// A page under way.
struct PageWriter<'a> {
    stamps: Stamps,
    base: i64,
    min_start_us: i64,
    /// The last start, by its stamp.
    last_stamped_us: i64,
    columns: &'a mut Columns,
}

impl<'a> PageWriter<'a> {
    fn new(stamps: Stamps, base: i64, columns: &'a mut Columns) -> Self {
        PageWriter { stamps, base, min_start_us: i64::MAX, last_stamped_us: i64::MIN, columns }
    }

    /// Takes the first calls of a span up to one that is too far from the base; how many.
    #[inline(always)]
    fn take(&mut self, span: &Span, calls: ShortCalls) -> usize {
        match self.stamps {
            Stamps::Exact => calls.each.iter().take_while(|call| self.take_exact(span, calls.length_us(call))).count(),
            Stamps::WholeSeconds => self.take_ranked(span, calls),
        }
    }

    #[inline(always)]
    fn take_exact(&mut self, span: &Span, length_us: u64) -> bool {
        let start_us = span.start_us(length_us);
        let Some(Ok(offset_us)) = start_us.checked_sub(self.base).map(u32::try_from) else { return false };
        self.columns.push_exact(offset_us);
        self.span(start_us, start_us);
        true
    }

    #[inline(always)]
    fn take_ranked(&mut self, span: &Span, calls: ShortCalls) -> usize {
        let Some(Ok(second)) = span.second().checked_sub(self.base).map(u16::try_from) else { return 0 };
        if !calls.each.is_empty() {
            let (shortest_us, longest_us) = calls.lengths_us();
            self.span(span.start_us(longest_us), span.start_us(shortest_us));
            self.columns.push_stretch(second, span.rank as u16, calls.each.len() as u16);
        }
        calls.each.len()
    }

    #[inline(always)]
    fn span(&mut self, first_us: i64, last_us: i64) {
        self.min_start_us = self.min_start_us.min(first_us);
        self.last_stamped_us = self.last_stamped_us.max(last_us);
    }

    fn finish(self, calls: ShortCalls, run: usize, bytes: &mut Vec<u8>) -> Page {
        let shape = self.columns.pack(calls, bytes);
        Page { base: self.base, min_start_us: self.min_start_us, last_stamped_us: self.last_stamped_us, shape, run }
    }
}
