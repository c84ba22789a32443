//! What a server knows of its queries: the sums of pg_stat_statements, its tables, and what plans would cost.
//!
//! Texts of logs come in here and are never run: they are prepared, one at a time, and EXPLAIN tells their cost, in a
//! transaction that cannot write. A hypothetical index of the extension hypopg is known to this session alone.

use super::connect::{DatabaseUrl, Target};
use super::failure::Step;
use super::identifier::quote;
use super::session::{ANSWER_TIME, Session};
use crate::advise::queries::access::Direction;
use crate::advise::queries::scope::{Catalog, Relation, RelationKind, TableName};
use crate::advise::queries::suggest::Index;
use anyhow::{Context, bail};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where to connect.
#[derive(Clone, Debug)]
pub struct StatementsPlan {
    /// Where.
    pub url: DatabaseUrl,
    /// How long a statement, or connecting, may take.
    pub timeout: Duration,
}

/// A server that is asked about queries.
pub(crate) struct Statements {
    session: Session,
    /// The quoted schema of hypopg; `None` where it is not installed.
    hypopg: Option<String>,
}

/// One row of pg_stat_statements.
pub(crate) struct StatementSum {
    /// The text; `None` where this role may not see it.
    pub(crate) text: Option<String>,
    pub(crate) count: u64,
    pub(crate) total_ms: f64,
}

const FIND_EXTENSION: &str = "\
SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = $1";

/// Columns of everything that a query can read, and the tables that a bare name finds.
const LIST_COLUMNS: &str = "\
SELECT n.nspname::text, c.relname::text, c.relkind::text, pg_catalog.pg_table_is_visible(c.oid), a.attname::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
LIMIT 1000000";

/// The columns of the B-trees over all rows of a table, whether they descend, in their order.
const LIST_INDEXES: &str = "\
SELECT n.nspname::text, c.relname::text, i.relname::text, a.attname::text, (x.indoption[k.place - 1] & 1) = 1
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = i.relam AND m.amname = 'btree'
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL AND k.place <= x.indnkeyatts
  AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY x.indexrelid, k.place";

/// The name of the one statement that is prepared at a time.
const PREPARED: &str = "learn_query";

impl Statements {
    /// Connects and looks for the extension that costs hypothetical indexes.
    ///
    /// # Errors
    /// No connection or login; the message says what to do.
    pub(crate) fn open(plan: &StatementsPlan) -> anyhow::Result<Self> {
        let mut session = Session::open(Some(&plan.url), plan.timeout)?;
        let hypopg = ask(&mut session, async |connection| extension(connection, "hypopg").await)?;
        Ok(Statements { session, hypopg })
    }

    /// The server as results name it.
    pub(crate) fn target(&self) -> &Target {
        &self.session.target
    }

    /// Whether plans can be costed.
    pub(crate) fn can_cost(&self) -> bool {
        self.hypopg.is_some()
    }

    /// The sums of this database's statements.
    ///
    /// # Errors
    /// The extension is missing or too old, or this role may not read it.
    pub(crate) fn sums(&mut self) -> anyhow::Result<Vec<StatementSum>> {
        let found = ask(&mut self.session, async |connection| extension(connection, "pg_stat_statements").await)?;
        let Some(schema) = found else {
            bail!(
                "{}: the extension pg_stat_statements is not installed; set shared_preload_libraries = \
                 'pg_stat_statements', restart the server, and type CREATE EXTENSION pg_stat_statements; or give a log",
                self.session.target
            )
        };
        let text = format!(
            "SELECT s.query, s.calls::int8, s.total_exec_time::float8 FROM {schema}.pg_stat_statements s \
             JOIN pg_catalog.pg_database d ON d.oid = s.dbid \
             WHERE d.datname = pg_catalog.current_database() ORDER BY s.queryid, s.userid, s.query"
        );
        let rows = ask(&mut self.session, async |connection| {
            sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_all(connection).await
        });
        let rows = rows.context(
            "pg_stat_statements cannot be read; it has to be version 1.8 or later (ALTER EXTENSION pg_stat_statements \
             UPDATE) and in shared_preload_libraries",
        )?;
        let read = |row: &sqlx::postgres::PgRow| {
            let text: Option<String> = row.try_get(0)?;
            let (count, total_ms): (i64, f64) = (row.try_get(1)?, row.try_get(2)?);
            let text = text.filter(|text| text != "<insufficient privilege>");
            Ok(StatementSum { text, count: count.unsigned_abs(), total_ms })
        };
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().context("pg_stat_statements has other columns")
    }

