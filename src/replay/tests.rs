//! What a replay keeps of a log with more paths than there is memory for.

use super::*;
use crate::plan::RuleChoice;
use crate::route::naming::NOT_FOUND;
use crate::settings::knob::Knobs;
use crate::tuning::TunableConfig;
use crate::window::pane::Counts;
use std::sync::Arc;

const MAX_ROUTES: usize = 100;

/// Each pane has its own paths.
const PATHS_PER_PANE: i64 = 100_000;

const PANES: i64 = 100;

/// Up to here no path is found; then every third one is.
const FIRST_FOUND_PANE: i64 = 20;

fn replay() -> Replay {
    let knobs = Knobs::default();
    let plan = RulesPlan {
        rules: RuleSet::Documented,
        choice: RuleChoice::Replayed(RuleSet::Documented),
        evidence: knobs.evidence,
        anomaly: knobs.anomaly,
        tuner: knobs.tuner,
        looping: knobs.looping,
        usage: knobs.usage,
        spikes: crate::plan::SpikeRule::Mean5x,
        optimization: knobs.optimization,
        current: TunableConfig::default(),
        keep_cycles: false,
        endpoint_evidence: true,
    };
    Replay::new(plan, NamingPlan { max_routes: MAX_ROUTES, raw_paths: false, declared: None })
}

/// The path after this one, of which no parent has enough children to be folded: an odometer of four segments.
fn step(path: &mut [u8]) {
    for place in [11, 10, 8, 7, 5, 4, 2, 1] {
        let last = if place % 3 == 2 { b'j' } else { b'o' };
        if path[place] < last {
            path[place] += 1;
            return;
        }
        path[place] = b'a';
    }
}

/// Counts a request of each of a pane's paths, then forgets what may be forgotten.
fn count_pane(replay: &mut Replay, pane: i64, path: &mut [u8]) {
    let geometry = Replay::geometry(&replay.plan);
    let end_ms = pane * geometry.pane_ms;
    replay.open_pane(Span { pane, first_ms: end_ms, last_ms: end_ms });
    let no_values = Arc::new(Vec::new());
    for number in 0..PATHS_PER_PANE {
        step(path);
        let endpoint = replay.leaf([b"GET", path, b""], false);
        let is_found = pane >= FIRST_FOUND_PANE && number % 3 == 0;
        let found_ms = if is_found { end_ms } else { NOT_FOUND };
        let counts = Counts { requests: 1, ..Counts::default() };
        let cell = Cell { pane, endpoint, counts, max_ns: 0, found_ms };
        replay.count(&cell, ValueRun::new(&no_values, 0..0, 0));
    }
    replay.advance(end_ms + 1 + geometry.pane_ms);
    if replay.has_many_leaves() {
        let mut is_used = vec![false; replay.leaves()];
        replay.for_each_leaf(|leaf| is_used[*leaf as usize] = true);
        let numbers = replay.forget_leaves(&is_used);
        replay.for_each_leaf(|leaf| *leaf = numbers[*leaf as usize]);
    }
}

/// Ten million paths: as many names as routes are allowed and paths remembered, and the numbers of a few panes.
#[test]
fn ten_million_paths_leave_a_bounded_number_of_names() {
    let (mut replay, mut path) = (replay(), *b"/aa/aa/aa/aa");
    let mut most_leaves = 0;
    for pane in 1..=PANES {
        count_pane(&mut replay, pane, &mut path);
        most_leaves = most_leaves.max(replay.leaves());
    }
    replay.finish();
    assert!(most_leaves <= (1 << 18) + 3 * PATHS_PER_PANE as usize, "{most_leaves}");
    assert!(replay.names.count() <= 40 * MAX_ROUTES, "{}", replay.names.count());
    let rows = replay.intake.totals.finish(&replay.names);
    assert_eq!(rows.len(), MAX_ROUTES + 2);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), (PANES * PATHS_PER_PANE) as u64);
    let count = |path: &str| rows.iter().find(|row| row.path == path).map_or(0, |row| row.count) as i64;
    // In the pane that passes the limit, and since, a third is found.
    let found = (PANES - FIRST_FOUND_PANE + 1) * (PATHS_PER_PANE / 3 + 1);
    assert_eq!(count("(other)"), found - MAX_ROUTES as i64);
    assert_eq!(count("(unmatched)"), PANES * PATHS_PER_PANE - found);
}
