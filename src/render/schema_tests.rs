//! The rendered documents against the schemas in `schemas/`, and broken ones that must not pass.

use super::{config, json, ndjson, sample};
use crate::report::Report;
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

const REPLAY: &str = "replay.schema.json";
const BACKTEST: &str = "backtest.schema.json";
const NDJSON_LINE: &str = "ndjson-line.schema.json";
const TUNABLE_CONFIG: &str = "tunable-config.schema.json";
const USAGE_EVENT: &str = "usage-event.schema.json";

/// The schemas refer to each other by file name, as they would from a directory.
fn validator(name: &str) -> Validator {
    let files = [
        (REPLAY, include_str!("../../schemas/replay.schema.json")),
        (BACKTEST, include_str!("../../schemas/backtest.schema.json")),
        (NDJSON_LINE, include_str!("../../schemas/ndjson-line.schema.json")),
        (TUNABLE_CONFIG, include_str!("../../schemas/tunable-config.schema.json")),
        (USAGE_EVENT, include_str!("../../schemas/usage-event.schema.json")),
    ];
    let registry = files.iter().fold(Registry::new(), |registry, (name, text)| {
        let schema: Value = serde_json::from_str(text).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        registry.add(format!("file:///{name}"), schema).unwrap()
    });
    let registry = registry.prepare().unwrap();
    let options = jsonschema::draft202012::options().with_registry(&registry).should_validate_formats(true);
    options.build(&json!({ "$ref": format!("file:///{name}") })).unwrap()
}

fn replay_document(report: &Report) -> Value {
    serde_json::from_slice(&json::render(report).unwrap()).unwrap()
}

fn ndjson_lines(report: &Report) -> Vec<Value> {
    let bytes = ndjson::render(report).unwrap();
    bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// Keys that may be absent, by the contract.
const OPTIONAL: [&str; 5] = ["group", "evidence", "backtest", "usageEpisodes", "routes"];

fn assert_valid(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// Every key removed, every object given a strange key, every leaf replaced: none may pass.
fn assert_tight(validator: &Validator, document: &Value) {
    assert_valid(validator, document);
    let mut pointers = Vec::new();
    collect_pointers(document, String::new(), &mut pointers);
    for pointer in &pointers {
        let mut broken = document.clone();
        let value = broken.pointer_mut(pointer).unwrap();
        match value {
            Value::Object(map) => map.insert("strange".to_owned(), Value::Null),
            _ => Some(std::mem::replace(value, json!({ "strange": [] }))),
        };
        assert!(!validator.is_valid(&broken), "still valid with something strange at {pointer}");
        assert_key_is_needed(validator, document, pointer);
    }
}

fn assert_key_is_needed(validator: &Validator, document: &Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let mut broken = document.clone();
    let Some(Value::Object(map)) = broken.pointer_mut(parent) else { return };
    if OPTIONAL.contains(&key) || parent.ends_with("/configChanges") {
        return;
    }
    map.remove(key).unwrap();
    assert!(!validator.is_valid(&broken), "still valid without {pointer}");
}

fn collect_pointers(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect_pointers(value, format!("{at}/{key}"), pointers))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| collect_pointers(value, format!("{at}/{index}"), pointers));
        }
        _ => {}
    }
    pointers.push(at);
}

fn grouped() -> Report {
    let mut report = sample::backtested();
    report.settings.input.group_by = Some("metadata.region".to_owned());
    let group = Some("eu".to_owned());
    report.anomalies.iter_mut().for_each(|episode| episode.group.clone_from(&group));
    report.endpoints.iter_mut().for_each(|endpoint| endpoint.group.clone_from(&group));
    report.evidence.iter_mut().flat_map(|found| &mut found.endpoints).for_each(|row| row.group.clone_from(&group));
    report.cycles[0].anomalies[0].group = group;
    report
}

#[test]
fn the_json_document_fits_its_schema_tightly() {
    let validator = validator(REPLAY);
    assert_valid(&validator, &replay_document(&sample::empty()));
    assert_tight(&validator, &replay_document(&sample::busy()));
    assert_tight(&validator, &replay_document(&sample::learned()));
    assert_tight(&validator, &replay_document(&grouped()));
}

#[test]
fn every_ndjson_line_fits_its_schema_tightly() {
    let validator = validator(NDJSON_LINE);
    for line in ndjson_lines(&sample::empty())
        .iter()
        .chain(&ndjson_lines(&sample::busy()))
        .chain(&ndjson_lines(&sample::learned()))
        .chain(&ndjson_lines(&grouped()))
    {
        assert_tight(&validator, line);
    }
}

#[test]
fn the_config_fits_its_schema_tightly() {
    let validator = validator(TUNABLE_CONFIG);
    for report in [sample::empty(), sample::busy()] {
        assert_tight(&validator, &serde_json::from_slice(&config::render(&report).unwrap()).unwrap());
    }
}

#[test]
fn a_usage_event_has_no_type() {
    let validator = validator(USAGE_EVENT);
    let mut event = serde_json::to_value(&sample::busy().usage_spikes[0]).unwrap();
    assert_tight(&validator, &event);
    event["type"] = json!("spike");
    assert!(!validator.is_valid(&event));
}

/// The package checks none of them, so 0 is a value like any other.
const KNOBS_FROM_ZERO: [&str; 5] = [
    "anomalyConfig/latencyStdDevThreshold",
    "anomalyConfig/frequencyDeviationThreshold",
    "tunerConfig/minTimeoutMs",
    "tunerConfig/maxTimeoutMs",
    "loopConfig/pruneTtlHours",
];

#[test]
fn the_least_values_pass() {
    let mut document = replay_document(&sample::busy());
    for knob in KNOBS_FROM_ZERO {
        *document.pointer_mut(&format!("/settings/{knob}")).unwrap() = json!(0);
    }
    assert_valid(&validator(REPLAY), &document);
}

#[test]
fn values_out_of_range_do_not_pass() {
    let check = |pointer: &str, wrong: Value| {
        let mut document = replay_document(&sample::busy());
        *document.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator(REPLAY).is_valid(&document), "{pointer}");
    };
    check("/schemaVersion", json!(2));
    check("/summary/firstRequest", json!("yesterday"));
    check("/summary/firstRequest", json!("2026-06-01T12:00:00.000+02:00"));
    check("/summary/rails/0/share", json!(1.01));
    check("/summary/rails/0/side", json!("wall"));
    check("/summary/requests", json!(-1));
    check("/summary/requests", json!(1.5));
    check("/current/circuitBreaker/failureThreshold", json!(100.5));
    check("/current/httpClient/timeoutMs", json!(null));
    check("/recommended/circuitBreaker/failureThreshold", json!(-0.5));
    for knob in KNOBS_FROM_ZERO {
        check(&format!("/settings/{knob}"), json!(-0.001));
    }
    check("/anomalies/0/metric", json!("errorRate"));
    check("/anomalies/0/severity", json!("fatal"));
    check("/anomalies/0/direction", json!("sideways"));
    check("/endpoints/0/errorRate", json!(1.01));
    check("/inputs/0/latencyUnit", json!("minutes"));
}
