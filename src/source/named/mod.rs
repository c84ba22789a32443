//! Logs whose values have names: JSON lines, LTSV, and W3C's tables with a header.
//!
//! `sample` and `fields` look at the first lines and decide which field means what. After that a [`Scan`] walks once
//! through the bytes of each line (`scan` for JSON, whose keys `names` knows and whose escapes `text` decodes, `ltsv`
//! and `w3c`), `slots` keeps where the wanted values are, and what they mean is decided here, alike for all. Nothing
//! here does I/O. Lines with only plain keys allocate nothing.

mod fields;
mod heading;
mod latency_hint;
mod ltsv;
mod names;
mod no_fields;
mod sample;
mod scan;
mod slots;
#[cfg(test)]
mod tests;
mod text;
mod w3c;

pub(super) use fields::is_upstream_duration;
pub(crate) use heading::{FieldsLine, Heading};
pub use ltsv::Labels;
pub use names::Names;
pub use no_fields::NoFields;
pub(super) use slots::Found;
pub(super) use text::{escaped_len, unescape};
pub use w3c::Columns;

use crate::plan::{FieldOverride, Role, Timezone, Unit, Wanted};
use crate::request::{DecimalMs, EXTRA_VALUES, Extras, Line, Place, Rejection, Request};
use crate::source::marks::LineMarks;
use crate::source::nginx::JsonTemplate;
use crate::source::time::TimeParser;
use crate::source::value::{self, Malformed, is_event_stream, present};
use crate::source::{FormatInfo, ParseLine};
use crate::usage::is_key_field;
use fields::Fields;
use sample::Sample;
use slots::Values;
use std::sync::Arc;

/// How the lines of a log are walked through.
pub trait Scan: Clone {
    /// Notes in `values` where the wanted values of the line are; `scratch` holds those that stand nowhere in one
    /// piece.
    fn scan(&mut self, line: &[u8], values: &mut Values, scratch: &mut Vec<u8>) -> Result<Scanned, Fault>;

    /// What no record can have here, though it is needed.
    #[inline(always)]
    fn lacks(&self) -> Option<&str> {
        None
    }
}

/// What a line is, to who only looks at its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A record, its values noted.
    Record,
    /// A line about the log itself.
    Comment,
}

/// Where a line stops to have the shape of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset from 0.
    at: usize,
    /// What would have been right there.
    expected: &'static str,
}

/// Which field of a log means what, and how its lines are walked through.
#[derive(Clone, Debug)]
pub struct FieldMap<S> {
    roles: Arc<Roles>,
    scan: S,
    timezone: Timezone,
    info: FormatInfo,
}

/// JSON lines.
pub type JsonMap = FieldMap<Names>;
/// Lines of `label:value`, tabs between them.
pub type LtsvMap = FieldMap<Labels>;
/// A table whose `#Fields:` line names its columns.
pub type W3cMap = FieldMap<Columns>;

impl JsonMap {
    /// Finds the fields of a log by its first lines.
    ///
    /// Lines that are no JSON are passed over. The developer and the extra fields of `wanted` are taken as they are;
    /// they may occur later.
    ///
    /// # Errors
    ///
    /// When no line is a JSON object, when the time, the status, or the method and path have no field, or when a
    /// field that `wanted.fields` names is in no line.
    pub fn detect(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<JsonMap, NoFields> {
        let sample = json_sample(sample_lines)?;
        FieldMap::new("JSON lines", &sample, wanted, |names, _| Names::new(names))
    }

    /// The same of a log whose writer says what its fields mean, as far as they are in the first lines; what `wanted`
    /// names counts more.
    ///
    /// # Errors
    ///
    /// The same.
    pub(in crate::source) fn written_by(
        title: &str,
        template: &JsonTemplate,
        sample_lines: &[&[u8]],
        wanted: &Wanted,
    ) -> Result<JsonMap, NoFields> {
        let sample = json_sample(sample_lines)?.with_aliases(&template.keys);
        let names = |role: Role| wanted.fields.iter().any(|field| field.role == role);
        // A request line that is named holds the method and the path too.
        let is_named = |role: Role| names(role) || (matches!(role, Role::Method | Role::Path) && names(Role::Request));
        let holds = |field: &&FieldOverride| sample.has(&field.name) && !is_named(field.role);
        let fields = template.fields.iter().filter(holds).chain(&wanted.fields).cloned().collect();
        let developer = || template.developer.clone().filter(|name| sample.has(name));
        let asked = wanted.developer.as_deref().map(|name| sample.key_of(name).to_owned());
        let wanted = Wanted { fields, developer: asked.or_else(developer), ..wanted.clone() };
        FieldMap::new(&format!("{title}, JSON lines"), &sample, &wanted, |names, _| Names::new(names))
    }
}

fn json_sample(lines: &[&[u8]]) -> Result<Sample, NoFields> {
    let sample = Sample::of_json(lines);
    if sample.is_empty() { Err(NoFields::NotJson { lines: lines.len() }) } else { Ok(sample) }
}

impl LtsvMap {
    /// Finds the fields of an LTSV log by its first lines, as [`JsonMap::detect`] does.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn detect(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<LtsvMap, NoFields> {
        FieldMap::new("LTSV", &ltsv::sample(sample_lines), wanted, |names, _| Labels::new(names))
    }

