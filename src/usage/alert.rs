//! What the rule negative-binomial tells, under developers' names and with times: events and episodes.
//!
//! An event's envelope is that of `mean5x`, so that receivers read both alike. Figures are rounded here, once for every
//! format.

use super::mean5x::{EVENT, round4};
use super::negative_binomial::{Alert, Evidence, Incident, Phase};
use crate::report::format_time;
use crate::tuning::{number, optional_number};
use serde::Serialize;

/// The rule's name in events and on the command line.
pub const RULE: &str = "negative-binomial";

/// One `usage.anomaly.detected` event of this rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageAlert {
    /// `usage.anomaly.detected`.
    pub event: &'static str,
    /// The window's end, RFC 3339 UTC.
    pub timestamp: String,
    /// Who; key-like values are masked.
    pub developer_id: String,
    /// The figures.
    pub data: UsageAlertData,
    /// The window goes on past the end of what was read. Not part of the event.
    #[serde(skip)]
    pub partial: bool,
    /// Calls in each of the last twelve windows, oldest first. Not part of the event.
    #[serde(skip)]
    pub trend: Vec<u64>,
    /// `windowStart` and `windowEnd`, UTC milliseconds since the epoch.
    #[serde(skip)]
    pub window_ms: (i64, i64),
}

/// The figures of a [`UsageAlert`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageAlertData {
    /// RFC 3339 UTC; for an end the start of the episode.
    pub window_start: String,
    /// RFC 3339 UTC; for an end the end of the episode.
    pub window_end: String,
    /// Calls in the window; for an end in the episode's largest.
    pub current_calls: u64,
    /// Why; for an end why it began.
    #[serde(flatten)]
    pub why: Why,
    /// `negative-binomial`.
    pub rule: &'static str,
    /// `spike` or `drop`.
    pub kind: &'static str,
    /// `start`, `worse` or `end`.
    pub phase: &'static str,
    /// Milliseconds of a window.
    pub window_ms: i64,
}

/// What makes a window, with those before it, stand out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// Windows looked at together, the window itself the last: 1, 3 or 6, for a drop all since the last call.
    pub scale: u32,
    /// Calls in them.
    #[serde(serialize_with = "number")]
    pub observed: f64,
    /// Calls expected in them, 4 decimals.
    #[serde(serialize_with = "number")]
    pub expected: f64,
    /// `observed / expected`, 4 decimals.
    #[serde(serialize_with = "number")]
    pub ratio: f64,
    /// The probability of as many calls or more, for a drop of none; 4 digits.
    #[serde(serialize_with = "number")]
    pub probability: f64,
    /// Calls expected by the time of day and the day of the week alone, 4 decimals; `null` before a day is known.
    #[serde(serialize_with = "optional_number")]
    pub profile: Option<f64>,
    /// Calls at the level of the hour before, 4 decimals.
    #[serde(serialize_with = "number")]
    pub level: f64,
}

/// An incident from its first flagged window to its last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageEpisode {
    /// Who; key-like values are masked.
    pub developer_id: String,
    /// `spike` or `drop`.
    pub kind: &'static str,
    /// The start of its first window, RFC 3339 UTC.
    pub start: String,
    /// The end of its last window so far, RFC 3339 UTC.
    pub end: String,
    /// Whether it is over, as far as was read.
    pub over: bool,
    /// The start of its largest window, RFC 3339 UTC.
    pub peak: String,
    /// Calls in that.
    pub peak_calls: u64,
    /// Calls in its windows less those expected there, 4 decimals; below 0 for a drop.
    #[serde(serialize_with = "number")]
    pub excess: f64,
    /// Why it began.
    #[serde(flatten)]
    pub why: Why,
    /// Calls in each of the last twelve windows, oldest first.
    pub trend: Vec<u64>,
    /// `start` and `end`, UTC milliseconds since the epoch.
    #[serde(skip)]
    pub window_ms: (i64, i64),
}

impl From<&Evidence> for Why {
    fn from(evidence: &Evidence) -> Self {
        Why {
            scale: evidence.scale,
            observed: evidence.observed,
            expected: round4(evidence.expected),
            ratio: round4(evidence.ratio()),
            probability: four_digits(evidence.probability),
            profile: evidence.profile.map(round4),
            level: round4(evidence.level),
        }
    }
}

/// Probabilities have no fixed number of decimals that would do.
fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

impl UsageAlert {
    /// The event of an alert in windows of this length; those that end after `read_to_ms` are partial.
    pub(super) fn new(alert: &Alert, names: &[String], window_ms: i64, read_to_ms: i64) -> Self {
        let first = if alert.phase == Phase::End { alert.start } else { alert.window };
        let start_ms = first.saturating_mul(window_ms);
        let end_ms = alert.window.saturating_add(1).saturating_mul(window_ms);
        let end = format_time(end_ms);
        UsageAlert {
            event: EVENT,
            timestamp: end.clone(),
            developer_id: names[alert.developer as usize].clone(),
            data: UsageAlertData {
                window_start: format_time(start_ms),
                window_end: end,
                current_calls: u64::from(alert.calls),
                why: Why::from(&alert.evidence),
                rule: RULE,
                kind: alert.evidence.kind.name(),
                phase: alert.phase.name(),
                window_ms,
            },
            partial: end_ms > read_to_ms,
            trend: alert.trend.clone(),
            window_ms: (start_ms, end_ms),
        }
    }
}

impl UsageEpisode {
    /// The episode in windows of this length.
    pub(super) fn new(incident: Incident, names: &[String], window_ms: i64) -> Self {
        let Incident { developer, episode, trend, is_over } = incident;
        let time_ms = |window: i64| window.saturating_mul(window_ms);
        let (start_ms, end_ms) = (time_ms(episode.start), time_ms(episode.last.saturating_add(1)));
        UsageEpisode {
            developer_id: names[developer as usize].clone(),
            kind: episode.evidence.kind.name(),
            start: format_time(start_ms),
            end: format_time(end_ms),
            over: is_over,
            peak: format_time(time_ms(episode.peak)),
            peak_calls: u64::from(episode.peak_calls),
            excess: round4(episode.excess),
            why: Why::from(&episode.evidence),
            trend,
            window_ms: (start_ms, end_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::negative_binomial::Kind;

    #[test]
    fn an_event_has_the_envelope_of_the_original_and_says_why() {
        let evidence = Evidence {
            kind: Kind::Spike,
            scale: 3,
            observed: 300.0,
            expected: 61.234_56,
            probability: 1.234_56e-12,
            profile: None,
            level: 60.0,
        };
        let alert = Alert {
            developer: 0,
            start: 5_934_383,
            window: 5_934_384,
            calls: 120,
            phase: Phase::End,
            evidence,
            trend: vec![],
        };
        let event = UsageAlert::new(&alert, &["dev_1".to_owned()], 300_000, i64::MAX);
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"usage.anomaly.detected","timestamp":"2026-06-01T12:05:00.000Z","developerId":"dev_1","data":{"windowStart":"2026-06-01T11:55:00.000Z","windowEnd":"2026-06-01T12:05:00.000Z","currentCalls":120,"scale":3,"observed":300,"expected":61.2346,"ratio":4.8992,"probability":1.235e-12,"profile":null,"level":60,"rule":"negative-binomial","kind":"spike","phase":"end","windowMs":300000}}"#
        );
        assert!(!event.partial);
        assert!(UsageAlert::new(&alert, &["dev_1".to_owned()], 300_000, event.window_ms.1 - 1).partial);
    }
}
