//! A statement -> the columns that it looks rows up by, for each table: WHERE, JOIN ... ON and ORDER BY.
//!
//! Only what a B-tree on a bare column serves is a candidate; what it does not serve is named, with the reason.

use super::scope::{Catalog, Column, Meaning, Scope, TableName, folded, meaning};
use sqlparser::ast::{
    BinaryOperator, Delete, Expr, FromTable, GroupByExpr, Ident, JoinConstraint, JoinOperator, OrderBy, OrderByKind,
    Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, UnaryOperator, Update,
    UpdateTableFromKind, Visit, Visitor,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// What a statement looks for in one item of a FROM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    /// Columns compared with one value or a list.
    pub(super) equal: Vec<String>,
    /// Columns compared with another table's.
    pub(super) join: Vec<String>,
    /// Columns compared by order.
    pub(super) range: Vec<String>,
    /// Columns of which one or the other has to match: an index each.
    pub(super) either: Vec<String>,
    /// The columns that the result is sorted by, in order.
    pub(super) order: Vec<Sorted>,
}

/// A column of ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) name: String,
    pub(super) direction: Direction,
}

/// Which way a column is sorted; absent values stand where PostgreSQL puts them by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// The other one.
    pub(super) fn turned(self) -> Self {
        match self {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        }
    }
}

/// All of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accesses {
    /// In the order of the statement.
    pub(super) tables: Vec<(TableName, Access)>,
    /// Conditions that no suggestion serves, with the reason.
    pub(super) passed_over: BTreeSet<String>,
}

/// What a statement looks for; a catalog tells to which table a bare name belongs.
pub(super) fn accesses(statement: &Statement, catalog: Option<&Catalog>) -> Accesses {
    let mut walk = Walk { catalog, ..Walk::default() };
    let _ = statement.visit(&mut walk);
    Accesses { tables: walk.found.into_values().collect(), passed_over: walk.passed_over }
}

#[derive(Default)]
struct Walk<'a> {
    catalog: Option<&'a Catalog>,
    /// Numbered as they come, so that two FROMs do not share one.
    scopes: Vec<Scope>,
    serials: Vec<usize>,
    next_serial: usize,
    with: Vec<BTreeSet<String>>,
    /// By the FROM and the item in it.
    found: BTreeMap<(usize, usize), (TableName, Access)>,
    passed_over: BTreeSet<String>,
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        if let Statement::Update(_) | Statement::Delete(_) = statement {
            self.leave();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| folded(&cte.alias.name));
        self.with.push(names.collect());
        if let (SetExpr::Select(select), Some(order_by)) = (&*query.body, &query.order_by) {
            self.enter(&select.from);
            self.order(select, order_by);
            // The same FROM comes again when the SELECT itself is visited.
            self.leave();
            self.next_serial -= 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.with.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.enter(&select.from);
        self.joins(&select.from);
        self.conditions(select.selection.iter());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &Select) -> ControlFlow<()> {
        self.leave();
        ControlFlow::Continue(())
    }
}

