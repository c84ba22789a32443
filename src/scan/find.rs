//! Rows -> findings: the source is asked, the rule judges what it counted.

use super::daily::{days, find_days};
use super::learn::{self, Learnt};
use super::range::{Frame, by_clock, by_extent, file_bounds_ms};
use super::report::{AlertReport, EpisodeReport, ScanReport, SpikeReport};
use super::source::{Source, Tally, as_of_ms, counted_by, query};
use crate::plan::scan::{Coverage, Ends, LearningPlan, ScanPlan, UsageRule, UsageSource};
use crate::report::{UsageConfig, format_time};
use crate::source::postgres::{Database, Explained};
use crate::source::table::{TableReading, Unread};
use crate::source::usage::{CountedBy, UsageGroup, UsageQuery};
use crate::usage::UsageReplay;
use crate::usage::compare::compare;
use crate::usage::mean5x::Guards;
use crate::usage::negative_binomial::{Phase, WARM_UP_WINDOWS};
use crate::usage::span::{AGAIN, Span};
use crate::usage::zscore_daily::DAY_MS;

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
    /// What was learnt, to be gone on from; empty where nothing was.
    pub(super) learnt: Vec<u8>,
    /// Why the windows after the last one tested could not be read; the next run takes them up.
    pub(super) broken: Option<anyhow::Error>,
}

/// Windows that one statement counts while a scan catches up: with all of an outage in one, a statement that runs into
/// its time limit would do so in every run.
const PIECE_WINDOWS: i64 = 12;

/// The server's plan for the query of this run.
pub(super) fn explain(plan: &ScanPlan) -> anyhow::Result<Explained> {
    let by = counted_by(plan);
    let UsageSource::Database(database) = &plan.source else { anyhow::bail!("files have no plan to explain") };
    let mut database = Database::open(database, &plan.columns, by)?;
    let tested = |frame: Frame, database: &Database| {
        let (span, _) = by_clock(plan.coverage, frame, as_of_ms(plan).unwrap_or(database.now_ms()), None);
        query(by, span.bounds_ms(frame.baseline_windows, frame.window_ms), frame.window_ms)
    };
    let query = match &plan.rule {
        UsageRule::Mean5x(config, _) => tested(Frame::of(config), &database),
        // What every run but the first one reads.
        UsageRule::NegativeBinomial(learning) | UsageRule::Compare(_, _, learning) => {
            tested(Frame::recent(learning), &database)
        }
        UsageRule::ZscoreDaily { .. } => {
            query(by, days(plan.coverage, as_of_ms(plan).unwrap_or(database.now_ms())), DAY_MS)
        }
    };
    let explained = database.explain(&query)?;
    database.close();
    Ok(explained)
}

/// Reads what the plan names and judges it. `watermark_ms` is the start of the newest window tested before, `learnt` what
/// runs before this one learnt.
pub(super) fn find(plan: &ScanPlan, watermark_ms: Option<i64>, learnt: Option<Learnt>) -> anyhow::Result<Found> {
    match &plan.rule {
        UsageRule::Mean5x(config, guards) => find_spikes(plan, config, *guards, watermark_ms),
        UsageRule::NegativeBinomial(learning) => find_episodes(plan, learning, watermark_ms, learnt),
        UsageRule::Compare(config, guards, learning) => find_differences(plan, config, *guards, learning),
        UsageRule::ZscoreDaily { threshold } => find_days(plan, *threshold),
    }
}

impl Frame {
    /// The windows of `mean5x`.
    pub(super) fn of(config: &UsageConfig) -> Frame {
        Frame { window_ms: config.window_ms, baseline_windows: config.baseline_windows }
    }

    /// The windows of `negative-binomial` that show whether the table is still written.
    pub(super) fn recent(learning: &LearningPlan) -> Frame {
        Frame { window_ms: learning.calendar.window_ms(), baseline_windows: WARM_UP_WINDOWS }
    }
}

/// The source, opened, and what its clock says is to be tested.
struct Opened<'a> {
    plan: &'a ScanPlan,
    source: Source<'a>,
    frame: Frame,
    now_ms: Option<i64>,
    /// The windows to test and how many are left out; `None` where only the rows can tell.
    known: Option<(Span, u64)>,
}

/// Rows that were counted.
struct Counted {
    usage: UsageReplay,
    /// A second rule that sees the same rows, and the first window that it needs.
    beside: Option<(UsageReplay, i64)>,
    tally: Tally,
    span: Span,
    not_tested: u64,
    now_ms: Option<i64>,
    /// Of files alone.
    reading: TableReading,
    broken: Option<anyhow::Error>,
}

