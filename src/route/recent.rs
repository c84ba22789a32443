//! Targets seen lately and the endpoint of each: most requests of a log go to few targets, but for the numbers in them,
//! and need no look at their segments.
//!
//! A target is compared as it stands in its line, the bytes behind it included, since that takes no decision that
//! depends on its length; its masks say which bytes count. A table of fixed size in which a target has one place; what
//! stood there is replaced. This module must not know how an endpoint follows from a target, only that a path segment
//! of digits alone may be exchanged for another.

use super::classify::{HALF, MAX_LEN, equal, outline_masks};
use super::endpoint::short_word;

/// Places: few enough for the second-level cache, and more than the paths that many sites have.
const PLACES: usize = 4096;

const MAX_METHOD_LEN: usize = size_of::<u64>();

/// The bytes from a target's start on.
pub(crate) type Window = [u8; MAX_LEN];

/// Whether segments of digits are alike whatever their digits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    Alike,
    Apart,
}

/// What is remembered.
pub(crate) struct RecentTargets {
    /// None before there is anything.
    places: Box<[Place]>,
    /// The second half of each place's window; few are looked at.
    tails: Box<[Half]>,
    numbers: Numbers,
}

type Half = [u8; HALF];

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Place {
    head: Half,
    outline: Outline,
    /// [`short_word`] of the method.
    method: u64,
    endpoint: u32,
    method_len: u8,
}

/// Which bytes of a window are the path, and which of those are segments of digits that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    numbers: u64,
    len: u8,
}

/// A target that may be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'t> {
    window: &'t Window,
    pub(crate) outline: Outline,
    /// [`short_word`] of the method.
    method: u64,
    method_len: usize,
    /// Its place in the table.
    place: usize,
}

/// No path has a length of 0.
const FREE: Place =
    Place { head: [0; HALF], outline: Outline { numbers: 0, len: 0 }, method: 0, endpoint: 0, method_len: 0 };

impl Outline {
    /// The outline of the target that a window begins with; `None` for one that is no path or too long a one.
    #[inline(always)]
    fn of(window: &Window, target_len: usize, numbers: Numbers) -> Option<Outline> {
        let (head, tail) = halves(window);
        let mut masks = outline_masks(head);
        if target_len > HALF && masks.stop == 0 {
            masks.add_behind(outline_masks(tail));
        }
        let stop = masks.stop | 1u64.checked_shl(target_len as u32).unwrap_or(0);
        if window[0] != b'/' || stop & 1 != 0 || stop == 0 {
            return None;
        }
        let (end, in_path) = (stop & stop.wrapping_neg(), (stop & stop.wrapping_neg()) - 1);
        let numbers = match numbers {
            Numbers::Alike => whole_segments(masks.digit & in_path, masks.slash & in_path, end),
            Numbers::Apart => 0,
        };
        Some(Outline { len: stop.trailing_zeros() as u8, numbers })
    }

    /// How long the route is in which each number is a parameter of so many bytes.
    pub(crate) fn route_len(self, parameter_len: usize) -> usize {
        let segments = (self.numbers & !(self.numbers << 1)).count_ones() as usize;
        usize::from(self.len) - self.numbers.count_ones() as usize + segments * parameter_len
    }

    /// Bit i is set where byte i must be the same in another target of this outline.
    #[inline(always)]
    fn telling(self) -> u64 {
        ((1u64 << (self.len % 64)) - 1) & !self.numbers
    }
}

fn halves(window: &Window) -> (&Half, &Half) {
    let (halves, _) = window.as_chunks::<HALF>();
    match halves {
        [head, tail] => (head, tail),
        _ => (&[0; HALF], &[0; HALF]),
    }
}

/// The bytes of the segments that are digits from a slash to the next, or to the `end`, which is one bit.
#[inline(always)]
fn whole_segments(digit: u64, slash: u64, end: u64) -> u64 {
    let mut starts = digit & slash << 1;
    // A carry runs from each start to the first byte that is no digit.
    let ends = digit.wrapping_add(starts) & !digit;
    let mut broken = ends & !(slash | end);
    while broken != 0 {
        let before = starts & ((broken & broken.wrapping_neg()) - 1);
        starts ^= 1 << (63 - before.leading_zeros());
        broken &= broken - 1;
    }
    (ends & (slash | end)).wrapping_sub(starts)
}

