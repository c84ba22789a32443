//! What a worker is told: what of the run's plan concerns the reading of chunks, and what lies before one.
//!
//! Resolved once from the plan, cheap to copy for each worker. Nothing is read or counted here.

use crate::plan::{Filter, ReplayPlan, RuleSet};
use crate::replay::Replay;
use crate::route::declared::DeclaredRoutes;
use crate::route::recent::Numbers;
use crate::source::asked::Listing;
use std::sync::Arc;

/// What is kept of requests beside the counts that cycles are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Counts,
    /// Each of them.
    Calls,
    /// The same, and once more with all that the analyses look at.
    Visits,
    /// Their counts by minute, in place of all others.
    Minutes,
}

/// What a worker must know of a run.
#[derive(Clone)]
pub struct ChunkPlan {
    pub(super) filters: Vec<Filter>,
    pub(super) group_by: Option<usize>,
    /// The extra field that breakers are kept by, and how it is written.
    pub(super) breaker_by: Option<(usize, Listing)>,
    pub(super) raw_paths: bool,
    pub(super) declared: Option<Arc<DeclaredRoutes>>,
    /// Inclusive start, UTC ms.
    pub since_ms: i64,
    /// Exclusive end, UTC ms.
    pub until_ms: i64,
    /// Whether it is to be known which of the fields that the user named have a value.
    pub(super) notes_fields: bool,
    /// How far a request may be behind the newest.
    pub lateness_ms: i64,
    /// Distance to both neighbours from which a lone request's clock is astray.
    pub max_gap_ms: i64,
    pub(super) keeps_arrivals: bool,
    pub(super) keeps_observations: bool,
    /// Index of the first of the optional fields among a request's extras.
    pub(super) optional_at: usize,
    pub(super) keeps: Keeps,
    pub(super) keeps_all_rejects: bool,
    pub(super) keeps_paths: bool,
    pub(super) pane_ms: i64,
    pub(super) usage_window_ms: i64,
}

impl ChunkPlan {
    /// What of the plan concerns workers; the bounds are resolved ones.
    pub fn new(plan: &ReplayPlan, keeps: Keeps, since_ms: Option<i64>, until_ms: Option<i64>) -> Self {
        ChunkPlan {
            filters: plan.input.filters.clone(),
            group_by: plan.input.group_by,
            breaker_by: plan.input.breaker_by.map(|index| (index, Listing::of(&plan.input.wanted.extras[index]))),
            raw_paths: plan.input.raw_paths,
            declared: plan.input.declared.clone(),
            since_ms: since_ms.unwrap_or(i64::MIN),
            until_ms: until_ms.unwrap_or(i64::MAX),
            notes_fields: !plan.input.wanted.extras.is_empty() || plan.input.wanted.developer.is_some(),
            lateness_ms: plan.rules.looping.lateness_ms,
            max_gap_ms: plan.rules.looping.max_gap_ms,
            keeps_arrivals: plan.rules.rules == RuleSet::Published,
            keeps_observations: plan.rules.rules == RuleSet::ZScore,
            optional_at: plan.input.wanted.extras.len(),
            keeps,
            keeps_all_rejects: plan.input.rejects.is_some(),
            keeps_paths: plan.explains_routes,
            pane_ms: Replay::geometry(&plan.rules).pane_ms,
            usage_window_ms: plan.rules.usage.window_ms,
        }
    }
}

impl ChunkPlan {
    /// Whether paths that differ in their numbers alone are of one endpoint.
    pub(super) fn numbers(&self) -> Numbers {
        if self.raw_paths || self.declared.is_some() { Numbers::Apart } else { Numbers::Alike }
    }

    /// Whether nothing is looked at of a request but what every run counts.
    pub(super) fn counts_only(&self) -> bool {
        let looks_closer = self.notes_fields || self.keeps_arrivals || self.keeps_observations || self.keeps_paths;
        self.filters.is_empty() && !looks_closer && matches!(self.keeps, Keeps::Counts | Keeps::Calls)
    }
}

/// What is taken for granted of the lines before a chunk, or known about them.
#[derive(Clone, Default)]
pub struct Before {
    /// The newest request; `None` when there is none, or none is known of.
    pub newest_ms: Option<i64>,
    /// Requests of this chunk, counted from 0, whose clock is astray; ascending.
    pub astray: Vec<u32>,
}
