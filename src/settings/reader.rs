//! The text of a `learn.toml` -> [`Settings`], or the first thing wrong with it and its line.
//!
//! Reads by hand rather than through serde, because a wrong key has to be told with its line, the
//! nearest known key and the section where it belongs. Opens no file.

use super::knob::{Given, Knob, KnobValue, all_knobs};
use super::{InputDefaults, Settings, UsageDefaults};
use crate::nearest::nearest;
use crate::plan::text::{above_zero, developer_limit, route_count, share, thread_count};
use crate::plan::{FieldOverride, Latency, Role, RuleChoice};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

const TOP_KEYS: [&str; 3] = ["rules", "current", "threads"];
const INPUT: &str = "input";
const INPUT_KEYS: [&str; 12] = [
    "logFormat",
    "nginxConf",
    "latency",
    "timezone",
    "developerField",
    "rawPaths",
    "routes",
    "openapi",
    "maxRoutes",
    "maxDevelopers",
    "maxRejects",
    "fields",
];
const FIELDS: &str = "input.fields";
const METRICS: &str = "metrics";
const RETENTION_PERIOD: &str = "retentionPeriod";
const USAGE: &str = "usage";
const USAGE_NAME_KEYS: [&str; 6] =
    ["table", "developerColumn", "timeColumn", "callsColumn", "apiColumn", "amountColumn"];
const SECTIONS: [&str; 14] = [
    "anomalyConfig",
    "tunerConfig",
    "loopConfig",
    USAGE,
    "optimization",
    "evidence",
    "forecast",
    "balance",
    "scale",
    "allocate",
    "cache",
    "queries",
    METRICS,
    INPUT,
];

/// Something wrong, and the byte at which it stands.
struct Problem {
    at: usize,
    message: String,
}

/// Reads the text of a settings file; `path` is its name in messages and the base of relative paths.
///
/// # Errors
/// The first syntax error, unknown key, wrong type or value out of bounds, as `file:line: what`.
pub(super) fn read(text: &str, path: &Path) -> anyhow::Result<Settings> {
    // The byte order mark that some editors write is no part of TOML.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let located = |at: usize, message: &str| anyhow::anyhow!("{}:{}: {message}", path.display(), line_of(text, at));
    let table =
        DeTable::parse(text).map_err(|error| located(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut reader = Reader { text, path, settings: Settings::default() };
    match reader.top(table.get_ref()) {
        Ok(()) => Ok(reader.settings),
        Err(problem) => Err(located(problem.at, &problem.message)),
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    settings: Settings,
}

/// A key with its place.
#[derive(Clone, Copy)]
struct Key<'a> {
    name: &'a str,
    at: usize,
}

type Entry<'a, 'i> = (Key<'a>, &'a Spanned<DeValue<'i>>);

/// The entries in the order of the file, so that the first error told is the first one in it.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let key = |key: &'a Spanned<_>| -> Key<'a> {
        let Range { start, .. } = key.span();
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        Key { name, at: start }
    };
    let mut entries: Vec<_> = table.iter().map(|(name, value)| (key(name), value)).collect();
    entries.sort_by_key(|(key, _)| key.at);
    entries
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) -> Result<(), Problem> {
        for (key, value) in entries(table) {
            match key.name {
                "rules" => self.settings.rules = Some(one_of(key, value, &RuleChoice::ALL, RuleChoice::name)?),
                "current" => self.settings.current = Some(self.beside(string(key, value, "the path of a JSON file")?)),
                "threads" => self.settings.threads = Some(count(key, value, thread_count)?),
                INPUT => {
                    for (key, value) in section(key, value)? {
                        match key.name {
                            "routes" => {
                                let path = self.beside(string(key, value, "the path of a file with a pattern a line")?);
                                self.settings.input.routes_file = Some(path);
                            }
                            "openapi" => {
                                let path = self.beside(string(key, value, "the path of an OpenAPI document")?);
                                self.settings.input.openapi = Some(path);
                            }
                            _ => input(key, value, &mut self.settings.input)?,
                        }
                    }
                }
                METRICS => {
                    for (key, value) in section(key, value)? {
                        self.settings.retain_ms = Some(match key.name {
                            RETENTION_PERIOD => retention_ms(key, value)?,
                            _ => return Err(unknown(METRICS, key, value)),
                        });
                    }
                }
                name if SECTIONS.contains(&name) => self.knobs(key, value)?,
                _ => return Err(unknown("", key, value)),
            }
        }
        Ok(())
    }

    /// Relative paths are relative to the file that names them, wherever `learn` is started.
    fn beside(&self, path: &str) -> std::path::PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn knobs(&mut self, table: Key<'_>, values: &Spanned<DeValue<'_>>) -> Result<(), Problem> {
        for (key, value) in section(table, values)? {
            if table.name == USAGE && USAGE_NAME_KEYS.contains(&key.name) {
                usage_name(key, value, &mut self.settings.usage)?;
                continue;
            }
            let known = all_knobs().find(|knob| knob.section == table.name && knob.key == key.name);
            let knob = known.ok_or_else(|| unknown(table.name, key, value))?;
            let origin = format!("{}:{}: {}", self.path.display(), line_of(self.text, key.at), knob.key);
            self.settings.knobs.set(knob, Given { value: knob_value(knob, key, value)?, origin });
        }
        Ok(())
    }
}

