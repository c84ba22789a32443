//! How routes were made: what stands for many paths, and which.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted};
use super::capped_table;
use crate::report::{RouteOrigin, RouteRow};

/// The routes that are not just paths, and how many are.
pub(super) fn section(routes: &[RouteRow]) -> Section {
    let (plain, made): (Vec<_>, Vec<_>) = routes.iter().partition(|row| row.made_by == RouteOrigin::Path);
    let mut blocks = match &made[..] {
        [] => vec![Block::Line(Text::plain("No route stands for more than its own path."))],
        made => capped_table(columns(), made, |row| route_row(row)),
    };
    if !plain.is_empty() {
        let routes = counted(plain.len() as u64, "route");
        let verb = if plain.len() == 1 { "is" } else { "are" };
        blocks.push(Block::Line(Text::plain(format!("{routes} {verb} called by the path itself."))));
    }
    Section { title: "How routes were made".to_owned(), blocks }
}

fn columns() -> Vec<Column> {
    vec![
        Column::left("Route", Fit::Shorten),
        Column::left("Why", Fit::Whole),
        Column::right("Requests", Fit::LeaveOut(1)),
        Column::right("Paths", Fit::Whole),
        Column::left("The first of them", Fit::Shorten),
    ]
}

fn route_row(row: &RouteRow) -> Row {
    let paths = if row.paths_are_exact { count(row.paths) } else { format!("about {}", count(rounded(row.paths))) };
    Row::new(vec![
        Span::name(&row.path),
        Span::plain(reason(row.made_by)),
        Span::plain(count(row.requests)),
        Span::plain(paths),
        Span::name(&row.first_path),
    ])
}

fn reason(origin: RouteOrigin) -> &'static str {
    match origin {
        RouteOrigin::Other => "over the limit",
        RouteOrigin::Unmatched => "404 only",
        RouteOrigin::Folded => "many siblings",
        RouteOrigin::Ids => "ids",
        RouteOrigin::Declared => "declared",
        RouteOrigin::Path => "path",
    }
}

/// An estimate to the two digits that it supports.
fn rounded(estimate: u64) -> u64 {
    let unit = 10u64.pow(estimate.checked_ilog10().unwrap_or(0).saturating_sub(1));
    estimate.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_have_two_digits() {
        let numbers = [0, 7, 42, 256, 995, 4_849, 4_850, 123_456].map(rounded);
        assert_eq!(numbers, [0, 7, 42, 260, 1_000, 4_800, 4_900, 120_000]);
    }
}
