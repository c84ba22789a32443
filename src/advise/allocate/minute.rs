//! What is counted of each minute, and the state that it is in.
//!
//! Service times are those of the endpoints: the mean duration of each over the part of the log that is learnt from. The
//! last third must not be known beforehand.

use crate::advise::config::AllocateConfig;
use crate::advise::scale::Load;
use crate::advise::trace::{Priority, Visit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const US_PER_MS: i64 = 1000;
const BYTES_PER_MB: f64 = 1_048_576.0;
const NANOS_PER_MS: f64 = 1e6;

/// Silent minutes in a row that are told one by one; longer silence is cut to this.
const MOST_SILENT: i64 = 60;

/// How much of something there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Below the first bound.
    Low,
    /// From the first bound on.
    Medium,
    /// From the second bound on.
    High,
}

impl Level {
    pub(super) const ALL: [Level; 3] = [Level::Low, Level::Medium, Level::High];

    pub(super) fn of(value: f64, medium: f64, high: f64) -> Level {
        if value >= high {
            Level::High
        } else if value >= medium {
            Level::Medium
        } else {
            Level::Low
        }
    }
}

/// A state: requests per minute, and memory.
pub(super) type State = (Level, Level);

/// One minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Minute {
    pub start_ms: i64,
    pub is_held_out: bool,
    pub requests: u64,
    /// Mean service time of its requests by their endpoints.
    pub service_ms: f64,
    /// Mean weight of its requests by their priority; 1 without requests.
    pub weight: f64,
    pub state: State,
}

impl Minute {
    /// The same as the rule of `scale` sees it; how many were in flight at most is not modelled.
    pub(super) fn load(&self) -> Load {
        let in_flight_us = (self.requests as f64 * self.service_ms * US_PER_MS as f64).round().max(0.0) as u128;
        Load {
            from_us: self.start_ms.saturating_mul(US_PER_MS),
            to_us: self.start_ms.saturating_add(MINUTE_MS).saturating_mul(US_PER_MS),
            requests: self.requests,
            in_flight_us,
            ..Load::default()
        }
    }
}

/// All minutes.
pub(super) struct Counted {
    pub minutes: Vec<Minute>,
    /// Whether the log says what requests need.
    pub knows_memory: bool,
}

/// The minutes of a log under way.
pub(super) struct Minutes {
    config: AllocateConfig,
    held_out_ms: i64,
    closed: Vec<Raw>,
    open: Option<Raw>,
    /// Durations of the first part by endpoint: how many, and their sum.
    service: BTreeMap<u32, (u64, f64)>,
    knows_memory: bool,
}

/// A minute before service times are known.
#[derive(Clone, Debug, Default)]
struct Raw {
    start_ms: i64,
    requests: u64,
    weight: f64,
    most_memory_mb: f64,
    by_endpoint: BTreeMap<u32, u64>,
}

impl Minutes {
    pub(super) fn new(config: AllocateConfig, held_out_ms: i64) -> Self {
        Minutes { config, held_out_ms, closed: Vec::new(), open: None, service: BTreeMap::new(), knows_memory: false }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        let start_ms = visit.ended_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let open = self.open.get_or_insert(Raw { start_ms, ..Raw::default() });
        if open.start_ms != start_ms {
            let silent = (start_ms.saturating_sub(open.start_ms) / MINUTE_MS - 1).min(MOST_SILENT);
            self.closed.push(std::mem::replace(open, Raw { start_ms, ..Raw::default() }));
            let first_ms = start_ms - silent * MINUTE_MS;
            self.closed.extend((0..silent).map(|n| Raw { start_ms: first_ms + n * MINUTE_MS, ..Raw::default() }));
        }
        let Some(open) = &mut self.open else { return };
        open.requests += 1;
        open.weight += match visit.priority {
            Priority::Normal => 1.0,
            Priority::High => self.config.high_priority,
            Priority::Low => self.config.low_priority,
        };
        *open.by_endpoint.entry(visit.endpoint).or_default() += 1;
        if let Some(bytes) = visit.memory_bytes {
            self.knows_memory = true;
            open.most_memory_mb = open.most_memory_mb.max(bytes / BYTES_PER_MB);
        }
        if let Some(duration_ns) = visit.duration_ns.filter(|_| start_ms < self.held_out_ms) {
            let (count, sum_ms) = self.service.entry(visit.endpoint).or_default();
            *count += 1;
            *sum_ms += duration_ns as f64 / NANOS_PER_MS;
        }
    }

    /// All minutes; `None` where no request of the first part has a duration.
    pub(super) fn finish(mut self) -> Option<Counted> {
        self.closed.extend(self.open.take());
        let (count, sum_ms) = self.service.values().fold((0, 0.0), |(n, sum), (count, own)| (n + count, sum + own));
        if count == 0 {
            return None;
        }
        let overall_ms = sum_ms / count as f64;
        let service_ms = |endpoint: &u32| match self.service.get(endpoint) {
            Some((count, sum_ms)) => sum_ms / *count as f64,
            None => overall_ms,
        };
        let minute = |raw: &Raw| {
            let all_ms: f64 =
                raw.by_endpoint.iter().map(|(endpoint, count)| service_ms(endpoint) * *count as f64).sum();
            let of_each = |sum: f64, none: f64| if raw.requests == 0 { none } else { sum / raw.requests as f64 };
            let AllocateConfig { medium_load, high_load, medium_memory, high_memory, .. } = self.config;
            Minute {
                start_ms: raw.start_ms,
                is_held_out: raw.start_ms >= self.held_out_ms,
                requests: raw.requests,
                service_ms: of_each(all_ms, overall_ms),
                weight: of_each(raw.weight, 1.0),
                state: (
                    Level::of(raw.requests as f64, medium_load, high_load),
                    Level::of(raw.most_memory_mb, medium_memory, high_memory),
                ),
            }
        };
        Some(Counted { minutes: self.closed.iter().map(minute).collect(), knows_memory: self.knows_memory })
    }
}
