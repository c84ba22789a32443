//! A logged request target in, its route template out: `/api/orders/12345?x=1` becomes `/api/orders/:id`.
//!
//! A segment is replaced as a whole or not at all, and by what it looks like alone, so that a route
//! never depends on the lines before it. This module must not know methods, statuses or counts.

mod classify;
pub mod declared;
pub mod endpoint;
pub(crate) mod naming;
pub(crate) mod paths;
pub(crate) mod recent;
mod tree;

use classify::{Classes, MAX_LEN, classify};
use memchr::memchr2;

/// What stands for a segment that names one thing among many.
pub(crate) const PARAMETER: &[u8] = b":id";

/// What stands for segments that are too many to be names.
pub(crate) const FOLDED: &[u8] = b":param";

/// Hexadecimal strings shorter than this may be words (`feed`, `decade`).
const MIN_HEX_LEN: usize = 8;

/// Mixed-case alphanumeric strings shorter than this may be names (`Base64Encoder2`).
const MIN_TOKEN_LEN: usize = 20;

const UUID_LEN: usize = 36;
/// Where a UUID has its hexadecimal digits; elsewhere it has dashes.
const UUID_HEX: u64 = ((1 << UUID_LEN) - 1) & !UUID_DASHES;
const UUID_DASHES: u64 = 1 << UUID_DASH_AT[0] | 1 << UUID_DASH_AT[1] | 1 << UUID_DASH_AT[2] | 1 << UUID_DASH_AT[3];
const UUID_DASH_AT: [usize; 4] = [8, 13, 18, 23];
const ULID_LEN: usize = 26;
const DATE_LEN: usize = 10;

const NOT_HEX: u8 = 1;
const NOT_TOKEN: u8 = 1 << 1;
const DIGIT: u8 = 1 << 2;
const UPPER: u8 = 1 << 3;
const LOWER: u8 = 1 << 4;
const AT_SIGN: u8 = 1 << 5;
const MIXED: u8 = DIGIT | UPPER | LOWER;

/// For every byte, what a segment that holds it is or cannot be.
const TRAITS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        let mut traits = 0;
        if byte.is_ascii_digit() {
            traits |= DIGIT;
        }
        if byte.is_ascii_uppercase() {
            traits |= UPPER;
        }
        if byte.is_ascii_lowercase() {
            traits |= LOWER;
        }
        if !byte.is_ascii_hexdigit() {
            traits |= NOT_HEX;
        }
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'+' | b'=') {
            traits |= NOT_TOKEN;
        }
        // `%` may begin an encoded `@`.
        if matches!(byte, b'@' | b'%') {
            traits |= AT_SIGN;
        }
        table[i] = traits;
        i += 1;
    }
    table
};

/// The path of a request target: without query and fragment, and without scheme and host where the
/// target is in absolute form (`http://example.com/a?b` -> `/a`).
pub fn path_of(target: &[u8]) -> &[u8] {
    let end = memchr2(b'?', b'#', target).unwrap_or(target.len());
    let path = &target[..end];
    if path.first() == Some(&b'/') {
        return path;
    }
    let Some(scheme_end) = memchr::memmem::find(path, b"://") else { return path };
    let after_host = scheme_end + 3;
    match memchr::memchr(b'/', &path[after_host..]) {
        Some(slash) => &path[after_host + slash..],
        None => b"/",
    }
}

/// The route of a request target: its path with `:id` for every segment that looks like an identifier.
///
/// Identifiers are numbers, UUIDs, ULIDs, hexadecimal strings of 8 or more, dates, e-mail addresses,
/// base64-like tokens of 20 or more and JSON web tokens. `scratch` is used only when something is replaced.
#[inline(always)]
pub fn route_of<'a>(target: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if target.first() == Some(&b'/') {
        let classes = classify(target);
        let len = if classes.stop == 0 { target.len() } else { classes.stop.trailing_zeros() as usize };
        if len < MAX_LEN {
            return template_short(&target[..len], &classes, scratch);
        }
    }
    template(path_of(target), scratch)
}

/// [`template`] for a path that fits the masks: it looks closely only at segments that may be identifiers.
#[inline(always)]
fn template_short<'a>(path: &'a [u8], classes: &Classes, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let in_path = (1u64 << path.len()) - 1;
    let hex = (classes.digit | classes.hex_letter) & in_path;
    // Bit i of `runs` is set where MIN_HEX_LEN hexadecimal digits end.
    let pairs = hex & (hex << 1);
    let fours = pairs & (pairs << 2);
    let runs = fours & (fours << 4);
    let telling = (classes.digit | classes.at_sign) & in_path | runs;
    if telling == 0 {
        return path;
    }
    let traits =
        Telling { slash: classes.slash & in_path, digit: classes.digit, hex, at_sign: classes.at_sign, telling };
    replace_identifiers(path, traits, scratch)
}

