//! Window tables as CSV.

use super::limit::LimitedRows;
use super::row::CheckedRow;
use crate::source::probe::Probe;
use crate::window::table::{COLUMNS, DURATIONS, TableRow, parse_time, parse_values, unguarded};
use anyhow::{Context, anyhow, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};

/// Hands every row on; gives the bytes read.
pub(super) fn read(probe: Probe, take: &mut dyn FnMut(CheckedRow) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let reader = LimitedRows::new(probe.into_reader().context("cannot be read")?);
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(reader);
    check_header(reader.headers().context("its header cannot be read")?)?;
    let mut record = StringRecord::new();
    let mut number = 0u64;
    loop {
        number += 1;
        let place = || format!("row {number}");
        let start = reader.position().byte();
        reader.get_mut().start_row(start);
        if !reader.read_record(&mut record).with_context(place)? {
            let rows = reader.get_ref();
            ensure!(rows.ends_with_a_line(), "its last row has no line end, it may be cut");
            return Ok(rows.bytes);
        }
        take(CheckedRow::new(row(&record).with_context(place)?).with_context(place)?).with_context(place)?;
    }
}

fn check_header(header: &StringRecord) -> anyhow::Result<()> {
    let expected = || COLUMNS.iter().copied().chain([DURATIONS]);
    // A byte order mark may stand before the first name.
    let found = || header.iter().map(|name| name.trim_start_matches('\u{feff}'));
    if let Some(missing) = expected().find(|name| !found().any(|found| found == *name)) {
        return Err(anyhow!("its header lacks the column `{missing}`; expected a table that `learn windows` wrote"));
    }
    let columns = expected().collect::<Vec<_>>().join(",");
    ensure!(found().eq(expected()), "its header has other columns than a window table, or in another order: {columns}");
    Ok(())
}

fn row(record: &StringRecord) -> anyhow::Result<TableRow> {
    let expected = COLUMNS.len() + 1;
    ensure!(record.len() == expected, "found {} cells, expected {expected}", record.len());
    let cell = |column: usize| record.get(column).unwrap_or_default();
    let found = |column: usize, what: &str| {
        let (name, cell) = (COLUMNS.get(column).copied().unwrap_or(DURATIONS), shortened(cell(column)));
        anyhow!("{name}: found `{cell}`, expected {what}")
    };
    let number = |column: usize| cell(column).parse::<i64>().map_err(|_| found(column, "a whole number"));
    let time = |column: usize| {
        parse_time(cell(column)).ok_or_else(|| found(column, "a time such as 2026-06-01T12:05:00.000Z"))
    };
    let late = match cell(7) {
        "true" => true,
        "false" => false,
        _ => return Err(found(7, "true or false")),
    };
    Ok(TableRow {
        version: number(0)?,
        latency: cell(1).to_owned(),
        minute_us: time(2)?,
        method: unguarded(cell(3)).to_owned(),
        route: unguarded(cell(4)).to_owned(),
        start_minute_us: time(5)?,
        outcome: cell(6).to_owned(),
        late,
        requests: number(8)?,
        long_connections: number(9)?,
        ended_us: (time(10)?, time(11)?),
        started_us: (time(12)?, time(13)?),
        values: parse_values(cell(14)).ok_or_else(|| found(14, "NANOSECONDS*COUNT pairs with spaces between them"))?,
    })
}

/// Enough of a cell to find it by.
fn shortened(cell: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = cell.chars().take(SHOWN_CHARS).collect();
    if shown.len() < cell.len() {
        shown.push_str("...");
    }
    shown
}
