//! What `learn formats` found -> bytes.

use super::document::{Block, Column, Document, Fit, Row, Section, Span, Table, Text};
use super::figure::{count, counted};
use super::{json, table};
use crate::plan::OutputPlan;
use crate::plan::formats::FormatsOutput;
use crate::source::explain::{Example, Explained, Known};
use serde::Serialize;

/// What was asked for.
pub enum FormatsReport {
    /// The formats that are known by name.
    Known(Vec<Known>),
    /// Which format each input is in.
    Explained(Vec<Explained>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KnownDocument<'a> {
    schema_version: u32,
    formats: &'a [Known],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainedDocument<'a> {
    schema_version: u32,
    inputs: &'a [Explained],
}

/// The result in a form, whole.
///
/// # Errors
/// When it cannot be serialised.
pub fn render(report: &FormatsReport, format: FormatsOutput, output: &OutputPlan) -> anyhow::Result<Vec<u8>> {
    match (format, report) {
        (FormatsOutput::Table, _) => Ok(table::render(&document(report), output.width, output.color)),
        (FormatsOutput::Json, FormatsReport::Known(formats)) => {
            json::pretty(&KnownDocument { schema_version: 1, formats })
        }
        (FormatsOutput::Json, FormatsReport::Explained(inputs)) => {
            json::pretty(&ExplainedDocument { schema_version: 1, inputs })
        }
    }
}

fn document(report: &FormatsReport) -> Document {
    let sections = match report {
        FormatsReport::Known(formats) => vec![known(formats)],
        FormatsReport::Explained(inputs) => inputs.iter().map(explained).collect(),
    };
    Document { sections }
}

fn known(formats: &[Known]) -> Section {
    let columns = vec![
        Column::left("--log-format", Fit::Whole),
        Column::left("Log", Fit::ShortenOrLeaveOut(0)),
        Column::left("Latency", Fit::Shorten),
    ];
    let row = |format: &Known| {
        let latency = match format.log_format {
            Some(_) => latency(format.latency_field.as_deref(), format.latency_unit),
            None => Span::plain("by field names"),
        };
        Row::new(vec![Span::plain(format.name), Span::plain(format.title), latency])
    };
    let table = Table { columns, rows: formats.iter().map(row).collect(), note_title: None };
    let others = "Any other nginx log_format or Apache LogFormat is given as it stands in the server's configuration, \
                  or taken from it with --nginx-conf. Without a flag the first lines of a log tell its format.";
    let mut blocks = vec![Block::Table(table), Block::Line(Text::plain(others))];
    let companion = |format: &Known| {
        let text = Text::name(format.name).then_plain(" reads the lines of ").then_name(format.companion?);
        Some(Block::Line(text.then_plain(", too.")))
    };
    blocks.extend(formats.iter().filter_map(companion));
    Section { title: "Formats".to_owned(), blocks }
}

fn latency(field: Option<&str>, unit: Option<&str>) -> Span {
    match (field, unit) {
        (Some(field), Some(unit)) => Span::name(format!("{field}, {unit}")),
        (Some(field), None) => Span::name(field),
        (None, _) => Span::plain("none"),
    }
}

fn explained(input: &Explained) -> Section {
    let mut blocks = vec![Block::Line(Text::name(&input.path).then_plain(match &input.error {
        Some(_) => " cannot be read.",
        None => "",
    }))];
    blocks.push(Block::List(match &input.error {
        Some(error) => vec![Text::prose(error)],
        None => facts(input),
    }));
    Section { title: "Format".to_owned(), blocks }
}

fn facts(input: &Explained) -> Vec<Text> {
    let fact = |label: &str| Text::plain(format!("{label}: "));
    let field = |label: &str, name: Option<&str>| match name {
        Some(name) => fact(label).then_name(name),
        None => fact(label).then_plain("none"),
    };
    let mut facts = vec![field("format", input.format.as_deref())];
    facts.extend(input.compression.map(|name| fact("compression").then_plain(name)));
    let mut latency = fact("latency");
    latency.0.push(self::latency(input.latency_field.as_deref(), input.latency_unit));
    facts.push(match &input.latency_hint {
        Some(hint) => latency.then_plain("; ").then_prose(hint.to_string()),
        None => latency,
    });
    facts.push(field("developer", input.developer_field.as_deref()));
    facts.push(fact("first lines").then_plain(read(input)));
    facts.extend(input.first_rejected.as_ref().map(|reason| fact("first rejected").then_prose(reason)));
    if !input.others.is_empty() {
        let others: Vec<_> = input.others.iter().map(|other| format!("{} ({})", other.name, other.lines)).collect();
        facts.push(fact("formats that read some of them, too").then_plain(others.join(", ")));
    }
    facts.extend(input.example.as_ref().map(|example| example_text(fact("first request"), example)));
    facts
}

/// How many of the first lines are what.
fn read(input: &Explained) -> String {
    let (lines, requests) = (counted(input.lines, "line"), counted(input.requests, "request"));
    let (others, rejected) = (count(input.not_requests), count(input.rejected));
    format!("{lines}, {requests}, {others} without one, {rejected} rejected")
}

fn example_text(text: Text, example: &Example) -> Text {
    let duration = example.duration_ms.map_or_else(|| "no latency".to_owned(), |duration| format!("{duration} ms"));
    let text = text.then_name(format!("{} {}", example.method, example.path)).then_plain(", route ");
    let text = text.then_name(&example.route);
    let text = text.then_plain(format!(", status {}, {duration}, ended {}", example.status, example.timestamp));
    match &example.developer {
        Some(developer) => text.then_plain(", developer ").then_name(developer),
        None => text,
    }
}
