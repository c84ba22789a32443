//! What a backtest found, as the JSON has it (camelCase): sorted, serialisable, without formatting.

use super::breaker::BreakerResult;
use super::bulkhead::BulkheadResult;
use super::regret::{BestInHindsight, RegretResult};
use super::retries::RetriesResult;
use super::stability::SettingMoves;
use super::timeout::TimeoutResult;
use crate::tuning::{TunableConfig, number, optional_number};
use serde::Serialize;

/// Everything that a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BacktestReport {
    /// Which config would have been better, at what price.
    pub verdict: String,
    /// How the log was split; `null`: every config was tested on the whole of it.
    pub split: Option<Split>,
    /// The config fitted on the first part, where there is one.
    pub fitted: Option<TunableConfig>,
    /// The logged field that breakers are kept by; `null`: there is one for each endpoint.
    pub breaker_by: Option<String>,
    /// The traffic under test.
    pub traffic: TrafficResult,
    /// One result per config, in the order given.
    pub configs: Vec<ConfigResult>,
    /// The best constant config in hindsight; `null` when no call succeeded, and from window tables.
    pub best_in_hindsight: Option<BestInHindsight>,
    /// What the figures cannot say, as sentences.
    pub limits: Vec<String>,
}

/// How the log was split.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// The first part's share of the log, 0 to 1.
    #[serde(serialize_with = "number")]
    pub share: f64,
    /// Where the second part begins, RFC 3339 UTC.
    pub at: String,
    /// Requests of the first part.
    pub fitted_requests: u64,
}

/// The traffic under test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficResult {
    /// Requests.
    pub requests: u64,
    /// Of those, with a status below 500, neither 499 nor 101.
    pub good: u64,
    /// Of those, with a status of 500 or above.
    pub failed: u64,
    /// Of those, with a duration.
    pub timed: u64,
    /// The first start, RFC 3339 UTC.
    pub from: Option<String>,
    /// The last start, RFC 3339 UTC.
    pub to: Option<String>,
    /// The nearest-rank 99.9th percentile of the good requests' durations, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub p999_ms: Option<f64>,
    /// Most requests in flight at once.
    pub peak_in_flight: Option<u64>,
    /// The first time that it was so, RFC 3339 UTC.
    pub peak_at: Option<String>,
}

/// What one config would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigResult {
    /// What it is called, for example `recommended` or a file's name.
    pub name: String,
    /// The config.
    pub config: TunableConfig,
    /// `null` when the log has no latency.
    pub timeout: Option<TimeoutResult>,
    /// Per endpoint (or what the breakers are kept by), added up; `null` from window tables.
    pub breaker: Option<BreakerResult>,
    /// `null` when the log has no latency, and from window tables.
    pub bulkhead: Option<BulkheadResults>,
    /// From the failure rate of each minute.
    pub retries: RetriesResult,
    /// How its rule set moved each setting; `null` for a config that is constant.
    pub stability: Option<Vec<SettingMoves>>,
    /// Against the best constant config in hindsight.
    pub regret: RegretResult,
}

/// A bulkhead with and without a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkheadResults {
    /// With the consumer's queue, or the one asked for.
    pub queue: BulkheadResult,
    /// Rejecting at once.
    pub no_queue: BulkheadResult,
}
