//! What a `learn scan-usage` run will do, with every flag, variable and file already folded in.

use super::{InputName, OutputFormat, OutputPlan, Timezone};
pub use crate::deliver::webhook::WebhookStyle;
use crate::report::UsageConfig;
use crate::source::postgres::DatabasePlan;
use crate::usage::alert;
use crate::usage::mean5x::Guards;
use crate::usage::negative_binomial::Calendar;
use clap::ValueEnum;
use std::path::PathBuf;

/// A whole `learn scan-usage` run.
#[derive(Clone, Debug)]
pub struct ScanPlan {
    /// Where the rows are.
    pub source: UsageSource,
    /// Their columns.
    pub columns: UsageColumns,
    /// Zone of times without one.
    pub timezone: Timezone,
    /// Which windows are tested.
    pub coverage: Coverage,
    /// How they are tested.
    pub rule: UsageRule,
    /// Share of a file's rows that may go without a time or a count that can be read, 0 to 1.
    pub max_rejects_ratio: f64,
    /// What is remembered from run to run; `None`: nothing.
    pub state: Option<PathBuf>,
    /// Who is told.
    pub delivery: DeliveryPlan,
    /// What to write.
    pub output: OutputPlan,
    /// Findings end the run with 1.
    pub findings_exit: bool,
    /// No rows end the run with 2.
    pub empty_fails: bool,
    /// Show the server's plan and stop.
    pub explain: bool,
}

/// What was decided about a run.
#[derive(Debug)]
pub enum Resolved {
    /// It is switched off; why.
    Disabled(String),
    /// It can begin; with warnings.
    Ready(Box<ScanPlan>, Vec<String>),
}

/// Where the rows are.
#[derive(Clone, Debug)]
pub enum UsageSource {
    /// In a table of PostgreSQL.
    Database(Box<DatabasePlan>),
    /// In files.
    Files(Vec<InputName>),
}

/// The columns' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageColumns {
    /// Who called.
    pub developer: String,
    /// When.
    pub time: String,
    /// How many calls a row stands for; `None`: one.
    pub calls: Option<String>,
    /// What was called; `zscore-daily` only.
    pub api: String,
    /// What it earned; `zscore-daily` only.
    pub amount: AmountColumn,
}

/// The amount column: a wrong guess at its name is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountColumn {
    /// Its name.
    pub name: String,
    /// Somebody gave the name.
    pub is_given: bool,
}

impl Default for UsageColumns {
    /// The original table's.
    fn default() -> Self {
        UsageColumns {
            developer: "developer_id".to_owned(),
            time: "created_at".to_owned(),
            calls: None,
            api: "api_id".to_owned(),
            amount: AmountColumn { name: "amount_usdc".to_owned(), is_given: false },
        }
    }
}

/// Which windows are tested; times are UTC milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// What was completed at the clock since the last run.
    Clock {
        /// The clock; `None`: the server's.
        as_of_ms: Option<i64>,
        /// How long windows are held back for late rows.
        grace_ms: i64,
        /// How far back an outage is made up for.
        catch_up_ms: i64,
    },
    /// Every window of a range.
    Range {
        /// Windows that start here or later.
        from_ms: i64,
        /// Windows that end here or earlier; `None`: at the clock.
        to_ms: Option<i64>,
        /// The clock; `None`: the server's, and for files none.
        as_of_ms: Option<i64>,
    },
    /// Every window of the files that has a whole baseline in them.
    Everything,
}

/// How windows are tested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UsageRule {
    /// More calls than a multiple of the mean of the windows before.
    Mean5x(UsageConfig, Guards),
    /// Calls that what was learnt of a developer makes improbable.
    NegativeBinomial(LearningPlan),
    /// Both of these, side by side.
    Compare(UsageConfig, Guards, LearningPlan),
    /// Days far from the mean of all days.
    ZscoreDaily {
        /// Standard deviations.
        threshold: f64,
    },
}

impl UsageRule {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            UsageRule::Mean5x(..) => "mean5x",
            UsageRule::NegativeBinomial(_) => alert::RULE,
            UsageRule::Compare(..) => "compare",
            UsageRule::ZscoreDaily { .. } => "zscore-daily",
        }
    }
}

/// A form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScanFormat {
    /// For people
    #[default]
    Table,
    /// One document with everything
    Json,
    /// One event a line, each printed once as long as there is a state
    Ndjson,
    /// The findings, one a row
    Csv,
    /// For pull requests and wikis
    Markdown,
}

impl ScanFormat {
    /// The same among all forms.
    pub(crate) fn output(self) -> OutputFormat {
        match self {
            ScanFormat::Table => OutputFormat::Table,
            ScanFormat::Json => OutputFormat::Json,
            ScanFormat::Ndjson => OutputFormat::Ndjson,
            ScanFormat::Csv => OutputFormat::Csv,
            ScanFormat::Markdown => OutputFormat::Markdown,
        }
    }
}

/// How `negative-binomial` learns and tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningPlan {
    /// Windows and the days that they are parts of.
    pub calendar: Calendar,
    /// Alerts are less likely than this.
    pub surprise: f64,
    /// How far before the tested windows learning begins where nothing is remembered, in milliseconds.
    pub learn_from_ms: i64,
    /// Whether the end of an episode is told.
    pub ends: Ends,
}

/// Whether the end of an episode is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// As an event of its own.
    Told,
    /// Only in the lists of episodes.
    Untold,
}

/// Who is told.
#[derive(Clone, Debug)]
pub struct DeliveryPlan {
    /// Webhooks.
    pub webhooks: Vec<String>,
    /// How webhooks are signed.
    pub webhook_style: WebhookStyle,
    /// Where the webhooks' secret is.
    pub webhook_secret: Option<PathBuf>,
    /// Alertmanagers.
    pub alertmanagers: Vec<String>,
    /// Metrics for node_exporter.
    pub textfile: Option<PathBuf>,
}
