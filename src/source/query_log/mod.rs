//! Logs with queries and how long they took: PostgreSQL's csvlog and jsonlog, and JSON lines with `queryExecutions`.
//!
//! Files go in, executions come out one by one, in the order of the log. A line that cannot be read is counted with its
//! place and reason. What is held at a time is a few megabytes, however long the log is.

mod json;
mod message;

use super::lines::without_byte_order_mark;
use super::probe::Probe;
use super::rejected::RejectedLine;
use super::table::records::{Quoting, Records};
use crate::plan::InputName;
use crate::threads::lock;
use anyhow::{bail, ensure};
use csv::{ByteRecord, ReaderBuilder};
use json::Line;
use memchr::memchr_iter;
use message::{Message, Pending};
use serde::Serialize;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

/// Rejected lines that are shown.
const SHOWN_REJECTS: usize = 5;

/// The fields of a csvlog line that are looked at, as the PostgreSQL manual numbers them, from 0.
const DATABASE: usize = 2;
const SESSION: usize = 5;
const MESSAGE: usize = 13;

/// PostgreSQL 12 writes so many fields; later ones write more.
const FEWEST_FIELDS: usize = 23;

/// What was read of one input.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryInput {
    /// The path as given, `-` for standard input, or the database.
    pub path: String,
    /// What it is in: `PostgreSQL csvlog`, `JSON lines`, `pg_stat_statements`, or `empty`.
    pub format: String,
    /// `gzip` or another compression, or `null`.
    pub compression: Option<&'static str>,
    /// Lines, or records of several lines.
    pub lines: u64,
    /// Executions, those of other databases included.
    pub executions: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// Set when the input ended early: what happened.
    pub error: Option<String>,
}

/// What was read of all inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuerySummary {
    /// Lines, or records of several lines.
    pub lines: u64,
    /// Executions that took part.
    pub executions: u64,
    /// Executions in other databases than the one that is connected to.
    pub other_databases: u64,
    /// Durations without a statement to belong to.
    pub without_statement: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// The first few of them, `file:line:column: found ..., expected ...`.
    pub rejected_samples: Vec<String>,
}

/// The inputs read, and their sum.
pub(crate) struct QueryReading {
    pub(crate) inputs: Vec<QueryInput>,
    pub(crate) summary: QuerySummary,
}

