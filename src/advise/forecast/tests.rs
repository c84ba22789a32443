//! Forecasts worked out by hand, and tests of forecasts that are known to be good and bad.

use super::report::{TestResult, Verdict};
use super::rolling::Rolling;
use super::smooth::{Action, Prediction, Smooth};
use super::*;
use crate::advise::trace::CacheState;

const MS: u64 = 1_000_000;

fn smooth(durations_ms: &[u64], cache: CacheState) -> Smooth {
    let mut smooth = Smooth::default();
    durations_ms.iter().for_each(|ms| smooth.take(ms * MS, cache, 0.3));
    smooth
}

fn predict(durations_ms: &[u64], hour: u32) -> Prediction {
    smooth(durations_ms, CacheState::Unsaid).predict(hour, &ForecastConfig::default())
}

#[test]
fn the_newest_request_has_three_tenths_of_the_weight() {
    let level = |durations_ms: &[u64]| smooth(durations_ms, CacheState::Unsaid).forecast_ms();
    assert_eq!((level(&[]), level(&[100]), level(&[100, 200])), (None, Some(100.0), Some(130.0)));
    assert_eq!(level(&[100, 200, 50]), Some(0.3 * 50.0 + 0.7 * 130.0));
}

/// Of equal numbers of 10 +- d the variance is d^2: 1,000 ms^2 at sigma 31.6 ms.
#[test]
fn confidence_falls_with_the_variance() {
    let confidence = |low: u64, high: u64| predict(&[low, high].repeat(10), 0).confidence;
    assert_eq!((confidence(40, 40), confidence(30, 50), confidence(9, 71)), (1.0, 0.9, 1.0 - 961.0 / 1000.0));
    assert_eq!(confidence(0, 64), 0.0);
    assert_eq!(smooth(&[1, 2, 3, 4], CacheState::Unsaid).variance_ms2(), 1.25);
}

#[test]
fn ten_requests_make_a_forecast() {
    let default = Prediction { forecast_ms: 50.0, confidence: 0.3, recommended: Action::Cache, applied: Action::None };
    assert_eq!(predict(&[7; 9], 0), default);
    assert_eq!((predict(&[7; 10], 0).forecast_ms, predict(&[7; 10], 0).confidence), (7.0, 1.0));
}

/// The first rule that holds, each just below and just above its threshold.
#[test]
fn the_first_action_that_holds_is_recommended() {
    let recommended = |durations_ms: &[u64], hour| predict(durations_ms, hour).recommended;
    // Nine of 10 ms, then x: the forecast is 7 + 0.3 x, twice the mean 18 + 0.2 x: equal at 110.
    let last = |x: u64| [vec![10; 9], vec![x]].concat();
    assert_eq!([110, 111].map(|x| recommended(&last(x), 0)), [Action::Batch, Action::Throttle]);
    assert_eq!([100, 101].map(|ms| recommended(&[ms; 10], 0)), [Action::Batch, Action::Cache]);
    let hours = [8, 9, 17, 18].map(|hour| recommended(&[60; 51], hour));
    assert_eq!(hours, [Action::Optimize, Action::Prefetch, Action::Prefetch, Action::Optimize]);
    assert_eq!([50, 51].map(|count| recommended(&vec![60; count], 0)), [Action::Batch, Action::Optimize]);
    assert_eq!([50, 51].map(|ms| recommended(&[ms; 51], 0)), [Action::Batch, Action::Optimize]);
}

#[test]
fn what_a_cache_answers_often_needs_none() {
    let of = |hits: usize| {
        let mut smooth = smooth(&vec![200; hits], CacheState::Hit);
        (hits..10).for_each(|_| smooth.take(200 * MS, CacheState::Miss, 0.3));
        (smooth.cache_hit_rate(), smooth.predict(0, &ForecastConfig::default()).recommended)
    };
    assert_eq!((of(2), of(3)), ((Some(0.2), Action::Cache), (Some(0.3), Action::Batch)));
    assert_eq!(smooth(&[1], CacheState::Unsaid).cache_hit_rate(), None);
}

#[test]
fn an_action_is_applied_above_the_threshold_alone() {
    // Variances of 100 and 81 ms^2: confidences of 0.9 and 0.919.
    let config = ForecastConfig { prediction_threshold: 0.9, ..ForecastConfig::default() };
    let applied = |durations_ms: &[u64]| smooth(durations_ms, CacheState::Unsaid).predict(0, &config).applied;
    assert_eq!(applied(&[30, 50].repeat(10)), Action::None);
    assert_eq!(applied(&[31, 49].repeat(10)), Action::Batch);
}

#[test]
fn the_hour_is_that_of_the_zone() {
    let at_ms = 1_780_315_200_000;
    assert_eq!(hour_of(at_ms, Timezone::default()), 12);
    assert_eq!(hour_of(at_ms, Timezone::Offset(-3600)), 11);
    assert_eq!(hour_of(at_ms, Timezone::Named(chrono_tz::Europe::Berlin)), 14);
}

