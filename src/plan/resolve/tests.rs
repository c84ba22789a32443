//! From typed arguments to a plan, with `-` for a log so that no file is needed.

mod input;
mod output;

use super::*;
use crate::cli::{Cli, Command};
use crate::plan::{FormatChoice, Latency};
use crate::settings::knob::Knob;
use clap::Parser;
use std::fs;

fn args(typed: &[&str]) -> ReplayArgs {
    let typed = ["learn", "replay"].iter().chain(typed);
    match Cli::try_parse_from(typed).unwrap_or_else(|error| panic!("{error}")).command {
        Command::Replay(args) => *args,
        command => panic!("{command:?}"),
    }
}

/// What a user sees, from clap or from the plan.
fn error(typed: &[&str]) -> String {
    match Cli::try_parse_from(["learn", "replay"].iter().chain(typed)) {
        Err(error) => error.to_string(),
        Ok(_) => {
            let resolved = ReplayPlan::resolve(&args(typed), &Settings::default(), &Environment::default());
            format!("{:#}", resolved.expect_err(&format!("{typed:?}")))
        }
    }
}

fn resolve_in(typed: &[&str], settings: &Settings, environment: &Environment) -> (ReplayPlan, Vec<String>) {
    ReplayPlan::resolve(&args(typed), settings, environment).unwrap_or_else(|error| panic!("{typed:?}: {error:#}"))
}

fn resolve(typed: &[&str]) -> ReplayPlan {
    resolve_in(typed, &Settings::default(), &Environment::default()).0
}

/// Settings as they are read from a file of this text.
fn settings(text: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("learn.toml");
    fs::write(&file, text).unwrap();
    Settings::load(Some(&file), &Environment::default()).unwrap()
}

fn rules(plan: &ReplayPlan) -> Knobs {
    let RulesPlan { anomaly, tuner, looping, usage, optimization, evidence, .. } = plan.rules;
    Knobs { anomaly, tuner, looping, usage, optimization, evidence, ..Knobs::default() }
}

/// A value that is not the knob's default, and what it makes of the defaults.
fn sample(knob: &'static Knob) -> (&'static str, Knobs) {
    let text = ["0.25", "7", "7ms", "false"].into_iter().find(|text| knob.read(text).is_ok()).unwrap();
    let mut chosen = Chosen::default();
    chosen.set(knob, Given { value: knob.read(text).unwrap(), origin: String::new() });
    assert_ne!(chosen.knobs(), Knobs::default(), "{}", knob.flag);
    (text, chosen.knobs())
}

/// The lower timeout bound would otherwise stand above the upper one that is being set.
fn apart_from_bounds(knob: &Knob) -> bool {
    knob.flag != "max-timeout-ms"
}

#[test]
fn without_flags_the_plan_is_the_documented_one() {
    let plan = resolve(&["-"]);
    assert_eq!((plan.rules.rules, rules(&plan)), (RuleSet::Documented, Knobs::default()));
    assert_eq!((plan.rules.current, plan.rules.keep_cycles, plan.threads), (TunableConfig::default(), false, 1));
    let input = plan.input;
    assert_eq!((input.files, input.format), (vec![InputName::Stdin], FormatChoice::Detect));
    assert_eq!((input.max_rejects_ratio, input.keep_going, input.raw_paths), (0.5, false, false));
    assert_eq!((input.since, input.until, input.group_by), (None, None, None));
    assert!(input.filters.is_empty() && input.wanted.extras.is_empty() && input.wanted.fields.is_empty());
    let output = plan.output;
    assert_eq!((output.format, output.file, output.width), (OutputFormat::Table, None, 80));
    assert!(!output.color && !output.progress && !output.quiet);
}

#[test]
fn every_knob_is_reachable_by_flag_and_alias() {
    for knob in KNOBS.iter().filter(|knob| apart_from_bounds(knob)) {
        let (text, expected) = sample(knob);
        for flag in [Some(knob.flag), knob.alias].into_iter().flatten() {
            assert_eq!(rules(&resolve(&["-", &format!("--{flag}"), text])), expected, "--{flag} {text}");
            assert_eq!(rules(&resolve(&["-", &format!("--{flag}={text}")])), expected, "--{flag}={text}");
        }
    }
    for flag in ["--max-timeout-ms", "--maxTimeoutMs"] {
        assert_eq!(rules(&resolve(&["-", flag, "1000"])).tuner.max_timeout_ms, 1000.0);
    }
}

#[test]
fn unknown_endpoint_detection_has_a_flag_to_turn_it_off() {
    let check = |typed: &[&str], expected| {
        assert_eq!(rules(&resolve(typed)).anomaly.enable_unknown_endpoint_detection, expected, "{typed:?}");
    };
    let (off, on) = ("--no-unknown-endpoint-detection", "--enable-unknown-endpoint-detection=true");
    check(&["-", off], false);
    check(&["-", off, on], true);
    check(&["-", on, off], false);
}

