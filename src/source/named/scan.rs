//! One pass over the bytes of a line: checks that it is an object and notes where the wanted values are.
//!
//! Checked are brackets, keys, colons, commas, quotes, numbers, `true`, `false`, `null`, and that nothing follows the
//! object. Not checked, since no result depends on it: control characters and invalid UTF-8 in strings, and the
//! escapes of strings that nobody wants. Numbers may begin with zeros, as nginx writes the status `000`.
//!
//! A name that a line has twice counts the second time only, and then for all that is below it, as in JavaScript's
//! `JSON.parse`.

use super::names::{Names, NodeId, Place, ROOT, Target};
use super::slots::{Kind, Span, Values};
use super::text::find_special;
use super::{Fault, Scan, Scanned};

/// How many objects and arrays may lie in each other, the outermost included.
pub(super) const MAX_DEPTH: usize = 64;

impl Scan for Names {
    #[inline(always)]
    fn scan(&mut self, line: &[u8], values: &mut Values, _: &mut Vec<u8>) -> Result<Scanned, Fault> {
        scan(line, self, values).map(|()| Scanned::Record)
    }
}

/// Walks through `line` and fills `values`.
#[inline(always)]
pub(super) fn scan(line: &[u8], names: &mut Names, values: &mut Values) -> Result<(), Fault> {
    values.clear();
    let mut scanner = Scanner { line, names, values };
    let start = scanner.skip_space(0);
    if scanner.byte(start) != b'{' {
        return Err(Fault { at: start, expected: "`{`, a JSON object" });
    }
    let end = scanner.object(start, Some(ROOT), 1)?;
    match scanner.skip_space(end) {
        end if end == line.len() => Ok(()),
        at => Err(Fault { at, expected: "the end of the line after the object" }),
    }
}

struct Scanner<'s> {
    line: &'s [u8],
    names: &'s mut Names,
    values: &'s mut Values,
}

