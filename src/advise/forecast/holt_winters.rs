//! Additive Holt-Winters smoothing with a season of a day (Winters 1960), as a measure for simpler forecasts.
//!
//! Values come by the number of their window; windows without one leave the level to its trend. The first two days make
//! the start values, if at least half of each is there.

/// Weights of the newest value in level, trend and season: the plugin's alpha for the level and the season, a slow trend.
const ALPHA: f64 = 0.3;
const BETA: f64 = 0.05;
const GAMMA: f64 = 0.3;

/// Days that make the start values.
const FIRST_DAYS: i64 = 2;

/// One series.
#[derive(Debug, Default)]
pub(super) struct HoltWinters {
    phase: Phase,
    /// The first window of the series.
    from: i64,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Empty,
    /// The values of the first days, by window from the first on.
    Collecting(Vec<Option<f64>>),
    Running {
        level: f64,
        trend: f64,
        season: Vec<f64>,
        /// The window of the last step.
        at: i64,
    },
    /// The first days were too thin.
    Impossible,
}

impl HoltWinters {
    /// The forecast of this window, which is after all that were taken; `None` where there is none yet.
    pub(super) fn forecast(&mut self, window: i64, day: usize) -> Option<f64> {
        if let Phase::Collecting(values) = &self.phase
            && window - self.from >= FIRST_DAYS * day as i64
        {
            self.phase = start(values, day, self.from);
        }
        match &self.phase {
            Phase::Running { level, trend, season, at } => {
                Some(level + trend * (window - at) as f64 + season[place(window, self.from, day)])
            }
            _ => None,
        }
    }

    /// Takes a window's value; its forecast has to have been asked for.
    pub(super) fn take(&mut self, window: i64, value: f64, day: usize) {
        let from = self.from;
        match &mut self.phase {
            Phase::Empty => {
                self.from = window;
                let mut values = vec![None; FIRST_DAYS as usize * day];
                values[0] = Some(value);
                self.phase = Phase::Collecting(values);
            }
            Phase::Collecting(values) => {
                if let Some(slot) = values.get_mut((window - from) as usize) {
                    *slot = Some(value);
                }
            }
            Phase::Running { level, trend, season, at } => {
                let season = &mut season[place(window, from, day)];
                let expected = *level + *trend * (window - *at) as f64;
                let next = ALPHA * (value - *season) + (1.0 - ALPHA) * expected;
                *trend = BETA * (next - *level) / (window - *at) as f64 + (1.0 - BETA) * *trend;
                *season = GAMMA * (value - next) + (1.0 - GAMMA) * *season;
                (*level, *at) = (next, window);
            }
            Phase::Impossible => {}
        }
    }
}

fn place(window: i64, from: i64, day: usize) -> usize {
    ((window - from) as usize) % day
}

/// Level and trend from the means of the two days, the season from the distances to them.
fn start(values: &[Option<f64>], day: usize, from: i64) -> Phase {
    let (first, second) = values.split_at(day);
    let mean = |values: &[Option<f64>]| {
        let there: Vec<f64> = values.iter().copied().flatten().collect();
        (there.len() * 2 >= day).then(|| there.iter().sum::<f64>() / there.len() as f64)
    };
    let (Some(first_mean), Some(second_mean)) = (mean(first), mean(second)) else { return Phase::Impossible };
    let distance = |place: usize| {
        let distances = [first[place].map(|value| value - first_mean), second[place].map(|value| value - second_mean)];
        let there: Vec<f64> = distances.into_iter().flatten().collect();
        if there.is_empty() { 0.0 } else { there.iter().sum::<f64>() / there.len() as f64 }
    };
    let trend = (second_mean - first_mean) / day as f64;
    // The mean lies in the middle of its day, the last window half a day later.
    let level = second_mean + trend * (day - 1) as f64 / 2.0;
    Phase::Running { level, trend, season: (0..day).map(distance).collect(), at: from + FIRST_DAYS * day as i64 - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A season of four windows, rising by 8 a day: the first forecast and the first step by hand.
    #[test]
    fn two_days_start_it_and_a_step_moves_all_three() {
        let mut series = HoltWinters::default();
        // Means 10 and 18, distances -2, 2, 4, -4 in both.
        for (window, value) in [8.0, 12.0, 14.0, 6.0, 16.0, 20.0, 22.0, 14.0].into_iter().enumerate() {
            assert_eq!(series.forecast(100 + window as i64, 4), None);
            series.take(100 + window as i64, value, 4);
        }
        // Trend 2 a window; level 18 + 2 x 1.5 = 21 at the end of the second day; 21 + 2 - 2.
        assert_eq!(series.forecast(108, 4), Some(21.0));
        series.take(108, 31.0, 4);
        // Level 0.3 x (31 + 2) + 0.7 x 23 = 26; trend 0.05 x 5 + 0.95 x 2 = 2.15; season 0.3 x 5 - 0.7 x 2 = 0.1.
        assert_eq!(series.forecast(109, 4), Some(26.0 + 2.15 + 2.0));
        let after_a_day = series.forecast(112, 4).unwrap();
        assert!((after_a_day - (26.0 + 4.0 * 2.15 + 0.1)).abs() < 1e-12, "{after_a_day}");
    }

    #[test]
    fn half_of_each_day_has_to_be_there() {
        let started = |windows: &[i64]| {
            let mut series = HoltWinters::default();
            windows.iter().for_each(|window| series.take(*window, 1.0, 4));
            series.forecast(8, 4).is_some()
        };
        assert!(started(&[0, 1, 4, 5]));
        assert!(!started(&[0, 1, 4]));
        assert!(!started(&[0, 4, 5, 6, 7]));
    }
}
