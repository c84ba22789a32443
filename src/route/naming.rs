//! Which name each endpoint has at a cycle's end, by all requests up to there.
//!
//! Requests come in under *leaves*: what one line alone tells of its endpoint. Cycle by cycle [`Naming::settle`] is told
//! which leaves were seen, and gives every one an endpoint:
//!
//! - a declared pattern keeps its name, whatever is answered;
//! - a path that was only answered with 404 so far is [`UNMATCHED`];
//! - more than 200 siblings are folded ([`super::tree`]);
//! - routes past the limit, the first ones in order of time, then path, left apart, are [`OTHER`]. From then on no new
//!   route is taken up.
//!
//! Names depend on the set of requests up to the cycle's end, not on the order in which they were read. Memory follows
//! the limits, beside what is still to be settled. This module must not know what is counted under a name.

mod leaves;

use super::declared::{DeclaredNames, DeclaredRoutes};
use super::endpoint::EndpointNames;
use super::tree::{MAX_SIBLINGS, NodeId, RouteTree};
use leaves::Leaves;

/// The route of paths that were answered with 404 only.
pub(crate) const UNMATCHED: &str = "(unmatched)";

/// The route of paths that came when there were enough.
pub(crate) const OTHER: &str = "(other)";

/// Bytes of known paths for each route there may be. Past them, paths answered with 404 only are not remembered, and
/// no longer count under their own name once they have one. A path that is longer by itself is [`OTHER`]: servers take
/// 8 KiB for a whole request line, and no one reads such a name.
const KNOWN_BYTES_PER_ROUTE: usize = 4096;

/// The time of a leaf that was answered with 404 only.
pub(crate) const NOT_FOUND: i64 = i64::MAX;

/// How routes get their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamingPlan<'a> {
    /// Routes kept apart.
    pub(crate) max_routes: usize,
    /// Whether paths are taken as they are: nothing is folded. The limit holds all the same.
    pub(crate) raw_paths: bool,
    /// Patterns whose routes are known beforehand.
    pub(crate) declared: Option<&'a DeclaredRoutes>,
}

/// Endpoints, and which leaves belong to them.
pub(crate) struct Naming {
    max_routes: usize,
    folds: bool,
    max_known_bytes: usize,
    declared: DeclaredNames,
    tree: RouteTree,
    leaves: Leaves,
    has_groups: bool,
    /// By endpoint.
    endpoints: Vec<Endpoint>,
    watch: Watch,
    full_since_ms: Option<i64>,
    merged: Vec<Merged>,
}

/// What is known of an endpoint beside its name.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    /// The endpoint that it became a part of, or itself.
    target: u32,
    /// The endpoint that windows see.
    shown: u32,
    standing: Standing,
    /// Whether its path got the name when earlier requests that belong there may have been forgotten.
    is_late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Under a name of its own for good, or until it is folded.
    Named,
    /// Without one, but counted apart.
    Watched,
    /// One of those for paths without a name.
    Pool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Open,
    /// There are too many paths: those answered with 404 only are forgotten.
    Closed,
}

/// An endpoint that became a part of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The one that ends.
    pub(crate) from: u32,
    /// The one that goes on.
    pub(crate) into: u32,
}

/// Where a leaf's requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Over the whole log.
    pub(crate) total: u32,
    /// In the windows.
    pub(crate) shown: u32,
}

impl Naming {
    /// Nothing seen yet.
    pub(crate) fn new(plan: NamingPlan<'_>) -> Self {
        Naming {
            max_routes: plan.max_routes,
            folds: !plan.raw_paths,
            max_known_bytes: plan.max_routes.saturating_mul(KNOWN_BYTES_PER_ROUTE),
            declared: plan.declared.map(DeclaredRoutes::names).unwrap_or_default(),
            tree: RouteTree::new(if plan.raw_paths { usize::MAX } else { MAX_SIBLINGS }),
            leaves: Leaves::default(),
            has_groups: false,
            endpoints: Vec::new(),
            watch: Watch::Open,
            full_since_ms: None,
            merged: Vec::new(),
        }
    }

    /// The number of a leaf: method, route by its own line, and group; `has_groups` says whether there are any.
    pub(crate) fn leaf(&mut self, parts: [&[u8]; 3], has_groups: bool) -> u32 {
        self.has_groups = has_groups;
        self.leaves.number(parts)
    }

