//! Calls in order of start become batches of starts and ends in order of time, made once for all models.
//!
//! At one instant: ends of calls with a duration, then starts in input order, then ends of calls without one. A batch
//! holds some thousand calls, so that their ends are put in order by distributing instead of by a queue, and an event is
//! four bytes that point to its call.

use super::call::{Call, Outcome};
use super::order::TimeOrder;

/// Calls that begin in one batch; small enough for what is at work to stay in a cache.
const BATCH_CALLS: usize = 1 << 13;

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

/// A call that a batch has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracked {
    /// UTC microseconds.
    pub start_us: i64,
    /// 0 where the log has none: such a call ends where it starts.
    pub duration_us: u64,
    /// Calls counted from 0, by start.
    pub number: u64,
    /// What the breakers are kept by.
    pub endpoint: u32,
    /// How far behind its stamp the end was put, whether there is a duration, the outcome.
    tag: u32,
}

impl Tracked {
    const OUTCOME_MASK: u32 = 3;
    const IS_TIMED: u32 = 4;
    const SPREAD_SHIFT: u32 = 3;

    fn new(call: &Call, number: u64) -> Self {
        let timed = if call.duration_us.is_some() { Self::IS_TIMED } else { 0 };
        Tracked {
            start_us: call.start_us,
            duration_us: call.duration_us.unwrap_or(0),
            number,
            endpoint: call.endpoint,
            tag: call.spread_us << Self::SPREAD_SHIFT | timed | call.outcome as u32,
        }
    }

    #[inline(always)]
    pub(crate) fn outcome(&self) -> Outcome {
        const OUTCOMES: [Outcome; 4] = [Outcome::Good, Outcome::Neither, Outcome::Failed, Outcome::Failed];
        OUTCOMES[(self.tag & Self::OUTCOME_MASK) as usize]
    }

    /// Whether the log has a duration.
    #[inline(always)]
    pub(crate) fn is_timed(&self) -> bool {
        self.tag & Self::IS_TIMED != 0
    }

    /// See [`Call::stamped_start_us`].
    #[inline(always)]
    pub(crate) fn stamped_start_us(&self) -> i64 {
        self.start_us - i64::from(self.tag >> Self::SPREAD_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn end_us(&self) -> i64 {
        self.start_us.saturating_add_unsigned(self.duration_us)
    }

    /// When it starts.
    pub(crate) fn start(&self) -> Moment {
        (self.start_us, Phase::Start, self.number)
    }

    /// When it ends.
    pub(crate) fn end(&self) -> Moment {
        end_moment(self.start_us, self.duration_us, self.number)
    }
}

/// When a call of this duration ends.
pub(crate) fn end_moment(start_us: i64, duration_us: u64, call: u64) -> Moment {
    let phase = if duration_us == 0 { Phase::InstantEnd } else { Phase::End };
    (start_us.saturating_add_unsigned(duration_us), phase, call)
}

/// A start or an end of one of a batch's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event(u32);

impl Event {
    const IS_END: u32 = 1;
    const IS_TIMED: u32 = 2;
    const PLACE_SHIFT: u32 = 2;

    #[inline(always)]
    fn new(place: u32, call: &Tracked, is_end: bool) -> Self {
        let timed = if call.is_timed() { Self::IS_TIMED } else { 0 };
        Event(place << Self::PLACE_SHIFT | timed | u32::from(is_end))
    }

    /// Which of the batch's calls.
    #[inline(always)]
    pub(crate) fn call(self) -> usize {
        (self.0 >> Self::PLACE_SHIFT) as usize
    }

    #[inline(always)]
    pub(crate) fn is_end(self) -> bool {
        self.0 & Self::IS_END != 0
    }

    /// See [`Tracked::is_timed`].
    #[inline(always)]
    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::IS_TIMED != 0
    }

    /// How many calls with a duration are in flight after it, without a branch between starts and ends; and whether one
    /// of those started, as 0 or 1.
    #[inline(always)]
    pub(crate) fn in_flight_after(self, before: u32) -> (u32, u32) {
        let timed = u32::from(self.is_timed());
        let started = timed & u32::from(!self.is_end());
        ((before + 2 * started).wrapping_sub(timed), started)
    }
}

/// Events one after the other, with their calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// By number: calls in flight from before, then those that start.
    pub calls: Vec<Tracked>,
    /// For each call in flight from before its place in the batch before.
    pub carried: Vec<u32>,
    pub events: Vec<Event>,
}

