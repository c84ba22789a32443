//! Moments, durations and zones as people write them.
//!
//! Text in, a value or what was expected out; no clock is read.

use super::super::{TimeBound, Timezone};
use crate::nearest::similar;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use std::fmt;
use std::str::FromStr;

impl FromStr for Timezone {
    type Err = String;

    /// Reads `UTC`, an offset such as `+02:00`, or an IANA name.
    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "UTC" | "Z") {
            return Ok(Timezone::Offset(0));
        }
        if text.starts_with(['+', '-']) {
            let offset = offset_seconds(text).ok_or("expected an offset from -23:59 to +23:59, such as +02:00")?;
            return Ok(Timezone::Offset(offset));
        }
        text.parse().map(Timezone::Named).map_err(|_| {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let hint = similar(text, names).map_or_else(String::new, |near| format!("; the nearest one is {near}"));
            format!("expected UTC, an offset such as +02:00, or an IANA name such as Europe/Berlin{hint}")
        })
    }
}

/// `+HH:MM` or `-HH:MM` in seconds east of UTC.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = digits.split_once(':')?;
    let two_digits = |part: &str| {
        let valid = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    Some(if sign == "-" { -seconds } else { seconds })
}

impl fmt::Display for Timezone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timezone::Named(zone) => formatter.write_str(zone.name()),
            Timezone::Offset(0) => formatter.write_str("UTC"),
            Timezone::Offset(seconds) => {
                let sign = if seconds < 0 { '-' } else { '+' };
                let minutes = seconds.unsigned_abs() / 60;
                write!(formatter, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// One end of the time range as written, before the zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeText {
    /// UTC milliseconds since the epoch.
    Instant(i64),
    /// A wall clock time of some zone.
    Local(NaiveDateTime),
    /// Milliseconds before the log's last request.
    BeforeEnd(i64),
}

impl FromStr for TimeText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(millis) = duration_ms(text.strip_prefix('-').unwrap_or(text)) {
            return Ok(TimeText::BeforeEnd(millis));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(TimeText::Instant(time.timestamp_millis()));
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(TimeText::Local(date.and_time(NaiveTime::MIN)));
        }
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(TimeText::Local).map_err(|_| {
            "expected a time such as 2026-06-01T12:00:00Z, a date such as 2026-06-01, \
             or a duration before the log's end such as 2h"
                .to_owned()
        })
    }
}

impl TimeText {
    /// The bound, wall clock times being of this zone.
    pub(crate) fn bound(self, zone: Timezone) -> TimeBound {
        match self {
            TimeText::Instant(millis) => TimeBound::At(millis),
            TimeText::BeforeEnd(millis) => TimeBound::BeforeEnd(millis),
            TimeText::Local(time) => TimeBound::At(match zone {
                Timezone::Offset(seconds) => time.and_utc().timestamp_millis() - i64::from(seconds) * 1000,
                Timezone::Named(zone) => zoned_millis(time, zone),
            }),
        }
    }
}

/// A moment as written, before the zone is known: a time or a date, nothing relative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MomentText(TimeText);

impl FromStr for MomentText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected a time such as 2026-06-01T12:00:00Z or a date such as 2026-06-01, years 1 to 9999";
        match text.parse() {
            Ok(TimeText::BeforeEnd(_)) | Err(_) => Err(EXPECTED.to_owned()),
            Ok(moment) => {
                let years = MIN_MOMENT_MS..=MAX_MOMENT_MS;
                let moment = MomentText(moment);
                if years.contains(&moment.millis(Timezone::default())) { Ok(moment) } else { Err(EXPECTED.to_owned()) }
            }
        }
    }
}

/// A day inside the years 1 to 9999, so that no zone leads out of them.
const MIN_MOMENT_MS: i64 = -62_135_596_800_000 + 86_400_000;
const MAX_MOMENT_MS: i64 = 253_402_300_799_999 - 86_400_000;

impl MomentText {
    /// UTC milliseconds since the epoch, wall clock times being of this zone.
    pub(crate) fn millis(self, zone: Timezone) -> i64 {
        match self.0.bound(zone) {
            TimeBound::At(millis) | TimeBound::BeforeEnd(millis) => millis,
        }
    }
}

/// The longest duration of a scan: a hundred years.
const MAX_SPAN_MS: i64 = 36_525 * 86_400_000;

/// A duration of 0 or more, in milliseconds.
pub(crate) fn span_ms(text: &str) -> Result<i64, String> {
    let millis = duration_ms(text).filter(|millis| *millis <= MAX_SPAN_MS);
    millis.ok_or_else(|| "expected a duration with its unit, such as 30s, 5m, 2h or 7d".to_owned())
}

/// A duration above 0, in milliseconds.
pub(crate) fn above_zero(text: &str) -> Result<i64, String> {
    let millis = span_ms(text)?;
    if millis > 0 { Ok(millis) } else { Err("expected a duration above 0".to_owned()) }
}

