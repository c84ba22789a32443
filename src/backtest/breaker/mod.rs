//! What circuit breakers would have done: one breaker per endpoint and setting, all fed with the same starts and ends.
//!
//! A failure is a status of 500 or above, or a call that the timeout cuts; everything else is a success. Several
//! settings under one timeout share a [`Bank`]: a closed breaker whose window is full of successes sleeps until the
//! next failure, so that a setting costs what it does and not what it sees.

mod quiet;
mod state;

use super::call::Outcome;
use super::timeline::{Event, Moment, Phase, end_moment};
use quiet::Quiet;
use serde::Serialize;
use state::{Breaker, Turn};
use std::collections::{BTreeMap, VecDeque};

pub(crate) use state::{Knobs, State};

/// Settings that one bank holds; the bits of a mask.
pub(super) const MAX_SETTINGS: usize = 64;

/// What one setting did, as counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub openings: u64,
    /// Of those, after a failed probe.
    pub reopenings: u64,
    pub open_us: u64,
    pub rejected: u64,
    /// Would have succeeded in time.
    pub good_rejected: u64,
    /// Would have failed or been cut.
    pub bad_rejected: u64,
    /// Of those, a status of 500 or above.
    pub failed_rejected: u64,
    /// Openings out of the closed state, by endpoint and failures in the window.
    pub trips: BTreeMap<(u32, u32), u64>,
}

/// What a call comes to when it is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It succeeds in time.
    Succeeds,
    /// It ends in time, neither good nor a failure.
    Neither,
    /// It does not fail by itself, but the timeout cuts it.
    Cut,
    /// Its status is 500 or above.
    Fails,
}

impl Fate {
    fn of(outcome: Outcome, duration_us: u64, timeout_us: u64) -> Self {
        match outcome {
            Outcome::Failed => Fate::Fails,
            _ if duration_us > timeout_us => Fate::Cut,
            Outcome::Good => Fate::Succeeds,
            Outcome::Neither => Fate::Neither,
        }
    }
}

/// Breakers of all endpoints, for several settings under one timeout.
struct Bank {
    settings: Vec<Knobs>,
    tallies: Vec<Tally>,
    /// By endpoint, then setting.
    breakers: Vec<Breaker>,
}

/// Which settings' breakers of an endpoint care for what comes next, as bits.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// Those that are not closed: they care for every start.
    tripped: u64,
    /// Those that are not dormant: they care for every end. All care for a failure.
    awake: u64,
}

impl Bank {
    fn start(&mut self, event: &Event, fate: Fate, tripped: u64) -> u64 {
        let first = event.endpoint as usize * self.settings.len();
        let mut rejecting = 0;
        for setting in bits(tripped) {
            if !self.breakers[first + setting].admit(event.at_us, event.call, &self.settings[setting]) {
                self.tallies[setting].note_rejection(fate);
                rejecting |= 1 << setting;
            }
        }
        rejecting
    }

    /// `told` are the settings that care.
    fn end(&mut self, end: &End, next_call: u64, told: u64, watch: &mut Watch) {
        let first = end.endpoint as usize * self.settings.len();
        for setting in bits(told) {
            let (knobs, breaker) = (&self.settings[setting], &mut self.breakers[first + setting]);
            let was = breaker.state();
            let bit = 1 << setting;
            match breaker.settle(end.at_us, end.call, end.failed, next_call, knobs) {
                Turn::None => {}
                Turn::Opened(failures) => {
                    watch.tripped |= bit;
                    self.tallies[setting].note_opening(was, end.endpoint, failures, knobs.open_timeout_us);
                }
                Turn::Closed => watch.tripped &= !bit,
            }
            if breaker.is_dormant(knobs) {
                watch.awake &= !bit;
            } else {
                watch.awake |= bit;
            }
        }
    }

