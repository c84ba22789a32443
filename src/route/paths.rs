//! How many different paths stand behind a route, and which came first: what `--explain-routes` tells.
//!
//! Tallies merge in any order and any number of times with the same result, in bounded memory. This module must not
//! know what a route is.

use crate::window::pane::Answer;

/// Up to here paths are counted exactly; from here on their number is estimated, with a standard error of
/// 1 / sqrt(256 - 2) = 6 %.
const MOST_HASHES: usize = 256;

/// The most paths that are counted exactly.
pub(crate) const MOST_EXACT: u64 = MOST_HASHES as u64 - 1;

/// What is kept of an example.
const MAX_EXAMPLE_BYTES: usize = 256;

/// The paths behind one route.
///
/// The number is estimated from the k smallest of their hashes (Bar-Yossef et al., Counting distinct elements in a data
/// stream, 2002): were the hashes spread evenly, the k-th smallest would lie at k / n of their range.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTally {
    /// The smallest hashes, ascending.
    hashes: Vec<u64>,
    /// The first path by time, then by its bytes.
    first: Option<(i64, Box<[u8]>)>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathCount {
    Exactly(u64),
    About(u64),
}

impl PathTally {
    /// Counts a path.
    pub(crate) fn note(&mut self, timestamp_ms: i64, path: &[u8]) {
        self.add_hash(hash(path));
        let example = &path[..path.len().min(MAX_EXAMPLE_BYTES)];
        if self.first.as_ref().is_none_or(|(first_ms, first)| (timestamp_ms, example) < (*first_ms, &first[..])) {
            self.first = Some((timestamp_ms, example.into()));
        }
    }

    /// Adds what another has counted.
    pub(crate) fn append(&mut self, other: PathTally) {
        other.hashes.into_iter().for_each(|hash| self.add_hash(hash));
        self.first = match (self.first.take(), other.first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn add_hash(&mut self, hash: u64) {
        let is_full = self.hashes.len() == MOST_HASHES;
        if is_full && self.hashes.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if let Err(place) = self.hashes.binary_search(&hash) {
            if is_full {
                self.hashes.pop();
            }
            self.hashes.insert(place, hash);
        }
    }

    /// How many different paths were counted.
    pub(crate) fn count(&self) -> PathCount {
        match self.hashes[..] {
            [.., last] if self.hashes.len() == MOST_HASHES => {
                let share = last as f64 / u64::MAX as f64;
                PathCount::About(((MOST_HASHES - 1) as f64 / share) as u64)
            }
            _ => PathCount::Exactly(self.hashes.len() as u64),
        }
    }

    /// The first path, what is not UTF-8 replaced; it may be cut.
    pub(crate) fn example(&self) -> String {
        self.first.as_ref().map_or_else(String::new, |(_, path)| String::from_utf8_lossy(path).into_owned())
    }
}

/// The paths of one endpoint, by whether there was anything to answer with: what was not found may be forgotten, and
/// stand for no route in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointPaths {
    /// Answered with anything but 404.
    pub(crate) found: PathTally,
    /// Answered with 404.
    pub(crate) not_found: PathTally,
}

impl EndpointPaths {
    /// Counts a request's path.
    pub(crate) fn note(&mut self, answer: Answer, timestamp_ms: i64, path: &[u8]) {
        match answer {
            Answer::Found | Answer::Failed => self.found.note(timestamp_ms, path),
            Answer::NotFound => self.not_found.note(timestamp_ms, path),
        }
    }

    /// Adds what another has counted.
    pub(crate) fn append(&mut self, other: EndpointPaths) {
        self.found.append(other.found);
        self.not_found.append(other.not_found);
    }
}

/// FNV-1a, its bits mixed as by MurmurHash3: the same in every run, which a hash map's own is not.
fn hash(path: &[u8]) -> u64 {
    let fnv = path
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ fnv >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn tally(paths: impl IntoIterator<Item = (i64, String)>) -> PathTally {
        let mut tally = PathTally::default();
        paths.into_iter().for_each(|(ms, path)| tally.note(ms, path.as_bytes()));
        tally
    }

    fn numbered(n: u32) -> impl Iterator<Item = (i64, String)> {
        (0..n).map(|i| (i64::from(i), format!("/p/{i}")))
    }

    #[test]
    fn fewer_than_256_are_counted_exactly() {
        assert_eq!(tally([]).count(), PathCount::Exactly(0));
        let twice = numbered(255).chain(numbered(255));
        assert_eq!(tally(twice).count(), PathCount::Exactly(255));
        let PathCount::About(estimate) = tally(numbered(256)).count() else { panic!("exact") };
        assert!((200..320).contains(&estimate), "{estimate}");
    }

    #[test]
    fn many_are_estimated_within_four_standard_errors() {
        for n in [1_000, 30_000, 300_000] {
            let PathCount::About(estimate) = tally(numbered(n)).count() else { panic!("exact") };
            let error = (estimate as f64 / f64::from(n) - 1.0).abs();
            assert!(error < 0.25, "{estimate} of {n}");
            assert!(tally(numbered(n)).hashes.len() <= MOST_HASHES);
        }
    }

    #[test]
    fn the_example_is_the_first_by_time_then_path() {
        let paths = [(5, "/b"), (3, "/c"), (3, "/a"), (4, "/0")].map(|(ms, path)| (ms, path.to_owned()));
        assert_eq!(tally(paths).example(), "/a");
        assert_eq!(tally([(0, "x".repeat(300))]).example().len(), MAX_EXAMPLE_BYTES);
        assert_eq!(PathTally::default().example(), "");
    }

    proptest! {
        #[test]
        fn merging_is_counting_together(
            paths in prop::collection::vec((0..50i64, "/[a-f]{1,4}"), 0..900),
            cuts in prop::collection::vec(any::<bool>(), 900),
        ) {
            let (one, other): (Vec<_>, Vec<_>) = paths.iter().cloned().zip(cuts).partition(|(_, is_first)| *is_first);
            let part = |part: &[((i64, String), bool)]| tally(part.iter().map(|(path, _)| path.clone()));
            let mut merged = part(&other);
            merged.append(part(&one));
            merged.append(part(&other));
            let whole = tally(paths.clone());
            prop_assert_eq!((merged.count(), merged.example()), (whole.count(), whole.example()));
            let different: BTreeSet<_> = paths.iter().map(|(_, path)| path).collect();
            if different.len() < MOST_HASHES {
                prop_assert_eq!(whole.count(), PathCount::Exactly(different.len() as u64));
            }
            prop_assert_eq!(whole.example(), paths.iter().min().map_or("", |(_, path)| path));
        }
    }
}
