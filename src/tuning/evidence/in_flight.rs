//! The most requests in flight, of two parts of a log apart.
//!
//! It is the same whether a batch is in order or not: where it is not, bounds by slices of its time tell for nearly every
//! batch that there is no new peak in it, and what they leave open is put in order here.

use crate::backtest::timeline::{Batch, Event, Phase, TimePhase};

/// Slices of a batch's time: of a quarter of a second or so at most, where few requests start.
const SLICE_BITS: u32 = 12;
const SLICES: usize = 1 << SLICE_BITS;

/// Calls with a duration in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InFlight {
    now: u32,
    /// By part: the most at a start.
    peaks: [u32; 2],
}

impl InFlight {
    /// Takes the next event, of a call of this part.
    #[inline(always)]
    pub(super) fn step(&mut self, part: usize, event: Event) {
        let (now, started) = event.in_flight_after(self.now);
        self.now = now;
        self.peaks[part] = self.peaks[part].max(now * started);
    }

    /// Takes a batch; all that start or end in it are of this part.
    pub(super) fn take(&mut self, part: usize, batch: &Batch) {
        if batch.is_in_order {
            self.now = batch.load.in_flight;
            self.peaks[part] = self.peaks[part].max(batch.load.peak);
        } else {
            self.take_unordered(part, batch);
        }
    }

    fn take_unordered(&mut self, part: usize, batch: &Batch) {
        let slices = Slices::of(batch);
        let (mut starts, mut ends) = ([0u32; SLICES], [0u32; SLICES]);
        batch.for_each_start(|call, _| starts[slices.slice(call.start_us)] += u32::from(call.is_timed()));
        for call in &batch.calls {
            let end_us = call.end_us();
            ends[slices.slice(end_us)] += u32::from(call.is_timed() & (end_us <= batch.last_us));
        }
        // How many are in flight before the slices that may have a new peak.
        let mut open = Vec::new();
        for (slice, (starts, ends)) in starts.iter().zip(&ends).enumerate() {
            // As if all starts came before all ends.
            if self.now + starts > self.peaks[part] {
                open.push((slice, self.now));
            }
            self.now = self.now + starts - ends;
        }
        if !open.is_empty() {
            self.peaks[part] = self.peaks[part].max(slices.peak_of(batch, &open));
        }
    }

    /// `None`: no call had a duration.
    pub(super) fn peak(&self, part: usize) -> Option<u64> {
        Some(u64::from(self.peaks[part])).filter(|peak| *peak > 0)
    }
}

/// How a batch's time is cut.
struct Slices {
    from_us: i64,
    /// By how many bits a time is longer than the number of its slice.
    shift: u32,
}

impl Slices {
    fn of(batch: &Batch) -> Self {
        let span_us = batch.last_us.wrapping_sub(batch.from_us) as u64;
        Slices { from_us: batch.from_us, shift: (u64::BITS - span_us.leading_zeros()).saturating_sub(SLICE_BITS) }
    }

    #[inline(always)]
    fn slice(&self, at_us: i64) -> usize {
        ((at_us.wrapping_sub(self.from_us) as u64 >> self.shift) as usize).min(SLICES - 1)
    }

    /// The most in flight at a start in one of these slices, each with how many are in flight before it.
    #[cold]
    fn peak_of(&self, batch: &Batch, slices: &[(usize, u32)]) -> u32 {
        let mut before = [None; SLICES];
        slices.iter().for_each(|(slice, in_flight)| before[*slice] = Some(*in_flight));
        let mut events: Vec<(TimePhase, bool)> = Vec::new();
        batch.for_each_start(|call, _| {
            if call.is_timed() && before[self.slice(call.start_us)].is_some() {
                events.push((TimePhase::of(call.start_us, Phase::Start), true));
            }
        });
        for call in batch.calls.iter().filter(|call| call.is_timed()) {
            if call.end_us() <= batch.last_us && before[self.slice(call.end_us())].is_some() {
                events.push((TimePhase::of_end(call.start_us, call.duration_us), false));
            }
        }
        events.sort_unstable();
        let (mut now, mut peak) = (0, 0);
        for (at, is_start) in events {
            now = before[self.slice(at.at_us())].take().unwrap_or(now);
            now = if is_start { now + 1 } else { now - 1 };
            peak = if is_start { now.max(peak) } else { peak };
        }
        peak
    }
}
