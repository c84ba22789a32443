//! Where the values stand in a line as most are: at fixed distances from its quotes.
//!
//! A stamp, a status and a duration nearly always have the same length. With the literals around them they make
//! stretches that are compared sixteen bytes at a time, and only a value here and there varies between them. A line that
//! is not as most are is left to [`super::matcher::Layout::split`], with which this must agree to the byte.

mod draft;
#[cfg(test)]
mod tests;

pub(super) use draft::Upstream;

use super::compile::Roles;
use super::matcher::{Shape, Slot};
use super::variable::{Clock, Form};
use crate::request::{DecimalMs, Extras, Request};
use crate::source::marks::{LineMarks, STOPS};
use crate::source::scan::{BLOCK, Haystack, Needle, Pattern};
use crate::source::time::TimeParser;
use crate::source::value;
use draft::Value;

/// A place in a line: so many bytes behind one of its stops. The first stop is the line feed before the line, then come
/// its quotes, then its own line feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    stop: u32,
    offset: i32,
}

const START: Place = Place { stop: 0, offset: 1 };

impl Place {
    /// A quote, the first being 0.
    fn quote(number: usize) -> Place {
        Place { stop: number as u32 + 1, offset: 0 }
    }

    fn plus(self, len: usize) -> Place {
        Place { offset: self.offset + len as i32, ..self }
    }

    fn minus(self, len: usize) -> Place {
        Place { offset: self.offset - len as i32, ..self }
    }

    /// The place in the text that the stops are of; one before its start wraps around.
    #[inline(always)]
    fn resolve(self, stops: &[u32; STOPS]) -> usize {
        stops[self.stop as usize % STOPS].wrapping_add_signed(self.offset) as usize
    }
}

/// What a line must look like, and where the values are in it that make a request.
#[derive(Clone, Debug)]
pub(super) struct UsualLine {
    /// How many it has.
    quotes: usize,
    patterns: Vec<(Place, Pattern)>,
    /// Values of any length, by their ends.
    gaps: Vec<Ends>,
    /// Of those, the ones that end at the first of certain bytes.
    words: Vec<(Ends, Needle)>,
    /// The value that ends the line.
    last: Option<(Place, Shape)>,
    /// Two places that must be one: where the literals end, and the line.
    end: Option<Ends>,
    values: RequestValues,
}

/// Where a value begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    from: Place,
    to: Place,
}

impl Ends {
    /// Whether the value has this length in every line.
    fn are_apart(self, len: usize) -> bool {
        self.from.plus(len) == self.to
    }

    #[inline(always)]
    fn value<'t>(self, text: &'t [u8], stops: &[u32; STOPS]) -> Option<&'t [u8]> {
        text.get(self.from.resolve(stops)..self.to.resolve(stops))
    }
}

/// The last stamp that was read, so that the next one, which is mostly the same, need only be compared.
#[derive(Clone, Debug, Default)]
pub(super) struct LastStamp {
    /// Its first and its last bytes, which may overlap; together all of them.
    ends: Option<(Needle, Needle)>,
    utc_ms: i64,
}

/// The values that make a request.
#[derive(Clone, Debug)]
struct RequestValues {
    clock: Clock,
    stamp: Ends,
    /// Where its three digits begin.
    status: Place,
    request: Ends,
    duration: Option<DurationPlace>,
    developer: Option<Ends>,
}

#[derive(Clone, Copy, Debug)]
struct DurationPlace {
    ends: Ends,
    form: Form,
    unit_exponent: i8,
    /// Whether it has five bytes in every line.
    is_short: bool,
}

