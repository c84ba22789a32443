//! Calls in order of start become one stream of starts and ends in order of time, made once for all models.
//!
//! At one instant: ends of calls with a duration, then starts in input order, then ends of calls without one.

use super::call::{Call, Outcome};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The order of what happens at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// A call that took time ends.
    End,
    /// A wait in a queue runs out.
    WaitOver,
    /// A call starts.
    Start,
    /// A call that took no time ends.
    InstantEnd,
}

/// When something happens: time in microseconds, phase, then the number of the call.
pub(crate) type Moment = (i64, Phase, u64);

/// A start or an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub at_us: i64,
    pub phase: Phase,
    pub outcome: Outcome,
    /// Whether the log has a duration; without one the call ends where it starts.
    pub is_timed: bool,
    pub endpoint: u32,
    /// Starts counted from 0.
    pub call: u64,
    pub duration_us: u64,
    /// A number that no other call in flight has, smaller than the most that ever were.
    pub slot: u32,
}

impl Event {
    pub(crate) fn moment(&self) -> Moment {
        (self.at_us, self.phase, self.call)
    }
}

/// When a call of this duration ends.
pub(crate) fn end_moment(start_us: i64, duration_us: u64, call: u64) -> Moment {
    let phase = if duration_us == 0 { Phase::InstantEnd } else { Phase::End };
    (start_us.saturating_add_unsigned(duration_us), phase, call)
}

/// Events one after the other, and what they come to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub events: Vec<Event>,
    /// Most calls with a duration in flight at a start, itself included, and the first time that it was so.
    pub peak_in_flight: usize,
    pub peak_at_us: i64,
    /// Calls with a duration in flight at the end.
    pub in_flight_after: usize,
    /// Starts of calls with a duration.
    pub timed_starts: u64,
}

impl Batch {
    /// The events that follow when so many calls with a duration are in flight.
    pub(crate) fn new(events: Vec<Event>, in_flight: usize) -> Self {
        let mut batch = Batch { in_flight_after: in_flight, ..Batch::default() };
        for event in &events {
            let timed = usize::from(event.is_timed);
            if event.phase != Phase::Start {
                batch.in_flight_after -= timed;
                continue;
            }
            batch.timed_starts += timed as u64;
            batch.in_flight_after += timed;
            if batch.in_flight_after > batch.peak_in_flight {
                (batch.peak_in_flight, batch.peak_at_us) = (batch.in_flight_after, event.at_us);
            }
        }
        Batch { events, ..batch }
    }
}

/// The calls in flight.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// With the slot.
    ends: BinaryHeap<Reverse<(Rank, u32)>>,
    /// The start of each call in flight, by slot.
    in_flight: Vec<Event>,
    free: Vec<u32>,
    calls: u64,
}

impl Timeline {
    /// Appends a start and all ends before it.
    pub(crate) fn push(&mut self, call: &Call, events: &mut Vec<Event>) {
        let start = (call.start_us, Phase::Start, self.calls);
        self.pop_before(start, events);
        let slot = self.free.pop().unwrap_or(self.in_flight.len() as u32);
        let event = Event {
            at_us: call.start_us,
            phase: Phase::Start,
            outcome: call.outcome,
            is_timed: call.duration_us.is_some(),
            endpoint: call.endpoint,
            call: self.calls,
            duration_us: call.duration_us.unwrap_or(0),
            slot,
        };
        match self.in_flight.get_mut(slot as usize) {
            Some(place) => *place = event,
            None => self.in_flight.push(event),
        }
        self.ends.push(Reverse((Rank::of(end_moment(call.start_us, event.duration_us, self.calls)), slot)));
        self.calls += 1;
        events.push(event);
    }

    /// Appends the ends that are left.
    pub(crate) fn finish(&mut self, events: &mut Vec<Event>) {
        self.pop_before((i64::MAX, Phase::InstantEnd, u64::MAX), events);
    }

    fn pop_before(&mut self, moment: Moment, events: &mut Vec<Event>) {
        let rank = Rank::of(moment);
        while let Some(Reverse((end, slot))) = self.ends.peek().copied()
            && end < rank
        {
            self.ends.pop();
            self.free.push(slot);
            let start = self.in_flight[slot as usize];
            let (at_us, phase, _) = end_moment(start.at_us, start.duration_us, start.call);
            events.push(Event { at_us, phase, ..start });
        }
    }
}

/// A moment as one number of the same order, which is compared without a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u128);

impl Rank {
    const PHASE_SHIFT: u32 = 62;

    /// Behind every moment.
    pub(crate) const NEVER: Rank = Rank(u128::MAX);

    #[inline]
    pub(crate) fn of((at_us, phase, call): Moment) -> Self {
        let time = at_us as u64 ^ 1 << 63;
        let within = (phase as u64) << Self::PHASE_SHIFT | call & !(3 << Self::PHASE_SHIFT);
        Rank(u128::from(time) << 64 | u128::from(within))
    }

    /// The time in microseconds and the phase.
    #[inline]
    pub(crate) fn time_and_phase(self) -> (i64, Phase) {
        let at_us = ((self.0 >> 64) as u64 ^ 1 << 63) as i64;
        let phase = match self.0 as u64 >> Self::PHASE_SHIFT {
            0 => Phase::End,
            1 => Phase::WaitOver,
            2 => Phase::Start,
            _ => Phase::InstantEnd,
        };
        (at_us, phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_ordered_as_moments_are() {
        let phases = [Phase::End, Phase::WaitOver, Phase::Start, Phase::InstantEnd];
        let at = |time| phases.into_iter().flat_map(move |phase| [0, 1, 1 << 61].map(|call| (time, phase, call)));
        let moments: Vec<Moment> = [i64::MIN, -1, 0, 1, i64::MAX].into_iter().flat_map(at).collect();
        assert!(moments.is_sorted() && moments.iter().map(|moment| Rank::of(*moment)).is_sorted_by(|a, b| a < b));
        assert!(moments.iter().all(|moment| Rank::of(*moment).time_and_phase() == (moment.0, moment.1)));
    }

    #[test]
    fn at_one_instant_ends_come_first_and_calls_without_duration_end_last() {
        let call =
            |start_us, duration_us| Call { start_us, spread_us: 0, duration_us, endpoint: 0, outcome: Outcome::Good };
        let mut timeline = Timeline::default();
        let mut events = Vec::new();
        for call in [call(0, Some(10)), call(5, Some(5)), call(10, Some(0)), call(10, None), call(10, Some(1))] {
            timeline.push(&call, &mut events);
        }
        timeline.finish(&mut events);
        let told: Vec<(i64, Phase, u64)> = events.iter().map(Event::moment).collect();
        let (start, end, instant) = (Phase::Start, Phase::End, Phase::InstantEnd);
        assert_eq!(told[..4], [(0, start, 0), (5, start, 1), (10, end, 0), (10, end, 1)]);
        assert_eq!(told[4..7], [(10, start, 2), (10, start, 3), (10, start, 4)]);
        assert_eq!(told[7..], [(10, instant, 2), (10, instant, 3), (11, end, 4)]);
        assert!(events.iter().all(|event| event.slot < 3));
    }
}
