//! The numbers of the analyses that a user can set, with the plugin's own as defaults.
//!
//! Keys and flags are in `settings::knob`; this module gives no number a meaning.

use crate::tuning::number;
use serde::Serialize;

/// Everything that can be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdviseConfig {
    /// `[forecast]`.
    pub forecast: ForecastConfig,
    /// `[balance]`.
    pub balance: BalanceConfig,
    /// `[scale]`.
    pub scale: ScaleConfig,
    /// `[allocate]`.
    pub allocate: AllocateConfig,
    /// `[cache]`.
    pub cache: CacheConfig,
    /// `[queries]`.
    pub queries: QueriesConfig,
}

/// `[forecast]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastConfig {
    /// Weight of the newest request in the smoothed duration, 0 to 1.
    #[serde(serialize_with = "number")]
    pub alpha: f64,
    /// The variance, in ms^2, at which confidence is 0.
    #[serde(serialize_with = "number")]
    pub variance_scale: f64,
    /// Requests below which there is no forecast of an endpoint's own.
    pub min_requests: usize,
    /// Milliseconds that are forecast then.
    #[serde(serialize_with = "number")]
    pub default_ms: f64,
    /// The confidence then, 0 to 1.
    #[serde(serialize_with = "number")]
    pub default_confidence: f64,
    /// Multiple of the mean above which to throttle.
    #[serde(serialize_with = "number")]
    pub throttle_factor: f64,
    /// Milliseconds above which to cache.
    #[serde(serialize_with = "number")]
    pub cache_above_ms: f64,
    /// Cache-hit rate below which to cache, 0 to 1.
    #[serde(serialize_with = "number")]
    pub cache_below_hit_rate: f64,
    /// First hour of the day in which to prefetch.
    pub prefetch_from_hour: usize,
    /// Last hour of the day in which to prefetch.
    pub prefetch_to_hour: usize,
    /// Requests above which to optimize.
    pub optimize_above_requests: usize,
    /// Milliseconds above which to optimize.
    #[serde(serialize_with = "number")]
    pub optimize_above_ms: f64,
    /// Confidence above which an action is applied, 0 to 1.
    #[serde(serialize_with = "number")]
    pub prediction_threshold: f64,
    /// Milliseconds of the windows that the forecast is tested on.
    pub window_ms: i64,
}

impl Default for ForecastConfig {
    fn default() -> Self {
        ForecastConfig {
            alpha: 0.3,
            variance_scale: 1000.0,
            min_requests: 10,
            default_ms: 50.0,
            default_confidence: 0.3,
            throttle_factor: 2.0,
            cache_above_ms: 100.0,
            cache_below_hit_rate: 0.3,
            prefetch_from_hour: 9,
            prefetch_to_hour: 17,
            optimize_above_requests: 50,
            optimize_above_ms: 50.0,
            prediction_threshold: 0.7,
            window_ms: 300_000,
        }
    }
}

/// `[balance]`; the outlier detection has Envoy's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceConfig {
    /// Weight of the newest response in the moving average, 0 to 1.
    #[serde(serialize_with = "number")]
    pub alpha: f64,
    /// Weight of the success rate in the health.
    #[serde(serialize_with = "number")]
    pub success_weight: f64,
    /// Weight of the speed in the health.
    #[serde(serialize_with = "number")]
    pub speed_weight: f64,
    /// Milliseconds of average response time at which the speed counts nothing.
    #[serde(serialize_with = "number")]
    pub slow_ms: f64,
    /// The health without traffic.
    #[serde(serialize_with = "number")]
    pub idle_health: f64,
    /// Failures in a row that eject an upstream.
    pub consecutive_5xx: usize,
    /// Standard deviations below the mean success rate that eject an upstream.
    #[serde(serialize_with = "number")]
    pub stdev_factor: f64,
    /// Milliseconds from one look at the success rates to the next.
    pub interval_ms: i64,
    /// Milliseconds of a first ejection.
    pub base_ejection_ms: i64,
    /// Milliseconds of the longest ejection.
    pub max_ejection_ms: i64,
    /// Percentage of the upstreams that may be ejected at once; one always may.
    #[serde(serialize_with = "number")]
    pub max_ejection_percent: f64,
    /// Upstreams with enough requests that the success rates need to be compared.
    pub min_hosts: usize,
    /// Requests in an interval that are enough.
    pub min_requests: usize,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        BalanceConfig {
            alpha: 0.2,
            success_weight: 0.7,
            speed_weight: 0.3,
            slow_ms: 1000.0,
            idle_health: 0.5,
            consecutive_5xx: 5,
            stdev_factor: 1.9,
            interval_ms: 10_000,
            base_ejection_ms: 30_000,
            max_ejection_ms: 300_000,
            max_ejection_percent: 10.0,
            min_hosts: 5,
            min_requests: 100,
        }
    }
}

