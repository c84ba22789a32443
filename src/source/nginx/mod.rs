//! Text logs of nginx, and of whatever writes the same formats.
//!
//! In go a `log_format` as it stands in nginx.conf and the lines written with it, out come requests or
//! the column where a line stops to fit. A format is compiled once: `syntax` takes the string apart,
//! `compile` gives variables their roles, `matcher` splits a line, `usual` reads one that is as most are without
//! splitting it, `unescape` undoes what nginx did to a value; `json_template` says what the keys mean of a format that
//! writes JSON. Nothing here does I/O, and no line allocates.

mod compile;
pub mod conf;
mod error;
mod json_template;
mod kept;
mod matcher;
mod syntax;
#[cfg(test)]
mod tests;
mod unescape;
mod usual;
mod variable;

pub use error::FormatError;
pub(super) use json_template::{JsonTemplate, json_template};
pub(super) use variable::is_upstream_latency;

use crate::backtest::spool::Stamps;
use crate::plan::{Timezone, Wanted};
use crate::request::{DecimalMs, Extras, Line, Place, Request, Text};
use crate::source::marks::LineMarks;
use crate::source::scan::{Haystack, Needle};
use crate::source::time::TimeParser;
use crate::source::value::{self, Malformed, is_event_stream};
use crate::source::{FormatInfo, ParseLine};
use compile::{Compiled, Duration, Judged, Roles, StatusForm};
use kept::Unlogged;
use matcher::{Slot, Spans};
use std::ops::Range;
use std::sync::Arc;
use syntax::{Escape, Template};
use usual::LastStamp;
use variable::{Clock, Form};

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct LogFormat {
    compiled: Arc<Compiled>,
    timezone: Timezone,
}

impl LogFormat {
    /// Compiles the format string, or the whole directive, as it stands in nginx.conf. `title` is what
    /// messages call it.
    ///
    /// # Errors
    ///
    /// When the text is no log format, when values could not be told apart, when it lacks the time, the
    /// status or the request, or when `wanted` names a variable that it does not log.
    pub fn compile(title: &str, log_format: &str, wanted: &Wanted) -> Result<LogFormat, FormatError> {
        LogFormat::compile_for(title, log_format, wanted, Unlogged::Refused)
    }

    /// The same for a second layout of one log, which may lack an extra field and the developer: it has no value there.
    ///
    /// # Errors
    ///
    /// Otherwise as above.
    pub(super) fn compile_companion(title: &str, log_format: &str, wanted: &Wanted) -> Result<LogFormat, FormatError> {
        LogFormat::compile_for(title, log_format, wanted, Unlogged::Empty)
    }

    fn compile_for(
        title: &str,
        log_format: &str,
        wanted: &Wanted,
        unlogged: Unlogged,
    ) -> Result<LogFormat, FormatError> {
        let template = Template::parse(log_format)?;
        let compiled = Arc::new(compile::compile(title, &template, wanted, unlogged)?);
        Ok(LogFormat { compiled, timezone: wanted.timezone })
    }

    /// What the format delivers.
    pub fn info(&self) -> FormatInfo {
        self.compiled.info.clone()
    }

    /// How exact the stamps are; `None`: their variable does not tell.
    pub(crate) fn stamps(&self) -> Option<Stamps> {
        match self.compiled.roles.clock {
            Clock::Local | Clock::Iso8601 => Some(Stamps::WholeSeconds),
            Clock::Epoch | Clock::LocalMillis => Some(Stamps::Exact),
            Clock::Any => None,
        }
    }

    /// A parser with caches of its own, one for each thread.
    pub fn parser(&self) -> NginxParser {
        NginxParser {
            compiled: Arc::clone(&self.compiled),
            time: TimeParser::new(self.timezone),
            last_stamp: LastStamp::default(),
            spans: Spans::default(),
            scratch: Vec::new(),
            extras: Vec::new(),
        }
    }
}

