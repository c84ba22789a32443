//! The flags of `learn windows` folded into a [`WindowsPlan`].

use super::super::ReplayPlan;
use super::super::windows::{WindowsFormat, WindowsPlan};
use super::reading::ReadingFlags;
use crate::cli::replay::WriteFlags;
use crate::cli::windows::WindowsArgs;
use crate::settings::{Environment, Settings};
use anyhow::{bail, ensure};
use std::path::Path;

impl WindowsPlan {
    /// Decides everything about a run. The strings are warnings.
    ///
    /// # Errors
    /// Those of [`ReplayPlan::resolve`], a form that cannot be told, and Parquet without a file.
    pub fn resolve(
        args: &WindowsArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(WindowsPlan, Vec<String>)> {
        ensure!(
            args.selection.group_by.is_none(),
            "--group-by: a window table has no column for groups; replay the logs with --group-by"
        );
        let file = args.write.output.as_deref().filter(|path| *path != Path::new("-"));
        ensure!(
            file.is_some() || !environment.stdout_is_terminal,
            "a window table is for programs, its names as the log has them: write it to a file with -o, or into a pipe"
        );
        let format = format(args.format, file)?;
        // A table may take the place of one that it was made from; `is_replaced` tells which inputs that concerns.
        let write = WriteFlags { output: None, ..args.write.clone() };
        let replay = ReadingFlags {
            files: &args.files,
            run: &args.run,
            input: &args.input,
            selection: &args.selection,
            write: &write,
            knobs: args.knobs.0.clone(),
        }
        .replay_args();
        let (mut replay, warnings) = ReplayPlan::resolve(&replay, settings, environment)?;
        if let (Some(file), Some(rejects)) = (file, &replay.input.rejects) {
            ensure!(!super::is_same_file(file, rejects), "--output and --rejects are both {}", file.display());
        }
        if let Some(file) = file {
            ensure!(!file.is_dir(), "--output: {} is a directory, expected a file", file.display());
        }
        replay.output.file = file.map(Path::to_owned);
        let retain_ms = args.retain.or(settings.retain_ms);
        Ok((WindowsPlan { replay, format, retain_ms }, warnings))
    }

    /// Whether the result takes the place of the input of this name.
    pub(crate) fn replaces(&self, shown: &str) -> bool {
        let Some(file) = &self.replay.output.file else { return false };
        self.replay.input.files.iter().any(|input| input.shown() == shown && super::is_input(input, file))
    }
}

fn format(asked: Option<WindowsFormat>, file: Option<&Path>) -> anyhow::Result<WindowsFormat> {
    let Some(file) = file else {
        ensure!(
            asked != Some(WindowsFormat::Parquet),
            "Parquet is no text: write it to a file, such as -o windows.parquet"
        );
        return Ok(WindowsFormat::Csv);
    };
    let suffix = file.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
    Ok(match (asked, suffix.as_deref()) {
        (Some(format), _) => format,
        (None, Some("csv")) => WindowsFormat::Csv,
        (None, Some("parquet")) => WindowsFormat::Parquet,
        (None, _) => {
            bail!("--output: found `{}`, expected a name that ends in .parquet or .csv, or -f", file.display())
        }
    })
}
