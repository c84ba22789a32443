use super::*;
use chrono_tz::Tz;
use proptest::prelude::*;

const UTC: Timezone = Timezone::Offset(0);
const BERLIN: Timezone = Timezone::Named(Tz::Europe__Berlin);
const LORD_HOWE: Timezone = Timezone::Named(Tz::Australia__Lord_Howe);

/// 2025-05-01T00:00:00Z.
const MAY_MS: i64 = 1_746_057_600_000;

fn local(text: &str) -> Option<i64> {
    TimeParser::new(UTC).time_local(text.as_bytes())
}

fn iso(zone: Timezone, text: &str) -> Option<i64> {
    TimeParser::new(zone).iso8601(text.as_bytes())
}

fn epoch(text: &str) -> Option<i64> {
    TimeParser::epoch(text.as_bytes())
}

#[test]
fn time_local_honours_its_offset() {
    assert_eq!(local("01/May/2025:00:00:00 +0000"), Some(MAY_MS));
    assert_eq!(local("01/May/2025:02:00:07 +0200"), Some(MAY_MS + 7_000));
    assert_eq!(local("30/Apr/2025:18:30:00 -0530"), Some(MAY_MS));
    assert_eq!(local("01/Jan/1970:00:00:00 +0000"), Some(0));
    assert_eq!(local("31/Dec/9898:23:59:59 +0000"), Some(MAX_MS - 999));
    assert_eq!(local("01/Jan/9899:00:00:00 +0000"), None);
    assert_eq!(local("01/Jan/0102:00:00:00 +0000"), Some(MIN_MS));
    assert_eq!(local("31/Dec/0101:23:59:59 +0000"), None);
}

#[test]
fn a_leap_second_begins_the_next_minute() {
    assert_eq!(local("30/Apr/2025:23:59:60 +0000"), Some(MAY_MS));
    assert_eq!(local("30/Apr/2025:23:59:61 +0000"), None);
    assert_eq!(iso(UTC, "2025-04-30T23:59:60Z"), Some(MAY_MS));
    assert_eq!(iso(UTC, "2025-04-30T23:59:61Z"), None);
}

#[test]
fn dates_end_where_the_calendar_ends() {
    let date = |text: &str| iso(UTC, &format!("{text}T00:00:00Z"));
    for good in ["2024-02-29", "2000-02-29", "2025-02-28", "2025-04-30", "2025-12-31", "0102-01-01", "9898-12-31"] {
        assert!(date(good).is_some(), "{good}");
    }
    for bad in [
        "2025-02-29",
        "1900-02-29",
        "2025-04-31",
        "2025-12-32",
        "0101-12-31",
        "9899-01-01",
        "2025-01-00",
        "2025-00-01",
        "2025-13-01",
    ] {
        assert_eq!(date(bad), None, "{bad}");
    }
    assert_eq!(date("0000-01-01"), None);
    assert_eq!(local("29/Feb/2025:00:00:00 +0000"), None);
}

#[test]
fn a_day_has_24_hours_of_60_minutes() {
    assert!(iso(UTC, "2025-05-01T23:59:59Z").is_some());
    assert_eq!(iso(UTC, "2025-05-01T24:00:00Z"), None);
    assert_eq!(iso(UTC, "2025-05-01T00:60:00Z"), None);
    assert!(local("01/May/2025:00:00:00 +2359").is_some());
    assert_eq!(local("01/May/2025:00:00:00 +2400"), None);
    assert_eq!(local("01/May/2025:00:00:00 +0060"), None);
}

#[test]
fn other_text_is_no_time_local() {
    for text in [
        "",
        "-",
        "01/may/2025:00:00:00 +0000",
        "1/May/2025:00:00:00 +0000",
        "01/May/2025:00:00:00 0000",
        "01/May/2025:00:00:00 +00:00",
        "01/May/2025:00:00:00",
        "01/May/2025 00:00:00 +0000",
        "01/May/2025:0a:00:00 +0000",
        "01/May/2025:00:00:0/ +0000",
        "[01/May/2025:00:00:00 +0000]",
    ] {
        assert_eq!(local(text), None, "{text:?}");
    }
}

