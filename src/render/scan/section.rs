//! A scan's report as headings, sentences and a table.

use super::super::document::{Block, Column, Document, Fit, Row, Section, Span, Table, Text, Tone};
use super::super::figure::{count, counted, number};
use super::super::time::{TimeStyle, log_range};
use super::{Shown, direction, scientific};
use crate::scan::report::{EpisodeReport, ScanReport, SpikeReport};
use crate::usage::alert::{RULE, UsageEpisode};
use crate::usage::compare::{Agreement, Comparison, DeveloperComparison, Told};
use crate::usage::zscore_daily::DailyAnomaly;

/// What people read.
pub(super) fn document(report: &ScanReport) -> Document {
    let findings = match Shown::of(report) {
        Shown::Spikes => spikes(report),
        Shown::Episodes => episodes(report),
        Shown::Comparison(comparison) => differences(comparison),
        Shown::Days => daily(report),
    };
    let mut sections = vec![read(report), findings];
    sections.extend(report.comparison.as_ref().and_then(who));
    sections.extend(notes(report));
    Document { sections }
}

fn read(report: &ScanReport) -> Section {
    let (source, summary) = (&report.source, &report.summary);
    let from = match (&source.table, &source.server, &source.database) {
        (Some(table), Some(server), Some(database)) => {
            Text::name(table).then_plain(" of ").then_name(database).then_plain(" on ").then_name(server)
        }
        _ => source.files.iter().enumerate().fold(Text::default(), |text, (index, file)| {
            text.then_plain(if index > 0 { ", " } else { "" }).then_name(file)
        }),
    };
    let ids = if report.settings.window_ms.is_some() { "developer" } else { "API" };
    let rows = format!(": {}, {}", counted(summary.rows, "row"), counted(summary.ids, ids));
    let unit = if report.settings.window_ms.is_some() { "window" } else { "day" };
    let tested = match (&summary.tested_from, &summary.tested_to) {
        (Some(from), Some(to)) => format!("{} tested: {}", counted(summary.windows_tested, unit), log_range(from, to)),
        _ => format!("No {unit} tested."),
    };
    let blocks = vec![Block::Line(from.then_plain(rows)), Block::Line(Text::plain(tested))];
    Section { title: "Read".to_owned(), blocks }
}

fn spikes(report: &ScanReport) -> Section {
    let blocks = if report.spikes.is_empty() {
        vec![Block::Line(Text::plain("No usage spikes."))]
    } else {
        let data = report.spikes.iter().map(|spike| &spike.spike.data);
        let times = TimeStyle::of_times(data.flat_map(|data| [data.window_start.as_str(), data.window_end.as_str()]));
        let rows = report.spikes.iter().map(|spike| spike_row(spike, times)).collect();
        vec![Block::Table(Table { columns: spike_columns(), rows, note_title: None })]
    };
    Section { title: "Usage spikes".to_owned(), blocks }
}

fn spike_columns() -> Vec<Column> {
    vec![
        Column::left("Developer", Fit::Shorten),
        Column::left("From", Fit::Whole),
        Column::left("To", Fit::LeaveOut(1)),
        Column::right("Calls", Fit::Whole),
        Column::right("Baseline", Fit::LeaveOut(4)),
        Column::right("Ratio", Fit::LeaveOut(5)),
        Column::left("Trend", Fit::LeaveOut(2)),
        Column::left("", Fit::LeaveOut(3)),
    ]
}

fn spike_row(spike: &SpikeReport, times: TimeStyle) -> Row {
    let data = &spike.spike.data;
    let state = match (spike.already_sent, spike.partial) {
        (_, true) => "partial",
        (true, false) => "sent",
        (false, false) => "",
    };
    let cells = vec![
        Span::name(&spike.spike.developer_id),
        Span::plain(times.point(&data.window_start)),
        Span::plain(times.end(&data.window_start, &data.window_end)),
        Span::plain(count(data.current_calls)),
        Span::plain(number(data.baseline_mean)),
        Span::plain(data.ratio.map_or_else(|| "new".to_owned(), number)),
        Span::plain(trend(&spike.trend)),
        Span::plain(state),
    ];
    Row { cells, tone: if spike.already_sent { Tone::Normal } else { Tone::Warning }, note: None }
}

