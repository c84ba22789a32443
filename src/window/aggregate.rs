//! Panes in, window aggregates out: the current window `(end - w, end]` and the history windows
//! `(end - (k + 1) w, end - k w]` before it, moved forward one cycle at a time.
//!
//! Memory follows the (endpoint, pane) pairs of the horizon. Durations themselves are kept for the current
//! window only: history needs their sum. This module must not know what the aggregates are judged by.

use super::pane::{Counts, EndpointPane, Pane};
use super::value_counts::nearest_rank;
use super::value_run::ValueRuns;
use std::collections::VecDeque;

/// Lengths that never change during a run, in panes.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Milliseconds of a pane.
    pub pane_ms: i64,
    /// Panes of a window.
    pub window_panes: i64,
    /// History windows.
    pub history_windows: i64,
}

impl Geometry {
    /// The coarsest panes that both the interval and the window are made of.
    pub fn new(interval_ms: i64, window_ms: i64, history_windows: usize) -> Self {
        let (mut a, mut b) = (interval_ms, window_ms);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Geometry { pane_ms: a, window_panes: window_ms / a, history_windows: history_windows as i64 }
    }
}

#[derive(Debug)]
struct SeriesPane {
    pane: i64,
    counts: Counts,
}

/// One endpoint's panes within the horizon, oldest first, and their sums.
#[derive(Debug, Default)]
struct Series {
    panes: VecDeque<SeriesPane>,
    /// How many of them, the oldest, belong to the history.
    aged: usize,
    /// The durations of the others.
    values: VecDeque<ValueRuns>,
    current: Counts,
    history: Counts,
    /// Position in `Horizon::active` plus one; 0 when not there.
    active: usize,
    /// Whether the endpoint ever had a request.
    seen: bool,
}

/// What decides for most endpoints that a rule need not look at them, kept side by side because all of it
/// is read in every cycle.
#[derive(Clone, Copy, Debug)]
struct Active {
    endpoint: u32,
    current_requests: u32,
    history_requests: u32,
}

/// The sliding windows of every endpoint.
#[derive(Debug)]
pub struct Horizon {
    geometry: Geometry,
    end_pane: i64,
    series: Vec<Series>,
    /// Endpoints with a pane in the horizon, in no particular order.
    active: Vec<Active>,
    /// Which endpoints a pane touched, oldest pane first: those of the current window, then of the history.
    recent: VecDeque<(i64, Vec<u32>)>,
    old: VecDeque<(i64, Vec<u32>)>,
    /// All endpoints together.
    total: Series,
}

/// One endpoint as a rule sees it at a cycle.
#[derive(Clone, Copy)]
pub struct EndpointView<'a> {
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    series: &'a Series,
    end_pane: i64,
    geometry: Geometry,
}

impl<'a> EndpointView<'a> {
    /// The current window.
    pub fn current(&self) -> &'a Counts {
        &self.series.current
    }

    /// All of the horizon before the current window, windows that begin before the origin included.
    pub fn horizon_history(&self) -> &'a Counts {
        &self.series.history
    }

    /// Fills `windows[k - 1]` with history window k, for as many as `windows` has.
    pub fn history(&self, windows: &mut [Counts]) {
        windows.fill(Counts::default());
        for pane in &self.series.panes {
            let age = self.end_pane - pane.pane;
            let window = age.div_euclid(self.geometry.window_panes);
            if window >= 1
                && let Some(counts) = windows.get_mut(window as usize - 1)
            {
                counts.add(&pane.counts);
            }
        }
    }

    /// The durations of the current window, in nanoseconds, pane by pane.
    fn values(&self) -> impl Iterator<Item = &'a [u64]> + use<'a> {
        self.series.values.iter().flat_map(ValueRuns::iter)
    }

    /// How many durations of the current window are greater than `limit_ns`.
    fn count_above(&self, limit_ns: u64) -> u64 {
        self.values().map(|values| values.iter().map(|value| u64::from(*value > limit_ns)).sum::<u64>()).sum()
    }

    /// The nearest-rank percentile of the current window, in nanoseconds, if it is greater than `floor_ns`.
    ///
    /// Counting is far cheaper than selecting, so an endpoint that cannot win is never selected from.
    pub fn percentile_above(&self, percent: f64, floor_ns: Option<u64>, scratch: &mut Vec<u64>) -> Option<u64> {
        let n = self.series.current.timed;
        if n == 0 {
            return None;
        }
        let rank = nearest_rank(percent, n);
        if let Some(floor) = floor_ns
            && self.count_above(floor) < n - rank
        {
            return None;
        }
        scratch.clear();
        self.values().for_each(|values| scratch.extend_from_slice(values));
        Some(*scratch.select_nth_unstable(rank as usize).1)
    }
}

impl Horizon {
    /// An empty horizon.
    pub fn new(geometry: Geometry) -> Self {
        Horizon {
            geometry,
            end_pane: i64::MIN / 2,
            series: Vec::new(),
            active: Vec::new(),
            recent: VecDeque::new(),
            old: VecDeque::new(),
            total: Series::default(),
        }
    }

