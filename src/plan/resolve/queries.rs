//! The flags of `learn advise queries` folded into a [`QueriesPlan`].
//!
//! Looks names up in the file system; opens no input and connects to nothing.

use super::super::queries::QueriesPlan;
use super::{DEFAULT_MAX_REJECTS_RATIO, files, output_plan, refuse_input};
use crate::cli::advise::QueriesArgs;
use crate::settings::{Environment, Settings};
use crate::source::postgres::DatabaseUrl;
use crate::source::postgres::statements::StatementsPlan;
use anyhow::ensure;
use std::time::Duration;

const DEFAULT_TIMEOUT_MS: i64 = 30_000;

impl QueriesPlan {
    /// Decides everything about a run. The strings are warnings.
    ///
    /// # Errors
    /// A file that cannot be meant, or that the result would replace.
    pub fn resolve(
        args: &QueriesArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(QueriesPlan, Vec<String>)> {
        let mut warnings = Vec::new();
        let timeout_ms = args.timeout.unwrap_or(DEFAULT_TIMEOUT_MS);
        let timeout = Duration::from_millis(timeout_ms.unsigned_abs());
        let database = args.database_url.clone().map(|url| StatementsPlan { url: DatabaseUrl::from(url), timeout });
        let files = match args.files.is_empty() && database.is_some() {
            true => Vec::new(),
            false => files::inputs(&args.files, environment.stdin_is_terminal, &mut warnings)?,
        };
        let output = output_plan(&args.write, Some(args.format.unwrap_or_default().output()), environment);
        if let Some(target) = &output.file {
            ensure!(!target.is_dir(), "--output: {} is a directory, expected a file", target.display());
            refuse_input("--output", target, &files)?;
        }
        let mut chosen = settings.knobs.clone();
        chosen.overlay(args.knobs.0.clone());
        let config = chosen.knobs().advise.queries;
        let max_rejects_ratio =
            args.max_rejects.or(settings.input.max_rejects_ratio).unwrap_or(DEFAULT_MAX_REJECTS_RATIO);
        let keep_going = args.keep_going;
        Ok((QueriesPlan { files, database, config, max_rejects_ratio, keep_going, output }, warnings))
    }
}
