//! Slow patterns -> indexes that could make them quicker, and the statements that create them.
//!
//! Columns go in the order that a B-tree serves: those compared with a value, then those sorted by or compared by order.
//! Whether the planner would use an index is for the planner to say.

use super::access::{Access, Direction, Sorted, accesses};
use super::gather::Pattern;
use super::parse::{Parsed, with_statement};
use super::scope::{Catalog, RelationKind, TableName};
use crate::advise::config::QueriesConfig;
use crate::source::postgres::quote;
use std::collections::{BTreeMap, BTreeSet};

/// More columns make an index large and seldom make it better.
const MAX_COLUMNS: usize = 4;

/// An index that there could be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Index {
    pub(crate) table: TableName,
    pub(crate) columns: Vec<(String, Direction)>,
}

impl Index {
    /// The statement that creates it; on a table with partitions an index cannot be created concurrently.
    pub(crate) fn statement(&self, kind: RelationKind) -> String {
        let concurrently = if kind == RelationKind::Partitioned { "" } else { "CONCURRENTLY " };
        format!("CREATE INDEX {concurrently}ON {};", self.target())
    }

    /// The table and its columns, quoted.
    pub(crate) fn target(&self) -> String {
        let column = |(name, direction): &(String, Direction)| match direction {
            Direction::Ascending => quote(name),
            Direction::Descending => format!("{} DESC", quote(name)),
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("{} ({})", shown(&self.table), columns.join(", "))
    }

    /// Whether the other does all that this one does.
    fn is_within(&self, other: &Index) -> bool {
        self.table == other.table
            && self.columns.len() < other.columns.len()
            && other.columns.starts_with(&self.columns)
    }
}

/// A table's name, quoted.
pub(crate) fn shown(table: &TableName) -> String {
    let schema = table.schema.as_ref().map_or_else(String::new, |schema| format!("{}.", quote(schema)));
    format!("{schema}{}", quote(&table.name))
}

/// What slow patterns come to.
#[derive(Debug, Default)]
pub(crate) struct Suggested {
    /// Each index, with the patterns that it is for, by their place in the list.
    pub(crate) indexes: BTreeMap<Index, BTreeSet<usize>>,
    /// Those that the database cannot have, with the reason.
    pub(crate) impossible: BTreeMap<Index, (BTreeSet<usize>, String)>,
    /// By pattern: what no suggestion serves.
    pub(crate) passed_over: BTreeMap<usize, Vec<String>>,
    /// By pattern: a statement that a planner can be asked about, and how many parameters it has.
    pub(crate) plannable: BTreeMap<usize, (String, usize)>,
}

/// Whether a pattern is slow and frequent enough to be looked at.
pub(crate) fn is_slow(pattern: &Pattern, config: &QueriesConfig) -> bool {
    pattern.mean_ms() > config.slow_ms && pattern.count > config.min_count as u64
}

/// Suggests indexes for the slow patterns; a catalog tells tables and columns apart.
pub(crate) fn suggest(patterns: &[Pattern], config: &QueriesConfig, catalog: Option<&Catalog>) -> Suggested {
    let mut suggested = Suggested::default();
    let slow =
        patterns.iter().enumerate().filter(|(_, pattern)| is_slow(pattern, config) && pattern.unparsed.is_none());
    for (place, pattern) in slow {
        let text = pattern.example.as_ref().map_or(&pattern.text, |example| &example.text);
        let looked = with_statement(text, |parsed| (accesses(&parsed.statement, catalog), plannable(parsed, text)));
        let Ok((found, statement)) = looked else { continue };
        suggested.plannable.insert(place, statement);
        suggested.passed_over.insert(place, found.passed_over.into_iter().collect());
        for (table, access) in found.tables {
            let table = catalog.and_then(|catalog| catalog.full_name(&table)).unwrap_or(table);
            for columns in candidates(&access) {
                suggested.note(Index { table: table.clone(), columns }, place, catalog);
            }
        }
    }
    suggested.unite();
    suggested
}

/// The text for a planner: as it ran, or with parameters for all literals where it has parameters already, or calls that
/// a planner would evaluate.
fn plannable(parsed: &Parsed, text: &str) -> (String, usize) {
    if parsed.calls_with_literals || text.contains(['$', '?']) {
        (parsed.statement.to_string(), parsed.parameters)
    } else {
        (text.trim_end_matches(|letter: char| letter.is_whitespace() || letter == ';').to_owned(), 0)
    }
}

impl Suggested {
    fn note(&mut self, index: Index, place: usize, catalog: Option<&Catalog>) {
        match catalog.and_then(|catalog| obstacle(&index, catalog)) {
            None => {
                self.indexes.entry(index).or_default().insert(place);
            }
            Some(reason) => {
                self.impossible.entry(index).or_insert_with(|| (BTreeSet::new(), reason)).0.insert(place);
            }
        }
    }