impl Walk<'_> {
    fn enter<'a>(&mut self, from: impl IntoIterator<Item = &'a TableWithJoins>) {
        self.scopes.push(Scope::of(from, &self.with));
        self.serials.push(self.next_serial);
        self.next_serial += 1;
    }

    fn leave(&mut self) {
        self.scopes.pop();
        self.serials.pop();
    }

    fn update(&mut self, update: &Update) {
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => &from[..],
            None => &[],
        };
        self.enter(std::iter::once(&update.table).chain(from));
        self.joins(std::iter::once(&update.table).chain(from));
        self.conditions(update.selection.iter());
    }

    fn delete(&mut self, delete: &Delete) {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let using = delete.using.as_deref().unwrap_or_default();
        self.enter(from.iter().chain(using));
        self.joins(from.iter().chain(using));
        self.conditions(delete.selection.iter());
    }

    /// The conditions of ON and USING.
    fn joins<'a>(&mut self, from: impl IntoIterator<Item = &'a TableWithJoins>) {
        let mut waiting: Vec<&TableWithJoins> = from.into_iter().collect();
        waiting.reverse();
        while let Some(item) = waiting.pop() {
            let factors = std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation));
            for factor in factors {
                if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
                    waiting.push(table_with_joins);
                }
            }
            for (index, join) in item.joins.iter().enumerate() {
                match constraint(&join.join_operator) {
                    Some(JoinConstraint::On(condition)) => self.conditions(std::iter::once(condition)),
                    Some(JoinConstraint::Using(columns)) => {
                        let names = columns.iter().filter_map(|name| name.0.last()?.as_ident());
                        let sides =
                            std::iter::once(&item.relation).chain(item.joins[..=index].iter().map(|one| &one.relation));
                        let sides: Vec<&TableFactor> = sides.collect();
                        names.for_each(|name| self.using(name, &sides));
                    }
                    _ => {}
                }
            }
        }
    }

    /// A column that is named alike on both sides; of three or more tables on the left nobody can tell which has it.
    fn using(&mut self, name: &Ident, sides: &[&TableFactor]) {
        let sides = match sides {
            [left, right] => vec![*left, *right],
            [.., right] => vec![*right],
            [] => Vec::new(),
        };
        for side in sides {
            let TableFactor::Table { name: table, alias, .. } = side else { continue };
            let Some(binding) =
                alias.as_ref().map(|alias| alias.name.clone()).or_else(|| table.0.last()?.as_ident().cloned())
            else {
                continue;
            };
            let expr = Expr::CompoundIdentifier(vec![binding, name.clone()]);
            if let Meaning::Column(column) = self.meaning(&expr) {
                note(&mut self.access(&column).join, column.name);
            }
        }
    }

    fn meaning(&self, expr: &Expr) -> Meaning {
        meaning(expr, &self.scopes, self.catalog)
    }

    /// The column of a table that an expression is, if it is one.
    fn column(&self, expr: &Expr) -> Option<Column> {
        match self.meaning(expr) {
            Meaning::Column(column) => Some(column),
            _ => None,
        }
    }

    fn access(&mut self, column: &Column) -> &mut Access {
        let key = (self.serials[column.source.0], column.source.1);
        &mut self.found.entry(key).or_insert_with(|| (column.table.clone(), Access::default())).1
    }

    /// Conditions that all have to hold.
    fn conditions<'a>(&mut self, conditions: impl Iterator<Item = &'a Expr>) {
        let mut waiting: Vec<&Expr> = conditions.collect();
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::Nested(inner) => waiting.push(inner),
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => waiting.extend([&**right, &**left]),
                Expr::BinaryOp { op: BinaryOperator::Or, .. } => self.alternatives(expr),
                _ => self.condition(expr),
            }
        }
    }

    fn condition(&mut self, expr: &Expr) {
        match self.lookup(expr) {
            Ok(lookup) => {
                for (column, kind) in lookup {
                    let access = self.access(&column);
                    let list = match kind {
                        Kind::Equal => &mut access.equal,
                        Kind::Join => &mut access.join,
                        Kind::Range => &mut access.range,
                    };
                    note(list, column.name);
                }
            }
            Err(reason) => self.passed_over.extend(reason),
        }
    }

    /// Conditions of which one has to hold: an index helps only if each has one.
    fn alternatives(&mut self, expr: &Expr) {
        let (mut waiting, mut columns) = (vec![expr], Vec::new());
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::Nested(inner) => waiting.push(inner),
                Expr::BinaryOp { left, op: BinaryOperator::Or, right } => waiting.extend([&**right, &**left]),
                _ => columns.push(self.first_lookup(expr)),
            }
        }
        let columns: Option<Vec<Column>> = columns.into_iter().collect();
        let same_source = |columns: &Vec<Column>| columns.iter().all(|column| column.source == columns[0].source);
        let Some(columns) = columns.filter(same_source) else {
            self.passed_over.insert("OR: not every side of it compares a column of one table with a value".to_owned());
            return;
        };
        let names: BTreeSet<&String> = columns.iter().map(|column| &column.name).collect();
        let is_one = names.len() == 1;
        for column in &columns {
            let access = self.access(column);
            note(if is_one { &mut access.equal } else { &mut access.either }, column.name.clone());
        }
    }

    /// The column by which one side of an OR is looked up, equality first.
    fn first_lookup(&self, expr: &Expr) -> Option<Column> {
        let (mut waiting, mut found) = (vec![expr], Vec::new());
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::Nested(inner) => waiting.push(inner),
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => waiting.extend([&**right, &**left]),
                _ => found.extend(self.lookup(expr).unwrap_or_default()),
            }
        }
        let of_kind = |kind| found.iter().find(move |(_, found)| *found == kind).map(|(column, _)| column.clone());
        of_kind(Kind::Equal).or_else(|| of_kind(Kind::Range))
    }

    /// What a condition looks up, or what it is that cannot be.
    fn lookup(&self, expr: &Expr) -> Result<Vec<(Column, Kind)>, Option<String>> {
        let one = |expr: &Expr, kind| match self.meaning(expr) {
            Meaning::Column(column) => Ok(vec![(column, kind)]),
            Meaning::Ambiguous(name) => Err(Some(format!("{name}: which table has it cannot be told; qualify it"))),
            Meaning::Derived => Err(None),
            Meaning::Other => Err(self.reason(expr)),
        };
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => self.comparison(left, right, Kind::Equal),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                    self.comparison(left, right, Kind::Range)
                }
                BinaryOperator::NotEq => Err(self.named(left, "<> finds most rows")),
                _ => Err(self.named(left, &format!("{op} needs an index of another kind than a B-tree"))),
            },
            Expr::Between { expr, negated: false, .. } => one(expr, Kind::Range),
            Expr::InList { expr, negated: false, .. }
            | Expr::InUnnest { expr, negated: false, .. }
            | Expr::AnyOp { left: expr, compare_op: BinaryOperator::Eq, .. } => one(expr, Kind::Equal),
            Expr::InSubquery { expr, negated: false, .. } => one(expr, Kind::Join),
            Expr::IsNull(expr) | Expr::IsTrue(expr) | Expr::IsFalse(expr) => one(expr, Kind::Equal),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => match self.column(expr) {
                Some(column) => Ok(vec![(column, Kind::Equal)]),
                None => Err(None),
            },
            Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => {
                Err(self.named(expr, "a pattern needs text_pattern_ops or pg_trgm"))
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => one(expr, Kind::Equal),
            _ => Err(None),
        }
    }

    fn comparison(&self, left: &Expr, right: &Expr, kind: Kind) -> Result<Vec<(Column, Kind)>, Option<String>> {
        let (one, other) = (self.meaning(left), self.meaning(right));
        match (one, other) {
            (Meaning::Column(one), Meaning::Column(other)) if one.source == other.source => Err(None),
            (Meaning::Column(one), Meaning::Column(other)) if kind == Kind::Equal => {
                Ok(vec![(one, Kind::Join), (other, Kind::Join)])
            }
            (Meaning::Column(column), Meaning::Derived) | (Meaning::Derived, Meaning::Column(column)) => {
                Ok(vec![(column, if kind == Kind::Equal { Kind::Join } else { kind })])
            }
            (Meaning::Column(column), Meaning::Other) => Ok(vec![(column, kind)]),
            (Meaning::Other, Meaning::Column(column)) => Ok(vec![(column, kind)]),
            (Meaning::Ambiguous(name), _) | (_, Meaning::Ambiguous(name)) => {
                Err(Some(format!("{name}: which table has it cannot be told; qualify it")))
            }
            (Meaning::Other, Meaning::Other) => Err(self.reason(left).or_else(|| self.reason(right))),
            _ => Err(None),
        }
    }

    /// Why an expression that holds a column is no candidate.
    fn reason(&self, expr: &Expr) -> Option<String> {
        let mut columns = Columns { walk: self, has_column: false };
        let _ = expr.visit(&mut columns);
        columns.has_column.then(|| format!("{expr}: an index on the column alone does not serve an expression of it"))
    }

    fn named(&self, expr: &Expr, why: &str) -> Option<String> {
        self.column(expr).map(|column| format!("{}: {why}", column.name))
    }

    /// The columns of ORDER BY, if all are of one table and the rows are sorted as they are read.
    fn order(&mut self, select: &Select, order_by: &OrderBy) {
        let OrderByKind::Expressions(expressions) = &order_by.kind else { return };
        let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(columns, _) if columns.is_empty());
        if is_grouped || select.distinct.is_some() {
            return;
        }
        let mut sorted: Vec<(Column, Sorted)> = Vec::new();
        for expression in expressions {
            let Some(column) = self.column(unaliased(&expression.expr, &select.projection)) else { return };
            let direction =
                if expression.options.asc == Some(false) { Direction::Descending } else { Direction::Ascending };
            let nulls_first = expression.options.nulls_first;
            let has_default_nulls = nulls_first.is_none_or(|first| first == (direction == Direction::Descending));
            let is_same = sorted.first().is_none_or(|(first, _)| first.source == column.source);
            if !has_default_nulls || !is_same {
                return;
            }
            let name = column.name.clone();
            sorted.push((column, Sorted { name, direction }));
        }
        if let Some((column, _)) = sorted.first().cloned() {
            self.access(&column).order = sorted.into_iter().map(|(_, sorted)| sorted).collect();
        }
    }
}

/// How a column is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Equal,
    Join,
    Range,
}

/// What a bare name in ORDER BY stands for: the result's column of that name comes before the table's.
fn unaliased<'a>(expr: &'a Expr, projection: &'a [SelectItem]) -> &'a Expr {
    let Expr::Identifier(name) = expr else { return expr };
    let named = projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if folded(alias) == folded(name) => Some(expr),
        _ => None,
    });
    named.unwrap_or(expr)
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// Appends a name that is not there.
fn note(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Looks for a column of a table within an expression.
struct Columns<'a, 'b> {
    walk: &'a Walk<'b>,
    has_column: bool,
}

impl Visitor for Columns<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.has_column |= self.walk.column(expr).is_some();
        if self.has_column { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
