//! Counted requests from the moment they are read to the moment they have a name.
//!
//! Cells come in under leaves, in any order; once a cycle's requests are all known, their panes go out under the
//! endpoints' names of that cycle, and into the totals. This module must not know what the windows are for.

use super::totals::Totals;
use crate::route::endpoint::EndpointNames;
use crate::route::naming::{Merged, NOT_FOUND, Naming};
use crate::window::minute::MinuteRow;
use crate::window::pane::{Cell, Counts, NO_PANE, OpenPanes, Pane};
use crate::window::value_run::ValueRun;
use std::collections::BTreeMap;

/// Requests on their way to their names.
pub(super) struct Intake {
    /// Panes that may still grow, by leaf.
    pub(super) open_panes: OpenPanes,
    pub(super) naming: Naming,
    pub(super) totals: Totals,
    /// Requests that belong to no pane, by leaf.
    late: BTreeMap<u32, Late>,
    /// By endpoint: the pane where it was seen last, and its place there.
    seen: Vec<(i64, u32)>,
}

struct Late {
    counts: Counts,
    values_ns: Vec<u64>,
    /// Durations in nanoseconds with how often they occurred, in no order; none of the others.
    counted: Vec<(u64, u64)>,
    found_ms: i64,
}

impl Default for Late {
    fn default() -> Self {
        Late { counts: Counts::default(), values_ns: Vec::new(), counted: Vec::new(), found_ms: NOT_FOUND }
    }
}

/// What a cycle has to know.
pub(super) struct Settled {
    /// Endpoints that became parts of others, in order.
    pub(super) merged: Vec<Merged>,
    /// The cycle's panes, by endpoint.
    pub(super) panes: Vec<Pane>,
}

impl Intake {
    pub(super) fn new(naming: Naming) -> Self {
        Intake {
            open_panes: OpenPanes::default(),
            naming,
            totals: Totals::default(),
            late: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Takes what was counted of one leaf in one pane.
    pub(super) fn count(&mut self, cell: &Cell, values: ValueRun) {
        if cell.pane != NO_PANE {
            self.open_panes.add(cell, values);
            return;
        }
        self.late(cell).values_ns.extend_from_slice(values.values_ns());
    }

    /// The same for a row that was counted by minute.
    pub(super) fn count_row(&mut self, leaf: u32, row: &MinuteRow, pane_ms: i64) {
        let cell = row.cell(leaf, pane_ms);
        if cell.pane != NO_PANE {
            self.open_panes.open(row.span(pane_ms));
            self.open_panes.add_counted(&cell, &row.values);
            return;
        }
        self.late(&cell).counted.extend_from_slice(&row.values);
    }

    fn late(&mut self, cell: &Cell) -> &mut Late {
        let late = self.late.entry(cell.endpoint).or_default();
        late.counts.add(&cell.counts);
        late.found_ms = late.found_ms.min(cell.found_ms);
        late
    }

    /// Names everything up to a cycle's end, all of which is there.
    pub(super) fn settle(&mut self, end_pane: i64, end_ms: i64, names: &mut EndpointNames) -> Settled {
        let mut panes: Vec<Pane> = std::iter::from_fn(|| self.open_panes.take_until(end_pane)).collect();
        let leaves = panes.iter().flat_map(|pane| &pane.endpoints);
        let seen = leaves.map(|(leaf, part)| (*leaf, part.found_ms));
        let merged = self.settle_leaves(seen.collect::<Vec<_>>().into_iter(), end_ms, names);
        panes.iter_mut().for_each(|pane| self.name(pane));
        Settled { merged, panes }
    }

    /// Names leaves that no pane holds.
    pub(super) fn settle_leaves(
        &mut self,
        seen: impl Iterator<Item = (u32, i64)>,
        end_ms: i64,
        names: &mut EndpointNames,
    ) -> Vec<Merged> {
        let merged = self.naming.settle(seen, end_ms, names);
        merged.iter().for_each(|Merged { from, into }| self.totals.unite(*from, *into));
        merged
    }

    /// Adds a pane to the totals, and puts endpoints in the place of its leaves.
    fn name(&mut self, pane: &mut Pane) {
        let (number, parts) = (pane.span.pane, &mut pane.endpoints);
        let mut kept = 0;
        // The parts stay where they are, as nearly all leaves are endpoints of their own.
        for index in 0..parts.len() {
            let (leaf, part) = &parts[index];
            let place = self.naming.place(*leaf);
            self.totals.add(place.total, &part.counts, part.values.iter().map(ValueRun::values_ns));
            if !part.values.counted().is_empty() {
                self.totals.add_counted(place.total, part.values.counted());
            }
            let shown = place.shown as usize;
            if shown >= self.seen.len() {
                self.seen.resize(shown + 1, (NO_PANE, 0));
            }
            if self.seen[shown].0 == number {
                let part = std::mem::take(&mut parts[index].1);
                parts[self.seen[shown].1 as usize].1.append(part);
                continue;
            }
            self.seen[shown] = (number, kept as u32);
            if kept < index {
                parts.swap(kept, index);
            }
            parts[kept].0 = place.shown;
            kept += 1;
        }
        parts.truncate(kept);
    }

    /// Names what is left once nothing is still to come.
    pub(super) fn finish(&mut self, end_ms: i64, names: &mut EndpointNames) {
        self.settle(i64::MAX, end_ms, names);
        let late = std::mem::take(&mut self.late);
        let seen = late.iter().map(|(leaf, late)| (*leaf, late.found_ms));
        self.settle_leaves(seen, end_ms, names);
        for (leaf, late) in late {
            let total = self.naming.place(leaf).total;
            self.totals.add(total, &late.counts, [&late.values_ns[..]].into_iter());
            self.totals.add_counted(total, &late.counted);
        }
        for Merged { from, into } in self.naming.finish(names) {
            self.totals.unite(from, into);
        }
    }

    /// Calls `change` with every leaf that is under way.
    pub(super) fn for_each_leaf(&mut self, mut change: impl FnMut(&mut u32)) {
        self.open_panes.for_each_endpoint(&mut change);
        let late = std::mem::take(&mut self.late);
        self.late = late
            .into_iter()
            .map(|(mut leaf, late)| {
                change(&mut leaf);
                (leaf, late)
            })
            .collect();
    }
}