/// Runs this test alone in a process of its own, with these variables: those of a process are shared by
/// all its tests. There, [`is_child`] is true.
fn run_with_variables(test: &str, variables: &[(&str, &str)]) {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("plan::resolve::tests::{test}")]).env(CHILD, "1").envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

const CHILD: &str = "TEST_RUNS_WITH_VARIABLES";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn every_knob_is_reachable_by_variable() {
    if is_child() {
        let mut expected = Chosen::default();
        for knob in KNOBS {
            expected.set(knob, Given { value: knob.read(sample(knob).0).unwrap(), origin: String::new() });
        }
        return assert_eq!(rules(&resolve(&["-"])), expected.knobs());
    }
    let variables: Vec<_> = KNOBS.iter().map(|knob| (knob.variable, sample(knob).0)).collect();
    run_with_variables("every_knob_is_reachable_by_variable", &variables);
}

#[test]
fn flags_go_over_variables_over_seed_variables_over_files_over_defaults() {
    if is_child() {
        let environment = Environment::read();
        let file = settings(
            "rules = 'documented'\nthreads = 2\n[usage]\nmultiplier = 2\nbaselineWindows = 2\nwindowMs = 2\n\
             [tunerConfig]\nsmoothingFactor = 0.2\nadjustmentStepMs = 2\ncooldownMs = 2\n[input]\nrawPaths = true",
        );
        let typed = ["-", "--usage-window-ms", "5", "--smoothing-factor", "0.5"];
        let (plan, warnings) = resolve_in(&typed, &file, &environment);
        let Knobs { tuner, usage, looping, .. } = rules(&plan);
        assert_eq!((usage.window_ms, usage.multiplier, usage.baseline_windows), (5, 4.0, 3));
        assert_eq!((tuner.smoothing_factor, tuner.adjustment_step_ms, tuner.cooldown_ms), (0.5, 4.0, 2.0));
        assert_eq!((tuner.min_timeout_ms, looping.max_gap_ms), (1000.0, 4000));
        assert_eq!((plan.rules.rules, plan.threads, plan.input.raw_paths), (RuleSet::Published, 2, false));
        assert_eq!(plan.input.filters, [Filter::Status(vec![(500, 599), (404, 404)])]);
        assert_eq!(plan.output.format, OutputFormat::Config);
        assert!(plan.output.quiet);
        assert_eq!(warnings, ["LEARN_BASELINE_WINDOWS has no effect: --rules published ignores it"]);
        return;
    }
    let variables = [
        ("LEARN_RULES", "published"),
        ("LEARN_SMOOTHING_FACTOR", "0.4"),
        ("LEARN_ADJUSTMENT_STEP_MS", "4"),
        ("LEARN_USAGE_WINDOW_MS", "4"),
        ("LEARN_USAGE_MULTIPLIER", "4"),
        ("USAGE_ANOMALY_MULTIPLIER", "3"),
        ("USAGE_ANOMALY_BASELINE_WINDOWS", "3"),
        ("LEARN_MAX_GAP", "4s"),
        ("LEARN_RAW_PATHS", "no"),
        ("LEARN_STATUS", "5xx,404"),
        ("LEARN_FORMAT", "config"),
        ("LEARN_QUIET", "1"),
        ("LEARN_BASELINE_WINDOWS", "4"),
    ];
    run_with_variables("flags_go_over_variables_over_seed_variables_over_files_over_defaults", &variables);
}

#[test]
fn a_wrong_seed_variable_is_named() {
    for (text, is_right) in [("1", true), ("0", false), ("-1", false), ("1.5", false), ("", false), ("x", false)] {
        let seed_variables = vec![("USAGE_ANOMALY_WINDOW_MS", text.to_owned())];
        let environment = Environment { seed_variables, ..Environment::default() };
        match ReplayPlan::resolve(&args(&["-"]), &Settings::default(), &environment) {
            Ok((plan, _)) => assert_eq!((is_right, plan.rules.usage.window_ms), (true, 1), "{text}"),
            Err(error) => {
                let expected = format!("USAGE_ANOMALY_WINDOW_MS: found `{text}`, expected a whole number");
                assert!(!is_right && error.to_string().starts_with(&expected), "{error}");
            }
        }
    }
}

