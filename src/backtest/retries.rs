//! What retries would have cost and brought, from the failure rate of each minute.
//!
//! With f = failures / requests of a minute, r retries make 1 + f + ... + f^r tries of a request and leave a failed one
//! failed with probability f^r. Tries are taken to be independent, which is optimistic: failures come in bunches.

use super::open_minute::OpenMinutes;
use serde::Serialize;

/// A minute with fewer requests says nothing about its rate, and is no candidate for the worst.
const WORST_MINUTE_REQUESTS: u64 = 20;

/// Failures and requests of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Minute {
    requests: u64,
    failures: u64,
}

impl Minute {
    fn failure_rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }
}

/// The log's minutes, for several numbers of retries.
#[derive(Clone, Debug)]
pub(crate) struct Retries {
    open: OpenMinutes<Minute>,
    closed: Closed,
}

/// The minutes that are over.
#[derive(Clone, Debug)]
struct Closed {
    retries: Vec<u32>,
    recovered: Vec<f64>,
    whole: Minute,
    worst: Option<(Minute, i64)>,
}

impl Retries {
    pub(crate) fn new(retries: Vec<u32>) -> Self {
        let recovered = vec![0.0; retries.len()];
        let closed = Closed { retries, recovered, whole: Minute::default(), worst: None };
        Retries { open: OpenMinutes::default(), closed }
    }

    /// Takes calls that started in one minute, by their stamps; none comes any more from before `floor_us`.
    #[inline(always)]
    pub(crate) fn take(&mut self, stamped_start_us: i64, floor_us: i64, requests: u64, failures: u64) {
        let close = |start_us, minute: &mut Minute| self.closed.add(start_us, std::mem::take(minute));
        let minute = self.open.at(stamped_start_us, floor_us, close);
        minute.requests += requests;
        minute.failures += failures;
    }

    /// One result for each number of retries, in order; `timeouts_ms` are those of the same configs.
    pub(crate) fn finish(mut self, timeouts_ms: &[f64]) -> Vec<RetriesResult> {
        self.open.finish(|start_us, minute| self.closed.add(start_us, std::mem::take(minute)));
        self.closed.results(timeouts_ms)
    }
}

impl Closed {
    fn add(&mut self, start_us: i64, minute: Minute) {
        self.whole.requests += minute.requests;
        self.whole.failures += minute.failures;
        let rate = minute.failure_rate();
        for (recovered, retries) in self.recovered.iter_mut().zip(&self.retries) {
            *recovered += minute.failures as f64 * (1.0 - rate.powf(f64::from(*retries)));
        }
        let is_worst = self.worst.is_none_or(|(worst, _)| rate > worst.failure_rate());
        if minute.requests >= WORST_MINUTE_REQUESTS && is_worst {
            self.worst = Some((minute, start_us));
        }
    }

    fn results(self, timeouts_ms: &[f64]) -> Vec<RetriesResult> {
        let each = self.retries.iter().zip(&self.recovered).zip(timeouts_ms);
        each.map(|((&retries, &recovered), timeout_ms)| RetriesResult {
            amplification: amplification(self.whole.failure_rate(), retries),
            worst_minute_amplification: self.worst.map(|(worst, _)| amplification(worst.failure_rate(), retries)),
            worst_minute: self.worst.map(|(_, start_us)| crate::report::format_time(start_us / 1000)),
            failures: self.whole.failures,
            recovered,
            worst_wait_ms: (f64::from(retries) + 1.0) * timeout_ms,
        })
        .collect()
    }
}

/// Tries that a request makes on average: 1 + f + ... + f^r.
pub(crate) fn amplification(failure_rate: f64, retries: u32) -> f64 {
    let tries = f64::from(retries) + 1.0;
    if failure_rate >= 1.0 { tries } else { (1.0 - failure_rate.powf(tries)) / (1.0 - failure_rate) }
}

/// What a number of retries would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetriesResult {
    /// Tries per request over the whole log.
    #[serde(serialize_with = "crate::tuning::number")]
    pub amplification: f64,
    /// Tries per request in the worst minute with at least 20 requests; `null` without such a minute.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub worst_minute_amplification: Option<f64>,
    /// The start of that minute, RFC 3339 UTC.
    pub worst_minute: Option<String>,
    /// Requests that failed.
    pub failures: u64,
    /// Of those, requests that a retry would have saved on average, tries taken to be independent.
    #[serde(serialize_with = "crate::tuning::number")]
    pub recovered: f64,
    /// Milliseconds that a caller waits at worst: every try runs into the timeout.
    #[serde(serialize_with = "crate::tuning::number")]
    pub worst_wait_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::super::call::MINUTE_US;
    use super::*;

    /// Each try of each request one by one: a minute's tries fail in the minute's proportion.
    fn simulate(minutes: &[(u64, u64)], retries: u32) -> (f64, f64) {
        let (mut tries, mut recovered, mut requests) = (0.0, 0.0, 0.0);
        for &(calls, failures) in minutes {
            let rate = failures as f64 / calls as f64;
            for call in 0..calls {
                tries += 1.0;
                requests += 1.0;
                let mut still_failed = if call < failures { 1.0 } else { 0.0 };
                for _ in 0..retries {
                    tries += still_failed;
                    still_failed *= rate;
                }
                recovered += if call < failures { 1.0 - still_failed } else { 0.0 };
            }
        }
        (tries / requests, recovered)
    }

    fn run(minutes: &[(u64, u64)], retries: u32) -> RetriesResult {
        let mut model = Retries::new(vec![retries]);
        for (minute, &(calls, failures)) in (0..).zip(minutes) {
            (0..calls).for_each(|call| {
                model.take(minute * MINUTE_US + call as i64, minute * MINUTE_US, 1, u64::from(call < failures))
            });
        }
        model.finish(&[250.0]).remove(0)
    }

    #[test]
    fn one_minute_agrees_with_trying_each_request() {
        for retries in 0..=5 {
            for failures in [0, 1, 10, 50, 100] {
                let result = run(&[(100, failures)], retries);
                let (tries, recovered) = simulate(&[(100, failures)], retries);
                let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
                assert!(near(result.amplification, tries), "{failures} {retries}: {} {tries}", result.amplification);
                assert!(near(result.recovered, recovered), "{failures} {retries}");
                assert_eq!(result.worst_wait_ms, 250.0 * f64::from(retries + 1));
            }
        }
    }

    #[test]
    fn minutes_recover_at_their_own_rate_and_the_worst_needs_twenty_requests() {
        let minutes = [(100, 10), (19, 19), (20, 10), (200, 0)];
        let result = run(&minutes, 2);
        assert!((result.recovered - simulate(&minutes, 2).1).abs() < 1e-9);
        assert_eq!(result.worst_minute_amplification, Some(1.75));
        assert_eq!(result.worst_minute.as_deref(), Some("1970-01-01T00:02:00.000Z"));
        assert_eq!(result.failures, 39);
        assert_eq!(run(&[(19, 19)], 2).worst_minute_amplification, None);
        assert_eq!(run(&[], 2).amplification, 1.0);
    }
}
