//! Requests grouped by time and endpoint: exact, mergeable panes, and the window aggregates made of them.
//!
//! Counts only: what is unusual or what to do about it is for `rules` and `tuning`.

pub mod aggregate;
pub(crate) mod minute;
pub mod pane;
pub(crate) mod seal;
pub(crate) mod table;
pub mod value_counts;
pub mod value_run;
