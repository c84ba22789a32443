//! The state machine of @backendkit-labs/circuit-breaker 0.4.0, for one breaker.
//!
//! Calls are told from one another by their number alone: a call belongs to the present state when it is not older
//! than the state, and to the probes when it is not newer than the last one let through. So nothing is kept per call.

/// Most calls that a window holds.
const MAX_WINDOW_CALLS: u32 = 128;

/// A breaker's settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Knobs {
    /// Percent of the window's calls that must fail to open, 0 to 100; at least one must.
    pub failure_threshold_percent: f64,
    /// Microseconds that it stays open.
    pub open_timeout_us: i64,
    /// Calls that the window holds, 1 to [`MAX_WINDOW_CALLS`].
    pub window_calls: u32,
    /// Calls that the window must hold before it is judged.
    pub minimum_calls: u32,
    /// Calls let through half-open, and successes that close.
    pub probe_calls: u32,
}

impl Knobs {
    /// The consumer's defaults for all but the two settings of the config.
    pub(crate) fn consumer(failure_threshold_percent: f64, open_timeout_us: i64) -> Self {
        Knobs { failure_threshold_percent, open_timeout_us, window_calls: 10, minimum_calls: 5, probe_calls: 3 }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Calls pass.
    #[default]
    Closed,
    /// Calls are rejected.
    Open,
    /// A few calls pass, to see.
    HalfOpen,
}

/// What a start or an end changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing.
    None,
    /// It opened, with so many failures in its window (one for a failed probe).
    Opened(u32),
    /// It closed.
    Closed,
}

/// The last calls, newest in the lowest bit; a set bit is a failure.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    failed: u128,
    /// How many bits are set.
    failures: u32,
    calls: u32,
}

impl Window {
    /// Adds the newest call, drops the oldest of a full window.
    #[inline(always)]
    pub(crate) fn push(&mut self, failed: bool, window_calls: u32) {
        let mask = u128::MAX >> (MAX_WINDOW_CALLS - window_calls);
        let oldest = (self.failed >> (window_calls - 1)) as u32 & 1;
        self.failed = (self.failed << 1 | u128::from(failed)) & mask;
        self.failures = self.failures + u32::from(failed) - oldest;
        self.calls = window_calls.min(self.calls + 1);
    }

    #[inline(always)]
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Adds calls that did not fail.
    pub(crate) fn push_successes(&mut self, calls: u64, window_calls: u32) {
        let calls = calls.min(u64::from(window_calls)) as u32;
        let mask = u128::MAX >> (MAX_WINDOW_CALLS - window_calls);
        self.failed = self.failed.checked_shl(calls).unwrap_or(0) & mask;
        self.failures = self.failed.count_ones();
        self.calls = window_calls.min(self.calls + calls);
    }

    /// Full and without a failure: another success changes nothing.
    #[inline(always)]
    pub(crate) fn is_settled(&self, window_calls: u32) -> bool {
        self.failures == 0 && self.calls == window_calls
    }
}

/// One breaker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    state: State,
    probes: u32,
    successes: u32,
    opened_at_us: i64,
    /// The first call that belongs to the present state.
    since_call: u64,
    last_probe: u64,
    window: Window,
}

impl Breaker {
    #[cfg(test)]
    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.state == State::HalfOpen
    }

    /// The first call whose success it must hear of when it ends; successes of later calls may come in one number, as
    /// long as the state is what it is. Half-open, each success counts, and so it does in a window that is not full but
    /// has a failure: its rate is judged anew with each call. A full window with one more success is no worse.
    pub(crate) fn first_in_number(&self, knobs: &Knobs) -> u64 {
        match self.state {
            State::Open => 0,
            State::HalfOpen => u64::MAX,
            State::Closed if self.window.failures != 0 && self.window.calls < knobs.window_calls => u64::MAX,
            State::Closed => self.since_call,
        }
    }

    /// The first moment at which a start may find it other than it is now: closed it takes all, open none.
    pub(crate) fn next_turn_us(&self, knobs: &Knobs) -> i64 {
        match self.state {
            State::Closed => i64::MAX,
            State::Open => self.opened_at_us.saturating_add(knobs.open_timeout_us),
            State::HalfOpen => i64::MIN,
        }
    }

    /// Notes successes of calls that all came after [`Breaker::first_in_number`].
    pub(crate) fn settle_successes(&mut self, calls: u64, knobs: &Knobs) {
        if self.state == State::Closed {
            self.window.push_successes(calls, knobs.window_calls);
        }
    }

    /// Whether a call that started was let through.
    #[cfg(test)]
    pub(crate) fn let_through(&self, call: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open => false,
            State::HalfOpen => self.probes > 0 && self.last_probe == call,
        }
    }

    /// Whether a call may start.
    #[inline]
    pub(crate) fn admit(&mut self, at_us: i64, call: u64, knobs: &Knobs) -> bool {
        if self.state == State::Open && at_us.saturating_sub(self.opened_at_us) >= knobs.open_timeout_us {
            self.enter(State::HalfOpen, call);
        }
        match self.state {
            State::Closed => true,
            State::Open => false,
            State::HalfOpen if self.probes < knobs.probe_calls => {
                self.probes += 1;
                self.last_probe = call;
                true
            }
            State::HalfOpen => false,
        }
    }

    /// Notes how a call ended. `next_call` is the number that the next start will have.
    #[inline]
    pub(crate) fn settle(&mut self, at_us: i64, call: u64, failed: bool, next_call: u64, knobs: &Knobs) -> Turn {
        let is_current = call >= self.since_call;
        match self.state {
            State::Closed if is_current => {
                // A success makes the rate of a full window no higher.
                let is_harmless = !failed && self.window.calls == knobs.window_calls;
                self.window.push(failed, knobs.window_calls);
                if is_harmless { Turn::None } else { self.judge(at_us, next_call, knobs) }
            }
            State::HalfOpen if is_current && self.probes > 0 && call <= self.last_probe => {
                if failed {
                    self.open(at_us, next_call);
                    return Turn::Opened(1);
                }
                self.successes += 1;
                if self.successes < knobs.probe_calls {
                    return Turn::None;
                }
                self.enter(State::Closed, next_call);
                Turn::Closed
            }
            _ => Turn::None,
        }
    }

    #[inline]
    fn judge(&mut self, at_us: i64, next_call: u64, knobs: &Knobs) -> Turn {
        let failures = self.window.failures();
        if failures == 0 || self.window.calls < knobs.minimum_calls {
            return Turn::None;
        }
        // The package's own arithmetic: thresholds such as 33.3 sit on its rounding.
        let percent = f64::from(failures) / f64::from(self.window.calls) * 100.0;
        if percent < knobs.failure_threshold_percent {
            return Turn::None;
        }
        self.open(at_us, next_call);
        Turn::Opened(failures)
    }

    fn open(&mut self, at_us: i64, next_call: u64) {
        self.opened_at_us = at_us;
        self.enter(State::Open, next_call);
    }

    fn enter(&mut self, state: State, since_call: u64) {
        let opened_at_us = self.opened_at_us;
        *self = Breaker { state, since_call, opened_at_us, ..Breaker::default() };
    }
}
