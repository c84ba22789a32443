//! When to add and when to take away replicas, learnt by Q-learning (Watkins 1989) on a queue model of the log.
//!
//! In go visits in order of time, counted by the minute; out come the table, its greedy policy, and how that does on the
//! last third of the log, which it was not learnt from, against never changing anything and against the rule of `scale`.
//!
//! | where | what |
//! |---|---|
//! | `minute` | what is counted of each minute, and the state it is in |
//! | `queue` | how slow a minute would have been with so many replicas: M/M/c |
//! | `table` | Q(s, a) and its update |
//! | `learner` | passes over the first two thirds |
//! | `trial` | policies on the last third |

mod learner;
mod minute;
mod queue;
pub mod report;
mod table;
#[cfg(test)]
mod tests;
mod trial;

use super::trace::Visit;
use super::{Kept, Outcome};
use crate::advise::config::{AllocateConfig, ScaleConfig};
use crate::advise::scale::Capacity;
use crate::report::OptimizationConfig;
use minute::{Minute, Minutes};
use queue::Queue;
use report::AllocateReport;
pub(super) use table::QTable;

/// What is missing where no request has a duration.
const NO_DURATIONS: &str = "no request has a duration, so how long one takes is unknown; log $request_time";

/// Minutes of each part below which nothing is learnt or tested.
const MIN_MINUTES: usize = 5;

/// The minutes of a log under way.
pub(super) struct Allocate {
    plan: Plan,
    minutes: Minutes,
    /// What was learnt before.
    before: QTable,
}

/// The numbers that the parts share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub config: AllocateConfig,
    pub capacity: Capacity,
}

impl Plan {
    pub(super) fn new(config: AllocateConfig, scale: &ScaleConfig, limits: &OptimizationConfig) -> Self {
        Plan { config, capacity: Capacity::new(scale, limits) }
    }
}

impl Allocate {
    /// Nothing taken yet; minutes that begin at or after `held_out_ms` are the last third.
    pub(super) fn new(plan: Plan, held_out_ms: i64, before: QTable) -> Self {
        Allocate { plan, minutes: Minutes::new(plan.config, held_out_ms), before }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        self.minutes.take(visit);
    }

    /// What was found, once all requests were taken, and the table.
    pub(super) fn finish(self, kept: &Kept) -> Outcome<(AllocateReport, QTable)> {
        let Allocate { plan, minutes, before } = self;
        let Some(counted) = minutes.finish() else { return Err(NO_DURATIONS.to_owned()) };
        let split = counted.minutes.partition_point(|minute| !minute.is_held_out);
        let (learnt, held_out) = counted.minutes.split_at(split);
        if learnt.len() < MIN_MINUTES || held_out.len() < MIN_MINUTES {
            return Err(format!(
                "the log has {} minutes to learn from and {} to test on; each has to have {MIN_MINUTES}",
                learnt.len(),
                held_out.len()
            ));
        }
        let queue = Queue::new(&plan.capacity);
        let most = most_replicas(learnt, &plan);
        let table = learner::learn(learnt, &plan, &queue, most, before);
        let trials = trial::trials(held_out, &plan, &queue, most, &table);
        let parts = (learnt.len() as u64, held_out.len() as u64);
        let report = AllocateReport::new(kept.basis(), parts, most, counted.knows_memory, &table, trials);
        Ok((report, table))
    }
}

/// The most replicas that the rule of `scale` wants in any minute that is learnt from, at least one more than in force.
fn most_replicas(minutes: &[Minute], plan: &Plan) -> u64 {
    let wanted = minutes.iter().map(|minute| plan.capacity.needed(&minute.load())).max().unwrap_or(1);
    wanted.max(plan.capacity.config.replicas as u64 + 1)
}
