//! Files, pipes and compressed files in; chunks of whole lines out.
//!
//! Plain files are cut by offset, so that workers read them at the same time; everything else is read by one
//! worker at a time. No line is looked into here, and none longer than [`MAX_LINE_BYTES`] is kept whole.

mod reader;

use super::named::Heading;
use memchr::{memchr, memrchr};
use reader::LineReader;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A longer line is rejected; the rest of it is skipped without being kept.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// The text without UTF-8's byte order mark, which some tools put at a file's start.
pub(in crate::source) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Read at once when a line goes on further than was read.
const EXTENSION_BYTES: usize = 64 << 10;

/// A chunk of an input, to be turned into lines by [`Chunk::read`].
pub struct Chunk {
    body: Body,
    /// Bytes of the file (before decompression) that this chunk stands for.
    pub file_bytes: u64,
    /// Where it begins in a log whose columns may change on the way.
    pub heading: Option<Heading>,
    is_first: bool,
}

enum Body {
    /// What lies between the first line feeds from `start` and from `end` on, in a file of `len` bytes; its start and its
    /// end count as such.
    Offsets { file: Arc<File>, start: u64, end: u64, len: u64 },
    /// Whole lines.
    Bytes(Vec<u8>),
}

/// Cuts an input into chunks.
pub enum Chunker {
    /// A plain file.
    Offsets {
        /// The file.
        file: Arc<File>,
        /// Its length when it was opened; what is written later is not read.
        len: u64,
        /// Where the next chunk begins.
        next: u64,
    },
    /// Anything that is read in order.
    Stream(StreamChunker),
    /// Either of them, looked through for headers.
    Headed {
        /// The chunks.
        chunks: Box<Chunker>,
        /// Where the next one begins.
        heading: Heading,
        /// Where a file's bytes are read to.
        buffer: Vec<u8>,
    },
}

impl Chunker {
    /// The next chunk of about `chunk_bytes`, `None` at the end.
    pub fn next(&mut self, chunk_bytes: usize) -> io::Result<Option<Chunk>> {
        match self {
            Chunker::Offsets { file, len, next } => {
                let (start, end) = (*next, (*next + chunk_bytes as u64).min(*len));
                *next = end;
                let body = Body::Offsets { file: Arc::clone(file), start, end, len: *len };
                Ok((start < end).then_some(Chunk {
                    body,
                    file_bytes: end - start,
                    heading: None,
                    is_first: start == 0,
                }))
            }
            Chunker::Stream(stream) => stream.next(chunk_bytes),
            Chunker::Headed { chunks, heading, buffer } => {
                let Some(chunk) = chunks.next(chunk_bytes)? else { return Ok(None) };
                let start = heading.clone();
                chunk.read(buffer, |lines| heading.follow(lines, |_, _| {}))?;
                Ok(Some(Chunk { heading: Some(start), ..chunk }))
            }
        }
    }

    /// The same chunks, each with the header in force at its start; unchanged without a heading.
    pub fn headed(self, heading: Option<Heading>) -> Chunker {
        match heading {
            Some(heading) => Chunker::Headed { chunks: Box::new(self), heading, buffer: Vec::new() },
            None => self,
        }
    }

    /// Whether taking the next chunk means reading.
    pub fn reads(&self) -> bool {
        matches!(self, Chunker::Stream(_) | Chunker::Headed { .. })
    }
}

/// Cuts a stream into chunks of whole lines.
pub struct StreamChunker {
    reader: Box<dyn Read + Send>,
    /// Compressed bytes read so far.
    compressed: Option<Arc<AtomicU64>>,
    compressed_seen: u64,
    /// The start of a line whose end has not been read.
    rest: Vec<u8>,
    is_first: bool,
    is_done: bool,
    /// A read error to be told after what was read before it.
    failed: Option<io::Error>,
}

impl StreamChunker {
    /// A stream; `compressed` counts the bytes read below a decoder.
    pub fn new(reader: Box<dyn Read + Send>, compressed: Option<Arc<AtomicU64>>) -> Self {
        StreamChunker {
            reader,
            compressed,
            compressed_seen: 0,
            rest: Vec::new(),
            is_first: true,
            is_done: false,
            failed: None,
        }
    }

