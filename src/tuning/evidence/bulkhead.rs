//! The bulkhead: room for more than was ever in flight. The mean (Little's law) would turn away what bursts bring.

use super::{MIN_TIMED_REQUESTS, Supported, requests};

/// Room beyond the largest number seen.
const HEADROOM: f64 = 1.5;

/// `ceil(1.5 x the largest number of requests in flight)`. A few requests seldom meet, whatever the traffic, so their
/// number has the least that the timeout's has; and where the log writes even the longest good one as 0, none of them
/// seem to.
pub(super) fn max_concurrent_calls(timed: u64, peak_in_flight: Option<u64>, longest_ns: Option<u64>) -> Supported {
    if timed == 0 {
        return Supported::refused(0, "no request has a duration, so how many ran at once is unknown");
    }
    let Some(peak_in_flight) = peak_in_flight else {
        return Supported::refused(timed, "window tables keep no single requests, so how many ran at once is unknown");
    };
    if timed < MIN_TIMED_REQUESTS {
        let found = requests(timed, "");
        let reason = format!("{found} with a duration; the largest number in flight needs {MIN_TIMED_REQUESTS}");
        return Supported::refused(timed, reason);
    }
    if longest_ns == Some(0) {
        let reason =
            "every good request is logged as 0 ms, shorter than the log can tell, so how many ran at once is unknown";
        return Supported::refused(timed, reason);
    }
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

    fn max_concurrent_calls(timed: u64, peak_in_flight: Option<u64>) -> Supported {
        super::max_concurrent_calls(timed, peak_in_flight, Some(1))
    }

    #[test]
    fn half_as_much_again_rounded_up() {
        assert_eq!(max_concurrent_calls(100, Some(1)).value, Some(2.0));
        assert_eq!(max_concurrent_calls(100, Some(2)).value, Some(3.0));
        assert_eq!(max_concurrent_calls(100, Some(39)).value, Some(59.0));
        assert_eq!(max_concurrent_calls(0, None).value, None);
        assert_eq!(max_concurrent_calls(100, None).value, None);
    }

    #[test]
    fn requests_without_a_length_tell_no_peak() {
        let value = |longest_ns| super::max_concurrent_calls(100, Some(4), longest_ns).value;
        assert_eq!((value(Some(0)), value(Some(1)), value(None)), (None, Some(6.0), Some(6.0)));
    }

    #[test]
    fn few_requests_tell_no_peak() {
        let (few, enough) = (max_concurrent_calls(58, Some(4)), max_concurrent_calls(59, Some(4)));
        assert_eq!((few.value, few.n, enough.value), (None, 58, Some(6.0)));
        assert_eq!(few.reason, "58 requests with a duration; the largest number in flight needs 59");
        assert_eq!(
            max_concurrent_calls(1, Some(1)).reason,
            "1 request with a duration; the largest number in flight needs 59"
        );
    }
}
