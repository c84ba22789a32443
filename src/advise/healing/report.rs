//! What `healing` found, as the JSON has it.

use crate::advise::Basis;
use crate::report::{Metric, Severity};
use crate::tuning::number;
use serde::Serialize;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealingReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// Critical anomalies, those that follow each other folded into one; by start, then endpoint and metric.
    pub anomalies: Vec<Healing>,
}

/// Critical anomalies of one endpoint and metric, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Healing {
    /// The first, RFC 3339 UTC.
    pub from: String,
    /// The last, RFC 3339 UTC.
    pub to: String,
    /// The endpoint's method.
    pub method: String,
    /// The endpoint's route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    pub group: Option<String>,
    /// What deviated.
    pub metric: Metric,
    /// How much: critical, or high for memory.
    pub severity: Severity,
    /// How many requests.
    pub count: u64,
    /// The value furthest from the baseline: ms (latency), a share of failures (error_rate) or MB (memory).
    #[serde(serialize_with = "number")]
    pub peak: f64,
    /// The mean, the share that is allowed, or the limit, in the same unit.
    #[serde(serialize_with = "number")]
    pub baseline: f64,
    /// What to do, as sentences.
    pub actions: Vec<String>,
}
