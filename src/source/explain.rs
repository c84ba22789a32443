//! What format a log is in, on what evidence, and how its first request is read; and which formats are known: for
//! `learn formats`.
//!
//! Reads the first lines of an input and nothing more.

use super::format::{InputFormat, LineFormat, has_only_headers};
use super::nginx::LogFormat;
use super::prefix::Prefix;
use super::preset::{self, FAMILIES, Preset};
use super::probe::Probe;
use super::rejected::RejectedLine;
use super::window_table::Layout;
use crate::backtest::spool::Stamps;
use crate::plan::{FormatChoice, InputName, Unit, Wanted};
use crate::report::{LatencyHint, format_time};
use crate::request::{Line, Request};
use crate::route::route_of;
use crate::usage::display_name;
use anyhow::{bail, ensure};
use serde::Serialize;

/// A log's format, explained.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The path as given, or `-`.
    pub path: String,
    /// The compression; `null` for plain text.
    pub compression: Option<&'static str>,
    /// What stands before the server's lines.
    pub prefix: Option<&'static str>,
    /// The format; `null` where none was found.
    pub format: Option<String>,
    /// The field taken as latency.
    pub latency_field: Option<String>,
    /// That field's unit.
    pub latency_unit: Option<&'static str>,
    /// What the lines have in place of a latency.
    #[serde(skip)]
    pub latency_hint: Option<LatencyHint>,
    /// The field taken as the developer.
    pub developer_field: Option<String>,
    /// Lines that were looked at.
    pub lines: u64,
    /// Of these, requests.
    pub requests: u64,
    /// Of these, well-formed ones without a request.
    pub not_requests: u64,
    /// Of these, ones that do not fit.
    pub rejected: u64,
    /// Why the first of those does not.
    pub first_rejected: Option<String>,
    /// Other formats that read some of the lines, the best first.
    pub others: Vec<Other>,
    /// The first request as it is read.
    pub example: Option<Example>,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// A format that reads some of the lines too.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    /// Its name on the command line.
    pub name: &'static str,
    /// How many lines it reads.
    pub lines: usize,
}

/// A request as it is read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// When it ended, RFC 3339 UTC.
    pub timestamp: String,
    /// The method.
    pub method: String,
    /// The request target as logged.
    pub path: String,
    /// The route it belongs to.
    pub route: String,
    /// The status code.
    pub status: u16,
    /// The latency in milliseconds.
    pub duration_ms: Option<f64>,
    /// The developer; one of a key-like field is masked.
    pub developer: Option<String>,
}

/// The most other formats that are worth a look.
const MAX_OTHERS: usize = 5;

/// Explains one input; what is wrong with it stands in the result.
pub fn explain(name: &InputName, choice: &FormatChoice, wanted: &Wanted) -> Explained {
    let path = name.shown();
    match explain_readable(name, choice, wanted) {
        Ok(explained) => explained,
        Err(error) => {
            let text = format!("{error:#}");
            // The path stands beside it already.
            let error = text.strip_prefix(&format!("{path}: ")).map(str::to_owned).unwrap_or(text);
            Explained { path, error: Some(error), ..Explained::default() }
        }
    }
}

fn explain_readable(name: &InputName, choice: &FormatChoice, wanted: &Wanted) -> anyhow::Result<Explained> {
    let probe = Probe::open(name)?;
    ensure!(Layout::of(&probe.sample).is_none(), "it is a window table of `learn windows`, which has no lines");
    let mut explained = Explained { path: name.shown(), compression: probe.compression, ..Explained::default() };
    let Some(format) = LineFormat::of(&probe, choice, wanted)? else {
        match &probe.broken {
            Some(broken) => bail!("it {}", super::describe(broken)),
            None if has_only_headers(&probe) => bail!("it has headers and no rows"),
            None => bail!("it is empty"),
        }
    };
    let info = format.info();
    explained.prefix = format.prefix.map(Prefix::name);
    explained.format = Some(info.name);
    explained.latency_field = info.latency_field;
    explained.latency_unit = info.latency_unit.map(Unit::symbol);
    explained.latency_hint = info.latency_hint;
    explained.developer_field = info.developer_field;
    let sample = probe.sample_lines();
    let mut parser = InputFormat::new(&format, Stamps::Exact);
    for (number, line) in (1..).zip(&sample) {
        explained.count(number, line, parser.parse_next(line), info.developer_is_key);
    }
    let others = format.others(&sample, wanted).into_iter().take(MAX_OTHERS);
    explained.others = others.map(|(preset, lines)| Other { name: preset.name, lines }).collect();
    Ok(explained)
}

/// A format that is known by name.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Its name for `--log-format`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The field taken as latency; `null` where the log has none, or its first lines tell.
    pub latency_field: Option<String>,
    /// That field's unit.
    pub latency_unit: Option<&'static str>,
    /// Its layout as an nginx `log_format`; `null` where the lines name their fields.
    pub log_format: Option<&'static str>,
    /// The format whose lines are read under this name, too.
    pub companion: Option<&'static str>,
}

/// Every format that is known by name.
///
/// # Errors
/// None but a preset that does not compile.
pub fn known() -> anyhow::Result<Vec<Known>> {
    let template = |preset: &'static Preset| {
        let info = LogFormat::compile(preset.title, preset.log_format, &Wanted::default())?.info();
        let latency_unit = info.latency_unit.map(Unit::symbol);
        let (name, title, log_format) = (preset.name, preset.title, Some(preset.log_format));
        let companion = preset.companion;
        Ok(Known { name, title, latency_field: info.latency_field, latency_unit, log_format, companion })
    };
    let mut known: Vec<Known> = preset::all().iter().map(template).collect::<anyhow::Result<_>>()?;
    let family = |(name, title, _)| Known { name, title, ..Known::default() };
    known.extend(FAMILIES.map(family));
    Ok(known)
}

impl Explained {
    /// Whether nothing can be read of it: not at all, or not in this format.
    pub fn is_unread(&self) -> bool {
        self.error.is_some() || self.requests + self.not_requests == 0
    }

    fn count(&mut self, number: u64, line: &[u8], parsed: Line, developer_is_key: bool) {
        match parsed {
            Line::Comment => return,
            Line::Request(request) => {
                self.requests += 1;
                self.example.get_or_insert_with(|| Example::of(&request, developer_is_key));
            }
            Line::NotRequest => self.not_requests += 1,
            Line::Rejected(rejection) => {
                self.rejected += 1;
                let path = &self.path;
                self.first_rejected.get_or_insert_with(|| {
                    let rejected = RejectedLine::new(number, line, &rejection);
                    format!("{path}:{number}:{}: {}", rejected.column, rejected.reason)
                });
            }
        }
        self.lines += 1;
    }
}

impl Example {
    fn of(request: &Request, developer_is_key: bool) -> Example {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Example {
            timestamp: format_time(request.timestamp_ms),
            method: text(request.method),
            path: text(request.path),
            route: text(route_of(request.path, &mut Vec::new())),
            status: request.status,
            duration_ms: request.duration.map(|duration| duration.millis()),
            developer: request.developer.map(|developer| display_name(developer, developer_is_key)),
        }
    }
}
