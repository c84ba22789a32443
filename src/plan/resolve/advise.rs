//! The flags of `learn advise` folded into an [`AdvisePlan`].

use super::super::ReplayPlan;
use super::super::advise::{AdviceFormat, AdvisePlan};
use super::reading::ReadingFlags;
use crate::advise::Analysis;
use crate::advise::model::Model;
use crate::advise::trace::fields::FIELDS;
use crate::cli::advise::LogArgs;
use crate::nearest::similar;
use crate::settings::{Environment, Settings};
use anyhow::{Context, bail, ensure};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const DEFAULT_DEPLOYMENT: &str = "service";
const DEFAULT_UPSTREAM: &str = "backend";

/// The analysis that reads no access logs.
const QUERIES: &str = "queries";

/// The knobs of rules that shape the reading of a log.
const READING_KNOBS: &[&str] = &["max-gap"];

impl AdvisePlan {
    /// Decides everything about a run, and reads the model. The strings are warnings.
    ///
    /// # Errors
    /// Those of [`ReplayPlan::resolve`], a form that the result does not have, and a file that is no model.
    pub fn resolve(
        args: &LogArgs<'_>,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(AdvisePlan, Vec<String>)> {
        let LogArgs { only, common: args, own } = *args;
        let of_requests = only == Some(Analysis::Score);
        let format = args.format.unwrap_or(if of_requests { AdviceFormat::Ndjson } else { AdviceFormat::Table });
        check_format(only, format)?;
        if let (None, Some(first)) = (only, args.files.first()) {
            refuse_unknown(first)?;
        }
        let replay = ReadingFlags {
            files: &args.files,
            run: &args.run,
            input: &args.input,
            selection: &args.selection,
            write: &args.write,
            knobs: own.knobs().only(READING_KNOBS),
        }
        .replay_args();
        // What rules come to is not looked at, so neither are the settings for them.
        let knobs = settings.knobs.only(READING_KNOBS);
        let reading = Settings { rules: None, current: None, knobs, ..settings.clone() };
        let (mut replay, warnings) = ReplayPlan::resolve(&replay, &reading, environment)?;
        replay.output.format = format.output();
        replay.input.wanted.optional = FIELDS;
        let mut chosen = settings.knobs.clone();
        chosen.overlay(own.knobs().clone());
        let knobs = chosen.knobs();
        ensure!(
            knobs.optimization.cpu_threshold > 0.0,
            "--cpu-threshold: found 0, expected a percentage above 0: replicas are to be that busy"
        );
        let names = own.names();
        let upstream = names.upstream.unwrap_or_else(|| DEFAULT_UPSTREAM.to_owned());
        let model = names.model.map(|path| read_model(path, &replay)).transpose()?;
        let plan = AdvisePlan {
            model,
            upstream,
            replay,
            only,
            config: knobs.advise,
            limits: knobs.optimization,
            deployment: names.deployment.unwrap_or_else(|| DEFAULT_DEPLOYMENT.to_owned()),
        };
        Ok((plan, warnings))
    }
}

/// A single word that is no file was meant for an analysis.
fn refuse_unknown(first: &Path) -> anyhow::Result<()> {
    let is_word = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') && *name != "-";
    let Some(name) = first.to_str().filter(is_word).filter(|_| !first.exists()) else { return Ok(()) };
    let names: Vec<&str> = Analysis::ALL.iter().map(|analysis| analysis.name()).chain([QUERIES]).collect();
    let nearest =
        similar(name, names.iter().copied()).map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"));
    bail!("{name}: no such file, and no analysis; expected a log, or one of {}{nearest}", names.join(", "))
}

/// What was learnt before; nothing where there is no file yet.
fn read_model(path: PathBuf, plan: &ReplayPlan) -> anyhow::Result<(PathBuf, Model)> {
    super::refuse_input("--model", &path, &plan.input.files)?;
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
        "--format config: `learn advise {}` has nothing that another program reads; `balance`, `scale` and `queries` have",
        only.name()
    );
    Ok(())
}
