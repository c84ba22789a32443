//! Endpoints and other names interned as small numbers, so that the hot path handles no strings.
//!
//! Every worker numbers what it sees for itself; [`EndpointNames`] gives each name its number in the run.
//! Numbers depend on which worker was first, so they never reach a result: ordering is by name.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hasher};

/// Byte strings of up to three parts, numbered in order of first sight.
#[derive(Default)]
pub struct Interner {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

struct Entry {
    hash: u64,
    /// Where the parts lie in `bytes`, one behind the other: the start of the first and the end of each.
    start: usize,
    ends: [usize; 3],
}

impl Interner {
    /// The number of `parts`, new or known.
    #[inline(always)]
    pub fn intern(&mut self, parts: [&[u8]; 3]) -> u32 {
        let mut state = self.hasher.build_hasher();
        state.write(parts[1]);
        state.write(parts[0]);
        if !parts[2].is_empty() {
            state.write(parts[2]);
        }
        let hash = state.finish();
        let (entries, bytes) = (&self.entries, &self.bytes);
        let same = |number: &u32| {
            let entry = &entries[*number as usize];
            entry.hash == hash && entry.parts(bytes).iter().zip(&parts).all(|(known, part)| are_equal(known, part))
        };
        match self.table.find(hash, same) {
            Some(number) => *number,
            None => self.insert(hash, parts),
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, parts: [&[u8]; 3]) -> u32 {
        let number = self.entries.len() as u32;
        let start = self.bytes.len();
        let ends = parts.map(|part| {
            self.bytes.extend_from_slice(part);
            self.bytes.len()
        });
        self.entries.push(Entry { hash, start, ends });
        let entries = &self.entries;
        self.table.insert_unique(hash, number, |other| entries[*other as usize].hash);
        number
    }

    /// The parts that a number stands for.
    pub fn parts(&self, number: u32) -> [&[u8]; 3] {
        self.entries[number as usize].parts(&self.bytes)
    }

    /// How many numbers were given.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was interned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Slice equality without a call: names are short, and `memcmp` costs more than comparing them.
#[inline(always)]
fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(a_end), Some(b_end)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(x, y)| x == y);
    };
    // The last word overlaps the one before it, so that no rest is left.
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    word(a_end) == word(b_end) && words.into_iter().all(|(x, y)| word(x) == word(y))
}

impl Entry {
    #[inline(always)]
    fn parts<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 3] {
        let [a, b, c] = self.ends;
        [&bytes[self.start..a], &bytes[a..b], &bytes[b..c]]
    }
}

/// Who answers: a method, a route, and the value of the `--group-by` field when one is in force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointName {
    /// The route (bytes that are not UTF-8 replaced).
    pub path: String,
    /// The method.
    pub method: String,
    /// The group; `None` without `--group-by`.
    pub group: Option<String>,
}

impl std::fmt::Display for EndpointName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match &self.group {
            Some(group) => write!(f, " [{group}]"),
            None => Ok(()),
        }
    }
}

/// The endpoints of a run.
#[derive(Default)]
pub struct EndpointNames {
    interner: Interner,
    names: Vec<EndpointName>,
}

impl EndpointNames {
    /// The number of an endpoint in this run; `grouped` says whether its third part is a group.
    pub fn intern(&mut self, parts: [&[u8]; 3], grouped: bool) -> u32 {
        // What is shown alike is one endpoint: two names that differ in nothing visible could not be ordered.
        let shown = parts.map(String::from_utf8_lossy);
        let number = self.interner.intern(shown.each_ref().map(|part| part.as_bytes()));
        if number as usize == self.names.len() {
            let [method, path, group] = shown.map(std::borrow::Cow::into_owned);
            self.names.push(EndpointName { path, method, group: grouped.then_some(group) });
        }
        number
    }

    /// The name behind a number.
    pub fn name(&self, number: u32) -> &EndpointName {
        &self.names[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let mut interner = Interner::default();
        let keys: [[&[u8]; 3]; 5] =
            [[b"GET", b"/a", b""], [b"GET/", b"a", b""], [b"GET", b"/a", b"x"], [b"", b"", b""], [b"POST", b"/a", b""]];
        for _ in 0..2 {
            for (number, key) in keys.iter().enumerate() {
                assert_eq!(interner.intern(*key), number as u32);
                assert_eq!(interner.parts(number as u32), *key);
            }
        }
        assert_eq!(interner.len(), keys.len());
    }

    #[test]
    fn names_sort_by_path_then_method() {
        let mut names = EndpointNames::default();
        let b = names.intern([b"GET", b"/b", b""], false);
        let a = names.intern([b"POST", b"/a", b""], false);
        assert!(names.name(a) < names.name(b));
        assert_eq!(names.name(b).to_string(), "GET /b");
        let grouped = names.intern([b"GET", b"/b", b"eu"], true);
        assert_eq!(names.name(grouped).to_string(), "GET /b [eu]");
        let odd = [b"/\xff", b"/\xfe"].map(|path| names.intern([b"GET", path, b""], false));
        assert_eq!(odd[0], odd[1]);
    }
}
