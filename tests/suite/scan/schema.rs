//! What a scan writes fits its schemas, and nothing looser would.

use crate::binary::stdout_of;
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use std::path::Path;

const FILES: [&str; 2] = ["scan-usage.schema.json", "usage-event.schema.json"];

fn validator(name: &str) -> Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let registry = FILES.iter().fold(Registry::new(), |registry, file| {
        let schema: Value = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        registry.add(format!("file:///{file}"), schema).unwrap()
    });
    let registry = registry.prepare().unwrap();
    let options = jsonschema::draft202012::options().with_registry(&registry).should_validate_formats(true);
    options.build(&json!({ "$ref": format!("file:///{name}") })).unwrap()
}

fn fixture(args: &[&str]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/usage.csv");
    let args: Vec<&str> = ["scan-usage", file.to_str().unwrap()].into_iter().chain(args.iter().copied()).collect();
    stdout_of(&args, b"")
}

/// The document is valid, and stays so neither with a strange key nor without one of its own.
fn assert_tight(validator: &Validator, document: &Value, at: &str) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
    let object = document.pointer(at).unwrap().as_object().unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut broken = document.clone();
        change(broken.pointer_mut(at).unwrap().as_object_mut().unwrap());
        validator.is_valid(&broken)
    };
    assert!(!with(&|object| drop(object.insert("strange".to_owned(), Value::Null))), "{at}: a strange key passes");
    for key in object.keys() {
        assert!(!with(&|object| drop(object.remove(key))), "{at}: passes without {key}");
    }
}

#[test]
fn json_is_valid() {
    let validator = validator(FILES[0]);
    let spikes: Value = serde_json::from_str(&fixture(&["-f", "json"])).unwrap();
    for at in ["", "/source", "/settings", "/summary", "/spikes/0", "/spikes/0/data"] {
        assert_tight(&validator, &spikes, at);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("days.csv");
    let day = |day: i32| format!("api,2026-06-{:02}T00:00:00Z,1.5\n", day + 1).repeat(if day == 9 { 20 } else { 10 });
    std::fs::write(&file, format!("api_id,created_at,amount_usdc\n{}", (0..10).map(day).collect::<String>())).unwrap();
    let days = stdout_of(&["scan-usage", file.to_str().unwrap(), "--rule", "zscore-daily", "-f", "json"], b"");
    let days: Value = serde_json::from_str(&days).unwrap();
    assert_eq!(days["dailyAnomalies"][0]["revenue"], "30.0");
    for at in ["", "/settings", "/summary", "/dailyAnomalies/0"] {
        assert_tight(&validator, &days, at);
    }
}

/// A day of one developer, and a burst at its end.
fn burst() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("burst.csv");
    let row = |window: i64| {
        let calls = if window == 600 { 900 } else { 20 + window % 5 };
        format!("dev_1,{},{calls}\n", 1_780_272_000 + window * 300)
    };
    let rows: String = (0..=600).map(row).collect();
    std::fs::write(&file, format!("developer_id,created_at,calls\n{rows}")).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn alerts_and_episodes_are_valid() {
    let (_folder, file) = burst();
    let args = ["scan-usage", &file, "--calls-column", "calls", "--rule", "negative-binomial"];
    let json: Value = serde_json::from_str(&stdout_of(&[&args[..], &["-f", "json"]].concat(), b"")).unwrap();
    let validator_of = validator(FILES[0]);
    for at in ["", "/settings", "/summary", "/alerts/0", "/alerts/0/data", "/episodes/0"] {
        assert_tight(&validator_of, &json, at);
    }
    let args_of_both = ["scan-usage", &file, "--calls-column", "calls", "--compare", "-f", "json"];
    let both: Value = serde_json::from_str(&stdout_of(&args_of_both, b"")).unwrap();
    for at in ["/settings", "/comparison", "/comparison/mean5x", "/comparison/agreement", "/comparison/developers/0"] {
        assert_tight(&validator_of, &both, at);
    }
    let lines = stdout_of(&[&args[..], &["-f", "ndjson"]].concat(), b"");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let event: Value = serde_json::from_str(&lines).unwrap();
    assert_tight(&validator(FILES[1]), &event, "");
    assert_tight(&validator(FILES[1]), &event, "/data");
}

#[test]
fn every_ndjson_line_is_an_event() {
    let validator = validator(FILES[1]);
    let lines = fixture(&["-f", "ndjson"]);
    assert_eq!(lines.lines().count(), 1, "the planted spike and nothing else");
    let event: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&event["developerId"], &event["data"]["currentCalls"]), (&"dev_3".into(), &46.into()));
    assert_tight(&validator, &event, "");
}

#[test]
fn text_of_rows_is_shown_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.csv");
    let name = "=1|x\u{1b}[m";
    let row = |at: &str| format!("\"{name}\",2026-06-01T{at}Z\n");
    let text = format!("developer_id,created_at\nold,2026-06-01T12:00:00Z\n{}", row("13:00:00").repeat(9));
    std::fs::write(&file, text).unwrap();
    for (format, expected) in
        [("table", "\\x1b"), ("markdown", "# learn scan-usage"), ("csv", "'=1"), ("json", "\\u001b")]
    {
        let out = stdout_of(&["scan-usage", file.to_str().unwrap(), "-f", format], b"");
        assert!(
            !out.contains('\u{1b}') && out.to_lowercase().contains(expected) && !out.contains("=1|x\u{1b}"),
            "{format}: {out}"
        );
    }
}
