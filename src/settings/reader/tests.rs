use super::*;
use crate::plan::RuleSet;

fn error(text: &str) -> String {
    read(text, Path::new("learn.toml")).unwrap_err().to_string()
}

#[test]
fn every_knob_is_reachable_under_its_key() {
    for knob in all_knobs() {
        let value = ["1", "false", "7ms", "0.5"].into_iter().find_map(|text| knob.read(text).ok());
        let text = match value.unwrap() {
            KnobValue::Switch(on) => on.to_string(),
            KnobValue::Number(number) => number.to_string(),
            KnobValue::Whole(number) => number.to_string(),
        };
        let settings = read(&format!("[{}]\n{} = {text}", knob.section, knob.key), Path::new("learn.toml")).unwrap();
        let chosen: Vec<_> = settings.knobs.iter().map(|(chosen, given)| (chosen.flag, given.clone())).collect();
        assert_eq!(chosen.len(), 1);
        assert_eq!((chosen[0].0, chosen[0].1.origin.as_str()), (knob.flag, &*format!("learn.toml:2: {}", knob.key)));
    }
}

#[test]
fn every_other_key_is_read() {
    let text = "rules = 'published'\ncurrent = 'now.json'\nthreads = 8\n[input]\nlogFormat = 'json'\n\
                latency = 'upstream'\ntimezone = '+02:00'\ndeveloperField = 'dev'\nrawPaths = true\n\
                routes = 'ours.txt'\nopenapi = '/api.yaml'\nmaxRoutes = 70\nmaxDevelopers = 9\n\
                maxRejects = '5%'\n[input.fields]\nduration = 'took@ms'\n";
    let settings = read(text, Path::new("/etc/learn.toml")).unwrap();
    assert_eq!((settings.rules, settings.threads), (Some(RuleChoice::Replayed(RuleSet::Published)), Some(8)));
    assert_eq!(settings.current.as_deref(), Some(Path::new("/etc/now.json")));
    let input = settings.input;
    assert_eq!((input.log_format.as_deref(), input.latency), (Some("json"), Some(Latency::Upstream)));
    assert_eq!((input.timezone, input.developer_field.as_deref()), ("+02:00".parse().ok(), Some("dev")));
    assert_eq!((input.raw_paths, input.max_rejects_ratio), (Some(true), Some(0.05)));
    assert_eq!(input.routes_file.as_deref(), Some(Path::new("/etc/ours.txt")));
    assert_eq!((input.openapi.as_deref(), input.max_routes), (Some(Path::new("/api.yaml")), Some(70)));
    assert_eq!(input.max_developers, Some(9));
    assert_eq!(input.fields, ["duration=took@ms".parse().unwrap()]);
}

#[test]
fn the_names_of_a_usage_table_stand_beside_the_knobs() {
    let text = "[usage]\ntable = 'billing.\"Usage Events\"'\ndeveloperColumn = 'who'\ntimeColumn = 'at'\n\
                callsColumn = 'n'\napiColumn = 'api'\namountColumn = 'usd'\nmultiplier = 3\n";
    let settings = read(text, Path::new("learn.toml")).unwrap();
    let name = |text: &str| Some(text.to_owned());
    let expected = UsageDefaults {
        table: "billing.\"Usage Events\"".parse().ok(),
        developer_column: name("who"),
        time_column: name("at"),
        calls_column: name("n"),
        api_column: name("api"),
        amount_column: name("usd"),
    };
    assert_eq!((settings.usage, settings.knobs.knobs().usage.multiplier), (expected, 3.0));
}

#[test]
fn a_retention_period_is_hours_or_a_duration() {
    let retained = |value: &str| {
        let text = format!("[metrics]\nretentionPeriod = {value}\n");
        read(&text, Path::new("learn.toml")).map(|settings| settings.retain_ms.unwrap()).map_err(|e| e.to_string())
    };
    assert_eq!((retained("1"), retained("24")), (Ok(3_600_000), Ok(86_400_000)));
    assert_eq!(retained("'90m'"), Ok(5_400_000));
    for value in ["0", "-1", "1.5", "true", "''", "'0s'", "9223372036854775807"] {
        let told = retained(value).unwrap_err();
        assert!(told.starts_with("learn.toml:2: retentionPeriod: found "), "{told}");
        assert!(told.ends_with("expected hours from 1, or a duration such as \"90m\""), "{told}");
    }
    assert!(error("[metrics]\nretentionperiod = 1").contains("the nearest known one is `retentionPeriod`"));
    assert!(error("retentionPeriod = 1").ends_with("it belongs in [metrics]"));
}

