//! Why each recommended value is what it is, in sentences that a person can check against the log.

use crate::figure::fine;
use crate::plan::{RuleSet, RulesPlan};
use crate::report::{Reason, Reasons};
use crate::route::endpoint::EndpointNames;
use crate::rules::{Signals, Slowest};
use crate::tuning::{TunableConfig, retries, timeout};

/// What moved the config, as far as the reasons need it.
#[derive(Default)]
pub(super) struct Trace {
    /// The slowest endpoint at the last change of the timeout, else at the last cycle that had one.
    deciding: Option<Slowest>,
    timeout_changes: u64,
    /// Changes that the cooldown dropped.
    timeout_dropped: u64,
    retries_up: u64,
    retries_down: u64,
    /// The error ratio at the last change of the retries.
    retries_ratio: f64,
    retries_dropped: u64,
    /// Cycles that asked for more or fewer retries at the last number there is.
    retries_bounded: u64,
    threshold_changes: u64,
    threshold_dropped: u64,
    /// These three leave out cycles whose change the cooldown dropped.
    severe_anomalies: u64,
    severe_cycles: u64,
    clean_cycles: u64,
}

impl Trace {
    /// Notes a cycle's signals, the step that they asked for and the one that was taken: the same or none.
    pub(super) fn note(
        &mut self,
        signals: &Signals,
        before: &TunableConfig,
        proposed: &TunableConfig,
        after: &TunableConfig,
    ) {
        self.note_timeout(signals, before, proposed, after);
        self.note_retries(signals, before, proposed, after);
        self.note_threshold(signals, before, proposed, after);
    }

    fn note_timeout(
        &mut self,
        signals: &Signals,
        before: &TunableConfig,
        proposed: &TunableConfig,
        after: &TunableConfig,
    ) {
        self.timeout_dropped += u64::from(proposed.http_client.timeout_ms != after.http_client.timeout_ms);
        let has_moved = before.http_client.timeout_ms != after.http_client.timeout_ms;
        self.timeout_changes += u64::from(has_moved);
        if signals.slowest.is_some() && (has_moved || self.timeout_changes == 0) {
            self.deciding = signals.slowest;
        }
    }

    fn note_retries(
        &mut self,
        signals: &Signals,
        before: &TunableConfig,
        proposed: &TunableConfig,
        after: &TunableConfig,
    ) {
        let (retries_before, retries_after) = (before.http_client.max_retries, after.http_client.max_retries);
        self.retries_up += u64::from(retries_after > retries_before);
        self.retries_down += u64::from(retries_after < retries_before);
        if retries_after != retries_before {
            self.retries_ratio = signals.error_ratio;
        }
        let retries_proposed = proposed.http_client.max_retries;
        self.retries_dropped += u64::from(retries_proposed != retries_after);
        let is_bounded = retries_proposed == retries_before && retries::wants_change(signals.error_ratio);
        self.retries_bounded += u64::from(is_bounded);
    }

    fn note_threshold(
        &mut self,
        signals: &Signals,
        before: &TunableConfig,
        proposed: &TunableConfig,
        after: &TunableConfig,
    ) {
        if proposed.circuit_breaker != after.circuit_breaker {
            self.threshold_dropped += 1;
            return;
        }
        self.threshold_changes += u64::from(before.circuit_breaker != after.circuit_breaker);
        self.severe_anomalies += signals.severe_anomalies;
        self.severe_cycles += u64::from(signals.severe_anomalies > 0);
        self.clean_cycles += u64::from(signals.anomalies == 0);
    }

    /// The reasons for the final config; `no_latency` says why nothing had a duration, where nothing had.
    pub(super) fn reasons(&self, plan: &RulesPlan, no_latency: Option<&str>, names: &EndpointNames) -> Reasons {
        let untuned = || Reason {
            text: format!("kept from the current config: the {} rules never change it", plan.rules.name()),
            ..Reason::default()
        };
        Reasons {
            failure_threshold: self.threshold_reason(),
            open_timeout_ms: untuned(),
            max_concurrent_calls: untuned(),
            timeout_ms: match no_latency {
                None => self.timeout_reason(plan, names),
                Some(why) => Reason { text: format!("not recommended: {why}"), ..Reason::default() },
            },
            max_retries: self.retries_reason(plan.rules),
        }
    }

