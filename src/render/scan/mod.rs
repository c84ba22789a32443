//! A scan's report -> bytes.
//!
//! The table and Markdown share one document; the other formats write the report's own fields.

pub(super) mod section;

use super::escape::csv_cell;
use super::{json, markdown, table};
use crate::plan::{OutputFormat, OutputPlan};
use crate::scan::report::{AlertReport, ScanReport, SpikeReport};
use crate::usage::compare::{Agreement, Comparison, DeveloperComparison};
use crate::usage::zscore_daily::{DailyAnomaly, Direction};
use anyhow::Context as _;
use serde::Serialize;

/// The report in the plan's format, whole.
///
/// # Errors
/// When the report cannot be serialised.
pub fn render(report: &ScanReport, output: &OutputPlan) -> anyhow::Result<Vec<u8>> {
    match output.format {
        OutputFormat::Table | OutputFormat::Config => {
            Ok(table::render(&section::document(report), output.width, output.color))
        }
        OutputFormat::Markdown => Ok(markdown::render("scan-usage", &section::document(report))),
        OutputFormat::Json => json::pretty(report),
        OutputFormat::Ndjson => ndjson(report),
        OutputFormat::Csv => csv(report),
    }
}

/// An event as it is sent: one line of JSON without its line end.
///
/// # Errors
/// When the event cannot be serialised.
pub fn event_body(event: &impl Serialize) -> anyhow::Result<String> {
    let mut line = Vec::new();
    json::append_line(&mut line, event)?;
    line.pop();
    String::from_utf8(line).context("an event is no UTF-8")
}

fn ndjson(report: &ScanReport) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for spike in &report.spikes {
        json::append_line(&mut bytes, &spike.spike)?;
    }
    for alert in &report.alerts {
        json::append_line(&mut bytes, &alert.alert)?;
    }
    if let Some(comparison) = &report.comparison {
        json::append_line(&mut bytes, comparison)?;
    }
    for anomaly in &report.daily_anomalies {
        json::append_line(&mut bytes, anomaly)?;
    }
    Ok(bytes)
}

fn csv(report: &ScanReport) -> anyhow::Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    match Shown::of(report) {
        Shown::Spikes => {
            writer.write_record([
                "developerId",
                "windowStart",
                "windowEnd",
                "currentCalls",
                "baselineMean",
                "multiplier",
                "ratio",
                "windowMs",
                "partial",
                "alreadySent",
            ])?;
            report.spikes.iter().try_for_each(|spike| writer.write_record(spike_record(spike)))?;
        }
        Shown::Episodes => {
            writer.write_record([
                "developerId",
                "kind",
                "phase",
                "windowStart",
                "windowEnd",
                "currentCalls",
                "scale",
                "observed",
                "expected",
                "ratio",
                "probability",
                "profile",
                "level",
                "rule",
                "windowMs",
                "partial",
                "alreadySent",
            ])?;
            report.alerts.iter().try_for_each(|alert| writer.write_record(alert_record(alert)))?;
        }
        Shown::Comparison(comparison) => {
            writer.write_record([
                "developerId",
                "mean5xAlerts",
                "negativeBinomialAlerts",
                "both",
                "onlyMean5x",
                "onlyNegativeBinomial",
                "silences",
            ])?;
            comparison.developers.iter().try_for_each(|one| writer.write_record(developer_record(one)))?;
        }
        Shown::Days => {
            writer.write_record(["apiId", "day", "type", "calls", "revenue", "baselineMean", "stdDev", "zScore"])?;
            report.daily_anomalies.iter().try_for_each(|anomaly| writer.write_record(day_record(anomaly)))?;
        }
    }
    writer.into_inner().context("the CSV rows were not written completely")
}

/// What a rule's findings are.
#[derive(Clone, Copy, Debug)]
enum Shown<'a> {
    /// Of `mean5x`.
    Spikes,
    /// Of `negative-binomial`.
    Episodes,
    /// Of both.
    Comparison(&'a Comparison),
    /// Of `zscore-daily`.
    Days,
}

impl<'a> Shown<'a> {
    fn of(report: &'a ScanReport) -> Shown<'a> {
        let settings = &report.settings;
        if let Some(comparison) = &report.comparison {
            return Shown::Comparison(comparison);
        }
        match (settings.surprise, settings.threshold) {
            (Some(_), _) => Shown::Episodes,
            (None, Some(_)) => Shown::Days,
            (None, None) => Shown::Spikes,
        }
    }
}

fn spike_record(spike: &SpikeReport) -> [String; 10] {
    let data = &spike.spike.data;
    [
        csv_cell(&spike.spike.developer_id),
        data.window_start.clone(),
        data.window_end.clone(),
        data.current_calls.to_string(),
        data.baseline_mean.to_string(),
        data.multiplier.to_string(),
        data.ratio.map(|ratio| ratio.to_string()).unwrap_or_default(),
        data.window_ms.to_string(),
        spike.partial.to_string(),
        spike.already_sent.to_string(),
    ]
}

fn alert_record(alert: &AlertReport) -> [String; 17] {
    let data = &alert.alert.data;
    let why = &data.why;
    [
        csv_cell(&alert.alert.developer_id),
        data.kind.to_owned(),
        data.phase.to_owned(),
        data.window_start.clone(),
        data.window_end.clone(),
        data.current_calls.to_string(),
        why.scale.to_string(),
        why.observed.to_string(),
        why.expected.to_string(),
        why.ratio.to_string(),
        scientific(why.probability),
        why.profile.map(|profile| profile.to_string()).unwrap_or_default(),
        why.level.to_string(),
        data.rule.to_owned(),
        data.window_ms.to_string(),
        alert.partial.to_string(),
        alert.already_sent.to_string(),
    ]
}

fn developer_record(one: &DeveloperComparison) -> [String; 7] {
    let Agreement { both, only_mean5x, only_negative_binomial, silences } = one.agreement;
    let counts = [one.mean5x_alerts, one.negative_binomial_alerts, both, only_mean5x, only_negative_binomial, silences];
    let [a, b, c, d, e, f] = counts.map(|count| count.to_string());
    [csv_cell(&one.developer_id), a, b, c, d, e, f]
}

/// A probability as spreadsheets and people read it.
fn scientific(probability: f64) -> String {
    format!("{probability:e}")
}

fn day_record(anomaly: &DailyAnomaly) -> [String; 8] {
    [
        csv_cell(&anomaly.api_id),
        anomaly.day.clone(),
        direction(anomaly.r#type).to_owned(),
        anomaly.calls.to_string(),
        csv_cell(anomaly.revenue.as_deref().unwrap_or_default()),
        anomaly.baseline_mean.to_string(),
        anomaly.std_dev.to_string(),
        anomaly.z_score.to_string(),
    ]
}

/// The direction as the JSON has it.
fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Spike => "spike",
        Direction::Drop => "drop",
    }
}
