//! What `balance` found, as the JSON has it.

use super::health::Health;
pub use super::outlier::Reason;

use super::outlier::Outliers;
use super::weights;
use crate::advise::Basis;
use crate::advise::config::BalanceConfig;
use crate::report::format_time;
use crate::tuning::{number, optional_number};
use serde::Serialize;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// Whose health it is.
    pub of: Observed,
    /// Tries at them.
    pub tries: u64,
    /// Requests with more than one try.
    pub retried_requests: u64,
    /// One row for each, by name.
    pub upstreams: Vec<UpstreamRow>,
    /// What Envoy's outlier detection would have done, by time; empty for endpoints.
    pub ejections: Vec<EjectionRow>,
    /// Ejections that it would have left out, because too many upstreams were ejected.
    pub ejections_prevented: u64,
    /// What nginx takes; `null` where no upstream is an address.
    pub nginx_upstream: Option<String>,
}

/// Whose health it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Observed {
    /// The upstreams that are logged; success is a status below 500.
    Upstream,
    /// None is logged: the endpoints; success is a status below 400.
    Endpoint,
}

/// One upstream or endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamRow {
    /// An address as logged, or a method and a route.
    pub name: String,
    /// Tries.
    pub tries: u64,
    /// Share of all tries, 0 to 1.
    #[serde(serialize_with = "number")]
    pub share: f64,
    /// Tries that failed.
    pub failures: u64,
    /// Moving average of the response time, in milliseconds, from 0; `null` where none is known, which counts as 0.
    #[serde(serialize_with = "optional_number")]
    pub average_ms: Option<f64>,
    /// 0 to 1.
    #[serde(serialize_with = "number")]
    pub health: f64,
    /// What nginx is to be given; `null` for what is no address.
    pub weight: Option<u64>,
}

/// One ejection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EjectionRow {
    /// When it would have begun, RFC 3339 UTC.
    pub from: String,
    /// When it would have ended; `null`: after the log's end.
    pub to: Option<String>,
    /// Whom it would have been of.
    pub upstream: String,
    /// Why.
    pub reason: Reason,
    /// Tries at the upstream meanwhile, which others would have got.
    pub tries: u64,
    /// Of those, that failed.
    pub failures: u64,
}

impl BalanceReport {
    pub(super) fn of_upstreams(
        basis: Basis,
        config: &BalanceConfig,
        names: Vec<String>,
        observed: &[Health],
        retried_requests: u64,
        outliers: Outliers,
        block: &str,
    ) -> Self {
        let ejection = |one: &super::outlier::Ejection| EjectionRow {
            from: format_time(one.from_ms),
            to: one.to_ms.map(format_time),
            upstream: names[one.host].clone(),
            reason: one.reason,
            tries: one.tries,
            failures: one.failures,
        };
        let ejections = outliers.ejections.iter().map(ejection).collect();
        let named = names.into_iter().zip(observed.iter().copied()).collect();
        let mut upstreams = rows(config, named);
        let servers: Vec<usize> = (0..upstreams.len()).filter(|n| weights::is_address(&upstreams[*n].name)).collect();
        let scores: Vec<f64> = servers.iter().map(|number| upstreams[*number].health).collect();
        for (number, weight) in servers.iter().zip(weights::apportion(&scores)) {
            upstreams[*number].weight = Some(weight);
        }
        let weighted: Vec<(&str, u64)> =
            upstreams.iter().filter_map(|row| Some((row.name.as_str(), row.weight?))).collect();
        BalanceReport {
            basis,
            of: Observed::Upstream,
            tries: upstreams.iter().map(|row| row.tries).sum(),
            retried_requests,
            nginx_upstream: (!weighted.is_empty()).then(|| weights::block(block, &weighted)),
            upstreams,
            ejections,
            ejections_prevented: outliers.overflows,
        }
    }

    pub(super) fn of_endpoints(basis: Basis, config: &BalanceConfig, mut named: Vec<(String, Health)>) -> Self {
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let upstreams = rows(config, named);
        BalanceReport {
            basis,
            of: Observed::Endpoint,
            tries: upstreams.iter().map(|row| row.tries).sum(),
            retried_requests: 0,
            upstreams,
            ejections: Vec::new(),
            ejections_prevented: 0,
            nginx_upstream: None,
        }
    }
}

fn rows(config: &BalanceConfig, named: Vec<(String, Health)>) -> Vec<UpstreamRow> {
    let all: u64 = named.iter().map(|(_, health)| health.tries()).sum();
    let row = |(name, health): (String, Health)| UpstreamRow {
        name,
        tries: health.tries(),
        share: health.tries() as f64 / all.max(1) as f64,
        failures: health.failures(),
        average_ms: health.average_ms(),
        health: health.score(config),
        weight: None,
    };
    named.into_iter().map(row).collect()
}
