//! Splits a line at a format's literals.
//!
//! In goes a line, out come the places of the values that are wanted. This is the hottest loop of the
//! program: it allocates nothing and copies nothing. It must not look into any value.

use crate::request::Rejection;
use crate::source::scan::{Haystack, Needle};

/// Room for every value that one line can deliver, the unread one included; a power of two, so that a
/// slot is masked rather than checked.
pub(super) const SLOTS: usize = 16;

/// How much of a line a rejection shows.
pub(super) const MAX_FOUND_LEN: usize = 40;

/// The number of a value that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u8);

impl Slot {
    /// Where the values go that nobody reads.
    pub(super) const UNREAD: Slot = Slot(0);
}

/// Where the values of one line stand. Every slot of a layout is set by every line that fits it.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans([(usize, usize); SLOTS]);

impl Spans {
    /// The bytes of one value.
    #[inline(always)]
    pub(super) fn get<'a>(&self, line: &'a [u8], slot: Slot) -> &'a [u8] {
        let (start, end) = self.0[usize::from(slot.0) % SLOTS];
        line.get(start..end).unwrap_or_default()
    }

    /// Whether one value may hold `needle`; see [`Haystack::may_hold`].
    #[inline(always)]
    pub(super) fn may_hold(&self, line: &Haystack, slot: Slot, needle: &Needle) -> bool {
        let (start, end) = self.0[usize::from(slot.0) % SLOTS];
        line.may_hold(start, end, needle)
    }

    /// The rejection of one value, at its first byte.
    #[cold]
    pub(super) fn reject<'a>(&self, line: &'a [u8], slot: Slot, expected: &'a str) -> Rejection<'a> {
        let (start, _) = self.0[usize::from(slot.0) % SLOTS];
        Rejection { column: start + 1, found: cut(self.get(line, slot)), expected }
    }

    #[inline(always)]
    fn set(&mut self, slot: Slot, start: usize, end: usize) {
        self.0[usize::from(slot.0) % SLOTS] = (start, end);
    }
}

#[cold]
fn reject_rest<'a>(line: &'a [u8], at: usize, expected: &'a str) -> Rejection<'a> {
    Rejection { column: at + 1, found: cut(line.get(at..).unwrap_or_default()), expected }
}

fn cut(found: &[u8]) -> &[u8] {
    &found[..found.len().min(MAX_FOUND_LEN)]
}

/// The literals of a format and what stands between them.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// What every line begins with; may be empty.
    pub(super) lead: Literal,
    /// Names the lead, for rejections.
    pub(super) lead_expected: Box<str>,
    /// The variables that a literal follows, in order.
    pub(super) steps: Box<[Step]>,
    /// The variable that runs to the line's end, when the format ends with one.
    pub(super) last: Option<Last>,
}

/// A variable and the literal after it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) slot: Slot,
    pub(super) literal: Literal,
    /// How many bytes the value has on most lines, at most 32; 0 where that varies.
    ///
    /// Only speed depends on it: a guess that the processor can run ahead of, where a search makes it
    /// wait for the bytes.
    pub(super) usual_len: usize,
    /// Names both, for rejections.
    pub(super) expected: Box<str>,
}

/// The variable that ends a format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) slot: Slot,
    pub(super) shape: Shape,
}

/// What the value at a line's end may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Anything.
    Text,
    /// No space.
    Word,
    /// The numbers of an upstream list.
    List,
}

impl Shape {
    /// Where a value that begins at `start` must end; what follows belongs to another format.
    #[inline(always)]
    fn end(self, line: &[u8], start: usize) -> usize {
        let value = line.get(start..).unwrap_or_default();
        let stranger = match self {
            Shape::Text => None,
            Shape::Word => value.iter().position(|&byte| byte == b' '),
            Shape::List => {
                value.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b',' | b':' | b' ' | b'-'))
            }
        };
        stranger.map_or(line.len(), |offset| start + offset)
    }
}

