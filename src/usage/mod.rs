//! Calls per developer and window, and the rules that find spikes in them.
//!
//! Windows are half-open, `[start, start + length)`, aligned to the epoch. This module must not know where
//! the calls were read.

pub mod count;
mod developer;
pub mod mean5x;
pub mod negative_binomial;
pub mod span;
pub mod state;
pub mod zscore_daily;

pub use developer::{display_name, is_key_field};

use crate::report::{UsageConfig, UsageSpike};
use crate::route::endpoint::Interner;
use hashbrown::HashMap;
use mean5x::{Finding, Guards, Mean5x};
use std::collections::BTreeMap;

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
    rule: Mean5x,
}

impl UsageReplay {
    /// No calls yet.
    pub fn new(config: UsageConfig) -> Self {
        UsageReplay {
            window_ms: config.window_ms,
            interner: Interner::default(),
            names: Vec::new(),
            open: BTreeMap::new(),
            first_window: None,
            last_request_ms: i64::MIN,
            rule: Mean5x::new(config),
        }
    }

    /// The same with other guards.
    pub fn with_guards(self, guards: Guards) -> Self {
        UsageReplay { rule: self.rule.with_guards(guards), ..self }
    }

    /// The number of a developer. Keys are told apart by all of their bytes, though little of them is shown.
    pub fn intern(&mut self, id: &[u8], is_key: bool) -> u32 {
        let shown = display_name(id, is_key);
        let number = self.interner.intern(if is_key { [b"key", id, b""] } else { [b"", shown.as_bytes(), b""] });
        if number as usize == self.names.len() {
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
        *self.open.entry(window).or_default().entry(developer).or_default() += calls;
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
            self.rule.close(window, entry.remove(), first_window);
        }
    }

    /// Closes every window.
    pub fn finish(&mut self) {
        self.advance(i64::MAX);
    }

    /// The spikes found, by window, then developer.
    pub fn take_spikes(&mut self) -> Vec<UsageSpike> {
        self.take_findings().into_iter().map(|finding| finding.spike).collect()
    }

    /// The spikes found with the windows that show them, by window, then developer.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        self.rule.take_findings(&self.names, self.last_request_ms)
    }

    /// How many developers called.
    pub fn developer_count(&self) -> u64 {
        self.names.len() as u64
    }

    /// Windows at the log's start that had too little log before them to be tested; 0 when no request named
    /// a developer.
    pub fn windows_not_tested(&self) -> u64 {
        match self.first_window {
            Some(first) if !self.names.is_empty() => {
                let windows = self.last_request_ms.div_euclid(self.window_ms) - first + 1;
                windows.clamp(0, self.rule.baseline_windows()) as u64
            }
            _ => 0,
        }
    }
}
