//! The result of `learn advise queries` -> bytes, in every form.

use super::document::{Block, Column, Document, Fit, Row, Section, Span, Text, Tone};
use super::figure::{count, counted, millis, number};
use super::section::{capped_list, capped_table, optional_cell};
use super::{advise, json, markdown, table};
use crate::advise::config::QueriesConfig;
use crate::advise::queries::report::{Dropped, PatternRow, PlanCost, QueriesReport, Suggestion, Verdict};
use crate::advise::queries::run::QueriesFound;
use crate::plan::OutputFormat;
use crate::plan::queries::QueriesPlan;
use crate::report::SCHEMA_VERSION;
use crate::source::query_log::{QueryInput, QuerySummary};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDocument<'a> {
    schema_version: u32,
    inputs: &'a [QueryInput],
    settings: &'a QueriesConfig,
    summary: &'a QuerySummary,
    queries: &'a QueriesReport,
    notes: &'a [String],
}

/// What was found, in the plan's form.
///
/// # Errors
/// When it cannot be serialised.
pub(crate) fn render(found: &QueriesFound, plan: &QueriesPlan) -> anyhow::Result<Vec<u8>> {
    let output = &plan.output;
    match output.format {
        OutputFormat::Json => json::pretty(&JsonDocument {
            schema_version: SCHEMA_VERSION,
            inputs: &found.inputs,
            settings: &plan.config,
            summary: &found.summary,
            queries: &found.report,
            notes: &found.notes,
        }),
        OutputFormat::Ndjson => lines(found),
        OutputFormat::Csv => advise::csv::render(&found.report.patterns),
        OutputFormat::Config => Ok(found.report.script().into_bytes()),
        OutputFormat::Markdown => Ok(markdown::render("advise queries", &document(found, plan))),
        OutputFormat::Table => Ok(table::render(&document(found, plan), output.width, output.color)),
    }
}

fn lines(found: &QueriesFound) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    append_lines(&mut bytes, &found.report)?;
    advise::append(&mut bytes, "summary", std::slice::from_ref(&found.summary))?;
    Ok(bytes)
}

/// The patterns, suggestions and what was dropped, a line each.
pub(super) fn append_lines(bytes: &mut Vec<u8>, report: &QueriesReport) -> anyhow::Result<()> {
    advise::append(bytes, "queries.pattern", &report.patterns)?;
    advise::append(bytes, "queries.suggestion", &report.suggestions)?;
    advise::append(bytes, "queries.dropped", &report.dropped)
}

fn document(found: &QueriesFound, plan: &QueriesPlan) -> Document {
    let report = &found.report;
    let sections = [
        Some(read(found)),
        Some(patterns(report, &plan.config)),
        Some(suggestions(report)),
        (!report.dropped.is_empty()).then(|| dropped(&report.dropped)),
        passed_over(&report.patterns),
        (!found.notes.is_empty()).then(|| notes(&found.notes)),
    ];
    Document { sections: sections.into_iter().flatten().collect() }
}

fn read(found: &QueriesFound) -> Section {
    let input = |input: &QueryInput| {
        let text = Text::name(&input.path).then_plain(": ").then_name(&input.format);
        let text = text.then_plain(format!(
            ", {} in {}",
            counted(input.executions, "execution"),
            counted(input.lines, "line")
        ));
        match &input.error {
            Some(error) => text.then_plain("; it breaks off: ").then_prose(error),
            None => text,
        }
    };
    let mut blocks = vec![capped_list(found.inputs.iter().map(input))];
    if !found.summary.rejected_samples.is_empty() {
        blocks.push(Block::Line(Text::plain("The first lines that could not be read:")));
        blocks.push(capped_list(found.summary.rejected_samples.iter().map(Text::name)));
    }
    Section { title: "What was read".to_owned(), blocks }
}

