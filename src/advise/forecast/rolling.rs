//! A forecast put to the test, one window after the other: what was forecast at its start, what came, and what two other
//! forecasts said.
//!
//! Prediction intervals are those of past errors without any assumption about their distribution (split conformal
//! prediction, Vovk et al. 2005): the k-th smallest of n absolute errors, k = ceil((n + 1) p), around the forecast.

use super::holt_winters::HoltWinters;
use std::collections::VecDeque;

/// A day's season is one of whole windows.
const DAY_MS: i64 = 86_400_000;

/// Errors that intervals are made from: the newest.
const ERRORS: usize = 500;

const NANOS_PER_MS: f64 = 1e6;

/// The windows of one endpoint so far.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    open: Option<Window>,
    /// The mean of the last window with requests.
    last_mean_ms: Option<f64>,
    errors_ms: VecDeque<f64>,
    holt_winters: HoltWinters,
    score: Score,
    window_ms: i64,
}

/// The window under way.
#[derive(Clone, Copy, Debug)]
struct Window {
    number: i64,
    requests: u64,
    sum_ns: u128,
    /// What was forecast at its start; `None` in the first.
    forecast_ms: Option<f64>,
}

/// Sums over the windows that were tested.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    pub windows: u64,
    /// Sums of absolute errors.
    pub forecast_ms: f64,
    pub naive_ms: f64,
    /// Sum of squares of the difference of the two.
    pub difference_squares: f64,
    /// Windows that the 80 % and the 95 % interval existed for, and of those how many they held.
    pub covered80: (u64, u64),
    pub covered95: (u64, u64),
    /// Where Holt-Winters had a forecast: windows, and absolute errors of the three.
    pub seasonal: Seasonal,
}

/// Sums over the windows of which Holt-Winters had a forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seasonal {
    pub windows: u64,
    pub holt_winters_ms: f64,
    pub forecast_ms: f64,
    pub naive_ms: f64,
}

impl Rolling {
    /// Takes the endpoint's next request; `forecast_ms` is what was forecast before it.
    pub(super) fn take(&mut self, ended_ms: i64, duration_ns: u64, forecast_ms: Option<f64>, window_ms: i64) {
        self.window_ms = window_ms;
        let number = ended_ms.div_euclid(window_ms);
        match &mut self.open {
            Some(open) if open.number == number => {
                open.requests += 1;
                open.sum_ns += u128::from(duration_ns);
            }
            _ => {
                self.finish();
                self.open = Some(Window { number, requests: 1, sum_ns: u128::from(duration_ns), forecast_ms });
            }
        }
    }

    /// Ends the window under way.
    pub(super) fn finish(&mut self) {
        let Some(Window { number, requests, sum_ns, forecast_ms }) = self.open.take() else { return };
        let mean_ms = sum_ns as f64 / NANOS_PER_MS / requests as f64;
        if let (Some(forecast_ms), Some(naive_ms)) = (forecast_ms, self.last_mean_ms) {
            self.test(number, mean_ms, forecast_ms, naive_ms);
        }
        if let Some(day) = self.windows_of_a_day() {
            self.holt_winters.take(number, mean_ms, day);
        }
        self.last_mean_ms = Some(mean_ms);
    }

    /// What was counted so far.
    pub(super) fn score(&self) -> &Score {
        &self.score
    }

    /// Half the width of the interval that holds the next value with this probability; `None` with too few errors.
    pub(super) fn radius_ms(&self, percent: usize) -> Option<f64> {
        let rank = ((self.errors_ms.len() + 1) * percent).div_ceil(100);
        let mut errors: Vec<f64> = self.errors_ms.iter().copied().collect();
        let place = rank.checked_sub(1).filter(|place| *place < errors.len())?;
        Some(*errors.select_nth_unstable_by(place, f64::total_cmp).1)
    }

    fn windows_of_a_day(&self) -> Option<usize> {
        let is_whole = self.window_ms < DAY_MS && DAY_MS % self.window_ms == 0;
        is_whole.then(|| (DAY_MS / self.window_ms) as usize)
    }

    fn test(&mut self, number: i64, mean_ms: f64, forecast_ms: f64, naive_ms: f64) {
        let (error_ms, naive_error_ms) = ((mean_ms - forecast_ms).abs(), (mean_ms - naive_ms).abs());
        for (percent, covered) in [(80, 0), (95, 1)] {
            let Some(radius_ms) = self.radius_ms(percent) else { continue };
            let covered = if covered == 0 { &mut self.score.covered80 } else { &mut self.score.covered95 };
            covered.0 += 1;
            covered.1 += u64::from(error_ms <= radius_ms);
        }
        let seasonal = self.windows_of_a_day().and_then(|day| self.holt_winters.forecast(number, day));
        if let Some(seasonal_ms) = seasonal {
            let sums = &mut self.score.seasonal;
            sums.windows += 1;
            sums.holt_winters_ms += (mean_ms - seasonal_ms).abs();
            sums.forecast_ms += error_ms;
            sums.naive_ms += naive_error_ms;
        }
        let score = &mut self.score;
        score.windows += 1;
        score.forecast_ms += error_ms;
        score.naive_ms += naive_error_ms;
        score.difference_squares += (naive_error_ms - error_ms).powi(2);
        self.errors_ms.push_back(error_ms);
        if self.errors_ms.len() > ERRORS {
            self.errors_ms.pop_front();
        }
    }
}

impl Score {
    /// Adds another endpoint's.
    pub(super) fn add(&mut self, other: &Score) {
        self.windows += other.windows;
        self.forecast_ms += other.forecast_ms;
        self.naive_ms += other.naive_ms;
        self.difference_squares += other.difference_squares;
        for (own, other) in [(&mut self.covered80, other.covered80), (&mut self.covered95, other.covered95)] {
            *own = (own.0 + other.0, own.1 + other.1);
        }
        self.seasonal.windows += other.seasonal.windows;
        self.seasonal.holt_winters_ms += other.seasonal.holt_winters_ms;
        self.seasonal.forecast_ms += other.seasonal.forecast_ms;
        self.seasonal.naive_ms += other.seasonal.naive_ms;
    }

    /// The mean advantage over the naive forecast in units of its standard error (Diebold and Mariano 1995, one step
    /// ahead); `None` with fewer than two windows or no spread.
    pub(super) fn advantage(&self) -> Option<f64> {
        let windows = self.windows as f64;
        let mean = (self.naive_ms - self.forecast_ms) / windows;
        let variance = self.difference_squares / windows - mean * mean;
        (self.windows > 1 && variance > 0.0).then(|| mean / (variance / windows).sqrt())
    }
}
