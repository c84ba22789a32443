//! How many calls are in flight over short stretches of a batch: what fits a bulkhead is not modelled, and the peak of
//! the traffic follows.

use super::timeline::{Batch, Event};

/// Events of a stretch: few, as a bulkhead models whole stretches.
pub(super) const STRETCH_EVENTS: usize = 256;

/// The calls with a duration in flight over some events.
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
    fn of(events: &[Event], in_flight: u32) -> Self {
        let mut load = Load { after: in_flight, ..Load::default() };
        for event in events {
            let (after, started) = event.in_flight_after(load.after);
            load.after = after;
            load.starts += started;
            load.peak = load.peak.max(after * started);
        }
        load
    }
}

/// The load of each stretch of a batch, given how many are in flight before it.
pub(super) fn loads(batch: &Batch, mut in_flight: u32) -> Vec<Load> {
    let of = |events: &[Event]| {
        let load = Load::of(events, in_flight);
        in_flight = load.after;
        load
    };
    batch.events.chunks(STRETCH_EVENTS).map(of).collect()
}

/// When so many are in flight for the first time in a stretch, given how many are before it.
pub(super) fn first_at_us(batch: &Batch, stretch: usize, mut in_flight: u32, peak: u32) -> Option<i64> {
    let events = batch.events.chunks(STRETCH_EVENTS).nth(stretch)?;
    let first = events.iter().find(|event| {
        in_flight = event.in_flight_after(in_flight).0;
        in_flight == peak
    });
    first.map(|event| batch.calls[event.call()].start_us)
}