/// The patterns with their times, and the slow ones in full.
pub(super) fn patterns(report: &QueriesReport, config: &QueriesConfig) -> Section {
    let columns = vec![
        Column::right("No.", Fit::Whole),
        Column::right("Count", Fit::Whole),
        Column::right("Total ms", Fit::LeaveOut(1)),
        Column::right("Mean ms", Fit::Whole),
        Column::right("p95 ms", Fit::LeaveOut(2)),
        Column::left("Query", Fit::Shorten),
    ];
    let slow = report.patterns.iter().filter(|row| row.slow).count() as u64;
    let line = format!(
        "{} of {}; {} slow: a mean above {} ms in more than {}.",
        counted(report.executions, "execution"),
        counted(report.patterns.len() as u64, "pattern"),
        if slow == 1 { "1 is".to_owned() } else { format!("{} are", count(slow)) },
        number(config.slow_ms),
        counted(config.min_count as u64, "execution")
    );
    let mut blocks = vec![Block::Line(Text::plain(line))];
    blocks.extend(capped_table(columns, &report.patterns, pattern_row));
    let in_full = report.patterns.iter().filter(|row| row.slow);
    let in_full: Vec<Text> =
        in_full.map(|row| Text::plain(format!("{}: ", row.number)).then_name(&row.query)).collect();
    if !in_full.is_empty() {
        blocks.push(Block::Line(Text::plain("The slow ones in full:")));
        blocks.push(capped_list(in_full.into_iter()));
    }
    Section { title: "Queries".to_owned(), blocks }
}

fn pattern_row(row: &PatternRow) -> Row {
    let cells = vec![
        Span::plain(row.number.to_string()),
        Span::plain(count(row.count)),
        Span::plain(millis(row.total_ms)),
        Span::plain(millis(row.mean_ms)),
        optional_cell(row.p95_ms, millis),
        Span::name(&row.query),
    ];
    let tone = if row.slow { Tone::Strong } else { Tone::Normal };
    let note = row.unparsed.as_ref().map(|reason| Text::plain("not parsed: ").then_prose(reason));
    Row { tone, note, ..Row::new(cells) }
}

/// The indexes to create.
pub(super) fn suggestions(report: &QueriesReport) -> Section {
    let lead = match (&report.checked_by, report.suggestions.is_empty()) {
        (_, true) => Text::plain("There is no index to suggest."),
        (Some(planner), false) => Text::plain("Each costed by the planner of ").then_name(planner).then_plain("."),
        (None, false) => Text::plain("Candidates; no planner has been asked about them."),
    };
    let mut blocks = vec![Block::Line(lead)];
    if !report.suggestions.is_empty() {
        blocks.push(capped_list(report.suggestions.iter().map(suggestion)));
    }
    Section { title: "Indexes to create".to_owned(), blocks }
}

fn suggestion(one: &Suggestion) -> Text {
    let mut text = Text::name(&one.statement).then_plain(format!(" for {}", places(&one.patterns)));
    if one.verdict == Verdict::Taken {
        text = text.then_plain(format!("; the planner takes it: {}", costs(&one.plans)));
    }
    for reason in &one.unplanned {
        text = text.then_plain("; no plan of query ").then_prose(reason);
    }
    text
}

/// `query 1`, or `queries 1, 2`.
fn places(numbers: &[usize]) -> String {
    let listed: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("{} {}", if listed.len() == 1 { "query" } else { "queries" }, listed.join(", "))
}

fn costs(plans: &[PlanCost]) -> String {
    let one = |plan: &PlanCost| {
        let change = if plan.after < plan.before { "instead of" } else { "as against" };
        format!("query {} costs {} {change} {}", plan.pattern, number(plan.after), number(plan.before))
    };
    plans.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn dropped(dropped: &[Dropped]) -> Section {
    let one = |one: &Dropped| {
        let text = Text::name(&one.statement).then_plain(format!(" for {}: ", places(&one.patterns)));
        let text = text.then_prose(&one.reason);
        if one.plans.is_empty() { text } else { text.then_plain(format!("; {}", costs(&one.plans))) }
    };
    Section { title: "Dropped".to_owned(), blocks: vec![capped_list(dropped.iter().map(one))] }
}

fn passed_over(patterns: &[PatternRow]) -> Option<Section> {
    let all = patterns.iter().flat_map(|row| row.passed_over.iter().map(|reason| (row.number, reason)));
    let all: Vec<Text> =
        all.map(|(number, reason)| Text::plain(format!("query {number}: ")).then_prose(reason)).collect();
    let title = "Conditions that no suggestion serves".to_owned();
    (!all.is_empty()).then(|| Section { title, blocks: vec![capped_list(all.into_iter())] })
}

fn notes(notes: &[String]) -> Section {
    let list = capped_list(notes.iter().map(Text::prose));
    Section { title: "Notes".to_owned(), blocks: vec![list] }
}
