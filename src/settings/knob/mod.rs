//! Every number and switch of the rules that a user can set: what it takes and where it is kept.
//!
//! The command line, the environment, `learn.toml` and the checks are all made from the tables [`KNOBS`] and [`ADVICE_KNOBS`], so that
//! a knob has the same name, bounds and default wherever it is set. Where values come from, and which
//! one wins, is not decided here.

mod advice;
mod bounds;
mod chosen;
mod table;

pub use advice::ADVICE_KNOBS;
pub use chosen::{Chosen, Given};
pub use table::KNOBS;

use crate::advise::config::AdviseConfig;
use crate::plan::RuleSet;
use crate::plan::text::{OPEN_SHARE, duration_ms, open_share};
use crate::report::{AnomalyConfig, LoopConfig, OptimizationConfig, TunerConfig, UsageConfig};
use crate::tuning::evidence::EvidenceConfig;
use bounds::{Bounds, expected_span, span_text};
use table::MAX_SPAN_MS;

/// The rules' settings as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knobs {
    /// `[anomalyConfig]`.
    pub anomaly: AnomalyConfig,
    /// `[tunerConfig]`.
    pub tuner: TunerConfig,
    /// `[loopConfig]`.
    pub looping: LoopConfig,
    /// `[usage]`.
    pub usage: UsageConfig,
    /// `[optimization]`.
    pub optimization: OptimizationConfig,
    /// `[evidence]`.
    pub evidence: EvidenceConfig,
    /// Those of the analyses.
    pub advise: AdviseConfig,
}

/// Every knob, those of the rules first.
pub fn all_knobs() -> impl Iterator<Item = &'static Knob> {
    KNOBS.iter().chain(ADVICE_KNOBS)
}

impl Default for Knobs {
    /// The original systems' own defaults.
    fn default() -> Self {
        Knobs {
            anomaly: AnomalyConfig {
                latency_std_dev_threshold: 2.5,
                error_rate_threshold: 0.05,
                frequency_deviation_threshold: 3.0,
                enable_unknown_endpoint_detection: true,
            },
            tuner: TunerConfig {
                min_timeout_ms: 1000.0,
                max_timeout_ms: 30_000.0,
                smoothing_factor: 0.3,
                adjustment_step_ms: 500.0,
                cooldown_ms: 60_000.0,
            },
            looping: LoopConfig {
                default_interval_ms: 60_000,
                window_size_minutes: 5.0,
                min_samples_before_tuning: 10.0,
                cooldown_between_changes_ms: 120_000.0,
                prune_ttl_hours: 24.0,
                max_patterns: 10_000,
                baseline_windows: 12,
                min_baseline_windows: 3,
                lateness_ms: 300_000,
                max_gap_ms: 7 * 86_400_000,
            },
            usage: UsageConfig { multiplier: 5.0, baseline_windows: 12, window_ms: 300_000 },
            optimization: OptimizationConfig { max_memory: 512.0, cpu_threshold: 80.0 },
            evidence: EvidenceConfig::default(),
            advise: AdviseConfig::default(),
        }
    }
}

/// What a knob was set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KnobValue {
    /// Any number.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// On or off.
    Switch(bool),
}

/// What a knob holds and where it is kept.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Number(Bounds, fn(&mut Knobs) -> &mut f64),
    /// Above 0 and below 1; may be written as a percentage.
    OpenShare(fn(&mut Knobs) -> &mut f64),
    Millis(i64, fn(&mut Knobs) -> &mut i64),
    /// As `Millis`, but a flag's text has a unit (`5m`).
    Span(i64, fn(&mut Knobs) -> &mut i64),
    Count(i64, i64, fn(&mut Knobs) -> &mut usize),
    Calls(i64, i64, fn(&mut Knobs) -> &mut u32),
    Switch(fn(&mut Knobs) -> &mut bool),
}

/// One setting of the rules.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its table in `learn.toml`.
    pub section: &'static str,
    /// Its key there, as the original systems call it.
    pub key: &'static str,
    /// Its flag, without the dashes.
    pub flag: &'static str,
    /// A second spelling of the flag.
    pub alias: Option<&'static str>,
    /// Its environment variable.
    pub variable: &'static str,
    /// The environment variable of the original system.
    pub seed_variable: Option<&'static str>,
    /// The rule sets on which it has no effect.
    pub ignored_by: &'static [RuleSet],
    /// What it does, without its default.
    pub help: &'static str,
    kind: Kind,
}

