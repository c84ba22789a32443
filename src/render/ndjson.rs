//! One JSON object a line, `type` first: every cycle, then every anomaly, endpoint, route (when asked for) and
//! spike, one summary last.
//!
//! The objects have the report's own keys; a reader can stop at the type it wants.

use super::json;
use crate::report::{Recommended, Report, Summary};
use crate::tuning::TunableConfig;
use serde::Serialize;

/// An object with its type in front.
#[derive(Serialize)]
struct Tagged<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

/// The last line.
#[derive(Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    current: &'a TunableConfig,
    recommended: &'a Recommended,
}

/// Every line, each with its line end.
///
/// # Errors
/// When the report cannot be serialised.
pub(crate) fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    append_all(&mut bytes, "cycle", &report.cycles)?;
    append_all(&mut bytes, "anomaly", &report.anomalies)?;
    append_all(&mut bytes, "endpoint", &report.endpoints)?;
    append_all(&mut bytes, "route", report.routes.as_deref().unwrap_or_default())?;
    append_all(&mut bytes, "spike", &report.usage_spikes)?;
    append_all(&mut bytes, "spike", &report.usage_alerts)?;
    let outcome = Outcome { summary: &report.summary, current: &report.current, recommended: &report.recommended };
    append_all(&mut bytes, "summary", &[outcome])?;
    Ok(bytes)
}

fn append_all<T: Serialize>(bytes: &mut Vec<u8>, r#type: &'static str, bodies: &[T]) -> anyhow::Result<()> {
    bodies.iter().try_for_each(|body| json::append_line(bytes, &Tagged { r#type, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn lines(report: &Report) -> Vec<String> {
        String::from_utf8(render(report).unwrap()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_typed_and_in_order() {
        let lines = lines(&sample::busy());
        let types: Vec<&str> =
            lines.iter().map(|line| line.strip_prefix(r#"{"type":""#).unwrap().split('"').next().unwrap()).collect();
        let expected = "cycle cycle anomaly anomaly anomaly endpoint endpoint route route route spike spike summary";
        assert_eq!(types.join(" "), expected);
    }

    #[test]
    fn a_cycle_has_the_keys_of_the_contract() {
        let expected = [
            r#"{"type":"cycle","cycleEnd":"2026-06-01T12:05:00.000Z","patternsProcessed":1234,"anomaliesFound":3,"#,
            r#""anomalies":[{"method":"GET","path":"/api/search","metric":"latency","severity":"high","count":3}],"#,
            r#""configChanges":{"circuitBreaker":{"failureThreshold":20,"openTimeoutMs":30000}},"#,
            r#""config":{"circuitBreaker":{"failureThreshold":20,"openTimeoutMs":30000},"#,
            r#""bulkhead":{"maxConcurrentCalls":10},"httpClient":{"timeoutMs":10000,"maxRetries":3}}}"#,
        ];
        assert_eq!(lines(&sample::busy())[0], expected.concat());
    }

    #[test]
    fn a_spike_is_the_event_with_a_type() {
        let expected = [
            r#"{"type":"spike","event":"usage.anomaly.detected","timestamp":"2026-06-01T12:05:00.000Z","#,
            r#""developerId":"dev_123","data":{"windowStart":"2026-06-01T12:00:00.000Z","#,
            r#""windowEnd":"2026-06-01T12:05:00.000Z","currentCalls":100,"baselineMean":10,"multiplier":5,"#,
            r#""ratio":10,"windowMs":300000}}"#,
        ];
        assert_eq!(lines(&sample::busy())[10], expected.concat());
    }

    #[test]
    fn a_report_without_findings_is_its_summary() {
        let lines = lines(&sample::empty());
        assert_eq!(lines.len(), 1);
        let summary: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(summary["recommended"]["httpClient"]["timeoutMs"], serde_json::Value::Null);
        assert_eq!(summary["current"]["httpClient"]["timeoutMs"], 10_000);
        assert_eq!(summary["requests"], 0);
    }
}
