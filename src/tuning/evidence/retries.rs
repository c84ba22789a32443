//! Retries: as many as add no more than a tenth to the load in the worst minute.

use super::minutes::WorstMinute;
use super::{Supported, percent};
use crate::report::format_time;

/// Tries per request at most: a retry budget of 10 % (gRPC A6, Google's SRE book).
const BUDGET: f64 = 1.1;

/// The most retries that are recommended.
const MOST: u32 = 3;

/// Requests below which a minute says nothing.
pub(crate) const MIN_MINUTE_REQUESTS: u32 = 20;

/// The largest r up to 3 with `1 + f + ... + f^r <= 1.1`, f being the failure rate of the worst minute with at least 20
/// requests.
pub(super) fn max_retries(worst: Option<WorstMinute>, requests: u64) -> Supported {
    let Some(worst) = worst else {
        let reason = format!("no minute has {MIN_MINUTE_REQUESTS} requests, so no failure rate under load is known");
        return Supported::refused(requests, reason);
    };
    let rate = worst.rate();
    let tries = |retries: u32| (0..=retries).map(|power| rate.powi(power as i32)).sum::<f64>();
    let value = (0..=MOST).rev().find(|retries| tries(*retries) <= BUDGET).unwrap_or(0);
    let reason = format!(
        "{} of {} requests failed in the worst minute ({}); maxRetries {value} makes {:.2} tries per request there, \
         {BUDGET} being the budget",
        percent(rate),
        worst.requests,
        format_time(worst.minute * 60_000),
        tries(value)
    );
    let n = u64::from(worst.requests);
    Supported { value: Some(f64::from(value)), n, statistic: Some(rate), confidence: None, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_decides() {
        let value = |requests, failures| max_retries(Some(WorstMinute { minute: 0, requests, failures }), 1000).value;
        assert_eq!(value(1000, 0), Some(3.0));
        // 1 + f + f^2 + f^3 = 1.1 at f = 0.0909...
        assert_eq!(value(1_000_000, 90_900), Some(3.0));
        assert_eq!(value(1_000_000, 91_000), Some(2.0));
        assert_eq!(value(1_000_000, 91_608), Some(1.0));
        assert_eq!(value(1_000_000, 91_607), Some(2.0));
        assert_eq!(value(100, 10), Some(1.0));
        assert_eq!(value(1000, 101), Some(0.0));
        assert_eq!(max_retries(None, 7), Supported { n: 7, ..max_retries(None, 7) });
        assert_eq!(max_retries(None, 7).value, None);
    }
}
