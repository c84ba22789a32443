//! A compiled format, whichever family it belongs to, and how it is chosen for an input.

use super::chunk::{self, Before, ChunkPart, ChunkReader};
use super::detect::{self, NoFormat, TextFormat};
use super::lines::Chunk;
use super::marks::LineMarks;
use super::named::{FieldParser, FieldsLine, Heading, JsonMap, LtsvMap, W3cMap, names_columns, names_request};
use super::nginx::{LogFormat, NginxParser, json_template};
use super::pair::{Pair, PairParser};
use super::prefix::{Prefix, Stripped};
use super::preset::Preset;
use super::probe::{Probe, SAMPLE_BYTES};
use super::rejected::LINE_END;
use super::{FormatInfo, ParseLine, are_most};
use crate::backtest::spool::{Block, Stamps};
use crate::plan::{FormatChoice, LineTemplate, Wanted};
use crate::request::{Line, Rejection};
use anyhow::{Context, bail};
use std::io;
use std::sync::Arc;

/// A compiled format, and what stands before its lines.
#[derive(Clone)]
pub struct LineFormat {
    /// What was put before the server's lines.
    pub prefix: Option<Prefix>,
    family: Family,
}

/// A compiled format.
#[derive(Clone)]
enum Family {
    /// An nginx `log_format`, or the like.
    Template(Arc<LogFormat>),
    /// Two of them.
    Pair(Arc<Pair>),
    Json(Arc<JsonMap>),
    Ltsv(Arc<LtsvMap>),
    W3c(Arc<W3cMap>),
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
        if is_blank && is_all_there_is(probe) {
            return Ok(None);
        }
        if !matches!(choice, FormatChoice::Templates(_)) && has_only_headers(probe) {
            return Ok(None);
        }
        if is_blank && !matches!(choice, FormatChoice::Templates(_)) {
            bail!(
                "{}: its first {} KiB are blank, so its format cannot be found; remove the blank lines, or give \
                 --log-format",
                probe.shown,
                SAMPLE_BYTES >> 10
            )
        }
        LineFormat::of_lines(&sample, choice, wanted).with_context(|| probe.shown.clone()).map(Some)
    }

    /// The same of lines.
    ///
    /// # Errors
    /// Lines that tell no format, or lack what is wanted.
    pub fn of_lines(sample: &[&[u8]], choice: &FormatChoice, wanted: &Wanted) -> anyhow::Result<LineFormat> {
        let prefix = Prefix::of(sample);
        let family_of = match choice {
            FormatChoice::Templates(templates) => return best_template(templates, sample, prefix, wanted),
            FormatChoice::Detect => Family::detect,
            FormatChoice::Json => Family::json,
            FormatChoice::Ltsv => Family::ltsv,
            FormatChoice::W3c => Family::w3c,
        };
        let behind = |prefix: Option<Prefix>| {
            let stripped = prefix.map(|prefix| prefix.strip_all(sample));
            let family = family_of(&lines_of(stripped.as_deref(), sample), wanted)?;
            anyhow::Ok(LineFormat { prefix, family })
        };
        if let Some(Ok(format)) = docker_with_inner(prefix, sample).map(|inner| behind(Some(inner))) {
            return Ok(format);
        }
        // Of what a shipper's objects carry, a known format also says what it lacks.
        let is_known = |format: &anyhow::Result<LineFormat>| match format {
            Ok(_) => true,
            Err(error) => {
                matches!(error.downcast_ref(), Some(NoFormat::Lacking { .. } | NoFormat::UnknownUnit { .. }))
            }
        };
        let shipped = || shippers(sample).map(|prefix| behind(Some(prefix))).find(is_known);
        behind(prefix).or_else(|error| shipped().unwrap_or(Err(error)))
    }

    /// How exact the stamps are; `None`: only they can tell.
    pub(crate) fn stamps(&self) -> Option<Stamps> {
        match &self.family {
            Family::Template(format) => format.stamps(),
            Family::Pair(pair) => pair.stamps(),
            Family::Json(_) | Family::Ltsv(_) | Family::W3c(_) => None,
        }
    }

    /// The start of an input in a format whose columns may change on the way.
    pub(super) fn heading(&self) -> Option<Heading> {
        matches!(self.family, Family::W3c(_)).then(|| Heading::new(self.prefix))
    }

    /// Other presets that read some of the lines and how many each reads, the best first; none where the format is
    /// no preset's kind.
    pub fn others(&self, sample: &[&[u8]], wanted: &Wanted) -> Vec<(&'static Preset, usize)> {
        let own: Vec<String> = match &self.family {
            Family::Template(format) => vec![format.info().name],
            Family::Pair(pair) => pair.titles().into(),
            Family::Json(_) | Family::Ltsv(_) | Family::W3c(_) => return Vec::new(),
        };
        let stripped = self.prefix.map(|prefix| prefix.strip_all(sample));
        let mut ranked = detect::rank(&lines_of(stripped.as_deref(), sample), wanted);
        ranked.retain(|(preset, _)| own.iter().all(|title| preset.title != title));
        ranked
    }

    /// What the format tells about itself.
    pub fn info(&self) -> FormatInfo {
        let info = match &self.family {
            Family::Template(format) => format.info(),
            Family::Pair(pair) => pair.info(),
            Family::Json(map) => map.info(),
            Family::Ltsv(map) => map.info(),
            Family::W3c(map) => map.info(),
        };
        match self.prefix {
            Some(prefix) => FormatInfo { name: format!("{} in {}", info.name, prefix.name()), ..info },
            None => info,
        }
    }
}

