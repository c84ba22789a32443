//! What a run found: sorted, serialisable, without formatting.
//!
//! The field names are the JSON keys that other tools read (camelCase), so a rename here breaks a
//! contract. Text from the log stands here as it was logged; escaping it is `render`'s work.

use crate::backtest::report::BacktestReport;
use crate::tuning::evidence::{Evidence, EvidenceConfig};
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
    /// Each endpoint with enough timed requests for a timeout, by path, then method.
    pub endpoints: Vec<EndpointEvidence>,
    /// Endpoints with too few.
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
}

/// What the format of a window table begins with.
pub(crate) const WINDOW_TABLE: &str = "window table";

impl Input {
    /// Whether it was counts by minute rather than a log.
    pub(crate) fn is_window_table(&self) -> bool {
        self.format.starts_with(WINDOW_TABLE)
    }
}

/// The settings in force, under the seeds' names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The rule set: `documented`, `published`, `zscore` or `evidence`.
    pub rules: &'static str,
    /// `[anomalyConfig]`.
    pub anomaly_config: AnomalyConfig,
    /// `[tunerConfig]`.
    pub tuner_config: TunerConfig,
    /// `[loopConfig]`.
    pub loop_config: LoopConfig,
    /// The rule that found usage spikes: `mean5x` or `negative-binomial`.
    pub spike_rule: &'static str,
    /// `[usage]`.
    pub usage: UsageConfig,
    /// `[optimization]`; `zscore` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimization: Option<OptimizationConfig>,
    /// `[evidence]`.
    pub evidence: EvidenceConfig,
    /// What was read of the input.
    pub input: InputSettings,
}

/// Thresholds of the anomaly detector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyConfig {
    /// Multiple of the baseline (documented) or of the spread (published) above which latency is anomalous.
    #[serde(serialize_with = "number")]
    pub latency_std_dev_threshold: f64,
    /// Error rate, 0 to 1, above which an endpoint is anomalous.
    #[serde(serialize_with = "number")]
    pub error_rate_threshold: f64,
    /// Standard deviations of the request count that make it anomalous.
    #[serde(serialize_with = "number")]
    pub frequency_deviation_threshold: f64,
    /// Whether endpoints never seen before are reported.
    pub enable_unknown_endpoint_detection: bool,
}

/// Bounds and speed of the tuner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TunerConfig {
    /// Lower bound of `httpClient.timeoutMs`, in milliseconds.
    #[serde(serialize_with = "number")]
    pub min_timeout_ms: f64,
    /// Upper bound of `httpClient.timeoutMs`, in milliseconds.
    #[serde(serialize_with = "number")]
    pub max_timeout_ms: f64,
    /// Share of the way to the target that one step goes, 0 to 1.
    #[serde(serialize_with = "number")]
    pub smoothing_factor: f64,
    /// Milliseconds that the target must differ before the timeout moves.
    #[serde(serialize_with = "number")]
    pub adjustment_step_ms: f64,
    /// `published` only: milliseconds that must pass between changes (exclusive).
    #[serde(serialize_with = "number")]
    pub cooldown_ms: f64,
}

/// The feedback loop's pace.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopConfig {
    /// Milliseconds between cycles.
    pub default_interval_ms: i64,
    /// The window's length in minutes.
    #[serde(serialize_with = "number")]
    pub window_size_minutes: f64,
    /// Requests that a window needs before anything is done.
    #[serde(serialize_with = "number")]
    pub min_samples_before_tuning: f64,
    /// `documented` only: milliseconds that must pass between changes (inclusive).
    #[serde(serialize_with = "number")]
    pub cooldown_between_changes_ms: f64,
    /// `published` only: hours after which the package forgets a request.
    #[serde(serialize_with = "number")]
    pub prune_ttl_hours: f64,
    /// `published` only: requests that the package remembers, 0 = all.
    pub max_patterns: usize,
    /// `documented` only: history windows that make the baseline.
    pub baseline_windows: usize,
    /// `documented` only: non-empty history windows that an endpoint needs to be judged.
    pub min_baseline_windows: usize,
    /// Milliseconds that a request may be behind the newest and still land in its window.
    pub lateness_ms: i64,
    /// Milliseconds without requests after which no cycles run.
    pub max_gap_ms: i64,
}

impl LoopConfig {
    /// The window's length in milliseconds.
    pub fn window_ms(&self) -> i64 {
        (self.window_size_minutes * 60_000.0).round() as i64
    }
}

/// The per-developer spike rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageConfig {
    /// Calls must exceed the baseline mean times this.
    #[serde(serialize_with = "number")]
    pub multiplier: f64,
    /// Windows that make the baseline.
    pub baseline_windows: usize,
    /// Milliseconds of one window.
    pub window_ms: i64,
}

/// Limits of what a request may use (`zscore`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptimizationConfig {
    /// MB (1,048,576 bytes) of memory above which a request is anomalous.
    #[serde(serialize_with = "number")]
    pub max_memory: f64,
    /// The CPU figure above which a request is anomalous, in the log's own unit.
    #[serde(serialize_with = "number")]
    pub cpu_threshold: f64,
}