    /// What each setting did until the log's end.
    fn finish(mut self, end_us: i64) -> Vec<Tally> {
        let settings = self.settings.len().max(1);
        for (index, breaker) in self.breakers.iter().enumerate() {
            if breaker.state() == State::Open {
                let timeout_us = self.settings[index % settings].open_timeout_us;
                let past_end_us = breaker.opened_at_us().saturating_add(timeout_us).saturating_sub(end_us);
                let tally = &mut self.tallies[index % settings];
                tally.open_us = tally.open_us.saturating_sub(past_end_us.max(0) as u64);
            }
        }
        self.tallies
    }
}

impl Tally {
    fn note_rejection(&mut self, fate: Fate) {
        self.rejected += 1;
        self.good_rejected += u64::from(fate == Fate::Succeeds);
        self.bad_rejected += u64::from(matches!(fate, Fate::Fails | Fate::Cut));
        self.failed_rejected += u64::from(fate == Fate::Fails);
    }

    fn note_opening(&mut self, was: State, endpoint: u32, failures: u32, open_timeout_us: i64) {
        self.openings += 1;
        self.open_us = self.open_us.saturating_add(open_timeout_us.max(0) as u64);
        if was == State::HalfOpen {
            self.reopenings += 1;
        } else {
            *self.trips.entry((endpoint, failures)).or_default() += 1;
        }
    }
}

/// The set bits' positions, ascending.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(lowest)
    })
}

/// The breakers behind one timeout.
pub(crate) struct Breakers {
    timeout_us: u64,
    bank: Bank,
    /// By endpoint.
    watches: Vec<Watch>,
    /// Ends of the calls that the timeout cuts; in order, as one timeout keeps the order of the starts.
    cuts: VecDeque<(Moment, u32)>,
    /// When the first of them ends.
    next_cut_us: i64,
    quiet: Option<Quiet>,
    next_call: u64,
}

/// An end as a breaker sees it.
#[derive(Clone, Copy, Debug)]
struct End {
    at_us: i64,
    endpoint: u32,
    call: u64,
    failed: bool,
}

/// Whether openings are to be judged against quiet periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JudgeOpenings {
    /// Costs a histogram per endpoint.
    Yes,
    /// They are counted only.
    No,
}

impl Breakers {
    /// Closed breakers behind a timeout, for at most [`MAX_SETTINGS`] settings.
    pub(crate) fn new(settings: Vec<Knobs>, timeout_us: u64, judge: JudgeOpenings) -> Self {
        let window_calls = settings.first().map_or(1, |knobs| knobs.window_calls);
        let tallies = vec![Tally::default(); settings.len()];
        Breakers {
            timeout_us,
            bank: Bank { settings, tallies, breakers: Vec::new() },
            watches: Vec::new(),
            cuts: VecDeque::new(),
            next_cut_us: i64::MAX,
            quiet: (judge == JudgeOpenings::Yes).then(|| Quiet::new(window_calls)),
            next_call: 0,
        }
    }

    fn all(&self) -> u64 {
        u64::MAX >> (MAX_SETTINGS - self.bank.settings.len().clamp(1, MAX_SETTINGS))
    }

    /// Takes the next event; gives the settings that reject a start, as bits.
    #[inline]
    pub(crate) fn take(&mut self, event: &Event) -> u64 {
        if event.at_us >= self.next_cut_us {
            self.end_cuts_before(event.moment());
        }
        // Ends belong to starts that were counted.
        self.next_call = self.next_call.max(event.call + 1);
        let index = event.endpoint as usize;
        if index >= self.watches.len() {
            self.make_room(index);
        }
        // Starts and ends alternate at random: one rare branch for both is cheaper than two common ones.
        let is_end = event.phase != Phase::Start;
        let watch = self.watches[index];
        let cares = if is_end { watch.awake } else { watch.tripped } != 0;
        let fails = is_end & (event.outcome == Outcome::Failed);
        if cares | fails | (event.duration_us > self.timeout_us) {
            return self.take_notable(event);
        }
        if let Some(quiet) = &mut self.quiet {
            quiet.note_success(event.endpoint, is_end);
        }
        0
    }

    #[cold]
    fn make_room(&mut self, index: usize) {
        let all = self.all();
        self.watches.resize(index + 1, Watch { tripped: 0, awake: all });
        self.bank.breakers.resize((index + 1) * self.bank.settings.len(), Breaker::default());
    }

