//! Where a window lies in its day and week, on the wall clock of one zone.
//!
//! People's habits follow the wall clock: with a zone, nine o'clock stays nine o'clock when the clocks change.

use crate::plan::Timezone;
use crate::source::wall::offset_ms;
use crate::usage::zscore_daily::DAY_MS;

/// Slots that a day may have at most: windows of five minutes.
pub const MOST_SLOTS: usize = 288;

/// Windows and days of one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    window_ms: i64,
    zone: Timezone,
}

/// A window's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The window, counted from the epoch.
    pub(super) window: i64,
    /// The window of the day on the wall clock.
    pub(super) slot: usize,
    /// Slots of a day.
    pub(super) slots: usize,
    /// The day on the wall clock, counted from the epoch.
    pub(super) day: i64,
}

impl Place {
    /// The day of the week; which day is 0 does not matter.
    pub(super) fn weekday(self) -> usize {
        self.day.rem_euclid(7) as usize
    }

    /// Windows of a day, to count time in.
    pub(super) fn day_windows(self) -> i64 {
        self.slots as i64
    }
}

impl Calendar {
    /// Windows of `window_ms` in days of `zone`; `None` unless a day is a whole number of windows, at most
    /// [`MOST_SLOTS`] and at least one an hour.
    pub fn new(window_ms: i64, zone: Timezone) -> Option<Calendar> {
        const LEAST_SLOTS: i64 = 24;
        let is_whole = window_ms > 0 && DAY_MS % window_ms == 0;
        let fits = is_whole && (LEAST_SLOTS..=MOST_SLOTS as i64).contains(&(DAY_MS / window_ms));
        fits.then_some(Calendar { window_ms, zone })
    }

    /// Milliseconds of a window.
    pub fn window_ms(self) -> i64 {
        self.window_ms
    }

    /// Slots of a day.
    pub(super) fn slots(self) -> usize {
        (DAY_MS / self.window_ms) as usize
    }

    /// What tells this calendar from another, to be kept with what was learnt by it.
    pub(super) fn name(self) -> String {
        format!("{} {}", self.window_ms, self.zone)
    }

    pub(super) fn place(self, window: i64) -> Place {
        let start_ms = window.saturating_mul(self.window_ms);
        let wall_ms = start_ms.saturating_add(offset_ms(self.zone, start_ms));
        let slot = (wall_ms.rem_euclid(DAY_MS) / self.window_ms) as usize;
        Place { window, slot, slots: self.slots(), day: wall_ms.div_euclid(DAY_MS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_whole_number_of_windows_of_five_minutes_to_an_hour() {
        let fits = |window_ms| Calendar::new(window_ms, Timezone::default()).is_some();
        assert_eq!([300_000, 600_000, 3_600_000].map(fits), [true; 3]);
        assert_eq!([299_999, 240_000, 420_000, 3_600_001, 7_200_000, 0, -300_000, i64::MIN].map(fits), [false; 8]);
    }

    #[test]
    fn nine_o_clock_stays_nine_o_clock_when_the_clocks_change() {
        let berlin = Calendar::new(300_000, "Europe/Berlin".parse().unwrap()).unwrap();
        let at = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
            berlin.place(time / 300_000)
        };
        let (before, after) = (at("2026-10-24T09:00:00+02:00"), at("2026-10-25T09:00:00+01:00"));
        assert_eq!((before.slot, after.slot), (108, 108));
        assert_eq!(after.day - before.day, 1);
        assert_eq!(after.window - before.window, 300, "that day has an hour more");
    }

    #[test]
    fn windows_before_the_epoch_have_a_place() {
        let utc = Calendar::new(300_000, Timezone::default()).unwrap();
        assert_eq!(utc.place(-1), Place { window: -1, slot: 287, slots: 288, day: -1 });
        assert_eq!(utc.place(-1).weekday(), 6);
        utc.place(i64::MAX);
        utc.place(i64::MIN);
    }
}
