//! A compiled format, whichever family it belongs to, and how it is chosen for an input.

use super::chunk::{Before, ChunkPart, ChunkReader};
use super::json::{FieldMap, JsonParser};
use super::lines::Chunk;
use super::nginx::{LogFormat, NginxParser};
use super::probe::Probe;
use super::{FormatInfo, ParseLine, preset};
use crate::plan::{FormatChoice, Wanted};
use crate::request::Line;
use anyhow::{Context, bail};
use std::sync::Arc;

/// UTF-8's byte order mark, which some tools put at a file's start.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A compiled format.
#[derive(Clone)]
pub enum LineFormat {
    /// An nginx `log_format`.
    Nginx(Arc<LogFormat>),
    /// JSON lines.
    Json(Arc<FieldMap>),
}

impl LineFormat {
    /// The format of an input, as chosen or as its first lines tell; `None` when it has no lines.
    pub fn of(probe: &Probe, choice: &FormatChoice, wanted: &Wanted) -> anyhow::Result<Option<LineFormat>> {
        let sample = probe.sample_lines();
        if sample.iter().all(|line| line.iter().all(u8::is_ascii_whitespace)) {
            return Ok(None);
        }
        let format = match choice {
            FormatChoice::Nginx { name, log_format } => {
                LineFormat::nginx(LogFormat::compile(name, log_format, wanted)?)
            }
            FormatChoice::Json => LineFormat::json(&sample, wanted).with_context(|| probe.shown.clone())?,
            FormatChoice::Detect => LineFormat::detect(&sample, wanted).with_context(|| probe.shown.clone())?,
        };
        Ok(Some(format))
    }

    fn detect(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<LineFormat> {
        let objects = sample.iter().filter(|line| line.trim_ascii_start().starts_with(b"{")).count();
        if objects * 2 > sample.len() {
            return LineFormat::json(sample, wanted);
        }
        match preset::detect_text(sample, wanted) {
            Ok((format, _)) => Ok(LineFormat::nginx(format)),
            Err(reason) => bail!(reason),
        }
    }

    fn nginx(format: LogFormat) -> LineFormat {
        LineFormat::Nginx(Arc::new(format))
    }

    fn json(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<LineFormat> {
        Ok(LineFormat::Json(Arc::new(FieldMap::detect(sample, wanted)?)))
    }

    /// What the format tells about itself.
    pub fn info(&self) -> FormatInfo {
        match self {
            LineFormat::Nginx(format) => format.info(),
            LineFormat::Json(fields) => fields.info(),
        }
    }
}

/// A format with a parser of its own, for one thread.
pub struct InputFormat {
    parser: Parser,
    developer_is_key: bool,
}

enum Parser {
    Nginx(NginxParser),
    Json(JsonParser),
}

impl InputFormat {
    /// A parser for the format.
    pub fn new(format: &LineFormat) -> Self {
        let parser = match format {
            LineFormat::Nginx(format) => Parser::Nginx(format.parser()),
            LineFormat::Json(fields) => Parser::Json(fields.parser()),
        };
        InputFormat { parser, developer_is_key: format.info().developer_is_key }
    }

    /// Reads a chunk's lines.
    pub fn read(&mut self, reader: &mut ChunkReader, lines: &[u8], before: &Before) -> ChunkPart {
        match &mut self.parser {
            Parser::Nginx(parser) => reader.read(parser, lines, self.developer_is_key, before),
            Parser::Json(parser) => reader.read(parser, lines, self.developer_is_key, before),
        }
    }

    /// The times of the requests in these lines, in order.
    pub fn timestamps(&mut self, lines: &[u8]) -> Vec<i64> {
        match &mut self.parser {
            Parser::Nginx(parser) => ChunkReader::timestamps(parser, lines),
            Parser::Json(parser) => ChunkReader::timestamps(parser, lines),
        }
    }

    /// The time of one line's request.
    pub fn timestamp(&mut self, line: &[u8]) -> Option<i64> {
        let parsed = match &mut self.parser {
            Parser::Nginx(parser) => parser.parse_line(line),
            Parser::Json(parser) => parser.parse_line(line),
        };
        match parsed {
            Line::Request(request) => Some(request.timestamp_ms),
            _ => None,
        }
    }
}

/// A chunk's lines without the byte order mark that may open the input.
fn without_mark(chunk_is_first: bool, lines: &[u8]) -> &[u8] {
    if chunk_is_first { lines.strip_prefix(BYTE_ORDER_MARK).unwrap_or(lines) } else { lines }
}

/// A chunk's lines as the parsers want them; `buffer` is where a file's bytes are read to.
pub fn lines_of<'a>(chunk: &'a Chunk, buffer: &'a mut Vec<u8>) -> std::io::Result<&'a [u8]> {
    Ok(without_mark(chunk.is_first, chunk.lines(buffer)?))
}
