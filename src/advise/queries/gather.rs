//! Executions -> patterns, each with how often it ran and how long that took.
//!
//! A text is parsed once for each form that it has without its literals. The order of executions makes no difference,
//! except where there are more than [`MAX_PATTERNS`].

use super::parse::with_statement;
use super::text::without_literals;
use crate::window::value_counts::{ValueCounts, nearest_rank, value_at};
use std::collections::HashMap;

/// Patterns kept apart; what comes later is counted as [`OTHER`].
const MAX_PATTERNS: usize = 10_000;

/// Forms remembered; a form that is not is parsed again.
const MAX_FORMS: usize = 50_000;

/// The pattern of what is not kept apart.
pub(crate) const OTHER: &str = "(other)";

/// Bytes of a pattern that did not parse, which may be as long as its log line.
const MAX_UNPARSED_BYTES: usize = 2_000;

const NANOS_PER_MS: f64 = 1_000_000.0;

/// One statement whatever its literals.
pub(crate) struct Pattern {
    /// Its text, with parameters for literals.
    pub(crate) text: String,
    /// Why the text is only that, where the statement did not parse.
    pub(crate) unparsed: Option<String>,
    /// Executions.
    pub(crate) count: u64,
    /// Their durations together, in nanoseconds.
    total_ns: u128,
    /// Each duration.
    each: ValueCounts,
    /// How many of the executions [`Self::each`] holds.
    timed: u64,
    /// The slowest execution, with its literals; `None` where they are not known.
    pub(crate) example: Option<Example>,
}

/// An execution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Example {
    nanos: u64,
    /// Its text.
    pub(crate) text: String,
}

impl Pattern {
    fn new(text: String, unparsed: Option<String>) -> Self {
        let each = ValueCounts::default();
        Pattern { text, unparsed, count: 0, total_ns: 0, each, timed: 0, example: None }
    }

    /// All durations together, in milliseconds.
    pub(crate) fn total_ms(&self) -> f64 {
        self.total_ns as f64 / NANOS_PER_MS
    }

    /// The mean duration, in milliseconds; 0 without executions.
    pub(crate) fn mean_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.total_ms() / self.count as f64 }
    }

    /// The 95th percentile by nearest rank, in milliseconds; `None` where only sums are known.
    pub(crate) fn p95_ms(&self) -> Option<f64> {
        let is_complete = self.timed == self.count && self.count > 0;
        let sorted = is_complete.then(|| self.each.clone().into_sorted())?;
        value_at(&sorted, nearest_rank(95.0, self.count)).map(|nanos| nanos as f64 / NANOS_PER_MS)
    }

    fn remember(&mut self, nanos: u64, text: &str) {
        let is_known = self.unparsed.is_none() && self.example.as_ref().is_none_or(|example| example.nanos <= nanos);
        if is_known {
            let found = Example { nanos, text: text.to_owned() };
            // Among equally slow ones the order of the log does not decide.
            let is_better = |kept: &Example| (found.nanos, &kept.text) > (kept.nanos, &found.text);
            if self.example.as_ref().is_none_or(is_better) {
                self.example = Some(found);
            }
        }
    }
}

/// Everything that ran.
#[derive(Default)]
pub(crate) struct Gathered {
    patterns: Vec<Pattern>,
    by_form: HashMap<String, usize>,
    by_text: HashMap<String, usize>,
}

impl Gathered {
    /// Adds one execution of `nanos` nanoseconds.
    pub(crate) fn add(&mut self, sql: &str, nanos: u64) {
        let pattern = self.pattern_of(sql);
        pattern.count += 1;
        pattern.timed += 1;
        pattern.total_ns += u128::from(nanos);
        pattern.each.extend(&[nanos]);
        pattern.remember(nanos, sql);
    }

    /// Adds `count` executions that took `total_ms` milliseconds together.
    pub(crate) fn add_sum(&mut self, sql: &str, count: u64, total_ms: f64) {
        let pattern = self.pattern_of(sql);
        pattern.count += count;
        // Beyond its range a number becomes the nearest in it.
        pattern.total_ns += (total_ms.max(0.0) * NANOS_PER_MS).round() as u128;
    }

    /// The patterns, those that took most time first.
    pub(crate) fn into_patterns(self) -> Vec<Pattern> {
        let mut patterns = self.patterns;
        patterns.sort_by(|a, b| (b.total_ns, &a.text).cmp(&(a.total_ns, &b.text)));
        patterns
    }

    fn pattern_of(&mut self, sql: &str) -> &mut Pattern {
        let form = without_literals(sql);
        let index = match self.by_form.get(&form) {
            Some(index) => *index,
            None => {
                let index = self.index_of(sql, &form);
                if self.by_form.len() < MAX_FORMS {
                    self.by_form.insert(form, index);
                }
                index
            }
        };
        &mut self.patterns[index]
    }

