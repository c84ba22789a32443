//! `learn diff` and `learn publish`: plan in, what moved and what was written out.
//!
//! Joins the stages as `lib` does for `learn replay`; it reads and writes only through them.

use crate::deliver::redis::RedisPlan;
use crate::diff::tolerance::Tolerances;
use crate::diff::{Comparison, compare, is_beyond};
use crate::plan::ReplayPlan;
use crate::plan::diff::{Action, DiffPlan, Origin, PublishPlan, Source};
use crate::render::{self, diff::DiffReport};
use crate::report::Report;
use crate::tuning::{TunableConfig, reader};
use anyhow::{Context, ensure};
use std::process::ExitCode;

/// The exit code when something moved beyond its tolerance.
const MOVED: u8 = 1;

/// Compares, writes the result, and says by the exit code whether it matters.
///
/// # Errors
/// A config that cannot be had: an unreadable log, a Redis that does not answer, a key that is absent or broken.
pub(crate) fn diff(
    plan: &DiffPlan,
    replay: &mut impl FnMut(&ReplayPlan) -> anyhow::Result<Report>,
    write: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<ExitCode> {
    let old = config(&plan.old, replay, tell)?;
    let new = config(&plan.new, replay, tell)?;
    let comparisons = compare(&old, &new, &plan.tolerances);
    let report =
        DiffReport { command: "diff", old: Some(&plan.old.name), new: &plan.new.name, comparisons: &comparisons };
    write(&render::diff::render(&report, plan.format, &plan.output)?)?;
    Ok(if is_beyond(&comparisons) { ExitCode::from(MOVED) } else { ExitCode::SUCCESS })
}

fn config(
    origin: &Origin,
    replay: &mut impl FnMut(&ReplayPlan) -> anyhow::Result<Report>,
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<TunableConfig> {
    match &origin.source {
        Source::Config(config) => Ok(*config),
        Source::Redis(redis) => {
            let value = redis.connect()?.read()?;
            parse(redis, &value.with_context(|| format!("{}: there is no such key; check --prefix", redis.name()))?)
        }
        Source::Log(plan) => {
            let report = replay(plan)?;
            if let Some(error) = report.inputs.iter().find_map(|input| input.error.as_ref()) {
                ensure!(
                    plan.input.keep_going,
                    "{}: {error}; --keep-going compares what the part before it supports",
                    origin.name
                );
                tell(&format!("{}: {error}; what was read before is compared", origin.name));
            }
            report.summary.notes.iter().for_each(|note| tell(&format!("{}: {note}", origin.name)));
            for setting in render::carried_over(&report) {
                tell(&format!("{}: {setting} could not be recommended; the current value is compared", origin.name));
            }
            Ok(render::complete(&report))
        }
    }
}

fn parse(redis: &RedisPlan, value: &[u8]) -> anyhow::Result<TunableConfig> {
    reader::parse(value).with_context(|| redis.name())
}

/// Shows what is replaced, and replaces it unless only that was asked for.
///
/// # Errors
/// A Redis that does not answer or does not write.
pub(crate) fn publish(
    plan: &PublishPlan,
    write: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<ExitCode> {
    let mut key = plan.redis.connect()?;
    let name = plan.redis.name();
    let old = key.read()?.and_then(|value| match parse(&plan.redis, &value) {
        Ok(config) => Some(config),
        Err(error) => {
            tell(&format!("what is there is no config: {error:#}"));
            None
        }
    });
    let comparisons: Vec<Comparison> = compare(&old.unwrap_or(plan.config), &plan.config, &Tolerances::default());
    let report = DiffReport {
        command: "publish",
        old: old.is_some().then_some(name.as_str()),
        new: &plan.name,
        comparisons: &comparisons,
    };
    let shown = render::diff::render(&report, plan.format, &plan.output)?;
    if plan.action == Action::Write {
        let value = serde_json::to_vec(&plan.config)?;
        key.write(&value, plan.ttl_s)?;
    }
    write(&shown)?;
    tell(&match plan.action {
        Action::Write => format!("{name}: written, for {} s", plan.ttl_s),
        Action::Show => format!("{name}: nothing was written (--dry-run)"),
    });
    Ok(ExitCode::SUCCESS)
}
