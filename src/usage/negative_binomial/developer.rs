//! One developer, window after window: what is expected, whether what came is a surprise, and what is learnt of it.
//!
//! Constant work per window, about 2.5 KB of state, no look ahead.

use super::calendar::Place;
use super::code::{Code, Reader};
use super::episode::Episode;
use super::habit::Habit;
use super::profile::{DayProfile, Week};
use super::recent::{LEVEL_WINDOWS, Recent};
use super::silence::Silence;
use super::spread::{SCALES, Spread};
use super::tail;

/// Observed calls as a multiple of the expected, by scale: less is no spike.
const LEAST_RATIO: [f64; SCALES.len()] = [3.0, 2.2, 1.9];

/// Observed calls beyond the expected, by scale: fewer are no spike.
const LEAST_EXCESS: [f64; SCALES.len()] = [10.0, 20.0, 30.0];

/// The level is at least and at most so many times the profile.
const LEAST_LEVEL: f64 = 0.1;
const MOST_LEVEL: f64 = 2.0;

/// Calls, at no overdispersion, by which the level is held near the profile: the precision of a level that varies by a
/// standard deviation of about 0.45 from hour to hour.
const LEVEL_PRIOR_CALLS: f64 = 5.0;

/// Calls that are always possible in a window.
const FLOOR_CALLS: f64 = 0.25;

/// Windows before anything is tested: the level needs an hour.
const LEAST_AGE: u32 = LEVEL_WINDOWS as u32;

/// The first day has no profile, so that its surprises have to be so much less likely.
const FIRST_DAY: f64 = 1e-3;

/// What was learnt in few days is not certain: overdispersion counts for so much more, times the days known.
const UNCERTAIN_DAYS: f64 = 0.25;

/// A factor of a day of the week divides what is learnt by no less than this.
const LEAST_TAUGHT_FACTOR: f64 = 0.2;

/// Flagged windows do not teach, up to so many in a row: after three hours they are the new normal.
const UNTAUGHT_WINDOWS: u8 = 36;

/// Days without a call after which a developer is as good as new.
const FORGOTTEN_DAYS: i64 = 28;

/// What is the same for all developers in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Alerts are less likely than this.
    pub(super) surprise: f64,
    /// A developer on the first day is no news below as many calls as others make in their busiest windows.
    pub(super) newcomer_calls: f64,
}

/// Why a window stands out; calls are those of all windows of the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// More calls or none.
    pub kind: Kind,
    /// Windows looked at together, the present one the last.
    pub scale: u32,
    /// Calls.
    pub observed: f64,
    /// Calls that were expected.
    pub expected: f64,
    /// The probability of at least, or for a drop at most, as many calls.
    pub probability: f64,
    /// Calls by the time of day and the day of the week alone; `None` where no earlier day shows them.
    pub profile: Option<f64>,
    /// Calls at the level of the hour before.
    pub level: f64,
}

/// The direction of a surprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// More calls than expected.
    Spike,
    /// No calls where many were expected.
    Drop,
}

impl Kind {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Spike => "spike",
            Kind::Drop => "drop",
        }
    }
}

/// Everything remembered of a developer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Developer {
    profile: DayProfile,
    week: Week,
    recent: Recent,
    spread: Spread,
    habit: Habit,
    silence: Silence,
    /// Windows since the first call.
    age: u32,
    /// Flagged windows in a row.
    flagged: u8,
    last_call: i64,
    pub(super) episode: Option<Episode>,
}

/// What is expected of one scale.
#[derive(Clone, Copy, Default)]
struct Outlook {
    expected: f64,
    profile: f64,
    level: f64,
}

/// What the present window's profile says.
struct Now {
    profile: Option<f64>,
    factor: f64,
}

impl Now {
    fn expected(&self) -> f64 {
        self.profile.unwrap_or(0.0) * self.factor
    }
}

