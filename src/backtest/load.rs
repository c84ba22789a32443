//! How many calls are in flight over short stretches of a batch: what fits a bulkhead is not modelled, and the peak of
//! the traffic follows.

use super::timeline::Batch;

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
    let of = |events: &[super::timeline::Event]| {
        let mut load = Load { after: in_flight, ..Load::default() };
        for event in events {
            let call = &batch.calls[event.call()];
            let timed = usize::from(call.is_timed());
            if event.is_end() {
                load.after -= timed;
                continue;
            }
            load.starts += timed as u64;
            load.after += timed;
            if load.after > load.peak {
                (load.peak, load.peak_at_us) = (load.after, call.start_us);
            }
        }
        in_flight = load.after;
        load
    };
    batch.events.chunks(STRETCH_EVENTS).map(of).collect()
}
