//! The rule `negative-binomial`: calls that a developer's own history makes improbable.
//!
//! Calls per developer and window go in, in the order of time; alerts and episodes come out. Expected are the calls of
//! the time of day, at the level of the last hour; counts vary around them by a negative binomial distribution whose
//! overdispersion is learnt for each developer. A window is looked at alone, with the two and with the five before it.
//! Everything is streaming: constant work per developer and window, about 2.5 KB a developer, no look ahead, no clock,
//! no I/O. What is learnt can be written down after any window and read back ([`state`]); the alerts do not depend on
//! where that happened.

mod calendar;
mod code;
mod developer;
mod episode;
mod habit;
mod population;
mod profile;
mod recent;
mod silence;
mod spread;
pub mod state;
mod tail;

pub use calendar::Calendar;
pub use developer::{Evidence, Kind};
pub use episode::{Episode, Phase};

use crate::usage::zscore_daily::DAY_MS;
use calendar::Place;
use developer::{Developer, Limits};
use population::Population;

/// An alert is less likely than this, unless it is told otherwise.
pub const DEFAULT_SURPRISE: f64 = 1e-5;

/// Windows at the start of what is known of a developer in which nothing is tested.
pub const WARM_UP_WINDOWS: usize = recent::LEVEL_WINDOWS;

/// A window without a call of anybody is a hole in the rows, not a silence of everybody, where this many developers were
/// expected to call ...
const HOLE_DEVELOPERS: usize = 3;

/// ... with at least so many calls each, ...
const HOLE_CALLS: f64 = 0.5;

/// ... and that none of them does is less likely than this.
const HOLE_PROBABILITY: f64 = 1e-3;

/// So many days without a row make everything learnt worthless.
const STALE_DAYS: i64 = 28;

/// Something to be told of a developer, by number; windows are counted from the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Whom it is about.
    pub developer: u32,
    /// The first window of its episode.
    pub start: i64,
    /// The window that brought it about; for an end the last flagged one.
    pub window: i64,
    /// Calls in that window; for an end in the episode's largest.
    pub calls: u32,
    /// Where in its episode.
    pub phase: Phase,
    /// Why; for an end why it began.
    pub evidence: Evidence,
    /// Calls in each of the last twelve windows, oldest first.
    pub trend: Vec<u64>,
}

/// An episode, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Whose.
    pub developer: u32,
    /// The episode, as far as it is known.
    pub episode: Episode,
    /// Calls in each of the last twelve windows known, oldest first.
    pub trend: Vec<u64>,
    /// It has ended.
    pub is_over: bool,
}

/// The rule over all developers.
#[derive(Clone, Debug)]
pub struct NegativeBinomial {
    calendar: Calendar,
    surprise: f64,
    developers: Vec<Option<Box<Developer>>>,
    population: Population,
    /// The last window taken, and its day.
    last: Option<(i64, i64)>,
    /// Windows before this one teach, but are not told of.
    told_from: i64,
    alerts: Vec<Alert>,
    incidents: Vec<Incident>,
}

impl NegativeBinomial {
    /// Forgets all history and everything found.
    pub fn forget_all(&mut self) {
        *self = NegativeBinomial { told_from: self.told_from, ..NegativeBinomial::new(self.calendar, self.surprise) };
    }

    /// The rule without any history.
    pub fn new(calendar: Calendar, surprise: f64) -> Self {
        NegativeBinomial {
            calendar,
            surprise,
            developers: Vec::new(),
            population: Population::new(),
            last: None,
            told_from: i64::MIN,
            alerts: Vec::new(),
            incidents: Vec::new(),
        }
    }

    /// Windows before this one teach, but are not told of.
    pub fn tell_from(&mut self, window: i64) {
        self.told_from = window;
    }

    /// Milliseconds of a window.
    pub fn window_ms(&self) -> i64 {
        self.calendar.window_ms()
    }

    /// The last window taken.
    pub fn last_window(&self) -> Option<i64> {
        self.last.map(|(window, _)| window)
    }

    /// Takes a window's calls by developer, each developer once; those that are not named made none. Windows that were
    /// left out since the last one had no calls; a window that is not after the last one is left alone.
    pub fn close(&mut self, window: i64, calls: impl IntoIterator<Item = (u32, u64)>) {
        if self.last.is_some_and(|(last, _)| window <= last) {
            return;
        }
        self.pass(window - 1);
        let mut by_developer = vec![0_u32; self.developers.len()];
        for (developer, calls) in calls {
            let index = developer as usize;
            if index >= by_developer.len() {
                by_developer.resize(index + 1, 0);
            }
            by_developer[index] = u32::try_from(calls).unwrap_or(u32::MAX);
        }
        self.take(self.calendar.place(window), &by_developer);
    }