impl<'a> Opened<'a> {
    fn open(plan: &'a ScanPlan, frame: Frame, watermark_ms: Option<i64>) -> anyhow::Result<Self> {
        let source = Source::open(plan, CountedBy::Developer)?;
        let now_ms = source.now_ms(as_of_ms(plan));
        let known = now_ms.map(|now_ms| by_clock(plan.coverage, frame, now_ms, watermark_ms));
        Ok(Opened { plan, source, frame, now_ms, known })
    }

    /// Counts the tested windows and `before` windows before them.
    fn count(self, usage: UsageReplay, before: usize, beside: Option<UsageReplay>) -> anyhow::Result<Counted> {
        let Opened { plan, source, frame, now_ms, known } = self;
        let before_frame = Frame { baseline_windows: before, ..frame };
        let tally = Tally::default();
        let (span, not_tested) = known.unwrap_or((Span { first: 0, last: -1 }, 0));
        let first = known.map_or(i64::MIN, |(span, _)| span.first.saturating_sub(frame.baseline_windows as i64));
        let beside = beside.map(|usage| (usage, first));
        let mut counted =
            Counted { usage, beside, tally, span, not_tested, now_ms, reading: TableReading::default(), broken: None };
        match (source, known) {
            (Source::Database(database), Some(_)) => counted.read_in_pieces(*database, plan, before_frame)?,
            (source, known) => {
                let (from_ms, to_ms) = match known {
                    Some((span, _)) => {
                        let (from_ms, to_ms) = span.bounds_ms(before, frame.window_ms);
                        (Some(from_ms), Some(to_ms))
                    }
                    None => file_bounds_ms(plan.coverage, before_frame),
                };
                let query = UsageQuery { by: CountedBy::Developer, from_ms, to_ms, window_ms: frame.window_ms };
                let reading = source.scan(plan, &query, &mut |group| counted.take(group))?;
                if known.is_none() {
                    (counted.span, counted.not_tested) = by_extent(plan.coverage, frame, reading.extent);
                }
                counted.reading = reading;
            }
        }
        // A row of window counts stands for its whole window.
        let end_ms = counted.end_ms(frame.window_ms);
        let seen_to_ms = match counted.reading.extent {
            Some(extent) if known.is_none() && plan.columns.calls.is_none() => extent.last_ms,
            _ => end_ms.saturating_sub(1),
        };
        if counted.span.count() > 0 {
            let first_ms = counted.span.bounds_ms(frame.baseline_windows, frame.window_ms).0;
            counted.usage.note_span(first_ms, seen_to_ms);
        }
        Ok(counted)
    }
}

impl Counted {
    fn take(&mut self, group: UsageGroup<'_>) {
        if let Some(id) = self.tally.note(&group) {
            let developer = self.usage.intern(id.as_bytes(), false);
            self.usage.add(group.window, developer, group.calls);
            if let Some((beside, first)) = &mut self.beside
                && group.window >= *first
            {
                let developer = beside.intern(id.as_bytes(), false);
                beside.add(group.window, developer, group.calls);
            }
        }
    }

    /// The end of the last window tested.
    fn end_ms(&self, window_ms: i64) -> i64 {
        self.span.last.saturating_add(1).saturating_mul(window_ms)
    }

    /// Counts the span and the baseline before it, some windows at a time, up to the first that cannot be counted.
    ///
    /// # Errors
    /// When not even the first tested windows can be counted.
    fn read_in_pieces(&mut self, mut database: Database, plan: &ScanPlan, frame: Frame) -> anyhow::Result<()> {
        let most = if matches!(plan.coverage, Coverage::Clock { .. }) { PIECE_WINDOWS } else { i64::MAX };
        let mut counted_to = None;
        for piece in pieces(self.span, frame, most) {
            let bounds = piece.bounds_ms(0, frame.window_ms);
            let counted =
                database.scan(&query(CountedBy::Developer, bounds, frame.window_ms), &mut |group| self.take(group));
            match (counted, counted_to) {
                (Ok(()), _) => counted_to = (piece.last >= self.span.first).then_some(piece.last),
                (Err(error), None) => return Err(error),
                // The failed statement has ended the transaction, and with it the snapshot.
                (Err(error), Some(last)) => {
                    (self.span.last, self.broken) = (last, Some(error));
                    return Ok(());
                }
            }
            if counted_to.is_none() {
                // Nothing of what is only learnt from has to be held longer.
                self.usage.note_span(piece.first.saturating_mul(frame.window_ms), i64::MIN);
                let again_ms = (self.span.first + 1 - AGAIN).saturating_mul(frame.window_ms);
                self.usage.advance(bounds.1.min(again_ms));
            }
        }
        database.close();
        Ok(())
    }

