//! The second section: the recommended config beside the current one, and where the rules hit a bound.

use super::super::config::{Setting, settings};
use super::super::document::{Block, Column, Fit, Row, Section, Span, Table, Text, Tone};
use super::super::figure::{count, counted, number, share};
use crate::report::{Rail, Report};

/// What the traffic supports, with the reason for each value.
pub(super) fn recommendation(report: &Report) -> Section {
    let columns = vec![
        Column::left("Setting", Fit::Shorten),
        Column::right("Current", Fit::Whole),
        Column::right("Recommended", Fit::Whole),
    ];
    let rows = settings(report).iter().map(row).collect();
    let mut blocks = vec![
        Block::Line(Text::plain(cycles_line(report))),
        Block::Table(Table { columns, rows, note_title: Some("Reason") }),
    ];
    if !report.summary.rails.is_empty() {
        blocks.push(Block::List(report.summary.rails.iter().map(rail).collect()));
    }
    Section { title: "Recommended config".to_owned(), blocks }
}

fn cycles_line(report: &Report) -> String {
    let summary = &report.summary;
    let mut text = format!("Rules: {}; {}", report.settings.rules, counted(summary.cycles, "cycle"));
    if summary.skipped_cycles > 0 {
        text += &format!(", {} of them skipped for too few requests", count(summary.skipped_cycles));
    }
    text + "."
}

fn row(setting: &Setting<'_>) -> Row {
    let with_unit = |value: f64| match setting.unit {
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    };
    let recommended = setting.recommended.map_or_else(|| "-".to_owned(), with_unit);
    let moved = setting.recommended.is_some_and(|value| value != setting.current);
    Row {
        cells: vec![Span::name(setting.name), Span::plain(with_unit(setting.current)), Span::plain(recommended)],
        tone: if moved { Tone::Strong } else { Tone::Normal },
        note: reason(setting),
    }
}

/// The reason's sentence, and what the value would be without the endpoint that decided it.
fn reason(setting: &Setting<'_>) -> Option<Text> {
    let reason = setting.reason;
    let mut text = if reason.text.is_empty() { Text::default() } else { Text::prose(&reason.text) };
    if let (Some(endpoint), Some(value)) = (&reason.endpoint, reason.without_endpoint) {
        let joint = match reason.text.trim_end() {
            "" => "Without ",
            sentence if sentence.ends_with('.') => " Without ",
            _ => "; without ",
        };
        let value = format!(" it would head for {} {}", number(value), setting.unit);
        text = text.then_plain(joint).then_name(endpoint).then_plain(value.trim_end()).then_plain(".");
    }
    (!text.0.is_empty()).then_some(text)
}

fn rail(rail: &Rail) -> Text {
    let end = if rail.at_end { ", and is there now." } else { ", but is not there now." };
    let sat = format!(" sat at its {} ({}) for {} of the log{end}", rail.side, number(rail.value), share(rail.share));
    Text::name(rail.setting).then_plain(sat)
}
