use super::super::pane::Span;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn pane(number: i64, endpoints: &[(u32, &[u64])]) -> Pane {
    let endpoints = endpoints.iter().map(|(endpoint, values)| {
        let n = values.len() as u64;
        let duration_ns = values.iter().map(|v| u128::from(*v)).sum();
        let counts = Counts { requests: n, errors: 0, timed: n, duration_ns };
        let max_ns = values.iter().copied().max().unwrap_or(0);
        let run = ValueRun::new(&Arc::new(values.to_vec()), 0..values.len(), max_ns);
        (*endpoint, EndpointPane { counts, values: ValueRuns::from_iter([run]), found_ms: 0 })
    });
    Pane { span: Span { pane: number, first_ms: 0, last_ms: 0 }, endpoints: endpoints.collect() }
}

fn history(view: EndpointView, windows: usize) -> Vec<u64> {
    let mut requests = vec![0; windows];
    view.history_requests(&mut requests);
    for (count, sum) in requests
        .iter()
        .scan(0, |sum, requests| {
            *sum += requests;
            Some(*sum)
        })
        .enumerate()
    {
        assert_eq!(view.history(count + 1).requests, sum);
    }
    requests
}

#[test]
fn panes_age_from_the_window_through_the_history_out_of_the_horizon() {
    let mut horizon = Horizon::new(Geometry { pane_ms: 1, window_panes: 2, history_windows: 2 });
    let mut new = Vec::new();
    horizon.push(pane(1, &[(0, &[5, 6, 7])]), |e| new.push(e));
    let mut seen = Vec::new();
    for end in 1..=7 {
        if end == 2 {
            horizon.push(pane(2, &[(0, &[1]), (4, &[9])]), |e| new.push(e));
        }
        horizon.advance(end);
        seen.push(horizon.endpoint(0).map(|v| (v.current().requests, history(v, 2))));
        assert_eq!(horizon.total.history.requests, horizon.total_history_requests(2));
    }
    assert_eq!(new, [0, 4]);
    assert_eq!(
        seen,
        [
            Some((3, vec![0, 0])),
            Some((4, vec![0, 0])),
            Some((1, vec![3, 0])),
            Some((0, vec![4, 0])),
            Some((0, vec![1, 3])),
            Some((0, vec![0, 4])),
            Some((0, vec![0, 1])),
        ]
    );
    horizon.advance(8);
    assert!(horizon.endpoint(0).is_none() && horizon.endpoint(4).is_none());
    assert_eq!(horizon.endpoints(|_, _| true).count(), 0);
}

proptest! {
    #[test]
    fn united_endpoints_are_one_from_the_start(
        panes in prop::collection::vec(prop::collection::vec((0..5u32, 1..4usize), 0..6), 1..14),
        at in 0..14usize,
        into in prop::sample::select(vec![0, 2, 7]),
    ) {
        let geometry = Geometry { pane_ms: 1, window_panes: 2, history_windows: 3 };
        let (mut united, mut one) = (Horizon::new(geometry), Horizon::new(geometry));
        let name = |endpoint: u32, is_united: bool| if is_united && endpoint < 3 { into } else { endpoint };
        for (number, requests) in panes.iter().enumerate() {
            if number == at {
                let from: Vec<u32> = (0..3).filter(|from| *from != into && united.has_seen(*from)).collect();
                united.unite(&from, into);
            }
            let end = number as i64 + 1;
            for (horizon, is_united) in [(&mut united, number >= at), (&mut one, true)] {
                let mut parts: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
                for (endpoint, n) in requests {
                    let values = parts.entry(name(*endpoint, is_united)).or_default();
                    values.extend((0..*n as u64).map(|value| value + 10 * u64::from(*endpoint)));
                }
                let parts: Vec<(u32, &[u64])> = parts.iter().map(|(endpoint, v)| (*endpoint, &v[..])).collect();
                horizon.push(pane(end, &parts), |_| {});
                horizon.advance(end);
            }
            if number < at {
                continue;
            }
            for endpoint in 0..8 {
                let told = |horizon: &Horizon| {
                    let view = |view: EndpointView| (view.current().clone(), history(view, 3), view.percentile_above(95.0, None, &mut Vec::new()));
                    horizon.endpoint(endpoint).map(view)
                };
                prop_assert_eq!(told(&united), told(&one), "{}", endpoint);
            }
            prop_assert_eq!(united.endpoints(|_, _| true).count(), one.endpoints(|_, _| true).count());
        }
    }
}

#[test]
fn percentiles_come_from_the_current_window_only() {
    let mut horizon = Horizon::new(Geometry { pane_ms: 1, window_panes: 2, history_windows: 1 });
    horizon.push(pane(1, &[(0, &[900, 900])]), |_| {});
    horizon.push(pane(2, &[(0, &[10, 30])]), |_| {});
    horizon.push(pane(3, &[(0, &[20, 40])]), |_| {});
    horizon.advance(3);
    let view = horizon.endpoint(0).unwrap();
    let mut scratch = Vec::new();
    assert_eq!(view.percentile_above(50.0, None, &mut scratch), Some(20));
    assert_eq!(view.percentile_above(95.0, None, &mut scratch), Some(40));
    assert_eq!(view.percentile_above(95.0, Some(39), &mut scratch), Some(40));
    assert_eq!(view.percentile_above(95.0, Some(40), &mut scratch), None);
    assert_eq!(view.percentile_above(50.0, Some(20), &mut scratch), None);
    assert_eq!(view.percentile_above(50.0, Some(19), &mut scratch), Some(20));
}

#[test]
fn counted_durations_stand_for_as_many_single_ones() {
    let mut horizon = Horizon::new(Geometry { pane_ms: 1, window_panes: 2, history_windows: 1 });
    let mut counted = pane(1, &[(0, &[30])]);
    let (_, endpoint) = &mut counted.endpoints[0];
    endpoint.values.push_counted(&[(40, 2)]);
    endpoint.values.push_counted(&[(10, 1 << 40)]);
    endpoint.counts.timed += 2 + (1 << 40);
    horizon.push(counted, |_| {});
    horizon.advance(1);
    let view = horizon.endpoint(0).unwrap();
    let above = |percent, floor_ns| view.percentile_above(percent, floor_ns, &mut Vec::new());
    assert_eq!(above(99.0, None), Some(10));
    assert_eq!(above(100.0, None), Some(40));
    assert_eq!((above(100.0, Some(39)), above(100.0, Some(40))), (Some(40), None));
    assert_eq!((view.count_above(9), view.count_above(29), view.count_above(30)), (3 + (1 << 40), 3, 2));
}

#[test]
fn panes_divide_interval_and_window() {
    let panes = |interval, window| {
        let geometry = Geometry::new(interval, window, 12);
        (geometry.pane_ms, geometry.window_panes)
    };
    assert_eq!(panes(60_000, 300_000), (60_000, 5));
    assert_eq!(panes(30_000, 300_000), (30_000, 10));
    assert_eq!(panes(300_000, 60_000), (60_000, 1));
    assert_eq!(panes(45_000, 120_000), (15_000, 8));
}
