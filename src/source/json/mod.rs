//! JSON lines: one object a line, one request an object, under whatever field names.
//!
//! `sample` and `fields` look at the first lines and decide which field means what. After that `scan` walks once
//! through the bytes of each line, `names` says which keys matter, `slots` keeps where their values are, and
//! `text` decodes their escapes. Nothing here does I/O. Lines with only plain keys allocate nothing.

mod fields;
mod names;
mod sample;
mod scan;
mod slots;
#[cfg(test)]
mod tests;
mod text;

pub use fields::NoFields;

use crate::plan::{Timezone, Unit, Wanted};
use crate::request::{DecimalMs, Line, MAX_EXTRA_FIELDS, Rejection, Request};
use crate::source::marks::LineMarks;
use crate::source::time::TimeParser;
use crate::source::value::{self, Malformed, is_event_stream, present};
use crate::source::{FormatInfo, ParseLine};
use crate::usage::is_key_field;
use fields::Fields;
use names::Names;
use sample::Sample;
use scan::Fault;
use slots::{Found, Values};
use std::sync::Arc;

/// Which field of a JSON log means what.
#[derive(Clone, Debug)]
pub struct FieldMap {
    roles: Arc<Roles>,
    names: Names,
    timezone: Timezone,
    info: FormatInfo,
}

impl FieldMap {
    /// Finds the fields of a log by its first lines.
    ///
    /// Lines that are no JSON are passed over. The developer and the extra fields of `wanted` are taken as they are;
    /// they may occur later.
    ///
    /// # Errors
    ///
    /// When no line is a JSON object, when the time, the status, or the method and path have no field, or when a
    /// field that `wanted.fields` names is in no line.
    pub fn detect(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<FieldMap, NoFields> {
        let sample = Sample::read(sample_lines);
        if sample.is_empty() {
            return Err(NoFields::NotJson { lines: sample_lines.len() });
        }
        let fields = Fields::choose(&sample, wanted)?;
        let (roles, names) = Roles::new(&fields, wanted);
        let info = format_info(&fields);
        Ok(FieldMap { roles: Arc::new(roles), names: Names::new(&names), timezone: wanted.timezone, info })
    }

    /// What the format delivers.
    pub fn info(&self) -> FormatInfo {
        self.info.clone()
    }

    /// A parser with caches of its own, one for each thread.
    pub fn parser(&self) -> JsonParser {
        JsonParser {
            roles: Arc::clone(&self.roles),
            names: self.names.clone(),
            values: Values::default(),
            scratch: Vec::new(),
            time: TimeParser::new(self.timezone),
        }
    }
}

fn format_info(fields: &Fields) -> FormatInfo {
    FormatInfo {
        name: "JSON lines".to_owned(),
        latency_field: fields.duration.as_ref().map(|(name, _)| name.clone()),
        latency_unit: fields.duration.as_ref().map(|(_, unit)| *unit),
        developer_is_key: fields.developer.as_deref().is_some_and(is_key_field),
        developer_field: fields.developer.clone(),
    }
}

/// A field that a line is judged by.
#[derive(Clone, Debug)]
struct Judged {
    slot: u8,
    /// What to expect of a line without the field.
    missing: String,
    /// What to expect of the field.
    expected: String,
}

/// Where the method and the path come from.
#[derive(Clone, Debug)]
struct Target {
    /// `None`: from the request line.
    method: Option<Judged>,
    /// `None`: from the request line.
    path: Option<Judged>,
    /// Present if one of the others is not.
    request_line: Option<Judged>,
}

#[derive(Clone, Debug)]
struct Roles {
    timestamp: Judged,
    target: Target,
    status: Judged,
    duration: Option<(Judged, Unit)>,
    developer: Option<u8>,
    content_type: Option<u8>,
    extras: [Option<u8>; MAX_EXTRA_FIELDS],
}

impl Roles {
    /// Gives every field a slot; one field may have several roles. Also returns the names by slot.
    fn new(fields: &Fields, wanted: &Wanted) -> (Self, Vec<String>) {
        let mut names = Vec::new();
        let mut judged = |name: &String, what: &str| {
            let shown = name.escape_debug();
            let (missing, expected) = (format!("a field `{shown}`"), format!("{what} in `{shown}`"));
            Judged { slot: slot_of(name, &mut names), missing, expected }
        };
        let timestamp = judged(&fields.timestamp, "a time such as 2026-06-01T12:00:00.000Z or seconds since 1970");
        let status = judged(&fields.status, "a status code from 100 to 599");
        let target = Target {
            method: fields.method.as_ref().map(|name| judged(name, "a method")),
            path: fields.path.as_ref().map(|name| judged(name, "a path")),
            request_line: fields.request_line.as_ref().map(|name| judged(name, "a request line")),
        };
        let duration = fields.duration.as_ref().map(|(name, unit)| {
            let what = format!("a duration in {}, 0 to 1,000 days,", unit.symbol());
            (judged(name, &what), *unit)
        });
        let mut slot = |name: &String| slot_of(name, &mut names);
        let mut extras = [None; MAX_EXTRA_FIELDS];
        for (extra, name) in extras.iter_mut().zip(&wanted.extras) {
            *extra = Some(slot(name));
        }
        let developer = fields.developer.as_ref().map(&mut slot);
        let content_type = fields.content_type.as_ref().map(slot);
        (Roles { timestamp, target, status, duration, developer, content_type, extras }, names)
    }

