//! Calls of pages become batches, as far as no later page can have an earlier start.

use super::pool::{Pool, Pooled};
use super::{Batch, Event, Phase, Tracked};
use crate::backtest::call::MINUTE_US;
use crate::backtest::load::Load;
use crate::backtest::order::KeyOrder;

// A key is a start or an end: its time in the upper half, then its phase, then what an event has above its lowest bit.

/// Where a key has its phase.
const PHASE_SHIFT: u32 = 30;

/// The bits of a key below the phase.
const KEY_EVENT_MASK: u32 = (1 << PHASE_SHIFT) - 1;

/// With more calls, places would run into a key's phase; a page's worth less, as they come by pages.
const MOST_CALLS: usize = (1 << (PHASE_SHIFT - Tracked::SPREAD_SHIFT)) - (1 << 16);

/// A batch that spans as much has too many minutes to count in at once.
const LONGEST_DENSE_US: i64 = 16 * MINUTE_US;

impl Phase {
    const KEY_MASK: u64 = 3 << PHASE_SHIFT;

    #[inline(always)]
    fn key_bits(self) -> u64 {
        (self as u64) << PHASE_SHIFT
    }
}

/// The place of a key's call.
#[inline(always)]
fn place_of(key: u64) -> usize {
    event_of(key).call()
}

#[inline(always)]
fn is_start(key: u64) -> bool {
    key & Phase::KEY_MASK == Phase::Start.key_bits()
}

#[inline(always)]
fn event_of(key: u64) -> Event {
    Event((key as u32 & KEY_EVENT_MASK) << Event::TAG_SHIFT | u32::from(!is_start(key)))
}

/// What keys of one instant have in common.
#[inline(always)]
fn instant_of(key: u64) -> u64 {
    key >> PHASE_SHIFT
}

/// Calls that were read and are not over.
#[derive(Debug)]
pub(in crate::backtest) struct Arrivals {
    /// Those in flight from before the next batch, then those that start in it.
    calls: Pooled<Tracked>,
    /// Those that start later.
    later: Vec<Tracked>,
    /// The last microsecond of the next batch.
    last_us: i64,
}

impl Arrivals {
    /// No calls; all that come are of the next batch.
    pub(in crate::backtest) fn new() -> Self {
        Arrivals { calls: Pooled::default(), later: Vec::new(), last_us: i64::MAX }
    }

    /// Adds calls that start by `latest_us`.
    #[inline(always)]
    pub(in crate::backtest) fn extend(&mut self, latest_us: i64, calls: impl Iterator<Item = Tracked>) {
        if latest_us <= self.last_us {
            self.calls.extend(calls);
        } else {
            calls.for_each(|call| {
                let list = if call.start_us <= self.last_us { &mut *self.calls } else { &mut self.later };
                list.push(call);
            });
        }
    }

    /// Adds others' calls of the next batch, as far as they are wanted.
    pub(in crate::backtest) fn extend_if(&mut self, others: &Arrivals, is_wanted: impl Fn(&Tracked) -> bool) {
        self.extend(i64::MAX, others.calls.iter().filter(|call| is_wanted(call)).copied());
    }

    fn len(&self) -> usize {
        self.calls.len() + self.later.len()
    }
}

/// Makes batches of the calls of pages.
#[derive(Debug)]
pub(in crate::backtest) struct Timeline {
    /// Whether equal starts are put in order of their ends.
    by_end: bool,
    arrivals: Arrivals,
    /// How many calls are in flight from before the next batch.
    left: usize,
    /// What happened before is in earlier batches.
    settled_us: i64,
    /// Calls that have started.
    started: u64,
    /// Room for the keys of a batch.
    keys: Vec<u64>,
    order: KeyOrder,
    /// Room for later batches.
    call_lists: Pool<Tracked>,
    place_lists: Pool<u32>,
    event_lists: Pool<Event>,
}

