//! Finds bytes in a line, for the short hops between its fields.
//!
//! `memchr` picks its implementation at run time and is called through a pointer, which costs more than
//! a whole search over the 5 to 20 bytes of a typical field. These searches are inlined where they are
//! used, or go over many lines at once. They know nothing of fields or formats; this is the only place in the crate with `unsafe` code.

use super::marks::Marks;

/// Bytes that are compared at a time.
const BLOCK: usize = 16;
const WORD: usize = size_of::<u64>();

/// The position of the first `needle` at or after `from`; `None` when there is none, or when `from`
/// lies past the end.
#[inline(always)]
pub fn find_byte(haystack: &[u8], from: usize, needle: u8) -> Option<usize> {
    Haystack::new(haystack).find(from, &Needle::new(needle))
}

/// A byte to search for, prepared once for many searches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needle([u8; BLOCK]);

impl Needle {
    #[inline(always)]
    pub(crate) fn new(byte: u8) -> Needle {
        Needle([byte; BLOCK])
    }
}

/// A number of bytes that [`Haystack::lacks`] judges at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Which bytes of the first block belong to it.
    first: u32,
    /// Which bytes of the second.
    second: u32,
}

impl Stretch {
    /// The longest, in bytes.
    pub(crate) const MAX: usize = 2 * BLOCK;

    /// A stretch of `len` bytes, at most [`Self::MAX`].
    pub(crate) const fn new(len: usize) -> Option<Stretch> {
        if len > Stretch::MAX {
            return None;
        }
        let bits = (1u64 << len) - 1;
        Some(Stretch { first: (bits & 0xFFFF) as u32, second: (bits >> BLOCK) as u32 })
    }
}

/// Bytes to search in. Where loads would pass their end is worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Haystack<'a> {
    bytes: &'a [u8],
    /// Below this, a whole word can be loaded.
    words_end: usize,
    /// Below this, a whole block can be loaded.
    blocks_end: usize,
}

