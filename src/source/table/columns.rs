//! Which of a file's columns a scan reads.

use crate::plan::scan::UsageColumns;
use crate::source::usage::{CountedBy, find_column};

/// The columns by their places in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) id: usize,
    pub(super) time: usize,
    pub(super) calls: Option<usize>,
    pub(super) amount: Option<usize>,
}

impl Places {
    /// Finds the columns among these names.
    ///
    /// # Errors
    /// A column that is not there.
    pub(super) fn find(names: &[String], columns: &UsageColumns, by: CountedBy) -> anyhow::Result<Self> {
        let pick = |wanted: &str, flag: &str| {
            let name = find_column(wanted, flag, names)?;
            Ok::<_, anyhow::Error>(names.iter().position(|other| other == name).unwrap_or(0))
        };
        let id_flag = match by {
            CountedBy::Developer => "--developer-column",
            CountedBy::Api => "--api-column",
        };
        Ok(Places {
            id: pick(by.id_column(columns), id_flag)?,
            time: pick(&columns.time, "--time-column")?,
            calls: columns.calls.as_deref().map(|wanted| pick(wanted, "--calls-column")).transpose()?,
            amount: match (by, &columns.amount) {
                (CountedBy::Developer, _) => None,
                // The default name is only a guess.
                (CountedBy::Api, amount) if !amount.is_given && !names.contains(&amount.name) => None,
                (CountedBy::Api, amount) => Some(pick(&amount.name, "--amount-column")?),
            },
        })
    }

    /// All of them, each once.
    pub(super) fn all(self) -> Vec<usize> {
        let mut all: Vec<usize> =
            [Some(self.id), Some(self.time), self.calls, self.amount].into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
