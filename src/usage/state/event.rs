//! One finding as it is sent and kept: its identity and its body, fixed once and for all.
//!
//! The body is made when the finding is and never again, so that every try sends the same bytes.

use super::digest::{digest, hex};
use crate::report::UsageSpike;
use crate::usage::alert::{UsageAlert, UsageAlertData};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Bytes of the SHA-256 that make an id: 128 bits, beyond any chance of two events sharing one.
const ID_BYTES: usize = 16;

/// A finding, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `evt_` and 32 hexadecimal digits, made of source, rule, developer and window: the same whoever finds it, and
    /// whenever.
    pub id: String,
    /// The body's `event`, for example `usage.anomaly.detected`.
    pub name: String,
    /// The body's `timestamp`, RFC 3339 UTC.
    pub timestamp: String,
    /// What was scanned, as it may be shown; empty when there is nothing to tell apart.
    pub source: String,
    /// The rule that found it.
    pub rule: String,
    /// Whom it is about.
    pub developer: String,
    /// The window's start, inclusive, ms since the epoch.
    pub window_start_ms: i64,
    /// The window's end, exclusive, ms since the epoch.
    pub window_end_ms: i64,
    /// The event as JSON, on one line.
    pub body: String,
}

impl Event {
    /// The event of a spike whose window starts at `window_start_ms`.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn of_spike(
        source: &str,
        rule: &str,
        window_start_ms: i64,
        spike: &UsageSpike,
    ) -> Result<Event, serde_json::Error> {
        let window_ms = window_start_ms..window_start_ms.saturating_add(spike.data.window_ms);
        let body = serde_json::to_string(spike)?;
        Ok(Event::new(source, rule, &spike.developer_id, window_ms, spike.event, &spike.timestamp, body))
    }

    /// An event with a body of its rule's own making, whose `event` is `name` and whose `timestamp` is `timestamp`.
    pub fn new(
        source: &str,
        rule: &str,
        developer: &str,
        window_ms: Range<i64>,
        name: &str,
        timestamp: &str,
        body: String,
    ) -> Event {
        Event {
            id: id(source, rule, developer, &window_ms),
            name: name.to_owned(),
            timestamp: timestamp.to_owned(),
            source: source.to_owned(),
            rule: rule.to_owned(),
            developer: developer.to_owned(),
            window_start_ms: window_ms.start,
            window_end_ms: window_ms.end,
            body,
        }
    }
}

impl Event {
    /// An event of one phase of an episode: two phases may share a window.
    pub fn of_alert(source: &str, alert: &UsageAlert, body: String) -> Event {
        let (window_ms, data) = (alert.window_ms.0..alert.window_ms.1, &alert.data);
        let id = phase_id(source, alert, &window_ms);
        let event = Event::new(source, data.rule, &alert.developer_id, window_ms, alert.event, &alert.timestamp, body);
        Event { id, ..event }
    }

    /// The ids under which this alert may have been told before rows that were written late moved its window, by at most
    /// `windows`.
    pub fn ids_nearby<'a>(source: &'a str, alert: &'a UsageAlert, windows: i64) -> impl Iterator<Item = String> + 'a {
        let steps = (1..=windows).flat_map(|step| [step, -step]);
        steps.map(move |step| {
            let by_ms = step.saturating_mul(alert.data.window_ms);
            let (start_ms, end_ms) = alert.window_ms;
            phase_id(source, alert, &(start_ms.saturating_add(by_ms)..end_ms.saturating_add(by_ms)))
        })
    }
}

fn phase_id(source: &str, alert: &UsageAlert, window_ms: &Range<i64>) -> String {
    let UsageAlertData { rule, kind, phase, .. } = &alert.data;
    id(source, &format!("{rule}/{kind}/{phase}"), &alert.developer_id, window_ms)
}

fn id(source: &str, rule: &str, developer: &str, window_ms: &Range<i64>) -> String {
    let (start, end) = (window_ms.start.to_string(), window_ms.end.to_string());
    let digest = digest(&[source, rule, developer, &start, &end]);
    format!("evt_{}", hex(&digest[..ID_BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::UsageSpikeData;

    fn event(source: &str, rule: &str, developer: &str, start: i64) -> Event {
        Event::new(source, rule, developer, start..start + 300_000, "n", "t", String::new())
    }

    #[test]
    fn an_id_depends_on_everything_that_makes_an_event_and_on_nothing_else() {
        let base = event("db", "mean5x", "dev", 0);
        assert_eq!(base.id.len(), "evt_".len() + 32);
        assert_eq!(base.id, event("db", "mean5x", "dev", 0).id);
        let mut same = Event::new("db", "mean5x", "dev", 0..300_000, "other", "later", "{}".to_owned()).id;
        assert_eq!(base.id, same);
        for other in [
            event("db2", "mean5x", "dev", 0),
            event("db", "zscore", "dev", 0),
            event("db", "mean5x", "dev2", 0),
            event("db", "mean5x", "dev", 300_000),
            event("dbm", "ean5x", "dev", 0),
            Event::new("db", "mean5x", "dev", 0..600_000, "n", "t", String::new()),
        ] {
            assert_ne!(other.id, same);
            same = other.id;
        }
    }

    #[test]
    fn the_id_stays_what_it_was_in_earlier_releases() {
        // Parts behind 8-byte big-endian lengths, through `sha256sum`, first 32 digits.
        assert_eq!(event("", "mean5x", "dev_123", 1_780_315_200_000).id, "evt_1250a8c7130ba16c3ab08827b23515d5");
    }

    #[test]
    fn the_body_is_the_original_s_event() {
        let spike = UsageSpike {
            event: "usage.anomaly.detected",
            timestamp: "2026-06-01T12:05:00.000Z".to_owned(),
            developer_id: "dev_123".to_owned(),
            data: UsageSpikeData {
                window_start: "2026-06-01T12:00:00.000Z".to_owned(),
                window_end: "2026-06-01T12:05:00.000Z".to_owned(),
                current_calls: 100,
                baseline_mean: 10.0,
                multiplier: 5.0,
                ratio: Some(10.0),
                window_ms: 300_000,
            },
            partial: false,
        };
        let event = Event::of_spike("", "mean5x", 1_780_315_200_000, &spike).unwrap();
        assert_eq!(
            event.body,
            r#"{"event":"usage.anomaly.detected","timestamp":"2026-06-01T12:05:00.000Z","developerId":"dev_123","data":{"windowStart":"2026-06-01T12:00:00.000Z","windowEnd":"2026-06-01T12:05:00.000Z","currentCalls":100,"baselineMean":10,"multiplier":5,"ratio":10,"windowMs":300000}}"#
        );
        assert_eq!(event.window_end_ms, 1_780_315_500_000);
    }
}
