//! The second section: the recommended config beside the current one, and where the rules hit a bound.

use super::super::config::{Setting, settings};
use super::super::document::{Block, Column, Fit, Row, Section, Span, Table, Text, Tone};
use super::super::figure::{count, counted, number, share};
use super::optional_cell;
use crate::plan::RuleChoice;
use crate::report::{Rail, Report};
use crate::tuning::evidence::Evidence;
use crate::tuning::setting::SETTINGS;

/// The setting whose rail is near its bound, not at it.
const TIMEOUT: &str = "httpClient.timeoutMs";

/// What the traffic supports, with the reason for each value.
pub(super) fn recommendation(report: &Report) -> Section {
    let mut columns = vec![
        Column::left("Setting", Fit::Shorten),
        Column::right("Current", Fit::Whole),
        Column::right("Recommended", Fit::Whole),
    ];
    let mut rows: Vec<Row> = settings(report).iter().map(row).collect();
    let beside = evidence_beside(report);
    if let Some(evidence) = beside {
        columns.push(Column::right("Evidence", Fit::LeaveOut(0)));
        for (row, (setting, supported)) in rows.iter_mut().zip(SETTINGS.iter().zip(evidence.settings())) {
            row.cells.push(optional_cell(supported.value, |value| with_unit(value, setting.quantity.symbol())));
        }
    }
    let mut blocks = vec![
        Block::Line(Text::plain(cycles_line(report))),
        Block::Table(Table { columns, rows, note_title: Some("Reason") }),
    ];
    // The rails are those of the cycles, which recommend nothing there.
    let is_tuned = report.settings.rules != RuleChoice::Evidence.name();
    if is_tuned && !report.summary.rails.is_empty() {
        let step_ms = report.settings.tuner_config.adjustment_step_ms;
        blocks.push(Block::List(report.summary.rails.iter().map(|rail| rail_line(rail, step_ms)).collect()));
    }
    if let Some(evidence) = beside {
        blocks.push(Block::Line(Text::plain("Evidence, from the whole log (--rules evidence recommends it):")));
        let lines = SETTINGS
            .iter()
            .zip(evidence.settings())
            .map(|(setting, supported)| Text::name(setting.name).then_plain(format!(": {}.", supported.reason)));
        blocks.push(Block::List(lines.collect()));
    }
    Section { title: "Recommended config".to_owned(), blocks }
}

/// What the whole log supports, unless it is what is recommended.
fn evidence_beside(report: &Report) -> Option<&Evidence> {
    report.evidence.as_ref().filter(|_| report.settings.rules != RuleChoice::Evidence.name()).map(|found| &found.global)
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
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
    let with_unit = |value| with_unit(value, setting.unit);
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

/// How long a setting was at a bound. The timeout moves no further once it is within `step_ms` of the bound that it
/// heads for, so it seldom gets there.
fn rail_line(rail: &Rail, step_ms: f64) -> Text {
    let (side, value) = (rail.side, number(rail.value));
    let place = if rail.setting != TIMEOUT {
        format!("sat at its {side} ({value})")
    } else if step_ms > 0.0 {
        format!("stayed within one step ({} ms) of its {side} ({value} ms)", number(step_ms))
    } else {
        format!("sat at its {side} ({value} ms)")
    };
    let end = if rail.at_end { ", and is there now." } else { ", but is not there now." };
    Text::name(rail.setting).then_plain(format!(" {place} for {} of the log{end}", share(rail.share)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rail_says_how_near_the_bound_it_is() {
        let check = |setting, value, at_end, step_ms, expected: &str| {
            let rail = Rail { setting, side: "floor", value, cycles: 81, share: 0.45, at_end };
            let [Span::Name(name), Span::Plain(words)] = &rail_line(&rail, step_ms).0[..] else {
                panic!("other spans")
            };
            assert_eq!(format!("{name}{words}"), expected);
        };
        check(
            TIMEOUT,
            1_000.0,
            true,
            500.0,
            "httpClient.timeoutMs stayed within one step (500 ms) of its floor (1 000 ms) for 45 % of the log, \
             and is there now.",
        );
        check(
            TIMEOUT,
            1_000.0,
            false,
            0.0,
            "httpClient.timeoutMs sat at its floor (1 000 ms) for 45 % of the log, but is not there now.",
        );
        check(
            "httpClient.maxRetries",
            0.0,
            true,
            500.0,
            "httpClient.maxRetries sat at its floor (0) for 45 % of the log, and is there now.",
        );
    }
}
