//! Panes in, window aggregates out: the current window `(end - w, end]` and the history windows
//! `(end - (k + 1) w, end - k w]` before it, moved forward one cycle at a time.
//!
//! Memory follows the (endpoint, pane) pairs of the horizon. Durations themselves are kept for the current
//! window only: history needs their sum. This module must not know what the aggregates are judged by.

use super::pane::{Counts, EndpointPane, Pane};
use super::value_counts::{nearest_rank, value_at};
use super::value_run::{ValueRun, ValueRuns};
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

/// One endpoint's part of one pane; its durations stand under the same number in `Horizon::values` as long as they are
/// needed.
#[derive(Debug)]
struct Cell {
    endpoint: u32,
    counts: Counts,
}

/// A cell as its endpoint knows it: what is read of it in one cycle after the other.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// The cell's number.
    number: u64,
    pane: i64,
    requests: u64,
}

/// One pane, all endpoints.
#[derive(Debug)]
struct PastPane {
    pane: i64,
    /// The number of the first cell behind it.
    cells_end: u64,
    counts: Counts,
}

/// What the cells of one endpoint, or of all, add up to.
#[derive(Debug, Default)]
struct Series {
    current: Counts,
    history: Counts,
    /// Whether there ever was a cell.
    is_known: bool,
    /// The cells within the horizon, oldest first, side by side because rules read many of them at a time.
    links: VecDeque<Link>,
    /// Position in `Horizon::active` plus one; 0 when not there.
    active: u32,
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
///
/// Cells are numbered in the order in which they came, oldest pane first, so that whatever happens to a whole pane
/// goes over memory in order.
#[derive(Debug)]
pub struct Horizon {
    geometry: Geometry,
    end_pane: i64,
    series: Vec<Series>,
    /// Endpoints with a cell in the horizon, in no particular order.
    active: Vec<Active>,
    /// Oldest first.
    panes: VecDeque<PastPane>,
    /// How many of them, the oldest, belong to the history.
    aged_panes: usize,
    cells: Numbered<Cell>,
    /// The durations of the current window's cells.
    values: Numbered<ValueRuns>,
    total: Series,
}

/// A queue whose members keep their numbers when older ones leave.
#[derive(Debug)]
struct Numbered<T> {
    queue: VecDeque<T>,
    /// The number of the oldest.
    first: u64,
}

impl<T> Numbered<T> {
    fn new() -> Self {
        Numbered { queue: VecDeque::new(), first: 0 }
    }

    fn end(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    fn get(&self, number: u64) -> Option<&T> {
        self.queue.get(number.checked_sub(self.first)? as usize)
    }

    fn pop(&mut self) -> Option<T> {
        let oldest = self.queue.pop_front()?;
        self.first += 1;
        Some(oldest)
    }
}

/// One endpoint as a rule sees it at a cycle.
#[derive(Clone, Copy)]
pub struct EndpointView<'a> {
    /// The endpoint, in the run's numbering.
    pub endpoint: u32,
    series: &'a Series,
    horizon: &'a Horizon,
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

    /// Fills `windows[k - 1]` with the requests of history window k, for as many as `windows` has.
    pub fn history_requests(&self, windows: &mut [u64]) {
        windows.fill(0);
        let links = self.links().map(|link| (link.pane, link.requests));
        self.horizon.for_each_past_window(windows.len(), links, |window, requests| windows[window] += requests);
    }

    /// The first `windows` history windows together.
    pub fn history(&self, windows: usize) -> Counts {
        let cells = &self.horizon.cells;
        let parts = self.links().filter_map(|link| Some((link.pane, &cells.get(link.number)?.counts)));
        let mut sum = Counts::default();
        self.horizon.for_each_past_window(windows, parts, |_, counts| sum.add(counts));
        sum
    }

    /// The endpoint's cells, newest first.
    fn links(&self) -> impl Iterator<Item = &'a Link> + use<'a> {
        self.series.links.iter().rev()
    }

    /// The durations of the current window.
    fn values(&self) -> impl Iterator<Item = &'a ValueRuns> + use<'a> {
        let values = &self.horizon.values;
        self.links().map_while(|link| values.get(link.number))
    }

