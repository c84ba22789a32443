//! What the plugin would have put into each response's headers.
//!
//! In go visits in order of time, out comes a row for each: the confidence in the forecast and the action applied are
//! those of the requests before it, the anomaly score is its own against the last thousand of all endpoints.

use super::forecast::{Smooth, hour_of};
use super::healing::observation;
use super::model::Learnt;
use super::trace::Visit;
use crate::advise::config::ForecastConfig;
use crate::plan::Timezone;
use crate::report::{OptimizationConfig, format_time};
use crate::route::endpoint::{EndpointName, EndpointNames};
use crate::rules::zscore::ZScore;
use crate::tuning::number;
use serde::Serialize;

/// A whole, as the header counts confidence.
const PERCENT: f64 = 100.0;

/// One request with its headers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreRow<'a> {
    /// When it ended, RFC 3339 UTC.
    pub timestamp: String,
    /// The method.
    pub method: &'a str,
    /// The route.
    pub path: &'a str,
    /// The value of the `--group-by` field, when one is in force.
    pub group: Option<&'a str>,
    /// The status code.
    pub status: u16,
    /// 0 to 100.
    #[serde(rename = "x-ml-prediction-confidence")]
    pub confidence: u32,
    /// The action.
    #[serde(rename = "x-optimization-applied")]
    pub applied: &'static str,
    /// min(|z| / 5, 1).
    #[serde(rename = "x-anomaly-score", serialize_with = "number")]
    pub anomaly: f64,
}

/// The requests of a log under way.
pub(super) struct Scores<'a> {
    config: ForecastConfig,
    timezone: Timezone,
    names: &'a EndpointNames,
    learnt: Learnt,
    rules: ZScore,
}

impl<'a> Scores<'a> {
    /// On top of what was learnt before.
    pub(super) fn new(
        config: ForecastConfig,
        limits: OptimizationConfig,
        timezone: Timezone,
        names: &'a EndpointNames,
        learnt: Learnt,
    ) -> Self {
        let mut rules = ZScore::new(limits);
        learnt.recent.iter().for_each(|request| rules.judge(request));
        rules.take();
        Scores { config, timezone, names, learnt, rules }
    }

    /// The next request's row.
    pub(super) fn take(&mut self, visit: &Visit) -> ScoreRow<'a> {
        let smooth: &mut Smooth = &mut self.learnt.smooth[visit.endpoint as usize];
        let prediction = smooth.predict(hour_of(visit.ended_ms, self.timezone), &self.config);
        if let Some(duration_ns) = visit.duration_ns {
            smooth.take(duration_ns, visit.cache, self.config.alpha);
        }
        let observation = observation(visit);
        self.rules.judge(&observation);
        self.rules.take();
        let EndpointName { method, path, group } = self.names.name(visit.endpoint);
        ScoreRow {
            timestamp: format_time(visit.ended_ms),
            method,
            path,
            group: group.as_deref(),
            status: visit.status,
            confidence: (prediction.confidence * PERCENT).round() as u32,
            applied: prediction.applied.name(),
            anomaly: self.rules.score(&observation),
        }
    }

    /// What was learnt.
    pub(super) fn finish(self) -> Learnt {
        Learnt { recent: self.rules.remembered().copied().collect(), ..self.learnt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::model::Model;
    use crate::advise::trace::fields::plain_visit;

    #[test]
    fn headers_are_those_of_the_plugin() {
        let mut names = EndpointNames::default();
        names.intern([b"GET", b"/a", b""], false);
        let limits = OptimizationConfig { max_memory: 512.0, cpu_threshold: 80.0 };
        let learnt = Model::default().learnt(&names);
        let mut scores = Scores::new(ForecastConfig::default(), limits, Timezone::default(), &names, learnt);
        let mut headers = |duration_ms: u64, hour: i64| {
            let visit = Visit { duration_ns: Some(duration_ms * 1_000_000), ..plain_visit(hour * 3_600_000) };
            let row = scores.take(&visit);
            (row.confidence, row.applied, row.anomaly)
        };
        // Below ten requests nothing is known but the default.
        for _ in 0..10 {
            assert_eq!(headers(20, 0), (30, "none", 0.0));
        }
        assert_eq!(headers(20, 0), (100, "batch", 0.0));
        // Of sixteen equal requests and one that differs, that one is off by four sigmas.
        for _ in 0..5 {
            assert_eq!(headers(20, 9), (100, "prefetch", 0.0));
        }
        assert_eq!(headers(30, 9), (100, "prefetch", 0.8));
        // Variance by then: 10^2 x 16 / 17^2 = 5.5 ms^2.
        assert_eq!(headers(20, 9).0, 99);
    }
}
