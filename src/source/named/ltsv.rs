//! LTSV: `label:value` pairs with tabs between them, one request a line (<http://ltsv.org>).
//!
//! A line in, the places of its wanted values out. Values stand for themselves: LTSV escapes nothing.

use super::sample::Sample;
use super::slots::{Kind, Span, Values};
use super::{Fault, Scan, Scanned};
use memchr::memchr;

/// The wanted labels, each in its slot.
#[derive(Clone, Debug)]
pub struct Labels {
    labels: Vec<Vec<u8>>,
}

impl Labels {
    pub(super) fn new(names: &[String]) -> Labels {
        Labels { labels: names.iter().map(|name| name.as_bytes().to_vec()).collect() }
    }
}

impl Scan for Labels {
    fn scan(&mut self, line: &[u8], values: &mut Values, _: &mut Vec<u8>) -> Result<Scanned, Fault> {
        values.clear();
        let mut has_label = false;
        for field in fields(line) {
            let Some(colon) = memchr(b':', field.text) else {
                // Some writers end their lines with a tab.
                if field.text.is_empty() {
                    continue;
                }
                return Err(Fault { at: field.start, expected: "`label:value`, tabs between the fields" });
            };
            has_label = true;
            let label = &field.text[..colon];
            if let Some(slot) = self.labels.iter().position(|wanted| wanted == label) {
                let (start, end) = (field.start + colon + 1, field.start + field.text.len());
                // There are at most 256 names.
                values.set(slot as u8, Span { kind: Kind::Text, start, end });
            }
        }
        if has_label { Ok(Scanned::Record) } else { Err(Fault { at: 0, expected: "`label:value`" }) }
    }
}

/// A field as it stands in a line.
struct Field<'l> {
    start: usize,
    text: &'l [u8],
}

fn fields(line: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut start = 0;
    line.split(|&byte| byte == b'\t').map(move |text| {
        let field = Field { start, text };
        start += text.len() + 1;
        field
    })
}

/// The fields of a line by label; `None` where one has no label.
fn pairs(line: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let filled = fields(line).map(|field| field.text).filter(|text| !text.is_empty());
    filled.map(pair).collect()
}

fn pair(text: &[u8]) -> Option<(&str, &[u8])> {
    let (label, value) = text.split_at_checked(memchr(b':', text)?)?;
    let label = std::str::from_utf8(label).ok().filter(|label| is_label(label))?;
    Some((label, &value[1..]))
}

/// What the specification allows in a label.
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

pub(super) fn fits(line: &[u8]) -> bool {
    pairs(line).is_some_and(|pairs| pairs.len() > 1)
}

pub(super) fn sample(lines: &[&[u8]]) -> Sample {
    let mut sample = Sample::default();
    lines.iter().filter_map(|line| pairs(line)).for_each(|pairs| sample.add_record(pairs));
    sample
}
