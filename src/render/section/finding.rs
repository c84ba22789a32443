//! The remaining sections: anomalies, endpoints, usage spikes, silent stretches and notes.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text, Tone};
use super::super::figure::{count, counted, millis, number, percent};
use super::super::time::TimeStyle;
use super::{MOST_ROWS, capped_list, capped_table, endpoint_name, optional_cell};
use crate::render::scan::section as scan;
use crate::report::{EndpointRow, Episode, Gap, Metric, Report, Severity, UsageSpike};
use crate::usage::alert::UsageEpisode;

/// Anomalies folded into episodes; by time, or the most severe when there are too many to show.
pub(super) fn anomalies(report: &Report, times: TimeStyle) -> Section {
    let mut episodes: Vec<&Episode> = report.anomalies.iter().collect();
    let title = if episodes.len() > MOST_ROWS {
        episodes.sort_by_key(|episode| std::cmp::Reverse(episode.severity));
        format!("Anomalies, the most severe of {}", count(episodes.len() as u64))
    } else {
        "Anomalies".to_owned()
    };
    let columns = vec![
        Column::left("From", Fit::Whole),
        Column::left("To", Fit::LeaveOut(2)),
        Column::left("Endpoint", Fit::Shorten),
        Column::left("Metric", Fit::LeaveOut(4)),
        Column::left("Severity", Fit::Whole),
        Column::right("Peak", Fit::LeaveOut(3)),
        Column::right("Baseline", Fit::LeaveOut(1)),
    ];
    let blocks = if episodes.is_empty() {
        vec![Block::Line(Text::plain("No anomalies."))]
    } else {
        capped_table(columns, &episodes, |episode| episode_row(episode, times))
    };
    Section { title, blocks }
}

fn episode_row(episode: &Episode, times: TimeStyle) -> Row {
    let (metric, severity) = (metric_label(episode.metric), severity_label(episode.severity));
    let cells = vec![
        Span::plain(times.point(&episode.from)),
        Span::plain(times.end(&episode.from, &episode.to)),
        endpoint_name(&episode.method, &episode.path, episode.group.as_deref()),
        Span::plain(metric),
        Span::plain(severity),
        measured(episode.metric, episode.peak),
        measured(episode.metric, episode.baseline),
    ];
    let tone = match episode.severity {
        Severity::Critical => Tone::Alarm,
        Severity::High => Tone::Warning,
        Severity::Medium | Severity::Low => Tone::Normal,
    };
    Row { cells, tone, note: None }
}

pub(crate) fn metric_label(metric: Metric) -> &'static str {
    match metric {
        Metric::Cpu => "CPU",
        Metric::ErrorRate => "error rate",
        Metric::Frequency => "frequency",
        Metric::Latency => "latency",
        Metric::Memory => "memory",
        Metric::UnknownEndpoint => "first seen",
    }
}

fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// A value in its metric's unit; a first sight has none.
pub(crate) fn measured(metric: Metric, value: Option<f64>) -> Span {
    optional_cell(value.filter(|_| metric != Metric::UnknownEndpoint), |value| match metric {
        Metric::Cpu => number(value),
        Metric::Latency => format!("{} ms", millis(value)),
        Metric::Memory => format!("{} MB", number((value * 10.0).round() / 10.0)),
        Metric::ErrorRate => format!("{} %", percent(value)),
        Metric::Frequency | Metric::UnknownEndpoint => format!("{} req", number((value * 10.0).round() / 10.0)),
    })
}

/// Endpoints, those first on which the service spent most time.
pub(super) fn endpoints(report: &Report) -> Section {
    let timed = report.endpoints.iter().any(|endpoint| endpoint.total_ms.is_some());
    let mut columns = vec![
        Column::left("Endpoint", Fit::Shorten),
        Column::right("Requests", Fit::Whole),
        Column::right("Err %", Fit::LeaveOut(4)),
    ];
    if timed {
        columns.extend([
            Column::right("p50 ms", Fit::LeaveOut(2)),
            Column::right("p95 ms", Fit::LeaveOut(5)),
            Column::right("p99 ms", Fit::LeaveOut(1)),
            Column::right("Time %", Fit::LeaveOut(3)),
        ]);
    }
    let total_ms = report.endpoints.iter().filter_map(|endpoint| endpoint.total_ms).sum();
    let blocks = if report.endpoints.is_empty() {
        vec![Block::Line(Text::plain("No endpoints."))]
    } else {
        capped_table(columns, &report.endpoints, |endpoint| endpoint_row(endpoint, timed.then_some(total_ms)))
    };
    let title = if timed { "Endpoints by total time" } else { "Endpoints by requests" };
    Section { title: title.to_owned(), blocks }
}

/// `total_ms` is the time of all endpoints, `None` in a log without durations.
fn endpoint_row(endpoint: &EndpointRow, total_ms: Option<f64>) -> Row {
    let mut cells = vec![
        endpoint_name(&endpoint.method, &endpoint.path, endpoint.group.as_deref()),
        Span::plain(count(endpoint.count)),
        Span::plain(percent(endpoint.error_rate)),
    ];
    if let Some(total_ms) = total_ms {
        let share = endpoint.total_ms.filter(|_| total_ms > 0.0).map(|own_ms| own_ms / total_ms);
        cells.extend([endpoint.p50_ms, endpoint.p95_ms, endpoint.p99_ms].map(|value| optional_cell(value, millis)));
        cells.push(optional_cell(share, percent));
    }
    Row::new(cells)
}

