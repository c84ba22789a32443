//! The kept requests in order of their ends: a merge of the pages that overlap the present moment.

use super::record::Visit;
use super::{PageEntry, unable};
use anyhow::Context;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::vec::IntoIter;

/// All requests of a log, in a file without a name.
pub(crate) struct Trace {
    file: File,
    /// In order of the first end, then input and page.
    index: Vec<PageEntry>,
    upstreams: Vec<String>,
    /// By the endpoints' numbers in the file; empty: they are as they stand there.
    endpoints: Vec<u32>,
}

/// A page that is being read: when its next request ended, the place that decides between equal ones, and its number
/// among the open pages.
type Head = Reverse<(i64, u32, u32, usize)>;

impl Trace {
    pub(super) fn new(file: File, mut index: Vec<PageEntry>, upstreams: Vec<String>) -> Self {
        index.sort_by_key(|entry| (entry.first_ms, entry.input, entry.number));
        Trace { file, index, upstreams, endpoints: Vec::new() }
    }

    /// Gives the endpoints other numbers from now on: `numbers[old]`.
    pub(crate) fn renumber(&mut self, numbers: Vec<u32>) {
        self.endpoints = numbers;
    }

    /// The name of an upstream that a try numbers.
    pub(crate) fn upstream(&self, number: u32) -> &str {
        &self.upstreams[number as usize]
    }

    /// Different upstreams.
    pub(crate) fn upstreams(&self) -> usize {
        self.upstreams.len()
    }

    /// Requests.
    pub(crate) fn visits(&self) -> u64 {
        self.index.iter().map(|entry| u64::from(entry.visits)).sum()
    }

    /// The first and the last end, UTC ms.
    pub(crate) fn span_ms(&self) -> Option<(i64, i64)> {
        let last_ms = self.index.iter().map(|entry| entry.last_ms).max()?;
        Some((self.index.first()?.first_ms, last_ms))
    }

    /// Hands on all requests in order of their ends, equal ones by input and line.
    ///
    /// # Errors
    /// When the file cannot be read back, and those of `each`.
    pub(crate) fn replay(&self, mut each: impl FnMut(&Visit) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut heads: BinaryHeap<Head> = BinaryHeap::new();
        let mut open: Vec<Option<Page>> = Vec::new();
        let mut unopened = self.index.iter().peekable();
        loop {
            while let Some(entry) =
                unopened.next_if(|entry| heads.peek().is_none_or(|Reverse((ended_ms, ..))| entry.first_ms <= *ended_ms))
            {
                let slot = open.iter().position(Option::is_none).unwrap_or(open.len());
                heads.push(Reverse((entry.first_ms, entry.input, entry.number, slot)));
                let page = Some(self.open(entry)?);
                if slot == open.len() { open.push(page) } else { open[slot] = page }
            }
            let Some(mut head) = heads.peek_mut() else { return Ok(()) };
            let Reverse((_, input, number, slot)) = *head;
            let Some(page) = &mut open[slot] else { return Ok(()) };
            each(&page.next)?;
            match page.rest.next() {
                Some(visit) => {
                    *head = Reverse((visit.ended_ms, input, number, slot));
                    page.next = visit;
                }
                None => {
                    std::collections::binary_heap::PeekMut::pop(head);
                    open[slot] = None;
                }
            }
        }
    }

    fn open(&self, entry: &PageEntry) -> anyhow::Result<Page> {
        let mut bytes = vec![0; entry.bytes as usize];
        self.file.read_exact_at(&mut bytes, entry.at_byte).with_context(unable)?;
        let mut rest = bytes.as_slice();
        let visits: Option<Vec<Visit>> = (0..entry.visits).map(|_| Visit::decode(&mut rest)).collect();
        let mut visits = visits.context("the temporary file was changed while it was in use")?;
        if !self.endpoints.is_empty() {
            visits.iter_mut().for_each(|visit| visit.endpoint = self.endpoints[visit.endpoint as usize]);
        }
        let mut rest = visits.into_iter();
        let next = rest.next().context("the temporary file was changed while it was in use")?;
        Ok(Page { next, rest })
    }
}

/// A page that is being read.
struct Page {
    next: Visit,
    rest: IntoIter<Visit>,
}
