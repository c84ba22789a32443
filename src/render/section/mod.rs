//! A report put together as a document: which sections there are, in which order, with which words.
//!
//! Each section is a function of the report. Long lists are cut here, and every cut says how much it
//! left out.

pub(crate) mod backtest;
mod finding;
mod read;
mod route;
mod tuned;

pub(crate) use finding::{measured, metric_label, notes};
pub(crate) use read::input;

use super::document::{Block, Document, Row, Span, Table, Text};
use super::time::TimeStyle;
use super::{document, figure};
use crate::report::Report;

/// Rows of a table for people; the formats for programs have all.
pub(crate) const MOST_ROWS: usize = 20;

/// The whole report for people.
pub(crate) fn document(report: &Report) -> Document {
    let times = TimeStyle::of(report);
    let sections = [
        report.backtest.as_ref().map(backtest::section),
        Some(input(report)),
        Some(tuned::recommendation(report)),
        Some(finding::anomalies(report, times)),
        Some(finding::endpoints(report)),
        report.routes.as_deref().map(route::section),
        Some(match &report.usage_episodes {
            Some(episodes) => finding::usage_episodes(report, episodes, times),
            None => finding::usage_spikes(report, times),
        }),
        finding::gaps(report, times),
        finding::notes(report),
    ];
    Document { sections: sections.into_iter().flatten().collect() }
}

/// A table of at most [`MOST_ROWS`] rows, and a line that says how many there are beyond them.
pub(crate) fn capped_table<T>(columns: Vec<document::Column>, items: &[T], row: impl Fn(&T) -> Row) -> Vec<Block> {
    let rows = items.iter().take(MOST_ROWS).map(row).collect();
    let mut blocks = vec![Block::Table(Table { columns, rows, note_title: None })];
    blocks.extend(rest_line(items.len()).map(Block::Line));
    blocks
}

/// A list of at most [`MOST_ROWS`] items, the last of which says how many more there are.
pub(crate) fn capped_list(items: impl ExactSizeIterator<Item = Text>) -> Block {
    let rest = rest_line(items.len());
    Block::List(items.take(MOST_ROWS).chain(rest).collect())
}

pub(crate) fn rest_line(total: usize) -> Option<Text> {
    let rest = total.checked_sub(MOST_ROWS).filter(|&rest| rest > 0)?;
    Some(Text::plain(format!("and {} more (use -f json).", figure::count(rest as u64))))
}

/// `GET /api/search`, with the value of the `--group-by` field in brackets.
pub(crate) fn endpoint_name(method: &str, path: &str, group: Option<&str>) -> Span {
    match group {
        Some(group) => Span::name(format!("{method} {path} [{group}]")),
        None => Span::name(format!("{method} {path}")),
    }
}

/// A cell that may have nothing to show.
pub(crate) fn optional_cell<T>(value: Option<T>, show: impl Fn(T) -> String) -> Span {
    Span::plain(value.map_or_else(|| "-".to_owned(), show))
}
