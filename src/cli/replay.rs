//! `learn replay`: its flags, in the groups of its help.

use super::value::{Color, KnobFlags};
use crate::plan::MAX_CHUNK_BYTES;
use crate::plan::text::{Condition, StatusRange, TimeText, developer_limit, route_count, share, thread_count};
use crate::plan::{FieldOverride, Latency, OutputFormat, RuleChoice, Timezone};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Times are RFC 3339, a date, or a duration before the log's last request. Every
flag is also an environment variable: --max-gap is LEARN_MAX_GAP. Standard
output carries the result and nothing else; messages go to standard error.";

/// What was typed after `learn replay`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = AFTER_HELP)]
pub struct ReplayArgs {
    /// Logs to read: files, globs, `-` for standard input (the default)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Settings and threads.
    #[command(flatten)]
    pub run: RunFlags,
    /// Cut files into chunks of N bytes; never changes the result
    #[arg(long, value_name = "N", env = "LEARN_CHUNK_BYTES", hide_env = true, hide = true, value_parser = chunk_bytes)]
    pub chunk_bytes: Option<usize>,
    /// Leave out the backtest: faster, and no temporary file
    #[arg(long, env = "LEARN_NO_BACKTEST", hide_env = true, value_parser = BoolishValueParser::new())]
    pub no_backtest: bool,
    /// Show which pattern or rule made each route, and what was folded or left without a name
    #[arg(long, env = "LEARN_EXPLAIN_ROUTES", hide_env = true, value_parser = BoolishValueParser::new())]
    pub explain_routes: bool,
    /// How to read them.
    #[command(flatten)]
    pub input: InputFlags,
    /// Which requests take part.
    #[command(flatten)]
    pub selection: SelectionFlags,
    /// What to compute.
    #[command(flatten)]
    pub rules: RuleFlags,
    /// What to write.
    #[command(flatten)]
    pub output: OutputFlags,
    /// The numbers and switches of the rules.
    #[command(flatten)]
    pub knobs: KnobFlags,
}

/// What every command over logs takes.
#[derive(Args, Clone, Debug, Default)]
pub struct RunFlags {
    /// Read settings from FILE instead of ./learn.toml
    #[arg(long, value_name = "FILE", env = "LEARN_SETTINGS", hide_env = true)]
    pub settings: Option<PathBuf>,
    /// Work on this many threads, 1 to 1024 [default: all cores]
    #[arg(long, value_name = "N", env = "LEARN_THREADS", hide_env = true)]
    #[arg(value_parser = thread_count, allow_negative_numbers = true)]
    pub threads: Option<usize>,
}

/// How to read the logs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct InputFlags {
    /// How the lines are laid out.
    #[command(flatten)]
    pub layout: FormatFlags,
    /// Take paths as they are, without turning numbers and ids into parameters
    #[arg(long, value_name = "BOOL", env = "LEARN_RAW_PATHS", hide_env = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub raw_paths: Option<bool>,
    /// Name routes by the patterns in FILE, one a line: /users/:id, /files/*path
    #[arg(long = "routes", value_name = "FILE", env = "LEARN_ROUTES", hide_env = true)]
    pub routes_file: Option<PathBuf>,
    /// Name routes by the paths of an OpenAPI document, JSON or YAML
    #[arg(long, value_name = "FILE", env = "LEARN_OPENAPI", hide_env = true)]
    pub openapi: Option<PathBuf>,
    /// Keep at most N routes apart; the rest is one, `(other)` [default: 10000]
    #[arg(long, value_name = "N", env = "LEARN_MAX_ROUTES", hide_env = true)]
    #[arg(value_parser = route_count, allow_negative_numbers = true)]
    pub max_routes: Option<usize>,
    /// Compare usage for at most N developers: a field with more names none [default: 500000]
    #[arg(long, value_name = "N", env = "LEARN_MAX_DEVELOPERS", hide_env = true)]
    #[arg(value_parser = developer_limit, allow_negative_numbers = true)]
    pub max_developers: Option<usize>,
    /// Write every line that could not be read to FILE, with the reason
    #[arg(long, value_name = "FILE", env = "LEARN_REJECTS", hide_env = true)]
    pub rejects: Option<PathBuf>,
    /// Fail when more than this share of the lines could not be read, such as 0.1 or 10% [default: 0.5]
    #[arg(long, value_name = "SHARE", env = "LEARN_MAX_REJECTS", hide_env = true)]
    #[arg(value_parser = share, allow_negative_numbers = true)]
    pub max_rejects: Option<f64>,
    /// Go on after an input that breaks off, such as a truncated gzip file
    #[arg(long, env = "LEARN_KEEP_GOING", hide_env = true, value_parser = BoolishValueParser::new())]
    pub keep_going: bool,
}

