//! Report -> bytes, one file per format.
//!
//! In goes what a run found, out come the bytes of one output format. Nothing here prints, computes a
//! result or reads a clock. Text from logs is hostile and leaves through `escape` alone.
//!
//! `section` puts the report together as a `document` for people, which `table` and `markdown` lay out;
//! the other formats write the report's own fields.

pub mod advise;
pub mod backtest;
mod config;
mod csv;
pub mod diff;
mod document;
pub mod escape;
pub mod formats;
#[cfg(test)]
mod hostile_tests;
mod json;
mod layout;
mod markdown;
mod ndjson;
pub(crate) mod queries;
#[cfg(test)]
mod sample;
pub mod scan;
#[cfg(test)]
mod schema_tests;
mod section;
mod table;
#[cfg(test)]
mod tests;
mod time;
pub(crate) mod window_table;

pub(crate) use crate::figure;
pub use config::{carried_over, complete};

use crate::plan::{OutputFormat, OutputPlan};
use crate::report::Report;

/// The report in the plan's format, whole.
///
/// # Errors
/// When the report cannot be serialised.
pub fn render(report: &Report, output: &OutputPlan) -> anyhow::Result<Vec<u8>> {
    match output.format {
        OutputFormat::Table => Ok(table::render(&section::document(report), output.width, output.color)),
        OutputFormat::Json => json::render(report),
        OutputFormat::Ndjson => ndjson::render(report),
        OutputFormat::Csv => csv::render(report),
        OutputFormat::Markdown => Ok(markdown::render("replay", &section::document(report))),
        OutputFormat::Config => config::render(report),
    }
}
