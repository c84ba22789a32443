//! `learn advise`: its analyses and their flags, in the groups of its help.

use super::replay::{InputFlags, RunFlags, SelectionFlags, WriteFlags};
use super::value::{
    AdviceKnobFlags, AllocateKnobFlags, BalanceKnobFlags, CacheKnobFlags, ForecastKnobFlags, HealingKnobFlags,
    QueriesKnobFlags, ScaleKnobFlags, ScoreKnobFlags,
};
use crate::advise::Analysis;
use crate::plan::advise::{AdviceFormat, object_name, upstream_name};
use crate::plan::text::{above_zero, share};
use crate::settings::knob::Chosen;
use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Without an analysis, all that the access log supports, in one report that says
what was left out and why; `queries` reads other logs too, by its name.

Examples:
  learn advise access.log
  learn advise balance access.log -f config -o upstream.conf
  learn advise score access.log --model shop.json > scores.ndjson
  learn advise scale access.log --replicas 4 --concurrency-per-replica 8
  learn advise scale a.log --deployment shop -f config | kubectl apply -f -
  learn advise queries postgresql.csv --database-url postgres://app@db/shop

`learn advise ANALYSIS --help` shows an analysis's own flags. A log that is
called like one is ./scale.";

/// What was typed after `learn advise`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct AdviseArgs {
    /// The one analysis that was asked for.
    #[command(subcommand)]
    pub only: Option<Only>,
    /// All of them.
    #[command(flatten)]
    pub all: AnalysisArgs<AllFlags>,
}

/// An analysis.
#[derive(Subcommand, Clone, Debug)]
pub enum Only {
    /// How long requests will take, and whether that can be known
    Forecast(Box<AnalysisArgs<ForecastFlags>>),
    /// How healthy the upstreams are, weights for nginx, and whom Envoy would have ejected
    Balance(Box<AnalysisArgs<BalanceFlags>>),
    /// How many replicas the load needs, and a HorizontalPodAutoscaler
    Scale(Box<AnalysisArgs<ScaleFlags>>),
    /// When to add and take away replicas, learnt from the log and tested on its last third
    Allocate(Box<AnalysisArgs<AllocateFlags>>),
    /// Which answers to keep and which requests to fetch ahead, and what that would have saved
    Cache(Box<AnalysisArgs<CacheKnobFlags>>),
    /// What to do about each critical anomaly
    Healing(Box<AnalysisArgs<HealingKnobFlags>>),
    /// The plugin's headers of every request: confidence, action, anomaly score
    Score(Box<AnalysisArgs<ScoreFlags>>),
    /// Which queries cost the time, and the indexes that could save it, checked by a database's planner
    Queries(Box<QueriesArgs>),
}

/// What every analysis takes, and its own flags.
#[derive(Args, Clone, Debug)]
pub struct AnalysisArgs<F: Args> {
    /// What every analysis takes.
    #[command(flatten)]
    pub common: CommonArgs,
    /// What belongs to the analysis.
    #[command(flatten)]
    pub own: F,
}

/// What every analysis takes.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// Logs to read: files, globs, `-` for standard input (the default)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Settings and threads.
    #[command(flatten)]
    pub run: RunFlags,
    /// The form of the result [default: table; ndjson for score]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true, help_heading = "Output")]
    pub format: Option<AdviceFormat>,
    /// Where it goes.
    #[command(flatten)]
    pub write: WriteFlags,
    /// How to read the logs.
    #[command(flatten)]
    pub input: InputFlags,
    /// Which requests take part.
    #[command(flatten)]
    pub selection: SelectionFlags,
}

/// What was asked for.
pub enum Asked<'a> {
    /// Analyses of access logs.
    Log(LogArgs<'a>),
    /// That of queries, which reads other logs.
    Queries(&'a QueriesArgs),
}

/// Analyses of access logs.
pub struct LogArgs<'a> {
    /// The one that was asked for; `None`: all.
    pub only: Option<Analysis>,
    /// What every one takes.
    pub common: &'a CommonArgs,
    /// Its own flags.
    pub own: &'a dyn OwnFlags,
}

