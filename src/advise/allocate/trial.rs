//! Policies on minutes that none of them was made from.
//!
//! Each decides after a minute how many replicas there are in the next one. What counts is what the next minute costs: its
//! 95th percentile above the target, weighted by priority, and the replicas held. The reward that is learnt from counts
//! only how the percentile changes, so it does not add up to this.

use super::Plan;
use super::minute::Minute;
use super::queue::Queue;
use super::report::{Trial, TrialName};
use super::table::{Action, QTable};
use crate::advise::scale::Demand;

/// The replicas of the next minute, from this one and those that there are.
type Decide<'a> = &'a mut dyn FnMut(&Minute, u64) -> u64;

/// All policies; the learnt one maintains where the state was never visited.
pub(super) fn trials(minutes: &[Minute], plan: &Plan, queue: &Queue, most: u64, table: &QTable) -> Vec<Trial> {
    let mut demand = Demand::new(plan.capacity);
    let policies: [(TrialName, Decide); 3] = [
        (TrialName::Policy, &mut |minute, replicas| {
            table.policy(minute.state).unwrap_or(Action::Maintain).apply(replicas, most)
        }),
        (TrialName::Maintain, &mut |_, replicas| replicas),
        (TrialName::Scale, &mut |minute, _| {
            demand.take(&minute.load());
            demand.current()
        }),
    ];
    policies.into_iter().map(|(name, decide)| trial(name, minutes, plan, queue, decide)).collect()
}

fn trial(name: TrialName, minutes: &[Minute], plan: &Plan, queue: &Queue, decide: Decide) -> Trial {
    let mut replicas = plan.capacity.config.replicas as u64;
    let (mut excess_ms, mut held, mut cost) = (0.0, 0.0, 0.0);
    for pair in minutes.windows(2) {
        let [now, next] = pair else { continue };
        replicas = decide(now, replicas);
        let next_ms = queue.excess_ms(next, replicas);
        excess_ms += next_ms;
        held += replicas as f64;
        cost += next.weight * next_ms + plan.config.replica_cost * replicas as f64;
    }
    let decided = (minutes.len() - 1).max(1) as f64;
    Trial { name, excess_ms: excess_ms / decided, replicas: held / decided, cost: cost / decided }
}
