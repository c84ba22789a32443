//! The health of each upstream, the weights that follow from it, and what Envoy's outlier detection would have done.
//!
//! In go visits in order of time; every try at an upstream is one observation. Where no upstream is logged the endpoints
//! take their place, as in the plugin, and have no weights. Success is a status below 500 for upstreams, who are not to
//! blame for what clients send, and below 400 for endpoints, as in the plugin.

mod health;
mod outlier;
pub mod report;
#[cfg(test)]
mod tests;
mod weights;

use super::Kept;
use super::trace::{Trace, Visit};
use crate::advise::config::BalanceConfig;
use crate::request::FIRST_ERROR_STATUS;
use crate::route::endpoint::EndpointNames;
use health::Health;
use outlier::Outliers;
use report::BalanceReport;

/// The plugin's bound for endpoints.
const FIRST_CLIENT_ERROR_STATUS: u16 = 400;

const NANOS_PER_MS: f64 = 1e6;
const MICROS_PER_MS: f64 = 1e3;

/// The observations of a log under way.
pub(super) struct Balance {
    config: BalanceConfig,
    of: Of,
    /// By upstream in order of name, or by endpoint.
    observed: Vec<Health>,
    /// Requests with more than one try.
    retried: u64,
}

/// Whose health it is.
enum Of {
    Upstreams {
        /// In order of name.
        names: Vec<String>,
        /// By the trace's number, the place in that order.
        places: Vec<usize>,
        outliers: Box<Outliers>,
    },
    Endpoints,
}

impl Balance {
    pub(super) fn new(config: BalanceConfig, trace: &Trace) -> Self {
        let mut numbered: Vec<(&str, usize)> =
            (0..trace.upstreams()).map(|number| (trace.upstream(number as u32), number)).collect();
        numbered.sort_unstable();
        let mut places = vec![0; numbered.len()];
        numbered.iter().enumerate().for_each(|(place, (_, number))| places[*number] = place);
        let names: Vec<String> = numbered.iter().map(|(name, _)| (*name).to_owned()).collect();
        let observed = vec![Health::default(); names.len()];
        let of = match names.len() {
            0 => Of::Endpoints,
            hosts => Of::Upstreams { names, places, outliers: Box::new(Outliers::new(config, hosts)) },
        };
        Balance { config, of, observed, retried: 0 }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        let alpha = self.config.alpha;
        match &mut self.of {
            Of::Endpoints => {
                let index = visit.endpoint as usize;
                if index >= self.observed.len() {
                    self.observed.resize_with(index + 1, Health::default);
                }
                let duration_ms = visit.duration_ns.map(|ns| ns as f64 / NANOS_PER_MS);
                self.observed[index].take(visit.status < FIRST_CLIENT_ERROR_STATUS, duration_ms, alpha);
            }
            Of::Upstreams { places, outliers, .. } => {
                self.retried += u64::from(visit.tries.len() > 1);
                for attempt in &visit.tries {
                    let place = places[attempt.upstream as usize];
                    let is_success = attempt.status.is_some_and(|status| status < FIRST_ERROR_STATUS);
                    let duration_ms = attempt.duration_us.map(|us| us as f64 / MICROS_PER_MS);
                    self.observed[place].take(is_success, duration_ms, alpha);
                    outliers.take(visit.ended_ms, place, is_success);
                }
            }
        }
    }

    /// What was found, once all requests were taken.
    pub(super) fn finish(self, kept: &Kept, names: &EndpointNames, block: &str) -> BalanceReport {
        let Balance { config, of, observed, retried } = self;
        let basis = kept.basis();
        match of {
            Of::Upstreams { names, outliers, .. } => {
                BalanceReport::of_upstreams(basis, &config, names, &observed, retried, *outliers, block)
            }
            Of::Endpoints => {
                let seen = (0..).zip(observed).filter(|(_, health)| health.tries() > 0);
                let named = seen.map(|(number, health)| (names.name(number).to_string(), health)).collect();
                BalanceReport::of_endpoints(basis, &config, named)
            }
        }
    }
}