#[test]
fn iso8601_has_many_spellings() {
    for text in [
        "2025-05-01T00:00:00Z",
        "2025-05-01t00:00:00z",
        "2025-05-01 00:00:00",
        "2025-05-01T00:00:00+00:00",
        "2025-05-01T00:00:00-00:00",
        "2025-05-01T02:00:00+02:00",
        "2025-05-01T02:00:00+0200",
        "2025-05-01T02:00:00+02",
        "2025-04-30T18:30:00-05:30",
        "2025-05-01T00:00:00.0Z",
        "2025-05-01T00:00:00,000999999",
    ] {
        assert_eq!(iso(UTC, text), Some(MAY_MS), "{text}");
    }
}

#[test]
fn fractions_are_cut_to_milliseconds() {
    for (fraction, millis) in [(".1", 100), (",12", 120), (".123", 123), (".1239", 123), (".999999999999", 999)] {
        assert_eq!(iso(UTC, &format!("2025-05-01T00:00:00{fraction}Z")), Some(MAY_MS + millis), "{fraction}");
    }
    assert_eq!(iso(UTC, "1969-12-31T23:59:59.999Z"), Some(-1));
}

/// A stamp may be damaged anywhere: no byte in place of another may overflow, nor pass for a digit.
#[test]
fn any_byte_may_stand_anywhere() {
    for stamp in ["01/May/2025:00:00:00 +0000", "2025-05-01T00:00:00.000+00:00", "2025-05-01T00:00:00"] {
        for place in 0..stamp.len() {
            for byte in 0..=u8::MAX {
                let mut damaged = stamp.as_bytes().to_vec();
                damaged[place] = byte;
                let read = TimeParser::new(BERLIN).any(&damaged);
                let is_digit_lost = stamp.as_bytes()[place].is_ascii_digit() && !byte.is_ascii_digit();
                assert!(!(is_digit_lost && read.is_some()), "{}", damaged.escape_ascii());
            }
        }
    }
}

#[test]
fn other_text_is_no_iso8601() {
    for text in [
        "",
        "2025-05-01",
        "2025-05-01T00:00",
        "2025-05-01T00:00Z",
        "2025-05-01T00:00:00.Z",
        "2025-05-01T00:00:00 Z",
        "2025-05-01T00:00:00ZZ",
        "2025-05-01T00:00:00+0",
        "2025-05-01T00:00:00+000",
        "2025-05-01T00:00:00*00:00",
        "2025-05-01T00:00:00+24:00",
        "2025-05-01_00:00:00Z",
        "2025/05/01T00:00:00Z",
        "20250501T000000Z",
    ] {
        assert_eq!(iso(UTC, text), None, "{text:?}");
    }
}

#[test]
fn a_stamp_without_a_zone_is_in_the_given_one() {
    assert_eq!(iso(Timezone::Offset(7_200), "2025-05-01T02:00:00"), Some(MAY_MS));
    assert_eq!(iso(Timezone::Offset(-1_800), "2025-04-30 23:30:00.5"), Some(MAY_MS + 500));
    assert_eq!(iso(BERLIN, "2025-05-01T02:00:00"), Some(MAY_MS));
    assert_eq!(iso(BERLIN, "2025-01-01T01:00:00"), iso(UTC, "2025-01-01T00:00:00"));
    assert_eq!(iso(BERLIN, "2025-05-01T02:00:00Z"), Some(MAY_MS + 7_200_000));
}

#[test]
fn the_earlier_of_two_wall_clock_times_is_taken() {
    assert_eq!(iso(BERLIN, "2025-10-26T01:59:59"), iso(UTC, "2025-10-25T23:59:59"));
    assert_eq!(iso(BERLIN, "2025-10-26T02:00:00"), iso(UTC, "2025-10-26T00:00:00"));
    assert_eq!(iso(BERLIN, "2025-10-26T02:59:59.999"), iso(UTC, "2025-10-26T00:59:59.999"));
    assert_eq!(iso(BERLIN, "2025-10-26T03:00:00"), iso(UTC, "2025-10-26T02:00:00"));
}

