//! How many calls are in flight over a batch: what fits a bulkhead is not modelled, and the peak of the traffic follows.

use super::timeline::Event;

/// The calls with a duration in flight over a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Those that start.
    pub starts: u32,
    /// Most in flight at a start, itself included.
    pub peak: u32,
    /// In flight after the last event.
    pub in_flight: u32,
}

impl Load {
    /// Before the first event.
    pub(super) fn new(in_flight: u32) -> Self {
        Load { in_flight, ..Load::default() }
    }

    /// Takes the next event.
    #[inline(always)]
    pub(crate) fn take(&mut self, event: Event) {
        let (in_flight, started) = event.in_flight_after(self.in_flight);
        self.in_flight = in_flight;
        self.starts += started;
        self.peak = self.peak.max(in_flight * started);
    }
}
