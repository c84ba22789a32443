//! How many calls are in flight over a batch: what fits a bulkhead is not modelled, and the peak of the traffic follows.

use super::timeline::Batch;

/// The calls with a duration in flight over a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Those that start.
    pub starts: u32,
    /// Most in flight at a start, itself included.
    pub peak: u32,
    /// In flight at the end.
    pub after: u32,
}

impl Load {
    /// The load of a batch, given how many are in flight before it.
    pub(super) fn of(batch: &Batch, in_flight: u32) -> Self {
        let mut load = Load { after: in_flight, ..Load::default() };
        for event in &batch.events {
            let (after, started) = event.in_flight_after(load.after);
            load.after = after;
            load.starts += started;
            load.peak = load.peak.max(after * started);
        }
        load
    }
}

/// When so many are in flight for the first time in a batch, given how many are before it.
pub(super) fn first_at_us(batch: &Batch, mut in_flight: u32, peak: u32) -> Option<i64> {
    let first = batch.events.iter().find(|event| {
        in_flight = event.in_flight_after(in_flight).0;
        in_flight == peak
    });
    first.map(|event| batch.calls[event.call()].start_us)
}
