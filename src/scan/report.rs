//! What a scan found: sorted, serialisable, no formatting.

use crate::plan::InputName;
use crate::plan::scan::{Coverage, Ends, LearningPlan, ScanPlan, UsageRule, UsageSource};
use crate::report::{UsageConfig, UsageSpike, format_time};
use crate::tuning::optional_number;
use crate::usage::alert::{UsageAlert, UsageEpisode};
use crate::usage::compare::Comparison;
use crate::usage::mean5x::{Finding, Guards};
use crate::usage::zscore_daily::DailyAnomaly;
use serde::Serialize;

/// The version of the document's shape.
const SCHEMA_VERSION: u32 = 1;

/// The whole result of `learn scan-usage`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanReport {
    /// Rises when a reader of the document would have to change.
    pub schema_version: u32,
    /// Where the rows were.
    pub source: SourceReport,
    /// Everything that shaped the result.
    pub settings: ScanSettings,
    /// Totals.
    pub summary: ScanSummary,
    /// What `mean5x` found, by window, then developer.
    pub spikes: Vec<SpikeReport>,
    /// What `negative-binomial` tells, by window, then developer.
    pub alerts: Vec<AlertReport>,
    /// The episodes that `negative-binomial` found or that went on in the tested windows, by start, then developer.
    pub episodes: Vec<EpisodeReport>,
    /// What `zscore-daily` found, the most severe first.
    pub daily_anomalies: Vec<DailyAnomaly>,
    /// What two rules tell; absent without `--compare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// Where the rows were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Host and port, or socket and port; `null` for files.
    pub server: Option<String>,
    /// The database; `null` for files.
    pub database: Option<String>,
    /// The table; `null` for files.
    pub table: Option<String>,
    /// The files; empty for a database.
    pub files: Vec<String>,
}

/// What shaped the result; what does not apply is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanSettings {
    /// `mean5x`, `negative-binomial`, `compare` (both) or `zscore-daily`.
    pub rule: &'static str,
    /// Calls must exceed the baseline mean times this.
    #[serde(serialize_with = "optional_number")]
    pub multiplier: Option<f64>,
    /// Windows that make the baseline.
    pub baseline_windows: Option<usize>,
    /// Milliseconds of a window.
    pub window_ms: Option<i64>,
    /// Fewer calls are no spike.
    pub min_calls: Option<u64>,
    /// `flag` or `skip`.
    pub new_developer: Option<&'static str>,
    /// Alerts are less likely than this.
    #[serde(serialize_with = "optional_number")]
    pub surprise: Option<f64>,
    /// Milliseconds before the tested windows from which is learnt where nothing is remembered.
    pub learn_from_ms: Option<i64>,
    /// Whether the end of an episode is told.
    pub resolve: Option<bool>,
    /// Standard deviations.
    #[serde(serialize_with = "optional_number")]
    pub threshold: Option<f64>,
    /// Milliseconds for which windows are held back.
    pub grace_ms: Option<i64>,
    /// Milliseconds for which an outage is made up.
    pub catch_up_ms: Option<i64>,
    /// The range that was asked for, RFC 3339 UTC.
    pub from: Option<String>,
    /// Its end.
    pub to: Option<String>,
    /// Zone of times without one.
    pub timezone: String,
    /// The column that tells developers, or APIs, apart.
    pub id_column: String,
    /// The column of times.
    pub time_column: String,
    /// The column of calls.
    pub calls_column: Option<String>,
}

/// Totals of a scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanSummary {
    /// The clock, RFC 3339 UTC; `null` for files as a whole.
    pub as_of: Option<String>,
    /// Rows read, the baseline's included.
    pub rows: u64,
    /// Of these, rows in the last tested window and its baseline.
    pub recent_rows: u64,
    /// Rows left out because they name no developer, or API.
    pub rows_without_id: u64,
    /// Rows left out because their time is absent or cannot be read.
    pub rows_without_time: u64,
    /// Rows left out because their calls are no count.
    pub rows_without_calls: u64,
    /// Different developers, or APIs.
    pub ids: u64,
    /// Windows tested; days for `zscore-daily`.
    pub windows_tested: u64,
    /// Windows that had too little before them, or lie further back than an outage is made up for.
    pub windows_not_tested: u64,
    /// The start of the first window tested.
    pub tested_from: Option<String>,
    /// The end of the last window tested.
    pub tested_to: Option<String>,
    /// The start of the first window that was learnt from; `null` where something was remembered, or the first row began.
    pub learnt_from: Option<String>,
    /// All findings; of `zscore-daily` at most 100 are listed.
    pub findings: u64,
    /// What the reader should know before trusting a figure.
    pub notes: Vec<String>,
}

/// A spike, what led to it, and whether it is news.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpikeReport {
    /// The event.
    #[serde(flatten)]
    pub spike: UsageSpike,
    /// The window was not over when the rows ended.
    pub partial: bool,
    /// Every receiver of this run had it before.
    pub already_sent: bool,
    /// Calls in each window of the baseline and in the tested one, oldest first.
    pub trend: Vec<u64>,
    /// The start of the window, UTC milliseconds since the epoch.
    #[serde(skip)]
    pub start_ms: i64,
}

