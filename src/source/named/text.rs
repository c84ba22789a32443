//! The insides of JSON strings: where they end, and what their escapes stand for.
//!
//! Everything works on bytes, and what is no UTF-8 passes through. The search is inlined for the same reason
//! as the one in `source::scan`: strings of a log line are too short to pay for a call each.

/// The position of the first `"` or `\` at or after `from`, or the length when there is none.
#[inline(always)]
pub(super) fn find_special(bytes: &[u8], from: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    return sse2::find_special(bytes, from);
    #[cfg(not(target_arch = "x86_64"))]
    return find_special_bytewise(bytes, from);
}

#[inline(always)]
fn find_special_bytewise(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map_or(bytes.len(), |offset| from + offset)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    /// Two registers at a time: most strings of a log line then end in the first step, which the processor can predict.
    const STEP: usize = 32;

    #[inline(always)]
    pub(super) fn find_special(bytes: &[u8], from: usize) -> usize {
        let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<STEP>();
        let mut at = from;
        for block in blocks {
            let hits = special_bits(block);
            if hits != 0 {
                return at + hits.trailing_zeros() as usize;
            }
            at += STEP;
        }
        match bytes.last_chunk() {
            // The last whole block covers the tail too; the bytes before the tail are shifted out.
            Some(block) if !tail.is_empty() => {
                let hits = special_bits(block) >> (STEP - tail.len());
                if hits == 0 { bytes.len() } else { at + hits.trailing_zeros() as usize }
            }
            _ => super::find_special_bytewise(bytes, at),
        }
    }

    /// Bit `i` is set where byte `i` of the block is a quote or a backslash.
    #[inline(always)]
    fn special_bits(block: &[u8; STEP]) -> u32 {
        // SAFETY: SSE2 belongs to the x86-64 baseline, and the two unaligned loads read exactly the 32 bytes that
        // `block` borrows.
        unsafe {
            let start = block.as_ptr().cast::<__m128i>();
            let bits = |bytes: __m128i| {
                let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
                let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
                _mm_movemask_epi8(_mm_or_si128(quotes, backslashes)) as u32
            };
            bits(_mm_loadu_si128(start)) | bits(_mm_loadu_si128(start.add(1))) << 16
        }
    }
}

/// Appends `text` to `out` with its escapes undone; one that stands for nothing becomes U+FFFD.
///
/// Beside JSON's escapes `\xHH` is read, which nginx writes into JSON logs that lack `escape=json`.
pub(in crate::source) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = unescape_one(&escape[1..], out);
    }
    out.extend_from_slice(rest);
}

/// How much of `text` stands for its first `len` bytes with the escapes undone; `scratch` is overwritten.
#[cold]
pub(in crate::source) fn escaped_len(text: &[u8], len: usize, scratch: &mut Vec<u8>) -> usize {
    let (mut rest, mut decoded) = (text, 0);
    while decoded < len
        && let Some((byte, after)) = rest.split_first()
    {
        scratch.clear();
        rest = if *byte == b'\\' { unescape_one(after, scratch) } else { after };
        decoded += scratch.len().max(1);
    }
    text.len() - rest.len()
}

/// Appends what the escape stands for whose backslash comes before `text`, and returns what follows it.
fn unescape_one<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((letter, rest)) = text.split_first() else {
        push_char(char::REPLACEMENT_CHARACTER, out);
        return text;
    };
    match letter {
        b'"' | b'\\' | b'/' => out.push(*letter),
        b'b' => out.push(0x08),
        b'f' => out.push(0x0C),
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'u' => return unescape_unicode(rest, out),
        b'x' => {
            if let Some((byte, rest)) = hex::<2>(rest) {
                out.push(byte as u8);
                return rest;
            }
            push_char(char::REPLACEMENT_CHARACTER, out);
        }
        _ => push_char(char::REPLACEMENT_CHARACTER, out),
    }
    rest
}

