//! Flags, variables and files folded into a [`ScanPlan`].
//!
//! Looks names up in the file system; opens no input and connects to nothing.

use super::super::scan::{
    AmountColumn, Coverage, DeliveryPlan, Ends, LearningPlan, Resolved, ScanPlan, UsageColumns, UsageRule, UsageSource,
    WebhookStyle,
};
use super::super::{InputName, Timezone};
use super::{DEFAULT_MAX_REJECTS_RATIO, files, output_plan, refuse_input, seed_variables};
use crate::cli::scan_usage::{CoverageFlags, DeliveryFlags, RuleName, ScanUsageArgs, SourceFlags, UsageRuleFlags};
use crate::settings::{Environment, Settings, UsageDefaults};
use crate::source::postgres::{DatabasePlan, DatabaseUrl, TableName};
use crate::usage::mean5x::Guards;
use crate::usage::negative_binomial::{Calendar, DEFAULT_SURPRISE};
use crate::usage::state::{Scope, default_path};
use anyhow::{Context, anyhow, bail, ensure};
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_TABLE: &str = "usage_events";
const DEFAULT_TIMEOUT_MS: i64 = 30_000;
const DEFAULT_CATCH_UP_MS: i64 = 24 * 3_600_000;
const DEFAULT_LEARN_FROM_MS: i64 = 14 * 24 * 3_600_000;
const DEFAULT_Z_THRESHOLD: f64 = 3.0;

impl ScanPlan {
    /// Decides everything about a run before it connects or opens a file.
    ///
    /// # Errors
    /// Values that contradict each other, files that cannot be meant.
    pub fn resolve(args: &ScanUsageArgs, settings: &Settings, environment: &Environment) -> anyhow::Result<Resolved> {
        if let Some(message) = disabled(environment)? {
            return Ok(Resolved::Disabled(message));
        }
        let mut warnings = Vec::new();
        let format = args.output.format.unwrap_or_default().output();
        let output = output_plan(&args.output.write, Some(format), environment);
        let timezone = args.source.timezone.or(settings.input.timezone).unwrap_or_default();
        let source = source(args, settings, timezone, environment, &mut warnings)?;
        let columns = columns(&args.source, &settings.usage);
        let coverage = coverage(&args.coverage, &source, timezone)?;
        let rule = rule(args, settings, timezone, environment, &mut warnings)?;
        let mut plan = ScanPlan {
            source,
            columns,
            timezone,
            coverage,
            rule,
            max_rejects_ratio: args
                .source
                .max_rejects
                .or(settings.input.max_rejects_ratio)
                .unwrap_or(DEFAULT_MAX_REJECTS_RATIO),
            state: None,
            delivery: delivery(&args.delivery),
            output,
            findings_exit: args.exit.exit_code,
            empty_fails: args.exit.fail_on_empty,
            explain: args.source.explain,
        };
        check(&plan, args)?;
        if !plan.explain {
            plan.state = state(&plan, &args.delivery, environment, &mut warnings)?;
        }
        Ok(Resolved::Ready(Box::new(plan), warnings))
    }
}

/// The original's switch, for those who move its variables over.
fn disabled(environment: &Environment) -> anyhow::Result<Option<String>> {
    const NAME: &str = "USAGE_ANOMALY_DETECTOR_ENABLED";
    let Some(text) = &environment.detector_enabled else { return Ok(None) };
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "true" | "1" | "yes" | "on" => Ok(None),
        "false" | "0" | "no" | "off" => Ok(Some(format!("{NAME} is {text}: nothing was scanned"))),
        _ => bail!("{NAME}: found `{text}`, expected true or false"),
    }
}

