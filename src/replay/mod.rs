//! The feedback loop over a whole log: counted requests in, a finished [`Replay`] out. No I/O, no clock.
//!
//! Replay is causal: a cycle sees nothing later than its end. Requests come in as pane counts in any order, for
//! `zscore` also one by one and for `published` one after the other in arrival order; [`Replay::advance`] tells how far
//! time has certainly passed.

mod arrival_loop;
mod episode;
mod event_loop;
mod explain;
mod feedback;
mod intake;
mod kept;
mod latency_advice;
mod observed;
mod rail;
mod reason;
mod report;
mod second_look;
mod split_pass;
mod totals;

use crate::advise::trace::Trace;
use crate::plan::{ReplayPlan, RuleSet, RulesPlan};
use crate::route::endpoint::EndpointNames;
use crate::route::naming::{Naming, NamingPlan};
use crate::route::paths::EndpointPaths;
use crate::rules::published::Arrival;
use crate::rules::zscore::Observation;
use crate::usage::UsageReplay;
use crate::window::aggregate::Geometry;
use crate::window::minute::{MINUTE_MS, MinuteRows};
use crate::window::pane::{Cell, Span};
use crate::window::value_run::ValueRun;
use arrival_loop::ArrivalLoop;
use event_loop::EventLoop;
use explain::Explained;
use feedback::Feedback;
use intake::Intake;

pub(crate) use kept::Kept;
pub use report::Reading;
pub(crate) use second_look::SecondLook;

/// A replay under way.
pub struct Replay {
    plan: RulesPlan,
    /// The endpoints of the run.
    pub names: EndpointNames,
    /// The endpoints of what is counted by minute, as the lines tell them.
    pub tabled: EndpointNames,
    /// The developers of the run.
    pub usage: UsageReplay,
    intake: Intake,
    explained: Explained,
    engine: Engine,
    feedback: Feedback,
}

enum Engine {
    Event(Box<EventLoop>),
    Arrival(Box<ArrivalLoop>),
}

impl Replay {
    /// A replay from the config in force.
    pub(crate) fn new(plan: RulesPlan, naming: NamingPlan<'_>) -> Self {
        let engine = match plan.rules {
            RuleSet::Documented | RuleSet::ZScore => Engine::Event(Box::new(EventLoop::new(&plan))),
            RuleSet::Published => Engine::Arrival(Box::new(ArrivalLoop::new(&plan))),
        };
        Replay {
            names: EndpointNames::default(),
            tabled: EndpointNames::default(),
            usage: UsageReplay::of(&plan),
            intake: Intake::new(Naming::new(naming)),
            explained: Explained::default(),
            engine,
            feedback: Feedback::new(plan),
            plan,
        }
    }

    /// The panes that requests have to be counted in.
    pub fn geometry(plan: &RulesPlan) -> Geometry {
        Geometry::new(plan.looping.default_interval_ms, plan.looping.window_ms(), plan.looping.baseline_windows)
    }

    /// Numbers an endpoint as one line tells it: method, route, and group if there is one.
    pub(crate) fn leaf(&mut self, parts: [&[u8]; 3], has_groups: bool) -> u32 {
        self.intake.naming.leaf(parts, has_groups)
    }

    /// How many endpoints are numbered.
    pub(crate) fn leaves(&self) -> usize {
        self.intake.naming.leaves()
    }

    /// Whether it is worth looking for numbers that nothing refers to any more.
    pub(crate) fn has_many_leaves(&self) -> bool {
        self.intake.naming.has_many_leaves()
    }

    /// The number for good of an endpoint, for requests that are kept one by one.
    pub(crate) fn serial(&mut self, leaf: u32) -> u32 {
        self.intake.naming.serial(leaf)
    }

    /// Calls `change` with every number given by [`Replay::leaf`] that is under way here.
    pub(crate) fn for_each_leaf(&mut self, mut change: impl FnMut(&mut u32)) {
        self.intake.for_each_leaf(&mut change);
        match &mut self.engine {
            Engine::Event(engine) => engine.for_each_leaf(change),
            Engine::Arrival(engine) => engine.for_each_leaf(change),
        }
    }

    /// Forgets the numbers that are not marked, and gives the new number of each that is.
    pub(crate) fn forget_leaves(&mut self, is_used: &[bool]) -> Vec<u32> {
        let before: Vec<u32> = (0..is_used.len() as u32).map(|leaf| self.intake.naming.endpoint(leaf)).collect();
        let numbers = self.intake.naming.forget_leaves(is_used);
        let number_of = |leaf: u32| is_used[leaf as usize].then(|| numbers[leaf as usize]);
        self.explained.renumber(|leaf| before[leaf as usize], number_of);
        numbers
    }