#[test]
fn numbers_may_be_written_as_toml_allows() {
    let text = "[loopConfig]\ndefaultIntervalMs = 60_001\nmaxPatterns = 0xff\n[tunerConfig]\nmaxTimeoutMs = 2e4\n\
                [evidence]\nfalseTimeoutRate = '0.5%'\nbreakerMinimum = 100\nbreakerWindow = 0x64\n";
    let knobs = read(text, Path::new("learn.toml")).unwrap().knobs.knobs();
    assert_eq!((knobs.looping.default_interval_ms, knobs.looping.max_patterns), (60_001, 255));
    assert_eq!(knobs.tuner.max_timeout_ms, 20_000.0);
    let evidence = knobs.evidence;
    assert_eq!((evidence.breaker_minimum, evidence.breaker_window), (100, 100));
    assert_eq!(evidence.false_timeout_rate, 0.005);
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_key() {
    let check = |text: &str, expected: &str| assert_eq!(error(text), expected);
    check(
        "# mine\n[anomalyConfig]\nerrorRateTreshold = 1\n",
        "learn.toml:3: unknown key `errorRateTreshold` in [anomalyConfig]; \
         the nearest known one is `errorRateThreshold`",
    );
    check(
        "[loopConfig]\nsmothingFactor = 1",
        "learn.toml:2: unknown key `smothingFactor` in [loopConfig]; \
         the nearest known one is `smoothingFactor`, which belongs in [tunerConfig]",
    );
    check(
        "[loopConfig]\ncooldownMs = 1",
        "learn.toml:2: unknown key `cooldownMs` in [loopConfig]; it belongs in [tunerConfig]",
    );
    check(
        "errorRateThreshold = 0.1",
        "learn.toml:1: unknown key `errorRateThreshold` at the top level; it belongs in [anomalyConfig]",
    );
    check(
        "\n[anomalyConfg]\nx = 1",
        "learn.toml:2: unknown section `anomalyConfg` at the top level; the nearest known one is `anomalyConfig`",
    );
    for (found, nearest) in [("tuner", "tunerConfig"), ("loop", "loopConfig"), ("evidnce", "evidence")] {
        check(
            &format!("[{found}]\nx = 1"),
            &format!("learn.toml:1: unknown section `{found}` at the top level; the nearest known one is `{nearest}`"),
        );
    }
    check("[input]\nrules = 'documented'", "learn.toml:2: unknown key `rules` in [input]; it belongs at the top level");
    check(
        "[usage]\ntimeColum = 'x'",
        "learn.toml:2: unknown key `timeColum` in [usage]; the nearest known one is `timeColumn`",
    );
    check("[input]\ntable = 'x'", "learn.toml:2: unknown key `table` in [input]; it belongs in [usage]");
    check(
        "[input.fields]\nstatu = 'x'",
        "learn.toml:2: unknown key `statu` in [input.fields]; the nearest known one is `status`",
    );
}

#[test]
fn the_first_error_in_the_file_is_the_one_told() {
    let text = "[usage]\nzzz = 1\n[anomalyConfig]\naaa = 1\n";
    assert!(error(text).starts_with("learn.toml:2: unknown key `zzz`"));
}

#[test]
fn wrong_values_name_what_was_found_and_expected() {
    let check = |text: &str, expected: &str| assert_eq!(error(text), format!("learn.toml:{expected}"));
    check("[usage]\nmultiplier = '5'", "2: multiplier: found the string \"5\", expected a number above 0");
    check("[usage]\nmultiplier = 0", "2: multiplier: found the integer 0, expected a number above 0");
    check("[usage]\nmultiplier = nan", "2: multiplier: found the number nan, expected a number above 0");
    check(
        "[loopConfig]\nmaxPatterns = 1.0",
        "2: maxPatterns: found the number 1.0, expected a whole number from 0 to 4294967295",
    );
    check(
        "anomalyConfig.enableUnknownEndpointDetection = 1",
        "1: enableUnknownEndpointDetection: found the integer 1, expected true or false",
    );
    check(
        "rules = 'other'",
        "1: rules: found the string \"other\", expected \"documented\" or \"published\" or \"zscore\" or \"evidence\"",
    );
    check(
        "[evidence]\nfalseTimeoutRate = 1",
        "2: falseTimeoutRate: found the integer 1, expected a share above 0 and below 1, such as 0.001 or 0.1%",
    );
    check(
        "[evidence]\nbreakerWindow = '10'",
        "2: breakerWindow: found the string \"10\", expected a whole number from 1 to 128",
    );
    check("usage = 5", "1: usage: found the integer 5, expected a table, [usage]");
    check("[usage]\ntimeColumn = 5", "2: timeColumn: found the integer 5, expected a string, the name of a column");
    check(
        "[usage]\ntable = 'a b'",
        "2: table: found the string \"a b\", expected a table name such as usage_events, billing.usage_events or \
         billing.\"Usage Events\" (names with capitals, spaces or dots in double quotes, a quote inside doubled)",
    );
    check("threads = 0", "1: threads: found the integer 0, expected a whole number from 1 to 1024");
    check("[input]\nmaxRejects = true", "2: maxRejects: found the boolean true, expected a share from 0 to 1");
    check(
        "[input.fields]\nduration = 'x@min'",
        "2: duration: found the string \"x@min\", expected the unit s, ms, us or ns after `@`",
    );
    check("current = ''", "1: current: found the string \"\", expected a string, the path of a JSON file");
}

#[test]
fn syntax_errors_name_their_line() {
    assert!(error("rules = 'documented'\n[usage\n").starts_with("learn.toml:2: "));
    assert!(error("threads = 1\nthreads = 2\n").starts_with("learn.toml:2: "));
    assert!(read("\u{feff}threads = 1", Path::new("learn.toml")).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[\\[\\]a-z={}.\"'0-9\n ]{0,40}|\\PC{0,40}") {
        let _ = read(&text, Path::new("learn.toml"));
    }
}