impl Scanner<'_> {
    /// The byte at a position, NUL past the end: no JSON token has one.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.line.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn skip_space(&self, mut at: usize) -> usize {
        while let b' ' | b'\t' | b'\r' | b'\n' = self.byte(at) {
            at += 1;
        }
        at
    }

    /// Reads the object whose brace is at `at`; returns the position after it.
    fn object(&mut self, at: usize, node: Option<NodeId>, depth: usize) -> Result<usize, Fault> {
        let mut place = Place::First;
        let mut at = at;
        loop {
            match self.key(at, node, &mut place)? {
                Step::Value(target, value) => at = self.value(value, target, depth)?,
                Step::End(end) => return Ok(end),
            }
        }
    }

    fn array(&mut self, at: usize, depth: usize) -> Result<usize, Fault> {
        let mut at = self.skip_space(at);
        if self.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            at = self.value(at, Target::default(), depth)?;
            at = self.skip_space(at);
            match self.byte(at) {
                b',' => at = self.skip_space(at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Fault { at, expected: "`,` or `]`" }),
            }
        }
    }

    /// Reads from a brace or from the end of a value to the next value, or past the brace that ends the object.
    #[inline(always)]
    fn key(&mut self, at: usize, node: Option<NodeId>, place: &mut Place) -> Result<Step, Fault> {
        let rest = self.line.get(at..).unwrap_or_default();
        match node.and_then(|node| self.names.expected(node, place, rest)) {
            Some((target, len)) => Ok(Step::Value(target, at + len)),
            None => self.unexpected_key(at, node, place),
        }
    }

    #[inline(never)]
    fn unexpected_key(&mut self, start: usize, node: Option<NodeId>, place: &mut Place) -> Result<Step, Fault> {
        let before = std::mem::replace(place, place.after_any());
        let at = match self.separator(start, before)? {
            Separator::Key(at) => at,
            Separator::End(end) => return Ok(Step::End(end)),
        };
        if self.byte(at) != b'"' {
            return Err(Fault { at, expected: "a key in double quotes" });
        }
        let (end, kind) = self.string_end(at)?;
        let colon = self.skip_space(end + 1);
        if self.byte(colon) != b':' {
            return Err(Fault { at: colon, expected: "`:` after the key" });
        }
        let value = self.skip_space(colon + 1);
        let Some(node) = node else { return Ok(Step::Value(Target::default(), value)) };
        let key = self.line.get(at + 1..end).unwrap_or_default();
        if kind == Kind::EscapedText {
            let mut decoded = Vec::new();
            super::text::unescape(key, &mut decoded);
            return Ok(Step::Value(self.names.look_up(node, &decoded), value));
        }
        let target = self.names.look_up(node, key);
        *place = self.names.remember(node, before, self.line.get(start..value).unwrap_or_default(), target);
        Ok(Step::Value(target, value))
    }

    /// Reads what stands before a key: the opening brace or a comma, or in its place the closing brace.
    fn separator(&self, at: usize, place: Place) -> Result<Separator, Fault> {
        if place == Place::First {
            let at = self.skip_space(at + 1);
            return Ok(if self.byte(at) == b'}' { Separator::End(at + 1) } else { Separator::Key(at) });
        }
        let at = self.skip_space(at);
        match self.byte(at) {
            b',' => Ok(Separator::Key(self.skip_space(at + 1))),
            b'}' => Ok(Separator::End(at + 1)),
            _ => Err(Fault { at, expected: "`,` or `}`" }),
        }
    }

    /// Reads any value; returns the position after it.
    #[inline(always)]
    fn value(&mut self, at: usize, target: Target, depth: usize) -> Result<usize, Fault> {
        self.values.forget(target.below);
        let (span, next) = match self.byte(at) {
            b'"' => {
                let (end, kind) = self.string_end(at)?;
                (Span { kind, start: at + 1, end }, end + 1)
            }
            b'0'..=b'9' | b'-' => {
                let end = self.number_end(at)?;
                (Span { kind: Kind::Number, start: at, end }, end)
            }
            _ => return self.rare_value(at, target, depth),
        };
        if let Some(slot) = target.slot {
            self.values.set(slot, span);
        }
        Ok(next)
    }

    #[inline(never)]
    fn rare_value(&mut self, at: usize, target: Target, depth: usize) -> Result<usize, Fault> {
        let bracket = Span { kind: Kind::Composite, start: at, end: at + 1 };
        let (span, next) = match self.byte(at) {
            b'{' | b'[' if depth >= MAX_DEPTH => {
                return Err(Fault { at, expected: "at most 64 objects and arrays in each other" });
            }
            b'{' => (Some(bracket), self.object(at, target.child, depth + 1)?),
            b'[' => (Some(bracket), self.array(at + 1, depth + 1)?),
            b't' => self.word(at, b"true")?,
            b'f' => self.word(at, b"false")?,
            b'n' => (None, self.word(at, b"null")?.1),
            b' ' | b'\t' | b'\r' | b'\n' => return self.value(self.skip_space(at), target, depth),
            _ => return Err(Fault { at, expected: "a value" }),
        };
        if let (Some(slot), Some(span)) = (target.slot, span) {
            self.values.set(slot, span);
        }
        Ok(next)
    }

    fn word(&self, at: usize, word: &[u8]) -> Result<(Option<Span>, usize), Fault> {
        let end = at + word.len();
        if self.line.get(at..end) != Some(word) {
            return Err(Fault { at, expected: "a value" });
        }
        Ok((Some(Span { kind: Kind::Word, start: at, end }), end))
    }

    /// The position of the closing quote of the string that begins at `at`.
    #[inline(always)]
    fn string_end(&self, at: usize) -> Result<(usize, Kind), Fault> {
        let end = find_special(self.line, at + 1);
        match self.byte(end) {
            b'"' => Ok((end, Kind::Text)),
            _ => self.escaped_string_end(end),
        }
    }

    /// The same from the first backslash on.
    #[inline(never)]
    fn escaped_string_end(&self, mut at: usize) -> Result<(usize, Kind), Fault> {
        while self.byte(at) == b'\\' {
            at = find_special(self.line, at + 2);
        }
        match self.byte(at) {
            b'"' => Ok((at, Kind::EscapedText)),
            _ => Err(Fault { at: self.line.len(), expected: "`\"` at the end of the string" }),
        }
    }

    #[inline(always)]
    fn number_end(&self, at: usize) -> Result<usize, Fault> {
        let sign = usize::from(self.byte(at) == b'-');
        let mut end = self.digits_end(at + sign)?;
        if self.byte(end) == b'.' {
            end = self.digits_end(end + 1)?;
        }
        if let b'e' | b'E' = self.byte(end) {
            let sign = usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            end = self.digits_end(end + 1 + sign)?;
        }
        Ok(end)
    }

    /// The end of one or more digits.
    #[inline(always)]
    fn digits_end(&self, start: usize) -> Result<usize, Fault> {
        let mut at = start;
        while let Some(word) = self.line.get(at..).and_then(|rest| rest.first_chunk()) {
            let digits = leading_digits(u64::from_le_bytes(*word));
            at += digits;
            if digits < 8 {
                return if at == start { Err(Fault { at, expected: "a digit" }) } else { Ok(at) };
            }
        }
        self.last_digits_end(start, at)
    }

    /// The same close to the end of the line.
    #[cold]
    fn last_digits_end(&self, start: usize, mut at: usize) -> Result<usize, Fault> {
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == start { Err(Fault { at, expected: "a digit" }) } else { Ok(at) }
    }
}

/// How many of the bytes of a word are digits, from the lowest on, up to the first that is none.
#[inline(always)]
fn leading_digits(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Digits become 0 to 9. A larger value gets its high bit from the sum or has it; the masked addends cannot
    // carry into the next byte.
    let values = word ^ (ONES * u64::from(b'0'));
    let above_nine = ((values & (ONES * 0x7F)) + ONES * (0x7F - 9)) | values;
    ((above_nine & (ONES * 0x80)).trailing_zeros() / 8) as usize
}

/// What follows a separator.
enum Separator {
    /// A key has to begin at this position.
    Key(usize),
    /// The object ended before this position.
    End(usize),
}

/// What follows a value or the brace before the first one.
enum Step {
    /// A key; its value begins at this position.
    Value(Target, usize),
    /// The end of the object, before this position.
    End(usize),
}

#[cfg(test)]
mod tests {
    use super::leading_digits;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_told_from_digits() {
        for byte in 0..=u8::MAX {
            let mut word = *b"12345678";
            word[3] = byte;
            let digits = if byte.is_ascii_digit() { 8 } else { 3 };
            assert_eq!(leading_digits(u64::from_le_bytes(word)), digits, "{byte}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_counted_up_to_the_first_other(word in any::<[u8; 8]>(), text in "[0-9/:.]{8}") {
            for word in [word, text.as_bytes().try_into().unwrap()] {
                let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
                prop_assert_eq!(leading_digits(u64::from_le_bytes(word)), digits);
            }
        }
    }
}
