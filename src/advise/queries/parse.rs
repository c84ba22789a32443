//! SQL text -> a statement whose literals are parameters, by `sqlparser`.
//!
//! Hostile text is expected: what is too long is not parsed, what is nested too deep is refused by the parser, and a
//! parsed tree lives and dies on a stack of its own that is large enough for the longest text.

use super::text::{call_depth, without_literals};
use sqlparser::ast::{
    Array, CastKind, DataType, Expr, Interval, Query, SetExpr, Statement, TypedString, Value, ValueWithSpan, VisitMut,
    VisitorMut,
};
use sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Longer texts are not parsed: a tree is at most half as deep as its text is long.
pub(super) const MAX_PARSED_BYTES: usize = 64 << 10;

/// Calls nested deeper are not parsed: of calls in FROM the parser tries every reading, several for each level.
const MAX_CALL_DEPTH: usize = 8;

/// Two kilobytes for each level that [`MAX_PARSED_BYTES`] can make; only what is used becomes memory.
const STACK_BYTES: usize = 64 << 20;

/// A statement as its pattern has it.
pub(super) struct Parsed {
    /// Every literal is a parameter; parameters are numbered by place.
    pub(super) statement: Statement,
    /// How many parameters there are.
    pub(super) parameters: usize,
    /// Whether a function is called with a literal: a server that plans the text itself may evaluate the call.
    pub(super) calls_with_literals: bool,
}

/// Parses one statement and hands it to `look`, whose answer comes back.
///
/// # Errors
/// Why the text is no statement that can be parsed, as part of a sentence.
pub(super) fn with_statement<T: Send>(sql: &str, look: impl FnOnce(&Parsed) -> T + Send) -> Result<T, String> {
    if sql.len() > MAX_PARSED_BYTES {
        return Err(format!("it is longer than {} kB", MAX_PARSED_BYTES >> 10));
    }
    if call_depth(&without_literals(sql)) > MAX_CALL_DEPTH {
        return Err(format!("its calls are nested deeper than {MAX_CALL_DEPTH}"));
    }
    std::thread::scope(|scope| {
        let work = || parse(sql).map(|parsed| look(&parsed));
        let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| format!("there is no memory to parse it: {error}"))?;
        worker.join().unwrap_or_else(|_| Err("the parser failed on it".to_owned()))
    })
}

fn parse(sql: &str) -> Result<Parsed, String> {
    // `?` is an operator in PostgreSQL and a parameter in most drivers.
    let statement = one_statement(&PostgreSqlDialect {}, sql).or_else(|error| {
        let is_worth_it = sql.contains('?');
        if is_worth_it { one_statement(&GenericDialect {}, sql).map_err(|_| error) } else { Err(error) }
    });
    let mut statement = statement?;
    let mut parameters = Parameters::default();
    let _ = VisitMut::visit(&mut statement, &mut Folding);
    let _ = VisitMut::visit(&mut statement, &mut parameters);
    Ok(Parsed { statement, parameters: parameters.count, calls_with_literals: parameters.calls_with_literals })
}

