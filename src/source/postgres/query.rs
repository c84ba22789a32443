//! The one statement that counts: grouped on the server by id and time bin.
//!
//! The bounds stand beside the bare column, so that an index on it, or on (id, time), can be used.

use super::catalog::{Table, TimeType};
use crate::plan::Timezone;
use crate::source::time::TimeParser;
use crate::source::usage::UsageQuery;
use crate::source::wall::{WallSpan, window_of};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::postgres::types::PgInterval;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

/// Milliseconds between the epoch of Unix and PostgreSQL's, 2000-01-01.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

/// The statement, its values, and what its bins mean.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    text: String,
    time_type: TimeType,
    /// Bounds and bin as the time column has them.
    span: WallSpan,
    from_ms: i64,
    to_ms: i64,
    window_ms: i64,
    zone: Timezone,
}

impl Counting {
    pub(super) fn new(table: &Table, query: &UsageQuery, zone: Timezone) -> Self {
        let from_ms = query.from_ms.unwrap_or(MIN_MS).clamp(MIN_MS, MAX_MS);
        let to_ms = query.to_ms.unwrap_or(MAX_MS).clamp(MIN_MS, MAX_MS);
        let zone = match table.time_type {
            TimeType::Local => zone,
            TimeType::Moment => Timezone::default(),
        };
        Counting {
            text: statement(table),
            time_type: table.time_type,
            span: WallSpan::new(zone, from_ms, to_ms, query.window_ms),
            from_ms,
            to_ms,
            window_ms: query.window_ms,
            zone,
        }
    }

    /// The statement with its values, after `prefix`.
    pub(super) fn bound(&self, prefix: &str) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(format!("{prefix}{}", self.text)));
        let interval = PgInterval { months: 0, days: 0, microseconds: self.span.bin_ms.saturating_mul(1000) };
        let query = query.bind(interval).persistent(false);
        let (from, to) = (moment(self.span.from_ms), moment(self.span.to_ms));
        match self.time_type {
            TimeType::Local => query.bind(from.naive_utc()).bind(to.naive_utc()),
            TimeType::Moment => query.bind(from).bind(to),
        }
    }

    /// What turns a bin as the server sends it, in microseconds, into a window; `None` outside the bounds.
    pub(super) fn windows(&self) -> impl FnMut(i64) -> Option<i64> + use<> {
        let mut parser = TimeParser::new(self.zone);
        let (first, last) = (self.from_ms.div_euclid(self.window_ms), (self.to_ms - 1).div_euclid(self.window_ms));
        let window_ms = self.window_ms;
        move |bin_us| {
            let wall_ms = bin_us.div_euclid(1000).checked_add(POSTGRES_EPOCH_MS)?;
            window_of(&mut parser, wall_ms, window_ms).filter(|window| (first..=last).contains(window))
        }
    }
}

/// Years 1 to 9999, which every type here can hold.
const MIN_MS: i64 = -62_135_596_800_000;
const MAX_MS: i64 = 253_402_300_799_999;

fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

/// `$1` is the bin's length, `$2` and `$3` the bounds.
fn statement(table: &Table) -> String {
    let Table { name, id, time, .. } = table;
    let epoch = match table.time_type {
        TimeType::Local => "timestamp '1970-01-01'",
        TimeType::Moment => "timestamptz '1970-01-01 00:00:00+00'",
    };
    // A sum beyond eight bytes is as good as the largest; less than nothing is nothing.
    let calls = table.calls.as_ref().map_or_else(String::new, |calls| {
        format!(", least(greatest(coalesce(sum({calls}), 0), 0), 9223372036854775807)::int8")
    });
    let amount = table.amount.as_ref().map_or_else(String::new, |amount| format!(", sum({amount})::text"));
    format!(
        "SELECT {id}::text, pg_catalog.date_bin($1, {time}, {epoch}), count(*){calls}{amount} \
         FROM {name} WHERE {time} >= $2 AND {time} < $3 GROUP BY {id}, 2"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(time_type: TimeType) -> Table {
        Table {
            name: "\"s\".\"t\"".to_owned(),
            relation: crate::source::postgres::catalog::Relation::Table,
            id: "\"d\"".to_owned(),
            time: "\"at\"".to_owned(),
            time_type,
            calls: Some("\"n\"".to_owned()),
            amount: None,
        }
    }

    #[test]
    fn the_statement_groups_on_the_server_and_leaves_the_column_bare() {
        assert_eq!(
            statement(&table(TimeType::Moment)),
            "SELECT \"d\"::text, pg_catalog.date_bin($1, \"at\", timestamptz '1970-01-01 00:00:00+00'), count(*), \
             least(greatest(coalesce(sum(\"n\"), 0), 0), 9223372036854775807)::int8 \
             FROM \"s\".\"t\" WHERE \"at\" >= $2 AND \"at\" < $3 GROUP BY \"d\", 2"
        );
    }

    #[test]
    fn bins_become_windows_within_the_bounds() {
        let query = UsageQuery {
            by: crate::source::usage::CountedBy::Developer,
            from_ms: Some(POSTGRES_EPOCH_MS),
            to_ms: Some(POSTGRES_EPOCH_MS + 600_000),
            window_ms: 300_000,
        };
        let first = POSTGRES_EPOCH_MS / 300_000;
        let mut windows = Counting::new(&table(TimeType::Moment), &query, "+02:00".parse().unwrap()).windows();
        assert_eq!([-1, 0, 300_000_000, 600_000_000].map(&mut windows), [None, Some(first), Some(first + 1), None]);
        let mut windows = Counting::new(&table(TimeType::Local), &query, "+02:00".parse().unwrap()).windows();
        assert_eq!([0, 7_200_000_000].map(&mut windows), [None, Some(first)]);
    }
}
