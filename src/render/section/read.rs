//! The first section: what was read, and what of it did not take part.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted, share};
use super::super::time::log_range;
use super::{capped_list, capped_table};
use crate::report::{Input, Report, Summary};

/// What was read, per input and in all.
pub(crate) fn input(report: &Report) -> Section {
    let mut blocks = match &report.inputs[..] {
        [] => Vec::new(),
        [input] => vec![Block::Line(input_sentence(input))],
        inputs => capped_table(input_columns(), inputs, input_row),
    };
    let broken: Vec<Text> = report.inputs.iter().filter_map(broken_input).collect();
    if !broken.is_empty() {
        blocks.push(capped_list(broken.into_iter()));
    }
    blocks.push(Block::Line(Text::plain(totals(&report.summary))));
    let left_out = left_out(&report.summary);
    if !left_out.is_empty() {
        blocks.push(Block::Line(Text::plain("Worth knowing about the counts:")));
        blocks.push(Block::List(left_out.into_iter().map(Text::plain).collect()));
    }
    blocks.extend(filter_line(report));
    if !report.summary.rejected_samples.is_empty() {
        blocks.push(Block::Line(Text::plain("The first rejected lines:")));
        blocks.push(capped_list(report.summary.rejected_samples.iter().map(Text::name)));
    }
    Section { title: "What was read".to_owned(), blocks }
}

/// A lone input in words, which leave its path whole; its counts are those of the run.
fn input_sentence(input: &Input) -> Text {
    let mut text = Text::name(&input.path).then_plain(": ").then_name(&input.format);
    text = match (&input.latency_field, input.latency_unit) {
        (Some(field), Some(unit)) => text.then_plain(", latency ").then_name(field).then_plain(format!(" in {unit}")),
        (Some(field), None) => text.then_plain(", latency ").then_name(field),
        (None, _) => text.then_plain(", no latency"),
    };
    if let Some(field) = &input.developer_field {
        text = text.then_plain(", developer ").then_name(field);
    }
    text.then_plain(".")
}

fn input_columns() -> Vec<Column> {
    vec![
        Column::left("Input", Fit::Shorten),
        Column::left("Format", Fit::ShortenOrLeaveOut(3)),
        Column::right("Requests", Fit::Whole),
        Column::right("Rejected", Fit::Whole),
        Column::left("Latency", Fit::ShortenOrLeaveOut(2)),
        Column::left("Developer", Fit::ShortenOrLeaveOut(1)),
    ]
}

fn input_row(input: &Input) -> Row {
    let latency = match (&input.latency_field, input.latency_unit) {
        (Some(field), Some(unit)) => Span::name(format!("{field} {unit}")),
        (Some(field), None) => Span::name(field),
        (None, _) => Span::plain("-"),
    };
    Row::new(vec![
        Span::name(&input.path),
        Span::name(&input.format),
        Span::plain(count(input.requests)),
        Span::plain(count(input.rejected)),
        latency,
        input.developer_field.as_ref().map_or_else(|| Span::plain("-"), Span::name),
    ])
}

/// What ended an input early.
fn broken_input(input: &Input) -> Option<Text> {
    let error = input.error.as_ref()?;
    Some(Text::name(&input.path).then_plain(": ").then_prose(error))
}

fn totals(summary: &Summary) -> String {
    let mut text = format!("{} in {}", counted(summary.requests, "request"), counted(summary.lines, "line"));
    if let (Some(first), Some(last)) = (&summary.first_request, &summary.last_request) {
        text += &format!(", {} (all times are UTC)", log_range(first, last));
    }
    text += &format!("; {}", counted(summary.endpoints, "endpoint"));
    match summary.developers {
        Some(0) => {}
        Some(developers) => text += &format!(", {}", counted(developers, "developer")),
        None => text += ", too many developers",
    }
    text += &format!(", {}", counted(summary.errors, "error"));
    if summary.requests > 0 {
        text += &format!(" ({})", share(summary.errors as f64 / summary.requests as f64));
    }
    text + "."
}

/// The counts that are not zero, with what each means.
fn left_out(summary: &Summary) -> Vec<String> {
    let without_latency = if summary.has_latency { summary.without_latency } else { 0 };
    [
        (summary.filtered_out, "request", "left out by the time range or a filter"),
        (summary.late_requests, "late request", "counted in the totals but in no cycle"),
        (summary.not_requests, "line", "without a request"),
        (summary.rejected, "rejected line", "that did not fit the format"),
        (summary.long_connections, "long connection", "left out of durations"),
        (without_latency, "request", "without a duration"),
    ]
    .into_iter()
    .filter(|&(value, ..)| value > 0)
    .map(|(value, noun, meaning)| format!("{} {meaning}", counted(value, noun)))
    .collect()
}

fn filter_line(report: &Report) -> Option<Block> {
    let input = &report.settings.input;
    let flag = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
    let bounds = [flag("since", &input.since), flag("until", &input.until), flag("group-by", &input.group_by)];
    let mut flags = bounds.into_iter().flatten().chain(input.filters.iter().cloned());
    let mut text = Text::plain("Restricted to: ").then_name(flags.next()?);
    for flag in flags {
        text = text.then_plain(", ").then_name(flag);
    }
    Some(Block::Line(text.then_plain(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_input_is_told_in_words() {
        let mut report = crate::render::sample::busy();
        report.inputs.truncate(1);
        let section = input(&report);
        let Block::Line(text) = &section.blocks[0] else { panic!("a table") };
        let word = |span: &Span| match span {
            Span::Plain(text) | Span::Name(text) | Span::Prose(text) => text.clone(),
        };
        let words: String = text.0.iter().map(word).collect();
        assert_eq!(words, "access.log: nginx combined, latency request_time in s, developer remote_user.");
    }

    #[test]
    fn only_counts_above_zero_are_listed() {
        let mut summary = Summary { has_latency: true, ..Summary::default() };
        assert_eq!(left_out(&summary), Vec::<String>::new());
        (summary.late_requests, summary.rejected) = (1, 2_000);
        let expected = [
            "1 late request counted in the totals but in no cycle",
            "2 000 rejected lines that did not fit the format",
        ];
        assert_eq!(left_out(&summary), expected);
    }

    #[test]
    fn requests_without_duration_matter_only_beside_others_with_one() {
        let mut summary = Summary { has_latency: true, without_latency: 3, ..Summary::default() };
        assert_eq!(left_out(&summary), ["3 requests without a duration"]);
        summary.has_latency = false;
        assert_eq!(left_out(&summary), Vec::<String>::new());
    }
}
