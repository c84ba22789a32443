//! What a developer usually calls at each time of the day, and on each day of the week.
//!
//! Both are running means with a memory of about ten days, kept small: [`DayProfile`] is six bytes a slot.

use super::calendar::{MOST_SLOTS, Place};
use super::code::code_fields;

/// The share that a new day has in the profile, once there are ten.
const LEAST_SHARE: f64 = 0.1;

/// Weights of a slot and its two neighbours on either side.
const KERNEL: [f64; 5] = [1.0, 2.0, 3.0, 2.0, 1.0];

/// Days beyond which a slot does not count for more than its neighbours.
const MOST_WEIGHT: u8 = 7;

/// Calls by time of the day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DayProfile {
    mean: [f32; MOST_SLOTS],
    /// Days seen.
    seen: [u8; MOST_SLOTS],
    /// Share of days without a call, in 255ths.
    empty: [u8; MOST_SLOTS],
}
code_fields!(DayProfile { mean, seen, empty });

impl DayProfile {
    pub(super) fn new() -> Self {
        DayProfile { mean: [0.0; MOST_SLOTS], seen: [0; MOST_SLOTS], empty: [u8::MAX; MOST_SLOTS] }
    }

    /// Calls to expect at this time of the day; `None` before any day has shown it.
    pub(super) fn expected(&self, place: Place) -> Option<f64> {
        let (mut calls, mut weights) = (0.0, 0.0);
        for (weight, shift) in KERNEL.into_iter().zip(0..) {
            let slot = (place.slot + place.slots + shift - KERNEL.len() / 2) % place.slots;
            let weight = weight * f64::from(self.seen[slot].min(MOST_WEIGHT));
            calls += weight * f64::from(self.mean[slot]);
            weights += weight;
        }
        (weights > 0.0).then(|| calls / weights)
    }

    /// Share of days on which this slot was empty, in 255ths.
    pub(super) fn empty_share(&self, place: Place) -> u8 {
        self.empty[place.slot]
    }

    /// Takes a window's calls in.
    pub(super) fn teach(&mut self, place: Place, calls: f64, is_empty: bool) {
        let slot = place.slot;
        let share = share(self.seen[slot].saturating_add(1));
        let blend = |old: f64, new: f64| old + share * (new - old);
        self.mean[slot] = blend(f64::from(self.mean[slot]), calls) as f32;
        let empty = if is_empty { f64::from(u8::MAX) } else { 0.0 };
        self.empty[slot] = blend(f64::from(self.empty[slot]), empty).round() as u8;
        self.seen[slot] = self.seen[slot].saturating_add(1);
    }

    /// Takes back what the day that ended taught by mistake: that all days are as it was, where its day of the week is.
    pub(super) fn correct(&mut self, day: DayEnd) {
        for (mean, &seen) in self.mean.iter_mut().zip(&self.seen) {
            let share = share(seen);
            let taught = |ratio: f64| 1.0 + share * (ratio - 1.0);
            *mean = (f64::from(*mean) * taught(day.by_factor_now) / taught(day.by_factor_then)) as f32;
        }
    }
}

/// The share of the last of so many days in the profile.
fn share(days: u8) -> f64 {
    f64::from(days.max(1)).recip().max(LEAST_SHARE)
}

/// What a day's calls came to, as a multiple of the profile's times a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DayEnd {
    /// The factor by which the day was expected.
    pub(super) by_factor_then: f64,
    /// The factor that such days have from now on.
    pub(super) by_factor_now: f64,
}

/// How the days of a week differ from the profile, so that a Monday after a quiet weekend is no surprise.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Week {
    /// Calls as a multiple of the profile's; 0 where no such day was seen.
    factors: [f32; 7],
    calls_today: f64,
    expected_today: f64,
}
code_fields!(Week { factors, calls_today, expected_today });

/// Calls by which a day's factor is held near 1.
const PRIOR_CALLS: f64 = 20.0;

/// A day is no factor less than this, nor more than the next.
const LEAST_FACTOR: f64 = 0.05;
const MOST_FACTOR: f64 = 3.0;