    /// Those that stand one by one.
    fn runs(&self) -> impl Iterator<Item = &'a ValueRun> + use<'a> {
        self.values().flat_map(ValueRuns::iter)
    }

    /// Those that come with how often they occurred.
    fn counted(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        self.values().flat_map(ValueRuns::counted).copied()
    }

    /// How many durations of the current window are greater than `limit_ns`.
    fn count_above(&self, limit_ns: u64) -> u64 {
        let runs = self.runs().filter(|run| run.max_ns() > limit_ns);
        let single = runs.map(|run| run.values_ns().iter().map(|value| u64::from(*value > limit_ns)).sum::<u64>());
        let counted = self.counted().filter(|(value, _)| *value > limit_ns).map(|(_, count)| count);
        single.sum::<u64>() + counted.sum::<u64>()
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
        let mut counted: Vec<(u64, u64)> = self.counted().collect();
        if !counted.is_empty() {
            // A count may be larger than memory, so nothing is written out.
            self.runs().for_each(|run| counted.extend(run.values_ns().iter().map(|value| (*value, 1))));
            counted.sort_unstable();
            return value_at(&counted, rank);
        }
        scratch.clear();
        self.runs().for_each(|run| scratch.extend_from_slice(run.values_ns()));
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
            panes: VecDeque::new(),
            aged_panes: 0,
            cells: Numbered::new(),
            values: Numbered::new(),
            total: Series::default(),
        }
    }

    /// Takes in a pane later than all before it; the next [`Horizon::advance`] must reach it. Calls
    /// `on_new` for every endpoint that was never seen before.
    pub fn push(&mut self, pane: Pane, mut on_new: impl FnMut(u32)) {
        let number = pane.span.pane;
        let mut total = Counts::default();
        for (endpoint, EndpointPane { counts, values, .. }) in pane.endpoints {
            total.add(&counts);
            let index = endpoint as usize;
            if index >= self.series.len() {
                self.series.resize_with(index + 1, Series::default);
            }
            let series = &mut self.series[index];
            if !std::mem::replace(&mut series.is_known, true) {
                on_new(endpoint);
            }
            if series.links.is_empty() {
                self.active.push(Active { endpoint, current_requests: 0, history_requests: 0 });
                series.active = self.active.len() as u32;
            }
            series.current.add(&counts);
            series.refresh(&mut self.active);
            series.links.push_back(Link { number: self.cells.end(), pane: number, requests: counts.requests });
            self.cells.queue.push_back(Cell { endpoint, counts });
            self.values.queue.push_back(values);
        }
        self.total.current.add(&total);
        self.panes.push_back(PastPane { pane: number, cells_end: self.cells.end(), counts: total });
    }

    /// Whether an endpoint ever had requests.
    pub fn has_seen(&self, endpoint: u32) -> bool {
        self.series.get(endpoint as usize).is_some_and(|series| series.is_known)
    }

    /// Takes endpoints that had requests for parts of another from now on, with all that the horizon holds.
    pub fn unite(&mut self, from: &[u32], into: u32) {
        let into_index = into as usize;
        if self.series.len() <= into_index {
            self.series.resize_with(into_index + 1, Series::default);
        }
        for from in from {
            self.leave_active(*from as usize);
            let from = std::mem::take(&mut self.series[*from as usize]);
            for link in &from.links {
                self.cells.queue[(link.number - self.cells.first) as usize].endpoint = into;
            }
            let series = &mut self.series[into_index];
            series.is_known |= from.is_known;
            series.current.add(&from.current);
            series.history.add(&from.history);
            series.links.extend(from.links);
        }
        let series = &mut self.series[into_index];
        series.links.make_contiguous().sort_unstable_by_key(|link| link.number);
        if !series.links.is_empty() && series.active == 0 {
            self.active.push(Active { endpoint: into, current_requests: 0, history_requests: 0 });
            series.active = self.active.len() as u32;
        }
        series.refresh(&mut self.active);
    }

