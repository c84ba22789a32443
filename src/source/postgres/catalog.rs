//! The table and its columns, as the server's catalog has them.

use super::identifier::{TableName, quote, typed_name};
use crate::nearest::nearest;
use crate::plan::scan::UsageColumns;
use crate::source::usage::{CountedBy, find_column};
use anyhow::{anyhow, bail};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// The types that a time column may have, by their fixed object ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeType {
    /// `timestamp`: a wall clock without a zone.
    Local,
    /// `timestamptz`: a moment.
    Moment,
}

const TIMESTAMP: i64 = 1114;
const TIMESTAMPTZ: i64 = 1184;

/// Whether rows are kept in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// A table, with partitions or without, or a materialized view: it can have an index.
    Table,
    /// A view or a foreign table, which cannot.
    View,
}

/// A table that exists, ready to be put into a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Schema-qualified and quoted.
    pub(super) name: String,
    /// What it is.
    pub(super) relation: Relation,
    /// The quoted id column.
    pub(super) id: String,
    /// The quoted time column.
    pub(super) time: String,
    /// What the time column holds.
    pub(super) time_type: TimeType,
    /// The quoted calls column.
    pub(super) calls: Option<String>,
    /// The quoted amount column; only where calls are counted by API.
    pub(super) amount: Option<String>,
}

/// Why there is no such [`Table`].
pub(super) enum Absent {
    /// The server said so.
    Failed(sqlx::Error),
    /// The catalog has no such name or type.
    Missing(anyhow::Error),
}

impl From<sqlx::Error> for Absent {
    fn from(error: sqlx::Error) -> Self {
        Absent::Failed(error)
    }
}

impl From<anyhow::Error> for Absent {
    fn from(error: anyhow::Error) -> Self {
        Absent::Missing(error)
    }
}

const FIND_TABLE: &str = "\
SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)::oid";

const FIND_COLUMNS: &str = "\
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
       (CASE WHEN t.typbasetype <> 0 THEN t.typbasetype ELSE t.oid END)::int8
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

const LIST_TABLES: &str = "\
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_table_is_visible(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY NOT pg_catalog.pg_table_is_visible(c.oid), n.nspname, c.relname
LIMIT 10000";

/// Looks the table and its columns up.
pub(super) async fn find(
    connection: &mut PgConnection,
    name: &TableName,
    columns: &UsageColumns,
    by: CountedBy,
) -> Result<Table, Absent> {
    let found =
        sqlx::query(FIND_TABLE).bind(name.to_string()).persistent(false).fetch_optional(&mut *connection).await?;
    let Some(found) = found else {
        let rows = sqlx::query(LIST_TABLES).persistent(false).fetch_all(&mut *connection).await?;
        return Err(Absent::Missing(no_table(name, &rows)?));
    };
    let (schema, table): (String, String) = (found.try_get(1)?, found.try_get(2)?);
    let kind: String = found.try_get(3)?;
    let qualified = format!("{}.{}", quote(&schema), quote(&table));
    if !matches!(&*kind, "r" | "p" | "v" | "m" | "f") {
        return Err(Absent::Missing(anyhow!("{qualified} is no table or view that has rows; give one with --table")));
    }
    let rows = sqlx::query(AssertSqlSafe(FIND_COLUMNS)).bind(found.try_get::<i64, _>(0)?).persistent(false);
    let rows = rows.fetch_all(connection).await?;
    let found = rows.iter().map(Column::read).collect::<Result<Vec<_>, _>>()?;
    let relation = if matches!(&*kind, "v" | "f") { Relation::View } else { Relation::Table };
    Ok(Table { relation, ..table_of(&qualified, &found, columns, by)? })
}

struct Column {
    name: String,
    type_name: String,
    /// The type, or what the domain is over.
    type_id: i64,
}

impl Column {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Column { name: row.try_get(0)?, type_name: row.try_get(1)?, type_id: row.try_get(2)? })
    }
}

