//! Workers' numbers of names in the run's numbering.
//!
//! Every worker numbers what it sees for itself; the merge gives each name one number, whoever saw it first. Numbers
//! never reach a result.

use super::Keep;
use crate::backtest::spool::Block;
use crate::replay::Replay;
use crate::route::paths::EndpointPaths;
use crate::source::chunk::ChunkPart;
use crate::usage::{display_name, is_key_field};
use hashbrown::HashMap;

/// A worker's numbers in the run's numbering.
#[derive(Default)]
pub(super) struct Numbering {
    pub(super) endpoints: Vec<u32>,
    pub(super) developers: Vec<u32>,
    pub(super) breakers: Vec<u32>,
}

impl Numbering {
    /// Puts the run's numbers in the place of a worker's: leaves, and their serial numbers where they stay.
    pub(super) fn renumber(&self, part: &mut ChunkPart, block: Option<&mut Block>, replay: &mut Replay) {
        for_each_endpoint(part, |endpoint| *endpoint = self.endpoints[*endpoint as usize]);
        part.usage.iter_mut().for_each(|cell| cell.developer = self.developers[cell.developer as usize]);
        part.visits.renumber(|endpoint| replay.serial(self.endpoints[endpoint as usize]));
        match block {
            Some(block) if self.breakers.is_empty() => {
                block.renumber(|endpoint| replay.serial(self.endpoints[endpoint as usize]));
            }
            Some(block) => block.renumber(|breaker| self.breakers[breaker as usize]),
            None => {}
        }
    }
}

/// Calls `change` with every endpoint's number in a part.
pub(super) fn for_each_endpoint(part: &mut ChunkPart, mut change: impl FnMut(&mut u32)) {
    part.panes.cells.iter_mut().for_each(|cell| change(&mut cell.endpoint));
    part.minutes.iter_mut().for_each(|cell| change(&mut cell.key.endpoint));
    part.arrivals.iter_mut().for_each(|(_, arrival)| change(&mut arrival.endpoint));
    part.observations.iter_mut().for_each(|observation| change(&mut observation.endpoint));
    if !part.paths.is_empty() {
        let renumbered = part.paths.drain().map(|(mut endpoint, paths)| {
            change(&mut endpoint);
            (endpoint, paths)
        });
        // Two of a worker's endpoints may be shown alike.
        let mut merged: HashMap<u32, EndpointPaths> = HashMap::new();
        renumbered.for_each(|(endpoint, paths)| merged.entry(endpoint).or_default().append(paths));
        part.paths = merged;
    }
}

/// What the third part of an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    None,
    /// The value of the `--group-by` field.
    Field,
    /// The same, and a secret.
    Key,
}

impl Grouping {
    /// What `--group-by` makes of this field.
    pub fn by(field: Option<&str>) -> Self {
        match field {
            None => Grouping::None,
            Some(name) if is_key_field(name) => Grouping::Key,
            Some(_) => Grouping::Field,
        }
    }

    /// The number of a worker's endpoint in the run.
    pub(super) fn number(self, replay: &mut Replay, keep: &Keep, parts: [&[u8]; 3]) -> u32 {
        let [method, route, group] = parts;
        let shown = if self == Grouping::Key { display_name(group, true) } else { String::new() };
        let group = if self == Grouping::Key { shown.as_bytes() } else { group };
        let has_groups = self != Grouping::None;
        match keep {
            Keep::Minutes(_) => replay.tabled.intern([method, route, group], has_groups),
            Keep::Counts | Keep::Calls(..) => replay.leaf([method, route, group], has_groups),
        }
    }
}
