//! The flags of `learn advise` folded into an [`AdvisePlan`].

use super::super::advise::{AdviceFormat, AdvisePlan};
use super::super::{InputName, ReplayPlan};
use crate::advise::Analysis;
use crate::advise::model::Model;
use crate::advise::trace::fields::FIELDS;
use crate::cli::advise::{AdviseArgs, AnalysisArgs, Only, OwnFlags};
use crate::cli::replay::{OutputFlags, ReplayArgs, RuleFlags};
use crate::cli::value::KnobFlags;
use crate::settings::{Environment, Settings};
use anyhow::{Context, ensure};
use std::io::ErrorKind;
use std::path::PathBuf;

const DEFAULT_DEPLOYMENT: &str = "service";
const DEFAULT_UPSTREAM: &str = "backend";

impl AdvisePlan {
    /// Decides everything about a run. The strings are warnings.
    ///
    /// # Errors
    /// Those of [`ReplayPlan::resolve`], and a form that the result does not have.
    pub fn resolve(
        args: &AdviseArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(AdvisePlan, Vec<String>)> {
        match &args.only {
            None => resolve(None, &args.all, settings, environment),
            Some(Only::Forecast(args)) => resolve(Some(Analysis::Forecast), args, settings, environment),
            Some(Only::Balance(args)) => resolve(Some(Analysis::Balance), args, settings, environment),
            Some(Only::Allocate(args)) => resolve(Some(Analysis::Allocate), args, settings, environment),
            Some(Only::Cache(args)) => resolve(Some(Analysis::Cache), args, settings, environment),
            Some(Only::Healing(args)) => resolve(Some(Analysis::Healing), args, settings, environment),
            Some(Only::Score(args)) => resolve(Some(Analysis::Score), args, settings, environment),
            Some(Only::Scale(args)) => resolve(Some(Analysis::Scale), args, settings, environment),
        }
    }
}

impl AdviseArgs {
    /// The settings file that was named.
    pub(crate) fn settings(&self) -> Option<&std::path::Path> {
        match &self.only {
            None => self.all.settings.as_deref(),
            Some(Only::Forecast(args)) => args.settings.as_deref(),
            Some(Only::Balance(args)) => args.settings.as_deref(),
            Some(Only::Allocate(args)) => args.settings.as_deref(),
            Some(Only::Cache(args)) => args.settings.as_deref(),
            Some(Only::Healing(args)) => args.settings.as_deref(),
            Some(Only::Score(args)) => args.settings.as_deref(),
            Some(Only::Scale(args)) => args.settings.as_deref(),
        }
    }
}

fn resolve<F: clap::Args + OwnFlags>(
    only: Option<Analysis>,
    args: &AnalysisArgs<F>,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<(AdvisePlan, Vec<String>)> {
    let of_requests = only == Some(Analysis::Score);
    let format = args.format.unwrap_or(if of_requests { AdviceFormat::Ndjson } else { AdviceFormat::Table });
    check_format(only, format)?;
    let replay = ReplayArgs {
        files: args.files.clone(),
        settings: None,
        threads: args.threads,
        chunk_bytes: None,
        no_backtest: true,
        explain_routes: false,
        input: args.input.clone(),
        selection: args.selection.clone(),
        rules: RuleFlags::default(),
        output: OutputFlags { format: None, write: args.write.clone() },
        knobs: KnobFlags(args.own.knobs().clone()),
    };
    // What is recommended by rules is not looked at, so neither are the settings for it.
    let reading = Settings { rules: None, current: None, ..settings.clone() };
    let (mut replay, warnings) = ReplayPlan::resolve(&replay, &reading, environment)?;
    replay.output.format = format.output();
    replay.input.wanted.optional = FIELDS;
    let mut chosen = settings.knobs.clone();
    chosen.overlay(args.own.knobs().clone());
    let names = args.own.names();
    let upstream = names.upstream.unwrap_or_else(|| DEFAULT_UPSTREAM.to_owned());
    let model = names.model.map(|path| read_model(path, &replay)).transpose()?;
    let plan = AdvisePlan {
        model,
        upstream,
        replay,
        only,
        config: chosen.knobs().advise,
        deployment: names.deployment.unwrap_or_else(|| DEFAULT_DEPLOYMENT.to_owned()),
    };
    Ok((plan, warnings))
}

/// What was learnt before; nothing where there is no file yet.
fn read_model(path: PathBuf, plan: &ReplayPlan) -> anyhow::Result<(PathBuf, Model)> {
    let is_input = |input: &InputName| matches!(input, InputName::Path(input) if super::is_same_file(input, &path));
    ensure!(!plan.input.files.iter().any(is_input), "--model would overwrite the input {}", path.display());
    let is_result = |file: &PathBuf| super::is_same_file(file, &path);
    ensure!(!plan.output.file.as_ref().is_some_and(is_result), "--output and --model are both {}", path.display());
    crate::deliver::file::check_writable(&path).with_context(|| format!("--model {}", path.display()))?;
    let model = match std::fs::read(&path) {
        Ok(text) => Model::parse(&text).with_context(|| format!("--model {}", path.display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => Model::default(),
        Err(error) => return Err(error).with_context(|| format!("cannot read --model {}", path.display())),
    };
    Ok((path, model))
}

/// Rows and files for other programs are those of one analysis.
fn check_format(only: Option<Analysis>, format: AdviceFormat) -> anyhow::Result<()> {
    let Some(only) = only else {
        let is_of_one = matches!(format, AdviceFormat::Csv | AdviceFormat::Config);
        ensure!(!is_of_one, "--format: csv and config are for one analysis, such as `learn advise scale`; name it");
        return Ok(());
    };
    ensure!(
        only != Analysis::Score || format == AdviceFormat::Ndjson,
        "--format: `learn advise score` writes a line for each request, so ndjson alone"
    );
    ensure!(
        format != AdviceFormat::Config || only.writes_config(),
        "--format config: `learn advise {}` has nothing that another program reads; `balance` and `scale` have",
        only.name()
    );
    Ok(())
}
