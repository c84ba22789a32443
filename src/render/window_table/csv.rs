//! The table as CSV with a header: times as RFC 3339, durations as `NS*COUNT` pairs in one cell.

use crate::window::table::{COLUMNS, DURATIONS, TableRow, guarded, time_text, values_text};
use anyhow::Context;
use chrono::SecondsFormat::{Micros, Millis};
use csv::Writer;

pub(super) fn render(rows: impl Iterator<Item = TableRow>) -> anyhow::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().copied().chain([DURATIONS]))?;
    for row in rows {
        writer.write_record([
            row.version.to_string(),
            row.latency,
            time_text(row.minute_us, Millis),
            guarded(&row.method),
            guarded(&row.route),
            time_text(row.start_minute_us, Millis),
            row.outcome,
            row.late.to_string(),
            row.requests.to_string(),
            row.long_connections.to_string(),
            time_text(row.ended_us.0, Millis),
            time_text(row.ended_us.1, Millis),
            time_text(row.started_us.0, Micros),
            time_text(row.started_us.1, Micros),
            values_text(&row.values),
        ])?;
    }
    writer.into_inner().context("the CSV rows were not written completely")
}
