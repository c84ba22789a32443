//! The whole lines of a part of a plain file, read piece by piece into a buffer that is used again.
//!
//! A piece's last line is put before the next piece, so that no byte is read twice. No line is looked into here.

use super::{EXTENSION_BYTES, MAX_LINE_BYTES};
use memchr::{memchr, memrchr};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Read of a file at once: little enough to be still in the cache when it is parsed.
pub(super) const PIECE_BYTES: usize = 128 << 10;

/// Read behind a chunk's end at once, in the hope that its last line ends there.
const OVERLAP_BYTES: usize = 4 << 10;

/// Pieces are read to where the file's pages would lie in memory, which the kernel copies faster.
const PAGE_BYTES: usize = 4 << 10;

/// Reads a part of a file, in which lines are longer than what is read at once, or begin before it.
pub(super) struct LineReader<'a> {
    file: &'a File,
    /// Where to read on.
    at: u64,
    len: u64,
    buffer: &'a mut Vec<u8>,
    /// Where in the buffer a piece begins.
    piece: usize,
    /// Bytes before it: the start of a line that the piece goes on with.
    begun: usize,
    /// Whether the piece begins in a line that is another's, or was cut short.
    is_inside: bool,
}

impl<'a> LineReader<'a> {
    /// A reader of what is behind the first line feed from `start` on, and of all where that is 0.
    pub(super) fn new(file: &'a File, start: u64, len: u64, buffer: &'a mut Vec<u8>) -> Self {
        let mut reader = LineReader { file, at: start, len, buffer, piece: 0, begun: 0, is_inside: start > 0 };
        reader.make_room(PAGE_BYTES);
        reader
    }

    /// Makes a buffer with room for so many bytes before a piece.
    fn make_room(&mut self, room: usize) {
        let needed = room + PAGE_BYTES + PIECE_BYTES.max(EXTENSION_BYTES) + OVERLAP_BYTES;
        if self.buffer.len() < needed {
            *self.buffer = vec![0; needed];
        }
        let after_room = self.buffer[room..].as_ptr().align_offset(PAGE_BYTES);
        self.piece = room + after_room.min(PAGE_BYTES);
    }

    /// Calls `take` with the lines up to the first line feed from `end` on.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn read(mut self, end: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        while !(self.is_inside && self.at >= end) {
            let filled = self.fill(self.piece_end(end))?;
            let stop = self.piece + filled;
            if filled == 0 {
                take_some(&self.buffer[self.piece - self.begun..stop], &mut take);
                return Ok(());
            }
            let mut from = self.piece - self.begun;
            if self.is_inside {
                let line_end = memchr(b'\n', &self.buffer[self.piece..stop]);
                from = line_end.map_or(stop, |line_end| self.piece + line_end + 1);
                self.is_inside = line_end.is_none();
            }
            let to_end = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            if to_end < filled {
                let closing = self.piece + to_end;
                if let Some(line_end) = memchr(b'\n', &self.buffer[closing..stop]) {
                    take_some(self.buffer.get(from..closing + line_end + 1).unwrap_or_default(), &mut take);
                    return Ok(());
                }
            }
            if let Some(line_end) = memrchr(b'\n', &self.buffer[from..stop]) {
                take_some(&self.buffer[from..from + line_end + 1], &mut take);
                from += line_end + 1;
            }
            if stop - from > MAX_LINE_BYTES {
                take_some(&self.buffer[from..stop], &mut take);
                (from, self.is_inside) = (stop, true);
            }
            self.at += filled as u64;
            self.put_aside(from, stop);
        }
        Ok(())
    }

    /// How far to read now.
    fn piece_end(&self, end: u64) -> u64 {
        if self.at >= end {
            return self.at + EXTENSION_BYTES as u64;
        }
        let piece_end = (self.at / PIECE_BYTES as u64 + 1) * PIECE_BYTES as u64;
        if piece_end < end { piece_end } else { end + OVERLAP_BYTES as u64 }
    }

    /// Reads a piece up to `end`; how many bytes came, none at the end of the file.
    fn fill(&mut self, end: u64) -> io::Result<usize> {
        let count = end.min(self.len).saturating_sub(self.at) as usize;
        loop {
            match self.file.read_at(&mut self.buffer[self.piece..self.piece + count], self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Puts the start of a line before the next piece.
    fn put_aside(&mut self, from: usize, to: usize) {
        self.begun = to - from;
        if self.begun > self.piece {
            let begun = self.buffer[from..to].to_vec();
            self.make_room(begun.len().next_power_of_two());
            self.buffer[self.piece - begun.len()..self.piece].copy_from_slice(&begun);
        } else {
            self.buffer.copy_within(from..to, self.piece - self.begun);
        }
    }
}

fn take_some(lines: &[u8], take: &mut impl FnMut(&[u8])) {
    if !lines.is_empty() {
        take(lines);
    }
}
