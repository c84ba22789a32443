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
    /// The parts of the long ones, one behind the other.
    long: Vec<u8>,
    text_bytes: usize,
}

/// A name as it is looked up: a cache line, which holds all of it unless it is long. Where names are many each is seldom
/// seen, so that every place in memory that a look goes to is a wait.
#[repr(align(64))]
struct Entry {
    hash: u64,
    name: Name,
}

/// The parts of a name, one behind the other, and how long each is.
enum Name {
    Short {
        lens: [u8; 3],
        text: [u8; Name::MAX_SHORT],
    },
    /// They lie in `long`, from `start` on.
    Long {
        start: u64,
        lens: [u32; 3],
    },
}

const _: () = assert!(size_of::<Entry>() == 64);

impl Interner {
    /// The number of `parts`, new or known.
    #[inline(always)]
    pub fn intern(&mut self, parts: [&[u8]; 3]) -> u32 {
        let word = short_word(parts[0]);
        let hash = self.hash(word, parts);
        let (entries, long) = (&self.entries, &self.long);
        let same = |number: &u32| {
            let entry = &entries[*number as usize];
            entry.hash == hash && entry.name.holds(parts, long)
        };
        match self.table.find(hash, same) {
            Some(number) => *number,
            None => self.insert(hash, parts),
        }
    }

    /// [`Self::intern`] for places that are not hot: one more of them does not change how the others are compiled.
    #[inline(never)]
    pub fn number_of(&mut self, parts: [&[u8]; 3]) -> u32 {
        self.intern(parts)
    }

    #[inline(always)]
    fn hash(&self, word: u64, [method, route, group]: [&[u8]; 3]) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(route);
        // Methods are short, and hashing a number takes no look at its length.
        state.write_u64(word);
        if method.len() > size_of::<u64>() {
            state.write(method);
        }
        if !group.is_empty() {
            state.write(group);
        }
        state.finish()
    }

    #[cold]
    fn insert(&mut self, hash: u64, parts: [&[u8]; 3]) -> u32 {
        let number = self.entries.len() as u32;
        self.entries.push(Entry { hash, name: Name::new(parts, &mut self.long) });
        self.text_bytes += parts.map(<[u8]>::len).iter().sum::<usize>();
        let entries = &self.entries;
        self.table.insert_unique(hash, number, |other| entries[*other as usize].hash);
        number
    }

    /// The parts that a number stands for.
    pub fn parts(&self, number: u32) -> [&[u8]; 3] {
        self.entries[number as usize].name.parts(&self.long)
    }

    /// How many numbers were given.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all parts.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Whether nothing was interned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Slice equality without a call or a loop: names are short, and how often a loop runs cannot be foreseen.
#[inline(always)]
pub(super) fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..8 => a.iter().zip(b).all(|(x, y)| x == y),
        8..=16 => ends_are_equal::<8>(a, b),
        17..=32 => ends_are_equal::<16>(a, b),
        33..=64 => ends_are_equal::<32>(a, b),
        _ => a == b,
    }
}

/// Whether the first and the last `N` bytes are; they may overlap.
#[inline(always)]
fn ends_are_equal<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// The bytes of a text of up to eight as a number, and 0 for a longer one; texts of one length have different numbers.
#[inline(always)]
pub(super) fn short_word(text: &[u8]) -> u64 {
    let half = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    match text {
        [] => 0,
        [first, .., last] if text.len() < 4 => {
            u64::from(*first) | u64::from(text[text.len() / 2]) << 8 | u64::from(*last) << 16
        }
        [only] => u64::from(*only),
        _ if text.len() <= size_of::<u64>() => half(text.first_chunk()) | half(text.last_chunk()) << 32,
        _ => 0,
    }
}

impl Name {
    const MAX_SHORT: usize = 52;

