//! The breaker: a threshold that ordinary failures do not reach, and how long to stay open.

use super::binomial::at_least;
use super::minutes::Clean;
use super::{EvidenceConfig, Supported, percent, requests};

/// A breaker may open by chance this often per window at most.
const FALSE_TRIP_PROBABILITY: f64 = 1e-7;

/// The bounds of the threshold, in percent: the seed's tuner has them too.
const MIN_THRESHOLD: u32 = 10;
const MAX_THRESHOLD: u32 = 80;

/// Requests below which no base rate is told.
const MIN_REQUESTS: u64 = 100;

/// The bounds of the open timeout, in milliseconds.
const MIN_OPEN_MS: f64 = 5_000.0;
const MAX_OPEN_MS: f64 = 60_000.0;

/// The smallest whole percent that a breaker reaches by chance with a probability of at most 1e-7 at every number of
/// calls from its minimum to its window, at the error rate of ordinary minutes; within 10 and 80.
pub(super) fn failure_threshold(clean: &Clean, config: &EvidenceConfig) -> Supported {
    if clean.requests < MIN_REQUESTS {
        let found = requests(clean.requests, "");
        let reason = format!("{found} outside of incidents; a base error rate needs {MIN_REQUESTS}");
        return Supported::refused(clean.requests, reason);
    }
    let rate = clean.rate();
    let EvidenceConfig { breaker_minimum, breaker_window, .. } = *config;
    let exact = smallest_threshold(rate, breaker_minimum, breaker_window);
    let value = exact.clamp(MIN_THRESHOLD, MAX_THRESHOLD);
    let mut reason = format!(
        "{} of requests fail outside of incidents; the smallest threshold that {breaker_minimum} to {breaker_window} calls \
         reach by chance with p <= 1e-7 is {exact} %",
        percent(rate)
    );
    if exact > MAX_THRESHOLD {
        let probability = false_trip(rate, MAX_THRESHOLD, breaker_minimum, breaker_window);
        reason += &format!(", cut to {MAX_THRESHOLD}: a window reaches that by chance with p = {probability:.1e}");
    } else if exact < MIN_THRESHOLD {
        reason += &format!(", raised to {MIN_THRESHOLD}");
    }
    if clean.incident_minutes > 0 {
        let minutes = clean.incident_minutes;
        reason += &format!("; {minutes} minute{} left out as incidents", if minutes == 1 { "" } else { "s" });
    }
    Supported { value: Some(f64::from(value)), n: clean.requests, statistic: Some(rate), confidence: None, reason }
}

fn smallest_threshold(rate: f64, minimum: u32, window: u32) -> u32 {
    (1..=100).find(|&threshold| false_trip(rate, threshold, minimum, window) <= FALSE_TRIP_PROBABILITY).unwrap_or(100)
}

/// The largest probability of a trip at any number of calls; a trip takes one failure at least.
fn false_trip(rate: f64, threshold_percent: u32, minimum: u32, window: u32) -> f64 {
    let trip = |calls: u32| at_least(calls, rate, (calls * threshold_percent).div_ceil(100).max(1));
    (minimum..=window.max(minimum)).map(trip).fold(0.0, f64::max)
}

/// The median length of the log's incidents, within 5 and 60 seconds; unchanged without any, and where too little
/// traffic is left to tell an incident from.
pub(super) fn open_timeout_ms(clean: &Clean) -> Supported {
    if clean.requests < MIN_REQUESTS {
        let found = requests(clean.requests, "");
        let reason = format!("kept: {found} outside of incidents; telling incidents apart needs {MIN_REQUESTS}");
        return Supported::refused(clean.requests, reason);
    }
    let mut episodes_us = clean.episodes_us.clone();
    episodes_us.sort_unstable();
    let n = episodes_us.len();
    let Some(&median_us) = episodes_us.get(n.saturating_sub(1) / 2) else {
        return Supported::refused(0, "kept: the log shows no incident whose length could tell");
    };
    let median_ms = (median_us as f64 / 1e3).round();
    let value = median_ms.clamp(MIN_OPEN_MS, MAX_OPEN_MS);
    let incidents =
        if n == 1 { "the one incident lasted".to_owned() } else { format!("the median of {n} incidents lasted") };
    let mut reason = format!("{incidents} {:.1} s from first to last failure", median_ms / 1e3);
    if value != median_ms {
        reason += ", brought within 5 to 60 s";
    }
    Supported { value: Some(value), n: n as u64, statistic: Some(median_ms), confidence: None, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(requests: u64, failures: u64) -> Clean {
        Clean { requests, failures, ..Clean::default() }
    }

    #[test]
    fn thresholds_of_a_window_of_a_hundred() {
        for (rate, expected) in [(0.001, 5), (0.01, 10), (0.05, 21), (0.1, 29), (0.2, 44)] {
            assert_eq!(smallest_threshold(rate, 100, 100), expected, "{rate}");
        }
    }

    #[test]
    fn a_threshold_holds_at_every_number_of_calls() {
        let config = EvidenceConfig::default();
        let check = |requests, failures, expected| {
            assert_eq!(failure_threshold(&clean(requests, failures), &config).value, expected, "{failures}/{requests}");
        };
        // Without a failure any threshold holds, and the floor is taken.
        check(1_000, 0, Some(10.0));
        check(99, 0, None);
        check(100, 0, Some(10.0));
        // 1 %: five calls may trip at four failures (5e-8), six must not (1.5e-7) but may at five: above 4 of 6.
        check(10_000, 100, Some(67.0));
        let often = failure_threshold(&clean(100, 50), &config);
        assert_eq!(often.value, Some(80.0));
        assert!(often.reason.contains("cut to 80: a window reaches that by chance with p = "), "{}", often.reason);
        let wide = EvidenceConfig { breaker_minimum: 100, breaker_window: 100, ..config };
        assert_eq!(failure_threshold(&clean(10_000, 10), &wide).value, Some(10.0));
        assert!(failure_threshold(&clean(10_000, 10), &wide).reason.contains("is 5 %, raised to 10"));
    }

    #[test]
    fn the_open_timeout_is_the_median_incident() {
        let value = |seconds: &[i64]| {
            let episodes_us = seconds.iter().map(|seconds| seconds * 1_000_000).collect();
            open_timeout_ms(&Clean { episodes_us, requests: 100, ..Clean::default() }).value
        };
        assert_eq!(value(&[]), None);
        assert_eq!(value(&[4]), Some(5_000.0));
        assert_eq!(value(&[61]), Some(60_000.0));
        assert_eq!(value(&[30, 8, 12]), Some(12_000.0));
        assert_eq!(value(&[30, 8]), Some(8_000.0));
        let few = Clean { episodes_us: vec![8_000_000], requests: 99, ..Clean::default() };
        assert_eq!((open_timeout_ms(&few).value, open_timeout_ms(&few).n), (None, 99));
    }
}
