//! The values that every log format writes alike: status, durations, the request line, what stands for nothing.
//!
//! In go the bytes of one value. Nothing here knows in which format they stood, or where in the line. What nginx
//! writes nearly always is read without a detour, as this runs for every line.

use crate::request::DecimalMs;
use crate::source::time::decimal::Decimal;
use crate::source::time::{NANOS_PER_MILLI, TimeParser};
use crate::source::tries::tries;

/// A value that its field cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The longest method taken for one; the longest registered (`UPDATEREDIRECTREF`) has 17 bytes.
const MAX_METHOD_LEN: usize = 20;

/// What marks a response as a stream of events, whose duration is no latency.
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// The value, unless there was none and the log says `-` or nothing.
#[inline(always)]
pub(super) fn present(text: &[u8]) -> Option<&[u8]> {
    match text {
        [] | b"-" => None,
        text => Some(text),
    }
}

/// The developer, unless there was none. What ends in ` -` is a column that the format does not know and then no name:
/// some servers' lines have an id there, and only some of them.
#[inline(always)]
pub(super) fn developer(text: &[u8]) -> Option<&[u8]> {
    present(text).filter(|text| !text.ends_with(b" -"))
}

/// A status code from 100 to 599 in three digits; `None` for `000` and `009`, which nginx writes where no answer
/// with a status was begun.
#[inline(always)]
pub(super) fn status(text: &[u8]) -> Result<Option<u16>, Malformed> {
    let &[a, b, c] = text else { return Err(Malformed) };
    let [a, b, c] = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
    if a > 9 || b > 9 || c > 9 {
        return Err(Malformed);
    }
    status_of(u64::from(a) * 100 + u64::from(b) * 10 + u64::from(c))
}

/// A status code as [`status`] has it, or any other way to write that whole number, such as `200.0`, `0` or `9`.
#[inline(always)]
pub(super) fn status_number(text: &[u8]) -> Result<Option<u16>, Malformed> {
    if text.len() == 3 {
        return status(text).or_else(|Malformed| any_status(text));
    }
    any_status(text)
}

/// A status code as [`status`] has it; `None` too for `-`, `-1` and `0`, which load balancers write where no answer
/// was begun.
pub(super) fn status_or_none(text: &[u8]) -> Result<Option<u16>, Malformed> {
    match text {
        b"-" | b"-1" | b"0" => Ok(None),
        text => status(text),
    }
}

#[cold]
fn any_status(text: &[u8]) -> Result<Option<u16>, Malformed> {
    magnitude(text).and_then(Decimal::whole).ok_or(Malformed).and_then(status_of)
}

#[inline(always)]
fn status_of(code: u64) -> Result<Option<u16>, Malformed> {
    match code {
        100..=599 => Ok(Some(code as u16)),
        0 | 9 => Ok(None),
        _ => Err(Malformed),
    }
}

/// One duration, a number in units of `10^unit_exponent` milliseconds; `None` for `-` and nothing.
#[inline(always)]
pub(super) fn duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    if let Ok(text) = text.try_into()
        && let Some(duration) = short_duration(text, unit_exponent)
    {
        return Ok(Some(duration));
    }
    any_duration(text, unit_exponent)
}

/// [`duration`] of the form `0.123`, in which nginx writes nearly all of them.
#[inline(always)]
pub(super) fn short_duration([a, dot, b, c, d]: [u8; 5], unit_exponent: i8) -> Option<DecimalMs> {
    const FORM: u64 = u64::from_le_bytes(*b"0.000\0\0\0");
    // Added to a byte, these reach its highest bit where it is more than 9, and more than 0 for the point.
    const LIMITS: u64 = u64::from_le_bytes([0x76, 0x7F, 0x76, 0x76, 0x76, 0, 0, 0]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0]);
    let digits = u64::from_le_bytes([a, dot, b, c, d, 0, 0, 0]) ^ FORM;
    if (digits.wrapping_add(LIMITS) | digits) & HIGHEST != 0 {
        return None;
    }
    let at = |place: u32| digits >> (8 * place) & 0xFF;
    decimal_ms(at(0) * 1000 + at(2) * 100 + at(3) * 10 + at(4), i32::from(unit_exponent) - 3).ok()
}

