//! `learn` replays access logs offline through the windowed aggregation, anomaly and tuning rules that
//! self-tuning libraries run inside a service, and reports the resilience configuration that the traffic
//! supports.
//!
//! ```text
//! bytes -> Request -> Pane -> Window aggregates -> Anomalies -> Tuning -> Report -> bytes
//! ```
//!
//! Each arrow is one function from values to values; only the two ends touch the world.
//!
//! | where | what |
//! |---|---|
//! | `cli` | what the user typed; clap types only |
//! | `settings` | `learn.toml`, environment, and the table of every knob |
//! | `plan` | everything decided before the first byte is read |
//! | `source` | bytes in: files, chunks, formats, lines to requests, all cores |
//! | `request` | the one record that sources yield |
//! | `route` | path to route template; names to numbers |
//! | `window` | exact, mergeable pane counts; window aggregates |
//! | `rules` | a window in, anomalies out; one file per rule set |
//! | `tuning` | `TunableConfig`; one file per setting |
//! | `replay` | the feedback loop over a log |
//! | `diff` | two configs and tolerances in, what moved out |
//! | `handover` | `learn diff` and `learn publish` from plan to exit code |
//! | `advise` | analyses of the whole log: what to scale, weigh, cache |
//! | `backtest` | what a config would have done to the traffic |
//! | `usage` | calls per developer, the spike rules, and what a scan remembers |
//! | `scan` | one scan of a usage table or of files, from its rows to its receivers |
//! | `report` | what a run found, as the JSON has it |
//! | `render` | report to bytes; one file per format |
//! | `deliver` | bytes out: files whole or not at all, standard output |
//! | `message` | what is said beside the result |
//! | `progress` | how far a run is, for people who watch it |
//! | `figure` | numbers as people read them |
//! | `nearest` | the known name that an unknown one is likely to mean |
//!
//! Invariants:
//!
//! 1. Only `source`, `deliver`, `plan`, `settings`, `progress`, `message`, this file and the temporary files of `backtest::spool` and
//!    `advise::trace` touch the world; no other module prints, exits, unwraps or reads a clock.
//! 2. A bad line never ends a run: it is counted, with file, line, column and reason.
//! 3. Replay is causal: nothing at time T depends on a request after T.
//! 4. Same input and plan, same bytes: no hash order, no clock, no thread count in the output.
//! 5. Panes merge: two halves aggregated apart and added are the whole, exactly (`published`, which lives by
//!    arrival order, apart).

pub mod advise;
pub mod backtest;
pub mod cli;
pub mod deliver;
pub mod diff;
pub(crate) mod figure;
mod handover;
mod message;
pub(crate) mod nearest;
pub mod plan;
mod progress;
pub mod render;
pub mod replay;
pub mod report;
pub mod request;
pub mod route;
pub mod rules;
pub mod scan;
pub mod settings;
pub mod source;
mod threads;
pub mod tuning;
pub mod usage;
pub mod window;

use advise::model::Model;
use advise::{AdviceReport, Analysis};
use anyhow::{Context, bail};
use cli::advise::Asked;
use message::{
    BROKEN_INPUT, rejected_lines, report_broken, report_broken_inputs, tell, tell_unless_quiet, unsaid, unsaid_of_log,
};
use plan::advise::AdvisePlan;
use plan::formats::FormatsPlan;
use plan::queries::QueriesPlan;
use plan::scan::Resolved;
use plan::windows::WindowsPlan;
use plan::{OutputFormat, OutputPlan, ReplayPlan};
use progress::with_progress;
use render::formats::FormatsReport;
use replay::{Kept, Replay, SecondLook};
use report::{Input, Report};
use source::explain;
use std::io::Write;
use std::process::ExitCode;

