//! `learn scan-usage`: its flags, in the groups of its help.

use super::replay::WriteFlags;
use super::value::UsageKnobFlags;
use crate::plan::Timezone;
use crate::plan::scan::{ScanFormat, WebhookStyle};
use crate::plan::text::{MomentText, above_zero, probability, share, span_ms, z_threshold};
use crate::source::postgres::TableName;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Without a FILE the rows are in PostgreSQL: --database-url, else DATABASE_URL,
else the PG* variables and ~/.pgpass, as for psql. A password does not belong
on the command line. Times are RFC 3339 or a date. Every flag is also an
environment variable: --as-of is LEARN_AS_OF. Standard output carries the
result and nothing else.";

/// What was typed after `learn scan-usage`.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ScanUsageArgs {
    /// Files to read instead of a database: CSV, Parquet or NDJSON; globs
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read settings from FILE instead of ./learn.toml
    #[arg(long, value_name = "FILE", env = "LEARN_SETTINGS", hide_env = true)]
    pub settings: Option<PathBuf>,
    /// Where the rows are.
    #[command(flatten)]
    pub source: SourceFlags,
    /// Which windows are tested.
    #[command(flatten)]
    pub coverage: CoverageFlags,
    /// How they are tested.
    #[command(flatten)]
    pub rule: UsageRuleFlags,
    /// Who is told.
    #[command(flatten)]
    pub delivery: DeliveryFlags,
    /// What to write.
    #[command(flatten)]
    pub output: ScanOutputFlags,
    /// How the run ends.
    #[command(flatten)]
    pub exit: ExitFlags,
    /// The numbers of the rule.
    #[command(flatten)]
    pub knobs: UsageKnobFlags,
}

/// Where the rows are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Source")]
pub struct SourceFlags {
    /// Where the database is: postgres://user@host:5432/database?sslmode=verify-full
    #[arg(long, value_name = "URL", env = "LEARN_DATABASE_URL", hide_env = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// The table or view, as SQL writes it: usage_events, billing."Usage Events" [default: usage_events]
    #[arg(long, value_name = "NAME", env = "LEARN_TABLE", hide_env = true)]
    pub table: Option<TableName>,
    /// The column that tells developers apart [default: developer_id]
    #[arg(long, value_name = "NAME", env = "LEARN_DEVELOPER_COLUMN", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub developer_column: Option<String>,
    /// The column with the time of the call [default: created_at]
    #[arg(long, value_name = "NAME", env = "LEARN_TIME_COLUMN", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub time_column: Option<String>,
    /// The column with the number of calls that a row stands for [default: each row is one call]
    #[arg(long, value_name = "NAME", env = "LEARN_CALLS_COLUMN", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub calls_column: Option<String>,
    /// The column that tells APIs apart, for zscore-daily [default: api_id]
    #[arg(long, value_name = "NAME", env = "LEARN_API_COLUMN", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub api_column: Option<String>,
    /// The column with the revenue of a row, for zscore-daily [default: amount_usdc where it exists]
    #[arg(long, value_name = "NAME", env = "LEARN_AMOUNT_COLUMN", hide_env = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub amount_column: Option<String>,
    /// Zone of times without one: an IANA name, UTC or an offset such as +02:00 [default: UTC]
    #[arg(long, value_name = "ZONE", env = "LEARN_TIMEZONE", hide_env = true, allow_hyphen_values = true)]
    pub timezone: Option<Timezone>,
    /// Fail when more than this share of a file's rows have no time or no count that can be read, such as 0.1 or 10%
    /// [default: 0.5]
    #[arg(long, value_name = "SHARE", env = "LEARN_MAX_REJECTS", hide_env = true)]
    #[arg(value_parser = share, allow_negative_numbers = true)]
    pub max_rejects: Option<f64>,
    /// How long the database may take to answer [default: 30s]
    #[arg(long, value_name = "DURATION", env = "LEARN_TIMEOUT", hide_env = true, value_parser = above_zero)]
    pub timeout: Option<i64>,
    /// Show how the database would run the query, and stop
    #[arg(long, env = "LEARN_EXPLAIN", hide_env = true, value_parser = BoolishValueParser::new())]
    pub explain: bool,
}

/// Which windows are tested.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Windows")]
pub struct CoverageFlags {
    /// The clock [default: the database server's]
    #[arg(long, value_name = "TIME", env = "LEARN_AS_OF", hide_env = true)]
    pub as_of: Option<MomentText>,
    /// Test every window that starts at this time or later
    #[arg(long, value_name = "TIME", env = "LEARN_FROM", hide_env = true)]
    pub from: Option<MomentText>,
    /// Test every window that ends at this time or earlier [default: the clock]
    #[arg(long, value_name = "TIME", env = "LEARN_TO", hide_env = true)]
    pub to: Option<MomentText>,
    /// Hold windows back this long for rows that are written late [default: 0s]
    #[arg(long, value_name = "DURATION", env = "LEARN_GRACE", hide_env = true, value_parser = span_ms)]
    pub grace: Option<i64>,
    /// Make up for an outage of at most this long [default: 24h]
    #[arg(long, value_name = "DURATION", env = "LEARN_CATCH_UP", hide_env = true, value_parser = above_zero)]
    pub catch_up: Option<i64>,
}

