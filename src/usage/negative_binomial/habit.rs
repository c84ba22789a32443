//! Bursts that come again and again: jobs of cron, builds. Surprising as counts, they stop being news.
//!
//! A burst is a habit when three of the last seven days' were about as large, or when there were at least five and it is
//! no outlier among their sizes (log-normal, prediction interval of a new value).

use super::calendar::Place;
use super::code::code_fields;

/// Bursts remembered.
const KEPT: usize = 24;

/// Surprises at most this many windows apart are one burst.
const SAME_BURST_WINDOWS: i64 = 6;

/// Bursts count as earlier ones after an hour.
const EARLIER_WINDOWS: i64 = 12;

/// Days for which a burst counts.
const DAYS: i64 = 7;

/// So many bursts of about this size make a habit.
const ALIKE: usize = 3;

/// About as large: at least half, at most three times.
const LEAST_ALIKE: f64 = 0.5;
const MOST_ALIKE: f64 = 3.0;

/// So many bursts of whatever size have a distribution.
const ENOUGH: usize = 5;

/// Standard deviations of log sizes beyond which a burst is news again.
const DEVIATIONS: f64 = 5.0;

/// A standard deviation to start from, with the weight of two bursts.
const PRIOR_DEVIATION: f64 = 0.5;
const PRIOR_WEIGHT: f64 = 2.0;

/// The bursts of the last days.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Habit {
    sizes: [f32; KEPT],
    starts: [i64; KEPT],
    last: i64,
    newest: u8,
}
code_fields!(Habit { sizes, starts, last, newest });

/// Before any window there can be.
const NEVER: i64 = i64::MIN / 2;

impl Habit {
    pub(super) fn new() -> Self {
        Habit { sizes: [0.0; KEPT], starts: [NEVER; KEPT], last: NEVER, newest: 0 }
    }

    /// Whether a burst of this size, in calls of its largest window, is what the last days have shown.
    pub(super) fn has(&self, size: f64, place: Place) -> bool {
        let days = DAYS * place.day_windows();
        let age = |start: i64| place.window.saturating_sub(start);
        let counts = |start: i64| age(start) < days && age(start) > EARLIER_WINDOWS;
        let earlier = || self.sizes.iter().zip(&self.starts).filter(|(_, start)| counts(**start));
        let sizes = || earlier().map(|(&earlier, _)| f64::from(earlier));
        let alike = sizes().filter(|earlier| (size * LEAST_ALIKE..=size * MOST_ALIKE).contains(earlier)).count();
        let count = sizes().count();
        alike >= ALIKE || (count >= ENOUGH && !is_outlier(size, count as f64, sizes().map(|size| size.max(1.0).ln())))
    }

    /// Notes a surprising window.
    pub(super) fn note(&mut self, size: f64, window: i64) {
        if window.saturating_sub(self.last) > SAME_BURST_WINDOWS {
            self.newest = ((usize::from(self.newest) + 1) % KEPT) as u8;
            self.sizes[usize::from(self.newest)] = 0.0;
            self.starts[usize::from(self.newest)] = window;
        }
        let newest = &mut self.sizes[usize::from(self.newest) % KEPT];
        *newest = newest.max(size as f32);
        self.last = window;
    }

    /// Whether what was read back can be used.
    pub(super) fn is_sound(&self) -> bool {
        usize::from(self.newest) < KEPT
    }
}

fn is_outlier(size: f64, count: f64, logs: impl Iterator<Item = f64> + Clone) -> bool {
    let mean = logs.clone().sum::<f64>() / count;
    let squares: f64 = logs.map(|log| (log - mean).powi(2)).sum();
    let prior = PRIOR_WEIGHT * PRIOR_DEVIATION * PRIOR_DEVIATION;
    let deviation = ((squares + prior) / (count - 1.0 + PRIOR_WEIGHT)).sqrt();
    size.max(1.0).ln() - mean >= DEVIATIONS * deviation * (1.0 + 1.0 / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(window: i64) -> Place {
        Place { window, slot: 0, slots: 288, day: 0 }
    }

    fn hourly(sizes: &[f64]) -> Habit {
        let mut habit = Habit::new();
        sizes.iter().zip(0..).for_each(|(&size, hour)| habit.note(size, hour * 13));
        habit
    }

    #[test]
    fn the_fourth_burst_of_a_size_is_a_habit() {
        assert!(!hourly(&[100.0, 100.0]).has(100.0, at(39)));
        let three = hourly(&[100.0, 100.0, 100.0]);
        assert!(three.has(100.0, at(39)));
        assert!(three.has(200.0, at(39)) && !three.has(201.0, at(39)));
        assert!(three.has(33.4, at(39)) && !three.has(33.2, at(39)));
    }

    #[test]
    fn only_bursts_between_an_hour_and_seven_days_old_count() {
        let three = hourly(&[100.0, 100.0, 100.0]);
        assert!(!three.has(100.0, at(26 + 12)), "the third one goes on");
        assert!(three.has(100.0, at(7 * 288 - 1)));
        assert!(!three.has(100.0, at(7 * 288)));
    }

    #[test]
    fn neighbouring_surprises_are_one_burst_with_the_largest_size() {
        let mut habit = Habit::new();
        for window in [0, 6, 12, 18] {
            habit.note(window as f64 + 1.0, window);
        }
        assert_eq!(habit.sizes.iter().filter(|size| **size > 0.0).count(), 1);
        assert_eq!(habit.sizes[1], 19.0);
        habit.note(1.0, 25);
        assert_eq!(habit.sizes[2], 1.0);
    }

    #[test]
    fn five_bursts_of_many_sizes_leave_only_outliers() {
        let sizes = [20.0, 40.0, 80.0, 160.0, 320.0];
        assert!(!hourly(&sizes[1..]).has(2000.0, at(13 * 5)));
        assert!(hourly(&sizes).has(2000.0, at(13 * 6)));
        assert!(!hourly(&sizes).has(40_000.0, at(13 * 6)));
    }
}
