//! What a log has in place of a latency: a duration that is no number, or numbers of which nobody said what they are.
//!
//! The first lines and the fields that were chosen go in, a hint for a person comes out. No line is read by it.

use super::fields::{Fields, duration_names, is_duration};
use super::sample::{Logged, Sample};
use crate::report::LatencyHint;

/// More fields than that are no hint.
const MOST_NAMED: usize = 8;

/// Characters of a value that are shown.
const SHOWN: usize = 20;

/// Units that people and languages write behind a duration.
const UNITS: [&str; 11] = ["ns", "us", "\u{b5}s", "\u{3bc}s", "ms", "msec", "s", "sec", "seconds", "m", "min"];

/// The hint of a log in which no latency was found.
pub(super) fn of(sample: &Sample, fields: &Fields) -> Option<LatencyHint> {
    if fields.duration.is_some() {
        return None;
    }
    let named = duration_names().find_map(|name| no_number(sample, name, |_| true));
    let unit = || sample.names().find_map(|name| no_number(sample, name, has_unit));
    named.or_else(unit).or_else(|| numbers(sample, fields))
}

/// The first value of a field that is neither absent nor a number, where it is such.
fn no_number(sample: &Sample, name: &str, is_such: impl Fn(&str) -> bool) -> Option<LatencyHint> {
    let says_something = |logged: &&Logged| logged.is_text_or_number && !matches!(&*logged.text, "" | "-");
    let found = sample.values(name).iter().find(says_something).filter(|logged| is_such(&logged.text))?;
    (!is_duration(found))
        .then(|| LatencyHint::NoNumber { field: name.to_owned(), found: found.text.chars().take(SHOWN).collect() })
}

/// Whether a text is a number and the unit of a duration.
fn has_unit(text: &str) -> bool {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    number.parse::<f64>().is_ok() && UNITS.contains(&unit.trim_start())
}

/// The fields that hold numbers in every line that has them, beside those of which is known what they are.
fn numbers(sample: &Sample, fields: &Fields) -> Option<LatencyHint> {
    let Fields { timestamp, status, developer, .. } = fields;
    let is_known = |name: &str| name == timestamp || name == status || developer.as_deref() == Some(name);
    let are_numbers = |name: &&str| sample.values(name).iter().all(is_duration);
    let names = sample.names().filter(|name| !is_known(name)).filter(are_numbers);
    let names: Vec<String> = names.take(MOST_NAMED + 1).map(str::to_owned).collect();
    (1..=MOST_NAMED).contains(&names.len()).then_some(LatencyHint::Numbers(names))
}

#[cfg(test)]
mod tests {
    use super::super::JsonMap;
    use super::*;
    use crate::plan::Wanted;

    fn hint(own: &str) -> Option<String> {
        let line = format!(r#"{{"time":"2026-06-01T12:00:00Z","method":"GET","path":"/","status":200,"user":7{own}}}"#);
        let map = JsonMap::detect(&[line.as_bytes()], &Wanted::default()).unwrap();
        map.info().latency_hint.map(|hint| hint.to_string())
    }

    #[test]
    fn a_log_without_a_latency_says_what_it_has() {
        let check = |own: &str, expected: Option<&str>| assert_eq!(hint(own).as_deref(), expected, "{own}");
        check("", None);
        check(r#","latency":387,"bytes":5"#, None);
        check(r#","latency":"387ms","bytes":5"#, Some(r#"`latency` holds "387ms", which is no number"#));
        check(r#","latency":"-","bytes":5"#, Some("numbers are in `bytes`"));
        check(r#","spent":"1.5 s""#, Some(r#"`spent` holds "1.5 s", which is no number"#));
        check(r#","spent":"1.5\u00b5s""#, Some("`spent` holds \"1.5\u{b5}s\", which is no number"));
        check(r#","size":"1.5 kB","host":"a""#, None);
        check(r#","spent":12,"bytes":"5","n":{"m":1}"#, Some("numbers are in `bytes`, `n.m`, `spent`"));
        let many = |count: usize| (0..count).map(|field| format!(",\"f{field}\":1")).collect::<String>();
        assert!(hint(&many(MOST_NAMED)).is_some() && hint(&many(MOST_NAMED + 1)).is_none());
        check(
            r#","latency":"never mind how long this took""#,
            Some(r#"`latency` holds "never mind how long ", which is no number"#),
        );
    }
}
