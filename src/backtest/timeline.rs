//! Calls become batches of starts and ends in order of time, made once for all models.
//!
//! At one instant: ends of calls with a duration, then starts in input order, then ends of calls without one. A batch
//! holds some thousand calls as they stand in the log; its starts and ends are put in order together, by distributing,
//! and an event is four bytes that point to its call.

use super::call::{Call, Outcome};
use super::order::KeyOrder;

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
    /// Calls counted from 0, by start; known from the batch on in which it starts.
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

    /// The call, without its number.
    #[inline(always)]
    pub(super) fn new(call: &Call) -> Self {
        let timed = if call.duration_us.is_some() { Self::IS_TIMED } else { 0 };
        Tracked {
            start_us: call.start_us,
            duration_us: call.duration_us.unwrap_or(0),
            number: 0,
            endpoint: call.endpoint,
            tag: call.spread_us << Self::SPREAD_SHIFT | timed | call.outcome as u32,
        }
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

    /// From the lower half of a [key](Timeline::keys).
    #[inline(always)]
    fn of_key(key: u64) -> Self {
        let is_end = key & Phase::KEY_MASK != Phase::Start.key_bits();
        Event((key as u32 & KEY_CALL_MASK) << 1 | u32::from(is_end))
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
    /// Nothing of it happens before, and all that does happened in earlier batches; UTC microseconds.
    pub from_us: i64,
    /// Calls that are left from before, then new ones; what is not over is left for the next batch.
    pub calls: Vec<Tracked>,
    /// How many are left from before.
    left: usize,
    /// Places of the calls that start, in order.
    pub starts: Vec<u32>,
    pub events: Vec<Event>,
}

impl Batch {
    /// The calls that start, in order.
    pub(crate) fn started(&self) -> impl DoubleEndedIterator<Item = &Tracked> + ExactSizeIterator + Clone {
        self.starts.iter().map(|place| &self.calls[*place as usize])
    }

    /// The calls with a duration that are in flight when it begins.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = &Tracked> {
        let left = &self.calls[..self.left];
        left.iter().filter(|call| call.start_us < self.from_us && call.is_timed())
    }

    /// The events of some of the calls, as if the others had no duration.
    pub(crate) fn only(&self, is_kept: impl Fn(&Tracked) -> bool) -> Batch {
        let or_untimed = |call: &Tracked| {
            let lost = if is_kept(call) { 0 } else { Tracked::IS_TIMED };
            Tracked { tag: call.tag & !lost, ..*call }
        };
        let is_kept = |place: usize| is_kept(&self.calls[place]);
        Batch {
            from_us: self.from_us,
            calls: self.calls.iter().map(or_untimed).collect(),
            left: self.left,
            starts: self.starts.iter().filter(|place| is_kept(**place as usize)).copied().collect(),
            events: self.events.iter().filter(|event| is_kept(event.call())).copied().collect(),
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

/// Where a key has its phase, above the call.
const PHASE_SHIFT: u32 = 30;

impl Phase {
    const KEY_MASK: u64 = 3 << PHASE_SHIFT;

    #[inline(always)]
    fn key_bits(self) -> u64 {
        (self as u64) << PHASE_SHIFT
    }
}

/// The bits of a key below the phase: the call's place, then whether it has a duration.
const KEY_CALL_MASK: u32 = (1 << PHASE_SHIFT) - 1;

/// The place of a key's call.
#[inline(always)]
fn place_of(key: u64) -> usize {
    (key as u32 & KEY_CALL_MASK) as usize >> 1
}

/// The calls that are not over.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Whether equal starts are put in order of their ends.
    by_end: bool,
    /// Those left from the last batch, then new ones.
    calls: Vec<Tracked>,
    /// For each its page.
    pages: Vec<u32>,
    /// How many are left.
    left: usize,
    /// What happened before is in earlier batches.
    settled_us: i64,
    /// Calls that have started.
    started: u64,
    /// Room for the keys of a batch.
    keys: Vec<u64>,
    order: KeyOrder,
}

impl Timeline {
    /// No calls yet. Equal starts are put in order of their ends where `by_end` is set, then of their pages, then of
    /// their places in those.
    pub(super) fn new(by_end: bool) -> Self {
        Timeline { by_end, settled_us: i64::MIN, ..Timeline::default() }
    }

    /// Calls that wait to start or to end.
    pub(super) fn waiting(&self) -> usize {
        self.calls.len()
    }

    /// Adds calls of a page; none of them starts before what is settled.
    pub(super) fn add(&mut self, page: u32, calls: impl Iterator<Item = Tracked>) {
        self.calls.extend(calls);
        self.pages.resize(self.calls.len(), page);
    }

    /// All starts and ends before `until_us` that are in no earlier batch; `None`: all that are left.
    pub(super) fn settle(&mut self, until_us: Option<i64>) -> Batch {
        let last_us = until_us.map_or(i64::MAX, |until_us| until_us.saturating_sub(1));
        let not_over = self.find_keys(last_us);
        self.order_ties();
        let events = self.keys.iter().map(|key| Event::of_key(*key)).collect();
        let starts = self.number_starts();
        let from_us = std::mem::replace(&mut self.settled_us, until_us.unwrap_or(i64::MAX));
        // The next batch has about as many.
        let mut left_calls = Vec::with_capacity(self.calls.len());
        left_calls.extend(not_over.iter().map(|place| self.calls[*place as usize]));
        self.pages = not_over.iter().map(|place| self.pages[*place as usize]).collect();
        let left = std::mem::replace(&mut self.left, not_over.len());
        Batch { from_us, calls: std::mem::replace(&mut self.calls, left_calls), left, starts, events }
    }

    /// Puts the keys of all starts and ends up to `last_us` in order; gives the places of the calls that do not end by
    /// then. A key has the time in its upper half, then the phase, then the call.
    fn find_keys(&mut self, last_us: i64) -> Vec<u32> {
        let Timeline { calls, settled_us, keys, order, .. } = self;
        let first_us = match *settled_us {
            i64::MIN => calls.iter().map(|call| call.start_us).min().unwrap_or(0),
            settled_us => settled_us,
        };
        let (mut not_over, mut count, mut latest) = (Vec::new(), 0, 0);
        keys.clear();
        keys.resize(2 * calls.len(), 0);
        for (call, place) in calls.iter().zip(0u64..) {
            let (start_us, end_us) = (call.start_us, call.end_us());
            let low = place << 1 | u64::from(call.is_timed());
            // Without a branch: which calls start or end here is clear for most, but not for those at the batch's edges.
            let after = |at_us: i64| at_us.wrapping_sub(first_us) as u64;
            keys[count] = after(start_us) << 32 | Phase::Start.key_bits() | low;
            count += usize::from(start_us >= *settled_us && start_us <= last_us);
            let end = if end_us == start_us { Phase::InstantEnd } else { Phase::End };
            keys[count] = after(end_us) << 32 | end.key_bits() | low;
            if end_us <= last_us {
                count += 1;
                latest = after(end_us).max(latest);
            } else {
                latest = if start_us <= last_us { after(start_us).max(latest) } else { latest };
                not_over.push(place as u32);
            }
        }
        keys.truncate(count);
        if latest >> u32::BITS == 0 {
            order.sort(keys, u64::BITS - latest.leading_zeros());
        } else {
            sort_wide(keys, calls, first_us);
        }
        not_over
    }

    /// Puts ends of one instant, and starts of one, in order of their calls' starts.
    fn order_ties(&mut self) {
        let Timeline { by_end, calls, pages, keys, .. } = self;
        let instant = |key: &u64| key >> PHASE_SHIFT;
        let rank = |key: &u64| {
            let place = place_of(*key);
            let call = &calls[place];
            let length = if *by_end { (call.duration_us, call.is_timed()) } else { (0, false) };
            (call.start_us, length, pages[place], place)
        };
        let mut from = 0;
        while let Some(equal) = keys[from..].windows(2).position(|pair| instant(&pair[0]) == instant(&pair[1])) {
            let first = from + equal;
            let tied = instant(&keys[first]);
            from = first + keys[first..].iter().take_while(|key| instant(key) == tied).count();
            let ties = &mut keys[first..from];
            if !ties.is_sorted_by_key(rank) {
                ties.sort_unstable_by_key(rank);
            }
        }
    }

    /// Gives the calls that start their numbers; gives their places.
    fn number_starts(&mut self) -> Vec<u32> {
        let Timeline { calls, started, keys, .. } = self;
        let mut starts = vec![0; keys.len()];
        let mut count = 0;
        for key in keys {
            starts[count] = place_of(*key) as u32;
            count += usize::from(*key & Phase::KEY_MASK == Phase::Start.key_bits());
        }
        starts.truncate(count);
        for place in &starts {
            calls[*place as usize].number = *started;
            *started += 1;
        }
        starts
    }
}

/// Sorts keys whose times are too far apart for their upper halves, which become the times' ranks.
fn sort_wide(keys: &mut [u64], calls: &[Tracked], first_us: i64) {
    let time = |key: u64| {
        let call = &calls[place_of(key)];
        let at_us = if key & Phase::KEY_MASK == Phase::Start.key_bits() { call.start_us } else { call.end_us() };
        at_us.wrapping_sub(first_us) as u64
    };
    let mut wide: Vec<(u64, u32)> = keys.iter().map(|key| (time(*key), *key as u32)).collect();
    wide.sort_unstable();
    let (mut rank, mut before) = (0, 0);
    for (key, (at, low)) in keys.iter_mut().zip(wide) {
        rank += u64::from(at != before);
        before = at;
        *key = rank << 32 | u64::from(low);
    }
}

/// A time and a phase as one number of the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimePhase(i64);

impl TimePhase {
    /// Behind all that happens.
    pub(crate) const NEVER: TimePhase = TimePhase(i64::MAX);

    /// Before all that happens.
    pub(crate) const FIRST: TimePhase = TimePhase(i64::MIN);

    #[inline(always)]
    pub(crate) fn of(at_us: i64, phase: Phase) -> Self {
        TimePhase(at_us.saturating_mul(4).saturating_add(phase as i64))
    }

    /// When a call of this duration ends.
    #[inline(always)]
    pub(crate) fn of_end(start_us: i64, duration_us: u64) -> Self {
        let phase = if duration_us == 0 { Phase::InstantEnd } else { Phase::End };
        TimePhase::of(start_us.saturating_add_unsigned(duration_us), phase)
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
        let mut timeline = Timeline::new(false);
        let mut chunks = calls.chunks(batch_calls).zip(0..).peekable();
        let mut batches = Vec::new();
        while let Some((chunk, page)) = chunks.next() {
            timeline.add(page, chunk.iter().map(Tracked::new));
            batches.push(timeline.settle(chunks.peek().map(|(next, _)| next[0].start_us)));
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
            for batch in &batches {
                let is_in_flight = |call: &&Tracked| call.is_timed() && call.start_us < batch.from_us && call.end_us() >= batch.from_us;
                let mut in_flight: Vec<u64> = batch.in_flight().map(|call| call.number).collect();
                in_flight.sort_unstable();
                let expected: Vec<u64> = tracked.iter().filter(is_in_flight).map(|call| call.number).collect();
                prop_assert_eq!(in_flight, expected);
            }
        }
    }
}
