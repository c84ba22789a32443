//! Every log format, on a fixture that tells the same story in it: three requests, and what only that format has.
//!
//! The window table is what the requests are read from: it holds each one's end, outcome and exact latency.

use crate::binary::{LEARN, feed, isolated, learn, stdout_of};
use crate::schema::{assert_valid, validator};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What a format keeps of the three requests: of each, in the order of their ends, when it ended in the minute 12:00
/// and its latency in nanoseconds.
type Kept = [(&'static str, &'static str); 3];

const WHOLE: Kept = [("31.000", "123000000"), ("32.000", "45000000"), ("33.000", "1500000000")];
/// No latency is logged.
const NO_LATENCY: Kept = [("31.000", ""), ("32.000", ""), ("33.000", "")];
/// The stamp is the start, its second cut off.
const STARTED: Kept = [("30.123", "123000000"), ("31.045", "45000000"), ("32.500", "1500000000")];
/// Traefik's latency is the service's part.
const ORIGIN: Kept = [("31.000", "120000000"), ("32.000", "44000000"), ("33.000", "1499000000")];
/// The latency is in whole seconds.
const SECONDS: Kept = [("30.000", "0"), ("31.000", "0"), ("31.000", "1000000000")];

const STORY: [[&str; 3]; 3] =
    [["GET", "/api/orders/:id", "good"], ["POST", "/api/orders", "good"], ["GET", "/api/search", "failed"]];

struct Fixture {
    file: &'static str,
    format: &'static str,
    /// The latency's field and unit.
    latency: &'static str,
    developer: &'static str,
    /// Requests, lines without one, rejected lines.
    counts: [u64; 3],
    kept: Kept,
}

const fn fixture(
    file: &'static str,
    format: &'static str,
    latency: &'static str,
    developer: &'static str,
    counts: [u64; 3],
    kept: Kept,
) -> Fixture {
    Fixture { file, format, latency, developer, counts, kept }
}

const USER: &str = "remote_user";
const BOTH_LAYOUTS: &str = "nginx-proxy-manager and nginx-proxy-manager standard";

