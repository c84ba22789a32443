//! Window tables as Parquet, some rows at a time. Those that bear a seal are checked against it first.

use super::row::CheckedRow;
use crate::source::probe::Probe;
use crate::source::trusting::{DAMAGED, whole};
use crate::window::seal::{Seal, TAIL_BYTES};
use crate::window::table::{COLUMNS, DURATION_COUNTS, DURATIONS, TableRow};
use anyhow::{Context, anyhow, bail, ensure};
use polars::prelude::{
    BooleanChunked, ChunkApply, Column, DataFrame, DataType, Int64Chunked, ListChunked, ParallelStrategy,
    ParquetReader, SerReader, StringChunked, TimeUnit,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Rows in memory at once.
const BATCH_ROWS: usize = 1 << 13;

/// Hands every row on; gives the size of the file.
pub(super) fn read(probe: &Probe, take: &mut dyn FnMut(CheckedRow) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let path =
        probe.file().context("is Parquet, which is read from its end: give a file, neither a pipe nor compressed")?;
    let file = File::open(path).context("cannot be opened")?;
    let bytes = file.metadata().context("cannot be read")?.len();
    ensure!(is_as_written(&file, bytes).context("cannot be read")?, "{DAMAGED}: its SHA-256 is another");
    let reader =
        |file: &File| Ok::<_, anyhow::Error>(ParquetReader::new(file.try_clone().context("cannot be opened")?));
    let mut footer = reader(&file)?;
    let (schema, rows) = whole(|| Ok((footer.schema()?, footer.num_rows()?)))?;
    check_columns(&schema.iter_names().map(|name| name.as_str()).collect::<Vec<_>>())?;
    for start in (0..rows).step_by(BATCH_ROWS) {
        let slice = reader(&file)?.with_slice(Some((start, BATCH_ROWS.min(rows - start))));
        // On this thread, where a panic can be told from others.
        let batch = whole(|| slice.read_parallel(ParallelStrategy::None).finish())?;
        let columns = Columns::of(&batch)?;
        for index in 0..batch.height() {
            let place = || format!("row {}", start + index + 1);
            let row = CheckedRow::new(columns.row(index).with_context(place)?).with_context(place)?;
            take(row).with_context(place)?;
        }
    }
    Ok(bytes)
}

/// Whether the seal holds; a file that another tool wrote has none.
fn is_as_written(file: &File, len: u64) -> io::Result<bool> {
    let tail_len = len.min(TAIL_BYTES);
    let mut tail = vec![0; tail_len as usize];
    file.read_exact_at(&mut tail, len - tail_len)?;
    Seal::find(&tail, len).map_or(Ok(true), |seal| seal.holds(file))
}

fn check_columns(found: &[&str]) -> anyhow::Result<()> {
    let mut expected = COLUMNS.into_iter().chain([DURATIONS, DURATION_COUNTS]);
    match expected.find(|name| !found.contains(name)) {
        Some(missing) => bail!("lacks the column `{missing}`; expected a table that `learn windows` wrote"),
        None => Ok(()),
    }
}

/// The columns of a batch, in the types that they have here.
struct Columns {
    version: Int64Chunked,
    latency: StringChunked,
    method: StringChunked,
    route: StringChunked,
    outcome: StringChunked,
    late: BooleanChunked,
    requests: Int64Chunked,
    long_connections: Int64Chunked,
    /// `minute`, `startMinute`, then the four that follow the counts, in microseconds.
    times_us: [Int64Chunked; 6],
    durations_ns: ListChunked,
    duration_counts: ListChunked,
}

impl Columns {
    fn of(batch: &DataFrame) -> anyhow::Result<Self> {
        let whole = |name: &str| {
            let column = typed(batch, name, &DataType::Int64, "whole numbers", DataType::is_integer)?;
            Ok::<_, anyhow::Error>(column.i64()?.clone())
        };
        let text = |name: &str| {
            let column = typed(batch, name, &DataType::String, "text", |found| *found == DataType::String)?;
            Ok::<_, anyhow::Error>(column.str()?.clone())
        };
        let list = |name: &str| {
            let is_list = |found: &DataType| matches!(found, DataType::List(inner) if inner.is_integer());
            let kind = DataType::List(Box::new(DataType::Int64));
            let column = typed(batch, name, &kind, "lists of whole numbers", is_list)?;
            Ok::<_, anyhow::Error>(column.list()?.clone())
        };
        let late = typed(batch, "late", &DataType::Boolean, "true or false", |found| *found == DataType::Boolean)?;
        Ok(Columns {
            version: whole("windowTable")?,
            latency: text("latency")?,
            method: text("method")?,
            route: text("route")?,
            outcome: text("outcome")?,
            late: late.bool()?.clone(),
            requests: whole("requests")?,
            long_connections: whole("longConnections")?,
            times_us: [
                times_us(batch, "minute")?,
                times_us(batch, "startMinute")?,
                times_us(batch, "firstRequest")?,
                times_us(batch, "lastRequest")?,
                times_us(batch, "firstStart")?,
                times_us(batch, "lastStart")?,
            ],
            durations_ns: list(DURATIONS)?,
            duration_counts: list(DURATION_COUNTS)?,
        })
    }

    fn row(&self, index: usize) -> anyhow::Result<TableRow> {
        let number = |column: &Int64Chunked| column.get(index).unwrap_or_default();
        let text = |column: &StringChunked| column.get(index).unwrap_or_default().to_owned();
        let [minute_us, start_minute_us, ended_us @ .., first_start_us, last_start_us] =
            self.times_us.each_ref().map(number);
        Ok(TableRow {
            version: number(&self.version),
            latency: text(&self.latency),
            minute_us,
            method: text(&self.method),
            route: text(&self.route),
            start_minute_us,
            outcome: text(&self.outcome),
            late: self.late.get(index).unwrap_or_default(),
            requests: number(&self.requests),
            long_connections: number(&self.long_connections),
            ended_us: ended_us.into(),
            started_us: (first_start_us, last_start_us),
            values: self.values(index)?,
        })
    }

    fn values(&self, index: usize) -> anyhow::Result<Vec<(i64, i64)>> {
        let list =
            |lists: &ListChunked| lists.get_as_series(index).context("durationsNs: found nothing, expected a list");
        let (values, counts) = (list(&self.durations_ns)?, list(&self.duration_counts)?);
        let has_nulls = values.null_count() + counts.null_count() > 0;
        ensure!(
            values.len() == counts.len() && !has_nulls,
            "{DURATIONS}, {DURATION_COUNTS}: expected lists of one length without nulls"
        );
        Ok(values.i64()?.into_no_null_iter().zip(counts.i64()?.into_no_null_iter()).collect())
    }
}

/// A column without nulls, as the type that is worked with.
fn typed(
    batch: &DataFrame,
    name: &str,
    kind: &DataType,
    expected: &str,
    fits: impl Fn(&DataType) -> bool,
) -> anyhow::Result<Column> {
    let column = batch.column(name)?;
    let found = column.dtype();
    ensure!(fits(found), "the column `{name}` is of type {found}, expected {expected}");
    ensure!(column.null_count() == 0, "the column `{name}` has nulls, expected {expected}");
    column.strict_cast(kind).map_err(|_| anyhow!("the column `{name}` has numbers that are too large"))
}

fn times_us(batch: &DataFrame, name: &str) -> anyhow::Result<Int64Chunked> {
    let column = batch.column(name)?;
    let DataType::Datetime(unit, _) = column.dtype() else {
        bail!("the column `{name}` is of type {}, expected timestamps", column.dtype())
    };
    ensure!(column.null_count() == 0, "the column `{name}` has nulls, expected timestamps");
    let numbers = column.to_physical_repr();
    let numbers = numbers.i64()?.clone();
    Ok(match unit {
        TimeUnit::Nanoseconds => numbers.apply_values(|ns| ns.div_euclid(1000)),
        TimeUnit::Microseconds => numbers,
        TimeUnit::Milliseconds => numbers.apply_values(|ms| ms.saturating_mul(1000)),
    })
}
