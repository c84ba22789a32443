//! What circuit breakers would have done: one breaker per endpoint and setting, all fed with the same starts and ends.
//!
//! A failure is a status of 500 or above, or a call that the timeout cuts; everything else is a success. All settings
//! under all timeouts are modelled together: what no breaker of an endpoint acts on is only counted ([`watch`]), and
//! told them in one number before something happens there. So a setting costs what it does and not what it sees.

mod quiet;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod watch;

use super::call::Outcome;
use super::timeline::{Batch, Event, Moment, Phase, Tracked, end_moment};
use quiet::Quiet;
use serde::Serialize;
use state::{Breaker, Turn};
use std::collections::VecDeque;
use std::hint::select_unpredictable;
use tally::Fate;
use watch::{Starts, Watch};

pub(crate) use state::Knobs;
#[cfg(test)]
pub(crate) use state::State;
pub(crate) use tally::Tally;

/// Settings under one timeout.
#[derive(Clone, Debug)]
pub(crate) struct BankPlan {
    pub timeout_us: u64,
    /// With one window in common.
    pub settings: Vec<Knobs>,
    pub judge: JudgeOpenings,
}

/// Whether openings are to be judged against quiet periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JudgeOpenings {
    /// Costs a histogram per endpoint.
    Yes,
    /// They are counted only.
    No,
}

/// What settings under one timeout share.
struct Bank {
    number: usize,
    timeout_us: u64,
    /// Ends of the calls that the timeout cuts; in order, as one timeout keeps the order of the starts.
    cuts: VecDeque<(Moment, u32)>,
    /// Calls cut so far, by row: good ones, and those that are neither.
    cut: Vec<[u64; 2]>,
    quiet: Option<Quiet>,
}

/// One setting of a bank.
struct Setting {
    bank: usize,
    knobs: Knobs,
    tally: Tally,
}

/// The breaker of one endpoint and setting.
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    breaker: Breaker,
    /// What had started when it opened last.
    opened: Starts,
}

/// The breakers of all endpoints, behind all timeouts.
pub(crate) struct Breakers {
    banks: Vec<Bank>,
    /// In order of their banks.
    settings: Vec<Setting>,
    /// By endpoint.
    watches: Vec<Watch>,
    /// By row, then setting. An endpoint has a row from its first failure on.
    gates: Vec<Gate>,
    shortest_timeout_us: u64,
    /// When the first call that is to be cut ends.
    next_cut_us: i64,
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

impl Breakers {
    /// Closed breakers.
    pub(crate) fn new(plans: Vec<BankPlan>) -> Self {
        let shortest_timeout_us = plans.iter().map(|plan| plan.timeout_us).min().unwrap_or(u64::MAX);
        let (mut banks, mut settings) = (Vec::new(), Vec::new());
        for (number, plan) in plans.into_iter().enumerate() {
            let window_calls = plan.settings.first().map_or(1, |knobs| knobs.window_calls);
            let quiet = (plan.judge == JudgeOpenings::Yes).then(|| Quiet::new(window_calls));
            banks.push(Bank { number, timeout_us: plan.timeout_us, cuts: VecDeque::new(), cut: Vec::new(), quiet });
            let of_bank = |knobs| Setting { bank: number, knobs, tally: Tally::default() };
            settings.extend(plan.settings.into_iter().map(of_bank));
        }
        Breakers {
            banks,
            settings,
            watches: Vec::new(),
            gates: Vec::new(),
            shortest_timeout_us,
            next_cut_us: i64::MAX,
            next_call: 0,
        }
    }

    /// Takes the next events.
    pub(crate) fn take(&mut self, batch: &Batch) {
        for event in &batch.events {
            self.take_event(&batch.calls[event.call()], *event);
        }
    }

