//! Marks text 64 bytes at a time, on processors that can also gather the positions of set bits.
//!
//! Does what [`wide`] does; here a block is done with before the next one is looked at, as no mask has to be put together.
//! Text with more positions than are gathered is left to [`wide`]. [`super::mark`] decides whether this may run.

use super::{Marks, wide};
use core::arch::x86_64::*;

/// Bytes that one mask speaks of.
const MASKED: usize = 64;

/// Positions that are gathered at once; a block seldom has more.
const GATHERED: usize = 16;

pub(super) fn is_available() -> bool {
    wide::is_available() && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2")
}

/// [`super::mark`].
///
/// # Safety
///
/// [`is_available`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt")]
pub(super) unsafe fn mark(text: &[u8], marks: &mut Marks) {
    // Every byte may be a position, and as many as are gathered are written too many.
    let room = text.len() + 1 + GATHERED;
    for list in [&mut marks.line_feeds, &mut marks.stops] {
        list.clear();
        list.reserve(room);
    }
    let (feeds, stops) = (marks.line_feeds.as_mut_ptr(), marks.stops.as_mut_ptr());
    // SAFETY: there is room for one.
    unsafe { stops.write(Marks::BEFORE) };
    let (mut feeds_len, mut stops_len, mut start) = (0, 1, 0);
    // A call in the loop would make it load all that it compares with again and again.
    let (mut is_crowded, mut backslashes) = (false, 0);
    let each = offsets_in_block();
    let (blocks, rest) = text.as_chunks::<MASKED>();
    let mut last = [0; MASKED];
    last[..rest.len()].copy_from_slice(rest);
    for part in [blocks, &[last]] {
        for block in part {
            // SAFETY: the load is of the block's 64 bytes.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
            let feed = is(b'\n');
            let stop = feed | is(b'"');
            backslashes |= is(b'\\');
            let gathered = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(stop, each));
            let positions = _mm512_add_epi32(_mm512_cvtepu8_epi32(gathered), _mm512_set1_epi32(start as i32));
            let second_feed = feed & feed.wrapping_sub(1);
            // SAFETY: the positions up to here are those of earlier blocks' bytes, so that there is room for this block's
            // and those that are written too many.
            unsafe {
                _mm512_storeu_si512(stops.add(stops_len).cast(), positions);
                feeds.add(feeds_len).write(start + feed.trailing_zeros());
                feeds.add(feeds_len + 1).write(start + second_feed.trailing_zeros());
            }
            is_crowded |= stop.count_ones() as usize > GATHERED || second_feed & second_feed.wrapping_sub(1) != 0;
            stops_len += stop.count_ones() as usize;
            feeds_len += feed.count_ones() as usize;
            start += MASKED as u32;
        }
    }
    if is_crowded {
        // SAFETY: the caller has asked.
        return unsafe { wide::mark(text, marks) };
    }
    // SAFETY: all positions up to these lengths were written.
    unsafe {
        marks.line_feeds.set_len(feeds_len);
        marks.stops.set_len(stops_len);
    }
    marks.backslashes.clear();
    if backslashes != 0 {
        marks.backslashes.extend(memchr::memchr_iter(b'\\', text).map(|at| at as u32));
    }
}

/// The numbers from 0 to 63, the place of each byte in its block.
#[target_feature(enable = "avx512f")]
#[inline]
fn offsets_in_block() -> __m512i {
    let offsets: [u8; MASKED] = std::array::from_fn(|offset| offset as u8);
    // SAFETY: the load is of the array's 64 bytes.
    unsafe { _mm512_loadu_si512(offsets.as_ptr().cast()) }
}
