//! What a run will do, with every flag, variable and file already folded in.
//!
//! `Plan::resolve` makes every cross-check; past this point no flag exists. It must not read a log.

pub mod advise;
pub mod backtest;
pub mod diff;
pub mod formats;
pub mod queries;
mod resolve;
pub mod scan;
pub(crate) mod text;
mod wanted;
pub mod windows;

pub use wanted::{FieldOverride, FormatChoice, Latency, LineTemplate, Role, Timezone, Unit, Wanted};

use crate::report::{AnomalyConfig, InputSettings, LoopConfig, OptimizationConfig, TunerConfig, UsageConfig};
use crate::route::declared::DeclaredRoutes;
use crate::route::naming::NamingPlan;
use crate::tuning::TunableConfig;
use crate::tuning::evidence::EvidenceConfig;
use crate::usage::alert;
use crate::usage::negative_binomial::Calendar;
use backtest::BacktestPlan;
use std::path::PathBuf;
use std::sync::Arc;

/// The most that a worker may be given at once: one chunk is held in memory whole.
pub(crate) const MAX_CHUNK_BYTES: usize = 1 << 30;

/// A whole `learn replay` run.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// What to read.
    pub input: InputPlan,
    /// What to compute.
    pub rules: RulesPlan,
    /// What to write.
    pub output: OutputPlan,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Bytes that a worker takes at once, at most 1 GiB.
    pub chunk_bytes: usize,
    /// The backtest that the replay ends with.
    pub backtest: Option<BacktestPlan>,
    /// Whether the report tells how each route was made.
    pub explains_routes: bool,
}

impl ReplayPlan {
    /// Whether every request is looked at again.
    pub(crate) fn looks_again(&self) -> bool {
        self.backtest.is_some() || self.rules.choice == RuleChoice::Evidence
    }
}

/// What to read and how.
#[derive(Clone, Debug)]
pub struct InputPlan {
    /// Files in the order given, globs expanded; duplicates removed.
    pub files: Vec<InputName>,
    /// How lines are laid out.
    pub format: FormatChoice,
    /// What the format has to deliver.
    pub wanted: Wanted,
    /// Inclusive start.
    pub since: Option<TimeBound>,
    /// Exclusive end.
    pub until: Option<TimeBound>,
    /// Every filter must hold.
    pub filters: Vec<Filter>,
    /// Index into `wanted.extras` of the `--group-by` field.
    pub group_by: Option<usize>,
    /// Index into `wanted.extras` of the `--breaker-by` field.
    pub breaker_by: Option<usize>,
    /// Leave routes untemplated.
    pub raw_paths: bool,
    /// Patterns that go before templates.
    pub declared: Option<Arc<DeclaredRoutes>>,
    /// Routes kept apart; the rest is one.
    pub max_routes: usize,
    /// Developers from which on none is compared.
    pub max_developers: usize,
    /// Share of rejected lines above which the run fails, 0 to 1.
    pub max_rejects_ratio: f64,
    /// Where to write every rejected line.
    pub rejects: Option<PathBuf>,
    /// Go on after a broken input.
    pub keep_going: bool,
    /// These settings as the report repeats them; the times of `BeforeEnd` bounds are still absent.
    pub as_given: InputSettings,
}

impl InputPlan {
    /// How routes get their names.
    pub(crate) fn naming(&self) -> NamingPlan<'_> {
        NamingPlan { max_routes: self.max_routes, raw_paths: self.raw_paths, declared: self.declared.as_deref() }
    }
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputName {
    /// Standard input.
    Stdin,
    /// A file.
    Path(PathBuf),
}

impl InputName {
    /// The path as given, or `-`.
    pub fn shown(&self) -> String {
        match self {
            InputName::Stdin => "-".to_owned(),
            InputName::Path(path) => path.display().to_string(),
        }
    }
}

/// One end of the time range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// UTC milliseconds since the epoch.
    At(i64),
    /// Milliseconds before the log's last request.
    BeforeEnd(i64),
}

/// A condition on requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// `--method`: any of these.
    Method(Vec<String>),
    /// `--status`: any of these inclusive ranges.
    Status(Vec<(u16, u16)>),
    /// `--route`: the templated route is one of these (`*` matches any run of characters).
    Route(Vec<String>),
    /// `--exclude-route`: it is none of these.
    ExcludeRoute(Vec<String>),
    /// `--where`: the field at this index of `wanted.extras` equals the value.
    Equals(usize, String),
}

/// What to compute.
#[derive(Clone, Copy, Debug)]
pub struct RulesPlan {
    /// Which rule set makes the cycles.
    pub rules: RuleSet,
    /// Whose values are recommended.
    pub choice: RuleChoice,
    /// Knobs of the values that the whole log supports.
    pub evidence: EvidenceConfig,
    /// Anomaly thresholds.
    pub anomaly: AnomalyConfig,
    /// Tuner bounds.
    pub tuner: TunerConfig,
    /// The loop's pace.
    pub looping: LoopConfig,
    /// Windows of usage, and the numbers of `mean5x`.
    pub usage: UsageConfig,
    /// The rule that finds usage spikes.
    pub spikes: SpikeRule,
    /// Limits of memory and CPU.
    pub optimization: OptimizationConfig,
    /// Where the loop starts from.
    pub current: TunableConfig,
    /// Keep every cycle for the output.
    pub keep_cycles: bool,
    /// Whether evidence is worked out for each endpoint, too: little of the output has it.
    pub endpoint_evidence: bool,
}

/// The rule that finds usage spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpikeRule {
    /// More calls than a multiple of the mean of the windows before.
    Mean5x,
    /// Calls that what was learnt of a developer makes improbable.
    NegativeBinomial(Calendar),
}

impl SpikeRule {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            SpikeRule::Mean5x => "mean5x",
            SpikeRule::NegativeBinomial(_) => alert::RULE,
        }
    }
}

/// What `--rules` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleChoice {
    /// The config that this rule set ends with.
    Replayed(RuleSet),
    /// The values that the whole log supports; the cycles are those of `documented`.
    Evidence,
}

impl RuleChoice {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            RuleChoice::Replayed(rules) => rules.name(),
            RuleChoice::Evidence => "evidence",
        }
    }

    /// The rule set that makes the cycles.
    pub fn rules(self) -> RuleSet {
        match self {
            RuleChoice::Replayed(rules) => rules,
            RuleChoice::Evidence => RuleSet::Documented,
        }
    }
}

/// A set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// What the package's README promises.
    Documented,
    /// What the package does.
    Published,
    /// Each request against the last thousand, after OpenSpeed's optimizer.
    ZScore,
}

impl RuleSet {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            RuleSet::Documented => "documented",
            RuleSet::Published => "published",
            RuleSet::ZScore => "zscore",
        }
    }
}

/// What to write.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// In which form.
    pub format: OutputFormat,
    /// Where; `None` is standard output.
    pub file: Option<PathBuf>,
    /// Columns that a table may use.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
    /// Whether to draw progress.
    pub progress: bool,
    /// Whether to leave out messages that are not errors.
    pub quiet: bool,
}

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One object a line.
    Ndjson,
    /// Endpoint rows.
    Csv,
    /// For pull requests and wikis.
    Markdown,
    /// The TunableConfig alone.
    Config,
}
