//! Usage rows of files: CSV, Parquet or NDJSON, read piece by piece on some cores and counted as they pass.
//!
//! A file goes in, groups by id and window come out, an id as often as there are pieces with it. What is held at a time
//! is a piece for each worker, however many rows there are. A row whose time cannot be read is counted, never fatal.

mod columns;
mod counter;
mod csv;
mod ndjson;
mod parquet;
pub(super) mod records;

use super::probe::SAMPLE_BYTES;
use super::twins::{USAGE, twins};
use super::usage::{CountedBy, Extent, UsageGroup, UsageQuery};
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use anyhow::{Context, bail};
use counter::{Counter, Group};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Workers above this number would wait for the one thread that takes their counts.
const MAX_WORKERS: usize = 4;

/// What was read of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableReading {
    /// From the first row's time to the last one's; `None` without rows.
    pub extent: Option<Extent>,
    /// Rows with a time and a count, within the bounds asked for.
    pub rows: u64,
    /// Rows with a time out of these bounds.
    pub rows_outside: u64,
    /// Rows whose time is absent or cannot be read.
    pub rows_without_time: u64,
    /// Rows whose calls are no count.
    pub rows_without_calls: u64,
    /// The first of the rows without a time.
    pub no_time: Option<Unread>,
    /// The first of the rows without a count.
    pub no_calls: Option<Unread>,
    /// Files without a byte.
    pub empty_files: u64,
    /// What to say of files that begin alike.
    pub twins: Vec<String>,
}

/// What stands where it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// Which of the files, from 0.
    file: usize,
    /// Its number, from 1.
    number: u64,
    /// What is numbered: lines, or a Parquet file's rows.
    noun: &'static str,
    /// What stands there, escaped and short.
    found: String,
}

impl Unread {
    /// Where it stands, and in which of these files, as in `line 7 of usage.csv: "soon"`.
    pub(crate) fn place(&self, files: &[String]) -> String {
        let Unread { file, number, noun, .. } = self;
        let of = files.get(*file).map_or(String::new(), |file| format!(" of {file}"));
        format!("{noun} {number}{of}: {}", self.found())
    }

    fn found(&self) -> String {
        if self.found.is_empty() { "nothing".to_owned() } else { format!("\"{}\"", self.found) }
    }

    /// The same within a file, as in `line 7 has "soon", `; nothing where every cell can be read.
    fn told(unread: Option<&Unread>) -> String {
        unread.map_or(String::new(), |unread| format!("{} {} has {}, ", unread.noun, unread.number, unread.found()))
    }
}

impl TableReading {
    /// Adds another piece's or another file's.
    fn add(&mut self, other: TableReading) {
        let first = |one: Option<Unread>, other: Option<Unread>| one.into_iter().chain(other).min();
        self.no_time = first(self.no_time.take(), other.no_time);
        self.no_calls = first(self.no_calls.take(), other.no_calls);
        self.rows += other.rows;
        self.rows_outside += other.rows_outside;
        self.empty_files += other.empty_files;
        self.rows_without_time += other.rows_without_time;
        self.rows_without_calls += other.rows_without_calls;
        self.extent = match (self.extent, other.extent) {
            (Some(one), Some(other)) => {
                Some(Extent { first_ms: one.first_ms.min(other.first_ms), last_ms: one.last_ms.max(other.last_ms) })
            }
            (one, other) => one.or(other),
        };
    }
}

/// What is read of the files, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The columns' names.
    pub columns: &'a UsageColumns,
    /// Zone of times without one.
    pub zone: Timezone,
    /// Share of a file's rows that may go without a time or a count that can be read, 0 to 1.
    pub max_rejects_ratio: f64,
}

