//! What `learn advise` will do.

use super::{OutputFormat, ReplayPlan};
use crate::advise::Analysis;
use crate::advise::config::AdviseConfig;
use crate::advise::model::Model;
use crate::report::OptimizationConfig;
use clap::ValueEnum;
use std::path::PathBuf;

/// A whole `learn advise` run.
#[derive(Clone, Debug)]
pub struct AdvisePlan {
    /// What to read, and where the result goes; its rules only shape the reading.
    pub replay: ReplayPlan,
    /// The analysis that was asked for; `None`: all that the log supports.
    pub only: Option<Analysis>,
    /// The analyses' numbers.
    pub config: AdviseConfig,
    /// Limits of memory and CPU.
    pub limits: OptimizationConfig,
    /// The Deployment that a HorizontalPodAutoscaler scales.
    pub deployment: String,
    /// The nginx `upstream` block that weights are written for.
    pub upstream: String,
    /// Where what is learnt is kept, and what it holds.
    pub model: Option<(PathBuf, Model)>,
}

impl AdvisePlan {
    /// Whether this analysis is to run.
    pub(crate) fn wants(&self, analysis: Analysis) -> bool {
        self.only.is_none_or(|only| only == analysis)
    }
}

/// A form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AdviceFormat {
    /// For people
    #[default]
    Table,
    /// One document with everything
    Json,
    /// One object a line
    Ndjson,
    /// The rows of one analysis
    Csv,
    /// For pull requests and wikis
    Markdown,
    /// What another program takes: of balance an nginx upstream block, of scale a HorizontalPodAutoscaler, of queries SQL
    Config,
}

impl AdviceFormat {
    /// The same among all forms.
    pub(crate) fn output(self) -> OutputFormat {
        match self {
            AdviceFormat::Table => OutputFormat::Table,
            AdviceFormat::Json => OutputFormat::Json,
            AdviceFormat::Ndjson => OutputFormat::Ndjson,
            AdviceFormat::Csv => OutputFormat::Csv,
            AdviceFormat::Markdown => OutputFormat::Markdown,
            AdviceFormat::Config => OutputFormat::Config,
        }
    }
}

/// Kubernetes: the longest name of an object.
const MAX_OBJECT_NAME: usize = 253;

/// Reads the name of a Kubernetes object, a DNS subdomain.
pub(crate) fn object_name(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.iter().all(|byte| is_inner(*byte) || *byte == b'-')
            && bytes.first().copied().is_some_and(is_inner)
            && bytes.last().copied().is_some_and(is_inner)
    };
    let is_name = text.len() <= MAX_OBJECT_NAME && text.split('.').all(is_label);
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        "expected the name of a Kubernetes object: lower-case letters, digits, `-` and `.`, beginning and ending with a \
         letter or digit"
            .to_owned()
    })
}

/// Reads the name of an nginx `upstream` block.
pub(crate) fn upstream_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = !text.is_empty() && text.bytes().all(is_plain);
    is_name.then(|| text.to_owned()).ok_or_else(|| "expected letters, digits, `.`, `_` and `-`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names_are_those_of_kubernetes() {
        for name in ["a", "shop-2", "a.b-c.d", &"a".repeat(253)] {
            assert_eq!(object_name(name).as_deref(), Ok(name));
        }
        for name in ["", "-a", "a-", "A", "a_b", "a..b", ".a", "a b", &"a".repeat(254)] {
            assert!(object_name(name).is_err(), "{name}");
        }
    }
}
