//! Plan values and rule knobs as clap reads them.
//!
//! Everything a single value can be wrong about is refused here, by clap, which names the flag.

use crate::plan::scan::WebhookStyle;
use crate::plan::{Latency, OutputFormat, RuleChoice, RuleSet};
use crate::settings::knob::{ADVICE_KNOBS, Chosen, Given, KNOBS, Knob, KnobValue};
use crate::usage::mean5x::NewDeveloper;
use clap::builder::{BoolishValueParser, PossibleValue, ValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, ValueEnum};

impl ValueEnum for RuleChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &RuleChoice::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            RuleChoice::Replayed(RuleSet::Documented) => "What the package's README promises",
            RuleChoice::Replayed(RuleSet::Published) => "What the package does, anomaly for anomaly",
            RuleChoice::Replayed(RuleSet::ZScore) => "Each request against the last thousand, tuned as documented",
            RuleChoice::Evidence => "What the whole log supports, with n and confidence",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Latency {
    fn value_variants<'a>() -> &'a [Self] {
        &Latency::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Latency::Request => {
                "The whole request, as the client saw it; in AWS load balancers and Traefik's JSON, the target's part"
            }
            Latency::Upstream => "The upstream's part of it",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for OutputFormat {
    fn value_variants<'a>() -> &'a [Self] {
        use OutputFormat::{Config, Csv, Json, Markdown, Ndjson, Table};
        &[Table, Json, Ndjson, Csv, Markdown, Config]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            OutputFormat::Table => ("table", "For people"),
            OutputFormat::Json => ("json", "One document with everything"),
            OutputFormat::Ndjson => ("ndjson", "One object a line, every cycle included"),
            OutputFormat::Csv => ("csv", "The endpoints"),
            OutputFormat::Markdown => ("markdown", "For pull requests and wikis"),
            OutputFormat::Config => ("config", "The TunableConfig alone, as running services read it"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The knobs set by flag or by `LEARN_*` variable.
#[derive(Clone, Debug, Default)]
pub struct KnobFlags(pub Chosen);

/// Those of the usage rule alone.
#[derive(Clone, Debug, Default)]
pub struct UsageKnobFlags(pub Chosen);

/// Those of requests out of order.
#[derive(Clone, Debug, Default)]
pub struct OrderKnobFlags(pub Chosen);

fn usage_knobs() -> impl Iterator<Item = &'static Knob> {
    KNOBS.iter().filter(|knob| knob.section == "usage")
}

fn order_knobs() -> impl Iterator<Item = &'static Knob> {
    KNOBS.iter().filter(|knob| ["lateness", "max-gap"].contains(&knob.flag))
}

/// Those of one analysis.
macro_rules! analysis_knobs {
    ($($(#[$doc:meta])* $flags:ident, $knobs:ident, $section:literal, $shared:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $flags(pub Chosen);

        fn $knobs() -> impl Iterator<Item = &'static Knob> {
            let shared: &[&str] = &$shared;
            let all = KNOBS.iter().chain(ADVICE_KNOBS);
            all.filter(move |knob| knob.section == $section || shared.contains(&knob.flag))
        }

        some_knobs!($flags, $knobs);
    )*};
}

/// Those of all analyses of access logs.
#[derive(Clone, Debug, Default)]
pub struct AdviceKnobFlags(pub Chosen);

/// Those of the rules that analyses share, then their own.
fn advice_knobs() -> impl Iterator<Item = &'static Knob> {
    let shared = ["max-gap", "max-memory", "cpu-threshold"];
    let of_logs = ADVICE_KNOBS.iter().filter(|knob| knob.section != "queries");
    KNOBS.iter().filter(move |knob| shared.contains(&knob.flag)).chain(of_logs)
}

/// Makes flags of some of the knobs.
macro_rules! some_knobs {
    ($flags:ty, $knobs:path) => {
        impl clap::Args for $flags {
            fn augment_args(command: Command) -> Command {
                command.args($knobs().map(knob_arg))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $flags {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let mut flags = Self::default();
                flags.update_from_arg_matches(matches)?;
                Ok(flags)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                set_knobs($knobs(), matches, &mut self.0);
                Ok(())
            }
        }
    };
}

some_knobs!(UsageKnobFlags, usage_knobs);
some_knobs!(OrderKnobFlags, order_knobs);
some_knobs!(AdviceKnobFlags, advice_knobs);

analysis_knobs! {
    /// Those of `forecast`.
    ForecastKnobFlags, forecast_knobs, "forecast", ["max-gap"];
    /// Those of `balance`.
    BalanceKnobFlags, balance_knobs, "balance", ["max-gap"];
    /// Those of `allocate`.
    AllocateKnobFlags, allocate_knobs, "allocate",
        ["max-gap", "cpu-threshold", "target-latency", "throughput-target", "replicas", "concurrency-per-replica", "stabilization"];
    /// Those of `cache`.
    CacheKnobFlags, cache_knobs, "cache", ["max-gap"];
    /// Those of `healing`.
    HealingKnobFlags, healing_knobs, "healing", ["max-gap", "max-memory"];
    /// Those of `score`.
    ScoreKnobFlags, score_knobs, "forecast", ["max-gap"];
    /// Those of `queries`.
    QueriesKnobFlags, queries_knobs, "queries", [];
    /// Those of `scale`.
    ScaleKnobFlags, scale_knobs, "scale", ["max-gap", "cpu-threshold", "target-latency", "throughput-target"];
}

fn set_knobs(knobs: impl Iterator<Item = &'static Knob>, matches: &ArgMatches, chosen: &mut Chosen) {
    for knob in knobs {
        if let Some(value) = matches.get_one::<KnobValue>(knob.flag) {
            chosen.set(knob, Given { value: *value, origin: origin(matches, knob.flag, knob.variable) });
        }
    }
}

impl ValueEnum for WebhookStyle {
    fn value_variants<'a>() -> &'a [Self] {
        &[WebhookStyle::Standard, WebhookStyle::Callora]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            WebhookStyle::Standard => "Standard Webhooks 1.0.0",
            WebhookStyle::Callora => "The original detector's headers",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for NewDeveloper {
    fn value_variants<'a>() -> &'a [Self] {
        &[NewDeveloper::Flag, NewDeveloper::Skip]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            NewDeveloper::Flag => "A spike with the first call, as in the original",
            NewDeveloper::Skip => "No spike until there is a baseline",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

const SWITCH: &str = "enable-unknown-endpoint-detection";
const SWITCH_OFF: &str = "no-unknown-endpoint-detection";
const SWITCH_OFF_VARIABLE: &str = "LEARN_NO_UNKNOWN_ENDPOINT_DETECTION";

impl clap::Args for KnobFlags {
    fn augment_args(command: Command) -> Command {
        let switch_off = Arg::new(SWITCH_OFF)
            .long(SWITCH_OFF)
            .env(SWITCH_OFF_VARIABLE)
            .hide_env(true)
            .action(ArgAction::SetTrue)
            .value_parser(BoolishValueParser::new())
            .overrides_with(SWITCH)
            .help_heading(heading("anomalyConfig", ""))
            .help(format!("Short for --{SWITCH} false"));
        command.args(KNOBS.iter().map(knob_arg)).arg(switch_off)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn knob_arg(knob: &'static Knob) -> Arg {
    let seed_variable = knob.seed_variable.map_or_else(String::new, |name| format!(" [also: {name}]"));
    let overridden = if knob.flag == SWITCH { Some(SWITCH_OFF) } else { None };
    Arg::new(knob.flag)
        .long(knob.flag)
        .aliases(knob.alias)
        .env(knob.variable)
        .hide_env(true)
        .value_name(knob.value_name())
        .value_parser(ValueParser::new(|text: &str| knob.read(text).map_err(|expected| format!("expected {expected}"))))
        .allow_negative_numbers(true)
        .overrides_with_all(overridden)
        .help_heading(heading(knob.section, knob.key))
        .help(format!("{} [default: {}]{seed_variable}", knob.help, knob.default_text()))
}

fn heading(section: &str, key: &str) -> &'static str {
    match section {
        "optimization" if key.ends_with("Latency") || key.ends_with("Target") => "Targets",
        "forecast" => "Forecast",
        "balance" => "Balance",
        "scale" => "Scale",
        "allocate" => "Allocate",
        "cache" => "Cache",
        "queries" => "Queries",
        "anomalyConfig" => "Anomalies",
        "tunerConfig" => "Tuner",
        "loopConfig" => "Loop",
        "optimization" => "Limits of zscore",
        "evidence" => "Evidence",
        _ => "Usage spikes",
    }
}

impl FromArgMatches for KnobFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = KnobFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        set_knobs(KNOBS.iter(), matches, &mut self.0);
        let typed = |flag| matches.value_source(flag) == Some(ValueSource::CommandLine);
        if matches.get_flag(SWITCH_OFF) && (typed(SWITCH_OFF) || !typed(SWITCH)) {
            let switch = KNOBS.iter().find(|knob| knob.flag == SWITCH);
            let origin = origin(matches, SWITCH_OFF, SWITCH_OFF_VARIABLE);
            switch.into_iter().for_each(|knob| {
                self.0.set(knob, Given { value: KnobValue::Switch(false), origin: origin.clone() });
            });
        }
        Ok(())
    }
}

/// Who set it: the flag, or the variable that stands in for it.
fn origin(matches: &ArgMatches, flag: &str, variable: &str) -> String {
    match matches.value_source(flag) {
        Some(ValueSource::EnvVariable) => variable.to_owned(),
        _ => format!("--{flag}"),
    }
}