    /// The tables of the database, and their columns.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) fn catalog(&mut self) -> anyhow::Result<Catalog> {
        let rows = ask(&mut self.session, async |connection| {
            let rows = sqlx::query(LIST_COLUMNS).persistent(false).fetch_all(connection).await?;
            let read = |row: &sqlx::postgres::PgRow| {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
            };
            rows.iter().map(read).collect::<Result<Vec<(String, String, String, bool, String)>, sqlx::Error>>()
        })?;
        let mut catalog = Catalog::default();
        for (schema, name, kind, is_visible, column) in rows {
            let kind = match &*kind {
                "p" => RelationKind::Partitioned,
                "v" | "f" => RelationKind::View,
                _ => RelationKind::Table,
            };
            if is_visible {
                catalog.visible.insert(name.clone(), schema.clone());
            }
            let name = TableName { schema: Some(schema), name };
            let relation = catalog.relations.entry(name).or_insert_with(|| Relation {
                kind,
                columns: BTreeSet::new(),
                indexes: BTreeMap::new(),
            });
            relation.columns.insert(column);
        }
        self.indexes(&mut catalog)?;
        Ok(catalog)
    }

    fn indexes(&mut self, catalog: &mut Catalog) -> anyhow::Result<()> {
        let rows = ask(&mut self.session, async |connection| {
            let rows = sqlx::query(LIST_INDEXES).persistent(false).fetch_all(connection).await?;
            let read = |row: &sqlx::postgres::PgRow| {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
            };
            rows.iter().map(read).collect::<Result<Vec<(String, String, String, String, bool)>, sqlx::Error>>()
        })?;
        for (schema, name, index, column, descends) in rows {
            let Some(relation) = catalog.relations.get_mut(&TableName { schema: Some(schema), name }) else { continue };
            let direction = if descends { Direction::Descending } else { Direction::Ascending };
            relation.indexes.entry(index).or_default().push((column, direction));
        }
        Ok(())
    }

    /// What the planner expects a statement with so many parameters to cost, as the database is or with an index that
    /// there could be. `Ok(Err)`: the server's reason why it cannot tell.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) fn cost(
        &mut self,
        statement: &str,
        parameters: usize,
        index: Option<&Index>,
    ) -> anyhow::Result<Result<f64, String>> {
        let hypopg = self.hypopg.clone();
        ask(&mut self.session, async |connection| {
            run(connection, "SAVEPOINT learn").await?;
            let costed = cost(connection, statement, parameters, index.zip(hypopg.as_deref())).await;
            run(connection, "ROLLBACK TO SAVEPOINT learn").await?;
            if let Some(schema) = &hypopg {
                run(connection, &format!("SELECT {schema}.hypopg_reset()")).await?;
            }
            // A rollback leaves what was prepared.
            run(connection, "DEALLOCATE ALL").await?;
            match costed {
                Err(sqlx::Error::Database(error)) => Ok(Err(error.message().to_owned())),
                costed => costed.map(|cost| cost.ok_or_else(|| "the plan has no cost".to_owned())),
            }
        })
    }

    /// Ends the session.
    pub(crate) fn close(self) {
        self.session.close();
    }
}

/// Asks within the time that an answer may take.
fn ask<T>(
    session: &mut Session,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> anyhow::Result<T> {
    let Session { runtime, connection, timeout, .. } = session;
    let limit = *timeout + ANSWER_TIME;
    let outcome = runtime.block_on(async { tokio::time::timeout(limit, question(connection)).await });
    session.told(outcome, Step::Ask)
}

/// The quoted schema of an extension.
async fn extension(connection: &mut PgConnection, name: &str) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(FIND_EXTENSION).bind(name).persistent(false).fetch_optional(connection).await?;
    row.map(|row| Ok(quote(row.try_get(0)?))).transpose()
}

/// Runs one statement by the protocol that refuses several at once.
async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(false).execute(connection).await.map(drop)
}

/// The total cost; a plan for any values of the parameters, as a prepared statement has in the long run.
async fn cost(
    connection: &mut PgConnection,
    statement: &str,
    parameters: usize,
    index: Option<(&Index, &str)>,
) -> Result<Option<f64>, sqlx::Error> {
    if let Some((index, schema)) = index {
        let create = format!("SELECT * FROM {schema}.hypopg_create_index($1)");
        let target = format!("CREATE INDEX ON {}", index.target());
        sqlx::query(AssertSqlSafe(create)).bind(target).persistent(false).fetch_all(&mut *connection).await?;
    }
    run(connection, "SET LOCAL plan_cache_mode = force_generic_plan").await?;
    run(connection, &format!("PREPARE {PREPARED} AS {statement}")).await?;
    let values = vec!["NULL"; parameters].join(", ");
    let values = if parameters > 0 { format!("({values})") } else { String::new() };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {PREPARED}{values}");
    let row = sqlx::query(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut *connection).await?;
    let plan = row.try_get_raw(0)?.as_str().map_err(sqlx::Error::Decode)?.to_owned();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap_or_default();
    Ok(plan.pointer("/0/Plan/Total Cost").and_then(serde_json::Value::as_f64))
}