fn any_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    let Some(text) = present(text) else { return Ok(None) };
    in_millis(magnitude(text).ok_or(Malformed)?, unit_exponent).map(Some)
}

/// A duration of digits only.
pub(super) fn whole_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    let is_whole = present(text).is_none_or(|text| text.iter().all(u8::is_ascii_digit));
    if is_whole { any_duration(text, unit_exponent) } else { Err(Malformed) }
}

/// The duration of a phase; `None` where it was not reached (`-1`) or not over when the line was written (`+12`).
pub(super) fn phase_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    let text = text.trim_ascii_start();
    let is_open = text == b"-1" || text.strip_prefix(b"+").is_some_and(|rest| any_duration(rest, 0).is_ok());
    if is_open { Ok(None) } else { any_duration(text, unit_exponent) }
}

/// The total of an upstream list, `0.010, 0.003 : 0.002`: one number for each server tried, `:` between groups of
/// servers, `-` where a server was not reached. A single duration is a list of one.
#[inline(always)]
pub(super) fn upstream_duration(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    duration(text, unit_exponent).or_else(|Malformed| upstream_sum(text, unit_exponent))
}

#[cold]
fn upstream_sum(text: &[u8], unit_exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
    let mut sum: Option<Decimal> = None;
    for part in tries(text) {
        if part == b"-" {
            continue;
        }
        let number = magnitude(part).ok_or(Malformed)?;
        sum = Some(match sum {
            Some(before) => before.checked_add(number).ok_or(Malformed)?,
            None => number,
        });
    }
    sum.map(|sum| in_millis(sum, unit_exponent)).transpose()
}

#[inline(always)]
fn magnitude(text: &[u8]) -> Option<Decimal> {
    Decimal::parse(text).filter(|number| !number.is_negative())
}

#[inline(always)]
fn in_millis(number: Decimal, unit_exponent: i8) -> Result<DecimalMs, Malformed> {
    decimal_ms(number.mantissa(), number.exponent() + i32::from(unit_exponent))
}

/// `mantissa * 10^exponent` milliseconds; zero has one form only.
#[inline(always)]
fn decimal_ms(mantissa: u64, exponent: i32) -> Result<DecimalMs, Malformed> {
    let duration = match i8::try_from(exponent) {
        _ if mantissa == 0 => DecimalMs::new(0, 0),
        Ok(exponent) => DecimalMs::new(mantissa, exponent),
        // 19 digits behind more than a hundred zeros.
        Err(_) if exponent < 0 => DecimalMs::new(0, 0),
        Err(_) => None,
    };
    duration.ok_or(Malformed)
}

/// Whole milliseconds from the one that a stamp lies in to the one in which the duration that begins with it ends: only the
/// sum is cut.
pub(super) fn millis_until_end(start: &[u8], duration: DecimalMs) -> i64 {
    // At most a thousand days.
    let nanos = TimeParser::nanos_past_millis(start) + duration.nanos() as i64;
    nanos / NANOS_PER_MILLI as i64
}

/// The method and target of `METHOD TARGET PROTOCOL` or, as HTTP/0.9 has it, `METHOD TARGET`; `None` when there is
/// no method or no target, as in what port scanners send.
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
    if let Some((target, protocol)) = text.split_last_chunk()
        && is_protocol(*protocol)
        && let [b' ', target @ ..] = target
        && target.first().is_some_and(|&byte| byte != b' ')
        && target.last() != Some(&b' ')
    {
        return Some(target);
    }
    any_request_target(text)
}

