//! A reader that gives up on a line without an end, so that no file fills the memory with one row.

use std::io::{self, Read};

/// The longest line of a table, in bytes: millions of different durations in one minute.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Counts what is read, and the bytes since the last line feed.
pub(super) struct LimitedLines<R> {
    reader: R,
    /// Bytes read in all.
    pub(super) bytes: u64,
    in_line: u64,
}

impl<R> LimitedLines<R> {
    pub(super) fn new(reader: R) -> Self {
        LimitedLines { reader, bytes: 0, in_line: 0 }
    }

    /// Whether a line feed was read last.
    pub(super) fn ends_with_a_line(&self) -> bool {
        self.in_line == 0
    }
}

impl<R: Read> Read for LimitedLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        self.in_line = match memchr::memrchr(b'\n', &buffer[..count]) {
            Some(at) => (count - at - 1) as u64,
            None => self.in_line + count as u64,
        };
        if self.in_line > MAX_LINE_BYTES {
            return Err(io::Error::other(format!("a line is longer than {} MiB", MAX_LINE_BYTES >> 20)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        let read = |len: u64| {
            let text = io::Cursor::new(b"a\n").chain(io::repeat(b'x').take(len)).chain(io::Cursor::new(b"\nb"));
            io::copy(&mut LimitedLines::new(text), &mut io::sink())
        };
        assert_eq!(read(MAX_LINE_BYTES).unwrap(), MAX_LINE_BYTES + 4);
        assert!(read(MAX_LINE_BYTES + 1).is_err());
    }
}
