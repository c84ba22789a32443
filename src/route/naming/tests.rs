use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn naming(max_routes: usize, max_siblings: usize) -> Naming {
    let plan = NamingPlan { max_routes, raw_paths: false, declared: None };
    Naming { tree: RouteTree::new(max_siblings), ..Naming::new(plan) }
}

/// One request: method, path, whether it was answered with 404.
type Seen = (&'static str, String, bool);

/// Settles cycle by cycle; what windows were told in each, and the totals at the end.
fn run(naming: &mut Naming, cycles: &[Vec<Seen>]) -> (Vec<BTreeMap<String, u32>>, BTreeMap<String, u32>) {
    let mut names = EndpointNames::default();
    let mut totals: BTreeMap<u32, u32> = BTreeMap::new();
    let unite = |totals: &mut BTreeMap<u32, u32>, merged: Vec<Merged>| {
        for Merged { from, into } in merged {
            let moved = totals.remove(&from).unwrap_or(0);
            *totals.entry(into).or_default() += moved;
        }
    };
    let mut shown = Vec::new();
    for (end_ms, cycle) in (1..).zip(cycles) {
        let leaves: Vec<(u32, i64)> = (0..)
            .zip(cycle)
            .map(|(ms, (method, path, is_missing))| {
                let leaf = naming.leaf([method.as_bytes(), path.as_bytes(), b""], false);
                (leaf, if *is_missing { NOT_FOUND } else { ms })
            })
            .collect();
        let merged = naming.settle(leaves.iter().copied(), end_ms, &mut names);
        unite(&mut totals, merged);
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for (leaf, _) in leaves {
            let place = naming.place(leaf);
            *totals.entry(place.total).or_default() += 1;
            *told.entry(names.name(place.shown).to_string()).or_default() += 1;
        }
        shown.push(told);
    }
    let merged = naming.finish(&mut names);
    unite(&mut totals, merged);
    let totals = totals.into_iter().filter(|(_, n)| *n > 0).map(|(id, n)| (names.name(id).to_string(), n)).collect();
    (shown, totals)
}

/// What a path is called once these paths have been found, by looking at all of them from the left.
fn folded(path: &str, found: &BTreeSet<String>, limit: usize) -> String {
    let mut now: Vec<Vec<String>> = found.iter().map(|path| path.split('/').map(str::to_owned).collect()).collect();
    let mut own: Vec<String> = path.split('/').map(str::to_owned).collect();
    for depth in 1..own.len() {
        let below = |other: &&mut Vec<String>| other.len() > depth && other[..depth] == own[..depth];
        let names: BTreeSet<String> =
            now.iter_mut().filter(below).map(|other| other[depth].clone()).filter(|name| name != ":param").collect();
        if names.len() > limit {
            let before = own[..depth].to_vec();
            now.iter_mut().filter(|other| other.len() > depth && other[..depth] == before).for_each(|other| {
                other[depth] = ":param".to_owned();
            });
            own[depth] = ":param".to_owned();
        }
    }
    own.join("/")
}

fn request() -> impl Strategy<Value = Seen> {
    let path = prop_oneof!["/[a-e]", "/[a-c]/[a-e]", "/s/[a-h]", "/s/[a-h]/x"];
    (prop::sample::select(vec!["GET", "PUT"]), path, prop::bool::weighted(0.6))
}

/// The same, some of them at paths that never have a name.
fn any_request() -> impl Strategy<Value = Seen> {
    let nameless = prop_oneof!["[(](other|unmatched)[)]", Just(long_path(1))];
    let nameless = (Just("GET"), nameless, any::<bool>());
    prop_oneof![6 => request(), 1 => nameless]
}

proptest! {
    #[test]
    fn names_are_what_all_requests_so_far_say(
        cycles in prop::collection::vec(prop::collection::vec(request(), 0..25), 1..6),
        limit in 1..6usize,
    ) {
        let (shown, totals) = run(&mut naming(1000, limit), &cycles);
        let (mut found, mut routes) = (BTreeSet::new(), BTreeSet::new());
        for (cycle, shown) in cycles.iter().zip(shown) {
            found.extend(cycle.iter().filter(|(.., is_missing)| !is_missing).map(|(_, path, _)| path.clone()));
            routes = found.iter().map(|path| folded(path, &found, limit)).collect();
            let mut expected: BTreeMap<String, u32> = BTreeMap::new();
            for (method, path, _) in cycle {
                let route = folded(path, &found, limit);
                let route = if routes.contains(&route) { &route } else { UNMATCHED };
                *expected.entry(format!("{method} {route}")).or_default() += 1;
            }
            prop_assert_eq!(shown, expected);
        }
        let mut expected: BTreeMap<String, u32> = BTreeMap::new();
        for (method, path, _) in cycles.iter().flatten() {
            let route = folded(path, &found, limit);
            let route = if routes.contains(&route) { &route } else { UNMATCHED };
            *expected.entry(format!("{method} {route}")).or_default() += 1;
        }
        prop_assert_eq!(totals, expected);
    }

    #[test]
    fn neither_order_nor_forgetting_changes_a_name(
        cycles in prop::collection::vec(prop::collection::vec(any_request(), 0..25), 1..6),
        max_routes in 1..60usize,
        limit in 1..6usize,
        max_known_bytes in 300..6000usize,
    ) {
        let mut declared = DeclaredRoutes::default();
        declared.add(Some("PUT"), "/a").unwrap();
        declared.add(None, "/s/b").unwrap();
        let plan = NamingPlan { max_routes, raw_paths: false, declared: Some(&declared) };
        let new = || Naming { max_known_bytes, tree: RouteTree::new(limit), ..Naming::new(plan) };
        let (shown, last, has_forgotten) = settle_all(new(), &cycles, Remembers::All);
        let (other_shown, other_last, other_has_forgotten) = settle_all(new(), &cycles, Remembers::Nothing);
        prop_assert_eq!((&other_shown, &other_last, other_has_forgotten), (&shown, &last, has_forgotten));
        let told = shown.iter().flatten().zip(last.iter().flatten());
        for ((method, path, _), (window, end)) in cycles.iter().flatten().zip(told) {
            if declared.names().has(method.as_bytes(), path.as_bytes()) {
                let own = format!("{method} {path}");
                prop_assert_eq!((window, end), (&own, &own));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Remembers {
    All,
    /// And sees each cycle from its end.
    Nothing,
}

/// The windows' names of each cycle, the last name of every request, and whether paths had to be forgotten.
type Settled = (Vec<Vec<String>>, Vec<Vec<String>>, bool);

fn settle_all(mut naming: Naming, cycles: &[Vec<Seen>], remembers: Remembers) -> Settled {
    let mut names = EndpointNames::default();
    let (mut shown, mut serials) = (Vec::new(), Vec::new());
    for (end_ms, cycle) in (1..).zip(cycles) {
        // Of equal times the path decides, so that the times are part of the log and stay.
        let mut timed: Vec<_> = (0..).zip(cycle).collect();
        if remembers == Remembers::Nothing {
            timed.reverse();
        }
        let leaf = |(ms, (method, path, is_missing)): (i64, &Seen)| {
            let leaf = naming.leaf([method.as_bytes(), path.as_bytes(), b""], false);
            (leaf, if *is_missing { NOT_FOUND } else { ms })
        };
        let mut leaves: Vec<(u32, i64)> = timed.into_iter().map(leaf).collect();
        let mut own: Vec<u32> = leaves.iter().map(|(leaf, _)| naming.serial(*leaf)).collect();
        naming.settle(leaves.iter().copied(), end_ms, &mut names);
        if remembers == Remembers::Nothing {
            leaves.reverse();
            own.reverse();
        }
        shown.push(leaves.iter().map(|(leaf, _)| names.name(naming.place(*leaf).shown).to_string()).collect());
        serials.push(own);
        if remembers == Remembers::Nothing {
            naming.forget_leaves(&vec![false; naming.leaves()]);
        }
    }
    naming.finish(&mut names);
    let last = naming.endpoints_by_serial(&mut names);
    let last_name = |serial: &u32| names.name(last[*serial as usize]).to_string();
    (shown, serials.iter().map(|own| own.iter().map(last_name).collect()).collect(), naming.has_forgotten())
}

fn found(path: &str) -> Seen {
    ("GET", path.to_owned(), false)
}

fn missing(path: &str) -> Seen {
    ("GET", path.to_owned(), true)
}

#[track_caller]
fn check(max_routes: usize, cycles: &[Vec<Seen>], shown: &[&[(&str, u32)]], totals: &[(&str, u32)]) {
    let told = |map: &BTreeMap<String, u32>| map.iter().map(|(k, n)| format!("{k} {n}")).collect::<Vec<_>>();
    let expected = |rows: &[(&str, u32)]| rows.iter().map(|(k, n)| format!("GET {k} {n}")).collect::<Vec<_>>();
    let (windows, all) = run(&mut naming(max_routes, 2), cycles);
    assert_eq!(
        windows.iter().map(told).collect::<Vec<_>>(),
        shown.iter().map(|rows| expected(rows)).collect::<Vec<_>>()
    );
    assert_eq!(told(&all), expected(totals));
}

#[test]
fn a_path_is_unmatched_until_it_is_found() {
    check(
        9,
        &[vec![missing("/a"), missing("/b")], vec![missing("/a"), found("/a")], vec![missing("/a")]],
        &[&[("(unmatched)", 2)], &[("/a", 2)], &[("/a", 1)]],
        &[("(unmatched)", 1), ("/a", 4)],
    );
}

#[test]
fn past_the_limit_the_first_in_time_then_path_stay() {
    let cycles = [
        vec![found("/a/x"), found("/b/c"), found("/b")],
        vec![found("/a/d"), found("/b"), missing("/b/e"), found("/b/c")],
    ];
    check(
        3,
        &cycles,
        &[&[("/a/x", 1), ("/b", 1), ("/b/c", 1)], &[("(other)", 1), ("(unmatched)", 1), ("/b", 1), ("/b/c", 1)]],
        &[("(other)", 1), ("(unmatched)", 1), ("/a/x", 1), ("/b", 2), ("/b/c", 2)],
    );
    check(
        2,
        &cycles,
        &[&[("(other)", 1), ("/a/x", 1), ("/b/c", 1)], &[("(other)", 2), ("(unmatched)", 1), ("/b/c", 1)]],
        &[("(other)", 3), ("(unmatched)", 1), ("/a/x", 1), ("/b/c", 2)],
    );
}

#[test]
fn folding_makes_room_before_the_limit_counts() {
    check(
        2,
        &[vec![found("/s/a"), found("/s/b"), found("/s/c"), found("/t/a")]],
        &[&[("/s/:param", 3), ("/t/a", 1)]],
        &[("/s/:param", 3), ("/t/a", 1)],
    );
}

#[test]
fn too_many_unmatched_paths_are_forgotten() {
    let scan = |n: u32| (0..n).map(|i| missing(&format!("/scan-{i:02}"))).collect::<Vec<_>>();
    let mut tree = RouteTree::new(2);
    let fits = (0..).take_while(|i| {
        tree.watch(format!("/scan-{i:02}").as_bytes());
        tree.size_bytes() <= KNOWN_BYTES_PER_ROUTE
    });
    let fits = fits.count() as u32;
    let later = || vec![found("/scan-01")];
    check(
        1,
        &[scan(fits), later()],
        &[&[("(unmatched)", fits)], &[("/scan-01", 1)]],
        &[("(unmatched)", fits - 1), ("/scan-01", 2)],
    );
    check(
        1,
        &[scan(fits + 1), later()],
        &[&[("(unmatched)", fits + 1)], &[("/scan-01", 1)]],
        &[("(unmatched)", fits + 1), ("/scan-01", 1)],
    );
}

#[test]
fn declared_routes_are_neither_folded_nor_unmatched_nor_counted() {
    let mut declared = DeclaredRoutes::default();
    for pattern in ["/p/:id", "/p/a", "/p/b", "/p/c"] {
        declared.add(None, pattern).unwrap();
    }
    let plan = NamingPlan { max_routes: 1, raw_paths: false, declared: Some(&declared) };
    let mut naming = Naming { tree: RouteTree::new(2), ..Naming::new(plan) };
    let seen =
        vec![missing("/p/:id"), found("/p/a"), found("/p/b"), found("/p/c"), found("/q"), found("/r"), missing("/s")];
    let (_, totals) = run(&mut naming, &[seen]);
    let told: Vec<_> = totals.keys().map(|name| name.trim_start_matches("GET ")).collect();
    assert_eq!(told, ["(other)", "(unmatched)", "/p/:id", "/p/a", "/p/b", "/p/c", "/q"]);
}

#[test]
fn a_route_is_declared_for_its_method_only() {
    let mut declared = DeclaredRoutes::default();
    declared.add(Some("get"), "/p/:id").unwrap();
    let plan = NamingPlan { max_routes: 9, raw_paths: false, declared: Some(&declared) };
    let seen = vec![missing("/p/:id"), ("PUT", "/p/:id".to_owned(), true)];
    let (_, totals) = run(&mut Naming::new(plan), &[seen]);
    assert_eq!(totals.into_keys().collect::<Vec<_>>(), ["GET /p/:id", "PUT (unmatched)"]);
}

/// What requests are called over the whole log that come first when there are enough routes: those of a declared route
/// and of known paths keep their names, as nothing of them can have been forgotten.
#[test]
fn late_requests_of_known_routes_last() {
    let mut declared = DeclaredRoutes::default();
    declared.add(None, "/p/:id").unwrap();
    let plan = NamingPlan { max_routes: 1, raw_paths: false, declared: Some(&declared) };
    let late = ["GET /p/:id", "PUT /a", "GET /a", "GET /c"];
    let cycles = [
        vec![found("/a"), found("/b")],
        vec![found("/p/:id"), ("PUT", "/a".to_owned(), false), missing("/a"), found("/c")],
    ];
    for remembers in [Remembers::All, Remembers::Nothing] {
        let (_, last, _) = settle_all(Naming::new(plan), &cycles, remembers);
        assert_eq!(last, [vec!["GET /a", "GET (other)"], [&late[..3], &["GET (other)"]].concat()]);
    }
}

/// A path that is longer by so many bytes than the longest that has a name.
fn long_path(excess: usize) -> String {
    format!("/s/{}", "x".repeat(KNOWN_BYTES_PER_ROUTE + excess - 3))
}

#[test]
fn a_path_is_named_up_to_a_length() {
    let (longest, longer) = (long_path(0), long_path(1));
    let (_, totals) = run(&mut naming(9, 2), &[vec![found(&longest), found(&longer)], vec![missing(&longer)]]);
    assert_eq!(totals, BTreeMap::from([("GET (other)".to_owned(), 2), (format!("GET {longest}"), 1)]));
    let (_, last, _) = settle_all(naming(9, 2), &[vec![missing(&longer), found(&longer)]], Remembers::Nothing);
    assert_eq!(last, [["GET (other)"; 2]]);
}

#[test]
fn paths_that_look_like_pools_belong_there() {
    let (_, totals) = run(&mut naming(9, 2), &[vec![found("(other)"), missing("(unmatched)"), found("*")]]);
    assert_eq!(totals.keys().collect::<Vec<_>>(), ["GET (other)", "GET (unmatched)", "GET *"]);
}
