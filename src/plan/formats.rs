//! What `learn formats` will do.

use super::{FormatChoice, InputName, OutputPlan, Wanted};
use clap::ValueEnum;

/// An output format of `learn formats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatsOutput {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
}

/// A `learn formats` run.
#[derive(Debug)]
pub struct FormatsPlan {
    /// The logs to explain; none: the list of formats is asked for.
    pub files: Vec<InputName>,
    /// How their lines are laid out.
    pub choice: FormatChoice,
    /// What the format has to deliver.
    pub wanted: Wanted,
    /// In which form to write the result.
    pub format: FormatsOutput,
    /// Where, how wide, how loud.
    pub output: OutputPlan,
}
