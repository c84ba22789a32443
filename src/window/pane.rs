//! Per-pane, per-endpoint exact counts that merge by addition.
//!
//! A pane is the stretch `((p - 1) * length, p * length]`; its length divides both the cycle's interval
//! and the window, so that every window is a whole number of panes. A worker fills a [`PaneBuilder`] from
//! one chunk of lines; [`OpenPanes`] adds the results up until no more can come for a pane. The order of
//! additions must not show in the result.

use super::value_run::{ValueRun, ValueRuns};
use std::collections::BTreeMap;

/// The pane of requests that belong to no cycle (too late): they count in totals only.
pub const NO_PANE: i64 = i64::MIN;

/// The number of the pane that holds a timestamp.
#[inline(always)]
pub fn pane_of(timestamp_ms: i64, pane_ms: i64) -> i64 {
    -(-timestamp_ms).div_euclid(pane_ms)
}

/// How a request was answered, as far as panes tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There was something to answer with.
    Found,
    /// Status 404.
    NotFound,
    /// Status 500 or above.
    Failed,
}

/// What happened to one endpoint in one pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Requests with status 500 or above.
    pub errors: u64,
    /// Requests with a duration.
    pub timed: u64,
    /// Sum of the durations, in nanoseconds.
    pub duration_ns: u128,
}

impl Counts {
    /// Adds another's counts.
    #[inline]
    pub fn add(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.timed += other.timed;
        self.duration_ns += other.duration_ns;
    }

    /// Takes back what was added before.
    #[inline]
    pub fn subtract(&mut self, other: &Counts) {
        self.requests -= other.requests;
        self.errors -= other.errors;
        self.timed -= other.timed;
        self.duration_ns -= other.duration_ns;
    }

    /// Mean duration in milliseconds; `None` without durations.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.timed > 0).then(|| nanos_to_ms(self.duration_ns) / self.timed as f64)
    }

    /// `errors / requests`, 0 without requests.
    pub fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }
}

/// Nanoseconds as milliseconds; exact for whole milliseconds below 2^53.
pub fn nanos_to_ms(nanos: u128) -> f64 {
    const NANOS_PER_MS: u128 = 1_000_000;
    if nanos.is_multiple_of(NANOS_PER_MS) { (nanos / NANOS_PER_MS) as f64 } else { nanos as f64 / NANOS_PER_MS as f64 }
}

/// One endpoint's part of one pane, as found in one chunk.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The pane, or [`NO_PANE`].
    pub pane: i64,
    /// The endpoint, in the worker's numbering.
    pub endpoint: u32,
    /// What was counted.
    pub counts: Counts,
    /// The longest duration, in nanoseconds.
    pub max_ns: u64,
    /// The first answer other than [`Answer::NotFound`], UTC ms; `i64::MAX` when there was none.
    pub found_ms: i64,
}

/// First and last timestamp seen in one pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The pane.
    pub pane: i64,
    /// Smallest timestamp, UTC ms.
    pub first_ms: i64,
    /// Largest timestamp, UTC ms.
    pub last_ms: i64,
}

/// What one chunk adds to the panes. An endpoint may stand in several cells of one pane.
#[derive(Debug, Default)]
pub struct PanePart {
    /// The cells.
    pub cells: Vec<Cell>,
    /// Durations in nanoseconds: `cells[0].timed` of the first cell, then those of the second, and so on.
    pub values_ns: Vec<u64>,
    /// The panes touched, [`NO_PANE`] left out.
    pub spans: Vec<Span>,
}

#[derive(Clone, Copy)]
struct LastCell {
    pane: i64,
    cell: u32,
    chunk: u32,
}

/// Collects one chunk's requests into a [`PanePart`]; reused from chunk to chunk.
pub struct PaneBuilder {
    pane_ms: i64,
    chunk: u32,
    /// The bounds of the pane of the last request, so that the usual case needs no division.
    pane_start_ms: i64,
    pane_end_ms: i64,
    pane: i64,
    span: usize,
    last_cells: Vec<LastCell>,
    part: PanePart,
    records: Vec<(u32, u64)>,
    offsets: Vec<u32>,
}

