//! How far a setting may move: `10%` for all, `KEY=10%`, `KEY=250ms` or `KEY=2` for one.

use crate::nearest::nearest;
use crate::tuning::setting::{COUNT, Quantity, SETTINGS, Setting};
use anyhow::ensure;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// How far a value may move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// By this share of the old value.
    Relative(f64),
    /// By this much, in the setting's own unit.
    Absolute(f64),
}

impl Tolerance {
    /// How far `old` may move, in the setting's own unit.
    pub fn allowed(self, old: f64) -> f64 {
        match self {
            Tolerance::Relative(ratio) => ratio * old.abs(),
            Tolerance::Absolute(amount) => amount,
        }
    }
}

/// As it is typed, without the unit of an absolute one.
impl fmt::Display for Tolerance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Two roundings apart from the number that was typed.
            Tolerance::Relative(ratio) => write!(formatter, "{}%", (ratio * 1e12).round() / 1e10),
            Tolerance::Absolute(amount) => write!(formatter, "{amount}"),
        }
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One `--tolerance`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Given {
    /// Index into [`SETTINGS`]; `None`: every setting.
    setting: Option<usize>,
    tolerance: Tolerance,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, amount)) = text.split_once('=') else {
            let ratio = percent(text).ok_or("expected a percentage such as 10%, or KEY=AMOUNT for one key")?;
            return Ok(Given { setting: None, tolerance: Tolerance::Relative(ratio) });
        };
        let names = || SETTINGS.iter().map(|setting| setting.name);
        let index = names().position(|name| name == key).ok_or_else(|| {
            format!("unknown key `{key}`; the nearest known one is `{}`", nearest(key, names()).unwrap_or_default())
        })?;
        let quantity = SETTINGS[index].quantity;
        let tolerance = match percent(amount) {
            Some(ratio) => Tolerance::Relative(ratio),
            None => Tolerance::Absolute(amount_of(amount, quantity).ok_or_else(|| expected(quantity).to_owned())?),
        };
        Ok(Given { setting: Some(index), tolerance })
    }
}

/// A percentage as a ratio.
fn percent(text: &str) -> Option<f64> {
    Some(not_negative(text.strip_suffix('%')?)? / 100.0)
}

fn amount_of(text: &str, quantity: Quantity) -> Option<f64> {
    if quantity != Quantity::Millis {
        return not_negative(text);
    }
    if let Some(millis) = text.strip_suffix("ms") {
        return not_negative(millis);
    }
    match text.strip_suffix('s') {
        Some(seconds) => Some(not_negative(seconds)? * 1000.0),
        None => not_negative(text),
    }
}

/// A decimal number; Rust's own parser also takes `inf`, `nan` and exponents.
fn not_negative(text: &str) -> Option<f64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

fn expected(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Percent => "expected a share of the old value such as 10%, or a number of points such as 5",
        Quantity::Millis => "expected 10%, 250ms, 2s or a number of milliseconds",
        Quantity::Count => "expected 10% or a number such as 2",
    }
}

/// How far each setting may move.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerances {
    everywhere: Option<Tolerance>,
    own: [Option<Tolerance>; COUNT],
}

impl Tolerances {
    /// What was given, together: a key's own tolerance wins over the one for all.
    ///
    /// # Errors
    /// Two for the same key, or two for all.
    pub fn from_given(given: &[Given]) -> anyhow::Result<Tolerances> {
        let mut tolerances = Tolerances::default();
        for Given { setting, tolerance } in given {
            let (slot, name) = match setting {
                Some(index) => (&mut tolerances.own[*index], SETTINGS[*index].name),
                None => (&mut tolerances.everywhere, "all keys"),
            };
            ensure!(slot.is_none(), "--tolerance is given more than once for {name}");
            *slot = Some(*tolerance);
        }
        Ok(tolerances)
    }

    /// How far this setting may move; `None`: not at all.
    pub fn of(&self, setting: &Setting) -> Option<Tolerance> {
        let index = SETTINGS.iter().position(|other| other.name == setting.name)?;
        self.own[index].or(self.everywhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[&str], name: &str) -> Option<Tolerance> {
        let given: Vec<Given> = given.iter().map(|text| text.parse().unwrap()).collect();
        let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
        Tolerances::from_given(&given).unwrap().of(setting)
    }

    #[test]
    fn a_keys_own_tolerance_wins() {
        let given =
            ["10%", "httpClient.timeoutMs=250ms", "circuitBreaker.openTimeoutMs=1.5s", "httpClient.maxRetries=0"];
        assert_eq!(of(&given, "httpClient.timeoutMs"), Some(Tolerance::Absolute(250.0)));
        assert_eq!(of(&given, "circuitBreaker.openTimeoutMs"), Some(Tolerance::Absolute(1500.0)));
        assert_eq!(of(&given, "httpClient.maxRetries"), Some(Tolerance::Absolute(0.0)));
        assert_eq!(of(&given, "bulkhead.maxConcurrentCalls"), Some(Tolerance::Relative(0.1)));
        assert_eq!(of(&[], "bulkhead.maxConcurrentCalls"), None);
        assert_eq!(of(&["12.3%"], "httpClient.timeoutMs").unwrap().to_string(), "12.3%");
    }

    #[test]
    fn what_is_no_tolerance_is_told() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Given>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("10", "a percentage such as 10%");
        check("-1%", "a percentage");
        check("inf%", "a percentage");
        check("httpClient.timeout=1", "the nearest known one is `httpClient.timeoutMs`");
        check("httpClient.timeoutMs=1h", "250ms, 2s");
        check("httpClient.maxRetries=2ms", "a number such as 2");
        check("httpClient.maxRetries=", "a number such as 2");
        let twice: Vec<Given> = ["10%", "5%"].iter().map(|text| text.parse().unwrap()).collect();
        assert!(Tolerances::from_given(&twice).unwrap_err().to_string().contains("all keys"));
    }
}
