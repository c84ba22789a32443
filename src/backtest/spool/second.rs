//! Spreads the requests of a log whose stamps are whole seconds: the m requests that ended in one second are taken to
//! end at (k + 0.5) / m of it, k = 0, 1, ... in input order. Taken as they stand they would all end at once, and the
//! number in flight would show a peak that never was.

use std::collections::BTreeMap;

/// Microseconds of a second.
pub(super) const MICROS: i64 = 1_000_000;

/// Seconds that share one allocation: about an hour.
const GROUP_SECONDS: i64 = 4096;

/// How many requests ended in each second: four bytes for each second of the hours that the log touches.
#[derive(Debug, Default)]
pub(super) struct SecondCounts {
    groups: BTreeMap<i64, Vec<u32>>,
}

impl SecondCounts {
    /// Counts requests that ended in a second; gives how many were counted there before.
    pub(super) fn add(&mut self, second: i64, requests: u32) -> u32 {
        let group = self.groups.entry(second.div_euclid(GROUP_SECONDS));
        let counts = group.or_insert_with(|| vec![0; GROUP_SECONDS as usize]);
        let count = &mut counts[second.rem_euclid(GROUP_SECONDS) as usize];
        let before = *count;
        *count = before.saturating_add(requests);
        before
    }

    /// Adds the counts of the next input; gives what was counted before, in the seconds that the input has.
    pub(super) fn append(&mut self, input: &SecondCounts) -> SecondCounts {
        let mut before = SecondCounts::default();
        for (group, added) in &input.groups {
            let counts = self.groups.entry(*group).or_insert_with(|| vec![0; GROUP_SECONDS as usize]);
            before.groups.insert(*group, counts.clone());
            counts.iter_mut().zip(added).for_each(|(count, added)| *count = count.saturating_add(*added));
        }
        before
    }

    /// Requests that ended in a second.
    pub(super) fn get(&self, second: i64) -> u32 {
        let counts = self.groups.get(&second.div_euclid(GROUP_SECONDS));
        counts.map_or(0, |counts| counts[second.rem_euclid(GROUP_SECONDS) as usize])
    }
}

/// Microseconds into the second at which the request of this rank (from 0) of `requests` ends, rounded down.
pub(super) fn end_within_us(rank: u32, requests: u32) -> i64 {
    let (rank, requests) = (i64::from(rank), i64::from(requests.max(1)));
    ((2 * rank + 1) * MICROS / (2 * requests)).min(MICROS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_second_end_in_the_middle_of_equal_parts() {
        assert_eq!(end_within_us(0, 1), 500_000);
        assert_eq!([end_within_us(0, 2), end_within_us(1, 2)], [250_000, 750_000]);
        assert_eq!(end_within_us(2, 3), 833_333);
    }

    #[test]
    fn counting_gives_the_rank_at_which_a_block_starts() {
        let mut counts = SecondCounts::default();
        assert_eq!([counts.add(-1, 3), counts.add(-1, 2), counts.add(0, 1)], [0, 3, 0]);
        assert_eq!([counts.get(-1), counts.get(0), counts.get(1), counts.get(1 << 40)], [5, 1, 0, 0]);
        let mut all = SecondCounts::default();
        let before = [all.append(&counts), all.append(&counts)];
        assert_eq!(before.map(|counts| [counts.get(-1), counts.get(0)]), [[0, 0], [5, 1]]);
        assert_eq!([all.get(-1), all.get(0)], [10, 2]);
    }
}
