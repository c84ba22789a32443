//! Which variables of a format are kept for reading, and the error for those that it lacks.

use super::FormatError;
use super::matcher::Slot;
use super::syntax::Piece;

/// Which variables of a format are kept, and where.
pub(super) struct Kept<'a> {
    /// The variables' names, in the format's order.
    names: Vec<&'a str>,
    /// The index into `names` of each slot from 1.
    taken: Vec<usize>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(pieces: &'a [Piece]) -> Kept<'a> {
        let name = |piece: &'a Piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        };
        Kept { names: pieces.iter().filter_map(name).collect(), taken: Vec::new() }
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
        // Up to a third of the letters may be wrong; past that a hint misleads.
        let near = |name: &&&str| edit_distance(asked, name) <= asked.len().div_ceil(3);
        let nearest = known.iter().filter(near).min_by_key(|name| edit_distance(asked, name));
        FormatError::UnknownVariable {
            asked: asked.to_owned(),
            nearest: nearest.map(|&name| name.to_owned()),
            known: known.join(", "),
        }
    }
}

/// The Levenshtein distance of two names, in bytes.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