fn one_statement(dialect: &dyn Dialect, sql: &str) -> Result<Statement, String> {
    let mut statements = Parser::parse_sql(dialect, sql).map_err(|error| error.to_string())?;
    match (statements.pop(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err("it is empty".to_owned()),
        (Some(_), others) => Err(format!("it is {} statements in one", others + 1)),
    }
}

/// Makes lists of values one value, and literals with a type casts, which a parameter can stand in.
struct Folding;

impl VisitorMut for Folding {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::InList { list, .. } | Expr::Array(Array { elem: list, .. }) if list.iter().all(is_value) => {
                list.truncate(1);
            }
            Expr::Interval(Interval { value, .. }) if is_value(value) => {
                *expr = cast(std::mem::replace(value, Box::new(null())), INTERVAL);
            }
            Expr::TypedString(TypedString { data_type, value, .. }) => {
                let value = std::mem::replace(value, Value::Null.into());
                *expr = cast(Box::new(Expr::Value(value)), data_type.clone());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Values(values) = &mut *query.body {
            let is_plain = |row: &Vec<Expr>| row.iter().all(is_value);
            if values.rows.iter().all(|row| is_plain(&row.content)) {
                let columns = values.rows.first().map_or(0, |row| row.content.len());
                if values.rows.iter().all(|row| row.content.len() == columns) {
                    values.rows.truncate(1);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

const INTERVAL: DataType = DataType::Interval { fields: None, precision: None };

fn cast(expr: Box<Expr>, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr, data_type, array: false, format: None }
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// A literal or a parameter, with a sign or without.
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => matches!(**expr, Expr::Value(_)),
        _ => false,
    }
}

/// Numbers every literal and parameter.
#[derive(Default)]
struct Parameters {
    count: usize,
    /// Calls that are being visited.
    open_calls: usize,
    calls_with_literals: bool,
}

impl VisitorMut for Parameters {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        self.count += 1;
        self.calls_with_literals |= self.open_calls > 0;
        value.value = Value::Placeholder(format!("${}", self.count));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.open_calls += usize::from(matches!(expr, Expr::Function(_)));
        // A sign belongs to the number that is taken out.
        if let Expr::UnaryOp { op, expr: inner } = expr
            && matches!(op, sqlparser::ast::UnaryOperator::Minus | sqlparser::ast::UnaryOperator::Plus)
            && matches!(**inner, Expr::Value(_))
        {
            *expr = std::mem::replace(inner, null());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.open_calls -= usize::from(matches!(expr, Expr::Function(_)));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn pattern(sql: &str) -> Result<String, String> {
        with_statement(sql, |parsed| parsed.statement.to_string())
    }

    fn check(sql: &str, expected: &str) {
        assert_eq!(pattern(sql).as_deref(), Ok(expected), "{sql}");
    }

    #[test]
    fn literals_become_parameters_in_their_order() {
        check(
            "select * from t where a = 'x' and b = -5 and c is null limit 10",
            "SELECT * FROM t WHERE a = $1 AND b = $2 AND c IS NULL LIMIT $3",
        );
        check("select * from t where a = $7 or b = true", "SELECT * FROM t WHERE a = $1 OR b = $2");
        check("select * from t where a = ?", "SELECT * FROM t WHERE a = $1");
        check("UPDATE t SET a = 1 WHERE \"B\" = E'x'", "UPDATE t SET a = $1 WHERE \"B\" = $2");
    }

    #[test]
    fn lists_and_rows_are_one_whatever_their_length() {
        check("select 1 from t where a in (1, -2, 'x')", "SELECT $1 FROM t WHERE a IN ($2)");
        check("select 1 from t where a in (1, b)", "SELECT $1 FROM t WHERE a IN ($2, b)");
        check("select 1 from t where a = any(array[1, 2])", "SELECT $1 FROM t WHERE a = ANY(ARRAY[$2])");
        check("insert into t (a, b) values (1, 2), (3, 4)", "INSERT INTO t (a, b) VALUES ($1, $2)");
    }

    #[test]
    fn typed_literals_are_casts() {
        check(
            "select 1 from t where a > now() - interval '7 days' and b < date '2026-01-01'",
            "SELECT $1 FROM t WHERE a > now() - $2::INTERVAL AND b < $3::DATE",
        );
        check("select 1 from t where a > now() - interval $1", "SELECT $1 FROM t WHERE a > now() - $2::INTERVAL");
    }

    #[test]
    fn what_is_no_single_statement_is_refused() {
        assert!(pattern("SEARCH products WHERE name LIKE %ball%").is_err());
        assert!(pattern("select 'a").is_err());
        assert_eq!(pattern("  ").unwrap_err(), "it is empty");
        assert_eq!(pattern("select 1; drop table t").unwrap_err(), "it is 2 statements in one");
        let long = |length: usize| format!("select {}", "a".repeat(length - 7));
        assert!(pattern(&long(MAX_PARSED_BYTES)).is_ok());
        assert_eq!(pattern(&long(MAX_PARSED_BYTES + 1)).unwrap_err(), "it is longer than 64 kB");
    }

    #[test]
    fn calls_nested_too_deep_are_not_parsed() {
        let nested = |depth: usize| pattern(&format!("select {}a{} from t", "f(".repeat(depth), ")".repeat(depth)));
        assert!(nested(MAX_CALL_DEPTH).is_ok());
        assert_eq!(nested(MAX_CALL_DEPTH + 1).unwrap_err(), "its calls are nested deeper than 8");
    }

    /// Chains and nests of every kind; none may crash or take long.
    #[test]
    fn deep_and_long_statements_end_in_time() {
        let flat = ["+1", " or a=1", "||'x'", "::int", " union select 1", ",(1)", "[1]", ".a", " join t"];
        let nested = ["(", "not ", "- ", "(select ", "case when ", "f(", "array[", "a in (", "exists(select ", "cast("];
        let openings = ["select 1", "select 1 from t where a=1", "select 1 from ", "values (1)"];
        let started = Instant::now();
        for opening in openings {
            for unit in flat.iter().chain(&nested) {
                let _ = pattern(&format!("{opening} {}", unit.repeat(16_000 / unit.len())));
            }
            for unit in nested {
                for depth in [MAX_CALL_DEPTH, 45] {
                    let _ = pattern(&format!("{opening} {}1{}", unit.repeat(depth), ")".repeat(depth)));
                }
            }
        }
        let longest = format!("select 1{}", "+1".repeat(MAX_PARSED_BYTES / 2 - 4));
        assert!(pattern(&longest).is_ok());
        assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    }
}
