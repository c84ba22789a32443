//! What `learn windows` will do.

use super::ReplayPlan;
use clap::ValueEnum;

/// A whole `learn windows` run.
#[derive(Clone, Debug)]
pub struct WindowsPlan {
    /// What to read, and where the table goes; its rules are unused.
    pub replay: ReplayPlan,
    /// In which form.
    pub format: WindowsFormat,
    /// Milliseconds up to the newest row that are kept; `None` keeps all.
    pub retain_ms: Option<i64>,
}

/// A form of a window table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WindowsFormat {
    /// Text with a header
    Csv,
    /// Apache Parquet: smaller, typed, for `-o`
    Parquet,
}
