//! A Kubernetes HorizontalPodAutoscaler, `autoscaling/v2`, for the measure that the analysis is about.
//!
//! It scales by the requests in flight of a pod, a custom metric that the service or its proxy has to export.

use super::replicas::Capacity;
use serde::Serialize;

/// The custom metric.
const METRIC: &str = "http_requests_in_flight";

/// Kubernetes: the longest stabilisation window.
const MAX_STABILIZATION_SECONDS: i64 = 3600;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metadata {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    scale_target_ref: ScaleTarget,
    min_replicas: i32,
    max_replicas: i32,
    metrics: [Metric; 1],
    behavior: Behavior,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScaleTarget {
    api_version: &'static str,
    kind: &'static str,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metric {
    r#type: &'static str,
    pods: PodsMetric,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct PodsMetric {
    metric: MetricName,
    target: MetricTarget,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct MetricName {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricTarget {
    r#type: &'static str,
    average_value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Behavior {
    scale_down: ScaleDown,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScaleDown {
    stabilization_window_seconds: i64,
}

/// The autoscaler of a Deployment between these numbers of replicas.
pub(super) fn autoscaler(deployment: &str, fewest: u64, most: u64, capacity: &Capacity) -> Autoscaler {
    let replicas = |count: u64| i32::try_from(count.max(1)).unwrap_or(i32::MAX);
    let stabilization = capacity.config.stabilization_ms.div_euclid(1000).clamp(0, MAX_STABILIZATION_SECONDS);
    Autoscaler {
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: Metadata { name: deployment.to_owned() },
        spec: Spec {
            scale_target_ref: ScaleTarget { api_version: "apps/v1", kind: "Deployment", name: deployment.to_owned() },
            min_replicas: replicas(fewest),
            max_replicas: replicas(most),
            metrics: [Metric {
                r#type: "Pods",
                pods: PodsMetric {
                    metric: MetricName { name: METRIC },
                    target: MetricTarget {
                        r#type: "AverageValue",
                        average_value: quantity(capacity.target_in_flight()),
                    },
                },
            }],
            behavior: Behavior { scale_down: ScaleDown { stabilization_window_seconds: stabilization } },
        },
    }
}

/// A quantity as Kubernetes writes it: whole, or in thousandths, at least one.
fn quantity(value: f64) -> String {
    let thousandths = (value * 1000.0).round().max(1.0) as u64;
    if thousandths.is_multiple_of(1000) { (thousandths / 1000).to_string() } else { format!("{thousandths}m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_whole_or_in_thousandths() {
        assert_eq!([8.0, 7.5, 0.0, 1e-9, 2.0004].map(quantity), ["8", "7500m", "1m", "1m", "2"]);
    }
}
