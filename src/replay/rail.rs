//! How long each setting sat at a bound of its rule: a value on a rail says more about the rule than about
//! the traffic.

use crate::plan::RulesPlan;
use crate::report::{Rail, TunerConfig};
use crate::rules::Signals;
use crate::tuning::{TunableConfig, breaker, retries, timeout};

pub(super) struct Rails {
    bounds: TunerConfig,
    rails: Vec<Counter>,
    /// The bound that the timeout's last target was clamped to.
    clamped_to_ms: Option<f64>,
    cycles: u64,
}

struct Counter {
    setting: Setting,
    side: Side,
    value: f64,
    cycles: u64,
    at_end: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Setting {
    FailureThreshold,
    TimeoutMs,
    MaxRetries,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Floor,
    Ceiling,
}

impl Rails {
    pub(super) fn new(plan: &RulesPlan) -> Self {
        let bounds = [
            (Setting::FailureThreshold, Side::Floor, breaker::FLOOR_PERCENT),
            (Setting::FailureThreshold, Side::Ceiling, breaker::CEILING_PERCENT),
            (Setting::TimeoutMs, Side::Floor, plan.tuner.min_timeout_ms),
            (Setting::TimeoutMs, Side::Ceiling, plan.tuner.max_timeout_ms),
            (Setting::MaxRetries, Side::Floor, retries::floor(plan.rules)),
            (Setting::MaxRetries, Side::Ceiling, retries::CEILING),
        ];
        let rails = bounds.map(|(setting, side, value)| Counter { setting, side, value, cycles: 0, at_end: false });
        Rails { bounds: plan.tuner, rails: rails.into(), clamped_to_ms: None, cycles: 0 }
    }

    /// Notes whether the timeout heads for one of its bounds.
    pub(super) fn note_signals(&mut self, signals: &Signals) {
        let Some(slowest) = &signals.slowest else { return };
        let target = timeout::target_ms(slowest.p95_ms, &self.bounds);
        let is_bound = target == self.bounds.min_timeout_ms || target == self.bounds.max_timeout_ms;
        self.clamped_to_ms = is_bound.then_some(target);
    }

    /// Counts a cycle that ended with this config.
    pub(super) fn note(&mut self, config: &TunableConfig) {
        self.cycles += 1;
        for rail in &mut self.rails {
            let is_on = match (rail.setting, rail.side) {
                (Setting::FailureThreshold, Side::Floor) => config.circuit_breaker.failure_threshold <= rail.value,
                (Setting::FailureThreshold, Side::Ceiling) => config.circuit_breaker.failure_threshold >= rail.value,
                (Setting::MaxRetries, Side::Floor) => config.http_client.max_retries <= rail.value,
                (Setting::MaxRetries, Side::Ceiling) => config.http_client.max_retries >= rail.value,
                // Within one step of the bound that it heads for, the timeout moves no further.
                (Setting::TimeoutMs, _) => {
                    let distance = (config.http_client.timeout_ms - rail.value).abs();
                    self.clamped_to_ms == Some(rail.value) && distance <= self.bounds.adjustment_step_ms
                }
            };
            rail.cycles += u64::from(is_on);
            rail.at_end = is_on;
        }
    }

    /// The rails that were touched.
    pub(super) fn finish(&self) -> Vec<Rail> {
        let touched = self.rails.iter().filter(|rail| rail.cycles > 0);
        touched
            .map(|rail| Rail {
                setting: match rail.setting {
                    Setting::FailureThreshold => "circuitBreaker.failureThreshold",
                    Setting::TimeoutMs => "httpClient.timeoutMs",
                    Setting::MaxRetries => "httpClient.maxRetries",
                },
                side: match rail.side {
                    Side::Floor => "floor",
                    Side::Ceiling => "ceiling",
                },
                value: rail.value,
                cycles: rail.cycles,
                share: rail.cycles as f64 / self.cycles as f64,
                at_end: rail.at_end,
            })
            .collect()
    }
}