    /// A start or an end. The two alternate at random: one rare branch for both is cheaper than two common ones.
    #[inline(always)]
    pub(super) fn take_event(&mut self, call: &Tracked, event: Event) {
        let (outcome, is_end) = (event.outcome(), event.is_end());
        let at_us = select_unpredictable(is_end, call.end_us(), call.start_us);
        if at_us >= self.next_cut_us {
            self.end_cuts_before(if is_end { call.end() } else { call.start() });
        }
        let Some(watch) = self.watches.get_mut(call.endpoint as usize) else {
            return self.take_first(call, event);
        };
        let is_awaited = is_end & (call.number < watch.first_in_number) | !is_end & (at_us >= watch.next_turn_us);
        let fails = is_end & (outcome == Outcome::Failed);
        if is_awaited | fails | (call.duration_us > self.shortest_timeout_us) {
            self.take_notable(call, is_end);
        } else {
            watch.count(outcome, is_end);
        }
        // Ends belong to starts that were counted.
        self.next_call = self.next_call.max(call.number + 1);
    }

    /// The first event of an endpoint.
    #[cold]
    fn take_first(&mut self, call: &Tracked, event: Event) {
        self.watches.resize(call.endpoint as usize + 1, Watch::default());
        self.take_event(call, event);
    }

    #[cold]
    fn take_notable(&mut self, call: &Tracked, is_end: bool) {
        if is_end {
            let failed = call.outcome() == Outcome::Failed;
            let end = End { at_us: call.end_us(), endpoint: call.endpoint, call: call.number, failed };
            // Where the timeout cut it, it has ended already.
            self.settle(&end, |bank| call.duration_us <= bank.timeout_us);
        } else {
            self.start_notable(call);
        }
    }

    /// A start that may turn a breaker, or is cut.
    fn start_notable(&mut self, call: &Tracked) {
        let row = self.row(call.endpoint);
        let Breakers { banks, settings, watches, gates, .. } = self;
        let watch = &mut watches[call.endpoint as usize];
        if call.start_us >= watch.next_turn_us {
            watch.forget_turns();
            let first = row as usize * settings.len();
            for (setting, gate) in settings.iter_mut().zip(&mut gates[first..]) {
                let bank = &banks[setting.bank];
                if call.start_us >= gate.breaker.next_turn_us(&setting.knobs) {
                    setting.start(gate, call, Fate::of(call.outcome(), call.duration_us, bank.timeout_us), || {
                        watch.starts(bank.cut[row as usize])
                    });
                }
                watch.mind(&gate.breaker, &setting.knobs);
            }
        }
        for bank in banks.iter_mut().filter(|bank| call.duration_us > bank.timeout_us) {
            let end = end_moment(call.start_us, bank.timeout_us, call.number);
            bank.cuts.push_back((end, call.endpoint));
            self.next_cut_us = self.next_cut_us.min(end.0);
            match call.outcome() {
                Outcome::Good => bank.cut[row as usize][0] += 1,
                Outcome::Neither => bank.cut[row as usize][1] += 1,
                Outcome::Failed => {}
            }
        }
        watch.count_start(call.outcome());
    }

    /// The endpoint's row, which all that has ended there is told to.
    fn row(&mut self, endpoint: u32) -> u32 {
        let watch = &mut self.watches[endpoint as usize];
        let rows = self.gates.len() / self.settings.len().max(1);
        let row = *watch.row.get_or_insert(rows as u32);
        if row as usize == rows {
            self.gates.resize(self.gates.len() + self.settings.len(), Gate::default());
            self.banks.iter_mut().for_each(|bank| bank.cut.push([0; 2]));
        }
        let successes = watch.tell();
        if successes > 0 {
            for (setting, gate) in self.settings.iter().zip(&mut self.gates[row as usize * self.settings.len()..]) {
                gate.breaker.settle_successes(successes, &setting.knobs);
            }
            for quiet in self.banks.iter_mut().filter_map(|bank| bank.quiet.as_mut()) {
                quiet.end_successes(row, successes);
            }
        }
        row
    }

    /// An end that may turn a breaker; tells it to the banks that hear of it.
    fn settle(&mut self, end: &End, hears: impl Fn(&Bank) -> bool) {
        let row = self.row(end.endpoint);
        let Breakers { banks, settings, watches, gates, next_call, .. } = self;
        let watch = &mut watches[end.endpoint as usize];
        watch.forget_turns();
        let first = row as usize * settings.len();
        for (setting, gate) in settings.iter_mut().zip(&mut gates[first..]) {
            let bank = &banks[setting.bank];
            if hears(bank) && setting.end(gate, end, *next_call, row) {
                gate.opened = watch.starts(bank.cut[row as usize]);
            }
            watch.mind(&gate.breaker, &setting.knobs);
        }
        for bank in banks.iter_mut().filter(|bank| hears(bank)) {
            if let Some(quiet) = &mut bank.quiet {
                quiet.end(row, end.failed);
            }
        }
    }

