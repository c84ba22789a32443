//! What `--explain-routes` tells: which routes there were, what made each of them, and of which paths.
//!
//! The paths come in under leaves, as the requests do, and are put under routes at the end. This module must not
//! decide what a route is called.

use crate::report::{EndpointRow, RouteOrigin, RouteRow};
use crate::route::endpoint::{EndpointName, EndpointNames};
use crate::route::naming::{Naming, OTHER, UNMATCHED};
use crate::route::paths::{EndpointPaths, MOST_EXACT, PathCount, PathTally};
use hashbrown::{HashMap, HashSet};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The paths of a run.
#[derive(Default)]
pub(super) struct Explained {
    by_leaf: HashMap<u32, EndpointPaths>,
    /// Those of leaves that were forgotten.
    by_endpoint: HashMap<u32, EndpointPaths>,
}

impl Explained {
    pub(super) fn note(&mut self, leaf: u32, paths: EndpointPaths) {
        self.by_leaf.entry(leaf).or_default().append(paths);
    }

    /// Gives the leaves other numbers; what is forgotten goes under its endpoint.
    pub(super) fn renumber(&mut self, endpoint_of: impl Fn(u32) -> u32, number_of: impl Fn(u32) -> Option<u32>) {
        for (leaf, paths) in std::mem::take(&mut self.by_leaf) {
            match number_of(leaf) {
                Some(number) => {
                    self.by_leaf.insert(number, paths);
                }
                None => self.by_endpoint.entry(endpoint_of(leaf)).or_default().append(paths),
            }
        }
    }

    /// Every route with what made it: those without a name first, then the folded ones and so on, each kind by
    /// requests, then path.
    pub(super) fn rows(mut self, naming: &Naming, names: &EndpointNames, endpoints: &[EndpointRow]) -> Vec<RouteRow> {
        self.renumber(|leaf| naming.endpoint(leaf), |_| None);
        let mut routes: BTreeMap<&str, PathTally> = BTreeMap::new();
        let mut declared: HashSet<&str> = HashSet::new();
        for (endpoint, EndpointPaths { found, not_found }) in self.by_endpoint {
            let target = naming.target(endpoint);
            let EndpointName { method, path, .. } = names.name(target);
            if naming.is_declared(method, path) {
                declared.insert(path);
            }
            let found_path = if naming.is_named(target) { path } else { OTHER };
            // Before the limit is passed, only what has no name by its path alone is there.
            let is_nameless = path == OTHER && naming.full_since_ms().is_none();
            let missing_path = if naming.is_lasting(target) || is_nameless { path } else { UNMATCHED };
            routes.entry(found_path).or_default().append(found);
            routes.entry(missing_path).or_default().append(not_found);
        }
        let mut requests: HashMap<&str, u64> = HashMap::new();
        endpoints.iter().for_each(|row| *requests.entry(row.path.as_str()).or_default() += row.count);
        let row = |(path, tally): (&str, PathTally)| {
            let requests = requests.get(path).copied().unwrap_or(0);
            let (paths, paths_are_exact) = match tally.count() {
                PathCount::Exactly(0) => return None,
                PathCount::Exactly(paths) => (paths, true),
                PathCount::About(paths) => (paths.min(requests.max(MOST_EXACT)), false),
            };
            Some(RouteRow {
                path: path.to_owned(),
                made_by: if declared.contains(path) { RouteOrigin::Declared } else { origin(path, naming) },
                requests,
                paths,
                paths_are_exact,
                first_path: tally.example(),
            })
        };
        let mut rows: Vec<RouteRow> = routes.into_iter().filter_map(row).collect();
        rows.sort_by(|a, b| (a.made_by, Reverse(a.requests), &a.path).cmp(&(b.made_by, Reverse(b.requests), &b.path)));
        rows
    }
}

/// What made a route that was not declared.
fn origin(path: &str, naming: &Naming) -> RouteOrigin {
    let has = |placeholder: &[u8]| path.split('/').any(|segment| segment.as_bytes() == placeholder);
    match path {
        OTHER => RouteOrigin::Other,
        UNMATCHED => RouteOrigin::Unmatched,
        _ if naming.folds() && has(crate::route::FOLDED) => RouteOrigin::Folded,
        _ if naming.folds() && has(crate::route::PARAMETER) => RouteOrigin::Ids,
        _ => RouteOrigin::Path,
    }
}
