//! A scan's report -> bytes.
//!
//! The table and Markdown share one document; the other formats write the report's own fields.

mod section;

use super::escape::csv_cell;
use super::{json, markdown, table};
use crate::plan::{OutputFormat, OutputPlan};
use crate::report::UsageSpike;
use crate::scan::report::ScanReport;
use crate::usage::zscore_daily::{DailyAnomaly, Direction};
use anyhow::Context as _;

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
pub fn event_body(spike: &UsageSpike) -> anyhow::Result<String> {
    let mut line = Vec::new();
    json::append_line(&mut line, spike)?;
    line.pop();
    String::from_utf8(line).context("an event is no UTF-8")
}

fn ndjson(report: &ScanReport) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for spike in &report.spikes {
        json::append_line(&mut bytes, &spike.spike)?;
    }
    for anomaly in &report.daily_anomalies {
        json::append_line(&mut bytes, anomaly)?;
    }
    Ok(bytes)
}

fn csv(report: &ScanReport) -> anyhow::Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    if report.settings.window_ms.is_some() {
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
        for spike in &report.spikes {
            let data = &spike.spike.data;
            writer.write_record([
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
            ])?;
        }
    } else {
        writer.write_record(["apiId", "day", "type", "calls", "revenue", "baselineMean", "stdDev", "zScore"])?;
        for anomaly in &report.daily_anomalies {
            writer.write_record(day_record(anomaly))?;
        }
    }
    writer.into_inner().context("the CSV rows were not written completely")
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
