//! The feedback loop over a whole log: counted requests in, a finished [`Replay`] out. No I/O, no clock.
//!
//! Replay is causal: a cycle sees nothing later than its end. The event-time rule sets are fed with pane
//! counts in any order and told by [`Replay::advance`] how far time has certainly passed, `zscore` also with each
//! request; `published` is fed one request after the other in arrival order.

mod arrival_loop;
mod episode;
mod event_loop;
mod feedback;
mod kept;
mod observed;
mod rail;
mod reason;
mod report;
mod second_look;
mod totals;

use crate::plan::{RuleSet, RulesPlan};
use crate::route::endpoint::EndpointNames;
use crate::rules::published::Arrival;
use crate::rules::zscore::Observation;
use crate::usage::UsageReplay;
use crate::window::aggregate::Geometry;
use crate::window::minute::{MINUTE_MS, MinuteRows};
use crate::window::pane::{Counts, Span};
use crate::window::value_run::ValueRun;
use arrival_loop::ArrivalLoop;
use event_loop::EventLoop;
use feedback::Feedback;
use totals::Totals;

pub(crate) use kept::Kept;
pub use report::Reading;
pub(crate) use second_look::SecondLook;

/// A replay under way.
pub struct Replay {
    plan: RulesPlan,
    /// The endpoints of the run.
    pub names: EndpointNames,
    /// The developers of the run.
    pub usage: UsageReplay,
    totals: Totals,
    engine: Engine,
    feedback: Feedback,
}

enum Engine {
    Event(Box<EventLoop>),
    Arrival(Box<ArrivalLoop>),
}

impl Replay {
    /// A replay from the config in force.
    pub fn new(plan: RulesPlan) -> Self {
        let engine = match plan.rules {
            RuleSet::Documented | RuleSet::ZScore => Engine::Event(Box::new(EventLoop::new(&plan))),
            RuleSet::Published => Engine::Arrival(Box::new(ArrivalLoop::new(&plan))),
        };
        Replay {
            names: EndpointNames::default(),
            usage: UsageReplay::new(plan.usage),
            totals: Totals::default(),
            engine,
            feedback: Feedback::new(plan),
            plan,
        }
    }

    /// The panes that requests have to be counted in.
    pub fn geometry(plan: &RulesPlan) -> Geometry {
        Geometry::new(plan.looping.default_interval_ms, plan.looping.window_ms(), plan.looping.baseline_windows)
    }

    /// Makes room for a pane that [`Replay::count`] is about to fill.
    pub fn open_pane(&mut self, span: Span) {
        if let Engine::Event(engine) = &mut self.engine {
            engine.open_panes.open(span);
        }
    }

    /// Counts requests of one endpoint in one pane, or in [`crate::window::pane::NO_PANE`].
    pub fn count(&mut self, pane: i64, endpoint: u32, counts: &Counts, values: ValueRun) {
        self.totals.add(endpoint, counts, values.values_ns());
        if let Engine::Event(engine) = &mut self.engine {
            engine.open_panes.add(pane, endpoint, counts, values);
        }
    }

    /// Takes a whole log by minute; panes have to be multiples of a minute.
    pub(crate) fn take_minutes(&mut self, minutes: &MinuteRows) {
        let pane_ms = Self::geometry(&self.plan).pane_ms;
        for row in &minutes.rows {
            let (endpoint, counts) = (row.key.endpoint, row.pane_counts());
            self.totals.add_counted(endpoint, &counts, &row.values);
            let Engine::Event(engine) = &mut self.engine else { continue };
            if row.key.late {
                continue;
            }
            engine.advance((row.key.minute - 1) * MINUTE_MS + 1, &mut self.feedback, &self.names);
            let span = row.span(pane_ms);
            engine.open_panes.open(span);
            engine.open_panes.add_counted(span.pane, endpoint, &counts, &row.values);
        }
    }

    /// Takes one request in arrival order (`published`).
    pub fn arrive(&mut self, arrival: Arrival) {
        if let Engine::Arrival(engine) = &mut self.engine {
            engine.arrive(arrival, &mut self.feedback, &self.names);
        }
    }

    /// Takes one request that is not too late for its cycle (`zscore`), each input's in its own order.
    pub fn observe(&mut self, input: usize, request: Observation) {
        if let Engine::Event(engine) = &mut self.engine {
            engine.observe(input, request);
        }
    }

    /// Says that every request still to come lies at or after `watermark_ms`.
    pub fn advance(&mut self, watermark_ms: i64) {
        if let Engine::Event(engine) = &mut self.engine {
            engine.advance(watermark_ms, &mut self.feedback, &self.names);
        }
        self.usage.advance(watermark_ms);
    }

    /// Says that nothing is still to come.
    pub fn finish(&mut self) {
        self.advance(i64::MAX);
        if let Engine::Arrival(engine) = &mut self.engine {
            engine.finish(&mut self.feedback, &self.names);
        }
    }
}
