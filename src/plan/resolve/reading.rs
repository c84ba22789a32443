//! The flags of a command that reads logs and asks no backtest, as `learn replay` has them.

use crate::cli::replay::{InputFlags, OutputFlags, ReplayArgs, RunFlags, SelectionFlags, WriteFlags};
use crate::cli::value::KnobFlags;
use crate::settings::knob::Chosen;
use std::path::PathBuf;

/// What such a command has in common with `learn replay`.
pub(super) struct ReadingFlags<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) run: &'a RunFlags,
    pub(super) input: &'a InputFlags,
    pub(super) selection: &'a SelectionFlags,
    pub(super) write: &'a WriteFlags,
    pub(super) knobs: Chosen,
}

impl ReadingFlags<'_> {
    /// The same for [`crate::plan::ReplayPlan::resolve`].
    pub(super) fn replay_args(self) -> ReplayArgs {
        ReplayArgs {
            files: self.files.to_vec(),
            run: self.run.clone(),
            no_backtest: true,
            input: self.input.clone(),
            selection: self.selection.clone(),
            output: OutputFlags { format: None, write: self.write.clone() },
            knobs: KnobFlags(self.knobs),
            ..ReplayArgs::default()
        }
    }
}
