//! Bytes of a text file -> chunks of whole records, so that a table of any size passes through little memory.
//!
//! A record ends with a line break outside of quotes. Nothing else is looked at; no type, no column.

use anyhow::Context;
use memchr::{memchr_iter, memchr2_iter, memrchr2_iter};
use std::fs::File;
use std::io::Read;

/// Bytes of a chunk, unless one record is longer.
const CHUNK_BYTES: usize = 4 << 20;

/// A quote that is still open this far on is a stray one.
const MAX_QUOTED_BYTES: usize = 64 << 20;

/// Whether a line break may stand within a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Quoting {
    /// Between two double quotes, as in CSV; a doubled quote opens and closes again, which comes to the same.
    Csv,
    /// Nowhere.
    None,
}

/// Cuts a file into chunks.
pub(in crate::source) struct Records<R = File> {
    reader: R,
    quoting: Quoting,
    chunk_bytes: usize,
    max_quoted_bytes: usize,
    /// Read, but behind the last record that was handed out.
    rest: Vec<u8>,
    /// Lines that were handed out.
    lines: u64,
    is_done: bool,
}

impl<R: Read> Records<R> {
    pub(in crate::source) fn new(reader: R, quoting: Quoting) -> Self {
        let (chunk_bytes, max_quoted_bytes) = (CHUNK_BYTES, MAX_QUOTED_BYTES);
        Records { reader, quoting, chunk_bytes, max_quoted_bytes, rest: Vec::new(), lines: 0, is_done: false }
    }

    /// The first record that is not empty, with its line break; nothing in an empty file.
    pub(super) fn header(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut looked_at = self.chunk_bytes;
        loop {
            self.fill(looked_at)?;
            let blank = self.rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let after = &self.rest[blank..];
            match first_end(after, self.quoting) {
                Some(end) => {
                    return Ok(self.hand_out(blank + end).split_off(blank));
                }
                None if self.is_done || looked_at >= self.max_quoted_bytes => {
                    return Ok(self.hand_out(self.rest.len()).split_off(blank));
                }
                None => looked_at *= 2,
            }
        }
    }

    /// The next whole records; `None` at the end.
    pub(in crate::source) fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut length = self.chunk_bytes;
        loop {
            self.fill(length)?;
            if self.rest.is_empty() {
                return Ok(None);
            }
            let end = match last_end(&self.rest, self.quoting) {
                _ if self.is_done => self.rest.len(),
                Some(end) => end,
                None if self.rest.len() < self.max_quoted_bytes => {
                    length *= 2;
                    continue;
                }
                None => last_end(&self.rest, Quoting::None).unwrap_or(self.rest.len()),
            };
            return Ok(Some(self.hand_out(end)));
        }
    }

    /// How many lines come before what is handed out next.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    fn hand_out(&mut self, end: usize) -> Vec<u8> {
        let rest = self.rest.split_off(end);
        let records = std::mem::replace(&mut self.rest, rest);
        self.lines += memchr_iter(b'\n', &records).count() as u64;
        records
    }

    /// Reads until `length` bytes are there, or no more.
    fn fill(&mut self, length: usize) -> anyhow::Result<()> {
        if !self.is_done && self.rest.len() < length {
            let room = (length - self.rest.len()) as u64;
            self.reader.by_ref().take(room).read_to_end(&mut self.rest).context("cannot be read")?;
            self.is_done = self.rest.len() < length;
        }
        Ok(())
    }
}

/// Behind the first record.
fn first_end(bytes: &[u8], quoting: Quoting) -> Option<usize> {
    let mut is_quoted = false;
    for at in memchr2_iter(b'\n', b'"', bytes) {
        match (bytes[at], quoting) {
            (b'"', Quoting::Csv) => is_quoted = !is_quoted,
            (b'\n', _) if !is_quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Behind the last whole record.
fn last_end(bytes: &[u8], quoting: Quoting) -> Option<usize> {
    let mut quotes_before = match quoting {
        Quoting::Csv => memchr_iter(b'"', bytes).count(),
        Quoting::None => 0,
    };
    for at in memrchr2_iter(b'\n', b'"', bytes) {
        match (bytes[at], quoting) {
            (b'"', Quoting::Csv) => quotes_before -= 1,
            (b'\n', _) if quotes_before.is_multiple_of(2) => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header and the chunks of `text`, cut as small as it goes.
    fn cut(text: &str, quoting: Quoting, chunk_bytes: usize) -> (String, Vec<String>) {
        let mut records = Records { chunk_bytes, max_quoted_bytes: 64, ..Records::new(text.as_bytes(), quoting) };
        let header = if quoting == Quoting::Csv { records.header().unwrap() } else { Vec::new() };
        let mut chunks = Vec::new();
        while let Some(chunk) = records.next().unwrap() {
            chunks.push(String::from_utf8(chunk).unwrap());
        }
        (String::from_utf8(header).unwrap(), chunks)
    }

    #[test]
    fn chunks_end_with_records_and_add_up_to_the_text() {
        let text = "a,b\n1,\"two\nlines\"\n3,\"a \"\"word\"\"\n\"\n5,6";
        let records = ["1,\"two\nlines\"\n", "3,\"a \"\"word\"\"\n\"\n", "5,6"];
        for chunk_bytes in 1..=text.len() + 1 {
            let (header, chunks) = cut(text, Quoting::Csv, chunk_bytes);
            assert_eq!((&*header, chunks.concat()), ("a,b\n", records.concat()), "{chunk_bytes}");
            let ends: Vec<usize> = (0..=3).map(|count| records[..count].concat().len()).collect();
            let mut end = 0;
            for chunk in &chunks {
                end += chunk.len();
                assert!(ends.contains(&end), "{chunk_bytes}: {chunks:?}");
            }
        }
        assert_eq!(cut(text, Quoting::Csv, 1).1, records);
    }

    #[test]
    fn lines_are_counted_as_they_are_handed_out() {
        let mut records = Records { chunk_bytes: 1, ..Records::new(&b"\na,b\n1,\"\n\"\n2\n3"[..], Quoting::Csv) };
        records.header().unwrap();
        let mut lines = vec![records.lines()];
        while records.next().unwrap().is_some() {
            lines.push(records.lines());
        }
        assert_eq!(lines, [2, 5, 5]);
    }

    #[test]
    fn lines_end_with_lines_whatever_is_quoted() {
        assert_eq!(cut("{\"a\n{\"b\n{", Quoting::None, 1).1, ["{\"a\n", "{\"b\n", "{"]);
    }

    #[test]
    fn a_header_may_be_all_there_is_and_may_come_late() {
        assert_eq!(cut("a,b", Quoting::Csv, 4), ("a,b".to_owned(), Vec::new()));
        assert_eq!(
            cut("\r\n\n\"a\nb\",c\n1,2\n", Quoting::Csv, 4),
            ("\"a\nb\",c\n".to_owned(), vec!["1,2\n".to_owned()])
        );
        assert_eq!(cut("", Quoting::Csv, 4), (String::new(), Vec::new()));
    }

    #[test]
    fn a_quote_that_never_closes_ends_at_the_limit() {
        let text = format!("a,b\n1,\"\n{}", "2,3\n".repeat(40));
        let (_, chunks) = cut(&text, Quoting::Csv, 8);
        assert_eq!(chunks.concat(), text[4..]);
        assert!(
            chunks.len() > 2 && chunks.iter().all(|chunk| chunk.len() <= 64 && chunk.ends_with('\n')),
            "{chunks:?}"
        );
    }
}