    #[cold]
    fn end_cuts_before(&mut self, moment: Moment) {
        for number in 0..self.banks.len() {
            while let Some(&((at_us, phase, call), endpoint)) = self.banks[number].cuts.front()
                && (at_us, phase, call) < moment
            {
                self.banks[number].cuts.pop_front();
                self.settle(&End { at_us, endpoint, call, failed: true }, |bank| bank.number == number);
            }
        }
        let first = |bank: &Bank| bank.cuts.front().map(|(end, _)| end.0);
        self.next_cut_us = self.banks.iter().filter_map(first).min().unwrap_or(i64::MAX);
    }

    /// The first setting's breaker of an endpoint.
    #[cfg(test)]
    pub(super) fn breaker(&self, endpoint: u32) -> Breaker {
        let row = self.watches[endpoint as usize].row;
        row.map_or(Breaker::default(), |row| self.gates[row as usize * self.settings.len()].breaker)
    }

    /// By bank, then setting: what each did until the log's end, with its false openings (`None` where they were not to
    /// be judged).
    pub(crate) fn finish(mut self, end_us: i64) -> Vec<Vec<(Tally, Option<u64>)>> {
        self.end_cuts_before((i64::MAX, Phase::InstantEnd, u64::MAX));
        for endpoint in 0..self.watches.len() {
            if self.watches[endpoint].row.is_some() {
                self.finish_endpoint(endpoint as u32, end_us);
            }
        }
        let mut results: Vec<Vec<(Tally, Option<u64>)>> = self.banks.iter().map(|_| Vec::new()).collect();
        let limits: Vec<_> = self.banks.into_iter().map(|bank| bank.quiet.map(Quiet::finish)).collect();
        for Setting { bank, tally, .. } in self.settings {
            let false_openings = limits[bank].as_ref().map(|limits| {
                let is_false = |(row, failures): (u32, u32)| limits.is_ordinary(row, failures);
                tally.trips.iter().filter(|(key, _)| is_false(**key)).map(|(_, count)| count).sum()
            });
            results[bank].push((tally, false_openings));
        }
        results
    }

    /// What is open at the log's end was so until then.
    fn finish_endpoint(&mut self, endpoint: u32, end_us: i64) {
        let row = self.row(endpoint) as usize;
        let Breakers { banks, settings, watches, gates, .. } = self;
        let first = row * settings.len();
        for (setting, gate) in settings.iter_mut().zip(&gates[first..]) {
            if gate.breaker.is_open() {
                let past_end_us = gate.breaker.next_turn_us(&setting.knobs).saturating_sub(end_us);
                setting.tally.open_us = setting.tally.open_us.saturating_sub(past_end_us.max(0) as u64);
                let starts = watches[endpoint as usize].starts(banks[setting.bank].cut[row]);
                setting.tally.note_rejections(&gate.opened, &starts);
            }
        }
    }
}

impl Setting {
    /// A start at a breaker that is half-open, or open for long enough.
    fn start(&mut self, gate: &mut Gate, call: &Tracked, fate: Fate, started: impl FnOnce() -> Starts) {
        let was_open = gate.breaker.is_open();
        let is_admitted = gate.breaker.admit(call.start_us, call.number, &self.knobs);
        if gate.breaker.is_open() {
            return;
        }
        if was_open {
            self.tally.note_rejections(&gate.opened, &started());
        }
        if !is_admitted {
            self.tally.note_rejection(fate);
        }
    }

    /// Whether the breaker opened.
    fn end(&mut self, gate: &mut Gate, end: &End, next_call: u64, row: u32) -> bool {
        let was_half_open = gate.breaker.is_half_open();
        let turn = gate.breaker.settle(end.at_us, end.call, end.failed, next_call, &self.knobs);
        if let Turn::Opened(failures) = turn {
            self.tally.note_opening(was_half_open, row, failures, self.knobs.open_timeout_us);
        }
        matches!(turn, Turn::Opened(_))
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
