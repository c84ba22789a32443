//! JSON -> [`TunableConfig`], held to what running services accept; every config that comes in comes through here.
//!
//! Read by hand rather than through serde, so that an error names the key in full. It knows neither files nor servers:
//! the caller says where the text is from.

use super::{Bulkhead, CircuitBreaker, HttpClient, TunableConfig};
use crate::nearest::nearest;
use anyhow::{Context, anyhow, bail, ensure};
use serde_json::{Map, Value};

/// A key, its bounds in words, and its bounds.
type Rule = (&'static str, &'static str, &'static str, fn(f64) -> bool);

/// Each key's bounds and where they come from. The storage adapters of `@backendkit-labs/auto-learning` 0.3.1 check
/// nothing: they parse JSON and hand it on.
const RULES: [Rule; 5] = [
    // `validateConfig` of `@backendkit-labs/circuit-breaker` throws outside of these two, and the service with it.
    ("circuitBreaker", "failureThreshold", "a percentage from 0 to 100", |value| (0.0..=100.0).contains(&value)),
    ("circuitBreaker", "openTimeoutMs", "a number of milliseconds, 1 or more", |value| value >= 1.0),
    // `updateConfig` of `@backendkit-labs/bulkhead` checks nothing; a call runs while fewer than this do, so at 0 none
    // ever would, and 0.5 means 1.
    ("bulkhead", "maxConcurrentCalls", "a number of calls, 1 or more", |value| value >= 1.0),
    // No package reads these two; what a service does with them is its own affair. Held to what a timeout and a number
    // of retries can be.
    ("httpClient", "timeoutMs", "a number of milliseconds above 0", |value| value > 0.0),
    ("httpClient", "maxRetries", "a whole number, 0 or more", |value| value >= 0.0 && value.fract() == 0.0),
];

/// Reads a config.
///
/// # Errors
/// No JSON, with line and column; a key that is missing, unknown, of the wrong type or out of bounds.
pub(crate) fn parse(text: &[u8]) -> anyhow::Result<TunableConfig> {
    let document: Value = serde_json::from_slice(text).context("not JSON")?;
    let config = object(&document, "the config")?;
    let sections = || RULES.iter().map(|rule| rule.0);
    refuse_unknown(config, "", sections())?;
    for section in sections() {
        let keys = RULES.iter().filter(|rule| rule.0 == section).map(|rule| rule.1);
        let values = config.get(section).ok_or_else(|| anyhow!("`{section}` is missing"))?;
        refuse_unknown(object(values, section)?, &format!("{section}."), keys)?;
    }
    let [failure_threshold, open_timeout_ms, max_concurrent_calls, timeout_ms, max_retries] =
        RULES.map(|rule| value(config, rule));
    Ok(TunableConfig {
        circuit_breaker: CircuitBreaker { failure_threshold: failure_threshold?, open_timeout_ms: open_timeout_ms? },
        bulkhead: Bulkhead { max_concurrent_calls: max_concurrent_calls? },
        http_client: HttpClient { timeout_ms: timeout_ms?, max_retries: max_retries? },
    })
}

/// Whether a JSON value is meant to be a config: it has at least one of its sections.
pub(crate) fn has_a_section(document: &Map<String, Value>) -> bool {
    RULES.iter().any(|rule| document.contains_key(rule.0))
}

fn value(config: &Map<String, Value>, (section, key, expected, allows): Rule) -> anyhow::Result<f64> {
    let found = config.get(section).and_then(|values| values.get(key));
    let found = found.ok_or_else(|| anyhow!("`{section}.{key}` is missing; expected {expected}"))?;
    match found.as_f64() {
        Some(value) if allows(value) => Ok(value),
        _ => bail!("`{section}.{key}`: found {}, expected {expected}", describe(found)),
    }
}

fn object<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| anyhow!("{name}: found {}, expected an object", describe(value)))
}

