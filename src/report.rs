//! What a run found: sorted, serialisable, without formatting.
//!
//! The field names are the JSON keys that other tools read (camelCase), so a rename here breaks a
//! contract. Text from the log stands here as it was logged; escaping it is `render`'s work.

mod cycle;
mod latency_hint;
mod recommended;
mod settings;

pub use cycle::{AnomalyCount, Change, ConfigChanges, Cycle, Episode, Metric, Severity};
pub use latency_hint::LatencyHint;
pub use recommended::{Reason, Reasons, Recommended, RecommendedBreaker, RecommendedBulkhead, RecommendedClient};
pub use settings::{AnomalyConfig, InputSettings, LoopConfig, OptimizationConfig, Settings, TunerConfig, UsageConfig};

use crate::backtest::report::BacktestReport;
use crate::tuning::evidence::Evidence;
use crate::tuning::{TunableConfig, number, optional_number};
use crate::usage::alert::{UsageAlert, UsageEpisode};
use serde::Serialize;

/// The version of the JSON document; it rises when a key changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that `learn replay` found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The files read, in order of their first request.
    pub inputs: Vec<Input>,
    /// Every setting that shaped the result.
    pub settings: Settings,
    /// Counts, times and what to be careful about.
    pub summary: Summary,
    /// The config in force at the log's start.
    pub current: TunableConfig,
    /// The config at the log's end; `null` where the log supports no value.
    pub recommended: Recommended,
    /// Why each recommended value is what it is.
    pub reasons: Reasons,
    /// Every applied change, in time order.
    pub changes: Vec<Change>,
    /// Anomalies of consecutive cycles folded into episodes, by start time, then endpoint and metric.
    pub anomalies: Vec<Episode>,
    /// One row per endpoint, by total time (then count) descending, then name.
    pub endpoints: Vec<EndpointRow>,
    /// What made each route; absent without `--explain-routes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<RouteRow>>,
    /// Developers whose usage spiked, by window, then developer; empty under `negative-binomial`.
    pub usage_spikes: Vec<UsageSpike>,
    /// Improbable usage and silence, by start, then developer; absent under `mean5x`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_episodes: Option<Vec<UsageEpisode>>,
    /// The same as events, for the `ndjson` format.
    #[serde(skip)]
    pub usage_alerts: Vec<UsageAlert>,
    /// What the whole log supports; absent with `--no-backtest` unless it is what is recommended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceReport>,
    /// What the configs would have done to the log; absent with `--no-backtest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtest: Option<BacktestReport>,
    /// Every cycle; kept only for the `ndjson` format.
    #[serde(skip)]
    pub cycles: Vec<Cycle>,
}

/// What the whole log supports, whatever the cycles came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceReport {
    /// All endpoints together.
    pub global: Evidence,
    /// Each endpoint with enough timed requests for a timeout, by path, then method; worked out only for the `json`
    /// format.
    pub endpoints: Vec<EndpointEvidence>,
    /// Endpoints with too few; 0 for other formats.
    pub endpoints_left_out: u64,
}

/// What the requests of one endpoint support.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointEvidence {
    /// The method.
    pub method: String,
    /// The route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Each setting.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// One input as it was read.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The path as given, or `-` for standard input.
    pub path: String,
    /// The format's name, for example `nginx combined`.
    pub format: String,
    /// The field taken as latency; `null` when the log has none.
    pub latency_field: Option<String>,
    /// The unit of that field: `s`, `ms`, `us` or `ns`.
    pub latency_unit: Option<&'static str>,
    /// The field taken as the developer; `null` when the log has none.
    pub developer_field: Option<String>,
    /// `gzip`, or `null` for plain text.
    pub compression: Option<&'static str>,
    /// Bytes read from the file (before decompression).
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Lines taken as requests, those outside `--since`/`--until` and filters included.
    pub requests: u64,
    /// Lines that did not parse.
    pub rejected: u64,
    /// Set when the input ended early (for example a truncated gzip): what happened.
    pub error: Option<String>,
    /// What its lines have in place of a latency; the timeout's reason tells.
    #[serde(skip)]
    pub latency_hint: Option<LatencyHint>,
}

/// What the format of a window table begins with.
pub(crate) const WINDOW_TABLE: &str = "window table";

impl Input {
    /// Whether it was counts by minute rather than a log.
    pub(crate) fn is_window_table(&self) -> bool {
        self.format.starts_with(WINDOW_TABLE)
    }
}

