//! The order of starts and ends, by distributing keys instead of comparing calls: batches span minutes, so that few digits
//! tell their times apart.

use std::ops::Range;

/// Bits of a digit: its counts stay in the first-level cache.
const DIGIT_BITS: u32 = 11;
const VALUES: usize = 1 << DIGIT_BITS;

/// Digits that keys are distributed by.
const DIGITS: usize = 2;

/// Bits of a key that hold the position; the rest hold the time.
const POSITION_BITS: u32 = 32;

/// Sorts keys with a time in their upper halves, which are counted before.
#[derive(Debug)]
pub(crate) struct KeyOrder {
    spare: Vec<u64>,
    /// Keys by digit and value.
    counts: [[u32; VALUES]; DIGITS],
    /// Where the digits are in a key.
    shifts: [u32; DIGITS],
}

impl KeyOrder {
    pub(crate) fn new() -> Self {
        KeyOrder { spare: Vec::new(), counts: [[0; VALUES]; DIGITS], shifts: [POSITION_BITS; DIGITS] }
    }

    /// Times have so many bits.
    pub(crate) fn begin(&mut self, bits: u32) {
        let low_bits = bits.saturating_sub(DIGITS as u32 * DIGIT_BITS);
        self.shifts = [0, 1].map(|digit| POSITION_BITS + low_bits + digit * DIGIT_BITS);
        self.counts = [[0; VALUES]; DIGITS];
    }

    /// Counts one of the keys.
    #[inline(always)]
    pub(crate) fn count(&mut self, key: u64) {
        for (counts, shift) in self.counts.iter_mut().zip(self.shifts) {
            counts[value_of(key, shift)] += 1;
        }
    }

    /// Sorts the keys that were counted by the upper bits of their times, the lowest digit first. What that leaves equal is
    /// next to nothing, as there are more values than keys: see [`KeyOrder::sort_equal`].
    pub(crate) fn sort(&mut self, keys: &mut Vec<u64>) {
        self.spare.resize(keys.len(), 0);
        for (counts, shift) in self.counts.iter_mut().zip(self.shifts) {
            let mut start = 0;
            for count in counts.iter_mut() {
                start += std::mem::replace(count, start);
            }
            for &key in keys.iter() {
                let place = &mut counts[value_of(key, shift)];
                self.spare[*place as usize] = key;
                *place += 1;
            }
            std::mem::swap(keys, &mut self.spare);
        }
    }

    /// Sorts the keys around a place that [`KeyOrder::sort`] left equal; gives their places.
    pub(crate) fn sort_equal(&self, keys: &mut [u64], at: usize) -> Range<usize> {
        let upper = keys[at] >> self.shifts[0];
        let before = keys[..at].iter().rev().take_while(|key| *key >> self.shifts[0] == upper).count();
        let after = keys[at..].iter().take_while(|key| *key >> self.shifts[0] == upper).count();
        keys[at - before..at + after].sort_unstable();
        at - before..at + after
    }
}

fn value_of(key: u64, shift: u32) -> usize {
    (key >> shift) as usize % VALUES
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_sorted_whatever_their_times(
            times in prop::collection::vec(0u64..50, 0..200),
            unit in prop::sample::select(vec![1u64, 1_000, 77_777, 1_000_003, 1 << 25]),
            // One time far away leaves the others equal in all bits that are distributed by.
            far in prop::sample::select(vec![0u64, 1 << 24, 1 << 31]),
        ) {
            let mut times: Vec<u64> = times.iter().map(|time| time * unit).collect();
            if let Some(last) = times.last_mut() {
                *last += far;
            }
            let bits = u64::BITS - times.iter().max().unwrap_or(&0).leading_zeros();
            let mut keys: Vec<u64> = (0..).zip(&times).map(|(low, time)| time << POSITION_BITS | low).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            let mut order = KeyOrder::new();
            let mut sort = |keys: &mut Vec<u64>, bits| {
                order.begin(bits);
                keys.iter().for_each(|key| order.count(*key));
                order.sort(keys);
                let mut at = 1;
                while at < keys.len() {
                    at = if keys[at] < keys[at - 1] { order.sort_equal(keys, at).end } else { at + 1 };
                }
            };
            // What was sorted before leaves no trace.
            sort(&mut vec![3 << POSITION_BITS, 1 << POSITION_BITS, 2 << POSITION_BITS], 2);
            sort(&mut keys, bits);
            prop_assert_eq!(keys, expected);
        }
    }
}
