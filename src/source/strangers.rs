//! Whether a log goes on in another format, as after an update of its server: every line from there on is rejected, and the
//! reasons do not show why.
//!
//! Rejected lines go in, the first few of each chunk; what a person should do comes out. No line is counted by it.

use super::format::{InputFormat, LineFormat};
use crate::backtest::spool::Stamps;
use crate::plan::{FormatChoice, Wanted};
use crate::request::Line;

/// Rejected lines that are looked at.
const MOST_LINES: usize = 64;

/// As many neighbouring lines in one format are no chance.
const LEAST_IN_A_ROW: usize = 3;

/// The longest run of neighbouring rejected lines.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    lines: Vec<(u64, Box<[u8]>)>,
}

impl Strangers {
    /// Keeps a rejected line, unless it is empty or enough are kept.
    pub(super) fn take(&mut self, number: u64, text: &[u8]) {
        if self.lines.len() < MOST_LINES && !text.is_empty() {
            self.lines.push((number, text.into()));
        }
    }

    /// What to say of the log of this name and format.
    pub(super) fn note(&self, path: &str, own_format: &str) -> Option<String> {
        let runs = self.lines.chunk_by(|(before, _), (after, _)| before + 1 == *after);
        // Of equally long runs the first.
        let run = runs.rev().max_by_key(|run| run.len()).filter(|run| run.len() >= LEAST_IN_A_ROW)?;
        let texts: Vec<&[u8]> = run.iter().map(|(_, text)| &**text).collect();
        let format = LineFormat::of_lines(&texts, &FormatChoice::Detect, &Wanted::default()).ok()?;
        let mut parser = InputFormat::new(&format, Stamps::Exact);
        let is_read = |text: &&[u8]| !matches!(parser.parse_next(text), Line::Rejected(_));
        if !texts.iter().all(is_read) {
            return None;
        }
        let (first, name) = (run[0].0, format.info().name);
        let name = if name == own_format { format!("{name} with other fields") } else { name };
        Some(format!(
            "{path}: line {first} and those after it look like {name}, and not like {own_format}: where a log changes its \
             format, split it there and give both parts"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMBINED: &str = r#"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 2 "-" "-""#;
    const JSON: &str = r#"{"time":"2026-06-01T12:00:00Z","method":"GET","path":"/","status":200}"#;

    fn note(own_format: &str, lines: &[(u64, &str)]) -> Option<String> {
        let mut strangers = Strangers::default();
        lines.iter().for_each(|(number, text)| strangers.take(*number, text.as_bytes()));
        strangers.note("a.log", own_format)
    }

    #[test]
    fn three_neighbours_in_a_known_format_tell() {
        let told = note("nginx combined", &[(2, "x"), (7, JSON), (8, JSON), (9, JSON), (12, "y")]).unwrap();
        assert!(
            told.starts_with("a.log: line 7 and those after it look like JSON lines, and not like nginx"),
            "{told}"
        );
        let told = note("JSON lines", &[(7, JSON), (8, JSON), (9, JSON)]).unwrap();
        assert!(told.contains("look like JSON lines with other fields"), "{told}");
        let told = note("JSON lines", &[(1, COMBINED), (2, COMBINED), (3, COMBINED), (5, JSON)]).unwrap();
        assert!(told.contains("line 1 and those after it look like nginx combined"), "{told}");
        for too_little in [
            &[(7, JSON), (8, JSON)][..],
            &[(7, JSON), (8, JSON), (10, JSON)],
            &[(7, JSON), (8, JSON), (9, COMBINED)],
            &[(7, "x"), (8, "y"), (9, "z")],
            &[],
        ] {
            assert_eq!(note("nginx combined", too_little), None, "{too_little:?}");
        }
    }

    #[test]
    fn the_first_of_equal_runs_is_told_and_no_more_are_kept_than_the_limit() {
        let run = |from: u64| (from..from + 3).map(|number| (number, JSON));
        let told = note("x", &run(4).chain(run(9)).collect::<Vec<_>>()).unwrap();
        assert!(told.contains("line 4 "), "{told}");
        let odd: Vec<_> = (0..MOST_LINES as u64).map(|number| (2 * number, JSON)).chain(run(900)).collect();
        assert_eq!(note("x", &odd), None);
    }
}
