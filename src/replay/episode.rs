//! Anomalies of one endpoint and metric folded into episodes, as long as their windows touch.

use crate::report::{Episode, Metric, Severity, format_time};
use crate::route::endpoint::EndpointNames;
use crate::rules::{Anomaly, Direction};
use hashbrown::HashMap;

pub(super) struct Episodes {
    window_ms: i64,
    open: HashMap<(u32, Metric), Running>,
    closed: Vec<((u32, Metric), Running)>,
}

struct Running {
    from_ms: i64,
    to_ms: i64,
    severity: Severity,
    direction: Direction,
    peak: f64,
    baseline: f64,
    cycles: u64,
    count: u64,
}

impl Episodes {
    pub(super) fn new(window_ms: i64) -> Self {
        Episodes { window_ms, open: HashMap::new(), closed: Vec::new() }
    }

    /// Adds an anomaly of the cycle that ends at `end_ms`.
    pub(super) fn note(&mut self, end_ms: i64, anomaly: &Anomaly) {
        let key = (anomaly.endpoint, anomaly.metric);
        if let Some(running) = self.open.get_mut(&key) {
            if end_ms - running.to_ms <= self.window_ms {
                running.extend(end_ms, anomaly);
                return;
            }
            if let Some(ended) = self.open.remove(&key) {
                self.closed.push((key, ended));
            }
        }
        self.open.insert(key, Running::new(end_ms, anomaly));
    }

    /// All episodes by start, then endpoint and metric.
    pub(super) fn finish(&mut self, names: &EndpointNames) -> Vec<Episode> {
        let mut all = std::mem::take(&mut self.closed);
        all.extend(self.open.drain());
        all.sort_by(|((endpoint_a, metric_a), a), ((endpoint_b, metric_b), b)| {
            let by_name = names.name(*endpoint_a).cmp(names.name(*endpoint_b));
            a.from_ms.cmp(&b.from_ms).then(by_name).then(metric_a.cmp(metric_b))
        });
        all.into_iter().map(|((endpoint, metric), running)| running.finish(endpoint, metric, names)).collect()
    }
}

impl Running {
    fn new(end_ms: i64, anomaly: &Anomaly) -> Self {
        Running {
            from_ms: end_ms,
            to_ms: end_ms,
            severity: anomaly.severity,
            direction: anomaly.direction,
            peak: anomaly.actual,
            baseline: anomaly.baseline,
            cycles: 1,
            count: anomaly.count,
        }
    }

    fn extend(&mut self, end_ms: i64, anomaly: &Anomaly) {
        self.cycles += u64::from(end_ms != self.to_ms);
        self.to_ms = end_ms;
        self.severity = self.severity.max(anomaly.severity);
        self.count += anomaly.count;
        if (anomaly.actual - anomaly.baseline).abs() > (self.peak - self.baseline).abs() {
            (self.peak, self.baseline, self.direction) = (anomaly.actual, anomaly.baseline, anomaly.direction);
        }
    }

    fn finish(self, endpoint: u32, metric: Metric, names: &EndpointNames) -> Episode {
        let name = names.name(endpoint);
        Episode {
            from: format_time(self.from_ms),
            to: format_time(self.to_ms),
            method: name.method.clone(),
            path: name.path.clone(),
            group: name.group.clone(),
            metric,
            severity: self.severity,
            direction: match self.direction {
                Direction::Up => "up",
                Direction::Down => "down",
            },
            peak: Some(self.peak),
            baseline: Some(self.baseline),
            cycles: self.cycles,
            count: self.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anomaly(severity: Severity, actual: f64) -> Anomaly {
        Anomaly {
            endpoint: 0,
            metric: Metric::Latency,
            severity,
            count: 2,
            direction: Direction::Up,
            actual,
            baseline: 10.0,
        }
    }

    #[test]
    fn windows_that_touch_are_one_episode() {
        let mut names = EndpointNames::default();
        names.intern([b"GET", b"/a", b""], false);
        let mut episodes = Episodes::new(300_000);
        episodes.note(0, &anomaly(Severity::High, 30.0));
        episodes.note(300_000, &anomaly(Severity::Critical, 90.0));
        episodes.note(300_000, &anomaly(Severity::Low, 40.0));
        episodes.note(600_001, &anomaly(Severity::Low, 15.0));
        let found: Vec<_> = episodes
            .finish(&names)
            .into_iter()
            .map(|e| (e.from, e.to, e.severity, e.peak, e.cycles, e.count))
            .collect();
        assert_eq!(
            found,
            [
                (format_time(0), format_time(300_000), Severity::Critical, Some(90.0), 2, 6),
                (format_time(600_001), format_time(600_001), Severity::Low, Some(15.0), 1, 2),
            ]
        );
    }
}