/// Runs one command.
///
/// # Errors
/// Whatever keeps the command from its result; the caller prints it and exits with 2.
pub fn run(cli: cli::Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        cli::Command::Replay(args) => {
            let (settings, environment) = load_settings(args.run.settings.as_deref())?;
            let (plan, warnings) = ReplayPlan::resolve(&args, &settings, &environment)?;
            tell_unless_quiet(&plan.output, &warnings);
            replay_logs(&plan, render::render)
        }
        cli::Command::ScanUsage(args) => {
            let (settings, environment) = load_settings(args.settings.as_deref())?;
            match plan::scan::ScanPlan::resolve(&args, &settings, &environment)? {
                Resolved::Disabled(message) => {
                    tell(&message);
                    Ok(ExitCode::SUCCESS)
                }
                Resolved::Ready(plan, warnings) => {
                    tell_unless_quiet(&plan.output, &warnings);
                    check_out(&plan.output)?;
                    scan::run(&plan, &mut |bytes| write_out(plan.output.file.as_deref(), bytes).map(drop), &tell)
                }
            }
        }
        cli::Command::Backtest(args) => {
            let (settings, environment) = load_settings(args.run.settings.as_deref())?;
            let (plan, warnings) = plan::backtest::BacktestPlan::resolve(&args, &settings, &environment)?;
            tell_unless_quiet(&plan.output, &warnings);
            replay_logs(&plan, render::backtest::render)
        }
        cli::Command::Advise(args) => match args.asked() {
            Asked::Log(asked) => {
                let (settings, environment) = load_settings(asked.common.run.settings.as_deref())?;
                let (plan, warnings) = AdvisePlan::resolve(&asked, &settings, &environment)?;
                tell_unless_quiet(&plan.replay.output, &warnings);
                advise_on_logs(&plan)
            }
            Asked::Queries(args) => {
                let (settings, environment) = load_settings(args.settings.as_deref())?;
                let (plan, warnings) = QueriesPlan::resolve(args, &settings, &environment)?;
                tell_unless_quiet(&plan.output, &warnings);
                advise_on_queries(&plan)
            }
        },
        cli::Command::Windows(args) => {
            let (settings, environment) = load_settings(args.run.settings.as_deref())?;
            let (plan, warnings) = plan::windows::WindowsPlan::resolve(&args, &settings, &environment)?;
            tell_unless_quiet(&plan.replay.output, &warnings);
            write_windows(&plan)
        }
        cli::Command::Formats(args) => {
            let (settings, environment) = load_settings(args.settings.as_deref())?;
            let (plan, warnings) = FormatsPlan::resolve(&args, &settings, &environment)?;
            tell_unless_quiet(&plan.output, &warnings);
            show_formats(&plan)
        }
        cli::Command::Diff(args) => {
            let (settings, environment) = load_settings(args.run.settings.as_deref())?;
            let (plan, warnings) = plan::diff::DiffPlan::resolve(&args, &settings, &environment)?;
            tell_unless_quiet(&plan.output, &warnings);
            check_out(&plan.output)?;
            let mut write = |bytes: &[u8]| write_out(plan.output.file.as_deref(), bytes).map(drop);
            handover::diff(&plan, &mut replay_report, &mut write, &mut |message| {
                tell_unless_quiet(&plan.output, &[message])
            })
        }
        cli::Command::Publish(args) => {
            let plan = plan::diff::PublishPlan::resolve(&args, &settings::Environment::read())?;
            check_out(&plan.output)?;
            let mut write = |bytes: &[u8]| write_out(plan.output.file.as_deref(), bytes).map(drop);
            handover::publish(&plan, &mut write, &mut |message| tell_unless_quiet(&plan.output, &[message]))
        }
        cli::Command::Completions(args) => write_out(None, &args.render()),
        cli::Command::Man(args) => write_out(None, &args.render()?),
    }
}

fn load_settings(file: Option<&std::path::Path>) -> anyhow::Result<(settings::Settings, settings::Environment)> {
    let environment = settings::Environment::read();
    Ok((settings::Settings::load(file, &environment)?, environment))
}