impl<'a> Haystack<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8]) -> Haystack<'a> {
        let words_end = bytes.len().saturating_sub(WORD - 1);
        let blocks_end = bytes.len().saturating_sub(BLOCK - 1);
        Haystack { bytes, words_end, blocks_end }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline(always)]
    pub(crate) fn byte_before(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.wrapping_sub(1)).copied()
    }

    /// The eight bytes from `at` on, little-endian, when there are as many.
    #[inline(always)]
    pub(crate) fn word(&self, at: usize) -> Option<u64> {
        if at >= self.words_end {
            return None;
        }
        // SAFETY: `at < words_end`, which is 0 or `len - 7`, so `at + 8 <= len`.
        let word = unsafe { self.bytes.as_ptr().add(at).cast::<u64>().read_unaligned() };
        Some(u64::from_le(word))
    }

    /// The position of the first `needle` at or after `from`.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn find(&self, from: usize, needle: &Needle) -> Option<usize> {
        let mut at = from;
        while at < self.blocks_end {
            // SAFETY: just compared.
            let hits = unsafe { self.block_hits(at, needle) };
            if hits != 0 {
                return Some(at + hits.trailing_zeros() as usize);
            }
            at += BLOCK;
        }
        let hits = self.tail_hits(at, needle);
        (hits != 0).then(|| at + hits.trailing_zeros() as usize)
    }

    /// The position of the first `needle` at or after `from`.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(crate) fn find(&self, from: usize, needle: &Needle) -> Option<usize> {
        memchr::memchr(needle.0[0], self.bytes.get(from..)?).map(|offset| from + offset)
    }

    /// Whether `needle` is not in the stretch from `from` on; what lies past the end is no needle. Without
    /// a loop, so that the processor need not guess how long the stretch is.
    #[inline(always)]
    pub(crate) fn lacks(&self, from: usize, stretch: &Stretch, needle: &Needle) -> bool {
        self.hits(from, needle) & stretch.first == 0
            && (stretch.second == 0 || self.hits(from.saturating_add(BLOCK), needle) & stretch.second == 0)
    }

    /// Whether `needle` may be among the bytes from `start` to `end`. Never wrong about "no"; a needle up
    /// to two blocks past `end` may count too.
    #[inline(always)]
    pub(crate) fn may_hold(&self, start: usize, end: usize, needle: &Needle) -> bool {
        let mut at = start;
        while at < end {
            if self.hits(at, needle) | self.hits(at.saturating_add(BLOCK), needle) != 0 {
                return true;
            }
            at = at.saturating_add(2 * BLOCK);
        }
        false
    }

    /// Bit `i` is set where the needle is at `at + i`; there are 16 of them.
    #[inline(always)]
    fn hits(&self, at: usize, needle: &Needle) -> u32 {
        if at < self.blocks_end {
            // SAFETY: just compared.
            unsafe { self.block_hits(at, needle) }
        } else {
            self.tail_hits(at, needle)
        }
    }

    /// [`Self::hits`] where fewer than 16 bytes are left.
    #[inline(always)]
    fn tail_hits(&self, at: usize, needle: &Needle) -> u32 {
        if self.blocks_end == 0 || at >= self.bytes.len() {
            return self.short_hits(at, needle);
        }
        let last = self.blocks_end - 1;
        // The last whole block covers the tail; the bytes before it are shifted out.
        // SAFETY: `last < blocks_end`.
        (unsafe { self.block_hits(last, needle) }) >> (at - last)
    }

    #[cold]
    #[inline(never)]
    fn short_hits(&self, at: usize, needle: &Needle) -> u32 {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.iter().take(BLOCK).rev().fold(0, |hits, byte| hits << 1 | u32::from(*byte == needle.0[0]))
    }

    /// [`Self::hits`] of a whole block.
    ///
    /// # Safety
    ///
    /// `at < self.blocks_end`.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn block_hits(&self, at: usize, needle: &Needle) -> u32 {
        use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
        // SAFETY: SSE2 belongs to the x86-64 baseline. `blocks_end` is 0 or `len - 15`, so with the
        // caller's promise `at + 16 <= len`; the needle has 16 bytes. Neither load needs alignment.
        unsafe {
            let block = _mm_loadu_si128(self.bytes.as_ptr().add(at).cast::<__m128i>());
            let needles = _mm_loadu_si128(needle.0.as_ptr().cast::<__m128i>());
            _mm_movemask_epi8(_mm_cmpeq_epi8(block, needles)) as u32
        }
    }

    /// [`Self::hits`] of a whole block.
    ///
    /// # Safety
    ///
    /// None is needed here.
    #[cfg(not(target_arch = "x86_64"))]
    unsafe fn block_hits(&self, at: usize, needle: &Needle) -> u32 {
        self.short_hits(at, needle)
    }
}

/// Replaces the marks by those of `text`, which is shorter than 4 GiB.
pub(super) fn mark(text: &[u8], marks: &mut Marks) {
    #[cfg(target_arch = "x86_64")]
    if wide::is_available() {
        // SAFETY: just asked for.
        return unsafe { wide::mark(text, marks) };
    }
    mark_bytes(text, marks);
}

/// [`mark`] on any processor.
fn mark_bytes(text: &[u8], marks: &mut Marks) {
    let Marks { line_feeds, quotes, backslashes } = marks;
    [&mut *line_feeds, quotes, backslashes].into_iter().for_each(Vec::clear);
    for at in memchr::memchr3_iter(b'\n', b'"', b'\\', text) {
        match text[at] {
            b'\n' => line_feeds.push(at as u32),
            b'"' => quotes.push(at as u32),
            _ => backslashes.push(at as u32),
        }
    }
}

/// The same with 32 bytes at a time.
#[cfg(target_arch = "x86_64")]
mod wide {
    use super::Marks;
    use core::arch::x86_64::*;

    /// Bytes that one mask speaks of.
    const MASKED: usize = 64;

    /// Blocks whose masks are made before any is looked at: a loop that only compares keeps all it needs in registers.
    const GROUP: usize = 64;

