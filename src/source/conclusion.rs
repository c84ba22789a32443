//! What the inputs come to as a whole: a summary with its notes, or why there is nothing to report.
//!
//! In go the tallies of all inputs. No line is looked into here.

use super::asked;
use super::tally::{EMPTY, InputTally};
use crate::plan::ReplayPlan;
use crate::replay::Reading;
use crate::report::{InputSettings, Summary, format_time};
use anyhow::bail;
use std::io::Write;

/// Checks what was read as a whole, and puts it together.
///
/// # Errors
/// No request, too many rejected lines, a file of rejects that cannot be written.
pub(super) fn conclude(
    plan: &ReplayPlan,
    mut tallies: Vec<InputTally>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
) -> anyhow::Result<Reading> {
    if let Some(path) = &plan.input.rejects {
        crate::deliver::file::write_atomically(path, |out| write_rejects(&mut tallies, out))?;
    }
    let mut summary = Summary::default();
    let mut span_ms = None;
    tallies.iter().for_each(|tally| tally.add_to(&mut summary, &mut span_ms));
    let absent = asked::absent_fields(plan, &tallies);
    check_requests(plan, &tallies, &summary, &absent)?;
    summary.notes.extend(tallies.iter().filter_map(InputTally::change_of_format));
    summary.notes.extend(absent);
    summary.notes.extend(asked::latency_note(plan, &tallies));
    summary.first_request = span_ms.map(|(first_ms, _)| format_time(first_ms));
    summary.last_request = span_ms.map(|(_, last_ms)| format_time(last_ms));
    summary.notes.extend(late_note(&summary));
    for tally in &tallies {
        let input = &tally.input;
        if input.format == EMPTY && input.error.is_none() {
            let what = if tally.has_headers { "has headers and no rows" } else { "is empty" };
            summary.notes.push(format!("{} {what}", input.path));
        }
    }
    let (since, until) = (since_ms.map(format_time), until_ms.map(format_time));
    let settings = InputSettings { since, until, ..plan.input.as_given.clone() };
    Ok(Reading {
        inputs: tallies.into_iter().map(|tally| tally.input).collect(),
        settings,
        summary,
        kept: None,
        trace: None,
        repeats: None,
    })
}

/// Share of late requests from which the result says less about the log than about its clocks.
const NOTABLE_LATE_SHARE: f64 = 0.01;

fn late_note(summary: &Summary) -> Option<String> {
    let share = summary.late_requests as f64 / summary.requests as f64;
    (share > NOTABLE_LATE_SHARE).then(|| {
        format!(
            "{:.1} % of the requests lie too far behind a newer line of their file to count in a cycle: a line's clock \
             may be ahead, or the log be out of order (--lateness)",
            share * 100.0
        )
    })
}

fn write_rejects(tallies: &mut [InputTally], out: &mut dyn Write) -> anyhow::Result<()> {
    tallies.iter_mut().try_for_each(|tally| tally.write_rejects(out))
}

fn check_requests(
    plan: &ReplayPlan,
    tallies: &[InputTally],
    summary: &Summary,
    absent: &[String],
) -> anyhow::Result<()> {
    let example = || {
        let first = tallies.iter().find_map(InputTally::first_rejected);
        let first = first.map_or(String::new(), |first| format!("; the first: {first}"));
        let change = tallies.iter().find_map(InputTally::change_of_format);
        first + &change.map_or(String::new(), |change| format!("; {change}"))
    };
    let parsed = summary.requests + summary.filtered_out + summary.not_requests;
    let tried = parsed + summary.rejected;
    if tried == 0 {
        let broken =
            |tally: &InputTally| tally.input.error.as_ref().map(|error| format!("{}: {error}", tally.input.path));
        if let Some(first) = tallies.iter().find_map(broken) {
            bail!("no request: {first}")
        }
        bail!("no request: every input is empty")
    }
    if parsed == 0 {
        bail!("none of {tried} lines could be read{}{}", example(), HOW_TO_GO_ON)
    }
    let share = summary.rejected as f64 / tried as f64;
    if share > plan.input.max_rejects_ratio {
        bail!(
            "{} of {tried} lines ({:.1} %) were rejected, more than --max-rejects {} allows{}{}",
            summary.rejected,
            share * 100.0,
            plan.input.max_rejects_ratio,
            example(),
            HOW_TO_GO_ON
        )
    }
    if summary.requests == 0 {
        bail!(
            "no request is left: {}{}{}",
            asked::what_became(plan, summary),
            if absent.is_empty() { "" } else { "; " },
            absent.join("; ")
        )
    }
    Ok(())
}

/// What to do when lines do not fit.
const HOW_TO_GO_ON: &str = "; give the format with --log-format '<the string in nginx.conf>' or --field, or collect \
                            the lines with --rejects FILE";