    /// Takes windows without calls, up to this one; before the first call there is nothing to take.
    pub fn pass(&mut self, window: i64) {
        let Some((last, _)) = self.last else { return };
        if window.saturating_sub(last) > STALE_DAYS * self.calendar.slots() as i64 {
            self.end_all(last);
            self.developers.clear();
            self.last = Some((window, self.calendar.place(window).day));
            return;
        }
        for window in last + 1..=window {
            self.take(self.calendar.place(window), &[]);
        }
    }

    fn take(&mut self, place: Place, calls: &[u32]) {
        self.begin_day(place);
        self.last = Some((place.window, place.day));
        if calls.iter().all(|&calls| calls == 0) && self.is_hole(place) {
            return;
        }
        if self.developers.len() < calls.len() {
            self.developers.resize(calls.len(), None);
        }
        let limits = Limits { surprise: self.surprise, newcomer_calls: self.population.busiest_calls() };
        for index in 0..self.developers.len() {
            let calls = calls.get(index).copied().unwrap_or(0);
            self.population.note(calls);
            let slot = &mut self.developers[index];
            if slot.is_none() && calls > 0 {
                *slot = Some(Box::new(Developer::new(place.window)));
            }
            if let Some(developer) = slot {
                let found = developer.step(place, calls, limits);
                self.tell(index as u32, place.window, calls, found);
            }
        }
    }

    /// Ends the day before, once its first window comes.
    fn begin_day(&mut self, place: Place) {
        let Some((_, day)) = self.last.filter(|(_, day)| *day != place.day) else { return };
        self.population.end_day();
        let weekday = Place { day, ..place }.weekday();
        for slot in &mut self.developers {
            match slot {
                Some(developer) if developer.is_forgotten(place) => *slot = None,
                Some(developer) => developer.end_day(weekday),
                None => {}
            }
        }
    }

    fn is_hole(&self, place: Place) -> bool {
        let (mut developers, mut ln_probability) = (0, 0.0);
        for developer in self.developers.iter().flatten() {
            let (calls, ln_none) = developer.forecast(place);
            developers += usize::from(calls >= HOLE_CALLS);
            ln_probability += ln_none;
            if developers >= HOLE_DEVELOPERS && ln_probability < HOLE_PROBABILITY.ln() {
                return true;
            }
        }
        false
    }

    /// Brings the episode of a developer up to date.
    fn tell(&mut self, number: u32, window: i64, calls: u32, found: Option<Evidence>) {
        let Some(Some(developer)) = self.developers.get_mut(number as usize) else { return };
        let (over, phase) = episode::advance(&mut developer.episode, window, calls, found.as_ref());
        if window < self.told_from || (over.is_none() && phase.is_none()) {
            return;
        }
        let start = developer.episode.as_ref().map_or(window, |episode| episode.start);
        let trend: Vec<u64> = developer.trend().collect();
        if let Some(episode) = over {
            self.end(number, episode, trend.clone());
        }
        if let (Some(phase), Some(evidence)) = (phase, found) {
            self.alerts.push(Alert { developer: number, start, window, calls, phase, evidence, trend });
        }
    }

    fn end(&mut self, developer: u32, episode: Episode, trend: Vec<u64>) {
        self.alerts.push(Alert {
            developer,
            start: episode.start,
            window: episode.last,
            calls: episode.peak_calls,
            phase: Phase::End,
            evidence: episode.evidence,
            trend: trend.clone(),
        });
        self.incidents.push(Incident { developer, episode, trend, is_over: true });
    }

    /// Ends every episode, because nothing is known of what came after `window`.
    fn end_all(&mut self, window: i64) {
        if window < self.told_from {
            return;
        }
        for number in 0..self.developers.len() {
            let Some(developer) = self.developers[number].as_deref_mut() else { continue };
            let trend = developer.trend().collect();
            if let Some(episode) = developer.episode.take() {
                self.end(number as u32, episode, trend);
            }
        }
    }

    /// What is to be told, by window and developer's name.
    pub fn take_alerts(&mut self, names: &[String]) -> Vec<Alert> {
        let mut alerts = std::mem::take(&mut self.alerts);
        alerts.sort_by_key(|alert| {
            (alert.window, &names[alert.developer as usize], alert.developer, alert.phase == Phase::End)
        });
        alerts
    }

    /// Every episode that was flagged in a window that is told of, those that go on included, by start and name.
    pub fn take_incidents(&mut self, names: &[String]) -> Vec<Incident> {
        let mut incidents = std::mem::take(&mut self.incidents);
        for (number, developer) in self.developers.iter().enumerate() {
            let Some(developer) = developer else { continue };
            if let Some(episode) = developer.episode.clone().filter(|episode| episode.last >= self.told_from) {
                let trend = developer.trend().collect();
                incidents.push(Incident { developer: number as u32, episode, trend, is_over: false });
            }
        }
        incidents
            .sort_by_key(|incident| (incident.episode.start, &names[incident.developer as usize], incident.developer));
        incidents
    }
}

#[cfg(test)]
mod tests;