    fn next(&mut self, chunk_bytes: usize) -> io::Result<Option<Chunk>> {
        let mut bytes = Vec::with_capacity(chunk_bytes + self.rest.len());
        bytes.append(&mut self.rest);
        if !self.is_done {
            self.fill(&mut bytes, chunk_bytes);
        }
        if !self.is_done {
            self.cut_at_line_end(&mut bytes);
        }
        if bytes.is_empty() {
            return self.failed.take().map_or(Ok(None), Err);
        }
        let file_bytes = match &self.compressed {
            Some(read) => {
                let now = read.load(Ordering::Relaxed);
                now - std::mem::replace(&mut self.compressed_seen, now)
            }
            None => bytes.len() as u64,
        };
        let is_first = std::mem::replace(&mut self.is_first, false);
        Ok(Some(Chunk { body: Body::Bytes(bytes), file_bytes, heading: None, is_first }))
    }

    /// Reads until there are `limit` bytes in all, or no more; of a stream that breaks off, the line that is cut
    /// is dropped, since its start alone may pass for a whole one.
    fn fill(&mut self, bytes: &mut Vec<u8>, limit: usize) {
        let room = limit.saturating_sub(bytes.len()) as u64;
        let read = self.reader.by_ref().take(room).read_to_end(bytes);
        self.is_done = read.is_err() || bytes.len() < limit;
        if let Err(error) = read {
            bytes.truncate(memrchr(b'\n', bytes).map_or(0, |line_end| line_end + 1));
            self.failed = Some(error);
        }
    }

    /// Keeps whole lines and puts the rest aside; a line without an end in sight is cut short.
    fn cut_at_line_end(&mut self, bytes: &mut Vec<u8>) {
        while !self.is_done {
            if let Some(end) = memrchr(b'\n', bytes) {
                self.rest = bytes.split_off(end + 1);
                return;
            }
            if bytes.len() > MAX_LINE_BYTES {
                bytes.truncate(MAX_LINE_BYTES + 1);
                return self.skip_line();
            }
            let limit = bytes.len() + EXTENSION_BYTES;
            self.fill(bytes, limit);
        }
    }

    fn skip_line(&mut self) {
        let mut buffer = Vec::new();
        while !self.is_done {
            buffer.clear();
            self.fill(&mut buffer, EXTENSION_BYTES);
            if let Some(end) = memchr(b'\n', &buffer) {
                self.rest = buffer.split_off(end + 1);
                return;
            }
        }
    }
}

impl Chunk {
    /// Calls `take` with the chunk's lines, each with its line end, some at a time, without the byte order mark that may
    /// open the input; `buffer` is where a file's bytes are read to.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&self, buffer: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut may_be_marked = self.is_first;
        let mut take = |lines: &[u8]| {
            take(if std::mem::take(&mut may_be_marked) { without_byte_order_mark(lines) } else { lines });
        };
        match &self.body {
            Body::Bytes(bytes) => take(bytes),
            Body::Offsets { file, start, end, len } => {
                LineReader::new(file, *start, *len, buffer).read(*end, take)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::Probe;
    use super::reader::PIECE_BYTES;
    use super::*;
    use crate::plan::InputName;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};

    fn lines_of(chunker: &mut Chunker, chunk_bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = Vec::new();
        while let Some(chunk) = chunker.next(chunk_bytes).unwrap() {
            let taking = chunk.read(&mut buffer, |lines| {
                assert!(lines.is_empty() || all.is_empty() || all.ends_with(b"\n"), "a piece begins inside a line");
                all.extend_from_slice(lines);
            });
            taking.unwrap();
        }
        all
    }

    fn plain(content: &[u8]) -> (tempfile::NamedTempFile, Chunker) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
        let chunker = probe.into_chunker().unwrap();
        (file, chunker)
    }