    /// Gives the patterns of an index to a longer one that begins with the same columns.
    fn unite(&mut self) {
        let all: Vec<Index> = self.indexes.keys().cloned().collect();
        for index in &all {
            let Some(longer) = all.iter().rev().find(|other| index.is_within(other)) else { continue };
            let places = self.indexes.remove(index).unwrap_or_default();
            self.indexes.entry(longer.clone()).or_default().extend(places);
        }
    }
}

/// Why a database cannot have this index.
fn obstacle(index: &Index, catalog: &Catalog) -> Option<String> {
    let Some(relation) = catalog.relations.get(&index.table) else {
        return Some("this database has no such table, or this role cannot see it".to_owned());
    };
    if relation.kind == RelationKind::View {
        return Some("it is a view or a foreign table, which has no index of its own".to_owned());
    }
    let missing = index.columns.iter().find(|(name, _)| !relation.columns.contains(name));
    let missing = missing.map(|(name, _)| format!("the table has no column {}", quote(name)));
    missing.or_else(|| {
        let (name, _) = relation.indexes.iter().find(|(_, columns)| begins_with(columns, &index.columns))?;
        Some(format!("the index {} does it already", quote(name)))
    })
}

/// Whether an index begins with these columns, read in one direction or the other.
fn begins_with(columns: &[(String, Direction)], wanted: &[(String, Direction)]) -> bool {
    let turned: Vec<(String, Direction)> =
        wanted.iter().map(|(name, direction)| (name.clone(), direction.turned())).collect();
    columns.starts_with(wanted) || columns.starts_with(&turned)
}

/// The indexes that serve what is looked for in one table.
fn candidates(access: &Access) -> Vec<Vec<(String, Direction)>> {
    let ascending = |name: &String| (name.clone(), Direction::Ascending);
    let equal: Vec<_> = access.equal.iter().map(ascending).collect();
    let mut found: Vec<Vec<(String, Direction)>> = Vec::new();
    let mut with = |more: Vec<(String, Direction)>| {
        let mut columns = equal.clone();
        columns.extend(more.into_iter().filter(|(name, _)| !access.equal.contains(name)));
        columns.truncate(MAX_COLUMNS);
        if !columns.is_empty() && !found.contains(&columns) {
            found.push(columns);
        }
    };
    if access.order.is_empty() && access.range.is_empty() {
        with(Vec::new());
    }
    if !access.order.is_empty() {
        with(read_either_way(&access.order));
    }
    // A second column compared by order is only filtered by.
    if let Some(first) = access.range.first() {
        with(vec![ascending(first)]);
    }
    found.extend(access.join.iter().chain(&access.either).map(|name| vec![ascending(name)]));
    found.dedup();
    found
}

/// An index is read in both directions: where the first column descends, all turn round.
fn read_either_way(order: &[Sorted]) -> Vec<(String, Direction)> {
    let first = order.first().map(|sorted| sorted.direction);
    let turned = |sorted: &Sorted| {
        let direction = if Some(sorted.direction) == first { Direction::Ascending } else { Direction::Descending };
        (sorted.name.clone(), direction)
    };
    order.iter().map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::gather::Gathered;
    use super::super::scope::Relation;
    use super::*;

    const MS: u64 = 1_000_000;

    fn slow(sql: &[&str]) -> Vec<Pattern> {
        let mut gathered = Gathered::default();
        sql.iter().for_each(|sql| (0..11).for_each(|_| gathered.add(sql, 101 * MS)));
        gathered.into_patterns()
    }

    fn suggested(sql: &[&str], catalog: Option<&Catalog>) -> Suggested {
        suggest(&slow(sql), &QueriesConfig::default(), catalog)
    }

    /// The targets of what is suggested for a statement.
    fn check(sql: &str, expected: &[&str]) {
        let targets: Vec<String> = suggested(&[sql], None).indexes.keys().map(Index::target).collect();
        assert_eq!(targets, expected, "{sql}");
    }

    #[test]
    fn columns_stand_in_the_order_that_an_index_serves() {
        check("select * from t where a = 1", &["\"t\" (\"a\")"]);
        check("select * from t where b > 1 and a = 1 and c = 2", &["\"t\" (\"a\", \"c\", \"b\")"]);
        check("select * from t where a = 1 order by b desc limit 5", &["\"t\" (\"a\", \"b\")"]);
        check("select * from t order by a desc, b limit 5", &["\"t\" (\"a\", \"b\" DESC)"]);
        check("select * from t where a = 1 and c < 5 order by b", &["\"t\" (\"a\", \"b\")", "\"t\" (\"a\", \"c\")"]);
        check("select * from t where a=1 and b=2 and c=3 and d=4 and e=5", &["\"t\" (\"a\", \"b\", \"c\", \"d\")"]);
        check(
            "select * from t where a between 1 and 2 and b is null and c in (1, 2)",
            &["\"t\" (\"b\", \"c\", \"a\")"],
        );
        check("select count(*) from t", &[]);
    }

    #[test]
    fn joins_give_an_index_for_each_side() {
        let both = ["\"o\" (\"cid\")", "\"s\".\"c\" (\"id\")"];
        check("select * from o join s.c on o.cid = c.id", &both);
        check("select * from o x left join s.c as y on (x.cid = y.id)", &both);
        check("select * from o, s.c where c.id = o.cid", &both);
        check("select * from o join c using (id)", &["\"c\" (\"id\")", "\"o\" (\"id\")"]);
        check(
            "select * from o where cid in (select id from s.c where x = 1)",
            &["\"o\" (\"cid\")", "\"s\".\"c\" (\"x\")"],
        );
        check(
            "select * from o where exists (select 1 from c where c.id = o.cid)",
            &["\"c\" (\"id\")", "\"o\" (\"cid\")"],
        );
        check(
            "update o set a = 1 from c where c.id = o.cid and c.n = 2",
            &["\"c\" (\"id\")", "\"c\" (\"n\")", "\"o\" (\"cid\")"],
        );
        check("delete from o where a = 1", &["\"o\" (\"a\")"]);
    }

    #[test]
    fn either_of_two_columns_needs_an_index_each() {
        check("select * from t where a = 1 or b = 2", &["\"t\" (\"a\")", "\"t\" (\"b\")"]);
        check("select * from t where a = 1 or a = 2", &["\"t\" (\"a\")"]);
        check("select * from t where a = 1 or b like 'x%'", &[]);
    }

    #[test]
    fn what_no_index_serves_is_passed_over_with_the_reason() {
        let sql = "select * from t where lower(a) = 'x' and b like 'x%' and c <> 1 and d = e and f @> '{}'";
        let found = suggested(&[sql], None);
        assert!(found.indexes.is_empty(), "{found:?}");
        let passed_over = found.passed_over[&0].join("\n");
        for part in ["lower(a): an index on the column alone", "b: a pattern", "c: <> finds", "f: @> needs"] {
            assert!(passed_over.contains(part), "{part} in {passed_over}");
        }
    }

    #[test]
    fn columns_of_no_table_are_no_candidates() {
        check("with w as (select a from t where b = 1) select * from w where a = 2", &["\"t\" (\"b\")"]);
        check("select * from (select a, count(*) n from t group by a) s where s.n = 2 order by n", &[]);
        check("select a, count(*) as n from t where b = 1 group by a order by n", &["\"t\" (\"b\")"]);
        check("select a + 1 as b from t order by b", &[]);
        check("select * from generate_series(1, 5) g where g = 2", &[]);
    }

    #[test]
    fn names_fold_and_are_quoted() {
        check(
            "select * from T where A = 1 and \"B\"\"; DROP TABLE x; --\" = 2",
            &["\"t\" (\"a\", \"B\"\"; DROP TABLE x; --\")"],
        );
        check("select * from \"My Schema\".\"T\" u where u.\"Select\" = 1", &["\"My Schema\".\"T\" (\"Select\")"]);
        let found = suggested(&["select * from t where a = 1"], None);
        let index = found.indexes.keys().next().unwrap();
        assert_eq!(index.statement(RelationKind::Table), "CREATE INDEX CONCURRENTLY ON \"t\" (\"a\");");
        assert_eq!(index.statement(RelationKind::Partitioned), "CREATE INDEX ON \"t\" (\"a\");");
    }

    #[test]
    fn a_shorter_index_is_part_of_a_longer_one() {
        let found = suggested(&["select * from t where a = 1", "select * from t where a = 1 and b = 2"], None);
        let shown: Vec<(String, usize)> =
            found.indexes.iter().map(|(index, places)| (index.target(), places.len())).collect();
        assert_eq!(shown, [("\"t\" (\"a\", \"b\")".to_owned(), 2)]);
    }

    #[test]
    fn only_what_is_slower_and_more_frequent_than_the_thresholds_is_looked_at() {
        let config = QueriesConfig::default();
        let is_slow = |count: u64, nanos: u64| {
            let mut gathered = Gathered::default();
            (0..count).for_each(|_| gathered.add("select 1", nanos));
            super::is_slow(&gathered.into_patterns()[0], &config)
        };
        assert!(is_slow(11, 100 * MS + 1));
        assert!(!is_slow(11, 100 * MS) && !is_slow(10, 100 * MS + 1));
    }

    #[test]
    fn a_catalog_tells_whose_a_column_is_and_what_cannot_be() {
        let name =
            |schema: Option<&str>, name: &str| TableName { schema: schema.map(str::to_owned), name: name.to_owned() };
        let relation = |kind, columns: &[&str]| Relation {
            kind,
            columns: columns.iter().map(ToString::to_string).collect(),
            indexes: BTreeMap::new(),
        };
        let catalog = Catalog {
            relations: BTreeMap::from([
                (name(Some("s"), "t"), relation(RelationKind::Table, &["a", "id"])),
                (name(Some("s"), "u"), relation(RelationKind::Partitioned, &["b", "id"])),
                (name(Some("s"), "v"), relation(RelationKind::View, &["c"])),
            ]),
            visible: ["t", "u", "v"].map(|table| (table.to_owned(), "s".to_owned())).into(),
        };
        let found = suggested(&["select * from t join u on t.id = u.id where a = 1 and b = 2"], Some(&catalog));
        let targets: Vec<String> = found.indexes.keys().map(Index::target).collect();
        let expected = ["\"s\".\"t\" (\"a\")", "\"s\".\"t\" (\"id\")", "\"s\".\"u\" (\"b\")", "\"s\".\"u\" (\"id\")"];
        assert_eq!(targets, expected);
        let without = suggested(&["select * from t join u on t.id = u.id where a = 1 and b = 2"], None);
        assert!(without.passed_over[&0][0].starts_with("a: which table has it"), "{without:?}");
        let found = suggested(
            &["select * from v where c = 1", "select * from w where c = 1", "select * from t where t.x = 1"],
            Some(&catalog),
        );
        let reasons: Vec<&str> = found.impossible.values().map(|(_, reason)| reason.as_str()).collect();
        assert!(found.indexes.is_empty());
        assert!(reasons.iter().any(|reason| reason.contains("a view")), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("no such table")), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("no column \"x\"")), "{reasons:?}");
    }

    #[test]
    fn an_index_that_begins_alike_is_enough() {
        let columns = |text: &str| -> Vec<(String, Direction)> {
            let direction =
                |word: &str| if word.starts_with('-') { Direction::Descending } else { Direction::Ascending };
            text.split(' ').map(|word| (word.trim_start_matches('-').to_owned(), direction(word))).collect()
        };
        let check = |there: &str, wanted: &str, enough: bool| {
            assert_eq!(begins_with(&columns(there), &columns(wanted)), enough, "{there} {wanted}");
        };
        check("a b", "a", true);
        check("a b", "a b", true);
        check("a", "a b", false);
        check("b a", "a", false);
        check("-a b", "a -b", true);
        check("a b", "a -b", false);
    }

    #[test]
    fn planners_are_asked_about_the_slowest_execution_or_about_parameters() {
        let mut gathered = Gathered::default();
        (0..20).for_each(|n| gathered.add(&format!("select * from t where a = {n} ;"), (100 + n) * MS));
        let found = suggest(&gathered.into_patterns(), &QueriesConfig::default(), None);
        assert_eq!(found.plannable[&0], ("select * from t where a = 19".to_owned(), 0));
        let mut gathered = Gathered::default();
        gathered.add_sum("select * from t where a = $1 and b > now() - interval $2", 20, 9999.0);
        let found = suggest(&gathered.into_patterns(), &QueriesConfig::default(), None);
        let expected = "SELECT * FROM t WHERE a = $1 AND b > now() - $2::INTERVAL";
        assert_eq!(found.plannable[&0], (expected.to_owned(), 2));
        let plannable = |sql: &str| suggested(&[sql], None).plannable[&0].clone();
        let count = "select count(*), max(b) from t where a = 1";
        assert_eq!(plannable(count), (count.to_owned(), 0));
        let expected = "SELECT count(*) FROM t WHERE a = repeat($1, $2)";
        assert_eq!(plannable("select count(*) from t where a = repeat('x', 1000000000)"), (expected.to_owned(), 2));
    }
}
