//! Log stamps -> UTC milliseconds since the Unix epoch.
//!
//! Written by hand because it runs once a line: neighbouring lines share everything but the seconds, so the
//! decoded minute is kept and only compared. The cache is a shortcut: no result may depend on it.

pub(crate) mod decimal;

use crate::plan::Timezone;
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, Tz};
use decimal::Decimal;
use std::ops::RangeInclusive;

pub(super) const NANOS_PER_MILLI: u64 = 1_000_000;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// More than a hundred years, the longest duration that is added to a stamp or taken off, inside what RFC 3339 can
/// write.
const YEARS: RangeInclusive<i64> = 102..=9898;
/// 0102-01-01T00:00:00.000Z.
pub(super) const MIN_MS: i64 = -58_948_387_200_000;
/// 9898-12-31T23:59:59.999Z.
pub(super) const MAX_MS: i64 = 250_215_091_199_999;

/// Reads stamps of years 0102 to 9898, so that times up to a hundred years away have years 0001 to 9999, the ones
/// that RFC 3339 can write. A leap second, `:60`, is the first second of the next minute.
#[derive(Clone, Debug)]
pub struct TimeParser {
    zone: Timezone,
    local: LocalMinute,
    iso: IsoMinute,
    offset: ZoneOffset,
    hour: ZoneHour,
}

/// The last `01/May/2025:00:00:` and ` +0000`, with the UTC minute they denote.
#[derive(Clone, Debug)]
struct LocalMinute {
    head: [u8; 18],
    tail: [u8; 6],
    utc_ms: i64,
}

/// The last `2025-05-01T00:00:`, with the minute it denotes on a wall clock.
#[derive(Clone, Debug)]
struct IsoMinute {
    head: [u8; 17],
    wall_ms: i64,
}

/// The last `+00:00`, with what it denotes.
#[derive(Clone, Debug)]
struct ZoneOffset {
    text: [u8; 6],
    offset_ms: i64,
}

/// The last wall-clock hour without a change of offset in it, in the named zone.
#[derive(Clone, Copy, Debug)]
struct ZoneHour {
    start_ms: i64,
    offset_ms: i64,
}

impl TimeParser {
    /// A parser that takes stamps without a zone to be in `zone`.
    ///
    /// A wall-clock time that occurs twice is the earlier of the two; one that is skipped moves forward by
    /// the skipped span, as RFC 5545 has it.
    pub fn new(zone: Timezone) -> Self {
        TimeParser {
            zone,
            // True statements, so that an unused cache needs no flag.
            local: LocalMinute { head: *b"01/Jan/1970:00:00:", tail: *b" +0000", utc_ms: 0 },
            iso: IsoMinute { head: *b"1970-01-01T00:00:", wall_ms: 0 },
            offset: ZoneOffset { text: *b"+00:00", offset_ms: 0 },
            // No wall-clock time lies in it.
            hour: ZoneHour { start_ms: i64::MIN, offset_ms: 0 },
        }
    }

    /// Reads nginx's `$time_local`, `01/May/2025:00:00:00 +0000`.
    #[inline]
    pub fn time_local(&mut self, bytes: &[u8]) -> Option<i64> {
        let stamp: &[u8; 26] = bytes.try_into().ok()?;
        if stamp[..18] != self.local.head || stamp[20..] != self.local.tail {
            self.local = LocalMinute::read(stamp)?;
        }
        Some(self.local.utc_ms + seconds_ms(stamp[18], stamp[19])?)
    }

    /// Reads HAProxy's `01/May/2025:00:00:00.000`, which has no zone.
    pub fn local_millis(&mut self, bytes: &[u8]) -> Option<i64> {
        let (stamp, rest) = bytes.split_first_chunk::<20>()?;
        let wall_ms = local_minute_ms(stamp)? + seconds_ms(stamp[18], stamp[19])?;
        let fraction_ms = match rest {
            [] => 0,
            [b'.', fraction @ ..] => read_fraction_ms(fraction).filter(|(_, after)| after.is_empty())?.0,
            _ => return None,
        };
        self.moment_ms(wall_ms + fraction_ms)
    }

    /// Reads RFC 3339, with `T`, `t` or a space in the middle; a fraction after `.` or `,` of any length, cut to
    /// milliseconds; and `Z`, `+HH:MM`, `+HHMM`, `+HH` or no zone at all.
    #[inline]
    pub fn iso8601(&mut self, bytes: &[u8]) -> Option<i64> {
        let (stamp, rest) = bytes.split_first_chunk::<19>()?;
        if stamp[..17] != self.iso.head {
            self.iso = IsoMinute::read(stamp)?;
        }
        let mut wall_ms = self.iso.wall_ms + seconds_ms(stamp[17], stamp[18])?;
        let mut zone = rest;
        if let [b'.' | b',', fraction @ ..] = rest {
            let (fraction_ms, after) = read_fraction_ms(fraction)?;
            wall_ms += fraction_ms;
            zone = after;
        }
        match zone {
            [b'Z' | b'z'] => Some(wall_ms),
            [] => Some(wall_ms - self.zone_offset_ms(wall_ms)?),
            _ => Some(wall_ms - self.offset_ms(zone)?),
        }
    }

