//! `learn formats`: its flags.

use super::replay::{FormatFlags, WriteFlags};
use crate::plan::formats::FormatsOutput;
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Without a FILE: every format that is known by name, and where it has the
latency. With files: which format each is in, on what evidence, and its first
request as it is read.

Exit codes:
  0  every file is in a known format
  2  one is not, or cannot be read

Examples:
  learn formats
  learn formats /var/log/haproxy.log
  learn formats access.log --nginx-conf /etc/nginx/nginx.conf";

/// What was typed after `learn formats`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct FormatsArgs {
    /// Logs to explain: files, globs, `-` for standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read settings from FILE instead of ./learn.toml
    #[arg(long, value_name = "FILE", env = "LEARN_SETTINGS", hide_env = true)]
    pub settings: Option<PathBuf>,
    /// Output format [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true)]
    pub format: Option<FormatsOutput>,
    /// Where to.
    #[command(flatten)]
    pub write: WriteFlags,
    /// How the lines are laid out.
    #[command(flatten)]
    pub layout: FormatFlags,
}
