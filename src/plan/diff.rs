//! What `learn diff` and `learn publish` will do.

use super::{OutputPlan, ReplayPlan};
use crate::deliver::redis::RedisPlan;
use crate::diff::tolerance::Tolerances;
use crate::tuning::TunableConfig;
use clap::ValueEnum;

/// An output format of `learn diff` and `learn publish`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
    /// For pull requests and step summaries
    Markdown,
    /// Workflow commands: GitHub shows them as annotations
    Github,
}

/// A `learn diff` run.
#[derive(Debug)]
pub struct DiffPlan {
    /// The config to compare with.
    pub old: Origin,
    /// The config to judge.
    pub new: Origin,
    /// How far values may move.
    pub tolerances: Tolerances,
    /// In which form to write the result.
    pub format: DiffFormat,
    /// Where, how wide, how loud.
    pub output: OutputPlan,
}

/// Where a config comes from.
#[derive(Debug)]
pub struct Origin {
    /// Its name in what is shown, without any password.
    pub name: String,
    /// The way to it.
    pub source: Source,
}

/// The way to a config.
#[derive(Debug)]
pub enum Source {
    /// It was read while planning.
    Config(TunableConfig),
    /// It is what services read in Redis.
    Redis(Box<RedisPlan>),
    /// It is what a log supports.
    Log(Box<ReplayPlan>),
}

/// A `learn publish` run.
#[derive(Debug)]
pub struct PublishPlan {
    /// The file's name.
    pub name: String,
    /// The config to publish.
    pub config: TunableConfig,
    /// Where to.
    pub redis: RedisPlan,
    /// Seconds until the key is gone.
    pub ttl_s: u64,
    /// Whether to write.
    pub action: Action,
    /// In which form to show what is replaced.
    pub format: DiffFormat,
    /// Where, how wide, how loud.
    pub output: OutputPlan,
}

/// What `learn publish` does with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write it.
    Write,
    /// Show what would be replaced.
    Show,
}
