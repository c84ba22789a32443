//! Every JSON document that `learn` writes fits its schema in `schemas/`.

use crate::binary::stdout_of;
use crate::fixture;
use crate::oracle;
use crate::record::to_json_lines;
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use std::path::Path;

/// The schema of this name; the files refer to each other by name, as they would from a directory.
pub fn validator(name: &str) -> Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let registry = std::fs::read_dir(folder).unwrap().fold(Registry::new(), |registry, entry| {
        let file = entry.unwrap().path();
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        registry.add(format!("file:///{}", file.file_name().unwrap().display()), schema).unwrap()
    });
    let registry = registry.prepare().unwrap();
    let options = jsonschema::draft202012::options().with_registry(&registry).should_validate_formats(true);
    options.build(&json!({ "$ref": format!("file:///{name}.schema.json") })).unwrap()
}

/// The document fits the schema.
pub fn assert_valid(validator: &Validator, document: &str) {
    let document: Value = serde_json::from_str(document).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

/// Logs that together fill every key: the fixture, a log without latency, one request, and the worked cases.
fn logs() -> Vec<Vec<u8>> {
    let mut logs = vec![
        fixture::access_log().into_bytes(),
        fixture::access_json().into_bytes(),
        b"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"\n".to_vec(),
    ];
    logs.extend(oracle::worked().iter().map(|case| to_json_lines(&case.records).into_bytes()));
    logs
}

fn each_output(format: &str, check: impl Fn(&str)) {
    for log in logs() {
        for rules in ["documented", "published", "zscore", "evidence"] {
            check(&stdout_of(&["replay", "-", "-f", format, "--rules", rules], &log));
        }
    }
}

#[test]
fn json_is_valid() {
    let validator = validator("replay");
    each_output("json", |document| assert_valid(&validator, document));
}

#[test]
fn the_backtest_is_valid() {
    let validator = validator("learn-backtest");
    for log in logs() {
        assert_valid(&validator, &stdout_of(&["backtest", "-", "-f", "json"], &log));
        assert_valid(&validator, &stdout_of(&["backtest", "-", "-f", "json", "--split", "0.3"], &log));
    }
}

#[test]
fn a_diff_is_valid() {
    let validator = validator("diff");
    let config = |timeout: u32| {
        format!(
            r#"{{"circuitBreaker":{{"failureThreshold":50,"openTimeoutMs":1}},"bulkhead":{{"maxConcurrentCalls":1}},
            "httpClient":{{"timeoutMs":{timeout},"maxRetries":0}}}}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.json");
    std::fs::write(&old, config(100)).unwrap();
    for (timeout, tolerance) in [(100, "0%"), (105, "10%"), (300, "10%"), (300, "httpClient.timeoutMs=250ms")] {
        let args = ["diff", old.to_str().unwrap(), "-", "-f", "json", "--tolerance", tolerance];
        let output = crate::binary::learn(&args, config(timeout).as_bytes());
        assert_valid(&validator, std::str::from_utf8(&output.stdout).unwrap());
    }
}

#[test]
fn every_ndjson_line_is_valid() {
    let validator = validator("ndjson-line");
    each_output("ndjson", |lines| lines.lines().for_each(|line| assert_valid(&validator, line)));
}

#[test]
fn config_is_valid() {
    let validator = validator("tunable-config");
    each_output("config", |document| assert_valid(&validator, document));
}

#[test]
fn a_spike_is_a_usage_event() {
    let validator = validator("usage-event");
    let lines = stdout_of(&["replay", "-", "-f", "ndjson"], fixture::access_log().as_bytes());
    let mut spikes: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    spikes.retain(|object: &Value| object["type"] == "spike");
    assert!(!spikes.is_empty());
    for mut spike in spikes {
        spike.as_object_mut().unwrap().remove("type");
        assert_valid(&validator, &spike.to_string());
    }
}

#[test]
fn schemas_refuse_what_they_do_not_know() {
    let config = stdout_of(&["replay", "-", "-f", "config"], fixture::access_log().as_bytes());
    let validator = validator("tunable-config");
    let mut document: Value = serde_json::from_str(&config).unwrap();
    document["httpClient"]["timeout"] = Value::from(1);
    assert!(!validator.is_valid(&document));
    document["httpClient"].as_object_mut().unwrap().remove("timeout");
    assert!(validator.is_valid(&document));
    document["httpClient"]["timeoutMs"] = Value::from("1000");
    assert!(!validator.is_valid(&document));
}