    fn index_of(&mut self, sql: &str, form: &str) -> usize {
        let (mut text, mut unparsed) = match with_statement(sql, |parsed| parsed.statement.to_string()) {
            Ok(text) => (text, None),
            Err(reason) => (shortened(form), Some(reason)),
        };
        if let Some(index) = self.by_text.get(&text) {
            return *index;
        }
        if self.patterns.len() >= MAX_PATTERNS {
            (text, unparsed) = (OTHER.to_owned(), Some(format!("there are more than {MAX_PATTERNS} patterns")));
        }
        let patterns = &mut self.patterns;
        *self.by_text.entry(text.clone()).or_insert_with(|| {
            patterns.push(Pattern::new(text, unparsed));
            patterns.len() - 1
        })
    }
}

/// The beginning of a text that is too long to be shown or kept.
fn shortened(form: &str) -> String {
    match form.char_indices().nth(MAX_UNPARSED_BYTES) {
        Some((end, _)) => format!("{}...", &form[..end]),
        None => form.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn gathered(executions: &[(&str, u64)]) -> Vec<Pattern> {
        let mut gathered = Gathered::default();
        executions.iter().for_each(|(sql, ms)| gathered.add(sql, ms * MS));
        gathered.into_patterns()
    }

    #[test]
    fn times_are_those_by_hand() {
        // 1 to 20 ms: the 19th of 20 is the 95th percentile, 210 / 20 the mean.
        let executions: Vec<(String, u64)> = (1..=20).map(|n| (format!("select * from t where a = {n}"), n)).collect();
        let executions: Vec<(&str, u64)> = executions.iter().map(|(sql, ms)| (sql.as_str(), *ms)).collect();
        let patterns = gathered(&executions);
        assert_eq!(patterns.len(), 1);
        let pattern = &patterns[0];
        assert_eq!(pattern.text, "SELECT * FROM t WHERE a = $1");
        assert_eq!((pattern.count, pattern.total_ms(), pattern.mean_ms()), (20, 210.0, 10.5));
        assert_eq!(pattern.p95_ms(), Some(19.0));
        assert_eq!(pattern.example.as_ref().unwrap().text, "select * from t where a = 20");
    }

    #[test]
    fn one_statement_is_one_pattern_however_it_is_written() {
        let patterns = gathered(&[
            ("select a from t where b = 1", 1),
            ("SELECT a FROM t WHERE (b) = 2 ", 1),
            ("SELECT  a FROM t -- why\nWHERE b=$1;", 1),
            ("select a from t where b = 'x' /* again */", 1),
            ("select a from t where c = 1", 9),
        ]);
        let shown: Vec<(&str, u64)> = patterns.iter().map(|pattern| (pattern.text.as_str(), pattern.count)).collect();
        let expected = [
            ("SELECT a FROM t WHERE c = $1", 1),
            ("SELECT a FROM t WHERE b = $1", 3),
            ("SELECT a FROM t WHERE (b) = $1", 1),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_does_not_parse_is_told_and_grouped_by_its_text() {
        let patterns = gathered(&[("SEARCH t FOR 'a'", 2), ("search  t for 'b'", 4)]);
        assert_eq!((patterns.len(), patterns[0].text.as_str(), patterns[0].count), (1, "search t for $1", 2));
        assert!(patterns[0].unparsed.is_some() && patterns[0].example.is_none());
    }

    #[test]
    fn sums_have_a_mean_and_no_percentile() {
        let mut gathered = Gathered::default();
        gathered.add_sum("select a from t where b = $1", 4, 10.0);
        gathered.add_sum("select a from t where b = $2", 1, 2.5);
        let patterns = gathered.into_patterns();
        assert_eq!((patterns.len(), patterns[0].count, patterns[0].mean_ms()), (1, 5, 2.5));
        assert_eq!((patterns[0].p95_ms(), patterns[0].example.is_none()), (None, true));
    }

    #[test]
    fn order_makes_no_difference() {
        let executions =
            [("select 1 from b", 3), ("select 2 from a", 3), ("select 3 from a", 3), ("select 4 from b", 3)];
        let mut backwards = executions;
        backwards.reverse();
        let shown = |executions: &[(&str, u64)]| -> Vec<(String, Option<Example>)> {
            gathered(executions).into_iter().map(|pattern| (pattern.text, pattern.example)).collect()
        };
        assert_eq!(shown(&executions), shown(&backwards));
        assert_eq!(shown(&executions)[0].1.as_ref().unwrap().text, "select 2 from a");
    }

    #[test]
    fn patterns_past_the_limit_are_one() {
        let mut gathered = Gathered::default();
        for number in 0..MAX_PATTERNS + 5 {
            gathered.add(&format!("!a{number}"), 1);
        }
        gathered.add("!a0", 1);
        let patterns = gathered.into_patterns();
        assert_eq!(patterns.len(), MAX_PATTERNS + 1);
        let other = patterns.iter().find(|pattern| pattern.text == OTHER).unwrap();
        assert_eq!((other.count, other.unparsed.is_some()), (5, true));
    }
}
