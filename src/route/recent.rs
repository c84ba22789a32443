//! Targets seen lately and the endpoint of each: most requests of a log go to few targets that hold no identifier, and
//! need no look at their segments.
//!
//! A table of fixed size in which a target has one place; what stood there is replaced. Whoever asks decides what is
//! worth remembering. This module must not know how an endpoint follows from a target.

use super::endpoint::{are_equal, short_word};

/// Places: few enough to stay in the first-level cache.
const PLACES: usize = 256;

/// The longest target that is remembered, in bytes.
const MAX_TARGET_LEN: usize = 64;

const MAX_METHOD_LEN: usize = size_of::<u64>();

/// What is remembered.
pub(crate) struct RecentTargets {
    places: Box<[Place; PLACES]>,
}

#[derive(Clone, Copy)]
struct Place {
    target: [u8; MAX_TARGET_LEN],
    /// [`short_word`] of the method.
    method: u64,
    endpoint: u32,
    method_len: u8,
    /// 0: the place is free.
    target_len: u8,
}

const FREE: Place = Place { target: [0; MAX_TARGET_LEN], method: 0, endpoint: 0, method_len: 0, target_len: 0 };

impl Default for RecentTargets {
    fn default() -> Self {
        RecentTargets { places: Box::new([FREE; PLACES]) }
    }
}

impl RecentTargets {
    /// The endpoint of a target that is remembered.
    #[inline(always)]
    pub(crate) fn find(&self, method: &[u8], target: &[u8]) -> Option<u32> {
        let place = &self.places[place_of(target)];
        let known = place.target.get(..usize::from(place.target_len))?;
        let is_same = are_equal(known, target)
            && usize::from(place.method_len) == method.len()
            && place.method == short_word(method)
            && place.target_len > 0;
        is_same.then_some(place.endpoint)
    }

    /// Remembers a target, unless it or its method is empty or too long.
    pub(crate) fn remember(&mut self, method: &[u8], target: &[u8], endpoint: u32) {
        if method.len() > MAX_METHOD_LEN || target.is_empty() || target.len() > MAX_TARGET_LEN {
            return;
        }
        let place = &mut self.places[place_of(target)];
        place.target[..target.len()].copy_from_slice(target);
        (place.method, place.method_len) = (short_word(method), method.len() as u8);
        (place.target_len, place.endpoint) = (target.len() as u8, endpoint);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.places.fill(FREE);
    }
}

/// Where a target is looked for: by its ends and its length.
#[inline(always)]
fn place_of(target: &[u8]) -> usize {
    // An odd number without a pattern in its bits: the golden ratio's.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let word = match (target.first_chunk(), target.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first).rotate_left(32) ^ u64::from_le_bytes(*last),
        _ => short_word(target),
    };
    ((word ^ target.len() as u64).wrapping_mul(SPREAD) >> 32) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_until_another_takes_its_place() {
        let mut recent = RecentTargets::default();
        assert_eq!((recent.find(b"GET", b"/a"), recent.find(b"", b"")), (None, None));
        recent.remember(b"GET", b"/a", 7);
        assert_eq!(recent.find(b"GET", b"/a"), Some(7));
        assert_eq!(
            (recent.find(b"PUT", b"/a"), recent.find(b"GET", b"/b"), recent.find(b"GE", b"/a")),
            (None, None, None)
        );
        recent.remember(b"PUT", b"/a", 8);
        assert_eq!((recent.find(b"PUT", b"/a"), recent.find(b"GET", b"/a")), (Some(8), None));
        recent.clear();
        assert_eq!(recent.find(b"PUT", b"/a"), None);
    }

    #[test]
    fn no_two_targets_are_taken_for_each_other() {
        let targets: Vec<String> = (0..100_000).map(|n| format!("/x/{}{}", "y".repeat(n % 70), n)).collect();
        let mut recent = RecentTargets::default();
        for (number, target) in (0..).zip(&targets) {
            recent.remember(b"GET", target.as_bytes(), number);
        }
        let found =
            (0..).zip(&targets).filter_map(|(number, target)| Some((number, recent.find(b"GET", target.as_bytes())?)));
        let found: Vec<(u32, u32)> = found.collect();
        assert!(
            found.iter().all(|(number, endpoint)| number == endpoint) && found.len() > PLACES / 2,
            "{}",
            found.len()
        );
    }

    #[test]
    fn what_is_too_long_is_not_remembered() {
        let mut recent = RecentTargets::default();
        let longest = [b'x'; MAX_TARGET_LEN];
        recent.remember(b"GET", &longest, 1);
        recent.remember(b"GET", &[b'z'; MAX_TARGET_LEN + 1], 2);
        recent.remember(b"PROPPATCH", b"/a", 3);
        assert_eq!(recent.find(b"GET", &longest), Some(1));
        assert_eq!((recent.find(b"GET", &[b'z'; MAX_TARGET_LEN + 1]), recent.find(b"PROPPATCH", b"/a")), (None, None));
    }
}
