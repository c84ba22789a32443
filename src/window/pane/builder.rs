//! Counts one chunk's requests by pane and endpoint.
//!
//! This runs for every request: it looks a cell up, adds to it, and puts the duration aside; whatever follows from the
//! durations is added up once the chunk is read.

use super::{Answer, Cell, Counts, NO_PANE, PanePart, Span, pane_of};

/// Where an endpoint was counted last.
#[derive(Clone, Copy, Default)]
struct LastCell {
    /// The stay in a pane.
    stay: u32,
    cell: u32,
}

/// A cell while its chunk is read; what follows from the durations is added up in the end.
#[derive(Clone, Copy)]
struct OpenCell {
    pane: i64,
    /// See [`Cell::found_ms`].
    found_ms: i64,
    endpoint: u32,
    requests: u32,
    errors: u32,
    timed: u32,
}

/// Collects one chunk's requests into a [`PanePart`]; reused from chunk to chunk.
pub struct PaneBuilder {
    pane_ms: i64,
    /// The bounds of the pane of the last request, so that the usual case needs no division.
    pane_start_ms: i64,
    pane_end_ms: i64,
    pane: i64,
    span: usize,
    /// The pane's number in the order in which this builder came to them, over all chunks.
    stay: u32,
    /// The number of the pane that is none, in this chunk; that of its first pane is the next.
    no_stay: u32,
    last_cells: Vec<LastCell>,
    cells: Vec<OpenCell>,
    spans: Vec<Span>,
    records: Vec<(u32, u64)>,
    offsets: Vec<u32>,
}

impl PaneBuilder {
    /// A builder for panes of `pane_ms` milliseconds.
    pub fn new(pane_ms: i64) -> Self {
        PaneBuilder {
            pane_ms,
            pane_start_ms: i64::MAX,
            pane_end_ms: i64::MIN,
            pane: NO_PANE,
            span: 0,
            stay: 0,
            no_stay: 1,
            last_cells: Vec::new(),
            cells: Vec::new(),
            spans: Vec::new(),
            records: Vec::new(),
            offsets: Vec::new(),
        }
    }

    /// Counts a request in the pane of its timestamp.
    #[inline(always)]
    pub fn add(&mut self, timestamp_ms: i64, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        if timestamp_ms <= self.pane_start_ms || timestamp_ms > self.pane_end_ms {
            self.enter_pane(timestamp_ms);
        }
        let span = &mut self.spans[self.span];
        span.last_ms = span.last_ms.max(timestamp_ms);
        span.first_ms = span.first_ms.min(timestamp_ms);
        self.add_again(timestamp_ms, endpoint, answer, duration_ns);
    }

    /// The same for a request whose timestamp is that of the one added before.
    #[inline(always)]
    pub fn add_again(&mut self, timestamp_ms: i64, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        self.count((self.pane, self.stay), timestamp_ms, endpoint, answer, duration_ns);
    }

    /// Counts a request in the totals only.
    pub fn add_late(&mut self, timestamp_ms: i64, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        self.count((NO_PANE, self.no_stay), timestamp_ms, endpoint, answer, duration_ns);
    }

    #[inline(always)]
    fn count(
        &mut self,
        (pane, stay): (i64, u32),
        timestamp_ms: i64,
        endpoint: u32,
        answer: Answer,
        duration_ns: Option<u64>,
    ) {
        let cell = match self.last_cells.get(endpoint as usize) {
            Some(last) if last.stay == stay => last.cell,
            _ => self.open_cell(pane, stay, endpoint),
        };
        let OpenCell { found_ms, requests, errors, timed, .. } = &mut self.cells[cell as usize];
        *requests += 1;
        *errors += u32::from(answer == Answer::Failed);
        if answer != Answer::NotFound {
            *found_ms = (*found_ms).min(timestamp_ms);
        }
        if let Some(nanos) = duration_ns {
            *timed += 1;
            self.records.push((cell, nanos));
        }
    }

    #[cold]
    #[inline(never)]
    fn open_cell(&mut self, pane: i64, stay: u32, endpoint: u32) -> u32 {
        let index = endpoint as usize;
        if index >= self.last_cells.len() {
            self.last_cells.resize(index + 1, LastCell::default());
        }
        let cell = self.cells.len() as u32;
        self.cells.push(OpenCell { pane, found_ms: i64::MAX, endpoint, requests: 0, errors: 0, timed: 0 });
        self.last_cells[index] = LastCell { stay, cell };
        cell
    }

