//! Splits a line at a format's literals.
//!
//! In goes a line, out come the places of the values that are wanted. This is the hottest loop of the
//! program: it allocates nothing and copies nothing. It must not look into any value.

use crate::request::Rejection;
use crate::source::marks::LineMarks;
use crate::source::scan::{Haystack, Needle, Stretch};

/// Room for every value that one line can deliver, the unread one included; a power of two, so that a
/// slot is masked rather than checked.
pub(super) const SLOTS: usize = 32;

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
        let (start, end) = self.ends(slot);
        match line.get(start..end) {
            Some(value) => value,
            None => nothing(),
        }
    }

    /// Where one value begins and ends.
    #[inline(always)]
    pub(super) fn ends(&self, slot: Slot) -> (usize, usize) {
        self.0[usize::from(slot.0) % SLOTS]
    }

    /// Whether one value may hold `needle`; see [`Haystack::may_hold`].
    #[inline(always)]
    pub(super) fn may_hold(&self, line: &Haystack, slot: Slot, needle: &Needle) -> bool {
        let (start, end) = self.ends(slot);
        line.may_hold(start, end, needle)
    }

    /// The rejection of one value, at its first byte.
    #[cold]
    pub(super) fn reject<'a>(&self, line: &'a [u8], slot: Slot, expected: &'a str) -> Rejection<'a> {
        let (start, _) = self.ends(slot);
        Rejection { column: start + 1, found: cut(self.get(line, slot)), expected }
    }

    #[inline(always)]
    fn set(&mut self, slot: Slot, start: usize, end: usize) {
        self.0[usize::from(slot.0) % SLOTS] = (start, end);
    }
}

/// What a slot that was never set holds; apart, so that reading the others stays a mere comparison.
#[cold]
#[inline(never)]
pub(super) fn nothing<'a>() -> &'a [u8] {
    &[]
}

#[cold]
#[inline(never)]
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
    /// Quotes in all literals together.
    pub(super) quotes: usize,
}

/// A variable and the literal after it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) slot: Slot,
    pub(super) literal: Literal,
    /// How long the value is on most lines; `None` where that varies.
    ///
    /// Only speed depends on it: a guess that the processor can run ahead of, where a search makes it
    /// wait for the bytes.
    pub(super) usual: Option<Usual>,
    /// The literal's first quote, where it has one and whatever ends the value ends it there.
    pub(super) anchor: Option<Anchor>,
    /// Names both, for rejections.
    pub(super) expected: Box<str>,
}

/// A quote by which a literal can be found without looking for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    /// Which of the format's quotes it is, from 0.
    pub(super) quote: usize,
    /// Where in the literal it stands.
    pub(super) quote_at: usize,
}

/// A usual length of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    len: usize,
    stretch: Stretch,
}

impl Usual {
    /// The length, in bytes.
    pub(super) fn len(self) -> usize {
        self.len
    }

    /// `None` for a length that is too long to be judged at once.
    pub(super) fn new(len: usize) -> Option<Usual> {
        Some(Usual { len, stretch: Stretch::new(len)? })
    }
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
    pub(super) fn end(self, line: &[u8], start: usize) -> usize {
        let value = line.get(start..).unwrap_or_default();
        let stranger = match self {
            Shape::Text => None,
            Shape::Word => value.iter().position(|&byte| byte == b' '),
            Shape::List => match value {
                // The usual forms, without the loop.
                b"-" | [b'0'..=b'9', b'.', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => None,
                _ => value.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b',' | b':' | b' ' | b'-')),
            },
        };
        stranger.map_or(line.len(), |offset| start + offset)
    }
}

