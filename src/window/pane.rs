//! Per-pane, per-endpoint exact counts that merge by addition.
//!
//! A pane is the stretch `((p - 1) * length, p * length]`; its length divides both the cycle's interval
//! and the window, so that every window is a whole number of panes. A worker fills a [`PaneBuilder`] from
//! one chunk of lines; [`OpenPanes`] adds the results up until no more can come for a pane. The order of
//! additions must not show in the result.

mod builder;

pub use builder::PaneBuilder;

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
}