fn source(
    args: &ScanUsageArgs,
    settings: &Settings,
    timezone: Timezone,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> anyhow::Result<UsageSource> {
    let flags = &args.source;
    if args.files.is_empty() {
        let default_table = || DEFAULT_TABLE.parse().map_err(|expected: String| anyhow!(expected));
        let table = flags.table.as_ref().or(settings.usage.table.as_ref());
        let timeout_ms = flags.timeout.unwrap_or(DEFAULT_TIMEOUT_MS);
        // Set for all runs in the environment, it may well be meant for others.
        if flags.max_rejects.is_some() && !environment.has_max_rejects {
            warnings.push("--max-rejects has no effect on a database, whose columns have types".to_owned());
        }
        return Ok(UsageSource::Database(Box::new(DatabasePlan {
            url: flags.database_url.clone().map(DatabaseUrl::from).or_else(|| environment.database_url.clone()),
            table: table.cloned().map_or_else(default_table, Ok::<TableName, _>)?,
            timeout: Duration::from_millis(timeout_ms.unsigned_abs()),
            timezone,
        })));
    }
    ensure!(
        flags.database_url.is_none(),
        "--database-url and files exclude each other: the rows are in one or the other"
    );
    ensure!(!flags.explain, "--explain shows a database's plan; files have none");
    let inputs = files::inputs(&args.files, environment.stdin_is_terminal, warnings)?;
    ensure!(
        !inputs.contains(&InputName::Stdin),
        "scan-usage reads files, not standard input; save it first: learn scan-usage usage.csv"
    );
    Ok(UsageSource::Files(inputs))
}

fn columns(flags: &SourceFlags, settings: &UsageDefaults) -> UsageColumns {
    let defaults = UsageColumns::default();
    let chosen = |flag: &Option<String>, setting: &Option<String>| flag.clone().or_else(|| setting.clone());
    UsageColumns {
        developer: chosen(&flags.developer_column, &settings.developer_column).unwrap_or(defaults.developer),
        time: chosen(&flags.time_column, &settings.time_column).unwrap_or(defaults.time),
        calls: chosen(&flags.calls_column, &settings.calls_column),
        api: chosen(&flags.api_column, &settings.api_column).unwrap_or(defaults.api),
        amount: match chosen(&flags.amount_column, &settings.amount_column) {
            Some(name) => AmountColumn { name, is_given: true },
            None => defaults.amount,
        },
    }
}

fn coverage(flags: &CoverageFlags, source: &UsageSource, timezone: Timezone) -> anyhow::Result<Coverage> {
    let [as_of_ms, from_ms, to_ms] = [flags.as_of, flags.from, flags.to].map(|text| Some(text?.millis(timezone)));
    ensure!(to_ms.is_none() || from_ms.is_some(), "--to needs --from: where does the range begin?");
    if let Some(from_ms) = from_ms {
        ensure!(
            to_ms.is_none_or(|to_ms| from_ms < to_ms),
            "no time lies between --from and --to; --from must be the earlier one"
        );
        return Ok(Coverage::Range { from_ms, to_ms, as_of_ms });
    }
    if matches!(source, UsageSource::Files(_)) && as_of_ms.is_none() {
        return Ok(Coverage::Everything);
    }
    let (grace_ms, catch_up_ms) = (flags.grace.unwrap_or(0), flags.catch_up.unwrap_or(DEFAULT_CATCH_UP_MS));
    Ok(Coverage::Clock { as_of_ms, grace_ms, catch_up_ms })
}

fn rule(
    args: &ScanUsageArgs,
    settings: &Settings,
    timezone: Timezone,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> anyhow::Result<UsageRule> {
    let mut chosen = settings.knobs.clone();
    chosen.overlay(seed_variables(environment)?);
    chosen.overlay(args.knobs.0.clone());
    let (flags, config) = (&args.rule, chosen.knobs().usage);
    let guards =
        Guards { min_calls: flags.min_calls.unwrap_or(0), new_developer: flags.new_developer.unwrap_or_default() };
    let rule = match flags.rule.unwrap_or_default() {
        _ if flags.compare => UsageRule::Compare(config, guards, learning(flags, config.window_ms, timezone)?),
        RuleName::Mean5x => UsageRule::Mean5x(config, guards),
        RuleName::NegativeBinomial => UsageRule::NegativeBinomial(learning(flags, config.window_ms, timezone)?),
        RuleName::ZscoreDaily => UsageRule::ZscoreDaily { threshold: flags.threshold.unwrap_or(DEFAULT_Z_THRESHOLD) },
    };
    let is_guarded = flags.min_calls.is_some() || flags.new_developer.is_some();
    if is_guarded && !matches!(rule, UsageRule::Mean5x(..) | UsageRule::Compare(..)) {
        warnings.push(format!("--min-calls and --new-developer have no effect on --rule {}", rule.name()));
    }
    let is_learning = flags.surprise.is_some() || flags.learn_from.is_some() || flags.resolve;
    if is_learning && !matches!(rule, UsageRule::NegativeBinomial(_) | UsageRule::Compare(..)) {
        warnings.push(format!("--surprise, --learn-from and --resolve have no effect on --rule {}", rule.name()));
    }
    Ok(rule)
}

fn learning(flags: &UsageRuleFlags, window_ms: i64, timezone: Timezone) -> anyhow::Result<LearningPlan> {
    Ok(LearningPlan {
        calendar: calendar(window_ms, timezone)?,
        surprise: flags.surprise.unwrap_or(DEFAULT_SURPRISE),
        learn_from_ms: flags.learn_from.unwrap_or(DEFAULT_LEARN_FROM_MS),
        ends: if flags.resolve { Ends::Told } else { Ends::Untold },
    })
}

/// The days that `negative-binomial` learns.
pub(super) fn calendar(window_ms: i64, timezone: Timezone) -> anyhow::Result<Calendar> {
    Calendar::new(window_ms, timezone).with_context(|| {
        format!(
            "windows of {window_ms} ms do not divide a day as the rule negative-binomial needs it: expected 5 minutes to \
             an hour, and a whole number of them a day"
        )
    })
}

fn delivery(flags: &DeliveryFlags) -> DeliveryPlan {
    DeliveryPlan {
        webhooks: flags.webhooks.clone(),
        webhook_style: flags.webhook_style.unwrap_or(WebhookStyle::Standard),
        webhook_secret: flags.webhook_secret_file.clone(),
        alertmanagers: flags.alertmanagers.clone(),
        textfile: flags.textfile.clone(),
    }
}

fn check(plan: &ScanPlan, args: &ScanUsageArgs) -> anyhow::Result<()> {
    let flags = &args.delivery;
    let looks_back = match plan.rule {
        UsageRule::ZscoreDaily { .. } => Some("--rule zscore-daily"),
        UsageRule::Compare(..) => Some("--compare"),
        UsageRule::Mean5x(..) | UsageRule::NegativeBinomial(_) => None,
    };
    if let Some(flag) = looks_back {
        let is_delivering = flags.deliver || flags.state.is_some() || flags.textfile.is_some();
        ensure!(
            !is_delivering && flags.webhooks.is_empty() && flags.alertmanagers.is_empty(),
            "{flag} looks back and sends nothing: take --webhook, --alertmanager, --textfile, --state and --deliver out"
        );
    }
    ensure!(
        !matches!((plan.rule, plan.coverage), (UsageRule::Compare(..), Coverage::Clock { .. })),
        "--compare needs a range: --from, and --to unless it ends now"
    );
    ensure!(
        flags.webhook_secret_file.is_none() || !flags.webhooks.is_empty(),
        "--webhook-secret-file signs webhooks, and there is no --webhook"
    );
    let written = [("--output", plan.output.file.as_deref()), ("--textfile", plan.delivery.textfile.as_deref())];
    for (flag, target) in written {
        let Some(target) = target else { continue };
        ensure!(!target.is_dir(), "{flag}: {} is a directory, expected a file", target.display());
        let UsageSource::Files(inputs) = &plan.source else { continue };
        refuse_input(flag, target, inputs)?;
    }
    Ok(())
}

/// Where the state is kept; `None` where the run only looks.
fn state(
    plan: &ScanPlan,
    flags: &DeliveryFlags,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<PathBuf>> {
    if let UsageRule::ZscoreDaily { .. } | UsageRule::Compare(..) = plan.rule {
        return Ok(None);
    }
    let only_looks = !matches!(plan.coverage, Coverage::Clock { .. }) && !flags.deliver && flags.state.is_none();
    if only_looks {
        ensure!(
            flags.textfile.is_none(),
            "--textfile counts scans, and a look at the past remembers none: add --state FILE or --deliver, or test the \
             windows up to one moment with --as-of TIME"
        );
        if !flags.webhooks.is_empty() || !flags.alertmanagers.is_empty() {
            warnings.push("nothing is sent: a look at the past sends only with --deliver or --state".to_owned());
        }
        return Ok(None);
    }
    if let Some(path) = &flags.state {
        ensure!(!path.is_dir(), "--state: {} is a directory, expected a file", path.display());
        return Ok(Some(path.clone()));
    }
    let identity = plan.identity()?;
    let columns = [plan.columns.developer.as_str(), &plan.columns.time, plan.columns.calls.as_deref().unwrap_or("")];
    let rule = plan.state_rule();
    let scope = Scope {
        host: &identity.host,
        database: &identity.database,
        table: &identity.table,
        columns: &columns,
        rule: &rule,
    };
    let path = default_path(environment.state_home.as_deref(), environment.home.as_deref(), &scope);
    path.map(Some).context(
        "there is no place to remember what was sent: neither HOME nor XDG_STATE_HOME is set; give --state FILE",
    )
}

/// What tells one source of rows from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Host and port of the server; empty for files.
    pub host: String,
    /// The database; empty for files.
    pub database: String,
    /// The table, or the files.
    pub table: String,
}

impl ScanPlan {
    /// What tells this source from another.
    ///
    /// # Errors
    /// A connection string that cannot be read.
    pub fn identity(&self) -> anyhow::Result<Identity> {
        Ok(match &self.source {
            UsageSource::Database(database) => {
                let target = database.target()?;
                Identity {
                    host: format!("{}:{}", target.host, target.port),
                    database: target.database,
                    table: database.table.to_string(),
                }
            }
            UsageSource::Files(inputs) => {
                let mut paths: Vec<_> =
                    inputs.iter().filter_map(path_of).map(|path| files::identity(path).display().to_string()).collect();
                paths.sort();
                Identity { host: String::new(), database: String::new(), table: paths.join("\n") }
            }
        })
    }

    /// The rule and its windows: events of other windows are other events.
    fn state_rule(&self) -> String {
        match &self.rule {
            UsageRule::Mean5x(config, _) => format!("{}/{}", self.rule.name(), config.window_ms),
            UsageRule::NegativeBinomial(learning) => format!("{}/{}", self.rule.name(), learning.calendar.window_ms()),
            UsageRule::Compare(..) | UsageRule::ZscoreDaily { .. } => self.rule.name().to_owned(),
        }
    }
}

fn path_of(input: &InputName) -> Option<&std::path::Path> {
    match input {
        InputName::Path(path) => Some(path),
        InputName::Stdin => None,
    }
}
