//! The config that a run recommends, and why each of its values is what it is.

use crate::tuning::optional_number;
use serde::Serialize;

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