    fn take_notable(&mut self, event: &Event) -> u64 {
        let is_cut = event.duration_us > self.timeout_us;
        if event.phase == Phase::Start {
            if is_cut {
                let end = end_moment(event.at_us, self.timeout_us, event.call);
                self.cuts.push_back((end, event.endpoint));
                self.next_cut_us = self.next_cut_us.min(end.0);
            }
            let fate = Fate::of(event.outcome, event.duration_us, self.timeout_us);
            let tripped = self.watches[event.endpoint as usize].tripped;
            return self.bank.start(event, fate, tripped);
        }
        if !is_cut {
            let failed = event.outcome == Outcome::Failed;
            self.end(&End { at_us: event.at_us, endpoint: event.endpoint, call: event.call, failed });
        }
        0
    }

    fn end(&mut self, end: &End) {
        let all = self.all();
        let watch = &mut self.watches[end.endpoint as usize];
        let told = if end.failed { all } else { watch.awake };
        self.bank.end(end, self.next_call, told, watch);
        if let Some(quiet) = &mut self.quiet {
            quiet.end(end.endpoint, end.failed);
        }
    }

    fn end_cuts_before(&mut self, moment: Moment) {
        while let Some(&((at_us, phase, call), endpoint)) = self.cuts.front()
            && (at_us, phase, call) < moment
        {
            self.cuts.pop_front();
            self.end(&End { at_us, endpoint, call, failed: true });
        }
        self.next_cut_us = self.cuts.front().map_or(i64::MAX, |(end, _)| end.0);
    }

    /// Where the first setting's breaker of an endpoint stands.
    #[cfg(test)]
    pub(super) fn state(&self, endpoint: u32) -> State {
        self.bank.breakers[endpoint as usize * self.bank.settings.len()].state()
    }

    /// What each setting did until the log's end, with its false openings (`None` where they were not to be judged).
    pub(crate) fn finish(mut self, end_us: i64) -> Vec<(Tally, Option<u64>)> {
        self.end_cuts_before((i64::MAX, Phase::InstantEnd, u64::MAX));
        let quiet = self.quiet.map(Quiet::finish);
        let tallies = self.bank.finish(end_us);
        let judged = tallies.into_iter().map(|tally| {
            let false_openings = quiet.as_ref().map(|limits| {
                let is_false = |(endpoint, failures): (u32, u32)| limits.is_ordinary(endpoint, failures);
                tally.trips.iter().filter(|(key, _)| is_false(**key)).map(|(_, count)| count).sum()
            });
            (tally, false_openings)
        });
        judged.collect()
    }
}

/// What a breaker setting would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakerResult {
    /// Openings, those after a failed probe included.
    pub openings: u64,
    /// Of those, after a failed probe.
    pub reopenings: u64,
    /// Openings per 24 hours of log; `null` for a log without length.
    #[serde(serialize_with = "crate::tuning::optional_number")]
    pub openings_per_day: Option<f64>,
    /// Openings at fewer failures in the window than the 99th percentile of the endpoint's quiet periods.
    pub false_openings: u64,
    /// Seconds open, over all breakers.
    #[serde(serialize_with = "crate::tuning::number")]
    pub open_seconds: f64,
    /// Calls rejected.
    pub rejected: u64,
    /// Of those, calls that would have succeeded within the timeout.
    pub good_rejected: u64,
    /// Of those, calls that would have failed or been cut.
    pub bad_kept_out: u64,
}

const DAY_US: f64 = 86_400e6;

impl BreakerResult {
    pub(super) fn new(tally: &Tally, false_openings: u64, span_us: i64) -> Self {
        BreakerResult {
            openings: tally.openings,
            reopenings: tally.reopenings,
            openings_per_day: (span_us > 0).then(|| tally.openings as f64 * DAY_US / span_us as f64),
            false_openings,
            open_seconds: tally.open_us as f64 / 1e6,
            rejected: tally.rejected,
            good_rejected: tally.good_rejected,
            bad_kept_out: tally.bad_rejected,
        }
    }
}