#[test]
fn settings_of_the_file_reach_the_plan() {
    let directory = tempfile::tempdir().unwrap();
    let current = "{\"circuitBreaker\": {\"failureThreshold\": 40, \"openTimeoutMs\": 1}, \
                   \"bulkhead\": {\"maxConcurrentCalls\": 2}, \"httpClient\": {\"timeoutMs\": 3, \"maxRetries\": 4}}";
    fs::write(directory.path().join("now.json"), current).unwrap();
    let file = directory.path().join("learn.toml");
    fs::write(
        &file,
        "current = 'now.json'\n[input]\nlogFormat = 'json'\nlatency = 'upstream'\ntimezone = '+01:00'\n\
         developerField = 'dev'\nmaxRejects = 0.25\nfields = { duration = 'a@ms', path = 'p' }",
    )
    .unwrap();
    let settings = Settings::load(Some(&file), &Environment::default()).unwrap();
    let (plan, _) = resolve_in(&["-", "--field", "duration=b@us"], &settings, &Environment::default());
    assert_eq!(plan.rules.current.circuit_breaker.failure_threshold, 40.0);
    assert_eq!((plan.input.format, plan.input.max_rejects_ratio), (FormatChoice::Json, 0.25));
    let wanted = plan.input.wanted;
    assert_eq!((wanted.latency, wanted.timezone), (Latency::Upstream, Timezone::Offset(3600)));
    assert_eq!(wanted.developer.as_deref(), Some("dev"));
    assert_eq!(wanted.fields, ["path=p".parse().unwrap(), "duration=b@us".parse().unwrap()]);
}

#[test]
fn explicit_knobs_that_the_rules_ignore_are_warned_of() {
    let check = |rules: RuleSet, ignored: &[&str]| {
        for knob in KNOBS.iter().filter(|knob| apart_from_bounds(knob)) {
            let flag = format!("--{}={}", knob.flag, sample(knob).0);
            let typed = ["-", "--rules", rules.name(), &flag];
            let (_, mut warnings) = resolve_in(&typed, &Settings::default(), &Environment::default());
            warnings.retain(|warning| warning.contains("has no effect"));
            assert_eq!(!warnings.is_empty(), ignored.contains(&knob.flag), "{typed:?}: {warnings:?}");
        }
    };
    let published = [
        "frequency-deviation-threshold",
        "enable-unknown-endpoint-detection",
        "cooldown-between-changes-ms",
        "baseline-windows",
        "min-baseline-windows",
        "max-memory",
        "cpu-threshold",
    ];
    check(RuleSet::Published, &published);
    let documented = ["cooldown-ms", "prune-ttl-hours", "max-patterns", "max-memory", "cpu-threshold"];
    check(RuleSet::Documented, &documented);
    let zscore = [
        "latency-std-dev-threshold",
        "error-rate-threshold",
        "frequency-deviation-threshold",
        "enable-unknown-endpoint-detection",
        "cooldown-ms",
        "prune-ttl-hours",
        "max-patterns",
        "min-baseline-windows",
    ];
    check(RuleSet::ZScore, &zscore);

    let (_, warnings) = resolve_in(&["-"], &settings("[tunerConfig]\ncooldownMs = 1"), &Environment::default());
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with("learn.toml:2: cooldownMs has no effect: --rules documented ignores it"));
}

#[test]
fn a_baseline_that_can_never_be_is_warned_of() {
    let warned = |typed: &[&str]| !resolve_in(typed, &Settings::default(), &Environment::default()).1.is_empty();
    assert!(!warned(&["-", "--baseline-windows", "3"]));
    assert!(warned(&["-", "--baseline-windows", "2"]));
}

#[test]
fn timeout_bounds_may_meet_but_not_cross() {
    let tuner = resolve(&["-", "--min-timeout-ms", "30000"]).rules.tuner;
    assert_eq!((tuner.min_timeout_ms, tuner.max_timeout_ms), (30_000.0, 30_000.0));
    assert_eq!(
        error(&["-", "--min-timeout-ms", "30000.5"]),
        "minTimeoutMs 30000.5 (--min-timeout-ms) is above maxTimeoutMs 30000 (the default); it must not exceed it"
    );
}

#[test]
fn wrong_values_name_the_flag_what_was_found_and_what_is_allowed() {
    for (flag, text, allowed) in [
        ("--smoothing-factor", "-0.5", "a number from 0 to 1"),
        ("--errorRateThreshold", "1.5", "a number from 0 to 1"),
        ("--usage-multiplier", "NaN", "a number above 0"),
        ("--baseline-windows", "0", "a whole number from 1 to 100000"),
        ("--lateness", "5", "a duration with its unit"),
        ("--threads", "1025", "a whole number from 1 to 1024"),
        ("--threads", "0", "a whole number from 1 to 1024"),
        ("--max-rejects", "1.5", "a share from 0 to 1"),
        ("--status", "6xx", "a code from 100 to 599"),
        ("--field", "duration=x@min", "the unit s, ms, us or ns"),
        ("--timezone", "-25:00", "an offset from -23:59 to +23:59"),
        ("--since", "soon", "a time such as 2026-06-01T12:00:00Z"),
        ("--where", "region", "KEY=VALUE"),
        ("--rules", "other", "documented, published"),
        ("--format", "xml", "table, json, ndjson, csv, markdown, config"),
        ("--log-format", "combind", "the nearest one is combined"),
    ] {
        let message = error(&["-", flag, text]);
        let named = if flag == "--errorRateThreshold" { "--error-rate-threshold" } else { flag };
        assert!([named, text, allowed].iter().all(|part| message.contains(part)), "{flag} {text}: {message}");
    }
}
