//! Tables in W3C's extended log format, as IIS, CloudFront and Oracle's web cache write them
//! (<https://www.w3.org/TR/WD-logfile>): `#` lines tell about the log, `#Fields:` names the columns.
//!
//! The header in, the places of a row's wanted values out. A date and a time in columns of their own are put together
//! to one stamp. Which field means what is found by the first header; a later one with other columns moves them, and
//! `heading` knows where it is in force.

use super::heading::{FieldsLine, words};
use super::sample::Sample;
use super::slots::{Kind, Span, Values};
use super::{Fault, Scan, Scanned};
use crate::plan::{FieldOverride, Role, Unit, Wanted};
use std::sync::Arc;

/// What the columns `date` and `time` are called together.
pub(super) const DATE_TIME: &str = "date time";

/// The same in the zone of the server.
pub(super) const LOCAL_DATE_TIME: &str = "date-local time-local";

/// The column of a whole URI, which some write without its scheme: `example.com/a`.
pub(super) const URI: &str = "cs-uri";

/// What a header begins with.
pub(super) const FIELDS: &[u8] = b"#Fields:";

/// The column that IIS counts in milliseconds, and all others in the standard's seconds.
const TIME_TAKEN: &str = "time-taken";

/// The columns of CloudFront's standard log, which are the same for everyone; rows come without the header when
/// somebody has put a log together from several.
pub(super) const CLOUDFRONT: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
    cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes \
    time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
    fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
    sc-range-start sc-range-end";

/// What stands between columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    /// One tab.
    Tab,
    /// Spaces or tabs, any number of them; values with spaces are quoted.
    Space,
}

/// The columns of a table.
pub(super) struct Header {
    names: Vec<String>,
    separator: Separator,
    product: &'static str,
    /// The first line that may be a row of it.
    from: usize,
}

impl Header {
    /// The header above the first row, the first one where that has none above it, or CloudFront's where the rows look
    /// like it.
    pub(super) fn find(lines: &[&[u8]]) -> Option<Header> {
        let first_row = lines.iter().position(|line| !line.starts_with(b"#") && !line.trim_ascii().is_empty());
        let row = first_row.and_then(|row| lines.get(row));
        let has_tabs = row.is_some_and(|row| row.contains(&b'\t'));
        let separator = if has_tabs { Separator::Tab } else { Separator::Space };
        let (above, below) = lines.split_at(first_row.unwrap_or(lines.len()));
        let from = above.iter().rposition(|line| line.starts_with(FIELDS)).unwrap_or_default();
        let fields = above[from..].iter().chain(below).find_map(|line| line.strip_prefix(FIELDS));
        let names: Vec<String> = match fields {
            Some(fields) => words(fields).map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
            None if has_tabs && row.is_some_and(|row| is_cloudfront_row(row)) => {
                CLOUDFRONT.split_ascii_whitespace().map(str::to_owned).collect()
            }
            None => return None,
        };
        let says_microsoft = lines.iter().any(|line| line.starts_with(b"#Software: Microsoft"));
        let has = |name: &str| names.iter().any(|known| known == name);
        let product = if has("x-edge-location") {
            "CloudFront"
        } else if says_microsoft || has("sc-win32-status") {
            "IIS"
        } else {
            "W3C"
        };
        Some(Header { names, separator, product, from })
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether rows have the time of a day alone.
    pub(super) fn lacks_date(&self) -> bool {
        let has = |name: &str| self.names.iter().any(|known| known == name);
        has("time") && !has("date")
    }

    /// Who writes such tables.
    pub(super) fn product(&self) -> &'static str {
        self.product
    }

    /// The rows that have as many values as there are columns, up to a header with other columns.
    pub(super) fn sample(&self, lines: &[&[u8]]) -> Sample {
        let mut sample = Sample::default();
        sample.hosted = Some(URI);
        let names = || self.names.iter().map(String::as_bytes);
        let is_other = |line: &[u8]| line.strip_prefix(FIELDS).is_some_and(|fields| !words(fields).eq(names()));
        let own = lines.iter().skip(self.from).take_while(|line| !is_other(line));
        for line in own.filter(|line| !line.starts_with(b"#")) {
            let values: Vec<&[u8]> = cells(line, self.separator).map(|cell| &line[cell.start..cell.end]).collect();
            if values.len() != self.names.len() {
                continue;
            }
            let named = self.names.iter().map(String::as_str).zip(values.iter().copied());
            let stamps = [DATE_TIME, LOCAL_DATE_TIME].map(|name| Some((name, self.stamp(name, &values)?)));
            sample.add_record(named.chain(stamps.iter().flatten().map(|(name, stamp)| (*name, &stamp[..]))));
        }
        sample
    }

