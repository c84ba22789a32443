//! Flags, variables and files folded into a [`FormatsPlan`]. Opens no log.

use super::format::layout;
use super::{files, output_plan};
use crate::cli::formats::FormatsArgs;
use crate::plan::formats::FormatsPlan;
use crate::settings::{Environment, Settings};

impl FormatsPlan {
    /// Decides everything about the run. The strings are warnings.
    ///
    /// # Errors
    /// Files that cannot be meant, a format that is none.
    pub fn resolve(
        args: &FormatsArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(FormatsPlan, Vec<String>)> {
        let mut warnings = Vec::new();
        // Without a file the list is asked for, whatever standard input is.
        let files = match args.files.as_slice() {
            [] => Vec::new(),
            given => files::inputs(given, environment.stdin_is_terminal, &mut warnings)?,
        };
        let layout = layout(&args.layout, &settings.input)?;
        let output = output_plan(&args.write, None, environment);
        let format = args.format.unwrap_or_default();
        Ok((FormatsPlan { files, choice: layout.choice, wanted: layout.wanted, format, output }, warnings))
    }
}