/// How the lines are laid out, and what of them means what.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct FormatFlags {
    /// An nginx log_format, an Apache LogFormat, or a name of `learn formats` [default: looks at the first lines]
    #[arg(long, value_name = "FORMAT", env = "LEARN_LOG_FORMAT", hide_env = true)]
    pub log_format: Option<String>,
    /// Take the log_format from an nginx.conf: the one of this name, else the one that fits
    #[arg(long, value_name = "FILE[#NAME]", env = "LEARN_NGINX_CONF", hide_env = true, conflicts_with = "log_format")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub nginx_conf: Option<String>,
    /// What a logged field means, such as duration=took@ms
    ///
    /// Roles: timestamp, method, path, status, duration, request. Units, for durations: s, ms, us, ns.
    #[arg(long = "field", value_name = "ROLE=NAME[@UNIT]", env = "LEARN_FIELD", hide_env = true)]
    #[arg(value_delimiter = ',')]
    pub fields: Vec<FieldOverride>,
    /// Which duration is the latency [default: request]
    #[arg(long, value_name = "KIND", env = "LEARN_LATENCY", hide_env = true)]
    pub latency: Option<Latency>,
    /// The field that names the developer [default: the format's own choice]
    #[arg(long, value_name = "NAME", env = "LEARN_DEVELOPER_FIELD", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub developer_field: Option<String>,
    /// Zone of times without one: an IANA name, UTC or an offset such as +02:00 [default: UTC]
    #[arg(long, value_name = "ZONE", env = "LEARN_TIMEZONE", hide_env = true, allow_hyphen_values = true)]
    pub timezone: Option<Timezone>,
}

/// Which requests take part; every condition must hold.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct SelectionFlags {
    /// Requests at or after this time; 2h is two hours before the log's last request
    #[arg(long, value_name = "TIME", env = "LEARN_SINCE", hide_env = true, allow_hyphen_values = true)]
    pub since: Option<TimeText>,
    /// Requests before this time
    #[arg(long, value_name = "TIME", env = "LEARN_UNTIL", hide_env = true, allow_hyphen_values = true)]
    pub until: Option<TimeText>,
    /// Requests with one of these methods
    #[arg(long = "method", value_name = "METHOD", env = "LEARN_METHOD", hide_env = true)]
    #[arg(value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub methods: Vec<String>,
    /// Requests with one of these status codes, such as 404, 5xx or 200-299
    #[arg(long = "status", value_name = "CODES", env = "LEARN_STATUS", hide_env = true)]
    #[arg(value_delimiter = ',')]
    pub statuses: Vec<StatusRange>,
    /// Requests to one of these routes, such as '/api/orders/*'
    #[arg(long = "route", value_name = "ROUTE", env = "LEARN_ROUTE", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub routes: Vec<String>,
    /// Requests to none of these routes
    #[arg(long = "exclude-route", value_name = "ROUTE", env = "LEARN_EXCLUDE_ROUTE", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub excluded_routes: Vec<String>,
    /// Requests whose logged field KEY is VALUE
    #[arg(long = "where", value_name = "KEY=VALUE", env = "LEARN_WHERE", hide_env = true)]
    pub conditions: Vec<Condition>,
    /// Keep endpoints apart by the value of this logged field
    #[arg(long, value_name = "KEY", env = "LEARN_GROUP_BY", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub group_by: Option<String>,
}

/// What to compute.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Rules")]
pub struct RuleFlags {
    /// The set of rules to replay [default: documented]
    #[arg(long, value_name = "SET", env = "LEARN_RULES", hide_env = true)]
    pub rules: Option<RuleChoice>,
    /// The TunableConfig in force, as JSON; the replay starts from it [default: the package's defaults]
    #[arg(long, value_name = "FILE", env = "LEARN_CURRENT", hide_env = true)]
    pub current: Option<PathBuf>,
    /// The rule that finds usage spikes [default: mean5x]
    #[arg(long, value_name = "RULE", env = "LEARN_SPIKE_RULE", hide_env = true)]
    pub spike_rule: Option<SpikeRuleName>,
}

/// The rules that find usage spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpikeRuleName {
    /// More calls than a multiple of the mean of the windows before
    #[default]
    #[value(name = "mean5x")]
    Mean5x,
    /// Calls that a developer's own days and hours make improbable; also silence
    NegativeBinomial,
}

/// What to write.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// The form of the result [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true)]
    pub format: Option<OutputFormat>,
    /// Where, and how loud.
    #[command(flatten)]
    pub write: WriteFlags,
}

/// Where a result goes, whatever its form.
#[derive(Args, Clone, Debug, Default)]
pub struct WriteFlags {
    /// Write to FILE, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE", env = "LEARN_OUTPUT", hide_env = true)]
    pub output: Option<PathBuf>,
    /// When to colour [default: auto]
    #[arg(long, value_name = "WHEN", env = "LEARN_COLOR", hide_env = true)]
    pub color: Option<Color>,
    /// No progress, no warnings: only errors on standard error
    #[arg(short, long, env = "LEARN_QUIET", hide_env = true, value_parser = BoolishValueParser::new())]
    pub quiet: bool,
}

fn chunk_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=MAX_CHUNK_BYTES).contains(bytes));
    bytes.ok_or_else(|| format!("expected a whole number from 1 to {MAX_CHUNK_BYTES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_neither_empty_nor_larger_than_memory() {
        for (text, bytes) in [("1", Some(1)), ("1073741824", Some(MAX_CHUNK_BYTES)), ("0", None), ("1073741825", None)]
        {
            assert_eq!(chunk_bytes(text).ok(), bytes, "{text}");
        }
    }
}