/// The first moment of that name; for a time that the clocks skipped, the first moment after it.
fn zoned_millis(time: NaiveDateTime, zone: chrono_tz::Tz) -> i64 {
    const STEP_MINUTES: i64 = 15;
    // Some zones have skipped a whole day.
    const STEPS: i64 = 25 * 60 / STEP_MINUTES;
    let candidates = (0..=STEPS).filter_map(|step| time.checked_add_signed(TimeDelta::minutes(step * STEP_MINUTES)));
    let moment = candidates.filter_map(|time| zone.from_local_datetime(&time).earliest()).next();
    moment.map_or_else(|| time.and_utc().timestamp_millis(), |moment| moment.timestamp_millis())
}

/// A duration with its unit, `ms`, `s`, `m`, `h` or `d`, in milliseconds; `0` needs no unit.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: i64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = String> + PartialEq + fmt::Debug>(text: &str, expected: Option<T>) {
        assert_eq!(text.parse::<T>().ok(), expected, "{text}");
    }

    #[test]
    fn zones_are_offsets_or_iana_names() {
        check("UTC", Some(Timezone::Offset(0)));
        check("+02:00", Some(Timezone::Offset(7200)));
        check("-05:30", Some(Timezone::Offset(-19_800)));
        check("+23:59", Some(Timezone::Offset(86_340)));
        check("Europe/Berlin", Some(Timezone::Named(chrono_tz::Europe::Berlin)));
        for text in ["", "+24:00", "+02:60", "+2:00", "+0200", "+é:00", "Mars", "-"] {
            check::<Timezone>(text, None);
        }
        assert!("Europe/Berln".parse::<Timezone>().unwrap_err().contains("Europe/Berlin"));
        for text in ["UTC", "+02:00", "-05:30", "Asia/Kolkata"] {
            assert_eq!(text.parse::<Timezone>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn times_are_absolute_local_or_before_the_end() {
        let bound = |text: &str, zone: &str| text.parse::<TimeText>().unwrap().bound(zone.parse().unwrap());
        let noon = 1_780_315_200_000;
        let midnight = noon - 43_200_000;
        assert_eq!(bound("2026-06-01T12:00:00Z", "+02:00"), TimeBound::At(noon));
        assert_eq!(bound("2026-06-01T14:00:00.250+02:00", "UTC"), TimeBound::At(noon + 250));
        assert_eq!(bound("2026-06-01", "UTC"), TimeBound::At(midnight));
        assert_eq!(bound("2026-06-01", "+02:00"), TimeBound::At(midnight - 7_200_000));
        assert_eq!(bound("2026-06-01", "Europe/Berlin"), TimeBound::At(midnight - 7_200_000));
        assert_eq!(bound("2026-06-01T12:00:00", "-01:00"), TimeBound::At(noon + 3_600_000));
        for (text, millis) in [("2h", 7_200_000), ("-2h", 7_200_000), ("90m", 5_400_000), ("1d", 86_400_000)] {
            assert_eq!(bound(text, "UTC"), TimeBound::BeforeEnd(millis));
        }
        for text in
            ["", "-", "h", "2", "--2h", "2w", "yesterday", "2026-13-01", "2026-06-01T25:00:00Z", "9223372036854775807d"]
        {
            check::<TimeText>(text, None);
        }
    }

    #[test]
    fn a_skipped_time_is_the_first_moment_after_it_and_a_double_one_the_first() {
        let at = |text: &str, zone: &str| match text.parse::<TimeText>().unwrap().bound(zone.parse().unwrap()) {
            TimeBound::At(millis) => DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339(),
            TimeBound::BeforeEnd(_) => unreachable!("{text}"),
        };
        assert_eq!(at("2026-03-29T02:30:00", "Europe/Berlin"), "2026-03-29T01:00:00+00:00");
        assert_eq!(at("2026-10-25T02:30:00", "Europe/Berlin"), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2011-12-30", "Pacific/Apia"), "2011-12-30T10:00:00+00:00");
    }

    #[test]
    fn a_zone_is_suggested_only_where_one_is_near() {
        let error = |text: &str| text.parse::<Timezone>().unwrap_err();
        assert!(error("Europe/Berln").ends_with("; the nearest one is Europe/Berlin"), "{}", error("Europe/Berln"));
        assert!(error("foo").ends_with("an IANA name such as Europe/Berlin"), "{}", error("foo"));
    }

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        assert_eq!(duration_ms("90ms"), Some(90));
        assert_eq!(
            (duration_ms("5"), duration_ms("m"), duration_ms("1.5h"), duration_ms("é")),
            (None, None, None, None)
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[-+0-9:xmsT@=.]{0,12}") {
            let _ = (text.parse::<Timezone>(), text.parse::<TimeText>(), duration_ms(&text));
        }
    }
}