/// `learn replay` and `learn backtest`: reads, replays, renders.
fn replay_logs(
    plan: &ReplayPlan,
    render: impl Fn(&Report, &OutputPlan) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<ExitCode> {
    check_out(&plan.output)?;
    let report = replay_report(plan)?;
    let bytes = render(&report, &plan.output)?;
    tell_unless_quiet(&plan.output, &unsaid(plan, &report));
    write_out(plan.output.file.as_deref(), &bytes)?;
    report_broken_inputs(plan, &report.inputs)
}

/// A replay with the plan's rules, names and limits.
fn new_replay(plan: &ReplayPlan) -> Replay {
    let mut replay = Replay::new(plan.rules, plan.input.naming());
    replay.usage.limit_developers(plan.input.max_developers);
    replay
}

/// `learn windows`: reads, counts by minute, renders.
fn write_windows(plan: &WindowsPlan) -> anyhow::Result<ExitCode> {
    let mut replay = new_replay(&plan.replay);
    let reading = with_progress(&plan.replay, |progress| source::read_minutes(&plan.replay, &mut replay, progress))?;
    let (output, input) = (&plan.replay.output, &plan.replay.input);
    let log = reading.inputs.iter().find(|read| !read.is_window_table() && plan.replaces(&read.path));
    if let Some(log) = log {
        bail!("--output would overwrite the input {}; only a window table may be replaced", log.path)
    }
    let replaces_a_table = reading.inputs.iter().any(|read| plan.replaces(&read.path));
    if let Some(repeats) = reading.repeats.filter(|_| replaces_a_table) {
        bail!(
            "{repeats}; the table stays as it was: leave out what is in it, or write to another file if they are others"
        )
    }
    let broken = reading.inputs.iter().find_map(|read| Some((&read.path, read.error.as_ref()?)));
    if let Some((path, error)) = broken.filter(|_| replaces_a_table && !input.keep_going) {
        bail!(
            "{path}: {error}; the table stays as it was, since half of a log could not be added again: mend the log, or \
             take what can be read of it with --keep-going"
        )
    }
    let Some(Kept::Minutes(mut minutes)) = reading.kept else { bail!("nothing was counted by minute") };
    if let Some(retain_ms) = plan.retain_ms {
        minutes.retain(retain_ms, plan.replay.rules.looping.max_gap_ms);
    }
    let bytes = render::window_table::render(&minutes, &replay.tabled, input.wanted.latency.name(), plan.format)?;
    let mut messages: Vec<String> = rejected_lines(&plan.replay, &reading.summary).into_iter().collect();
    messages.extend(reading.summary.notes);
    if let Some(declared) = input.declared.as_deref().filter(|_| !reading.inputs.iter().any(Input::is_window_table)) {
        let endpoints = replay.tabled.iter().map(|name| (&*name.method, &*name.path));
        messages.extend(route::declared::unmatched::note(declared, endpoints));
    }
    tell_unless_quiet(output, &messages);
    write_out(output.file.as_deref(), &bytes)?;
    report_broken_inputs(&plan.replay, &reading.inputs)
}

/// `learn formats`: the list, or which format each input is in.
fn show_formats(plan: &FormatsPlan) -> anyhow::Result<ExitCode> {
    check_out(&plan.output)?;
    let mut code = ExitCode::SUCCESS;
    let report = if plan.files.is_empty() {
        FormatsReport::Known(explain::known()?)
    } else {
        let explain = |name| explain::explain(name, &plan.choice, &plan.wanted);
        let inputs: Vec<_> = plan.files.iter().map(explain).collect();
        if inputs.iter().any(|input| input.is_unread()) {
            code = ExitCode::from(BROKEN_INPUT);
        }
        FormatsReport::Explained(inputs)
    };
    let bytes = render::formats::render(&report, plan.format, &plan.output)?;
    write_out(plan.output.file.as_deref(), &bytes)?;
    Ok(code)
}

/// `learn advise`: reads, analyses, renders.
fn advise_on_logs(plan: &AdvisePlan) -> anyhow::Result<ExitCode> {
    let output = &plan.replay.output;
    check_out(output)?;
    let mut replay = new_replay(&plan.replay);
    let (calls, mut trace, reading) =
        with_progress(&plan.replay, |progress| source::read_visits(&plan.replay, &mut replay, progress))?;
    replay.finish();
    replay.name_trace(&mut trace);
    let kept = advise::Kept { calls, trace };
    let mut model = plan.model.as_ref().map_or_else(Model::default, |(_, model)| model.clone());
    if plan.only == Some(Analysis::Score) {
        write_scores(plan, &kept, &replay, &mut model)?;
        tell_unless_quiet(output, &unsaid_of_log(&plan.replay, &reading.summary));
        keep_model(plan, &model)?;
        return report_broken_inputs(&plan.replay, &reading.inputs);
    }
    let advice = advise::run(plan, &kept, &replay.names, &mut model)?;
    let report = replay.into_report(&plan.replay, reading, SecondLook::default());
    let queries = advise::queries::run::of_requests(plan, &report.inputs)?;
    let found = AdviceReport { report, advice: advise::Advice { queries, ..advice } };
    let bytes = render::advise::render(&found, plan)?;
    tell_unless_quiet(output, &unsaid_of_log(&plan.replay, &found.report.summary));
    if let (Some(_), [left_out]) = (plan.only, &found.advice.left_out[..]) {
        bail!("{}: {}", left_out.analysis.name(), left_out.reason)
    }
    write_out(output.file.as_deref(), &bytes)?;
    keep_model(plan, &model)?;
    report_broken_inputs(&plan.replay, &found.report.inputs)
}

/// A line for each request, as they are read back.
fn write_scores(
    plan: &AdvisePlan,
    kept: &advise::Kept,
    replay: &replay::Replay,
    model: &mut Model,
) -> anyhow::Result<()> {
    let write = |out: &mut dyn Write| {
        let mut line = Vec::new();
        advise::score(plan, kept, &replay.names, model, |row| {
            line.clear();
            render::advise::append_score(&mut line, row)?;
            Ok(out.write_all(&line)?)
        })
    };
    match plan.replay.output.file.as_deref() {
        Some(path) => deliver::file::write_atomically(path, write),
        None => deliver::file::stream_stdout(write).context("standard output"),
    }
}

/// Keeps what was learnt where the plan says so.
fn keep_model(plan: &AdvisePlan, model: &Model) -> anyhow::Result<()> {
    let Some((path, _)) = &plan.model else { return Ok(()) };
    let bytes = render::advise::render_model(model)?;
    deliver::file::write_atomically(path, |out| Ok(out.write_all(&bytes)?))
}

/// `learn advise queries`: reads, asks, renders.
fn advise_on_queries(plan: &QueriesPlan) -> anyhow::Result<ExitCode> {
    let output = &plan.output;
    check_out(output)?;
    let found = advise::queries::run::run(plan)?;
    let bytes = render::queries::render(&found, plan)?;
    if !matches!(output.format, OutputFormat::Table | OutputFormat::Markdown) {
        tell_unless_quiet(output, &found.notes);
    }
    write_out(output.file.as_deref(), &bytes)?;
    let broken = found.inputs.iter().filter_map(|input| Some((&*input.path, input.error.as_deref()?)));
    report_broken(broken, plan.keep_going)
}

/// Reads and replays what the plan names.
///
/// # Errors
/// Those of [`source::read`].
pub fn replay_report(plan: &ReplayPlan) -> anyhow::Result<Report> {
    let mut replay = new_replay(plan);
    let mut reading = with_progress(plan, |progress| source::read(plan, &mut replay, progress))?;
    if let Some(Kept::Minutes(minutes)) = &reading.kept {
        replay.take_minutes(minutes);
    }
    replay.finish();
    if let Some(kept) = &mut reading.kept {
        replay.name_kept(kept, plan);
    }
    let second_look = match &reading.kept {
        Some(kept) if plan.looks_again() => replay.look_again(kept, plan)?,
        _ => SecondLook::default(),
    };
    // The system takes some time to free the temporary file, for which the report need not wait.
    threads::drop_aside(reading.kept.take());
    Ok(replay.into_report(plan, reading, second_look))
}

/// A result that could not be written is refused before the work for it.
fn check_out(output: &OutputPlan) -> anyhow::Result<()> {
    output.file.as_deref().map_or(Ok(()), deliver::file::check_writable)
}

fn write_out(file: Option<&std::path::Path>, bytes: &[u8]) -> anyhow::Result<ExitCode> {
    match file {
        Some(path) => deliver::file::write_atomically(path, |out| Ok(out.write_all(bytes)?))?,
        None => deliver::file::write_stdout(bytes).context("standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}