    /// How many leaves are kept.
    pub(crate) fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are twice as many as were in use when that was looked at last.
    pub(crate) fn has_many_leaves(&self) -> bool {
        self.leaves.are_many()
    }

    /// A leaf's number for good, for requests that are kept one by one. [`Naming::endpoints_by_serial`] says what
    /// became of it.
    pub(crate) fn serial(&mut self, leaf: u32) -> u32 {
        self.leaves.serial(leaf)
    }

    /// Names the leaves seen up to a cycle's end, each with the time of its first answer other than 404, or
    /// [`NOT_FOUND`]. A leaf may be told more than once. Gives the endpoints that became parts of others, in order.
    pub(crate) fn settle(
        &mut self,
        seen: impl Iterator<Item = (u32, i64)>,
        end_ms: i64,
        names: &mut EndpointNames,
    ) -> Vec<Merged> {
        if self.watch == Watch::Closed {
            self.tree.note_forgotten();
        }
        // A watched leaf that is still not found is settled, unless its path is dropped now.
        let mut open: Vec<(u32, i64)> =
            seen.filter(|(leaf, _)| self.standing(*leaf) != Some(Standing::Named)).collect();
        if open.iter().all(|(leaf, found_ms)| self.is_settled(*leaf, *found_ms)) {
            return Vec::new();
        }
        open.sort_unstable();
        open.dedup_by_key(|(leaf, _)| *leaf);
        open.retain(|(leaf, _)| !self.name_declared(*leaf, names));
        if self.full_since_ms.is_none() {
            for (leaf, found_ms) in open.iter().filter(|(_, found_ms)| *found_ms != NOT_FOUND) {
                let [_, path, _] = self.leaves.parts(*leaf);
                if own_pool(path).is_none() {
                    self.tree.add_found(path, *found_ms);
                }
            }
            self.follow_tree(end_ms, names);
        }
        // A leaf at a known path went along with its path.
        open.retain(|(leaf, _)| matches!(self.standing(*leaf), None | Some(Standing::Pool)));
        self.watch_paths(&open, names);
        for (leaf, found_ms) in open {
            self.name_leaf(leaf, found_ms != NOT_FOUND, names);
        }
        std::mem::take(&mut self.merged)
    }

    /// Says that nothing is still to come: what is watched has no name. Gives what [`Naming::settle`] does.
    pub(crate) fn finish(&mut self, names: &mut EndpointNames) -> Vec<Merged> {
        let watch = self.watch;
        self.close_watch(names);
        self.watch = watch;
        std::mem::take(&mut self.merged)
    }

    /// Where the requests of a settled leaf are counted.
    pub(crate) fn place(&self, leaf: u32) -> Place {
        let total = self.target(self.leaves.settled(leaf));
        Place { total, shown: self.endpoints[total as usize].shown }
    }

    /// The endpoint that another has become.
    pub(crate) fn target(&self, mut endpoint: u32) -> u32 {
        while self.endpoints[endpoint as usize].target != endpoint {
            endpoint = self.endpoints[endpoint as usize].target;
        }
        endpoint
    }

    /// By serial number, the endpoint at the end. What may have been forgotten on the way is one endpoint: it must not
    /// matter when.
    pub(crate) fn endpoints_by_serial(&mut self, names: &mut EndpointNames) -> Vec<u32> {
        let serials = self.leaves.take_serials();
        serials.into_iter().map(|endpoint| self.lasting(endpoint, names)).collect()
    }

    /// The same for a leaf whose requests are kept under itself.
    pub(crate) fn lasting_endpoint(&mut self, leaf: u32, names: &mut EndpointNames) -> u32 {
        self.lasting(self.leaves.endpoint(leaf), names)
    }

    /// What an endpoint is over the whole log, however much of it was remembered.
    fn lasting(&mut self, endpoint: Option<u32>, names: &mut EndpointNames) -> u32 {
        let Some(endpoint) = endpoint else { return 0 };
        let target = self.target(endpoint);
        if self.is_lasting(target) {
            return target;
        }
        let is_full = self.full_since_ms.is_some();
        if !is_full && self.endpoints[target as usize].standing == Standing::Pool {
            // As long as there is room it follows from the path alone, or from there being no other answer than 404.
            return target;
        }
        self.pool_of(target, if is_full { OTHER } else { UNMATCHED }, names)
    }

