//! Reports for the tests of this module: one without findings, one with a bit of everything.

use crate::backtest::call::Call;
use crate::backtest::report::BacktestReport;
use crate::backtest::spool::{Block, Spool, Stamps};
use crate::backtest::stability::History;
use crate::backtest::timeline::tests::batches;
use crate::backtest::{Backtest, Candidate, SplitPlan};
use crate::report::*;
use crate::settings::knob::Knobs;
use crate::tuning::evidence::{EndpointPeaks, Evidence, EvidenceConfig, EvidenceFit, Supported};
use crate::tuning::{CircuitBreaker, TunableConfig};
use crate::usage::alert::{RULE, UsageAlert, UsageAlertData, UsageEpisode, Why};

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn settings() -> Settings {
    let Knobs { anomaly, tuner, looping, usage, .. } = Knobs::default();
    Settings {
        rules: "documented",
        anomaly_config: anomaly,
        tuner_config: tuner,
        loop_config: looping,
        spike_rule: "mean5x",
        usage,
        optimization: None,
        evidence: EvidenceConfig::default(),
        input: InputSettings {
            latency: "request",
            timezone: "UTC".to_owned(),
            max_routes: 10_000,
            max_developers: 500_000,
            ..InputSettings::default()
        },
    }
}

fn reasons() -> Reasons {
    let fixed = || Reason { text: "the rules never change it".to_owned(), ..Reason::default() };
    Reasons {
        failure_threshold: fixed(),
        open_timeout_ms: fixed(),
        max_concurrent_calls: fixed(),
        timeout_ms: fixed(),
        max_retries: fixed(),
    }
}

/// A run that found nothing.
pub(crate) fn empty() -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        inputs: Vec::new(),
        settings: settings(),
        summary: Summary { developers: Some(0), ..Summary::default() },
        current: TunableConfig::default(),
        recommended: Recommended {
            circuit_breaker: RecommendedBreaker { failure_threshold: None, open_timeout_ms: None },
            bulkhead: RecommendedBulkhead { max_concurrent_calls: None },
            http_client: RecommendedClient { timeout_ms: None, max_retries: None },
        },
        reasons: reasons(),
        changes: Vec::new(),
        anomalies: Vec::new(),
        endpoints: Vec::new(),
        routes: None,
        usage_spikes: Vec::new(),
        usage_episodes: None,
        usage_alerts: Vec::new(),
        evidence: None,
        backtest: None,
        cycles: Vec::new(),
    }
}

/// A run with a bit of everything.
pub(crate) fn busy() -> Report {
    let mut report = empty();
    report.inputs = inputs();
    report.summary = summary();
    report.recommended.circuit_breaker.failure_threshold = Some(10.0);
    report.recommended.http_client = RecommendedClient { timeout_ms: Some(1_240.0), max_retries: Some(2.0) };
    report.reasons.failure_threshold.text =
        "10 less for each high or critical anomaly, 5 more in a calm cycle".to_owned();
    report.reasons.timeout_ms = Reason {
        text: "2 x p95 of GET /api/search = 1 240 ms, smoothed 0.3 over 14 changes".to_owned(),
        changes: 14,
        endpoint: text("GET /api/search"),
        without_endpoint: Some(1_000.0),
    };
    report.reasons.max_retries = Reason { text: "errors stayed below 1 %".to_owned(), changes: 1, ..Reason::default() };
    report.anomalies = episodes();
    report.endpoints = endpoints();
    report.routes = Some(routes());
    report.usage_spikes = vec![spike("dev_123", Some(10.0), false), spike("dev_9", None, true)];
    report.cycles = cycles();
    report.changes =
        vec![Change { cycle_end: report.cycles[0].cycle_end.clone(), config_changes: report.cycles[0].config_changes }];
    report
}

/// The same with a backtest.
pub(crate) fn backtested() -> Report {
    Report { evidence: Some(evidence()), backtest: Some(backtest()), ..busy() }
}

/// A hundred calls over a hundred seconds, each tenth of which fails.
fn calls() -> Vec<Call> {
    let call = |second: i64| {
        Call::ended(1_780_000_000_000 + second * 1000, Some(20_000_000), 0, [500, 200][usize::from(second % 10 > 0)])
    };
    (0..100).map(call).collect()
}

