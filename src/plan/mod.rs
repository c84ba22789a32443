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
pub mod windows;

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
    /// Bytes that a worker takes at once.
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

/// How lines are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// Look at the first lines.
    Detect,
    /// The one of these that reads most of the first lines.
    Templates(Vec<LineTemplate>),
    /// JSON lines.
    Json,
    /// `label:value`, tabs between them.
    Ltsv,
    /// A table whose `#Fields:` line names its columns.
    W3c,
}

/// A line's layout: literals and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTemplate {
    /// What messages call it, for example `nginx combined`.
    pub title: String,
    /// The nginx `log_format` string, or the whole directive.
    pub log_format: String,
}

/// What the run wants of a format beyond time, method, path and status.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Which duration is the latency.
    pub latency: Latency,
    /// `--field ROLE=NAME` overrides.
    pub fields: Vec<FieldOverride>,
    /// The field that names the developer; `None`: the format's own choice.
    pub developer: Option<String>,
    /// Logged fields that `--where`, `--group-by` and `--breaker-by` read; at most [`crate::request::MAX_EXTRA_FIELDS`].
    pub extras: Vec<String>,
    /// Fields that are read where the log has them, after the extras: of each the names that it goes by, the likeliest
    /// first; at most [`crate::request::MAX_OPTIONAL_FIELDS`].
    pub optional: &'static [&'static [&'static str]],
    /// Zone of stamps without one.
    pub timezone: Timezone,
}

impl Wanted {
    /// The place of this field among the extras, to which it is added if it is not there.
    pub(crate) fn extra(&mut self, field: &str) -> usize {
        self.extras.iter().position(|extra| extra == field).unwrap_or_else(|| {
            self.extras.push(field.to_owned());
            self.extras.len() - 1
        })
    }
}

/// Which duration is the latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// The whole request, as the client saw it.
    #[default]
    Request,
    /// The upstream's part.
    Upstream,
}

/// The zone of stamps without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timezone {
    /// A fixed offset east of UTC, in seconds.
    Offset(i32),
    /// An IANA zone.
    Named(chrono_tz::Tz),
}

impl Default for Timezone {
    fn default() -> Self {
        Timezone::Offset(0)
    }
}

/// What a logged field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// When the request ended.
    Timestamp,
    /// The method.
    Method,
    /// The request target.
    Path,
    /// The status code.
    Status,
    /// The latency.
    Duration,
    /// The whole request line, `METHOD URI PROTO`.
    Request,
}

/// One `--field ROLE=NAME[@UNIT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOverride {
    /// What the field means.
    pub role: Role,
    /// The field's name; dots step into nested objects.
    pub name: String,
    /// The unit, for durations.
    pub unit: Option<Unit>,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// `s`, `ms`, `us` or `ns`.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Millis => "ms",
            Unit::Micros => "us",
            Unit::Nanos => "ns",
        }
    }

    /// The power of ten that turns a number in this unit into milliseconds.
    pub fn millis_exponent(self) -> i8 {
        match self {
            Unit::Seconds => 3,
            Unit::Millis => 0,
            Unit::Micros => -3,
            Unit::Nanos => -6,
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
