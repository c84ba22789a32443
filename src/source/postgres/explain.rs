//! What the server's plan for a scan says about indexes.
//!
//! The plan goes in as EXPLAIN's JSON, advice comes out; nothing is asked here.

use super::catalog::{Relation, Table};
use super::identifier::quote;
use serde_json::Value;

/// Reading fewer rows than this from end to end is no matter.
const MANY_ROWS: f64 = 1_000_000.0;

/// Where more than this share of the rows is wanted, reading all of them is the quickest way.
const MOST_WANTED_RATIO: f64 = 0.5;

/// A table that is read from end to end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WholeRead {
    pub(super) schema: String,
    pub(super) table: String,
    /// Rows in it; 0 until somebody asks.
    pub(super) rows: f64,
    /// Rows of it that the server expects to keep.
    pub(super) rows_wanted: f64,
}

/// Every table that a plan reads from end to end.
pub(super) fn whole_reads(plan: &Value) -> Vec<WholeRead> {
    let mut found = Vec::new();
    collect(plan, 0.0, &mut found);
    found
}

/// `workers` are those of the nearest node above that starts any.
fn collect(plan: &Value, workers: f64, found: &mut Vec<WholeRead>) {
    match plan {
        Value::Array(items) => items.iter().for_each(|item| collect(item, workers, found)),
        Value::Object(node) => {
            let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
            if let (Some("Seq Scan"), Some(schema), Some(table)) =
                (text("Node Type").as_deref(), text("Schema"), text("Relation Name"))
            {
                let is_shared = node.get("Parallel Aware").and_then(Value::as_bool).unwrap_or(false);
                let rows = node.get("Plan Rows").and_then(Value::as_f64).unwrap_or(0.0);
                let rows_wanted = if is_shared { rows * parallel_divisor(workers) } else { rows };
                found.push(WholeRead { schema, table, rows: 0.0, rows_wanted });
            }
            let workers = node.get("Workers Planned").and_then(Value::as_f64).unwrap_or(workers);
            node.values().for_each(|value| collect(value, workers, found));
        }
        _ => {}
    }
}

/// What the planner divides the rows of a shared scan by: its workers, and of the leader what these leave it time for
/// (`get_parallel_divisor` in PostgreSQL's costsize.c).
fn parallel_divisor(workers: f64) -> f64 {
    workers + (1.0 - 0.3 * workers).max(0.0)
}

/// The index that would help, where many rows are read and few of them wanted.
pub(super) fn advice(reads: &[WholeRead], table: &Table) -> Option<String> {
    let rows: f64 = reads.iter().map(|read| read.rows).sum();
    let rows_wanted: f64 = reads.iter().map(|read| read.rows_wanted).sum();
    if rows <= MANY_ROWS || rows_wanted > rows * MOST_WANTED_RATIO {
        return None;
    }
    let (name, time) = (&table.name, &table.time);
    let index = match table.relation {
        Relation::Table => {
            format!("an index on the time column helps, such as CREATE INDEX ON {name} USING brin ({time});")
        }
        Relation::View => {
            let tables: Vec<_> =
                reads.iter().map(|read| format!("{}.{}", quote(&read.schema), quote(&read.table))).collect();
            format!("an index helps on the column behind {time}, in {}", tables.join(", "))
        }
    };
    Some(format!(
        "the server would read about {rows:.0} rows from end to end, for about {rows_wanted:.0} that count; {index}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::postgres::catalog::TimeType;
    use serde_json::json;

    fn read(rows: f64, rows_wanted: f64) -> WholeRead {
        WholeRead { schema: "s".to_owned(), table: "t".to_owned(), rows, rows_wanted }
    }

    #[test]
    fn sequential_scans_are_found_wherever_they_stand() {
        let scan = |name: &str, rows: i64, is_shared: bool| {
            json!({"Node Type": "Seq Scan", "Schema": "s", "Relation Name": name, "Plan Rows": rows,
                "Parallel Aware": is_shared})
        };
        let plan = json!([{"Plan": {"Node Type": "Aggregate", "Plans": [
            scan("whole", 7, false),
            {"Node Type": "Gather", "Workers Planned": 2, "Plans": [scan("shared", 100, true)]},
            {"Node Type": "Index Scan", "Schema": "s", "Relation Name": "indexed", "Plan Rows": 5},
        ]}}]);
        let found = whole_reads(&plan);
        let found: Vec<_> = found.iter().map(|read| (read.table.as_str(), read.rows_wanted)).collect();
        assert_eq!(found, [("whole", 7.0), ("shared", 240.0)]);
        assert_eq!([1.0, 3.0, 4.0].map(parallel_divisor), [1.7, 3.1, 4.0]);
    }

    #[test]
    fn an_index_is_advised_where_many_rows_are_read_for_few() {
        let mut table = Table {
            name: "\"s\".\"Usage Events\"".to_owned(),
            relation: Relation::Table,
            id: String::new(),
            time: "\"At\"".to_owned(),
            time_type: TimeType::Moment,
            calls: None,
            amount: None,
        };
        let statement = "CREATE INDEX ON \"s\".\"Usage Events\" USING brin (\"At\");";
        assert!(advice(&[read(1_000_001.0, 1.0)], &table).unwrap().contains(statement));
        assert_eq!(advice(&[read(1_000_000.0, 1.0)], &table), None);
        assert!(advice(&[read(2_000_000.0, 1_000_000.0)], &table).is_some());
        assert_eq!(advice(&[read(2_000_000.0, 1_000_001.0)], &table), None);
        assert!(advice(&[read(600_000.0, 1.0), read(600_000.0, 1.0)], &table).is_some());
        table.relation = Relation::View;
        let advice = advice(&[read(2_000_000.0, 1.0)], &table).unwrap();
        assert!(advice.ends_with("on the column behind \"At\", in \"s\".\"t\""), "{advice}");
    }
}
