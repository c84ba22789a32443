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

/// How the requests that ended in one second are spread over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spread {
    /// The rank of the first that is asked for.
    first: u32,
    /// All requests of the second.
    requests: u32,
    /// 2^64 / (2 x requests), rounded up; 0 where that is not exact enough.
    reciprocal: u64,
}

impl Spread {
    /// With more requests than this, dividing by the reciprocal may be off by one: the dividend, below 2^20 x 2 x
    /// requests, times the reciprocal's error, below 2 x requests, has to stay below 2^64.
    const MOST_REQUESTS: u32 = 1 << 20;

    /// Requests from the rank `first` on, of so many in all.
    pub(super) fn new(first: u32, requests: u32) -> Self {
        let requests = requests.max(1);
        let is_exact = requests <= Self::MOST_REQUESTS && first < requests;
        let reciprocal = if is_exact { u64::MAX / (2 * u64::from(requests)) + 1 } else { 0 };
        Spread { first, requests, reciprocal }
    }

    /// Microseconds into the second at which the request of this rank (from 0, behind the first) ends, rounded down.
    #[inline(always)]
    pub(super) fn end_within_us(&self, rank: u32) -> u32 {
        let rank = self.first.saturating_add(rank);
        let dividend = (2 * u64::from(rank) + 1) * MICROS as u64;
        let within_us = match self.reciprocal {
            0 => dividend / (2 * u64::from(self.requests)),
            reciprocal => ((u128::from(dividend) * u128::from(reciprocal)) >> 64) as u64,
        };
        within_us.min(MICROS as u64 - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_of_a_second_end_in_the_middle_of_equal_parts() {
        let within_us = |first, rank, requests| Spread::new(first, requests).end_within_us(rank);
        assert_eq!(within_us(0, 0, 1), 500_000);
        assert_eq!([within_us(0, 0, 2), within_us(0, 1, 2), within_us(1, 0, 2)], [250_000, 750_000, 750_000]);
        assert_eq!(within_us(1, 1, 3), 833_333);
        // More than were counted, as when a count has reached its limit.
        assert_eq!([within_us(7, 0, 2), within_us(u32::MAX, 1, 2)], [999_999; 2]);
    }

    proptest! {
        #[test]
        fn a_second_is_divided_exactly_however_many_requests_it_has(
            requests in prop_oneof![1..100u32, 1..=Spread::MOST_REQUESTS, Just(Spread::MOST_REQUESTS), 1..u32::MAX],
            share in 0.0..1.0f64,
        ) {
            let rank = (f64::from(requests) * share) as u32;
            for rank in [0, rank, requests - 1] {
                let exact = (2 * u128::from(rank) + 1) * 1_000_000 / (2 * u128::from(requests));
                prop_assert_eq!(u128::from(Spread::new(0, requests).end_within_us(rank)), exact);
                prop_assert_eq!(u128::from(Spread::new(rank, requests).end_within_us(0)), exact);
            }
        }
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
