//! The settings that a run had, as the report tells them: each under the key that sets it.

use crate::tuning::evidence::EvidenceConfig;
use crate::tuning::number;
use serde::Serialize;

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
