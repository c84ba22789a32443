//! The rows of a scan: where they come from, and what passes on the way.
//!
//! Groups of rows go to a sink; nothing is judged here.

use crate::plan::InputName;
use crate::plan::scan::{Coverage, ScanPlan, UsageRule, UsageSource};
use crate::source::postgres::Database;
use crate::source::table::{self, TableReading, Wanted};
use crate::source::usage::{CountedBy, UsageGroup, UsageQuery};
use crate::usage::span::Span;
use std::collections::BTreeMap;
use std::path::Path;

/// A source that has been opened.
pub(super) enum Source<'a> {
    Database(Box<Database>),
    Files(Vec<&'a Path>),
}

impl<'a> Source<'a> {
    pub(super) fn open(plan: &'a ScanPlan, by: CountedBy) -> anyhow::Result<Self> {
        Ok(match &plan.source {
            UsageSource::Database(database) => Source::Database(Box::new(Database::open(database, &plan.columns, by)?)),
            UsageSource::Files(inputs) => Source::Files(
                inputs
                    .iter()
                    .filter_map(|input| match input {
                        InputName::Path(path) => Some(path.as_path()),
                        InputName::Stdin => None,
                    })
                    .collect(),
            ),
        })
    }

    /// The clock that was given, else the server's; `None` for files.
    pub(super) fn now_ms(&self, as_of_ms: Option<i64>) -> Option<i64> {
        as_of_ms.or(match self {
            Source::Database(database) => Some(database.now_ms()),
            Source::Files(_) => None,
        })
    }

    /// Counts, and lets go of the source.
    pub(super) fn scan(
        self,
        plan: &ScanPlan,
        query: &UsageQuery,
        sink: &mut dyn FnMut(UsageGroup<'_>),
    ) -> anyhow::Result<TableReading> {
        match self {
            Source::Database(mut database) => {
                database.scan(query, sink)?;
                database.close();
                Ok(TableReading::default())
            }
            Source::Files(files) => {
                let wanted =
                    Wanted { columns: &plan.columns, zone: plan.timezone, max_rejects_ratio: plan.max_rejects_ratio };
                table::scan(&files, wanted, query, sink)
            }
        }
    }
}

/// Whose calls the plan's rule counts.
pub(super) fn counted_by(plan: &ScanPlan) -> CountedBy {
    match plan.rule {
        UsageRule::Mean5x(..) | UsageRule::NegativeBinomial(_) | UsageRule::Compare(..) => CountedBy::Developer,
        UsageRule::ZscoreDaily { .. } => CountedBy::Api,
    }
}

/// What to count, `from` inclusive and `to` exclusive, in UTC milliseconds.
pub(super) fn query(by: CountedBy, (from_ms, to_ms): (i64, i64), window_ms: i64) -> UsageQuery {
    UsageQuery { by, from_ms: Some(from_ms), to_ms: Some(to_ms), window_ms }
}

/// The clock that was given.
pub(super) fn as_of_ms(plan: &ScanPlan) -> Option<i64> {
    match plan.coverage {
        Coverage::Clock { as_of_ms, .. } | Coverage::Range { as_of_ms, .. } => as_of_ms,
        Coverage::Everything => None,
    }
}

/// Rows and ids as they pass.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) rows_without_id: u64,
    pub(super) rows_by_window: BTreeMap<i64, u64>,
}

impl Tally {
    /// Counts a group; its id, unless it has none.
    pub(super) fn note<'a>(&mut self, group: &UsageGroup<'a>) -> Option<&'a str> {
        self.rows += group.rows;
        let id = group.id.filter(|id| !id.is_empty());
        match id {
            Some(_) => *self.rows_by_window.entry(group.window).or_default() += group.rows,
            None => self.rows_without_id += group.rows,
        }
        id
    }

    pub(super) fn rows_in(&self, span: Span) -> u64 {
        if span.first > span.last {
            0
        } else {
            self.rows_by_window.range(span.first..=span.last).map(|(_, rows)| rows).sum()
        }
    }
}
