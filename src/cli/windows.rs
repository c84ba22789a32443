//! `learn windows`: its flags, in the groups of its help.

use super::replay::{InputFlags, RunFlags, SelectionFlags, WriteFlags};
use super::value::OrderKnobFlags;
use crate::plan::text::above_zero;
use crate::plan::windows::WindowsFormat;
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
A window table holds exact counts by minute, endpoint and outcome. Tables merge
by addition, with each other and with logs; `learn replay` and `learn backtest`
read them wherever they read logs.

Examples:
  learn windows access.log -o monday.parquet
  learn windows monday.parquet tuesday.parquet -o both.parquet
  learn windows day.parquet access.log.1 --retain 24h -o day.parquet
  learn replay day.parquet access.log";

/// What was typed after `learn windows`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct WindowsArgs {
    /// Logs and window tables to read: files, globs, `-` for standard input (the default)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Keep the rows of this long up to the newest one, such as 24h [default: all]
    #[arg(long, value_name = "DURATION", env = "LEARN_RETAIN", hide_env = true, value_parser = above_zero)]
    pub retain: Option<i64>,
    /// Settings and threads.
    #[command(flatten)]
    pub run: RunFlags,
    /// The form of the table [default: as the output's name ends; csv on standard output]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true, help_heading = "Output")]
    pub format: Option<WindowsFormat>,
    /// Where it goes.
    #[command(flatten)]
    pub write: WriteFlags,
    /// How to read the logs.
    #[command(flatten)]
    pub input: InputFlags,
    /// Which requests take part.
    #[command(flatten)]
    pub selection: SelectionFlags,
    /// What becomes of requests out of order.
    #[command(flatten)]
    pub knobs: OrderKnobFlags,
}
