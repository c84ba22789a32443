//! Rejected lines of a chunk: all are counted, and some or all kept with their reason.
//!
//! What is wrong with a line is found elsewhere.

use super::ChunkReader;
use crate::request::Rejection;
use crate::source::lines::MAX_LINE_BYTES;
use crate::source::rejected::RejectedLine;

/// Rejected lines of one chunk whose reason is kept when they are not all asked for.
const KEPT_REJECTS: usize = 5;

impl ChunkReader {
    #[cold]
    pub(super) fn reject(&mut self, line: &[u8], rejection: &Rejection) {
        self.part.rejected += 1;
        if self.keeps_reject() {
            self.part.rejects.push(RejectedLine::new(self.part.lines, line, rejection));
        }
    }

    #[cold]
    pub(super) fn reject_overlong(&mut self, line: &[u8]) {
        let column = MAX_LINE_BYTES + 1;
        self.reject(line, &Rejection { column, found: b"a longer line", expected: "at most 1 MiB a line" });
    }

    #[cold]
    pub(super) fn reject_astray(&mut self, timestamp_ms: i64) {
        self.part.rejected += 1;
        if self.keeps_reject() {
            self.part.rejects.push(RejectedLine::astray(self.part.lines, timestamp_ms));
        }
    }

    fn keeps_reject(&self) -> bool {
        self.plan.keeps_all_rejects || self.part.rejects.len() < KEPT_REJECTS
    }
}