/// Windows of 10 ms with a request each: forecasts by alpha 0.3 of 100, 110, 90, 100.
#[test]
fn each_window_is_forecast_from_those_before() {
    let (mut smooth, mut rolling) = (Smooth::default(), Rolling::default());
    for (window, duration_ms) in [100, 110, 90, 100].into_iter().enumerate() {
        rolling.take(window as i64 * 10, duration_ms * MS, smooth.forecast_ms(), 10);
        smooth.take(duration_ms * MS, CacheState::Unsaid, 0.3);
    }
    rolling.finish();
    let score = *rolling.score();
    // Forecasts 100, 103, 99.1; errors 10, 13, 0.9; naive ones 10, 20, 10.
    assert_eq!((score.windows, score.naive_ms), (3, 40.0));
    assert!((score.forecast_ms - 23.9).abs() < 1e-9, "{}", score.forecast_ms);
    assert!((score.difference_squares - (49.0 + 9.1 * 9.1)).abs() < 1e-9);
    // Four errors are needed for 80 %, nineteen for 95 %.
    assert_eq!((rolling.radius_ms(80), rolling.radius_ms(75)), (None, Some(13.0)));
}

/// The k-th smallest of n errors, k = ceil((n + 1) p).
#[test]
fn intervals_are_past_errors() {
    let radius = |count: i64, percent| {
        let mut rolling = Rolling::default();
        // Every window is forecast as 0 and comes out as its number.
        for window in 0..=count {
            rolling.take(window * 10, window as u64 * MS, Some(0.0), 10);
        }
        rolling.finish();
        rolling.radius_ms(percent)
    };
    assert_eq!((radius(3, 80), radius(4, 80), radius(9, 80)), (None, Some(4.0), Some(8.0)));
    assert_eq!((radius(18, 95), radius(19, 95), radius(39, 95)), (None, Some(19.0), Some(38.0)));
    // The newest 500 errors of 600.
    assert_eq!(radius(600, 80), Some(100.0 + 401.0));
}

/// A small generator, so that the series are the same everywhere: xorshift64* by Marsaglia and Vigna.
struct Noise(u64);

impl Noise {
    /// A whole number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// Three days of 50 requests in each 5 minutes; the duration of each by its place in the day, 0 to 1, and a number below
/// 100.
fn tested(duration_ms: impl Fn(f64, u64) -> f64) -> TestResult {
    const A_DAY: i64 = 288 * 50;
    let (mut noise, mut smooth, mut rolling) = (Noise(7), Smooth::default(), Rolling::default());
    for request in 0..3 * A_DAY {
        let of_day = (request % A_DAY) as f64 / A_DAY as f64;
        let duration_ns = (duration_ms(of_day, noise.below(100)) * MS as f64) as u64;
        rolling.take(request * 6000, duration_ns, smooth.forecast_ms(), 300_000);
        smooth.take(duration_ns, CacheState::Unsaid, 0.3);
    }
    rolling.finish();
    TestResult::new(rolling.score())
}

#[test]
fn on_noise_the_forecast_is_no_better() {
    let result = tested(|_, noise| 50.0 + noise as f64);
    assert_eq!((result.verdict, result.windows), (Verdict::NoBetter, 3 * 288 - 1));
    assert!(result.mae_ms > result.naive_mae_ms, "{result:?}");
    // Prediction intervals hold what they promise even so.
    let near = |share: Option<f64>, promised: f64| (share.unwrap() - promised).abs() < 0.03;
    assert!(near(result.coverage80, 0.8) && near(result.coverage95, 0.95), "{result:?}");
}

/// A day that swings between 100 and 900 ms: the last requests say more than the last window, and the day before more
/// than either.
#[test]
fn on_a_season_the_forecast_is_better_and_holt_winters_better_still() {
    let wave = |of_day: f64| 500.0 - 400.0 * (of_day * std::f64::consts::TAU).cos();
    let result = tested(|of_day, noise| wave(of_day) + noise as f64 / 100.0);
    assert_eq!((result.verdict, result.seasonal_windows), (Verdict::Better, 288));
    let [forecast, naive, seasonal] =
        [result.seasonal_mae_ms, result.seasonal_naive_mae_ms, result.holt_winters_mae_ms].map(Option::unwrap);
    assert!(forecast < 0.7 * naive && seasonal < 0.5 * forecast, "{result:?}");
}

#[test]
fn a_few_windows_tell_nothing() {
    let verdict = |windows: i64| {
        let mut rolling = Rolling::default();
        // The last window's mean is off by 2, the forecast is right.
        for window in 0..=windows {
            let ms = 10 + 2 * (window % 2) as u64 + (window % 3) as u64;
            rolling.take(window * 10, ms * MS, Some(ms as f64), 10);
        }
        rolling.finish();
        TestResult::new(rolling.score()).verdict
    };
    assert_eq!((verdict(11), verdict(12)), (Verdict::TooShort, Verdict::Better));
}
