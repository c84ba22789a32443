//! A run as Prometheus metrics, for node_exporter's textfile collector.
//!
//! No labels: a developer each would make as many series as there are customers. No timestamps: the collector refuses
//! them.

use super::file::write_atomically;
use std::fmt::Write;
use std::path::Path;

/// The figures of a run and of all runs before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanMetrics {
    /// Runs, this one included.
    pub runs_total: u64,
    /// Different anomalies that these runs found.
    pub anomalies_total: u64,
    /// Rows that this run read, baseline included.
    pub rows_seen: u64,
    /// Developers that this run saw.
    pub developers: u64,
    /// Anomalies in the windows that this run tested.
    pub anomalies: u64,
    /// Events that some receiver has not taken yet.
    pub pending: u64,
    /// When a run last had no trouble, ms since the epoch.
    pub last_success_ms: Option<i64>,
}

/// The metrics in Prometheus' text format.
pub fn render(metrics: &ScanMetrics) -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# HELP usage_anomaly_detector_{name} {help}\n# TYPE usage_anomaly_detector_{name} {kind}\n\
             usage_anomaly_detector_{name} {value}\n"
        );
    };
    add("runs_total", "counter", "Scans so far.", metrics.runs_total.to_string());
    add("anomalies_total", "counter", "Different anomalies found so far.", metrics.anomalies_total.to_string());
    add("rows_seen", "gauge", "Rows that the last scan read.", metrics.rows_seen.to_string());
    add("developers_seen", "gauge", "Developers that the last scan saw.", metrics.developers.to_string());
    let help = "Anomalies in the windows that the last scan tested.";
    add("last_run_anomalies", "gauge", help, metrics.anomalies.to_string());
    add("events_pending", "gauge", "Events that a receiver has not taken yet.", metrics.pending.to_string());
    if let Some(ms) = metrics.last_success_ms {
        let help = "When a scan last ended without any trouble.";
        add("last_success_timestamp_seconds", "gauge", help, (ms as f64 / 1000.0).to_string());
    }
    text
}

/// Writes the metrics, whole or not at all: the collector may read at any moment.
///
/// # Errors
/// Those of [`write_atomically`].
pub fn write(path: &Path, metrics: &ScanMetrics) -> anyhow::Result<()> {
    write_atomically(path, |out| Ok(out.write_all(render(metrics).as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: ScanMetrics = ScanMetrics {
        runs_total: 12,
        anomalies_total: 3,
        rows_seen: 0,
        developers: 0,
        anomalies: 1,
        pending: 2,
        last_success_ms: Some(1_780_315_500_250),
    };

    #[test]
    fn every_metric_has_its_help_and_type() {
        let text = render(&METRICS);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "# HELP usage_anomaly_detector_runs_total Scans so far.",
                "# TYPE usage_anomaly_detector_runs_total counter",
                "usage_anomaly_detector_runs_total 12",
            ]
        );
        let samples: Vec<&str> = lines.iter().skip(2).step_by(3).copied().collect();
        assert_eq!(
            samples,
            [
                "usage_anomaly_detector_runs_total 12",
                "usage_anomaly_detector_anomalies_total 3",
                "usage_anomaly_detector_rows_seen 0",
                "usage_anomaly_detector_developers_seen 0",
                "usage_anomaly_detector_last_run_anomalies 1",
                "usage_anomaly_detector_events_pending 2",
                "usage_anomaly_detector_last_success_timestamp_seconds 1780315500.25",
            ]
        );
    }

    #[test]
    fn before_the_first_success_there_is_no_time_of_it() {
        let text = render(&ScanMetrics { last_success_ms: None, ..METRICS });
        assert!(!text.contains("last_success"), "{text}");
    }

    #[test]
    fn the_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("learn.prom");
        std::fs::write(&path, "old").unwrap();
        write(&path, &METRICS).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), render(&METRICS));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
