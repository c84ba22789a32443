//! Usage rows of a PostgreSQL table, counted by the server, and what a server knows of its queries. The only SQL there is.
//!
//! One read-only transaction with a statement timeout; nothing is ever written. What comes over the wire is
//! one row for each id and time bin, taken as it arrives. No message holds a password.

mod catalog;
mod connect;
mod explain;
mod failure;
mod identifier;
mod query;
mod session;
pub(crate) mod statements;

pub use connect::{DatabaseUrl, Target};
pub use identifier::TableName;
pub(crate) use identifier::{quote, typed_name};

use super::usage::{CountedBy, UsageGroup, UsageQuery};
use crate::plan::Timezone;
use crate::plan::scan::UsageColumns;
use catalog::{Absent, Table};
use explain::WholeRead;
use failure::Step;
use futures_util::TryStreamExt;
use query::Counting;
use session::{ANSWER_TIME, Session};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use std::time::Duration;

/// What a connection needs to know.
#[derive(Clone, Debug)]
pub struct DatabasePlan {
    /// Where; `None` leaves it to the `PG*` variables.
    pub url: Option<DatabaseUrl>,
    /// The table or view.
    pub table: TableName,
    /// How long a statement, or connecting, may take.
    pub timeout: Duration,
    /// Zone of `timestamp` columns.
    pub timezone: Timezone,
}

impl DatabasePlan {
    /// The server that is meant.
    ///
    /// # Errors
    /// A connection string that cannot be read.
    pub fn target(&self) -> anyhow::Result<Target> {
        Ok(connect::options(self.url.as_ref())?.1)
    }
}

/// A plan of the server's, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The plan, as EXPLAIN prints it.
    pub text: String,
    /// What would make it quicker, if many rows are read for few.
    pub advice: Option<String>,
}

/// A table of a server, inside one read-only transaction.
pub struct Database {
    session: Session,
    table: Table,
    timezone: Timezone,
}

impl Database {
    /// Connects, begins, and looks the table up.
    ///
    /// # Errors
    /// No connection, login or table, or not the columns; each says what to do.
    pub fn open(plan: &DatabasePlan, columns: &UsageColumns, by: CountedBy) -> anyhow::Result<Self> {
        let mut session = Session::open(plan.url.as_ref(), plan.timeout)?;
        let Session { runtime, connection, target, timeout, .. } = &mut session;
        let timeout = *timeout;
        let looking = catalog::find(connection, &plan.table, columns, by);
        let looking = async { tokio::time::timeout(timeout + ANSWER_TIME, looking).await };
        let table = match runtime.block_on(looking) {
            Ok(Ok(found)) => found,
            Ok(Err(Absent::Missing(error))) => return Err(error.context(target.to_string())),
            Ok(Err(Absent::Failed(error))) => return Err(failure::explain(&error, target, timeout, Step::Read(""))),
            Err(_) => return Err(failure::silent(target, timeout, Step::Read(""))),
        };
        Ok(Database { session, table, timezone: plan.timezone })
    }

    /// The server's clock at the transaction's start, UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.session.now_ms
    }

    /// Has the server count, and hands over every group in whatever order it comes.
    ///
    /// # Errors
    /// What the server said, and what to do about it.
    pub fn scan(&mut self, query: &UsageQuery, sink: &mut dyn FnMut(UsageGroup<'_>)) -> anyhow::Result<()> {
        let counting = Counting::new(&self.table, query, self.timezone);
        let has_calls = self.table.calls.is_some();
        let amount = self.table.amount.as_ref().map(|_| if has_calls { 4 } else { 3 });
        let mut windows = counting.windows();
        let Session { runtime, connection, timeout, .. } = &mut self.session;
        let reading = async {
            let mut rows = counting.bound("").fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let Some(window) = windows(bin(&row)?) else { continue };
                let id: Option<&str> = row.try_get(0)?;
                let rows = count(&row, 2)?;
                let calls = if has_calls { count(&row, 3)? } else { rows };
                let amount: Option<&str> = amount.map(|index| row.try_get(index)).transpose()?.flatten();
                sink(UsageGroup { id, window, rows, calls, amount });
            }
            Ok::<_, sqlx::Error>(())
        };
        let limit = *timeout + ANSWER_TIME;
        let outcome = runtime.block_on(async { tokio::time::timeout(limit, reading).await });
        self.session.told(outcome, Step::Read(&self.table.name))
    }

    /// How the server would count.
    ///
    /// # Errors
    /// What the server said, and what to do about it.
    pub fn explain(&mut self, query: &UsageQuery) -> anyhow::Result<Explained> {
        let counting = Counting::new(&self.table, query, self.timezone);
        let Session { runtime, connection, timeout, .. } = &mut self.session;
        let asking = async {
            let lines = counting.bound("EXPLAIN ").fetch_all(&mut *connection).await?;
            let lines = lines.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
            let tree = counting.bound("EXPLAIN (VERBOSE, FORMAT JSON) ").fetch_one(&mut *connection).await?;
            let tree = tree.try_get_raw(0)?.as_str().map_err(sqlx::Error::Decode)?.to_owned();
            let mut reads = explain::whole_reads(&serde_json::from_str(&tree).unwrap_or_default());
            for read in &mut reads {
                read.rows = row_estimate(&mut *connection, read).await?;
            }
            Ok(Explained { text: lines.join("\n") + "\n", advice: explain::advice(&reads, &self.table) })
        };
        let limit = *timeout + ANSWER_TIME;
        let outcome = runtime.block_on(async { tokio::time::timeout(limit, asking).await });
        self.session.told(outcome, Step::Read(&self.table.name))
    }

    /// Ends the transaction and the session.
    pub fn close(self) {
        self.session.close();
    }
}

/// A bin's start as the server sends it: microseconds since 2000.
fn bin(row: &PgRow) -> Result<i64, sqlx::Error> {
    let value = row.try_get_raw(1)?;
    let bytes = value.as_bytes().ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    bytes.map(i64::from_be_bytes).ok_or_else(|| sqlx::Error::Decode("a time of other than eight bytes".into()))
}

fn count(row: &PgRow, index: usize) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(index)?.unsigned_abs())
}

/// Rows of a table, as its last ANALYZE or VACUUM has left them.
async fn row_estimate(connection: &mut PgConnection, read: &WholeRead) -> Result<f64, sqlx::Error> {
    const ROWS: &str = "\
SELECT c.reltuples::float8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2";
    let row =
        sqlx::query(ROWS).bind(&read.schema).bind(&read.table).persistent(false).fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get::<f64, _>(0)).transpose()?.unwrap_or(0.0).max(0.0))
}
