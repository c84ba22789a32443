//! Rows -> findings: the source is asked once, the rule judges what it counted.

use super::report::{ScanReport, SpikeReport};
use crate::plan::InputName;
use crate::plan::scan::{Coverage, ScanPlan, UsageRule, UsageSource};
use crate::report::{UsageConfig, format_time};
use crate::source::postgres::Database;
use crate::source::table::{self, TableReading};
use crate::source::usage::{CountedBy, Extent, UsageGroup, UsageQuery};
use crate::usage::UsageReplay;
use crate::usage::mean5x::Guards;
use crate::usage::span::{self, Span};
use crate::usage::zscore_daily::{self, DAY_MS, Day};
use std::collections::BTreeMap;
use std::path::Path;

/// What a scan found, and what it has to be remembered by.
pub(super) struct Found {
    /// The result.
    pub(super) report: ScanReport,
    /// The start of the newest window tested, UTC milliseconds; `None` when the clock had no part in it.
    pub(super) watermark_ms: Option<i64>,
    /// The clock, UTC milliseconds; that of the last row for files without one.
    pub(super) now_ms: i64,
    /// How far back an outage is made up for, in milliseconds.
    pub(super) catch_up_ms: i64,
    /// Why the windows after the last one tested could not be read; the next run takes them up.
    pub(super) broken: Option<anyhow::Error>,
}

/// Windows that one statement counts while a scan catches up: with all of an outage in one, a statement that runs into
/// its time limit would do so in every run.
const PIECE_WINDOWS: i64 = 12;

/// A source that has been opened.
enum Source<'a> {
    Database(Box<Database>),
    Files(Vec<&'a Path>),
}

impl<'a> Source<'a> {
    fn open(plan: &'a ScanPlan, by: CountedBy) -> anyhow::Result<Self> {
        Ok(match &plan.source {
            UsageSource::Database(database) => Source::Database(Box::new(Database::open(database, &plan.columns, by)?)),
            UsageSource::Files(inputs) => Source::Files(
                inputs
                    .iter()
                    .filter_map(|input| match input {
                        InputName::Path(path) => Some(path.as_path()),
                        InputName::Stdin => None,
                    })
                    .collect(),
            ),
        })
    }

    /// The clock that was given, else the server's; `None` for files.
    fn now_ms(&self, as_of_ms: Option<i64>) -> Option<i64> {
        as_of_ms.or(match self {
            Source::Database(database) => Some(database.now_ms()),
            Source::Files(_) => None,
        })
    }

    /// Counts, and lets go of the source.
    fn scan(
        self,
        plan: &ScanPlan,
        query: &UsageQuery,
        sink: &mut dyn FnMut(UsageGroup<'_>),
    ) -> anyhow::Result<TableReading> {
        match self {
            Source::Database(mut database) => {
                database.scan(query, sink)?;
                database.close();
                Ok(TableReading::default())
            }
            Source::Files(files) => table::scan(&files, &plan.columns, plan.timezone, query, sink),
        }
    }
}

/// The server's plan for the query of this run.
pub(super) fn explain(plan: &ScanPlan) -> anyhow::Result<crate::source::postgres::Explained> {
    let by = counted_by(plan);
    let UsageSource::Database(database) = &plan.source else { anyhow::bail!("files have no plan to explain") };
    let mut database = Database::open(database, &plan.columns, by)?;
    let query = match &plan.rule {
        UsageRule::Mean5x(config, _) => {
            let (span, _) = by_clock(plan.coverage, config, as_of_ms(plan).unwrap_or(database.now_ms()), None);
            query(by, span.bounds_ms(config.baseline_windows, config.window_ms), config.window_ms)
        }
        UsageRule::ZscoreDaily { .. } => {
            query(by, days(plan.coverage, as_of_ms(plan).unwrap_or(database.now_ms())), DAY_MS)
        }
    };
    let explained = database.explain(&query)?;
    database.close();
    Ok(explained)
}

fn counted_by(plan: &ScanPlan) -> CountedBy {
    match plan.rule {
        UsageRule::Mean5x(..) => CountedBy::Developer,
        UsageRule::ZscoreDaily { .. } => CountedBy::Api,
    }
}

fn query(by: CountedBy, (from_ms, to_ms): (i64, i64), window_ms: i64) -> UsageQuery {
    UsageQuery { by, from_ms: Some(from_ms), to_ms: Some(to_ms), window_ms }
}

/// Reads what the plan names and judges it. `watermark_ms` is the start of the newest window tested before.
pub(super) fn find(plan: &ScanPlan, watermark_ms: Option<i64>) -> anyhow::Result<Found> {
    match &plan.rule {
        UsageRule::Mean5x(config, guards) => find_spikes(plan, config, *guards, watermark_ms),
        UsageRule::ZscoreDaily { threshold } => find_days(plan, *threshold),
    }
}

/// The clock that was given.
fn as_of_ms(plan: &ScanPlan) -> Option<i64> {
    match plan.coverage {
        Coverage::Clock { as_of_ms, .. } | Coverage::Range { as_of_ms, .. } => as_of_ms,
        Coverage::Everything => None,
    }
}

/// Rows and ids as they pass.
#[derive(Default)]
struct Tally {
    rows: u64,
    rows_without_id: u64,
    rows_by_window: BTreeMap<i64, u64>,
}

impl Tally {
    /// Counts a group; its id, unless it has none.
    fn note<'a>(&mut self, group: &UsageGroup<'a>) -> Option<&'a str> {
        self.rows += group.rows;
        let id = group.id.filter(|id| !id.is_empty());
        match id {
            Some(_) => *self.rows_by_window.entry(group.window).or_default() += group.rows,
            None => self.rows_without_id += group.rows,
        }
        id
    }

    fn rows_in(&self, span: Span) -> u64 {
        if span.first > span.last {
            0
        } else {
            self.rows_by_window.range(span.first..=span.last).map(|(_, rows)| rows).sum()
        }
    }
}

