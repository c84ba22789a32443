//! Works out from a layout what its usual lines look like.
//!
//! Between two quotes, a line start or a line end, one value may have any length; the places of all others follow from
//! those ends. This runs once for a format and reads no line.

use super::{Ends, Place, RequestValues, START, UsualLine};
use crate::source::marks::STOPS;
use crate::source::nginx::compile::Roles;
use crate::source::nginx::matcher::{Exempt, Layout, Literal, STAMP_SPACE_AT, Slot, Step};
use crate::source::scan::{BLOCK, Needle, Pattern};

/// Whether there are durations of an upstream in a line, or `-` stands for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::nginx) enum Upstream {
    Asked,
    Spared,
}

impl UsualLine {
    /// The usual lines of a layout; `None` where too few of its values have a usual length, or it has no durations of an
    /// upstream that could be spared.
    pub(in crate::source::nginx) fn of(layout: &Layout, roles: &Roles, upstream: Upstream) -> Option<UsualLine> {
        if layout.quotes + 2 > STOPS || (upstream == Upstream::Spared && !layout.steps.iter().any(Step::ends_list)) {
            return None;
        }
        let line_end = Place::quote(layout.quotes);
        let tokens = tokens(layout, upstream);
        let places = places(&tokens, line_end)?;
        let ends = |index: usize| Ends { from: places[index], to: places[index + 1] };
        let find = |slot| {
            tokens.iter().enumerate().find_map(|(index, token)| match token {
                Token::Value(value) if value.slot == slot => Some((value, ends(index))),
                _ => None,
            })
        };
        let mut line = UsualLine {
            quotes: layout.quotes,
            patterns: Vec::new(),
            gaps: Vec::new(),
            words: Vec::new(),
            last: layout.last.map(|last| (places[tokens.len() - 1], last.shape)),
            end: places.last().filter(|end| **end != line_end).map(|end| Ends { from: *end, to: line_end }),
            values: RequestValues::of(roles, find)?,
        };
        let mut run = Run { end: START, bytes: Vec::new() };
        for (index, token) in tokens.iter().enumerate() {
            match token {
                Token::Literal(literal, _) => {
                    run.push(ends(index).to, literal.text().iter().map(|byte| Byte::Is(*byte)));
                }
                Token::Value(value) => line.add_value(value, tokens.get(index + 1), ends(index), &mut run)?,
            }
        }
        line.close(&mut run, line_end);
        Some(line)
    }

    /// Adds what holds of a value: that it has its usual bytes, or that the literal behind it comes as soon as it can.
    fn add_value(&mut self, value: &Value, next: Option<&Token>, ends: Ends, run: &mut Run) -> Option<()> {
        let literal = match next {
            // No value holds a quote where there are as many as in the literals.
            Some(Token::Literal(literal, None)) => Some(literal),
            _ => None,
        };
        let first = literal.and_then(|literal| literal.text().first()).copied();
        let exempt = literal.map_or(Exempt::Nothing, |literal| literal.exempt());
        if let Some(len) = value.len.filter(|len| ends.are_apart(*len)) {
            // Of dashes alone, the literal would begin where the value does.
            if value.is_dash && literal.is_some_and(|literal| literal.text().iter().all(|byte| *byte == b'-')) {
                return None;
            }
            match exempt {
                Exempt::Padding => return None,
                Exempt::ListSeparator
                    if literal.is_some_and(|literal| literal.text().get(1).is_none_or(|next| b" :".contains(next))) =>
                {
                    return None;
                }
                _ => {}
            }
            // A list without spaces in it can only go on behind a comma.
            let ends_list = |at: usize| exempt == Exempt::ListSeparator && at + 1 == len;
            let is_spared = |at: usize| exempt == Exempt::StampSpace && at == STAMP_SPACE_AT;
            let byte = |at| match first {
                _ if value.is_dash => Byte::Is(b'-'),
                Some(_) if ends_list(at) => Byte::IsNot(b','),
                Some(first) if !is_spared(at) => Byte::IsNot(first),
                _ => Byte::Any,
            };
            run.push(ends.to, (0..len).map(byte));
            return Some(());
        }
        // Such a literal may stand where a value of any length must not end.
        if let Some(Token::Literal(literal, Some(_))) = next
            && matches!(literal.exempt(), Exempt::StampSpace | Exempt::Padding)
        {
            return None;
        }
        self.close(run, ends.to);
        let Ends { from, to } = ends;
        match first {
            Some(first) if exempt == Exempt::Nothing => self.words.push((ends, Needle::new(first))),
            Some(_) => return None,
            // Quotes are in order anyway.
            None if from.offset == 1 && to == (Place { stop: from.stop + 1, offset: 0 }) => {}
            None => self.gaps.push(ends),
        }
        Some(())
    }

