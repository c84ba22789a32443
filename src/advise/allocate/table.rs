//! Q(s, a): the worth of an action in a state, and how it is learnt.

use super::minute::{Level, State};
use crate::advise::config::AllocateConfig;
use crate::advise::model::exact;
use serde::{Deserialize, Serialize};

/// What is done with the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Left as they are.
    Maintain,
    /// One more.
    Increase,
    /// One less.
    Decrease,
}

impl Action {
    /// Of equally good ones the first is taken.
    pub(super) const ALL: [Action; 3] = [Action::Maintain, Action::Increase, Action::Decrease];

    /// The replicas afterwards, of at least one and at most so many.
    pub(super) fn apply(self, replicas: u64, most: u64) -> u64 {
        match self {
            Action::Maintain => replicas,
            Action::Increase => (replicas + 1).min(most.max(replicas)),
            Action::Decrease => replicas.saturating_sub(1).max(1),
        }
    }
}

/// One cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::advise) struct Cell {
    #[serde(with = "exact")]
    pub value: f64,
    pub visits: u64,
}

const STATES: usize = 9;

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::advise) struct QTable([[Cell; 3]; STATES]);

fn place((load, memory): State) -> usize {
    load as usize * 3 + memory as usize
}

impl QTable {
    /// All states, in order.
    pub(super) fn states() -> impl Iterator<Item = State> {
        Level::ALL.into_iter().flat_map(|load| Level::ALL.into_iter().map(move |memory| (load, memory)))
    }

    pub(super) fn cell(&self, state: State, action: Action) -> Cell {
        self.0[place(state)][action as usize]
    }

    /// Q(s,a) += alpha (R + gamma max Q(s',a') - Q(s,a)).
    pub(super) fn update(&mut self, state: State, action: Action, reward: f64, next: State, config: &AllocateConfig) {
        let best = self.0[place(next)].iter().map(|cell| cell.value).fold(f64::NEG_INFINITY, f64::max);
        let cell = &mut self.0[place(state)][action as usize];
        cell.value += config.learning_rate * (reward + config.discount * best - cell.value);
        cell.visits = cell.visits.saturating_add(1);
    }

    /// The best action while learning, those never tried included.
    pub(super) fn best(&self, state: State) -> Action {
        self.best_of(state, |_| true).unwrap_or(Action::Maintain)
    }

    /// The best of the actions that were ever tried; `None` where the state was never visited.
    pub(super) fn policy(&self, state: State) -> Option<Action> {
        self.best_of(state, |cell| cell.visits > 0)
    }

    fn best_of(&self, state: State, counts: impl Fn(&Cell) -> bool) -> Option<Action> {
        let tried = Action::ALL.into_iter().filter(|action| counts(&self.cell(state, *action)));
        tried.reduce(
            |best, action| {
                if self.cell(state, action).value > self.cell(state, best).value { action } else { best }
            },
        )
    }
}
