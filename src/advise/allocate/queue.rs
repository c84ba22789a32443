//! How slow a minute would have been with so many replicas: the queue M/M/c.
//!
//! Requests come at random at the minute's rate, each takes an exponential time with the minute's mean, and c of them are
//! answered at once: replicas times the requests that one answers. A minute is too short for the endless queue of a server
//! that is always busy, so none counts as busier than 95 %; where more comes than can be answered the queue grows all
//! minute besides. Each minute begins with an empty queue.

use super::minute::Minute;
use crate::advise::scale::Capacity;

const MINUTE_MS: f64 = 60_000.0;

/// The percentile that is looked at.
const PERCENTILE: f64 = 0.95;

/// The share of its capacity that is used at most.
const BUSIEST: f64 = 0.95;

/// Halvings of an interval, after which it is exact enough for a millisecond of a minute.
const HALVINGS: u32 = 40;

/// The queue of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    servers_per_replica: u64,
    target_ms: f64,
}

impl Queue {
    pub(super) fn new(capacity: &Capacity) -> Self {
        let config = &capacity.config;
        Queue { servers_per_replica: config.concurrency_per_replica as u64, target_ms: config.target_latency }
    }

    /// Milliseconds of the 95th percentile above the target.
    pub(super) fn excess_ms(&self, minute: &Minute, replicas: u64) -> f64 {
        if minute.requests == 0 || minute.service_ms <= 0.0 {
            return 0.0;
        }
        let servers = replicas.saturating_mul(self.servers_per_replica);
        (p95_ms(minute.requests as f64 / MINUTE_MS, minute.service_ms, servers) - self.target_ms).max(0.0)
    }
}

/// The 95th percentile of the time in the system, in milliseconds; the rate is per millisecond.
pub(super) fn p95_ms(rate: f64, service_ms: f64, servers: u64) -> f64 {
    let (offered, servers_count) = (rate * service_ms, servers as f64);
    let load = offered.min(BUSIEST * servers_count);
    // After 95 % of the minute a request waits for all that came before and was not answered.
    let growth_ms = PERCENTILE * MINUTE_MS * (offered / servers_count - 1.0).max(0.0);
    let waiting = erlang_c(load, servers);
    let above = |time_ms: f64| tail(time_ms / service_ms, waiting, servers_count - load);
    let mut high_ms = -service_ms * (1.0 - PERCENTILE).ln();
    while above(high_ms) > 1.0 - PERCENTILE && high_ms < f64::MAX / 4.0 {
        high_ms *= 2.0;
    }
    let mut low_ms = 0.0;
    for _ in 0..HALVINGS {
        let middle_ms = (low_ms + high_ms) / 2.0;
        if above(middle_ms) > 1.0 - PERCENTILE { low_ms = middle_ms } else { high_ms = middle_ms }
    }
    high_ms + growth_ms
}

/// The share that takes longer than `time` service times: P(T > t) of M/M/c (Gross and Harris), where `spare` servers are
/// idle on average.
fn tail(time: f64, waiting: f64, spare: f64) -> f64 {
    let difference = spare - 1.0;
    let late = if difference.abs() < 1e-9 { time } else { (1.0 - (-difference * time).exp()) / difference };
    (-time).exp() * (1.0 + waiting * late)
}

/// The share of requests that have to wait (Erlang C), by the recursion of Erlang B.
fn erlang_c(load: f64, servers: u64) -> f64 {
    let mut blocked = 1.0;
    for count in 1..=servers {
        blocked = load * blocked / (count as f64 + load * blocked);
        // What is as good as nothing stays so.
        if blocked < f64::MIN_POSITIVE {
            return 0.0;
        }
    }
    let busy = load / servers as f64;
    blocked / (1.0 - busy * (1.0 - blocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn erlang_c_by_hand() {
        // One server: the load itself. Two servers at load 1: 1/3.
        near(erlang_c(0.5, 1), 0.5);
        near(erlang_c(1.0, 2), 1.0 / 3.0);
        near(erlang_c(0.0, 3), 0.0);
    }

    /// With one server the time in the system is exponential with mean S / (1 - load).
    #[test]
    fn one_server_is_exponential() {
        near(p95_ms(0.005, 100.0, 1), 100.0 / 0.5 * 20.0f64.ln());
        near(p95_ms(0.0, 100.0, 1), 100.0 * 20.0f64.ln());
    }

    #[test]
    fn more_servers_are_never_slower() {
        let times: Vec<f64> = (1..20).map(|servers| p95_ms(0.05, 100.0, servers)).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
        near(times[18], 100.0 * 20.0f64.ln());
    }

    /// Twice as much as can be answered: after 95 % of the minute as much again has to be waited for.
    #[test]
    fn too_much_makes_the_queue_grow() {
        let busiest = 100.0 / 0.05 * 20.0f64.ln();
        near(p95_ms(0.0095, 100.0, 1), busiest);
        near(p95_ms(0.01, 100.0, 1), busiest);
        near(p95_ms(0.02, 100.0, 1), busiest + 57_000.0);
    }
}
