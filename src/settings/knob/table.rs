//! The table of knobs: names, bounds, places and help, one entry each.

use super::{Bounds, Kind, Knob};
use crate::plan::RuleSet::{Documented, Published, ZScore};

/// A hundred years: beyond any log, and times [`MAX_WINDOWS`] still far from overflow.
pub(super) const MAX_SPAN_MS: i64 = 36_525 * 86_400_000;
const MAX_WINDOWS: i64 = 100_000;
/// More than can be counted in memory.
pub(super) const MAX_COUNT: i64 = u32::MAX as i64;

/// The longest window that the breaker model keeps.
const MAX_BREAKER_CALLS: i64 = 128;

/// Every knob, in the order of the help text.
pub const KNOBS: &[Knob] = &[
    Knob::new(
        "anomalyConfig",
        "latencyStdDevThreshold",
        "latency-std-dev-threshold",
        "LEARN_LATENCY_STD_DEV_THRESHOLD",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.anomaly.latency_std_dev_threshold),
        "Latency is anomalous above this multiple of its baseline (documented) or of its spread (published)",
    )
    .ignored_by(&[ZScore]),
    Knob::new(
        "anomalyConfig",
        "errorRateThreshold",
        "error-rate-threshold",
        "LEARN_ERROR_RATE_THRESHOLD",
        Kind::Number(Bounds::Ratio, |knobs| &mut knobs.anomaly.error_rate_threshold),
        "The error rate, 0 to 1, at which the error rules draw their line",
    )
    .ignored_by(&[ZScore]),
    Knob::new(
        "anomalyConfig",
        "frequencyDeviationThreshold",
        "frequency-deviation-threshold",
        "LEARN_FREQUENCY_DEVIATION_THRESHOLD",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.anomaly.frequency_deviation_threshold),
        "Request counts are anomalous this many standard deviations off their baseline (documented)",
    )
    .ignored_by(&[Published, ZScore]),
    Knob::new(
        "anomalyConfig",
        "enableUnknownEndpointDetection",
        "enable-unknown-endpoint-detection",
        "LEARN_ENABLE_UNKNOWN_ENDPOINT_DETECTION",
        Kind::Switch(|knobs| &mut knobs.anomaly.enable_unknown_endpoint_detection),
        "Report endpoints that appear after the baseline (documented)",
    )
    .ignored_by(&[Published, ZScore]),
    Knob::new(
        "tunerConfig",
        "minTimeoutMs",
        "min-timeout-ms",
        "LEARN_MIN_TIMEOUT_MS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.tuner.min_timeout_ms),
        "Never aim for a timeout below this",
    ),
    Knob::new(
        "tunerConfig",
        "maxTimeoutMs",
        "max-timeout-ms",
        "LEARN_MAX_TIMEOUT_MS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.tuner.max_timeout_ms),
        "Never aim for a timeout above this",
    ),
    Knob::new(
        "tunerConfig",
        "smoothingFactor",
        "smoothing-factor",
        "LEARN_SMOOTHING_FACTOR",
        Kind::Number(Bounds::Ratio, |knobs| &mut knobs.tuner.smoothing_factor),
        "The share of the way to the target that one change of the timeout goes",
    ),
    Knob::new(
        "tunerConfig",
        "adjustmentStepMs",
        "adjustment-step-ms",
        "LEARN_ADJUSTMENT_STEP_MS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.tuner.adjustment_step_ms),
        "Leave the timeout alone while its target is no further away than this",
    ),
    Knob::new(
        "tunerConfig",
        "cooldownMs",
        "cooldown-ms",
        "LEARN_COOLDOWN_MS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.tuner.cooldown_ms),
        "More than this must pass between two changes (published)",
    )
    .ignored_by(&[Documented, ZScore]),
    Knob::new(
        "loopConfig",
        "defaultIntervalMs",
        "default-interval-ms",
        "LEARN_DEFAULT_INTERVAL_MS",
        Kind::Millis(1, |knobs| &mut knobs.looping.default_interval_ms),
        "The time from one cycle to the next",
    ),
    Knob::new(
        "loopConfig",
        "windowSizeMinutes",
        "window-size-minutes",
        "LEARN_WINDOW_SIZE_MINUTES",
        Kind::Number(Bounds::WholeMillis, |knobs| &mut knobs.looping.window_size_minutes),
        "The stretch of the log that a cycle looks at",
    ),
    Knob::new(
        "loopConfig",
        "minSamplesBeforeTuning",
        "min-samples-before-tuning",
        "LEARN_MIN_SAMPLES_BEFORE_TUNING",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.looping.min_samples_before_tuning),
        "A cycle with fewer requests in its window does nothing",
    ),
    Knob::new(
        "loopConfig",
        "cooldownBetweenChangesMs",
        "cooldown-between-changes-ms",
        "LEARN_COOLDOWN_BETWEEN_CHANGES_MS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.looping.cooldown_between_changes_ms),
        "At least this must pass between two changes (documented)",
    )
    .ignored_by(&[Published]),
    Knob::new(
        "loopConfig",
        "pruneTtlHours",
        "prune-ttl-hours",
        "LEARN_PRUNE_TTL_HOURS",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.looping.prune_ttl_hours),
        "Forget requests older than this (published)",
    )
    .ignored_by(&[Documented, ZScore]),
    Knob::new(
        "loopConfig",
        "maxPatterns",
        "max-patterns",
        "LEARN_MAX_PATTERNS",
        Kind::Count(0, MAX_COUNT, |knobs| &mut knobs.looping.max_patterns),
        "Remember no more requests than this, 0 for all (published)",
    )
    .ignored_by(&[Documented, ZScore]),
    Knob::new(
        "loopConfig",
        "baselineWindows",
        "baseline-windows",
        "LEARN_BASELINE_WINDOWS",
        Kind::Count(1, MAX_WINDOWS, |knobs| &mut knobs.looping.baseline_windows),
        "The windows before the current one that make the baseline (documented)",
    )
    .ignored_by(&[Published]),
    Knob::new(
        "loopConfig",
        "minBaselineWindows",
        "min-baseline-windows",
        "LEARN_MIN_BASELINE_WINDOWS",
        Kind::Count(1, MAX_WINDOWS, |knobs| &mut knobs.looping.min_baseline_windows),
        "Judge an endpoint once it appears in this many of them (documented)",
    )
    .ignored_by(&[Published, ZScore]),
    Knob::new(
        "loopConfig",
        "latenessMs",
        "lateness",
        "LEARN_LATENESS",
        Kind::Span(0, |knobs| &mut knobs.looping.lateness_ms),
        "A request this far behind the newest still lands in its window",
    )
    .alias(None),
    Knob::new(
        "loopConfig",
        "maxGapMs",
        "max-gap",
        "LEARN_MAX_GAP",
        Kind::Span(1, |knobs| &mut knobs.looping.max_gap_ms),
        "After a longer gap in the log no cycles run until the next request; a request this far from both its neighbours \
         has a clock astray and is rejected",
    )
    .alias(None),
    Knob::new(
        "usage",
        "multiplier",
        "usage-multiplier",
        "LEARN_USAGE_MULTIPLIER",
        Kind::Number(Bounds::Positive, |knobs| &mut knobs.usage.multiplier),
        "A developer's calls spike above this multiple of their baseline",
    )
    .alias(Some("usageMultiplier"))
    .seed_variable("USAGE_ANOMALY_MULTIPLIER"),
    Knob::new(
        "usage",
        "baselineWindows",
        "usage-baseline-windows",
        "LEARN_USAGE_BASELINE_WINDOWS",
        Kind::Count(1, MAX_WINDOWS, |knobs| &mut knobs.usage.baseline_windows),
        "The windows before the tested one that make that baseline",
    )
    .alias(Some("usageBaselineWindows"))
    .seed_variable("USAGE_ANOMALY_BASELINE_WINDOWS"),
    Knob::new(
        "usage",
        "windowMs",
        "usage-window-ms",
        "LEARN_USAGE_WINDOW_MS",
        Kind::Millis(1, |knobs| &mut knobs.usage.window_ms),
        "The length of a usage window",
    )
    .alias(Some("usageWindowMs"))
    .seed_variable("USAGE_ANOMALY_WINDOW_MS"),
    Knob::new(
        "optimization",
        "maxMemory",
        "max-memory",
        "LEARN_MAX_MEMORY",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.optimization.max_memory),
        "More memory for a request than this many MB is an anomaly (zscore)",
    )
    .ignored_by(&[Documented, Published]),
    Knob::new(
        "optimization",
        "cpuThreshold",
        "cpu-threshold",
        "LEARN_CPU_THRESHOLD",
        Kind::Number(Bounds::NotNegative, |knobs| &mut knobs.optimization.cpu_threshold),
        "A logged CPU figure above this is an anomaly (zscore); replicas are to be this busy (scale)",
    )
    .ignored_by(&[Documented, Published]),
    Knob::new(
        "evidence",
        "falseTimeoutRate",
        "false-timeout-rate",
        "LEARN_FALSE_TIMEOUT_RATE",
        Kind::OpenShare(|knobs| &mut knobs.evidence.false_timeout_rate),
        "The share of good requests that the timeout may cut, such as 0.1%",
    ),
    Knob::new(
        "evidence",
        "breakerMinimum",
        "breaker-minimum",
        "LEARN_BREAKER_MINIMUM",
        Kind::Calls(1, MAX_BREAKER_CALLS, |knobs| &mut knobs.evidence.breaker_minimum),
        "The calls that a breaker needs before it may open",
    ),
    Knob::new(
        "evidence",
        "breakerWindow",
        "breaker-window",
        "LEARN_BREAKER_WINDOW",
        Kind::Calls(1, MAX_BREAKER_CALLS, |knobs| &mut knobs.evidence.breaker_window),
        "The calls that a breaker looks back on",
    ),
];