impl AdviseArgs {
    /// What was asked for.
    pub fn asked(&self) -> Asked<'_> {
        fn log<'a, F: Args + OwnFlags>(only: Option<Analysis>, args: &'a AnalysisArgs<F>) -> Asked<'a> {
            Asked::Log(LogArgs { only, common: &args.common, own: &args.own })
        }
        match &self.only {
            None => log(None, &self.all),
            Some(Only::Forecast(args)) => log(Some(Analysis::Forecast), args),
            Some(Only::Balance(args)) => log(Some(Analysis::Balance), args),
            Some(Only::Scale(args)) => log(Some(Analysis::Scale), args),
            Some(Only::Allocate(args)) => log(Some(Analysis::Allocate), args),
            Some(Only::Cache(args)) => log(Some(Analysis::Cache), args),
            Some(Only::Healing(args)) => log(Some(Analysis::Healing), args),
            Some(Only::Score(args)) => log(Some(Analysis::Score), args),
            Some(Only::Queries(args)) => Asked::Queries(args),
        }
    }
}

const AFTER_QUERIES_HELP: &str = "\
Without a FILE, a database named by --database-url tells its
pg_stat_statements; without both, standard input is read. With files and a
database, the database's planner checks the suggestions. postgres:// alone
leaves everything to the PG* variables and ~/.pgpass, as for psql; DATABASE_URL
is not read here. A password does not belong on the command line.

Examples:
  learn advise queries postgresql.csv
  learn advise queries postgresql.json --database-url postgres://app@db/shop
  learn advise queries --database-url postgres://app@db/shop -f config";

/// What was typed after `learn advise queries`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_QUERIES_HELP)]
pub struct QueriesArgs {
    /// PostgreSQL's csvlog or jsonlog, or JSON lines with queryExecutions: files, globs, `-` for standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read settings from FILE instead of ./learn.toml
    #[arg(long, value_name = "FILE", env = "LEARN_SETTINGS", hide_env = true)]
    pub settings: Option<PathBuf>,
    /// The database that checks the suggestions: postgres://user@host:5432/database?sslmode=verify-full
    #[arg(long, value_name = "URL", env = "LEARN_DATABASE_URL", hide_env = true, hide_env_values = true)]
    #[arg(help_heading = "Source")]
    pub database_url: Option<String>,
    /// How long the database may take to answer [default: 30s]
    #[arg(long, value_name = "DURATION", env = "LEARN_TIMEOUT", hide_env = true, value_parser = above_zero)]
    #[arg(help_heading = "Source")]
    pub timeout: Option<i64>,
    /// Fail when more than this share of the lines could not be read, such as 0.1 or 10% [default: 0.5]
    #[arg(long, value_name = "SHARE", env = "LEARN_MAX_REJECTS", hide_env = true, help_heading = "Source")]
    #[arg(value_parser = share, allow_negative_numbers = true)]
    pub max_rejects: Option<f64>,
    /// Go on after an input that breaks off, such as a truncated gzip file
    #[arg(long, env = "LEARN_KEEP_GOING", hide_env = true, value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Source")]
    pub keep_going: bool,
    /// The form of the result [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true, help_heading = "Output")]
    pub format: Option<AdviceFormat>,
    /// Where it goes.
    #[command(flatten)]
    pub write: WriteFlags,
    /// The thresholds.
    #[command(flatten)]
    pub knobs: QueriesKnobFlags,
}

/// Flags of an analysis.
pub trait OwnFlags {
    /// The knobs that were set.
    fn knobs(&self) -> &Chosen;
    /// The names for what is written to other programs.
    fn names(&self) -> Names;
}

/// Names for what is written to other programs, where given.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `--deployment`
    pub deployment: Option<String>,
    /// `--upstream-name`
    pub upstream: Option<String>,
    /// `--model`
    pub model: Option<PathBuf>,
}