impl Layout {
    /// Finds the values of `line`, or where it stops to fit.
    pub(super) fn split<'a>(&'a self, line: &Haystack<'a>, spans: &mut Spans) -> Result<(), Rejection<'a>> {
        if !self.lead.stands_at(line, 0) {
            return Err(reject_rest(line.bytes(), 0, &self.lead_expected));
        }
        let mut at = self.lead.text.len();
        for step in &self.steps {
            let Some(end) = step.find_end(line, at) else {
                return Err(reject_rest(line.bytes(), at, &step.expected));
            };
            spans.set(step.slot, at, end);
            at = end + step.literal.text.len();
        }
        let len = line.bytes().len();
        let end = match self.last {
            None => at,
            Some(last) => {
                spans.set(last.slot, at, len);
                last.shape.end(line.bytes(), at)
            }
        };
        if end < len { Err(reject_rest(line.bytes(), end, "the end of the line")) } else { Ok(()) }
    }
}

impl Step {
    /// Where the value that begins at `start` ends: at the first occurrence of the literal.
    #[inline(always)]
    fn find_end(&self, line: &Haystack, start: usize) -> Option<usize> {
        if self.usual_len > 0 {
            let guess = start + self.usual_len;
            let nearer_ruled_out = line.lacks(start + self.literal.probe_at, self.usual_len, &self.literal.probe);
            if nearer_ruled_out && self.literal.stands_at(line, guess) && !self.literal.is_escaped(line, start, guess) {
                return Some(guess);
            }
        }
        self.literal.find(line, start)
    }
}

/// A literal of the format, ready to be searched for.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    text: Box<[u8]>,
    /// The first bytes of `text`, little-endian.
    word: u64,
    /// Which bits of `word` belong to `text`.
    mask: u64,
    /// The byte of `text` that is searched for.
    probe: Needle,
    /// Where in `text` it stands.
    probe_at: usize,
    /// A `"` behind a backslash belongs to the value.
    skip_escaped: bool,
}

const WORD_LEN: usize = size_of::<u64>();

impl Literal {
    /// `quotes_escaped`: the log escapes quotes inside of values.
    pub(super) fn new(text: &[u8], quotes_escaped: bool) -> Literal {
        let mut word = [0; WORD_LEN];
        let mut mask = [0; WORD_LEN];
        for (at, &byte) in text.iter().take(WORD_LEN).enumerate() {
            word[at] = byte;
            mask[at] = 0xFF;
        }
        let (probe_at, probe) =
            text.iter().copied().enumerate().min_by_key(|&(_, byte)| frequency(byte)).unwrap_or((0, 0));
        Literal {
            text: text.into(),
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
            probe: Needle::new(probe),
            probe_at,
            skip_escaped: quotes_escaped && text.first() == Some(&b'"'),
        }
    }

    /// The first occurrence at or after `from`.
    #[inline(always)]
    fn find(&self, line: &Haystack, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let begin = line.find(at + self.probe_at, &self.probe)? - self.probe_at;
            if self.stands_at(line, begin) && !self.is_escaped(line, from, begin) {
                return Some(begin);
            }
            at = begin + 1;
        }
    }

    #[inline(always)]
    fn stands_at(&self, line: &Haystack, begin: usize) -> bool {
        match line.word(begin) {
            Some(word) if self.text.len() <= WORD_LEN => (word ^ self.word) & self.mask == 0,
            _ => self.stands_whole(line.bytes(), begin),
        }
    }

    #[cold]
    fn stands_whole(&self, line: &[u8], begin: usize) -> bool {
        line.get(begin..).is_some_and(|rest| rest.starts_with(&self.text))
    }

    /// Whether a `"` at `begin` belongs to the value from `start` on: an odd number of backslashes
    /// stands before it.
    #[inline(always)]
    fn is_escaped(&self, line: &Haystack, start: usize, begin: usize) -> bool {
        self.skip_escaped
            && line.bytes().get(begin.wrapping_sub(1)) == Some(&b'\\')
            && ends_in_escape(line.bytes().get(start..begin).unwrap_or_default())
    }
}

#[cold]
fn ends_in_escape(value: &[u8]) -> bool {
    value.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// A rough rank of how often a byte stands inside of logged values; only speed depends on it.
fn frequency(byte: u8) -> u8 {
    match byte {
        b'"' | b'[' | b']' | b'|' | b'<' | b'>' | b'{' | b'}' | b'^' | b'~' | 0..b' ' => 0,
        b'=' | b'\'' | b',' | b';' | b'(' | b')' => 1,
        b' ' | b':' | b'-' | b'_' => 2,
        _ => 3,
    }
}
