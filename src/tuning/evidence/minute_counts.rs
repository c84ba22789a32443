//! Requests and failures by endpoint, of a minute that may still grow. What follows from a minute that is over stands with
//! [`super::fit`].

use super::fit::Series;

/// The calls of one minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Minute {
    pub requests: u64,
    pub failures: u64,
    /// First and last, in microseconds.
    pub failure_span_us: Option<(i64, i64)>,
}

impl Minute {
    pub(super) fn fail(&mut self, failures: u64, (from_us, to_us): (i64, i64)) {
        self.failures += failures;
        let (first_us, last_us) = self.failure_span_us.unwrap_or((from_us, to_us));
        self.failure_span_us = Some((first_us.min(from_us), last_us.max(to_us)));
    }
}

/// The calls of one minute by endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Minutes {
    endpoints: Vec<Minute>,
    /// Those with calls: of many endpoints few may be busy in a minute.
    busy: Vec<u32>,
}

impl Minutes {
    #[inline(always)]
    pub(super) fn at(&mut self, endpoint: u32) -> &mut Minute {
        let index = endpoint as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize(index + 1, Minute::default());
        }
        let minute = &mut self.endpoints[index];
        if minute.requests == 0 {
            self.busy.push(endpoint);
        }
        minute
    }

    /// Adds the minute to its endpoints and to all together.
    pub(super) fn close(&mut self, start_us: i64, all: &mut Series, endpoints: &mut [Series]) {
        let mut sum = Minute::default();
        for endpoint in self.busy.drain(..) {
            let minute = std::mem::take(&mut self.endpoints[endpoint as usize]);
            endpoints[endpoint as usize].add_minute(start_us, &minute);
            sum.requests += minute.requests;
            if let Some(span_us) = minute.failure_span_us {
                sum.fail(minute.failures, span_us);
            }
        }
        all.add_minute(start_us, &sum);
    }
}