    fn stamp(&self, name: &str, values: &[&[u8]]) -> Option<Vec<u8>> {
        let [date, time] = stamp_columns(&self.names, name)?;
        Some([values.get(date)?, &b" "[..], values.get(time)?].concat())
    }

    /// What is wanted, with the unit of `time-taken` where nobody gave one.
    pub(super) fn with_unit(&self, wanted: &Wanted) -> Wanted {
        let mut wanted = wanted.clone();
        let unit = if self.product == "IIS" { Unit::Millis } else { Unit::Seconds };
        let is_duration = |field: &&mut FieldOverride| field.role == Role::Duration;
        match wanted.fields.iter_mut().rev().find(is_duration) {
            Some(field) if field.name == TIME_TAKEN => field.unit = field.unit.or(Some(unit)),
            Some(_) => {}
            None if self.names.iter().any(|name| name == TIME_TAKEN) => {
                wanted.fields.push(FieldOverride {
                    role: Role::Duration,
                    name: TIME_TAKEN.to_owned(),
                    unit: Some(unit),
                });
            }
            None => {}
        }
        wanted
    }

    /// The columns as they are wanted; the value of the name at index `i` goes to slot `i`, and no row is read without
    /// a value in the slots that are `needed`.
    pub(super) fn columns(&self, names: &[String], needed: Vec<u8>) -> Columns {
        let wanted = WantedColumns { names: names.to_vec(), needed };
        let first = Arc::new(Table::new(&self.names, &wanted));
        Columns {
            table: Arc::clone(&first),
            first,
            header: None,
            lacks: None,
            wanted: Arc::new(wanted),
            separator: self.separator,
        }
    }
}

/// The columns that a stamp of this name is put together from.
fn stamp_columns(names: &[String], name: &str) -> Option<[usize; 2]> {
    let (date, time) = name.split_once(' ')?;
    let column = |name: &str| names.iter().position(|known| known == name);
    Some([column(date)?, column(time)?])
}

/// A date, a time, and then as many values as CloudFront has had in its oldest logs at least.
fn is_cloudfront_row(row: &[u8]) -> bool {
    const OLDEST_COLUMNS: usize = 24;
    let values: Vec<&[u8]> = row.split(|&byte| byte == b'\t').collect();
    let is_date = |text: &[u8]| matches!(text, [_, _, _, _, b'-', _, _, b'-', _, _]);
    values.len() >= OLDEST_COLUMNS && is_date(values[0]) && values[5].iter().all(u8::is_ascii_uppercase)
}

/// A stamp in two columns.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    slot: u8,
    columns: [usize; 2],
}

/// What is looked for in every table of a log.
#[derive(Debug)]
struct WantedColumns {
    /// By slot.
    names: Vec<String>,
    needed: Vec<u8>,
}

/// Where the values of one header's columns go.
#[derive(Debug)]
struct Table {
    slots: Box<[Option<u8>]>,
    stamp: Option<Stamp>,
}

impl Table {
    fn new(columns: &[String], wanted: &WantedColumns) -> Self {
        let slot_of = |column: &str| wanted.names.iter().position(|name| name == column).map(|slot| slot as u8);
        let stamp = [DATE_TIME, LOCAL_DATE_TIME].iter().find_map(|name| {
            let slot = slot_of(name)?;
            Some(Stamp { slot, columns: stamp_columns(columns, name)? })
        });
        Table { slots: columns.iter().map(|name| slot_of(name)).collect(), stamp }
    }

    /// Whether something goes to the slot.
    fn fills(&self, slot: u8) -> bool {
        self.slots.contains(&Some(slot)) || self.stamp.is_some_and(|stamp| stamp.slot == slot)
    }
}

/// The columns of a table and where their values go.
#[derive(Clone, Debug)]
pub struct Columns {
    first: Arc<Table>,
    table: Arc<Table>,
    /// The header that the table is of; `None`: the first.
    header: Option<Arc<FieldsLine>>,
    /// What the table lacks of what is needed, as a reason to reject its rows.
    lacks: Option<String>,
    wanted: Arc<WantedColumns>,
    separator: Separator,
}