impl Layout {
    /// Finds the values of `line`, or where it stops to fit.
    pub(super) fn split<'a>(&'a self, line: &Haystack<'a>, spans: &mut Spans) -> Result<(), Rejection<'a>> {
        if !self.lead.ends_value(line, 0, 0) {
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
        let end = self.take_last(line, at, spans);
        if end < line.bytes().len() { Err(reject_rest(line.bytes(), end, "the end of the line")) } else { Ok(()) }
    }

    /// [`Self::split`] by the marks: does the same or gives up.
    ///
    /// With as many quotes as the format has, none of them escaped, and each literal at its own quote, no literal can
    /// stand anywhere earlier.
    #[inline(always)]
    pub(super) fn split_at_quotes(&self, line: &Haystack, marks: LineMarks, spans: &mut Spans) -> bool {
        if marks.may_hold_backslash() || marks.quotes() != self.quotes || !self.lead.ends_value(line, 0, 0) {
            return false;
        }
        let mut at = self.lead.text.len();
        for step in &self.steps {
            let Some(end) = step.end_at_quote(line, at, marks) else { return false };
            spans.set(step.slot, at, end);
            at = end + step.literal.text.len();
        }
        self.take_last(line, at, spans) == line.bytes().len()
    }

    /// Takes what begins at `at` for the last value; where it must end.
    #[inline(always)]
    fn take_last(&self, line: &Haystack, at: usize, spans: &mut Spans) -> usize {
        match self.last {
            None => at,
            Some(last) => {
                spans.set(last.slot, at, line.bytes().len());
                last.shape.end(line.bytes(), at)
            }
        }
    }
}

impl Step {
    /// Whether its value is a list, which may hold the literal's first byte.
    pub(super) fn ends_list(&self) -> bool {
        self.literal.exempt == Exempt::ListSeparator
    }

    /// [`Self::find_end`] of a line whose quotes are known.
    #[inline(always)]
    fn end_at_quote(&self, line: &Haystack, start: usize, marks: LineMarks) -> Option<usize> {
        let Some(anchor) = self.anchor else { return self.find_end(line, start) };
        let end = marks.quote(anchor.quote)?.checked_sub(anchor.quote_at)?;
        (end >= start && self.literal.ends_value(line, start, end)).then_some(end)
    }

    /// Where the value that begins at `start` ends: at the first occurrence of the literal.
    #[inline(always)]
    fn find_end(&self, line: &Haystack, start: usize) -> Option<usize> {
        if let Some(usual) = &self.usual {
            let guess = start + usual.len;
            let nearer_ruled_out = line.lacks(start + self.literal.probe_at, &usual.stretch, &self.literal.probe);
            if nearer_ruled_out && self.literal.ends_value(line, start, guess) {
                return Some(guess);
            }
        }
        self.literal.find(line, start)
    }
}

/// Which occurrences of a literal do not end the value before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exempt {
    /// None.
    Nothing,
    /// A `"` behind an odd number of backslashes.
    EscapedQuote,
    /// The space inside of `$time_local`.
    StampSpace,
    /// The spaces of `, ` and ` : ` in an upstream list.
    ListSeparator,
    /// The spaces before a number that is set flush right.
    Padding,
}

/// Where `01/May/2025:00:00:00 +0000` has its space.
pub(super) const STAMP_SPACE_AT: usize = 20;

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
    check: Check,
    exempt: Exempt,
}

const WORD_LEN: usize = size_of::<u64>();

impl Literal {
    /// A literal, of at least one byte unless it is a lead.
    pub(super) fn new(text: &[u8], exempt: Exempt) -> Literal {
        let mut word = [0; WORD_LEN];
        let mut mask = [0; WORD_LEN];
        for (at, &byte) in text.iter().take(WORD_LEN).enumerate() {
            word[at] = byte;
            mask[at] = 0xFF;
        }
        let rarest = text.iter().copied().enumerate().min_by_key(|&(_, byte)| frequency(byte));
        let (probe_at, probe) = rarest.unwrap_or_default();
        Literal {
            text: text.into(),
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
            probe: Needle::new(probe),
            probe_at,
            check: Check::of(text, exempt),
            exempt,
        }
    }