fn knob_value(knob: &Knob, key: Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<KnobValue, Problem> {
    let read = match value.get_ref() {
        DeValue::Boolean(on) => Some(KnobValue::Switch(*on)),
        DeValue::Float(number) => number.as_str().parse().ok().map(KnobValue::Number),
        DeValue::Integer(number) if knob.takes_fractions() => {
            whole(number).map(|number| KnobValue::Number(number as f64))
        }
        DeValue::Integer(number) => whole(number).map(KnobValue::Whole),
        // A percentage.
        DeValue::String(text) if knob.takes_percent() => knob.read(text).ok(),
        _ => None,
    };
    read.filter(|value| knob.allows(*value)).ok_or_else(|| wrong(key, value, &knob.expected()))
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn input(key: Key<'_>, value: &Spanned<DeValue<'_>>, input: &mut InputDefaults) -> Result<(), Problem> {
    match key.name {
        "nginxConf" => input.nginx_conf = Some(string(key, value, "an nginx.conf, or FILE#NAME")?.to_owned()),
        "logFormat" => input.log_format = Some(string(key, value, "a log_format or the name of a preset")?.to_owned()),
        "latency" => input.latency = Some(one_of(key, value, &Latency::ALL, Latency::name)?),
        "timezone" => {
            let zone = string(key, value, "a time zone")?.parse();
            input.timezone = Some(zone.map_err(|expected: String| misread(key, value, &expected))?);
        }
        "developerField" => input.developer_field = Some(string(key, value, "the name of a field")?.to_owned()),
        "rawPaths" => match value.get_ref() {
            DeValue::Boolean(on) => input.raw_paths = Some(*on),
            _ => return Err(wrong(key, value, "true or false")),
        },
        "maxRoutes" => input.max_routes = Some(count(key, value, route_count)?),
        "maxDevelopers" => input.max_developers = Some(count(key, value, developer_limit)?),
        "maxRejects" => input.max_rejects_ratio = Some(max_rejects(key, value)?),
        "fields" => {
            for (key, value) in section(key, value)? {
                let role = Role::named(key.name).ok_or_else(|| unknown(FIELDS, key, value))?;
                let field = string(key, value, "NAME or NAME@UNIT")?;
                input.fields.push(FieldOverride::new(role, field).map_err(|expected| misread(key, value, &expected))?);
            }
        }
        _ => return Err(unknown(INPUT, key, value)),
    }
    Ok(())
}

/// One of the names in `[usage]`, beside its knobs.
fn usage_name(key: Key<'_>, value: &Spanned<DeValue<'_>>, usage: &mut UsageDefaults) -> Result<(), Problem> {
    if key.name == "table" {
        let name = string(key, value, "the name of a table")?.parse();
        usage.table = Some(name.map_err(|expected: String| misread(key, value, &expected))?);
        return Ok(());
    }
    let column = match key.name {
        "developerColumn" => &mut usage.developer_column,
        "timeColumn" => &mut usage.time_column,
        "callsColumn" => &mut usage.calls_column,
        "apiColumn" => &mut usage.api_column,
        "amountColumn" => &mut usage.amount_column,
        _ => return Err(unknown(USAGE, key, value)),
    };
    *column = Some(string(key, value, "the name of a column")?.to_owned());
    Ok(())
}

fn max_rejects(key: Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<f64, Problem> {
    let text = match value.get_ref() {
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::String(text) => text,
        _ => return Err(wrong(key, value, "a share from 0 to 1")),
    };
    share(text).map_err(|expected| misread(key, value, &expected))
}

/// The original's whole hours, or a duration with its unit.
fn retention_ms(key: Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<i64, Problem> {
    const HOUR_MS: i64 = 3_600_000;
    let span_ms = match value.get_ref() {
        DeValue::Integer(number) => {
            whole(number).filter(|hours| *hours > 0).and_then(|hours| hours.checked_mul(HOUR_MS))
        }
        DeValue::String(text) => above_zero(text).ok(),
        _ => None,
    };
    span_ms.ok_or_else(|| wrong(key, value, "hours from 1, or a duration such as \"90m\""))
}

fn count(
    key: Key<'_>,
    value: &Spanned<DeValue<'_>>,
    read: fn(&str) -> Result<usize, String>,
) -> Result<usize, Problem> {
    let count = match value.get_ref() {
        DeValue::Integer(number) => whole(number).map_or_else(String::new, |count| count.to_string()),
        _ => String::new(),
    };
    read(&count).map_err(|expected| misread(key, value, &expected))
}

fn one_of<T: Copy>(
    key: Key<'_>,
    value: &Spanned<DeValue<'_>>,
    choices: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, Problem> {
    let chosen = choices.iter().find(|choice| value.get_ref().as_str() == Some(name(**choice)));
    chosen.copied().ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|choice| format!("\"{}\"", name(*choice))).collect();
        wrong(key, value, &names.join(" or "))
    })
}

fn string<'a>(key: Key<'_>, value: &'a Spanned<DeValue<'_>>, expected: &str) -> Result<&'a str, Problem> {
    match value.get_ref().as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong(key, value, &format!("a string, {expected}"))),
    }
}