    fn threshold_reason(&self) -> Reason {
        let text = if self.threshold_changes == 0 {
            format!("kept from the current config: no cycle changed it{}", dropped(self.threshold_dropped))
        } else {
            format!(
                "10 down for each high or critical anomaly ({} in {}), 5 up in each clean cycle ({}), {}{}",
                fine(self.severe_anomalies as f64),
                times(self.severe_cycles, "cycle"),
                fine(self.clean_cycles as f64),
                over(self.threshold_changes),
                dropped(self.threshold_dropped)
            )
        };
        Reason { text, changes: self.threshold_changes, ..Reason::default() }
    }

    fn timeout_reason(&self, plan: &RulesPlan, names: &EndpointNames) -> Reason {
        let Some(slowest) = &self.deciding else {
            let text = match plan.rules {
                RuleSet::Documented | RuleSet::ZScore => {
                    "kept from the current config: no endpoint had 10 timed requests in a window"
                }
                RuleSet::Published => "kept from the current config: no window had enough requests",
            };
            return Reason { text: text.to_owned(), ..Reason::default() };
        };
        let endpoint = names.name(slowest.endpoint).to_string();
        let without_endpoint = slowest.runner_up_ms.map(|p95_ms| timeout::target_ms(p95_ms, &plan.tuner));
        let twice_p95_ms = slowest.p95_ms * 2.0;
        let mut text = format!("2 x p95 of {endpoint} = {} ms", fine(twice_p95_ms));
        if twice_p95_ms < plan.tuner.min_timeout_ms {
            text += &format!(", raised to minTimeoutMs {}", fine(plan.tuner.min_timeout_ms));
        } else if twice_p95_ms > plan.tuner.max_timeout_ms {
            text += &format!(", cut to maxTimeoutMs {}", fine(plan.tuner.max_timeout_ms));
        }
        if without_endpoint.is_none() {
            text += " (the only endpoint with enough requests)";
        }
        let distance_ms = (timeout::target_ms(slowest.p95_ms, &plan.tuner) - plan.current.http_client.timeout_ms).abs();
        text += &if self.timeout_changes > 0 {
            format!(", smoothed {} {}", plan.tuner.smoothing_factor, over(self.timeout_changes))
        } else if self.timeout_dropped > 0 {
            format!(", kept from the current config{}", dropped(self.timeout_dropped))
        } else if distance_ms > plan.tuner.adjustment_step_ms {
            format!(", smoothed {}: kept from the current config", plan.tuner.smoothing_factor)
        } else {
            format!(", within {} ms of the current value", fine(plan.tuner.adjustment_step_ms))
        };
        Reason { text, changes: self.timeout_changes, endpoint: Some(endpoint), without_endpoint }
    }

