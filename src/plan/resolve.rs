//! Flags, variables and files folded into a [`ReplayPlan`]: every check that needs more than one value.
//!
//! Looks names up in the file system and reads `--current`; opens no log and prints nothing.

mod advise;
mod backtest;
mod diff;
mod files;
mod format;
mod formats;
mod queries;
mod reading;
mod scan;
mod windows;

use super::backtest::BacktestPlan;
use super::text::{StatusRange, TimeText};
use super::{
    Filter, InputName, InputPlan, OutputFormat, OutputPlan, ReplayPlan, RuleChoice, RuleSet, RulesPlan, SpikeRule,
    TimeBound, Timezone, Wanted,
};
use crate::cli::Color;
use crate::cli::replay::{ReplayArgs, SelectionFlags, SpikeRuleName, WriteFlags};
use crate::report::{InputSettings, format_time};
use crate::request::MAX_EXTRA_FIELDS;
use crate::route::declared::{DeclaredRoutes, list, openapi};
use crate::rules::zscore::RESOURCE_FIELDS;
use crate::settings::knob::{Chosen, Given, KNOBS, Knobs};
use crate::settings::{Environment, Settings};
use crate::tuning::{TunableConfig, reader};
use crate::usage::{display_name, is_key_field};
use anyhow::{Context, anyhow, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DEFAULT_MAX_REJECTS_RATIO: f64 = 0.5;
/// Routes kept apart; far more than any service has, few enough for tables and memory.
const DEFAULT_MAX_ROUTES: usize = 10_000;
const DEFAULT_MAX_DEVELOPERS: usize = 500_000;
const DEFAULT_WIDTH: usize = 80;

impl ReplayPlan {
    /// Decides everything about a run before the first byte is read. The strings are warnings.
    ///
    /// # Errors
    /// Values that contradict each other, files that cannot be meant, a `--current` file that is no config.
    pub fn resolve(
        args: &ReplayArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(ReplayPlan, Vec<String>)> {
        let mut warnings = Vec::new();
        let output = output_plan(&args.output.write, args.output.format, environment);
        let choice = args.rules.rules.or(settings.rules).unwrap_or(RuleChoice::Replayed(RuleSet::Documented));
        let input = input_plan(args, settings, environment, choice.rules(), &mut warnings)?;
        refuse_overwriting(&input, output.file.as_deref())?;
        let rules = rules_plan(choice, args, settings, environment, output.format, &mut warnings)?;
        let threads =
            args.run.threads.or(settings.threads).unwrap_or(environment.cores.clamp(1, super::text::MAX_THREADS));
        let chunk_bytes = args.chunk_bytes.unwrap_or(crate::source::CHUNK_BYTES);
        let shows_backtest = matches!(output.format, OutputFormat::Table | OutputFormat::Json | OutputFormat::Markdown);
        let backtest = (shows_backtest && !args.no_backtest).then(BacktestPlan::of_replay);
        let explains_routes = args.explain_routes;
        Ok((ReplayPlan { input, rules, output, threads, chunk_bytes, backtest, explains_routes }, warnings))
    }
}

fn input_plan(
    args: &ReplayArgs,
    settings: &Settings,
    environment: &Environment,
    rules: RuleSet,
    warnings: &mut Vec<String>,
) -> anyhow::Result<InputPlan> {
    let (flags, selection, defaults) = (&args.input, &args.selection, &settings.input);
    let files = files::inputs(&args.files, environment.stdin_is_terminal, warnings)?;
    let layout = format::layout(&flags.layout, defaults)?;
    let mut wanted = layout.wanted;
    let timezone = wanted.timezone;
    let (since, until) = time_range(selection, timezone, &files)?;
    wanted.optional = if rules == RuleSet::ZScore { RESOURCE_FIELDS } else { &[] };
    let (filters, group_by) = selection_of(selection, &mut wanted);
    check_extras(&wanted)?;
    let raw_paths = flags.raw_paths.or(defaults.raw_paths).unwrap_or(false);
    let routes_file = flags.routes_file.as_deref().or(defaults.routes_file.as_deref());
    let openapi = flags.openapi.as_deref().or(defaults.openapi.as_deref());
    let max_developers = flags.max_developers.or(defaults.max_developers).unwrap_or(DEFAULT_MAX_DEVELOPERS);
    let max_routes = flags.max_routes.or(defaults.max_routes).unwrap_or(DEFAULT_MAX_ROUTES);
    Ok(InputPlan {
        files,
        format: layout.choice,
        since,
        until,
        filters,
        group_by,
        breaker_by: None,
        raw_paths,
        declared: declared_routes(routes_file, openapi)?,
        max_routes,
        max_developers,
        max_rejects_ratio: flags.max_rejects.or(defaults.max_rejects_ratio).unwrap_or(DEFAULT_MAX_REJECTS_RATIO),
        rejects: flags.rejects.clone(),
        keep_going: flags.keep_going,
        as_given: InputSettings {
            log_format: layout.log_format,
            nginx_conf: layout.nginx_conf,
            latency: wanted.latency.name(),
            since: moment(since),
            until: moment(until),
            timezone: timezone.to_string(),
            filters: filters_as_given(selection),
            group_by: selection.group_by.clone(),
            developer_field: wanted.developer.clone(),
            raw_paths,
            routes: routes_file.map(|path| path.display().to_string()),
            openapi: openapi.map(|path| path.display().to_string()),
            max_routes,
            max_developers,
        },
        wanted,
    })
}

/// The patterns of both files; `--routes` goes before `--openapi` where two stand for the same requests.
fn declared_routes(listed: Option<&Path>, document: Option<&Path>) -> anyhow::Result<Option<Arc<DeclaredRoutes>>> {
    let mut routes = DeclaredRoutes::default();
    let read = |flag: &str, path: &Path| {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {flag} {}", path.display()))?;
        String::from_utf8(bytes).with_context(|| format!("{flag} {}: found bytes that are no UTF-8", path.display()))
    };
    if let Some(path) = listed {
        list::read(&read("--routes", path)?, &path.display().to_string(), &mut routes)?;
    }
    if let Some(path) = document {
        openapi::read(&read("--openapi", path)?, &path.display().to_string(), &mut routes)?;
    }
    Ok((listed.is_some() || document.is_some()).then(|| Arc::new(routes)))
}

fn time_range(
    selection: &SelectionFlags,
    timezone: Timezone,
    files: &[InputName],
) -> anyhow::Result<(Option<TimeBound>, Option<TimeBound>)> {
    let bound = |text: Option<TimeText>| text.map(|text| text.bound(timezone));
    let (since, until) = (bound(selection.since), bound(selection.until));
    let is_empty = match (since, until) {
        (Some(TimeBound::At(since)), Some(TimeBound::At(until))) => since >= until,
        (Some(TimeBound::BeforeEnd(since)), Some(TimeBound::BeforeEnd(until))) => since <= until,
        _ => false,
    };
    ensure!(!is_empty, "no time lies between --since and --until; --since must be the earlier one");
    for (flag, bound) in [("--since", since), ("--until", until)] {
        if matches!(bound, Some(TimeBound::BeforeEnd(_)))
            && let Some(input) = files.iter().find(|input| !is_regular(input))
        {
            bail!(
                "{flag} relative to the log's end needs files whose end can be looked up first, and {} is none; \
                 give a time such as 2026-06-01T12:00:00Z, or a regular file",
                name_of(input)
            );
        }
    }
    Ok((since, until))
}

/// Pipes have no end to look up. What cannot be looked up at all is left to opening, which tells why.
fn is_regular(input: &InputName) -> bool {
    match input {
        InputName::Stdin => false,
        InputName::Path(path) => path.metadata().map_or(true, |metadata| metadata.is_file()),
    }
}

fn name_of(input: &InputName) -> String {
    match input {
        InputName::Stdin => "standard input".to_owned(),
        InputName::Path(path) => path.display().to_string(),
    }
}

/// The filters, and which of the wanted extra fields is that of `--group-by`; what both read is added to these.
fn selection_of(selection: &SelectionFlags, wanted: &mut Wanted) -> (Vec<Filter>, Option<usize>) {
    let mut filters = Vec::new();
    let mut add = |values: &[String], filter: fn(Vec<String>) -> Filter| {
        if !values.is_empty() {
            filters.push(filter(values.to_vec()));
        }
    };
    add(&selection.methods, Filter::Method);
    add(&selection.routes, Filter::Route);
    add(&selection.excluded_routes, Filter::ExcludeRoute);
    if !selection.statuses.is_empty() {
        filters.push(Filter::Status(selection.statuses.iter().map(|range| (range.first, range.last)).collect()));
    }
    for condition in &selection.conditions {
        filters.push(Filter::Equals(wanted.extra(&condition.field), condition.value.clone()));
    }
    let group_by = selection.group_by.as_deref().map(|field| wanted.extra(field));
    (filters, group_by)
}

/// Whether there is room for all fields that are asked for.
fn check_extras(Wanted { extras, .. }: &Wanted) -> anyhow::Result<()> {
    ensure!(
        extras.len() <= MAX_EXTRA_FIELDS,
        "--where, --group-by and --breaker-by name {} different fields ({}); at most {MAX_EXTRA_FIELDS} can be read",
        extras.len(),
        extras.join(", ")
    );
    Ok(())
}

fn filters_as_given(selection: &SelectionFlags) -> Vec<String> {
    let statuses: Vec<_> = selection.statuses.iter().map(|StatusRange { text, .. }| text.clone()).collect();
    let lists = [("method", &selection.methods), ("status", &statuses)];
    let lists = lists.into_iter().filter(|(_, values)| !values.is_empty());
    let lists = lists.map(|(key, values)| format!("{key}={}", values.join(",")));
    let routes = selection.routes.iter().map(|route| format!("route={route}"));
    let excluded = selection.excluded_routes.iter().map(|route| format!("exclude-route={route}"));
    let conditions = selection.conditions.iter().map(|condition| {
        let value = display_name(condition.value.as_bytes(), is_key_field(&condition.field));
        format!("{}={value}", condition.field)
    });
    lists.chain(routes).chain(excluded).chain(conditions).collect()
}

fn moment(bound: Option<TimeBound>) -> Option<String> {
    match bound {
        Some(TimeBound::At(millis)) => Some(format_time(millis)),
        Some(TimeBound::BeforeEnd(_)) | None => None,
    }
}

fn rules_plan(
    choice: RuleChoice,
    args: &ReplayArgs,
    settings: &Settings,
    environment: &Environment,
    format: OutputFormat,
    warnings: &mut Vec<String>,
) -> anyhow::Result<RulesPlan> {
    let rules = choice.rules();
    let mut chosen = settings.knobs.clone();
    chosen.overlay(seed_variables(environment)?);
    chosen.overlay(args.knobs.0.clone());
    let knobs = chosen.knobs();
    check_timeouts(&knobs, &chosen)?;
    check_breaker(&knobs, &chosen)?;
    warnings.extend(ignored_knobs(&chosen, rules));
    if choice == RuleChoice::Evidence {
        warnings.extend(unsteered(&chosen));
    }
    warnings.extend(unreachable_baseline(&knobs, rules));
    let current = match args.rules.current.as_ref().or(settings.current.as_ref()) {
        Some(path) => read_config("--current", path)?,
        None => TunableConfig::default(),
    };
    let Knobs { anomaly, tuner, looping, usage, optimization, evidence, advise: _ } = knobs;
    let spikes = match args.rules.spike_rule.unwrap_or_default() {
        SpikeRuleName::Mean5x => SpikeRule::Mean5x,
        SpikeRuleName::NegativeBinomial => {
            let timezone = args.input.layout.timezone.or(settings.input.timezone).unwrap_or_default();
            SpikeRule::NegativeBinomial(scan::calendar(usage.window_ms, timezone)?)
        }
    };
    Ok(RulesPlan {
        rules,
        choice,
        evidence,
        anomaly,
        tuner,
        looping,
        usage,
        spikes,
        optimization,
        current,
        keep_cycles: format == OutputFormat::Ndjson,
        endpoint_evidence: format == OutputFormat::Json,
    })
}

/// Reads the config that a flag names.
fn read_config(flag: &str, path: &Path) -> anyhow::Result<TunableConfig> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {flag} {}", path.display()))?;
    reader::parse(&text).with_context(|| format!("{flag} {}", path.display()))
}

/// The knobs that the variables of the original usage detector set.
fn seed_variables(environment: &Environment) -> anyhow::Result<Chosen> {
    let mut chosen = Chosen::default();
    for (name, text) in &environment.seed_variables {
        for knob in KNOBS.iter().filter(|knob| knob.seed_variable == Some(name)) {
            let value = knob.read(text).map_err(|expected| anyhow!("{name}: found `{text}`, expected {expected}"))?;
            chosen.set(knob, Given { value, origin: (*name).to_owned() });
        }
    }
    Ok(chosen)
}

fn check_timeouts(knobs: &Knobs, chosen: &Chosen) -> anyhow::Result<()> {
    let (min, max) = (knobs.tuner.min_timeout_ms, knobs.tuner.max_timeout_ms);
    let origin = |flag| chosen.origin(flag).unwrap_or("the default");
    ensure!(
        min <= max,
        "minTimeoutMs {min} ({}) is above maxTimeoutMs {max} ({}); it must not exceed it",
        origin("min-timeout-ms"),
        origin("max-timeout-ms")
    );
    Ok(())
}

fn check_breaker(knobs: &Knobs, chosen: &Chosen) -> anyhow::Result<()> {
    let (minimum, window) = (knobs.evidence.breaker_minimum, knobs.evidence.breaker_window);
    let origin = |flag| chosen.origin(flag).unwrap_or("the default");
    ensure!(
        minimum <= window,
        "breakerMinimum {minimum} ({}) is above breakerWindow {window} ({}); a breaker would never open",
        origin("breaker-minimum"),
        origin("breaker-window")
    );
    Ok(())
}

fn ignored_knobs(chosen: &Chosen, rules: RuleSet) -> impl Iterator<Item = String> {
    let ignored = chosen.iter().filter(move |(knob, _)| knob.ignored_by.contains(&rules));
    ignored.map(move |(_, given)| format!("{} has no effect: --rules {} ignores it", given.origin, rules.name()))
}

/// Evidence recommends what it finds; the knobs of the tuner steer the rules that are replayed beside it alone.
fn unsteered(chosen: &Chosen) -> impl Iterator<Item = String> {
    let tuner = chosen.iter().filter(|(knob, _)| knob.section == "tunerConfig");
    tuner.map(|(_, given)| format!("{} has no effect on the config: --rules evidence takes no bounds", given.origin))
}

fn unreachable_baseline(knobs: &Knobs, rules: RuleSet) -> Option<String> {
    let (needed, windows) = (knobs.looping.min_baseline_windows, knobs.looping.baseline_windows);
    (rules == RuleSet::Documented && needed > windows).then(|| {
        format!("minBaselineWindows {needed} is above baselineWindows {windows}: no endpoint will ever be judged")
    })
}

fn output_plan(flags: &WriteFlags, format: Option<OutputFormat>, environment: &Environment) -> OutputPlan {
    let file = flags.output.clone().filter(|path| path != Path::new("-"));
    let on_terminal = environment.stdout_is_terminal && file.is_none();
    let color = match flags.color.unwrap_or_default() {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => on_terminal && !environment.no_color && !environment.term_is_dumb,
    };
    let columns = environment.terminal_columns.filter(|columns| on_terminal && *columns > 0);
    OutputPlan {
        format: format.unwrap_or(OutputFormat::Table),
        file,
        width: columns.or(environment.columns_variable).unwrap_or(DEFAULT_WIDTH),
        color,
        progress: environment.stderr_is_terminal && !environment.term_is_dumb && !flags.quiet,
        quiet: flags.quiet,
    }
}

/// A result or a list of rejects must not replace a log, nor the one the other.
fn refuse_overwriting(input: &InputPlan, output: Option<&Path>) -> anyhow::Result<()> {
    let rejects = input.rejects.as_deref();
    ensure!(rejects != Some(Path::new("-")), "--rejects: found `-`, expected a file; standard output has the result");
    for (flag, target) in [("--output", output), ("--rejects", rejects)] {
        let Some(target) = target else { continue };
        ensure!(!target.is_dir(), "{flag}: {} is a directory, expected a file", target.display());
        refuse_input(flag, target, &input.files)?;
    }
    if let (Some(output), Some(rejects)) = (output, rejects) {
        ensure!(!is_same_file(output, rejects), "--output and --rejects are both {}", output.display());
    }
    Ok(())
}

/// Refuses to write where an input stands.
fn refuse_input(flag: &str, target: &Path, inputs: &[InputName]) -> anyhow::Result<()> {
    ensure!(
        !inputs.iter().any(|input| is_input(input, target)),
        "{flag} would overwrite the input {}",
        target.display()
    );
    Ok(())
}

fn is_input(input: &InputName, target: &Path) -> bool {
    matches!(input, InputName::Path(path) if is_same_file(path, target))
}

/// Devices such as /dev/null take whatever comes.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let is_replaceable = |path: &PathBuf| path.metadata().map_or(true, |metadata| metadata.is_file());
    let (one, other) = (files::identity(one), files::identity(other));
    one == other && is_replaceable(&one)
}

#[cfg(test)]
mod tests;
