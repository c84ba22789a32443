use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The found and the watched paths, with the endpoints that are at them.
fn ends(tree: &RouteTree) -> BTreeMap<String, (bool, Vec<u32>)> {
    let numbered = (0..).zip(&tree.nodes).filter_map(|(number, node)| Some((number, node.end.as_ref()?)));
    let told = numbered.map(|(number, end)| {
        let mut endpoints = end.endpoints.clone();
        endpoints.sort();
        (String::from_utf8_lossy(&tree.path(number)).into_owned(), (end.found_ms.is_some(), endpoints))
    });
    told.collect()
}

/// A path's segments, whether it was found, and its endpoint.
type Split<'p> = (Vec<&'p str>, bool, u32);

/// Folds from the root down, by looking at all paths together.
fn naive(
    paths: Vec<Split<'_>>,
    depth: usize,
    limit: usize,
    out: &mut Vec<(Vec<String>, bool, u32)>,
    before: &[String],
) {
    let is_placeholder = |s: &str| matches!(s, "" | ":id" | ":param");
    let names: BTreeSet<&str> = paths
        .iter()
        .filter(|(segments, found, _)| *found && depth < segments.len() && !is_placeholder(segments[depth]))
        .map(|(segments, ..)| segments[depth])
        .collect();
    let is_folded = depth > 0 && names.len() > limit;
    let mut groups: BTreeMap<String, Vec<Split<'_>>> = BTreeMap::new();
    for (segments, found, number) in paths {
        match segments.get(depth) {
            None => out.push((before.to_vec(), found, number)),
            Some(segment) => {
                let name = if is_folded && !is_placeholder(segment) { ":param" } else { segment };
                groups.entry(name.to_owned()).or_default().push((segments, found, number));
            }
        }
    }
    for (name, group) in groups {
        naive(group, depth + 1, limit, out, &[before, &[name]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn folding_is_what_the_set_of_paths_says(
        paths in prop::collection::vec(("(/([a-f]|:id|:param|)){1,4}|[a-f]", any::<bool>()), 0..60),
        limit in 1..5usize,
    ) {
        let mut tree = RouteTree::new(limit);
        for (number, (path, found)) in (0..).zip(&paths) {
            let node = tree.watch(path.as_bytes());
            tree.end(node).endpoints.push(number);
            if *found {
                tree.add_found(path.as_bytes(), 0);
            }
        }
        let mut expected: BTreeMap<String, (bool, Vec<u32>)> = BTreeMap::new();
        // A fold may be told by a found path only, so that a path counts as found wherever it was.
        let found = |path: &str| paths.iter().any(|(other, found)| *found && other == path);
        let split = (0..).zip(&paths).map(|(number, (path, _))| (path.split('/').collect(), found(path), number));
        let mut named = Vec::new();
        naive(split.collect(), 0, limit, &mut named, &[]);
        for (segments, found, number) in named {
            let entry = expected.entry(segments.join("/")).or_default();
            entry.0 |= found;
            entry.1.push(number);
        }
        expected.values_mut().for_each(|(_, numbers)| numbers.sort());
        prop_assert_eq!(ends(&tree), expected.clone());
        for (path, _) in &paths {
            prop_assert!(tree.find(path.as_bytes()).is_some(), "{}", path);
        }
        prop_assert!(tree.take_changes().iter().all(|node| tree.nodes[*node as usize].end.is_some()));
        let mut again = RouteTree::new(limit);
        expected.iter().for_each(|(path, (found, _))| {
            if *found { again.add_found(path.as_bytes(), 0) } else { again.watch(path.as_bytes()); }
        });
        prop_assert_eq!(tree.size_bytes(), again.size_bytes());
        let dropped = tree.retain(|end| end.found_ms.is_some());
        let kept: Vec<u32> = expected.values().filter(|(found, _)| *found).flat_map(|(_, n)| n.clone()).collect();
        prop_assert_eq!(dropped.len() + kept.len(), paths.len());
        prop_assert_eq!(ends(&tree), expected.into_iter().filter(|(_, (found, _))| *found).collect());
    }
}

#[test]
fn the_limit_is_passed_by_one_more() {
    let mut tree = RouteTree::new(MAX_SIBLINGS);
    for i in 0..MAX_SIBLINGS {
        tree.add_found(format!("/blog/post-{i}/edit").as_bytes(), 0);
        tree.watch(format!("/blog/scan-{i}").as_bytes());
    }
    assert_eq!(ends(&tree).values().filter(|(is_found, _)| *is_found).count(), MAX_SIBLINGS);
    assert_eq!(ends(&tree).len(), 2 * MAX_SIBLINGS);
    tree.add_found(b"/blog/one-more", 0);
    let told: Vec<_> = ends(&tree).into_keys().collect();
    assert_eq!(told, ["/blog/:param", "/blog/:param/edit"]);
}

#[test]
fn deep_paths_are_cut() {
    let mut tree = RouteTree::new(1);
    for name in ["a", "b", "c"] {
        tree.add_found(format!("/{name}{}", "/x".repeat(100_000)).as_bytes(), 0);
    }
    assert_eq!(tree.nodes.len() - tree.unused.len(), MAX_DEPTH + 1);
    assert_eq!(ends(&tree).len(), 1);
}