    /// The report of what was counted, without findings.
    fn report(&self, plan: &ScanPlan, frame: Frame) -> anyhow::Result<ScanReport> {
        let mut report = ScanReport::new(plan)?;
        let (span, end_ms) = (self.span, self.end_ms(frame.window_ms));
        let recent = Span { first: span.last.saturating_sub(frame.baseline_windows as i64), last: span.last };
        let summary = &mut report.summary;
        summary.as_of = self.now_ms.map(format_time);
        summary.rows = self.tally.rows;
        summary.recent_rows = self.tally.rows_in(recent);
        summary.rows_without_id = self.tally.rows_without_id;
        summary.rows_without_time = self.reading.rows_without_time;
        summary.rows_without_calls = self.reading.rows_without_calls;
        summary.ids = self.usage.developer_count();
        summary.windows_tested = span.count();
        summary.windows_not_tested = self.not_tested;
        if span.count() > 0 {
            summary.tested_from = Some(format_time(span.first.saturating_mul(frame.window_ms)));
            summary.tested_to = Some(format_time(end_ms));
        }
        Ok(report)
    }

    fn found(self, plan: &ScanPlan, frame: Frame, mut report: ScanReport, learnt: Vec<u8>) -> Found {
        notes(plan, &mut report, self.reading.clone());
        let (is_by_clock, catch_up_ms) = match plan.coverage {
            Coverage::Clock { catch_up_ms, .. } => (true, catch_up_ms),
            Coverage::Range { .. } | Coverage::Everything => (false, DAY_MS),
        };
        Found {
            report,
            watermark_ms: is_by_clock.then(|| self.span.last.saturating_mul(frame.window_ms)),
            now_ms: self.now_ms.or(self.reading.extent.map(|extent| extent.last_ms)).unwrap_or(0),
            catch_up_ms,
            learnt,
            broken: self.broken,
        }
    }
}

/// The statements' windows: those that come before the tested ones a day at a time, where they are many, else together
/// with the first tested ones.
fn pieces(span: Span, frame: Frame, most: i64) -> Vec<Span> {
    let day_windows = (DAY_MS / frame.window_ms).max(1);
    let before = frame.baseline_windows as i64;
    let first = span.first.saturating_sub(before);
    let mut pieces: Vec<Span> = span.pieces(most).collect();
    if before <= day_windows {
        pieces[0].first = first;
    } else {
        let learning: Vec<Span> = Span { first, last: span.first - 1 }.pieces(day_windows).collect();
        pieces.splice(0..0, learning);
    }
    pieces
}

fn find_spikes(
    plan: &ScanPlan,
    config: &UsageConfig,
    guards: Guards,
    watermark_ms: Option<i64>,
) -> anyhow::Result<Found> {
    let frame = Frame::of(config);
    let opened = Opened::open(plan, frame, watermark_ms)?;
    let mut counted = opened.count(UsageReplay::guarded(*config, guards), frame.baseline_windows, None)?;
    counted.usage.advance(counted.end_ms(frame.window_ms));
    let mut report = counted.report(plan, frame)?;
    report.spikes = counted.usage.take_findings().into_iter().map(SpikeReport::from).collect();
    report.summary.findings = report.spikes.len() as u64;
    Ok(counted.found(plan, frame, report, Vec::new()))
}