    fn new(parts: [&[u8]; 3], long: &mut Vec<u8>) -> Name {
        let len: usize = parts.map(<[u8]>::len).iter().sum();
        if len <= Name::MAX_SHORT {
            let mut text = [0; Name::MAX_SHORT];
            text.iter_mut().zip(parts.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
            return Name::Short { lens: parts.map(|part| part.len() as u8), text };
        }
        let start = long.len() as u64;
        parts.iter().for_each(|part| long.extend_from_slice(part));
        Name::Long { start, lens: parts.map(|part| part.len() as u32) }
    }

    #[inline(always)]
    fn parts<'a>(&'a self, long: &'a [u8]) -> [&'a [u8]; 3] {
        match self {
            Name::Short { lens, text } => split(text, lens.map(usize::from)),
            Name::Long { start, lens } => split(&long[*start as usize..], lens.map(|len| len as usize)),
        }
    }

    /// Whether these are the parts.
    #[inline(always)]
    fn holds(&self, parts: [&[u8]; 3], long: &[u8]) -> bool {
        self.parts(long).iter().zip(parts).all(|(known, part)| are_equal(known, part))
    }
}

/// The pieces of these lengths that a text begins with.
#[inline(always)]
fn split(text: &[u8], lens: [usize; 3]) -> [&[u8]; 3] {
    let mut end = 0;
    lens.map(|len| {
        let start = end;
        end += len;
        &text[start..end]
    })
}

/// Who answers: a method, a route, and the value of the `--group-by` field when one is in force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        let number = self.interner.number_of(shown.each_ref().map(|part| part.as_bytes()));
        if number as usize == self.names.len() {
            let [method, path, group] = shown.map(std::borrow::Cow::into_owned);
            self.names.push(EndpointName { path, method, group: grouped.then_some(group) });
        }
        number
    }

    /// How many names there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// All names by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &EndpointName> + Clone {
        self.names.iter()
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
        let keys: [[&[u8]; 3]; 9] = [
            [b"GET", b"/a", b""],
            [b"GET/", b"a", b""],
            [b"GET", b"/a", b"x"],
            [b"", b"", b""],
            [b"\0", b"", b""],
            [b"POST", b"/a", b""],
            [b"PROPFIND", b"/a", b""],
            [b"PROPPATCH", b"/a", b""],
            [b"MKCALENDAR", b"/a", b""],
        ];
        for _ in 0..2 {
            for (number, key) in keys.iter().enumerate() {
                assert_eq!(interner.intern(*key), number as u32);
                assert_eq!(interner.parts(number as u32), *key);
            }
        }
        assert_eq!(interner.len(), keys.len());
    }

    #[test]
    fn names_of_every_length_are_kept() {
        let mut interner = Interner::default();
        let path: Vec<u8> = (0..100).collect();
        let of = |len: usize| [&path[..len % 3], &path[path.len() - len..], &path[..len % 2]];
        assert!((50..55).all(|all| (0..path.len()).any(|len| of(len).concat().len() == all)), "around the limit");
        for _ in 0..2 {
            for len in 0..path.len() {
                assert_eq!(interner.intern(of(len)), len as u32);
                assert_eq!(interner.parts(len as u32), of(len));
            }
        }
        let bytes: usize = (0..path.len()).flat_map(|len| of(len).map(<[u8]>::len)).sum();
        assert_eq!(interner.text_bytes(), bytes);
    }

    #[test]
    fn words_tell_short_texts_of_one_length_apart() {
        for len in 0..=8 {
            let text: Vec<u8> = (b'A'..).take(len).collect();
            for at in 0..len {
                let mut other = text.clone();
                other[at] = b'-';
                assert_ne!(short_word(&text), short_word(&other), "{len} {at}");
            }
        }
        assert_eq!(short_word(b"ABCDEFGHI"), 0);
    }

    #[test]
    fn slices_of_every_length_are_equal_where_every_byte_is() {
        for len in 0..100 {
            let a: Vec<u8> = (0..len).collect();
            assert!(are_equal(&a, &a.clone()) && !are_equal(&a, &[&a[..], b"x"].concat()));
            for at in 0..a.len() {
                let mut b = a.clone();
                b[at] ^= 1;
                assert!(!are_equal(&a, &b), "{len} {at}");
            }
        }
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
