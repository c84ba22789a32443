//! Parquet, through polars: only the columns that are counted are read, some row groups at a time.

use super::ReadPieces;
use super::columns::Places;
use super::counter::{Counter, Row, amount, calls};
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use crate::source::time::TimeParser;
use crate::source::trusting::whole;
use crate::source::usage::CountedBy;
use crate::threads::lock;
use anyhow::{Context, anyhow, bail};
use polars::io::parquet::metadata::FileMetadataRef;
use polars::prelude::{Column, DataFrame, DataType, ParallelStrategy, ParquetReader, SerReader, TimeUnit};
use std::fs::File;
use std::sync::Mutex;

/// Rows that are read at a time, unless one row group has more: row groups are read whole.
const PIECE_ROWS: usize = 1 << 17;

/// A Parquet file.
pub(super) struct Parquet {
    file: File,
    metadata: FileMetadataRef,
    names: Vec<String>,
    places: Places,
    zone: Timezone,
    /// Row groups, by the rows before them and in them.
    pieces: Mutex<std::vec::IntoIter<(usize, usize)>>,
}

impl Parquet {
    pub(super) fn open(file: File, columns: &UsageColumns, by: CountedBy, zone: Timezone) -> anyhow::Result<Self> {
        let mut reader = ParquetReader::new(again(&file)?);
        let schema = whole(|| reader.schema())?;
        let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
        let places = Places::find(&names, columns, by)?;
        let metadata = whole(|| reader.get_metadata().cloned())?;
        let row_groups: Vec<usize> = metadata.row_groups.iter().map(|group| group.num_rows()).collect();
        let pieces = Mutex::new(joined(&row_groups, PIECE_ROWS).into_iter());
        Ok(Parquet { file, metadata, names, places, zone, pieces })
    }

    fn read(&self, rows: (usize, usize)) -> anyhow::Result<DataFrame> {
        let mut reader = ParquetReader::new(again(&self.file)?);
        reader.set_metadata(self.metadata.clone());
        let columns = self.places.all().into_iter().map(|place| self.names[place].clone()).collect();
        // The pieces are what is read at the same time.
        let reader = reader.with_slice(Some(rows)).with_columns(Some(columns)).read_parallel(ParallelStrategy::None);
        whole(|| reader.finish())
    }

    fn column<'a>(&self, rows: &'a DataFrame, place: usize) -> anyhow::Result<&'a Column> {
        Ok(rows.column(&self.names[place])?)
    }
}

fn again(file: &File) -> anyhow::Result<File> {
    file.try_clone().context("cannot be read")
}

impl ReadPieces for Parquet {
    fn noun(&self) -> &'static str {
        "row"
    }

    fn count_next(&self, counter: &mut Counter) -> anyhow::Result<bool> {
        let Some(piece) = lock(&self.pieces).next() else { return Ok(false) };
        let rows = self.read(piece)?;
        let ids = self.column(&rows, self.places.id)?.cast(&DataType::String)?;
        let stamps = self.column(&rows, self.places.time)?;
        let times = times_ms(stamps, self.zone)?;
        let counts = self.places.calls.map(|place| self.column(&rows, place)).transpose()?;
        let calls = counts.map(calls_of).transpose()?;
        let amounts =
            self.places.amount.map(|place| Ok::<_, anyhow::Error>(self.column(&rows, place)?.cast(&DataType::String)?));
        let amounts = amounts.transpose()?;
        let amounts = amounts.as_ref().map(|column| column.str()).transpose()?;
        for (index, (id, time_ms)) in ids.str()?.iter().zip(times).enumerate() {
            let calls = calls.as_ref().map_or(Some(1), |calls| calls.get(index).copied().flatten());
            let no_time = if time_ms.is_none() { text_at(Some(stamps), index) } else { String::new() };
            let no_count = if calls.is_none() { text_at(counts, index) } else { String::new() };
            counter.add(Row {
                number: (piece.0 + index) as u64 + 1,
                id: id.unwrap_or_default().as_bytes(),
                time_ms: time_ms.ok_or(no_time.as_bytes()),
                calls: calls.ok_or(no_count.as_bytes()),
                amount: amounts.and_then(|amounts| amount(amounts.get(index)?.as_bytes())),
            });
        }
        Ok(true)
    }
}

