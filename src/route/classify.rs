//! Byte classes of a short text as bit masks, sixteen bytes at a time.
//!
//! Bit i of a mask speaks of byte i. This is the one place of `route` that knows the processor.

/// The longest text that fits the masks.
pub const MAX_LEN: usize = 64;

/// Bytes looked at together.
const BLOCK: usize = 16;

/// Bytes that [`outline_masks`] and [`equal`] look at.
pub const HALF: usize = MAX_LEN / 2;

/// One bit per byte of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// `/`.
    pub slash: u64,
    /// `?` or `#`, where a path ends.
    pub stop: u64,
    /// `0` to `9`.
    pub digit: u64,
    /// `a` to `f`, either case.
    pub hex_letter: u64,
    /// `@`, or `%` which may begin an encoded one.
    pub at_sign: u64,
}

/// The classes of the first [`MAX_LEN`] bytes.
#[inline(always)]
pub fn classify(text: &[u8]) -> Classes {
    let text = &text[..text.len().min(MAX_LEN)];
    let mut classes = Classes::default();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        classes.add(block, BLOCK * number, 0);
    }
    if !rest.is_empty() {
        let start = BLOCK * blocks.len();
        match text.last_chunk::<BLOCK>() {
            // The last block overlaps the one before it; what was seen is shifted out.
            Some(block) => classes.add(block, start, BLOCK - rest.len()),
            None => classes.add(&padded(rest), start, 0),
        }
    }
    classes
}

/// A text shorter than a block, with zeros behind it; two overlapping words instead of a copy of any length.
#[inline(always)]
fn padded(text: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let seen_bits = 8 * (BLOCK - text.len()) as u32;
        let rest = u64::from_le_bytes(*last).checked_shr(seen_bits).unwrap_or(0);
        block[..8].copy_from_slice(first);
        block[8..].copy_from_slice(&rest.to_le_bytes());
    } else {
        for (slot, byte) in block.iter_mut().zip(text) {
            *slot = *byte;
        }
    }
    block
}

impl Classes {
    /// Adds the classes of a block that begins at `start`, its first `skipped` bytes left out.
    #[inline(always)]
    fn add(&mut self, bytes: &[u8; BLOCK], start: usize, skipped: usize) {
        let place = |mask: u64| mask >> skipped << start;
        let OutlineMasks { slash, stop, digit } = OutlineMasks::of(bytes);
        let (hex_letter, at_sign) = identifier_masks(bytes);
        self.slash |= place(slash);
        self.stop |= place(stop);
        self.digit |= place(digit);
        self.hex_letter |= place(hex_letter);
        self.at_sign |= place(at_sign);
    }
}

/// The hexadecimal letters and the at signs of a block, as in [`Classes`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn identifier_masks(bytes: &[u8; BLOCK]) -> (u64, u64) {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 belongs to every x86-64 processor, and the load reads exactly the array's 16 bytes.
    unsafe {
        let text = _mm_loadu_si128(bytes.as_ptr().cast());
        let lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
        (mask(within(lower, b'a', 5)), mask(_mm_or_si128(is(text, b'@'), is(text, b'%'))))
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn identifier_masks(bytes: &[u8; BLOCK]) -> (u64, u64) {
    let hex_letter = mask(bytes, |byte| matches!(byte, b'a'..=b'f' | b'A'..=b'F'));
    (hex_letter, mask(bytes, |byte| matches!(byte, b'@' | b'%')))
}

/// Which bytes are `byte`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn is(text: std::arch::x86_64::__m128i, byte: u8) -> std::arch::x86_64::__m128i {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 belongs to every x86-64 processor.
    unsafe { _mm_cmpeq_epi8(text, _mm_set1_epi8(byte as i8)) }
}

/// Which bytes lie within `low..=low + span`: min(x - low, span) == x - low, unsigned.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn within(text: std::arch::x86_64::__m128i, low: u8, span: u8) -> std::arch::x86_64::__m128i {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 belongs to every x86-64 processor.
    unsafe {
        let offset = _mm_sub_epi8(text, _mm_set1_epi8(low as i8));
        _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(span as i8)), offset)
    }
}

/// A bit for each byte.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn mask(bytes: std::arch::x86_64::__m128i) -> u64 {
    // SAFETY: SSE2 belongs to every x86-64 processor.
    u64::from(unsafe { std::arch::x86_64::_mm_movemask_epi8(bytes) } as u16)
}

