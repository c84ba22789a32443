//! `healing` for people.

use super::super::document::Table;
use super::super::document::{Block, Column, Fit, Row, Section, Span, Text, Tone};
use super::super::figure::{count, counted};
use super::super::section::{MOST_ROWS, endpoint_name, measured, metric_label, rest_line};
use super::super::time::TimeStyle;
use crate::advise::healing::report::{Healing, HealingReport};
use crate::report::Severity;

/// Each critical anomaly with what to do below it.
pub(super) fn section(healing: &HealingReport) -> Section {
    let ends = healing.anomalies.iter().flat_map(|one| [one.from.as_str(), one.to.as_str()]);
    let times = TimeStyle::of_times(ends.collect::<Vec<_>>().into_iter());
    let basis = format!(
        "Rests on {}, judged as --rules zscore does; nothing of this is done by learn.",
        counted(healing.basis.requests, "request")
    );
    let mut blocks = vec![Block::Line(Text::plain(basis))];
    if healing.anomalies.is_empty() {
        blocks.push(Block::Line(Text::plain("No critical anomalies.")));
    } else {
        let columns = vec![
            Column::left("From", Fit::Whole),
            Column::left("To", Fit::LeaveOut(1)),
            Column::left("Endpoint", Fit::Shorten),
            Column::left("Metric", Fit::Whole),
            Column::right("Requests", Fit::LeaveOut(2)),
            Column::right("Peak", Fit::Whole),
            Column::right("Baseline", Fit::Whole),
        ];
        let rows = healing.anomalies.iter().take(MOST_ROWS).map(|one| row(one, times)).collect();
        blocks.push(Block::Table(Table { columns, rows, note_title: Some("What to do") }));
        blocks.extend(rest_line(healing.anomalies.len()).map(Block::Line));
    }
    Section { title: "Healing".to_owned(), blocks }
}

fn row(one: &Healing, times: TimeStyle) -> Row {
    let cells = vec![
        Span::plain(times.point(&one.from)),
        Span::plain(times.end(&one.from, &one.to)),
        endpoint_name(&one.method, &one.path, one.group.as_deref()),
        Span::plain(metric_label(one.metric)),
        Span::plain(count(one.count)),
        measured(one.metric, Some(one.peak)),
        measured(one.metric, Some(one.baseline)),
    ];
    let tone = if one.severity == Severity::Critical { Tone::Alarm } else { Tone::Warning };
    Row { cells, tone, note: Some(Text::plain(one.actions.join(" "))) }
}
