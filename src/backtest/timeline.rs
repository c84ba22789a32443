//! Calls become batches of starts and ends in order of time, made once for all models.
//!
//! At one instant: ends of calls with a duration, then starts in input order, then ends of calls without one. A batch
//! holds some thousand calls as they stand in the log; its starts and ends are put in order together, by distributing,
//! and an event is four bytes that point to its call.

mod build;
mod pool;

#[cfg(test)]
use super::call::Call;
use super::call::{KeptCall, OUTCOME_BITS, OUTCOME_MASK, Outcome};
use super::load::Load;
use super::open_minute::floor_behind_us;
use super::spool::MAX_SPREAD_US;

pub(super) use build::{Arrivals, Timeline};
use pool::Pooled;

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
    /// 0 where the log has none: such a call ends where it starts. Below 2^63, as nanoseconds fit in 64 bits.
    pub duration_us: u64,
    /// Calls of batches in order, counted from 0 by start. Before such a batch, and without one: its page.
    pub number: u64,
    /// What the breakers are kept by.
    pub endpoint: u32,
    /// How far behind its stamp the end was put, whether there is a duration, the outcome.
    tag: u32,
}

impl Tracked {
    const IS_TIMED: u32 = 1 << OUTCOME_BITS;
    const SPREAD_SHIFT: u32 = OUTCOME_BITS + 1;
    const EVENT_MASK: u32 = OUTCOME_MASK | Self::IS_TIMED;

    /// A call that waits to start, and for so long has the number of its page; `duration_us` and `tag` as a [`KeptCall`]
    /// has them.
    #[inline(always)]
    pub(super) fn waiting(start_us: i64, spread_us: u32, duration_us: u64, tag: u32, page: u32) -> Self {
        let is_timed = duration_us != KeptCall::NO_DURATION;
        Tracked {
            start_us,
            duration_us: if is_timed { duration_us } else { 0 },
            number: u64::from(page),
            endpoint: tag >> OUTCOME_BITS,
            tag: spread_us << Self::SPREAD_SHIFT | u32::from(is_timed) << OUTCOME_BITS | tag & OUTCOME_MASK,
        }
    }

    /// The call, without its number.
    #[cfg(test)]
    pub(super) fn new(call: &Call) -> Self {
        let kept = KeptCall::from(call);
        Tracked::waiting(call.start_us, call.spread_us, kept.duration_or_none(), kept.tag(), 0)
    }

    /// What it was made of.
    #[cfg(test)]
    pub(super) fn call(&self) -> Call {
        Call {
            start_us: self.start_us,
            spread_us: self.tag >> Self::SPREAD_SHIFT,
            duration_us: self.is_timed().then_some(self.duration_us),
            endpoint: self.endpoint,
            outcome: self.outcome(),
        }
    }

