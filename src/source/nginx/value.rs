//! Reads the single values of a line: status, durations, the request line, escaped text.
//!
//! In go the bytes between two delimiters. Nothing here knows where in the line they stood.

use super::syntax::Escape;
use crate::request::DecimalMs;
use crate::source::scan::find_byte;
use crate::source::time::decimal::Decimal;

/// A value that its variable cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The longest method taken for one; the longest registered (`UPDATEREDIRECTREF`) has 17 bytes.
const MAX_METHOD_LEN: usize = 20;

/// The value, unless nginx had none and wrote `-` or nothing.
#[inline(always)]
pub(super) fn present(text: &[u8]) -> Option<&[u8]> {
    match text {
        [] | b"-" => None,
        text => Some(text),
    }
}

/// A status code from 100 to 599; `None` for `000` and `009`, which nginx writes where no answer with a
/// status was begun.
#[inline(always)]
pub(super) fn status(text: &[u8]) -> Result<Option<u16>, Malformed> {
    let &[a, b, c] = text else { return Err(Malformed) };
    let [a, b, c] = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
    if a > 9 || b > 9 || c > 9 {
        return Err(Malformed);
    }
    match u16::from(a) * 100 + u16::from(b) * 10 + u16::from(c) {
        code @ 100..=599 => Ok(Some(code)),
        0 | 9 => Ok(None),
        _ => Err(Malformed),
    }
}

/// One duration, a number in units of `10^unit_exponent` milliseconds.
#[inline(always)]
pub(super) fn duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    // `0.123`, as nginx writes nearly all of them.
    if let &[a, b'.', b, c, d] = text {
        let [a, b, c, d] = [a, b, c, d].map(|digit| u64::from(digit.wrapping_sub(b'0')));
        if a <= 9 && b <= 9 && c <= 9 && d <= 9 {
            let mantissa = a * 1000 + b * 100 + c * 10 + d;
            return decimal_ms(mantissa, i32::from(unit_exponent) - 3).map(Some).ok_or(Malformed);
        }
    }
    any_duration(text, unit_exponent)
}

fn any_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    match present(text) {
        Some(text) => magnitude(text).and_then(|number| in_millis(number, unit_exponent)).map(Some).ok_or(Malformed),
        None => Ok(None),
    }
}

/// The total of an upstream list, `0.010, 0.003 : 0.002`: one number for each server tried, `:` between
/// groups of servers, `-` where a server was not reached.
#[inline(always)]
pub(super) fn upstream_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    duration(text, unit_exponent).or_else(|Malformed| upstream_sum(text, unit_exponent).ok_or(Malformed))
}

#[cold]
fn upstream_sum(text: &[u8], unit_exponent: i8) -> Option<Option<DecimalMs>> {
    let mut sum: Option<Decimal> = None;
    for part in text.split(|byte| matches!(byte, b',' | b':')) {
        let part = part.trim_ascii();
        if part == b"-" {
            continue;
        }
        let number = magnitude(part)?;
        sum = Some(match sum {
            Some(before) => before.checked_add(number)?,
            None => number,
        });
    }
    match sum {
        Some(sum) => in_millis(sum, unit_exponent).map(Some),
        None => Some(None),
    }
}

fn magnitude(text: &[u8]) -> Option<Decimal> {
    Decimal::parse(text).filter(|number| !number.is_negative())
}

fn in_millis(number: Decimal, unit_exponent: i8) -> Option<DecimalMs> {
    decimal_ms(number.mantissa(), number.exponent().checked_add(i32::from(unit_exponent))?)
}

/// `mantissa * 10^exponent` milliseconds; zero has one form only.
#[inline(always)]
fn decimal_ms(mantissa: u64, exponent: i32) -> Option<DecimalMs> {
    let exponent = if mantissa == 0 { 0 } else { exponent };
    DecimalMs::new(mantissa, i8::try_from(exponent).ok()?)
}

/// The method and target of `METHOD TARGET PROTOCOL` or, as HTTP/0.9 has it, `METHOD TARGET`; `None`
/// when there is no method or no target, as in what port scanners send.
#[inline(always)]
pub(super) fn request_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) = if text.starts_with(b"GET ") {
        text.split_at(3)
    } else if text.starts_with(b"POST ") {
        text.split_at(4)
    } else {
        split_method(text)?
    };
    Some((method, request_target(rest)?))
}

fn split_method(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().take(MAX_METHOD_LEN + 1).position(|&byte| byte == b' ')?;
    let (method, rest) = text.split_at(end);
    is_method(method).then_some((method, rest))
}

/// Whether `text` can be a method: upper-case letters, then also `-` and `_`.
#[inline(always)]
pub(super) fn is_method(text: &[u8]) -> bool {
    let is_tail = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    text.len() <= MAX_METHOD_LEN && text.first().is_some_and(u8::is_ascii_uppercase) && text.iter().all(is_tail)
}

/// The target in ` TARGET PROTOCOL` or ` TARGET`; it may hold spaces itself.
#[inline(always)]
fn request_target(text: &[u8]) -> Option<&[u8]> {
    if let Some((target, protocol)) = text.split_last_chunk::<{ " HTTP/1.1".len() }>()
        && protocol.starts_with(b" HTTP/")
        && let [b'0'..=b'9', b'.', b'0'..=b'9'] = protocol[" HTTP/".len()..]
        && let [b' ', target @ ..] = target
        && target.first().is_some_and(|&byte| byte != b' ')
        && target.last() != Some(&b' ')
    {
        return Some(target);
    }
    any_request_target(text)
}

