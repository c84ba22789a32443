//! The result of `learn backtest` -> bytes: what was read, and the backtest.

use super::document::Document;
use super::{json, markdown, section, table};
use crate::backtest::report::BacktestReport;
use crate::plan::{OutputFormat, OutputPlan};
use crate::report::{Input, Report, SCHEMA_VERSION, Settings, Summary};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDocument<'a> {
    schema_version: u32,
    inputs: &'a [Input],
    settings: &'a Settings,
    summary: &'a Summary,
    backtest: &'a Option<BacktestReport>,
}

/// The parts of a report that concern the backtest.
///
/// # Errors
/// When they cannot be serialised.
pub fn render(report: &Report, output: &OutputPlan) -> anyhow::Result<Vec<u8>> {
    match output.format {
        OutputFormat::Json => json::pretty(&JsonDocument {
            schema_version: SCHEMA_VERSION,
            inputs: &report.inputs,
            settings: &report.settings,
            summary: &report.summary,
            backtest: &report.backtest,
        }),
        OutputFormat::Markdown => Ok(markdown::render("backtest", &document(report))),
        _ => Ok(table::render(&document(report), output.width, output.color)),
    }
}

fn document(report: &Report) -> Document {
    let backtest = report.backtest.as_ref().map(section::backtest::section);
    let sections = [backtest, Some(section::input(report)), section::notes(report)];
    Document { sections: sections.into_iter().flatten().collect() }
}
