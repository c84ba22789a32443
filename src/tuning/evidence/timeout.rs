//! The timeout: the quantile that belongs to an accepted rate of needless timeouts (Amazon Builders' Library), with
//! some room.

use super::binomial::largest_below;
use super::resolution::Resolution;
use super::{CONFIDENCE, MIN_TIMED_REQUESTS, Supported, percent, requests};
use crate::window::pane::nanos_to_ms;
use crate::window::value_counts::{nearest_rank, value_at};

/// Room above the tail's bound.
const TAIL_FACTOR: f64 = 1.2;

/// Room above the 95th percentile, for a tail that ends early.
const P95_FACTOR: f64 = 2.0;

/// `max(1.2 x p(1 - eps), 2 x p95)` of the good requests, rounded up to three significant digits, at most `max_ms`.
///
/// The quantile is a distribution-free upper bound at 95 %: the order statistic that lies above it in 95 of 100 samples.
/// A sample too small for eps takes its largest value, and says for which eps that stands. A call that the log writes
/// as so long may have been longer by nearly a step of its resolution, so the timeout is beyond that too, and a bound of
/// zero gives none. `sorted` holds nanoseconds with their counts, ascending.
pub(super) fn timeout_ms(
    sorted: Vec<(u64, u64)>,
    resolution: Resolution,
    accepted_rate: f64,
    max_ms: f64,
) -> Supported {
    let n: u64 = sorted.iter().map(|(_, count)| count).sum();
    if n < MIN_TIMED_REQUESTS {
        let found = requests(n, "good ");
        let reason = format!("{found} with a duration; even the 95th percentile needs {MIN_TIMED_REQUESTS}");
        return Supported::refused(n, reason);
    }
    let above = largest_below(n, accepted_rate, 1.0 - CONFIDENCE);
    // The largest value is above the (1 - eps) quantile with 95 % where (1 - eps)^n is 0.05.
    let rate = if above.is_some() { accepted_rate } else { 1.0 - (1.0 - CONFIDENCE).powf(1.0 / n as f64) };
    let at = |rank| value_at(&sorted, rank).map_or(0.0, |ns| nanos_to_ms(u128::from(ns)));
    let bound_ms = at(n - 1 - above.unwrap_or(0));
    let p95_ms = at(nearest_rank(95.0, n));
    let quantile = format!("p{}", significant((1.0 - rate) * 100.0));
    if bound_ms == 0.0 {
        let reason = format!(
            "{quantile} of {n} good requests is logged as 0 ms, shorter than the log can tell; a timeout needs durations \
             in a finer unit"
        );
        return Supported::refused(n, reason);
    }
    let exact_ms = three_digits_up((TAIL_FACTOR * bound_ms).max(P95_FACTOR * p95_ms)).max(1.0);
    let wanted_ms = resolution.beyond(bound_ms, exact_ms);
    let mut reason = format!(
        "max(1.2 x {quantile}, 2 x p95) of {n} good requests: {quantile} <= {} ms at 95 % confidence, p95 {} ms",
        significant(bound_ms),
        significant(p95_ms)
    );
    if above.is_none() {
        reason += &format!(
            "; too few for a rate of {}, so the largest value stands for {}",
            percent(accepted_rate),
            percent(rate)
        );
    }
    if wanted_ms > exact_ms {
        let (from, to, unit) = (significant(exact_ms), significant(wanted_ms), resolution.unit());
        reason += &format!("; {from} ms raised to {to}, as the log tells whole {unit} only");
    }
    let value = wanted_ms.min(max_ms);
    if value < wanted_ms {
        let cut =
            sorted.iter().filter(|(ns, _)| nanos_to_ms(u128::from(*ns)) > value).map(|(_, count)| count).sum::<u64>();
        reason += &format!(
            "; {} ms cut to maxTimeoutMs {}, which cuts {} of the good requests",
            significant(wanted_ms),
            significant(max_ms),
            percent(cut as f64 / n as f64)
        );
    }
    Supported { value: Some(value), n, statistic: Some(bound_ms), confidence: Some(CONFIDENCE), reason }
}

/// Rounded up to three significant digits.
fn three_digits_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let exponent = value.log10().floor() as i32 - 2;
    if exponent >= 0 {
        let unit = 10f64.powi(exponent);
        (value / unit - 1e-9).ceil() * unit
    } else {
        // Dividing by a whole number keeps decimals short.
        let per_unit = 10f64.powi(-exponent);
        (value * per_unit - 1e-9).ceil() / per_unit
    }
}