impl Knob {
    /// A knob whose second spelling on the command line is its key.
    const fn new(
        section: &'static str,
        key: &'static str,
        flag: &'static str,
        variable: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Self {
        let (alias, seed_variable, ignored_by): (_, _, &[RuleSet]) = (Some(key), None, &[]);
        Knob { section, key, flag, alias, variable, seed_variable, ignored_by, help, kind }
    }

    /// A knob of the analyses, which has one spelling on the command line.
    const fn advice(
        section: &'static str,
        key: &'static str,
        flag: &'static str,
        variable: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Self {
        Knob::new(section, key, flag, variable, kind, help).alias(None)
    }

    const fn ignored_by(self, rules: &'static [RuleSet]) -> Self {
        Knob { ignored_by: rules, ..self }
    }

    const fn alias(self, alias: Option<&'static str>) -> Self {
        Knob { alias, ..self }
    }

    const fn seed_variable(self, name: &'static str) -> Self {
        Knob { seed_variable: Some(name), ..self }
    }

    /// Reads the text of a flag or of a variable.
    ///
    /// # Errors
    /// What was expected, as the end of a sentence.
    pub fn read(&self, text: &str) -> Result<KnobValue, String> {
        let value = match self.kind {
            Kind::Number(..) => text.parse().ok().map(KnobValue::Number),
            Kind::OpenShare(_) => open_share(text).ok().map(KnobValue::Number),
            Kind::Millis(..) | Kind::Count(..) | Kind::Calls(..) => text.parse().ok().map(KnobValue::Whole),
            Kind::Span(..) => duration_ms(text).map(KnobValue::Whole),
            Kind::Switch(_) => text.parse().ok().map(KnobValue::Switch),
        };
        match (value, self.kind) {
            (Some(value), _) if self.allows(value) => Ok(value),
            (_, Kind::Span(least, _)) => Err(expected_span(least)),
            _ => Err(self.expected()),
        }
    }

    /// Whether the value has the knob's type and lies within its bounds.
    pub fn allows(&self, value: KnobValue) -> bool {
        match (self.kind, value) {
            (Kind::Number(bounds, _), KnobValue::Number(number)) => bounds.allow(number),
            (Kind::OpenShare(_), KnobValue::Number(number)) => number > 0.0 && number < 1.0,
            (Kind::Millis(least, _) | Kind::Span(least, _), KnobValue::Whole(millis)) => {
                (least..=MAX_SPAN_MS).contains(&millis)
            }
            (Kind::Count(least, most, _) | Kind::Calls(least, most, _), KnobValue::Whole(count)) => {
                (least..=most).contains(&count)
            }
            (Kind::Switch(_), KnobValue::Switch(_)) => true,
            _ => false,
        }
    }

    /// Whether whole numbers are to be read as [`KnobValue::Number`].
    pub fn takes_fractions(&self) -> bool {
        matches!(self.kind, Kind::Number(..) | Kind::OpenShare(_))
    }

    /// Whether it may be written as a percentage.
    pub fn takes_percent(&self) -> bool {
        matches!(self.kind, Kind::OpenShare(_))
    }

    /// What the knob takes, as the end of a sentence.
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Number(bounds, _) => bounds.expected(),
            Kind::OpenShare(_) => OPEN_SHARE.to_owned(),
            Kind::Millis(least, _) | Kind::Span(least, _) => {
                format!("a whole number of milliseconds from {least} to {MAX_SPAN_MS}")
            }
            Kind::Count(least, most, _) | Kind::Calls(least, most, _) => {
                format!("a whole number from {least} to {most}")
            }
            Kind::Switch(_) => "true or false".to_owned(),
        }
    }

