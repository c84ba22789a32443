//! `TunableConfig`, the configuration that running services read, and one file per setting that moves it.
//!
//! In go the value in force and what a cycle found, out comes the next value. Pure: no tuner keeps state, decides
//! whether its change is due, or knows which log it is about.

pub mod breaker;
pub mod evidence;
pub(crate) mod reader;
pub mod retries;
pub mod setting;
pub mod timeout;

use crate::plan::RuleSet;
use crate::report::{ConfigChanges, TunerConfig};
use crate::rules::Signals;
use serde::{Serialize, Serializer};

/// The resilience configuration of the npm package `@backendkit-labs/auto-learning`, in its own shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TunableConfig {
    /// When a breaker opens and for how long.
    pub circuit_breaker: CircuitBreaker,
    /// How many calls may run at once.
    pub bulkhead: Bulkhead,
    /// Timeout and retries of outgoing calls.
    pub http_client: HttpClient,
}

/// The circuit breaker's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreaker {
    /// Percent of calls that must fail to open the circuit, 0 to 100.
    #[serde(serialize_with = "number")]
    pub failure_threshold: f64,
    /// Milliseconds to wait in OPEN before probing.
    #[serde(serialize_with = "number")]
    pub open_timeout_ms: f64,
}

/// The bulkhead's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulkhead {
    /// Calls allowed to run at once.
    #[serde(serialize_with = "number")]
    pub max_concurrent_calls: f64,
}

/// The HTTP client's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpClient {
    /// Milliseconds after which a call is given up.
    #[serde(serialize_with = "number")]
    pub timeout_ms: f64,
    /// Tries after the first.
    #[serde(serialize_with = "number")]
    pub max_retries: f64,
}

impl Default for TunableConfig {
    /// The package's defaults.
    fn default() -> Self {
        TunableConfig {
            circuit_breaker: CircuitBreaker { failure_threshold: 50.0, open_timeout_ms: 30_000.0 },
            bulkhead: Bulkhead { max_concurrent_calls: 10.0 },
            http_client: HttpClient { timeout_ms: 10_000.0, max_retries: 3.0 },
        }
    }
}

/// The config that follows from a cycle's signals, before any cooldown.
pub fn propose(current: &TunableConfig, signals: &Signals, bounds: &TunerConfig, rules: RuleSet) -> TunableConfig {
    let mut next = *current;
    next.http_client.timeout_ms = timeout::propose(current.http_client.timeout_ms, signals.slowest.as_ref(), bounds);
    next.http_client.max_retries = retries::propose(current.http_client.max_retries, signals.error_ratio, rules);
    next.circuit_breaker.failure_threshold =
        breaker::propose(current.circuit_breaker.failure_threshold, signals.severe_anomalies, signals.anomalies);
    next
}

/// The sections that differ between two configs.
pub fn changes(from: &TunableConfig, to: &TunableConfig) -> ConfigChanges {
    ConfigChanges {
        circuit_breaker: (from.circuit_breaker != to.circuit_breaker).then_some(to.circuit_breaker),
        bulkhead: (from.bulkhead != to.bulkhead).then_some(to.bulkhead),
        http_client: (from.http_client != to.http_client).then_some(to.http_client),
    }
}

/// Writes whole numbers without a fraction and others in their shortest round-trip form, as JavaScript
/// does, so that a config written here is the same text as one written by the package.
pub fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}

/// [`number`] for a value that may be absent (JSON `null`).
pub fn optional_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}