/// Reads every input; `take` is given each execution's text and duration in nanoseconds. With a database, what ran in
/// another one is only counted.
///
/// # Errors
/// An input that cannot be opened or is in no format with queries, or more rejected lines than `max_rejects`.
pub(crate) fn read(
    names: &[InputName],
    database: Option<&str>,
    max_rejects: f64,
    take: &mut dyn FnMut(&str, u64),
) -> anyhow::Result<QueryReading> {
    let mut reader = Reader { database, take, summary: QuerySummary::default(), pending: Pending::default() };
    let inputs = names.iter().map(|name| reader.input(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let summary = reader.summary;
    let share = summary.rejected as f64 / summary.lines.max(1) as f64;
    let first = summary.rejected_samples.first().map_or("", String::as_str);
    ensure!(
        share <= max_rejects,
        "{} of {} lines could not be read, more than --max-rejects {max_rejects}; the first: {first}",
        summary.rejected,
        summary.lines
    );
    Ok(QueryReading { inputs, summary })
}

struct Reader<'a> {
    database: Option<&'a str>,
    take: &'a mut dyn FnMut(&str, u64),
    summary: QuerySummary,
    pending: Pending,
}

impl Reader<'_> {
    fn input(&mut self, name: &InputName) -> anyhow::Result<QueryInput> {
        let probe = Probe::open(name)?;
        let mut input = QueryInput {
            path: probe.shown.clone(),
            format: super::tally::EMPTY.to_owned(),
            compression: probe.compression,
            lines: 0,
            executions: 0,
            rejected: 0,
            error: None,
        };
        let start = without_byte_order_mark(&probe.sample).trim_ascii_start();
        let quoting = match start {
            [] => {
                input.error = probe.broken.as_ref().map(ToString::to_string);
                return Ok(input);
            }
            [b'{', ..] => Quoting::None,
            _ if is_csvlog(start) => Quoting::Csv,
            _ => bail!(
                "{}: is no log with queries; expected PostgreSQL's csvlog or jsonlog (log_destination, with \
                 log_min_duration_statement or log_duration), or JSON lines with queryExecutions: [{{query, duration}}]",
                input.path
            ),
        };
        let broken = BreakOff::default();
        let reader = probe.into_reader().map(|inner| Until { inner, broken: broken.clone() });
        let mut records = Records::new(reader?, quoting);
        while let Some(chunk) = records.next()? {
            let chunk = without_byte_order_mark(&chunk);
            // Of an input that breaks off, the line that is cut is none.
            let whole = match broken.is_set() && !chunk.ends_with(b"\n") {
                true => &chunk[..memchr::memrchr(b'\n', chunk).map_or(0, |end| end + 1)],
                false => chunk,
            };
            match quoting {
                Quoting::Csv => self.csv_chunk(whole, &mut input),
                Quoting::None => self.json_chunk(whole, &mut input),
            }
        }
        if quoting == Quoting::Csv {
            "PostgreSQL csvlog".clone_into(&mut input.format);
        }
        input.error = broken.take();
        self.summary.lines += input.lines;
        self.summary.rejected += input.rejected;
        Ok(input)
    }

    fn csv_chunk(&mut self, chunk: &[u8], input: &mut QueryInput) {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(chunk);
        let mut record = ByteRecord::new();
        while matches!(reader.read_byte_record(&mut record), Ok(true)) {
            input.lines += 1;
            let text = |place: usize| record.get(place).map(String::from_utf8_lossy);
            match (record.len() >= FEWEST_FIELDS, text(DATABASE), text(SESSION), text(MESSAGE)) {
                (true, Some(database), Some(session), Some(message)) => {
                    self.message(&message, &session, &database, input);
                }
                _ => {
                    let expected = "a csvlog line of 23 fields or more";
                    self.reject(input, record.get(0).unwrap_or_default(), expected);
                }
            }
        }
    }

    fn json_chunk(&mut self, chunk: &[u8], input: &mut QueryInput) {
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk).chain([chunk.len()]) {
            let line = chunk[start.min(end)..end].trim_ascii();
            start = end + 1;
            if line.is_empty() {
                continue;
            }
            input.lines += 1;
            match json::read(line) {
                Line::Executions(executions) => {
                    name_format(input, "JSON lines");
                    for (sql, nanos) in executions {
                        self.execution(&sql, nanos, None, input);
                    }
                }
                Line::Message { message, session, database } => {
                    name_format(input, "PostgreSQL jsonlog");
                    self.message(&message, &session, &database, input);
                }
                Line::Other => name_format(input, "JSON lines"),
                Line::Rejected(expected) => self.reject(input, line, expected),
            }
        }
    }

    fn message(&mut self, message: &str, session: &str, database: &str, input: &mut QueryInput) {
        match message::read(message) {
            Message::Execution(sql, nanos) => {
                // The statement is told with its duration: what waits is of an earlier one.
                self.pending.end(session);
                self.execution(sql, nanos, Some(database), input);
            }
            Message::Statement(sql) => self.pending.begin(session, sql),
            Message::Duration(nanos) => match self.pending.end(session) {
                Some(sql) => self.execution(&sql, nanos, Some(database), input),
                None => self.summary.without_statement += 1,
            },
            Message::Step | Message::Other => {}
        }
    }

    fn execution(&mut self, sql: &str, nanos: u64, database: Option<&str>, input: &mut QueryInput) {
        input.executions += 1;
        match (database, self.database) {
            (Some(ran), Some(wanted)) if ran != wanted => self.summary.other_databases += 1,
            _ => {
                self.summary.executions += 1;
                (self.take)(sql, nanos);
            }
        }
    }

    fn reject(&mut self, input: &mut QueryInput, found: &[u8], expected: &str) {
        input.rejected += 1;
        if self.summary.rejected_samples.len() < SHOWN_REJECTS {
            let rejection = crate::request::Rejection { column: 1, found, expected };
            let reason = RejectedLine::new(input.lines, found, &rejection).reason;
            self.summary.rejected_samples.push(format!("{}:{}:1: {reason}", input.path, input.lines));
        }
    }
}

/// The format of an input, named by its first line that has one; a queryExecutions later on makes it plain JSON lines.
fn name_format(input: &mut QueryInput, name: &str) {
    if input.format == super::tally::EMPTY || name != "JSON lines" {
        name.clone_into(&mut input.format);
    }
}

/// Whether a log begins with a csvlog line.
fn is_csvlog(start: &[u8]) -> bool {
    let mut record = ByteRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(start);
    let is_read = matches!(reader.read_byte_record(&mut record), Ok(true));
    let has_time = record.get(0).is_some_and(|time| time.len() > 19 && time[..4].iter().all(u8::is_ascii_digit));
    is_read && has_time && record.len() >= FEWEST_FIELDS
}

/// Why a reader broke off, shared with whoever reads.
#[derive(Clone, Default)]
struct BreakOff(Arc<Mutex<Option<String>>>);

impl BreakOff {
    fn is_set(&self) -> bool {
        lock(&self.0).is_some()
    }

    fn set(&self, reason: String) {
        *lock(&self.0) = Some(reason);
    }

    fn take(&self) -> Option<String> {
        lock(&self.0).take()
    }
}