fn section<'a, 'i>(key: Key<'_>, value: &'a Spanned<DeValue<'i>>) -> Result<Vec<Entry<'a, 'i>>, Problem> {
    let table = value.get_ref().as_table();
    table.map(entries).ok_or_else(|| wrong(key, value, &format!("a table, [{}]", key.name)))
}

fn wrong(key: Key<'_>, value: &Spanned<DeValue<'_>>, expected: &str) -> Problem {
    misread(key, value, &format!("expected {expected}"))
}

/// As [`wrong`], for an expectation that is already a clause.
fn misread(key: Key<'_>, value: &Spanned<DeValue<'_>>, expected: &str) -> Problem {
    let message = format!("{}: found {}, {expected}", key.name, found(value.get_ref()));
    Problem { at: value.span().start.max(key.at), message }
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the integer {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(on) => format!("the boolean {on}"),
        DeValue::Datetime(time) => format!("the date or time {time}"),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Every key that a settings file may have, with its section; the top level's is empty.
fn known_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    let top = TOP_KEYS.iter().chain(&SECTIONS).map(|key| ("", *key));
    let input = INPUT_KEYS.iter().map(|key| (INPUT, *key));
    let fields = Role::ALL.into_iter().map(|role| (FIELDS, role.name()));
    let names = USAGE_NAME_KEYS.iter().map(|key| (USAGE, *key)).chain([(METRICS, RETENTION_PERIOD)]);
    top.chain(all_knobs().map(|knob| (knob.section, knob.key))).chain(names).chain(input).chain(fields)
}

fn unknown(section: &str, key: Key<'_>, value: &Spanned<DeValue<'_>>) -> Problem {
    let what = if value.get_ref().is_table() && section.is_empty() { "section" } else { "key" };
    let place = |section: &str| match section {
        "" => " at the top level".to_owned(),
        section => format!(" in [{section}]"),
    };
    let home = known_keys().find(|(_, known)| *known == key.name);
    let advice = match home {
        Some((home, _)) => format!("it belongs{}", place(home)),
        None if what == "section" => {
            let begun = SECTIONS.into_iter().find(|section| section.starts_with(key.name));
            let nearest = begun.or_else(|| nearest(key.name, SECTIONS)).unwrap_or_default();
            format!("the nearest known one is `{nearest}`")
        }
        None => {
            let own = known_keys().filter(|(home, _)| *home == section);
            let others = known_keys().filter(|(home, _)| *home != section);
            let nearest = nearest(key.name, own.chain(others).map(|(_, known)| known)).unwrap_or_default();
            let is_own = known_keys().any(|known| known == (section, nearest));
            let home = known_keys().find(|(_, known)| *known == nearest).map_or("", |(home, _)| home);
            let elsewhere = if is_own { String::new() } else { format!(", which belongs{}", place(home)) };
            format!("the nearest known one is `{nearest}`{elsewhere}")
        }
    };
    Problem { at: key.at, message: format!("unknown {what} `{}`{}; {advice}", key.name, place(section)) }
}

#[cfg(test)]
mod tests;
