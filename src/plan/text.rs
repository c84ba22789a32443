//! How the values of a plan are written by people, on the command line and in `learn.toml`.
//!
//! Text in, a value or what was expected out. It must not know where the text came from: the caller
//! names the flag or the key, and says what was found.

mod time;

pub use time::{MomentText, TimeText};
pub(crate) use time::{above_zero, duration_ms, span_ms};

use super::{FieldOverride, Latency, Role, RuleChoice, RuleSet, Unit};
use std::str::FromStr;

impl RuleChoice {
    /// Every rule set.
    pub(crate) const ALL: [RuleChoice; 4] = [
        RuleChoice::Replayed(RuleSet::Documented),
        RuleChoice::Replayed(RuleSet::Published),
        RuleChoice::Replayed(RuleSet::ZScore),
        RuleChoice::Evidence,
    ];
}

impl Latency {
    /// Every kind of latency.
    pub(crate) const ALL: [Latency; 2] = [Latency::Request, Latency::Upstream];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Latency::Request => "request",
            Latency::Upstream => "upstream",
        }
    }
}

impl Role {
    /// Every role.
    pub(crate) const ALL: [Role; 6] =
        [Role::Timestamp, Role::Method, Role::Path, Role::Status, Role::Duration, Role::Request];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Timestamp => "timestamp",
            Role::Method => "method",
            Role::Path => "path",
            Role::Status => "status",
            Role::Duration => "duration",
            Role::Request => "request",
        }
    }

    /// The role of this name.
    pub(crate) fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl FromStr for FieldOverride {
    type Err = String;

    /// Reads `ROLE=NAME[@UNIT]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (role, field) = text.split_once('=').ok_or("expected ROLE=NAME, such as duration=request_time@s")?;
        let names = Role::ALL.map(Role::name).join(", ");
        let role = Role::named(role).ok_or_else(|| format!("expected one of the roles {names}"))?;
        FieldOverride::new(role, field)
    }
}

impl FieldOverride {
    /// Reads `NAME[@UNIT]`. A name may begin with `@`, as in `@timestamp`.
    pub(crate) fn new(role: Role, field: &str) -> Result<Self, String> {
        let (name, symbol) = match field.rsplit_once('@') {
            Some((name, symbol)) if !name.is_empty() => (name, Some(symbol)),
            _ => (field, None),
        };
        if name.is_empty() {
            return Err("expected the name of a field after `=`".to_owned());
        }
        let unit = match symbol {
            None => None,
            Some(_) if role != Role::Duration => return Err("expected no unit: only `duration` has one".to_owned()),
            Some(symbol) => Some(unit_named(symbol).ok_or("expected the unit s, ms, us or ns after `@`")?),
        };
        Ok(FieldOverride { role, name: name.to_owned(), unit })
    }
}

fn unit_named(symbol: &str) -> Option<Unit> {
    [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos].into_iter().find(|unit| unit.symbol() == symbol)
}

/// The threshold of `zscore-daily`, with the original's bounds.
pub(crate) fn z_threshold(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (1.0..=10.0).contains(number));
    number.ok_or_else(|| "expected a number from 1 to 10".to_owned())
}

/// A probability that something can be less likely than.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (f64::MIN_POSITIVE..1.0).contains(number));
    number.ok_or_else(|| "expected a probability above 0 and below 1, such as 0.00001 or 1e-5".to_owned())
}

/// A range of status codes, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// As it was written.
    pub text: String,
    /// The first code.
    pub first: u16,
    /// The last code.
    pub last: u16,
}

impl FromStr for StatusRange {
    type Err = String;

    /// Reads `404`, `5xx` or `200-299`.
    fn from_str(text: &str) -> Result<Self, String> {
        let class = |text: &str| {
            let hundreds = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"))?;
            let first = status_code(&format!("{hundreds}00"))?;
            Some((first, first + 99))
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-')?;
            Some((status_code(first)?, status_code(last)?))
        };
        let one = |text: &str| status_code(text).map(|code| (code, code));
        match one(text).or_else(|| class(text)).or_else(|| range(text)) {
            Some((first, last)) if first <= last => Ok(StatusRange { text: text.to_owned(), first, last }),
            _ => Err("expected a code from 100 to 599, a class such as 5xx, or a range such as 200-299".to_owned()),
        }
    }
}

fn status_code(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|code| (100..=599).contains(code))
}

/// A share from 0 to 1, also written in percent.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let ratio = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    let ratio = ratio.ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "expected a share from 0 to 1, or a percentage from 0% to 100%".to_owned())
}