    /// Whether a line is of this shape: `label:value` and at least one more behind a tab.
    pub fn fits(line: &[u8]) -> bool {
        ltsv::fits(line)
    }
}

impl W3cMap {
    /// Finds the columns of a table by the header among its first lines; `None` without one.
    ///
    /// # Errors
    ///
    /// The same as of [`JsonMap::detect`], and columns without a row below them.
    pub fn detect(sample_lines: &[&[u8]], wanted: &Wanted) -> Option<Result<W3cMap, NoFields>> {
        let header = w3c::Header::find(sample_lines)?;
        let sample = header.sample(sample_lines);
        if sample.is_empty() {
            return Some(Err(NoFields::NoRow { columns: header.len() }));
        }
        let wanted = header.with_unit(wanted);
        let scan = |names: &[String], needed| header.columns(names, needed);
        let map = FieldMap::new(header.product(), &sample, &wanted, scan);
        Some(map.map_err(|error| match error {
            NoFields::Missing { role: Role::Timestamp, .. } if header.lacks_date() => NoFields::NoDate,
            error => error,
        }))
    }
}

impl<S: Scan> FieldMap<S> {
    fn new(
        format: &str,
        sample: &Sample,
        wanted: &Wanted,
        scan: impl FnOnce(&[String], Vec<u8>) -> S,
    ) -> Result<FieldMap<S>, NoFields> {
        let fields = Fields::choose(sample, wanted)?;
        let (roles, names) = Roles::new(&fields, sample, wanted);
        let info = format_info(format, &fields, sample);
        let scan = scan(&names, roles.needed());
        Ok(FieldMap { roles: Arc::new(roles), scan, timezone: wanted.timezone, info })
    }

    /// What the format delivers.
    pub fn info(&self) -> FormatInfo {
        self.info.clone()
    }

    /// A parser with caches of its own, one for each thread.
    pub fn parser(&self) -> FieldParser<S> {
        FieldParser {
            roles: Arc::clone(&self.roles),
            scan: self.scan.clone(),
            values: Values::default(),
            scratch: Vec::new(),
            extras: Vec::new(),
            time: TimeParser::new(self.timezone),
        }
    }
}

/// Whether a line is one that names a table's columns.
pub(super) fn names_columns(line: &[u8]) -> bool {
    line.starts_with(w3c::FIELDS)
}

/// Whether lines are objects of requests: some name a method or a request line. A path may as well be the log file's.
pub(super) fn names_request(lines: &[&[u8]]) -> bool {
    fields::names_request(&Sample::of_json(lines))
}