/// The most developers that a comparison names.
const MOST_DEVELOPERS: usize = 20;

fn differences(comparison: &Comparison) -> Section {
    let row = |rule: &str, told: &Told| {
        let cells = [told.alerts, told.incidents, told.developers].map(|value| Span::plain(count(value)));
        let [alerts, incidents, developers] = cells;
        let per_day = Span::plain(number(told.alerts_per_day));
        Row::new(vec![Span::plain(rule), alerts, per_day, incidents, developers])
    };
    let columns = vec![
        Column::left("Rule", Fit::Whole),
        Column::right("Alerts", Fit::Whole),
        Column::right("A day", Fit::Whole),
        Column::right("Incidents", Fit::Whole),
        Column::right("Developers", Fit::Whole),
    ];
    let rows = vec![row("mean5x", &comparison.mean5x), row(RULE, &comparison.negative_binomial)];
    let Agreement { both, only_mean5x, only_negative_binomial, silences } = comparison.agreement;
    let agreement = format!(
        "Found by both: {}. Only by mean5x: {}. Only by {RULE}: {} (silences: {}).",
        count(both),
        count(only_mean5x),
        count(only_negative_binomial),
        count(silences)
    );
    let blocks = vec![Block::Table(Table { columns, rows, note_title: None }), Block::Line(Text::plain(agreement))];
    Section { title: format!("What each rule tells in {} days", number(comparison.days)), blocks }
}

/// Those of whom most is told.
fn who(comparison: &Comparison) -> Option<Section> {
    let columns = vec![
        Column::left("Developer", Fit::Shorten),
        Column::right("Alerts of mean5x", Fit::Whole),
        Column::right("of negative-binomial", Fit::Whole),
        Column::right("Found by both", Fit::LeaveOut(1)),
    ];
    let row = |one: &DeveloperComparison| {
        let counts = [one.mean5x_alerts, one.negative_binomial_alerts, one.agreement.both];
        let cells = counts.map(|value| Span::plain(count(value)));
        Row::new([Span::name(&one.developer_id)].into_iter().chain(cells).collect())
    };
    let developers = &comparison.developers;
    let rows: Vec<Row> = developers.iter().take(MOST_DEVELOPERS).map(row).collect();
    let mut blocks = vec![Block::Table(Table { columns, rows, note_title: None })];
    if let Some(rest) = developers.len().checked_sub(MOST_DEVELOPERS).filter(|rest| *rest > 0) {
        blocks.push(Block::Line(Text::plain(format!("and {} more (use -f csv).", count(rest as u64)))));
    }
    (!developers.is_empty()).then(|| Section { title: "Of whom".to_owned(), blocks })
}

fn episodes(report: &ScanReport) -> Section {
    let blocks = if report.episodes.is_empty() {
        vec![Block::Line(Text::plain("No spikes, and no developer fell silent."))]
    } else {
        let shown = report.episodes.iter().map(|episode| &episode.episode);
        let times = TimeStyle::of_times(shown.flat_map(|episode| [episode.start.as_str(), episode.end.as_str()]));
        let row = |EpisodeReport { episode, already_sent }: &EpisodeReport| {
            let tone = if *already_sent { Tone::Normal } else { Tone::Warning };
            Row { tone, ..episode_row(episode, if *already_sent { "sent" } else { "" }, times) }
        };
        let rows = report.episodes.iter().map(row).collect();
        vec![Block::Table(Table { columns: episode_columns(), rows, note_title: Some("Why") })]
    };
    Section { title: "Usage episodes".to_owned(), blocks }
}

/// The columns of episodes.
pub(in crate::render) fn episode_columns() -> Vec<Column> {
    vec![
        Column::left("Developer", Fit::Shorten),
        Column::left("Kind", Fit::Whole),
        Column::left("From", Fit::Whole),
        Column::left("To", Fit::LeaveOut(2)),
        Column::right("First calls", Fit::Whole),
        Column::right("Expected", Fit::LeaveOut(3)),
        Column::right("Ratio", Fit::LeaveOut(4)),
        Column::left("Trend", Fit::LeaveOut(1)),
        Column::left("", Fit::LeaveOut(5)),
    ]
}