/// Counts and times of the whole run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Lines read.
    pub lines: u64,
    /// Requests that took part: inside `--since`/`--until`, past every filter.
    pub requests: u64,
    /// Requests left out by `--since`/`--until` or a filter.
    pub filtered_out: u64,
    /// Well-formed lines without a request.
    pub not_requests: u64,
    /// Lines that did not parse.
    pub rejected: u64,
    /// The first few rejected lines, `file:line:column: found ..., expected ...`.
    pub rejected_samples: Vec<String>,
    /// Requests too far behind the newest to count in a cycle.
    pub late_requests: u64,
    /// Long connections (status 101, event streams), left out of durations.
    pub long_connections: u64,
    /// Requests without a duration, long connections not included.
    pub without_latency: u64,
    /// Requests with status 500 or above.
    pub errors: u64,
    /// First request, RFC 3339 UTC.
    pub first_request: Option<String>,
    /// Last request, RFC 3339 UTC.
    pub last_request: Option<String>,
    /// Cycles run, the skipped ones included.
    pub cycles: u64,
    /// Cycles with too few requests to do anything.
    pub skipped_cycles: u64,
    /// Different endpoints.
    pub endpoints: u64,
    /// Different developers; `None`: more than `--max-developers`.
    pub developers: Option<u64>,
    /// Usage windows (developer-independent) that had too little log before them to be tested.
    pub usage_windows_not_tested: u64,
    /// Stretches without cycles, longer than `maxGapMs`.
    pub skipped_gaps: Vec<Gap>,
    /// Windows that nearly or wholly fell silent after a busy baseline (`documented`).
    pub gaps: Vec<Gap>,
    /// Settings that sat at a bound of their rule.
    pub rails: Vec<Rail>,
    /// Whether any request had a duration.
    pub has_latency: bool,
    /// What the reader should know before trusting a figure, as sentences.
    pub notes: Vec<String>,
}

/// A stretch of time, both RFC 3339 UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Start.
    pub from: String,
    /// End.
    pub to: String,
}

/// A setting at a bound of its rule; the timeout counts as there within `adjustmentStepMs` of the bound that it
/// heads for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rail {
    /// The setting, for example `circuitBreaker.failureThreshold`.
    pub setting: &'static str,
    /// `floor` or `ceiling`.
    pub side: &'static str,
    /// The bound.
    #[serde(serialize_with = "number")]
    pub value: f64,
    /// Cycles that ended with the setting there.
    pub cycles: u64,
    /// Those cycles as a share of all, 0 to 1.
    #[serde(serialize_with = "number")]
    pub share: f64,
    /// Whether it is there at the log's end.
    pub at_end: bool,
}

/// One endpoint over the whole log.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRow {
    /// The method.
    pub method: String,
    /// The route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Requests.
    pub count: u64,
    /// Requests with status 500 or above.
    pub errors: u64,
    /// `errors / count`, 0 to 1.
    #[serde(serialize_with = "number")]
    pub error_rate: f64,
    /// Sum of durations, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub total_ms: Option<f64>,
    /// Mean duration, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub mean_ms: Option<f64>,
    /// Nearest-rank median, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub p50_ms: Option<f64>,
    /// Nearest-rank 95th percentile, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub p95_ms: Option<f64>,
    /// Nearest-rank 99th percentile, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub p99_ms: Option<f64>,
}

/// One route and the paths behind it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRow {
    /// The route.
    pub path: String,
    /// Why it is called so.
    pub made_by: RouteOrigin,
    /// Requests of all its methods and groups.
    pub requests: u64,
    /// Different paths behind it, without their queries.
    pub paths: u64,
    /// Whether `paths` was counted; from 256 on it is estimated, with a standard error of 6 %.
    pub paths_are_exact: bool,
    /// The first of them by time, then path; cut after 256 bytes.
    pub first_path: String,
}

/// Why a route is called what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteOrigin {
    /// There were too many routes.
    Other,
    /// The paths were answered with 404 only.
    Unmatched,
    /// There were too many siblings.
    Folded,
    /// A segment looks like an identifier.
    Ids,
    /// A declared pattern.
    Declared,
    /// It is the path itself.
    Path,
}

/// One `usage.anomaly.detected` event; the shape and names of the original.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageSpike {
    /// `usage.anomaly.detected`.
    pub event: &'static str,
    /// The window's end, RFC 3339 UTC.
    pub timestamp: String,
    /// Who; key-like values are masked.
    pub developer_id: String,
    /// The figures.
    pub data: UsageSpikeData,
    /// The window goes on past the log's end. Not part of the event.
    #[serde(skip)]
    pub partial: bool,
}

/// The figures of a [`UsageSpike`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageSpikeData {
    /// RFC 3339 UTC.
    pub window_start: String,
    /// RFC 3339 UTC.
    pub window_end: String,
    /// Calls in the window.
    pub current_calls: u64,
    /// Mean calls of the baseline windows, 4 decimals.
    #[serde(serialize_with = "number")]
    pub baseline_mean: f64,
    /// The multiplier in force.
    #[serde(serialize_with = "number")]
    pub multiplier: f64,
    /// `currentCalls / baselineMean`, 4 decimals; `null` when the mean is 0.
    #[serde(serialize_with = "optional_number")]
    pub ratio: Option<f64>,
    /// Milliseconds of a window.
    pub window_ms: i64,
}

/// A time in the form that every output uses: RFC 3339 UTC with milliseconds.
pub fn format_time(timestamp_ms: i64) -> String {
    use chrono::{DateTime, SecondsFormat};
    match DateTime::from_timestamp_millis(timestamp_ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => format!("{timestamp_ms} ms since 1970"),
    }
}
