//! Analyses of a whole log, after OpenSpeed's optimizer: each gives what the plugin would have said, by its formulas and
//! numbers, and beside it a measure of whether that holds.
//!
//! In go the kept requests of a log, out comes an [`Advice`]. Nothing here reads a log or changes anything that runs, and
//! nothing but the temporary file of `trace` touches the world.
//!
//! | where | what |
//! |---|---|
//! | `cache` | what is worth keeping, and worth fetching ahead |
//! | `config` | every number that can be set |
//! | `trace` | all requests in order of time, read back as often as need be |
//! | `allocate` | when to add and take away replicas, learnt by Q-learning |
//! | `balance` | the health of upstreams, their weights, and ejections |
//! | `forecast` | smoothed durations, and how good they are as forecasts |
//! | `healing` | what to do about critical anomalies |
//! | `model` | what was learnt, kept for the next log |
//! | `queries` | which queries cost the time, and the indexes that could save it |
//! | `scale` | how many replicas the load needs |

pub mod allocate;
pub mod balance;
pub mod cache;
pub mod config;
pub mod forecast;
pub mod healing;
pub mod model;
pub mod queries;
pub mod scale;
pub mod score;
pub(crate) mod trace;

use crate::backtest::spool::Stored;
use crate::plan::advise::AdvisePlan;
use crate::report::{Report, format_time};
use crate::route::endpoint::EndpointNames;
use allocate::Allocate;
use balance::Balance;
use cache::Cache;
use forecast::Forecast;
use healing::Healing;
use model::{Learnt, Model};
use score::{ScoreRow, Scores};
use serde::Serialize;
use trace::{Trace, Visit};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Analysis {
    /// How long requests will take.
    Forecast,
    /// How healthy upstreams are.
    Balance,
    /// How many replicas the load needs.
    Scale,
    /// When to add and take away replicas.
    Allocate,
    /// What to keep and to fetch ahead.
    Cache,
    /// What to do about critical anomalies.
    Healing,
    /// The plugin's headers, request by request.
    Score,
}

impl Analysis {
    /// All of them, in the order of the report.
    pub const ALL: [Analysis; 7] = [
        Analysis::Forecast,
        Analysis::Balance,
        Analysis::Scale,
        Analysis::Allocate,
        Analysis::Cache,
        Analysis::Healing,
        Analysis::Score,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Analysis::Forecast => "forecast",
            Analysis::Balance => "balance",
            Analysis::Scale => "scale",
            Analysis::Allocate => "allocate",
            Analysis::Cache => "cache",
            Analysis::Healing => "healing",
            Analysis::Score => "score",
        }
    }

    /// Whether it has something that another program reads.
    pub(crate) fn writes_config(self) -> bool {
        matches!(self, Analysis::Balance | Analysis::Scale)
    }
}

/// What the analyses found, and the run that they are of.
pub struct AdviceReport {
    /// What was read; the rest of it is unused.
    pub report: Report,
    /// What was found.
    pub advice: Advice,
}

/// What the analyses found; one that was not asked for or not possible is absent.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// `forecast`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<forecast::report::ForecastReport>,
    /// `balance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<balance::report::BalanceReport>,
    /// `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<scale::report::ScaleReport>,
    /// `allocate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocate: Option<allocate::report::AllocateReport>,
    /// `cache`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<cache::report::CacheReport>,
    /// `healing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healing: Option<healing::report::HealingReport>,
    /// `queries`, where requests were logged with theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries: Option<queries::report::QueriesReport>,
    /// What the log does not support, with the reason.
    pub left_out: Vec<LeftOut>,
}

/// An analysis that was not possible.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Which.
    pub analysis: Analysis,
    /// Why, as a sentence without its stop.
    pub reason: String,
}

/// The requests that a result rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// How many.
    pub requests: u64,
    /// The end of the first, RFC 3339 UTC.
    pub from: String,
    /// The end of the last, RFC 3339 UTC.
    pub to: String,
}

/// What an analysis comes to: its result, or why there is none.
pub(crate) type Outcome<T> = Result<T, String>;

/// The requests of a log, kept twice.
pub(crate) struct Kept {
    /// By start.
    pub calls: Stored,
    /// By end, with all that is looked at.
    pub trace: Trace,
}

impl Kept {
    /// All requests.
    fn basis(&self) -> Basis {
        let (from_ms, to_ms) = self.trace.span_ms().unwrap_or_default();
        Basis { requests: self.trace.visits(), from: format_time(from_ms), to: format_time(to_ms) }
    }
}

/// The first part of the log's time, from which is learnt; the rest is held out.
const LEARNT_SHARE: (i64, i64) = (2, 3);

impl Kept {
    /// Where the last third begins, UTC ms.
    fn held_out_ms(&self) -> i64 {
        let (from_ms, to_ms) = self.trace.span_ms().unwrap_or_default();
        let (part, whole) = LEARNT_SHARE;
        from_ms.saturating_add(to_ms.saturating_sub(from_ms) / whole * part)
    }
}