const FIXTURES: [Fixture; 32] = [
    // A target that did not answer within the client's patience is a request without a latency.
    fixture("alb.log", "AWS ALB", "target_processing_time s", "", [4, 0, 0], WHOLE),
    fixture("apache-combined-us.log", "Apache combined %D", "request_time_us us", USER, [3, 0, 0], STARTED),
    fixture("apache-common-s.log", "Apache common %T", "request_time s", USER, [3, 0, 0], SECONDS),
    fixture("apache-vhost.log", "Apache vhost_combined", "", USER, [3, 0, 0], NO_LATENCY),
    fixture("bunkerweb.log", "BunkerWeb", "", USER, [3, 0, 0], NO_LATENCY),
    // Caddy tells of itself in the same file.
    fixture("caddy.log", "JSON lines", "duration s", "user_id", [3, 1, 0], WHOLE),
    fixture("cloudfront.log", "CloudFront", "time-taken s", "", [3, 0, 0], WHOLE),
    fixture("compose.log", "nginx combined-rt-urt in docker compose", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("docker.json", "nginx combined-rt-urt in Docker's JSON", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("elb.log", "AWS classic ELB", "backend_processing_time s", "", [3, 0, 0], WHOLE),
    // A client that left before there was an answer.
    fixture("envoy.log", "Envoy", "duration_ms ms", "", [3, 1, 0], WHOLE),
    fixture("envoy-json-cri.log", "JSON lines in CRI", "duration ms", "", [3, 0, 0], WHOLE),
    // HAProxy tells of itself and of requests that it could not read.
    fixture("haproxy.log", "HAProxy httplog in syslog", "Ta ms", "", [3, 1, 1], WHOLE),
    fixture("iis.log", "IIS", "time-taken ms", "cs-username", [3, 0, 0], WHOLE),
    // Its URIs begin with a host.
    fixture("incapsula.log", "W3C", "", "", [3, 0, 0], NO_LATENCY),
    fixture("istio.log", "Envoy of Istio", "duration_ms ms", "", [3, 0, 0], WHOLE),
    fixture("kubectl.log", "nginx combined-rt-urt in kubectl's prefix", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("ltsv.log", "LTSV", "reqtime s", "user", [3, 0, 0], WHOLE),
    fixture("morgan.log", "morgan combined :response-time ms", "response_time_ms ms", USER, [3, 1, 0], WHOLE),
    fixture("nginx-combined.log", "nginx combined", "", USER, [3, 1, 0], NO_LATENCY),
    fixture("nginx-combined-rt-urt.log", "nginx combined-rt-urt", "request_time s", USER, [3, 1, 0], WHOLE),
    fixture("nginx-ingress.log", "nginx ingress-nginx", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("nginx-json.log", "JSON lines", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("nginx-proxy-manager.log", "nginx-proxy-manager", "", "", [3, 0, 0], NO_LATENCY),
    // Put together of two files, with a line of the error log between.
    fixture("nginx-proxy-manager-both.log", BOTH_LAYOUTS, "", "", [4, 0, 1], NO_LATENCY),
    fixture("patterns.jsonl", "JSON lines", "durationMs ms", "", [3, 0, 0], WHOLE),
    fixture("pino.log", "JSON lines", "responseTime ms", "", [3, 1, 0], WHOLE),
    // A shipper's objects, with what it left of syslog's prefix in the text.
    fixture("shipped.json", "nginx combined-rt-urt in JSON's `message`", "request_time s", USER, [3, 0, 0], WHOLE),
    fixture("squid.log", "Squid", "elapsed_ms ms", USER, [3, 0, 0], WHOLE),
    fixture("traefik.json", "JSON lines", "OriginDuration ns", "ClientUsername", [3, 0, 0], ORIGIN),
    fixture("traefik-clf.log", "Traefik CLF", "duration_ms ms", USER, [3, 1, 0], STARTED),
    fixture("zoraxy.log", "Zoraxy", "", "", [3, 0, 0], NO_LATENCY),
];

/// The one that only its name tells apart.
const SECONDS_PRESET: &str = "apache-common-s";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats")
}

fn flags(fixture: &Fixture) -> Vec<String> {
    let mut flags = vec![folder().join(fixture.file).display().to_string()];
    if fixture.file.starts_with(SECONDS_PRESET) {
        flags.extend(["--log-format".to_owned(), SECONDS_PRESET.to_owned()]);
    }
    flags
}

/// Of each request of the story: method, route, outcome, end, latency; by their ends.
fn requests(fixture: &Fixture) -> Vec<[String; 5]> {
    let arguments = [vec!["windows".to_owned(), "-q".to_owned()], flags(fixture)].concat();
    let table = stdout_of(&arguments, b"");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let column = |name| headers.iter().position(|header| header == name).unwrap();
    let columns = ["method", "route", "outcome", "lastRequest", "durationsNs"].map(column);
    let all = rows.records().map(|row| row.unwrap()).map(|row| columns.map(|column| row[column].to_owned()));
    let mut all: Vec<[String; 5]> = all.filter(|row| row[1].starts_with("/api")).collect();
    all.sort_by(|a, b| (&a[3], &b[1]).cmp(&(&b[3], &a[1])));
    all
}

#[test]
fn every_format_tells_the_same_story() {
    for fixture in &FIXTURES {
        let expected = STORY.iter().zip(fixture.kept).map(|([method, route, outcome], (end, latency))| {
            [*method, route, outcome, &format!("2026-06-01T12:00:{end}Z"), latency].map(str::to_owned)
        });
        let mut expected: Vec<[String; 5]> = expected.collect();
        expected.sort_by(|a, b| (&a[3], &b[1]).cmp(&(&b[3], &a[1])));
        assert_eq!(requests(fixture), expected, "{}", fixture.file);
    }
}

#[test]
fn formats_explains_every_fixture() {
    let schema = validator("formats");
    for fixture in &FIXTURES {
        let arguments = [vec!["formats".to_owned(), "-f".to_owned(), "json".to_owned()], flags(fixture)].concat();
        let text = stdout_of(&arguments, b"");
        assert_valid(&schema, &text);
        let document: Value = serde_json::from_str(&text).unwrap();
        let input = &document["inputs"][0];
        let text = |key: &str| input[key].as_str().unwrap_or_default();
        assert_eq!(text("format"), fixture.format, "{}", fixture.file);
        let latency = [text("latencyField"), text("latencyUnit")].join(" ");
        assert_eq!(latency.trim(), fixture.latency, "{}", fixture.file);
        assert_eq!(text("developerField"), fixture.developer, "{}", fixture.file);
        let counts = ["requests", "notRequests", "rejected"].map(|key| input[key].as_u64().unwrap());
        assert_eq!(counts, fixture.counts, "{}", fixture.file);
        let example = &input["example"];
        assert_eq!((&example["method"], &example["route"]), (&"GET".into(), &"/api/orders/:id".into()));
    }
}

/// The lines of the log in both layouts of nginx Proxy Manager: the first's, the second's and the one in neither.
fn both_layouts() -> [String; 3] {
    let log = std::fs::read_to_string(folder().join("nginx-proxy-manager-both.log")).unwrap();
    let part = |is_in: &dyn Fn(&str) -> bool| log.split_inclusive('\n').filter(|line| is_in(line)).collect::<String>();
    let is_of_first = |line: &str| line.contains("[Sent-to ");
    [
        part(&is_of_first),
        part(&|line| line.starts_with('[') && !is_of_first(line)),
        part(&|line| !line.starts_with('[')),
    ]
}

const NAMED: [&str; 2] = ["--log-format", "nginx-proxy-manager"];

fn replayed(form: &str, log: &str, flags: &[&str]) -> String {
    stdout_of(&[&["replay", "-", "-q", "-f", form], flags].concat(), log.as_bytes())
}

#[test]
fn a_log_of_one_layout_is_named_by_it_and_read_the_same() {
    let [first, second, neither] = both_layouts();
    let summary = |log: &str, flags: &[&str]| {
        let document: Value = serde_json::from_str(&replayed("json", log, flags)).unwrap();
        (document["inputs"].clone(), document["summary"].clone(), document["endpoints"].clone())
    };
    for (log, name) in [
        (first.clone(), "nginx-proxy-manager"),
        (second.clone(), "nginx-proxy-manager standard"),
        (first + &neither, "nginx-proxy-manager"),
        (second + &neither, "nginx-proxy-manager standard"),
    ] {
        let detected = summary(&log, &[]);
        assert_eq!(detected.0[0]["format"], name);
        assert_eq!(detected.0[0]["requests"], 2);
        assert_eq!(summary(&log, &NAMED), detected, "{log}");
        for form in ["table", "ndjson", "csv", "markdown"] {
            assert_eq!(replayed(form, &log, &NAMED), replayed(form, &log, &[]), "{form}");
        }
    }
}

#[test]
fn two_layouts_give_the_same_in_any_order_and_with_any_threads() {
    let [first, second, neither] = both_layouts();
    let mixed: String = first.lines().zip(second.lines()).map(|(a, b)| format!("{b}\n{a}\n")).collect();
    let orders =
        [[first.as_str(), &neither, &second].concat(), [&second, &neither, first.as_str()].concat(), mixed + &neither];
    for flags in [&[][..], &NAMED] {
        let [expected, turned, mixed] = orders.each_ref().map(|log| replayed("csv", log, flags));
        assert_eq!(turned, expected);
        assert_eq!(mixed, expected);
    }
    let many = orders.concat().repeat(200);
    for flags in [&[][..], &NAMED] {
        let one = replayed("json", &many, &[flags, &["--threads", "1"]].concat());
        assert!(one.contains(BOTH_LAYOUTS));
        for chunk in ["--chunk-bytes=999", "--chunk-bytes=65536"] {
            assert_eq!(replayed("json", &many, &[flags, &["--threads", "8", chunk]].concat()), one, "{chunk}");
        }
    }
}

#[test]
fn the_second_layout_has_a_name_of_its_own() {
    let log = folder().join("nginx-proxy-manager-both.log").display().to_string();
    let flags = ["--log-format", "nginx-proxy-manager-standard", "--max-rejects", "1", "-f", "json", "-q"];
    let document: Value = serde_json::from_str(&stdout_of(&[&["replay", &log][..], &flags].concat(), b"")).unwrap();
    let input = &document["inputs"][0];
    assert_eq!((&input["format"], &input["requests"]), (&"nginx-proxy-manager standard".into(), &2.into()));
}

#[test]
fn every_fixture_is_told_of() {
    let mut files: Vec<String> =
        std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut told: Vec<&str> = FIXTURES.iter().map(|fixture| fixture.file).collect();
    told.sort_unstable();
    assert_eq!(files, told);
}

#[test]
fn every_preset_is_listed_and_compiles() {
    let text = stdout_of(&["formats", "-f", "json"], b"");
    assert_valid(&validator("formats"), &text);
    let document: Value = serde_json::from_str(&text).unwrap();
    let formats = document["formats"].as_array().unwrap();
    let names: Vec<&str> = formats.iter().map(|format| format["name"].as_str().unwrap()).collect();
    for name in ["combined", "ingress-nginx", "haproxy", "alb", "envoy", "squid", "json", "ltsv", "iis"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in names {
        let output = learn(&["replay", "-", "-q", "--log-format", name], b"\n");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!message.contains("--log-format: found"), "{name}: {message}");
    }
}

/// Each packed copy gives the bytes that the plain log gives.
#[test]
fn packed_logs_are_the_logs() {
    let place = tempfile::tempdir().unwrap();
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/access.log");
    std::fs::copy(log, place.path().join("access.log")).unwrap();
    let config = |file: &str| {
        let mut command = isolated(LEARN, place.path());
        command.args(["replay", file, "-q", "-f", "ndjson"]);
        let output = feed(command, b"");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let plain = config("access.log");
    for (program, suffix) in [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")] {
        let packed = format!("access.log.{suffix}");
        let pack =
            format!("{program} -c access.log > {packed} && {program} -c access.log | head -c 3000 > cut.{suffix}");
        let status = isolated("sh", place.path()).args(["-c", &pack]).status().unwrap();
        assert!(status.success(), "{program}: `bash tests/run.sh` installs what is missing");
        assert_eq!(config(&packed), plain, "{packed}");
        let mut command = isolated(LEARN, place.path());
        command.args(["replay", &format!("cut.{suffix}"), "-q", "-f", "config"]);
        let cut = feed(command, b"");
        let message = String::from_utf8_lossy(&cut.stderr);
        assert_eq!(cut.status.code(), Some(2), "{message}");
        assert!(message.contains(&format!("cut.{suffix}: ")), "{message}");
    }
}
