//! What a backtest tests, and on what.

use super::OutputFormat;
use crate::tuning::TunableConfig;
use clap::ValueEnum;

/// What to test beside the rules and the evidence.
#[derive(Clone, Debug, Default)]
pub struct BacktestPlan {
    /// Configs that were given, with their names.
    pub configs: Vec<(String, TunableConfig)>,
    /// How the log is split.
    pub split: SplitChoice,
    /// Calls that may wait at a full bulkhead; `None`: as many as the consumer lets.
    pub queue_calls: Option<usize>,
    /// The logged field by which breakers are kept; `None`: the endpoint.
    pub breaker_by: Option<String>,
    /// Whether the config in force is tested.
    pub tests_current: bool,
    /// Whether the best constant config is looked for, which takes longer than all the rest.
    pub looks_for_best: bool,
}

impl BacktestPlan {
    /// What `learn replay` ends with.
    pub(crate) fn of_replay() -> Self {
        BacktestPlan { tests_current: true, ..BacktestPlan::default() }
    }
}

/// How the log is split.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum SplitChoice {
    /// In the middle, if it is long enough.
    #[default]
    WhereLong,
    /// The first part has this share of the time, between 0 and 1.
    At(f64),
    /// Not at all.
    Whole,
}

/// A form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BacktestFormat {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
    /// For pull requests and step summaries
    Markdown,
}

impl BacktestFormat {
    /// The same among all forms.
    pub(crate) fn output(self) -> OutputFormat {
        match self {
            BacktestFormat::Table => OutputFormat::Table,
            BacktestFormat::Json => OutputFormat::Json,
            BacktestFormat::Markdown => OutputFormat::Markdown,
        }
    }
}