    /// Reads seconds since the Unix epoch, whole or decimal, cut to milliseconds.
    ///
    /// Larger numbers are milliseconds (from 1e11, in seconds the year 5138), microseconds (from 1e14) or
    /// nanoseconds (from 1e17).
    pub fn epoch(bytes: &[u8]) -> Option<i64> {
        let number = Decimal::parse(bytes)?;
        let magnitude = i64::try_from(number.scaled(epoch_to_millis(number))?.truncated()?).ok()?;
        let epoch_ms = if number.is_negative() { -magnitude } else { magnitude };
        (MIN_MS..=MAX_MS).contains(&epoch_ms).then_some(epoch_ms)
    }

    /// Reads whichever of the three the bytes have the shape of.
    #[inline]
    pub fn any(&mut self, bytes: &[u8]) -> Option<i64> {
        match bytes {
            [_, _, _, _, b'-', _, _, b'-', ..] => self.iso8601(bytes),
            [_, _, b'/', ..] => self.time_local(bytes),
            // As Apache and LTSV write it.
            [b'[', inside @ .., b']'] => self.time_local(inside),
            _ => Self::epoch(bytes),
        }
    }

    /// What a stamp says beyond the milliseconds that the others cut it to, in nanoseconds; below zero before the epoch.
    pub fn nanos_past_millis(stamp: &[u8]) -> i64 {
        match stamp {
            [_, _, _, _, b'-', _, _, b'-', ..] => fraction_nanos_past_millis(stamp.get(19..)),
            [_, _, b'/', ..] => fraction_nanos_past_millis(stamp.get(20..)),
            _ => epoch_nanos_past_millis(stamp).unwrap_or_default(),
        }
    }

    #[inline(always)]
    fn offset_ms(&mut self, bytes: &[u8]) -> Option<i64> {
        let Ok(text) = <&[u8; 6]>::try_from(bytes) else { return read_offset_ms(bytes) };
        if *text != self.offset.text {
            self.offset = ZoneOffset { text: *text, offset_ms: read_offset_ms(text)? };
        }
        Some(self.offset.offset_ms)
    }

    /// The moment that a wall clock of this parser's zone shows as `wall_ms`, both in milliseconds since the
    /// epoch; doubled and skipped times as in [`TimeParser::new`].
    pub(crate) fn moment_ms(&mut self, wall_ms: i64) -> Option<i64> {
        Some(wall_ms - self.zone_offset_ms(wall_ms)?)
    }

    fn zone_offset_ms(&mut self, wall_ms: i64) -> Option<i64> {
        match self.zone {
            Timezone::Offset(seconds) => Some(i64::from(seconds) * SECOND_MS),
            Timezone::Named(zone) => self.named_offset_ms(zone, wall_ms),
        }
    }

    fn named_offset_ms(&mut self, zone: Tz, wall_ms: i64) -> Option<i64> {
        let start_ms = wall_ms - wall_ms.rem_euclid(HOUR_MS);
        if start_ms == self.hour.start_ms {
            return Some(self.hour.offset_ms);
        }
        let offset_ms = wall_offset_ms(zone, start_ms)?;
        // An hour with a change in it has different offsets at its ends and is not kept.
        if wall_offset_ms(zone, start_ms + HOUR_MS - 1)? != offset_ms {
            return wall_offset_ms(zone, wall_ms);
        }
        self.hour = ZoneHour { start_ms, offset_ms };
        Some(offset_ms)
    }
}

impl LocalMinute {
    #[cold]
    fn read(stamp: &[u8; 26]) -> Option<Self> {
        let wall_ms = local_minute_ms(stamp.first_chunk()?)?;
        let (head, tail) = (*stamp.first_chunk()?, *stamp.last_chunk::<6>()?);
        let [b' ', ref offset @ ..] = tail else { return None };
        Some(LocalMinute { head, tail, utc_ms: wall_ms - read_offset_ms(offset)? })
    }
}