    #[inline(always)]
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::of_tag(self.tag)
    }

    /// Whether the log has a duration.
    #[inline(always)]
    pub(crate) fn is_timed(&self) -> bool {
        self.tag & Self::IS_TIMED != 0
    }

    /// See [`super::call::Call::stamped_start_us`].
    #[inline(always)]
    pub(crate) fn stamped_start_us(&self) -> i64 {
        self.start_us - i64::from(self.tag >> Self::SPREAD_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn end_us(&self) -> i64 {
        end_us(self.start_us, self.duration_us)
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
#[inline]
pub(crate) fn end_moment(start_us: i64, duration_us: u64, call: u64) -> Moment {
    let phase = if duration_us == 0 { Phase::InstantEnd } else { Phase::End };
    (end_us(start_us, duration_us), phase, call)
}

/// The same in UTC microseconds; a duration is below 2^63.
#[inline(always)]
fn end_us(start_us: i64, duration_us: u64) -> i64 {
    start_us.saturating_add(duration_us as i64)
}

/// A start or an end of one of a batch's calls. Bit 0: whether it is an end; bits 1 and 2: the call's outcome; bit 3:
/// whether that has a duration; from bit 4 on: its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event(u32);

impl Event {
    const IS_END: u32 = 1;
    const TAG_SHIFT: u32 = 1;
    const PLACE_SHIFT: u32 = Self::TAG_SHIFT + Tracked::SPREAD_SHIFT;

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
        self.0 >> Self::TAG_SHIFT & Tracked::IS_TIMED != 0
    }

    /// See [`Tracked::outcome`].
    #[inline(always)]
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::of_tag(self.0 >> Self::TAG_SHIFT)
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
    /// UTC microseconds; all that happens before is in earlier batches.
    pub from_us: i64,
    /// UTC microseconds; all that happens after is in later batches.
    pub last_us: i64,
    /// Whether its starts and events are told, which are in order.
    pub is_in_order: bool,
    /// Whether all calls behind those in flight from before start in it, and its minutes are few enough to be counted in at
    /// once. A batch that is not dense is in order.
    is_dense: bool,
    /// Calls in flight from before, then those that start; what is not over is left for the next batch.
    pub calls: Pooled<Tracked>,
    /// How many are in flight from before.
    left: usize,
    /// The places of those that are left for the next batch, in the order that they have there.
    pub leaves: Pooled<u32>,
    /// Places of the calls that start, in order.
    pub starts: Pooled<u32>,
    pub events: Pooled<Event>,
    /// That of the events.
    pub load: Load,
}

impl Batch {
    /// Calls `count` with each call that starts, and with a time before which none does any more by its stamp: in order only
    /// where the batch is not dense.
    #[inline(always)]
    pub(crate) fn for_each_start(&self, mut count: impl FnMut(&Tracked, i64)) {
        let (arrived, starts) =
            if self.is_dense { (&self.calls[self.left..], &[][..]) } else { (&[][..], &self.starts[..]) };
        let floor_us = floor_behind_us(self.from_us);
        // One loop for both, as `count` is part of it: two would have it called.
        for call in arrived.iter().chain(starts.iter().map(|place| &self.calls[*place as usize])) {
            count(call, if self.is_dense { floor_us } else { floor_behind_us(call.stamped_start_us()) });
        }
    }

    /// The calls that start, in order; none where the batch is in none.
    pub(crate) fn started(&self) -> impl DoubleEndedIterator<Item = &Tracked> + ExactSizeIterator {
        self.starts.iter().map(|place| &self.calls[*place as usize])
    }

    /// The calls that are in flight from before; those that [`Batch::only`] left out have no duration.
    pub(crate) fn left(&self) -> &[Tracked] {
        &self.calls[..self.left]
    }

    /// How many calls are in flight before it.
    pub(crate) fn in_flight_before(&self) -> u32 {
        self.left().iter().map(|call| u32::from(call.is_timed())).sum()
    }

    /// When so many are in flight for the first time.
    pub(crate) fn first_at_us(&self, in_flight: u32) -> Option<i64> {
        let mut load = Load::new(self.in_flight_before());
        let first = self.events.iter().find(|event| {
            load.take(**event);
            load.in_flight == in_flight
        });
        first.map(|event| self.calls[event.call()].start_us)
    }

    /// Whether all calls of it and of later batches start at or after `at_us` by their stamps.
    pub(crate) fn is_from(&self, at_us: i64) -> bool {
        let starts_later = |first: &Tracked| first.start_us >= at_us.saturating_add(MAX_SPREAD_US);
        self.started().next().is_some_and(starts_later)
            && self.calls.iter().all(|call| call.stamped_start_us() >= at_us)
    }

    /// The events of some of the calls, as if the others had no duration.
    pub(crate) fn only(&self, is_kept: impl Fn(&Tracked) -> bool) -> Batch {
        let or_untimed = |call: &Tracked| {
            let lost = if is_kept(call) { 0 } else { Tracked::IS_TIMED };
            Tracked { tag: call.tag & !lost, ..*call }
        };
        let is_kept = |place: usize| is_kept(&self.calls[place]);
        let mut batch = Batch {
            calls: self.calls.iter().map(or_untimed).collect(),
            leaves: self.leaves.clone(),
            starts: self.starts.iter().filter(|place| is_kept(**place as usize)).copied().collect(),
            events: self.events.iter().filter(|event| is_kept(event.call())).copied().collect(),
            is_dense: false,
            ..*self
        };
        batch.load = Load::new(batch.in_flight_before());
        batch.events.iter().for_each(|event| batch.load.take(*event));
        batch
    }

    /// When each event happens, with its call.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (Moment, &Tracked)> {
        self.events.iter().map(|event| {
            let call = &self.calls[event.call()];
            (if event.is_end() { call.end() } else { call.start() }, call)
        })
    }
}

/// A time and a phase as one number of the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimePhase(i64);

impl TimePhase {
    /// Before all that happens.
    pub(crate) const EVER: TimePhase = TimePhase(i64::MIN);

    /// Behind all that happens.
    pub(crate) const NEVER: TimePhase = TimePhase(i64::MAX);

    #[inline(always)]
    pub(crate) fn of(at_us: i64, phase: Phase) -> Self {
        TimePhase(at_us.saturating_mul(4).saturating_add(phase as i64))
    }

    /// When a call of this duration ends.
    #[inline(always)]
    pub(crate) fn of_end(start_us: i64, duration_us: u64) -> Self {
        let (at_us, phase, _) = end_moment(start_us, duration_us, 0);
        TimePhase::of(at_us, phase)
    }

    /// UTC microseconds.
    #[inline(always)]
    pub(crate) fn at_us(self) -> i64 {
        self.0 >> 2
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All batches of calls in order of start, with so many new ones in each.
    pub(crate) fn batches(calls: &[Call], batch_calls: usize) -> Vec<Batch> {
        batches_in(true, calls, batch_calls)
    }

    /// The same; dense ones in order or not.
    pub(crate) fn batches_in(is_order_asked: bool, calls: &[Call], batch_calls: usize) -> Vec<Batch> {
        let mut timeline = Timeline::new(false);
        let mut chunks = calls.chunks(batch_calls).zip(0..).peekable();
        let mut batches = Vec::new();
        while let Some((chunk, page)) = chunks.next() {
            let waiting = chunk.iter().map(|call| Tracked { number: page, ..Tracked::new(call) });
            timeline.begin(chunks.peek().map(|(next, _)| next[0].start_us));
            timeline.arrivals().extend(i64::MAX, waiting);
            batches.push(timeline.settle(is_order_asked));
        }
        batches
    }

    #[test]
    fn instants_are_ordered_as_time_and_phase_are() {
        let phases = [Phase::End, Phase::WaitOver, Phase::Start, Phase::InstantEnd];
        let at = |time| phases.into_iter().map(move |phase| (time, phase));
        let moments: Vec<(i64, Phase)> = [-1 << 60, -1, 0, 1, 1 << 60].into_iter().flat_map(at).collect();
        let instants: Vec<TimePhase> = moments.iter().map(|(at_us, phase)| TimePhase::of(*at_us, *phase)).collect();
        assert!(moments.is_sorted() && instants.iter().is_sorted_by(|a, b| a < b));
        assert!(moments.iter().zip(&instants).all(|((at_us, _), instant)| instant.at_us() == *at_us));
        assert_eq!(TimePhase::of_end(5, 0), TimePhase::of(5, Phase::InstantEnd));
        assert_eq!(TimePhase::of_end(5, 2), TimePhase::of(7, Phase::End));
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
            let tracked: Vec<Tracked> =
                calls.iter().zip(0..).map(|(call, number)| Tracked { number, ..Tracked::new(call) }).collect();
            let mut expected: Vec<Moment> = tracked.iter().flat_map(|call| [call.start(), call.end()]).collect();
            expected.sort_unstable();
            let batches = batches(&calls, batch_calls);
            let told: Vec<Moment> = batches.iter().flat_map(Batch::moments).map(|(moment, _)| moment).collect();
            prop_assert_eq!(told, expected);
            for [batch, next] in batches.array_windows() {
                let left: Vec<u64> = batch.leaves.iter().map(|place| batch.calls[*place as usize].start_us as u64).collect();
                prop_assert_eq!(left, next.left().iter().map(|call| call.start_us as u64).collect::<Vec<_>>());
            }
            for batch in &batches {
                let is_in_flight = |call: &&Tracked| call.is_timed() && call.start_us < batch.from_us && call.end_us() >= batch.from_us;
                let mut in_flight: Vec<u64> = batch.left().iter().map(|call| call.number).collect();
                in_flight.sort_unstable();
                let expected: Vec<u64> = tracked.iter().filter(is_in_flight).map(|call| call.number).collect();
                prop_assert_eq!(in_flight, expected);
            }
        }
    }
}
