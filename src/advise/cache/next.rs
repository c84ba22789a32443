//! What a client asks for next: counted on the first part of a log, held against the rest.
//!
//! A guess is right where the client's next request is for that route and comes within the time to live; what was fetched
//! ahead in vain counts as wrong, also where the client does not come back.

use crate::advise::trace::Visit;
use crate::route::endpoint::EndpointNames;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Requests of the first part and of the last third.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    learnt: u64,
    held_out: u64,
}

impl Parts {
    fn add(&mut self, is_held_out: bool) {
        if is_held_out { self.held_out += 1 } else { self.learnt += 1 }
    }
}

/// The clients of a log under way.
pub(super) struct NextRoutes {
    ttl_ms: i64,
    held_out_ms: i64,
    /// The last request of each client that may still be followed by another.
    last: HashMap<u64, Last>,
    by_time: VecDeque<(i64, u64)>,
    /// By endpoint.
    visits: Vec<Parts>,
    has_clients: bool,
    /// From one endpoint to the next.
    followed: HashMap<(u32, u32), Parts>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    at_ms: i64,
    endpoint: u32,
    is_held_out: bool,
}

/// The likeliest next route after one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Guess {
    pub endpoint: u32,
    /// Share of the requests of the first part that it followed.
    pub learnt_rate: f64,
    /// Requests of the last third, and of those how many it followed.
    pub held_out: u64,
    pub right: u64,
}

/// What is known of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Followed {
    pub visits: u64,
    pub guess: Option<Guess>,
}

impl NextRoutes {
    pub(super) fn new(ttl_ms: i64, held_out_ms: i64) -> Self {
        NextRoutes {
            ttl_ms,
            held_out_ms,
            last: HashMap::new(),
            by_time: VecDeque::new(),
            visits: Vec::new(),
            has_clients: false,
            followed: HashMap::new(),
        }
    }

    /// Takes the next request.
    pub(super) fn take(&mut self, visit: &Visit) {
        let index = visit.endpoint as usize;
        if index >= self.visits.len() {
            self.visits.resize(index + 1, Parts::default());
        }
        let (at_ms, endpoint) = (visit.ended_ms, visit.endpoint);
        let is_held_out = at_ms >= self.held_out_ms;
        self.visits[index].add(is_held_out);
        if visit.client == 0 {
            return;
        }
        self.has_clients = true;
        self.forget_before(at_ms.saturating_sub(self.ttl_ms));
        self.by_time.push_back((at_ms, visit.client));
        let last = self.last.insert(visit.client, Last { at_ms, endpoint, is_held_out });
        if let Some(last) = last.filter(|last| at_ms - last.at_ms < self.ttl_ms) {
            self.followed.entry((last.endpoint, endpoint)).or_default().add(last.is_held_out);
        }
    }

    fn forget_before(&mut self, oldest_ms: i64) {
        while let Some((at_ms, client)) = self.by_time.front().copied().filter(|(at_ms, _)| *at_ms < oldest_ms) {
            self.by_time.pop_front();
            if self.last.get(&client).is_some_and(|last| last.at_ms == at_ms) {
                self.last.remove(&client);
            }
        }
    }

    /// Whether the log tells clients apart.
    pub(super) fn has_clients(&self) -> bool {
        self.has_clients
    }

    /// By endpoint; of next routes that are equally likely the first by name.
    pub(super) fn finish(self, names: &EndpointNames) -> Vec<Followed> {
        let mut best: Vec<Option<(u64, u32)>> = vec![None; self.visits.len()];
        for (&(from, to), parts) in self.followed.iter().filter(|(_, parts)| parts.learnt > 0) {
            let best = &mut best[from as usize];
            let is_better = best.is_none_or(|(count, known)| {
                parts.learnt > count || (parts.learnt == count && names.name(to) < names.name(known))
            });
            if is_better {
                *best = Some((parts.learnt, to));
            }
        }
        let guess = |from: usize, parts: &Parts| {
            let (count, endpoint) = best[from]?;
            let right = self.followed.get(&(from as u32, endpoint)).map_or(0, |parts| parts.held_out);
            let learnt_rate = count as f64 / parts.learnt as f64;
            Some(Guess { endpoint, learnt_rate, held_out: parts.held_out, right })
        };
        let followed = |(from, parts): (usize, &Parts)| Followed {
            visits: parts.learnt + parts.held_out,
            guess: guess(from, parts),
        };
        self.visits.iter().enumerate().map(followed).collect()
    }
}