impl Columns {
    /// Reads rows by another header from now on; `None`: by the one that the log was recognised by.
    pub(super) fn set_header(&mut self, header: Option<&Arc<FieldsLine>>) {
        if self.header.as_ref().map(Arc::as_ptr) == header.map(Arc::as_ptr) {
            return;
        }
        self.header = header.cloned();
        self.table = match header {
            Some(header) => Arc::new(Table::new(&header.names(), &self.wanted)),
            None => Arc::clone(&self.first),
        };
        self.lacks = header.and_then(|header| self.lacking(header.number));
    }

    fn lacking(&self, header_number: u64) -> Option<String> {
        let lacking = self.wanted.needed.iter().filter(|slot| !self.table.fills(**slot));
        let names = lacking.filter_map(|slot| self.wanted.names.get(usize::from(*slot)));
        let names: Vec<String> = names.map(|name| format!("`{}`", name.escape_debug())).collect();
        let names = names.join(" and ");
        (!names.is_empty()).then(|| format!("a value of {names}, which the `#Fields:` of line {header_number} lacks"))
    }
}

impl Scan for Columns {
    fn lacks(&self) -> Option<&str> {
        self.lacks.as_deref()
    }

    fn scan(&mut self, line: &[u8], values: &mut Values, scratch: &mut Vec<u8>) -> Result<Scanned, Fault> {
        const FEWER: &str = "as many values as `#Fields:` has columns";
        if line.first() == Some(&b'#') {
            return Ok(Scanned::Comment);
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Table { slots, stamp } = &*self.table;
        values.clear();
        let mut parts = [Cell::default(); 2];
        let mut count = 0;
        for cell in cells(line, self.separator) {
            let Some(&slot) = slots.get(count) else {
                return Err(Fault { at: cell.start, expected: "the end of the line: `#Fields:` has no more columns" });
            };
            if let Some(slot) = slot {
                values.set(slot, Span { kind: Kind::Text, start: cell.start, end: cell.end });
            }
            if let Some(stamp) = stamp {
                for (part, column) in parts.iter_mut().zip(stamp.columns) {
                    if column == count {
                        *part = cell;
                    }
                }
            }
            count += 1;
        }
        if count < slots.len() {
            return Err(Fault { at: line.len(), expected: FEWER });
        }
        if let Some(stamp) = stamp {
            scratch.clear();
            let [date, time] = parts.map(|cell| line.get(cell.start..cell.end).unwrap_or_default());
            scratch.extend_from_slice(date);
            scratch.push(b' ');
            scratch.extend_from_slice(time);
            let start = parts[0].start;
            values.set(stamp.slot, Span { kind: Kind::Joined, start, end: start + scratch.len() });
        }
        Ok(Scanned::Record)
    }
}

/// The place of a value.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    start: usize,
    end: usize,
}

/// The values of a row, quotes taken off.
fn cells(line: &[u8], separator: Separator) -> impl Iterator<Item = Cell> {
    let is_separator = move |byte: u8| byte == b'\t' || (byte == b' ' && separator == Separator::Space);
    let mut at = 0;
    let mut is_done = false;
    std::iter::from_fn(move || {
        if separator == Separator::Space {
            at += line[at..].iter().take_while(|&&byte| is_separator(byte)).count();
            is_done |= at == line.len();
        }
        if is_done {
            return None;
        }
        let rest = &line[at..];
        let quoted = rest.strip_prefix(b"\"").filter(|_| separator == Separator::Space);
        if let Some(inside) = quoted
            && let Some(len) = closing_quote(inside)
        {
            let start = at + 1;
            at = start + len + 1;
            return Some(Cell { start, end: start + len });
        }
        let len = rest.iter().position(|&byte| is_separator(byte)).unwrap_or(rest.len());
        let cell = Cell { start: at, end: at + len };
        is_done = cell.end == line.len();
        at = (cell.end + 1).min(line.len());
        Some(cell)
    })
}

/// Where the quote stands that a separator or the line's end follows; `""` is a quote inside of the value.
fn closing_quote(inside: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(quote) = memchr::memchr(b'"', inside.get(from..)?) {
        let at = from + quote;
        match inside.get(at + 1) {
            None | Some(b' ' | b'\t') => return Some(at),
            Some(b'"') => from = at + 2,
            Some(_) => from = at + 1,
        }
    }
    None
}