fn table_of(qualified: &str, found: &[Column], columns: &UsageColumns, by: CountedBy) -> anyhow::Result<Table> {
    let names: Vec<_> = found.iter().map(|column| column.name.clone()).collect();
    let pick = |wanted: &str, flag: &str| {
        find_column(wanted, flag, &names).map_err(|error| anyhow!("{qualified}: {error}")).map(|name| quote(name))
    };
    let time = find_column(&columns.time, "--time-column", &names).map_err(|error| anyhow!("{qualified}: {error}"))?;
    let id_flag = match by {
        CountedBy::Developer => "--developer-column",
        CountedBy::Api => "--api-column",
    };
    let is_there = |name: &String| names.contains(name);
    Ok(Table {
        name: qualified.to_owned(),
        relation: Relation::Table,
        id: pick(by.id_column(columns), id_flag)?,
        time: quote(time),
        time_type: time_type(qualified, found, time)?,
        calls: columns.calls.as_deref().map(|wanted| pick(wanted, "--calls-column")).transpose()?,
        amount: match (by, &columns.amount) {
            (CountedBy::Developer, _) => None,
            // The default name is only a guess.
            (CountedBy::Api, amount) if !amount.is_given && !is_there(&amount.name) => None,
            (CountedBy::Api, amount) => Some(pick(&amount.name, "--amount-column")?),
        },
    })
}

fn time_type(qualified: &str, found: &[Column], time: &str) -> anyhow::Result<TimeType> {
    let column = found.iter().find(|column| column.name == time);
    match column.map(|column| (column.type_id, &*column.type_name)) {
        Some((TIMESTAMP, _)) => Ok(TimeType::Local),
        Some((TIMESTAMPTZ, _)) => Ok(TimeType::Moment),
        other => bail!(
            "{qualified}: the column `{time}` is of type {}, expected timestamp or timestamptz (--time-column); \
             a view can convert it, such as SELECT *, to_timestamp({time}) AS at FROM ...",
            other.map_or("unknown", |(_, name)| name)
        ),
    }
}

/// The message for a table that is not there, with the one that was probably meant.
fn no_table(name: &TableName, rows: &[PgRow]) -> Result<anyhow::Error, sqlx::Error> {
    let read = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let tables = rows.iter().map(read).collect::<Result<Vec<(String, String, bool)>, sqlx::Error>>()?;
    let typed = |(schema, table, is_visible): &(String, String, bool)| {
        let table = typed_name(table);
        if *is_visible { table } else { format!("{}.{table}", typed_name(schema)) }
    };
    let same = tables.iter().find(|(_, table, _)| table == name.typed());
    let near = || {
        let near = nearest(name.name(), tables.iter().map(|(_, table, _)| table.as_str()))?;
        tables.iter().find(|(_, table, _)| table == near)
    };
    Ok(match same.or_else(near) {
        Some(table) => anyhow!("there is no table {name}; the nearest is {0}: --table '{0}'", typed(table)),
        None => anyhow!("there is no table {name}, and no other that this role can see; give one with --table"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, type_id: i64) -> Column {
        Column { name: name.to_owned(), type_name: "some type".to_owned(), type_id }
    }

    #[test]
    fn columns_are_found_typed_and_quoted() {
        let found = [column("dev\"id", 25), column("at", TIMESTAMPTZ), column("api_id", 25), column("n", 23)];
        let columns = UsageColumns {
            developer: "dev\"id".to_owned(),
            time: "at".to_owned(),
            calls: Some("n".to_owned()),
            ..UsageColumns::default()
        };
        let table = table_of("\"s\".\"t\"", &found, &columns, CountedBy::Developer).unwrap();
        assert_eq!((&*table.id, &*table.time, table.time_type), ("\"dev\"\"id\"", "\"at\"", TimeType::Moment));
        assert_eq!((table.calls.as_deref(), table.amount), (Some("\"n\""), None));
        // The default amount column may be missing, one that was asked for may not.
        assert_eq!(table_of("t", &found, &columns, CountedBy::Api).unwrap().amount, None);
        let mut columns = columns;
        columns.amount.is_given = true;
        assert!(table_of("t", &found, &columns, CountedBy::Api).unwrap_err().to_string().contains("--amount-column"));
    }

    #[test]
    fn a_time_column_of_another_type_is_refused() {
        let error = time_type("\"t\"", &[column("at", 20)], "at").unwrap_err().to_string();
        assert!(error.contains("`at` is of type some type, expected timestamp or timestamptz"), "{error}");
    }
}
