//! `learn publish`: its flags.

use crate::plan::text::above_zero;
use clap::Args;
use clap::builder::BoolishValueParser;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
The URL is redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], rediss:// for TLS, or
unix:///SOCKET?db=N. Others can see what is typed: give a URL with a password
in LEARN_REDIS_URL instead, or the password alone in REDISCLI_AUTH. Services
read the key when they start.

Examples:
  learn replay access.log -f config -o tunable.json
  learn publish tunable.json redis://cache.example
  learn publish tunable.json redis://cache.example --dry-run";

/// What was typed after `learn publish`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct PublishArgs {
    /// The config to publish; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to
    #[arg(value_name = "URL", env = "LEARN_REDIS_URL", hide_env = true, hide_env_values = true)]
    pub url: String,
    /// How long the key lives [default: 30d]
    #[arg(long, value_name = "DURATION", env = "LEARN_TTL", hide_env = true, value_parser = above_zero)]
    pub ttl: Option<i64>,
    /// Show what would be replaced, and write nothing
    #[arg(long, env = "LEARN_DRY_RUN", hide_env = true, value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Where in Redis.
    #[command(flatten)]
    pub redis: RedisFlags,
    /// What to write.
    #[command(flatten)]
    pub output: super::diff::DiffOutputFlags,
}

/// Where in Redis, and how long it may take.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Redis")]
pub struct RedisFlags {
    /// What the key begins with; `config` follows [default: auto-learning:]
    #[arg(long, value_name = "TEXT", env = "LEARN_PREFIX", hide_env = true)]
    pub prefix: Option<String>,
    /// How long Redis may take to answer [default: 5s]
    #[arg(long, value_name = "DURATION", env = "LEARN_REDIS_TIMEOUT", hide_env = true, value_parser = above_zero)]
    pub redis_timeout: Option<i64>,
}
