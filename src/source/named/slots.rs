//! Where the wanted values of the current line are.
//!
//! Spans of the line rather than slices, so that one set of slots serves every line; text with escapes is decoded
//! into scratch space once the whole line has been walked through.

use super::text;
use crate::request::{EXTRA_VALUES, Place, Text};
use crate::source::value::present;

/// Time, method, path, request line, status, duration, developer, content type, and the extra fields.
pub(super) const MAX_SLOTS: usize = 8 + EXTRA_VALUES;
const _: () = assert!(MAX_SLOTS <= u32::BITS as usize);

/// A set of slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SlotSet(u32);

impl SlotSet {
    pub(super) fn insert(&mut self, slot: u8) {
        self.0 |= 1 << slot;
    }

    #[inline(always)]
    fn contains(self, slot: u8) -> bool {
        self.0 >> slot & 1 == 1
    }
}

/// What kind of value a span holds; a `null` is no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string, without its quotes.
    #[default]
    Text,
    /// A string with escapes in it.
    EscapedText,
    /// Text that the scanner put together at the start of the scratch space; the span begins where its first part
    /// stands in the line, and is as long as the text.
    Joined,
    /// A number.
    Number,
    /// `true` or `false`.
    Word,
    /// An object or an array; the span is its opening bracket.
    Composite,
}

/// A value's place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The values of one line.
#[derive(Clone, Debug, Default)]
pub struct Values {
    present: SlotSet,
    escaped: bool,
    spans: [Span; MAX_SLOTS],
    /// Ends of decoded strings in the scratch space, in the order of their slots.
    decoded_ends: [usize; MAX_SLOTS],
}

impl Values {
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.present = SlotSet::default();
        self.escaped = false;
    }

    #[inline(always)]
    pub(super) fn forget(&mut self, slots: SlotSet) {
        self.present.0 &= !slots.0;
    }

    #[inline(always)]
    pub(super) fn set(&mut self, slot: u8, span: Span) {
        if let Some(place) = self.spans.get_mut(usize::from(slot)) {
            *place = span;
            self.present.insert(slot);
            self.escaped |= span.kind == Kind::EscapedText;
        }
    }

    /// Decodes strings with escapes; has to come between the walk through the line and [`Found`].
    #[inline(always)]
    pub(super) fn unescape(&mut self, line: &[u8], scratch: &mut Vec<u8>) {
        if self.escaped {
            self.unescape_all(line, scratch);
        }
    }

    #[cold]
    fn unescape_all(&mut self, line: &[u8], scratch: &mut Vec<u8>) {
        scratch.clear();
        for (slot, span) in (0u8..).zip(&self.spans) {
            if self.present.contains(slot) && span.kind == Kind::EscapedText {
                text::unescape(line.get(span.start..span.end).unwrap_or_default(), scratch);
            }
            if let Some(end) = self.decoded_ends.get_mut(usize::from(slot)) {
                *end = scratch.len();
            }
        }
    }
}

/// The values of one line together with the bytes that they lie in.
#[derive(Clone, Copy)]
pub(in crate::source) struct Found<'a> {
    pub(super) line: &'a [u8],
    pub(super) scratch: &'a [u8],
    pub(super) values: &'a Values,
}

impl<'a> Found<'a> {
    /// The span of a value, which may be of any kind.
    #[inline(always)]
    pub(super) fn span(&self, slot: u8) -> Option<Span> {
        if !self.values.present.contains(slot) {
            return None;
        }
        self.values.spans.get(usize::from(slot)).copied()
    }

    /// What a string says or how a number is written; `None` for the rest.
    #[inline(always)]
    pub(in crate::source) fn string_or_number(&self, slot: u8) -> Option<&'a [u8]> {
        self.text(self.place(slot)?)
    }

    /// A string or number that names somebody: neither empty nor `-`.
    #[inline(always)]
    pub(super) fn name(&self, slot: u8) -> Option<&'a [u8]> {
        self.string_or_number(slot).and_then(present)
    }

    /// The place of the same, or of `true` or `false`.
    pub(super) fn place_of_name_or_word(&self, slot: u8) -> Option<Place> {
        match self.span(slot)? {
            Span { kind: Kind::Word, start, end } => Some(Place { text: Text::Line, start, end }),
            _ => self.place(slot).filter(|place| self.text(*place).and_then(present).is_some()),
        }
    }

    #[inline(always)]
    fn text(&self, place: Place) -> Option<&'a [u8]> {
        place.of(self.line, self.scratch)
    }

    /// Where a string or number stands.
    #[inline(always)]
    fn place(&self, slot: u8) -> Option<Place> {
        let Span { kind, start, end } = self.span(slot)?;
        match kind {
            Kind::Text | Kind::Number => Some(Place { text: Text::Line, start, end }),
            Kind::Joined => Some(Place { text: Text::Scratch, start: 0, end: end - start }),
            Kind::EscapedText => self.decoded(slot),
            Kind::Word | Kind::Composite => None,
        }
    }

    /// The text of a value that was put together.
    pub(super) fn joined(&self, slot: u8) -> Option<&'a [u8]> {
        let span = self.span(slot).filter(|span| span.kind == Kind::Joined)?;
        self.scratch.get(..span.end - span.start)
    }

    fn decoded(&self, slot: u8) -> Option<Place> {
        let ends = &self.values.decoded_ends;
        let slot = usize::from(slot);
        let start = slot.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
        Some(Place { text: Text::Scratch, start, end: *ends.get(slot)? })
    }
}