impl Batch {
    /// The calls that start.
    pub(crate) fn started(&self) -> &[Tracked] {
        &self.calls[self.carried.len()..]
    }

    /// The events of some of the calls.
    pub(crate) fn only(&self, is_kept: impl Fn(&Tracked) -> bool) -> Batch {
        let kept = |event: &&Event| is_kept(&self.calls[event.call()]);
        Batch {
            calls: self.calls.clone(),
            carried: self.carried.clone(),
            events: self.events.iter().filter(kept).copied().collect(),
        }
    }

    /// When each event happens, with its call.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (Moment, &Tracked)> {
        self.events.iter().map(|event| {
            let call = &self.calls[event.call()];
            (if event.is_end() { call.end() } else { call.start() }, call)
        })
    }
}

/// The calls in flight.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// By number, with their places in the last batch.
    in_flight: Vec<(Tracked, u32)>,
    calls: u64,
    order: TimeOrder,
}

impl Timeline {
    /// Hands on batches of the next calls in order of start, up to the last start.
    pub(crate) fn take(&mut self, calls: &[Call], mut each: impl FnMut(Batch)) {
        let mut rest = calls;
        while !rest.is_empty() {
            // No fewer than there are in flight, so that going over those costs no more than going over the new ones.
            let (now, later) = rest.split_at(rest.len().min(BATCH_CALLS.max(self.in_flight.len())));
            each(self.batch(now));
            rest = later;
        }
    }

    /// The ends that are left.
    pub(crate) fn finish(&mut self) -> Batch {
        self.batch(&[])
    }

    /// The starts of these calls, and all ends before the last of them (without any: all that are left).
    fn batch(&mut self, calls: &[Call]) -> Batch {
        let mut batch = Batch::default();
        batch.carried.extend(self.in_flight.iter().map(|(_, place)| *place));
        batch.calls.reserve(self.in_flight.len() + calls.len());
        batch.calls.extend(self.in_flight.drain(..).map(|(call, _)| call));
        batch.calls.extend(calls.iter().zip(self.calls..).map(|(call, number)| Tracked::new(call, number)));
        self.calls += calls.len() as u64;
        let ends = self.ends(&batch.calls, calls.last().map(|call| call.start_us));
        batch.events = merge(batch.started(), batch.carried.len() as u32, &ends);
        batch
    }

    /// The ends before a start at `last_us`, in order of time; the other calls stay in flight.
    fn ends(&mut self, calls: &[Tracked], last_us: Option<i64>) -> Vec<End> {
        let mut ends: Vec<End> = Vec::with_capacity(calls.len());
        for (call, place) in calls.iter().zip(0..) {
            let end_us = call.end_us();
            let is_instant = end_us == call.start_us;
            let next_start_us = end_us.saturating_add(i64::from(is_instant));
            if last_us.is_none_or(|last_us| next_start_us <= last_us && call.start_us < last_us) {
                ends.push(End { next_start_us, event: Event::new(place, call, true), is_instant });
            } else {
                self.in_flight.push((*call, place));
            }
        }
        let order = self.order.of(ends.iter().map(|end| end.next_start_us - i64::from(end.is_instant)));
        order.map(|position| ends[position]).collect()
    }
}

/// An end that is yet to find its place.
#[derive(Clone, Copy, Debug)]
struct End {
    /// The start that it comes before, at the earliest.
    next_start_us: i64,
    event: Event,
    is_instant: bool,
}