/// Reads lines of one [`LogFormat`].
pub struct NginxParser {
    compiled: Arc<Compiled>,
    time: TimeParser,
    last_stamp: LastStamp,
    /// The current line's values.
    spans: Spans,
    /// Holds what had to be unescaped of the current line.
    scratch: Vec<u8>,
    /// Where the current line's extra values stand.
    extras: Vec<Option<Place>>,
}

impl ParseLine for NginxParser {
    const USES_MARKS: bool = true;

    #[inline(never)]
    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        self.parse_marked(line, LineMarks::UNKNOWN)
    }

    #[inline(always)]
    fn parse_usual<'a>(&mut self, line: &[u8], marks: &LineMarks<'a, '_>) -> Option<Request<'a>> {
        // Which one it is like is found first, so that a request is put together in one place only.
        let usual = self.compiled.usual.iter().find(|usual| usual.is_like(line, marks))?;
        usual.request(marks, (&mut self.time, &mut self.last_stamp))
    }

    #[inline(always)]
    fn parse_marked<'a>(&'a mut self, line: &'a [u8], marks: LineMarks) -> Line<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Compiled { layout, roles, .. } = &*self.compiled;
        let haystack = Haystack::new(line);
        if !layout.split_at_quotes(&haystack, marks, &mut self.spans)
            && let Err(rejection) = layout.split(&haystack, &mut self.spans)
        {
            return Line::Rejected(rejection);
        }
        let values = Values { line, spans: &self.spans };
        // Whatever can be wrong is read before the request line, for a broken one excuses nothing else.
        let numbers = match roles.numbers(values, &mut self.time) {
            Ok(numbers) => numbers,
            Err(judged) => return Line::Rejected(self.spans.reject(line, judged.slot, &judged.expected)),
        };
        let (Some(status), Some((method, path))) = (numbers.status, roles.method_and_path(values)) else {
            return Line::NotRequest;
        };
        roles.place_extras(values, &mut self.extras);
        let developer = roles.developer.and_then(|slot| value::developer(values.get(slot)));
        let mut texts = Texts { path, developer };
        if marks.may_hold_backslash()
            && roles.escape != Escape::None
            && roles.may_hold_escapes(&haystack, &self.spans, &texts)
        {
            let (path, developer) = texts.unescape(roles.escape, line, &mut self.extras, &mut self.scratch);
            texts = Texts { path: &self.scratch[path], developer: developer.map(|own| &self.scratch[own]) };
        }
        Line::Request(Request {
            timestamp_ms: numbers.timestamp_ms,
            method,
            path: texts.path,
            status,
            duration: numbers.duration,
            long_lived: roles.content_type.is_some_and(|slot| is_event_stream(values.get(slot))),
            developer: texts.developer,
            extras: Extras { line, scratch: &self.scratch, places: &self.extras },
        })
    }
}

/// A line that has been split.
#[derive(Clone, Copy)]
struct Values<'a, 's> {
    line: &'a [u8],
    spans: &'s Spans,
}

impl<'a> Values<'a, '_> {
    #[inline(always)]
    fn get(self, slot: Slot) -> &'a [u8] {
        self.spans.get(self.line, slot)
    }

    #[inline(always)]
    fn present(self, slot: Slot) -> Option<&'a [u8]> {
        value::present(self.get(slot))
    }

    fn place(self, slot: Slot) -> Option<Place> {
        self.present(slot)?;
        let (start, end) = self.spans.ends(slot);
        Some(Place { text: Text::Line, start, end })
    }
}

/// The values that are read and can be wrong.
struct Numbers {
    timestamp_ms: i64,
    /// `None` where no answer was begun.
    status: Option<u16>,
    duration: Option<DecimalMs>,
}

impl Roles {
    #[inline(always)]
    fn numbers(&self, values: Values, time: &mut TimeParser) -> Result<Numbers, &Judged> {
        let stamp = values.get(self.time.slot);
        let mut timestamp_ms = self.clock.read(time, stamp).ok_or(&self.time)?;
        if let Some(until_end) = &self.until_end {
            timestamp_ms += until_end.read(values)?.map_or(0, |duration| value::millis_until_end(stamp, duration));
        }
        let status = match self.status_form {
            StatusForm::Digits => value::status(values.get(self.status.slot)),
            StatusForm::OrNone => value::status_or_none(values.get(self.status.slot)),
        };
        let status = status.map_err(|Malformed| &self.status)?;
        let duration = match &self.duration {
            None => None,
            Some(duration) => duration.read(values)?,
        };
        Ok(Numbers { timestamp_ms, status, duration })
    }