impl From<Finding> for SpikeReport {
    /// A finding that nobody has been told yet.
    fn from(Finding { spike, start_ms, trend }: Finding) -> Self {
        SpikeReport { partial: spike.partial, spike, already_sent: false, trend, start_ms }
    }
}

/// An alert, what led to it, and whether it is news.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertReport {
    /// The event.
    #[serde(flatten)]
    pub alert: UsageAlert,
    /// The window was not over when the rows ended.
    pub partial: bool,
    /// Every receiver of this run had it before.
    pub already_sent: bool,
    /// Calls in each of the last twelve windows, oldest first.
    pub trend: Vec<u64>,
}

impl From<UsageAlert> for AlertReport {
    /// An alert that nobody has been told yet.
    fn from(alert: UsageAlert) -> Self {
        AlertReport { partial: alert.partial, trend: alert.trend.clone(), already_sent: false, alert }
    }
}

/// An episode, and whether anything of it is news.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpisodeReport {
    /// The episode.
    #[serde(flatten)]
    pub episode: UsageEpisode,
    /// Every receiver of this run had what there is to tell of it before.
    pub already_sent: bool,
}

impl From<UsageEpisode> for EpisodeReport {
    /// An episode that nobody has been told yet.
    fn from(episode: UsageEpisode) -> Self {
        EpisodeReport { episode, already_sent: false }
    }
}

impl ScanReport {
    /// The report of a run that has found nothing yet.
    pub(super) fn new(plan: &ScanPlan) -> anyhow::Result<Self> {
        Ok(ScanReport {
            schema_version: SCHEMA_VERSION,
            source: source(plan)?,
            settings: settings(plan),
            summary: ScanSummary::default(),
            spikes: Vec::new(),
            alerts: Vec::new(),
            episodes: Vec::new(),
            daily_anomalies: Vec::new(),
            comparison: None,
        })
    }
}

fn source(plan: &ScanPlan) -> anyhow::Result<SourceReport> {
    Ok(match &plan.source {
        UsageSource::Database(_) => {
            let identity = plan.identity()?;
            let (server, database, table) = (Some(identity.host), Some(identity.database), Some(identity.table));
            SourceReport { server, database, table, files: Vec::new() }
        }
        UsageSource::Files(inputs) => {
            SourceReport { files: inputs.iter().map(InputName::shown).collect(), ..SourceReport::default() }
        }
    })
}

fn settings(plan: &ScanPlan) -> ScanSettings {
    let (from, to) = match plan.coverage {
        Coverage::Range { from_ms, to_ms, .. } => (Some(format_time(from_ms)), to_ms.map(format_time)),
        Coverage::Clock { .. } | Coverage::Everything => (None, None),
    };
    let (grace_ms, catch_up_ms) = match (plan.coverage, &plan.rule) {
        (_, UsageRule::ZscoreDaily { .. }) => (None, None),
        (Coverage::Clock { grace_ms, catch_up_ms, .. }, _) => (Some(grace_ms), Some(catch_up_ms)),
        _ => (None, None),
    };
    let id_column = match plan.rule {
        UsageRule::Mean5x(..) | UsageRule::NegativeBinomial(_) | UsageRule::Compare(..) => {
            plan.columns.developer.clone()
        }
        UsageRule::ZscoreDaily { .. } => plan.columns.api.clone(),
    };
    let common = ScanSettings {
        rule: plan.rule.name(),
        multiplier: None,
        baseline_windows: None,
        window_ms: None,
        min_calls: None,
        new_developer: None,
        surprise: None,
        learn_from_ms: None,
        resolve: None,
        threshold: None,
        grace_ms,
        catch_up_ms,
        from,
        to,
        timezone: plan.timezone.to_string(),
        id_column,
        time_column: plan.columns.time.clone(),
        calls_column: plan.columns.calls.clone(),
    };
    let of_mean5x = |config: &UsageConfig, guards: &Guards, common: ScanSettings| ScanSettings {
        multiplier: Some(config.multiplier),
        baseline_windows: Some(config.baseline_windows),
        window_ms: Some(config.window_ms),
        min_calls: Some(guards.min_calls),
        new_developer: Some(guards.new_developer.name()),
        ..common
    };
    let of_learning = |learning: &LearningPlan, common: ScanSettings| ScanSettings {
        window_ms: Some(learning.calendar.window_ms()),
        surprise: Some(learning.surprise),
        learn_from_ms: Some(learning.learn_from_ms),
        resolve: Some(learning.ends == Ends::Told),
        ..common
    };
    match &plan.rule {
        UsageRule::Mean5x(config, guards) => of_mean5x(config, guards, common),
        UsageRule::NegativeBinomial(learning) => of_learning(learning, common),
        UsageRule::Compare(config, guards, learning) => of_learning(learning, of_mean5x(config, guards, common)),
        UsageRule::ZscoreDaily { threshold } => ScanSettings { threshold: Some(*threshold), ..common },
    }
}
