//! NDJSON: one object a line, in whatever order its keys are; a dotted name reaches into nested objects.
//!
//! A line that is no object is a row without a time.

use super::ReadPieces;
use super::columns::Places;
use super::counter::{Counter, Row};
use super::records::{Quoting, Records};
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use crate::source::named::{FieldReader, field_names};
use crate::source::time::TimeParser;
use crate::source::usage::CountedBy;
use crate::threads::lock;
use memchr::memchr_iter;
use std::fs::File;
use std::sync::Mutex;

/// Lines that show which fields there are.
const SAMPLE_LINES: usize = 1_000;

/// An NDJSON file.
pub(super) struct Ndjson {
    places: Places,
    fields: FieldReader,
    zone: Timezone,
    lines: Mutex<Lines>,
}

/// The lines that are still to be read.
struct Lines {
    /// The first of them, which have been looked at.
    first: Option<Vec<u8>>,
    rest: Records,
}

impl Ndjson {
    pub(super) fn open(file: File, columns: &UsageColumns, by: CountedBy, zone: Timezone) -> anyhow::Result<Self> {
        let mut rest = Records::new(file, Quoting::None);
        let first = rest.next()?;
        let sampled = first.as_deref().into_iter().flat_map(|chunk| numbered_lines(chunk, 1));
        let sample: Vec<&[u8]> = sampled.map(|(_, line)| line).take(SAMPLE_LINES).collect();
        let names = field_names(&sample);
        let found = Places::find(&names, columns, by)?;
        // Only the fields that are read get a place.
        let read = found.all();
        let new = |place: usize| read.iter().position(|other| *other == place).unwrap_or(0);
        let places = Places {
            id: new(found.id),
            time: new(found.time),
            calls: found.calls.map(new),
            amount: found.amount.map(new),
        };
        let read: Vec<String> = read.iter().map(|place| names[*place].clone()).collect();
        Ok(Ndjson { places, fields: FieldReader::new(&read), zone, lines: Mutex::new(Lines { first, rest }) })
    }
}

impl ReadPieces for Ndjson {
    fn count_next(&self, counter: &mut Counter) -> anyhow::Result<bool> {
        let (chunk, number) = {
            let mut lines = lock(&self.lines);
            match lines.first.take() {
                Some(first) => (Some(first), 1),
                None => {
                    let number = lines.rest.lines() + 1;
                    (lines.rest.next()?, number)
                }
            }
        };
        let Some(chunk) = chunk else { return Ok(false) };
        let (mut fields, mut time) = (self.fields.clone(), TimeParser::new(self.zone));
        for (number, line) in numbered_lines(&chunk, number) {
            counter.add(match fields.read(line) {
                Some(found) => self.places.row(number, &mut time, |place| found.string_or_number(place as u8)),
                None => Row { number, id: b"", time_ms: Err(line), calls: Ok(0), amount: None },
            });
        }
        Ok(true)
    }
}

/// The lines that are not blank, with their numbers from this one on.
fn numbered_lines(chunk: &[u8], first: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', chunk).chain([chunk.len()]);
    let lines = ends.map(move |end| &chunk[std::mem::replace(&mut start, end + 1).min(end)..end]);
    (first..).zip(lines.map(<[u8]>::trim_ascii)).filter(|(_, line)| !line.is_empty())
}
