//! The bulkhead: room for more than was ever in flight. The mean (Little's law) would turn away what bursts bring.

use super::Supported;

/// Room beyond the largest number seen.
const HEADROOM: f64 = 1.5;

/// `ceil(1.5 x the largest number of requests in flight)`.
pub(super) fn max_concurrent_calls(timed: u64, peak_in_flight: Option<u64>) -> Supported {
    if timed == 0 {
        return Supported::refused(0, "no request has a duration, so how many ran at once is unknown");
    }
    let Some(peak_in_flight) = peak_in_flight else {
        return Supported::refused(timed, "window tables keep no single requests, so how many ran at once is unknown");
    };
    let value = (HEADROOM * peak_in_flight as f64).ceil();
    Supported {
        value: Some(value),
        n: timed,
        statistic: Some(peak_in_flight as f64),
        confidence: None,
        reason: format!("1.5 x the largest number of requests in flight, {peak_in_flight}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_as_much_again_rounded_up() {
        assert_eq!(max_concurrent_calls(10, Some(1)).value, Some(2.0));
        assert_eq!(max_concurrent_calls(10, Some(2)).value, Some(3.0));
        assert_eq!(max_concurrent_calls(10, Some(39)).value, Some(59.0));
        assert_eq!(max_concurrent_calls(0, None).value, None);
        assert_eq!(max_concurrent_calls(10, None).value, None);
    }
}
