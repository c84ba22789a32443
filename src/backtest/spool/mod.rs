//! What the backtest needs of every request, kept in an unlinked temporary file and read back in order of time.
//!
//! In go [`Block`]s, in input order; out come batches of starts and ends, equal starts in input order, whatever the
//! order of the log was. Memory holds an index of 72 bytes for some 4,096 requests, four bytes for each second of a log with
//! whole-second stamps, and, while reading, the pages that overlap the present moment. The file goes away with its
//! handle.

mod columns;
mod gather;
mod local;
mod page;
mod ranks;
mod read;
mod second;
mod short;
#[cfg(test)]
mod tests;

use anyhow::Context;
use columns::Shape;
use page::Page;
use second::SecondCounts;
use std::fs::File;
use std::io::{BufWriter, Write};

pub(crate) use gather::Gatherer;
pub(crate) use page::{Block, Stamps};
pub(crate) use read::{Batches, Stored};

/// The bound of [`Call::spread_us`](super::call::Call::spread_us).
pub(crate) const MAX_SPREAD_US: i64 = second::MICROS;

/// Bytes collected before they are written.
const WRITE_BYTES: usize = 1 << 18;

/// Requests on their way into the file.
pub(crate) struct Spool {
    out: BufWriter<File>,
    index: Vec<PageEntry>,
    /// By input.
    seconds: Vec<SecondCounts>,
    written_bytes: u64,
    calls: u64,
    good_timed: u64,
}

/// Where a page lies and what it spans.
#[derive(Clone, Copy, Debug)]
struct PageEntry {
    /// The input that the requests come from.
    input: u32,
    at_byte: u64,
    /// See [`Page::base`].
    base: i64,
    min_start_us: i64,
    last_stamped_us: i64,
    shape: Shape,
    first_ranks: u32,
    stamps: Stamps,
}

impl Spool {
    /// An empty spool.
    ///
    /// # Errors
    /// When no file can be created in the temporary folder.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let file = tempfile::tempfile().with_context(unable)?;
        Ok(Spool {
            out: BufWriter::with_capacity(WRITE_BYTES, file),
            index: Vec::new(),
            seconds: Vec::new(),
            written_bytes: 0,
            calls: 0,
            good_timed: 0,
        })
    }

    /// Appends the next block of an input. The order of the inputs among each other is that of their numbers,
    /// whichever came first.
    ///
    /// # Errors
    /// When the temporary folder is full or broken.
    pub(crate) fn push(&mut self, input: u32, block: Block) -> anyhow::Result<()> {
        let index = input as usize;
        if index >= self.seconds.len() {
            self.seconds.resize_with(index + 1, SecondCounts::default);
        }
        let seconds = &mut self.seconds[index];
        let mut firsts = Vec::with_capacity(block.seconds.len());
        for run in &block.seconds {
            let ranked = run.iter().map(|&(second, requests)| (second, seconds.add(second, requests)));
            // What the list leaves out starts at rank 0: all seconds but those that an earlier block shares.
            firsts.push(ranked.filter(|(_, first)| *first > 0).collect::<Vec<_>>());
        }
        self.good_timed += block.good_timed;
        for (page, bytes) in block.pages() {
            let first_ranks = match firsts.get(page.run) {
                Some(firsts) => ranks_used(page, bytes, firsts),
                None => Vec::new(),
            };
            self.write(input, block.stamps, page, bytes, &first_ranks).with_context(unable)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        input: u32,
        stamps: Stamps,
        page: &Page,
        bytes: &[u8],
        first_ranks: &[(u16, u32)],
    ) -> std::io::Result<()> {
        self.index.push(PageEntry {
            input,
            at_byte: self.written_bytes,
            base: page.base,
            min_start_us: page.min_start_us,
            last_stamped_us: page.last_stamped_us,
            shape: page.shape,
            first_ranks: first_ranks.len() as u32,
            stamps,
        });
        self.out.write_all(bytes)?;
        for (second, first) in first_ranks {
            self.out.write_all(&u32::from(*second).to_le_bytes())?;
            self.out.write_all(&first.to_le_bytes())?;
        }
        self.calls += u64::from(page.shape.calls);
        self.written_bytes += self.index.last().map_or(0, |entry| entry.bytes() as u64);
        Ok(())
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the temporary folder is full or broken.
    pub(crate) fn finish(self) -> anyhow::Result<Stored> {
        let file = self.out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(unable)?;
        Ok(Stored::new(file, self.index, self.seconds, self.calls, self.good_timed))
    }
}

/// Of a run's first ranks those that the page's records need, by second after the page's base.
fn ranks_used(page: &Page, bytes: &[u8], firsts: &[(i64, u32)]) -> Vec<(u16, u32)> {
    if firsts.is_empty() {
        return Vec::new();
    }
    const WORD_BITS: u16 = u64::BITS as u16;
    let mut is_used = vec![0u64; usize::from(u16::MAX / WORD_BITS) + 1];
    for second in page.shape.seconds(bytes) {
        is_used[usize::from(second / WORD_BITS)] |= 1 << (second % WORD_BITS);
    }
    let used = firsts.iter().filter_map(|&(second, first)| {
        let offset = u16::try_from(second.checked_sub(page.base)?).ok()?;
        (is_used[usize::from(offset / WORD_BITS)] >> (offset % WORD_BITS) & 1 == 1).then_some((offset, first))
    });
    used.collect()
}

/// What stands before an error of the temporary file.
fn unable() -> String {
    let folder = std::env::temp_dir();
    format!(
        "the requests for a second look (some 4 to 12 bytes each) cannot be kept in the temporary folder {}; make room there, \
         point TMPDIR to another folder, or leave the backtest out with --no-backtest",
        folder.display()
    )
}