/// Reads until the end or an error, which is kept.
struct Until {
    inner: Box<dyn Read + Send>,
    broken: BreakOff,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.broken.set(error.to_string());
                Ok(0)
            }
            read => read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read_text(text: &[u8], database: Option<&str>) -> anyhow::Result<(QueryReading, Vec<(String, u64)>)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let mut found = Vec::new();
        let name = InputName::Path(file.path().to_owned());
        let reading = read(&[name], database, 0.5, &mut |sql, nanos| found.push((sql.to_owned(), nanos)))?;
        Ok((reading, found))
    }

    fn csv_line(database: &str, session: &str, message: &str) -> String {
        let message = message.replace('"', "\"\"");
        format!(
            "2026-06-01 12:00:00.000 UTC,\"u\",\"{database}\",1,\"[local]\",{session},1,\"SELECT\",2026-06-01 12:00:00 \
             UTC,3/1,0,LOG,00000,\"{message}\",,,,,,,,,\"psql\",\"client backend\",,0\n"
        )
    }

    #[test]
    fn csvlog_lines_may_hold_line_breaks_and_quotes() {
        let log = csv_line("d", "s", "duration: 1.5 ms  statement: SELECT \"a\",\n'b,c'")
            + &csv_line("d", "s", "connection received")
            + &csv_line("other", "s", "duration: 2 ms  statement: SELECT 2");
        let (reading, found) = read_text(log.as_bytes(), Some("d")).unwrap();
        assert_eq!(found, [("SELECT \"a\",\n'b,c'".to_owned(), 1_500_000)]);
        let summary = &reading.summary;
        assert_eq!((summary.lines, summary.executions, summary.other_databases, summary.rejected), (3, 1, 1, 0));
        assert_eq!(reading.inputs[0].format, "PostgreSQL csvlog");
        assert_eq!(read_text(log.as_bytes(), None).unwrap().1.len(), 2);
    }

    #[test]
    fn durations_go_to_the_statement_of_their_session() {
        let log = csv_line("d", "s", "statement: SELECT 1")
            + &csv_line("d", "t", "execute <unnamed>: SELECT 2")
            + &csv_line("d", "t", "duration: 4 ms")
            + &csv_line("d", "s", "duration: 3 ms")
            + &csv_line("d", "s", "duration: 9 ms");
        let (reading, found) = read_text(log.as_bytes(), None).unwrap();
        assert_eq!(found, [("SELECT 2".to_owned(), 4_000_000), ("SELECT 1".to_owned(), 3_000_000)]);
        assert_eq!(reading.summary.without_statement, 1);
    }

    #[test]
    fn json_lines_of_both_kinds_are_read_and_others_counted() {
        let log = concat!(
            r#"{"queryExecutions":[{"query":"SELECT 1","duration":1.25},{"query":"SELECT 2","duration":"3"}],"path":"/"}"#,
            "\n",
            r#"{"timestamp":"x","dbname":"d","session_id":"s","error_severity":"LOG","message":"duration: 2 ms  statement: SELECT 3"}"#,
            "\n\n",
            r#"{"path":"/"}"#,
            "\n",
            r#"{"queryExecutions":[{"query":5,"duration":1}]}"#,
            "\nno json\n",
        );
        let (reading, found) = read_text(log.as_bytes(), None).unwrap();
        let expected = [("SELECT 1", 1_250_000), ("SELECT 2", 3_000_000), ("SELECT 3", 2_000_000)];
        assert_eq!(found, expected.map(|(sql, nanos)| (sql.to_owned(), nanos)));
        assert_eq!((reading.summary.lines, reading.summary.rejected), (5, 2));
        assert!(reading.summary.rejected_samples[1].contains(":5:1: found \"no json\", expected"));
    }

    #[test]
    fn what_is_no_log_with_queries_is_told() {
        let told = |text: &[u8]| format!("{:#}", read_text(text, None).err().unwrap());
        assert!(told(b"192.0.2.1 - - [x] GET").contains("is no log with queries"));
        assert!(told(b"{\"a\n{\"b\n{\"queryExecutions\":[]}\n").contains("2 of 3 lines could not be read"));
        assert_eq!(read_text(b"", None).unwrap().0.inputs[0].format, "empty");
    }

    #[test]
    fn a_cut_file_gives_what_it_has_and_says_so() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        for number in 0..2000 {
            writeln!(encoder, r#"{{"queryExecutions":[{{"query":"SELECT {number}","duration":1}}]}}"#).unwrap();
        }
        let packed = encoder.finish().unwrap();
        let (reading, found) = read_text(&packed[..packed.len() - 1000], None).unwrap();
        assert!(reading.inputs[0].error.is_some() && reading.summary.rejected == 0);
        assert!((1900..2000).contains(&found.len()), "{}", found.len());
    }
}
