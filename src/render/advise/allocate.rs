//! `allocate` for people.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted, millis, number};
use super::super::section::capped_table;
use crate::advise::allocate::report::{Action, AllocateReport, Level, StateRow, Trial, TrialName};

/// The verdict, what each policy costs, and the table.
pub(super) fn section(allocate: &AllocateReport) -> Section {
    let memory = if allocate.knows_memory {
        ""
    } else {
        " The log does not say how much memory requests need: it counts as low."
    };
    let basis = format!(
        "Rests on {}: learnt on {}, tested on the last {}; up to {} are tried.{memory}",
        counted(allocate.basis.requests, "request"),
        counted(allocate.learnt_minutes, "minute"),
        counted(allocate.held_out_minutes, "minute"),
        counted(allocate.most_replicas, "replica"),
    );
    let trials = vec![
        Column::left("Policy", Fit::Shorten),
        Column::right("p95 above target, ms", Fit::Whole),
        Column::right("Replicas", Fit::Whole),
        Column::right("Cost of a minute", Fit::Whole),
    ];
    let states = vec![
        Column::left("Load", Fit::Whole),
        Column::left("Memory", Fit::Whole),
        Column::left("Policy", Fit::Shorten),
        Column::right("Maintain", Fit::LeaveOut(0)),
        Column::right("Increase", Fit::LeaveOut(0)),
        Column::right("Decrease", Fit::LeaveOut(0)),
        Column::right("Visits", Fit::Whole),
    ];
    let mut blocks = vec![Block::Line(Text::plain(&allocate.verdict)), Block::Line(Text::plain(basis))];
    blocks.extend(capped_table(trials, &allocate.trials, trial_row));
    blocks.push(Block::Line(Text::plain("What was learnt, by load and memory:")));
    blocks.extend(capped_table(states, &allocate.states, state_row));
    Section { title: "Allocate".to_owned(), blocks }
}

fn trial_row(trial: &Trial) -> Row {
    let name = match trial.name {
        TrialName::Policy => "learnt",
        TrialName::Maintain => "always maintain",
        TrialName::Scale => "rule of scale",
    };
    Row::new(vec![
        Span::plain(name),
        Span::plain(millis(trial.excess_ms)),
        Span::plain(number(trial.replicas)),
        Span::plain(number(trial.cost)),
    ])
}

fn level(level: Level) -> Span {
    Span::plain(match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
    })
}

fn state_row(row: &StateRow) -> Row {
    let policy = match row.policy {
        Some(Action::Maintain) => "maintain",
        Some(Action::Increase) => "increase",
        Some(Action::Decrease) => "decrease",
        None => "never visited",
    };
    let worth = |value: f64, visits: u64| Span::plain(if visits > 0 { number(value) } else { "-".to_owned() });
    Row::new(vec![
        level(row.load),
        level(row.memory),
        Span::plain(policy),
        worth(row.maintain, row.maintain_visits),
        worth(row.increase, row.increase_visits),
        worth(row.decrease, row.decrease_visits),
        Span::plain(count(row.visits)),
    ])
}
