//! What was counted of one input, and its rejected lines on the way to a file.

use super::FormatInfo;
use super::asked::AskedFields;
use super::chunk::ChunkPart;
use super::rejected::RejectedLine;
use super::strangers::Strangers;
use crate::report::{Input, Summary};
use crate::window::minute::{MinuteCounts, MinuteRow};
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

/// The format name of an input without a line.
pub const EMPTY: &str = "empty";

/// Rejected lines that the summary shows.
const SHOWN_REJECTS: usize = 5;

/// Counts of one input.
pub struct InputTally {
    /// The input as the report shows it.
    pub input: Input,
    /// Which of the fields that the user asked for have a value.
    pub fields: AskedFields,
    /// Whether it is empty but for lines about its columns.
    pub has_headers: bool,
    /// Counts that concern the whole run.
    counts: Summary,
    /// Smallest and largest time of the requests that took part.
    kept_span_ms: Option<(i64, i64)>,
    shown: Vec<RejectedLine>,
    strangers: Strangers,
    spool: Option<BufWriter<File>>,
    spool_error: Option<io::Error>,
    keeps_all_rejects: bool,
}

impl InputTally {
    /// Nothing counted yet.
    pub fn new(path: String, info: Option<FormatInfo>, compression: Option<&'static str>, keeps_all: bool) -> Self {
        let info = info.unwrap_or(FormatInfo { name: EMPTY.to_owned(), ..FormatInfo::default() });
        InputTally {
            input: Input {
                path,
                format: info.name,
                latency_field: info.latency_field,
                latency_unit: info.latency_unit.map(|unit| unit.symbol()),
                developer_field: info.developer_field,
                compression,
                bytes: 0,
                lines: 0,
                requests: 0,
                rejected: 0,
                error: None,
                latency_hint: info.latency_hint,
            },
            has_headers: false,
            fields: AskedFields::default(),
            counts: Summary::default(),
            kept_span_ms: None,
            shown: Vec::new(),
            strangers: Strangers::default(),
            spool: None,
            spool_error: None,
            keeps_all_rejects: keeps_all,
        }
    }

    /// Adds requests of a window table.
    pub fn add_row(&mut self, row: &MinuteRow, admitted: bool) {
        let MinuteCounts { requests, long_connections, ended_ms, .. } = row.counts;
        self.input.requests += requests;
        if !admitted {
            self.counts.filtered_out += requests;
            return;
        }
        self.counts.requests += requests;
        self.counts.late_requests += if row.key.late { requests } else { 0 };
        self.counts.long_connections += long_connections;
        self.counts.without_latency += requests - long_connections - row.timed();
        self.kept_span_ms = union(self.kept_span_ms, Some(ended_ms));
    }

    /// Adds a chunk's counts, and notes its rejected lines.
    pub fn add(&mut self, part: &ChunkPart, file_bytes: u64) {
        for rejected in &part.rejects {
            let line = self.input.lines + rejected.line;
            self.note_rejected(RejectedLine { line, ..rejected.clone() });
        }
        self.fields.add(part.fields);
        self.input.bytes += file_bytes;
        self.input.lines += part.lines;
        self.input.requests += part.requests;
        self.input.rejected += part.rejected;
        self.counts.requests += part.kept;
        self.counts.filtered_out += part.filtered_out;
        self.counts.not_requests += part.not_requests;
        self.counts.late_requests += part.late;
        self.counts.long_connections += part.long_connections;
        self.counts.without_latency += part.without_latency;
        self.kept_span_ms = union(self.kept_span_ms, part.kept_span_ms);
    }

    fn note_rejected(&mut self, rejected: RejectedLine) {
        if self.keeps_all_rejects
            && self.spool_error.is_none()
            && let Err(error) = self.spool_rejected(&rejected)
        {
            self.spool_error = Some(error);
        }
        self.strangers.take(rejected.line, &rejected.text);
        if self.shown.len() < SHOWN_REJECTS {
            self.shown.push(rejected);
        }
    }

    fn spool_rejected(&mut self, rejected: &RejectedLine) -> io::Result<()> {
        let line = located(&self.input.path, rejected);
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => self.spool.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        writeln!(spool, "{line}")
    }

    /// Writes every rejected line of this input.
    pub fn write_rejects(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let failed = "rejected lines cannot be kept in the temporary folder";
        if let Some(error) = self.spool_error.take() {
            return Err(error).context(failed);
        }
        let Some(spool) = self.spool.take() else { return Ok(()) };
        let mut file = spool.into_inner().map_err(io::IntoInnerError::into_error).context(failed)?;
        file.rewind().context(failed)?;
        io::copy(&mut file, out)?;
        Ok(())
    }

    /// The first rejected line, for messages.
    pub fn first_rejected(&self) -> Option<String> {
        self.shown.first().map(|rejected| located(&self.input.path, rejected))
    }

    /// What to say where the input goes on in another format.
    pub fn change_of_format(&self) -> Option<String> {
        self.strangers.note(&self.input.path, &self.input.format)
    }

    /// Adds this input's counts to the run's.
    pub fn add_to(&self, summary: &mut Summary, span_ms: &mut Option<(i64, i64)>) {
        summary.lines += self.input.lines;
        summary.rejected += self.input.rejected;
        summary.requests += self.counts.requests;
        summary.filtered_out += self.counts.filtered_out;
        summary.not_requests += self.counts.not_requests;
        summary.late_requests += self.counts.late_requests;
        summary.long_connections += self.counts.long_connections;
        summary.without_latency += self.counts.without_latency;
        let room = SHOWN_REJECTS.saturating_sub(summary.rejected_samples.len());
        let samples = self.shown.iter().take(room).map(|rejected| located(&self.input.path, rejected));
        summary.rejected_samples.extend(samples);
        *span_ms = union(*span_ms, self.kept_span_ms);
    }
}

fn located(path: &str, rejected: &RejectedLine) -> String {
    format!("{path}:{}:{}: {}", rejected.line, rejected.column, rejected.reason)
}

fn union(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}