impl RecentTargets {
    /// Nothing is remembered yet.
    pub(crate) fn new(numbers: Numbers) -> Self {
        RecentTargets { places: Box::default(), tails: Box::default(), numbers }
    }

    /// Looks at a target and where it would be remembered; `None` for one that never is.
    #[inline(always)]
    pub(crate) fn sight<'t>(&self, method: &[u8], window: &'t Window, target_len: usize) -> Option<Sight<'t>> {
        let outline = Outline::of(window, target_len, self.numbers)?;
        let (method, method_len) = (short_word(method), method.len());
        Some(Sight { window, outline, method, method_len, place: place_of(window, outline, method) })
    }

    /// The endpoint of a target that is remembered.
    #[inline(always)]
    pub(crate) fn find(&self, sight: &Sight) -> Option<u32> {
        let Sight { window, outline, method, method_len, place: number } = *sight;
        let (place, (head, tail)) = (self.places.get(number)?, halves(window));
        let mut same = u64::from(equal(head, &place.head));
        if usize::from(outline.len) > HALF {
            same |= u64::from(equal(tail, &self.tails[number])) << HALF;
        }
        let is_same = outline.telling() & !same == 0
            && place.outline == outline
            && usize::from(place.method_len) == method_len
            && place.method == method;
        is_same.then_some(place.endpoint)
    }

    /// Remembers a target, unless its method is too long.
    pub(crate) fn remember(&mut self, sight: &Sight, endpoint: u32) {
        let Sight { window, outline, method, method_len, place: number } = *sight;
        if method_len <= MAX_METHOD_LEN {
            if self.places.is_empty() {
                (self.places, self.tails) = (vec![FREE; PLACES].into(), vec![[0; HALF]; PLACES].into());
            }
            let ((head, tail), method_len) = (halves(window), method_len as u8);
            self.places[number] = Place { head: *head, outline, method, endpoint, method_len };
            self.tails[number] = *tail;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.places.fill(FREE);
    }
}

/// Where a target is looked for: by its method, and what stands before its first number and between that and the second.
#[inline(always)]
fn place_of(window: &Window, outline: Outline, method: u64) -> usize {
    // An odd number without a pattern in its bits: the golden ratio's.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let end = 1u64 << (outline.len % 64);
    let first = (outline.numbers | end).trailing_zeros() as usize;
    let behind = (!outline.numbers & !((1u64 << first) - 1) | end).trailing_zeros() as usize;
    let second = (outline.numbers & !((1u64 << behind) - 1) | end).trailing_zeros() as usize;
    let before = word(window, first.saturating_sub(8), first.min(8));
    let after = word(window, behind.min(MAX_LEN - 8), (second - behind).min(8));
    let key = before ^ after.rotate_left(23) ^ u64::from(outline.len);
    ((key ^ outline.numbers ^ method.rotate_left(43)).wrapping_mul(SPREAD) >> 40) as usize % PLACES
}