#[test]
fn a_skipped_wall_clock_time_moves_forward() {
    assert_eq!(iso(BERLIN, "2025-03-30T01:59:59.999"), iso(UTC, "2025-03-30T00:59:59.999"));
    assert_eq!(iso(BERLIN, "2025-03-30T02:00:00"), iso(BERLIN, "2025-03-30T03:00:00"));
    assert_eq!(iso(BERLIN, "2025-03-30T02:30:00"), iso(BERLIN, "2025-03-30T03:30:00"));
    // Samoa skipped a whole day, Lord Howe skips half an hour.
    let apia = Timezone::Named(Tz::Pacific__Apia);
    assert_eq!(iso(apia, "2011-12-30T12:00:00"), iso(apia, "2011-12-31T12:00:00"));
    assert_eq!(iso(LORD_HOWE, "2025-10-05T02:15:00"), iso(LORD_HOWE, "2025-10-05T02:45:00"));
    assert_ne!(iso(LORD_HOWE, "2025-10-05T02:15:00"), iso(LORD_HOWE, "2025-10-05T02:30:00"));
}

#[test]
fn epochs_change_unit_with_their_size() {
    assert_eq!(epoch("1746057600"), Some(MAY_MS));
    assert_eq!(epoch("1746057600.123"), Some(MAY_MS + 123));
    assert_eq!(epoch("1746057600.1239999"), Some(MAY_MS + 123));
    assert_eq!(epoch("1746057600123"), Some(MAY_MS + 123));
    assert_eq!(epoch("1746057600123.9"), Some(MAY_MS + 123));
    assert_eq!(epoch("1746057600123999"), Some(MAY_MS + 123));
    assert_eq!(epoch("1746057600123999999"), Some(MAY_MS + 123));
    assert_eq!(epoch("1.746057600123E9"), Some(MAY_MS + 123));
    // One below and one at each limit.
    assert_eq!(epoch("99999999999"), Some(99_999_999_999_000));
    assert_eq!(epoch("99999999999.9999"), Some(99_999_999_999_999));
    assert_eq!(epoch("100000000000"), Some(100_000_000_000));
    assert_eq!(epoch("99999999999999"), Some(99_999_999_999_999));
    assert_eq!(epoch("100000000000000"), Some(100_000_000_000));
    assert_eq!(epoch("99999999999999999"), Some(99_999_999_999_999));
    assert_eq!(epoch("100000000000000000"), Some(100_000_000_000));
}

#[test]
fn epochs_before_1970_are_cut_towards_zero() {
    assert_eq!(epoch("-1"), Some(-1_000));
    assert_eq!(epoch("-0.0019"), Some(-1));
    assert_eq!(epoch("-100000000000"), Some(-100_000_000_000));
    assert_eq!(epoch("-58948387200.000"), Some(MIN_MS));
    assert_eq!(epoch("-58948387200.001"), None);
}

#[test]
fn epochs_end_with_the_year_9898() {
    assert_eq!(epoch("250215091199999999"), Some(250_215_091_199));
    assert_eq!(epoch("250215091199999999999"), Some(MAX_MS));
    assert_eq!(epoch("250215091200000000000"), None);
    assert_eq!(epoch("1e400"), None);
    assert_eq!(epoch("0e400"), Some(0));
    for text in ["", "-", "+1", "1746057600,5", "1746057600 ", "now"] {
        assert_eq!(epoch(text), None, "{text:?}");
    }
}

#[test]
fn any_goes_by_shape() {
    let any = |text: &str| TimeParser::new(UTC).any(text.as_bytes());
    for text in ["01/May/2025:00:00:00 +0000", "2025-05-01 00:00:00", "1746057600", "1746057600000.0"] {
        assert_eq!(any(text), Some(MAY_MS), "{text}");
    }
    for text in ["", "-", "01/05", "2025-05-01", "yesterday"] {
        assert_eq!(any(text), None, "{text}");
    }
}

