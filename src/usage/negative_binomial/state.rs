//! What was learnt, as bytes, and back: so that a run can go on where the one before stopped.
//!
//! A header, then one record for each developer who called within the last weeks, each behind its length. What is to be
//! told is not part of it. Anything that is not whole is refused, never guessed at.

use super::calendar::Calendar;
use super::code::{Code, Reader};
use super::developer::Developer;
use super::population::Population;
use super::{NegativeBinomial, STALE_DAYS};
use hashbrown::HashSet;
use std::io::{self, Read, Write};

/// What such bytes begin with.
const MAGIC: &[u8; 8] = b"learn-nb";

/// Rises when a field is added or changes its meaning.
const VERSION: u32 = 1;

/// A record has a name and about 2.5 KB; a length beyond this is none.
const MOST_RECORD_BYTES: u32 = 1 << 20;

/// Why nothing can be read back.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Cut short, or not written by [`write()`].
    #[error("it is no state of the rule negative-binomial ({0})")]
    Malformed(&'static str),
    /// Written by a program that knows more, or less.
    #[error("its version is {0}, this learn reads {VERSION}")]
    Version(u32),
    /// Learnt in other windows or another zone.
    #[error("it was learnt in windows and zone `{0}`")]
    Calendar(String),
    /// The reader's.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes what the rule has learnt of the developers with these names.
///
/// # Errors
/// Those of `out`.
pub fn write(rule: &NegativeBinomial, names: &[String], out: &mut dyn Write) -> io::Result<()> {
    let Some((last, day)) = rule.last else { return Ok(()) };
    let place = rule.calendar.place(last);
    let known =
        || rule.developers.iter().zip(names).filter_map(|(developer, name)| Some((developer.as_deref()?, name)));
    let kept = || known().filter(|(developer, _)| !developer.is_forgotten(place));
    let mut bytes = MAGIC.to_vec();
    VERSION.encode(&mut bytes);
    let mut header = Vec::new();
    rule.calendar.name().encode(&mut header);
    last.encode(&mut header);
    day.encode(&mut header);
    rule.population.encode(&mut header);
    (kept().count() as u64).encode(&mut header);
    append_record(&mut bytes, &header);
    out.write_all(&bytes)?;
    let mut record = Vec::new();
    for (developer, name) in kept() {
        bytes.clear();
        record.clear();
        name.encode(&mut record);
        developer.encode(&mut record);
        append_record(&mut bytes, &record);
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn append_record(bytes: &mut Vec<u8>, record: &[u8]) {
    (record.len() as u32).encode(bytes);
    bytes.extend_from_slice(record);
}

/// Reads what [`write()`] wrote into a rule of this calendar and surprise; the developers' names are second.
///
/// # Errors
/// Bytes that are not whole, and what was learnt by another calendar.
pub fn read(
    calendar: Calendar,
    surprise: f64,
    input: &mut dyn Read,
) -> Result<(NegativeBinomial, Vec<String>), Unreadable> {
    let mut start = [0; MAGIC.len() + size_of::<u32>()];
    input.read_exact(&mut start).map_err(cut_short)?;
    let (magic, version) = start.split_at(MAGIC.len());
    let version = u32::decode(&mut Reader(version)).unwrap_or(0);
    if magic != MAGIC {
        return Err(Unreadable::Malformed("it does not begin as one"));
    }
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let mut bytes = Vec::new();
    read_record(input, &mut bytes)?;
    let header = read_header(&bytes).ok_or(Unreadable::Malformed("its header is not whole"))?;
    if header.calendar != calendar.name() {
        return Err(Unreadable::Calendar(header.calendar));
    }
    let mut rule = NegativeBinomial { population: header.population, ..NegativeBinomial::new(calendar, surprise) };
    rule.last = Some((header.last, header.day));
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for _ in 0..header.developers {
        read_record(input, &mut bytes)?;
        let (name, developer) = read_developer(&bytes).ok_or(Unreadable::Malformed("a developer is not whole"))?;
        if !seen.insert(name.clone()) {
            return Err(Unreadable::Malformed("a developer stands in it twice"));
        }
        names.push(name);
        rule.developers.push(Some(Box::new(developer)));
    }
    Ok((rule, names))
}

struct Header {
    calendar: String,
    last: i64,
    day: i64,
    population: Population,
    developers: u64,
}

fn read_header(bytes: &[u8]) -> Option<Header> {
    let reader = &mut Reader(bytes);
    let header = Header {
        calendar: Code::decode(reader)?,
        last: Code::decode(reader)?,
        day: Code::decode(reader)?,
        population: Code::decode(reader)?,
        developers: Code::decode(reader)?,
    };
    let is_a_window = header.last.unsigned_abs() < i64::MAX as u64 / (STALE_DAYS.unsigned_abs() * super::DAY_MS as u64);
    (reader.0.is_empty() && is_a_window).then_some(header)
}

fn read_developer(bytes: &[u8]) -> Option<(String, Developer)> {
    let reader = &mut Reader(bytes);
    let read = (Code::decode(reader)?, Code::decode(reader)?);
    reader.0.is_empty().then_some(read)
}

/// Reads a length and as many bytes.
fn read_record(input: &mut dyn Read, bytes: &mut Vec<u8>) -> Result<(), Unreadable> {
    let mut length = [0; size_of::<u32>()];
    input.read_exact(&mut length).map_err(cut_short)?;
    let length = u32::from_le_bytes(length);
    if length > MOST_RECORD_BYTES {
        return Err(Unreadable::Malformed("a record is too long"));
    }
    bytes.clear();
    bytes.resize(length as usize, 0);
    input.read_exact(bytes).map_err(cut_short)
}

fn cut_short(error: io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Unreadable::Malformed("it ends early"),
        _ => Unreadable::Io(error),
    }
}
