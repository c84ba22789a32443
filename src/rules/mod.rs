//! One file per rule set: what a cycle sees in, anomalies and the figures that tuning needs out.
//!
//! `documented` judges a window by those before it, `published` each request by its own window, `zscore` each request
//! by those before it.
//! A rule set must not change a config or decide when cycles run.

pub mod documented;
pub mod published;
pub mod zscore;

use crate::report::{Metric, Severity};

/// The side of the baseline on which a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above.
    Up,
    /// Below.
    Down,
}

/// Deviations of one endpoint in one cycle that share metric and severity.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    /// What deviated.
    pub metric: Metric,
    /// How much.
    pub severity: Severity,
    /// How many deviations (`published` and `zscore` judge each request).
    pub count: u64,
    /// To which side.
    pub direction: Direction,
    /// The value that deviates most: ms, a ratio, or requests per window.
    pub actual: f64,
    /// What was expected, in the same unit.
    pub baseline: f64,
}

/// The endpoint whose p95 sets the timeout's target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowest {
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    /// Its p95, in milliseconds.
    pub p95_ms: f64,
    /// The largest p95 of the others, in milliseconds.
    pub runner_up_ms: Option<f64>,
}

/// What tuning reads of a cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals {
    /// `None` when no endpoint has enough durations.
    pub slowest: Option<Slowest>,
    /// The error ratio that decides about retries, 0 to 1.
    pub error_ratio: f64,
    /// High and critical anomalies.
    pub severe_anomalies: u64,
    /// Anomalies of any severity.
    pub anomalies: u64,
}

/// What a rule set found in one cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Requests in the window.
    pub requests: u64,
    /// `None` when the window held too few requests to do anything.
    pub signals: Option<Signals>,
    /// The anomalies, in no particular order.
    pub anomalies: Vec<Anomaly>,
}

impl Findings {
    /// A cycle that does nothing.
    pub(crate) fn skipped(requests: u64) -> Self {
        Findings { requests, signals: None, anomalies: Vec::new() }
    }
}

/// Adds an anomaly to one of the same endpoint, metric and severity: the counts add up, and the value that lies
/// furthest from its baseline stays.
pub(crate) fn fold(slot: &mut Option<Anomaly>, found: Anomaly) {
    let distance = |anomaly: &Anomaly| (anomaly.actual - anomaly.baseline).abs();
    let count = slot.as_ref().map_or(0, |held| held.count) + found.count;
    let furthest = slot.take().filter(|held| distance(held) >= distance(&found)).unwrap_or(found);
    *slot = Some(Anomaly { count, ..furthest });
}

/// How many of the anomalies are high or critical, and how many there are.
pub(crate) fn tally(anomalies: &[Anomaly]) -> (u64, u64) {
    let severe = anomalies.iter().filter(|anomaly| anomaly.severity >= Severity::High);
    (severe.map(|anomaly| anomaly.count).sum(), anomalies.iter().map(|anomaly| anomaly.count).sum())
}
