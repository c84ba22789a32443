//! The rule `zscore-daily`: calls of an API on a day, as a z-score against all of its days.
//!
//! Source: the retrospective detector of CalloraOrg. z = (calls - mean) / sigma over the days that have rows,
//! sigma being the population's; |z| >= threshold is a spike or a drop. Fewer than 3 days or a flat series
//! give nothing. Reads no clock.

use super::mean5x::round4;
use crate::report::format_time;
use crate::tuning::number;
use serde::Serialize;
use std::collections::BTreeMap;

/// A UTC day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// Days that the rule looks back.
const DAYS: i64 = 30;

/// Days with rows that make a series.
const MIN_DAYS: usize = 3;

/// The most findings that are told.
const MAX_FINDINGS: usize = 100;

/// Above or below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More calls than usual.
    Spike,
    /// Fewer.
    Drop,
}

/// One day of one API that stands out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DailyAnomaly {
    /// Which API.
    pub api_id: String,
    /// The UTC day, `YYYY-MM-DD`.
    pub day: String,
    /// In which direction.
    pub r#type: Direction,
    /// Calls of the day.
    pub calls: u64,
    /// The day's sum of the amount column, as the source writes it; `None` without such a column.
    pub revenue: Option<String>,
    /// Mean calls of the days with rows, 4 decimals.
    #[serde(serialize_with = "number")]
    pub baseline_mean: f64,
    /// Their population standard deviation, 4 decimals.
    #[serde(serialize_with = "number")]
    pub std_dev: f64,
    /// The z-score, 4 decimals.
    #[serde(serialize_with = "number")]
    pub z_score: f64,
}

/// One day of one API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Calls.
    pub calls: u64,
    /// The sum of the amount column.
    pub revenue: Option<String>,
}

impl Day {
    /// Adds rows of the same day.
    pub fn add(&mut self, calls: u64, revenue: Option<&str>) {
        self.calls = self.calls.saturating_add(calls);
        self.revenue = match (self.revenue.take(), revenue) {
            (Some(one), Some(other)) => Some(sum_of(&one, other)),
            (one, other) => one.or_else(|| other.map(str::to_owned)),
        };
    }
}

/// The sum of two decimals, exact as long as their digits allow.
fn sum_of(one: &str, other: &str) -> String {
    let scale = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = scale(one).max(scale(other));
    let exact = || scaled(one, scale)?.checked_add(scaled(other, scale)?);
    match exact() {
        Some(sum) => {
            let (sign, digits) = (if sum < 0 { "-" } else { "" }, sum.unsigned_abs().to_string());
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            format!("{sign}{whole}{point}{fraction}")
        }
        None => (one.parse().unwrap_or(0.0) + other.parse().unwrap_or(0.0_f64)).to_string(),
    }
}

