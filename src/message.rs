//! What a run says beside its result, on standard error: notes that the result has no place for, and inputs that broke
//! off, with the exit code that these make.

use crate::plan::{OutputFormat, OutputPlan, ReplayPlan};
use crate::render;
use crate::report::{Input, Report, Summary};
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit code when the result is out but an input was broken.
pub(crate) const BROKEN_INPUT: u8 = 2;

/// What the formats for programs leave for a message: where some of the log or of the config is missing.
pub(crate) fn unsaid(plan: &ReplayPlan, report: &Report) -> Vec<String> {
    let mut messages = unsaid_of_log(plan, &report.summary);
    if plan.output.format == OutputFormat::Config {
        let say = |setting| format!("{setting} could not be recommended; the current value is carried over");
        messages.extend(render::carried_over(report).into_iter().map(say));
    }
    messages
}

/// What the formats for programs leave for a message about the log.
pub(crate) fn unsaid_of_log(plan: &ReplayPlan, summary: &Summary) -> Vec<String> {
    if matches!(plan.output.format, OutputFormat::Table | OutputFormat::Markdown) {
        return Vec::new();
    }
    rejected_lines(plan, summary).into_iter().chain(summary.notes.iter().cloned()).collect()
}

/// How many lines were rejected, the first of them, and where all of them are.
pub(crate) fn rejected_lines(plan: &ReplayPlan, summary: &Summary) -> Option<String> {
    let first = summary.rejected_samples.first()?;
    let all = match &plan.input.rejects {
        Some(file) => format!("all of them are in {}", file.display()),
        None => "collect all of them with --rejects FILE".to_owned(),
    };
    let (rejected, lines) = (summary.rejected, summary.lines);
    Some(format!("{rejected} of {lines} lines were rejected, the first: {first}; {all}"))
}

/// Names every input that broke off; what was read of it is in the result.
pub(crate) fn report_broken_inputs(plan: &ReplayPlan, inputs: &[Input]) -> anyhow::Result<ExitCode> {
    let broken = inputs.iter().filter_map(|input| Some((&*input.path, input.error.as_deref()?)));
    report_broken(broken, plan.input.keep_going)
}

/// The same for paths and what happened to each.
pub(crate) fn report_broken<'a>(
    broken: impl Iterator<Item = (&'a str, &'a str)>,
    keep_going: bool,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (path, error) in broken {
        let consequence = if keep_going {
            "what was read before counts"
        } else {
            code = ExitCode::from(BROKEN_INPUT);
            "what was read before counts; --keep-going makes this no failure"
        };
        tell(&format!("{path}: {error}; {consequence}"));
    }
    Ok(code)
}

/// Says messages, unless the run is to be quiet.
pub(crate) fn tell_unless_quiet(output: &OutputPlan, messages: &[impl AsRef<str>]) {
    if !output.quiet {
        messages.iter().for_each(|message| tell(message.as_ref()));
    }
}

/// A message on standard error, its hostile parts escaped. A closed standard error is no reason to fail.
pub(crate) fn tell(message: &str) {
    let _ = writeln!(io::stderr(), "learn: {}", render::escape::terminal(message));
}
