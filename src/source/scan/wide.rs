//! Marks text 32 bytes at a time, on processors that can.
//!
//! Masks first, positions after. [`super::mark`] decides whether this may run; nothing here knows what the bytes mean.

use super::Marks;
use core::arch::x86_64::*;

/// Bytes that one mask speaks of.
const MASKED: usize = 64;

/// Blocks whose masks are made before any is looked at: a loop that only compares keeps all it needs in registers.
const GROUP: usize = 64;

/// The masks of a group of blocks.
struct Masks {
    line_feeds: [u64; GROUP],
    stops: [u64; GROUP],
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
    let mut stops = Positions::start(&mut marks.stops, text.len());
    stops.push(Marks::BEFORE);
    marks.backslashes.clear();
    let (blocks, rest) = text.as_chunks::<MASKED>();
    let mut last = [0; MASKED];
    last[..rest.len()].copy_from_slice(rest);
    let mut base = 0;
    for group in blocks.chunks(GROUP).chain([&[last][..]]) {
        let mut masks = Masks { line_feeds: [0; GROUP], stops: [0; GROUP] };
        let mut backslashes = _mm256_setzero_si256();
        for (index, block) in group.iter().enumerate() {
            let halves = halves(block);
            masks.line_feeds[index] = mask(&halves, b'\n');
            masks.stops[index] = masks.line_feeds[index] | mask(&halves, b'"');
            for half in halves {
                backslashes = _mm256_or_si256(backslashes, is(half, b'\\'));
            }
        }
        // SAFETY: every byte of the text is in one block, which is what the positions have room for.
        unsafe {
            line_feeds.add_all::<1>(base, &masks.line_feeds[..group.len()]);
            stops.add_all::<4>(base, &masks.stops[..group.len()]);
        }
        if _mm256_movemask_epi8(backslashes) != 0 {
            add_rare(&mut marks.backslashes, base, group.as_flattened(), b'\\');
        }
        base += (group.len() * MASKED) as u32;
    }
    // SAFETY: all positions up to the length were written.
    unsafe {
        line_feeds.finish();
        stops.finish();
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
        list.reserve(text_len + 1 + 2 * MASKED);
        Positions { list, len: 0 }
    }

    /// Adds one position before all that are in the text.
    fn push(&mut self, position: u32) {
        self.list.push(position);
        self.len = self.list.len();
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
            // SAFETY: `len` is at most one more than the text's length rounded up to a block less this block's bits, and
            // there is room for another block and more behind it.
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
