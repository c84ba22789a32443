//! What `allocate` found, as the JSON has it.

pub use super::minute::Level;
pub use super::table::Action;

use super::minute::State;
use super::table::QTable;
use crate::advise::Basis;
use crate::figure::number as figure;
use crate::tuning::number;
use serde::Serialize;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocateReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// Minutes that were learnt from.
    pub learnt_minutes: u64,
    /// Minutes that were tested on.
    pub held_out_minutes: u64,
    /// The most replicas that are tried.
    pub most_replicas: u64,
    /// Whether the log says how much memory requests need; where not, it is low.
    pub knows_memory: bool,
    /// Whether the policy is worth anything, in words.
    pub verdict: String,
    /// What each policy costs on the minutes that were not learnt from.
    pub trials: Vec<Trial>,
    /// The table, by load and memory from low to high.
    pub states: Vec<StateRow>,
}

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TrialName {
    /// The learnt one.
    Policy,
    /// Always maintain.
    Maintain,
    /// The rule of `scale`.
    Scale,
}

/// What a policy costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Which.
    pub name: TrialName,
    /// Mean 95th percentile above the target, in milliseconds.
    #[serde(serialize_with = "number")]
    pub excess_ms: f64,
    /// Mean replicas.
    #[serde(serialize_with = "number")]
    pub replicas: f64,
    /// Mean cost of a minute: the excess weighted by priority, and the replicas.
    #[serde(serialize_with = "number")]
    pub cost: f64,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRow {
    /// Requests per minute.
    pub load: Level,
    /// Memory.
    pub memory: Level,
    /// The best action; `null`: the state was never visited.
    pub policy: Option<Action>,
    /// Updates of its cells.
    pub visits: u64,
    /// Worth of maintaining.
    #[serde(serialize_with = "number")]
    pub maintain: f64,
    /// Updates of that.
    pub maintain_visits: u64,
    /// Worth of one more.
    #[serde(serialize_with = "number")]
    pub increase: f64,
    /// Updates of that.
    pub increase_visits: u64,
    /// Worth of one less.
    #[serde(serialize_with = "number")]
    pub decrease: f64,
    /// Updates of that.
    pub decrease_visits: u64,
}

impl StateRow {
    fn new(table: &QTable, state: State) -> Self {
        let [maintain, increase, decrease] = Action::ALL.map(|action| table.cell(state, action));
        StateRow {
            load: state.0,
            memory: state.1,
            policy: table.policy(state),
            visits: maintain.visits + increase.visits + decrease.visits,
            maintain: maintain.value,
            maintain_visits: maintain.visits,
            increase: increase.value,
            increase_visits: increase.visits,
            decrease: decrease.value,
            decrease_visits: decrease.visits,
        }
    }
}

impl AllocateReport {
    pub(super) fn new(
        basis: Basis,
        (learnt_minutes, held_out_minutes): (u64, u64),
        most_replicas: u64,
        knows_memory: bool,
        table: &QTable,
        trials: Vec<Trial>,
    ) -> Self {
        AllocateReport {
            basis,
            learnt_minutes,
            held_out_minutes,
            most_replicas,
            knows_memory,
            verdict: verdict(&trials),
            trials,
            states: QTable::states().map(|state| StateRow::new(table, state)).collect(),
        }
    }
}

/// Costs that differ by less than this share are the same.
const SAME: f64 = 0.01;

pub(super) fn verdict(trials: &[Trial]) -> String {
    let cost = |name: TrialName| trials.iter().find(|trial| trial.name == name).map_or(0.0, |trial| trial.cost);
    let (policy, maintain, scale) = (cost(TrialName::Policy), cost(TrialName::Maintain), cost(TrialName::Scale));
    let is_better = |other: f64| policy < other * (1.0 - SAME);
    let judgement = match (is_better(maintain), is_better(scale)) {
        (true, true) => "The learnt policy is better than both never changing anything and the rule of scale",
        (true, false) => "The learnt policy is better than never changing anything, but not than the rule of scale",
        (false, true) => "The learnt policy is no better than never changing anything",
        (false, false) => "The learnt policy is no better than never changing anything, nor than the rule of scale",
    };
    format!(
        "{judgement}: a minute of the last third costs {} by it, {} and {} by these.",
        figure(policy),
        figure(maintain),
        figure(scale)
    )
}