fn evidence() -> EvidenceReport {
    let mut fit = EvidenceFit::new(None, EndpointPeaks::Asked);
    batches(&calls(), 10).iter().for_each(|batch| fit.take(batch));
    let (observed, _) = fit.finish();
    let Knobs { tuner, .. } = Knobs::default();
    let global = Evidence::of(observed.whole(), observed.resolution(), &EvidenceConfig::default(), &tuner);
    let row = EndpointEvidence {
        method: "GET".to_owned(),
        path: "/api/search".to_owned(),
        group: None,
        evidence: Evidence { open_timeout_ms: Supported::default(), ..global.clone() },
    };
    EvidenceReport { global, endpoints: vec![row], endpoints_left_out: 3 }
}

fn backtest() -> BacktestReport {
    let mut spool = Spool::create().unwrap();
    spool.push(0, Block::of(&calls(), Stamps::Exact)).unwrap();
    let stored = spool.finish().unwrap();
    let config = TunableConfig::default();
    let history = History { from_us: 0, initial: config, changes: Vec::new() };
    let candidate = |name: &str, history| Candidate { name: name.to_owned(), config, history };
    let candidates = vec![candidate("current", None), candidate("recommended", Some(history))];
    let split = Some(SplitPlan { share: 0.5, at_us: 1_780_000_040_000_000, fitted: config });
    Backtest { split, ..Backtest::new(candidates, 1) }.run(&stored).unwrap()
}

fn inputs() -> Vec<Input> {
    let input = Input {
        path: "access.log".to_owned(),
        format: "nginx combined".to_owned(),
        latency_field: text("request_time"),
        latency_unit: Some("s"),
        developer_field: text("remote_user"),
        compression: None,
        bytes: 1_234_567,
        lines: 12_000,
        requests: 11_990,
        rejected: 3,
        error: None,
        latency_hint: None,
    };
    let broken = Input {
        path: "access.log.2.gz".to_owned(),
        latency_field: None,
        latency_unit: None,
        developer_field: None,
        compression: Some("gzip"),
        lines: 50,
        requests: 44,
        rejected: 0,
        error: text("the gzip stream ends early"),
        ..input.clone()
    };
    vec![input, broken]
}

fn summary() -> Summary {
    let gap = |from: &str, to: &str| Gap { from: from.to_owned(), to: to.to_owned() };
    Summary {
        lines: 12_050,
        requests: 12_034,
        filtered_out: 0,
        not_requests: 13,
        rejected: 3,
        rejected_samples: vec!["access.log:17:5: found \"GET\", expected `$status`, three digits".to_owned()],
        late_requests: 2,
        long_connections: 0,
        without_latency: 34,
        errors: 240,
        first_request: text("2026-06-01T11:00:07.250Z"),
        last_request: text("2026-06-01T13:58:01.000Z"),
        cycles: 178,
        skipped_cycles: 4,
        endpoints: 2,
        developers: Some(7),
        usage_windows_not_tested: 12,
        skipped_gaps: Vec::new(),
        gaps: vec![gap("2026-06-01T12:30:00.000Z", "2026-06-01T12:45:00.000Z")],
        rails: vec![Rail {
            setting: "circuitBreaker.failureThreshold",
            side: "floor",
            value: 10.0,
            cycles: 155,
            share: 0.87,
            at_end: true,
        }],
        has_latency: true,
        notes: vec!["access.log.2.gz has no latency; add `rt=$request_time` to its log_format.".to_owned()],
    }
}

fn episodes() -> Vec<Episode> {
    let latency = Episode {
        from: "2026-06-01T12:05:00.000Z".to_owned(),
        to: "2026-06-01T12:09:00.000Z".to_owned(),
        method: "GET".to_owned(),
        path: "/api/search".to_owned(),
        group: None,
        metric: Metric::Latency,
        severity: Severity::Critical,
        direction: "up",
        peak: Some(1_240.4),
        baseline: Some(210.0),
        cycles: 5,
        count: 5,
    };
    let errors = Episode {
        metric: Metric::ErrorRate,
        severity: Severity::High,
        peak: Some(0.125),
        baseline: None,
        ..latency.clone()
    };
    let unknown = Episode {
        path: "/new".to_owned(),
        metric: Metric::UnknownEndpoint,
        severity: Severity::Low,
        peak: Some(1.0),
        baseline: Some(0.0),
        ..latency.clone()
    };
    vec![latency, errors, unknown]
}

