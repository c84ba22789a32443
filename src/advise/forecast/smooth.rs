//! The plugin's forecast of one endpoint: smoothed duration, confidence and action.

use crate::advise::config::ForecastConfig;
use crate::advise::model::exact;
use crate::advise::trace::CacheState;
use serde::{Deserialize, Serialize};

const NANOS_PER_MS: f64 = 1e6;
const NANOS_PER_MICRO: u64 = 1000;
const MICROS_PER_MS: f64 = 1e3;

/// What the plugin does about a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Slow requests down: the forecast is far above the mean.
    Throttle,
    /// Keep answers: slow, and rarely answered from a cache; or too little is known.
    Cache,
    /// Fetch ahead: it is the busy part of the day.
    Prefetch,
    /// Make the route faster: many requests, and slow.
    Optimize,
    /// Put requests together.
    Batch,
    /// Nothing, for lack of confidence.
    None,
}

impl Action {
    /// Its name in the plugin's header.
    pub fn name(self) -> &'static str {
        match self {
            Action::Throttle => "throttle",
            Action::Cache => "cache",
            Action::Prefetch => "prefetch",
            Action::Optimize => "optimize",
            Action::Batch => "batch",
            Action::None => "none",
        }
    }
}

/// The requests of one endpoint so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::advise) struct Smooth {
    requests: u64,
    #[serde(with = "exact")]
    level_ms: f64,
    /// Sums of durations and of their squares; whole microseconds, so that they are exact.
    #[serde(with = "exact")]
    sum_us: u128,
    #[serde(with = "exact")]
    squares_us: u128,
    hits: u64,
    cache_said: u64,
}

/// What is forecast of the next request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::advise) struct Prediction {
    pub forecast_ms: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// What the plugin recommends.
    pub recommended: Action,
    /// What it does.
    pub applied: Action,
}

impl Smooth {
    /// Takes the endpoint's next request.
    pub(in crate::advise) fn take(&mut self, duration_ns: u64, cache: CacheState, alpha: f64) {
        let duration_ms = duration_ns as f64 / NANOS_PER_MS;
        self.level_ms = match self.requests {
            0 => duration_ms,
            _ => alpha * duration_ms + (1.0 - alpha) * self.level_ms,
        };
        let duration_us = u128::from(duration_ns / NANOS_PER_MICRO);
        self.requests = self.requests.saturating_add(1);
        self.sum_us = self.sum_us.saturating_add(duration_us);
        self.squares_us = self.squares_us.saturating_add(duration_us * duration_us);
        self.hits = self.hits.saturating_add(u64::from(cache == CacheState::Hit));
        self.cache_said = self.cache_said.saturating_add(u64::from(cache != CacheState::Unsaid));
    }

    /// Requests with a duration.
    pub(in crate::advise) fn requests(&self) -> u64 {
        self.requests
    }

    /// The smoothed duration; `None` before the first request.
    pub(in crate::advise) fn forecast_ms(&self) -> Option<f64> {
        (self.requests > 0).then_some(self.level_ms)
    }

    pub(super) fn mean_ms(&self) -> f64 {
        self.sum_us as f64 / self.requests.max(1) as f64 / MICROS_PER_MS
    }

    /// Population variance in ms^2: (n Q - S^2) / n^2, from whole numbers as long as they fit 128 bits.
    pub(super) fn variance_ms2(&self) -> f64 {
        let requests = u128::from(self.requests.max(1));
        let products = requests.checked_mul(self.squares_us).zip(self.sum_us.checked_mul(self.sum_us));
        let variance_us2 = match products {
            Some((scaled, squared)) => scaled.saturating_sub(squared) as f64 / (requests as f64 * requests as f64),
            None => {
                let mean_us = self.sum_us as f64 / requests as f64;
                (self.squares_us as f64 / requests as f64 - mean_us * mean_us).max(0.0)
            }
        };
        variance_us2 / (MICROS_PER_MS * MICROS_PER_MS)
    }

    /// Whether a value that was read from outside can be reckoned with.
    pub(in crate::advise) fn is_sound(&self) -> bool {
        self.level_ms.is_finite() && self.level_ms >= 0.0
    }

    /// The share of requests that a cache answered; `None` where the log never says.
    pub(super) fn cache_hit_rate(&self) -> Option<f64> {
        (self.cache_said > 0).then(|| self.hits as f64 / self.requests as f64)
    }

    /// What the plugin says of the next request, at this hour of the day.
    pub(in crate::advise) fn predict(&self, hour: u32, config: &ForecastConfig) -> Prediction {
        let (forecast_ms, confidence, recommended) = if self.requests < config.min_requests as u64 {
            (config.default_ms, config.default_confidence, Action::Cache)
        } else {
            let confidence = (1.0 - self.variance_ms2() / config.variance_scale).clamp(0.0, 1.0);
            (self.level_ms, confidence, self.action(hour, config))
        };
        let applied = if confidence > config.prediction_threshold { recommended } else { Action::None };
        Prediction { forecast_ms, confidence, recommended, applied }
    }

    /// The first that holds. A log that says nothing of a cache has no hits.
    fn action(&self, hour: u32, config: &ForecastConfig) -> Action {
        let forecast_ms = self.level_ms;
        let hit_rate = self.cache_hit_rate().unwrap_or(0.0);
        let hour = hour as usize;
        if forecast_ms > config.throttle_factor * self.mean_ms() {
            Action::Throttle
        } else if forecast_ms > config.cache_above_ms && hit_rate < config.cache_below_hit_rate {
            Action::Cache
        } else if (config.prefetch_from_hour..=config.prefetch_to_hour).contains(&hour) {
            Action::Prefetch
        } else if self.requests > config.optimize_above_requests as u64 && forecast_ms > config.optimize_above_ms {
            Action::Optimize
        } else {
            Action::Batch
        }
    }
}