    /// Turns a run into patterns; the next one begins at `start`.
    fn close(&mut self, run: &mut Run, start: Place) {
        let Run { end, bytes } = std::mem::replace(run, Run { end: start, bytes: Vec::new() });
        let begin = end.minus(bytes.len());
        let is_known = |byte: &Byte| !matches!(byte, Byte::Any);
        let mut from = 0;
        while let Some(unknown) = bytes[from..].iter().position(is_known) {
            from += unknown;
            let block = &bytes[from..bytes.len().min(from + BLOCK)];
            let len = block.iter().rposition(is_known).map_or(0, |last| last + 1);
            // Sixteen bytes that end with the run are sooner in the line than sixteen that begin with it.
            let lead = if begin.stop == START.stop { 0 } else { BLOCK - len };
            let mut pattern = Pattern::default();
            for (at, byte) in (lead..).zip(&block[..len]) {
                match byte {
                    Byte::Is(byte) => pattern.require(at, *byte),
                    Byte::IsNot(byte) => pattern.forbid(at, *byte),
                    Byte::Any => {}
                }
            }
            self.patterns.push((begin.plus(from).minus(lead), pattern));
            from += len;
        }
    }
}

/// A part of a layout.
enum Token<'l> {
    /// With its start and its end where quotes tell them.
    Literal(&'l Literal, Option<(Place, Place)>),
    Value(Value),
}

/// A value of a layout.
pub(super) struct Value {
    slot: Slot,
    /// How long it is in a usual line, in bytes; `None`: of any length.
    len: Option<usize>,
    /// Whether it is `-` in a usual line.
    pub(super) is_dash: bool,
}

impl Token<'_> {
    fn len(&self) -> Option<usize> {
        match self {
            Token::Literal(literal, _) => Some(literal.text().len()),
            Token::Value(value) => value.len,
        }
    }
}

fn tokens(layout: &Layout, upstream: Upstream) -> Vec<Token<'_>> {
    let mut tokens = vec![Token::Literal(&layout.lead, None)];
    for step in &layout.steps {
        let is_spared = upstream == Upstream::Spared && step.ends_list();
        let len = if is_spared { Some(1) } else { step.usual.map(|usual| usual.len()) };
        // What has one byte is `-`.
        tokens.push(Token::Value(Value { slot: step.slot, len, is_dash: len == Some(1) }));
        let ends = step.anchor.map(|first| {
            let last = Place::quote(first.quote + step.literal.quotes() - 1);
            (Place::quote(first.quote).minus(first.quote_at), last.plus(step.literal.bytes_from_last_quote()))
        });
        tokens.push(Token::Literal(&step.literal, ends));
    }
    tokens.extend(layout.last.map(|last| Token::Value(Value { slot: last.slot, len: None, is_dash: false })));
    tokens
}

/// Where each token begins, and the last one ends.
fn places(tokens: &[Token], end: Place) -> Option<Vec<Place>> {
    let mut places = vec![None; tokens.len() + 1];
    places[0] = Some(START);
    for (index, token) in tokens.iter().enumerate() {
        if let Token::Literal(_, Some((start, end))) = token {
            (places[index], places[index + 1]) = (Some(*start), Some(*end));
        } else {
            places[index + 1] = places[index].zip(token.len()).map(|(place, len): (Place, _)| place.plus(len));
        }
    }
    places[tokens.len()].get_or_insert(end);
    for (index, token) in tokens.iter().enumerate().rev() {
        let before = places[index + 1].zip(token.len()).map(|(place, len)| place.minus(len));
        places[index] = places[index].or(before);
    }
    places.into_iter().collect()
}

/// What is known of one byte.
#[derive(Clone, Copy, Debug)]
enum Byte {
    Is(u8),
    IsNot(u8),
    Any,
}

/// Bytes that stand next to one another.
struct Run {
    end: Place,
    bytes: Vec<Byte>,
}

impl Run {
    fn push(&mut self, end: Place, bytes: impl Iterator<Item = Byte>) {
        self.bytes.extend(bytes);
        self.end = end;
    }
}
