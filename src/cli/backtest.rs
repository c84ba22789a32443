//! `learn backtest`: its flags, in the groups of its help.

use super::replay::{InputFlags, RuleFlags, RunFlags, SelectionFlags, WriteFlags};
use super::value::KnobFlags;
use crate::plan::backtest::BacktestFormat;
use crate::plan::text::open_share;
use clap::Args;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Each config is tested beside what the rules and the evidence come to. Where the
log is long enough these are fitted on its first part and everything is tested
on the rest.

Examples:
  learn backtest access.log --config tunable.json
  learn backtest access.log --config old.json --config new.json --split 0.7
  learn backtest access.log --config tunable.json --whole";

/// What was typed after `learn backtest`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct BacktestArgs {
    /// Logs to read: files, globs, `-` for standard input (the default)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A TunableConfig to test, as JSON; may be given more than once
    #[arg(long = "config", value_name = "FILE", env = "LEARN_CONFIG", hide_env = true)]
    pub configs: Vec<PathBuf>,
    /// The first part's share of the log, on which rules are fitted [default: 0.5 of 2 h and 2,000 requests or more]
    #[arg(long, value_name = "SHARE", env = "LEARN_SPLIT", hide_env = true, value_parser = open_share)]
    pub split: Option<f64>,
    /// Test on the whole log, also what was fitted on it
    #[arg(long, conflicts_with = "split", env = "LEARN_WHOLE", hide_env = true, value_parser = BoolishValueParser::new())]
    pub whole: bool,
    /// Calls that may wait at a full bulkhead [default: 100, for 30 s]
    #[arg(long, value_name = "CALLS", env = "LEARN_BULKHEAD_QUEUE", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=MAX_QUEUE_CALLS))]
    pub bulkhead_queue: Option<u32>,
    /// Keep a breaker for each value of this logged field, such as upstream_addr [default: for each endpoint]
    #[arg(long, value_name = "KEY", env = "LEARN_BREAKER_BY", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub breaker_by: Option<String>,
    /// Settings and threads.
    #[command(flatten)]
    pub run: RunFlags,
    /// What to write.
    #[command(flatten)]
    pub output: BacktestOutputFlags,
    /// How to read the logs.
    #[command(flatten)]
    pub input: InputFlags,
    /// Which requests take part.
    #[command(flatten)]
    pub selection: SelectionFlags,
    /// What to fit.
    #[command(flatten)]
    pub rules: RuleFlags,
    /// The numbers and switches of the rules.
    #[command(flatten)]
    pub knobs: KnobFlags,
}

/// More calls than any bulkhead lets wait.
const MAX_QUEUE_CALLS: i64 = 1_000_000;

/// What to write.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct BacktestOutputFlags {
    /// The form of the result [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true)]
    pub format: Option<BacktestFormat>,
    /// Where, and how loud.
    #[command(flatten)]
    pub write: WriteFlags,
}
