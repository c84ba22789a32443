//! Calls per developer and window as one chunk of lines adds them.

/// Calls of one developer in one window; a developer may stand in several cells of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageCell {
    /// The window, counted from the epoch.
    pub window: i64,
    /// The developer, in the worker's numbering.
    pub developer: u32,
    /// Calls.
    pub calls: u64,
}

/// Collects one chunk's calls; reused from chunk to chunk.
pub struct UsageBuilder {
    window_ms: i64,
    chunk: u32,
    /// The bounds of the last call's window, so that the usual case needs no division.
    start_ms: i64,
    end_ms: i64,
    window: i64,
    /// Chunk and cell of each developer's last call.
    last: Vec<(u32, u32)>,
    cells: Vec<UsageCell>,
}

impl UsageBuilder {
    /// A builder for windows of `window_ms` milliseconds.
    pub fn new(window_ms: i64) -> Self {
        let (start_ms, end_ms) = (i64::MAX, i64::MIN);
        UsageBuilder { window_ms, chunk: 1, start_ms, end_ms, window: 0, last: Vec::new(), cells: Vec::new() }
    }

    /// Counts a call.
    #[inline]
    pub fn add(&mut self, timestamp_ms: i64, developer: u32) {
        if timestamp_ms < self.start_ms || timestamp_ms >= self.end_ms {
            self.window = timestamp_ms.div_euclid(self.window_ms);
            self.start_ms = self.window * self.window_ms;
            self.end_ms = self.start_ms + self.window_ms;
        }
        let index = developer as usize;
        if index >= self.last.len() {
            self.last.resize(index + 1, (0, 0));
        }
        let (chunk, cell) = self.last[index];
        match self.cells.get_mut(cell as usize) {
            Some(cell) if chunk == self.chunk && cell.window == self.window => cell.calls += 1,
            _ => {
                self.last[index] = (self.chunk, self.cells.len() as u32);
                self.cells.push(UsageCell { window: self.window, developer, calls: 1 });
            }
        }
    }

    /// The chunk's cells; the builder is empty afterwards.
    pub fn finish(&mut self) -> Vec<UsageCell> {
        self.chunk = self.chunk.wrapping_add(1).max(1);
        std::mem::take(&mut self.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_half_open() {
        let mut builder = UsageBuilder::new(100);
        for (timestamp_ms, developer) in [(0, 1), (99, 1), (100, 1), (99, 0), (-1, 1)] {
            builder.add(timestamp_ms, developer);
        }
        let cells: Vec<_> = builder.finish().iter().map(|c| (c.window, c.developer, c.calls)).collect();
        assert_eq!(cells, [(0, 1, 2), (1, 1, 1), (0, 0, 1), (-1, 1, 1)]);
        builder.add(0, 1);
        assert_eq!(builder.finish(), [UsageCell { window: 0, developer: 1, calls: 1 }]);
    }
}