fn find_spikes(
    plan: &ScanPlan,
    config: &UsageConfig,
    guards: Guards,
    watermark_ms: Option<i64>,
) -> anyhow::Result<Found> {
    let source = Source::open(plan, CountedBy::Developer)?;
    let now_ms = source.now_ms(as_of_ms(plan));
    let known = now_ms.map(|now_ms| by_clock(plan.coverage, config, now_ms, watermark_ms));
    let bounds = match known {
        Some((span, _)) => {
            let (from_ms, to_ms) = span.bounds_ms(config.baseline_windows, config.window_ms);
            (Some(from_ms), Some(to_ms))
        }
        None => file_bounds_ms(plan.coverage, config),
    };
    let mut tally = Tally::default();
    let mut usage = UsageReplay::new(*config).with_guards(guards);
    let mut take = |group: UsageGroup<'_>| {
        if let Some(id) = tally.note(&group) {
            let developer = usage.intern(id.as_bytes(), false);
            usage.add(group.window, developer, group.calls);
        }
    };
    let mut broken = None;
    let (reading, (span, not_tested)) = match (source, known, plan.coverage) {
        (Source::Database(database), Some((span, not_tested)), Coverage::Clock { .. }) => {
            let (tested, error) = scan_in_pieces(*database, span, config, &mut take)?;
            broken = error;
            (TableReading::default(), (tested, not_tested))
        }
        (source, known, coverage) => {
            let (from_ms, to_ms) = bounds;
            let query = UsageQuery { by: CountedBy::Developer, from_ms, to_ms, window_ms: config.window_ms };
            let reading = source.scan(plan, &query, &mut take)?;
            (reading, known.unwrap_or_else(|| by_extent(coverage, config, reading.extent)))
        }
    };
    let end_ms = span.last.saturating_add(1).saturating_mul(config.window_ms);
    // A row of window counts stands for its whole window.
    let seen_to_ms = match reading.extent {
        Some(extent) if known.is_none() && plan.columns.calls.is_none() => extent.last_ms,
        _ => end_ms.saturating_sub(1),
    };
    if span.count() > 0 {
        usage.note_span(span.bounds_ms(config.baseline_windows, config.window_ms).0, seen_to_ms);
        usage.advance(end_ms);
    }
    let mut report = ScanReport::new(plan)?;
    report.spikes = usage.take_findings().into_iter().map(SpikeReport::from).collect();
    let recent = Span { first: span.last.saturating_sub(config.baseline_windows as i64), last: span.last };
    let summary = &mut report.summary;
    summary.as_of = now_ms.map(format_time);
    summary.rows = tally.rows;
    summary.recent_rows = tally.rows_in(recent);
    summary.rows_without_id = tally.rows_without_id;
    summary.rows_without_time = reading.rows_without_time;
    summary.ids = usage.developer_count();
    summary.windows_tested = span.count();
    summary.windows_not_tested = not_tested;
    if span.count() > 0 {
        summary.tested_from = Some(format_time(span.first.saturating_mul(config.window_ms)));
        summary.tested_to = Some(format_time(end_ms));
    }
    summary.findings = report.spikes.len() as u64;
    notes(plan, &mut report);
    let (is_by_clock, catch_up_ms) = match plan.coverage {
        Coverage::Clock { catch_up_ms, .. } => (true, catch_up_ms),
        Coverage::Range { .. } | Coverage::Everything => (false, DAY_MS),
    };
    Ok(Found {
        report,
        watermark_ms: is_by_clock.then(|| span.last.saturating_mul(config.window_ms)),
        now_ms: now_ms.or(reading.extent.map(|extent| extent.last_ms)).unwrap_or(0),
        catch_up_ms,
        broken,
    })
}

