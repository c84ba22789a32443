//! The load of each window: how many requests began, how long they took, how many were in flight.
//!
//! Events come in order of time. A stretch of whole windows without any event is one load, so that a request that lasts
//! for months costs no more than another.

use crate::backtest::timeline::{Moment, Phase, Tracked};

const US_PER_MS: i64 = 1000;

/// One window, or a stretch of windows without events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::advise) struct Load {
    /// UTC microseconds, a multiple of the window.
    pub from_us: i64,
    pub to_us: i64,
    /// Requests that began.
    pub requests: u64,
    /// Of those, with a duration.
    pub timed: u64,
    /// Sum of their durations.
    pub duration_us: u128,
    /// Requests in flight, summed over every microsecond.
    pub in_flight_us: u128,
    /// Most in flight at once.
    pub peak: u64,
}

impl Load {
    /// Its length, at least a microsecond.
    pub(in crate::advise) fn length_us(&self) -> f64 {
        self.to_us.saturating_sub(self.from_us).max(1) as f64
    }
}

/// The window under way.
pub(in crate::advise) struct LoadSweep {
    window_us: i64,
    open: Option<Load>,
    /// Up to where the requests in flight are summed.
    summed_us: i64,
    in_flight: u64,
    /// Requests with a duration.
    pub timed: u64,
    /// Most in flight at once, and the first time that it was so.
    pub peak: (u64, i64),
}

impl LoadSweep {
    pub(in crate::advise) fn new(window_ms: i64) -> Self {
        let window_us = window_ms.saturating_mul(US_PER_MS).max(1);
        LoadSweep { window_us, open: None, summed_us: 0, in_flight: 0, timed: 0, peak: (0, 0) }
    }

    /// Takes the next start or end, and hands over windows that are over.
    pub(in crate::advise) fn take(&mut self, (at_us, phase, _): Moment, call: &Tracked, mut close: impl FnMut(&Load)) {
        self.advance(at_us, &mut close);
        let Some(open) = &mut self.open else { return };
        let timed = u64::from(call.is_timed());
        if phase != Phase::Start {
            self.in_flight -= timed;
            return;
        }
        self.in_flight += timed;
        self.timed += timed;
        open.requests += 1;
        open.timed += timed;
        open.duration_us += u128::from(call.duration_us);
        open.peak = open.peak.max(self.in_flight);
        if self.in_flight > self.peak.0 {
            self.peak = (self.in_flight, at_us);
        }
    }

    /// Hands over what is still open.
    pub(in crate::advise) fn finish(&mut self, mut close: impl FnMut(&Load)) {
        if let Some(open) = self.open.take() {
            close(&open);
        }
    }

    fn advance(&mut self, at_us: i64, close: &mut impl FnMut(&Load)) {
        let window_from_us = at_us.div_euclid(self.window_us).saturating_mul(self.window_us);
        let Some(open) = &mut self.open else {
            self.open = Some(self.window(window_from_us));
            self.summed_us = at_us;
            return;
        };
        if at_us >= open.to_us {
            let mut over = *open;
            over.in_flight_us += in_flight_us(self.in_flight, self.summed_us, over.to_us);
            close(&over);
            if window_from_us > over.to_us {
                let peak = self.in_flight;
                let in_flight_us = in_flight_us(peak, over.to_us, window_from_us);
                close(&Load { from_us: over.to_us, to_us: window_from_us, in_flight_us, peak, ..Load::default() });
            }
            self.open = Some(self.window(window_from_us));
            self.summed_us = window_from_us;
        }
        if let Some(open) = &mut self.open {
            open.in_flight_us += in_flight_us(self.in_flight, self.summed_us, at_us);
            self.summed_us = at_us;
        }
    }

    fn window(&self, from_us: i64) -> Load {
        Load { from_us, to_us: from_us.saturating_add(self.window_us), peak: self.in_flight, ..Load::default() }
    }
}

fn in_flight_us(in_flight: u64, from_us: i64, to_us: i64) -> u128 {
    u128::from(in_flight) * u128::from(to_us.saturating_sub(from_us).max(0) as u64)
}