    /// Adds the paths of an endpoint, which is a leaf.
    pub(crate) fn note_paths(&mut self, leaf: u32, paths: EndpointPaths) {
        self.explained.note(leaf, paths);
    }

    /// Makes room for a pane that [`Replay::count`] is about to fill.
    pub fn open_pane(&mut self, span: Span) {
        self.intake.open_panes.open(span);
    }

    /// Counts requests of one endpoint in one pane, or in [`crate::window::pane::NO_PANE`]; the endpoint is a leaf.
    pub fn count(&mut self, cell: &Cell, values: ValueRun) {
        self.intake.count(cell, values);
    }

    /// Takes a whole log by minute, its endpoints as [`Replay::tabled`] numbers them; panes have to be multiples of a
    /// minute.
    pub(crate) fn take_minutes(&mut self, minutes: &MinuteRows) {
        let pane_ms = Self::geometry(&self.plan).pane_ms;
        for row in &minutes.rows {
            if !row.key.late {
                self.advance_cycles((row.key.minute - 1) * MINUTE_MS + 1);
            }
            let leaf = self.leaf_of_tabled(row.key.endpoint);
            self.intake.count_row(leaf, row, pane_ms);
        }
    }

    fn leaf_of_tabled(&mut self, endpoint: u32) -> u32 {
        let name = self.tabled.name(endpoint);
        let group = name.group.as_deref().unwrap_or_default();
        let parts = [name.method.as_bytes(), name.path.as_bytes(), group.as_bytes()];
        self.intake.naming.leaf(parts, name.group.is_some())
    }

    /// Gives what was kept the numbers of [`Replay::names`]; call [`Replay::finish`] before.
    pub(crate) fn name_kept(&mut self, kept: &mut Kept, plan: &ReplayPlan) {
        match kept {
            // Kept by something else, the requests do not tell their endpoints.
            Kept::Calls(_) if plan.input.breaker_by.is_some() => {}
            Kept::Calls(calls) => calls.renumber(self.intake.naming.endpoints_by_serial(&mut self.names)),
            Kept::Minutes(minutes) => {
                for row in &mut minutes.rows {
                    let leaf = self.leaf_of_tabled(row.key.endpoint);
                    row.key.endpoint = self.intake.naming.lasting_endpoint(leaf, &mut self.names);
                }
            }
        }
    }

    /// The same for what was kept for the analyses.
    pub(crate) fn name_trace(&mut self, trace: &mut Trace) {
        trace.renumber(self.intake.naming.endpoints_by_serial(&mut self.names));
    }

    /// Takes one request in arrival order (`published`); its endpoint is a leaf.
    pub fn arrive(&mut self, arrival: Arrival) {
        if let Engine::Arrival(engine) = &mut self.engine {
            engine.arrive(arrival);
        }
    }

    /// Takes one request that is not too late for its cycle (`zscore`), each input's in its own order; its endpoint is a
    /// leaf.
    pub fn observe(&mut self, input: usize, request: Observation) {
        if let Engine::Event(engine) = &mut self.engine {
            engine.observe(input, request);
        }
    }

    /// Says that every request still to come lies at or after `watermark_ms`.
    pub fn advance(&mut self, watermark_ms: i64) {
        self.advance_cycles(watermark_ms);
        self.usage.advance(watermark_ms);
    }

    fn advance_cycles(&mut self, watermark_ms: i64) {
        let Replay { intake, feedback, names, .. } = self;
        match &mut self.engine {
            Engine::Event(engine) => engine.advance(watermark_ms, intake, feedback, names),
            Engine::Arrival(engine) => engine.advance(watermark_ms, intake, feedback, names),
        }
    }

    /// Says that nothing is still to come.
    pub fn finish(&mut self) {
        self.advance(i64::MAX);
        self.usage.finish();
        let Replay { intake, feedback, names, .. } = self;
        let end_ms = match &mut self.engine {
            Engine::Event(engine) => engine.end_ms(),
            Engine::Arrival(engine) => engine.finish(intake, feedback, names),
        };
        intake.finish(end_ms.unwrap_or_default(), names);
    }
}

#[cfg(test)]
mod tests;
