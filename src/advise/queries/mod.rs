//! Which queries cost the time, and the indexes that could save it.
//!
//! In go executions (a text and how long it took) or a server's sums of them, out come patterns by total time and
//! suggestions with their statements. Only `run` has a log read or a server asked; all else is functions of values.
//!
//! | where | what |
//! |---|---|
//! | `text` | texts without their literals, by lexical rules |
//! | `parse` | texts to statements whose literals are parameters |
//! | `gather` | executions to patterns with their times |
//! | `scope` | names of columns to the tables that they belong to |
//! | `access` | which columns of which tables a statement looks for |
//! | `suggest` | slow patterns to indexes |
//! | `report` | what was found, as the JSON has it |
//! | `run` | all of it, from a plan to a report |

pub(crate) mod access;
pub(crate) mod gather;
mod parse;
pub mod report;
pub(crate) mod run;
pub(crate) mod scope;
pub(crate) mod suggest;
mod text;
