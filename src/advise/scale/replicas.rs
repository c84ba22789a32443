//! From the load of a window to the replicas for it, and from these to the moments at which an autoscaler acts.

use super::load::Load;
use super::report::{Move, WindowRow};
use crate::advise::config::ScaleConfig;
use crate::report::OptimizationConfig;
use std::collections::{BTreeMap, VecDeque};

const US_PER_SECOND: f64 = 1e6;
const US_PER_MS: i64 = 1000;

/// What replicas can do, and when they are too many.
#[derive(Clone, Copy, Debug)]
pub(in crate::advise) struct Capacity {
    pub config: ScaleConfig,
    /// Percentage of its capacity that a replica is to be used at.
    pub busy_percent: f64,
}

impl Capacity {
    pub(in crate::advise) fn new(config: &ScaleConfig, limits: &OptimizationConfig) -> Self {
        Capacity { config: *config, busy_percent: limits.cpu_threshold }
    }

    /// Requests in flight that a replica is to have on average.
    pub(super) fn target_in_flight(&self) -> f64 {
        self.config.concurrency_per_replica as f64 * self.busy_percent / 100.0
    }

    /// The most of: what keeps the mean number in flight at the target of a replica; what takes the peak at all; what
    /// takes the rate, if the replicas in force take the throughput target; 1.
    pub(in crate::advise) fn needed(&self, load: &Load) -> u64 {
        let concurrency = self.config.concurrency_per_replica as f64;
        let mean = load.in_flight_us as f64 / load.length_us();
        let by_mean = mean * 100.0 / (concurrency * self.busy_percent);
        let by_peak = load.peak as f64 / concurrency;
        let rate = load.requests as f64 * US_PER_SECOND / load.length_us();
        let by_rate = rate * self.config.replicas as f64 / self.config.throughput_target;
        by_mean.max(by_peak).max(by_rate).ceil().max(1.0) as u64
    }
}

/// The replicas of all windows so far.
pub(in crate::advise) struct Demand {
    pub capacity: Capacity,
    pub rows: Vec<WindowRow>,
    pub moves: Vec<Move>,
    /// Windows by the replicas that they need.
    pub windows_by_needed: BTreeMap<u64, u64>,
    /// The fewest replicas that were ever enough for as long as is asked for.
    pub fewest: u64,
    current: u64,
    /// When each recent recommendation was made, and what it was.
    recent: VecDeque<(i64, u64)>,
}

impl Demand {
    pub(in crate::advise) fn new(capacity: Capacity) -> Self {
        Demand {
            capacity,
            rows: Vec::new(),
            moves: Vec::new(),
            windows_by_needed: BTreeMap::new(),
            fewest: u64::MAX,
            current: capacity.config.replicas as u64,
            recent: VecDeque::new(),
        }
    }

    /// Takes the next window or stretch of windows.
    pub(in crate::advise) fn take(&mut self, load: &Load) {
        let needed = self.capacity.needed(load);
        let window_us = self.capacity.config.window_ms.saturating_mul(US_PER_MS).max(1);
        let windows = (load.to_us.saturating_sub(load.from_us) / window_us).max(1);
        *self.windows_by_needed.entry(needed).or_default() += windows as u64;
        self.rows.push(WindowRow::new(load, needed));
        // Once the stabilisation is over, further windows of a stretch say nothing new.
        let told = windows.min(self.stabilization_us() / window_us + 1);
        for window in 1..=told {
            self.recommend(load.from_us.saturating_add(window.saturating_mul(window_us)), needed);
        }
    }

    /// The replicas there would be now.
    pub(in crate::advise) fn current(&self) -> u64 {
        self.current
    }

    fn stabilization_us(&self) -> i64 {
        self.capacity.config.stabilization_ms.saturating_mul(US_PER_MS)
    }

    /// As Kubernetes does: up at once, down to the highest recommendation of the stabilisation window.
    fn recommend(&mut self, at_us: i64, needed: u64) {
        let oldest_us = at_us.saturating_sub(self.stabilization_us());
        while self.recent.front().is_some_and(|(made_us, _)| *made_us <= oldest_us) {
            self.recent.pop_front();
        }
        self.recent.push_back((at_us, needed));
        let highest = self.recent.iter().map(|(_, needed)| *needed).max().unwrap_or(needed);
        self.fewest = self.fewest.min(highest);
        let target = needed.max(self.current.min(highest));
        if target != self.current {
            self.moves.push(Move::new(at_us, self.current, target));
            self.current = target;
        }
    }

    /// The nearest-rank percentile of the replicas that a window needs.
    pub(super) fn percentile(&self, percent: u64) -> u64 {
        let windows: u64 = self.windows_by_needed.values().sum();
        let rank = (windows * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let at_rank = self.windows_by_needed.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        at_rank.map_or(1, |(needed, _)| *needed)
    }

    /// Windows that need more replicas than this.
    pub(super) fn windows_above(&self, replicas: u64) -> u64 {
        self.windows_by_needed.range(replicas.saturating_add(1)..).map(|(_, windows)| windows).sum()
    }
}