/// What [`replace_identifiers`] needs of a path's masks.
struct Telling {
    slash: u64,
    digit: u64,
    hex: u64,
    at_sign: u64,
    /// A segment without any of these is no identifier.
    telling: u64,
}

fn replace_identifiers<'a>(path: &'a [u8], traits: Telling, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let Telling { slash: mut slashes, digit, hex, at_sign, telling } = traits;
    scratch.clear();
    let mut copied = 0;
    while slashes != 0 {
        let start = slashes.trailing_zeros() as usize + 1;
        slashes &= slashes - 1;
        let end = if slashes == 0 { path.len() } else { slashes.trailing_zeros() as usize };
        let segment = (1u64 << end) - (1u64 << start);
        if telling & segment == 0 {
            continue;
        }
        let len = end - start;
        // Of the shorter ones, besides numbers and hexadecimal strings, only e-mail addresses and dates count.
        let is_word = len < MIN_TOKEN_LEN && at_sign & segment == 0 && (len < DATE_LEN || digit >> start & 1 == 0);
        let is_identifier = match segment {
            _ if digit & segment == segment => true,
            _ if hex & segment == segment => len >= MIN_HEX_LEN,
            _ if len == UUID_LEN && hex >> start & UUID_HEX == UUID_HEX && digit & segment != 0 => {
                has_uuid_dashes(&path[start..end]) || is_long_identifier(&path[start..end])
            }
            _ => !is_word && is_long_identifier(&path[start..end]),
        };
        if is_identifier {
            scratch.extend_from_slice(&path[copied..start]);
            scratch.extend_from_slice(PARAMETER);
            copied = end;
        }
    }
    if copied == 0 {
        return path;
    }
    scratch.extend_from_slice(&path[copied..]);
    scratch
}

/// The plain rule, for any path.
fn template<'a>(path: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    let (mut copied, mut start) = (0, 0);
    for segment in path.split(|byte| *byte == b'/') {
        let end = start + segment.len();
        let is_number = !segment.is_empty() && segment.iter().all(u8::is_ascii_digit);
        if is_number || is_long_identifier(segment) {
            scratch.extend_from_slice(&path[copied..start]);
            scratch.extend_from_slice(PARAMETER);
            copied = end;
        }
        start = end + 1;
    }
    if copied == 0 {
        return path;
    }
    scratch.extend_from_slice(&path[copied..]);
    scratch
}

/// Whether a segment is an identifier other than a short number.
fn is_long_identifier(segment: &[u8]) -> bool {
    let traits = segment.iter().fold(0, |traits, byte| traits | TRAITS[usize::from(*byte)]);
    if traits & AT_SIGN != 0 && is_email(segment) {
        return true;
    }
    if segment.len() < MIN_HEX_LEN {
        return false;
    }
    if traits & NOT_HEX == 0 {
        return true;
    }
    if traits & NOT_TOKEN == 0 && traits & MIXED == MIXED && segment.len() >= MIN_TOKEN_LEN {
        return true;
    }
    traits & DIGIT != 0 && (is_uuid(segment) || is_ulid(segment) || is_date(segment) || is_jwt(segment))
}

fn is_uuid(segment: &[u8]) -> bool {
    let is_dash = |at: usize| UUID_DASHES >> at & 1 == 1;
    segment.len() == UUID_LEN
        && has_uuid_dashes(segment)
        && segment.iter().enumerate().all(|(at, byte)| is_dash(at) || byte.is_ascii_hexdigit())
}

fn has_uuid_dashes(segment: &[u8]) -> bool {
    UUID_DASH_AT.iter().all(|at| segment.get(*at) == Some(&b'-'))
}

