//! A plan -> what was found: has the logs read or the server's sums fetched, and the planner asked about each suggestion.

use super::gather::{Gathered, Pattern};
use super::report::{Costs, Planner, QueriesReport};
use super::suggest::{Suggested, suggest};
use crate::figure::counted;
use crate::plan::InputName;
use crate::plan::advise::AdvisePlan;
use crate::plan::queries::QueriesPlan;
use crate::report::Input;
use crate::source::postgres::statements::Statements;
use crate::source::query_log::{self, QueryInput, QueryReading, QuerySummary};
use anyhow::ensure;
use std::collections::BTreeMap;

/// What a run found.
pub(crate) struct QueriesFound {
    pub(crate) inputs: Vec<QueryInput>,
    pub(crate) summary: QuerySummary,
    pub(crate) report: QueriesReport,
    /// What the reader should know before trusting a figure, as sentences.
    pub(crate) notes: Vec<String>,
}

/// Runs the plan.
///
/// # Errors
/// An input or a database that cannot be read, or nothing in it that ran.
pub(crate) fn run(plan: &QueriesPlan) -> anyhow::Result<QueriesFound> {
    let mut database = plan.database.as_ref().map(Statements::open).transpose()?;
    let mut gathered = Gathered::default();
    let mut notes = Vec::new();
    let reading = match &mut database {
        Some(server) if plan.files.is_empty() => sums(server, &mut gathered, &mut notes)?,
        database => {
            let name = database.as_ref().map(|server| server.target().database.clone());
            let take = &mut |sql: &str, nanos: u64| gathered.add(sql, nanos);
            query_log::read(&plan.files, name.as_deref(), plan.max_rejects_ratio, take)?
        }
    };
    let QueryReading { inputs, summary } = reading;
    ensure!(summary.executions > 0, "{}", nothing_ran(&summary));
    let patterns = gathered.into_patterns();
    let catalog = database.as_mut().map(Statements::catalog).transpose()?;
    let suggested = suggest(&patterns, &plan.config, catalog.as_ref());
    let planner = match &mut database {
        Some(server) if server.can_cost() => Some(ask(server, &suggested)?),
        Some(server) => {
            notes.push(format!(
                "{} has not the extension hypopg, so no suggestion is checked; install it (Debian: \
                 postgresql-NN-hypopg) and type CREATE EXTENSION hypopg",
                server.target()
            ));
            None
        }
        None => {
            notes.push("no suggestion is checked by a planner; name a database with --database-url".to_owned());
            None
        }
    };
    notes.extend(more_notes(&patterns, &summary, plan));
    let report = QueriesReport::new(&patterns, &plan.config, suggested, catalog.as_ref(), planner.as_ref());
    if let Some(server) = database {
        server.close();
    }
    Ok(QueriesFound { inputs, summary, report, notes })
}

/// What the requests of an access log ran, if files of JSON lines say so and all requests take part.
///
/// # Errors
/// A file that cannot be read again.
pub(crate) fn of_requests(plan: &AdvisePlan, inputs: &[Input]) -> anyhow::Result<Option<QueriesReport>> {
    let input = &plan.replay.input;
    let is_selective = input.since.is_some() || input.until.is_some() || !input.filters.is_empty();
    if plan.only.is_some() || is_selective {
        return Ok(None);
    }
    let is_json = |name: &InputName| {
        let shown = name.shown();
        inputs.iter().any(|input| input.path == shown && input.format.starts_with("JSON lines"))
    };
    let is_readable_again = |name: &&InputName| matches!(name, InputName::Path(path) if path.is_file());
    let names: Vec<InputName> =
        input.files.iter().filter(is_readable_again).filter(|name| is_json(name)).cloned().collect();
    let mut gathered = Gathered::default();
    query_log::read(&names, None, 1.0, &mut |sql, nanos| gathered.add(sql, nanos))?;
    let patterns = gathered.into_patterns();
    let config = &plan.config.queries;
    let suggested = suggest(&patterns, config, None);
    Ok((!patterns.is_empty()).then(|| QueriesReport::new(&patterns, config, suggested, None, None)))
}

fn nothing_ran(summary: &QuerySummary) -> String {
    let why = match (summary.other_databases, summary.without_statement) {
        (0, 0) => {
            "expected queryExecutions, or durations as log_min_duration_statement logs them, in English \
                   (lc_messages)"
        }
        (0, _) => {
            "the durations there are have no statement; set log_min_duration_statement, or log_statement beside \
                   log_duration"
        }
        _ => "all of it ran in other databases than the one of --database-url",
    };
    format!("no query ran in any input: {why}")
}

/// The server's own sums, as one input.
fn sums(server: &mut Statements, gathered: &mut Gathered, notes: &mut Vec<String>) -> anyhow::Result<QueryReading> {
    let mut input = QueryInput {
        path: server.target().to_string(),
        format: "pg_stat_statements".to_owned(),
        compression: None,
        lines: 0,
        executions: 0,
        rejected: 0,
        error: None,
    };
    let mut hidden = 0;
    for sum in server.sums()? {
        input.lines += 1;
        match sum.text {
            Some(text) => {
                input.executions += sum.count;
                gathered.add_sum(&text, sum.count, sum.total_ms);
            }
            None => hidden += 1,
        }
    }
    if hidden > 0 {
        let user = crate::source::postgres::typed_name(&server.target().user);
        notes.push(format!(
            "{hidden} statements of other roles are hidden from {user}; GRANT pg_read_all_stats TO {user}; shows them"
        ));
    }
    let summary = QuerySummary { lines: input.lines, executions: input.executions, ..QuerySummary::default() };
    Ok(QueryReading { inputs: vec![input], summary })
}

/// Has every suggestion costed for each pattern that it is for.
fn ask(server: &mut Statements, suggested: &Suggested) -> anyhow::Result<Planner> {
    let mut before: BTreeMap<usize, Result<f64, String>> = BTreeMap::new();
    let mut costs = BTreeMap::new();
    for (index, places) in &suggested.indexes {
        let mut of_index = Costs::new();
        for place in places {
            let Some((statement, parameters)) = suggested.plannable.get(place) else { continue };
            let known = match before.get(place) {
                Some(known) => known.clone(),
                None => before.entry(*place).or_insert(server.cost(statement, *parameters, None)?).clone(),
            };
            let cost = match known {
                Ok(known) => server.cost(statement, *parameters, Some(index))?.map(|after| (known, after)),
                Err(reason) => Err(reason),
            };
            of_index.insert(*place, cost);
        }
        costs.insert(index.clone(), of_index);
    }
    Ok(Planner { name: format!("{}, with hypopg", server.target()), costs })
}

fn more_notes(patterns: &[Pattern], summary: &QuerySummary, plan: &QueriesPlan) -> Vec<String> {
    let unparsed = patterns.iter().filter(|pattern| pattern.unparsed.is_some()).count();
    let notes = [
        (unparsed as u64, "pattern", "did not parse: grouped by the text, and without suggestions"),
        (summary.other_databases, "execution", "in other databases than the one of --database-url left out"),
        (summary.without_statement, "duration", "left out for having no statement to belong to"),
        (summary.rejected, "line", "could not be read"),
    ];
    let notes = notes.into_iter().filter(|(count, ..)| *count > 0);
    let mut notes: Vec<String> = notes.map(|(count, noun, text)| format!("{} {text}", counted(count, noun))).collect();
    if plan.files.is_empty() {
        notes.push("pg_stat_statements keeps sums only, so there is no p95".to_owned());
    }
    notes
}