/// Up to five significant digits, without trailing zeros.
fn significant(value: f64) -> String {
    let decimals = if value >= 10_000.0 {
        0
    } else if value >= 100.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn timeout_ms(sorted: Vec<(u64, u64)>, accepted_rate: f64, max_ms: f64) -> Supported {
        super::timeout_ms(sorted, Resolution::Milliseconds, accepted_rate, max_ms)
    }

    #[test]
    fn a_timeout_is_beyond_what_the_log_can_tell() {
        let found = |resolution, ns| super::timeout_ms(vec![(ns, 100), (2 * ns, 10)], resolution, 0.001, 30_000.0);
        // 1.2 x 2 ms and 2 x 2 ms; then 2 ms at most, and 1 ms the usual.
        assert_eq!(found(Resolution::Milliseconds, MS).value, Some(4.0));
        let tail = |resolution| super::timeout_ms(vec![(MS, 1_000), (3 * MS, 10)], resolution, 0.001, 30_000.0);
        assert_eq!(tail(Resolution::Microseconds).value, Some(3.6));
        assert_eq!(tail(Resolution::Milliseconds).value, Some(4.0));
        let told = tail(Resolution::Milliseconds).reason;
        assert!(told.contains("; 3.6 ms raised to 4, as the log tells whole milliseconds only"), "{told}");
        assert!(!tail(Resolution::Microseconds).reason.contains("raised"));
        assert_eq!(found(Resolution::Seconds, 1_000 * MS).value, Some(4_000.0));
    }

    #[test]
    fn durations_of_zero_give_no_timeout() {
        let found = timeout_ms(vec![(0, 10_000)], 0.001, 30_000.0);
        assert_eq!((found.value, found.n), (None, 10_000));
        assert!(found.reason.starts_with("p99.9 of 10000 good requests is logged as 0 ms"), "{}", found.reason);
        // In 100,000 requests the bound of p99.9 has 83 above it.
        let with = |slow| timeout_ms(vec![(0, 100_000 - slow), (MS, slow)], 0.001, 30_000.0);
        assert_eq!((with(83).value, with(84).value), (None, Some(2.0)));
    }

    #[test]
    fn the_tail_and_the_95th_percentile_decide() {
        // 2,995 values 1, 2, ... ms: the largest bounds p99.9.
        let sorted = |n: u64| (1..=n).map(|ms| (ms * MS, 1)).collect::<Vec<_>>();
        let found = timeout_ms(sorted(2_995), 0.001, 30_000.0);
        // 2 x p95 = 2 x 2,846 = 5,692 is more than 1.2 x 2,995 = 3,594.
        assert_eq!((found.value, found.n, found.statistic), (Some(5_700.0), 2_995, Some(2_995.0)));
        let tail = vec![(10 * MS, 2_990), (1_000 * MS, 5)];
        assert_eq!(timeout_ms(tail, 0.001, 30_000.0).value, Some(1_200.0));
    }

    #[test]
    fn a_sample_one_too_small_says_what_it_stands_for() {
        let found = |n: u64| timeout_ms(vec![(10 * MS, n - 1), (100 * MS, 1)], 0.001, 30_000.0);
        assert!(!found(2_995).reason.contains("too few"), "{}", found(2_995).reason);
        assert!(found(2_994).reason.contains("too few for a rate of 0.100 %, so the largest value stands for 0.100 %"));
        assert!(found(59).reason.contains("stands for 5.0 %"), "{}", found(59).reason);
        assert_eq!((found(59).value, found(58).value), (Some(120.0), None));
    }

    #[test]
    fn a_large_sample_takes_an_inner_value() {
        // 100,000 requests, 200 of them slow: p99.9 has 100 above it, its bound 84.
        let found = timeout_ms(vec![(10 * MS, 99_800), (500 * MS, 100), (900 * MS, 100)], 0.001, 30_000.0);
        assert_eq!((found.statistic, found.value), (Some(900.0), Some(1_080.0)));
        let found = timeout_ms(vec![(10 * MS, 99_800), (500 * MS, 120), (900 * MS, 80)], 0.001, 30_000.0);
        assert_eq!((found.statistic, found.value), (Some(500.0), Some(600.0)));
    }

    #[test]
    fn the_cap_says_what_it_cuts() {
        let found = timeout_ms(vec![(10 * MS, 99_000), (40_000 * MS, 1_000)], 0.001, 30_000.0);
        assert_eq!(found.value, Some(30_000.0));
        assert!(
            found.reason.contains("48000 ms cut to maxTimeoutMs 30000, which cuts 1.0 % of the good"),
            "{}",
            found.reason
        );
    }

    #[test]
    fn three_digits_rounded_up() {
        for (value, expected) in [
            (0.0, 0.0),
            (1.0, 1.0),
            (1.2, 1.2),
            (1.2341, 1.24),
            (999.1, 1000.0),
            (1000.0, 1000.0),
            (1001.0, 1010.0),
            (22_915.8, 23_000.0),
            (0.00012341, 0.000124),
        ] {
            assert_eq!(three_digits_up(value), expected, "{value}");
        }
    }
}
