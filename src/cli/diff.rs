//! `learn diff`: its flags, in the groups of its help.

use super::publish::RedisFlags;
use super::replay::{InputFlags, RuleFlags, RunFlags, SelectionFlags, WriteFlags};
use super::value::KnobFlags;
use crate::diff::tolerance::Given;
use crate::plan::diff::DiffFormat;
use clap::Args;

const AFTER_HELP: &str = "\
OLD and NEW are each a config file, `-` for a config on standard input (one of
the two), redis://HOST[:PORT][/DB] or rediss:// for what services read there,
or an access log, which is replayed as `learn replay` would. A log is known by
its content: a file that is no JSON, or whose first line is a whole JSON object
without a section of a config.

Exit codes:
  0  nothing moved, or all within tolerance
  1  something moved beyond its tolerance
  2  trouble: a file that is missing, no JSON, an unknown or missing key, a
     value out of bounds

Examples:
  learn diff tunable.json access.log --tolerance httpClient.maxRetries=1
  learn replay access.log -f config | learn diff tunable.json - -f github
  learn diff redis://cache.example/0 tunable.json";

/// What was typed after `learn diff`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct DiffArgs {
    /// The config to compare with: a file, `-`, redis://..., or a log
    #[arg(value_name = "OLD")]
    pub old: String,
    /// The config to judge: a file, `-`, redis://..., or a log
    #[arg(value_name = "NEW")]
    pub new: String,
    /// How far a value may move: 10% for all keys, httpClient.timeoutMs=250ms for one; may be given more than once
    #[arg(long = "tolerance", value_name = "[KEY=]AMOUNT", env = "LEARN_TOLERANCE", hide_env = true)]
    #[arg(value_delimiter = ',')]
    pub tolerances: Vec<Given>,
    /// Settings and threads.
    #[command(flatten)]
    pub run: RunFlags,
    /// What to write.
    #[command(flatten)]
    pub output: DiffOutputFlags,
    /// Where in Redis.
    #[command(flatten)]
    pub redis: RedisFlags,
    /// How to read a log.
    #[command(flatten)]
    pub input: InputFlags,
    /// Which of its requests take part.
    #[command(flatten)]
    pub selection: SelectionFlags,
    /// What to compute from it.
    #[command(flatten)]
    pub rules: RuleFlags,
    /// The numbers and switches of the rules.
    #[command(flatten)]
    pub knobs: KnobFlags,
}

/// What to write.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct DiffOutputFlags {
    /// The form of the result [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true)]
    pub format: Option<DiffFormat>,
    /// Where, and how loud.
    #[command(flatten)]
    pub write: WriteFlags,
}