/// The analyses that go over single requests, as far as they are asked for.
struct Passing<'a> {
    forecast: Option<Forecast>,
    balance: Option<Balance>,
    allocate: Option<Allocate>,
    cache: Option<Cache<'a>>,
    healing: Option<Healing>,
}

impl<'a> Passing<'a> {
    fn new(plan: &AdvisePlan, kept: &Kept, names: &'a EndpointNames, model: &Model) -> Self {
        let (config, limits) = (&plan.config, plan.limits);
        let held_out_ms = kept.held_out_ms();
        let wants = |analysis| plan.wants(analysis).then_some(());
        let rates = allocate::Plan::new(config.allocate, &config.scale, &limits);
        let table = model.q_table().unwrap_or_default();
        let learnt = model.learnt(names).smooth;
        Passing {
            forecast: wants(Analysis::Forecast).map(|()| Forecast::new(config.forecast, &learnt)),
            balance: wants(Analysis::Balance).map(|()| Balance::new(config.balance, &kept.trace)),
            allocate: wants(Analysis::Allocate).map(|()| Allocate::new(rates, held_out_ms, table)),
            cache: wants(Analysis::Cache).map(|()| Cache::new(config.cache, names, held_out_ms)),
            healing: wants(Analysis::Healing).map(|()| Healing::new(limits)),
        }
    }

    fn take(&mut self, visit: &Visit) {
        self.forecast.iter_mut().for_each(|forecast| forecast.take(visit));
        self.balance.iter_mut().for_each(|balance| balance.take(visit));
        self.allocate.iter_mut().for_each(|allocate| allocate.take(visit));
        self.cache.iter_mut().for_each(|cache| cache.take(visit));
        self.healing.iter_mut().for_each(|healing| healing.take(visit));
    }
}

/// Why the combined report has no headers.
const NO_SCORES: &str = "it has a row for each request; `learn advise score` writes them";

/// Runs what the plan asks for; the model takes over what is learnt.
///
/// # Errors
/// When the requests cannot be read back.
pub(crate) fn run(plan: &AdvisePlan, kept: &Kept, names: &EndpointNames, model: &mut Model) -> anyhow::Result<Advice> {
    let mut passing = Passing::new(plan, kept, names, model);
    if plan.only != Some(Analysis::Scale) {
        kept.trace.replay(|visit| {
            passing.take(visit);
            Ok(())
        })?;
    }
    let scale = plan.wants(Analysis::Scale).then(|| scale::run(plan, kept)).transpose()?;
    let Passing { forecast, balance, allocate, cache, healing } = passing;
    if let Some(forecast) = &forecast {
        model.keep(Learnt { smooth: forecast.learnt(), ..model.learnt(names) });
    }
    let timezone = plan.replay.input.wanted.timezone;
    let forecast = forecast.map(|forecast| forecast.finish(kept, names, timezone));
    let allocate = allocate.map(|allocate| {
        let (report, table) = allocate.finish(kept)?;
        model.keep_q_table(table);
        Ok(report)
    });
    let mut left_out = Vec::new();
    let advice = Advice {
        forecast: possible(forecast, Analysis::Forecast, &mut left_out),
        balance: balance.map(|balance| balance.finish(kept, names, &plan.upstream)),
        scale: possible(scale, Analysis::Scale, &mut left_out),
        allocate: possible(allocate, Analysis::Allocate, &mut left_out),
        cache: cache.map(|cache| cache.finish(kept)),
        healing: healing.map(|healing| healing.finish(kept, names)),
        queries: None,
        left_out: Vec::new(),
    };
    left_out.push(LeftOut { analysis: Analysis::Score, reason: NO_SCORES.to_owned() });
    left_out.retain(|left| plan.wants(left.analysis));
    Ok(Advice { left_out, ..advice })
}

/// `score`: hands on a row for each request; the model takes over what is learnt.
///
/// # Errors
/// When the requests cannot be read back, and those of `each`.
pub(crate) fn score(
    plan: &AdvisePlan,
    kept: &Kept,
    names: &EndpointNames,
    model: &mut Model,
    mut each: impl FnMut(&ScoreRow) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (limits, timezone) = (plan.limits, plan.replay.input.wanted.timezone);
    let mut scores = Scores::new(plan.config.forecast, limits, timezone, names, model.learnt(names));
    kept.trace.replay(|visit| each(&scores.take(visit)))?;
    model.keep(scores.finish());
    Ok(())
}

/// The result of an analysis that was asked for; the reason goes among what is left out.
fn possible<T>(outcome: Option<Outcome<T>>, analysis: Analysis, left_out: &mut Vec<LeftOut>) -> Option<T> {
    outcome?.map_err(|reason| left_out.push(LeftOut { analysis, reason })).ok()
}