fn format_info(format: &str, fields: &Fields, sample: &Sample) -> FormatInfo {
    FormatInfo {
        name: format.to_owned(),
        latency_field: fields.duration.as_ref().map(|(name, _)| name.clone()),
        latency_unit: fields.duration.as_ref().map(|(_, unit)| *unit),
        developer_is_key: fields.developer.as_deref().is_some_and(is_key_field),
        developer_field: fields.developer.clone(),
        latency_hint: latency_hint::of(sample, fields),
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
    /// Whether a host stands before the path in most lines.
    is_hosted: bool,
    /// Present if one of the others is not.
    request_line: Option<Judged>,
}

#[derive(Clone, Debug)]
struct Roles {
    timestamp: Judged,
    /// What leads from the stamp to the request's end, where it is the start that is stamped.
    until_end: Option<(u8, Unit)>,
    target: Target,
    status: Judged,
    duration: Option<(Judged, Unit)>,
    developer: Option<u8>,
    content_type: Option<u8>,
    /// At most [`EXTRA_VALUES`].
    extras: Box<[u8]>,
}

impl Roles {
    /// Gives every field a slot; one field may have several roles. Also returns the names by slot.
    fn new(fields: &Fields, sample: &Sample, wanted: &Wanted) -> (Self, Vec<String>) {
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
            is_hosted: fields.is_hosted,
            request_line: fields.request_line.as_ref().map(|name| judged(name, "a request line")),
        };
        let duration = fields.duration.as_ref().map(|(name, unit)| {
            let what = format!("a duration in {}, 0 to 1,000 days,", unit.symbol());
            (judged(name, &what), *unit)
        });
        let mut slot = |name: &str| slot_of(name, &mut names);
        let until_end = fields.until_end.as_ref().map(|(name, unit)| (slot(name), *unit));
        // A field of which the sample has no name may occur later, under the first of its names.
        let known = |names: &&'static [&'static str]| {
            let occurs = |name: &&&'static str| sample.has(sample.key_of(name));
            names.iter().find(occurs).or(names.first()).copied()
        };
        let looked_for = wanted.optional.iter().filter_map(known);
        let wanted_names = wanted.extras.iter().map(String::as_str).chain(looked_for).map(|name| sample.key_of(name));
        let extras = wanted_names.take(EXTRA_VALUES).map(&mut slot).collect();
        let developer = fields.developer.as_deref().map(&mut slot);
        let content_type = fields.content_type.as_deref().map(slot);
        (Roles { timestamp, until_end, target, status, duration, developer, content_type, extras }, names)
    }

    /// The slots without which no line holds a request.
    fn needed(&self) -> Vec<u8> {
        let Target { method, path, request_line, .. } = &self.target;
        let target = [method, path, request_line].into_iter().flatten();
        [&self.timestamp, &self.status].into_iter().chain(target).map(|field| field.slot).collect()
    }

    /// The request in a line that has been walked through; `None` when it holds none.
    #[inline(always)]
    fn read<'a>(
        &'a self,
        found: Found<'a>,
        time: &mut TimeParser,
        places: &'a mut Vec<Option<Place>>,
    ) -> Result<Option<Request<'a>>, Rejection<'a>> {
        if self.holds_nothing_of_a_request(found) {
            return Ok(None);
        }
        // Whatever can be wrong is read before the request, for a broken one excuses nothing else.
        let stamp = self.timestamp.text(found)?;
        let Some(timestamp_ms) = time.any(stamp) else { return Err(self.timestamp.reject(found)) };
        let timestamp_ms = timestamp_ms + self.until_end_ms(stamp, found);
        let Ok(status) = value::status_number(self.status.text(found)?) else { return Err(self.status.reject(found)) };
        let duration = self.duration(found)?;
        let (Some((method, path)), Some(status)) = (self.target.read(found)?, status) else { return Ok(None) };
        let content_type = self.content_type.and_then(|slot| found.string_or_number(slot));
        if !self.extras.is_empty() {
            places.clear();
            places.extend(self.extras.iter().map(|slot| found.place_of_name_or_word(*slot)));
        }
        Ok(Some(Request {
            timestamp_ms,
            method,
            path,
            status,
            duration,
            long_lived: content_type.is_some_and(is_event_stream),
            developer: self.developer.and_then(|slot| found.name(slot)),
            extras: Extras { line: found.line, scratch: found.scratch, places },
        }))
    }

    /// Whether the line has neither a status nor a target, as a server's own messages among its requests.
    #[inline(always)]
    fn holds_nothing_of_a_request(&self, found: Found) -> bool {
        found.span(self.status.slot).is_none() && !self.target.is_in(found)
    }

    /// Whole milliseconds from the stamp's own to the request's end; none where the log does not say.
    #[inline(always)]
    fn until_end_ms(&self, stamp: &[u8], found: Found) -> i64 {
        let Some((slot, unit)) = self.until_end else { return 0 };
        let text = found.string_or_number(slot).unwrap_or_default();
        let duration = value::duration(text, unit.millis_exponent()).ok().flatten();
        duration.map_or(0, |duration| value::millis_until_end(stamp, duration))
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
    /// Whether the line has any of its fields.
    fn is_in(&self, found: Found) -> bool {
        let mut fields = [&self.method, &self.path, &self.request_line].into_iter().flatten();
        fields.any(|field| found.span(field.slot).is_some())
    }

    /// Method and path; `None` when one is empty or `-`, or the request line is broken.
    #[inline(always)]
    fn read<'a>(&'a self, found: Found<'a>) -> Result<Option<MethodAndPath<'a>>, Rejection<'a>> {
        let method = self.method.as_ref().map(|field| field.text(found)).transpose()?;
        let mut path = self.path.as_ref().map(|field| field.text(found)).transpose()?;
        if self.is_hosted {
            path = path.map(|path| value::behind_host(path).unwrap_or(path));
        }
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
            Some(span) => {
                let joined = found.joined(self.slot);
                let text = joined.or(found.line.get(span.start..span.end)).unwrap_or_default();
                Rejection { column: span.start + 1, found: text, expected: &self.expected }
            }
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

/// The names of all fields in these lines, sorted; those of nested objects are dotted.
pub(super) fn field_names(sample_lines: &[&[u8]]) -> Vec<String> {
    Sample::of_json(sample_lines).names().map(str::to_owned).collect()
}

/// Reads some fields of lines, whatever the lines are about.
#[derive(Clone, Debug)]
pub(super) struct FieldReader {
    names: Names,
    values: Values,
    scratch: Vec<u8>,
}

impl FieldReader {
    /// A reader of these fields, at most [`slots::MAX_SLOTS`]; each has the slot of its place in the list.
    pub(in crate::source) fn new(names: &[String]) -> Self {
        FieldReader { names: Names::new(names), values: Values::default(), scratch: Vec::new() }
    }

    /// The fields of a line; `None` where it is no object.
    pub(in crate::source) fn read<'a>(&'a mut self, line: &'a [u8]) -> Option<Found<'a>> {
        let FieldReader { names, values, scratch } = self;
        scan::scan(line, names, values).ok()?;
        values.unescape(line, scratch);
        Some(Found { line, scratch, values })
    }
}

/// Reads lines of one [`FieldMap`].
#[derive(Clone, Debug)]
pub struct FieldParser<S> {
    roles: Arc<Roles>,
    scan: S,
    values: Values,
    /// Holds what does not stand in the current line as it is.
    scratch: Vec<u8>,
    /// Where the current line's extra values stand.
    extras: Vec<Option<Place>>,
    time: TimeParser,
}

impl FieldParser<Columns> {
    /// Reads rows by this header from now on; `None`: by the one that the log was recognised by.
    pub(in crate::source) fn set_header(&mut self, header: Option<&Arc<FieldsLine>>) {
        self.scan.set_header(header);
    }
}

impl<S: Scan> ParseLine for FieldParser<S> {
    const USES_MARKS: bool = false;

    #[inline(always)]
    fn parse_marked<'a>(&'a mut self, line: &'a [u8], _: LineMarks) -> Line<'a> {
        self.parse_line(line)
    }

    #[inline(always)]
    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        let FieldParser { roles, scan, values, scratch, extras, time } = self;
        match scan.scan(line, values, scratch) {
            Ok(Scanned::Record) => {}
            Ok(Scanned::Comment) => return Line::Comment,
            Err(fault) => return Line::Rejected(misshapen(line, fault)),
        }
        if let Some(expected) = scan.lacks() {
            return Line::Rejected(Rejection { column: 1, found: line, expected });
        }
        values.unescape(line, scratch);
        match roles.read(Found { line, scratch, values }, time, extras) {
            Ok(Some(request)) => Line::Request(request),
            Ok(None) => Line::NotRequest,
            Err(rejection) => Line::Rejected(rejection),
        }
    }
}

#[cold]
fn misshapen(line: &[u8], fault: Fault) -> Rejection<'_> {
    /// Enough to recognise the place by.
    const MAX_FOUND_LEN: usize = 32;
    let rest = line.get(fault.at..).unwrap_or_default();
    Rejection { column: fault.at + 1, found: rest.get(..MAX_FOUND_LEN).unwrap_or(rest), expected: fault.expected }
}
