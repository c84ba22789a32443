//! How many calls are in flight over short stretches of a batch: what fits a bulkhead is not modelled, and the peak of
//! the traffic follows.

use super::timeline::{Batch, Event};

/// Events of a stretch: short, as a bulkhead models whole stretches.
pub(super) const STRETCH_EVENTS: usize = 256;

/// The calls with a duration in flight over some events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Those that start.
    pub starts: u64,
    /// Most in flight at a start, itself included, and the first time that it was so.
    pub peak: usize,
    pub peak_at_us: i64,
    /// In flight at the end.
    pub after: usize,
}

/// The load of each stretch of a batch, given how many are in flight before it.
pub(super) fn loads(batch: &Batch, mut in_flight: usize) -> Vec<Load> {
    let of = |events: &[Event]| {
        let mut load = Load { after: in_flight, ..Load::default() };
        for event in events {
            let call = &batch.calls[event.call()];
            let timed = usize::from(call.is_timed());
            let started = timed & usize::from(!event.is_end());
            // One more or one less, without a branch between the two.
            load.after = (load.after + 2 * started).wrapping_sub(timed);
            load.starts += started as u64;
            if load.after > load.peak && started == 1 {
                (load.peak, load.peak_at_us) = (load.after, call.start_us);
            }
        }
        in_flight = load.after;
        load
    };
    batch.events.chunks(STRETCH_EVENTS).map(of).collect()
}
