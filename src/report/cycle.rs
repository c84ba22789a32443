//! What one run of the feedback loop did, and the anomalies that it went by.

use crate::tuning::{TunableConfig, optional_number};
use serde::Serialize;

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
