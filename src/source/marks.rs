//! Where many lines end and where their quotes stand, found in one pass before any line is read.
//!
//! A field's end usually depends on where the field before it ended; quotes found beforehand let a parser start at
//! several places of a line at once. This module knows nothing of formats.

use crate::source::scan;

/// Bytes marked at a time; little enough to be still in the cache when they are parsed.
const BATCH_BYTES: usize = 32 << 10;

/// How many stops can be told of a line, the line feeds at its ends included.
pub(crate) const STOPS: usize = 16;

/// Positions in a batch, each kind ascending.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(super) line_feeds: Vec<u32>,
    /// The line feeds and the quotes, behind [`Marks::BEFORE`].
    pub(super) stops: Vec<u32>,
    pub(super) backslashes: Vec<u32>,
}

impl Marks {
    /// Stands for the line feed before the first line: one byte behind it, the line begins.
    pub(super) const BEFORE: u32 = u32::MAX;
}

/// What is known of one line.
#[derive(Clone, Copy, Debug)]
pub struct LineMarks<'t, 'm> {
    /// The text that the line is from.
    text: &'t [u8],
    /// The stops of the text from the line feed before the line on.
    stops: &'m [u32],
    /// How many quotes the line has.
    quotes: usize,
    may_hold_backslash: bool,
}

impl<'t, 'm> LineMarks<'t, 'm> {
    /// Nothing is known.
    pub(crate) const UNKNOWN: LineMarks<'static, 'static> =
        LineMarks { text: &[], stops: &[Marks::BEFORE], quotes: 0, may_hold_backslash: true };

    /// The text that the line is from, which goes on behind it.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// The line feed before the line, its quotes, its own line feed, and what comes next, as positions in the text; the
    /// place before the text is `u32::MAX`. `None` where nothing is known.
    #[inline(always)]
    pub(crate) fn stops(&self) -> Option<&'m [u32; STOPS]> {
        self.stops.first_chunk()
    }

    /// How many quotes the line has; right only where it cannot hold a backslash.
    #[inline(always)]
    pub(crate) fn quotes(&self) -> usize {
        self.quotes
    }

    /// Where a quote stands in the line, counted from 0.
    #[inline(always)]
    pub(crate) fn quote(&self, number: usize) -> Option<usize> {
        let (before, stop) = (self.stops.first()?, self.stops.get(number + 1)?);
        (number < self.quotes).then(|| stop.wrapping_sub(*before).wrapping_sub(1) as usize)
    }

    /// Whether there may be a backslash in the line.
    #[inline(always)]
    pub(crate) fn may_hold_backslash(&self) -> bool {
        self.may_hold_backslash
    }
}

/// Calls `take` with every line, without its line feed.
#[inline(always)]
pub(crate) fn for_each_line(text: &[u8], mut take: impl FnMut(&[u8])) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text) {
        take(&text[start..end]);
        start = end + 1;
    }
    if start < text.len() {
        take(&text[start..]);
    }
}

/// The same with what is known of each line.
#[inline(always)]
pub(crate) fn for_each_marked_line<'t>(
    text: &'t [u8],
    marks: &mut Marks,
    mut take: impl FnMut(&'t [u8], LineMarks<'t, '_>),
) {
    let mut rest = text;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(batch_len(rest));
        rest = after;
        if batch.len() > BATCH_BYTES {
            take(batch.strip_suffix(b"\n").unwrap_or(batch), LineMarks::UNKNOWN);
            continue;
        }
        scan::mark(batch, marks);
        if !batch.ends_with(b"\n") {
            marks.line_feeds.push(batch.len() as u32);
            marks.stops.push(batch.len() as u32);
        }
        // So that no line has fewer.
        marks.stops.extend([0; STOPS]);
        let (mut stops, mut backslashes) = (&marks.stops[..], &marks.backslashes[..]);
        let (mut start, mut usual_quotes) = (0, 0);
        for &end in &marks.line_feeds {
            let quotes = before(&stops[1..], end, usual_quotes);
            usual_quotes = quotes;
            let escapes = if backslashes.is_empty() { 0 } else { before(backslashes, end, 0) };
            let line_marks = LineMarks { text: batch, stops, quotes, may_hold_backslash: escapes > 0 };
            take(&batch[start..end as usize], line_marks);
            (stops, backslashes) = (&stops[quotes + 1..], &backslashes[escapes..]);
            start = end as usize + 1;
        }
    }
}

/// The length of the next lines that make a batch, or of one line longer than that.
fn batch_len(text: &[u8]) -> usize {
    let Some(batch) = text.get(..BATCH_BYTES) else { return text.len() };
    match memchr::memrchr(b'\n', batch) {
        Some(end) => end + 1,
        None => memchr::memchr(b'\n', &text[BATCH_BYTES..]).map_or(text.len(), |at| BATCH_BYTES + at + 1),
    }
}

/// How many of the ascending positions lie before `end`, most likely `usual` of them.
#[inline(always)]
fn before(positions: &[u32], end: u32, usual: usize) -> usize {
    if positions.get(usual) == Some(&end) {
        return usual;
    }
    positions.iter().take_while(|&&at| at < end).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &[u8]) {
        let mut lines = text.split(|&byte| byte == b'\n').collect::<Vec<_>>();
        if lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let mut seen = 0;
        let mut plain = Vec::new();
        for_each_line(text, |line| plain.push(line.to_vec()));
        assert_eq!(plain, lines);
        for_each_marked_line(text, &mut Marks::default(), |line, marks| {
            assert_eq!(line, lines[seen]);
            seen += 1;
            if line.len() < BATCH_BYTES {
                let quotes: Vec<_> = (0..line.len()).filter(|&at| line[at] == b'"').collect();
                let marked: Vec<_> = (0..marks.quotes()).map(|number| marks.quote(number).unwrap()).collect();
                assert_eq!((marked, marks.may_hold_backslash()), (quotes, line.contains(&b'\\')));
            } else {
                assert!(marks.may_hold_backslash());
            }
        });
        assert_eq!(seen, lines.len());
    }

    proptest! {
        #[test]
        fn marks_agree_with_a_look_at_every_byte(
            text in prop::collection::vec(prop::sample::select(b"\n\"\\abcdefgh".to_vec()), 0..2000),
        ) {
            check(&text);
        }
    }

    #[test]
    fn batches_end_between_lines() {
        for line_len in [0, 1, 63, 64, 1000, BATCH_BYTES - 1, BATCH_BYTES, BATCH_BYTES + 1, 3 * BATCH_BYTES] {
            let mut line = vec![b'x'; line_len];
            if let Some(first) = line.first_mut() {
                *first = b'"';
            }
            for count in [1, 2, 70] {
                let mut text = [&line[..], b"\n"].concat().repeat(count);
                check(&text);
                text.extend(b"the last \" line");
                check(&text);
            }
        }
    }
}