#[cfg(not(target_arch = "x86_64"))]
fn mask(bytes: &[u8; BLOCK], is_such: impl Fn(u8) -> bool) -> u64 {
    (0..).zip(bytes).fold(0, |mask, (place, byte)| mask | u64::from(is_such(*byte)) << place)
}

/// What tells a path's outline; a bit for each byte, as in [`Classes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutlineMasks {
    /// `/`.
    pub slash: u64,
    /// `?` or `#`, where a path ends.
    pub stop: u64,
    /// `0` to `9`.
    pub digit: u64,
}

/// The masks of half a text.
#[inline(always)]
pub fn outline_masks(text: &[u8; HALF]) -> OutlineMasks {
    let mut masks = OutlineMasks::default();
    let (blocks, _) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        masks.add(OutlineMasks::of(block), BLOCK * number);
    }
    masks
}

impl OutlineMasks {
    /// Those of a block.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn of(bytes: &[u8; BLOCK]) -> OutlineMasks {
        use std::arch::x86_64::*;
        // SAFETY: SSE2 belongs to every x86-64 processor, and the load reads exactly the array's 16 bytes.
        let text = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        // SAFETY: as above.
        let stop = unsafe { _mm_or_si128(is(text, b'?'), is(text, b'#')) };
        OutlineMasks { slash: mask(is(text, b'/')), stop: mask(stop), digit: mask(within(text, b'0', 9)) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of(bytes: &[u8; BLOCK]) -> OutlineMasks {
        OutlineMasks {
            slash: mask(bytes, |byte| byte == b'/'),
            stop: mask(bytes, |byte| matches!(byte, b'?' | b'#')),
            digit: mask(bytes, |byte| byte.is_ascii_digit()),
        }
    }

    /// Adds the masks of what begins at `start`.
    #[inline(always)]
    fn add(&mut self, other: OutlineMasks, start: usize) {
        self.slash |= other.slash << start;
        self.stop |= other.stop << start;
        self.digit |= other.digit << start;
    }

    /// Adds the masks of the second half.
    #[inline(always)]
    pub fn add_behind(&mut self, half: OutlineMasks) {
        self.add(half, HALF);
    }
}

/// A bit for each byte that is the same in both.
#[inline(always)]
pub fn equal(a: &[u8; HALF], b: &[u8; HALF]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: SSE2 belongs to every x86-64 processor, and each text has the 32 bytes that two loads read.
        unsafe {
            let same = |at: usize| {
                let [a, b] = [a, b].map(|text| _mm_loadu_si128(text.as_ptr().add(at).cast()));
                _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32
            };
            same(0) | same(BLOCK) << BLOCK
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    a.iter().zip(b).rev().fold(0, |same, (a, b)| same << 1 | u32::from(a == b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(text: &[u8]) -> Classes {
        let mask = |is: &dyn Fn(u8) -> bool| {
            let bits = text.iter().take(MAX_LEN).enumerate().filter(|(_, byte)| is(**byte));
            bits.fold(0, |mask, (i, _)| mask | 1u64 << i)
        };
        Classes {
            slash: mask(&|b| b == b'/'),
            stop: mask(&|b| b"?#".contains(&b)),
            digit: mask(&|b| b.is_ascii_digit()),
            hex_letter: mask(&|b| b.is_ascii_hexdigit() && !b.is_ascii_digit()),
            at_sign: mask(&|b| b"@%".contains(&b)),
        }
    }

    proptest! {
        #[test]
        fn masks_equal_a_byte_by_byte_look(text: Vec<u8>) {
            prop_assert_eq!(classify(&text), naive(&text));
        }
    }

    #[test]
    fn every_byte_has_its_class() {
        for byte in 0..=255u8 {
            let text = [b'x', byte];
            assert_eq!(classify(&text), naive(&text), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn outlines_and_equality_agree_with_a_look_at_every_byte(
            a in prop::array::uniform32(prop::sample::select(b"/?#09:.aF@".to_vec())),
            changed in any::<u32>(),
        ) {
            let Classes { slash, stop, digit, .. } = naive(&a);
            let mut masks = outline_masks(&a);
            prop_assert_eq!(masks, OutlineMasks { slash, stop, digit });
            masks.add_behind(masks);
            let twice = |mask: u64| mask | mask << HALF;
            prop_assert_eq!(masks, OutlineMasks { slash: twice(slash), stop: twice(stop), digit: twice(digit) });
            let mut b = a;
            (0..HALF).filter(|at| changed >> at & 1 == 1).for_each(|at| b[at] ^= 1);
            prop_assert_eq!(equal(&a, &b), !changed);
        }
    }
}