fn any_request_target(text: &[u8]) -> Option<&[u8]> {
    let target = match memchr::memrchr(b' ', text) {
        Some(space) if text[space + 1..].starts_with(b"HTTP/") => &text[..space],
        _ => text,
    };
    Some(target.trim_ascii()).filter(|target| !target.is_empty())
}

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

    fn millis(mantissa: u64, exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
        Ok(Some(DecimalMs::new(mantissa, exponent).unwrap()))
    }

    #[test]
    fn status_is_three_digits() {
        let code = |text: &[u8]| status(text);
        assert_eq!(code(b"099"), Err(Malformed));
        assert_eq!(code(b"100"), Ok(Some(100)));
        assert_eq!(code(b"599"), Ok(Some(599)));
        assert_eq!(code(b"600"), Err(Malformed));
        assert_eq!(code(b"000"), Ok(None));
        assert_eq!(code(b"009"), Ok(None));
        for bad in [&b""[..], b"-", b"20", b"2000", b"2x0", b" 20", b"20:", b"2/0"] {
            assert_eq!(code(bad), Err(Malformed), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn durations_keep_their_digits() {
        assert_eq!(duration(b"0.010", 3), millis(10, 0));
        assert_eq!(duration(b"12.345", 3), millis(12_345, 0));
        assert_eq!(duration(b"7", 0), millis(7, 0));
        assert_eq!(duration(b"0.0000010", 3), millis(10, -4));
        assert_eq!(duration(b"0.000", 3), millis(0, 0));
        assert_eq!(duration(b"86400000.000", 3), millis(86_400_000_000, 0));
        assert_eq!(duration(b"86400000.001", 3), Err(Malformed));
        assert_eq!(duration(b"-", 3), Ok(None));
        assert_eq!(duration(b"", 3), Ok(None));
        for bad in
            ["-0.001", "-1", "0.", ".5", "1.2.3", "0,010", "0.01x", " 1", "0.01 ", "9999999999999999999999", "0.a00"]
        {
            assert_eq!(duration(bad.as_bytes(), 3), Err(Malformed), "{bad}");
        }
        assert_eq!(duration(format!("0.{}1", "0".repeat(130)).as_bytes(), 3), millis(1, -128));
        assert_eq!(duration(format!("0.{}1", "0".repeat(131)).as_bytes(), 3), Err(Malformed));
    }

    #[test]
    fn an_upstream_list_is_summed() {
        assert_eq!(upstream_duration(b"0.010, 0.003 : 0.002", 3), millis(15, 0));
        assert_eq!(upstream_duration(b"0.010, 0.0005", 3), millis(105, -1));
        assert_eq!(upstream_duration(b"-, 0.003", 3), millis(3, 0));
        assert_eq!(upstream_duration(b"0.004", 3), millis(4, 0));
        assert_eq!(upstream_duration(b"-, - : -", 3), Ok(None));
        assert_eq!(upstream_duration(b"-", 3), Ok(None));
        for bad in ["0.010 0.003", "0.010,", ", 0.010", "0.010, x", "0.010 : -1", "18446744073709551615, 1"] {
            assert_eq!(upstream_duration(bad.as_bytes(), 3), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn request_lines_good_and_broken() {
        let split = |text: &'static str| {
            request_line(text.as_bytes()).map(|(m, t)| (m.escape_ascii().to_string(), t.escape_ascii().to_string()))
        };
        let good = |method: &str, target: &str| Some((method.to_owned(), target.to_owned()));
        assert_eq!(split("GET /a?b=1 HTTP/1.1"), good("GET", "/a?b=1"));
        assert_eq!(split("POST / HTTP/2.0"), good("POST", "/"));
        assert_eq!(split("PROPFIND /dav HTTP/3"), good("PROPFIND", "/dav"));
        assert_eq!(split("SSTP_DUPLEX_POST /sra/ HTTP/1.1"), good("SSTP_DUPLEX_POST", "/sra/"));
        assert_eq!(split("GET /old"), good("GET", "/old"));
        assert_eq!(split("GET /a b c HTTP/1.1"), good("GET", "/a b c"));
        assert_eq!(split("GET  /a  HTTP/1.1"), good("GET", "/a"));
        assert_eq!(split("OPTIONS * HTTP/1.1"), good("OPTIONS", "*"));
        assert_eq!(split("ABCDEFGHIJKLMNOPQRST /"), good("ABCDEFGHIJKLMNOPQRST", "/"));
        for bad in [
            "",
            "-",
            "GET",
            "GET ",
            "GET HTTP/1.1",
            "GET  HTTP/1.1",
            "GET   ",
            "get / HTTP/1.1",
            "- / HTTP/1.1",
            " / HTTP/1.1",
            "ABCDEFGHIJKLMNOPQRSTU /",
            "\\x16\\x03\\x01",
            "\\x16\\x03 \\x01 HTTP/1.1",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

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
        fn the_short_duration_form_agrees_with_the_general_one(text in "[0-9.:/-]{0,7}") {
            prop_assert_eq!(duration(text.as_bytes(), 3), any_duration(text.as_bytes(), 3));
        }

        #[test]
        fn the_usual_request_lines_agree_with_the_general_rule(text in "(GET|POST|PUT|get)?[ /aH]{0,6}( ?HTTP/[0-9. ]{0,4})?") {
            let text = text.as_bytes();
            let general = split_method(text).and_then(|(method, rest)| Some((method, any_request_target(rest)?)));
            prop_assert_eq!(request_line(text), general);
        }

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