impl RequestValues {
    /// The places of the values that `find` knows; `None` where a request is not made of these alone.
    fn of<'t>(roles: &Roles, find: impl Fn(Slot) -> Option<(&'t Value, Ends)>) -> Option<RequestValues> {
        let is_plain = roles.method.is_none() && roles.path.is_none() && roles.until_end.is_none();
        if !is_plain || roles.content_type.is_some() || !roles.extras.is_empty() {
            return None;
        }
        let ends = |slot| find(slot).map(|(_, ends)| ends);
        let duration = match &roles.duration {
            Some(duration) if matches!(duration.form, Form::Single | Form::List) => {
                let ends = ends(duration.value.slot)?;
                let (form, unit_exponent) = (duration.form, duration.unit_exponent);
                Some(DurationPlace { ends, form, unit_exponent, is_short: ends.are_apart(5) })
            }
            Some(_) => return None,
            None => None,
        };
        let developer = match roles.developer.map(&find) {
            None => None,
            Some(found) => {
                let (value, ends) = found?;
                let is_absent = value.is_dash && ends.are_apart(1);
                (!is_absent).then_some(ends)
            }
        };
        Some(RequestValues {
            clock: roles.clock,
            stamp: ends(roles.time.slot)?,
            status: ends(roles.status.slot).filter(|status| status.are_apart(3))?.from,
            request: ends(roles.request?)?,
            duration,
            developer,
        })
    }

    #[cold]
    #[inline(never)]
    fn read_stamp(
        &self,
        text: &[u8],
        stops: &[u32; STOPS],
        time: &mut TimeParser,
        last: &mut LastStamp,
    ) -> Option<i64> {
        let stamp = self.stamp.value(text, stops)?;
        last.utc_ms = self.clock.read(time, stamp)?;
        let ends = stamp.first_chunk().zip(stamp.last_chunk());
        last.ends = ends
            .filter(|_| stamp.len() <= 2 * BLOCK && self.stamp.are_apart(stamp.len()))
            .map(|(first, last)| (Needle::of(*first), Needle::of(*last)));
        Some(last.utc_ms)
    }
}

impl DurationPlace {
    #[inline(always)]
    fn read(&self, text: &[u8], stops: &[u32; STOPS]) -> Option<Option<DecimalMs>> {
        if self.is_short {
            let text = text.get(self.ends.from.resolve(stops)..)?.first_chunk()?;
            return value::short_duration(*text, self.unit_exponent).map(Some);
        }
        self.form.read(self.ends.value(text, stops)?, self.unit_exponent).ok()
    }
}

impl LastStamp {
    /// The time of the stamp between these ends, if it is the same as last time.
    #[inline(always)]
    fn again(&self, text: &Haystack, ends: Ends, stops: &[u32; STOPS]) -> Option<i64> {
        let (first, last) = self.ends.as_ref()?;
        let is_same = text.holds(ends.from.resolve(stops), first) && text.holds(ends.to.resolve(stops) - BLOCK, last);
        is_same.then_some(self.utc_ms)
    }
}

impl UsualLine {
    /// The request in a line that this is like; `None` where a value is not what it should be.
    #[inline(always)]
    pub(super) fn request<'a>(
        &self,
        marks: &LineMarks<'a, '_>,
        (time, last): (&mut TimeParser, &mut LastStamp),
    ) -> Option<Request<'a>> {
        let stops = marks.stops()?;
        let text = Haystack::new(marks.text());
        let values = &self.values;
        let timestamp_ms = match last.again(&text, values.stamp, stops) {
            Some(timestamp_ms) => timestamp_ms,
            None => values.read_stamp(marks.text(), stops, time, last)?,
        };
        let text = marks.text();
        let status = value::status(text.get(values.status.resolve(stops)..)?.first_chunk::<3>()?).ok()??;
        let duration = match &values.duration {
            Some(duration) => duration.read(text, stops)?,
            None => None,
        };
        let (method, path) = value::request_line(values.request.value(text, stops)?)?;
        let developer = match values.developer {
            Some(ends) => value::developer(ends.value(text, stops)?),
            None => None,
        };
        let extras = Extras::default();
        Some(Request { timestamp_ms, method, path, status, duration, long_lived: false, developer, extras })
    }

    /// Whether a line is like this. The marks are the line's.
    #[inline(always)]
    pub(super) fn is_like(&self, line: &[u8], marks: &LineMarks) -> bool {
        if marks.may_hold_backslash() || marks.quotes() != self.quotes {
            return false;
        }
        let Some(stops) = marks.stops() else { return false };
        let text = Haystack::new(marks.text());
        let is_usual = self.patterns.iter().all(|(place, pattern)| text.fits(place.resolve(stops), pattern))
            && self.gaps.iter().all(|ends| ends.from.resolve(stops) <= ends.to.resolve(stops))
            && self.words.iter().all(|(ends, stranger)| {
                let (from, to) = (ends.from.resolve(stops), ends.to.resolve(stops));
                from <= to && text.lacks_between(from, to, stranger)
            })
            && self.end.is_none_or(|end| end.from.resolve(stops) == end.to.resolve(stops));
        let start = START.resolve(stops);
        let ends_well = |(place, shape): (Place, Shape)| shape.end(line, place.resolve(stops) - start) == line.len();
        // A carriage return is no part of the value before it.
        is_usual && self.last.is_none_or(ends_well) && line.last() != Some(&b'\r')
    }
}
