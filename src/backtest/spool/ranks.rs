//! Ranks of requests among those of their second: a worker knows them within a run of its chunk, and how many the run has
//! in each second tells later how many came before it.
//!
//! Logs are nearly in order of time, so that a second is found by its distance from the first one; where they are not, by
//! search.

use std::collections::BTreeMap;

/// Seconds before a run's first that its ends are counted in without sorting: logs are nearly in order of time.
const SECONDS_BEFORE: i64 = 1 << 10;

/// Most seconds that are counted in so.
const COUNTED_SECONDS: usize = 1 << 16;

/// How many calls of a run ended in each second so far.
pub(super) enum Ranks {
    /// From a first second on.
    Dense(i64, Vec<u32>),
    Sparse(BTreeMap<i64, u32>),
}

impl Ranks {
    /// No call yet; the first one will end in this second.
    pub(super) fn new(second: i64) -> Self {
        Ranks::Dense(second.saturating_sub(SECONDS_BEFORE), vec![0; 2 * SECONDS_BEFORE as usize])
    }

    /// Counts the next calls, which end in this second; gives the first one's rank among its calls.
    pub(super) fn next(&mut self, second: i64, calls: u32) -> u32 {
        let count = self.at(second);
        let rank = *count;
        *count += calls;
        rank
    }

    /// The seconds with calls, ascending.
    pub(super) fn into_counts(self) -> Vec<(i64, u32)> {
        match self {
            Ranks::Dense(first, counts) => (first..).zip(counts).filter(|(_, count)| *count > 0).collect(),
            Ranks::Sparse(counts) => counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }

    fn at(&mut self, second: i64) -> &mut u32 {
        if let Ranks::Dense(first, counts) = self {
            let first = *first;
            if second < first || second.abs_diff(first) >= COUNTED_SECONDS as u64 {
                let counted = (first..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
                *self = Ranks::Sparse(counted.collect());
            }
        }
        match self {
            Ranks::Dense(first, counts) => {
                let at = second.abs_diff(*first) as usize;
                if at >= counts.len() {
                    counts.resize((at + 1).next_power_of_two(), 0);
                }
                &mut counts[at]
            }
            Ranks::Sparse(counts) => counts.entry(second).or_default(),
        }
    }
}
