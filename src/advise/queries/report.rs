//! What was found of queries, as the JSON has it.

use super::gather::Pattern;
use super::scope::{Catalog, RelationKind};
use super::suggest::{Index, Suggested, is_slow, shown};
use crate::advise::config::QueriesConfig;
use crate::tuning::{number, optional_number};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueriesReport {
    /// Executions.
    pub executions: u64,
    /// Patterns whose text did not parse: grouped by their text, without suggestions.
    pub unparsed_patterns: u64,
    /// What the suggestions were held against; `null`: nothing.
    pub checked_by: Option<String>,
    /// All patterns, those that took most time first.
    pub patterns: Vec<PatternRow>,
    /// Indexes to create, those for most time first.
    pub suggestions: Vec<Suggestion>,
    /// Indexes that were considered and are of no use, with the reason.
    pub dropped: Vec<Dropped>,
}

/// One pattern.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PatternRow {
    /// Its place, from 1.
    pub number: usize,
    /// Its text, with parameters for literals.
    pub query: String,
    /// Executions.
    pub count: u64,
    /// Their durations together, in milliseconds.
    #[serde(serialize_with = "number")]
    pub total_ms: f64,
    /// Their mean.
    #[serde(serialize_with = "number")]
    pub mean_ms: f64,
    /// Their 95th percentile by nearest rank; `null` where only sums are known.
    #[serde(serialize_with = "optional_number")]
    pub p95_ms: Option<f64>,
    /// Whether mean and count are above the thresholds.
    pub slow: bool,
    /// Why the text did not parse; `null` where it did.
    pub unparsed: Option<String>,
    /// Conditions that no suggestion serves, with the reason; only of slow patterns.
    pub passed_over: Vec<String>,
}

/// An index to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The statement that creates it.
    pub statement: String,
    /// The table, as a statement names it.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The patterns that it is for, by their numbers.
    pub patterns: Vec<usize>,
    /// The time that those took together, in milliseconds.
    #[serde(serialize_with = "number")]
    pub total_ms: f64,
    /// Whether a planner takes it.
    pub verdict: Verdict,
    /// The planner's costs, one for each pattern that it was asked about.
    pub plans: Vec<PlanCost>,
    /// Patterns that the planner could not be asked about, with the reason.
    pub unplanned: Vec<String>,
}

/// Whether a planner takes an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// With it a plan costs less.
    Taken,
    /// No planner was asked, or it had no answer.
    Unchecked,
}

/// What a plan costs, in the planner's units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCost {
    /// The pattern's number.
    pub pattern: usize,
    /// As the database is.
    #[serde(serialize_with = "number")]
    pub before: f64,
    /// With the index alone.
    #[serde(serialize_with = "number")]
    pub after: f64,
}

/// An index that is of no use.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// The statement that would have created it.
    pub statement: String,
    /// The patterns that it was for, by their numbers.
    pub patterns: Vec<usize>,
    /// Why it is of no use.
    pub reason: String,
    /// The planner's costs, one for each pattern that it was asked about.
    pub plans: Vec<PlanCost>,
}

/// What a planner said of one index: the cost before and with it for each pattern, or why there is none.
pub(crate) type Costs = BTreeMap<usize, Result<(f64, f64), String>>;

/// A planner that was asked.
pub(crate) struct Planner {
    /// Who it is.
    pub(crate) name: String,
    /// What it said of each index.
    pub(crate) costs: BTreeMap<Index, Costs>,
}