/// Counts the span and the baseline before it, some windows at a time, up to the first that cannot be counted; what
/// was counted, and why not more.
///
/// # Errors
/// When not even the first windows can be counted.
fn scan_in_pieces(
    mut database: Database,
    span: Span,
    config: &UsageConfig,
    sink: &mut dyn FnMut(UsageGroup<'_>),
) -> anyhow::Result<(Span, Option<anyhow::Error>)> {
    let mut counted_to = None;
    for piece in span.pieces(PIECE_WINDOWS) {
        // Only the first piece has a baseline that is not counted yet.
        let baseline = if counted_to.is_none() { config.baseline_windows } else { 0 };
        let bounds = piece.bounds_ms(baseline, config.window_ms);
        match (database.scan(&query(CountedBy::Developer, bounds, config.window_ms), sink), counted_to) {
            (Ok(()), _) => counted_to = Some(piece.last),
            (Err(error), None) => return Err(error),
            // The failed statement has ended the transaction, and with it the snapshot.
            (Err(error), Some(last)) => return Ok((Span { last, ..span }, Some(error))),
        }
    }
    database.close();
    Ok((span, None))
}

/// The windows to test at this clock, and how many lie further back than an outage is made up for.
fn by_clock(coverage: Coverage, config: &UsageConfig, now_ms: i64, watermark_ms: Option<i64>) -> (Span, u64) {
    match coverage {
        Coverage::Clock { grace_ms, catch_up_ms, .. } => {
            let last = span::last_completed(now_ms, grace_ms, config.window_ms);
            let watermark = watermark_ms.map(|start_ms| start_ms.div_euclid(config.window_ms));
            span::since(watermark, last, catch_up_ms / config.window_ms)
        }
        Coverage::Range { from_ms, to_ms, .. } => {
            let last = span::last_completed(now_ms, 0, config.window_ms);
            (span::between(from_ms, to_ms.unwrap_or(now_ms), last, config.window_ms), 0)
        }
        Coverage::Everything => (Span { first: 0, last: -1 }, 0),
    }
}

/// What has to be read of files without a clock.
fn file_bounds_ms(coverage: Coverage, config: &UsageConfig) -> (Option<i64>, Option<i64>) {
    match coverage {
        Coverage::Range { from_ms, to_ms, .. } => {
            let span = span::between(from_ms, to_ms.unwrap_or(from_ms), i64::MAX, config.window_ms);
            (Some(span.bounds_ms(config.baseline_windows, config.window_ms).0), to_ms)
        }
        Coverage::Clock { .. } | Coverage::Everything => (None, None),
    }
}

/// The windows of files without a clock that are tested, up to the last row's, and how many are not for want of a
/// baseline.
fn by_extent(coverage: Coverage, config: &UsageConfig, extent: Option<Extent>) -> (Span, u64) {
    let Some(extent) = extent else { return (Span { first: 0, last: -1 }, 0) };
    let [first, last] = [extent.first_ms, extent.last_ms].map(|time_ms| time_ms.div_euclid(config.window_ms));
    if let Coverage::Range { from_ms, to_ms, .. } = coverage {
        let to_ms = to_ms.unwrap_or((last + 1).saturating_mul(config.window_ms));
        return (span::between(from_ms, to_ms, last, config.window_ms), 0);
    }
    let span = Span { first: first.saturating_add(config.baseline_windows as i64), last };
    (span, (last - first + 1).unsigned_abs() - span.count())
}

/// The rows of `zscore-daily`, `from` inclusive and `to` exclusive.
fn days(coverage: Coverage, now_ms: i64) -> (i64, i64) {
    match coverage {
        Coverage::Range { from_ms, to_ms, .. } => (from_ms, to_ms.unwrap_or(now_ms)),
        Coverage::Clock { .. } | Coverage::Everything => zscore_daily::bounds_ms(now_ms),
    }
}

fn find_days(plan: &ScanPlan, threshold: f64) -> anyhow::Result<Found> {
    let source = Source::open(plan, CountedBy::Api)?;
    let now_ms = source.now_ms(as_of_ms(plan));
    let query = match (now_ms, plan.coverage) {
        (Some(now_ms), coverage) => query(CountedBy::Api, days(coverage, now_ms), DAY_MS),
        (None, Coverage::Range { from_ms, to_ms, .. }) => {
            UsageQuery { by: CountedBy::Api, from_ms: Some(from_ms), to_ms, window_ms: DAY_MS }
        }
        (None, _) => UsageQuery { by: CountedBy::Api, from_ms: None, to_ms: None, window_ms: DAY_MS },
    };
    let mut tally = Tally::default();
    let mut series: BTreeMap<String, BTreeMap<i64, Day>> = BTreeMap::new();
    let reading = source.scan(plan, &query, &mut |group| {
        if let Some(id) = tally.note(&group) {
            let days = match series.get_mut(id) {
                Some(days) => days,
                None => series.entry(id.to_owned()).or_default(),
            };
            days.entry(group.window).or_default().add(group.calls, group.amount);
        }
    })?;
    // Files without a clock end with their last row; the days before the last thirty are left out afterwards.
    let end_ms = now_ms.or(reading.extent.map(|extent| extent.last_ms.saturating_add(1)));
    if let (None, Some(end_ms), Coverage::Everything) = (now_ms, end_ms, plan.coverage) {
        let first = zscore_daily::bounds_ms(end_ms).0.div_euclid(DAY_MS);
        series.values_mut().for_each(|days| days.retain(|day, _| *day >= first));
        series.retain(|_, days| !days.is_empty());
        tally.rows_by_window.retain(|day, _| *day >= first);
    }
    let (anomalies, found) = zscore_daily::detect(&series, threshold);
    let mut report = ScanReport::new(plan)?;
    report.daily_anomalies = anomalies;
    let day_start = |day: i64| format_time(day.saturating_mul(DAY_MS));
    let summary = &mut report.summary;
    summary.as_of = now_ms.map(format_time);
    summary.rows = tally.rows;
    summary.recent_rows = tally.rows_by_window.values().sum();
    summary.rows_without_id = tally.rows_without_id;
    summary.rows_without_time = reading.rows_without_time;
    summary.ids = series.len() as u64;
    summary.windows_tested = tally.rows_by_window.len() as u64;
    summary.tested_from = tally.rows_by_window.keys().next().map(|day| day_start(*day));
    summary.tested_to = tally.rows_by_window.keys().last().map(|day| day_start(*day + 1));
    summary.findings = found as u64;
    notes(plan, &mut report);
    Ok(Found { report, watermark_ms: None, now_ms: end_ms.unwrap_or(0), catch_up_ms: 0, broken: None })
}

/// What the reader should know before trusting a figure.
fn notes(plan: &ScanPlan, report: &mut ScanReport) {
    let summary = &mut report.summary;
    let mut notes = Vec::new();
    if summary.windows_not_tested > 0 {
        let windows = counted(summary.windows_not_tested, "window");
        notes.push(match plan.coverage {
            Coverage::Everything => format!("{windows} not tested: too little before"),
            _ => format!("{windows} not tested: further back than --catch-up; --from and --to name them"),
        });
    }
    if summary.rows_without_time > 0 {
        notes.push(format!("{} left out: no time that can be read", counted(summary.rows_without_time, "row")));
    }
    if report.spikes.iter().any(|spike| spike.spike.data.ratio.is_none()) {
        notes.push(
            "new: no call in the whole baseline, so any call is a spike; --min-calls or --new-developer skip holds these back"
                .to_owned(),
        );
    }
    summary.notes = notes;
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