fn routes() -> Vec<RouteRow> {
    let row = |path: &str, made_by, requests, paths, paths_are_exact, first_path: &str| RouteRow {
        path: path.to_owned(),
        made_by,
        requests,
        paths,
        paths_are_exact,
        first_path: first_path.to_owned(),
    };
    vec![
        row("/blog/:param", RouteOrigin::Folded, 9_000, 4_800, false, "/blog/a-first-post"),
        row("/api/orders/:id", RouteOrigin::Ids, 34, 30, true, "/api/orders/17"),
        row("/api/search", RouteOrigin::Path, 12_000, 1, true, "/api/search"),
    ]
}

fn endpoints() -> Vec<EndpointRow> {
    let search = EndpointRow {
        method: "GET".to_owned(),
        path: "/api/search".to_owned(),
        group: None,
        count: 12_000,
        errors: 240,
        error_rate: 0.02,
        total_ms: Some(1_500_000.5),
        mean_ms: Some(125.0),
        p50_ms: Some(90.25),
        p95_ms: Some(620.0),
        p99_ms: Some(910.0),
    };
    let orders = EndpointRow {
        method: "POST".to_owned(),
        path: "/api/orders/:id".to_owned(),
        group: None,
        count: 34,
        errors: 0,
        error_rate: 0.0,
        total_ms: None,
        mean_ms: None,
        p50_ms: None,
        p95_ms: None,
        p99_ms: None,
    };
    vec![search, orders]
}

/// A run whose usage was judged by `negative-binomial`.
pub(crate) fn learned() -> Report {
    let mut report = busy();
    report.settings.spike_rule = RULE;
    report.usage_spikes.clear();
    let time = "2026-06-01T12:00:00.000Z".to_owned();
    let why = Why {
        scale: 3,
        observed: 300.0,
        expected: 61.25,
        ratio: 4.898,
        probability: 1.2e-12,
        profile: Some(58.5),
        level: 62.0,
    };
    report.usage_episodes = Some(vec![UsageEpisode {
        developer_id: "dev_123".to_owned(),
        kind: "spike",
        start: time.clone(),
        end: time.clone(),
        over: true,
        peak: time.clone(),
        peak_calls: 120,
        excess: 230.5,
        why: why.clone(),
        trend: vec![20; 12],
        window_ms: (0, 0),
    }]);
    report.usage_alerts = vec![UsageAlert {
        event: "usage.anomaly.detected",
        timestamp: time.clone(),
        developer_id: "dev_123".to_owned(),
        data: UsageAlertData {
            window_start: time.clone(),
            window_end: time,
            current_calls: 120,
            why,
            rule: RULE,
            kind: "spike",
            phase: "start",
            window_ms: 300_000,
        },
        partial: false,
        trend: vec![20; 12],
        window_ms: (0, 0),
    }];
    report
}

fn spike(developer: &str, ratio: Option<f64>, partial: bool) -> UsageSpike {
    UsageSpike {
        event: "usage.anomaly.detected",
        timestamp: "2026-06-01T12:05:00.000Z".to_owned(),
        developer_id: developer.to_owned(),
        data: UsageSpikeData {
            window_start: "2026-06-01T12:00:00.000Z".to_owned(),
            window_end: "2026-06-01T12:05:00.000Z".to_owned(),
            current_calls: 100,
            baseline_mean: if ratio.is_some() { 10.0 } else { 0.0 },
            multiplier: 5.0,
            ratio,
            window_ms: 300_000,
        },
        partial,
    }
}

fn cycles() -> Vec<Cycle> {
    let breaker = CircuitBreaker { failure_threshold: 20.0, open_timeout_ms: 30_000.0 };
    let config = TunableConfig { circuit_breaker: breaker, ..TunableConfig::default() };
    let anomaly = AnomalyCount {
        method: "GET".to_owned(),
        path: "/api/search".to_owned(),
        group: None,
        metric: Metric::Latency,
        severity: Severity::High,
        count: 3,
    };
    let first = Cycle {
        cycle_end: "2026-06-01T12:05:00.000Z".to_owned(),
        patterns_processed: 1_234,
        anomalies_found: 3,
        anomalies: vec![anomaly],
        config_changes: ConfigChanges { circuit_breaker: Some(breaker), ..ConfigChanges::default() },
        config,
    };
    let second = Cycle {
        cycle_end: "2026-06-01T12:06:00.000Z".to_owned(),
        patterns_processed: 0,
        anomalies_found: 0,
        anomalies: Vec::new(),
        config_changes: ConfigChanges::default(),
        config,
    };
    vec![first, second]
}