/// Whether this is ` HTTP/1.1` or the like.
#[inline(always)]
fn is_protocol([head @ .., last]: [u8; " HTTP/1.1".len()]) -> bool {
    const FORM: u64 = u64::from_le_bytes(*b" HTTP/0.");
    const DIGIT: u64 = 0xFF << 48;
    let difference = u64::from_le_bytes(head) ^ FORM;
    difference & !DIGIT == 0 && difference >> 48 <= 9 && last.is_ascii_digit()
}

fn any_request_target(text: &[u8]) -> Option<&[u8]> {
    let target = match memchr::memrchr(b' ', text) {
        Some(space) if text[space + 1..].starts_with(b"HTTP/") => &text[..space],
        _ => text,
    };
    Some(target.trim_ascii()).filter(|target| !target.is_empty())
}

/// What follows the host in `example.com/a?b`; `None` for a target without a host, or with a scheme before it, and for
/// a name that no slash follows, which may as well be a file's, or what a client is to be connected to.
// Out of the way of the formats that never ask.
#[inline(never)]
pub(super) fn behind_host(target: &[u8]) -> Option<&[u8]> {
    let (host, path) = target.split_at(memchr::memchr(b'/', target)?);
    is_host(host).then_some(path)
}

/// Whether this is a name with a dot or a port, `localhost`, or an IPv6 address in brackets.
fn is_host(text: &[u8]) -> bool {
    let is_port = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let colon = memchr::memrchr(b':', text).filter(|colon| is_port(&text[colon + 1..]));
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    match &text[..colon.unwrap_or(text.len())] {
        [b'[', address @ .., b']'] => address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte)),
        name @ [first, ..] if first.is_ascii_alphanumeric() && name.iter().all(is_of_name) => {
            colon.is_some() || name.contains(&b'.') || name == b"localhost"
        }
        _ => false,
    }
}