/// Reads `HHHH`, and a second `\uHHHH` where the two are a surrogate pair.
fn unescape_unicode<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((unit, rest)) = hex::<4>(text) else {
        push_char(char::REPLACEMENT_CHARACTER, out);
        return text;
    };
    if let 0xD800..=0xDBFF = unit
        && let Some((low @ 0xDC00..=0xDFFF, after)) = rest.strip_prefix(b"\\u").and_then(hex::<4>)
    {
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        push_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), out);
        return after;
    }
    push_char(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), out);
    rest
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn hex<const DIGITS: usize>(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<DIGITS>()?;
    let value = digits.iter().try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undo(text: &str) -> String {
        let mut out = Vec::new();
        unescape(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn specials_are_found_at_every_position_around_the_block_size() {
        for len in 0..100 {
            for at in 0..len {
                let mut bytes = vec![b'a'; len];
                bytes[at] = if at % 2 == 0 { b'"' } else { b'\\' };
                for from in 0..len + 2 {
                    let expected = if from <= at { at } else { len };
                    assert_eq!(find_special(&bytes, from), expected, "{len} {at} {from}");
                }
            }
        }
    }

    #[test]
    fn escapes_stand_for_characters() {
        assert_eq!(undo(r#"\"\\\/\b\f\n\r\t"#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(undo(r"a\u00e4b\u20ACc"), "a\u{e4}b\u{20ac}c");
        assert_eq!(undo(r"\ud83d\uDE00!"), "\u{1f600}!");
        assert_eq!(undo(r"\x22\x7e"), "\"~");
    }

    #[test]
    fn lengths_lead_back_to_what_is_escaped() {
        let text = r#"a\"b\u00e4\ud83d\ude00c\q"#;
        let len = |decoded| escaped_len(text.as_bytes(), decoded, &mut Vec::new());
        for (decoded, escaped) in
            [(0, 0), (1, 1), (2, 3), (3, 4), (4, 10), (5, 10), (6, 22), (9, 22), (10, 23), (11, 25), (13, 25), (99, 25)]
        {
            assert_eq!(len(decoded), escaped, "{decoded}");
        }
    }

    #[test]
    fn broken_escapes_become_replacement_characters() {
        assert_eq!(undo(r"\ud83d"), "\u{fffd}");
        assert_eq!(undo(r"\ud83dx"), "\u{fffd}x");
        assert_eq!(undo(r"\ud83d\u0041"), "\u{fffd}A");
        assert_eq!(undo(r"\ud83d\n"), "\u{fffd}\n");
        assert_eq!(undo(r"\ude00\ud83d\ude00"), "\u{fffd}\u{1f600}");
        assert_eq!(undo(r"\u12g4"), "\u{fffd}12g4");
        assert_eq!(undo(r"\q\x2g\"), "\u{fffd}\u{fffd}2g\u{fffd}");
    }

    proptest! {
        #[test]
        fn agrees_with_serde(text in any::<String>(), ascii in "[a-c\"\\\\\u{0}-\u{1f}]{0,40}") {
            for text in [text, ascii] {
                let quoted = serde_json::to_string(&text).unwrap();
                prop_assert_eq!(undo(&quoted[1..quoted.len() - 1]), text);
            }
        }

        #[test]
        fn every_way_to_write_a_character_agrees_with_serde(text in any::<String>()) {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            prop_assert_eq!(undo(&escaped), read);
        }

        #[test]
        fn every_length_leads_back_to_the_end_of_a_character(
            pieces in prop::collection::vec(prop::sample::select(vec![
                ("a", 1), ("}", 1), ("\u{1}", 1), (r#"\""#, 1), (r"\\", 1), (r"\n", 1), (r"\x41", 1), (r"\u003c", 1), (r"\u00e4", 2),
                (r"\u20ac", 3), (r"\ud83d\ude00", 4), (r"\q", 3),
            ]), 0..20),
        ) {
            let text: String = pieces.iter().map(|(escaped, _)| *escaped).collect();
            // Where each decoded byte's character ends.
            let (mut ends, mut end) = (vec![0], 0);
            for (escaped, decoded) in pieces {
                end += escaped.len();
                ends.extend(std::iter::repeat_n(end, decoded));
            }
            ends.extend([end, end]);
            for (len, end) in ends.into_iter().enumerate() {
                prop_assert_eq!(escaped_len(text.as_bytes(), len, &mut Vec::new()), end);
            }
        }

        #[test]
        fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), text in r"[\\ux0-9a-fD]{0,40}") {
            for input in [&bytes[..], text.as_bytes()] {
                unescape(input, &mut Vec::new());
                prop_assert_eq!(find_special(input, 3), find_special_bytewise(input, 3));
                for len in [0, 1, input.len() / 2, input.len()] {
                    prop_assert!(escaped_len(input, len, &mut Vec::new()) <= input.len());
                }
            }
        }
    }
}
