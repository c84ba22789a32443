//! The values behind a status, a duration and a request line, whether they came quoted or not.

use crate::plan::Unit;
use crate::request::DecimalMs;
use crate::source::time::decimal::Decimal;

/// A value that its field cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A status code from 100 to 599; `None` for 0 and 9, which nginx writes (as `000` and `009`) where no answer
/// with a status was begun.
#[inline(always)]
pub(super) fn status(text: &[u8]) -> Result<Option<u16>, Malformed> {
    let code = match *text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            [a, b, c].iter().fold(0, |code, digit| code * 10 + u64::from(digit - b'0'))
        }
        _ => whole_number(text).ok_or(Malformed)?,
    };
    match code {
        100..=599 => Ok(Some(code as u16)),
        0 | 9 => Ok(None),
        _ => Err(Malformed),
    }
}

#[cold]
fn whole_number(text: &[u8]) -> Option<u64> {
    Decimal::parse(text).filter(|number| !number.is_negative())?.whole()
}

/// A duration in this unit; `None` for nothing and `-`. A list as nginx writes it for several upstream servers,
/// `0.010, 0.003 : 0.002`, is added up, `-` being none.
#[inline(always)]
pub(super) fn duration(text: &[u8], unit: Unit) -> Result<Option<DecimalMs>, Malformed> {
    let number = match Decimal::parse(text) {
        Some(number) => Some(number),
        None => list_sum(text)?,
    };
    number.map(|number| in_millis(number, unit)).transpose()
}

#[cold]
fn list_sum(text: &[u8]) -> Result<Option<Decimal>, Malformed> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut sum: Option<Decimal> = None;
    for part in text.split(|byte| matches!(byte, b',' | b':')).map(<[u8]>::trim_ascii) {
        if part == b"-" {
            continue;
        }
        let number = Decimal::parse(part).filter(|number| !number.is_negative()).ok_or(Malformed)?;
        sum = Some(match sum {
            Some(sum) => sum.checked_add(number).ok_or(Malformed)?,
            None => number,
        });
    }
    Ok(sum)
}

#[inline(always)]
fn in_millis(number: Decimal, unit: Unit) -> Result<DecimalMs, Malformed> {
    if number.is_negative() {
        return Err(Malformed);
    }
    let exponent = number.exponent() + i32::from(unit.millis_exponent());
    let duration = match i8::try_from(exponent) {
        Ok(exponent) => DecimalMs::new(number.mantissa(), exponent),
        // 19 digits behind more than a hundred zeros.
        Err(_) if exponent < 0 => DecimalMs::new(0, 0),
        Err(_) => None,
    };
    duration.ok_or(Malformed)
}

/// The method and target of `METHOD TARGET PROTOCOL` or, as HTTP/0.9 has it, `METHOD TARGET`; `None` when there is
/// no method or no target, as in what port scanners send. A target may hold spaces.
pub(super) fn request_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) = text.split_at_checked(memchr::memchr(b' ', text)?)?;
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    if !method.first()?.is_ascii_uppercase() || !method.iter().all(is_method) {
        return None;
    }
    let target = match memchr::memrchr(b' ', rest).and_then(|space| rest.split_at_checked(space)) {
        Some((target, protocol)) if protocol.starts_with(b" HTTP/") => target,
        _ => rest,
    };
    Some((method, target.trim_ascii())).filter(|(_, target)| !target.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(mantissa: u64, exponent: i8) -> Result<Option<DecimalMs>, Malformed> {
        Ok(Some(DecimalMs::new(mantissa, exponent).unwrap()))
    }

    #[test]
    fn a_status_is_a_whole_number() {
        let code = |text: &str| status(text.as_bytes());
        assert_eq!(code("99"), Err(Malformed));
        assert_eq!(code("099"), Err(Malformed));
        assert_eq!(code("100"), Ok(Some(100)));
        assert_eq!(code("599"), Ok(Some(599)));
        assert_eq!(code("600"), Err(Malformed));
        assert_eq!(code("200.0"), Ok(Some(200)));
        assert_eq!(code("2e2"), Ok(Some(200)));
        for none in ["0", "000", "009", "9", "0.0"] {
            assert_eq!(code(none), Ok(None), "{none}");
        }
        for bad in ["", "-", "200.5", "-200", "OK", "2000", "20x", "99999999999999999999999", "65736"] {
            assert_eq!(code(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn a_duration_keeps_its_digits() {
        let read = |text: &str, unit| duration(text.as_bytes(), unit);
        assert_eq!(read("0.010", Unit::Seconds), ms(10, 0));
        assert_eq!(read("48.799", Unit::Millis), ms(48_799, -3));
        assert_eq!(read("4.8799E1", Unit::Millis), ms(48_799, -3));
        assert_eq!(read("1e-3", Unit::Seconds), ms(1, 0));
        assert_eq!(read("1250", Unit::Micros), ms(1_250, -3));
        assert_eq!(read("357313", Unit::Nanos), ms(357_313, -6));
        assert_eq!(read("0", Unit::Seconds).unwrap().unwrap().nanos(), 0);
        assert_eq!(read("-0", Unit::Seconds).unwrap().unwrap().nanos(), 0);
        assert_eq!(read("1e-900", Unit::Seconds), ms(0, 0));
        assert_eq!(read("", Unit::Seconds), Ok(None));
        assert_eq!(read("-", Unit::Seconds), Ok(None));
    }

    #[test]
    fn a_duration_is_neither_negative_nor_longer_than_a_thousand_days() {
        let read = |text: &str| duration(text.as_bytes(), Unit::Seconds);
        assert_eq!(read("-0.001"), Err(Malformed));
        assert_eq!(read("0.001"), ms(1, 0));
        assert_eq!(read("86400000"), ms(86_400_000, 3));
        assert_eq!(read("86400000.001"), Err(Malformed));
        assert_eq!(read("1e900"), Err(Malformed));
        for bad in ["fast", "1s", "0.", ".5", "1 2"] {
            assert_eq!(read(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn an_upstream_list_is_added_up() {
        let read = |text: &str| duration(text.as_bytes(), Unit::Seconds);
        assert_eq!(read("0.010, 0.003"), ms(13, 0));
        assert_eq!(read("0.010, 0.003 : 0.0005"), ms(135, -1));
        assert_eq!(read("-, 0.003"), ms(3, 0));
        assert_eq!(read("-, -"), Ok(None));
        for bad in ["0.010,", ", 0.010", "0.010, -0.001", "0.010, x", "1, 9999999999999999999"] {
            assert_eq!(read(bad), Err(Malformed), "{bad}");
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
            ("PROPFIND /dav HTTP/3", "PROPFIND|/dav"),
            ("SSTP_DUPLEX_POST /sra/ HTTP/1.1", "SSTP_DUPLEX_POST|/sra/"),
            ("GET /old", "GET|/old"),
            ("GET /a b c HTTP/1.1", "GET|/a b c"),
            ("OPTIONS * HTTP/1.1", "OPTIONS|*"),
        ] {
            assert_eq!(split(line).as_deref(), Some(parts), "{line}");
        }
        for bad in
            ["", "-", "GET", "GET ", "GET HTTP/1.1", "get / HTTP/1.1", "- / HTTP/1.1", " / HTTP/1.1", "\x16\x03 a"]
        {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }
}
