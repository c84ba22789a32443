//! Health, weights and ejections worked out by hand.

use super::health::Health;
use super::outlier::{Outliers, Reason};
use super::weights::{apportion, block, is_address};
use super::*;
use proptest::prelude::*;

fn config() -> BalanceConfig {
    BalanceConfig::default()
}

#[test]
fn health_is_seven_parts_success_and_three_parts_speed() {
    let mut health = Health::default();
    assert_eq!((health.average_ms(), health.score(&config())), (None, 0.5));
    health.take(true, Some(100.0), 0.2);
    // From 0: 0.2 x 100; 0.7 + 0.3 x 0.98.
    assert_eq!((health.average_ms(), health.score(&config())), (Some(20.0), 0.7 + 0.3 * 0.98));
    health.take(false, None, 0.2);
    assert_eq!((health.average_ms(), health.score(&config())), (Some(20.0), 0.7 * 0.5 + 0.3 * 0.98));
    health.take(true, Some(6000.0), 0.2);
    // 1,216 ms is slower than a second.
    assert_eq!((health.average_ms(), health.failures()), (Some(1216.0), 1));
    assert_eq!(health.score(&config()), 0.7 * (2.0 / 3.0));
}

#[test]
fn weights_are_in_proportion_and_sum_up() {
    assert_eq!(apportion(&[1.0, 1.0, 1.0]), [34, 33, 33]);
    // Quotas of 57.1, 28.6 and 14.3.
    assert_eq!(apportion(&[0.8, 0.4, 0.2]), [57, 29, 14]);
    assert_eq!(apportion(&[0.9, 0.0]), [100, 0]);
    assert_eq!(apportion(&[0.0, 0.0]), [50, 50]);
    assert_eq!(apportion(&[0.5; 11]).iter().sum::<u64>(), 110);
    assert_eq!(apportion(&[]), [0u64; 0]);
}

proptest! {
    #[test]
    fn weights_order_as_scores_do(scores in prop::collection::vec(0.0f64..1.0, 1..40)) {
        let weights = apportion(&scores);
        prop_assert_eq!(weights.iter().sum::<u64>(), 100.max(10 * scores.len() as u64));
        for (a, wa) in scores.iter().zip(&weights) {
            for (b, wb) in scores.iter().zip(&weights) {
                prop_assert!(a <= b || wa >= wb, "{} {} but {} {}", a, b, wa, wb);
            }
        }
    }
}

#[test]
fn only_addresses_become_configuration() {
    for address in ["10.0.0.1:80", "[2001:db8::1]:8080", "unix:/run/app-1.sock"] {
        assert!(is_address(address), "{address}");
    }
    for other in ["backend", "10.0.0.1", "unix:run", "unix:/a b", "unix:/a;}", "10.0.0.1:80;}", "unix:/tmp/a:/uri", ""]
    {
        assert!(!is_address(other), "{other}");
    }
    let servers = [("10.0.0.1:80", 100), ("unix:/run/app.sock", 0)];
    let expected = "upstream shop {\n    server 10.0.0.1:80 weight=100;\n    server unix:/run/app.sock down;\n}\n";
    assert_eq!(block("shop", &servers), expected);
}

/// Whom, when from and to, and tries and failures meanwhile.
type Told = (usize, Reason, i64, Option<i64>, u64, u64);

fn ejections(outliers: &Outliers) -> Vec<Told> {
    let tell = |e: &super::outlier::Ejection| (e.host, e.reason, e.from_ms, e.to_ms, e.tries, e.failures);
    outliers.ejections.iter().map(tell).collect()
}

/// Failures of one host, a second apart, from a time on.
fn fail(outliers: &mut Outliers, from_ms: i64, count: i64) {
    (0..count).for_each(|n| outliers.take(from_ms + n * 1000, 0, false));
}

#[test]
fn five_failures_in_a_row_eject_for_half_a_minute() {
    use Reason::Consecutive5xx;
    let mut outliers = Outliers::new(config(), 3);
    fail(&mut outliers, 0, 4);
    outliers.take(4000, 0, true);
    fail(&mut outliers, 5000, 4);
    assert_eq!(ejections(&outliers), []);
    // The fifth, at 9 s. Ticks are at 10, 20, ... s: the ejection is over at 40 s, not yet at 30 s.
    fail(&mut outliers, 9000, 3);
    outliers.take(39_999, 0, true);
    assert_eq!(ejections(&outliers), [(0, Consecutive5xx, 9000, None, 3, 2)]);
    outliers.take(40_000, 0, true);
    assert_eq!(ejections(&outliers), [(0, Consecutive5xx, 9000, Some(40_000), 3, 2)]);
}

/// A second ejection lasts twice as long, unless an interval has passed without one.
#[test]
fn ejections_that_follow_each_other_last_longer() {
    let ends = |second_ms: i64| {
        let mut outliers = Outliers::new(config(), 3);
        fail(&mut outliers, 0, 5);
        fail(&mut outliers, second_ms, 5);
        outliers.take(second_ms + 200_000, 0, true);
        outliers.ejections.iter().map(|one| one.to_ms).collect::<Vec<_>>()
    };
    // The first from 4 s to the tick at 40 s; the second from 49 s for 60 s, or from 54 s, after the tick at 50 s, for 30 s.
    assert_eq!(ends(45_000), [Some(40_000), Some(110_000)]);
    assert_eq!(ends(50_000), [Some(40_000), Some(90_000)]);
}

#[test]
fn one_upstream_may_always_be_ejected_and_a_second_of_twenty() {
    let ejected = |hosts: usize| {
        let mut outliers = Outliers::new(config(), hosts);
        fail(&mut outliers, 0, 5);
        (0..5).for_each(|_| outliers.take(5000, 1, false));
        (outliers.ejections.len(), outliers.overflows)
    };
    assert_eq!((ejected(2), ejected(19), ejected(20)), ((1, 1), (1, 1), (2, 0)));
}

/// Five upstreams with 100 tries in the first interval; the last one fails now and then.
fn success_rates(failures: usize, tries: usize) -> Vec<Told> {
    let mut outliers = Outliers::new(config(), 5);
    for host in 0..5 {
        for n in 0..tries {
            // Never five in a row.
            outliers.take(0, host, host < 4 || n % 2 == 0 || n / 2 >= failures);
        }
    }
    outliers.take(10_000, 0, true);
    ejections(&outliers)
}

/// One of five that differs lies exactly two population standard deviations off the mean, however little it differs.
#[test]
fn a_success_rate_below_one_point_nine_deviations_ejects() {
    assert_eq!(success_rates(1, 100), [(4, Reason::SuccessRate, 10_000, None, 0, 0)]);
    assert_eq!(success_rates(0, 100), []);
    assert_eq!(success_rates(1, 99), []);
    let mut strict = Outliers::new(BalanceConfig { stdev_factor: 2.1, ..config() }, 5);
    (0..5).for_each(|host| (0..100).for_each(|n| strict.take(0, host, host < 4 || n > 0)));
    strict.take(10_000, 0, true);
    assert_eq!(ejections(&strict), []);
}

#[test]
fn years_of_silence_take_no_time() {
    let mut outliers = Outliers::new(BalanceConfig { interval_ms: 1, ..config() }, 2);
    outliers.take(0, 0, true);
    outliers.take(i64::MAX / 2, 1, true);
    assert_eq!(outliers.ejections.len(), 0);
}
