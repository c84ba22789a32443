//! Usage rows of files: CSV, Parquet or NDJSON, counted by polars while they stream.
//!
//! A file goes in, groups by id and window come out. A row whose time cannot be read is counted, never fatal.

use super::time::TimeParser;
use super::usage::{CountedBy, Extent, UsageGroup, UsageQuery, find_column};
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use anyhow::{Context, anyhow, bail};
use polars::prelude::{
    AnyValue, Column, DataFrame, DataType, Engine, Expr, Field, Int64Chunked, IntoColumn, LazyCsvReader,
    LazyFileListReader, LazyFrame, LazyJsonLineReader, PlRefPath, PolarsResult, ScanArgsParquet, Schema,
    TimeUnit as Unit, col, len, lit,
};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What was read of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableReading {
    /// From the first row's time to the last one's; `None` without rows.
    pub extent: Option<Extent>,
    /// Rows with a time.
    pub rows: u64,
    /// Rows whose time is absent or cannot be read.
    pub rows_without_time: u64,
}

impl TableReading {
    /// Adds another file's.
    fn add(&mut self, other: TableReading) {
        self.rows += other.rows;
        self.rows_without_time += other.rows_without_time;
        self.extent = match (self.extent, other.extent) {
            (Some(one), Some(other)) => {
                Some(Extent { first_ms: one.first_ms.min(other.first_ms), last_ms: one.last_ms.max(other.last_ms) })
            }
            (one, other) => one.or(other),
        };
    }
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Csv,
    Ndjson,
    Parquet,
}

