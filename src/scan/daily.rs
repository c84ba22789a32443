//! The rule `zscore-daily` over a source: the days of every API.

use super::find::{Found, notes};
use super::report::ScanReport;
use super::source::{Source, Tally, as_of_ms, query};
use crate::plan::scan::{Coverage, ScanPlan};
use crate::report::format_time;
use crate::source::usage::{CountedBy, UsageQuery};
use crate::usage::zscore_daily::{self, DAY_MS, Day};
use std::collections::BTreeMap;

/// The rows of `zscore-daily`, `from` inclusive and `to` exclusive.
pub(super) fn days(coverage: Coverage, now_ms: i64) -> (i64, i64) {
    match coverage {
        Coverage::Range { from_ms, to_ms, .. } => (from_ms, to_ms.unwrap_or(now_ms)),
        Coverage::Clock { .. } | Coverage::Everything => zscore_daily::bounds_ms(now_ms),
    }
}

/// Reads what the plan names and judges its days.
pub(super) fn find_days(plan: &ScanPlan, threshold: f64) -> anyhow::Result<Found> {
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
    summary.rows_without_calls = reading.rows_without_calls;
    summary.ids = series.len() as u64;
    summary.windows_tested = tally.rows_by_window.len() as u64;
    summary.tested_from = tally.rows_by_window.keys().next().map(|day| day_start(*day));
    summary.tested_to = tally.rows_by_window.keys().last().map(|day| day_start(*day + 1));
    summary.findings = found as u64;
    notes(plan, &mut report, reading);
    Ok(Found {
        report,
        watermark_ms: None,
        now_ms: end_ms.unwrap_or(0),
        catch_up_ms: 0,
        learnt: Vec::new(),
        broken: None,
    })
}
