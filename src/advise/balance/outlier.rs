//! Envoy's outlier detection, run over the tries of a log: whom it would have ejected, when, and what that would have
//! saved.
//!
//! The rules are those of `envoy.config.cluster.v3.OutlierDetection`: failures in a row eject at once; at every interval
//! ejections that are over end, and then upstreams whose success rate lies too far below the mean are ejected. An ejection
//! lasts the base time times the ejections so far, which are forgotten by one for each interval without. Tries at an
//! ejected upstream would not have been made: they are counted and change nothing. A try without an answer is a failure.

use crate::advise::config::BalanceConfig;
use serde::Serialize;

/// One upstream.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    failures_in_a_row: usize,
    /// Tries and successes of the interval.
    tries: usize,
    successes: usize,
    /// The place of the ejection under way.
    ejection: Option<usize>,
    /// What the base time is multiplied by.
    multiplier: i64,
}

impl Host {
    fn is_idle(&self) -> bool {
        self.tries == 0 && self.ejection.is_none() && self.multiplier == 0
    }
}

/// Why an upstream is ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Failures in a row.
    Consecutive5xx,
    /// A success rate too far below the mean.
    SuccessRate,
}

/// One ejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ejection {
    pub host: usize,
    pub reason: Reason,
    pub from_ms: i64,
    /// `None`: it lasted beyond the log's end.
    pub to_ms: Option<i64>,
    /// Tries that would not have been made, and those of them that failed.
    pub tries: u64,
    pub failures: u64,
}

/// All upstreams.
#[derive(Debug)]
pub(super) struct Outliers {
    config: BalanceConfig,
    hosts: Vec<Host>,
    next_tick_ms: Option<i64>,
    pub ejections: Vec<Ejection>,
    /// Ejections that the largest share of ejected upstreams prevented.
    pub overflows: u64,
}

impl Outliers {
    pub(super) fn new(config: BalanceConfig, hosts: usize) -> Self {
        let hosts = vec![Host::default(); hosts];
        Outliers { config, hosts, next_tick_ms: None, ejections: Vec::new(), overflows: 0 }
    }

    /// Takes the next try.
    pub(super) fn take(&mut self, at_ms: i64, place: usize, is_success: bool) {
        self.tick_until(at_ms);
        let host = &mut self.hosts[place];
        if let Some(ejection) = host.ejection.and_then(|number| self.ejections.get_mut(number)) {
            ejection.tries += 1;
            ejection.failures += u64::from(!is_success);
            return;
        }
        host.tries += 1;
        host.successes += usize::from(is_success);
        host.failures_in_a_row = if is_success { 0 } else { host.failures_in_a_row + 1 };
        if host.failures_in_a_row >= self.config.consecutive_5xx {
            host.failures_in_a_row = 0;
            self.eject(at_ms, place, Reason::Consecutive5xx);
        }
    }

    /// Intervals count from the first try.
    fn tick_until(&mut self, at_ms: i64) {
        let interval_ms = self.config.interval_ms;
        let mut next_ms = *self.next_tick_ms.get_or_insert(at_ms.saturating_add(interval_ms));
        while next_ms <= at_ms {
            if self.hosts.iter().all(Host::is_idle) {
                let passed = (at_ms - next_ms) / interval_ms + 1;
                next_ms = next_ms.saturating_add(passed.saturating_mul(interval_ms));
                break;
            }
            self.tick(next_ms);
            next_ms = next_ms.saturating_add(interval_ms);
        }
        self.next_tick_ms = Some(next_ms);
    }

    fn tick(&mut self, now_ms: i64) {
        for host in &mut self.hosts {
            let Some(number) = host.ejection else {
                host.multiplier = (host.multiplier - 1).max(0);
                continue;
            };
            let lasts_ms = self.config.base_ejection_ms.saturating_mul(host.multiplier);
            let lasts_ms = lasts_ms.min(self.config.max_ejection_ms.max(self.config.base_ejection_ms));
            let ejection = &mut self.ejections[number];
            if now_ms.saturating_sub(ejection.from_ms) >= lasts_ms {
                ejection.to_ms = Some(now_ms);
                host.ejection = None;
                host.failures_in_a_row = 0;
            }
        }
        for place in self.too_far_below() {
            self.eject(now_ms, place, Reason::SuccessRate);
        }
        self.hosts.iter_mut().for_each(|host| (host.tries, host.successes) = (0, 0));
    }

    /// The upstreams whose success rate is below mean - 1.9 population standard deviations, in order.
    fn too_far_below(&self) -> Vec<usize> {
        let is_judged = |host: &Host| host.ejection.is_none() && host.tries >= self.config.min_requests;
        let rate = |host: &Host| host.successes as f64 / host.tries as f64;
        let judged = self.hosts.iter().enumerate().filter(|(_, host)| is_judged(host));
        let rates: Vec<(usize, f64)> = judged.map(|(place, host)| (place, rate(host))).collect();
        if rates.len() < self.config.min_hosts {
            return Vec::new();
        }
        let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / rates.len() as f64;
        let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / rates.len() as f64;
        let least = mean - self.config.stdev_factor * variance.sqrt();
        rates.into_iter().filter(|(_, rate)| *rate < least).map(|(place, _)| place).collect()
    }

    /// Ejects an upstream, unless too many are ejected already; one always may be.
    fn eject(&mut self, from_ms: i64, place: usize, reason: Reason) {
        let ejected = self.hosts.iter().filter(|host| host.ejection.is_some()).count();
        let percent = (ejected + 1) as f64 * 100.0 / self.hosts.len() as f64;
        if ejected > 0 && percent > self.config.max_ejection_percent {
            self.overflows += 1;
            return;
        }
        let BalanceConfig { base_ejection_ms, max_ejection_ms, .. } = self.config;
        let host = &mut self.hosts[place];
        if base_ejection_ms.saturating_mul(host.multiplier) < max_ejection_ms.saturating_add(base_ejection_ms) {
            host.multiplier += 1;
        }
        host.ejection = Some(self.ejections.len());
        self.ejections.push(Ejection { host: place, reason, from_ms, to_ms: None, tries: 0, failures: 0 });
    }
}