/// How windows are tested.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Rules")]
pub struct UsageRuleFlags {
    /// The rule [default: mean5x]
    #[arg(long, value_name = "RULE", env = "LEARN_RULE", hide_env = true)]
    pub rule: Option<RuleName>,
    /// Fewer calls in a window are no spike [default: 0]
    #[arg(long, value_name = "COUNT", env = "LEARN_MIN_CALLS", hide_env = true)]
    pub min_calls: Option<u64>,
    /// What a developer without a call in the whole baseline is [default: flag]
    #[arg(long, value_name = "POLICY", env = "LEARN_NEW_DEVELOPER", hide_env = true)]
    pub new_developer: Option<crate::usage::mean5x::NewDeveloper>,
    /// How improbable calls have to be to stand out, for negative-binomial [default: 0.00001]
    #[arg(long, value_name = "PROBABILITY", env = "LEARN_SURPRISE", hide_env = true, value_parser = probability)]
    pub surprise: Option<f64>,
    /// Learn from this long before the tested windows where nothing is remembered, for negative-binomial [default: 14d]
    #[arg(long, value_name = "DURATION", env = "LEARN_LEARN_FROM", hide_env = true, value_parser = above_zero)]
    pub learn_from: Option<i64>,
    /// Tell also when a spike or a silence is over, for negative-binomial
    #[arg(long, env = "LEARN_RESOLVE", hide_env = true, value_parser = BoolishValueParser::new())]
    pub resolve: bool,
    /// Show what mean5x and negative-binomial tell of a range, side by side, and send nothing
    #[arg(long, env = "LEARN_COMPARE", hide_env = true, value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with = "rule")]
    pub compare: bool,
    /// The z-score from which a day stands out, 1 to 10, for zscore-daily [default: 3]
    #[arg(long, value_name = "NUMBER", env = "LEARN_THRESHOLD", hide_env = true, value_parser = z_threshold)]
    pub threshold: Option<f64>,
}

/// The rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RuleName {
    /// More calls than a multiple of the mean of the windows before
    #[default]
    #[value(name = "mean5x")]
    Mean5x,
    /// Calls that a developer's own days and hours make improbable; also silence
    NegativeBinomial,
    /// Days of an API far from the mean of its last 30 days
    ZscoreDaily,
}

/// Who is told.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Delivery")]
pub struct DeliveryFlags {
    /// Remember in FILE what was sent [default: one for each source in ~/.local/state/learn]
    #[arg(long, value_name = "FILE", env = "LEARN_STATE", hide_env = true)]
    pub state: Option<PathBuf>,
    /// Deliver and remember also with --from, or for files as a whole
    #[arg(long, env = "LEARN_DELIVER", hide_env = true, value_parser = BoolishValueParser::new())]
    pub deliver: bool,
    /// Send each event to URL as a webhook; may be given more than once
    #[arg(long = "webhook", value_name = "URL", env = "LEARN_WEBHOOK", hide_env = true, hide_env_values = true)]
    pub webhooks: Vec<String>,
    /// How webhooks are addressed and signed [default: standard]
    #[arg(long, value_name = "STYLE", env = "LEARN_WEBHOOK_STYLE", hide_env = true)]
    pub webhook_style: Option<WebhookStyle>,
    /// Sign webhooks with the secret in FILE
    #[arg(long, value_name = "FILE", env = "LEARN_WEBHOOK_SECRET_FILE", hide_env = true)]
    pub webhook_secret_file: Option<PathBuf>,
    /// Send each event to the Alertmanager at URL; may be given more than once
    #[arg(long = "alertmanager", value_name = "URL", env = "LEARN_ALERTMANAGER", hide_env = true)]
    #[arg(hide_env_values = true)]
    pub alertmanagers: Vec<String>,
    /// Write metrics to FILE, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE", env = "LEARN_TEXTFILE", hide_env = true)]
    pub textfile: Option<PathBuf>,
}

/// What to write.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct ScanOutputFlags {
    /// The form of the result [default: table]
    #[arg(short, long, value_name = "FORMAT", env = "LEARN_FORMAT", hide_env = true)]
    pub format: Option<ScanFormat>,
    /// Where, and how loud.
    #[command(flatten)]
    pub write: WriteFlags,
}

/// How the run ends.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Exit code")]
pub struct ExitFlags {
    /// End with 1 when something was found
    #[arg(long, env = "LEARN_EXIT_CODE", hide_env = true, value_parser = BoolishValueParser::new())]
    pub exit_code: bool,
    /// End with 2 when there are no rows to judge
    #[arg(long, env = "LEARN_FAIL_ON_EMPTY", hide_env = true, value_parser = BoolishValueParser::new())]
    pub fail_on_empty: bool,
}