    proptest! {
        #[test]
        fn chunks_are_whole_lines_and_lose_nothing(
            lines in prop::collection::vec("[a-z]{0,40}", 0..60),
            ends_with_newline: bool,
            chunk_bytes in 1usize..100,
        ) {
            let mut content = lines.join("\n").into_bytes();
            if ends_with_newline {
                content.push(b'\n');
            }
            let (_file, mut chunker) = plain(&content);
            prop_assert_eq!(lines_of(&mut chunker, chunk_bytes), content.clone());
            let reader = Box::new(Cursor::new(content.clone()));
            let mut stream = Chunker::Stream(StreamChunker::new(reader, None));
            prop_assert_eq!(lines_of(&mut stream, chunk_bytes), content);
        }
    }

    #[test]
    fn lines_across_pieces_are_whole() {
        for line_len in [1, 100, 4096, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let line: Vec<u8> = (0..line_len).map(|at| b'a' + (at % 26) as u8).chain([b'\n']).collect();
            let content = line.repeat((5 * PIECE_BYTES).div_ceil(line.len()));
            for chunk_bytes in [PIECE_BYTES - 7, 2 * PIECE_BYTES, content.len()] {
                let (_file, mut chunker) = plain(&content);
                assert!(lines_of(&mut chunker, chunk_bytes) == content, "{line_len} {chunk_bytes}");
            }
        }
    }

    #[test]
    fn an_endless_line_is_cut_short() {
        let mut content = b"first\n".to_vec();
        content.extend(vec![b'x'; 5 * MAX_LINE_BYTES]);
        content.extend(b"\nlast\n");
        let (_file, mut chunker) = plain(&content);
        let mut stream = Chunker::Stream(StreamChunker::new(Box::new(Cursor::new(content.clone())), None));
        for chunker in [&mut chunker, &mut stream] {
            let mut buffer = Vec::new();
            let (mut lines, mut longest) = (Vec::new(), 0);
            while let Some(chunk) = chunker.next(MAX_LINE_BYTES / 4).unwrap() {
                let taking = chunk.read(&mut buffer, |piece| {
                    for line in piece.split_inclusive(|byte| *byte == b'\n') {
                        longest = longest.max(line.len());
                        lines.push(line[..line.len().min(6)].to_vec());
                    }
                });
                taking.unwrap();
            }
            assert_eq!(lines, [b"first\n".to_vec(), b"xxxxxx".to_vec(), b"last\n".to_vec()]);
            assert!(longest > MAX_LINE_BYTES && longest < 2 * MAX_LINE_BYTES, "{longest}");
        }
    }

    /// A stream that ends with an error.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    #[test]
    fn a_broken_stream_loses_its_cut_line_alone() {
        for (content, expected) in [("one\ntwo\nthr", "one\ntwo\n"), ("one\ntwo\n", "one\ntwo\n"), ("on", "")] {
            for chunk_bytes in 1..20 {
                let reader = Cursor::new(content.as_bytes()).chain(Broken);
                let mut stream = StreamChunker::new(Box::new(reader), None);
                let (mut all, mut buffer) = (Vec::new(), Vec::new());
                let told = loop {
                    match stream.next(chunk_bytes) {
                        Ok(Some(chunk)) => chunk.read(&mut buffer, |lines| all.extend_from_slice(lines)).unwrap(),
                        ended => break ended.map(|_| ()),
                    }
                };
                assert_eq!(String::from_utf8_lossy(&all), expected, "{chunk_bytes}");
                assert_eq!(told.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }

    #[test]
    fn gzip_members_are_read_one_after_the_other_and_a_cut_is_told() {
        let member = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let mut content = member(b"one\ntwo\n");
        content.extend(member(b"three\n"));
        let (_file, mut chunker) = plain(&content);
        assert_eq!(lines_of(&mut chunker, 100), b"one\ntwo\nthree\n");

        let (_file, mut chunker) = plain(&content[..content.len() - 9]);
        let mut buffer = Vec::new();
        let chunk = chunker.next(100).unwrap().unwrap();
        chunk.read(&mut buffer, |lines| assert!(lines.starts_with(b"one\ntwo\n"))).unwrap();
        assert!(chunker.next(100).is_err());
    }
}
