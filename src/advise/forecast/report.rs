//! What `forecast` found, as the JSON has it.

use super::rolling::{Rolling, Score};
use super::smooth::{Action, Prediction, Smooth};
use crate::advise::Basis;
use crate::advise::config::ForecastConfig;
use crate::figure::{counted, millis};
use crate::route::endpoint::EndpointName;
use crate::tuning::{number, optional_number};
use serde::Serialize;

/// Standard errors of advantage from which a forecast is better: 5 % of equal ones reach 1.96 one way or the other.
const BETTER: f64 = 1.96;

/// Windows below which nothing is said.
const MIN_WINDOWS: u64 = 12;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// The hour of the day at the log's end, 0 to 23.
    pub hour: u32,
    /// Whether the forecasts are worth anything, in words.
    pub verdict: String,
    /// The test of all endpoints together.
    pub overall: TestResult,
    /// One row per endpoint, by requests descending, then name.
    pub endpoints: Vec<EndpointForecast>,
}

/// Whether a forecast is better than taking the last window's mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// By more than chance explains.
    Better,
    /// Not by more.
    NoBetter,
    /// There were too few windows to tell.
    TooShort,
}

/// A test over windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// Windows tested.
    pub windows: u64,
    /// Mean absolute error of the forecast, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub mae_ms: Option<f64>,
    /// That of the last window's mean.
    #[serde(serialize_with = "optional_number")]
    pub naive_mae_ms: Option<f64>,
    /// Share of the windows that the 80 % interval held, 0 to 1.
    #[serde(serialize_with = "optional_number")]
    pub coverage80: Option<f64>,
    /// Share of the windows that the 95 % interval held, 0 to 1.
    #[serde(serialize_with = "optional_number")]
    pub coverage95: Option<f64>,
    /// Windows that Holt-Winters with a season of a day had a forecast of.
    pub seasonal_windows: u64,
    /// Its mean absolute error there.
    #[serde(serialize_with = "optional_number")]
    pub holt_winters_mae_ms: Option<f64>,
    /// The forecast's there.
    #[serde(serialize_with = "optional_number")]
    pub seasonal_mae_ms: Option<f64>,
    /// That of the last window's mean there.
    #[serde(serialize_with = "optional_number")]
    pub seasonal_naive_mae_ms: Option<f64>,
    /// The forecast against the last window's mean.
    pub verdict: Verdict,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointForecast {
    /// The method.
    pub method: String,
    /// The route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    pub group: Option<String>,
    /// Requests with a duration.
    pub requests: u64,
    /// Smoothed duration, in milliseconds.
    #[serde(serialize_with = "number")]
    pub forecast_ms: f64,
    /// Mean duration, in milliseconds.
    #[serde(serialize_with = "number")]
    pub mean_ms: f64,
    /// Population variance of the durations, in ms^2.
    #[serde(serialize_with = "number")]
    pub variance_ms2: f64,
    /// Share of requests that a cache answered, 0 to 1; `null` where the log never says.
    #[serde(serialize_with = "optional_number")]
    pub cache_hit_rate: Option<f64>,
    /// The plugin's confidence, 0 to 1.
    #[serde(serialize_with = "number")]
    pub confidence: f64,
    /// What the plugin recommends.
    pub recommended_action: Action,
    /// What it does.
    pub applied_action: Action,
    /// Half the width of the 80 % interval of the next window's mean, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub interval80_ms: Option<f64>,
    /// Half the width of the 95 % interval.
    #[serde(serialize_with = "optional_number")]
    pub interval95_ms: Option<f64>,
    /// The test.
    pub test: TestResult,
}

/// The tests of all endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pooled(Score);

impl Pooled {
    pub(super) fn add(&mut self, score: &Score) {
        self.0.add(score);
    }
}

impl TestResult {
    pub(super) fn new(score: &Score) -> Self {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        let share = |(windows, covered): (u64, u64)| mean(covered as f64, windows);
        let seasonal = &score.seasonal;
        let verdict = match score.advantage() {
            _ if score.windows < MIN_WINDOWS => Verdict::TooShort,
            Some(advantage) if advantage > BETTER => Verdict::Better,
            _ => Verdict::NoBetter,
        };
        TestResult {
            windows: score.windows,
            mae_ms: mean(score.forecast_ms, score.windows),
            naive_mae_ms: mean(score.naive_ms, score.windows),
            coverage80: share(score.covered80),
            coverage95: share(score.covered95),
            seasonal_windows: seasonal.windows,
            holt_winters_mae_ms: mean(seasonal.holt_winters_ms, seasonal.windows),
            seasonal_mae_ms: mean(seasonal.forecast_ms, seasonal.windows),
            seasonal_naive_mae_ms: mean(seasonal.naive_ms, seasonal.windows),
            verdict,
        }
    }
}

impl EndpointForecast {
    pub(super) fn new(
        name: &EndpointName,
        smooth: &Smooth,
        rolling: &Rolling,
        hour: u32,
        config: &ForecastConfig,
    ) -> Self {
        let Prediction { forecast_ms, confidence, recommended, applied } = smooth.predict(hour, config);
        EndpointForecast {
            method: name.method.clone(),
            path: name.path.clone(),
            group: name.group.clone(),
            requests: smooth.requests(),
            forecast_ms,
            mean_ms: smooth.mean_ms(),
            variance_ms2: smooth.variance_ms2(),
            cache_hit_rate: smooth.cache_hit_rate(),
            confidence,
            recommended_action: recommended,
            applied_action: applied,
            interval80_ms: rolling.radius_ms(80),
            interval95_ms: rolling.radius_ms(95),
            test: TestResult::new(rolling.score()),
        }
    }
}

impl ForecastReport {
    pub(super) fn new(basis: Basis, hour: u32, mut endpoints: Vec<EndpointForecast>, pooled: Pooled) -> Self {
        endpoints.sort_by(|a, b| {
            let name = |one: &EndpointForecast| (one.path.clone(), one.method.clone(), one.group.clone());
            b.requests.cmp(&a.requests).then_with(|| name(a).cmp(&name(b)))
        });
        let overall = TestResult::new(&pooled.0);
        ForecastReport { basis, hour, verdict: verdict(&overall, &endpoints), overall, endpoints }
    }
}

fn verdict(overall: &TestResult, endpoints: &[EndpointForecast]) -> String {
    let (Some(mae_ms), Some(naive_ms)) = (overall.mae_ms, overall.naive_mae_ms) else {
        return "No window follows another, so the forecast cannot be tested.".to_owned();
    };
    let better = endpoints.iter().filter(|endpoint| endpoint.test.verdict == Verdict::Better).count();
    let judgement = match overall.verdict {
        Verdict::Better => "The forecast is better than taking the last window's mean",
        Verdict::NoBetter => "The forecast is no better than taking the last window's mean",
        Verdict::TooShort => "There are too few windows to say whether the forecast is worth anything",
    };
    let mut text = format!(
        "{judgement}: over {} it missed the next window's mean by {} ms, that by {} ms; it is better at {} of {}.",
        counted(overall.windows, "window"),
        millis(mae_ms),
        millis(naive_ms),
        better,
        counted(endpoints.len() as u64, "endpoint"),
    );
    if let (Some(seasonal_ms), Some(mae_ms)) = (overall.holt_winters_mae_ms, overall.seasonal_mae_ms) {
        text += &format!(
            " Holt-Winters with a season of a day missed {} by {} ms where the forecast missed them by {} ms.",
            counted(overall.seasonal_windows, "window"),
            millis(seasonal_ms),
            millis(mae_ms)
        );
    }
    text
}