/// The flags of all analyses.
#[derive(Args, Clone, Debug)]
pub struct AllFlags {
    /// Their knobs.
    #[command(flatten)]
    pub knobs: AdviceKnobFlags,
    /// What `balance` writes.
    #[command(flatten)]
    pub balance: BalanceNames,
    /// What `scale` writes.
    #[command(flatten)]
    pub scale: ScaleNames,
    /// Where what is learnt is kept.
    #[command(flatten)]
    pub model: ModelFlags,
}

/// The flags of `balance`.
#[derive(Args, Clone, Debug)]
pub struct BalanceFlags {
    /// Its knobs.
    #[command(flatten)]
    pub knobs: BalanceKnobFlags,
    /// What it writes.
    #[command(flatten)]
    pub names: BalanceNames,
}

/// What `balance` writes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Balance")]
pub struct BalanceNames {
    /// The name of the nginx upstream block [default: backend]
    #[arg(long, value_name = "NAME", env = "LEARN_UPSTREAM_NAME", hide_env = true, value_parser = upstream_name)]
    pub upstream_name: Option<String>,
}

/// The flags of `scale`.
#[derive(Args, Clone, Debug)]
pub struct ScaleFlags {
    /// Its knobs.
    #[command(flatten)]
    pub knobs: ScaleKnobFlags,
    /// What it writes.
    #[command(flatten)]
    pub names: ScaleNames,
}

/// What `scale` writes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Scale")]
pub struct ScaleNames {
    /// The Deployment that the HorizontalPodAutoscaler scales [default: service]
    #[arg(long, value_name = "NAME", env = "LEARN_DEPLOYMENT", hide_env = true, value_parser = object_name)]
    pub deployment: Option<String>,
}

impl OwnFlags for AllFlags {
    fn knobs(&self) -> &Chosen {
        &self.knobs.0
    }

    fn names(&self) -> Names {
        Names {
            deployment: self.scale.deployment.clone(),
            upstream: self.balance.upstream_name.clone(),
            model: self.model.model.clone(),
        }
    }
}

/// Makes flags of knobs alone those of an analysis.
macro_rules! own_knobs {
    ($($flags:ty),*) => {$(
        impl OwnFlags for $flags {
            fn knobs(&self) -> &Chosen {
                &self.0
            }

            fn names(&self) -> Names {
                Names::default()
            }
        }
    )*};
}

own_knobs!(CacheKnobFlags, HealingKnobFlags);

/// Makes knobs and a model those of an analysis that learns.
macro_rules! learning_flags {
    ($($(#[$doc:meta])* $flags:ident, $knobs:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Args, Clone, Debug)]
        pub struct $flags {
            /// Its knobs.
            #[command(flatten)]
            pub knobs: $knobs,
            /// Where it keeps what it learns.
            #[command(flatten)]
            pub model: ModelFlags,
        }

        impl OwnFlags for $flags {
            fn knobs(&self) -> &Chosen {
                &self.knobs.0
            }

            fn names(&self) -> Names {
                Names { model: self.model.model.clone(), ..Names::default() }
            }
        }
    )*};
}

learning_flags! {
    /// The flags of `forecast`.
    ForecastFlags, ForecastKnobFlags;
    /// The flags of `allocate`.
    AllocateFlags, AllocateKnobFlags;
    /// The flags of `score`.
    ScoreFlags, ScoreKnobFlags;
}

/// Where what is learnt is kept.
#[derive(Args, Clone, Debug, Default)]
pub struct ModelFlags {
    /// Start from what FILE holds, if there is one, and keep there what was learnt; give it each log once
    #[arg(long, value_name = "FILE", env = "LEARN_MODEL", hide_env = true)]
    pub model: Option<PathBuf>,
}

impl OwnFlags for BalanceFlags {
    fn knobs(&self) -> &Chosen {
        &self.knobs.0
    }

    fn names(&self) -> Names {
        Names { upstream: self.names.upstream_name.clone(), ..Names::default() }
    }
}

impl OwnFlags for ScaleFlags {
    fn knobs(&self) -> &Chosen {
        &self.knobs.0
    }

    fn names(&self) -> Names {
        Names { deployment: self.names.deployment.clone(), ..Names::default() }
    }
}
