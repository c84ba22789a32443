//! `cache` for people.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted, millis, number, percent};
use super::super::section::{capped_table, endpoint_name, optional_cell};
use crate::advise::cache::report::{CacheReport, RouteRow};

/// What pays and what does not, with the reasons.
pub(super) fn section(cache: &CacheReport) -> Section {
    let basis = format!(
        "Rests on {}; what follows what is learnt on the first two thirds of the log and tested on the last.",
        counted(cache.basis.requests, "request")
    );
    let keep = vec![
        Column::left("Keep", Fit::Shorten),
        Column::right("Requests", Fit::LeaveOut(3)),
        Column::right("Repeated %", Fit::LeaveOut(2)),
        Column::right("Hits", Fit::Whole),
        Column::right("Miss ms", Fit::LeaveOut(1)),
        Column::right("Saved s", Fit::Whole),
        Column::left("Pays", Fit::Whole),
        Column::left("Because", Fit::Whole),
    ];
    let ahead = vec![
        Column::left("After", Fit::Shorten),
        Column::left("Fetch ahead", Fit::Shorten),
        Column::right("Learnt %", Fit::LeaveOut(2)),
        Column::right("Tested", Fit::LeaveOut(1)),
        Column::right("Right %", Fit::Whole),
        Column::left("Pays", Fit::Whole),
        Column::left("Because", Fit::Whole),
    ];
    let mut blocks = vec![Block::Line(Text::plain(basis))];
    blocks.extend(capped_table(keep, &cache.routes, keep_row));
    blocks.extend(capped_table(ahead, &cache.routes, ahead_row));
    Section { title: "Cache".to_owned(), blocks }
}

fn pays(it: bool) -> Span {
    Span::plain(if it { "yes" } else { "no" })
}

fn keep_row(row: &RouteRow) -> Row {
    const MS_PER_SECOND: f64 = 1000.0;
    Row::new(vec![
        endpoint_name(&row.method, &row.path, row.group.as_deref()),
        Span::plain(count(row.requests)),
        optional_cell(row.repeated_share, percent),
        optional_cell(row.hits, count),
        optional_cell(row.miss_ms, millis),
        optional_cell(row.saved_ms, |ms| number(ms / MS_PER_SECOND)),
        pays(row.cache),
        Span::plain(&row.cache_reason),
    ])
}

fn ahead_row(row: &RouteRow) -> Row {
    Row::new(vec![
        endpoint_name(&row.method, &row.path, row.group.as_deref()),
        row.next.as_ref().map_or_else(|| Span::plain("-"), Span::name),
        optional_cell(row.next_learnt_rate, percent),
        optional_cell(row.next_held_out, count),
        optional_cell(row.next_hit_rate, percent),
        pays(row.prefetch),
        Span::plain(&row.prefetch_reason),
    ])
}