/// A share that is neither nothing nor all.
pub(crate) fn open_share(text: &str) -> Result<f64, String> {
    let share = share(text).ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| format!("expected {OPEN_SHARE}"))
}

/// What [`open_share`] takes, as the end of a sentence.
pub(crate) const OPEN_SHARE: &str = "a share above 0 and below 1, such as 0.001 or 0.1%";

/// The most threads a run takes.
pub(crate) const MAX_THREADS: usize = 1024;

/// A number of threads.
pub(crate) fn thread_count(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=MAX_THREADS).contains(threads));
    threads.ok_or_else(|| format!("expected a whole number from 1 to {MAX_THREADS}"))
}

/// The most routes that `--max-routes` keeps apart.
const MAX_ROUTES: usize = 1_000_000;

/// A number of routes.
pub(crate) fn route_count(text: &str) -> Result<usize, String> {
    let routes = text.parse().ok().filter(|routes| (1..=MAX_ROUTES).contains(routes));
    routes.ok_or_else(|| format!("expected a whole number from 1 to {MAX_ROUTES}"))
}

/// The most developers that `--max-developers` lets be compared.
const MAX_DEVELOPERS: usize = 100_000_000;

/// A number of developers.
pub(crate) fn developer_limit(text: &str) -> Result<usize, String> {
    let developers = text.parse().ok().filter(|developers| (1..=MAX_DEVELOPERS).contains(developers));
    developers.ok_or_else(|| format!("expected a whole number from 1 to {MAX_DEVELOPERS}"))
}

/// A `--where` condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The logged field.
    pub field: String,
    /// What it must be.
    pub value: String,
}

impl FromStr for Condition {
    type Err = String;

    /// Reads `KEY=VALUE`; the value may be empty and may contain `=`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((field, value)) if !field.is_empty() => {
                Ok(Condition { field: field.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected KEY=VALUE, such as metadata.region=eu".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    fn check<T: FromStr<Err = String> + PartialEq + fmt::Debug>(text: &str, expected: Option<T>) {
        assert_eq!(text.parse::<T>().ok(), expected, "{text}");
    }

    #[test]
    fn fields_have_a_role_a_name_and_perhaps_a_unit() {
        let field = |role, name: &str, unit| Some(FieldOverride { role, name: name.to_owned(), unit });
        check("duration=request_time@s", field(Role::Duration, "request_time", Some(Unit::Seconds)));
        check("duration=a.b@us", field(Role::Duration, "a.b", Some(Unit::Micros)));
        check("duration=took", field(Role::Duration, "took", None));
        check("timestamp=@timestamp", field(Role::Timestamp, "@timestamp", None));
        check("duration=@took@ms", field(Role::Duration, "@took", Some(Unit::Millis)));
        check("path=a=b", field(Role::Path, "a=b", None));
        for text in ["", "duration", "duration=", "latency=x", "duration=x@m", "duration=x@", "status=x@s"] {
            check::<FieldOverride>(text, None);
        }
    }

    #[test]
    fn statuses_are_codes_classes_or_ranges() {
        let range = |text: &str, first, last| Some(StatusRange { text: text.to_owned(), first, last });
        check("404", range("404", 404, 404));
        check("5xx", range("5xx", 500, 599));
        check("100-599", range("100-599", 100, 599));
        for text in ["", "99", "600", "0xx", "6xx", "xx", "299-200", "200-", "200-600", "+99", "2026", "é0"] {
            check::<StatusRange>(text, None);
        }
    }

    #[test]
    fn shares_and_threads_end_at_their_bounds() {
        assert_eq!((share("5%"), share("1"), share("0"), share("100%")), (Ok(0.05), Ok(1.0), Ok(0.0), Ok(1.0)));
        for text in ["-0.01", "1.01", "101%", "NaN", "%", ""] {
            assert!(share(text).is_err(), "{text}");
        }
        assert_eq!((thread_count("1"), thread_count("1024")), (Ok(1), Ok(1024)));
        assert!(thread_count("0").is_err() && thread_count("1025").is_err());
    }

    #[test]
    fn conditions_split_at_the_first_equals_sign() {
        let condition = |field: &str, value: &str| Some(Condition { field: field.to_owned(), value: value.to_owned() });
        check("a=b=c", condition("a", "b=c"));
        check("a=", condition("a", ""));
        check::<Condition>("=b", None);
        check::<Condition>("a", None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[-+0-9:xmsT@=.]{0,12}") {
            let _ = (text.parse::<FieldOverride>(), text.parse::<StatusRange>(), share(&text), thread_count(&text));
        }
    }
}