    /// Takes in a pane later than all before it; the next [`Horizon::advance`] must reach it. Calls
    /// `on_new` for every endpoint that was never seen before.
    pub fn push(&mut self, pane: Pane, mut on_new: impl FnMut(u32)) {
        let number = pane.span.pane;
        let mut touched = Vec::with_capacity(pane.endpoints.len());
        let mut total = Counts::default();
        for (endpoint, part) in pane.endpoints {
            total.add(&part.counts);
            let index = endpoint as usize;
            if index >= self.series.len() {
                self.series.resize_with(index + 1, Series::default);
            }
            let series = &mut self.series[index];
            if series.active == 0 {
                if !series.seen {
                    series.seen = true;
                    on_new(endpoint);
                }
                self.active.push(Active { endpoint, current_requests: 0, history_requests: 0 });
                series.active = self.active.len();
            }
            if series.add(number, part) {
                touched.push(endpoint);
            }
            series.refresh(&mut self.active);
        }
        self.total.add(number, EndpointPane { counts: total, values: ValueRuns::default() });
        self.recent.push_back((number, touched));
    }

    /// Moves the current window's end to the end of `end_pane`.
    pub fn advance(&mut self, end_pane: i64) {
        self.end_pane = end_pane;
        let window_start = end_pane - self.geometry.window_panes;
        while self.recent.front().is_some_and(|(pane, _)| *pane <= window_start) {
            let Some((pane, endpoints)) = self.recent.pop_front() else { break };
            for &endpoint in &endpoints {
                let series = &mut self.series[endpoint as usize];
                series.age();
                series.refresh(&mut self.active);
            }
            self.total.age();
            self.old.push_back((pane, endpoints));
        }
        let horizon_start = window_start - self.geometry.window_panes * self.geometry.history_windows;
        while self.old.front().is_some_and(|(pane, _)| *pane <= horizon_start) {
            let Some((_, endpoints)) = self.old.pop_front() else { break };
            for endpoint in endpoints {
                self.forget_oldest(endpoint);
            }
            self.total.forget_oldest();
        }
    }

    fn forget_oldest(&mut self, endpoint: u32) {
        let series = &mut self.series[endpoint as usize];
        series.forget_oldest();
        if !series.panes.is_empty() {
            return series.refresh(&mut self.active);
        }
        let position = series.active - 1;
        series.active = 0;
        self.active.swap_remove(position);
        if let Some(moved) = self.active.get(position) {
            self.series[moved.endpoint as usize].active = position + 1;
        }
    }

    /// Every endpoint with a request in the horizon whose counts pass, in no particular order. `passes` is
    /// given the requests of the current window and of all the horizon before it.
    pub fn endpoints(&self, passes: impl Fn(u32, u32) -> bool) -> impl Iterator<Item = EndpointView<'_>> {
        let passing = self.active.iter().filter(move |entry| passes(entry.current_requests, entry.history_requests));
        passing.map(|entry| self.view(entry.endpoint, &self.series[entry.endpoint as usize]))
    }

    /// One endpoint; `None` when it has no request in the horizon.
    pub fn endpoint(&self, endpoint: u32) -> Option<EndpointView<'_>> {
        let series = self.series.get(endpoint as usize)?;
        (series.active != 0).then(|| self.view(endpoint, series))
    }

    /// All endpoints together (without durations' values).
    pub fn total(&self) -> EndpointView<'_> {
        self.view(u32::MAX, &self.total)
    }

    fn view<'a>(&self, endpoint: u32, series: &'a Series) -> EndpointView<'a> {
        EndpointView { endpoint, series, end_pane: self.end_pane, geometry: self.geometry }
    }
}

impl Series {
    /// Copies what [`Active`] repeats of the series; counts past `u32` stay at its end, far above any limit.
    fn refresh(&self, active: &mut [Active]) {
        if let Some(entry) = self.active.checked_sub(1).and_then(|position| active.get_mut(position)) {
            entry.current_requests = u32::try_from(self.current.requests).unwrap_or(u32::MAX);
            entry.history_requests = u32::try_from(self.history.requests).unwrap_or(u32::MAX);
        }
    }

    /// Adds a part of a pane to the current window; whether the pane is new here.
    fn add(&mut self, pane: i64, part: EndpointPane) -> bool {
        self.current.add(&part.counts);
        if let (Some(last), Some(values)) = (self.panes.back_mut(), self.values.back_mut())
            && last.pane == pane
        {
            last.counts.add(&part.counts);
            values.append(part.values);
            return false;
        }
        self.panes.push_back(SeriesPane { pane, counts: part.counts });
        self.values.push_back(part.values);
        true
    }

    /// Moves the oldest pane of the current window to the history.
    fn age(&mut self) {
        if let Some(entry) = self.panes.get(self.aged) {
            self.current.subtract(&entry.counts);
            self.history.add(&entry.counts);
            self.aged += 1;
            self.values.pop_front();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.panes.pop_front() {
            self.aged -= 1;
            self.history.subtract(&entry.counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pane::Span;
    use super::super::value_run::ValueRun;
    use super::*;
    use std::rc::Rc;

    fn pane(number: i64, endpoints: &[(u32, &[u64])]) -> Pane {
        let endpoints = endpoints.iter().map(|(endpoint, values)| {
            let n = values.len() as u64;
            let duration_ns = values.iter().map(|v| u128::from(*v)).sum();
            let counts = Counts { requests: n, errors: 0, timed: n, duration_ns };
            let run = ValueRun::new(&Rc::new(values.to_vec()), 0..values.len());
            (*endpoint, EndpointPane { counts, values: ValueRuns::from_iter([run]) })
        });
        Pane { span: Span { pane: number, first_ms: 0, last_ms: 0 }, endpoints: endpoints.collect() }
    }

    fn history(view: EndpointView, windows: usize) -> Vec<u64> {
        let mut counts = vec![Counts::default(); windows];
        view.history(&mut counts);
        counts.iter().map(|c| c.requests).collect()
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
            assert_eq!(horizon.total().horizon_history().requests, {
                let view = horizon.total();
                history(view, 2).iter().sum::<u64>()
            });
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
}