/// Up to eight bytes as a number.
#[inline(always)]
fn word(window: &Window, at: usize, len: usize) -> u64 {
    let bytes = window.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default();
    u64::from_le_bytes(bytes) & u64::MAX.checked_shr(64 - 8 * len as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{PARAMETER, route_of};
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// A target in the middle of a line.
    fn window(target: &str) -> Window {
        let mut window = [b'7'; MAX_LEN];
        let len = target.len().min(MAX_LEN);
        window[..len].copy_from_slice(&target.as_bytes()[..len]);
        let behind = b" HTTP/1.1\" 200";
        window[len..].iter_mut().zip(behind).for_each(|(byte, next)| *byte = *next);
        window
    }

    fn find(recent: &RecentTargets, method: &str, target: &str) -> Option<u32> {
        recent.find(&recent.sight(method.as_bytes(), &window(target), target.len())?)
    }

    fn remember(recent: &mut RecentTargets, method: &str, target: &str, endpoint: u32) {
        let window = window(target);
        let sight = recent.sight(method.as_bytes(), &window, target.len()).unwrap();
        recent.remember(&sight, endpoint);
    }

    #[test]
    fn a_target_is_found_until_it_is_forgotten() {
        let mut recent = RecentTargets::new(Numbers::Alike);
        assert_eq!(find(&recent, "GET", "/a"), None);
        remember(&mut recent, "GET", "/a", 7);
        assert_eq!(find(&recent, "GET", "/a"), Some(7));
        for (method, target) in [("PUT", "/a"), ("GET", "/b"), ("GE", "/a"), ("GET", "/a/"), ("GET", "/")] {
            assert_eq!(find(&recent, method, target), None, "{method} {target}");
        }
        remember(&mut recent, "PROPPATCH", "/a", 8);
        assert_eq!(find(&recent, "PROPPATCH", "/a"), None, "too long a method");
        recent.clear();
        assert_eq!(find(&recent, "GET", "/a"), None);
    }

    #[test]
    fn numbers_as_long_are_alike_where_they_may_be() {
        let mut recent = RecentTargets::new(Numbers::Alike);
        remember(&mut recent, "GET", "/orders/123/items/4?x=1", 1);
        assert_eq!(find(&recent, "GET", "/orders/789/items/0#y"), Some(1));
        for other in ["/orders/789/items/x", "/orders/12/items/34", "/orders/7a9/items/4", "/orders/123/items/4/"] {
            assert_eq!(find(&recent, "GET", other), None, "{other}");
        }
        let mut recent = RecentTargets::new(Numbers::Apart);
        remember(&mut recent, "GET", "/orders/123", 1);
        assert_eq!((find(&recent, "GET", "/orders/123"), find(&recent, "GET", "/orders/124")), (Some(1), None));
    }

    #[test]
    fn only_whole_segments_are_numbers() {
        let numbers = |target: &str| {
            let outline = Outline::of(&window(target), target.len(), Numbers::Alike).unwrap();
            let shown = |at: usize| if outline.numbers >> at & 1 == 1 { 'N' } else { target.as_bytes()[at].into() };
            (0..usize::from(outline.len)).map(shown).collect::<String>()
        };
        for (target, expected) in [
            ("/1/22/333", "/N/NN/NNN"),
            ("/1a/2/b3/4-5/6", "/1a/N/b3/4-5/N"),
            ("/12x/34", "/12x/NN"),
            ("/12?34", "/NN"),
            ("//7/", "//N/"),
            ("/x1", "/x1"),
        ] {
            assert_eq!(numbers(target), expected, "{target}");
        }
        let long = format!("/{}/12", "x".repeat(58));
        assert_eq!(numbers(&long), long.replace("12", "NN"));
    }

    #[test]
    fn no_path_and_too_long_a_path_are_not_looked_at() {
        let sees = |target: &str| Outline::of(&window(target), target.len(), Numbers::Alike).is_some();
        for target in ["", "*", "http://a/b", "a"] {
            assert!(!sees(target), "{target}");
        }
        let path = |len: usize| format!("/{}", "x".repeat(len - 1));
        assert!(sees(&path(1)) && sees(&path(63)) && sees(&format!("{}?{}", path(63), "y".repeat(99))));
        assert!(!sees(&path(64)) && !sees(&format!("{}?y", path(64))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_remembered_is_what_would_be_worked_out(
            targets in prop::collection::vec(
                ("GET|PUT|POST", "(/(a|b{30}|v1|[0-9]{1,3}|1a|[a-f0-9]{8}|x@y[.]z)){1,3}[/?#]?[0-9]?"),
                1..300,
            ),
        ) {
            let (mut recent, mut numbers, mut found) = (RecentTargets::new(Numbers::Alike), HashMap::new(), 0);
            let mut remembered = 0;
            // Each twice, so that what is remembered is found again whatever the case.
            for (method, target) in targets.iter().flat_map(|target| [target; 2]) {
                let mut scratch = Vec::new();
                let route = route_of(target.as_bytes(), &mut scratch).to_vec();
                let next = numbers.len() as u32;
                let number = *numbers.entry((method, route.clone())).or_insert(next);
                let window = window(target);
                let Some(sight) = recent.sight(method.as_bytes(), &window, target.len()) else { continue };
                if let Some(known) = recent.find(&sight) {
                    prop_assert_eq!(known, number, "{} {}", method, target);
                    found += 1;
                }
                // A number of as many bytes as its parameter changes no length: that every other identifier is longer is
                // what tells.
                if sight.outline.route_len(PARAMETER.len()) == route.len() {
                    recent.remember(&sight, number);
                    remembered += 1;
                    prop_assert_eq!(recent.find(&sight), Some(number));
                }
            }
            prop_assert!(found * 2 >= remembered);
        }
    }
}