impl Developer {
    /// A developer whose first call is in `window`.
    pub(super) fn new(window: i64) -> Self {
        Developer {
            profile: DayProfile::new(),
            week: Week::default(),
            recent: Recent::default(),
            spread: Spread::default(),
            habit: Habit::new(),
            silence: Silence::new(),
            age: 0,
            flagged: 0,
            last_call: window,
            episode: None,
        }
    }

    /// Whether nothing of this developer is worth remembering any more.
    pub(super) fn is_forgotten(&self, place: Place) -> bool {
        self.episode.is_none() && place.window.saturating_sub(self.last_call) > FORGOTTEN_DAYS * place.day_windows()
    }

    /// Calls to expect in a window before its calls are known, and ln of the probability of none.
    pub(super) fn forecast(&self, place: Place) -> (f64, f64) {
        let calls = self.profile.expected(place).unwrap_or(0.0) * self.week.factor(place);
        (calls, tail::ln_none(calls, self.spread.overdispersion(0)))
    }

    /// Ends a day of the week.
    pub(super) fn end_day(&mut self, weekday: usize) {
        if let Some(day) = self.week.end_day(weekday) {
            self.recent.correct(day.by_factor_then);
            self.profile.correct(day);
        }
    }

    /// Calls in each of the windows before the present one, oldest first.
    pub(super) fn trend(&self) -> impl Iterator<Item = u64> + '_ {
        self.recent.trend()
    }

    /// Takes the next window; whether it stands out.
    pub(super) fn step(&mut self, place: Place, calls: u32, limits: Limits) -> Option<Evidence> {
        if calls > 0 {
            if self.is_forgotten(place) {
                *self = Developer::new(place.window);
            }
            self.last_call = place.window;
        }
        let now = Now { profile: self.profile.expected(place), factor: self.week.factor(place) };
        let outlooks: [Outlook; SCALES.len()] = std::array::from_fn(|index| self.outlook(index, &now));
        let surprise = self.surprise(place, calls, &now, &outlooks, limits);
        if let Some(spike) = &surprise {
            self.habit.note(f64::from(calls), place.window);
            debug_assert_eq!(spike.kind, Kind::Spike);
        }
        self.silence.note(calls, now.expected(), self.spread.overdispersion(0), || {
            let (taught, expected) = self.recent.hour(0);
            (taught + 2.0) / (expected + 2.0)
        });
        let spike = surprise.filter(|spike| !self.is_habit(spike, calls, place));
        let found = spike.or_else(|| self.drop(&now, place, limits));
        self.learn(place, calls, &now, &outlooks, found.as_ref());
        found
    }

    /// What to expect of a scale: the profile at the level of the hour before it, at most at twice the profile, and
    /// at least that hour itself within the same bound.
    fn outlook(&self, index: usize, now: &Now) -> Outlook {
        let windows = SCALES[index];
        let profile = now.expected() + self.recent.expected(windows - 1);
        let (taught, expected) = self.recent.hour(windows - 1);
        let level = taught / LEVEL_WINDOWS as f64 * windows as f64;
        let overdispersion = self.spread.overdispersion(0);
        let prior = LEVEL_PRIOR_CALLS * (1.0 + overdispersion * expected / LEVEL_WINDOWS as f64);
        let ratio = ((taught + prior) / (expected + prior)).clamp(LEAST_LEVEL, MOST_LEVEL);
        let within = match now.profile {
            Some(_) => (profile * ratio).max(level.min(MOST_LEVEL * profile + windows as f64)),
            None => level,
        };
        Outlook { expected: within + FLOOR_CALLS * windows as f64, profile, level }
    }

    /// The least likely of the scales that stand out.
    fn surprise(
        &self,
        place: Place,
        calls: u32,
        now: &Now,
        outlooks: &[Outlook; SCALES.len()],
        limits: Limits,
    ) -> Option<Evidence> {
        let is_first_day = i64::from(self.age) < place.day_windows();
        if self.age < LEAST_AGE || (is_first_day && f64::from(calls) <= limits.newcomer_calls) {
            return None;
        }
        let limit = limits.surprise * if is_first_day { FIRST_DAY } else { 1.0 };
        let uncertainty = 1.0 + UNCERTAIN_DAYS * place.day_windows() as f64 / f64::from(self.age);
        let mut found: Option<Evidence> = None;
        for (index, outlook) in outlooks.iter().enumerate() {
            let (windows, expected) = (SCALES[index], outlook.expected);
            let observed = f64::from(calls) + self.recent.calls(windows - 1);
            if observed < LEAST_RATIO[index] * expected || observed - expected < LEAST_EXCESS[index] {
                continue;
            }
            let probability = tail::at_least(observed, expected, self.spread.overdispersion(index) * uncertainty);
            if probability < limit && found.is_none_or(|found| probability < found.probability) {
                found = Some(Evidence {
                    kind: Kind::Spike,
                    scale: windows as u32,
                    observed,
                    expected,
                    probability,
                    profile: now.profile.map(|_| outlook.profile),
                    level: outlook.level,
                });
            }
        }
        found
    }

    fn is_habit(&self, spike: &Evidence, calls: u32, place: Place) -> bool {
        let size = self.recent.most_calls(spike.scale as usize - 1).max(calls);
        self.habit.has(f64::from(size), place)
    }

    fn drop(&self, now: &Now, place: Place, limits: Limits) -> Option<Evidence> {
        let has_profile = now.profile.is_some() && i64::from(self.age) > 2 * place.day_windows();
        let silence = &self.silence;
        (has_profile && silence.is_surprising(limits.surprise)).then(|| Evidence {
            kind: Kind::Drop,
            scale: silence.windows,
            observed: 0.0,
            expected: silence.expected,
            probability: silence.ln_probability.exp(),
            profile: Some(silence.expected / silence.level),
            level: silence.expected,
        })
    }

    fn learn(
        &mut self,
        place: Place,
        calls: u32,
        now: &Now,
        outlooks: &[Outlook; SCALES.len()],
        found: Option<&Evidence>,
    ) {
        self.flagged = if found.is_some() { self.flagged.saturating_add(1) } else { 0 };
        let calls_in = f64::from(calls);
        let taught = match found {
            Some(found) if self.flagged <= UNTAUGHT_WINDOWS => match found.kind {
                Kind::Spike => calls_in.min(outlooks[0].expected),
                Kind::Drop => now.expected(),
            },
            _ => calls_in,
        };
        // Beyond the bound of the level something is going on already, and tells nothing of how counts vary.
        let (hour, expected_hour) = self.recent.hour(0);
        let is_unusual = now.profile.is_some() && hour > MOST_LEVEL * expected_hour;
        for (index, outlook) in outlooks.iter().enumerate().filter(|_| !is_unusual) {
            self.spread.teach(index, taught + self.recent.taught(SCALES[index] - 1), outlook.expected);
        }
        self.age = self.age.saturating_add(1);
        self.recent.push(calls, taught, now.profile.map_or(taught, |_| now.expected()));
        if let Some(profile) = now.profile {
            self.week.note(taught, profile);
        }
        self.silence.remember(&self.profile, place);
        self.profile.teach(place, taught / now.factor.max(LEAST_TAUGHT_FACTOR), calls == 0);
    }
}

impl Code for Developer {
    fn encode(&self, out: &mut Vec<u8>) {
        self.profile.encode(out);
        self.week.encode(out);
        self.recent.encode(out);
        self.spread.encode(out);
        self.habit.encode(out);
        self.silence.encode(out);
        self.age.encode(out);
        self.flagged.encode(out);
        self.last_call.encode(out);
        self.episode.encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let developer = Developer {
            profile: Code::decode(reader)?,
            week: Code::decode(reader)?,
            recent: Code::decode(reader)?,
            spread: Code::decode(reader)?,
            habit: Code::decode(reader)?,
            silence: Code::decode(reader)?,
            age: Code::decode(reader)?,
            flagged: Code::decode(reader)?,
            last_call: Code::decode(reader)?,
            episode: Code::decode(reader)?,
        };
        developer.habit.is_sound().then_some(developer)
    }
}