#[test]
fn a_hundred_years_around_a_stamp_have_four_digits() {
    const HUNDRED_YEARS_MS: i64 = 36_525 * DAY_MS;
    let year = |ms: i64| chrono::Datelike::year(&DateTime::from_timestamp_millis(ms).unwrap());
    let (earliest, latest) = ("0102-01-01T00:00:00+23:59", "9898-12-31T23:59:60-23:59");
    assert_eq!(year(iso(UTC, latest).unwrap() + HUNDRED_YEARS_MS), 9999);
    assert_eq!(year(iso(UTC, earliest).unwrap() - HUNDRED_YEARS_MS), 1);
}

fn zones() -> impl Strategy<Value = Timezone> {
    let named = prop::sample::select(&chrono_tz::TZ_VARIANTS[..]).prop_map(Timezone::Named);
    prop_oneof![(-86_399i32..86_400).prop_map(Timezone::Offset), named, Just(BERLIN), Just(LORD_HOWE)]
}

/// Stamps near each other, so that caches hit, some of them broken.
fn neighbouring_stamps() -> impl Strategy<Value = Vec<String>> {
    let stamp = (0usize..3, 3u32..5, 0u32..34, 0u32..26, 0u32..62, 0u32..63, 0usize..6).prop_map(
        |(shape, month, day, hour, minute, second, zone)| {
            let zone = ["", "Z", "+0000", "-01:00", " +0000", ".250"][zone];
            match shape {
                0 => format!("2025-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"),
                1 => format!("{day:02}/Apr/2025:{hour:02}:{minute:02}:{second:02}{zone}"),
                _ => format!("2025-03-30T02:{:02}:{second:02}{zone}", minute % 2),
            }
        },
    );
    prop::collection::vec(stamp, 1..40)
}

proptest! {
    #[test]
    fn caches_change_nothing(stamps in neighbouring_stamps(), zone in zones()) {
        let mut cached = TimeParser::new(zone);
        for stamp in stamps.iter().flat_map(|stamp| [stamp, stamp]) {
            prop_assert_eq!(cached.any(stamp.as_bytes()), TimeParser::new(zone).any(stamp.as_bytes()), "{}", stamp);
        }
    }

    #[test]
    fn agrees_with_chrono(epoch_ms in MIN_MS + DAY_MS..MAX_MS - DAY_MS, offset_minutes in -1_439i32..1_440) {
        let offset = chrono::FixedOffset::east_opt(offset_minutes * 60).unwrap();
        let stamp = DateTime::from_timestamp_millis(epoch_ms).unwrap().with_timezone(&offset);
        let mut parser = TimeParser::new(UTC);
        let text = stamp.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
        prop_assert_eq!(parser.iso8601(text.as_bytes()), Some(epoch_ms), "{}", text);
        let text = stamp.format("%d/%b/%Y:%H:%M:%S %z").to_string();
        prop_assert_eq!(parser.time_local(text.as_bytes()), Some(epoch_ms.div_euclid(1_000) * 1_000), "{}", text);
    }

    #[test]
    fn named_zones_agree_with_chrono(
        wall_ms in prop_oneof![-3_000_000_000_000i64..4_000_000_000_000, 1_743_292_800_000i64..1_743_310_000_000],
        zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
    ) {
        let wall = DateTime::from_timestamp_millis(wall_ms).unwrap().naive_utc();
        let text = wall.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
        let parsed = iso(Timezone::Named(zone), &text);
        match zone.from_local_datetime(&wall).earliest() {
            Some(expected) => prop_assert_eq!(parsed, Some(expected.timestamp_millis()), "{} {}", text, zone),
            None => {
                let shown = zone.from_utc_datetime(&DateTime::from_timestamp_millis(parsed.unwrap()).unwrap().naive_utc());
                prop_assert!(shown.naive_local() > wall, "{} {}", text, zone);
            }
        }
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[0-9/:TZ.,+a-zA-Z -]{0,40}") {
        for zone in [UTC, BERLIN] {
            let mut parser = TimeParser::new(zone);
            for input in [&bytes[..], text.as_bytes()] {
                let _ = (parser.any(input), parser.iso8601(input), parser.time_local(input), TimeParser::epoch(input));
            }
        }
    }
}
