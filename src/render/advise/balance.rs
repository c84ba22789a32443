//! `balance` for people.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted, fine, millis, percent};
use super::super::section::{capped_table, optional_cell};
use super::super::time::TimeStyle;
use crate::advise::balance::report::{BalanceReport, EjectionRow, Observed, Reason, UpstreamRow};

/// The health of each, and what Envoy would have done.
pub(super) fn section(balance: &BalanceReport) -> Section {
    let mut blocks = vec![Block::Line(Text::plain(basis(balance)))];
    blocks.extend(capped_table(columns(balance.of), &balance.upstreams, |row| upstream_row(row, balance.of)));
    if balance.of == Observed::Upstream {
        blocks.extend(ejections(balance));
        if balance.nginx_upstream.is_some() {
            let line = "The weights as an nginx upstream block: learn advise balance -f config.";
            blocks.push(Block::Line(Text::plain(line)));
        }
    }
    Section { title: "Balance".to_owned(), blocks }
}

fn basis(balance: &BalanceReport) -> String {
    let requests = counted(balance.basis.requests, "request");
    match balance.of {
        Observed::Upstream => format!(
            "Rests on {requests}, {} with more than one try; success is a status below 500, and `-` a failed try; \
             the average moves, the latest tries weighing most.",
            count(balance.retried_requests)
        ),
        Observed::Endpoint => format!(
            "Rests on {requests}. No upstream is logged ($upstream_addr), so this is of endpoints, as in the plugin; success \
             is a status below 400; the average moves, the latest requests weighing most."
        ),
    }
}

fn columns(of: Observed) -> Vec<Column> {
    let mut columns = vec![
        Column::left(if of == Observed::Upstream { "Upstream" } else { "Endpoint" }, Fit::Shorten),
        Column::right(if of == Observed::Upstream { "Tries" } else { "Requests" }, Fit::Whole),
        Column::right("Share %", Fit::LeaveOut(1)),
        Column::right("Failed", Fit::Whole),
        Column::right("Moving avg ms", Fit::LeaveOut(2)),
        Column::right("Health", Fit::Whole),
    ];
    if of == Observed::Upstream {
        columns.push(Column::right("Weight", Fit::Whole));
    }
    columns
}

fn upstream_row(row: &UpstreamRow, of: Observed) -> Row {
    let mut cells = vec![
        Span::name(&row.name),
        Span::plain(count(row.tries)),
        Span::plain(percent(row.share)),
        Span::plain(count(row.failures)),
        optional_cell(row.average_ms, millis),
        Span::plain(fine(row.health)),
    ];
    if of == Observed::Upstream {
        cells.push(optional_cell(row.weight, count));
    }
    Row::new(cells)
}

fn ejections(balance: &BalanceReport) -> Vec<Block> {
    if balance.ejections.is_empty() {
        let line = "Envoy's outlier detection would have ejected none.";
        return vec![Block::Line(Text::plain(line))];
    }
    let ends = balance.ejections.iter().filter_map(|one| one.to.as_deref());
    let all: Vec<&str> = balance.ejections.iter().map(|one| one.from.as_str()).chain(ends).collect();
    let times = TimeStyle::of_times(all.into_iter());
    let columns = vec![
        Column::left("From", Fit::Whole),
        Column::left("To", Fit::Whole),
        Column::left("Upstream", Fit::Shorten),
        Column::left("Why", Fit::LeaveOut(1)),
        Column::right("Tries", Fit::Whole),
        Column::right("Failed", Fit::Whole),
    ];
    let prevented = match balance.ejections_prevented {
        0 => String::new(),
        prevented => format!("; {} more left out, because too many were ejected", count(prevented)),
    };
    let line =
        format!("Envoy's outlier detection would have ejected (tries meanwhile would have gone elsewhere){prevented}:");
    let mut blocks = vec![Block::Line(Text::plain(line))];
    blocks.extend(capped_table(columns, &balance.ejections, |one| ejection_row(one, times)));
    blocks
}

fn ejection_row(one: &EjectionRow, times: TimeStyle) -> Row {
    Row::new(vec![
        Span::plain(times.point(&one.from)),
        optional_cell(one.to.as_ref(), |to| times.end(&one.from, to)),
        Span::name(&one.upstream),
        Span::plain(match one.reason {
            Reason::Consecutive5xx => "failures in a row",
            Reason::SuccessRate => "success rate",
        }),
        Span::plain(count(one.tries)),
        Span::plain(count(one.failures)),
    ])
}
