//! Each endpoint's duration smoothed exponentially, what the plugin would have done about it, and whether such a forecast
//! is worth anything.
//!
//! In go visits in order of time. The plugin's part: F(t) = alpha X(t) + (1 - alpha) F(t - 1), F(1) = X(1); confidence
//! 1 - variance / 1000 ms^2, between 0 and 1; an action. The honest part (`rolling`): at the start of every window F is
//! taken as a forecast of the window's mean, and held against the mean of the window before and against Holt-Winters.
//! Requests without a duration take no part.

mod holt_winters;
pub mod report;
mod rolling;
mod smooth;
#[cfg(test)]
mod tests;

use super::trace::Visit;
use super::{Kept, Outcome};
use crate::advise::config::ForecastConfig;
use crate::plan::Timezone;
use crate::route::endpoint::EndpointNames;
use chrono::{DateTime, FixedOffset, Timelike};
use report::{EndpointForecast, ForecastReport, Pooled};
use rolling::Rolling;
pub(super) use smooth::Smooth;

/// What is missing where no request has a duration.
const NO_DURATIONS: &str = "no request has a duration; log $request_time";

/// The endpoints of a log under way.
pub(super) struct Forecast {
    config: ForecastConfig,
    /// By endpoint.
    endpoints: Vec<Endpoint>,
    last_ms: Option<i64>,
}

/// One endpoint.
#[derive(Default)]
struct Endpoint {
    smooth: Smooth,
    /// Whether the log has requests of it; a model may know others.
    is_seen: bool,
    rolling: Rolling,
}

impl Forecast {
    /// On top of what was learnt before, by endpoint.
    pub(super) fn new(config: ForecastConfig, learnt: &[Smooth]) -> Self {
        let endpoint = |smooth: &Smooth| Endpoint { smooth: *smooth, ..Endpoint::default() };
        Forecast { config, endpoints: learnt.iter().map(endpoint).collect(), last_ms: None }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        self.last_ms = Some(visit.ended_ms);
        let Some(duration_ns) = visit.duration_ns else { return };
        let index = visit.endpoint as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize_with(index + 1, Endpoint::default);
        }
        let Endpoint { smooth, is_seen, rolling } = &mut self.endpoints[index];
        *is_seen = true;
        rolling.take(visit.ended_ms, duration_ns, smooth.forecast_ms(), self.config.window_ms);
        smooth.take(duration_ns, visit.cache, self.config.alpha);
    }

    /// What was learnt so far, by endpoint.
    pub(super) fn learnt(&self) -> Vec<Smooth> {
        self.endpoints.iter().map(|endpoint| endpoint.smooth).collect()
    }

    /// What was found, once all requests were taken.
    pub(super) fn finish(self, kept: &Kept, names: &EndpointNames, timezone: Timezone) -> Outcome<ForecastReport> {
        let hour = self.last_ms.map_or(0, |last_ms| hour_of(last_ms, timezone));
        let mut pooled = Pooled::default();
        let mut endpoints: Vec<EndpointForecast> = Vec::new();
        for (number, Endpoint { smooth, is_seen, mut rolling }) in (0..).zip(self.endpoints) {
            if !is_seen {
                continue;
            }
            rolling.finish();
            pooled.add(rolling.score());
            endpoints.push(EndpointForecast::new(names.name(number), &smooth, &rolling, hour, &self.config));
        }
        if endpoints.is_empty() {
            return Err(NO_DURATIONS.to_owned());
        }
        Ok(ForecastReport::new(kept.basis(), hour, endpoints, pooled))
    }
}

/// The hour of the day in a zone, 0 to 23.
pub(super) fn hour_of(at_ms: i64, timezone: Timezone) -> u32 {
    let Some(time) = DateTime::from_timestamp_millis(at_ms) else { return 0 };
    match timezone {
        Timezone::Named(zone) => time.with_timezone(&zone).hour(),
        Timezone::Offset(seconds) => {
            FixedOffset::east_opt(seconds).map_or(time.hour(), |offset| time.with_timezone(&offset).hour())
        }
    }
}