/// Developers whose usage spiked; by window, or the largest when there are too many to show.
pub(super) fn usage_spikes(report: &Report, times: TimeStyle) -> Section {
    let mut spikes: Vec<&UsageSpike> = report.usage_spikes.iter().collect();
    let title = if spikes.len() > MOST_ROWS {
        spikes.sort_by(|a, b| calls_above_baseline(b).total_cmp(&calls_above_baseline(a)));
        format!("Usage spikes, the largest of {}", count(spikes.len() as u64))
    } else {
        "Usage spikes".to_owned()
    };
    let mut blocks = if spikes.is_empty() {
        vec![Block::Line(Text::plain(no_spikes(report)))]
    } else {
        let partial = spikes.iter().take(MOST_ROWS).any(|spike| spike.partial);
        capped_table(spike_columns(partial), &spikes, |spike| spike_row(spike, times, partial))
    };
    blocks.extend(untested(report));
    Section { title, blocks }
}

/// Improbable usage and silence; by start, or those of the most calls when there are too many to show.
pub(super) fn usage_episodes(report: &Report, episodes: &[UsageEpisode], times: TimeStyle) -> Section {
    let mut shown: Vec<&UsageEpisode> = episodes.iter().collect();
    let title = if shown.len() > MOST_ROWS {
        shown.sort_by(|a, b| b.excess.abs().total_cmp(&a.excess.abs()));
        format!("Usage episodes, the largest of {}", count(shown.len() as u64))
    } else {
        "Usage episodes".to_owned()
    };
    let mut blocks = if shown.is_empty() {
        vec![Block::Line(Text::plain(no_spikes(report)))]
    } else {
        let mut blocks = capped_table(scan::episode_columns(), &shown, |episode| scan::episode_row(episode, "", times));
        if let Some(Block::Table(table)) = blocks.first_mut() {
            table.note_title = Some("Why");
        }
        blocks
    };
    blocks.extend(untested(report));
    Section { title, blocks }
}

fn untested(report: &Report) -> Option<Block> {
    let untested = report.summary.usage_windows_not_tested;
    let windows = counted(untested, "usage window");
    (untested > 0).then(|| Block::Line(Text::plain(format!("{windows} not tested: too little log before."))))
}

fn calls_above_baseline(spike: &UsageSpike) -> f64 {
    spike.data.current_calls as f64 - spike.data.baseline_mean
}

fn no_spikes(report: &Report) -> &'static str {
    if report.summary.developers.is_none() {
        "Too many developers in the log, so no usage is compared."
    } else if report.summary.developers == Some(0) {
        "No developers in the log, so no usage to compare."
    } else {
        "No usage spikes."
    }
}

fn spike_columns(partial: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::left("Developer", Fit::Shorten),
        Column::left("From", Fit::Whole),
        Column::left("To", Fit::LeaveOut(1)),
        Column::right("Calls", Fit::Whole),
        Column::right("Baseline", Fit::LeaveOut(2)),
        Column::right("Ratio", Fit::LeaveOut(3)),
    ];
    if partial {
        columns.push(Column::left("Window", Fit::LeaveOut(4)));
    }
    columns
}

fn spike_row(spike: &UsageSpike, times: TimeStyle, with_partial: bool) -> Row {
    let data = &spike.data;
    let mut cells = vec![
        Span::name(&spike.developer_id),
        Span::plain(times.point(&data.window_start)),
        Span::plain(times.end(&data.window_start, &data.window_end)),
        Span::plain(count(data.current_calls)),
        Span::plain(number(data.baseline_mean)),
        Span::plain(data.ratio.map_or_else(|| "new".to_owned(), number)),
    ];
    if with_partial {
        cells.push(Span::plain(if spike.partial { "partial" } else { "" }));
    }
    Row::new(cells)
}

/// Stretches that fell silent, and stretches over which no cycle ran.
pub(super) fn gaps(report: &Report, times: TimeStyle) -> Option<Section> {
    let stretch = |gap: &Gap| Text::plain(times.range(&gap.from, &gap.to));
    let lists = [
        ("Nearly or wholly silent after busy windows (an outage, or a hole in the log):", &report.summary.gaps),
        ("No requests for so long that no cycles ran:", &report.summary.skipped_gaps),
    ];
    let lists = lists.into_iter().filter(|(_, gaps)| !gaps.is_empty());
    let blocks: Vec<Block> = lists
        .flat_map(|(words, gaps)| [Block::Line(Text::plain(words)), capped_list(gaps.iter().map(stretch))])
        .collect();
    (!blocks.is_empty()).then(|| Section { title: "Silence".to_owned(), blocks })
}

/// What the reader should know before trusting a figure.
pub(crate) fn notes(report: &Report) -> Option<Section> {
    let notes = &report.summary.notes;
    let list = Block::List(notes.iter().map(Text::prose).collect());
    (!notes.is_empty()).then(|| Section { title: "Notes".to_owned(), blocks: vec![list] })
}