    #[inline(always)]
    fn method_and_path<'a>(&self, values: Values<'a, '_>) -> Option<(&'a [u8], &'a [u8])> {
        if let (Some(method), Some(path)) = (self.method, self.path) {
            return Some((own_method(values, method)?, values.present(path)?));
        }
        let (line_method, line_path) = value::request_line(values.get(self.request?))?;
        let method = self.method.map_or(Some(line_method), |slot| own_method(values, slot))?;
        let path = self.path.map_or(Some(line_path), |slot| values.present(slot))?;
        Some((method, path))
    }

    /// Notes where the extra values stand; there are none in most runs.
    #[inline(always)]
    fn place_extras(&self, values: Values, places: &mut Vec<Option<Place>>) {
        if !self.extras.is_empty() {
            places.clear();
            places.extend(self.extras.iter().map(|slot| values.place((*slot)?)));
        }
    }

    /// Whether a value that is used may hold an escape.
    #[inline(always)]
    fn may_hold_escapes(&self, line: &Haystack, spans: &Spans, texts: &Texts) -> bool {
        let backslash = Needle::new(b'\\');
        let escaped = |&slot: &Slot| spans.may_hold(line, slot, &backslash);
        escaped(&self.target)
            || (texts.developer.is_some() && self.developer.as_ref().is_some_and(escaped))
            || self.extras.iter().flatten().any(escaped)
    }
}

impl Duration {
    #[inline(always)]
    fn read(&self, values: Values) -> Result<Option<DecimalMs>, &Judged> {
        let read = self.form.read(values.get(self.value.slot), self.unit_exponent);
        read.map_err(|Malformed| &self.value)
    }
}

impl Form {
    /// A duration written like this, in units of `10^unit_exponent` milliseconds.
    #[inline(always)]
    fn read(self, text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
        match self {
            Form::Single => value::duration(text, unit_exponent),
            Form::List => value::upstream_duration(text, unit_exponent),
            Form::Whole => value::whole_duration(text, unit_exponent),
            Form::Phase => value::phase_duration(text, unit_exponent),
        }
    }
}

fn own_method<'a>(values: Values<'a, '_>, slot: Slot) -> Option<&'a [u8]> {
    Some(values.get(slot)).filter(|method| value::is_method(method))
}

/// The values that nginx may have escaped, the extra ones apart.
#[derive(Clone, Copy)]
struct Texts<'a> {
    path: &'a [u8],
    developer: Option<&'a [u8]>,
}

impl Texts<'_> {
    /// Puts these texts and the extra values into `scratch` as they were before they were logged; where the path and
    /// the developer stand there.
    #[cold]
    fn unescape(
        self,
        escape: Escape,
        line: &[u8],
        extras: &mut [Option<Place>],
        scratch: &mut Vec<u8>,
    ) -> (Range<usize>, Option<Range<usize>>) {
        scratch.clear();
        let mut append = |text: &[u8]| {
            let start = scratch.len();
            unescape::unescape(text, escape, scratch);
            start..scratch.len()
        };
        let (path, developer) = (append(self.path), self.developer.map(&mut append));
        for place in extras.iter_mut().flatten() {
            let Range { start, end } = append(place.of(line, &[]).unwrap_or_default());
            *place = Place { text: Text::Scratch, start, end };
        }
        (path, developer)
    }
}

impl Clock {
    #[inline(always)]
    fn read(self, time: &mut TimeParser, stamp: &[u8]) -> Option<i64> {
        match self {
            Clock::Local => time.time_local(stamp),
            Clock::LocalMillis => time.local_millis(stamp),
            Clock::Iso8601 => time.iso8601(stamp),
            Clock::Epoch => TimeParser::epoch(stamp),
            Clock::Any => time.any(stamp),
        }
    }
}
