//! Two configs and what may move -> what moved, and whether it matters. Pure.

pub mod tolerance;

use crate::tuning::TunableConfig;
use crate::tuning::setting::{SETTINGS, Setting};
use tolerance::{Tolerance, Tolerances};

/// Numbers this close, relative to the larger, differ by rounding alone: far above what a sum of doubles loses, far
/// below what any service can tell.
const ROUNDING_RATIO: f64 = 1e-9;

/// What one setting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stayed.
    Same,
    /// It moved by no more than is tolerated.
    Within,
    /// It moved by more.
    Beyond,
}

/// One setting in both configs.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Which setting.
    pub setting: &'static Setting,
    /// Its old value.
    pub old: f64,
    /// Its new value.
    pub new: f64,
    /// How far it may move; `None`: not at all.
    pub tolerance: Option<Tolerance>,
    /// What it did.
    pub verdict: Verdict,
}

impl Comparison {
    /// The change relative to the old value; `None` from 0.
    pub fn change_ratio(&self) -> Option<f64> {
        (self.old != 0.0).then(|| (self.new - self.old) / self.old)
    }
}

/// Every setting in both configs, in the order of the config's keys.
pub fn compare(old: &TunableConfig, new: &TunableConfig, tolerances: &Tolerances) -> Vec<Comparison> {
    let compare = |setting: &'static Setting| {
        let (old, new) = ((setting.value)(old), (setting.value)(new));
        let tolerance = tolerances.of(setting);
        Comparison { setting, old, new, tolerance, verdict: verdict(old, new, tolerance) }
    };
    SETTINGS.iter().map(compare).collect()
}

/// Whether anything moved beyond its tolerance.
pub fn is_beyond(comparisons: &[Comparison]) -> bool {
    comparisons.iter().any(|comparison| comparison.verdict == Verdict::Beyond)
}

/// A move of exactly the tolerance is within it.
fn verdict(old: f64, new: f64, tolerance: Option<Tolerance>) -> Verdict {
    let (moved, rounding) = ((new - old).abs(), ROUNDING_RATIO * old.abs().max(new.abs()));
    let allowed = tolerance.map_or(0.0, |tolerance| tolerance.allowed(old));
    if moved <= rounding {
        Verdict::Same
    } else if moved <= allowed + rounding {
        Verdict::Within
    } else {
        Verdict::Beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_limit_holds_on_both_sides() {
        let check = |old, new, tolerance, expected| assert_eq!(verdict(old, new, tolerance), expected, "{old} {new}");
        check(1000.0, 1000.0, None, Verdict::Same);
        check(1000.0, 1_000.000_000_9, None, Verdict::Same);
        check(1000.0, 1_000.000_001_1, None, Verdict::Beyond);
        check(0.1 + 0.2, 0.3, None, Verdict::Same);
        for sign in [1.0, -1.0] {
            check(1000.0, 1000.0 + sign * 100.0, Some(Tolerance::Relative(0.1)), Verdict::Within);
            check(1000.0, 1000.0 + sign * 100.01, Some(Tolerance::Relative(0.1)), Verdict::Beyond);
            check(1000.0, 1000.0 + sign * 250.0, Some(Tolerance::Absolute(250.0)), Verdict::Within);
            check(1000.0, 1000.0 + sign * 250.01, Some(Tolerance::Absolute(250.0)), Verdict::Beyond);
        }
        check(0.0, 1.0, Some(Tolerance::Relative(1.0)), Verdict::Beyond);
        check(0.0, 1.0, Some(Tolerance::Absolute(1.0)), Verdict::Within);
    }

    #[test]
    fn every_setting_is_compared_under_its_own_name() {
        let old = TunableConfig::default();
        let json = serde_json::to_value(old).unwrap();
        for comparison in compare(&old, &old, &Tolerances::default()) {
            let pointer = format!("/{}", comparison.setting.name.replace('.', "/"));
            assert_eq!(json.pointer(&pointer).and_then(serde_json::Value::as_f64), Some(comparison.old), "{pointer}");
            assert_eq!(comparison.verdict, Verdict::Same);
        }
        let mut new = old;
        new.bulkhead.max_concurrent_calls = 12.0;
        let comparisons = compare(&old, &new, &Tolerances::default());
        assert!(is_beyond(&comparisons));
        assert_eq!(comparisons[2].change_ratio(), Some(0.2));
        let tolerances = Tolerances::from_given(&["bulkhead.maxConcurrentCalls=2".parse().unwrap()]).unwrap();
        assert!(!is_beyond(&compare(&old, &new, &tolerances)));
    }

    /// Values as configs have them.
    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), (1u32..1_000_000).prop_map(f64::from), 0.001..100_000.0]
    }

    fn tolerance() -> impl Strategy<Value = Option<Tolerance>> {
        prop_oneof![
            Just(None),
            (0.0..2.0).prop_map(|ratio| Some(Tolerance::Relative(ratio))),
            value().prop_map(|amount| Some(Tolerance::Absolute(amount)))
        ]
    }

    proptest! {
        #[test]
        fn an_absolute_tolerance_is_the_same_in_both_directions(old in value(), new in value(), amount in value()) {
            for tolerance in [None, Some(Tolerance::Absolute(amount))] {
                prop_assert_eq!(verdict(old, new, tolerance), verdict(new, old, tolerance));
            }
        }

        #[test]
        fn up_and_down_by_as_much_are_judged_alike(old in value(), share in 0.0..1.0, tolerance in tolerance()) {
            let moved: f64 = old * share;
            // Away from the tolerance itself, where up and down round apart.
            let allowed: f64 = tolerance.map_or(0.0, |tolerance| tolerance.allowed(old));
            prop_assume!((moved - allowed).abs() > 1e-6 * old && moved > 1e-6 * old);
            prop_assert_eq!(verdict(old, old + moved, tolerance), verdict(old, old - moved, tolerance));
        }

        #[test]
        fn rounding_is_no_move_and_a_millionth_is_one(old in value(), tolerance in tolerance()) {
            let nearly = old * (1.0 + f64::EPSILON);
            prop_assert_eq!(verdict(old, old, tolerance), Verdict::Same);
            prop_assert_eq!(verdict(old, nearly, tolerance), Verdict::Same);
            prop_assert_eq!(verdict(old, old * 1.000_001 + 1e-6, None), Verdict::Beyond);
        }

        #[test]
        fn just_below_a_tolerance_is_within_and_just_above_beyond(
            old in 0.001..100_000.0,
            tolerance in prop_oneof![(0.001..2.0).prop_map(Tolerance::Relative), (1.0..1e5).prop_map(Tolerance::Absolute)],
            sign in prop::sample::select(vec![-1.0, 1.0]),
        ) {
            let at = |share: f64| old + sign * tolerance.allowed(old) * share;
            prop_assert_eq!(verdict(old, at(0.999_999), Some(tolerance)), Verdict::Within);
            prop_assert_eq!(verdict(old, at(1.0), Some(tolerance)), Verdict::Within);
            prop_assert_eq!(verdict(old, at(1.000_01), Some(tolerance)), Verdict::Beyond);
        }

        #[test]
        fn more_tolerance_never_finds_more(old in value(), new in value(), ratio in 0.0..2.0, more in 0.0..1.0) {
            let (some, wider) = (Tolerance::Relative(ratio), Tolerance::Relative(ratio + more));
            let is_beyond = |tolerance| verdict(old, new, Some(tolerance)) == Verdict::Beyond;
            prop_assert!(!is_beyond(wider) || is_beyond(some));
        }
    }
}