/// `[scale]`, and the plugin's targets of `[optimization]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleConfig {
    /// Replicas in force.
    pub replicas: usize,
    /// Requests that one replica answers at once.
    pub concurrency_per_replica: usize,
    /// Milliseconds of a window.
    pub window_ms: i64,
    /// Milliseconds that fewer replicas must have been enough before some are taken away.
    pub stabilization_ms: i64,
    /// Milliseconds of mean latency above which a window is slow.
    #[serde(serialize_with = "number")]
    pub target_latency: f64,
    /// Requests per second that the replicas in force are meant for.
    #[serde(serialize_with = "number")]
    pub throughput_target: f64,
}

impl Default for ScaleConfig {
    fn default() -> Self {
        ScaleConfig {
            replicas: 1,
            concurrency_per_replica: 10,
            window_ms: 60_000,
            stabilization_ms: 300_000,
            target_latency: 100.0,
            throughput_target: 1000.0,
        }
    }
}

/// `[allocate]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocateConfig {
    /// Share of the way to a new estimate that one step goes, 0 to 1.
    #[serde(serialize_with = "number")]
    pub learning_rate: f64,
    /// Worth of the next state's value, 0 to 1.
    #[serde(serialize_with = "number")]
    pub discount: f64,
    /// Share of actions that are tried at random, 0 to 1.
    #[serde(serialize_with = "number")]
    pub epsilon: f64,
    /// Where the random numbers start.
    pub seed: usize,
    /// Passes over the part of the log that is learnt from.
    pub passes: usize,
    /// Requests per minute from which the load is medium.
    #[serde(serialize_with = "number")]
    pub medium_load: f64,
    /// Requests per minute from which the load is high.
    #[serde(serialize_with = "number")]
    pub high_load: f64,
    /// MB from which the memory level is medium.
    #[serde(serialize_with = "number")]
    pub medium_memory: f64,
    /// MB from which the memory level is high.
    #[serde(serialize_with = "number")]
    pub high_memory: f64,
    /// Weight of requests with the priority `high`.
    #[serde(serialize_with = "number")]
    pub high_priority: f64,
    /// Weight of requests with the priority `low`.
    #[serde(serialize_with = "number")]
    pub low_priority: f64,
    /// What one replica costs in a window, in milliseconds of p95 above the target.
    #[serde(serialize_with = "number")]
    pub replica_cost: f64,
}

impl Default for AllocateConfig {
    fn default() -> Self {
        AllocateConfig {
            learning_rate: 0.1,
            discount: 0.9,
            epsilon: 0.1,
            seed: 0,
            passes: 200,
            medium_load: 50.0,
            high_load: 80.0,
            medium_memory: 1000.0,
            high_memory: 5000.0,
            high_priority: 1.5,
            low_priority: 0.5,
            replica_cost: 10.0,
        }
    }
}

/// `[cache]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheConfig {
    /// Milliseconds that an answer is kept.
    pub ttl_ms: i64,
    /// Share of hits from which caching pays, 0 to 1.
    #[serde(serialize_with = "number")]
    pub min_hit_rate: f64,
    /// Share of right guesses from which prefetching pays, 0 to 1.
    #[serde(serialize_with = "number")]
    pub min_prefetch_rate: f64,
    /// Requests that a route needs to be judged.
    pub min_requests: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig { ttl_ms: 60_000, min_hit_rate: 0.1, min_prefetch_rate: 0.5, min_requests: 10 }
    }
}

/// `[queries]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueriesConfig {
    /// Milliseconds that the mean of a pattern has to pass for it to be looked at.
    #[serde(serialize_with = "number")]
    pub slow_ms: f64,
    /// Executions that a pattern has to pass for it to be looked at.
    pub min_count: usize,
}

impl Default for QueriesConfig {
    fn default() -> Self {
        QueriesConfig { slow_ms: 100.0, min_count: 10 }
    }
}
