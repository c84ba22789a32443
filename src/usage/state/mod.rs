//! What a scan remembers from run to run, so that each event reaches each receiver once.
//!
//! In go the findings of a run and the acknowledgements of receivers; out come what is still to be sent and how far
//! the scan has come. Everything here is a value: the file, its lock and the clock belong to `deliver`. An event is in
//! one of three places for a receiver: unknown, pending (with its body) or taken (its id alone), and moves only in that
//! order until it is forgotten.

mod digest;
mod event;
mod scope;

pub(crate) use digest::{digest, hex};
pub use event::Event;
pub use scope::{Scope, default_path};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The key under which standard output stands beside the receivers: an event is printed once, too.
pub const PRINTED: &str = "printed";

/// The version of the file's shape; it rises when older programs would misread it.
const VERSION: u32 = 1;

/// How long an event is tried again, in ms: a day.
const PENDING_MS: i64 = 24 * 3_600_000;

/// How much longer than a window can be tested again its ids are kept, in ms: two days, so that neither a clock set
/// back nor a scan of yesterday makes an event new.
const MARGIN_MS: i64 = 48 * 3_600_000;

/// Everything that outlives a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    version: u32,
    /// By receiver, the start of the newest window tested for it, ms since the epoch.
    watermarks: BTreeMap<String, i64>,
    last_success_ms: Option<i64>,
    runs_total: u64,
    anomalies_total: u64,
    /// Every event counted in `anomalies_total`, with the time from which its age counts.
    counted: BTreeMap<String, i64>,
    receivers: BTreeMap<String, Mailbox>,
}

/// One receiver's events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mailbox {
    /// Ids that the receiver took, with the time from which their age counts.
    taken: BTreeMap<String, i64>,
    /// By id.
    pending: BTreeMap<String, Pending>,
}

/// An event that a receiver has not taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The event, as it was first found.
    pub event: Event,
    /// The clock of the run that found it, ms since the epoch.
    pub first_seen_ms: i64,
    /// Runs that tried to send it in vain.
    pub failed_runs: u32,
}

/// What one run found.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The findings, those of earlier runs included.
    pub events: &'a [Event],
    /// The keys of those who are to have them.
    pub receivers: &'a [&'a str],
    /// The start of the newest window tested, ms since the epoch; `None` leaves the watermark where it is.
    pub watermark_ms: Option<i64>,
    /// How far back a later run may test windows again, in ms.
    pub catch_up_ms: i64,
    /// The run's clock, ms since the epoch.
    pub now_ms: i64,
}

/// Why a state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not the JSON of a state.
    #[error("it is no state of learn ({0})")]
    Malformed(#[from] serde_json::Error),
    /// Written by a program that knows more.
    #[error("its version is {0}, this learn reads {VERSION}")]
    Version(u32),
}

impl Default for State {
    fn default() -> Self {
        State {
            version: VERSION,
            watermarks: BTreeMap::new(),
            last_success_ms: None,
            runs_total: 0,
            anomalies_total: 0,
            counted: BTreeMap::new(),
            receivers: BTreeMap::new(),
        }
    }
}

