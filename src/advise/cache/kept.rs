//! A cache of answers with a time to live, replayed over the GETs of a log.
//!
//! Memory holds a fingerprint of every different target, and what is still fresh.

use crate::advise::trace::{CacheState, Visit};
use crate::window::value_counts::{ValueCounts, nearest_rank, value_at};
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, VecDeque};

/// An answer may be wanted by a request that began while it was fresh and ended this much later.
const LONGEST_REQUEST_MS: i64 = 600_000;

const NANOS_PER_MS: u64 = 1_000_000;

/// Who asked for what: the route, and the fingerprint of the target.
type Target = (u32, u64);

/// The cache.
pub(super) struct KeptAnswers {
    ttl_ms: i64,
    /// When each kept answer was given.
    given_ms: HashMap<Target, i64>,
    by_time: VecDeque<(i64, Target)>,
    seen: HashSet<Target>,
    routes: BTreeMap<u32, RouteAnswers>,
}

/// The GETs of one route.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteAnswers {
    pub requests: u64,
    /// Requests for a target that had been asked for before.
    pub repeated: u64,
    /// Requests that a cache answered already.
    pub already: u64,
    /// Requests that the replayed cache answers.
    pub hits: u64,
    misses: ValueCounts,
    timed_misses: u64,
}

impl RouteAnswers {
    /// The nearest-rank median of the durations of what is not answered from the cache.
    pub(super) fn median_miss_ms(self) -> Option<f64> {
        let rank = nearest_rank(50.0, self.timed_misses);
        value_at(&self.misses.into_sorted(), rank).map(|ns| ns as f64 / NANOS_PER_MS as f64)
    }
}

impl KeptAnswers {
    pub(super) fn new(ttl_ms: i64) -> Self {
        KeptAnswers {
            ttl_ms,
            given_ms: HashMap::new(),
            by_time: VecDeque::new(),
            seen: HashSet::new(),
            routes: BTreeMap::new(),
        }
    }

    /// Takes the next GET.
    pub(super) fn take(&mut self, visit: &Visit) {
        self.forget_before(visit.ended_ms.saturating_sub(self.ttl_ms).saturating_sub(LONGEST_REQUEST_MS));
        let target = (visit.endpoint, visit.target);
        let route = self.routes.entry(visit.endpoint).or_default();
        route.requests += 1;
        route.repeated += u64::from(!self.seen.insert(target));
        if visit.cache == CacheState::Hit {
            route.already += 1;
            return;
        }
        let began_ms = visit.ended_ms.saturating_sub((visit.duration_ns.unwrap_or(0) / NANOS_PER_MS) as i64);
        let is_fresh = |given_ms: &i64| *given_ms <= began_ms && began_ms - given_ms < self.ttl_ms;
        if self.given_ms.get(&target).is_some_and(is_fresh) {
            route.hits += 1;
            return;
        }
        if let Some(duration_ns) = visit.duration_ns {
            route.misses.extend(&[duration_ns]);
            route.timed_misses += 1;
        }
        if (200..300).contains(&visit.status) {
            self.given_ms.insert(target, visit.ended_ms);
            self.by_time.push_back((visit.ended_ms, target));
        }
    }

    fn forget_before(&mut self, oldest_ms: i64) {
        while let Some((given_ms, target)) = self.by_time.front().copied().filter(|(given_ms, _)| *given_ms < oldest_ms)
        {
            self.by_time.pop_front();
            if self.given_ms.get(&target) == Some(&given_ms) {
                self.given_ms.remove(&target);
            }
        }
    }

    /// The routes by endpoint.
    pub(super) fn finish(self) -> BTreeMap<u32, RouteAnswers> {
        self.routes
    }
}
