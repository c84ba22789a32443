//! What `learn advise queries` will do.

use super::{InputName, OutputPlan};
use crate::advise::config::QueriesConfig;
use crate::source::postgres::statements::StatementsPlan;

/// A whole run.
#[derive(Clone, Debug)]
pub struct QueriesPlan {
    /// What to read; empty: the database's pg_stat_statements.
    pub files: Vec<InputName>,
    /// Where a planner checks the suggestions; there is one if there are no files.
    pub database: Option<StatementsPlan>,
    /// The thresholds.
    pub config: QueriesConfig,
    /// The largest share of lines that may be unreadable.
    pub max_rejects_ratio: f64,
    /// An input that breaks off is no failure.
    pub keep_going: bool,
    /// What to write.
    pub output: OutputPlan,
}