impl Timeline {
    /// No calls yet. Equal starts are put in order of their ends where `by_end` is set, then of their pages, then of
    /// their places in those.
    pub(in crate::backtest) fn new(by_end: bool) -> Self {
        Timeline {
            by_end,
            arrivals: Arrivals::new(),
            left: 0,
            settled_us: i64::MIN,
            started: 0,
            keys: Vec::new(),
            order: KeyOrder::new(),
            call_lists: Pool::new(),
            place_lists: Pool::new(),
            event_lists: Pool::new(),
        }
    }

    /// Calls that wait to start or to end.
    pub(in crate::backtest) fn waiting(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether the waiting calls are as many as can be put in order at once.
    pub(in crate::backtest) fn is_full(&self) -> bool {
        self.waiting() >= MOST_CALLS
    }

    /// Begins a batch of all that happens before `until_us` and is in no earlier one; `None`: all that is left.
    pub(in crate::backtest) fn begin(&mut self, until_us: Option<i64>) {
        let Arrivals { calls, later, last_us } = &mut self.arrivals;
        *last_us = until_us.map_or(i64::MAX, |until_us| until_us.saturating_sub(1));
        let last_us = *last_us;
        later.retain(|call| {
            let is_later = call.start_us > last_us;
            if !is_later {
                calls.push(*call);
            }
            is_later
        });
    }

    /// Where calls are added of the batch that was begun, and of later ones; none starts before what is settled.
    pub(in crate::backtest) fn arrivals(&mut self) -> &mut Arrivals {
        &mut self.arrivals
    }

    /// The batch that was begun. Its starts and ends are put in order where somebody asks for it, or it is not dense.
    pub(in crate::backtest) fn settle(&mut self, is_order_asked: bool) -> Batch {
        let (from_us, last_us) = (self.settled_us, self.arrivals.last_us);
        let starts_in_time = |call: &Tracked| call.start_us >= from_us;
        debug_assert!(self.arrivals.calls[self.left..].iter().all(starts_in_time), "a start is too late");
        let is_dense = last_us.saturating_sub(from_us) < LONGEST_DENSE_US;
        let is_in_order = is_order_asked || !is_dense;
        let mut batch = Batch { from_us, last_us, is_in_order, is_dense, left: self.left, ..Batch::default() };
        if is_in_order {
            batch.leaves = self.find_keys(&batch);
            self.tell_events(&mut batch);
        } else {
            let leaves = (0..).zip(&self.arrivals.calls).filter(|(_, call)| call.end_us() > last_us);
            batch.leaves = self.place_lists.take();
            batch.leaves.extend(leaves.map(|(place, _)| place));
        }
        self.settled_us = last_us.saturating_add(1);
        self.left = batch.leaves.len();
        let mut left_calls = self.call_lists.take();
        left_calls.extend(batch.leaves.iter().map(|place| self.arrivals.calls[*place as usize]));
        batch.calls = std::mem::replace(&mut self.arrivals.calls, left_calls);
        batch
    }

    /// Puts the keys of a batch's starts and ends in order; gives the places of the calls that do not end in it.
    fn find_keys(&mut self, batch: &Batch) -> Pooled<u32> {
        let Timeline { arrivals: Arrivals { calls, .. }, keys, order, place_lists, .. } = self;
        let span = Span::of(batch, calls);
        // Wide ones are not distributed; the ranks that they get are told apart by all bits.
        let is_wide = span.bits() > u32::BITS;
        order.begin(if is_wide { 0 } else { span.bits() });
        let (mut leaves, mut count) = (place_lists.take(), 0);
        // What is left of earlier keys is written over.
        keys.resize(2 * calls.len(), 0);
        let mut push = |at_us, phase: Phase, low| {
            let key = span.after_first(at_us) << u32::BITS | phase.key_bits() | low;
            keys[count] = key;
            count += 1;
            order.count(key);
        };
        for (call, place) in calls.iter().zip(0u32..) {
            let low = u64::from(place) << Tracked::SPREAD_SHIFT | u64::from(call.tag & Tracked::EVENT_MASK);
            let (start_us, end_us) = (call.start_us, call.end_us());
            if place as usize >= batch.left {
                push(start_us, Phase::Start, low);
            }
            if end_us <= batch.last_us {
                push(end_us, if end_us == start_us { Phase::InstantEnd } else { Phase::End }, low);
            } else {
                leaves.push(place);
            }
        }
        keys.truncate(count);
        if is_wide {
            sort_wide(keys, calls, &span);
        } else {
            order.sort(keys);
        }
        leaves
    }

    /// Tells the starts and events of a batch by its sorted keys, and counts the calls that start.
    fn tell_events(&mut self, batch: &mut Batch) {
        let mut from = 0;
        let is_open = |pair: &[u64]| instant_of(pair[1]) <= instant_of(pair[0]);
        while let Some(open) = self.keys[from..].windows(2).position(is_open) {
            from = self.order_ties(from + open);
        }
        let (mut starts, mut events, mut count) = (self.place_lists.take(), self.event_lists.take(), 0);
        // In flight from before are calls with a duration.
        let mut load = Load::new(batch.left as u32);
        // One more, as a place is written before it is clear that it is one.
        starts.resize(self.arrivals.calls.len() + 1, 0);
        events.extend(self.keys.iter().map(|key| {
            let event = event_of(*key);
            starts[count] = event.call() as u32;
            count += usize::from(!event.is_end());
            load.take(event);
            event
        }));
        starts.truncate(count);
        for place in &starts {
            self.arrivals.calls[*place as usize].number = self.started;
            self.started += 1;
        }
        (batch.starts, batch.events, batch.load) = (starts, events, load);
    }

    /// Puts keys in order that distributing left equal, and ends of one instant, or starts of one, in order of their calls'
    /// starts; gives the end of the keys that are.
    #[cold]
    fn order_ties(&mut self, from: usize) -> usize {
        let Timeline { by_end, arrivals: Arrivals { calls, .. }, keys, order, .. } = self;
        let rank = |key: &u64| {
            let place = place_of(*key);
            let call = &calls[place];
            let length = if *by_end { (call.duration_us, call.is_timed()) } else { (0, false) };
            // With equal starts they are in one batch: both have been counted, or both have the numbers of their pages.
            (call.start_us, length, call.number, place)
        };
        let equal = order.sort_equal(keys, from);
        for tied in keys[equal.clone()].chunk_by_mut(|a, b| instant_of(*a) == instant_of(*b)) {
            if !tied.is_sorted_by_key(rank) {
                tied.sort_unstable_by_key(rank);
            }
        }
        equal.end
    }
}

/// The times of a batch.
struct Span {
    first_us: i64,
    last_us: i64,
}

impl Span {
    fn of(batch: &Batch, calls: &[Tracked]) -> Self {
        let (mut first_us, mut last_us) = (batch.from_us, batch.last_us);
        if first_us == i64::MIN {
            first_us = calls.iter().map(|call| call.start_us).min().unwrap_or(0);
        }
        if last_us.wrapping_sub(first_us) as u64 > u64::from(u32::MAX) {
            let last = |call: &Tracked| if call.end_us() <= last_us { call.end_us() } else { call.start_us };
            last_us = calls.iter().map(last).max().unwrap_or(first_us);
        }
        Span { first_us, last_us }
    }

    #[inline(always)]
    fn after_first(&self, at_us: i64) -> u64 {
        at_us.wrapping_sub(self.first_us) as u64
    }

    fn bits(&self) -> u32 {
        u64::BITS - self.after_first(self.last_us).leading_zeros()
    }
}

/// Sorts keys whose times are too far apart for their upper halves, which become the times' ranks.
fn sort_wide(keys: &mut [u64], calls: &[Tracked], span: &Span) {
    let time = |key: u64| {
        let call = &calls[place_of(key)];
        let at_us = if is_start(key) { call.start_us } else { call.end_us() };
        span.after_first(at_us)
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
