//! Which variables of a format are kept for reading, and the error for those that it lacks.

use super::FormatError;
use super::matcher::Slot;
use super::syntax::Piece;
use crate::nearest::similar;

/// What becomes of a field that was asked for by name, without which a line still is a request, and that the format
/// does not log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlogged {
    /// The format is refused.
    Refused,
    /// It is empty in every line: another layout of the log has it.
    Empty,
}

/// Which variables of a format are kept, and where.
pub(super) struct Kept<'a> {
    /// The variables' names, in the format's order.
    names: Vec<&'a str>,
    /// The index into `names` of each slot from 1.
    taken: Vec<usize>,
    unlogged: Unlogged,
}

impl<'a> Kept<'a> {
    pub(super) fn new(pieces: &'a [Piece], unlogged: Unlogged) -> Kept<'a> {
        let name = |piece: &'a Piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        };
        Kept { names: pieces.iter().filter_map(name).collect(), taken: Vec::new(), unlogged }
    }

    /// The slot of a variable, which is kept from now on; `None` when it is not logged.
    pub(super) fn optional(&mut self, name: &str) -> Option<Slot> {
        let index = self.names.iter().position(|&logged| logged == name)?;
        let place = self.taken.iter().position(|&taken| taken == index).unwrap_or_else(|| {
            self.taken.push(index);
            self.taken.len() - 1
        });
        u8::try_from(place + 1).ok().map(Slot)
    }

    /// The slot of a variable that somebody asked for by name, and the name.
    pub(super) fn asked<'n>(&mut self, name: &'n str) -> Result<(&'n str, Slot), FormatError> {
        let name = name.strip_prefix('$').unwrap_or(name);
        match self.optional(name) {
            Some(slot) => Ok((name, slot)),
            None => Err(self.unknown(name)),
        }
    }

    /// The same for a variable that may be empty.
    pub(super) fn asked_or_empty<'n>(&mut self, name: &'n str) -> Result<Option<(&'n str, Slot)>, FormatError> {
        match (self.asked(name), self.unlogged) {
            (Err(_), Unlogged::Empty) => Ok(None),
            (found, _) => found.map(Some),
        }
    }

    /// The first of these variables that is logged.
    pub(super) fn first<'n>(&mut self, names: &[&'n str]) -> Option<(&'n str, Slot)> {
        names.iter().find_map(|&name| Some((name, self.optional(name)?)))
    }

    pub(super) fn slot_at(&self, index: usize) -> Slot {
        let place = self.taken.iter().position(|&taken| taken == index);
        place.and_then(|place| u8::try_from(place + 1).ok()).map_or(Slot::UNREAD, Slot)
    }

    fn unknown(&self, asked: &str) -> FormatError {
        let mut known = Vec::new();
        for &name in &self.names {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        FormatError::UnknownVariable {
            asked: asked.to_owned(),
            nearest: similar(asked, known.iter().copied()).map(str::to_owned),
            known: known.join(", "),
        }
    }
}
