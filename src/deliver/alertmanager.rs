//! An event as an alert of Alertmanager's API v2.
//!
//! The labels are an alert's identity, so they hold no figures: windows of one developer that follow each other make one
//! alert. The figures go into the annotations.

use crate::report::format_time;
use crate::usage::state::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where alerts are posted, under the URL that Alertmanager has.
pub(super) const PATH: &str = "/api/v2/alerts";

const SPIKE_NAME: &str = "LearnUsageSpike";

/// For a developer who fell silent.
const DROP_NAME: &str = "LearnUsageDrop";

/// One for all: a severity that followed the figures would split an incident into two alerts.
const SEVERITY: &str = "warning";

/// How long an alert stays after it was sent, in ms: 15 minutes, three runs of a cron job that runs every five. An alert
/// that has ended when it arrives is never notified, so the time of sending counts where it is later than the window's.
const HOLD_MS: i64 = 15 * 60_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: BTreeMap<&'static str, &'a str>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
}

/// The body of a request that raises one alert, sent at `now_ms` since the epoch.
///
/// # Errors
/// Those of the serialiser.
pub(super) fn body(event: &Event, now_ms: i64) -> Result<String, serde_json::Error> {
    let annotations = annotations(event);
    let is = |name: &str, value: &str| annotations.get(name).is_some_and(|found| found == value);
    let mut labels = BTreeMap::from([
        ("alertname", if is("kind", "drop") { DROP_NAME } else { SPIKE_NAME }),
        ("developer", event.developer.as_str()),
        ("rule", event.rule.as_str()),
        ("severity", SEVERITY),
    ]);
    if !event.source.is_empty() {
        labels.insert("source", &event.source);
    }
    let ends_at_ms =
        if is("phase", "end") { event.window_end_ms } else { event.window_end_ms.max(now_ms).saturating_add(HOLD_MS) };
    let starts_at = format_time(event.window_start_ms);
    let alert = Alert { labels, annotations, starts_at, ends_at: format_time(ends_at_ms) };
    serde_json::to_string(&[alert])
}

/// The event's id, each figure of its data under its own name, and a sentence for people.
fn annotations(event: &Event) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        data: Map<String, Value>,
    }
    let data = serde_json::from_str(&event.body).map_or_else(|_| Map::new(), |body: Body| body.data);
    let figures = data.into_iter().filter_map(|(name, value)| Some((name, figure(value)?)));
    let mut annotations: BTreeMap<String, String> = figures.collect();
    annotations.insert("summary".to_owned(), summary(event, &annotations));
    annotations.insert("eventId".to_owned(), event.id.clone());
    annotations
}

fn figure(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn summary(event: &Event, figures: &BTreeMap<String, String>) -> String {
    let (start, end) = (format_time(event.window_start_ms), format_time(event.window_end_ms));
    let who = &event.developer;
    let usual = figures.get("baselineMean").or(figures.get("expected"));
    let calls = figures.get("observed").or(figures.get("currentCalls"));
    let windows = figures.get("scale").filter(|scale| *scale != "1");
    let is_over = figures.get("phase").is_some_and(|phase| phase == "end");
    match (calls, usual, windows) {
        _ if is_over => format!("the usage of {who} is usual again, after {start} to {end}"),
        (Some(calls), Some(usual), None) => {
            format!("{who} made {calls} calls from {start} to {end}, {usual} are usual")
        }
        (Some(calls), Some(usual), Some(windows)) => {
            format!("{who} made {calls} calls in the {windows} windows to {end}, {usual} are usual")
        }
        _ => format!("unusual usage of {who} from {start} to {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const START_MS: i64 = 1_780_315_200_000;

    fn alert(source: &str, body_text: &str, now_ms: i64) -> Value {
        let window_ms = START_MS..START_MS + 300_000;
        let mut event = Event::new(source, "mean5x", "dev\"1", window_ms, "n", "t", body_text.to_owned());
        event.id = "evt_1".to_owned();
        serde_json::from_str(&body(&event, now_ms).unwrap()).unwrap()
    }

    #[test]
    fn labels_identify_and_annotations_tell() {
        let body = r#"{"data":{"windowStart":"w","currentCalls":100,"baselineMean":0.5,"ratio":null}}"#;
        let labels =
            json!({"alertname": "LearnUsageSpike", "developer": "dev\"1", "rule": "mean5x", "severity": "warning"});
        let expected = json!([{
            "labels": labels,
            "annotations": {
                "baselineMean": "0.5",
                "currentCalls": "100",
                "eventId": "evt_1",
                "summary": "dev\"1 made 100 calls from 2026-06-01T12:00:00.000Z to 2026-06-01T12:05:00.000Z, 0.5 are usual",
                "windowStart": "w",
            },
            "startsAt": "2026-06-01T12:00:00.000Z",
            "endsAt": "2026-06-01T12:20:00.000Z",
        }]);
        assert_eq!(alert("", body, START_MS), expected);
        assert_eq!(alert("db/app usage", body, START_MS)[0]["labels"]["source"], "db/app usage");
    }

    #[test]
    fn a_silence_has_its_own_name_and_an_end_resolves() {
        let body = |phase: &str| {
            format!(
                r#"{{"data":{{"currentCalls":0,"observed":0,"expected":80.5,"scale":6,"kind":"drop","phase":"{phase}"}}}}"#
            )
        };
        let start = &alert("", &body("start"), START_MS)[0];
        assert_eq!(start["labels"]["alertname"], "LearnUsageDrop");
        assert_eq!(
            start["annotations"]["summary"],
            "dev\"1 made 0 calls in the 6 windows to 2026-06-01T12:05:00.000Z, 80.5 are usual"
        );
        let end = &alert("", &body("end"), START_MS + 7_200_000)[0];
        assert_eq!(end["labels"], start["labels"]);
        assert_eq!(end["endsAt"], "2026-06-01T12:05:00.000Z");
    }

    #[test]
    fn an_alert_that_is_sent_late_is_still_firing_when_it_arrives() {
        let two_hours_later_ms = START_MS + 7_200_000;
        assert_eq!(alert("", "{}", two_hours_later_ms)[0]["endsAt"], "2026-06-01T14:15:00.000Z");
    }

    #[test]
    fn a_body_without_known_figures_still_makes_a_summary() {
        for body in ["{}", "not json", r#"{"data":{"expected":3}}"#] {
            let summary = &alert("", body, START_MS)[0]["annotations"]["summary"];
            assert!(summary.as_str().unwrap().starts_with("unusual usage of dev\"1 from 2026"), "{summary}");
        }
    }
}