    /// The masks of a group of blocks.
    struct Masks {
        line_feeds: [u64; GROUP],
        quotes: [u64; GROUP],
    }

    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")
    }

    /// [`super::mark`].
    ///
    /// # Safety
    ///
    /// [`is_available`].
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) unsafe fn mark(text: &[u8], marks: &mut Marks) {
        let mut line_feeds = Positions::start(&mut marks.line_feeds, text.len());
        let mut quotes = Positions::start(&mut marks.quotes, text.len());
        marks.backslashes.clear();
        let (blocks, rest) = text.as_chunks::<MASKED>();
        let mut last = [0; MASKED];
        last[..rest.len()].copy_from_slice(rest);
        let mut base = 0;
        for group in blocks.chunks(GROUP).chain([&[last][..]]) {
            let mut masks = Masks { line_feeds: [0; GROUP], quotes: [0; GROUP] };
            let mut backslashes = _mm256_setzero_si256();
            for (index, block) in group.iter().enumerate() {
                let halves = halves(block);
                masks.line_feeds[index] = mask(&halves, b'\n');
                masks.quotes[index] = mask(&halves, b'"');
                for half in halves {
                    backslashes = _mm256_or_si256(backslashes, is(half, b'\\'));
                }
            }
            // SAFETY: every byte of the text is in one block, which is what the positions have room for.
            unsafe {
                line_feeds.add_all::<1>(base, &masks.line_feeds[..group.len()]);
                quotes.add_all::<4>(base, &masks.quotes[..group.len()]);
            }
            if _mm256_movemask_epi8(backslashes) != 0 {
                add_rare(&mut marks.backslashes, base, group.as_flattened(), b'\\');
            }
            base += (group.len() * MASKED) as u32;
        }
        // SAFETY: all positions up to the length were written.
        unsafe {
            line_feeds.finish();
            quotes.finish();
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(block: &[u8; MASKED]) -> [__m256i; 2] {
        // SAFETY: both loads lie within the block's 64 bytes.
        unsafe {
            [
                _mm256_loadu_si256(block.as_ptr().cast::<__m256i>()),
                _mm256_loadu_si256(block.as_ptr().add(MASKED / 2).cast::<__m256i>()),
            ]
        }
    }

    #[cold]
    fn add_rare(positions: &mut Vec<u32>, base: u32, text: &[u8], byte: u8) {
        positions.extend(memchr::memchr_iter(byte, text).map(|at| base + at as u32));
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn is(half: __m256i, byte: u8) -> __m256i {
        _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte as i8))
    }

    /// Bit `i` is set where byte `i` is `byte`.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn mask(halves: &[__m256i; 2], byte: u8) -> u64 {
        let hits = halves.map(|half| _mm256_movemask_epi8(is(half, byte)));
        u64::from(hits[0] as u32) | u64::from(hits[1] as u32) << 32
    }

    /// A list that is written past its length, because asking how many positions a block has costs more than
    /// writing some too many.
    struct Positions<'v> {
        list: &'v mut Vec<u32>,
        len: usize,
    }

    impl<'v> Positions<'v> {
        /// An empty list with room for every byte of the blocks of a text, and what is written too many.
        fn start(list: &'v mut Vec<u32>, text_len: usize) -> Self {
            list.clear();
            list.reserve(text_len + 2 * MASKED);
            Positions { list, len: 0 }
        }

        /// Adds the set bits of masks, counted from `base`; up to `USUAL` of each mask without a branch.
        ///
        /// # Safety
        ///
        /// The bits added before and these are no more than the text's bytes, rounded up to a block.
        #[target_feature(enable = "bmi1,popcnt")]
        #[inline]
        unsafe fn add_all<const USUAL: usize>(&mut self, base: u32, masks: &[u64]) {
            let list = self.list.as_mut_ptr();
            let (mut len, mut start) = (self.len, base);
            for &mask in masks {
                let mut bits = mask;
                // SAFETY: `len` is at most the text's length rounded up to a block less this block's bits, and there is
                // room for another block and more behind it.
                unsafe {
                    let end = list.add(len);
                    for index in 0..USUAL {
                        end.add(index).write(start + bits.trailing_zeros());
                        bits &= bits.wrapping_sub(1);
                    }
                    let mut index = USUAL;
                    while bits != 0 {
                        end.add(index).write(start + bits.trailing_zeros());
                        bits &= bits - 1;
                        index += 1;
                    }
                }
                len += mask.count_ones() as usize;
                start += MASKED as u32;
            }
            self.len = len;
        }

        /// # Safety
        ///
        /// Every position below the length was written.
        unsafe fn finish(self) {
            // SAFETY: promised by the caller; the room was reserved.
            unsafe { self.list.set_len(self.len) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Haystack, Marks, Needle, Stretch, find_byte, mark, mark_bytes};
    use proptest::prelude::*;

    fn naive(haystack: &[u8], from: usize, needle: u8) -> Option<usize> {
        (from..haystack.len()).find(|&at| haystack[at] == needle)
    }

    #[test]
    fn every_position_of_every_length_around_the_block_size() {
        for len in 0..50 {
            for at in 0..len {
                let mut haystack = vec![b'a'; len];
                haystack[at] = b'"';
                for from in 0..len + 2 {
                    assert_eq!(find_byte(&haystack, from, b'"'), naive(&haystack, from, b'"'), "{len} {at} {from}");
                }
            }
        }
    }

    #[test]
    fn past_the_end_is_nothing() {
        assert_eq!(find_byte(b"", 0, 0), None);
        assert_eq!(find_byte(b"abc", 3, b'c'), None);
        assert_eq!(find_byte(&[b'x'; 40], usize::MAX, b'x'), None);
    }

    #[test]
    fn every_stretch_around_the_block_size() {
        for len in 0..70 {
            for at in 0..len {
                let mut haystack = vec![b'a'; len];
                haystack[at] = b'"';
                for from in 0..=len {
                    for stretch in 0..=Stretch::MAX.min(len - from) {
                        let free = !(from..from + stretch).contains(&at);
                        let absent =
                            Haystack::new(&haystack).lacks(from, &Stretch::new(stretch).unwrap(), &Needle::new(b'"'));
                        assert_eq!(absent, free, "{len} {at} {from} {stretch}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn wide_and_narrow_marks_are_the_same(text in prop::collection::vec(prop::sample::select(b"\n\"\\abc".to_vec()), 0..400)) {
            let (mut wide, mut narrow) = (Marks::default(), Marks::default());
            // What stood there before is gone.
            mark(b"\"\\\n\"", &mut wide);
            mark(&text, &mut wide);
            mark_bytes(&text, &mut narrow);
            prop_assert_eq!(format!("{:?}", wide), format!("{:?}", narrow));
        }

        #[test]
        fn agrees_with_a_naive_search(
            haystack in prop::collection::vec(0u8..40, 0..200),
            from in 0usize..210,
            needle in 0u8..41,
        ) {
            prop_assert_eq!(find_byte(&haystack, from, needle), naive(&haystack, from, needle));
        }

        #[test]
        fn words_are_the_eight_bytes(haystack in prop::collection::vec(any::<u8>(), 0..40), at in 0usize..50) {
            let expected = haystack.get(at..).and_then(|rest| rest.first_chunk()).map(|chunk| u64::from_le_bytes(*chunk));
            prop_assert_eq!(Haystack::new(&haystack).word(at), expected);
        }

        #[test]
        fn no_needle_in_a_range_is_overlooked(
            haystack in prop::collection::vec(0u8..40, 0..120),
            start in 0usize..130,
            len in 0usize..130,
        ) {
            let end = (start + len).min(haystack.len());
            let held = naive(&haystack, start, 7).is_some_and(|at| at < end);
            let may_hold = Haystack::new(&haystack).may_hold(start, end, &Needle::new(7));
            prop_assert!(may_hold || !held);
            let near = naive(&haystack, start, 7).is_some_and(|at| at < end + 2 * BLOCK);
            prop_assert!(near || !may_hold);
        }
    }
}