impl Family {
    fn detect(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        if are_most(sample, |line| line.trim_ascii_start().starts_with(b"{")) {
            return Family::json(sample, wanted);
        }
        if let Some(map) = W3cMap::detect(sample, wanted) {
            return Ok(Family::W3c(Arc::new(map?)));
        }
        if are_most(sample, LtsvMap::fits) {
            return Family::ltsv(sample, wanted);
        }
        Ok(match detect::detect_text(sample, wanted)? {
            (TextFormat::One(format), _) => Family::Template(Arc::new(format)),
            (TextFormat::Two(pair), _) => Family::Pair(Arc::new(pair)),
        })
    }

    fn json(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        Ok(Family::Json(Arc::new(JsonMap::detect(sample, wanted)?)))
    }

    fn ltsv(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        Ok(Family::Ltsv(Arc::new(LtsvMap::detect(sample, wanted)?)))
    }

    fn w3c(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        match W3cMap::detect(sample, wanted) {
            Some(map) => Ok(Family::W3c(Arc::new(map?))),
            None => bail!("no `#Fields:` line is among the first lines; it has to name the columns"),
        }
    }

    /// What a format that was given writes: lines of its own shape, or JSON objects.
    fn template(template: &LineTemplate, lines: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        let LineTemplate { title, log_format, companion } = template;
        if let Some(template) = json_template(log_format, wanted.latency)? {
            return Ok(Family::Json(Arc::new(JsonMap::written_by(title, &template, lines, wanted)?)));
        }
        let own = LogFormat::compile(title, log_format, wanted)?;
        // What only its companion lacks does not take a layout along that was named.
        let companion = companion
            .as_ref()
            .and_then(|companion| LogFormat::compile_companion(&companion.title, &companion.log_format, wanted).ok());
        Ok(match companion {
            Some(companion) => Family::Pair(Arc::new(Pair::new(own, companion, lines))),
            None => Family::Template(Arc::new(own)),
        })
    }

    fn parser(&self) -> Parser {
        match self {
            Family::Template(format) => Parser::Template(format.parser()),
            Family::Pair(pair) => Parser::Pair(Box::new(pair.parser())),
            Family::Json(map) => Parser::Json(map.parser()),
            Family::Ltsv(map) => Parser::Ltsv(map.parser()),
            Family::W3c(map) => Parser::W3c(map.parser()),
        }
    }
}

/// Whether nothing can be read behind the sample.
fn is_all_there_is(probe: &Probe) -> bool {
    probe.is_whole() || probe.broken.is_some()
}

/// Whether an input is a W3C log without a row: IIS begins its files before the first request comes.
pub(super) fn has_only_headers(probe: &Probe) -> bool {
    let lines = probe.sample_lines();
    let is_about_the_log = |line: &&[u8]| line.starts_with(b"#") || line.trim_ascii().is_empty();
    is_all_there_is(probe) && lines.iter().all(is_about_the_log) && lines.iter().any(|line| names_columns(line))
}

