//! CSV: a header, then a row a record. A short or a long row counts as far as it goes.

use super::ReadPieces;
use super::counter::{Counter, Row, amount, calls};
use super::records::{Quoting, Records};
use crate::figure::counted;
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use crate::source::lines::without_byte_order_mark;
use crate::source::table::columns::Places;
use crate::source::time::TimeParser;
use crate::source::usage::CountedBy;
use crate::threads::lock;
use anyhow::bail;
use csv::{ByteRecord, ReaderBuilder};
use memchr::{memchr, memchr_iter};
use std::fs::File;
use std::sync::Mutex;

/// A CSV file behind its header.
pub(super) struct Csv {
    places: Places,
    zone: Timezone,
    records: Mutex<Records>,
}

impl Csv {
    pub(super) fn open(file: File, columns: &UsageColumns, by: CountedBy, zone: Timezone) -> anyhow::Result<Self> {
        let mut records = Records::new(file, Quoting::Csv);
        let header = records.header()?;
        let header = without_byte_order_mark(&header);
        let names = names(header)?;
        let places = match (Places::find(&names, columns, by), no_csv(header, &names)) {
            (Err(_), Some(reason)) => bail!(
                "{reason}; expected CSV with a header such as `{},{}`, NDJSON or Parquet",
                by.id_column(columns),
                columns.time
            ),
            (places, _) => places?,
        };
        Ok(Csv { places, zone, records: Mutex::new(records) })
    }
}

fn names(header: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut record = ByteRecord::new();
    ReaderBuilder::new().has_headers(false).from_reader(header).read_byte_record(&mut record)?;
    Ok(record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// What a first line is that is no header of a CSV file: of one column, or of no text.
fn no_csv(header: &[u8], names: &[String]) -> Option<String> {
    /// Characters of the line that are shown.
    const SHOWN: usize = 60;
    if header.starts_with(b"\xff\xfe") || header.starts_with(b"\xfe\xff") {
        return Some("is UTF-16; save it as UTF-8".to_owned());
    }
    let is_text = |text: &str| text.trim_end().chars().all(|character| character == '\t' || !character.is_control());
    let Some(line) = std::str::from_utf8(header).ok().filter(|text| is_text(text)) else {
        return Some("is no text".to_owned());
    };
    if names.len() > 1 {
        return None;
    }
    let separator = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    if let Some((_, separators)) = separator.into_iter().find(|(separator, _)| line.contains(*separator)) {
        return Some(format!("seems to separate its columns by {separators}; save it with commas"));
    }
    let shown: String = line.trim_end().chars().take(SHOWN).collect();
    let more = if shown.len() < line.trim_end().len() { "..." } else { "" };
    Some(format!("begins with `{shown}{more}`, which is no header"))
}

impl ReadPieces for Csv {
    fn count_next(&self, counter: &mut Counter) -> anyhow::Result<bool> {
        let (chunk, mut number) = {
            let mut records = lock(&self.records);
            let number = records.lines() + 1;
            (records.next()?, number)
        };
        let Some(chunk) = chunk else { return Ok(false) };
        let mut time = TimeParser::new(self.zone);
        if memchr(b'"', &chunk).is_some() {
            let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&*chunk);
            let mut record = ByteRecord::new();
            let (mut last_at, mut counted_to) = (0, 0);
            while reader.read_byte_record(&mut record)? {
                last_at = record.position().map_or(0, |position| position.byte() as usize);
                let breaks = chunk[last_at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                let passed = counted_to..(last_at + breaks).max(counted_to);
                counted_to = passed.end;
                number += memchr_iter(b'\n', &chunk[passed]).count() as u64;
                counter.add(self.places.row(number, &mut time, |place| record.get(place)));
            }
            refuse_open_quote(&chunk, last_at)?;
        } else {
            let last = self.places.all().last().copied().unwrap_or(0);
            let mut ends = Vec::with_capacity(last + 1);
            for (line, number) in chunk.split(|byte| *byte == b'\n').zip(number..) {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() {
                    cell_ends(line, last, &mut ends);
                    counter.add(self.places.row(number, &mut time, |place| cell(line, &ends, place)));
                }
            }
        }
        Ok(true)
    }
}

/// A quote that is never closed takes all lines after it into its cell; the last row, which begins at `last_at`, has it.
fn refuse_open_quote(chunk: &[u8], last_at: usize) -> anyhow::Result<()> {
    /// Bytes of the row that are shown.
    const SHOWN: usize = 60;
    let row = chunk.get(last_at..).unwrap_or_default();
    let lines = row.trim_ascii_end().split(|byte| *byte == b'\n').count();
    let is_open = !memchr_iter(b'"', row).count().is_multiple_of(2);
    if lines == 1 || !is_open {
        return Ok(());
    }
    let line = row.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    bail!(
        "a quote is opened in the row `{}` and never closed, so that the {} after it would be lost; close the quote, or \
         double it where it belongs to the text",
        String::from_utf8_lossy(&line[..line.len().min(SHOWN)]),
        counted((lines - 1) as u64, "line"),
    )
}

/// Where the cells of a line without quotes end, up to that in place `last`.
fn cell_ends(line: &[u8], last: usize, ends: &mut Vec<usize>) {
    ends.clear();
    ends.extend(memchr_iter(b',', line).take(last + 1));
    if ends.len() <= last {
        ends.push(line.len());
    }
}

fn cell<'a>(line: &'a [u8], ends: &[usize], place: usize) -> Option<&'a [u8]> {
    let start = if place == 0 { 0 } else { ends.get(place - 1)? + 1 };
    line.get(start..*ends.get(place)?)
}

impl Places {
    /// A row of text; what it has not is absent.
    pub(super) fn row<'a>(
        self,
        number: u64,
        time: &mut TimeParser,
        cell: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> Row<'a> {
        let stamp = cell(self.time).unwrap_or_default();
        let count = |text| calls(text).ok_or(text);
        Row {
            number,
            id: cell(self.id).unwrap_or_default(),
            time_ms: time.any(stamp.trim_ascii()).ok_or(stamp),
            calls: self.calls.map_or(Ok(1), |place| cell(place).map_or(Ok(0), count)),
            amount: self.amount.and_then(cell).and_then(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_swallows_lines_is_refused() {
        let told =
            |chunk: &str, last_at| refuse_open_quote(chunk.as_bytes(), last_at).map_err(|error| error.to_string());
        assert_eq!(told("a,\"b\nc\"\nd,e\n", 8), Ok(()));
        assert_eq!(told("a,\"b\nc\"\n", 0), Ok(()));
        assert_eq!(told("a,5\"\n", 0), Ok(()));
        let told = told("a,b\nc,\"d\ne,f\ng,h\n", 4).unwrap_err();
        assert!(told.contains("row `c,\"d` and never closed, so that the 2 lines"), "{told}");
    }

    #[test]
    fn cells_of_a_plain_line_are_those_that_a_csv_reader_finds() {
        for line in ["a,b,c", "a,b,c,d", "a,b", "a", ",,", ",", " a , b"] {
            let mut record = ByteRecord::new();
            let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
            assert!(reader.read_byte_record(&mut record).unwrap());
            for last in 0..3 {
                let mut ends = Vec::new();
                cell_ends(line.as_bytes(), last, &mut ends);
                for place in 0..=last {
                    assert_eq!(cell(line.as_bytes(), &ends, place), record.get(place), "{line} {last} {place}");
                }
            }
        }
    }
}