/// Reads the files one after the other.
///
/// # Errors
/// A file that cannot be read, has not the columns, or has no row with a time among its rows.
pub fn scan(
    files: &[&Path],
    columns: &UsageColumns,
    zone: Timezone,
    query: &UsageQuery,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<TableReading> {
    let mut reading = TableReading::default();
    for path in files {
        let read = scan_file(path, columns, zone, query, sink).with_context(|| path.display().to_string())?;
        reading.add(read);
    }
    Ok(reading)
}

fn scan_file(
    path: &Path,
    columns: &UsageColumns,
    zone: Timezone,
    query: &UsageQuery,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<TableReading> {
    let Some(layout) = layout(path)? else { return Ok(TableReading::default()) };
    let mut frame = open(path, layout)?;
    let schema = frame.collect_schema()?;
    let used = Used::find(&schema, columns, query.by)?;
    let counted = grouped(frame, &used, zone, query)?.collect_with_engine(Engine::Streaming)?.unwrap_single();
    let reading = hand_over(&counted, &used, sink)?;
    if reading.rows == 0 && reading.rows_without_time > 0 {
        let (time, rows) = (&used.time.0, reading.rows_without_time);
        bail!(
            "none of {rows} rows has a time in the column `{time}`: expected a timestamp, RFC 3339, \
             `2026-06-01 12:00:00`, or seconds or milliseconds since 1970 (--time-column)"
        );
    }
    Ok(reading)
}

/// By the first bytes; `None` for an empty file.
fn layout(path: &Path) -> anyhow::Result<Option<Layout>> {
    let mut head = [0; 64];
    let mut file = File::open(path).context("cannot be opened")?;
    let length = file.read(&mut head).context("cannot be read")?;
    let head = head[..length].trim_ascii_start();
    Ok(match head {
        [] => None,
        head if head.starts_with(b"PAR1") => Some(Layout::Parquet),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            bail!("is compressed; unpack it first, or use Parquet, which is compressed inside")
        }
        [b'{', ..] => Some(Layout::Ndjson),
        [b'[', ..] => bail!("is a JSON array; expected one object a line, such as `jq -c '.[]'` prints"),
        _ => Some(Layout::Csv),
    })
}

fn open(path: &Path, layout: Layout) -> anyhow::Result<LazyFrame> {
    let name = path.to_str().ok_or_else(|| anyhow!("has a name that is no UTF-8; rename it"))?;
    let name = PlRefPath::new(name);
    Ok(match layout {
        // Every cell as text: a guess from the first rows would fail on the first other one.
        Layout::Csv => LazyCsvReader::new(name).with_infer_schema_length(Some(0)).with_glob(false).finish()?,
        Layout::Ndjson => LazyJsonLineReader::new(name).with_ignore_errors(true).finish()?,
        Layout::Parquet => LazyFrame::scan_parquet(name, ScanArgsParquet { glob: false, ..Default::default() })?,
    })
}

/// The columns that are read, with the types that the file gives them.
struct Used {
    id: (String, DataType),
    time: (String, DataType),
    calls: Option<String>,
    amount: Option<String>,
}

impl Used {
    fn find(schema: &Schema, columns: &UsageColumns, by: CountedBy) -> anyhow::Result<Self> {
        let names: Vec<_> = schema.iter_names().map(ToString::to_string).collect();
        let pick = |wanted: &str, flag: &str| {
            let name = find_column(wanted, flag, &names)?;
            let kind = schema.get(name).cloned().unwrap_or(DataType::Null);
            Ok::<_, anyhow::Error>((name.clone(), kind))
        };
        let id_flag = match by {
            CountedBy::Developer => "--developer-column",
            CountedBy::Api => "--api-column",
        };
        Ok(Used {
            id: pick(by.id_column(columns), id_flag)?,
            time: pick(&columns.time, "--time-column")?,
            calls: columns
                .calls
                .as_deref()
                .map(|wanted| Ok::<_, anyhow::Error>(pick(wanted, "--calls-column")?.0))
                .transpose()?,
            amount: match (by, &columns.amount) {
                (CountedBy::Developer, _) => None,
                (CountedBy::Api, amount) if !amount.is_given && !names.contains(&amount.name) => None,
                (CountedBy::Api, amount) => Some(pick(&amount.name, "--amount-column")?.0),
            },
        })
    }
}

const ID: &str = "id";
const TIME: &str = "time";
const WINDOW: &str = "window";
const ROWS: &str = "rows";
const CALLS: &str = "calls";
const AMOUNT: &str = "amount";
const FIRST: &str = "first";
const LAST: &str = "last";

/// Groups by id and window; rows without a time are one group with a null window.
fn grouped(frame: LazyFrame, used: &Used, zone: Timezone, query: &UsageQuery) -> anyhow::Result<LazyFrame> {
    let mut selected = vec![col(&*used.id.0).cast(DataType::String).alias(ID), time_ms(&used.time, zone)?.alias(TIME)];
    let mut sums =
        vec![len().cast(DataType::UInt64).alias(ROWS), col(TIME).min().alias(FIRST), col(TIME).max().alias(LAST)];
    if let Some(calls) = &used.calls {
        // Fractions of calls are cut, what is no number counts as nothing.
        let fractions = col(&**calls).cast(DataType::Float64).cast(DataType::Int64);
        selected.push(col(&**calls).cast(DataType::Int64).fill_null(fractions).fill_null(lit(0)).alias(CALLS));
        sums.push(col(CALLS).sum().alias(CALLS));
    }
    if let Some(amount) = &used.amount {
        selected.push(col(&**amount).cast(DataType::Float64).alias(AMOUNT));
        sums.push(col(AMOUNT).sum().alias(AMOUNT));
    }
    let mut frame = frame.select(selected);
    // A null time passes neither bound, and has to be counted.
    if let Some(from_ms) = query.from_ms {
        frame = frame.filter(col(TIME).gt_eq(lit(from_ms)).or(col(TIME).is_null()));
    }
    if let Some(to_ms) = query.to_ms {
        frame = frame.filter(col(TIME).lt(lit(to_ms)).or(col(TIME).is_null()));
    }
    let window = floor_divided(col(TIME), query.window_ms).alias(WINDOW);
    Ok(frame.with_column(window).group_by([col(ID), col(WINDOW)]).agg(sums))
}

/// The time column as UTC milliseconds, null where it cannot be read.
fn time_ms((name, kind): &(String, DataType), zone: Timezone) -> anyhow::Result<Expr> {
    let column = col(&**name);
    let per_millis = |unit: &Unit| match unit {
        Unit::Nanoseconds => 1_000_000,
        Unit::Microseconds => 1_000,
        Unit::Milliseconds => 1,
    };
    Ok(match kind {
        DataType::String => read_each(column, move |column| texts_ms(column, zone)),
        DataType::Datetime(unit, stamped) => {
            let millis = floor_divided(column.to_physical(), per_millis(unit));
            match stamped {
                Some(_) => millis,
                None if zone == Timezone::default() => millis,
                None => read_each(millis, move |column| walls_ms(column, zone)),
            }
        }
        kind if kind.is_integer() => read_each(column.cast(DataType::Int64), |column| Ok(epochs_ms(column.i64()?))),
        kind if kind.is_float() => {
            let seconds = column.cast(DataType::Float64);
            read_each(seconds, |column| Ok(column.f64()?.iter().map(|value| value.and_then(epoch_ms)).collect()))
        }
        DataType::Null => column.cast(DataType::Int64),
        other => {
            bail!("the column `{name}` is of type {other}, expected a timestamp, text or a number (--time-column)")
        }
    })
}

fn read_each<F>(column: Expr, read: F) -> Expr
where
    F: Fn(&Column) -> PolarsResult<Int64Chunked> + Send + Sync + 'static,
{
    let read = move |column: Column| {
        let name = column.name().clone();
        Ok(read(&column)?.with_name(name).into_column())
    };
    column.map(read, |_, field| Ok(Field::new(field.name().clone(), DataType::Int64)))
}

fn floor_divided(column: Expr, divisor: i64) -> Expr {
    let divide = move |value: Option<i64>| value.map(|value| value.div_euclid(divisor));
    read_each(column, move |column| Ok(column.i64()?.iter().map(divide).collect()))
}

fn texts_ms(column: &Column, zone: Timezone) -> PolarsResult<Int64Chunked> {
    let mut parser = TimeParser::new(zone);
    let read = |text: Option<&str>| text.and_then(|text| parser.any(text.trim_ascii().as_bytes()));
    Ok(column.str()?.iter().map(read).collect())
}

fn walls_ms(column: &Column, zone: Timezone) -> PolarsResult<Int64Chunked> {
    let mut parser = TimeParser::new(zone);
    Ok(column.i64()?.iter().map(|wall_ms| wall_ms.and_then(|wall_ms| parser.moment_ms(wall_ms))).collect())
}

/// Whole numbers, read as [`TimeParser::epoch`] reads them in text.
fn epochs_ms(numbers: &Int64Chunked) -> Int64Chunked {
    let mut digits = String::new();
    let mut read = |number: Option<i64>| {
        use std::fmt::Write;
        digits.clear();
        write!(digits, "{}", number?).ok()?;
        TimeParser::epoch(digits.as_bytes())
    };
    numbers.iter().map(&mut read).collect()
}

fn epoch_ms(number: f64) -> Option<i64> {
    TimeParser::epoch(format!("{number:.6}").as_bytes())
}

/// Hands every group with an id and a window over.
fn hand_over(counted: &DataFrame, used: &Used, sink: &mut dyn FnMut(UsageGroup<'_>)) -> anyhow::Result<TableReading> {
    let (ids, windows) = (counted.column(ID)?.str()?, counted.column(WINDOW)?.i64()?);
    let rows = counted.column(ROWS)?.u64()?;
    let (first, last) = (counted.column(FIRST)?.i64()?, counted.column(LAST)?.i64()?);
    let calls = used.calls.as_ref().map(|_| counted.column(CALLS)?.i64()).transpose()?;
    let amounts = used.amount.as_ref().map(|_| counted.column(AMOUNT)).transpose()?;
    let mut reading = TableReading::default();
    for index in 0..counted.height() {
        let rows = rows.get(index).unwrap_or(0);
        let (Some(window), Some(first_ms), Some(last_ms)) = (windows.get(index), first.get(index), last.get(index))
        else {
            reading.rows_without_time += rows;
            continue;
        };
        reading.add(TableReading { extent: Some(Extent { first_ms, last_ms }), rows, rows_without_time: 0 });
        let calls = calls.map_or(rows, |calls| u64::try_from(calls.get(index).unwrap_or(0)).unwrap_or(0));
        let amount = match amounts.map(|amounts| amounts.get(index)).transpose()? {
            Some(AnyValue::Float64(sum)) => Some(sum.to_string()),
            _ => None,
        };
        sink(UsageGroup { id: ids.get(index), window, rows, calls, amount: amount.as_deref() });
    }
    Ok(reading)
}
