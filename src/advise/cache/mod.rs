//! Which answers are worth keeping and which requests worth fetching ahead: what the plugin says it learns, worked out.
//!
//! In go visits in order of time. A cache is replayed (`kept`): an answer of status 2xx to a GET is kept for `--ttl`, and a
//! request for the same target that begins meanwhile is a hit. What a client asks for next (`next`) is learnt on the first
//! two thirds of the log and held against the last third.

mod kept;
mod next;
pub mod report;
#[cfg(test)]
mod tests;

use super::Kept;
use super::trace::Visit;
use crate::advise::config::CacheConfig;
use crate::route::endpoint::EndpointNames;
use kept::KeptAnswers;
use next::NextRoutes;
use report::{CacheReport, RouteRow};

/// The replay of a log under way.
pub(super) struct Cache<'a> {
    config: CacheConfig,
    names: &'a EndpointNames,
    answers: KeptAnswers,
    next: NextRoutes,
}

impl<'a> Cache<'a> {
    /// Nothing taken yet; what ends at or after `held_out_ms` is the last third.
    pub(super) fn new(config: CacheConfig, names: &'a EndpointNames, held_out_ms: i64) -> Self {
        let (answers, next) = (KeptAnswers::new(config.ttl_ms), NextRoutes::new(config.ttl_ms, held_out_ms));
        Cache { config, names, answers, next }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        if self.names.name(visit.endpoint).method == "GET" {
            self.answers.take(visit);
        }
        self.next.take(visit);
    }

    /// What was found, once all requests were taken.
    pub(super) fn finish(self, kept: &Kept) -> CacheReport {
        let Cache { config, names, answers, next } = self;
        let has_clients = next.has_clients();
        let guesses = next.finish(names);
        let mut routes: Vec<RouteRow> = Vec::new();
        let mut answers = answers.finish();
        for (number, guess) in (0..).zip(guesses) {
            let answers = answers.remove(&number);
            if let Some(row) = RouteRow::new(names, number, answers, guess, has_clients, &config) {
                routes.push(row);
            }
        }
        routes.sort_by(|a, b| {
            let name = |row: &RouteRow| (row.path.clone(), row.method.clone(), row.group.clone());
            (b.saved_ms.unwrap_or(0.0).total_cmp(&a.saved_ms.unwrap_or(0.0))).then_with(|| name(a).cmp(&name(b)))
        });
        CacheReport { basis: kept.basis(), routes }
    }
}
