//! Finds bytes in a line, for the short hops between its fields.
//!
//! `memchr` picks its implementation at run time and is called through a pointer, which costs more than
//! a whole search over the 5 to 20 bytes of a typical field. These searches are inlined where they are
//! used, or go over many lines at once. They know nothing of fields or formats.

#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(target_arch = "x86_64")]
mod widest;

use super::marks::Marks;

/// Bytes that are compared at a time.
pub(crate) const BLOCK: usize = 16;
const WORD: usize = size_of::<u64>();

/// The position of the first `needle` at or after `from`; `None` when there is none, or when `from`
/// lies past the end.
#[inline(always)]
pub fn find_byte(haystack: &[u8], from: usize, needle: u8) -> Option<usize> {
    Haystack::new(haystack).find(from, &Needle::new(needle))
}

/// A byte to search for, prepared once for many searches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needle([u8; BLOCK]);

impl Needle {
    #[inline(always)]
    pub(crate) fn new(byte: u8) -> Needle {
        Needle([byte; BLOCK])
    }

    /// Different bytes, for [`Haystack::holds`].
    pub(crate) fn of(bytes: [u8; BLOCK]) -> Needle {
        Needle(bytes)
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

/// What is known of sixteen bytes, to be compared with them at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pattern {
    bytes: Needle,
    /// Where the byte has to be the one above.
    required: u32,
    /// Where it is known at all: elsewhere among these it has to be another.
    known: u32,
}

impl Pattern {
    /// Says what byte has to stand at a place below [`BLOCK`].
    pub(crate) fn require(&mut self, at: usize, byte: u8) {
        self.forbid(at, byte);
        self.required |= 1 << at;
    }

    /// Says what byte must not stand there.
    pub(crate) fn forbid(&mut self, at: usize, byte: u8) {
        self.bytes.0[at] = byte;
        self.known |= 1 << at;
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

    /// Whether the bytes from `at` on are such; `false` where there are fewer than sixteen.
    #[inline(always)]
    pub(crate) fn fits(&self, at: usize, pattern: &Pattern) -> bool {
        // SAFETY: just compared.
        at < self.blocks_end && (unsafe { self.block_hits(at, &pattern.bytes) } ^ pattern.required) & pattern.known == 0
    }

    /// Whether the bytes from `at` on are those of `needle`; `false` where there are fewer than sixteen.
    #[inline(always)]
    pub(crate) fn holds(&self, at: usize, needle: &Needle) -> bool {
        // SAFETY: just compared.
        at < self.blocks_end && (unsafe { self.block_hits(at, needle) }) == (1 << BLOCK) - 1
    }

    /// Whether `needle` is not among the bytes from `start` to `end`; may be wrong about "no" near the end of all.
    #[inline(always)]
    pub(crate) fn lacks_between(&self, start: usize, end: usize, needle: &Needle) -> bool {
        let mut at = start;
        while at < end {
            let own = u32::MAX.unbounded_shr(u32::BITS.saturating_sub((end - at).min(BLOCK) as u32));
            // SAFETY: just compared.
            if at >= self.blocks_end || unsafe { self.block_hits(at, needle) } & own != 0 {
                return false;
            }
            at += BLOCK;
        }
        true
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
        let bytes = rest.iter().zip(needle.0);
        bytes.enumerate().fold(0, |hits, (place, (byte, sought))| hits | u32::from(*byte == sought) << place)
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
    if widest::is_available() {
        // SAFETY: just asked for.
        return unsafe { widest::mark(text, marks) };
    }
    #[cfg(target_arch = "x86_64")]
    if wide::is_available() {
        // SAFETY: just asked for.
        return unsafe { wide::mark(text, marks) };
    }
    mark_bytes(text, marks);
}

/// [`mark`] on any processor.
fn mark_bytes(text: &[u8], marks: &mut Marks) {
    let Marks { line_feeds, stops, backslashes } = marks;
    [&mut *line_feeds, stops, backslashes].into_iter().for_each(Vec::clear);
    stops.push(Marks::BEFORE);
    for at in memchr::memchr3_iter(b'\n', b'"', b'\\', text) {
        match text[at] {
            b'\n' => {
                line_feeds.push(at as u32);
                stops.push(at as u32);
            }
            b'"' => stops.push(at as u32),
            _ => backslashes.push(at as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        fn all_marks_are_the_same(
            text in prop::collection::vec(prop::sample::select(b"\n\"\\abcdefghijklmnopqrstuvwxyz".to_vec()), 0..600),
            crowded in prop::collection::vec(prop::sample::select(b"\n\"\\a".to_vec()), 0..200),
        ) {
            for text in [text, crowded] {
                let told = |mark: &dyn Fn(&[u8], &mut Marks)| {
                    let mut marks = Marks::default();
                    // What stood there before is gone.
                    mark(b"\"\\\n\"", &mut marks);
                    mark(&text, &mut marks);
                    format!("{marks:?}")
                };
                let narrow = told(&mark_bytes);
                prop_assert_eq!(&told(&mark), &narrow);
                #[cfg(target_arch = "x86_64")]
                if wide::is_available() {
                    // SAFETY: just asked for.
                    prop_assert_eq!(&told(&|text, marks| unsafe { wide::mark(text, marks) }), &narrow);
                }
            }
        }

        #[test]
        fn patterns_agree_with_a_look_at_every_byte(
            text in prop::collection::vec(prop::sample::select(b"ab".to_vec()), 0..60),
            at in 0usize..70,
            known in prop::collection::vec((0..BLOCK, prop::sample::select(b"ab".to_vec()), any::<bool>()), 0..4),
        ) {
            let mut known = known;
            known.sort_unstable();
            known.dedup_by_key(|(place, ..)| *place);
            let mut pattern = Pattern::default();
            for (place, byte, is_required) in &known {
                if *is_required { pattern.require(*place, *byte) } else { pattern.forbid(*place, *byte) }
            }
            let block = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>());
            let expected =
                block.is_some_and(|block| known.iter().all(|(place, byte, required)| (block[*place] == *byte) == *required));
            prop_assert_eq!(Haystack::new(&text).fits(at, &pattern), expected);
            if let Some(block) = block {
                prop_assert!(Haystack::new(&text).holds(at, &Needle::of(*block)));
                let mut other = *block;
                other[known.len()] ^= 1;
                prop_assert!(!Haystack::new(&text).holds(at, &Needle::of(other)));
            }
        }

        #[test]
        fn what_is_lacking_is_not_there(
            text in prop::collection::vec(0u8..20, 0..80),
            start in 0usize..90,
            len in 0usize..60,
        ) {
            let is_there = text.iter().skip(start).take(len).any(|byte| *byte == 7);
            let lacks = Haystack::new(&text).lacks_between(start, start + len, &Needle::new(7));
            prop_assert!(!(lacks && is_there));
            // Nearer to the end it may not know.
            prop_assert!(lacks || is_there || start + len.next_multiple_of(BLOCK) > text.len());
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