/// 26 characters of Crockford's base 32; the first is at most 7, or the 128 bits would overflow.
fn is_ulid(segment: &[u8]) -> bool {
    segment.len() == ULID_LEN
        && matches!(segment[0], b'0'..=b'7')
        && segment.iter().all(|byte| {
            byte.is_ascii_digit()
                || (byte.is_ascii_alphabetic() && !matches!(byte.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U'))
        })
}

/// `2026-06-01`, alone or as the start of a timestamp.
fn is_date(segment: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| segment[range].iter().all(u8::is_ascii_digit);
    segment.len() >= DATE_LEN
        && (segment.len() == DATE_LEN || segment[DATE_LEN] == b'T')
        && segment[4] == b'-'
        && segment[7] == b'-'
        && digits(0..4)
        && digits(5..7)
        && digits(8..10)
}

/// A JSON web token: three parts in base64url, the first of which begins with `{"`.
///
/// The caller asks for a digit anywhere: every common header holds one, and names like `a.b.c` hold none.
fn is_jwt(segment: &[u8]) -> bool {
    let is_base64url = |part: &[u8]| part.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    segment.len() >= MIN_TOKEN_LEN
        && segment.starts_with(b"eyJ")
        && segment.split(|byte| *byte == b'.').all(|part| !part.is_empty() && is_base64url(part))
        && segment.iter().filter(|byte| **byte == b'.').count() == 2
}

/// Something, an `@` (or `%40`), something with a dot inside.
fn is_email(segment: &[u8]) -> bool {
    let encoded = || memchr::memmem::find(segment, b"%40").map(|at| (at, 3));
    let Some((at, width)) = memchr::memchr(b'@', segment).map(|at| (at, 1)).or_else(encoded) else { return false };
    let host = &segment[at + width..];
    at > 0 && memchr::memchr(b'.', host).is_some_and(|dot| dot > 0 && dot + 1 < host.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(target: &str, expected: &str) {
        let mut scratch = Vec::new();
        let route = route_of(target.as_bytes(), &mut scratch);
        assert_eq!(String::from_utf8_lossy(route), expected);
        // The same target, too long for the masks.
        let long = format!("/{}{target}", "x".repeat(MAX_LEN));
        let route = route_of(long.as_bytes(), &mut scratch);
        if target.starts_with('/') {
            assert_eq!(String::from_utf8_lossy(route), format!("/{}{expected}", "x".repeat(MAX_LEN)));
        }
    }

    proptest! {
        #[test]
        fn masks_change_no_route(
            target in "(/([a-f]{7,9}|[0-9]{1,3}|[a-z0-9-]{1,12}|[A-Za-z0-9_=+]{18,22}|[a-z]@[a-z.]{1,4}|\
                       [a-z]%40[a-z.]{2,4}|eyJ[a-z]{8}[0-9]?([.][a-z_-]{4,5}){1,3}|[0-9]{4}-[0-9]{2}-[0-9]{2}T?|)){0,6}[?#]?[a-z/0-9]{0,8}",
        ) {
            let (mut fast, mut plain) = (Vec::new(), Vec::new());
            let target = target.as_bytes();
            prop_assert_eq!(route_of(target, &mut fast), template(path_of(target), &mut plain));
        }
    }

    #[test]
    fn identifiers_become_parameters() {
        check("/api/orders/12345", "/api/orders/:id");
        check("/api/orders/12345/items/6?page=2", "/api/orders/:id/items/:id");
        check("/7", "/:id");
        check("/u/123e4567-e89b-12d3-a456-426614174000/x", "/u/:id/x");
        check("/e/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/e/:id");
        check("/d/2026-06-01/report", "/d/:id/report");
        check("/d/2026-06-01T10:00:00Z", "/d/:id");
        check("/user/alice@example.com", "/user/:id");
        check("/user/alice%40example.com/edit", "/user/:id/edit");
        check("/t/FMuukC2JOJ5HKmLBujjE_BkDo", "/t/:id");
        check("/j/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.aB-_c/x", "/j/:id/x");
        check("/j/eyJhbGci1.min.js", "/j/eyJhbGci1.min.js");
        check("/c/deadbeef", "/c/:id");
        check("/c/DEADBEEF01/", "/c/:id/");
    }

    #[test]
    fn names_stay() {
        check("/", "/");
        check("", "");
        check("/api/v1/products", "/api/v1/products");
        check("/static/app.3f9a1c2d.js", "/static/app.3f9a1c2d.js");
        check("/blog/noise-cancelling-headphones-42", "/blog/noise-cancelling-headphones-42");
        check("/c/deadbee", "/c/deadbee");
        check("/t/aB3aB3aB3aB3aB3aB3x", "/t/aB3aB3aB3aB3aB3aB3x");
        check("/t/aB3aB3aB3aB3aB3aB3xy", "/t/:id");
        check("/e/81ARZ3NDEKTSV4RRFFQ69G5FAV", "/e/81ARZ3NDEKTSV4RRFFQ69G5FAV");
        check("/d/2026-6-01", "/d/2026-6-01");
        for not_jwt in [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0",
            "eyJhbGciOiJIUzI1NiJ9.a.b.c",
            "eyJhbGciOiJIUzI1NiJ9..b",
            "eyKhbGciOiJIUzI1NiJ9.a.b",
            "eyJhbGciOiJIUzI1NiJ9.a+.b",
        ] {
            check(&format!("/j/{not_jwt}"), &format!("/j/{not_jwt}"));
        }
        check("/@alice", "/@alice");
        check("/x@y", "/x@y");
        check("/a//b/", "/a//b/");
    }

    #[test]
    fn the_path_is_cut_out_of_the_target() {
        check("/a?x=/1/2#y", "/a");
        check("/a#x?y", "/a");
        check("http://example.com/a/1?b", "/a/:id");
        check("https://example.com", "/");
        check("*", "*");
        check("example.com:443", "example.com:443");
    }
}
