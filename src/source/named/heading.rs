//! Which `#Fields:` line is in force at a place of a W3C log.
//!
//! IIS writes its header anew at each restart, maybe with other columns, and rows are read in chunks by workers that
//! know nothing of each other. So whoever cuts the chunks follows the headers in order, and every chunk is given the
//! [`Heading`] at its start. Nothing here knows what a column means.

use super::w3c::FIELDS;
use crate::source::lines::MAX_LINE_BYTES;
use crate::source::prefix::{Prefix, Stripped};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use std::sync::Arc;

/// A `#Fields:` line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FieldsLine {
    /// The line of the input, from 1.
    pub(crate) number: u64,
    /// What follows `#Fields:`.
    text: Box<[u8]>,
}

impl FieldsLine {
    /// The columns that it names.
    pub(super) fn names(&self) -> Vec<String> {
        words(&self.text).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }
}

/// A place of an input: the lines before it, and the header in force there.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    prefix: Option<Prefix>,
    lines: u64,
    in_force: Option<Arc<FieldsLine>>,
}

impl Heading {
    /// The start of an input, whose lines stand behind this prefix.
    pub(crate) fn new(prefix: Option<Prefix>) -> Self {
        Heading { prefix, lines: 0, in_force: None }
    }

    /// The header in force; `None` before the first one.
    pub(crate) fn in_force(&self) -> Option<&Arc<FieldsLine>> {
        self.in_force.as_ref()
    }

    /// Goes on past whole lines; calls `take` with each run of them that has one header in force, the header's own line
    /// at its start.
    pub(crate) fn follow(&mut self, lines: &[u8], mut take: impl FnMut(Option<&Arc<FieldsLine>>, &[u8])) {
        let (mut run_start, mut searched) = (0, 0);
        for at in memmem::find_iter(lines, FIELDS) {
            if at < searched {
                continue;
            }
            let start = memrchr(b'\n', &lines[searched..at]).map_or(searched, |line_end| searched + line_end + 1);
            let end = memchr(b'\n', &lines[at..]).map_or(lines.len(), |line_end| at + line_end);
            searched = (end + 1).min(lines.len());
            if let Some(text) = self.other_header(&lines[start..end]) {
                self.pass(&lines[run_start..start], &mut take);
                self.in_force = Some(Arc::new(FieldsLine { number: self.lines + 1, text }));
                run_start = start;
            }
        }
        self.pass(&lines[run_start..], &mut take);
    }

    /// Goes on to a line by itself, so that the header in force is the one that it is read by.
    pub(crate) fn enter(&mut self, line: &[u8]) {
        self.lines += 1;
        if let Some(text) = self.other_header(line) {
            self.in_force = Some(Arc::new(FieldsLine { number: self.lines, text }));
        }
    }

    fn pass(&mut self, run: &[u8], take: &mut impl FnMut(Option<&Arc<FieldsLine>>, &[u8])) {
        take(self.in_force.as_ref(), run);
        let has_open_end = !run.is_empty() && !run.ends_with(b"\n");
        self.lines += memchr_iter(b'\n', run).count() as u64 + u64::from(has_open_end);
    }

    /// What a line says behind `#Fields:` when it names other columns than those in force.
    fn other_header(&self, line: &[u8]) -> Option<Box<[u8]>> {
        if line.len() > MAX_LINE_BYTES {
            return None;
        }
        let mut scratch = Vec::new();
        let line = match self.prefix.map(|prefix| prefix.strip(line, &mut scratch)) {
            Some(Stripped::Line(rest, _)) => rest,
            Some(Stripped::Part) => return None,
            Some(Stripped::Bare) | None => line,
        };
        let fields = line.strip_prefix(FIELDS)?;
        let is_known = self.in_force.as_ref().is_some_and(|known| words(&known.text).eq(words(fields)));
        (!is_known).then(|| Box::from(fields))
    }
}

/// The words of a header.
pub(super) fn words(fields: &[u8]) -> impl Iterator<Item = &[u8]> {
    fields.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The runs of lines with the number of their header, and how many lines there were.
    fn runs(pieces: &[&str], prefix: Option<Prefix>) -> (Vec<(u64, String)>, u64) {
        let mut heading = Heading::new(prefix);
        let mut runs = Vec::new();
        for piece in pieces {
            heading.follow(piece.as_bytes(), |header, run| {
                let number = header.map_or(0, |header| header.number);
                runs.push((number, String::from_utf8(run.to_vec()).unwrap()));
            });
        }
        runs.retain(|(_, run)| !run.is_empty());
        (runs, heading.lines)
    }

    #[test]
    fn runs_begin_where_the_columns_change() {
        let run = |number, text: &str| (number, text.to_owned());
        assert_eq!(
            runs(&["a\n#Fields: x y\nb\n#Fields:  x  y\r\nc\n", "d #Fields: z\n#Fields: y x\ne"], None),
            (
                vec![
                    run(0, "a\n"),
                    run(2, "#Fields: x y\nb\n#Fields:  x  y\r\nc\n"),
                    run(2, "d #Fields: z\n"),
                    run(7, "#Fields: y x\ne")
                ],
                8
            )
        );
        let docker = r##"{"log":"#Fields: x\n"}"##;
        assert_eq!(runs(&[docker], Some(Prefix::DockerJson(None))).0, [(1, docker.to_owned())]);
        let overlong = format!("#Fields: {}\na\n", "x".repeat(MAX_LINE_BYTES));
        assert_eq!(runs(&[&overlong], None), (vec![(0, overlong.clone())], 2));
    }

    proptest! {
        #[test]
        fn the_header_in_force_does_not_depend_on_pieces(
            lines in prop::collection::vec(
                prop::sample::select(vec!["", "a", "#Fields: x", "#Fields: y", " #Fields: x", "#Fields: x#Fields: y"]), 0..20
            ),
            cut in 0usize..20,
        ) {
            let (before, after) = lines.split_at(cut.min(lines.len()));
            let text = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let numbers = |(runs, count): (Vec<(u64, String)>, u64)| {
                let each = |(number, run): (u64, String)| vec![number; run.lines().count()];
                (runs.into_iter().flat_map(each).collect::<Vec<u64>>(), count)
            };
            let mut heading = Heading::new(None);
            let slowly: Vec<u64> = lines.iter().map(|line| {
                heading.enter(line.as_bytes());
                heading.in_force().map_or(0, |header| header.number)
            }).collect();
            let expected = (slowly, lines.len() as u64);
            prop_assert_eq!(numbers(runs(&[&text(&lines)], None)), expected.clone());
            prop_assert_eq!(numbers(runs(&[&text(before), &text(after)], None)), expected);
        }
    }
}
