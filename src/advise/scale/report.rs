//! What `scale` found, as the JSON has it.

use super::hpa::{self, Autoscaler};
use super::load::{Load, LoadSweep};
use super::replicas::Demand;
use crate::advise::Basis;
use crate::report::format_time;
use crate::tuning::{number, optional_number};
use serde::Serialize;

/// Room in a bulkhead beyond the largest number in flight, as `evidence` has it.
const BULKHEAD_HEADROOM: f64 = 1.5;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// Of those, with a duration.
    pub timed: u64,
    /// Most requests in flight at once.
    pub peak_in_flight: u64,
    /// The first time that it was so, RFC 3339 UTC.
    pub peak_in_flight_at: String,
    /// `bulkhead.maxConcurrentCalls` of one bulkhead for all: 1.5 x the peak, rounded up.
    pub max_concurrent_calls: u64,
    /// The replicas that windows need.
    pub replicas: Replicas,
    /// The mean duration, in milliseconds, above which a window is slow; the settings have it too.
    #[serde(skip)]
    pub target_ms: f64,
    /// Windows with a mean duration above the target.
    pub slow_windows: u64,
    /// Of those, with no more load than the replicas in force take: more replicas would not have made them faster.
    pub slow_windows_within_capacity: u64,
    /// When an autoscaler would have acted.
    pub moves: Vec<Move>,
    /// The windows, in order of time.
    pub windows: Vec<WindowRow>,
    /// What Kubernetes takes.
    pub horizontal_pod_autoscaler: Autoscaler,
}

/// The replicas that windows need.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// Those in force.
    pub in_force: u64,
    /// What the busiest window needs.
    pub peak: u64,
    /// The first such window, RFC 3339 UTC.
    pub peak_at: String,
    /// Nearest-rank 95th percentile.
    pub p95: u64,
    /// Windows, silent ones included.
    pub windows: u64,
    /// Windows that need more than those in force.
    pub windows_above_in_force: u64,
}

/// A moment at which an autoscaler would have acted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// RFC 3339 UTC.
    pub at: String,
    /// Replicas before.
    pub from: u64,
    /// Replicas after.
    pub to: u64,
}

/// One window, or a stretch of windows without a start or an end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowRow {
    /// Inclusive start, RFC 3339 UTC.
    pub from: String,
    /// Exclusive end, RFC 3339 UTC.
    pub to: String,
    /// Requests that began.
    pub requests: u64,
    /// Per second.
    #[serde(serialize_with = "number")]
    pub rate: f64,
    /// Mean duration of those with one, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub mean_ms: Option<f64>,
    /// Little's law: the sum of their durations over the window's length.
    #[serde(serialize_with = "number")]
    pub little_in_flight: f64,
    /// Requests in flight on average, those that began before included.
    #[serde(serialize_with = "number")]
    pub mean_in_flight: f64,
    /// Most in flight at once.
    pub peak_in_flight: u64,
    /// Replicas for this load.
    pub replicas_needed: u64,
}

const US_PER_MS: f64 = 1e3;
const US_PER_SECOND: f64 = 1e6;

fn time(at_us: i64) -> String {
    format_time(at_us.div_euclid(1000))
}

impl Move {
    pub(super) fn new(at_us: i64, from: u64, to: u64) -> Self {
        Move { at: time(at_us), from, to }
    }
}

impl WindowRow {
    pub(super) fn new(load: &Load, replicas_needed: u64) -> Self {
        let length_us = load.length_us();
        WindowRow {
            from: time(load.from_us),
            to: time(load.to_us),
            requests: load.requests,
            rate: load.requests as f64 * US_PER_SECOND / length_us,
            mean_ms: (load.timed > 0).then(|| load.duration_us as f64 / load.timed as f64 / US_PER_MS),
            little_in_flight: load.duration_us as f64 / length_us,
            mean_in_flight: load.in_flight_us as f64 / length_us,
            peak_in_flight: load.peak,
            replicas_needed,
        }
    }
}

impl ScaleReport {
    pub(super) fn new(basis: Basis, sweep: LoadSweep, demand: Demand, deployment: &str) -> Self {
        let config = demand.capacity.config;
        let in_force = config.replicas as u64;
        let peak = demand.windows_by_needed.last_key_value().map_or(1, |(needed, _)| *needed);
        let peak_at = demand.rows.iter().find(|row| row.replicas_needed == peak).map(|row| row.from.clone());
        let is_slow = |row: &&WindowRow| row.mean_ms.is_some_and(|mean_ms| mean_ms > config.target_latency);
        let slow = || demand.rows.iter().filter(is_slow);
        ScaleReport {
            basis,
            timed: sweep.timed,
            peak_in_flight: sweep.peak.0,
            peak_in_flight_at: time(sweep.peak.1),
            max_concurrent_calls: (BULKHEAD_HEADROOM * sweep.peak.0 as f64).ceil() as u64,
            replicas: Replicas {
                in_force,
                peak,
                peak_at: peak_at.unwrap_or_default(),
                p95: demand.percentile(95),
                windows: demand.windows_by_needed.values().sum(),
                windows_above_in_force: demand.windows_above(in_force),
            },
            target_ms: config.target_latency,
            slow_windows: slow().count() as u64,
            slow_windows_within_capacity: slow().filter(|row| row.replicas_needed <= in_force).count() as u64,
            horizontal_pod_autoscaler: hpa::autoscaler(deployment, demand.fewest.min(peak), peak, &demand.capacity),
            moves: demand.moves,
            windows: demand.rows,
        }
    }
}