/// A plain decimal as a whole number of its last digits.
fn scaled(text: &str, scale: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

/// The rows to read at this clock, `from` inclusive and `to` exclusive, in UTC milliseconds: the last 30 days
/// that begin no earlier than 30 days ago, the clock's own day up to the clock.
pub fn bounds_ms(now_ms: i64) -> (i64, i64) {
    let earliest = now_ms.saturating_sub(DAYS * DAY_MS);
    let into_day = earliest.rem_euclid(DAY_MS);
    (if into_day == 0 { earliest } else { earliest - into_day + DAY_MS }, now_ms)
}

/// Judges every day of every API, the days counted from the epoch: the most severe first, at most 100. The
/// number of all findings is second.
pub fn detect(series: &BTreeMap<String, BTreeMap<i64, Day>>, threshold: f64) -> (Vec<DailyAnomaly>, usize) {
    let mut found: Vec<(f64, DailyAnomaly)> = Vec::new();
    for (api_id, days) in series.iter().filter(|(_, days)| days.len() >= MIN_DAYS) {
        let count = days.len() as f64;
        let mean = days.values().map(|day| day.calls as f64).sum::<f64>() / count;
        let variance = days.values().map(|day| (day.calls as f64 - mean).powi(2)).sum::<f64>() / count;
        let std_dev = variance.sqrt();
        if std_dev == 0.0 {
            continue;
        }
        for (number, day) in days {
            let z_score = (day.calls as f64 - mean) / std_dev;
            if z_score.abs() >= threshold {
                found.push((z_score.abs(), anomaly(api_id, *number, day, [mean, std_dev, z_score])));
            }
        }
    }
    // Stable: equals stay by API, then day.
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let all = found.len();
    (found.into_iter().take(MAX_FINDINGS).map(|(_, anomaly)| anomaly).collect(), all)
}

fn anomaly(api_id: &str, number: i64, day: &Day, [mean, std_dev, z_score]: [f64; 3]) -> DailyAnomaly {
    DailyAnomaly {
        api_id: api_id.to_owned(),
        day: format_time(number.saturating_mul(DAY_MS)).chars().take_while(|letter| *letter != 'T').collect(),
        r#type: if z_score > 0.0 { Direction::Spike } else { Direction::Drop },
        calls: day.calls,
        revenue: day.revenue.clone(),
        baseline_mean: round4(mean),
        std_dev: round4(std_dev),
        z_score: round4(z_score),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(calls: &[u64]) -> BTreeMap<String, BTreeMap<i64, Day>> {
        let days = calls.iter().enumerate().map(|(day, &calls)| (day as i64, Day { calls, revenue: None }));
        BTreeMap::from([("api".to_owned(), days.collect())])
    }

    /// `n` quiet days and one loud one: z of the loud day is exactly the root of n.
    fn loud(quiet: usize) -> Vec<u64> {
        let mut calls = vec![10; quiet];
        calls.push(20);
        calls
    }

    #[test]
    fn the_threshold_itself_counts() {
        let found = |quiet, threshold| detect(&series(&loud(quiet)), threshold).0.len();
        assert_eq!(found(9, 3.0), 1);
        assert_eq!(found(8, 3.0), 0);
        let anomaly = &detect(&series(&loud(9)), 3.0).0[0];
        assert_eq!((anomaly.r#type, &*anomaly.day, anomaly.calls), (Direction::Spike, "1970-01-10", 20));
        assert_eq!((anomaly.baseline_mean, anomaly.std_dev, anomaly.z_score), (11.0, 3.0, 3.0));
    }

    #[test]
    fn drops_count_too_and_round_towards_plus_infinity() {
        let mut calls = vec![20; 10];
        calls.push(10);
        let anomaly = &detect(&series(&calls), 3.0).0[0];
        assert_eq!((anomaly.r#type, anomaly.z_score), (Direction::Drop, -3.1623));
        assert_eq!(round4(-0.000_05), 0.0);
        assert_eq!(round4(-0.000_06), -0.0001);
    }

    #[test]
    fn short_and_flat_series_give_nothing() {
        assert_eq!(detect(&series(&[1, 100]), 1.0).1, 0);
        assert_eq!(detect(&series(&[1, 1, 100]), 1.0).1, 1);
        assert_eq!(detect(&series(&[7; 20]), 1.0).1, 0);
    }

    #[test]
    fn the_most_severe_come_first_and_a_hundred_at_most() {
        let one = series(&loud(9)).remove("api").unwrap();
        let mut all: BTreeMap<_, _> = (0..120).map(|number| (format!("api{number:03}"), one.clone())).collect();
        all.extend([("worst".to_owned(), series(&loud(16)).remove("api").unwrap())]);
        let (found, count) = detect(&all, 3.0);
        assert_eq!((found.len(), count), (100, 121));
        assert_eq!((&*found[0].api_id, &*found[1].api_id), ("worst", "api000"));
    }

    #[test]
    fn revenue_adds_up_exactly() {
        let sum = |parts: &[&str]| {
            let mut day = Day::default();
            parts.iter().for_each(|part| day.add(1, Some(part)));
            day.revenue.unwrap()
        };
        assert_eq!(sum(&["0.1", "0.2"]), "0.3");
        assert_eq!(sum(&["1", "0.050"]), "1.050");
        assert_eq!(sum(&["-0.5", "0.25"]), "-0.25");
        assert_eq!(sum(&["7", "8"]), "15");
        assert_eq!(sum(&["1e3", "1"]), "1001");
        assert_eq!(sum(&["12"]), "12");
    }

    #[test]
    fn thirty_days_end_with_the_clock() {
        assert_eq!(bounds_ms(40 * DAY_MS), (10 * DAY_MS, 40 * DAY_MS));
        assert_eq!(bounds_ms(40 * DAY_MS + 1), (11 * DAY_MS, 40 * DAY_MS + 1));
    }
}
