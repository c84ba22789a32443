//! Wall clock times of one zone, binned so finely that every bin lies in one window of the epoch.
//!
//! A column of wall clock times can then be grouped where it is stored, and an index on it be used, while the
//! zone's rules stay here, the same for every source.

use super::time::TimeParser;
use crate::plan::Timezone;
use chrono::{DateTime, Offset, TimeZone};

/// Offsets of all zones change at multiples of this, of wall clock and of UTC.
const QUARTER_MS: i64 = 15 * 60_000;

/// No zone has ever jumped further than this.
const LONGEST_JUMP_MS: i64 = 26 * 3_600_000;

/// Looks at a zone's offset are at most about this many.
const MOST_LOOKS: i64 = 100_000;

/// A stretch of time on a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WallSpan {
    /// No moment of the stretch is shown as an earlier time than this; milliseconds as if UTC.
    pub(super) from_ms: i64,
    /// Nor as this or a later one.
    pub(super) to_ms: i64,
    /// Bins of this length from the epoch on each lie in one window, whatever the offset was.
    pub(super) bin_ms: i64,
}

impl WallSpan {
    /// The stretch from `from_ms` to before `to_ms`, UTC, for windows of `window_ms`.
    pub(super) fn new(zone: Timezone, from_ms: i64, to_ms: i64, window_ms: i64) -> Self {
        let Timezone::Named(named) = zone else {
            let offset_ms = offset_ms(zone, 0);
            return WallSpan {
                from_ms: from_ms.saturating_add(offset_ms),
                to_ms: to_ms.saturating_add(offset_ms),
                bin_ms: common_divisor(window_ms, offset_ms),
            };
        };
        let mut bin_ms = common_divisor(window_ms, QUARTER_MS);
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        let mut moment_ms = (from_ms - LONGEST_JUMP_MS).div_euclid(QUARTER_MS) * QUARTER_MS;
        // An offset lasts for weeks, so that a coarse look at centuries misses none.
        let step_ms = QUARTER_MS * ((to_ms - from_ms) / QUARTER_MS / MOST_LOOKS).max(1);
        while moment_ms <= to_ms + LONGEST_JUMP_MS {
            let offset_ms = offset_ms(Timezone::Named(named), moment_ms);
            (least, most) = (least.min(offset_ms), most.max(offset_ms));
            bin_ms = common_divisor(bin_ms, offset_ms);
            moment_ms += step_ms;
        }
        WallSpan { from_ms: from_ms + least, to_ms: to_ms + most, bin_ms }
    }
}

/// The zone's offset east of UTC at a moment.
pub(crate) fn offset_ms(zone: Timezone, moment_ms: i64) -> i64 {
    let seconds = match zone {
        Timezone::Offset(seconds) => seconds,
        Timezone::Named(zone) => DateTime::from_timestamp_millis(moment_ms)
            .map_or(0, |moment| zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc()),
    };
    i64::from(seconds) * 1000
}

/// The greatest common divisor; the first number where the other is 0.
fn common_divisor(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one, other.abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The window in which the bin that begins at `wall_ms` lies.
pub(super) fn window_of(parser: &mut TimeParser, wall_ms: i64, window_ms: i64) -> Option<i64> {
    Some(parser.moment_ms(wall_ms)?.div_euclid(window_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIVE_MINUTES: i64 = 300_000;
    const HOUR: i64 = 3_600_000;

    fn span(zone: &str, window_ms: i64) -> WallSpan {
        WallSpan::new(zone.parse().unwrap(), 1000 * HOUR, 1001 * HOUR, window_ms)
    }

    #[test]
    fn bins_are_as_long_as_the_zone_allows() {
        let check = |zone, window_ms, bin_ms, offset_ms| {
            let expected = WallSpan { from_ms: 1000 * HOUR + offset_ms, to_ms: 1001 * HOUR + offset_ms, bin_ms };
            assert_eq!(span(zone, window_ms), expected, "{zone}");
        };
        check("UTC", 86_400_000, 86_400_000, 0);
        check("+02:00", FIVE_MINUTES, FIVE_MINUTES, 2 * HOUR);
        check("+05:45", HOUR, QUARTER_MS, 5 * HOUR + 45 * 60_000);
        check("-00:07", FIVE_MINUTES, 60_000, -7 * 60_000);
        check("Asia/Kolkata", HOUR, QUARTER_MS, 5 * HOUR + 30 * 60_000);
    }

    proptest! {
        /// Binning first and asking the zone afterwards is asking the zone of each time.
        #[test]
        fn a_bin_lies_in_one_window(
            zone in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "+05:45"]),
            wall_ms in 1_700_000_000_000_i64..1_800_000_000_000,
            window_ms in prop::sample::select(vec![60_000, FIVE_MINUTES, HOUR, 86_400_000]),
        ) {
            let zone: Timezone = zone.parse().unwrap();
            let mut parser = TimeParser::new(zone);
            let moment_ms = parser.moment_ms(wall_ms).unwrap();
            let span = WallSpan::new(zone, moment_ms - HOUR, moment_ms + 1, window_ms);
            prop_assert!((span.from_ms..span.to_ms).contains(&wall_ms));
            let bin = wall_ms.div_euclid(span.bin_ms) * span.bin_ms;
            prop_assert_eq!(window_of(&mut parser, bin, window_ms), Some(moment_ms.div_euclid(window_ms)));
        }
    }
}
