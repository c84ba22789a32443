//! A reader that gives up on a row without an end, so that no file fills the memory with one row.

use std::io::{self, Read};

/// The longest row of a table, in bytes, give or take what is read at once: millions of different durations in one
/// minute.
const MAX_ROW_BYTES: u64 = 64 << 20;

/// Counts what is read, and the bytes since the start of the row under way. Where rows start the caller tells: a line
/// feed in quotes ends none.
pub(super) struct LimitedRows<R> {
    reader: R,
    /// Bytes read in all.
    pub(super) bytes: u64,
    row_start: u64,
    ends_with_a_line: bool,
}

impl<R> LimitedRows<R> {
    pub(super) fn new(reader: R) -> Self {
        LimitedRows { reader, bytes: 0, row_start: 0, ends_with_a_line: true }
    }

    /// Says that the next row starts at this byte.
    pub(super) fn start_row(&mut self, at: u64) {
        self.row_start = at;
    }

    /// Whether a line feed was read last.
    pub(super) fn ends_with_a_line(&self) -> bool {
        self.ends_with_a_line
    }
}

impl<R: Read> Read for LimitedRows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        if let Some(last) = buffer[..count].last() {
            self.ends_with_a_line = *last == b'\n';
        }
        if self.bytes.saturating_sub(self.row_start) > MAX_ROW_BYTES {
            return Err(io::Error::other(format!("a row is longer than {} MiB", MAX_ROW_BYTES >> 20)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_may_be_as_long_as_the_limit_and_no_longer() {
        let read = |len: u64, starts_row: bool| {
            let mut rows = LimitedRows::new(io::repeat(b'x').take(MAX_ROW_BYTES).chain(io::repeat(b'\n').take(len)));
            let read = io::copy(&mut rows.by_ref().take(MAX_ROW_BYTES), &mut io::sink());
            if starts_row {
                rows.start_row(1);
            }
            read.and_then(|_| io::copy(&mut rows, &mut io::sink()))
        };
        assert_eq!(read(0, false).unwrap(), 0);
        assert!(read(1, false).is_err());
        assert_eq!(read(1, true).unwrap(), 1);
        assert!(read(2, true).is_err());
    }
}
