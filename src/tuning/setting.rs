//! The settings of a [`TunableConfig`] one by one, for whatever treats them alike.

use super::TunableConfig;

/// What a setting's values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Percent.
    Percent,
    /// Milliseconds.
    Millis,
    /// Things.
    Count,
}

impl Quantity {
    /// The unit as it stands behind a number; empty for counts.
    pub fn symbol(self) -> &'static str {
        match self {
            Quantity::Percent => "%",
            Quantity::Millis => "ms",
            Quantity::Count => "",
        }
    }
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its path in the config, for example `httpClient.timeoutMs`.
    pub name: &'static str,
    /// What its values count.
    pub quantity: Quantity,
    /// Its value in a config.
    pub value: fn(&TunableConfig) -> f64,
}

/// How many settings there are.
pub const COUNT: usize = 5;

/// Every setting, in the order of the config's keys.
pub static SETTINGS: [Setting; COUNT] = [
    Setting {
        name: "circuitBreaker.failureThreshold",
        quantity: Quantity::Percent,
        value: |config| config.circuit_breaker.failure_threshold,
    },
    Setting {
        name: "circuitBreaker.openTimeoutMs",
        quantity: Quantity::Millis,
        value: |config| config.circuit_breaker.open_timeout_ms,
    },
    Setting {
        name: "bulkhead.maxConcurrentCalls",
        quantity: Quantity::Count,
        value: |config| config.bulkhead.max_concurrent_calls,
    },
    Setting { name: "httpClient.timeoutMs", quantity: Quantity::Millis, value: |config| config.http_client.timeout_ms },
    Setting {
        name: "httpClient.maxRetries",
        quantity: Quantity::Count,
        value: |config| config.http_client.max_retries,
    },
];