    #[cold]
    fn enter_pane(&mut self, timestamp_ms: i64) {
        self.pane = pane_of(timestamp_ms, self.pane_ms);
        self.pane_end_ms = self.pane * self.pane_ms;
        self.pane_start_ms = self.pane_end_ms - self.pane_ms;
        let known = self.spans.iter().position(|span| span.pane == self.pane);
        self.span = known.unwrap_or_else(|| {
            self.spans.push(Span { pane: self.pane, first_ms: timestamp_ms, last_ms: timestamp_ms });
            self.spans.len() - 1
        });
        self.stay = self.no_stay + 1 + self.span as u32;
    }

    /// The chunk's part; the builder is empty afterwards.
    pub fn finish(&mut self) -> PanePart {
        let values_ns = self.grouped_values();
        let mut start = 0;
        let whole = |open: &OpenCell| {
            let end = start + open.timed as usize;
            let values = &values_ns[start..end];
            start = end;
            open.whole(values)
        };
        let cells = self.cells.iter().map(whole).collect();
        let spans = std::mem::take(&mut self.spans);
        self.cells.clear();
        self.records.clear();
        (self.pane_start_ms, self.pane_end_ms) = (i64::MAX, i64::MIN);
        self.number_stays_from(self.no_stay.saturating_add(1 + spans.len() as u32));
        PanePart { cells, values_ns, spans }
    }

    fn number_stays_from(&mut self, next: u32) {
        self.no_stay = next;
        if next > u32::MAX / 2 {
            self.last_cells.clear();
            self.no_stay = 1;
        }
    }

    /// The durations by cell (a counting sort), so that the merge copies runs.
    fn grouped_values(&mut self) -> Vec<u64> {
        self.offsets.clear();
        let mut next = 0u32;
        for cell in &self.cells {
            self.offsets.push(next);
            next += cell.timed;
        }
        let mut values_ns = vec![0; self.records.len()];
        for &(cell, nanos) in &self.records {
            let slot = &mut self.offsets[cell as usize];
            values_ns[*slot as usize] = nanos;
            *slot += 1;
        }
        values_ns
    }
}

impl OpenCell {
    /// The cell with its durations.
    fn whole(&self, values_ns: &[u64]) -> Cell {
        let OpenCell { pane, found_ms, endpoint, requests, errors, timed } = *self;
        let max_ns = values_ns.iter().copied().max().unwrap_or(0);
        let is_small = max_ns.checked_mul(values_ns.len() as u64).is_some();
        let duration_ns = match is_small {
            true => u128::from(values_ns.iter().sum::<u64>()),
            false => values_ns.iter().map(|nanos| u128::from(*nanos)).sum(),
        };
        let counts = Counts { requests: requests.into(), errors: errors.into(), timed: timed.into(), duration_ns };
        Cell { pane, endpoint, counts, max_ns, found_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_with_their_cell() {
        let mut builder = PaneBuilder::new(60_000);
        builder.add(10, 7, Answer::Found, Some(1));
        builder.add(20, 3, Answer::Failed, Some(2));
        builder.add(30, 7, Answer::Found, None);
        builder.add(70_000, 7, Answer::Found, Some(3));
        builder.add(40, 7, Answer::Failed, Some(4));
        builder.add_late(50, 3, Answer::NotFound, Some(5));
        let part = builder.finish();

        let mut rest = &part.values_ns[..];
        let mut rows = Vec::new();
        for cell in &part.cells {
            let (values, tail) = rest.split_at(cell.counts.timed as usize);
            rest = tail;
            rows.push((cell.pane, cell.endpoint, cell.counts.requests, cell.counts.errors, values.to_vec()));
        }
        rows.sort();
        assert_eq!(
            rows,
            [
                (NO_PANE, 3, 1, 0, vec![5]),
                (1, 3, 1, 1, vec![2]),
                (1, 7, 1, 1, vec![4]),
                (1, 7, 2, 0, vec![1]),
                (2, 7, 1, 0, vec![3]),
            ]
        );
        assert_eq!(
            part.spans,
            [Span { pane: 1, first_ms: 10, last_ms: 40 }, Span { pane: 2, first_ms: 70_000, last_ms: 70_000 }]
        );
    }

    #[test]
    fn a_builder_starts_anew_after_finish() {
        let mut builder = PaneBuilder::new(1000);
        builder.add(10, 0, Answer::Found, Some(1));
        builder.finish();
        builder.add(11, 0, Answer::Found, Some(2));
        let part = builder.finish();
        assert_eq!((part.cells.len(), part.values_ns, part.spans.len()), (1, vec![2], 1));
    }
}
