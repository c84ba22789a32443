//! Flagged windows that follow each other, as one incident: its start, its peak, its end.

use super::code::{Code, Reader, code_fields};
use super::developer::{Evidence, Kind};

/// A spike is over after so many windows without a flag: none of the scales reaches back to it any more.
const QUIET_WINDOWS: i64 = 6;

/// Calls of a window of a spike as a multiple of those expected: what six windows together need.
const LEAST_RATIO: f64 = 1.9;

/// A spike whose ratio is so many times that of its last alert is told again.
const WORSE: f64 = 10.0;

/// What became of a developer in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A new episode.
    Start,
    /// The episode got ten times worse.
    Worse,
    /// The episode is over.
    End,
}

impl Phase {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Start => "start",
            Phase::Worse => "worse",
            Phase::End => "end",
        }
    }
}

/// An incident of one developer; windows are counted from the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Its first flagged window; of a silence the first empty one.
    pub start: i64,
    /// Its last one so far.
    pub last: i64,
    /// The flagged window with the most calls.
    pub peak: i64,
    /// Calls in it.
    pub peak_calls: u32,
    /// Calls in its windows, less those expected there.
    pub excess: f64,
    /// Why it began.
    pub evidence: Evidence,
    /// Observed by expected at the last alert.
    told_ratio: f64,
}
code_fields!(Episode { start, last, peak, peak_calls, excess, evidence, told_ratio });
code_fields!(Evidence { kind, scale, observed, expected, probability, profile, level });

impl Code for Kind {
    fn encode(&self, out: &mut Vec<u8>) {
        u8::from(*self == Kind::Drop).encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        match u8::decode(reader)? {
            0 => Some(Kind::Spike),
            1 => Some(Kind::Drop),
            _ => None,
        }
    }
}

impl Evidence {
    /// Observed by expected.
    pub fn ratio(&self) -> f64 {
        self.observed / self.expected
    }
}

impl Episode {
    fn new(window: i64, calls: u32, evidence: Evidence) -> Self {
        let start = match evidence.kind {
            Kind::Spike => window,
            Kind::Drop => window.saturating_sub(i64::from(evidence.scale) - 1),
        };
        let told_ratio = evidence.ratio();
        let mut episode =
            Episode { start, last: window, peak: window, peak_calls: calls, excess: 0.0, evidence, told_ratio };
        episode.note_excess(calls, &evidence);
        episode
    }

    fn note_excess(&mut self, calls: u32, evidence: &Evidence) {
        match evidence.kind {
            Kind::Spike => self.excess += f64::from(calls) - evidence.expected / f64::from(evidence.scale.max(1)),
            // What is expected counts from the last call on.
            Kind::Drop => self.excess = -evidence.expected,
        }
    }

    fn extend(&mut self, window: i64, calls: u32, evidence: &Evidence) {
        // Where several windows are looked at together, the last of them may be quiet again.
        let is_quiet = f64::from(calls) < LEAST_RATIO * evidence.expected / f64::from(evidence.scale.max(1));
        if evidence.kind == Kind::Spike && is_quiet {
            return;
        }
        self.last = window;
        self.note_excess(calls, evidence);
        if calls > self.peak_calls {
            (self.peak, self.peak_calls) = (window, calls);
        }
    }

    fn is_over(&self, window: i64) -> bool {
        match self.evidence.kind {
            Kind::Spike => window.saturating_sub(self.last) >= QUIET_WINDOWS,
            Kind::Drop => true,
        }
    }
}

/// What a window makes of a developer's episode: one that is over, and what is to be told of the present one.
pub(super) fn advance(
    slot: &mut Option<Episode>,
    window: i64,
    calls: u32,
    found: Option<&Evidence>,
) -> (Option<Episode>, Option<Phase>) {
    let ends = slot.as_ref().is_some_and(|episode| match found {
        Some(evidence) => evidence.kind != episode.evidence.kind,
        None => episode.is_over(window),
    });
    let over = if ends { slot.take() } else { None };
    let Some(evidence) = found else { return (over, None) };
    let phase = match slot {
        Some(episode) => {
            episode.extend(window, calls, evidence);
            let is_worse = evidence.kind == Kind::Spike && evidence.ratio() >= WORSE * episode.told_ratio;
            if is_worse {
                episode.told_ratio = evidence.ratio();
            }
            is_worse.then_some(Phase::Worse)
        }
        None => {
            *slot = Some(Episode::new(window, calls, *evidence));
            Some(Phase::Start)
        }
    };
    (over, phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(kind: Kind, observed: f64) -> Evidence {
        Evidence { kind, scale: 1, observed, expected: 10.0, probability: 1e-9, profile: None, level: 10.0 }
    }

    #[test]
    fn flags_at_most_five_windows_apart_are_one_episode() {
        let mut slot = None;
        let spike = |calls| evidence(Kind::Spike, calls);
        assert_eq!(advance(&mut slot, 100, 40, Some(&spike(40.0))), (None, Some(Phase::Start)));
        for window in 101..106 {
            assert_eq!(advance(&mut slot, window, 10, None), (None, None));
        }
        assert_eq!(advance(&mut slot, 106, 70, Some(&spike(70.0))), (None, None), "six windows on: no quiet one more");
        for window in 107..112 {
            assert_eq!(advance(&mut slot, window, 10, None), (None, None));
        }
        let (over, phase) = advance(&mut slot, 112, 10, None);
        let over = over.unwrap();
        assert_eq!((over.start, over.last, over.peak, over.peak_calls, over.excess), (100, 106, 106, 70, 90.0));
        assert_eq!((phase, slot), (None, None));
    }

    #[test]
    fn ten_times_worse_is_told_once() {
        let mut slot = None;
        let mut tell = |calls: u32| advance(&mut slot, 1, calls, Some(&evidence(Kind::Spike, f64::from(calls)))).1;
        assert_eq!(
            [40, 399, 400, 3999, 4000].map(&mut tell),
            [Some(Phase::Start), None, Some(Phase::Worse), None, Some(Phase::Worse)]
        );
    }

    #[test]
    fn a_drop_is_over_with_the_first_call() {
        let mut slot = None;
        let drop = Evidence { scale: 6, ..evidence(Kind::Drop, 0.0) };
        assert_eq!(advance(&mut slot, 1, 0, Some(&drop)).1, Some(Phase::Start));
        assert_eq!(advance(&mut slot, 2, 0, Some(&drop)), (None, None));
        let (over, phase) = advance(&mut slot, 3, 5, None);
        assert_eq!((over.map(|over| (over.start, over.last)), phase), (Some((-4, 2)), None));
        advance(&mut slot, 4, 0, Some(&drop));
        let (over, phase) = advance(&mut slot, 5, 90, Some(&evidence(Kind::Spike, 90.0)));
        assert_eq!((over.unwrap().evidence.kind, phase), (Kind::Drop, Some(Phase::Start)));
    }
}
