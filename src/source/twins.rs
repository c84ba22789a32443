//! Inputs that begin alike, such as a rotated log and its compressed copy: one input that counts twice.
//!
//! Names with their first bytes in, what a reader should hear of them out. Nothing is opened here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What the inputs are, and what counts twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) counted: &'static str,
}

/// Access logs and window tables.
pub(super) const LOGS: Kind = Kind { name: "log", counted: "requests" };

/// Files of usage rows.
pub(super) const USAGE: Kind = Kind { name: "file", counted: "rows" };

/// An input that begins as one before it does.
pub(super) struct Twin {
    /// Its name.
    pub(super) shown: String,
    /// What to say of it.
    pub(super) note: String,
}

/// The inputs that begin as another one before them.
pub(super) fn twins<'a>(kind: Kind, inputs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<Twin> {
    let Kind { name, counted } = kind;
    let mut firsts: BTreeMap<&[u8], &str> = BTreeMap::new();
    let mut twins = Vec::new();
    for (shown, head) in inputs {
        match firsts.entry(head) {
            Entry::Vacant(entry) => drop(entry.insert(shown)),
            Entry::Occupied(entry) => {
                let note = format!(
                    "{} and {shown} begin with the same {} bytes; if they are the same {name}, give it once: its {counted} \
                     count twice",
                    entry.get(),
                    head.len()
                );
                twins.push(Twin { shown: shown.to_owned(), note });
            }
        }
    }
    twins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_is_told_with_the_first() {
        let inputs = [("a", &b"xy"[..]), ("b", b"x"), ("c", b"xy"), ("d", b"xy")];
        let told: Vec<_> = twins(USAGE, inputs.into_iter()).into_iter().map(|twin| (twin.shown, twin.note)).collect();
        let note = |shown: &str| {
            format!(
                "a and {shown} begin with the same 2 bytes; if they are the same file, give it once: its rows count twice"
            )
        };
        assert_eq!(told, [("c".to_owned(), note("c")), ("d".to_owned(), note("d"))]);
    }
}