    /// The request in a line that has been walked through; `None` when it holds none.
    #[inline(always)]
    fn read<'a>(&'a self, found: Found<'a>, time: &mut TimeParser) -> Result<Option<Request<'a>>, Rejection<'a>> {
        // Whatever can be wrong is read before the request, for a broken one excuses nothing else.
        let stamp = self.timestamp.text(found)?;
        let Some(timestamp_ms) = time.any(stamp) else { return Err(self.timestamp.reject(found)) };
        let Ok(status) = value::status_number(self.status.text(found)?) else { return Err(self.status.reject(found)) };
        let duration = self.duration(found)?;
        let (Some((method, path)), Some(status)) = (self.target.read(found)?, status) else { return Ok(None) };
        let content_type = self.content_type.and_then(|slot| found.string_or_number(slot));
        Ok(Some(Request {
            timestamp_ms,
            method,
            path,
            status,
            duration,
            long_lived: content_type.is_some_and(is_event_stream),
            developer: self.developer.and_then(|slot| found.name(slot)),
            extras: self.extras.map(|slot| slot.and_then(|slot| found.name_or_word(slot))),
        }))
    }

    #[inline(always)]
    fn duration<'a>(&'a self, found: Found<'a>) -> Result<Option<DecimalMs>, Rejection<'a>> {
        let Some((field, unit)) = &self.duration else { return Ok(None) };
        if found.span(field.slot).is_none() {
            return Ok(None);
        }
        value::upstream_duration(field.text(found)?, unit.millis_exponent()).map_err(|Malformed| field.reject(found))
    }
}

type MethodAndPath<'a> = (&'a [u8], &'a [u8]);

impl Target {
    /// Method and path; `None` when one is empty or `-`, or the request line is broken.
    #[inline(always)]
    fn read<'a>(&'a self, found: Found<'a>) -> Result<Option<MethodAndPath<'a>>, Rejection<'a>> {
        let method = self.method.as_ref().map(|field| field.text(found)).transpose()?;
        let path = self.path.as_ref().map(|field| field.text(found)).transpose()?;
        let (method, path) = match (method, path, &self.request_line) {
            (Some(method), Some(path), _) => (method, path),
            (method, path, Some(line)) => match value::request_line(line.text(found)?) {
                Some((line_method, line_path)) => (method.unwrap_or(line_method), path.unwrap_or(line_path)),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(present(method).zip(present(path)))
    }
}

impl Judged {
    /// The text of the field, which has to be a string or a number.
    #[inline(always)]
    fn text<'a>(&'a self, found: Found<'a>) -> Result<&'a [u8], Rejection<'a>> {
        found.string_or_number(self.slot).ok_or_else(|| self.reject(found))
    }

    /// Why the field's value is not accepted, or that there is none.
    #[cold]
    fn reject<'a>(&'a self, found: Found<'a>) -> Rejection<'a> {
        match found.span(self.slot) {
            Some(span) => Rejection {
                column: span.start + 1,
                found: found.line.get(span.start..span.end).unwrap_or_default(),
                expected: &self.expected,
            },
            None => Rejection { column: found.line.len() + 1, found: b"", expected: &self.missing },
        }
    }
}

fn slot_of(name: &str, names: &mut Vec<String>) -> u8 {
    let known = names.iter().position(|known| known == name);
    let index = known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    index as u8
}

/// Reads lines of one [`FieldMap`].
#[derive(Clone, Debug)]
pub struct JsonParser {
    roles: Arc<Roles>,
    names: Names,
    values: Values,
    /// Holds what had to be unescaped of the current line.
    scratch: Vec<u8>,
    time: TimeParser,
}

impl ParseLine for JsonParser {
    const USES_MARKS: bool = false;

    #[inline(always)]
    fn parse_marked<'a>(&'a mut self, line: &'a [u8], _: LineMarks) -> Line<'a> {
        self.parse_line(line)
    }

    #[inline(always)]
    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        let JsonParser { roles, names, values, scratch, time } = self;
        if let Err(fault) = scan::scan(line, names, values) {
            return Line::Rejected(not_json(line, fault));
        }
        values.unescape(line, scratch);
        match roles.read(Found { line, scratch, values }, time) {
            Ok(Some(request)) => Line::Request(request),
            Ok(None) => Line::NotRequest,
            Err(rejection) => Line::Rejected(rejection),
        }
    }
}

#[cold]
fn not_json(line: &[u8], fault: Fault) -> Rejection<'_> {
    /// Enough to recognise the place by.
    const MAX_FOUND_LEN: usize = 32;
    let rest = line.get(fault.at..).unwrap_or_default();
    Rejection { column: fault.at + 1, found: rest.get(..MAX_FOUND_LEN).unwrap_or(rest), expected: fault.expected }
}
