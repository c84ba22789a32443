//! The rule set `evidence`: each setting from what the whole log shows, with how sure that is.
//!
//! In go the log's requests in order of start, out comes an [`Evidence`] for all of them and for each endpoint. There
//! is no smoothing and no path: the same log gives the same values whatever its last minutes were. What the log is too
//! short for is refused, with the reason. Formulas and their sources stand with each setting.

mod binomial;
mod breaker;
mod bulkhead;
mod fit;
mod in_flight;
mod minute_counts;
mod minutes;
mod resolution;
mod retries;
mod timeout;

pub(crate) use fit::{EndpointPeaks, EvidenceFit, Observed};
pub(crate) use resolution::Resolution;

use fit::Series;

use super::{TunableConfig, number, optional_number};
use crate::report::{
    Reason, Reasons, Recommended, RecommendedBreaker, RecommendedBulkhead, RecommendedClient, TunerConfig,
};
use serde::Serialize;

/// Confidence of every bound.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Requests with a duration below which neither a timeout nor a bulkhead follows: the smallest n with 0.95^n <= 0.05,
/// so that the largest value seen is above the 95th percentile with 95 %.
pub(crate) const MIN_TIMED_REQUESTS: u64 = 59;

/// Knobs of the rule set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceConfig {
    /// Share of good requests that the timeout may cut.
    #[serde(serialize_with = "number")]
    pub false_timeout_rate: f64,
    /// Calls that a breaker needs before it may open.
    pub breaker_minimum: u32,
    /// Calls that a breaker looks back on.
    pub breaker_window: u32,
}

impl Default for EvidenceConfig {
    /// One in a thousand; the breaker as the npm consumer has it.
    fn default() -> Self {
        EvidenceConfig { false_timeout_rate: 0.001, breaker_minimum: 5, breaker_window: 10 }
    }
}

/// One setting, as far as the log supports it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Supported {
    /// The value; `null` when it is refused, or stays as it is.
    #[serde(serialize_with = "optional_number")]
    pub value: Option<f64>,
    /// How many observations it rests on.
    pub n: u64,
    /// What was observed, in the unit that the reason names.
    #[serde(serialize_with = "optional_number")]
    pub statistic: Option<f64>,
    /// Confidence of the bound, 0 to 1; `null` for an exact figure.
    #[serde(serialize_with = "optional_number")]
    pub confidence: Option<f64>,
    /// How the value comes about, or why there is none.
    pub reason: String,
}

impl Supported {
    fn refused(n: u64, reason: impl Into<String>) -> Self {
        Supported { n, reason: reason.into(), ..Supported::default() }
    }
}

/// All settings of one endpoint, or of all together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `circuitBreaker.failureThreshold`, percent.
    pub failure_threshold: Supported,
    /// `circuitBreaker.openTimeoutMs`.
    pub open_timeout_ms: Supported,
    /// `bulkhead.maxConcurrentCalls`.
    pub max_concurrent_calls: Supported,
    /// `httpClient.timeoutMs`.
    pub timeout_ms: Supported,
    /// `httpClient.maxRetries`.
    pub max_retries: Supported,
}

impl Evidence {
    /// What a series supports, in a log with such durations.
    pub(crate) fn of(series: Series, resolution: Resolution, config: &EvidenceConfig, bounds: &TunerConfig) -> Self {
        let clean = series.minutes.clean(series.requests, series.failures);
        Evidence {
            failure_threshold: breaker::failure_threshold(&clean, config),
            open_timeout_ms: breaker::open_timeout_ms(&clean),
            max_concurrent_calls: bulkhead::max_concurrent_calls(
                series.timed,
                series.peak_in_flight,
                series.good_values.values_ns().max(),
            ),
            max_retries: retries::max_retries(series.worst_minute, series.requests),
            timeout_ms: timeout::timeout_ms(
                series.good_values.into_sorted(),
                resolution,
                config.false_timeout_rate,
                bounds.max_timeout_ms,
            ),
        }
    }

    /// The values as a recommendation; what stays as it is comes from `current`.
    pub(crate) fn recommended(&self, current: &TunableConfig) -> Recommended {
        Recommended {
            circuit_breaker: RecommendedBreaker {
                failure_threshold: self.failure_threshold.value,
                open_timeout_ms: self.open_timeout_ms.value.or(Some(current.circuit_breaker.open_timeout_ms)),
            },
            bulkhead: RecommendedBulkhead { max_concurrent_calls: self.max_concurrent_calls.value },
            http_client: RecommendedClient { timeout_ms: self.timeout_ms.value, max_retries: self.max_retries.value },
        }
    }

    /// The whole config; what is refused comes from `current`.
    pub(crate) fn config(&self, current: &TunableConfig) -> TunableConfig {
        let mut config = *current;
        let take = |setting: &mut f64, supported: &Supported| *setting = supported.value.unwrap_or(*setting);
        take(&mut config.circuit_breaker.failure_threshold, &self.failure_threshold);
        take(&mut config.circuit_breaker.open_timeout_ms, &self.open_timeout_ms);
        take(&mut config.bulkhead.max_concurrent_calls, &self.max_concurrent_calls);
        take(&mut config.http_client.timeout_ms, &self.timeout_ms);
        take(&mut config.http_client.max_retries, &self.max_retries);
        config
    }

    /// The settings in the order of [`super::setting::SETTINGS`].
    pub(crate) fn settings(&self) -> [&Supported; super::setting::COUNT] {
        let Evidence { failure_threshold, open_timeout_ms, max_concurrent_calls, timeout_ms, max_retries } = self;
        [failure_threshold, open_timeout_ms, max_concurrent_calls, timeout_ms, max_retries]
    }

    /// Why each value is what it is.
    pub(crate) fn reasons(&self) -> Reasons {
        let reason = |supported: &Supported| Reason { text: supported.reason.clone(), ..Reason::default() };
        Reasons {
            failure_threshold: reason(&self.failure_threshold),
            open_timeout_ms: reason(&self.open_timeout_ms),
            max_concurrent_calls: reason(&self.max_concurrent_calls),
            timeout_ms: reason(&self.timeout_ms),
            max_retries: reason(&self.max_retries),
        }
    }
}

/// A count of requests.
fn requests(n: u64, what: &str) -> String {
    format!("{n} {what}request{}", if n == 1 { "" } else { "s" })
}

/// A share as a percentage with up to three significant digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        _ if percent >= 10.0 => format!("{percent:.0} %"),
        _ if percent >= 1.0 => format!("{percent:.1} %"),
        _ if percent >= 0.001 => format!("{percent:.3} %"),
        _ => format!("{percent:.1e} %"),
    }
}