/// As [`find_spikes`], for `negative-binomial`. What is remembered ends before the windows that are tested again.
fn find_episodes(
    plan: &ScanPlan,
    learning: &LearningPlan,
    watermark_ms: Option<i64>,
    learnt: Option<Learnt>,
) -> anyhow::Result<Found> {
    let frame = Frame::recent(learning);
    let opened = Opened::open(plan, frame, watermark_ms)?;
    let start = learn::start(learning, learnt, opened.known.map(|(span, _)| span));
    let mut counted = opened.count(start.usage, start.windows_before, None)?;
    counted.usage.tell_from(counted.span.first);
    let mut learnt = Vec::new();
    if counted.span.count() > 0 {
        let kept_to_ms = (counted.span.last + 1 - AGAIN).saturating_mul(frame.window_ms);
        counted.usage.close_to(kept_to_ms);
        if plan.state.is_some() && matches!(plan.coverage, Coverage::Clock { .. }) {
            learnt = learn::write(&counted.usage)?;
        }
        counted.usage.close_to(counted.end_ms(frame.window_ms));
    }
    let mut report = counted.report(plan, frame)?;
    let (alerts, episodes) = counted.usage.take_alerts();
    let is_told = |phase: &str| learning.ends == Ends::Told || phase != Phase::End.name();
    report.alerts = alerts.into_iter().filter(|alert| is_told(alert.data.phase)).map(AlertReport::from).collect();
    report.episodes = episodes.into_iter().map(EpisodeReport::from).collect();
    report.summary.findings = report.alerts.len() as u64;
    report.summary.learnt_from = start.learnt_from_ms.map(format_time);
    Ok(counted.found(plan, frame, report, learnt))
}

/// Both rules over the same rows.
fn find_differences(
    plan: &ScanPlan,
    config: &UsageConfig,
    guards: Guards,
    learning: &LearningPlan,
) -> anyhow::Result<Found> {
    let frame = Frame::of(config);
    let frame = Frame { baseline_windows: frame.baseline_windows.max(WARM_UP_WINDOWS), ..frame };
    let opened = Opened::open(plan, frame, None)?;
    let start = learn::start(learning, None, opened.known.map(|(span, _)| span));
    let before = start.windows_before.max(frame.baseline_windows);
    let mut counted = opened.count(start.usage, before, Some(UsageReplay::guarded(*config, guards)))?;
    let end_ms = counted.end_ms(frame.window_ms);
    counted.usage.tell_from(counted.span.first);
    if counted.span.count() > 0 {
        counted.usage.close_to(end_ms);
    }
    let (mut alerts, episodes) = counted.usage.take_alerts();
    alerts.retain(|alert| learning.ends == Ends::Told || alert.data.phase != Phase::End.name());
    let mut spikes = Vec::new();
    if let Some((mut beside, _)) = counted.beside.take() {
        beside.note_span(counted.span.bounds_ms(config.baseline_windows, config.window_ms).0, end_ms.saturating_sub(1));
        beside.advance(end_ms);
        spikes = beside.take_findings();
    }
    let mut report = counted.report(plan, frame)?;
    let tested_ms = (counted.span.count() as i64).saturating_mul(frame.window_ms);
    report.comparison = Some(compare(&spikes, &alerts, &episodes, tested_ms));
    report.summary.findings = (spikes.len() + alerts.len()) as u64;
    report.summary.learnt_from = start.learnt_from_ms.map(format_time);
    Ok(counted.found(plan, frame, report, Vec::new()))
}

/// What the reader should know before trusting a figure.
pub(super) fn notes(plan: &ScanPlan, report: &mut ScanReport, reading: TableReading) {
    let summary = &mut report.summary;
    let mut notes = Vec::new();
    if summary.windows_not_tested > 0 {
        let windows = counted(summary.windows_not_tested, "window");
        notes.push(match plan.coverage {
            Coverage::Everything => format!("{windows} not tested: too little before"),
            _ => format!("{windows} not tested: further back than --catch-up; --from and --to name them"),
        });
    }
    if let (Some(from), Coverage::Clock { .. }) = (&summary.learnt_from, plan.coverage) {
        notes.push(format!("nothing was remembered of earlier days: learnt from the rows since {from}"));
    }
    if reading.empty_files > 0 {
        notes.push(format!("{} without a byte", counted(reading.empty_files, "file")));
    }
    notes.extend(reading.twins);
    let files = &report.source.files;
    let first = |unread: Option<Unread>| {
        unread.map_or(String::new(), |unread| format!(" (the first in {})", unread.place(files)))
    };
    if summary.rows_without_time > 0 {
        let rows = counted(summary.rows_without_time, "row");
        notes.push(format!("{rows} left out: no time that can be read{}", first(reading.no_time)));
    }
    if summary.rows_without_calls > 0 {
        let rows = counted(summary.rows_without_calls, "row");
        notes.push(format!("{rows} left out: no count that can be read{}", first(reading.no_calls)));
    }
    if summary.rows_without_id > 0 {
        let rows = counted(summary.rows_without_id, "row");
        notes.push(format!("{rows} left out: nothing in {}", report.settings.id_column));
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
