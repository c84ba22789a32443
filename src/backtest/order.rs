//! The order of starts and ends, by distributing keys instead of comparing calls: batches span minutes, so that few digits
//! tell their times apart.

/// Bits of a digit: its counts stay in the first-level cache.
const DIGIT_BITS: u32 = 11;
const VALUES: usize = 1 << DIGIT_BITS;

/// Digits that keys are distributed by.
const DIGITS: u32 = 2;

/// Bits of a key that hold the position; the rest hold the time.
const POSITION_BITS: u32 = 32;

/// Sorts keys with a time in their upper halves.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder {
    spare: Vec<u64>,
}

impl KeyOrder {
    /// Sorts keys whose times have `bits` bits: by the upper ones the lowest digit first, then what they leave equal, down
    /// to the lower halves. That is next to nothing, as there are more values than keys.
    pub(crate) fn sort(&mut self, keys: &mut Vec<u64>, bits: u32) {
        let low_bits = bits.saturating_sub(DIGITS * DIGIT_BITS);
        let shifts = [0, 1].map(|digit| POSITION_BITS + low_bits + digit * DIGIT_BITS);
        let mut ends = [[0u32; VALUES]; DIGITS as usize];
        for key in keys.iter() {
            ends[0][value_of(*key, shifts[0])] += 1;
            ends[1][value_of(*key, shifts[1])] += 1;
        }
        self.spare.resize(keys.len(), 0);
        let digits = bits.div_ceil(DIGIT_BITS).min(DIGITS) as usize;
        for (ends, shift) in ends[..digits].iter_mut().zip(shifts) {
            let mut start = 0;
            for end in ends.iter_mut() {
                start += std::mem::replace(end, start);
            }
            for &key in keys.iter() {
                let place = &mut ends[value_of(key, shift)];
                self.spare[*place as usize] = key;
                *place += 1;
            }
            std::mem::swap(keys, &mut self.spare);
        }
        sort_equal(keys, shifts[0]);
    }
}

/// Sorts runs of keys that are equal from the bit `shift` on.
fn sort_equal(keys: &mut [u64], shift: u32) {
    for at in 1..keys.len() {
        if keys[at] < keys[at - 1] {
            let upper = keys[at] >> shift;
            let before = keys[..at].iter().rev().take_while(|key| *key >> shift == upper).count();
            let after = keys[at..].iter().take_while(|key| *key >> shift == upper).count();
            keys[at - before..at + after].sort_unstable();
        }
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
            let mut order = KeyOrder::default();
            // What was sorted before leaves no trace.
            order.sort(&mut vec![3 << POSITION_BITS, 1 << POSITION_BITS, 2 << POSITION_BITS], 2);
            order.sort(&mut keys, bits);
            prop_assert_eq!(keys, expected);
        }
    }
}