/// What stands in a column; nothing where it is null.
fn text_at(column: Option<&Column>, index: usize) -> String {
    let value = column.and_then(|column| column.get(index).ok()).filter(|value| !value.is_null());
    value.map_or_else(String::new, |value| value.str_value().into_owned())
}

/// The times in UTC milliseconds, `None` where one is absent or cannot be read.
fn times_ms(column: &Column, zone: Timezone) -> anyhow::Result<Vec<Option<i64>>> {
    let mut parser = TimeParser::new(zone);
    Ok(match column.dtype() {
        DataType::String => {
            let read = |text: Option<&str>| text.and_then(|text| parser.any(text.trim_ascii().as_bytes()));
            column.str()?.iter().map(read).collect()
        }
        DataType::Datetime(unit, stamped) => {
            let per_millis = match unit {
                TimeUnit::Nanoseconds => 1_000_000,
                TimeUnit::Microseconds => 1_000,
                TimeUnit::Milliseconds => 1,
            };
            let is_wall = stamped.is_none() && zone != Timezone::default();
            let moment = |time: i64| {
                let millis = time.div_euclid(per_millis);
                if is_wall { parser.moment_ms(millis) } else { Some(millis) }
            };
            let mut moment = moment;
            column.to_physical_repr().i64()?.iter().map(|time| time.and_then(&mut moment)).collect()
        }
        kind if kind.is_integer() => {
            let read = |number: Option<i64>| TimeParser::epoch(number?.to_string().as_bytes());
            column.cast(&DataType::Int64)?.i64()?.iter().map(read).collect()
        }
        kind if kind.is_float() => {
            let read = |number: Option<f64>| TimeParser::epoch(format!("{:.6}", number?).as_bytes());
            column.cast(&DataType::Float64)?.f64()?.iter().map(read).collect()
        }
        DataType::Null => vec![None; column.len()],
        other => bail!(
            "the column `{}` is of type {other}, expected a timestamp, text or a number (--time-column)",
            column.name()
        ),
    })
}

/// The calls of each row, as [`calls`] takes them from text.
fn calls_of(column: &Column) -> anyhow::Result<Vec<Option<u64>>> {
    if column.dtype().is_integer() {
        let count = |calls: Option<i64>| u64::try_from(calls.unwrap_or(0)).ok();
        return Ok(column.cast(&DataType::Int64)?.i64()?.iter().map(count).collect());
    }
    let texts = column.cast(&DataType::String).map_err(|error| anyhow!("the column `{}`: {error}", column.name()))?;
    Ok(texts.str()?.iter().map(|text| text.map_or(Some(0), |text| calls(text.as_bytes()))).collect())
}

/// Neighbouring row groups put together up to `most_rows`: the rows before each piece and in it.
fn joined(row_groups: &[usize], most_rows: usize) -> Vec<(usize, usize)> {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for &rows in row_groups {
        match pieces.last_mut() {
            Some((_, length)) if length.saturating_add(rows) <= most_rows => *length += rows,
            // Only a damaged footer tells of more rows than can be counted, and reading them will fail.
            Some(&mut (before, length)) => pieces.push((before.saturating_add(length), rows)),
            None => pieces.push((0, rows)),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_are_joined_up_to_the_limit() {
        assert_eq!(joined(&[], 10), []);
        assert_eq!(joined(&[4, 6, 1], 10), [(0, 10), (10, 1)]);
        assert_eq!(joined(&[4, 7, 40, 2, 8], 10), [(0, 4), (4, 7), (11, 40), (51, 10)]);
        assert_eq!(joined(&[1, usize::MAX, 1], 10), [(0, 1), (1, usize::MAX), (usize::MAX, 1)]);
    }
}
