//! Exact binomial probabilities. Pure arithmetic; nothing of requests is known here.

/// P(Binomial(n, p) >= k).
pub(super) fn at_least(n: u32, p: f64, k: u32) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if p <= 0.0 || k > n {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let (log_p, log_q) = (p.ln(), (-p).ln_1p());
    let mut log_choose = 0.0;
    let mut sum = 0.0;
    for hits in 0..=n {
        if hits > 0 {
            log_choose += f64::from(n - hits + 1).ln() - f64::from(hits).ln();
        }
        if hits >= k {
            sum += (log_choose + f64::from(hits) * log_p + f64::from(n - hits) * log_q).exp();
        }
    }
    sum.min(1.0)
}

/// The largest j with P(Binomial(n, p) <= j) <= `limit`; `None` when even P(0) is above it.
pub(super) fn largest_below(n: u64, p: f64, limit: f64) -> Option<u64> {
    let log_odds = p.ln() - (-p).ln_1p();
    let mut log_mass = n as f64 * (-p).ln_1p();
    // The sum is kept relative to its largest term, as the first ones of a large n are too small for a number.
    let (mut scale, mut sum) = (log_mass, 1.0f64);
    let mut largest = None;
    for hits in 0..=n {
        if hits > 0 {
            log_mass += ((n - hits + 1) as f64 / hits as f64).ln() + log_odds;
            if log_mass > scale {
                sum *= (scale - log_mass).exp();
                scale = log_mass;
            }
            sum += (log_mass - scale).exp();
        }
        if scale + sum.ln() > limit.ln() {
            return largest;
        }
        largest = Some(hits);
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_small_numbers() {
        assert_eq!(at_least(10, 0.5, 0), 1.0);
        assert_eq!(at_least(10, 0.0, 1), 0.0);
        assert_eq!(at_least(3, 1.0, 3), 1.0);
        assert_eq!(at_least(3, 0.5, 4), 0.0);
        let close = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-12, "{value} {expected}");
        close(at_least(2, 0.5, 1), 0.75);
        close(at_least(5, 0.01, 4), 5.0 * 0.01f64.powi(4) * 0.99 + 0.01f64.powi(5));
        close(at_least(100, 0.5, 100), 0.5f64.powi(100));
    }

    #[test]
    fn the_bound_begins_where_none_is_unlikely_enough() {
        // 0.999^2994 = 0.05002, 0.999^2995 = 0.04997.
        assert_eq!(largest_below(2_994, 0.001, 0.05), None);
        assert_eq!(largest_below(2_995, 0.001, 0.05), Some(0));
        // Binomial(100, 0.05): P(<= 1) = 0.0371, P(<= 2) = 0.1183.
        assert_eq!(largest_below(100, 0.05, 0.05), Some(1));
        assert_eq!(largest_below(3, 0.9, 1.0), Some(3));
    }

    #[test]
    fn a_large_sample_is_near_the_normal_law() {
        let (n, p) = (5_000_000u64, 0.001f64);
        let mean = n as f64 * p;
        let expected = mean - 1.645 * (mean * (1.0 - p)).sqrt();
        let found = largest_below(n, p, 0.05).unwrap() as f64;
        assert!((found - expected).abs() < 3.0, "{found} {expected}");
    }
}
