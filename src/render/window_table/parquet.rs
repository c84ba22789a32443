//! The table as Parquet, sealed: timestamps in UTC microseconds without a zone, durations as two lists.

use crate::window::seal;
use crate::window::table::{COLUMNS, DURATION_COUNTS, DURATIONS, TableRow};
use polars::prelude::{
    Column, DataFrame, DataType, Int64Type, IntoColumn, IntoSeries, KeyValueMetadata, ListBuilderTrait,
    ListPrimitiveChunkedBuilder, NamedFrom, ParquetCompression, ParquetWriter, Series, StatisticsOptions, TimeUnit,
};

/// Rows that are packed together; readers take them one group after the other.
const GROUP_ROWS: usize = 1 << 14;

pub(super) fn render(mut rows: impl Iterator<Item = TableRow>) -> anyhow::Result<Vec<u8>> {
    let schema = frame(&[])?.schema().clone();
    let mut bytes = Vec::new();
    // Everything that shapes the bytes is set here, so that they do not depend on the machine.
    let mut writer = ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .with_statistics(StatisticsOptions::default())
        .with_row_group_size(Some(GROUP_ROWS))
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![seal::unset()])))
        .set_parallel(false)
        .batched(&schema)?;
    loop {
        // One group at a time, so that no more rows than its own are there twice.
        let group: Vec<TableRow> = rows.by_ref().take(GROUP_ROWS).collect();
        if group.is_empty() {
            break;
        }
        writer.write_batch(&frame(&group)?)?;
    }
    writer.finish()?;
    seal::set(&mut bytes)?;
    Ok(bytes)
}

fn frame(rows: &[TableRow]) -> anyhow::Result<DataFrame> {
    Ok(DataFrame::new(rows.len(), columns(rows)?)?)
}

fn columns(rows: &[TableRow]) -> anyhow::Result<Vec<Column>> {
    let mut columns = Vec::new();
    for name in COLUMNS {
        let whole = |value: fn(&TableRow) -> i64| Series::new(name.into(), rows.iter().map(value).collect::<Vec<_>>());
        let text = |value: fn(&TableRow) -> &str| Series::new(name.into(), rows.iter().map(value).collect::<Vec<_>>());
        let time = |value: fn(&TableRow) -> i64| whole(value).cast(&DataType::Datetime(TimeUnit::Microseconds, None));
        let series = match name {
            "windowTable" => whole(|row| row.version),
            "latency" => text(|row| &row.latency),
            "minute" => time(|row| row.minute_us)?,
            "method" => text(|row| &row.method),
            "route" => text(|row| &row.route),
            "startMinute" => time(|row| row.start_minute_us)?,
            "outcome" => text(|row| &row.outcome),
            "late" => Series::new(name.into(), rows.iter().map(|row| row.late).collect::<Vec<_>>()),
            "requests" => whole(|row| row.requests),
            "longConnections" => whole(|row| row.long_connections),
            "firstRequest" => time(|row| row.ended_us.0)?,
            "lastRequest" => time(|row| row.ended_us.1)?,
            "firstStart" => time(|row| row.started_us.0)?,
            _ => time(|row| row.started_us.1)?,
        };
        columns.push(series.into_column());
    }
    columns.push(lists(DURATIONS, rows, |(ns, _)| *ns));
    columns.push(lists(DURATION_COUNTS, rows, |(_, count)| *count));
    Ok(columns)
}

fn lists(name: &str, rows: &[TableRow], part: fn(&(i64, i64)) -> i64) -> Column {
    let values = rows.iter().map(|row| row.values.len()).sum();
    let mut lists = ListPrimitiveChunkedBuilder::<Int64Type>::new(name.into(), rows.len(), values, DataType::Int64);
    for row in rows {
        lists.append_slice(&row.values.iter().map(part).collect::<Vec<_>>());
    }
    lists.finish().into_series().into_column()
}
