//! Calls per developer and window, and the rules that find spikes in them.
//!
//! Windows are half-open, `[start, start + length)`, aligned to the epoch. This module must not know where
//! the calls were read.

pub mod alert;
pub mod compare;
pub mod count;
mod developer;
pub mod mean5x;
pub mod negative_binomial;
pub mod span;
pub mod state;
pub mod zscore_daily;

pub use developer::{display_name, is_key_field};

use crate::plan::{RulesPlan, SpikeRule};
use crate::report::{UsageConfig, UsageSpike};
use crate::route::endpoint::Interner;
use alert::{UsageAlert, UsageEpisode};
use hashbrown::HashMap;
use mean5x::{Finding, Guards, Mean5x};
use negative_binomial::NegativeBinomial;
use std::collections::BTreeMap;
use std::io;

/// More calls in a window than anybody makes; the sums of a baseline stay far below what fits.
const MAX_CALLS: u64 = 1 << 48;

/// Per-developer windows of a replay, closed in time order.
pub struct UsageReplay {
    window_ms: i64,
    interner: Interner,
    names: Vec<String>,
    /// Windows that may still grow: calls by developer.
    open: BTreeMap<i64, HashMap<u32, u64>>,
    /// The window of the log's first request.
    first_window: Option<i64>,
    last_request_ms: i64,
    rule: Rule,
    /// From how many developers on nobody is compared.
    max_developers: usize,
    has_too_many: bool,
}

/// What judges the windows.
enum Rule {
    Mean5x(Box<Mean5x>),
    NegativeBinomial(Box<NegativeBinomial>),
}

impl UsageReplay {
    /// No calls yet, judged by `mean5x`.
    pub fn new(config: UsageConfig) -> Self {
        Self::with_rule(config.window_ms, Rule::Mean5x(Box::new(Mean5x::new(config))))
    }

    /// No calls yet, judged by the plan's rule.
    pub fn of(plan: &RulesPlan) -> Self {
        match plan.spikes {
            SpikeRule::Mean5x => Self::new(plan.usage),
            SpikeRule::NegativeBinomial(calendar) => {
                Self::learning(NegativeBinomial::new(calendar, negative_binomial::DEFAULT_SURPRISE), Vec::new())
            }
        }
    }

    /// The same as [`UsageReplay::new`] with other guards.
    pub fn guarded(config: UsageConfig, guards: Guards) -> Self {
        Self::with_rule(config.window_ms, Rule::Mean5x(Box::new(Mean5x::new(config).with_guards(guards))))
    }

    /// No calls yet, judged by a rule that may have learnt before: of the developers with these names, in its order.
    pub fn learning(rule: NegativeBinomial, names: Vec<String>) -> Self {
        let mut usage = Self::with_rule(rule.window_ms(), Rule::NegativeBinomial(Box::new(rule)));
        for name in names {
            usage.intern(name.as_bytes(), false);
        }
        usage
    }

    fn with_rule(window_ms: i64, rule: Rule) -> Self {
        UsageReplay {
            window_ms,
            interner: Interner::default(),
            names: Vec::new(),
            open: BTreeMap::new(),
            first_window: None,
            last_request_ms: i64::MIN,
            rule,
            max_developers: usize::MAX,
            has_too_many: false,
        }
    }

    /// Gives up on all when there are more developers: which of them came first is up to the threads, and a field of so
    /// many values is likely to hold no developers.
    pub fn limit_developers(&mut self, max_developers: usize) {
        self.max_developers = max_developers;
    }

    /// Forgets everything that was counted and found.
    fn give_up(&mut self) {
        self.has_too_many = true;
        (self.interner, self.names, self.open) = (Interner::default(), Vec::new(), BTreeMap::new());
        match &mut self.rule {
            Rule::Mean5x(rule) => rule.forget_all(),
            Rule::NegativeBinomial(rule) => rule.forget_all(),
        }
    }

    /// The number of a developer. Keys are told apart by all of their bytes, though little of them is shown.
    pub fn intern(&mut self, id: &[u8], is_key: bool) -> u32 {
        if self.has_too_many {
            return 0;
        }
        let shown = display_name(id, is_key);
        let number = self.interner.intern(if is_key { [b"key", id, b""] } else { [b"", shown.as_bytes(), b""] });
        if number as usize == self.names.len() {
            if self.names.len() == self.max_developers {
                self.give_up();
                return 0;
            }
            self.names.push(shown);
        }
        number
    }