/// Whether this content type is a stream of events.
pub(super) fn is_event_stream(content_type: &[u8]) -> bool {
    content_type.get(..EVENT_STREAM.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENT_STREAM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Timezone;
    use proptest::prelude::*;

    fn millis(mantissa: u64, exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
        Ok(Some(DecimalMs::new(mantissa, exponent).unwrap()))
    }

    #[test]
    fn a_status_is_three_digits() {
        for read in [status, status_number] {
            assert_eq!(read(b"099"), Err(Malformed));
            assert_eq!(read(b"100"), Ok(Some(100)));
            assert_eq!(read(b"599"), Ok(Some(599)));
            assert_eq!(read(b"600"), Err(Malformed));
            assert_eq!(read(b"000"), Ok(None));
            assert_eq!(read(b"009"), Ok(None));
            for bad in [&b""[..], b"-", b"20", b"2000", b"2x0", b" 20", b"20:", b"2/0"] {
                assert_eq!(read(bad), Err(Malformed), "{}", bad.escape_ascii());
            }
        }
    }

    #[test]
    fn a_status_number_is_whole_however_it_is_written() {
        let code = |text: &str| status_number(text.as_bytes());
        assert_eq!(code("99"), Err(Malformed));
        assert_eq!(code("200.0"), Ok(Some(200)));
        assert_eq!(code("2e2"), Ok(Some(200)));
        for none in ["0", "9", "0.0"] {
            assert_eq!(code(none), Ok(None), "{none}");
            assert_eq!(status(none.as_bytes()), Err(Malformed), "{none}");
        }
        for bad in ["200.5", "-200", "OK", "20x", "99999999999999999999999", "65736"] {
            assert_eq!(code(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn durations_keep_their_digits() {
        assert_eq!(duration(b"0.010", 3), millis(10, 0));
        assert_eq!(duration(b"12.345", 3), millis(12_345, 0));
        assert_eq!(duration(b"7", 0), millis(7, 0));
        assert_eq!(duration(b"0.0000010", 3), millis(10, -4));
        assert_eq!(duration(b"48.799", 0), millis(48_799, -3));
        assert_eq!(duration(b"4.8799E1", 0), millis(48_799, -3));
        assert_eq!(duration(b"1e-3", 3), millis(1, 0));
        assert_eq!(duration(b"1250", -3), millis(1_250, -3));
        assert_eq!(duration(b"357313", -6), millis(357_313, -6));
        for zero in ["0", "-0", "0.000", "0.00000", "0e9"] {
            assert_eq!(duration(zero.as_bytes(), 3), millis(0, 0), "{zero}");
        }
        assert_eq!(duration(b"-", 3), Ok(None));
        assert_eq!(duration(b"", 3), Ok(None));
        for bad in
            ["-0.001", "-1", "0.", ".5", "1.2.3", "0,010", "0.01x", " 1", "0.01 ", "9999999999999999999999", "0.a00"]
        {
            assert_eq!(duration(bad.as_bytes(), 3), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_no_longer_than_a_thousand_days() {
        assert_eq!(duration(b"86400000.000", 3), millis(86_400_000_000, 0));
        assert_eq!(duration(b"86400000.001", 3), Err(Malformed));
        assert_eq!(duration(b"1e900", 3), Err(Malformed));
    }

    #[test]
    fn a_duration_too_small_to_write_down_is_zero() {
        assert_eq!(duration(format!("0.{}1", "0".repeat(130)).as_bytes(), 3), millis(1, -128));
        assert_eq!(duration(format!("0.{}1", "0".repeat(131)).as_bytes(), 3), millis(0, 0));
        assert_eq!(duration(b"1e-900", 3), millis(0, 0));
    }

    #[test]
    fn an_end_is_cut_once() {
        let until = |start: &str, micros: u64| millis_until_end(start.as_bytes(), DecimalMs::new(micros, -3).unwrap());
        for (start, micros, millis) in [
            ("2026-06-01T12:00:00.000999Z", 0, 0),
            ("2026-06-01T12:00:00.000999Z", 1, 1),
            ("2026-06-01T12:00:00.000500500Z", 499, 0),
            ("2026-06-01T12:00:00.000500500+02:00", 500, 1),
            ("2026-06-01 12:00:00,7", 1_999, 1),
            ("2026-06-01T12:00:00.7+02:00", 1_999, 1),
            ("2026-06-01T12:00:00.0009999999Z", 0, 0),
            ("01/Jun/2026:12:00:00.0009", 100, 1),
            ("01/Jun/2026:12:00:00 +0000", 1_999, 1),
            ("[01/Jun/2026:12:00:00 +0000]", 1_999, 1),
            ("1780315200.000999", 1_001, 2),
            ("1780315200000.5", 500, 1),
            ("1780315200000999", 1, 1),
            ("1780315200000999999", 0, 0),
            ("1780315200", 999, 0),
            // Cut towards the epoch, which lies behind it.
            ("-1.000400", 0, 0),
            ("-1.000400", 400, 0),
            ("", 2_000, 2),
        ] {
            assert_eq!(until(start, micros), millis, "{start} {micros}");
        }
    }

    #[test]
    fn an_upstream_list_is_summed() {
        assert_eq!(upstream_duration(b"0.010, 0.003 : 0.002", 3), millis(15, 0));
        assert_eq!(upstream_duration(b"0.010, 0.0005", 3), millis(105, -1));
        assert_eq!(upstream_duration(b"-, 0.003", 3), millis(3, 0));
        assert_eq!(upstream_duration(b"0.004", 3), millis(4, 0));
        assert_eq!(upstream_duration(b"0.004 : ", 3), millis(4, 0));
        for none in ["", "-", "-, -", "-, - : -"] {
            assert_eq!(upstream_duration(none.as_bytes(), 3), Ok(None), "{none}");
        }
        for bad in [
            "0.010 0.003",
            "0.010,0.003",
            "0.010:0.003",
            "0.010,",
            ", 0.010",
            "0.010, x",
            "0.010, -0.001",
            "0.010 : -1",
            "-0.001",
            "fast",
            "1s",
            "18446744073709551615, 1",
            "1, 9999999999999999999",
        ] {
            assert_eq!(upstream_duration(bad.as_bytes(), 3), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn request_lines_good_and_broken() {
        let split = |text: &str| {
            let (method, target) = request_line(text.as_bytes())?;
            Some(format!("{}|{}", method.escape_ascii(), target.escape_ascii()))
        };
        for (line, parts) in [
            ("GET /a?b=1 HTTP/1.1", "GET|/a?b=1"),
            ("POST / HTTP/2.0", "POST|/"),
            ("PROPFIND /dav HTTP/3", "PROPFIND|/dav"),
            ("SSTP_DUPLEX_POST /sra/ HTTP/1.1", "SSTP_DUPLEX_POST|/sra/"),
            ("GET /old", "GET|/old"),
            ("GET /a b c HTTP/1.1", "GET|/a b c"),
            ("GET  /a  HTTP/1.1", "GET|/a"),
            ("OPTIONS * HTTP/1.1", "OPTIONS|*"),
            ("ABCDEFGHIJKLMNOPQRST /", "ABCDEFGHIJKLMNOPQRST|/"),
        ] {
            assert_eq!(split(line).as_deref(), Some(parts), "{line}");
        }
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
            "\x16\x03 a",
            "\\x16\\x03\\x01",
            "\\x16\\x03 \\x01 HTTP/1.1",
        ] {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_host_is_no_part_of_a_path() {
        for (target, path) in [
            ("example.com/a/b?c=d", "/a/b?c=d"),
            ("example.com:8080/a", "/a"),
            ("web:8080/a", "/a"),
            ("localhost/a", "/a"),
            ("192.0.2.1/a", "/a"),
            ("[2001:db8::1]:80/a", "/a"),
            ("[2001:db8::1]/a", "/a"),
            ("example.com/", "/"),
            ("example.com/a?u=http://example.org/b", "/a?u=http://example.org/b"),
        ] {
            assert_eq!(behind_host(target.as_bytes()), Some(path.as_bytes()), "{target}");
        }
        for other in [
            "example.com",
            "example.com:443",
            "example.com?u=/a",
            "index.html",
            "styles.css?v=1",
            "images/a.png",
            "../a.b/c",
            "./a",
            ".well-known/a",
            "about:blank",
            "about:blank/a",
            "http://example.com/a",
            "/a//b",
            "/example.com/a",
            "//a",
            ":80/a",
            "[a/b",
            "*",
            "-",
            "",
        ] {
            assert_eq!(behind_host(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn an_event_stream_is_known_by_the_start_of_its_type() {
        assert!(is_event_stream(b"text/event-stream"));
        assert!(is_event_stream(b"Text/Event-Stream; charset=utf-8"));
        assert!(!is_event_stream(b"text/event-strea"));
        assert!(!is_event_stream(b"text/html"));
    }

    proptest! {
        #[test]
        fn ends_agree_with_whole_nanoseconds(start in 1_000_000_000_000_000_000u64..2_000_000_000_000_000_000, long in 0u64..10_000_000_000) {
            let seconds = chrono::DateTime::from_timestamp_nanos(start as i64).format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string();
            let (whole, nanos) = (start / 1_000_000_000, start % 1_000_000_000);
            for stamp in [seconds, format!("{whole}.{nanos:09}"), start.to_string()] {
                let start_ms = TimeParser::new(Timezone::default()).any(stamp.as_bytes()).unwrap();
                let end_ms = start_ms + millis_until_end(stamp.as_bytes(), DecimalMs::new(long, -6).unwrap());
                prop_assert_eq!(end_ms, ((start + long) / 1_000_000) as i64, "{}", stamp);
            }
        }

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
    }
}