/// Reads the files one after the other.
///
/// # Errors
/// A file that cannot be read, has not the columns, or has too many rows without a time or a count; nothing but empty
/// files.
pub fn scan(
    files: &[&Path],
    wanted: Wanted<'_>,
    query: &UsageQuery,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<TableReading> {
    let mut reading = TableReading::default();
    let mut heads = Vec::new();
    for (index, path) in files.iter().enumerate() {
        let shown = path.display().to_string();
        let (mut read, head) = scan_file(path, wanted, query, sink).with_context(|| shown.clone())?;
        read.no_time.iter_mut().chain(&mut read.no_calls).for_each(|unread| unread.file = index);
        heads.extend((read.rows > 0).then_some((shown, head)));
        reading.add(read);
    }
    let heads = heads.iter().map(|(shown, head)| (&**shown, &**head));
    reading.twins = twins(USAGE, heads).into_iter().map(|twin| twin.note).collect();
    if let [first, ..] = files
        && reading.empty_files == files.len() as u64
    {
        let others = if files.len() > 1 { " (as are all the others)" } else { "" };
        bail!("{}: is empty{others}; expected CSV with a header, NDJSON or Parquet", first.display());
    }
    Ok(reading)
}

/// Reads a file; what was counted, and its first bytes.
fn scan_file(
    path: &Path,
    wanted: Wanted<'_>,
    query: &UsageQuery,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<(TableReading, Vec<u8>)> {
    let (pieces, head) = open(path, wanted.columns, query.by, wanted.zone)?;
    let Some(pieces) = pieces else {
        return Ok((TableReading { empty_files: 1, ..TableReading::default() }, head));
    };
    let reading = count(&*pieces, query, sink)?;
    reading.check(wanted)?;
    Ok((reading, head))
}

impl TableReading {
    /// Refuses a file of which too much could not be read, wherever in time it lies.
    fn check(&self, wanted: Wanted<'_>) -> anyhow::Result<()> {
        let Wanted { columns, max_rejects_ratio, .. } = wanted;
        let readable = self.rows + self.rows_outside;
        let (no_time, no_calls) = (self.rows_without_time, self.rows_without_calls);
        let all = readable + no_time + no_calls;
        let unreadable = all - readable;
        if unreadable == 0 || (readable > 0 && unreadable as f64 / all as f64 <= max_rejects_ratio) {
            return Ok(());
        }
        let found = match readable {
            0 => format!("none of {all} rows has"),
            _ => format!("only {readable} of {all} rows have"),
        };
        let limit = if readable == 0 { String::new() } else { format!(" (--max-rejects {max_rejects_ratio})") };
        let time = &columns.time;
        let times =
            "a timestamp, RFC 3339, `2026-06-01 12:00:00`, or seconds or milliseconds since 1970 (--time-column)";
        let counts = "a number, 0 or more (--calls-column)";
        let (bad_time, bad_count) = (Unread::told(self.no_time.as_ref()), Unread::told(self.no_calls.as_ref()));
        match &columns.calls {
            Some(calls) if no_time == 0 => {
                bail!("{found} a count in the column `{calls}`{limit}: {bad_count}expected {counts}")
            }
            Some(calls) if no_calls > 0 => bail!(
                "{found} both a time in the column `{time}` and a count in the column `{calls}`{limit}: {bad_time}expected \
                 {times}; {bad_count}expected {counts}"
            ),
            _ => bail!("{found} a time in the column `{time}`{limit}: {bad_time}expected {times}"),
        }
    }
}

/// A file that several workers read at the same time, each some rows of it.
trait ReadPieces: Sync {
    /// What its rows are numbered by.
    fn noun(&self) -> &'static str {
        "line"
    }

    /// Counts the next rows that nobody has taken; `false` when there are none left.
    fn count_next(&self, counter: &mut Counter) -> anyhow::Result<bool>;
}

/// A file that has been opened, `None` for an empty one, and its first bytes.
type OpenedFile = (Option<Box<dyn ReadPieces>>, Vec<u8>);

/// Opens a file, its layout told by its first bytes.
fn open(path: &Path, columns: &UsageColumns, by: CountedBy, zone: Timezone) -> anyhow::Result<OpenedFile> {
    let mut head = Vec::new();
    let mut file = File::open(path).context("cannot be opened")?;
    file.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut head).context("cannot be read")?;
    file.rewind().context("cannot be read from its start again, as a pipe cannot; save it first")?;
    let pieces: Box<dyn ReadPieces> = match head.trim_ascii_start() {
        [] => return Ok((None, head)),
        head if head.starts_with(b"PAR1") => Box::new(parquet::Parquet::open(file, columns, by, zone)?),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            bail!("is compressed; unpack it first, or use Parquet, which is compressed inside")
        }
        [b'{', ..] => Box::new(ndjson::Ndjson::open(file, columns, by, zone)?),
        [b'[', ..] => bail!("is a JSON array; expected one object a line, such as `jq -c '.[]'` prints"),
        _ => Box::new(csv::Csv::open(file, columns, by, zone)?),
    };
    Ok((Some(pieces), head))
}

/// What a worker has counted of a piece.
type Counted = anyhow::Result<(TableReading, Vec<Group>)>;

fn count(
    pieces: &dyn ReadPieces,
    query: &UsageQuery,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<TableReading> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = match query.by {
        CountedBy::Developer => cores.min(MAX_WORKERS),
        // The order in which amounts are added may show in their last digit.
        CountedBy::Api => 1,
    };
    let mut reading = TableReading::default();
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(workers);
        for _ in 0..workers {
            let sender = sender.clone();
            scope.spawn(move || send_counts(pieces, query, &sender));
        }
        drop(sender);
        for counted in receiver {
            let (counted, groups) = counted?;
            reading.add(counted);
            groups.iter().for_each(|group| sink(group.as_usage()));
        }
        Ok(reading)
    })
}

/// Counts piece after piece, up to the first error, as long as somebody listens.
fn send_counts(pieces: &dyn ReadPieces, query: &UsageQuery, receiver: &SyncSender<Counted>) {
    let mut counter = Counter::new(query, pieces.noun());
    loop {
        let counted = match pieces.count_next(&mut counter) {
            Ok(true) => Ok(counter.take()),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let is_last = counted.is_err();
        if receiver.send(counted).is_err() || is_last {
            return;
        }
    }
}
