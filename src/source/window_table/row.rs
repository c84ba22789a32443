//! One row of a table: what it says, checked, in the terms of the run.

use crate::backtest::call::MINUTE_US;
use crate::request::MAX_DURATION_NS;
use crate::source::time::{MAX_MS, MIN_MS};
use crate::window::minute::{MINUTE_MS, MinuteCounts, MinuteKey};
use crate::window::table::{TableRow, VERSION, outcome_named};
use anyhow::{Context, bail, ensure};

/// The most requests of one row: a minute of one endpoint.
const MAX_ROW_REQUESTS: i64 = u32::MAX as i64;

/// A row that can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRow {
    /// `request` or `upstream`.
    pub latency: String,
    /// The method.
    pub method: String,
    /// The route.
    pub route: String,
    /// The key; its endpoint is not known yet.
    pub(crate) key: MinuteKey,
    /// What was counted.
    pub(crate) counts: MinuteCounts,
    /// Nanoseconds with how often they occurred, ascending.
    pub values: Vec<(u64, u64)>,
}

impl CheckedRow {
    /// Checks a row.
    ///
    /// # Errors
    /// The column, what was found, and what was expected.
    pub(super) fn new(row: TableRow) -> anyhow::Result<Self> {
        if row.version != VERSION {
            bail!(
                "its layout is of version {}, expected {VERSION}: write the table with this version of learn, or read \
                 it with the one that wrote it",
                row.version
            );
        }
        let outcome = outcome_named(&row.outcome);
        let (outcome, not_found) = outcome
            .with_context(|| format!("outcome: found `{}`, expected good, notFound, neither or failed", row.outcome))?;
        let minute = minute_of(row.minute_us, "minute")?;
        let started = minute_of(row.start_minute_us, "startMinute")?;
        let (first_us, last_us) = row.ended_us;
        let minute_start_us = row.minute_us - MINUTE_US;
        ensure!(
            minute_start_us < first_us && first_us <= last_us && last_us <= row.minute_us,
            "firstRequest, lastRequest: expected two times in order within the minute that ends at `minute`"
        );
        ensure!(first_us % 1000 == 0 && last_us % 1000 == 0, "firstRequest, lastRequest: expected whole milliseconds");
        let (first_start_us, last_start_us) = row.started_us;
        let starts = row.start_minute_us..row.start_minute_us + MINUTE_US;
        ensure!(
            starts.contains(&first_start_us) && starts.contains(&last_start_us) && first_start_us <= last_start_us,
            "firstStart, lastStart: expected two times in order within the minute from `startMinute` on"
        );
        let longest_us = (MAX_DURATION_NS / 1000) as i64;
        ensure!(
            first_start_us >= first_us - longest_us && last_start_us <= last_us,
            "firstStart, lastStart: expected requests to start before they end, by 1,000 days at most"
        );
        let counts = MinuteCounts {
            requests: count(row.requests, "requests", 1, MAX_ROW_REQUESTS)?,
            long_connections: count(row.long_connections, "longConnections", 0, row.requests)?,
            ended_ms: (first_us / 1000, last_us / 1000),
            started_us: row.started_us,
        };
        let values = values(&row.values, row.requests - row.long_connections)?;
        let key = MinuteKey { late: row.late, minute, started, endpoint: 0, outcome, not_found };
        Ok(CheckedRow { latency: row.latency, method: row.method, route: row.route, key, counts, values })
    }
}

/// The number of a minute that begins or ends at a time.
fn minute_of(at_us: i64, column: &str) -> anyhow::Result<i64> {
    let longest_ms = (MAX_DURATION_NS / 1_000_000) as i64;
    let times_ms = MIN_MS - longest_ms - MINUTE_MS..=MAX_MS + MINUTE_MS;
    ensure!(
        at_us % MINUTE_US == 0 && times_ms.contains(&(at_us / 1000)),
        "{column}: expected a whole minute in the years 102 to 9898"
    );
    Ok(at_us / MINUTE_US)
}

fn count(found: i64, column: &str, least: i64, most: i64) -> anyhow::Result<u64> {
    ensure!((least..=most).contains(&found), "{column}: found {found}, expected a number from {least} to {most}");
    Ok(found as u64)
}

fn values(found: &[(i64, i64)], most: i64) -> anyhow::Result<Vec<(u64, u64)>> {
    let longest_ns = MAX_DURATION_NS as i64;
    let (mut checked, mut sum, mut before_ns) = (Vec::with_capacity(found.len()), 0i64, -1);
    for &(ns, times) in found {
        ensure!((0..=longest_ns).contains(&ns), "durationsNs: found {ns}, expected 0 to {longest_ns}");
        ensure!(ns > before_ns, "durationsNs: found {ns} after {before_ns}, expected each duration once, ascending");
        ensure!(times > 0, "durationsNs: found {times} times {ns}, expected once or more");
        sum = sum.saturating_add(times);
        before_ns = ns;
        checked.push((ns as u64, times as u64));
    }
    ensure!(sum <= most, "durationsNs: found {sum} durations, expected one for each of {most} requests at most");
    Ok(checked)
}
