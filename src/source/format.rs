//! A compiled format, whichever family it belongs to, and how it is chosen for an input.

use super::chunk::{self, Before, ChunkPart, ChunkReader};
use super::json::{FieldMap, JsonParser};
use super::lines::Chunk;
use super::nginx::{LogFormat, NginxParser};
use super::probe::{Probe, SAMPLE_BYTES};
use super::{FormatInfo, ParseLine, preset};
use crate::backtest::spool::{Block, Stamps};
use crate::plan::{FormatChoice, Wanted};
use crate::request::Line;
use anyhow::{Context, bail};
use std::io;
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
    /// The format of an input, as chosen or as its first lines tell; `None` when it has no lines, or breaks off
    /// before the first one ends.
    ///
    /// # Errors
    /// First lines that tell no format, or that are all blank when the format was to be found by them.
    pub fn of(probe: &Probe, choice: &FormatChoice, wanted: &Wanted) -> anyhow::Result<Option<LineFormat>> {
        let sample = probe.sample_lines();
        let is_blank = sample.iter().all(|line| line.iter().all(u8::is_ascii_whitespace));
        if is_blank && (probe.is_whole() || probe.broken.is_some()) {
            return Ok(None);
        }
        let format = match choice {
            FormatChoice::Nginx { name, log_format } => {
                LineFormat::nginx(LogFormat::compile(name, log_format, wanted)?)
            }
            _ if is_blank => bail!(
                "{}: its first {} KiB are blank, so its format cannot be found; remove the blank lines, or give \
                 --log-format",
                probe.shown,
                SAMPLE_BYTES >> 10
            ),
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

    /// How exact the stamps are; `None`: only they can tell.
    pub(crate) fn stamps(&self) -> Option<Stamps> {
        match self {
            LineFormat::Nginx(format) => format.stamps(),
            LineFormat::Json(_) => None,
        }
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
    stamps: Stamps,
}

enum Parser {
    Nginx(NginxParser),
    Json(JsonParser),
}

impl InputFormat {
    /// A parser for the format, and how exact the input's stamps are.
    pub fn new(format: &LineFormat, stamps: Stamps) -> Self {
        let parser = match format {
            LineFormat::Nginx(format) => Parser::Nginx(format.parser()),
            LineFormat::Json(fields) => Parser::Json(fields.parser()),
        };
        InputFormat { parser, developer_is_key: format.info().developer_is_key, stamps }
    }

    /// Reads a chunk; `buffer` is where its bytes are read to. The block holds its requests for the backtest, endpoints
    /// in the reader's numbering; `None` when none are kept.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(
        &mut self,
        reader: &mut ChunkReader,
        chunk: &Chunk,
        buffer: &mut Vec<u8>,
        before: &Before,
    ) -> io::Result<(ChunkPart, Option<Block>)> {
        reader.start(before);
        for_each_piece(chunk, buffer, |lines| match &mut self.parser {
            Parser::Nginx(parser) => reader.read(parser, lines, self.developer_is_key, before),
            Parser::Json(parser) => reader.read(parser, lines, self.developer_is_key, before),
        })?;
        let mut part = reader.finish();
        let calls = std::mem::take(&mut part.calls);
        let block = if calls.is_empty() { None } else { Some(Block::new(&calls, self.stamps)) };
        Ok((part, block))
    }

    /// The times of a chunk's requests, in order.
    ///
    /// # Errors
    /// Those of reading.
    pub fn timestamps(&mut self, chunk: &Chunk, buffer: &mut Vec<u8>) -> io::Result<Vec<i64>> {
        let mut timestamps = Vec::new();
        for_each_piece(chunk, buffer, |lines| match &mut self.parser {
            Parser::Nginx(parser) => chunk::timestamps(parser, lines, &mut timestamps),
            Parser::Json(parser) => chunk::timestamps(parser, lines, &mut timestamps),
        })?;
        Ok(timestamps)
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

/// [`Chunk::read`] without the byte order mark that may open the input.
fn for_each_piece(chunk: &Chunk, buffer: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut may_be_marked = chunk.is_first;
    chunk.read(buffer, |lines| {
        let marked = std::mem::take(&mut may_be_marked).then(|| lines.strip_prefix(BYTE_ORDER_MARK)).flatten();
        take(marked.unwrap_or(lines));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::InputName;
    use std::io::Write;

    #[test]
    fn only_a_file_that_is_blank_to_its_end_is_empty() {
        let of = |content: &[u8], choice: &FormatChoice| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content).unwrap();
            let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
            LineFormat::of(&probe, choice, &Wanted::default())
        };
        let mut long = vec![b'\n'; SAMPLE_BYTES];
        long.extend(b"127.0.0.1 - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 2\n");
        assert!(of(b"\n \r\n", &FormatChoice::Detect).unwrap().is_none());
        let told = of(&long, &FormatChoice::Detect).err().unwrap().to_string();
        assert!(told.contains("its first 64 KiB are blank"), "{told}");
        let log_format = "$remote_addr - - [$time_local] \"$request\" $status $body_bytes_sent".to_owned();
        let given = FormatChoice::Nginx { name: "given".to_owned(), log_format };
        assert!(of(&long, &given).unwrap().is_some());
    }
}