    /// A leaf's endpoint, before any merges.
    pub(crate) fn endpoint(&self, leaf: u32) -> u32 {
        self.leaves.settled(leaf)
    }

    /// Whether an endpoint has a name of its own.
    pub(crate) fn is_named(&self, endpoint: u32) -> bool {
        self.endpoints[endpoint as usize].standing == Standing::Named
    }

    /// Whether it has one, and nothing that belongs to it may have been forgotten before it had.
    pub(crate) fn is_lasting(&self, endpoint: u32) -> bool {
        self.is_named(endpoint) && !self.endpoints[endpoint as usize].is_late
    }

    /// The end of the cycle in which the limit was passed, if it was.
    pub(crate) fn full_since_ms(&self) -> Option<i64> {
        self.full_since_ms
    }

    /// Whether paths answered with 404 only were forgotten.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.watch == Watch::Closed
    }

    /// Whether what follows from a path's look, or from its siblings, is done.
    pub(crate) fn folds(&self) -> bool {
        self.folds
    }

    /// Whether a route was declared for a method.
    pub(crate) fn is_declared(&self, method: &str, path: &str) -> bool {
        self.declared.has(method.as_bytes(), path.as_bytes())
    }

    /// Forgets the leaves that are not marked, and gives the new number of each that is.
    pub(crate) fn forget_leaves(&mut self, is_used: &[bool]) -> Vec<u32> {
        self.leaves.forget(is_used)
    }

    /// Whether a leaf's answers in a cycle, the first of them at `found_ms`, change nothing.
    fn is_settled(&self, leaf: u32, found_ms: i64) -> bool {
        match self.standing(leaf) {
            Some(Standing::Named) => true,
            Some(Standing::Watched) => found_ms == NOT_FOUND,
            Some(Standing::Pool) | None => false,
        }
    }

    /// How a leaf's endpoint stands; `None` before it has one.
    fn standing(&self, leaf: u32) -> Option<Standing> {
        let endpoint = self.leaves.endpoint(leaf)?;
        Some(self.endpoints[self.target(endpoint) as usize].standing)
    }

    fn name_declared(&mut self, leaf: u32, names: &mut EndpointNames) -> bool {
        let parts = self.leaves.parts(leaf);
        if !self.declared.has(parts[0], parts[1]) {
            return false;
        }
        let endpoint = names.intern(parts, self.has_groups);
        let endpoint = self.stand(endpoint, Standing::Named);
        self.leaves.set_endpoint(leaf, endpoint);
        true
    }

    /// Remembers the paths of leaves, all of them or none that was answered with 404 only.
    fn watch_paths(&mut self, open: &[(u32, i64)], names: &mut EndpointNames) {
        if self.watch == Watch::Closed {
            return;
        }
        for (leaf, _) in open {
            let [_, path, _] = self.leaves.parts(*leaf);
            if own_pool(path).is_none() {
                self.tree.watch(path);
            }
        }
        if self.tree.size_bytes() > self.max_known_bytes {
            self.close_watch(names);
        }
    }

    /// Gives a settled leaf its endpoint; the tree knows every path by now that may have one of its own.
    fn name_leaf(&mut self, leaf: u32, is_found: bool, names: &mut EndpointNames) {
        let [method, path, group] = self.leaves.parts(leaf).map(<[u8]>::to_vec);
        let own_pool = own_pool(&path);
        let known = if own_pool.is_some() { None } else { self.tree.find(&path) };
        let endpoint = match known {
            Some(node) => self.endpoint_at(node, [&method, &group], names),
            None => {
                let pool = own_pool.unwrap_or(if is_found { OTHER } else { UNMATCHED });
                let endpoint = names.intern([&method, pool.as_bytes(), &group], self.has_groups);
                self.stand(endpoint, Standing::Pool)
            }
        };
        self.leaves.set_endpoint(leaf, endpoint);
    }

    /// The endpoint of a method and a group at a node, under the node's path.
    fn endpoint_at(&mut self, node: NodeId, [method, group]: [&[u8]; 2], names: &mut EndpointNames) -> u32 {
        let path = self.tree.path(node);
        let endpoint = names.intern([method, &path, group], self.has_groups);
        let end = self.tree.end(node);
        if !end.endpoints.contains(&endpoint) {
            end.endpoints.push(endpoint);
        }
        if end.found_ms.is_some() {
            let is_late = end.is_late;
            self.stand(endpoint, Standing::Named);
            self.endpoints[endpoint as usize].is_late = is_late;
            return endpoint;
        }
        let pool = names.intern([method, UNMATCHED.as_bytes(), group], self.has_groups);
        let shown = self.stand(pool, Standing::Pool);
        self.stand(endpoint, Standing::Watched);
        self.endpoints[endpoint as usize].shown = shown;
        endpoint
    }

    /// Notes how an endpoint stands.
    fn stand(&mut self, endpoint: u32, standing: Standing) -> u32 {
        while self.endpoints.len() <= endpoint as usize {
            let own = self.endpoints.len() as u32;
            self.endpoints.push(Endpoint { target: own, shown: own, standing: Standing::Watched, is_late: false });
        }
        self.endpoints[endpoint as usize] = Endpoint { target: endpoint, shown: endpoint, standing, is_late: false };
        endpoint
    }

    /// Brings limits and endpoints in line with paths that were found or folded.
    fn follow_tree(&mut self, end_ms: i64, names: &mut EndpointNames) {
        let changed = self.tree.take_changes();
        self.admit(changed.iter().copied(), end_ms);
        for node in changed {
            let old = std::mem::take(&mut self.tree.end(node).endpoints);
            for endpoint in old {
                let name = names.name(endpoint).clone();
                let group = name.group.unwrap_or_default();
                let now = self.endpoint_at(node, [name.method.as_bytes(), group.as_bytes()], names);
                self.merge(endpoint, now);
            }
        }
        if self.full_since_ms.is_some() {
            self.close_watch(names);
            let dropped = self.tree.retain(|end| end.is_admitted);
            self.pool(dropped, OTHER, names);
        }
    }

    /// Lets found paths have names of their own, the first ones first, as long as there is room.
    fn admit(&mut self, changed: impl Iterator<Item = NodeId>, end_ms: i64) {
        let mut new = Vec::new();
        for node in changed {
            let end = self.tree.end(node);
            if let Some(found_ms) = end.found_ms.filter(|_| !end.is_admitted) {
                new.push((found_ms, self.tree.path(node), node));
            }
        }
        new.sort_unstable();
        let room = self.max_routes.saturating_sub(self.tree.admitted());
        if new.len() > room {
            self.full_since_ms = Some(end_ms);
        }
        for (.., node) in new.into_iter().take(room) {
            self.tree.admit(node);
        }
    }

    /// Stops watching paths that were answered with 404 only.
    fn close_watch(&mut self, names: &mut EndpointNames) {
        self.watch = Watch::Closed;
        let dropped = self.tree.retain(|end| end.found_ms.is_some());
        self.pool(dropped, UNMATCHED, names);
    }

    fn pool(&mut self, endpoints: Vec<u32>, pool: &str, names: &mut EndpointNames) {
        for endpoint in endpoints {
            let into = self.pool_of(endpoint, pool, names);
            self.merge(endpoint, into);
        }
    }

    /// The pool for an endpoint's method and group.
    fn pool_of(&mut self, endpoint: u32, pool: &str, names: &mut EndpointNames) -> u32 {
        let name = names.name(endpoint).clone();
        let group = name.group.unwrap_or_default();
        let into = names.intern([name.method.as_bytes(), pool.as_bytes(), group.as_bytes()], self.has_groups);
        self.stand(into, Standing::Pool)
    }

    fn merge(&mut self, from: u32, into: u32) {
        if from != into {
            self.endpoints[from as usize].target = into;
            self.merged.push(Merged { from, into });
        }
    }
}

/// The pool for a path that never has a name, whatever is answered: one that looks like the name of a pool, or is too
/// long to be kept.
fn own_pool(path: &[u8]) -> Option<&'static str> {
    if path == UNMATCHED.as_bytes() {
        return Some(UNMATCHED);
    }
    (path == OTHER.as_bytes() || path.len() > KNOWN_BYTES_PER_ROUTE).then_some(OTHER)
}

#[cfg(test)]
mod tests;
