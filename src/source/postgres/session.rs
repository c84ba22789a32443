//! A connection inside one read-only transaction, on which nothing can hang.

use super::connect::{self, DatabaseUrl, Target};
use super::failure::{self, Step};
use anyhow::Context;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use std::time::Duration;

/// Time for the answer of a statement that the server itself has ended.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);

/// An open connection.
pub(super) struct Session {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) connection: PgConnection,
    pub(super) target: Target,
    pub(super) timeout: Duration,
    /// The server's clock at the transaction's start, UTC milliseconds.
    pub(super) now_ms: i64,
}

impl Session {
    /// Connects and begins.
    ///
    /// # Errors
    /// No connection or login; the message says what to do.
    pub(super) fn open(url: Option<&DatabaseUrl>, timeout: Duration) -> anyhow::Result<Self> {
        let (options, target) = connect::options(url)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("the operating system refused an event loop")?;
        let connecting = async { tokio::time::timeout(timeout, PgConnection::connect_with(&options)).await };
        let connection = match runtime.block_on(connecting) {
            Ok(connected) => connected.map_err(|error| failure::explain(&error, &target, timeout, Step::Connect))?,
            Err(_) => return Err(failure::silent(&target, timeout, Step::Connect)),
        };
        let mut session = Session { runtime, connection, target, timeout, now_ms: 0 };
        let connection = &mut session.connection;
        let beginning = async { tokio::time::timeout(timeout + ANSWER_TIME, begin(connection, timeout)).await };
        let begun = session.runtime.block_on(beginning);
        session.now_ms = session.told(begun, Step::Read(""))?;
        Ok(session)
    }

    /// The answer, or what went wrong and what to do about it.
    pub(super) fn told<T>(
        &self,
        outcome: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
        step: Step<'_>,
    ) -> anyhow::Result<T> {
        match outcome {
            Ok(read) => read.map_err(|error| failure::explain(&error, &self.target, self.timeout, step)),
            Err(_) => Err(failure::silent(&self.target, self.timeout, step)),
        }
    }

    /// Ends the transaction and the session.
    pub(super) fn close(self) {
        let Session { runtime, connection, .. } = self;
        // Nothing is left to be lost with it.
        let _ = runtime.block_on(async { tokio::time::timeout(ANSWER_TIME, connection.close()).await });
    }
}

/// Begins a transaction that cannot write and cannot hang; gives the server's clock.
async fn begin(connection: &mut PgConnection, timeout: Duration) -> Result<i64, sqlx::Error> {
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *connection).await?;
    let limit = format!("SET LOCAL statement_timeout = {}", timeout.as_millis());
    sqlx::raw_sql(AssertSqlSafe(limit)).execute(&mut *connection).await?;
    const NOW: &str = "SELECT floor(extract(epoch FROM now()) * 1000)::int8";
    sqlx::query(NOW).persistent(false).fetch_one(connection).await?.try_get(0)
}