    fn retries_reason(&self, rules: RuleSet) -> Reason {
        let changes = self.retries_up + self.retries_down;
        let measure = match rules {
            RuleSet::Documented | RuleSet::ZScore => "error rate",
            RuleSet::Published => "mean error rate of the endpoints",
        };
        let text = if changes == 0 && self.retries_bounded > 0 {
            let cycles = times(self.retries_bounded, "cycle");
            format!("kept from the current config: at its bound in {cycles}{}", dropped(self.retries_dropped))
        } else if changes == 0 && self.retries_dropped > 0 {
            format!("kept from the current config{}", dropped(self.retries_dropped))
        } else if changes == 0 {
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

fn times(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", fine(n as f64)) }
}

fn over(changes: u64) -> String {
    format!("over {}", times(changes, "change"))
}

/// What the cooldown kept from happening, if anything.
fn dropped(changes: u64) -> String {
    if changes == 0 { String::new() } else { format!("; {} dropped by the cooldown", times(changes, "change")) }
}

#[cfg(test)]
mod tests {
    use super::super::feedback::Feedback;
    use super::*;
    use crate::plan::RuleChoice;
    use crate::report::TunerConfig;
    use crate::rules::Findings;
    use crate::settings::Settings;
    use crate::settings::knob::Knobs;

    const MINUTE_MS: i64 = 60_000;

    /// A loop with a cooldown of four minutes between changes.
    fn plan() -> RulesPlan {
        let Knobs { anomaly, tuner, mut looping, usage, optimization, evidence, .. } =
            Settings::default().knobs.knobs();
        looping.cooldown_between_changes_ms = (4 * MINUTE_MS) as f64;
        let current = TunableConfig::default();
        RulesPlan {
            rules: RuleSet::Documented,
            choice: RuleChoice::Replayed(RuleSet::Documented),
            evidence,
            anomaly,
            tuner,
            looping,
            usage,
            spikes: crate::plan::SpikeRule::Mean5x,
            optimization,
            current,
            keep_cycles: false,
            endpoint_evidence: true,
        }
    }

    /// Signals that ask for no change at all.
    fn calm() -> Signals {
        Signals { slowest: None, error_ratio: 0.05, severe_anomalies: 0, anomalies: 1 }
    }

    fn slow(p95_ms: f64) -> Signals {
        Signals { slowest: Some(Slowest { endpoint: 0, p95_ms, runner_up_ms: Some(1.0) }), ..calm() }
    }

    /// The reasons after one cycle a minute with these signals.
    fn reasons(plan: RulesPlan, cycles: &[Signals]) -> Reasons {
        let mut names = EndpointNames::default();
        names.intern([b"GET", b"/a", b""], false);
        let mut feedback = Feedback::new(plan);
        for (minute, signals) in (1..).zip(cycles) {
            let findings = Findings { requests: 100, signals: Some(*signals), anomalies: Vec::new() };
            feedback.apply(minute * MINUTE_MS, findings, &names);
        }
        feedback.trace.reasons(&plan, None, &names)
    }

    #[test]
    fn a_timeout_that_stays_says_what_held_it() {
        let text = |plan, cycles: &[Signals]| reasons(plan, cycles).timeout_ms.text;
        assert_eq!(text(plan(), &[slow(5250.0)]), "2 x p95 of GET /a = 10 500 ms, within 500 ms of the current value");
        assert_eq!(text(plan(), &[slow(5251.0)]), "2 x p95 of GET /a = 10 502 ms, smoothed 0.3 over 1 change");
        let severe = Signals { severe_anomalies: 1, ..calm() };
        assert_eq!(
            text(plan(), &[severe, slow(7000.0), slow(8000.0)]),
            "2 x p95 of GET /a = 16 000 ms, kept from the current config; 2 changes dropped by the cooldown"
        );
        let unsmoothed = RulesPlan { tuner: TunerConfig { smoothing_factor: 0.0, ..plan().tuner }, ..plan() };
        assert_eq!(
            text(unsmoothed, &[slow(7000.0)]),
            "2 x p95 of GET /a = 14 000 ms, smoothed 0: kept from the current config"
        );
    }

    #[test]
    fn retries_that_stay_say_what_held_them() {
        let (failing, severe) = (Signals { error_ratio: 0.2, ..calm() }, Signals { severe_anomalies: 1, ..calm() });
        let text = |plan, cycles: &[Signals]| reasons(plan, cycles).max_retries.text;
        assert_eq!(
            text(plan(), &[calm()]),
            "kept from the current config: the error rate never left the band that keeps it"
        );
        assert_eq!(text(plan(), &[severe, failing]), "kept from the current config; 1 change dropped by the cooldown");
        let mut full = plan();
        full.current.http_client.max_retries = retries::CEILING;
        assert_eq!(text(full, &[failing, calm(), failing]), "kept from the current config: at its bound in 2 cycles");
        assert!(text(plan(), &[failing, failing]).starts_with("1 time up"));
    }

    #[test]
    fn dropped_cycles_do_not_count_for_the_threshold() {
        let (severe, clean) = (Signals { severe_anomalies: 2, ..calm() }, Signals { anomalies: 0, ..calm() });
        let text = |cycles: &[Signals]| reasons(plan(), cycles).failure_threshold.text;
        assert_eq!(
            text(&[severe, severe, clean, calm(), clean]),
            "10 down for each high or critical anomaly (2 in 1 cycle), 5 up in each clean cycle (1), over 2 changes; \
             2 changes dropped by the cooldown"
        );
        let failing = Signals { error_ratio: 0.2, ..calm() };
        assert_eq!(
            text(&[failing, clean]),
            "kept from the current config: no cycle changed it; 1 change dropped by the cooldown"
        );
        assert_eq!(text(&[calm()]), "kept from the current config: no cycle changed it");
    }
}