/// The lines without their prefix, where they have one.
fn lines_of<'s>(stripped: Option<&'s [Vec<u8>]>, sample: &[&'s [u8]]) -> Vec<&'s [u8]> {
    match stripped {
        Some(lines) => lines.iter().map(Vec::as_slice).collect(),
        None => sample.to_vec(),
    }
}

/// The prefixes by which objects may carry a server's lines; none where they name a method or a request themselves.
fn shippers(sample: &[&[u8]]) -> impl Iterator<Item = Prefix> {
    let mut prefixes = Prefix::shipped(sample).peekable();
    let is_request = prefixes.peek().is_some() && names_request(sample);
    prefixes.filter(move |_| !is_request)
}

/// Docker's prefix and another one in it, which a format may mistake for what it knows.
fn docker_with_inner(prefix: Option<Prefix>, sample: &[&[u8]]) -> Option<Prefix> {
    prefix.filter(|prefix| *prefix == Prefix::DockerJson(None)).and_then(|_| Prefix::docker_with_inner(sample))
}

/// Of formats that were given, the one that reads most lines, with the prefix or without; the first among equals.
fn best_template(
    templates: &[LineTemplate],
    sample: &[&[u8]],
    prefix: Option<Prefix>,
    wanted: &Wanted,
) -> anyhow::Result<LineFormat> {
    // Whoever gives a format may have written the prefix into it.
    let inner = docker_with_inner(prefix, sample);
    let prefixes = [None].into_iter().chain(inner.into_iter().chain(prefix).chain(shippers(sample)).map(Some));
    let stripped: Vec<_> = prefixes.map(|prefix| (prefix, prefix.map(|prefix| prefix.strip_all(sample)))).collect();
    let ways: Vec<_> = stripped.iter().map(|(prefix, lines)| (*prefix, lines_of(lines.as_deref(), sample))).collect();
    let mut best: Option<(usize, LineFormat)> = None;
    let mut first_error = None;
    for template in templates {
        for (prefix, lines) in &ways {
            match Family::template(template, lines, wanted) {
                Ok(family) => {
                    let count = read_count(&mut family.parser(), lines);
                    if best.as_ref().is_none_or(|(most, _)| count > *most) {
                        best = Some((count, LineFormat { prefix: *prefix, family }));
                    }
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    match (best, first_error) {
        (Some((_, format)), _) => Ok(format),
        (None, Some(error)) => Err(error),
        (None, None) => bail!("no log format was given"),
    }
}

fn read_count(parser: &mut Parser, lines: &[&[u8]]) -> usize {
    lines.iter().filter(|line| parser.parse_line(line).is_read()).count()
}

/// A format with a parser of its own, for one thread.
pub struct InputFormat {
    parser: Parser,
    developer_is_key: bool,
    stamps: Stamps,
    /// Where lines begin that come without a chunk.
    heading: Option<Heading>,
}

enum Parser {
    Template(NginxParser),
    Pair(Box<PairParser>),
    Json(FieldParser<super::named::Names>),
    Ltsv(FieldParser<super::named::Labels>),
    W3c(FieldParser<super::named::Columns>),
    Prefixed(Box<PrefixedParser>),
}

impl InputFormat {
    /// A parser for the format, and how exact the input's stamps are.
    pub fn new(format: &LineFormat, stamps: Stamps) -> Self {
        let own = format.family.parser();
        let parser = match format.prefix {
            Some(prefix) => {
                Parser::Prefixed(Box::new(PrefixedParser { prefix, own, scratch: Vec::new(), spare: Vec::new() }))
            }
            None => own,
        };
        InputFormat { parser, developer_is_key: format.info().developer_is_key, stamps, heading: format.heading() }
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
        let developer_is_key = self.developer_is_key;
        self.for_each_run(chunk, buffer, |parser, lines| match parser {
            Parser::Template(parser) => reader.read(parser, lines, developer_is_key, before),
            Parser::Pair(parser) => reader.read(parser.as_mut(), lines, developer_is_key, before),
            Parser::Json(parser) => reader.read(parser, lines, developer_is_key, before),
            Parser::Ltsv(parser) => reader.read(parser, lines, developer_is_key, before),
            Parser::W3c(parser) => reader.read(parser, lines, developer_is_key, before),
            Parser::Prefixed(parser) => reader.read(parser.as_mut(), lines, developer_is_key, before),
        })?;
        Ok((reader.finish(), reader.calls.take_block(self.stamps)))
    }

    /// The times of a chunk's requests, in order.
    ///
    /// # Errors
    /// Those of reading.
    pub fn timestamps(&mut self, chunk: &Chunk, buffer: &mut Vec<u8>) -> io::Result<Vec<i64>> {
        let mut timestamps = Vec::new();
        self.for_each_run(chunk, buffer, |parser, lines| chunk::timestamps(parser, lines, &mut timestamps))?;
        Ok(timestamps)
    }

    /// Calls `take` with the chunk's lines, some at a time, and the parser set to the header that is in force there.
    fn for_each_run(
        &mut self,
        chunk: &Chunk,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&mut Parser, &[u8]),
    ) -> io::Result<()> {
        let parser = &mut self.parser;
        let mut heading = chunk.heading.clone();
        chunk.read(buffer, |lines| match &mut heading {
            None => take(parser, lines),
            Some(heading) => heading.follow(lines, |header, run| {
                parser.set_header(header);
                take(parser, run);
            }),
        })
    }

    /// What the next line says of an input that is read from its start.
    pub fn parse_next<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        if let Some(heading) = &mut self.heading {
            heading.enter(line);
            self.parser.set_header(heading.in_force());
        }
        self.parser.parse_line(line)
    }

    /// The time of that line's request.
    pub fn next_timestamp(&mut self, line: &[u8]) -> Option<i64> {
        match self.parse_next(line) {
            Line::Request(request) => Some(request.timestamp_ms),
            _ => None,
        }
    }
}

impl Parser {
    /// Sets the columns, where lines have any.
    fn set_header(&mut self, header: Option<&Arc<FieldsLine>>) {
        match self {
            Parser::W3c(parser) => parser.set_header(header),
            Parser::Prefixed(parser) => parser.own.set_header(header),
            Parser::Template(_) | Parser::Pair(_) | Parser::Json(_) | Parser::Ltsv(_) => {}
        }
    }
}

impl ParseLine for Parser {
    const USES_MARKS: bool = false;

    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        match self {
            Parser::Template(parser) => parser.parse_line(line),
            Parser::Pair(parser) => parser.parse_line(line),
            Parser::Json(parser) => parser.parse_line(line),
            Parser::Ltsv(parser) => parser.parse_line(line),
            Parser::W3c(parser) => parser.parse_line(line),
            Parser::Prefixed(parser) => parser.parse_line(line),
        }
    }

    fn parse_marked<'a>(&'a mut self, line: &'a [u8], _: LineMarks) -> Line<'a> {
        self.parse_line(line)
    }
}

/// Reads lines behind a prefix.
struct PrefixedParser {
    prefix: Prefix,
    own: Parser,
    /// Holds what was escaped of the current line.
    scratch: Vec<u8>,
    /// For counting escapes, while the line is in the other.
    spare: Vec<u8>,
}

impl ParseLine for PrefixedParser {
    const USES_MARKS: bool = false;

    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        const WHOLE: &str = "a whole line; the container runtime has split this one";
        match self.prefix.strip(line, &mut self.scratch) {
            Stripped::Line(rest, place) => match self.own.parse_line(rest) {
                Line::Rejected(rejection) => {
                    let column = place.of_byte(line, rejection.column - 1, &mut self.spare) + 1;
                    let is_at_end = rejection.found.is_empty() && rejection.column > rest.len();
                    let found = if is_at_end { LINE_END } else { rejection.found };
                    Line::Rejected(Rejection { column, found, ..rejection })
                }
                parsed => parsed,
            },
            Stripped::Part => Line::Rejected(Rejection { column: 1, found: b"", expected: WHOLE }),
            Stripped::Bare => self.own.parse_line(line),
        }
    }

    fn parse_marked<'a>(&'a mut self, line: &'a [u8], _: LineMarks) -> Line<'a> {
        self.parse_line(line)
    }
}

#[cfg(test)]
mod tests;