    /// Its bytes.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Which occurrences do not end the value before it.
    pub(super) fn exempt(&self) -> Exempt {
        self.exempt
    }

    /// The first occurrence at or after `from`.
    #[inline(always)]
    fn find(&self, line: &Haystack, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let begin = line.find(at + self.probe_at, &self.probe)? - self.probe_at;
            if self.ends_value(line, from, begin) {
                return Some(begin);
            }
            at = begin + 1;
        }
    }

    /// The quote of the literal by which it can be found, `quotes` standing in the literals before it.
    pub(super) fn anchor(&self, quotes: usize) -> Option<Anchor> {
        // A separator inside of a list spares occurrences that no quote tells apart.
        let quote_at =
            self.text.iter().position(|&byte| byte == b'"').filter(|_| self.exempt != Exempt::ListSeparator)?;
        Some(Anchor { quote: quotes, quote_at })
    }

    /// How many bytes there are from its last quote on; all of them where it has none.
    pub(super) fn bytes_from_last_quote(&self) -> usize {
        self.text.len() - self.text.iter().rposition(|&byte| byte == b'"').unwrap_or(0)
    }

    /// How many quotes the literal has.
    pub(super) fn quotes(&self) -> usize {
        self.text.iter().filter(|&&byte| byte == b'"').count()
    }

    /// Whether the literal stands at `begin` and ends the value that began at `start`.
    #[inline(always)]
    fn ends_value(&self, line: &Haystack, start: usize, begin: usize) -> bool {
        match line.word(begin) {
            Some(word) if (word ^ self.word) & self.mask != 0 => false,
            Some(_) if self.check == Check::Word => true,
            Some(_) if self.check == Check::WordAndBackslash && line.byte_before(begin) != Some(b'\\') => true,
            Some(_)
                if self.check == Check::WordAndSeparator && !matches!(line.byte_before(begin), Some(b',' | b':')) =>
            {
                true
            }
            _ => self.ends_value_in_full(line.bytes(), start, begin),
        }
    }

    /// [`Self::ends_value`] without shortcuts.
    #[inline(never)]
    fn ends_value_in_full(&self, line: &[u8], start: usize, begin: usize) -> bool {
        let stands = line.get(begin..).is_some_and(|rest| rest.starts_with(&self.text));
        stands && !self.exempt.spares(line, start, begin)
    }
}

/// What is left to check before a word that fits is taken for the whole literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The word is all there is.
    Word,
    /// Only whether a backslash stands before it.
    WordAndBackslash,
    /// Only whether a list goes on around it.
    WordAndSeparator,
    /// Everything.
    Full,
}

impl Check {
    fn of(text: &[u8], exempt: Exempt) -> Check {
        match exempt {
            Exempt::Nothing if text.len() <= WORD_LEN => Check::Word,
            Exempt::EscapedQuote if text.len() <= WORD_LEN => Check::WordAndBackslash,
            Exempt::ListSeparator
                if text.len() <= WORD_LEN && !b" : ".starts_with(text) && !text.starts_with(b" : ") =>
            {
                Check::WordAndSeparator
            }
            _ => Check::Full,
        }
    }
}

impl Exempt {
    /// Whether an occurrence at `begin` belongs to the value that began at `start`.
    fn spares(self, line: &[u8], start: usize, begin: usize) -> bool {
        let before = line.get(start..begin).unwrap_or_default();
        match self {
            Exempt::Nothing => false,
            Exempt::EscapedQuote => before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1,
            Exempt::StampSpace => before.len() == STAMP_SPACE_AT,
            Exempt::Padding => before.iter().all(|&byte| byte == b' '),
            Exempt::ListSeparator => {
                let after = line.get(begin..).unwrap_or_default();
                before.ends_with(b",") || before.ends_with(b" :") || after.starts_with(b" : ")
            }
        }
    }
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
