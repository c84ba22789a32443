//! The requests of a log in order of time, with all that the analyses look at, kept in an unlinked temporary file.
//!
//! In go [`TraceBlock`]s, one for each chunk of an input; out come [`Visit`]s by their end, equal ones by input and line,
//! whatever the order of the log and however many threads read it. Memory holds 48 bytes for some 4,096 requests and,
//! while reading, the pages that overlap the present moment. What a field means is decided by `fields`, not here.

pub(crate) mod fields;
mod read;
mod record;
#[cfg(test)]
mod tests;

use crate::route::endpoint::Interner;
use anyhow::Context;
use std::fs::File;
use std::io::{BufWriter, Write};

pub(crate) use read::Trace;
pub(crate) use record::{CacheState, Priority, Visit};

/// Requests of a full page.
const PAGE_VISITS: usize = 4096;

/// Bytes collected before they are written.
const WRITE_BYTES: usize = 1 << 18;

/// The requests of one chunk, in log order; what they name is numbered by the chunk's own tables.
#[derive(Debug, Default)]
pub(crate) struct TraceBlock {
    pub visits: Vec<Visit>,
    /// The upstreams that the tries number.
    pub upstreams: Vec<Box<[u8]>>,
}

impl TraceBlock {
    /// Gives the endpoints other numbers.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u32) -> u32) {
        self.visits.iter_mut().for_each(|visit| visit.endpoint = number(visit.endpoint));
    }
}

/// Requests on their way into the file.
pub(crate) struct TraceSpool {
    out: BufWriter<File>,
    index: Vec<PageEntry>,
    /// Pages so far, by input.
    pages: Vec<u32>,
    upstreams: Interner,
    written_bytes: u64,
    /// Holds a page while it is encoded.
    scratch: Vec<u8>,
}

/// Where a page lies and what it spans.
#[derive(Clone, Copy, Debug)]
struct PageEntry {
    input: u32,
    /// The page's number within its input.
    number: u32,
    at_byte: u64,
    bytes: u32,
    visits: u32,
    first_ms: i64,
    last_ms: i64,
}

impl TraceSpool {
    /// An empty spool.
    ///
    /// # Errors
    /// When no file can be created in the temporary folder.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let file = tempfile::tempfile().with_context(unable)?;
        Ok(TraceSpool {
            out: BufWriter::with_capacity(WRITE_BYTES, file),
            index: Vec::new(),
            pages: Vec::new(),
            upstreams: Interner::default(),
            written_bytes: 0,
            scratch: Vec::new(),
        })
    }

    /// Appends the next block of an input. The order of the inputs among each other is that of their numbers, whichever
    /// came first.
    ///
    /// # Errors
    /// When the temporary folder is full or broken.
    pub(crate) fn push(&mut self, input: u32, mut block: TraceBlock) -> anyhow::Result<()> {
        let named: Vec<u32> = block.upstreams.iter().map(|name| self.upstreams.intern([b"", name, b""])).collect();
        for visit in &mut block.visits {
            visit.tries.iter_mut().for_each(|attempt| attempt.upstream = named[attempt.upstream as usize]);
        }
        // Stable, so that the log's own order is kept.
        block.visits.sort_by_key(|visit| visit.ended_ms);
        block.visits.chunks(PAGE_VISITS).try_for_each(|page| self.write(input, page).with_context(unable))
    }

    fn write(&mut self, input: u32, page: &[Visit]) -> std::io::Result<()> {
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(()) };
        self.scratch.clear();
        page.iter().for_each(|visit| visit.encode(&mut self.scratch));
        let place = input as usize;
        if place >= self.pages.len() {
            self.pages.resize(place + 1, 0);
        }
        self.index.push(PageEntry {
            input,
            number: self.pages[place],
            at_byte: self.written_bytes,
            bytes: self.scratch.len() as u32,
            visits: page.len() as u32,
            first_ms: first.ended_ms,
            last_ms: last.ended_ms,
        });
        self.pages[place] += 1;
        self.written_bytes += self.scratch.len() as u64;
        self.out.write_all(&self.scratch)
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the temporary folder is full or broken.
    pub(crate) fn finish(self) -> anyhow::Result<Trace> {
        let file = self.out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(unable)?;
        let name = |number: usize| String::from_utf8_lossy(self.upstreams.parts(number as u32)[1]).into_owned();
        Ok(Trace::new(file, self.index, (0..self.upstreams.len()).map(name).collect()))
    }
}

/// What stands before an error of the temporary file.
fn unable() -> String {
    format!(
        "the requests (about 40 bytes each) cannot be kept in the temporary folder {}; make room there, or point TMPDIR \
         to another folder",
        std::env::temp_dir().display()
    )
}