impl State {
    /// Reads what [`State::to_json`] wrote.
    ///
    /// # Errors
    /// Anything that is not a state of this version.
    pub fn from_json(bytes: &[u8]) -> Result<State, Unreadable> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(Unreadable::Version(version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The state as a compact JSON document with a newline.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The start of the newest window tested for each of these receivers, the least of them, ms since the epoch: a run
    /// for others must not hide a window from them. A receiver that is new does not count; `None` when all are.
    pub fn watermark_ms(&self, receivers: &[&str]) -> Option<i64> {
        receivers.iter().filter_map(|&receiver| self.watermarks.get(receiver).copied()).min()
    }

    /// Runs so far.
    pub fn runs_total(&self) -> u64 {
        self.runs_total
    }

    /// Different events found so far.
    pub fn anomalies_total(&self) -> u64 {
        self.anomalies_total
    }

    /// The clock of the last run without any trouble, ms since the epoch.
    pub fn last_success_ms(&self) -> Option<i64> {
        self.last_success_ms
    }

    /// Notes that the run at `now_ms` had no trouble.
    pub fn set_success(&mut self, now_ms: i64) {
        self.last_success_ms = Some(now_ms);
    }

    /// Whether the event with this id was found before.
    pub fn was_found(&self, id: &str) -> bool {
        self.counted.contains_key(id)
    }

    /// Whether the receiver with this key took the event with this id.
    pub fn was_taken(&self, receiver: &str, id: &str) -> bool {
        self.receivers.get(receiver).is_some_and(|mailbox| mailbox.taken.contains_key(id))
    }

    /// What the receiver with this key has not taken yet: first what failed in the fewest runs, so that an event that
    /// a receiver chokes on does not hold up the others, then by window and developer.
    pub fn pending(&self, receiver: &str) -> Vec<&Pending> {
        let mailbox = self.receivers.get(receiver);
        let mut pending: Vec<&Pending> = mailbox.iter().flat_map(|mailbox| mailbox.pending.values()).collect();
        pending.sort_by_key(|pending| {
            let event = &pending.event;
            (pending.failed_runs, event.window_start_ms, &event.developer, &event.id)
        });
        pending
    }

    /// Notes a run: counts it and its new events, queues these for each receiver, moves the watermark forward and
    /// forgets ids that cannot come back.
    pub fn note_run(&mut self, run: &Run<'_>) {
        self.runs_total = self.runs_total.saturating_add(1);
        if let Some(watermark_ms) = run.watermark_ms {
            for &receiver in run.receivers {
                let known = self.watermarks.entry(receiver.to_owned()).or_insert(watermark_ms);
                *known = watermark_ms.max(*known);
            }
        }
        for event in run.events {
            if self.counted.insert(event.id.clone(), age_starts_ms(event, run.now_ms)).is_none() {
                self.anomalies_total = self.anomalies_total.saturating_add(1);
            }
            for &receiver in run.receivers {
                self.receivers.entry(receiver.to_owned()).or_default().queue(event, run.now_ms);
            }
        }
        self.forget_before(run.now_ms.saturating_sub(run.catch_up_ms).saturating_sub(MARGIN_MS));
    }

    /// Moves an event from pending to taken; the time from which its age counts, ms since the epoch. `None` when it was
    /// not pending.
    pub fn take(&mut self, receiver: &str, id: &str) -> Option<i64> {
        let mailbox = self.receivers.get_mut(receiver)?;
        let pending = mailbox.pending.remove(id)?;
        let age_ms = age_starts_ms(&pending.event, pending.first_seen_ms);
        mailbox.taken.insert(pending.event.id, age_ms);
        Some(age_ms)
    }

    /// Puts an event among the taken ones, pending or not.
    pub fn restore_taken(&mut self, receiver: &str, id: &str, age_ms: i64) {
        let mailbox = self.receivers.entry(receiver.to_owned()).or_default();
        mailbox.pending.remove(id);
        mailbox.taken.insert(id.to_owned(), age_ms);
    }

    /// Notes that a run tried in vain to send an event.
    pub fn note_failure(&mut self, receiver: &str, id: &str) {
        let mailbox = self.receivers.get_mut(receiver);
        if let Some(pending) = mailbox.and_then(|mailbox| mailbox.pending.get_mut(id)) {
            pending.failed_runs = pending.failed_runs.saturating_add(1);
        }
    }

    /// Gives up what has been pending for more than a day; how many events of which receiver. To be called after a run
    /// has tried to send them, so that none goes untried.
    pub fn give_up(&mut self, now_ms: i64) -> Vec<(String, usize)> {
        let mut given_up = Vec::new();
        for (receiver, mailbox) in &mut self.receivers {
            let before = mailbox.pending.len();
            mailbox.pending.retain(|_, pending| now_ms.saturating_sub(pending.first_seen_ms) <= PENDING_MS);
            if mailbox.pending.len() < before {
                given_up.push((receiver.clone(), before - mailbox.pending.len()));
            }
        }
        given_up
    }

    fn forget_before(&mut self, oldest_ms: i64) {
        self.counted.retain(|_, age_ms| *age_ms >= oldest_ms);
        self.watermarks.retain(|_, watermark_ms| *watermark_ms >= oldest_ms);
        for mailbox in self.receivers.values_mut() {
            mailbox.taken.retain(|_, age_ms| *age_ms >= oldest_ms);
        }
        self.receivers.retain(|_, mailbox| !mailbox.taken.is_empty() || !mailbox.pending.is_empty());
    }
}

impl Mailbox {
    fn queue(&mut self, event: &Event, now_ms: i64) {
        if let Some(age_ms) = self.taken.get_mut(&event.id) {
            *age_ms = (*age_ms).max(now_ms);
        } else if !self.pending.contains_key(&event.id) {
            let pending = Pending { event: event.clone(), first_seen_ms: now_ms, failed_runs: 0 };
            self.pending.insert(event.id.clone(), pending);
        }
    }
}

/// An event ages from its window or from the run that last found it, whichever is later: a scan of last month must not
/// forget at once what it sent.
fn age_starts_ms(event: &Event, now_ms: i64) -> i64 {
    event.window_start_ms.max(now_ms)
}

#[cfg(test)]
mod tests;
