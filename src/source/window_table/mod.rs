//! Window tables in: rows of a CSV or Parquet file that `learn windows` wrote, checked one by one.
//!
//! A table is written by a machine, so a row that cannot be is an error, not a line to skip. What a table cannot
//! answer is refused before it is read. Nothing here knows what the rows are for.

mod csv;
mod limit;
mod parquet;
mod refusal;
mod row;

pub use refusal::{refuse_rules, refuse_selection};
pub use row::CheckedRow;

use super::lines::without_byte_order_mark;
use super::probe::Probe;
use super::tally::InputTally;
use super::{FormatInfo, filter::admits};
use crate::plan::{Filter, Unit};
use crate::report::WINDOW_TABLE;
use crate::route::endpoint::EndpointNames;
use crate::window::minute::{MinuteKey, MinuteRow, MinuteTable};
use crate::window::table::{COLUMNS, DURATIONS};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Text with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// So many columns make a header: one could stand in a log's first line.
const TELLING_COLUMNS: usize = 4;

impl Layout {
    /// By an input's first bytes; `None` when it is no table.
    pub fn of(sample: &[u8]) -> Option<Layout> {
        let text = without_byte_order_mark(sample);
        // In another place than the first it is a table, too, though none that can be read.
        let named = |cell: &[u8]| {
            let cell = cell.trim_ascii();
            let cell = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell);
            COLUMNS.iter().position(|name| name.as_bytes() == cell)
        };
        let header = text.split(|byte| *byte == b'\n').next().unwrap_or_default().split(|byte| *byte == b',');
        let found: BTreeSet<usize> = header.filter_map(named).collect();
        match found.contains(&0) && found.len() >= TELLING_COLUMNS {
            _ if sample.starts_with(b"PAR1") => Some(Layout::Parquet),
            true => Some(Layout::Csv),
            false => None,
        }
    }

    fn name(self) -> String {
        let form = match self {
            Layout::Csv => "CSV",
            Layout::Parquet => "Parquet",
        };
        format!("{WINDOW_TABLE} ({form})")
    }
}

/// The most requests that are taken in all: what a JSON number tells exactly. No sum of them can overflow.
const MAX_REQUESTS: u64 = 1 << 53;

/// Where rows go.
pub struct TableSink<'a> {
    /// Rows that may still grow.
    pub minutes: MinuteTable,
    /// The endpoints of the run.
    pub names: &'a mut EndpointNames,
    /// Filters of methods and routes.
    pub filters: &'a [Filter],
    /// The latency that the run wants: `request` or `upstream`.
    pub latency: &'static str,
    /// Requests of all tables so far.
    pub requests: u64,
}

/// Reads a table into the sink; gives what was counted, and the time of its first request.
///
/// # Errors
/// A table that cannot be read, lacks columns, or holds a row that cannot be.
pub fn read(probe: Probe, layout: Layout, sink: &mut TableSink) -> anyhow::Result<(Option<i64>, InputTally)> {
    let path = probe.shown.clone();
    let info = FormatInfo {
        name: layout.name(),
        latency_field: Some(DURATIONS.to_owned()),
        latency_unit: Some(Unit::Nanos),
        developer_field: None,
        developer_is_key: false,
        latency_hint: None,
    };
    let mut tally = InputTally::new(path.clone(), Some(info), probe.compression, false);
    tally.input.bytes = probe.file().and_then(|file| Some(file.metadata().ok()?.len())).unwrap_or(0);
    let mut first_ms = None;
    let mut take = |row: CheckedRow| {
        tally.input.lines += 1;
        let row_ms = row.counts.ended_ms.0;
        first_ms = Some(first_ms.map_or(row_ms, |first_ms: i64| first_ms.min(row_ms)));
        sink.take(row, &mut tally)
    };
    let bytes = match layout {
        Layout::Csv => csv::read(probe, &mut take),
        Layout::Parquet => parquet::read(&probe, &mut take),
    };
    let bytes = bytes.with_context(|| path)?;
    tally.input.bytes = tally.input.bytes.max(bytes);
    Ok((first_ms, tally))
}

impl TableSink<'_> {
    fn take(&mut self, row: CheckedRow, tally: &mut InputTally) -> anyhow::Result<()> {
        self.requests += row.counts.requests;
        ensure!(self.requests <= MAX_REQUESTS, "more than {MAX_REQUESTS} requests in all; expected fewer");
        if row.latency != self.latency {
            bail!("its durations are those of `--latency {}`, this run wants {}", row.latency, self.latency);
        }
        let parts = [row.method.as_bytes(), row.route.as_bytes(), b""];
        let admitted = self.filters.iter().all(|filter| admits(filter, parts[0], parts[1]));
        let key = MinuteKey { endpoint: 0, ..row.key };
        let row = MinuteRow { key, counts: row.counts, values: row.values };
        tally.add_row(&row, admitted);
        if admitted {
            // An endpoint that takes no part must not get a number.
            let key = MinuteKey { endpoint: self.names.intern(parts, false), ..key };
            self.minutes.add_row(key, &row.counts, &row.values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
