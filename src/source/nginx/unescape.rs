//! Undoes what nginx's `escape=` did to a value.

use super::syntax::Escape;
use crate::source::scan::find_byte;

/// Appends `text` to `out` with its escapes undone; what is no escape stays as it is.
pub(super) fn unescape(text: &[u8], escape: Escape, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = find_byte(rest, 0, b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let taken = match escape {
            Escape::Default => unescape_default(rest, out),
            Escape::Json => unescape_json(rest, out),
            Escape::None => None,
        };
        match taken {
            Some(taken) => rest = &rest[taken..],
            None => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
}

/// Appends what the escape at the start of `text` stands for and returns its length.
fn unescape_default(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    match text {
        [quoted @ (b'"' | b'\\'), ..] => {
            out.push(*quoted);
            Some(1)
        }
        [b'x', digits @ ..] => {
            out.push(hex(digits.first_chunk::<2>()?)? as u8);
            Some(3)
        }
        _ => None,
    }
}

fn unescape_json(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let (&letter, digits) = text.split_first()?;
    out.push(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            // nginx writes control characters so, nothing else: a surrogate is not one of its escapes.
            let character = char::from_u32(hex(digits.first_chunk::<4>()?)?)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(5);
        }
        _ => return None,
    });
    Some(1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_undone_and_others_left() {
        let undo = |text: &[u8], escape| {
            let mut out = Vec::new();
            unescape(text, escape, &mut out);
            out
        };
        assert_eq!(undo(br#"a\x22b\xC3\xa4\"\\c"#, Escape::Default), b"a\"b\xC3\xA4\"\\c");
        assert_eq!(undo(br"\x2\xZZ\n\", Escape::Default), br"\x2\xZZ\n\");
        assert_eq!(undo(br#"\"\\\/\b\f\n\r\t\u001f\u00E4"#, Escape::Json), b"\"\\/\x08\x0C\n\r\t\x1F\xC3\xA4");
        assert_eq!(undo(br"\uD83D\u12\x22\", Escape::Json), br"\uD83D\u12\x22\");
        assert_eq!(undo(br"\x22", Escape::None), br"\x22");
    }

    proptest! {
        #[test]
        fn unescaping_undoes_what_nginx_wrote(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut logged = Vec::new();
            for &byte in &bytes {
                match byte {
                    b'"' | b'\\' | 0..0x20 | 0x7F.. => logged.extend(format!("\\x{byte:02X}").bytes()),
                    _ => logged.push(byte),
                }
            }
            let mut out = Vec::new();
            unescape(&logged, Escape::Default, &mut out);
            prop_assert_eq!(out, bytes);
        }
    }
}
