//! Calls of pages become batches, as far as no later page can have an earlier start.

use super::pool::{Pool, Pooled};
use super::{Batch, Event, Phase, Tracked};
use crate::backtest::order::KeyOrder;

// A key is a start or an end: its time in the upper half, then its phase, then what an event has above its lowest bit.

/// Where a key has its phase.
const PHASE_SHIFT: u32 = 30;

/// The bits of a key below the phase.
const KEY_EVENT_MASK: u32 = (1 << PHASE_SHIFT) - 1;

/// With more calls, places would run into a key's phase; a page's worth less, as they come by pages.
const MOST_CALLS: usize = (1 << (PHASE_SHIFT - Tracked::SPREAD_SHIFT)) - (1 << 16);

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

/// The calls that are not over.
#[derive(Debug)]
pub(in crate::backtest) struct Timeline {
    /// Whether equal starts are put in order of their ends.
    by_end: bool,
    /// Those left from the last batch, then new ones.
    calls: Pooled<Tracked>,
    /// How many are left.
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
            calls: Pooled::default(),
            left: 0,
            settled_us: i64::MIN,
            started: 0,
            keys: Vec::new(),
            order: KeyOrder::default(),
            call_lists: Pool::new(),
            place_lists: Pool::new(),
            event_lists: Pool::new(),
        }
    }

    /// All that happens before, in UTC microseconds, is in batches; [`i64::MIN`] before the first.
    pub(in crate::backtest) fn settled_us(&self) -> i64 {
        self.settled_us
    }

    /// Calls that wait to start or to end.
    pub(in crate::backtest) fn waiting(&self) -> usize {
        self.calls.len()
    }

    /// Whether the waiting calls are as many as can be put in order at once.
    pub(in crate::backtest) fn is_full(&self) -> bool {
        self.calls.len() >= MOST_CALLS
    }

    /// `append` adds calls of a page behind those that are there; none of them starts before what is settled.
    pub(in crate::backtest) fn add(&mut self, append: impl FnOnce(&mut Vec<Tracked>)) {
        let before = self.calls.len();
        append(&mut self.calls);
        debug_assert!(self.calls[before..].iter().all(|call| call.start_us >= self.settled_us), "a start is too late");
    }

    /// All starts and ends before `until_us` that are in no earlier batch; `None`: all that are left. Putting them in order
    /// is left out where nobody asks for it.
    pub(in crate::backtest) fn settle(&mut self, until_us: Option<i64>, is_in_order: bool) -> Batch {
        let from_us = self.settled_us;
        let last_us = until_us.map_or(i64::MAX, |until_us| until_us.saturating_sub(1));
        let mut batch = Batch { from_us, last_us, is_in_order, left: self.left, ..Batch::default() };
        if is_in_order {
            batch.leaves = self.find_keys(&batch);
            (batch.starts, batch.events) = self.tell_events();
            for place in &batch.starts {
                self.calls[*place as usize].number = self.started;
                self.started += 1;
            }
        } else {
            let leaves = (0..).zip(&self.calls).filter(|(_, call)| call.end_us() > last_us);
            batch.leaves = self.place_lists.take();
            batch.leaves.extend(leaves.map(|(place, _)| place));
        }
        self.settled_us = until_us.unwrap_or(i64::MAX);
        self.left = batch.leaves.len();
        let mut left_calls = self.call_lists.take();
        left_calls.extend(batch.leaves.iter().map(|place| self.calls[*place as usize]));
        batch.calls = std::mem::replace(&mut self.calls, left_calls);
        batch
    }

    /// Puts the keys of a batch's starts and ends in order; gives the places of the calls that do not end in it.
    fn find_keys(&mut self, batch: &Batch) -> Pooled<u32> {
        let Timeline { calls, keys, order, place_lists, .. } = self;
        let first_us = match batch.from_us {
            i64::MIN => calls.iter().map(|call| call.start_us).min().unwrap_or(0),
            from_us => from_us,
        };
        let (mut leaves, mut count, mut latest) = (place_lists.take(), 0, 0);
        // What is left of earlier keys is written over.
        keys.resize(2 * calls.len(), 0);
        for (call, place) in calls.iter().zip(0u64..) {
            let (start_us, end_us) = (call.start_us, call.end_us());
            let low = place << Tracked::SPREAD_SHIFT | u64::from(call.tag & Tracked::EVENT_MASK);
            // Without a branch: which calls start or end here is clear for most, but not for those at the batch's edges.
            let after = |at_us: i64| at_us.wrapping_sub(first_us) as u64;
            keys[count] = after(start_us) << 32 | Phase::Start.key_bits() | low;
            let starts = batch.has_start_of(call);
            count += usize::from(starts);
            let end = if end_us == start_us { Phase::InstantEnd } else { Phase::End };
            keys[count] = after(end_us) << 32 | end.key_bits() | low;
            if end_us <= batch.last_us {
                count += 1;
                latest = after(end_us).max(latest);
            } else {
                latest = if starts { after(start_us).max(latest) } else { latest };
                leaves.push(place as u32);
            }
        }
        keys.truncate(count);
        if latest >> u32::BITS == 0 {
            order.sort(keys, u64::BITS - latest.leading_zeros());
        } else {
            sort_wide(keys, calls, first_us);
        }
        leaves
    }

    /// The places of the calls that start, and all events, of the sorted keys.
    fn tell_events(&mut self) -> (Pooled<u32>, Pooled<Event>) {
        let mut from = 0;
        while let Some(tied) = self.keys[from..].windows(2).position(|pair| instant_of(pair[0]) == instant_of(pair[1]))
        {
            from = self.order_ties(from + tied);
        }
        let (mut starts, mut events, mut count) = (self.place_lists.take(), self.event_lists.take(), 0);
        events.extend(self.keys.iter().map(|key| event_of(*key)));
        // One more, as a place is written before it is clear that it is one.
        starts.resize(self.calls.len() + 1, 0);
        for key in &self.keys {
            starts[count] = place_of(*key) as u32;
            count += usize::from(is_start(*key));
        }
        starts.truncate(count);
        (starts, events)
    }

    /// Puts ends of one instant, or starts of one, in order of their calls' starts; gives the end of the keys that are.
    #[cold]
    fn order_ties(&mut self, from: usize) -> usize {
        let Timeline { by_end, calls, keys, .. } = self;
        let rank = |key: &u64| {
            let place = place_of(*key);
            let call = &calls[place];
            let length = if *by_end { (call.duration_us, call.is_timed()) } else { (0, false) };
            // With equal starts they are in one batch: both have been counted, or both have the numbers of their pages.
            (call.start_us, length, call.number, place)
        };
        let tied = instant_of(keys[from]);
        let to = from + keys[from..].iter().take_while(|key| instant_of(**key) == tied).count();
        let ties = &mut keys[from..to];
        if !ties.is_sorted_by_key(rank) {
            ties.sort_unstable_by_key(rank);
        }
        to
    }
}

/// Sorts keys whose times are too far apart for their upper halves, which become the times' ranks.
fn sort_wide(keys: &mut [u64], calls: &[Tracked], first_us: i64) {
    let time = |key: u64| {
        let call = &calls[place_of(key)];
        let at_us = if is_start(key) { call.start_us } else { call.end_us() };
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
