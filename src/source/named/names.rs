//! The wanted field names, as the objects of a line are walked through.
//!
//! A dotted name steps into nested objects, or is a key with a dot in it, or both in turn: `a.b.c` is `c` in `b`
//! in `a`, and just as well the key `a.b.c` or the key `c` in `a.b`. Each object that can hold something wanted is
//! a node here. Lines of one log mostly have the same keys in the same order, so a node also remembers the keys
//! as they were written and is asked first whether the expected one follows. That only ever saves time.

use super::slots::SlotSet;
use std::collections::BTreeMap;

/// An object that can hold wanted fields.
pub(super) type NodeId = u16;

/// The outermost object.
pub(super) const ROOT: NodeId = 0;

/// What a key leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// Where its value goes.
    pub(super) slot: Option<u8>,
    /// The node of its object.
    pub(super) child: Option<NodeId>,
    /// Every slot below it and its own: what an earlier mention of the same name filled.
    pub(super) below: SlotSet,
}

/// Where in an object a key stands, as far as keys are expected in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// After the opening brace.
    First,
    /// After a value, with so many of the expected keys behind.
    Later(usize),
}

/// The texts in `first` begin at the opening brace and those in `later` after a value, so that one can never be taken
/// for the other.
#[derive(Clone, Debug, Default)]
struct Node {
    entries: Vec<(Vec<u8>, Target)>,
    first: Option<ExpectedKey>,
    later: Vec<ExpectedKey>,
}

/// All nodes.
#[derive(Clone, Debug)]
pub struct Names {
    nodes: Vec<Node>,
}

impl Names {
    /// Compiles dotted names; the value of the name at index `i` goes to slot `i`.
    pub(super) fn new(names: &[String]) -> Self {
        let mut prefixes = vec![String::new()];
        let mut nodes = Vec::new();
        while let Some(prefix) = prefixes.get(nodes.len()).cloned() {
            nodes.push(Node { entries: entries(names, &prefix, &mut prefixes), ..Node::default() });
        }
        Names { nodes }
    }

    /// The target of a key of this node, its escapes undone.
    pub(super) fn look_up(&self, node: NodeId, key: &[u8]) -> Target {
        let entries = self.nodes.get(usize::from(node)).map_or(&[][..], |node| &node.entries);
        entries.iter().find(|(name, _)| name == key).map_or(Target::default(), |(_, target)| *target)
    }

    /// The target of the key that `text` begins with and the length up to its value, if they are those of the lines
    /// before.
    #[inline(always)]
    pub(super) fn expected(&self, node: NodeId, place: &mut Place, text: &[u8]) -> Option<(Target, usize)> {
        let node = self.nodes.get(usize::from(node))?;
        let (key, next) = match *place {
            Place::First => (node.first.as_ref()?, 0),
            Place::Later(passed) => (node.later.get(passed)?, passed + 1),
        };
        if !key.starts(text) {
            return None;
        }
        *place = Place::Later(next);
        Some((key.target, usize::from(key.len)))
    }

    /// Remembers all that is written from the brace or the value before a key up to its value; returns the place
    /// after it.
    pub(super) fn remember(&mut self, node: NodeId, place: Place, written: &[u8], target: Target) -> Place {
        let key = ExpectedKey::new(written, target);
        let (Some(node), Some(key)) = (self.nodes.get_mut(usize::from(node)), key) else { return place.after_any() };
        Place::Later(match place {
            Place::First => {
                node.first = Some(key);
                0
            }
            Place::Later(passed) => node.remember_later(passed, key),
        })
    }
}

impl Place {
    /// The place after a key that was not expected.
    pub(super) fn after_any(self) -> Place {
        match self {
            Place::First => Place::Later(0),
            later => later,
        }
    }
}