    /// Takes an endpoint out of those with a cell in the horizon, if it is there.
    fn leave_active(&mut self, index: usize) {
        let Some(position) = (std::mem::take(&mut self.series[index].active) as usize).checked_sub(1) else { return };
        self.active.swap_remove(position);
        if let Some(moved) = self.active.get(position) {
            self.series[moved.endpoint as usize].active = position as u32 + 1;
        }
    }

    /// Moves the current window's end to the end of `end_pane`.
    pub fn advance(&mut self, end_pane: i64) {
        self.end_pane = end_pane;
        let window_start = end_pane - self.geometry.window_panes;
        while let Some(pane) = self.panes.get(self.aged_panes).filter(|pane| pane.pane <= window_start) {
            self.total.age(&pane.counts);
            let cells_end = pane.cells_end;
            self.aged_panes += 1;
            self.age_cells(cells_end);
        }
        let horizon_start = window_start - self.geometry.window_panes * self.geometry.history_windows;
        while self.panes.front().is_some_and(|pane| pane.pane <= horizon_start) {
            let Some(pane) = self.panes.pop_front() else { break };
            self.aged_panes -= 1;
            self.total.history.subtract(&pane.counts);
            self.forget_cells(pane.cells_end);
        }
    }

    /// Moves the current window's cells up to `cells_end` to the history, and lets go of their durations.
    fn age_cells(&mut self, cells_end: u64) {
        while self.values.first < cells_end {
            let Some(cell) = self.cells.get(self.values.first) else { return };
            let series = &mut self.series[cell.endpoint as usize];
            series.age(&cell.counts);
            series.refresh(&mut self.active);
            self.values.pop();
        }
    }

    fn forget_cells(&mut self, cells_end: u64) {
        while self.cells.first < cells_end {
            let Some(cell) = self.cells.pop() else { return };
            let series = &mut self.series[cell.endpoint as usize];
            series.history.subtract(&cell.counts);
            series.links.pop_front();
            if !series.links.is_empty() {
                series.refresh(&mut self.active);
                continue;
            }
            series.links = VecDeque::new();
            self.leave_active(cell.endpoint as usize);
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
        (!series.links.is_empty()).then(|| self.view(endpoint, series))
    }

    /// The current window of all endpoints together.
    pub fn total(&self) -> &Counts {
        &self.total.current
    }

    /// [`EndpointView::history_requests`] summed over the first `windows` history windows of all endpoints.
    pub fn total_history_requests(&self, windows: usize) -> u64 {
        let panes = self.panes.iter().rev().map(|pane| (pane.pane, pane.counts.requests));
        let mut sum = 0;
        self.for_each_past_window(windows, panes, |_, requests| sum += requests);
        sum
    }

    /// Calls `take` with the window (from 0, the one before the current) of each part that lies in the first
    /// `windows`. The parts come newest pane first.
    fn for_each_past_window<T>(
        &self,
        windows: usize,
        parts: impl Iterator<Item = (i64, T)>,
        mut take: impl FnMut(usize, T),
    ) {
        let width = self.geometry.window_panes;
        // Stepping from border to border spares a division for each part.
        let (mut window, mut next_age) = (None, width);
        for (pane, part) in parts {
            let age = self.end_pane - pane;
            while age >= next_age {
                window = Some(window.map_or(0, |window: usize| window + 1));
                next_age += width;
            }
            match window {
                Some(window) if window >= windows => return,
                Some(window) => take(window, part),
                None => {}
            }
        }
    }

    fn view<'a>(&'a self, endpoint: u32, series: &'a Series) -> EndpointView<'a> {
        EndpointView { endpoint, series, horizon: self }
    }
}

impl Series {
    /// Moves counts from the current window to the history.
    fn age(&mut self, counts: &Counts) {
        self.current.subtract(counts);
        self.history.add(counts);
    }

    /// Copies what [`Active`] repeats of the series; counts past `u32` stay at its end, far above any limit.
    fn refresh(&self, active: &mut [Active]) {
        if let Some(entry) = self.active.checked_sub(1).and_then(|position| active.get_mut(position as usize)) {
            entry.current_requests = u32::try_from(self.current.requests).unwrap_or(u32::MAX);
            entry.history_requests = u32::try_from(self.history.requests).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
