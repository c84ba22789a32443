//! Names in a statement -> the tables and columns that they mean.
//!
//! A scope is what one FROM makes visible. Names fold as PostgreSQL folds them. Where the server's catalog is known it
//! tells which table has a column; where it is not, a bare name among several tables means none.

use super::access::Direction;
use sqlparser::ast::{Expr, Ident, ObjectName, TableAlias, TableFactor, TableWithJoins};
use std::collections::{BTreeMap, BTreeSet};

/// A table's name, folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    /// Its schema, where the statement or the catalog names one.
    pub(crate) schema: Option<String>,
    /// Its own name.
    pub(crate) name: String,
}

/// What a relation of the catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    /// A table, or a materialized view.
    Table,
    /// A table whose rows are in partitions.
    Partitioned,
    /// A view or a foreign table, which cannot have an index.
    View,
}

/// A relation of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) kind: RelationKind,
    pub(crate) columns: BTreeSet<String>,
    /// The columns of its B-trees over all rows, by their names.
    pub(crate) indexes: BTreeMap<String, Vec<(String, Direction)>>,
}

/// The tables of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// Every relation, with its schema.
    pub(crate) relations: BTreeMap<TableName, Relation>,
    /// The schema that a bare name is found in.
    pub(crate) visible: BTreeMap<String, String>,
}

impl Catalog {
    /// The relation's name with its schema.
    pub(crate) fn full_name(&self, name: &TableName) -> Option<TableName> {
        let schema = name.schema.as_ref().or_else(|| self.visible.get(&name.name))?;
        let full = TableName { schema: Some(schema.clone()), name: name.name.clone() };
        self.relations.contains_key(&full).then_some(full)
    }

    fn has_column(&self, table: &TableName, column: &str) -> bool {
        let relation = self.full_name(table).and_then(|name| self.relations.get(&name));
        relation.is_some_and(|relation| relation.columns.contains(column))
    }
}

/// One item of a FROM.
struct Source {
    /// The name that columns are qualified with.
    binding: String,
    /// The table; `None` for a subquery, a function, a WITH.
    table: Option<TableName>,
}

/// What one FROM makes visible.
pub(super) struct Scope {
    sources: Vec<Source>,
}

/// A column of one item of a FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The scope, from the outermost, and the item in it: a table that is joined to itself is two.
    pub(super) source: (usize, usize),
    pub(super) table: TableName,
    pub(super) name: String,
}

/// What an expression is, as a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This column of a table.
    Column(Column),
    /// A column, but nobody can tell of which table.
    Ambiguous(String),
    /// A column of something that is no table.
    Derived,
    /// No column.
    Other,
}

impl Scope {
    /// What `from` makes visible; names of WITH are no tables.
    pub(super) fn of<'a>(from: impl IntoIterator<Item = &'a TableWithJoins>, with: &[BTreeSet<String>]) -> Self {
        let mut scope = Scope { sources: Vec::new() };
        let mut waiting: Vec<&TableWithJoins> = from.into_iter().collect();
        waiting.reverse();
        while let Some(item) = waiting.pop() {
            for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
                match factor {
                    TableFactor::NestedJoin { table_with_joins, alias: None } => waiting.push(table_with_joins),
                    _ => scope.add(factor, with),
                }
            }
        }
        scope
    }

    fn add(&mut self, factor: &TableFactor, with: &[BTreeSet<String>]) {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => (table_name(name), alias),
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => (None, alias),
            _ => (None, &None),
        };
        let is_with =
            |table: &TableName| table.schema.is_none() && with.iter().any(|names| names.contains(&table.name));
        let renames_columns = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        let own_name = name.as_ref().map(|table| table.name.clone());
        let table = name.filter(|table| !is_with(table) && !renames_columns);
        let binding = alias.as_ref().map(|TableAlias { name, .. }| folded(name)).or(own_name).unwrap_or_default();
        self.sources.push(Source { binding, table });
    }
}

/// What `expr` means within scopes, the innermost last.
pub(super) fn meaning(expr: &Expr, scopes: &[Scope], catalog: Option<&Catalog>) -> Meaning {
    let mut expr = expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    match expr {
        Expr::Identifier(name) => bare(&folded(name), scopes, catalog),
        Expr::CompoundIdentifier(parts) => match &parts[..] {
            [.., binding, name] => qualified(&folded(binding), &folded(name), scopes),
            _ => Meaning::Derived,
        },
        _ => Meaning::Other,
    }
}

fn qualified(binding: &str, name: &str, scopes: &[Scope]) -> Meaning {
    for (depth, scope) in scopes.iter().enumerate().rev() {
        if let Some(index) = scope.sources.iter().position(|source| source.binding == binding) {
            return column((depth, index), &scope.sources[index], name);
        }
    }
    Meaning::Derived
}

fn bare(name: &str, scopes: &[Scope], catalog: Option<&Catalog>) -> Meaning {
    for (depth, scope) in scopes.iter().enumerate().rev() {
        let is_known = |source: &Source| {
            let table = source.table.as_ref();
            table.is_some_and(|table| catalog.is_some_and(|catalog| catalog.full_name(table).is_some()))
        };
        match (catalog, &scope.sources[..]) {
            (_, []) => {}
            (Some(catalog), sources) if sources.iter().all(is_known) => {
                let has = |source: &Source| source.table.as_ref().is_some_and(|table| catalog.has_column(table, name));
                let found: Vec<usize> = (0..sources.len()).filter(|index| has(&sources[*index])).collect();
                match found[..] {
                    [] => {}
                    [index] => return column((depth, index), &sources[index], name),
                    _ => return Meaning::Ambiguous(name.to_owned()),
                }
            }
            (_, [source]) => return column((depth, 0), source, name),
            _ => return Meaning::Ambiguous(name.to_owned()),
        }
    }
    Meaning::Derived
}

fn column(source: (usize, usize), found: &Source, name: &str) -> Meaning {
    match &found.table {
        Some(table) => Meaning::Column(Column { source, table: table.clone(), name: name.to_owned() }),
        None => Meaning::Derived,
    }
}

/// A table's name; `None` for one with more parts than a schema.
pub(super) fn table_name(name: &ObjectName) -> Option<TableName> {
    let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(folded)).collect();
    match &parts?[..] {
        [name] => Some(TableName { schema: None, name: name.clone() }),
        [schema, name] => Some(TableName { schema: Some(schema.clone()), name: name.clone() }),
        _ => None,
    }
}

/// An identifier as PostgreSQL looks it up.
pub(super) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        // The tokenizer has undoubled the quotes.
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}
