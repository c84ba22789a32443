//! The flags of `learn backtest` folded into a [`ReplayPlan`].

use super::super::ReplayPlan;
use super::super::backtest::{BacktestPlan, SplitChoice};
use super::{check_extras, read_config};
use crate::cli::backtest::BacktestArgs;
use crate::cli::replay::{OutputFlags, ReplayArgs};
use crate::settings::{Environment, Settings};
use anyhow::ensure;

impl BacktestPlan {
    /// Decides everything about a backtest, and reads the configs. The strings are warnings.
    ///
    /// # Errors
    /// Those of [`ReplayPlan::resolve`], and configs that cannot be read or are none.
    pub fn resolve(
        args: &BacktestArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(ReplayPlan, Vec<String>)> {
        let replay = ReplayArgs {
            files: args.files.clone(),
            run: args.run.clone(),
            input: args.input.clone(),
            selection: args.selection.clone(),
            rules: args.rules.clone(),
            output: OutputFlags {
                format: Some(args.output.format.unwrap_or_default().output()),
                write: args.output.write.clone(),
            },
            knobs: args.knobs.clone(),
            ..ReplayArgs::default()
        };
        let (mut plan, warnings) = ReplayPlan::resolve(&replay, settings, environment)?;
        if let Some(field) = &args.breaker_by {
            plan.input.breaker_by = Some(plan.input.wanted.extra(field));
            check_extras(&plan.input.wanted)?;
        }
        let mut configs = Vec::new();
        for path in &args.configs {
            let name = path.display().to_string();
            ensure!(!configs.iter().any(|(known, _)| *known == name), "--config {name} is given twice");
            configs.push((name, read_config("--config", path)?));
        }
        let split = match args.split {
            _ if args.whole => SplitChoice::Whole,
            Some(share) => SplitChoice::At(share),
            None => SplitChoice::WhereLong,
        };
        plan.rules.endpoint_evidence = false;
        plan.backtest = Some(BacktestPlan {
            tests_current: configs.is_empty() || args.rules.current.is_some() || settings.current.is_some(),
            configs,
            split,
            breaker_by: args.breaker_by.clone(),
            queue_calls: args.bulkhead_queue.map(|calls| calls as usize),
            looks_for_best: true,
        });
        Ok((plan, warnings))
    }
}