impl PaneBuilder {
    /// A builder for panes of `pane_ms` milliseconds.
    pub fn new(pane_ms: i64) -> Self {
        PaneBuilder {
            pane_ms,
            chunk: 0,
            pane_start_ms: i64::MAX,
            pane_end_ms: i64::MIN,
            pane: NO_PANE,
            span: 0,
            last_cells: Vec::new(),
            part: PanePart::default(),
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
        let span = &mut self.part.spans[self.span];
        span.last_ms = span.last_ms.max(timestamp_ms);
        span.first_ms = span.first_ms.min(timestamp_ms);
        self.count(self.pane, timestamp_ms, endpoint, answer, duration_ns);
    }

    /// Counts a request in the totals only.
    pub fn add_late(&mut self, timestamp_ms: i64, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        self.count(NO_PANE, timestamp_ms, endpoint, answer, duration_ns);
    }

    #[inline(always)]
    fn count(&mut self, pane: i64, timestamp_ms: i64, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        let cell = self.cell_of(pane, endpoint);
        let Cell { counts, max_ns, found_ms, .. } = &mut self.part.cells[cell as usize];
        counts.requests += 1;
        counts.errors += u64::from(answer == Answer::Failed);
        if answer != Answer::NotFound {
            *found_ms = (*found_ms).min(timestamp_ms);
        }
        if let Some(nanos) = duration_ns {
            counts.timed += 1;
            counts.duration_ns += u128::from(nanos);
            *max_ns = (*max_ns).max(nanos);
            self.records.push((cell, nanos));
        }
    }

    #[inline(always)]
    fn cell_of(&mut self, pane: i64, endpoint: u32) -> u32 {
        if let Some(last) = self.last_cells.get(endpoint as usize)
            && last.chunk == self.chunk
            && last.pane == pane
        {
            return last.cell;
        }
        self.open_cell(pane, endpoint)
    }

    #[cold]
    fn open_cell(&mut self, pane: i64, endpoint: u32) -> u32 {
        let index = endpoint as usize;
        if index >= self.last_cells.len() {
            let unused = LastCell { pane: NO_PANE, cell: 0, chunk: self.chunk.wrapping_sub(1) };
            self.last_cells.resize(index + 1, unused);
        }
        let cell = self.part.cells.len() as u32;
        self.part.cells.push(Cell { pane, endpoint, counts: Counts::default(), max_ns: 0, found_ms: i64::MAX });
        self.last_cells[index] = LastCell { pane, cell, chunk: self.chunk };
        cell
    }

    #[cold]
    fn enter_pane(&mut self, timestamp_ms: i64) {
        self.pane = pane_of(timestamp_ms, self.pane_ms);
        self.pane_end_ms = self.pane * self.pane_ms;
        self.pane_start_ms = self.pane_end_ms - self.pane_ms;
        let known = self.part.spans.iter().position(|span| span.pane == self.pane);
        self.span = known.unwrap_or_else(|| {
            self.part.spans.push(Span { pane: self.pane, first_ms: timestamp_ms, last_ms: timestamp_ms });
            self.part.spans.len() - 1
        });
    }

    /// The chunk's part; the builder is empty afterwards.
    pub fn finish(&mut self) -> PanePart {
        self.group_values();
        self.records.clear();
        self.chunk = self.chunk.wrapping_add(1);
        (self.pane_start_ms, self.pane_end_ms) = (i64::MAX, i64::MIN);
        std::mem::take(&mut self.part)
    }

    /// Sorts the durations by cell (a counting sort), so that the merge copies runs.
    fn group_values(&mut self) {
        self.offsets.clear();
        let mut next = 0u32;
        for cell in &self.part.cells {
            self.offsets.push(next);
            next += cell.counts.timed as u32;
        }
        self.part.values_ns.resize(self.records.len(), 0);
        for &(cell, nanos) in &self.records {
            let slot = &mut self.offsets[cell as usize];
            self.part.values_ns[*slot as usize] = nanos;
            *slot += 1;
        }
    }
}

/// One endpoint's part of a pane, all chunks together.
#[derive(Debug)]
pub struct EndpointPane {
    /// What was counted.
    pub counts: Counts,
    /// The durations, in no particular order.
    pub values: ValueRuns,
    /// See [`Cell::found_ms`].
    pub found_ms: i64,
}

impl Default for EndpointPane {
    fn default() -> Self {
        EndpointPane { counts: Counts::default(), values: ValueRuns::default(), found_ms: i64::MAX }
    }
}

impl EndpointPane {
    /// Adds what another has.
    pub fn append(&mut self, other: EndpointPane) {
        self.counts.add(&other.counts);
        self.found_ms = self.found_ms.min(other.found_ms);
        self.values.append(other.values);
    }
}

/// One pane, all endpoints.
#[derive(Debug)]
pub struct Pane {
    /// First and last timestamp.
    pub span: Span,
    /// By endpoint, in the run's numbering; where chunks overlap, an endpoint may stand more than once.
    pub endpoints: Vec<(u32, EndpointPane)>,
}

/// Panes that may still grow.
#[derive(Debug, Default)]
pub struct OpenPanes {
    panes: BTreeMap<i64, Pane>,
    /// Pane and position of each endpoint's last entry, so that its next part finds it without a search.
    last: Vec<(i64, u32)>,
}

impl OpenPanes {
    /// Adds one cell, its endpoint in the run's numbering, with its durations.
    pub fn add(&mut self, cell: &Cell, values: ValueRun) {
        if let Some(entry) = self.entry(cell.pane, cell.endpoint) {
            entry.counts.add(&cell.counts);
            entry.found_ms = entry.found_ms.min(cell.found_ms);
            entry.values.push(values);
        }
    }