impl QueriesReport {
    /// Puts everything together; without a planner no suggestion is dropped for its cost.
    pub(crate) fn new(
        patterns: &[Pattern],
        config: &QueriesConfig,
        mut suggested: Suggested,
        catalog: Option<&Catalog>,
        planner: Option<&Planner>,
    ) -> Self {
        let kind = |index: &Index| {
            let relation = catalog.and_then(|catalog| catalog.relations.get(&index.table));
            relation.map_or(RelationKind::Table, |relation| relation.kind)
        };
        let (mut suggestions, mut dropped) = (Vec::new(), Vec::new());
        for (index, places) in &suggested.indexes {
            let costs = planner.and_then(|planner| planner.costs.get(index));
            match suggestion(index, kind(index), places, patterns, costs) {
                Ok(suggestion) => suggestions.push(suggestion),
                Err(useless) => dropped.push(useless),
            }
        }
        for (index, (places, reason)) in &suggested.impossible {
            let (statement, patterns) = (index.statement(kind(index)), numbers(places));
            dropped.push(Dropped { statement, patterns, reason: reason.clone(), plans: Vec::new() });
        }
        suggestions.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms).then_with(|| a.statement.cmp(&b.statement)));
        dropped.sort_by(|a, b| (&a.patterns, &a.statement).cmp(&(&b.patterns, &b.statement)));
        let mut row = |(place, pattern): (usize, &Pattern)| PatternRow {
            number: place + 1,
            query: pattern.text.clone(),
            count: pattern.count,
            total_ms: pattern.total_ms(),
            mean_ms: pattern.mean_ms(),
            p95_ms: pattern.p95_ms(),
            slow: is_slow(pattern, config),
            unparsed: pattern.unparsed.clone(),
            passed_over: suggested.passed_over.remove(&place).unwrap_or_default(),
        };
        QueriesReport {
            executions: patterns.iter().map(|pattern| pattern.count).sum(),
            unparsed_patterns: patterns.iter().filter(|pattern| pattern.unparsed.is_some()).count() as u64,
            checked_by: planner.map(|planner| planner.name.clone()),
            patterns: patterns.iter().enumerate().map(&mut row).collect(),
            suggestions,
            dropped,
        }
    }

    /// The statements of the suggestions, a line each.
    pub(crate) fn script(&self) -> String {
        self.suggestions.iter().map(|suggestion| format!("{}\n", suggestion.statement)).collect()
    }
}

fn suggestion(
    index: &Index,
    kind: RelationKind,
    places: &BTreeSet<usize>,
    patterns: &[Pattern],
    costs: Option<&Costs>,
) -> Result<Suggestion, Dropped> {
    let (mut plans, mut unplanned) = (Vec::new(), Vec::new());
    for (place, cost) in costs.into_iter().flatten() {
        match cost {
            Ok((before, after)) => plans.push(PlanCost { pattern: place + 1, before: *before, after: *after }),
            Err(reason) => unplanned.push(format!("{}: {reason}", place + 1)),
        }
    }
    let is_taken = plans.iter().any(|plan| plan.after < plan.before);
    let statement = index.statement(kind);
    if !is_taken && !plans.is_empty() {
        let reason = "no plan costs less with it".to_owned();
        return Err(Dropped { statement, patterns: numbers(places), reason, plans });
    }
    Ok(Suggestion {
        statement,
        table: shown(&index.table),
        columns: index.columns.iter().map(|(name, _)| name.clone()).collect(),
        patterns: numbers(places),
        total_ms: places.iter().map(|place| patterns[*place].total_ms()).sum(),
        verdict: if is_taken { Verdict::Taken } else { Verdict::Unchecked },
        plans,
        unplanned,
    })
}

fn numbers(places: &BTreeSet<usize>) -> Vec<usize> {
    places.iter().map(|place| place + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::super::gather::Gathered;
    use super::super::suggest::suggest;
    use super::*;

    fn report(costs: &[(f64, f64)]) -> QueriesReport {
        let mut gathered = Gathered::default();
        (0..11).for_each(|_| gathered.add("select * from t where a = 1", 200_000_000));
        (0..11).for_each(|_| gathered.add("select b from t where a = 1", 150_000_000));
        let patterns = gathered.into_patterns();
        let config = QueriesConfig::default();
        let suggested = suggest(&patterns, &config, None);
        let index = suggested.indexes.keys().next().unwrap().clone();
        let costs = costs.iter().enumerate().map(|(place, cost)| (place, Ok(*cost))).collect();
        let planner = Planner { name: "a planner".to_owned(), costs: BTreeMap::from([(index, costs)]) };
        QueriesReport::new(&patterns, &config, suggested, None, Some(&planner))
    }

    #[test]
    fn a_suggestion_stays_where_one_plan_costs_less_and_falls_where_none_does() {
        let taken = report(&[(10.0, 10.0), (10.0, 9.99)]);
        assert_eq!((taken.suggestions.len(), taken.suggestions[0].verdict), (1, Verdict::Taken));
        // 11 times 200 ms and 11 times 150 ms.
        assert_eq!((taken.suggestions[0].total_ms, &taken.suggestions[0].patterns[..]), (3850.0, &[1, 2][..]));
        let dropped = report(&[(10.0, 10.0), (10.0, 10.01)]);
        assert_eq!((dropped.suggestions.len(), dropped.dropped.len()), (0, 1));
        assert_eq!(dropped.dropped[0].reason, "no plan costs less with it");
        assert_eq!(report(&[]).suggestions[0].verdict, Verdict::Unchecked);
    }
}