/// The minute of `01/May/2025:00:00:00`, on a wall clock.
fn local_minute_ms(stamp: &[u8; 20]) -> Option<i64> {
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', n1, n2, b':', ..] = *stamp else {
        return None;
    };
    let date_ms = date_ms(four_digits([y1, y2, y3, y4])?, month(&[m1, m2, m3])?, two_digits(d1, d2)?)?;
    Some(date_ms + clock_ms(two_digits(h1, h2)?, two_digits(n1, n2)?)?)
}

impl IsoMinute {
    #[cold]
    fn read(stamp: &[u8; 19]) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', ..] = *stamp
        else {
            return None;
        };
        let date_ms = date_ms(four_digits([y1, y2, y3, y4])?, two_digits(m1, m2)?, two_digits(d1, d2)?)?;
        let wall_ms = date_ms + clock_ms(two_digits(h1, h2)?, two_digits(n1, n2)?)?;
        Some(IsoMinute { head: *stamp.first_chunk()?, wall_ms })
    }
}

#[inline(always)]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

fn four_digits(digits: [u8; 4]) -> Option<i64> {
    Some(two_digits(digits[0], digits[1])? * 100 + two_digits(digits[2], digits[3])?)
}

#[inline(always)]
fn seconds_ms(tens: u8, ones: u8) -> Option<i64> {
    let second = two_digits(tens, ones)?;
    (second <= 60).then_some(second * SECOND_MS)
}

fn clock_ms(hour: i64, minute: i64) -> Option<i64> {
    (hour < 24 && minute < 60).then_some(hour * HOUR_MS + minute * MINUTE_MS)
}

fn month(name: &[u8; 3]) -> Option<i64> {
    const NAMES: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    (1..).zip(NAMES).find_map(|(number, candidate)| (candidate == name).then_some(number))
}

/// Midnight of a date of the proleptic Gregorian calendar, in years that begin in March.
fn date_ms(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !YEARS.contains(&year) || day == 0 || day > days_in_month {
        return None;
    }
    const DAYS_FROM_MARCH_OF_YEAR_0_TO_1970: i64 = 719_468;
    let march_year = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    Some((march_year * 365 + leap_days + day_of_year - DAYS_FROM_MARCH_OF_YEAR_0_TO_1970) * DAY_MS)
}

/// Reads the digits after the point, at least one, and returns what follows them.
#[inline(always)]
fn read_fraction_ms(bytes: &[u8]) -> Option<(i64, &[u8])> {
    if let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = bytes
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        let value = |digit: &u8| i64::from(digit - b'0');
        return Some((value(a) * 100 + value(b) * 10 + value(c), rest));
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = bytes.split_at_checked(digits)?;
    let digit = |place: usize| fraction.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    (digits > 0).then(|| (digit(0) * 100 + digit(1) * 10 + digit(2), rest))
}

/// The fourth to ninth digit of what begins with `.` or `,`.
fn fraction_nanos_past_millis(fraction: Option<&[u8]>) -> i64 {
    let Some([b'.' | b',', rest @ ..]) = fraction else { return 0 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    digits.chain(std::iter::repeat(0)).skip(3).take(6).fold(0, |nanos, digit| nanos * 10 + digit)
}

/// The power of ten from the unit of an epoch to milliseconds.
#[inline(always)]
fn epoch_to_millis(epoch: Decimal) -> i32 {
    match epoch.integer_digits() {
        ..=11 => 3,
        12..=14 => 0,
        15..=17 => -3,
        _ => -6,
    }
}

fn epoch_nanos_past_millis(bytes: &[u8]) -> Option<i64> {
    let epoch = Decimal::parse(bytes)?;
    let nanos = epoch.scaled(epoch_to_millis(epoch) + 6)?.truncated()?;
    let past_millis = (nanos % NANOS_PER_MILLI) as i64;
    Some(if epoch.is_negative() { -past_millis } else { past_millis })
}

/// Reads `+HH:MM`, `+HHMM` or `+HH`.
fn read_offset_ms(bytes: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match *bytes {
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, two_digits(h1, h2)?, two_digits(m1, m2)?),
        [sign, h1, h2] => (sign, two_digits(h1, h2)?, 0),
        _ => return None,
    };
    let offset_ms = clock_ms(hour, minute)?;
    match sign {
        b'+' => Some(offset_ms),
        b'-' => Some(-offset_ms),
        _ => None,
    }
}

fn wall_offset_ms(zone: Tz, wall_ms: i64) -> Option<i64> {
    let wall: NaiveDateTime = DateTime::from_timestamp_millis(wall_ms)?.naive_utc();
    let offset = match zone.offset_from_local_datetime(&wall).earliest() {
        Some(offset) => offset,
        None => GapInfo::new(&wall, &zone)?.begin?.1,
    };
    Some(i64::from(offset.fix().local_minus_utc()) * SECOND_MS)
}

#[cfg(test)]
mod tests;
