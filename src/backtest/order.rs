//! The order of starts and ends, by distributing keys instead of comparing calls: blocks and batches span minutes, so that
//! few digits tell their times apart.

/// Bits of a digit: its counts stay in the first-level cache.
const DIGIT_BITS: u32 = 11;
const VALUES: usize = 1 << DIGIT_BITS;

/// Digits that keys are distributed by.
const DIGITS: u32 = 2;

/// Bits of a key that hold the position; the rest hold the time.
const POSITION_BITS: u32 = 32;

/// Puts positions in order of their times; equal ones stay in order of position.
#[derive(Debug, Default)]
pub(crate) struct TimeOrder {
    keys: Vec<u64>,
    order: KeyOrder,
}

/// Sorts keys with a time in their upper halves.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder {
    spare: Vec<u64>,
}

impl TimeOrder {
    /// The positions of `times_us` in order, as numbers.
    pub(crate) fn of(&mut self, times_us: impl ExactSizeIterator<Item = i64> + Clone) -> impl Iterator<Item = usize> {
        let (first_us, last_us) = span(times_us.clone());
        let span = last_us.abs_diff(first_us);
        self.keys.clear();
        if span >> (u64::BITS - POSITION_BITS) == 0 && times_us.len() >> POSITION_BITS == 0 {
            let key = |(position, time_us): (u64, i64)| time_us.abs_diff(first_us) << POSITION_BITS | position;
            self.keys.extend((0..).zip(times_us).map(key));
            self.order.sort(&mut self.keys, u64::BITS - span.leading_zeros());
        } else {
            // More than an hour: rare enough for a plain sort.
            let mut order: Vec<(i64, u64)> = times_us.zip(0..).collect();
            order.sort_unstable();
            self.keys.extend(order.iter().map(|(_, position)| *position));
        }
        self.keys.iter().map(|key| (key & u64::from(u32::MAX)) as usize)
    }
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

/// The first and the last time; zeros without any.
fn span(times_us: impl Iterator<Item = i64>) -> (i64, i64) {
    let widen = |(first, last): (i64, i64), at_us: i64| (first.min(at_us), last.max(at_us));
    let (first, last) = times_us.fold((i64::MAX, i64::MIN), widen);
    if first > last { (0, 0) } else { (first, last) }
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
        fn the_order_is_that_of_a_stable_sort(
            starts in prop::collection::vec(0i64..50, 0..200),
            unit in prop::sample::select(vec![1i64, 1_000, 77_777, 1_000_003, 1 << 25, 1 << 40]),
            offset in prop::sample::select(vec![0i64, -25, i64::MIN, 1_780_000_000_000_000]),
            // One time far away leaves the others equal in all bits that are distributed by.
            far in prop::sample::select(vec![0i64, 1 << 24, 1 << 31]),
        ) {
            let mut starts: Vec<i64> = starts.iter().map(|start| offset.saturating_add(start * unit)).collect();
            if let Some(last) = starts.last_mut() {
                *last = last.saturating_add(far);
            }
            let mut expected: Vec<usize> = (0..starts.len()).collect();
            expected.sort_by_key(|position| starts[*position]);
            let mut order = TimeOrder::default();
            // What was ordered before leaves no trace.
            order.of([3, 1, 2].into_iter()).for_each(drop);
            prop_assert_eq!(order.of(starts.iter().copied()).collect::<Vec<_>>(), expected);
        }
    }
}
