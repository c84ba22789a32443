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
use super::{FormatInfo, ParseLine};
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
        let inner = docker_with_inner(prefix, sample).filter(|_| !matches!(choice, FormatChoice::Templates(_)));
        if let Some(format) = inner.and_then(|inner| LineFormat::behind(Some(inner), sample, choice, wanted).ok()) {
            return Ok(format);
        }
        LineFormat::behind(prefix, sample, choice, wanted)
            .or_else(|error| LineFormat::shipped(sample, choice, wanted).unwrap_or(Err(error)))
    }

    /// The format of what stands behind a prefix.
    fn behind(
        prefix: Option<Prefix>,
        sample: &[&[u8]],
        choice: &FormatChoice,
        wanted: &Wanted,
    ) -> anyhow::Result<LineFormat> {
        let stripped = prefix.map(|prefix| prefix.strip_all(sample));
        let inner = lines_of(stripped.as_deref(), sample);
        let family = match choice {
            FormatChoice::Templates(templates) => return best_template(templates, sample, prefix, wanted),
            FormatChoice::Detect => Family::detect(&inner, wanted)?,
            FormatChoice::Json => Family::json(&inner, wanted)?,
            FormatChoice::Ltsv => Family::Ltsv(Arc::new(LtsvMap::detect(&inner, wanted)?)),
            FormatChoice::W3c => match W3cMap::detect(&inner, wanted) {
                Some(map) => Family::W3c(Arc::new(map?)),
                None => bail!("no `#Fields:` line is among the first lines; it has to name the columns"),
            },
        };
        Ok(LineFormat { prefix, family })
    }

    /// The format of the lines that a shipper's objects carry, or what it lacks; `None` where they carry no known one.
    fn shipped(sample: &[&[u8]], choice: &FormatChoice, wanted: &Wanted) -> Option<anyhow::Result<LineFormat>> {
        let is_known = |format: &anyhow::Result<LineFormat>| match format {
            Ok(_) => true,
            Err(error) => {
                matches!(error.downcast_ref(), Some(NoFormat::Lacking { .. } | NoFormat::UnknownUnit { .. }))
            }
        };
        shippers(sample).map(|prefix| LineFormat::behind(Some(prefix), sample, choice, wanted)).find(is_known)
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
        let most =
            |is_such: &dyn Fn(&[u8]) -> bool| sample.iter().filter(|line| is_such(line)).count() * 2 > sample.len();
        if most(&|line| line.trim_ascii_start().starts_with(b"{")) {
            return Family::json(sample, wanted);
        }
        if let Some(map) = W3cMap::detect(sample, wanted) {
            return Ok(Family::W3c(Arc::new(map?)));
        }
        if most(&LtsvMap::fits) {
            return Ok(Family::Ltsv(Arc::new(LtsvMap::detect(sample, wanted)?)));
        }
        Ok(match detect::detect_text(sample, wanted)? {
            (TextFormat::One(format), _) => Family::Template(Arc::new(format)),
            (TextFormat::Two(pair), _) => Family::Pair(Arc::new(pair)),
        })
    }

    fn json(sample: &[&[u8]], wanted: &Wanted) -> anyhow::Result<Family> {
        Ok(Family::Json(Arc::new(JsonMap::detect(sample, wanted)?)))
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
    lines.iter().filter(|line| matches!(parser.parse_line(line), Line::Request(_) | Line::NotRequest)).count()
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
        let mut part = reader.finish();
        let calls = std::mem::take(&mut part.calls);
        let block = if calls.is_empty() { None } else { Some(Block::new(&calls, self.stamps)) };
        reader.keep_room(calls);
        Ok((part, block))
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
mod tests {
    use super::*;
    use crate::plan::InputName;
    use crate::source::rejected::RejectedLine;
    use std::io::Write;

    #[test]
    fn a_header_without_a_row_is_an_empty_log() {
        let of = |content: &str, choice: &FormatChoice| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
            LineFormat::of(&probe, choice, &Wanted::default()).map(|format| format.is_some())
        };
        const HEADER: &str = "#Version: 1.0\r\n#Fields: date time cs-method cs-uri-stem sc-status\r\n";
        for choice in [FormatChoice::Detect, FormatChoice::W3c] {
            assert!(!of(HEADER, &choice).unwrap());
            assert!(of(&format!("{HEADER}2026-06-01 12:00:00 GET / 200\n"), &choice).unwrap());
            let told = of(&format!("{HEADER}2026-06-01\n"), &choice).unwrap_err();
            assert!(format!("{told:#}").contains("none of the first lines has the 5 columns"), "{told:#}");
        }
        assert!(of("# a comment\n", &FormatChoice::Detect).is_err());
    }

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
        let given =
            FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }]);
        assert!(of(&long, &given).unwrap().is_some());
    }

    /// The format's name, or why there is none.
    fn named(lines: &[&str], choice: &FormatChoice, wanted: &Wanted) -> Result<String, String> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        match LineFormat::of_lines(&lines, choice, wanted) {
            Ok(format) => Ok(format.info().name),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    const COMBINED: &str = r#"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 2 \"-\" \"-\""#;

    #[test]
    fn lines_are_found_in_the_objects_of_shippers() {
        let detected = |lines: &[String]| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            named(&lines, &FormatChoice::Detect, &Wanted::default())
        };
        for (object, name) in [
            (format!(r#"{{"log":"{COMBINED}\n","stream":"stdout"}}"#), "nginx combined in Docker's JSON"),
            (format!(r#"{{"log":"{COMBINED}","stream":"stdout"}}"#), "nginx combined in JSON's `log`"),
            (format!(r#"{{"date":1.5,"log":"{COMBINED}\n"}}"#), "nginx combined in JSON's `log`"),
            (format!(r#"{{"level":"info","msg":"{COMBINED}"}}"#), "nginx combined in JSON's `msg`"),
            (format!(r#"{{"PRIORITY":"6","MESSAGE":"{COMBINED}"}}"#), "nginx combined in JSON's `MESSAGE`"),
            // As of Logstash, whose `path` is the log file's.
            (format!(r#"{{"path":"/var/log/a.log","message":"{COMBINED}"}}"#), "nginx combined in JSON's `message`"),
            (format!(r#"{{"log":"restarted","message":"{COMBINED}"}}"#), "nginx combined in JSON's `message`"),
            (
                r#"{"message":"{\"ts\":1780315200,\"method\":\"GET\",\"path\":\"/\",\"status\":200}"}"#.to_owned(),
                "JSON lines in JSON's `message`",
            ),
        ] {
            assert_eq!(detected(std::slice::from_ref(&object)).as_deref(), Ok(name), "{object}");
        }
        let shipped = format!(r#"{{"message":"{COMBINED}"}}"#);
        let other = r#"{"message":"started"}"#.to_owned();
        assert!(detected(&[shipped.clone(), other.clone()]).is_ok());
        let refusal = detected(&[shipped, other.clone(), other]).unwrap_err();
        assert!(refusal.starts_with("no field of the lines holds the time: found `message`"), "{refusal}");
    }

    #[test]
    fn a_prefix_in_dockers_json_is_taken_off_too() {
        let combined = |prefix: &str| format!("{prefix}{}", COMBINED.replace("1 - -", "1 - ann"));
        let log_format = super::super::preset::by_name("combined").unwrap().log_format.to_owned();
        let given = |log_format: String| {
            FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }])
        };
        let read = |prefix: &str, choice: &FormatChoice| {
            let line = format!(r#"{{"log":"{}\n","stream":"stdout"}}"#, combined(prefix));
            let format = LineFormat::of_lines(&[line.as_bytes()], choice, &Wanted::default()).unwrap();
            let name = format.info().name;
            match InputFormat::new(&format, Stamps::WholeSeconds).parse_next(line.as_bytes()) {
                Line::Request(request) => {
                    format!("{name}: {}", request.developer.unwrap_or_default().escape_ascii())
                }
                other => panic!("{other:?}"),
            }
        };
        for prefix in [
            "",
            "<190>Jun  1 12:00:00 host nginx: ",
            r"\u003c190\u003e1 2026-06-01T12:00:00Z host nginx 7 - - ",
            "2026-06-01T12:00:00Z host nginx[7]: ",
            "host nginx[7]: ",
        ] {
            let name = "nginx combined in Docker's JSON: ann";
            assert_eq!(read(prefix, &FormatChoice::Detect), name, "{prefix}");
            assert_eq!(read(prefix, &given(log_format.clone())), "given in Docker's JSON: ann", "{prefix}");
        }
        // Whoever gives a format may have written the prefix into it.
        let whole = given(format!("$hostname nginx[$pid]: {log_format}"));
        assert_eq!(read("host nginx[7]: ", &whole), "given in Docker's JSON: ann");
    }

    #[test]
    fn a_line_that_ends_too_soon_is_told_the_same_wherever_it_stands() {
        let line = COMBINED.replace('\\', "");
        let rejection = |lines: [String; 2]| {
            let bytes = lines.each_ref().map(|line| line.as_bytes());
            let format = LineFormat::of_lines(&bytes[..1], &FormatChoice::Detect, &Wanted::default()).unwrap();
            match InputFormat::new(&format, Stamps::WholeSeconds).parse_next(bytes[1]) {
                Line::Rejected(rejection) => RejectedLine::new(1, bytes[1], &rejection).reason,
                other => panic!("{other:?}"),
            }
        };
        let cut = |line: &str| line[..=line.find(" 200").unwrap()].to_owned();
        let plain = rejection([line.clone(), cut(&line)]);
        assert!(plain.starts_with("found the end of the line, "), "{plain}");
        for before in [r#"{"log":""#, r#"{"level":"info","message":""#] {
            let objects = [COMBINED, &cut(COMBINED)].map(|line| format!(r#"{before}{line}\n","stream":"stdout"}}"#));
            assert_eq!(rejection(objects), plain);
        }
    }

    #[test]
    fn objects_that_are_requests_carry_none() {
        let request =
            |more: &str| format!(r#"{{"ts":1780315200,"method":"GET","path":"/","message":"{COMBINED}"{more}}}"#);
        let json = named(&[&request(r#","status":200"#)], &FormatChoice::Detect, &Wanted::default());
        assert_eq!(json.as_deref(), Ok("JSON lines"));
        for lines in [request(""), request("").replace(r#""method":"GET""#, r#""request":"GET / HTTP/1.1""#)] {
            let refusal = named(&[&lines], &FormatChoice::Detect, &Wanted::default()).unwrap_err();
            assert!(refusal.starts_with("no field of the lines holds the status code"), "{refusal}");
        }
    }

    #[test]
    fn what_is_asked_for_is_asked_of_the_lines_in_objects() {
        let shipped = format!(r#"{{"message":"web.0 nginx: {COMBINED}"}}"#);
        let log_format = super::super::preset::by_name("combined").unwrap().log_format.to_owned();
        let given =
            FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }]);
        assert_eq!(named(&[&shipped], &given, &Wanted::default()).as_deref(), Ok("given in JSON's `message`"));
        let asked = Wanted { extras: vec!["upstream_addr".to_owned()], ..Wanted::default() };
        let refusal = named(&[&shipped], &FormatChoice::Detect, &asked).unwrap_err();
        assert!(refusal.starts_with("the log is in the format `combined`: "), "{refusal}");
    }
}