/// What shaped the reading.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputSettings {
    /// `--log-format`, when given.
    pub log_format: Option<String>,
    /// `--nginx-conf`, when given.
    pub nginx_conf: Option<String>,
    /// `request` or `upstream`.
    pub latency: &'static str,
    /// Inclusive start, RFC 3339 UTC.
    pub since: Option<String>,
    /// Exclusive end, RFC 3339 UTC.
    pub until: Option<String>,
    /// Zone of stamps without one.
    pub timezone: String,
    /// `KEY=VALUE` filters that every request passed, all kinds, as given.
    pub filters: Vec<String>,
    /// `--group-by`.
    pub group_by: Option<String>,
    /// `--developer-field`.
    pub developer_field: Option<String>,
    /// Whether routes were left untemplated.
    pub raw_paths: bool,
    /// `--routes`, when given.
    pub routes: Option<String>,
    /// `--openapi`, when given.
    pub openapi: Option<String>,
    /// `--max-routes`.
    pub max_routes: usize,
    /// `--max-developers`.
    pub max_developers: usize,
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

/// The recommended config, its values `null` where the log supports none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommended {
    /// The circuit breaker's settings.
    pub circuit_breaker: RecommendedBreaker,
    /// The bulkhead's settings.
    pub bulkhead: RecommendedBulkhead,
    /// The HTTP client's settings.
    pub http_client: RecommendedClient,
}

/// [`crate::tuning::CircuitBreaker`] with absent values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedBreaker {
    /// Percent.
    #[serde(serialize_with = "optional_number")]
    pub failure_threshold: Option<f64>,
    /// Milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub open_timeout_ms: Option<f64>,
}

/// [`crate::tuning::Bulkhead`] with absent values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedBulkhead {
    /// Calls.
    #[serde(serialize_with = "optional_number")]
    pub max_concurrent_calls: Option<f64>,
}

/// [`crate::tuning::HttpClient`] with absent values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedClient {
    /// Milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub timeout_ms: Option<f64>,
    /// Tries after the first.
    #[serde(serialize_with = "optional_number")]
    pub max_retries: Option<f64>,
}

/// Why each value is what it is, keyed as the config is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reasons {
    /// `circuitBreaker.failureThreshold`.
    pub failure_threshold: Reason,
    /// `circuitBreaker.openTimeoutMs`.
    pub open_timeout_ms: Reason,
    /// `bulkhead.maxConcurrentCalls`.
    pub max_concurrent_calls: Reason,
    /// `httpClient.timeoutMs`.
    pub timeout_ms: Reason,
    /// `httpClient.maxRetries`.
    pub max_retries: Reason,
}

/// One value's reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// A sentence that a person can check against the log; endpoint names in it are unescaped log text.
    pub text: String,
    /// How often the value moved.
    pub changes: u64,
    /// The endpoint that decided it, where one did.
    pub endpoint: Option<String>,
    /// What the value would head for without that endpoint.
    #[serde(serialize_with = "optional_number")]
    pub without_endpoint: Option<f64>,
}

/// One applied change of the config.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The cycle that made it, RFC 3339 UTC.
    pub cycle_end: String,
    /// The changed sections.
    pub config_changes: ConfigChanges,
}

/// The sections of the config that a cycle changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChanges {
    /// Set when the section changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<crate::tuning::CircuitBreaker>,
    /// Set when the section changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulkhead: Option<crate::tuning::Bulkhead>,
    /// Set when the section changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_client: Option<crate::tuning::HttpClient>,
}

/// One run of the feedback loop.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cycle {
    /// The cycle's end, RFC 3339 UTC with milliseconds.
    pub cycle_end: String,
    /// Requests in the window.
    pub patterns_processed: u64,
    /// Anomalies found.
    pub anomalies_found: u64,
    /// Anomalies counted by endpoint, metric and severity, in that order.
    pub anomalies: Vec<AnomalyCount>,
    /// The sections that changed.
    pub config_changes: ConfigChanges,
    /// The config after the cycle.
    pub config: TunableConfig,
}

/// How often one anomaly occurred in a cycle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyCount {
    /// The endpoint's method.
    pub method: String,
    /// The endpoint's route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What deviated.
    pub metric: Metric,
    /// How much.
    pub severity: Severity,
    /// How often in this cycle.
    pub count: u64,
}

/// What deviated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// CPU (`zscore`).
    Cpu,
    /// Failures.
    ErrorRate,
    /// Request count.
    Frequency,
    /// Duration.
    Latency,
    /// Memory (`zscore`).
    Memory,
    /// First sight of an endpoint.
    UnknownEndpoint,
}

/// How much it deviated; ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Low,
    /// Unusual.
    Medium,
    /// Tightens the breaker.
    High,
    /// Tightens the breaker.
    Critical,
}

/// Anomalies of one endpoint and metric in consecutive cycles.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Episode {
    /// End of the first cycle, RFC 3339 UTC.
    pub from: String,
    /// End of the last cycle, RFC 3339 UTC.
    pub to: String,
    /// The endpoint's method.
    pub method: String,
    /// The endpoint's route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What deviated.
    pub metric: Metric,
    /// The worst severity.
    pub severity: Severity,
    /// `up` or `down`: the direction of the peak.
    pub direction: &'static str,
    /// The value furthest from the baseline: ms (latency), a rate (error_rate), requests per window, MB (memory) or the
    /// log's own figure (cpu).
    #[serde(serialize_with = "optional_number")]
    pub peak: Option<f64>,
    /// The baseline at the peak, in the same unit.
    #[serde(serialize_with = "optional_number")]
    pub baseline: Option<f64>,
    /// Cycles in the episode.
    pub cycles: u64,
    /// Anomalies in the episode (`published` and `zscore` may find many in one cycle).
    pub count: u64,
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
