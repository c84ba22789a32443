//! Analyses of a whole log, after OpenSpeed's optimizer: each gives what the plugin would have said, by its formulas and
//! numbers, and beside it a measure of whether that holds.
//!
//! In go the kept requests of a log, out comes an [`Advice`]. Nothing here reads a log or changes anything that runs, and
//! nothing but the temporary file of `trace` touches the world.
//!
//! | where | what |
//! |---|---|
//! | `config` | every number that can be set |
//! | `trace` | all requests in order of time, read back as often as need be |
//! | `balance` | the health of upstreams, their weights, and ejections |
//! | `forecast` | smoothed durations, and how good they are as forecasts |
//! | `scale` | how many replicas the load needs |

pub mod balance;
pub mod config;
pub mod forecast;
pub mod scale;
pub(crate) mod trace;

use crate::backtest::spool::Stored;
use crate::plan::advise::AdvisePlan;
use crate::report::{Report, format_time};
use crate::route::endpoint::EndpointNames;
use balance::Balance;
use forecast::Forecast;
use serde::Serialize;
use trace::Trace;

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
}

impl Analysis {
    /// All of them, in the order of the report.
    pub const ALL: [Analysis; 3] = [Analysis::Forecast, Analysis::Balance, Analysis::Scale];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Analysis::Forecast => "forecast",
            Analysis::Balance => "balance",
            Analysis::Scale => "scale",
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

/// Runs what the plan asks for.
///
/// # Errors
/// When the requests cannot be read back.
pub(crate) fn run(plan: &AdvisePlan, kept: &Kept, names: &EndpointNames) -> anyhow::Result<Advice> {
    let wants = |analysis| plan.wants(analysis).then_some(analysis);
    let mut left_out = Vec::new();
    let mut forecast = wants(Analysis::Forecast).map(|_| Forecast::new(plan.config.forecast));
    let mut balance = wants(Analysis::Balance).map(|_| Balance::new(plan.config.balance, &kept.trace));
    kept.trace.replay(|visit| {
        forecast.iter_mut().for_each(|forecast| forecast.take(visit));
        balance.iter_mut().for_each(|balance| balance.take(visit));
        Ok(())
    })?;
    let timezone = plan.replay.input.wanted.timezone;
    let forecast = forecast.map(|forecast| forecast.finish(kept, names, timezone));
    let balance = balance.map(|balance| balance.finish(kept, names, &plan.upstream));
    let scale = wants(Analysis::Scale).map(|_| scale::run(plan, kept)).transpose()?;
    Ok(Advice {
        forecast: possible(forecast, Analysis::Forecast, &mut left_out),
        balance: possible(balance, Analysis::Balance, &mut left_out),
        scale: possible(scale, Analysis::Scale, &mut left_out),
        left_out,
    })
}

/// The result of an analysis that was asked for; the reason goes among what is left out.
fn possible<T>(outcome: Option<Outcome<T>>, analysis: Analysis, left_out: &mut Vec<LeftOut>) -> Option<T> {
    outcome?.map_err(|reason| left_out.push(LeftOut { analysis, reason })).ok()
}
