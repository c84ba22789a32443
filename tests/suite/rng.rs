//! A small seeded generator (xoshiro256++ by Blackman and Vigna, seeded by splitmix64), so that generated logs are the
//! same bytes on every machine and with every version of every crate.

/// The generator's state.
pub struct Rng([u64; 4]);

impl Rng {
    /// A generator whose whole stream follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Rng(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A whole number in `low..high`.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.abs_diff(low));
        low + ((u128::from(self.next()) * width) >> 64) as i64
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.range(0, items.len() as i64) as usize]
    }

    /// True in `permille` of 1,000 draws.
    pub fn chance(&mut self, permille: i64) -> bool {
        self.range(0, 1000) < permille
    }
}

#[test]
fn the_stream_is_fixed_and_ranges_are_half_open() {
    let mut rng = Rng::new(1);
    assert_eq!([rng.next(), rng.next()], [14_971_601_782_005_023_387, 13_781_649_495_232_077_965]);
    let drawn: std::collections::BTreeSet<i64> = (0..1000).map(|_| rng.range(-2, 3)).collect();
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
}