    /// The same with durations in nanoseconds and how often each occurred; what the cell tells of the longest is unused.
    pub fn add_counted(&mut self, cell: &Cell, values: &[(u64, u64)]) {
        if let Some(entry) = self.entry(cell.pane, cell.endpoint) {
            entry.counts.add(&cell.counts);
            entry.found_ms = entry.found_ms.min(cell.found_ms);
            entry.values.push_counted(values);
        }
    }

    /// The endpoint's entry in a pane that is open.
    fn entry(&mut self, pane: i64, endpoint: u32) -> Option<&mut EndpointPane> {
        let Pane { endpoints, .. } = self.panes.get_mut(&pane)?;
        let index = endpoint as usize;
        if index >= self.last.len() {
            self.last.resize(index + 1, (NO_PANE, 0));
        }
        let last = &mut self.last[index];
        if last.0 != pane {
            *last = (pane, endpoints.len() as u32);
            endpoints.push((endpoint, EndpointPane::default()));
        }
        endpoints.get_mut(last.1 as usize).map(|(_, entry)| entry)
    }

    /// Calls `change` with every endpoint's number, to be read or to be given another.
    pub fn for_each_endpoint(&mut self, mut change: impl FnMut(&mut u32)) {
        for pane in self.panes.values_mut() {
            pane.endpoints.iter_mut().for_each(|(endpoint, _)| change(endpoint));
        }
        // An endpoint may then stand in a pane more than once, which is no harm.
        self.last.clear();
    }

    /// Opens the pane of `span`, or widens its span.
    pub fn open(&mut self, span: Span) {
        let pane = self.panes.entry(span.pane).or_insert_with(|| Pane { span, endpoints: Vec::new() });
        pane.span.first_ms = pane.span.first_ms.min(span.first_ms);
        pane.span.last_ms = pane.span.last_ms.max(span.last_ms);
    }

    /// The earliest pane's span.
    pub fn first(&self) -> Option<Span> {
        self.panes.first_key_value().map(|(_, pane)| pane.span)
    }

    /// Removes and returns the earliest pane if it is `last_pane` or earlier.
    pub fn take_until(&mut self, last_pane: i64) -> Option<Pane> {
        let entry = self.panes.first_entry()?;
        (*entry.key() <= last_pane).then(|| entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_are_left_open() {
        assert_eq!(pane_of(60_000, 60_000), 1);
        assert_eq!(pane_of(60_001, 60_000), 2);
        assert_eq!(pane_of(0, 60_000), 0);
        assert_eq!(pane_of(1, 60_000), 1);
        assert_eq!(pane_of(-59_999, 60_000), 0);
        assert_eq!(pane_of(-60_000, 60_000), -1);
    }

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
