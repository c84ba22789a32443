//! Counts by minute -> the bytes of a window table. The same rows give the same bytes.

mod csv;
mod parquet;

use crate::plan::windows::WindowsFormat;
use crate::route::endpoint::EndpointNames;
use crate::window::minute::{MINUTE_MS, MinuteRow, MinuteRows};
use crate::window::table::{TableRow, VERSION, outcome_name};

/// The table in the form asked for; `latency` is `request` or `upstream`.
///
/// # Errors
/// When the rows cannot be written to memory.
pub(crate) fn render(
    minutes: &MinuteRows,
    names: &EndpointNames,
    latency: &str,
    format: WindowsFormat,
) -> anyhow::Result<Vec<u8>> {
    let rows = minutes.rows.iter().map(|row| table_row(row, names, latency));
    match format {
        WindowsFormat::Csv => csv::render(rows),
        WindowsFormat::Parquet => parquet::render(rows),
    }
}

fn table_row(row: &MinuteRow, names: &EndpointNames, latency: &str) -> TableRow {
    const MICROS_PER_MS: i64 = 1000;
    let (key, counts, name) = (&row.key, &row.counts, names.name(row.key.endpoint));
    let minute_us = |minute: i64| minute * MINUTE_MS * MICROS_PER_MS;
    TableRow {
        version: VERSION,
        latency: latency.to_owned(),
        minute_us: minute_us(key.minute),
        method: name.method.clone(),
        route: name.path.clone(),
        start_minute_us: minute_us(key.started),
        outcome: outcome_name(key.outcome, key.not_found).to_owned(),
        late: key.late,
        requests: counts.requests as i64,
        long_connections: counts.long_connections as i64,
        ended_us: (counts.ended_ms.0 * MICROS_PER_MS, counts.ended_ms.1 * MICROS_PER_MS),
        started_us: counts.started_us,
        values: row.values.iter().map(|(ns, count)| (*ns as i64, *count as i64)).collect(),
    }
}
