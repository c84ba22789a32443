//! What window tables cannot answer, said before anything is read.

use crate::plan::{Filter, InputPlan, ReplayPlan, RuleSet};
use crate::window::minute::MINUTE_MS;
use anyhow::{bail, ensure};

/// Refuses a selection that looks at more of a request than its method, its route and its minute.
///
/// # Errors
/// The flag, and what to do.
pub fn refuse_selection(input: &InputPlan, table: &str) -> anyhow::Result<()> {
    let is_finer = |filter: &Filter| matches!(filter, Filter::Status(_) | Filter::Equals(..));
    let flag = match input {
        InputPlan { since: Some(_), .. } => "--since",
        InputPlan { until: Some(_), .. } => "--until",
        InputPlan { group_by: Some(_), .. } => "--group-by",
        InputPlan { breaker_by: Some(_), .. } => "--breaker-by",
        _ if input.filters.iter().any(|filter| matches!(filter, Filter::Status(_))) => "--status",
        _ if input.filters.iter().any(is_finer) => "--where",
        _ => return Ok(()),
    };
    let way = match flag {
        "--group-by" | "--breaker-by" => "",
        _ => "; `learn windows` takes it, too, to make a table of that part",
    };
    bail!("{table} is a window table, which keeps neither single requests nor their fields: {flag} needs the logs{way}")
}

/// Refuses rules that judge single requests, and panes that are no whole minutes.
///
/// # Errors
/// The flag, and what to do.
pub fn refuse_rules(plan: &ReplayPlan, table: &str) -> anyhow::Result<()> {
    let rules = plan.rules.rules;
    match rules {
        RuleSet::Documented => {}
        RuleSet::Published | RuleSet::ZScore => bail!(
            "{table} is a window table, which keeps no single requests, and --rules {} judges each: give the logs, or \
             another set of rules",
            rules.name()
        ),
    }
    let looping = &plan.rules.looping;
    let lengths = [
        ("the interval (--default-interval-ms)", looping.default_interval_ms),
        ("the window (--window-size-minutes)", looping.window_ms()),
    ];
    for (what, length_ms) in lengths {
        ensure!(
            length_ms % MINUTE_MS == 0,
            "{table} is a window table, which counts by the minute: {what} is {length_ms} ms, expected a multiple of \
             {MINUTE_MS} ms"
        );
    }
    ensure!(
        !plan.explains_routes,
        "{table} is a window table, which keeps routes, not paths: --explain-routes needs the logs"
    );
    let asks_for_queue = plan.backtest.as_ref().is_some_and(|backtest| backtest.queue_calls.is_some());
    ensure!(
        !asks_for_queue,
        "{table} is a window table, which keeps no single requests: --bulkhead-queue needs the logs"
    );
    Ok(())
}