fn refuse_unknown<'a>(
    values: &Map<String, Value>,
    prefix: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Result<()> {
    for key in values.keys() {
        let is_known = known.clone().any(|known| known == key);
        let nearest = nearest(key, known.clone()).unwrap_or_default();
        ensure!(is_known, "unknown key `{prefix}{key}`; the nearest known one is `{prefix}{nearest}`");
    }
    Ok(())
}

fn describe(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("the string {text:?}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(failure: &str, open: &str, calls: &str, timeout: &str, retries: &str) -> String {
        format!(
            r#"{{ "circuitBreaker": {{ "failureThreshold": {failure}, "openTimeoutMs": {open} }},
                  "bulkhead": {{ "maxConcurrentCalls": {calls} }},
                  "httpClient": {{ "timeoutMs": {timeout}, "maxRetries": {retries} }} }}"#
        )
    }

    fn error(text: &str) -> String {
        format!("{:#}", parse(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_defaults_are_a_config() {
        let text = config("50", "30000", "10", "10000", "3");
        assert_eq!(parse(text.as_bytes()).unwrap(), TunableConfig::default());
    }

    #[test]
    fn each_bound_holds_on_both_sides() {
        let check = |values: [&str; 5], expected: &str| {
            let [failure, open, calls, timeout, retries] = values;
            let text = config(failure, open, calls, timeout, retries);
            let found = parse(text.as_bytes()).map_or_else(|error| format!("{error:#}"), |_| String::new());
            assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{found:?}, {expected:?}");
        };
        check(["0", "1", "1", "0.001", "0"], "");
        check(["100", "1.5", "1.5", "1", "7"], "");
        check(["-0.1", "1", "1", "1", "0"], "`circuitBreaker.failureThreshold`: found -0.1, expected a percentage");
        check(["100.1", "1", "1", "1", "0"], "`circuitBreaker.failureThreshold`: found 100.1,");
        check(["0", "0.99", "1", "1", "0"], "`circuitBreaker.openTimeoutMs`: found 0.99,");
        check(["0", "1", "0.99", "1", "0"], "`bulkhead.maxConcurrentCalls`: found 0.99,");
        check(["0", "1", "1", "0", "0"], "`httpClient.timeoutMs`: found 0,");
        check(["0", "1", "1", "1", "-1"], "`httpClient.maxRetries`: found -1,");
        check(["0", "1", "1", "1", "0.5"], "`httpClient.maxRetries`: found 0.5,");
        check(["0", "1", "1", "\"1\"", "0"], "`httpClient.timeoutMs`: found the string \"1\",");
        check(["0", "1", "1", "null", "0"], "`httpClient.timeoutMs`: found null,");
    }

    #[test]
    fn keys_must_be_the_known_ones() {
        assert_eq!(error("{}"), "`circuitBreaker` is missing");
        assert_eq!(error("[]"), "the config: found an array, expected an object");
        let text = config("50", "30000", "10", "10000", "3");
        assert_eq!(
            error(&text.replace("timeoutMs", "timeoutMS")),
            "unknown key `httpClient.timeoutMS`; the nearest known one is `httpClient.timeoutMs`"
        );
        assert_eq!(
            error(&text.replace(", \"maxRetries\": 3", "")),
            "`httpClient.maxRetries` is missing; expected a whole number, 0 or more"
        );
        assert!(
            error(&text.replacen('{', "{\"bulkheads\": 1,", 1))
                .contains("`bulkheads`; the nearest known one is `bulkhead`")
        );
        assert_eq!(
            error(r#"{"circuitBreaker": 5, "bulkhead": {}, "httpClient": {}}"#),
            "circuitBreaker: found 5, expected an object"
        );
    }

    #[test]
    fn broken_json_is_told_with_line_and_column() {
        assert!(error("{\n  \"bulkhead\": }").contains("line 2 column 15"), "{}", error("{\n  \"bulkhead\": }"));
        assert!(error("").contains("line 1 column 0"));
    }
}