/// Both in order of time: all ends come before the last start, if there is one. Of the ends at one instant those of
/// calls without length come last, as they start last.
fn merge(starts: &[Tracked], first: u32, ends: &[End]) -> Vec<Event> {
    if starts.is_empty() {
        return ends.iter().map(|end| end.event).collect();
    }
    let mut events = vec![Event(0); starts.len() + ends.len()];
    let (mut start, mut end) = (0, 0);
    let none = End { next_start_us: i64::MAX, event: Event(0), is_instant: false };
    for event in &mut events {
        let (next, ended) = (&starts[start], ends.get(end).unwrap_or(&none));
        let started = Event::new(first + start as u32, next, false);
        // Starts and ends alternate at random, so that a branch between them would be foretold wrongly half of the time.
        let is_end = u32::from(end < ends.len()) & u32::from(ended.next_start_us <= next.start_us);
        *event = Event(started.0 ^ (started.0 ^ ended.event.0) & is_end.wrapping_neg());
        end += is_end as usize;
        start += 1 - is_end as usize;
    }
    events
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
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All batches, so many calls in each.
    pub(crate) fn batches(calls: &[Call], batch_calls: usize) -> Vec<Batch> {
        let mut timeline = Timeline::default();
        let mut batches: Vec<Batch> = calls.chunks(batch_calls).map(|calls| timeline.batch(calls)).collect();
        batches.push(timeline.finish());
        batches
    }

    #[test]
    fn ranks_are_ordered_as_moments_are() {
        let phases = [Phase::End, Phase::WaitOver, Phase::Start, Phase::InstantEnd];
        let at = |time| phases.into_iter().flat_map(move |phase| [0, 1, 1 << 61].map(|call| (time, phase, call)));
        let moments: Vec<Moment> = [i64::MIN, -1, 0, 1, i64::MAX].into_iter().flat_map(at).collect();
        assert!(moments.is_sorted() && moments.iter().map(|moment| Rank::of(*moment)).is_sorted_by(|a, b| a < b));
        assert!(moments.iter().all(|moment| Rank::of(*moment).time_and_phase() == (moment.0, moment.1)));
    }

    fn call(start_us: i64, duration_us: Option<u64>) -> Call {
        Call { start_us, spread_us: 0, duration_us, endpoint: 0, outcome: Outcome::Good }
    }

    #[test]
    fn at_one_instant_ends_come_first_and_calls_without_duration_end_last() {
        let calls = [call(0, Some(10)), call(5, Some(5)), call(10, Some(0)), call(10, None), call(10, Some(1))];
        let batches = batches(&calls, 5);
        let told: Vec<Moment> = batches.iter().flat_map(Batch::moments).map(|(moment, _)| moment).collect();
        let (start, end, instant) = (Phase::Start, Phase::End, Phase::InstantEnd);
        assert_eq!(told[..4], [(0, start, 0), (5, start, 1), (10, end, 0), (10, end, 1)]);
        assert_eq!(told[4..7], [(10, start, 2), (10, start, 3), (10, start, 4)]);
        assert_eq!(told[7..], [(10, instant, 2), (10, instant, 3), (11, end, 4)]);
    }

    proptest! {
        #[test]
        fn events_are_the_moments_of_all_calls_sorted(
            mut calls in prop::collection::vec((0i64..60, prop::option::of(0u64..20)), 1..100),
            long in prop::collection::vec(0usize..100, 0..4),
            unit in prop::sample::select(vec![1i64, 1_000, 1 << 40]),
            batch_calls in 1..40usize,
        ) {
            calls.sort_unstable();
            let mut calls: Vec<Call> =
                calls.iter().map(|(at, duration)| call(at * unit, duration.map(|us| us * unit as u64))).collect();
            for index in long {
                let index = index % calls.len();
                calls[index].duration_us = Some(50 * unit as u64);
            }
            let tracked: Vec<Tracked> = calls.iter().zip(0..).map(|(call, number)| Tracked::new(call, number)).collect();
            let mut expected: Vec<Moment> = tracked.iter().flat_map(|call| [call.start(), call.end()]).collect();
            expected.sort_unstable();
            let batches = batches(&calls, batch_calls);
            let told: Vec<Moment> = batches.iter().flat_map(Batch::moments).map(|(moment, _)| moment).collect();
            prop_assert_eq!(told, expected);
            for pair in batches.windows(2) {
                let before = pair[1].carried.iter().map(|place| pair[0].calls[*place as usize]);
                prop_assert!(before.eq(pair[1].calls[..pair[1].carried.len()].iter().copied()));
            }
        }
    }
}