impl Node {
    /// Returns how many expected keys are behind after this one.
    fn remember_later(&mut self, passed: usize, key: ExpectedKey) -> usize {
        if let Some(known) = self.later.iter().position(|known| known.same_text(&key)) {
            return known + 1;
        }
        if self.later.len() >= MAX_EXPECTED_KEYS {
            // Better to begin again than to be stuck with the keys of an unusual stretch of the log.
            self.later.clear();
        }
        let place = passed.min(self.later.len());
        self.later.insert(place, key);
        place + 1
    }
}

/// What the object reached through `prefix` (empty, or with a dot at its end) can hold.
fn entries(names: &[String], prefix: &str, prefixes: &mut Vec<String>) -> Vec<(Vec<u8>, Target)> {
    let mut entries: BTreeMap<&str, Target> = BTreeMap::new();
    for (slot, name) in (0u8..).zip(names) {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        for (dot, _) in rest.match_indices('.') {
            let target = entries.entry(&rest[..dot]).or_default();
            target.below.insert(slot);
            target.child = Some(node_of(&name[..prefix.len() + dot + 1], prefixes));
        }
        let target = entries.entry(rest).or_default();
        target.below.insert(slot);
        target.slot = Some(slot);
    }
    entries.into_iter().map(|(key, target)| (key.as_bytes().to_vec(), target)).collect()
}

fn node_of(prefix: &str, prefixes: &mut Vec<String>) -> NodeId {
    let known = prefixes.iter().position(|known| known == prefix);
    let index = known.unwrap_or_else(|| {
        prefixes.push(prefix.to_owned());
        prefixes.len() - 1
    });
    NodeId::try_from(index).unwrap_or(NodeId::MAX)
}

/// More keys than any object of an access log has.
const MAX_EXPECTED_KEYS: usize = 64;

const HALF: usize = 16;
const MAX_KEY_LEN: usize = 2 * HALF;

/// A key as written, `,"status":`, in two words that are compared under masks: a comparison without a loop or call.
#[derive(Clone, Copy, Debug)]
struct ExpectedKey {
    words: [u128; 2],
    masks: [u128; 2],
    len: u8,
    target: Target,
}

impl ExpectedKey {
    /// `None` for a key that is too long to be worth it.
    fn new(written: &[u8], target: Target) -> Option<Self> {
        let (mut bytes, mut mask) = ([0; MAX_KEY_LEN], [0; MAX_KEY_LEN]);
        bytes.get_mut(..written.len())?.copy_from_slice(written);
        mask.get_mut(..written.len())?.fill(0xFF);
        let len = u8::try_from(written.len()).ok()?;
        Some(ExpectedKey { words: words(&bytes), masks: words(&mask), len, target })
    }

    #[inline(always)]
    fn starts(&self, text: &[u8]) -> bool {
        let Some(head) = text.first_chunk::<MAX_KEY_LEN>() else { return self.starts_short(text) };
        let [low, high] = words(head);
        ((low ^ self.words[0]) & self.masks[0]) | ((high ^ self.words[1]) & self.masks[1]) == 0
    }

    fn starts_short(&self, text: &[u8]) -> bool {
        let len = usize::from(self.len);
        let own = self.words.iter().flat_map(|word| word.to_le_bytes()).take(len);
        text.get(..len).is_some_and(|head| own.eq(head.iter().copied()))
    }

    fn same_text(&self, other: &Self) -> bool {
        self.len == other.len && self.words == other.words
    }
}