    /// Notes the time of requests, of any developer or none: the log's extent decides what can be tested.
    pub fn note_span(&mut self, first_ms: i64, last_ms: i64) {
        let window = first_ms.div_euclid(self.window_ms);
        self.first_window = Some(self.first_window.map_or(window, |first| first.min(window)));
        self.last_request_ms = self.last_request_ms.max(last_ms);
    }

    /// Adds calls of one developer in one window, the window counted from the epoch.
    pub fn add(&mut self, window: i64, developer: u32, calls: u64) {
        if self.has_too_many {
            return;
        }
        let counted = self.open.entry(window).or_default().entry(developer).or_default();
        *counted = counted.saturating_add(calls).min(MAX_CALLS);
    }

    /// Closes every window that ends at or before `watermark_ms`.
    pub fn advance(&mut self, watermark_ms: i64) {
        let Some(first_window) = self.first_window else { return };
        while let Some(entry) = self.open.first_entry() {
            let window = *entry.key();
            let end_ms = (window + 1).saturating_mul(self.window_ms);
            if end_ms > watermark_ms {
                return;
            }
            let calls = entry.remove();
            match &mut self.rule {
                Rule::Mean5x(rule) => rule.close(window, calls, first_window),
                Rule::NegativeBinomial(rule) => rule.close(window, calls),
            }
        }
    }

    /// Windows before this one teach `negative-binomial`, but are not told of.
    pub fn tell_from(&mut self, window: i64) {
        if let Rule::NegativeBinomial(rule) = &mut self.rule {
            rule.tell_from(window);
        }
    }

    /// Closes every window that ends at or before `end_ms`, those without a call included: that nobody called until then
    /// is known.
    pub fn close_to(&mut self, end_ms: i64) {
        self.advance(end_ms);
        if let Rule::NegativeBinomial(rule) = &mut self.rule {
            rule.pass(end_ms.div_euclid(self.window_ms) - 1);
        }
    }

    /// Closes every window up to that of the last request.
    pub fn finish(&mut self) {
        self.advance(i64::MAX);
        if let Rule::NegativeBinomial(rule) = &mut self.rule {
            rule.pass(self.last_request_ms.div_euclid(self.window_ms));
        }
    }

    /// The spikes found, by window, then developer.
    pub fn take_spikes(&mut self) -> Vec<UsageSpike> {
        self.take_findings().into_iter().map(|finding| finding.spike).collect()
    }

    /// What `mean5x` found with the windows that show it, by window, then developer.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        match &mut self.rule {
            Rule::Mean5x(rule) => rule.take_findings(&self.names, self.last_request_ms),
            Rule::NegativeBinomial(_) => Vec::new(),
        }
    }

    /// What `negative-binomial` tells: its alerts by window, then developer, and its episodes by start, then developer.
    pub fn take_alerts(&mut self) -> (Vec<UsageAlert>, Vec<UsageEpisode>) {
        let Rule::NegativeBinomial(rule) = &mut self.rule else { return (Vec::new(), Vec::new()) };
        let (names, window_ms) = (&self.names, self.window_ms);
        let read_to_ms = self.last_request_ms.saturating_add(1);
        let alerts = rule.take_alerts(names);
        let alerts = alerts.iter().map(|alert| UsageAlert::new(alert, names, window_ms, read_to_ms)).collect();
        let incidents = rule.take_incidents(names).into_iter();
        (alerts, incidents.map(|incident| UsageEpisode::new(incident, names, window_ms)).collect())
    }

    /// Writes what `negative-binomial` has learnt so far, to be gone on from.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_learnt(&self, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.rule {
            Rule::Mean5x(_) => Ok(()),
            Rule::NegativeBinomial(rule) => negative_binomial::state::write(rule, &self.names, out),
        }
    }

    /// Windows at the start that are not tested: a baseline has to come first.
    fn untested_windows(&self) -> i64 {
        match &self.rule {
            Rule::Mean5x(rule) => rule.baseline_windows(),
            Rule::NegativeBinomial(_) => negative_binomial::WARM_UP_WINDOWS as i64,
        }
    }

    /// How many developers called.
    pub fn developer_count(&self) -> u64 {
        self.names.len() as u64
    }

    /// Whether there are more developers than the limit, and nothing is known of them.
    pub fn has_too_many(&self) -> bool {
        self.has_too_many
    }

    /// Windows at the log's start that had too little log before them to be tested; 0 when no request named
    /// a developer.
    pub fn windows_not_tested(&self) -> u64 {
        match self.first_window {
            Some(first) if !self.names.is_empty() => {
                let windows = self.last_request_ms.div_euclid(self.window_ms) - first + 1;
                windows.clamp(0, self.untested_windows()) as u64
            }
            _ => 0,
        }
    }
}
