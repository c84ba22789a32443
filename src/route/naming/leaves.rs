//! Leaves: what one line alone tells of its endpoint, numbered, and the endpoint that each was given.
//!
//! Leaves that nothing refers to are forgotten when there are many. Requests that are kept one by one have a serial
//! number of their leaf, which stays. This module must not know how endpoints are chosen.

use crate::route::endpoint::Interner;

/// Leaves that are always kept, and bytes of their names: the whole of what most logs have.
const MIN_LEAVES: (usize, usize) = (1 << 18, 64 << 20);

const NONE: u32 = u32::MAX;

/// The leaves that are kept.
pub(super) struct Leaves {
    names: Interner,
    /// Leaves, and bytes of their names, from which on it is worth forgetting some.
    max: (usize, usize),
    /// By leaf; `NONE` before it is settled.
    endpoints: Vec<u32>,
    /// By leaf: the number under which its requests are kept one by one; `NONE` as long as none is.
    serials: Vec<u32>,
    /// By that number: the endpoint of a leaf that was forgotten, or `NONE`.
    serial_endpoints: Vec<u32>,
}

impl Default for Leaves {
    fn default() -> Self {
        Leaves {
            names: Interner::default(),
            max: MIN_LEAVES,
            endpoints: Vec::new(),
            serials: Vec::new(),
            serial_endpoints: Vec::new(),
        }
    }
}

impl Leaves {
    /// The number of a leaf: method, route by its own line, and group.
    pub(super) fn number(&mut self, parts: [&[u8]; 3]) -> u32 {
        // What is shown alike is one endpoint: two names that differ in nothing visible could not be ordered.
        let shown = parts.map(String::from_utf8_lossy);
        let leaf = self.names.number_of(shown.each_ref().map(|part| part.as_bytes()));
        if leaf as usize == self.endpoints.len() {
            self.endpoints.push(NONE);
            self.serials.push(NONE);
        }
        leaf
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there are twice as many as were in use when that was looked at last.
    pub(super) fn are_many(&self) -> bool {
        self.names.len() > self.max.0 || self.names.text_bytes() > self.max.1
    }

    /// Method, path and group.
    pub(super) fn parts(&self, leaf: u32) -> [&[u8]; 3] {
        self.names.parts(leaf)
    }

    /// The endpoint that a leaf was given, or none.
    pub(super) fn endpoint(&self, leaf: u32) -> Option<u32> {
        Some(self.endpoints[leaf as usize]).filter(|endpoint| *endpoint != NONE)
    }

    /// The same of one that was given any.
    pub(super) fn settled(&self, leaf: u32) -> u32 {
        self.endpoints[leaf as usize]
    }

    /// Gives a leaf its endpoint.
    pub(super) fn set_endpoint(&mut self, leaf: u32, endpoint: u32) {
        self.endpoints[leaf as usize] = endpoint;
    }

    /// A leaf's number for good.
    pub(super) fn serial(&mut self, leaf: u32) -> u32 {
        let serial = &mut self.serials[leaf as usize];
        if *serial == NONE {
            *serial = self.serial_endpoints.len() as u32;
            self.serial_endpoints.push(NONE);
        }
        *serial
    }

    /// By serial number, the endpoint that the leaf was given last.
    pub(super) fn take_serials(&mut self) -> Vec<Option<u32>> {
        for (serial, endpoint) in self.serials.iter().zip(&self.endpoints).filter(|(serial, _)| **serial != NONE) {
            self.serial_endpoints[*serial as usize] = *endpoint;
        }
        let serials = std::mem::take(&mut self.serial_endpoints);
        serials.into_iter().map(|endpoint| Some(endpoint).filter(|endpoint| *endpoint != NONE)).collect()
    }

    /// Forgets the leaves that are not marked, and gives the new number of each that is.
    pub(super) fn forget(&mut self, is_used: &[bool]) -> Vec<u32> {
        let old = std::mem::take(&mut self.names);
        let old_endpoints = std::mem::take(&mut self.endpoints);
        let old_serials = std::mem::take(&mut self.serials);
        let mut numbers = vec![NONE; is_used.len()];
        for (leaf, (endpoint, serial)) in (0..).zip(old_endpoints.into_iter().zip(old_serials)) {
            if is_used[leaf as usize] {
                numbers[leaf as usize] = self.names.number_of(old.parts(leaf));
                self.endpoints.push(endpoint);
                self.serials.push(serial);
            } else if serial != NONE {
                self.serial_endpoints[serial as usize] = endpoint;
            }
        }
        let (most, most_bytes) = MIN_LEAVES;
        self.max = (most.max(2 * self.names.len()), most_bytes.max(2 * self.names.text_bytes()));
        numbers
    }
}