impl Week {
    /// Calls of this day as a multiple of the profile's.
    pub(super) fn factor(&self, place: Place) -> f64 {
        match self.factors[place.weekday()] {
            factor if factor > 0.0 => f64::from(factor),
            _ => 1.0,
        }
    }

    /// Counts a window towards today: its calls and what the profile says.
    pub(super) fn note(&mut self, calls: f64, profile: f64) {
        self.calls_today += calls;
        self.expected_today += profile;
    }

    /// Ends a day; `None` where too little was expected of it to tell.
    pub(super) fn end_day(&mut self, weekday: usize) -> Option<DayEnd> {
        let (calls, expected) = (std::mem::take(&mut self.calls_today), std::mem::take(&mut self.expected_today));
        if expected <= PRIOR_CALLS {
            return None;
        }
        let factor = ((calls + PRIOR_CALLS) / (expected + PRIOR_CALLS)).clamp(LEAST_FACTOR, MOST_FACTOR);
        let known = f64::from(self.factors[weekday]);
        let (new, used) = if known > 0.0 { ((known + factor) / 2.0, known) } else { (factor, 1.0) };
        self.factors[weekday] = new as f32;
        Some(DayEnd { by_factor_then: factor / used, by_factor_now: factor / new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Timezone;
    use crate::usage::negative_binomial::calendar::Calendar;

    fn place(window: i64) -> Place {
        Calendar::new(300_000, Timezone::default()).unwrap().place(window)
    }

    #[test]
    fn a_profile_is_the_weighted_mean_of_five_slots() {
        let mut profile = DayProfile::new();
        assert_eq!(profile.expected(place(0)), None);
        profile.teach(place(0), 90.0, false);
        assert_eq!(profile.expected(place(2)), Some(90.0), "the only slot seen so far");
        assert_eq!(profile.expected(place(3)), None);
        for slot in 1..5 {
            profile.teach(place(slot), 0.0, true);
        }
        assert_eq!(profile.expected(place(2)), Some(10.0), "one ninth of the weight");
        assert_eq!(profile.expected(place(287)), Some(60.0), "yesterday's evening is next to the morning");
    }

    #[test]
    fn the_tenth_day_and_all_after_it_count_for_a_tenth() {
        let mut profile = DayProfile::new();
        (0..10).for_each(|_| profile.teach(place(5), 100.0, false));
        profile.teach(place(5), 0.0, true);
        assert!((f64::from(profile.mean[5]) - 90.0).abs() < 1e-4);
        assert_eq!(profile.empty_share(place(5)), 26);
        (0..300).for_each(|_| profile.teach(place(5), 0.0, true));
        assert!(profile.empty_share(place(5)) > 245);
    }

    #[test]
    fn a_quiet_day_of_the_week_does_not_make_the_others_quiet() {
        let mut profile = DayProfile::new();
        (0..4).for_each(|_| profile.teach(place(5), 100.0, false));
        // The first Saturday has a quarter of the calls, which nobody could know.
        profile.teach(place(5), 25.0, false);
        assert!((f64::from(profile.mean[5]) - 85.0).abs() < 1e-4);
        profile.correct(DayEnd { by_factor_then: 0.25, by_factor_now: 1.0 });
        assert!((f64::from(profile.mean[5]) - 100.0).abs() < 1e-4);
    }

    #[test]
    fn a_day_of_the_week_gets_its_factor_when_it_is_over() {
        let mut week = Week::default();
        assert_eq!(week.factor(place(0)), 1.0);
        week.note(80.0, 180.0);
        let monday = place(0).weekday();
        assert_eq!(week.end_day(monday), Some(DayEnd { by_factor_then: 0.5, by_factor_now: 1.0 }));
        assert_eq!(week.factor(place(0)), 0.5);
        // As expected: half the profile.
        week.note(80.0, 180.0);
        assert_eq!(week.end_day(monday), Some(DayEnd { by_factor_then: 1.0, by_factor_now: 1.0 }));
        // Too little to tell.
        week.note(0.0, 20.0);
        assert_eq!(week.end_day(monday), None);
        assert_eq!(week.factor(place(0)), 0.5);
        week.note(1e9, 21.0);
        week.end_day(1);
        assert_eq!(week.factors[1], 3.0);
    }
}