#[inline(always)]
fn words(bytes: &[u8; MAX_KEY_LEN]) -> [u128; 2] {
    let word = |from: usize| {
        let half: [u8; HALF] = std::array::from_fn(|at| bytes[from + at]);
        u128::from_le_bytes(half)
    };
    [word(0), word(HALF)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        Names::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    /// The slot that a chain of keys leads to.
    fn walk(names: &Names, keys: &[&str]) -> Option<u8> {
        let (last, parents) = keys.split_last().unwrap();
        let mut node = ROOT;
        for key in parents {
            node = names.look_up(node, key.as_bytes()).child?;
        }
        names.look_up(node, last.as_bytes()).slot
    }

    #[test]
    fn a_dotted_name_is_reached_in_every_way() {
        let names = names(&["a.b.c", "a.b", "x"]);
        for keys in [&["a.b.c"][..], &["a", "b.c"], &["a.b", "c"], &["a", "b", "c"]] {
            assert_eq!(walk(&names, keys), Some(0), "{keys:?}");
        }
        assert_eq!(walk(&names, &["a", "b"]), Some(1));
        assert_eq!(walk(&names, &["x"]), Some(2));
        for keys in [&["a"][..], &["b"], &["a", "c"], &["x", "x"], &[""]] {
            assert_eq!(walk(&names, keys), None, "{keys:?}");
        }
    }

    #[test]
    fn odd_dots_are_keys_like_others() {
        let names = names(&[".a", "b.", "."]);
        assert_eq!(walk(&names, &["", "a"]), Some(0));
        assert_eq!(walk(&names, &["b", ""]), Some(1));
        assert_eq!(walk(&names, &["", ""]), Some(2));
        assert_eq!(walk(&names, &["."]), Some(2));
    }

    /// Remembers keys that follow each other; returns the place after them.
    fn remember(names: &mut Names, mut place: Place, written: &[&[u8]]) -> Place {
        for written in written {
            place = names.remember(ROOT, place, written, Target::default());
        }
        place
    }

    #[test]
    fn an_expected_key_is_compared_whole() {
        let mut names = names(&["status"]);
        let target = names.look_up(ROOT, b"status");
        names.remember(ROOT, Place::Later(0), b",\"status\":", target);
        let expected = |place, text: &[u8]| names.expected(ROOT, &mut { place }, text);
        let long = [b",\"status\":200,".as_slice(), &[b' '; 40]].concat();
        for text in [&b",\"status\":"[..], b",\"status\":200}", &long] {
            assert_eq!(expected(Place::Later(0), text), Some((target, 10)));
        }
        for text in [&b""[..], b",\"status\"", b",\"status\" :200", b",\"statuz\":200", &[b' '; 40]] {
            assert_eq!(expected(Place::Later(0), text), None);
        }
        assert_eq!(expected(Place::Later(1), &long), None);
        assert_eq!(expected(Place::First, &long), None);
    }

    #[test]
    fn a_first_key_is_expected_first_only() {
        let mut names = names(&[]);
        let place = remember(&mut names, Place::First, &[b"{\"a\":", b",\"b\":"]);
        assert_eq!(place, Place::Later(1));
        for (mut place, text, next) in [
            (Place::First, "{\"a\":1", Some(Place::Later(0))),
            (Place::First, ",\"b\":1", None),
            (Place::Later(0), "{\"a\":1", None),
            (Place::Later(0), ",\"b\":1", Some(Place::Later(1))),
        ] {
            let is_expected = names.expected(ROOT, &mut place, text.as_bytes()).is_some();
            assert_eq!(is_expected.then_some(place), next, "{text}");
        }
    }

    #[test]
    fn the_remembered_order_heals() {
        let mut names = names(&[]);
        let keys: Vec<String> = (0..MAX_EXPECTED_KEYS).map(|key| format!(",\"k{key}\":")).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let end = remember(&mut names, Place::Later(0), &keys);
        assert_eq!(end, Place::Later(MAX_EXPECTED_KEYS));
        assert_eq!(remember(&mut names, Place::Later(0), &[b",\"k5\":"]), Place::Later(6));
        assert_eq!(remember(&mut names, end, &[b",\"new\":"]), Place::Later(1));
        assert_eq!(names.nodes[0].later.len(), 1);
    }

    #[test]
    fn long_keys_are_not_expected() {
        let mut names = names(&[]);
        assert_eq!(remember(&mut names, Place::Later(0), &[&[b'k'; MAX_KEY_LEN]]), Place::Later(1));
        assert_eq!(remember(&mut names, Place::Later(1), &[&[b'k'; MAX_KEY_LEN + 1]]), Place::Later(1));
    }
}