    /// What stands for the value in help.
    pub fn value_name(&self) -> &'static str {
        match self.kind {
            Kind::Number(Bounds::Ratio, _) | Kind::OpenShare(_) => "SHARE",
            Kind::Number(Bounds::WholeMillis, _) => "MINUTES",
            Kind::Number(..) if self.key.ends_with("Ms") => "MS",
            Kind::Number(..) if self.key.ends_with("Hours") => "HOURS",
            Kind::Number(..) if self.key == "maxMemory" => "MB",
            Kind::Number(..) => "NUMBER",
            Kind::Millis(..) => "MS",
            Kind::Span(..) => "DURATION",
            Kind::Count(..) | Kind::Calls(..) => "COUNT",
            Kind::Switch(_) => "BOOL",
        }
    }

    /// The default, as it would be written on the command line.
    pub fn default_text(&self) -> String {
        let mut defaults = Knobs::default();
        match self.kind {
            Kind::Number(_, slot) | Kind::OpenShare(slot) => slot(&mut defaults).to_string(),
            Kind::Millis(_, slot) => slot(&mut defaults).to_string(),
            Kind::Span(_, slot) => span_text(*slot(&mut defaults)),
            Kind::Count(_, _, slot) => slot(&mut defaults).to_string(),
            Kind::Calls(_, _, slot) => slot(&mut defaults).to_string(),
            Kind::Switch(slot) => slot(&mut defaults).to_string(),
        }
    }

    /// Stores a value that [`Knob::allows`]; any other changes nothing.
    fn store(&self, value: KnobValue, knobs: &mut Knobs) {
        match (self.kind, value) {
            (Kind::Number(_, slot) | Kind::OpenShare(slot), KnobValue::Number(number)) => *slot(knobs) = number,
            (Kind::Millis(_, slot) | Kind::Span(_, slot), KnobValue::Whole(millis)) => *slot(knobs) = millis,
            (Kind::Count(_, _, slot), KnobValue::Whole(count)) => {
                *slot(knobs) = usize::try_from(count).unwrap_or(usize::MAX);
            }
            (Kind::Calls(_, _, slot), KnobValue::Whole(count)) => {
                *slot(knobs) = u32::try_from(count).unwrap_or(u32::MAX)
            }
            (Kind::Switch(slot), KnobValue::Switch(on)) => *slot(knobs) = on,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knob(flag: &str) -> &'static Knob {
        all_knobs().find(|knob| knob.flag == flag).unwrap()
    }

    /// Each bound from both sides: the last value taken, the first value refused.
    #[test]
    fn bounds_hold_on_both_sides() {
        let check = |flag: &str, taken: &[&str], refused: &[&str]| {
            for text in taken {
                assert!(knob(flag).read(text).is_ok(), "--{flag} {text}");
            }
            for text in refused.iter().chain(&["", "x", "NaN", "inf", "-inf", "1e999"]) {
                assert!(knob(flag).read(text).is_err(), "--{flag} {text}");
            }
        };
        for limit in ["max-memory", "cpu-threshold"] {
            check(limit, &["0", "512", "80.5"], &["-0.001"]);
        }
        check("usage-multiplier", &["1e-300", "2.5", "1e300"], &["0", "-0", "-1e-300"]);
        for multiple in ["latency-std-dev-threshold", "frequency-deviation-threshold"] {
            check(multiple, &["0", "1e-300", "2.5", "1e300"], &["-1e-300"]);
        }
        for amount in ["min-timeout-ms", "max-timeout-ms", "prune-ttl-hours"] {
            check(amount, &["0", "0.001", "1000"], &["-0.001"]);
        }
        for ratio in ["error-rate-threshold", "smoothing-factor"] {
            check(ratio, &["0", "0.05", "1"], &["-0.000001", "1.000001"]);
        }
        for amount in ["adjustment-step-ms", "cooldown-ms", "cooldown-between-changes-ms", "min-samples-before-tuning"]
        {
            check(amount, &["0", "0.5", "1e9"], &["-0.000001"]);
        }
        for millis in ["default-interval-ms", "usage-window-ms"] {
            check(millis, &["1", "3155760000000"], &["0", "-1", "1.5", "3155760000001"]);
        }
        for count in ["baseline-windows", "min-baseline-windows", "usage-baseline-windows"] {
            check(count, &["1", "100000"], &["0", "-1", "1.5", "100001"]);
        }
        check("false-timeout-rate", &["1e-300", "0.001", "0.1%", "0.999"], &["0", "1", "100%", "-0.1"]);
        for calls in ["breaker-minimum", "breaker-window"] {
            check(calls, &["1", "128"], &["0", "129", "1.5"]);
        }
        check("max-patterns", &["0", "4294967295"], &["-1", "4294967296"]);
        check("lateness", &["0", "0s", "1ms", "36525d"], &["-1s", "36526d", "5"]);
        check("max-gap", &["1ms", "36525d"], &["0", "0d", "36526d", "7"]);
        check("enable-unknown-endpoint-detection", &["true", "false"], &["1", "yes", "TRUE"]);
    }

    #[test]
    fn a_window_is_a_whole_number_of_milliseconds() {
        let window = knob("window-size-minutes");
        for taken in ["5", "0.5", "1.1", "0.05", "52596000", "0.000016666666666666667"] {
            assert!(window.read(taken).is_ok(), "{taken}");
        }
        for refused in ["0", "-5", "0.00001", "0.00002", "52596000.1"] {
            assert!(window.read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn defaults_pass_their_own_checks_and_fill_their_own_slots() {
        for knob in all_knobs() {
            let value = knob.read(&knob.default_text()).unwrap();
            let mut chosen = Chosen::default();
            chosen.set(knob, Given { value, origin: String::new() });
            assert_eq!(chosen.knobs(), Knobs::default(), "{}", knob.flag);
        }
    }

    #[test]
    fn names_follow_one_pattern() {
        for knob in all_knobs() {
            assert_eq!(knob.variable, format!("LEARN_{}", knob.flag.to_uppercase().replace('-', "_")));
            if knob.section.ends_with("Config") && knob.alias.is_some() {
                let kebab = knob.key.chars().fold(String::new(), |mut name, letter| {
                    if letter.is_uppercase() {
                        name.push('-');
                    }
                    name.extend(letter.to_lowercase());
                    name
                });
                assert_eq!(knob.flag, kebab);
            }
        }
        let mut flags: Vec<_> = all_knobs().flat_map(|knob| [Some(knob.flag), knob.alias]).flatten().collect();
        let all = flags.len();
        flags.sort_unstable();
        flags.dedup();
        assert_eq!(flags.len(), all, "a flag stands twice");
    }
}
