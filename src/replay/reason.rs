//! Why each recommended value is what it is, in sentences that a person can check against the log.

use crate::plan::{RuleSet, RulesPlan};
use crate::report::{Reason, Reasons};
use crate::route::endpoint::EndpointNames;
use crate::rules::{Signals, Slowest};
use crate::tuning::{TunableConfig, timeout};

/// What moved the config, as far as the reasons need it.
#[derive(Default)]
pub(super) struct Trace {
    /// The slowest endpoint at the last change of the timeout, else at the last cycle that had one.
    deciding: Option<Slowest>,
    timeout_changes: u64,
    retries_up: u64,
    retries_down: u64,
    /// The error ratio at the last change of the retries.
    retries_ratio: f64,
    threshold_changes: u64,
    severe_anomalies: u64,
    severe_cycles: u64,
    clean_cycles: u64,
}

impl Trace {
    /// Notes a cycle's signals and the step that followed.
    pub(super) fn note(&mut self, signals: &Signals, before: &TunableConfig, after: &TunableConfig) {
        let has_moved = before.http_client.timeout_ms != after.http_client.timeout_ms;
        self.timeout_changes += u64::from(has_moved);
        if signals.slowest.is_some() && (has_moved || self.timeout_changes == 0) {
            self.deciding = signals.slowest;
        }
        let (retries_before, retries_after) = (before.http_client.max_retries, after.http_client.max_retries);
        self.retries_up += u64::from(retries_after > retries_before);
        self.retries_down += u64::from(retries_after < retries_before);
        if retries_after != retries_before {
            self.retries_ratio = signals.error_ratio;
        }
        let threshold_moved = before.circuit_breaker != after.circuit_breaker;
        self.threshold_changes += u64::from(threshold_moved);
        self.severe_anomalies += signals.severe_anomalies;
        self.severe_cycles += u64::from(signals.severe_anomalies > 0);
        self.clean_cycles += u64::from(signals.anomalies == 0);
    }

    /// The reasons for the final config.
    pub(super) fn reasons(&self, plan: &RulesPlan, has_latency: bool, names: &EndpointNames) -> Reasons {
        let untuned = || Reason {
            text: format!("kept from the current config: the {} rules never change it", plan.rules.name()),
            ..Reason::default()
        };
        Reasons {
            failure_threshold: self.threshold_reason(),
            open_timeout_ms: untuned(),
            max_concurrent_calls: untuned(),
            timeout_ms: if has_latency { self.timeout_reason(plan, names) } else { no_latency() },
            max_retries: self.retries_reason(plan.rules),
        }
    }

    fn threshold_reason(&self) -> Reason {
        let text = if self.threshold_changes == 0 {
            "kept from the current config: no cycle changed it".to_owned()
        } else {
            format!(
                "10 down for each high or critical anomaly ({} in {}), 5 up in each clean cycle ({}), {}",
                grouped(self.severe_anomalies as f64),
                times(self.severe_cycles, "cycle"),
                grouped(self.clean_cycles as f64),
                over(self.threshold_changes)
            )
        };
        Reason { text, changes: self.threshold_changes, ..Reason::default() }
    }

    fn timeout_reason(&self, plan: &RulesPlan, names: &EndpointNames) -> Reason {
        let Some(slowest) = &self.deciding else {
            let text = match plan.rules {
                RuleSet::Documented => "kept from the current config: no endpoint had 10 timed requests in a window",
                RuleSet::Published => "kept from the current config: no window had enough requests",
            };
            return Reason { text: text.to_owned(), ..Reason::default() };
        };
        let endpoint = names.name(slowest.endpoint).to_string();
        let without_endpoint = slowest.runner_up_ms.map(|p95_ms| timeout::target_ms(p95_ms, &plan.tuner));
        let twice_p95_ms = slowest.p95_ms * 2.0;
        let mut text = format!("2 x p95 of {endpoint} = {} ms", grouped(twice_p95_ms));
        if twice_p95_ms < plan.tuner.min_timeout_ms {
            text += &format!(", raised to minTimeoutMs {}", grouped(plan.tuner.min_timeout_ms));
        } else if twice_p95_ms > plan.tuner.max_timeout_ms {
            text += &format!(", cut to maxTimeoutMs {}", grouped(plan.tuner.max_timeout_ms));
        }
        if without_endpoint.is_none() {
            text += " (the only endpoint with enough requests)";
        }
        text += &if self.timeout_changes == 0 {
            format!(", within {} ms of the current value", grouped(plan.tuner.adjustment_step_ms))
        } else {
            format!(", smoothed {} {}", plan.tuner.smoothing_factor, over(self.timeout_changes))
        };
        Reason { text, changes: self.timeout_changes, endpoint: Some(endpoint), without_endpoint }
    }

    fn retries_reason(&self, rules: RuleSet) -> Reason {
        let changes = self.retries_up + self.retries_down;
        let measure = match rules {
            RuleSet::Documented => "error rate",
            RuleSet::Published => "mean error rate of the endpoints",
        };
        let text = if changes == 0 {
            format!("kept from the current config: the {measure} never left the band that keeps it")
        } else {
            format!(
                "{} up ({measure} above 10 %), {} down (below 1 %); {:.2} % at the last change",
                times(self.retries_up, "time"),
                times(self.retries_down, "time"),
                self.retries_ratio * 100.0
            )
        };
        Reason { text, changes, ..Reason::default() }
    }
}

fn no_latency() -> Reason {
    let text = "not recommended: the log has no latency; add it to nginx's format, for example log_format timed \
                '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
                \"$http_user_agent\" rt=$request_time urt=$upstream_response_time';";
    Reason { text: text.to_owned(), ..Reason::default() }
}

fn times(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(n as f64)) }
}

fn over(changes: u64) -> String {
    format!("over {}", times(changes, "change"))
}

/// A number with a space between groups of three digits, and at most three decimals.
pub fn grouped(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out += fraction;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<_> = [0.0, 12.0, 999.0, 1240.0, 1_234_567.25, -1234.5, 0.0004].map(grouped).into();
        assert_eq!(texts, ["0", "12", "999", "1 240", "1 234 567.25", "-1 234.5", "0"]);
    }
}
