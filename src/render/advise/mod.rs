//! The result of `learn advise` -> bytes: what was read, a part for each analysis, and what was left out.
//!
//! Each analysis has a file here, with its section for people and its rows for programs.

mod allocate;
mod balance;
mod cache;
pub(super) mod csv;
mod forecast;
mod healing;
mod scale;

use super::document::{Block, Document, Section, Text};
use super::{json, markdown, queries, section, table};
use crate::advise::balance::report::BalanceReport;
use crate::advise::config::AdviseConfig;
use crate::advise::model::Model;
use crate::advise::score::ScoreRow;
use crate::advise::{Advice, AdviceReport, Analysis};
use crate::plan::OutputFormat;
use crate::plan::advise::AdvisePlan;
use crate::report::{Input, InputSettings, OptimizationConfig, SCHEMA_VERSION, Summary};
use anyhow::Context;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDocument<'a> {
    schema_version: u32,
    inputs: &'a [Input],
    settings: Settings<'a>,
    summary: &'a Summary,
    #[serde(flatten)]
    advice: &'a Advice,
}

#[derive(Serialize)]
struct Settings<'a> {
    only: Option<Analysis>,
    #[serde(flatten)]
    config: &'a AdviseConfig,
    optimization: &'a OptimizationConfig,
    input: &'a InputSettings,
}

/// A row with its type in front.
#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    row: &'a T,
}

/// What was found, in the plan's form.
///
/// # Errors
/// When it cannot be serialised.
pub fn render(found: &AdviceReport, plan: &AdvisePlan) -> anyhow::Result<Vec<u8>> {
    let AdviceReport { report, advice } = found;
    let output = &plan.replay.output;
    match output.format {
        OutputFormat::Json => json::pretty(&JsonDocument {
            schema_version: SCHEMA_VERSION,
            inputs: &report.inputs,
            settings: Settings {
                only: plan.only,
                config: &plan.config,
                optimization: &plan.limits,
                input: &report.settings.input,
            },
            summary: &report.summary,
            advice,
        }),
        OutputFormat::Ndjson => lines(found),
        OutputFormat::Csv => rows(advice),
        OutputFormat::Config => config(advice),
        OutputFormat::Markdown => Ok(markdown::render("advise", &document(found, plan))),
        OutputFormat::Table => Ok(table::render(&document(found, plan), output.width, output.color)),
    }
}

fn document(AdviceReport { report, advice }: &AdviceReport, plan: &AdvisePlan) -> Document {
    let sections = [
        Some(section::input(report)),
        advice.forecast.as_ref().map(forecast::section),
        advice.balance.as_ref().map(balance::section),
        advice.scale.as_ref().map(scale::section),
        advice.allocate.as_ref().map(allocate::section),
        advice.cache.as_ref().map(cache::section),
        advice.healing.as_ref().map(healing::section),
        advice.queries.as_ref().map(|queries| queries::patterns(queries, &plan.config.queries)),
        advice.queries.as_ref().map(queries::suggestions),
        left_out(advice),
        section::notes(report),
    ];
    Document { sections: sections.into_iter().flatten().collect() }
}

fn left_out(advice: &Advice) -> Option<Section> {
    let line =
        |left: &crate::advise::LeftOut| Text::plain(left.analysis.name()).then_plain(": ").then_prose(&left.reason);
    let list = Block::List(advice.left_out.iter().map(line).collect());
    (!advice.left_out.is_empty()).then(|| Section { title: "Left out".to_owned(), blocks: vec![list] })
}

fn lines(AdviceReport { report, advice }: &AdviceReport) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(forecast) = &advice.forecast {
        append(&mut bytes, "forecast.endpoint", &forecast.endpoints)?;
    }
    if let Some(balance) = &advice.balance {
        append(&mut bytes, "balance.upstream", &balance.upstreams)?;
        append(&mut bytes, "balance.ejection", &balance.ejections)?;
    }
    if let Some(scale) = &advice.scale {
        append(&mut bytes, "scale.window", &scale.windows)?;
        append(&mut bytes, "scale.move", &scale.moves)?;
    }
    if let Some(allocate) = &advice.allocate {
        append(&mut bytes, "allocate.state", &allocate.states)?;
        append(&mut bytes, "allocate.trial", &allocate.trials)?;
    }
    if let Some(cache) = &advice.cache {
        append(&mut bytes, "cache.route", &cache.routes)?;
    }
    if let Some(healing) = &advice.healing {
        append(&mut bytes, "healing.anomaly", &healing.anomalies)?;
    }
    if let Some(queries) = &advice.queries {
        queries::append_lines(&mut bytes, queries)?;
    }
    append(&mut bytes, "leftOut", &advice.left_out)?;
    append(&mut bytes, "summary", std::slice::from_ref(&report.summary))?;
    Ok(bytes)
}

pub(super) fn append<T: Serialize>(bytes: &mut Vec<u8>, r#type: &'static str, rows: &[T]) -> anyhow::Result<()> {
    rows.iter().try_for_each(|row| json::append_line(bytes, &Typed { r#type, row }))
}

/// The rows of the one analysis there is.
fn rows(advice: &Advice) -> anyhow::Result<Vec<u8>> {
    match advice {
        Advice { forecast: Some(forecast), .. } => csv::render(&forecast.endpoints),
        Advice { balance: Some(balance), .. } => csv::render(&balance.upstreams),
        Advice { scale: Some(scale), .. } => csv::render(&scale.windows),
        Advice { allocate: Some(allocate), .. } => csv::render(&allocate.states),
        Advice { cache: Some(cache), .. } => csv::render(&cache.routes),
        Advice { healing: Some(healing), .. } => csv::render(&healing.anomalies),
        _ => Ok(Vec::new()),
    }
}

/// What another program takes of the one analysis there is.
fn config(advice: &Advice) -> anyhow::Result<Vec<u8>> {
    match advice {
        Advice { balance: Some(balance), .. } => nginx_upstream(balance),
        Advice { scale: Some(scale), .. } => json::pretty(&scale.horizontal_pod_autoscaler),
        _ => Ok(Vec::new()),
    }
}

fn nginx_upstream(balance: &BalanceReport) -> anyhow::Result<Vec<u8>> {
    let block = balance.nginx_upstream.as_ref();
    Ok(block
        .context("no upstream is logged with an address; add $upstream_addr to the log_format")?
        .clone()
        .into_bytes())
}

/// Appends a line of `score`.
///
/// # Errors
/// When it cannot be serialised.
pub fn append_score(bytes: &mut Vec<u8>, row: &ScoreRow) -> anyhow::Result<()> {
    json::append_line(bytes, &Typed { r#type: "score", row })
}

/// What was learnt, as it is kept.
///
/// # Errors
/// When it cannot be serialised.
pub fn render_model(model: &Model) -> anyhow::Result<Vec<u8>> {
    json::pretty(model)
}
