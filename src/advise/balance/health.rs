//! The plugin's health score of one upstream: how often it succeeds and how fast it is.

use crate::advise::config::BalanceConfig;

/// The observations of one upstream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Health {
    tries: u64,
    successes: u64,
    /// Whether any had a duration.
    is_timed: bool,
    average_ms: f64,
}

impl Health {
    /// Takes the next try. The moving average begins at 0, as the plugin's does, and leaves out tries without a duration.
    pub(super) fn take(&mut self, is_success: bool, duration_ms: Option<f64>, alpha: f64) {
        self.tries += 1;
        self.successes += u64::from(is_success);
        if let Some(duration_ms) = duration_ms {
            self.is_timed = true;
            self.average_ms = alpha * duration_ms + (1.0 - alpha) * self.average_ms;
        }
    }

    pub(super) fn tries(&self) -> u64 {
        self.tries
    }

    pub(super) fn failures(&self) -> u64 {
        self.tries - self.successes
    }

    /// Exponential moving average of the durations; `None` where no try had one, and the score takes it for 0.
    pub(super) fn average_ms(&self) -> Option<f64> {
        self.is_timed.then_some(self.average_ms)
    }

    /// 0.7 x success rate + 0.3 x max(0, 1 - average / 1000 ms); 0.5 without traffic.
    pub(super) fn score(&self, config: &BalanceConfig) -> f64 {
        if self.tries == 0 {
            return config.idle_health;
        }
        let success_rate = self.successes as f64 / self.tries as f64;
        let speed = (1.0 - self.average_ms / config.slow_ms).max(0.0);
        config.success_weight * success_rate + config.speed_weight * speed
    }
}
