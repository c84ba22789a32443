//! How many replicas the load needed, window by window, and what an autoscaler would have done.
//!
//! In go the starts and ends of a log's calls, out come Little's law (L = rate x mean duration) and the exact number in
//! flight of each window, the replicas for it, the moments at which an autoscaler would have acted, and a HorizontalPodAutoscaler.
//! Requests without a duration count in the rate alone.

pub(crate) mod hpa;
mod load;
mod replicas;
pub mod report;
#[cfg(test)]
mod tests;

pub(super) use load::Load;
pub(super) use replicas::{Capacity, Demand};

use super::{Kept, Outcome};
use crate::plan::advise::AdvisePlan;
use load::LoadSweep;
use report::ScaleReport;

/// What is missing where no request has a duration.
const NO_DURATIONS: &str = "no request has a duration, so how many were in flight is unknown; log $request_time";

/// Goes over the calls once.
///
/// # Errors
/// When they cannot be read back.
pub(super) fn run(plan: &AdvisePlan, kept: &Kept) -> anyhow::Result<Outcome<ScaleReport>> {
    let capacity = Capacity::new(&plan.config.scale, &plan.limits);
    let mut demand = Demand::new(capacity);
    let mut sweep = LoadSweep::new(plan.config.scale.window_ms);
    for batch in kept.calls.batches(i64::MIN) {
        batch?.moments().for_each(|(moment, call)| sweep.take(moment, call, |load| demand.take(load)));
    }
    sweep.finish(|load| demand.take(load));
    Ok(if sweep.timed == 0 {
        Err(NO_DURATIONS.to_owned())
    } else {
        Ok(ScaleReport::new(kept.basis(), sweep, demand, &plan.deployment))
    })
}
