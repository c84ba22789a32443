//! How improbable a count of calls is under a negative binomial distribution.
//!
//! A count, a mean and an overdispersion go in, a probability comes out, exact to about 12 digits in the far tail, where
//! alerts live. P(X >= x) is the regularised incomplete beta function I_p(x, 1/a) with p = ma / (1 + ma) (NIST DLMF
//! 8.17.5); its continued fraction is that of Didonato and Morris (ACM TOMS 708, 1992), which takes the distance from the
//! mean as it is, and the factor in front is written with Loader's saddle-point terms (C. Loader, "Fast and Accurate
//! Computation of Binomial Probabilities", 2000): differences of nearly equal numbers lose the digits that large counts
//! need.

use std::f64::consts::PI;

/// Terms of the continued fraction; below a hundred settle it.
const MOST_TERMS: u32 = 1_000;

/// Where the continued fraction stops moving.
const SETTLED: f64 = 1e-16;

/// P(X >= `count`) for a negative binomial with this mean and variance mean + `overdispersion` * mean^2. Both must be
/// above zero. 0 only where the probability is below 1e-307.
pub(super) fn at_least(count: f64, mean: f64, overdispersion: f64) -> f64 {
    if count <= 0.0 {
        return 1.0;
    }
    let size = overdispersion.recip();
    let odds = mean * overdispersion;
    let (share, rest) = (odds / (1.0 + odds), (1.0 + odds).recip());
    // The fraction converges quickly on this side of the distribution's middle.
    let probability = if share < (count + 1.0) / (count + size + 2.0) {
        front(count, size, share, rest) * fraction(count, size, share, rest)
    } else {
        1.0 - front(count, size, share, rest) * fraction(size, count, rest, share)
    };
    probability.clamp(0.0, 1.0)
}

/// ln P(X = 0), the log of the probability of an empty window.
pub(super) fn ln_none(mean: f64, overdispersion: f64) -> f64 {
    -(overdispersion * mean).ln_1p() / overdispersion
}

/// share^a * rest^b / B(a, b), by Loader's terms: a * b / (a + b) times a binomial probability at real arguments.
/// The same with both pairs swapped.
fn front(a: f64, b: f64, share: f64, rest: f64) -> f64 {
    let n = a + b;
    // a less its expectation, which is also b's expectation less b: from n * share it would lose the digits of large n.
    let above = a * rest - b * share;
    let exponent = stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * share, above)
        - deviance(b, n * rest, -above);
    exponent.exp() * (a * b / (2.0 * PI * n)).sqrt()
}

/// ln gamma(n + 1) less Stirling's approximation of it, ln(sqrt(2 pi n) (n / e)^n).
fn stirling_error(n: f64) -> f64 {
    const SERIES_FROM: f64 = 15.0;
    if n < SERIES_FROM {
        return ln_gamma(n + 1.0) - ((n + 0.5) * n.ln() - n + 0.5 * (2.0 * PI).ln());
    }
    let square = n * n;
    let inner = 1.0 / 1260.0 - (1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - inner / square) / square) / n
}

/// x ln(x / m) + m - x, without the cancellation where x is near m; `above` is x - m.
fn deviance(x: f64, m: f64, above: f64) -> f64 {
    if above.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - above;
    }
    let v = above / (x + m);
    let (mut sum, mut term) = (above * v, 2.0 * x * v);
    for j in 1..1000 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Lanczos' approximation with g = 7 and nine terms (P. Godfrey, 2001), to 15 digits for arguments from 1 to 16.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let series = TERMS.iter().zip(1..).map(|(term, i)| term / (x + f64::from(i))).sum::<f64>();
    let t = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + (0.999_999_999_999_809_9 + series).ln()
}

/// I_x(a, b) by x^a y^b / B(a, b), y being 1 - x and a / (a + b) above x; the even part of DLMF 8.17.22.
fn fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let c = 1.0 + a * y - b * x;
    let (c0, c1) = (b / a, 1.0 + a.recip());
    let (mut p, mut s) = (1.0, a + 1.0);
    // Numerator and denominator of the convergent before the last, and of the last.
    let (mut older, mut newer) = ((0.0, 1.0), (1.0, c / c1));
    let mut value = c1 / c;
    for n in 1..MOST_TERMS {
        let n = f64::from(n);
        let (t, w, e) = (n / a, n * (b - n) * x, a / s);
        let alpha = p * (p + c0) * e * e * w * x;
        let beta = n + w / s + (1.0 + t) / (c1 + t + t) * (c + n * (1.0 + y));
        let next = (alpha * older.0 + beta * newer.0, alpha * older.1 + beta * newer.1);
        let before = value;
        value = next.0 / next.1;
        if (value - before).abs() <= SETTLED * value {
            break;
        }
        // All by the same number, so that nothing overflows.
        (older, newer) = ((newer.0 / next.1, newer.1 / next.1), (value, 1.0));
        p = 1.0 + t;
        s += 2.0;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count mean overdispersion probability`, made by `tests/usage/tail_fixture.py` with scipy.
    const FIXTURE: &str = include_str!("tail_fixture.txt");

    #[test]
    fn the_tail_agrees_with_scipy_to_nine_digits() {
        let mut checked = 0;
        for line in FIXTURE.lines().filter(|line| !line.starts_with('#')) {
            let values: Vec<f64> = line.split(' ').map(|value| value.parse().unwrap()).collect();
            let [count, mean, overdispersion, expected] = values[..] else { panic!("{line}") };
            let found = at_least(count, mean, overdispersion);
            assert!((found / expected - 1.0).abs() < 1e-9, "{line}: found {found:e}");
            checked += 1;
        }
        assert!(checked > 700, "{checked}");
    }

    #[test]
    fn the_tail_is_the_sum_of_the_probabilities_above() {
        // By the recurrence P(x + 1) = P(x) (x + r) / (x + 1) p from P(0) = (1 - p)^r.
        let (mean, overdispersion) = (4.0, 0.5);
        let (size, share) = (1.0 / overdispersion, mean * overdispersion / (1.0 + mean * overdispersion));
        let mut probability = ln_none(mean, overdispersion).exp();
        let mut below = 0.0;
        for count in 0..60 {
            let x = f64::from(count);
            assert!((at_least(x, mean, overdispersion) - (1.0 - below)).abs() < 1e-12, "{count}");
            below += probability;
            probability *= (x + size) / (x + 1.0) * share;
        }
    }

    #[test]
    fn extremes_are_probabilities() {
        for count in [0.0, 1.0, 1e3, 1e9, f64::from(u32::MAX)] {
            for mean in [1e-9, 0.25, 1e3, 1e12] {
                for overdispersion in [0.01, 1.0, 60.0] {
                    let found = at_least(count, mean, overdispersion);
                    assert!((0.0..=1.0).contains(&found), "{count} {mean} {overdispersion}: {found}");
                }
            }
        }
    }
}
