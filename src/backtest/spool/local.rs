//! Numbers of the endpoints of a chunk, in order of their first request: few, so that they are short.

use std::collections::BTreeMap;

/// Endpoints from here on are looked up in a map, as a list of all before them would take more memory than they are worth.
const FAR: usize = 1 << 18;

/// Endpoints in two numberings.
#[derive(Debug, Default)]
pub(super) struct LocalNumbers {
    /// By endpoint.
    local: Vec<u32>,
    /// Those of endpoints far away.
    far: BTreeMap<u32, u32>,
    /// By local number.
    pub endpoints: Vec<u32>,
}

impl LocalNumbers {
    const NONE: u32 = u32::MAX;

    /// An endpoint's local number.
    #[inline(always)]
    pub(super) fn of(&mut self, endpoint: u32) -> u32 {
        match self.local.get(endpoint as usize) {
            Some(&local) if local != Self::NONE => local,
            _ => self.find(endpoint),
        }
    }

    /// Takes the numbers back.
    pub(super) fn clear(&mut self) {
        let near = self.endpoints.drain(..).filter(|endpoint| (*endpoint as usize) < FAR);
        near.for_each(|endpoint| self.local[endpoint as usize] = Self::NONE);
        self.far.clear();
    }

    #[cold]
    fn find(&mut self, endpoint: u32) -> u32 {
        let (place, next) = (endpoint as usize, self.endpoints.len() as u32);
        let local = if place < FAR {
            if place >= self.local.len() {
                self.local.resize(place + 1, Self::NONE);
            }
            self.local[place] = next;
            next
        } else {
            *self.far.entry(endpoint).or_insert(next)
        };
        if local == next {
            self.endpoints.push(endpoint);
        }
        local
    }
}