/// An episode, why it began, and what it came to.
pub(in crate::render) fn episode_row(episode: &UsageEpisode, state: &str, times: TimeStyle) -> Row {
    let why = &episode.why;
    let cells = vec![
        Span::name(&episode.developer_id),
        Span::plain(episode.kind),
        Span::plain(times.point(&episode.start)),
        Span::plain(if episode.over { times.end(&episode.start, &episode.end) } else { "goes on".to_owned() }),
        Span::plain(number(why.observed)),
        Span::plain(number(why.expected)),
        Span::plain(number(why.ratio)),
        Span::plain(trend(&episode.trend)),
        Span::plain(state),
    ];
    let profile = why.profile.map_or_else(|| "not known yet".to_owned(), number);
    let sum = count(episode.excess.abs().round() as u64);
    let came_to = if episode.excess < 0.0 {
        format!("{sum} calls missing")
    } else {
        let peak = counted(episode.peak_calls, "call");
        format!("{sum} calls too many; largest window {peak} at {}", times.point(&episode.peak))
    };
    let began = format!(
        "p {} over {}; profile {profile}, level {}; {came_to}",
        scientific(why.probability),
        counted(u64::from(why.scale), "window"),
        number(why.level),
    );
    Row { cells, tone: Tone::Warning, note: Some(Text::plain(began)) }
}

/// The most windows that a trend shows; of more, the last.
const MOST_BARS: usize = 13;

/// A bar for each window, as high as its share of the highest; a dot for none.
fn trend(calls: &[u64]) -> String {
    const BARS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let shown = &calls[calls.len().saturating_sub(MOST_BARS)..];
    let highest = shown.iter().copied().max().unwrap_or(0);
    let bar = |&calls: &u64| match calls {
        0 => '.',
        calls => {
            let step = (calls as f64 / highest as f64 * BARS.len() as f64).ceil() as usize;
            BARS[step.clamp(1, BARS.len()) - 1]
        }
    };
    shown.iter().map(bar).collect()
}

fn daily(report: &ScanReport) -> Section {
    let found = report.daily_anomalies.len() as u64;
    let title = if report.summary.findings > found {
        format!("Days that stand out, the most severe {found} of {}", count(report.summary.findings))
    } else {
        "Days that stand out".to_owned()
    };
    let blocks = if found == 0 {
        vec![Block::Line(Text::plain("No day stands out."))]
    } else {
        let columns = vec![
            Column::left("API", Fit::Shorten),
            Column::left("Day", Fit::Whole),
            Column::left("Type", Fit::Whole),
            Column::right("Calls", Fit::Whole),
            Column::right("Mean", Fit::LeaveOut(3)),
            Column::right("Sigma", Fit::LeaveOut(1)),
            Column::right("z", Fit::Whole),
            Column::right("Revenue", Fit::LeaveOut(2)),
        ];
        let rows = report.daily_anomalies.iter().map(day_row).collect();
        vec![Block::Table(Table { columns, rows, note_title: None })]
    };
    Section { title, blocks }
}

fn day_row(anomaly: &DailyAnomaly) -> Row {
    Row::new(vec![
        Span::name(&anomaly.api_id),
        Span::plain(&anomaly.day),
        Span::plain(direction(anomaly.r#type)),
        Span::plain(count(anomaly.calls)),
        Span::plain(number(anomaly.baseline_mean)),
        Span::plain(number(anomaly.std_dev)),
        Span::plain(number(anomaly.z_score)),
        Span::name(anomaly.revenue.as_deref().unwrap_or("")),
    ])
}

fn notes(report: &ScanReport) -> Option<Section> {
    let notes = &report.summary.notes;
    let list = Block::List(notes.iter().map(Text::prose).collect());
    (!notes.is_empty()).then(|| Section { title: "Notes".to_owned(), blocks: vec![list] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_highest() {
        assert_eq!(trend(&[0, 1, 8, 16]), ".\u{2581}\u{2584}\u{2588}");
        assert_eq!(trend(&[0, 0]), "..");
        assert_eq!(trend(&[]), "");
        assert_eq!(trend(&[9; 20]).chars().count(), 13);
        assert_eq!(trend(&[1, u64::MAX]), "\u{2581}\u{2588}");
    }
}
