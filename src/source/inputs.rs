//! What the inputs are: logs with their formats, in order of time, and window tables.
//!
//! Judged from each input's first bytes, before any is read through. Nothing is counted here.

use super::format::{InputFormat, LineFormat};
use super::probe::Probe;
use super::window_table::Layout;
use crate::backtest::spool::Stamps;
use crate::plan::ReplayPlan;

/// An input whose format is known.
pub(super) struct Recognised {
    pub(super) probe: Probe,
    pub(super) format: Option<(LineFormat, Stamps)>,
    pub(super) first_ms: Option<i64>,
}

/// The inputs by what they are.
pub(super) struct Inputs {
    pub(super) logs: Vec<Recognised>,
    pub(super) tables: Vec<(Probe, Layout)>,
}

/// Opens the inputs and puts the logs in order of their first request, then path.
///
/// # Errors
/// An input that cannot be opened or recognised.
pub(super) fn recognise_all(plan: &ReplayPlan) -> anyhow::Result<Inputs> {
    let (mut inputs, mut tables) = (Vec::new(), Vec::new());
    // Of the inputs whose stamps alone can tell, all together, so that a log is not taken for another when it is cut.
    let mut has_fractions = false;
    for name in &plan.input.files {
        let probe = Probe::open(name)?;
        if let Some(layout) = Layout::of(&probe.sample) {
            tables.push((probe, layout));
            continue;
        }
        let format = LineFormat::of(&probe, &plan.input.format, &plan.input.wanted)?;
        let sample = format.as_ref().map_or_else(Vec::new, |format| {
            let mut parser = InputFormat::new(format, Stamps::Exact);
            probe.sample_lines().iter().filter_map(|line| parser.next_timestamp(line)).collect()
        });
        let first_ms = sample.first().copied();
        let format = format.map(|format| {
            let stamps = format.stamps();
            if stamps.is_none() {
                has_fractions |= sample.iter().any(|timestamp_ms| timestamp_ms % 1000 != 0);
            }
            (format, stamps.unwrap_or(Stamps::WholeSeconds))
        });
        inputs.push(Recognised { probe, format, first_ms });
    }
    for (format, stamps) in inputs.iter_mut().filter_map(|input| input.format.as_mut()) {
        if has_fractions && format.stamps().is_none() {
            *stamps = Stamps::Exact;
        }
    }
    inputs.sort_by(|a: &Recognised, b| (a.first_ms, &a.probe.shown).cmp(&(b.first_ms, &b.probe.shown)));
    Ok(Inputs { logs: inputs, tables })
}
