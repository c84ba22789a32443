//! The TunableConfig alone, as the libraries' file storage reads it, and the view of its settings that
//! the documents for people share.
//!
//! The file always has every key with a number: services validate it at start-up. What the log does not
//! support is carried over from the config in force, and [`carried_over`] names it.

use super::json;
use crate::report::{Reason, Report};
use crate::tuning::{Bulkhead, CircuitBreaker, HttpClient, TunableConfig, setting};

/// One setting: where it stands, where it should go and why.
pub(crate) struct Setting<'a> {
    /// Its path in the config, for example `httpClient.timeoutMs`.
    pub(crate) name: &'static str,
    /// The unit of its values, empty for plain counts.
    pub(crate) unit: &'static str,
    /// The value in force.
    pub(crate) current: f64,
    /// The value that the log supports.
    pub(crate) recommended: Option<f64>,
    /// Why.
    pub(crate) reason: &'a Reason,
}

/// Every setting, in the order of the config's keys.
pub(crate) fn settings(report: &Report) -> [Setting<'_>; setting::COUNT] {
    let Report { current, recommended, reasons, .. } = report;
    let (breaker, client) = (&recommended.circuit_breaker, &recommended.http_client);
    let found = [
        (breaker.failure_threshold, &reasons.failure_threshold),
        (breaker.open_timeout_ms, &reasons.open_timeout_ms),
        (recommended.bulkhead.max_concurrent_calls, &reasons.max_concurrent_calls),
        (client.timeout_ms, &reasons.timeout_ms),
        (client.max_retries, &reasons.max_retries),
    ];
    std::array::from_fn(|index| {
        let (setting, (recommended, reason)) = (&setting::SETTINGS[index], found[index]);
        let (name, unit) = (setting.name, setting.quantity.symbol());
        Setting { name, unit, current: (setting.value)(current), recommended, reason }
    })
}

/// The config as 2-space pretty JSON plus a newline.
///
/// # Errors
/// When the config cannot be serialised.
pub(crate) fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    json::pretty(&complete(report))
}

/// The names of the settings without a recommendation, whose current value the config repeats.
pub fn carried_over(report: &Report) -> Vec<&'static str> {
    settings(report).iter().filter(|setting| setting.recommended.is_none()).map(|setting| setting.name).collect()
}

/// The config with a number for every key: what the log does not support is the current value.
pub fn complete(report: &Report) -> TunableConfig {
    let [failure_threshold, open_timeout_ms, max_concurrent_calls, timeout_ms, max_retries] =
        settings(report).map(|setting| setting.recommended.unwrap_or(setting.current));
    TunableConfig {
        circuit_breaker: CircuitBreaker { failure_threshold, open_timeout_ms },
        bulkhead: Bulkhead { max_concurrent_calls },
        http_client: HttpClient { timeout_ms, max_retries },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn missing_values_are_carried_over_and_named() {
        let mut report = sample::busy();
        report.recommended.http_client.timeout_ms = Some(1_240.5);
        let expected = r#"{
  "circuitBreaker": {
    "failureThreshold": 10,
    "openTimeoutMs": 30000
  },
  "bulkhead": {
    "maxConcurrentCalls": 10
  },
  "httpClient": {
    "timeoutMs": 1240.5,
    "maxRetries": 2
  }
}
"#;
        assert_eq!(String::from_utf8(render(&report).unwrap()).unwrap(), expected);
        assert_eq!(carried_over(&report), ["circuitBreaker.openTimeoutMs", "bulkhead.maxConcurrentCalls"]);
    }

    #[test]
    fn a_complete_recommendation_carries_nothing_over() {
        let mut report = sample::busy();
        report.recommended.circuit_breaker.open_timeout_ms = Some(1.0);
        report.recommended.bulkhead.max_concurrent_calls = Some(2.0);
        assert_eq!(carried_over(&report), Vec::<&str>::new());
        let config: serde_json::Value = serde_json::from_slice(&render(&report).unwrap()).unwrap();
        assert_eq!(config["circuitBreaker"]["openTimeoutMs"], 1);
        assert_eq!(config["bulkhead"]["maxConcurrentCalls"], 2);
    }
}
