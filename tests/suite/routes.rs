//! Routes of logs with ids, slugs and scanners in them: what was read in which order changes no name, and no cycle
//! knows a later path.

use crate::binary::stdout_of;
use crate::cycle::from_learn;
use crate::properties::{BUSY, without_inputs};
use crate::record::{Record, to_json_lines};
use crate::reference::rfc3339;
use crate::rng::Rng;
use serde_json::Value;
use std::path::Path;

const START_MS: i64 = 1_780_315_200_000;
const SPAN_MS: i64 = 3 * 3_600_000;

const RULES: [&str; 3] = ["documented", "published", "zscore"];

/// A name without a digit, so that it looks like no identifier.
fn name(mut number: i64) -> String {
    let mut name = "n".to_owned();
    while number > 0 {
        name.push(char::from(b'g' + (number % 20) as u8));
        number /= 20;
    }
    name
}

fn path(rng: &mut Rng) -> (String, u16) {
    let any = |rng: &mut Rng, below: i64| {
        let most = rng.range(1, below);
        name(rng.range(0, most))
    };
    match rng.range(0, 10) {
        0..3 => (format!("/{}", any(rng, 12)), *rng.pick(&[200, 200, 500])),
        3..6 => (format!("/blog/{}", any(rng, 600)), *rng.pick(&[200, 200, 404])),
        6 => (format!("/shop/{}/{}", any(rng, 300), any(rng, 4)), *rng.pick(&[200, 301, 404])),
        7 => (format!("/blog/{}/edit", any(rng, 600)), *rng.pick(&[200, 404])),
        // Scanners, which find something now and then.
        8 => (format!("/{}", any(rng, 3000)), if rng.chance(20) { 200 } else { 404 }),
        _ => (format!("/{}/{}", any(rng, 60), any(rng, 600)), if rng.chance(100) { 200 } else { 404 }),
    }
}

/// In order of time but for some lines; past 300,000 some of them are late.
fn log(seed: u64, requests: i64, delay_ms: i64) -> Vec<Record> {
    let mut rng = Rng::new(seed);
    let mut delayed: Vec<(i64, Record)> = (0..requests)
        .map(|number| {
            let timestamp_ms = START_MS + number * SPAN_MS / requests;
            let (path, status) = path(&mut rng);
            let method = if rng.chance(100) { "POST" } else { "GET" };
            let duration_ms = Some(rng.range(1, 900) as f64);
            let delay_ms = if rng.chance(50) { rng.range(0, delay_ms) } else { 0 };
            (timestamp_ms + delay_ms, Record { timestamp_ms, method, path: path.leak(), status, duration_ms })
        })
        .collect();
    delayed.sort_by_key(|(written_ms, _)| *written_ms);
    delayed.into_iter().map(|(_, record)| record).collect()
}

fn write(folder: &Path, name: &str, records: &[Record]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, to_json_lines(records)).unwrap();
    path.display().to_string()
}

fn replayed(flags: &[&str], inputs: &[&str]) -> Value {
    let document =
        stdout_of(&[&["replay", "-q", "-f", "json", "--explain-routes"], &BUSY[..3], flags, inputs].concat(), b"");
    Value::Object(without_inputs(&document))
}

/// How many routes were made in each way.
fn made_by(document: &Value, way: &str) -> usize {
    document["routes"].as_array().unwrap().iter().filter(|row| row["madeBy"] == way).count()
}

#[test]
fn neither_threads_nor_chunks_nor_files_change_a_name() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, max_routes) in [(1, "--max-routes=2"), (2, "--max-routes=40"), (3, "--max-routes=10000")] {
        let log = log(seed, 9_000, 500_000);
        let whole = write(folder.path(), "whole.log", &log);
        let (a, b): (Vec<_>, Vec<_>) = log.iter().cloned().partition(|record| record.timestamp_ms % 7 < 3);
        let (a, b) = (write(folder.path(), "a.log", &a), write(folder.path(), "b.log", &b));
        for rules in RULES {
            let flags = ["--rules", rules, max_routes];
            let of = |more: &[&str], inputs: &[&str]| replayed(&[&flags[..], more].concat(), inputs);
            let expected = of(&["--threads=1"], &[&whole]);
            assert!(of(&["--threads=8", "--chunk-bytes=5000"], &[&whole]) == expected, "{rules} {max_routes} threads");
            let two = of(&["--threads=1"], &[&a, &b]);
            assert!(of(&["--threads=8", "--chunk-bytes=999"], &[&b, &a]) == two, "{rules} {max_routes} files");
            if max_routes.ends_with("=10000") {
                let told = ["folded", "unmatched", "path"].map(|way| made_by(&expected, way) > 0);
                assert_eq!(told, [true; 3]);
                assert_eq!(made_by(&expected, "other"), 0);
            } else {
                assert_eq!((made_by(&expected, "other"), made_by(&expected, "unmatched")), (1, 1));
            }
        }
    }
}

#[test]
fn no_cycle_knows_a_later_path() {
    let log = log(4, 9_000, 200_000);
    let cycles = |records: &[Record]| {
        let args = [&["replay", "-q", "-f", "ndjson", "--max-routes=60"], &BUSY[..]].concat();
        from_learn(&stdout_of(&args, to_json_lines(records).as_bytes()))
    };
    let whole = cycles(&log);
    for part in 1..6 {
        let cut_ms = START_MS + part * SPAN_MS / 6 / 60_000 * 60_000;
        let past: Vec<Record> = log.iter().filter(|record| record.timestamp_ms <= cut_ms).cloned().collect();
        let mut told = cycles(&past);
        told.retain(|cycle| cycle.end <= rfc3339(cut_ms));
        assert!(told.len() > 5);
        assert_eq!(crate::cycle::disagreement(&whole[..told.len()], &told), None);
    }
}

/// Tables hold routes before they are folded, so that they add up.
#[test]
fn a_table_has_the_names_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(5, 9_000, 200_000);
    let whole = write(folder.path(), "whole.log", &log);
    let table = |name: &str, part: &[Record]| {
        let (part, table) = (write(folder.path(), "part.log", part), folder.path().join(name).display().to_string());
        stdout_of(&["windows", "-q", "-o", &table, &part], b"");
        table
    };
    let (all, a, b) = (table("all.parquet", &log), table("a.csv", &log[..4_000]), table("b.csv", &log[4_000..]));
    for max_routes in ["--max-routes=2", "--max-routes=40", "--max-routes=10000"] {
        let of = |inputs: &[&str]| {
            let args = [&["replay", "-q", "-f", "json", max_routes], &BUSY[..3], inputs].concat();
            let document = without_inputs(&stdout_of(&args, b""));
            ["endpoints", "anomalies", "changes", "recommended"].map(|key| document[key].clone())
        };
        let expected = of(&[&whole]);
        assert_eq!(of(&[&all]), expected, "{max_routes}");
        assert_eq!(of(&[&b, &a]), expected, "{max_routes}");
    }
}

/// The counts of all endpoints, by path.
#[test]
fn every_request_is_counted_once_under_its_last_name() {
    let log = log(6, 9_000, 500_000);
    let args = [&["replay", "-q", "-f", "json", "--explain-routes"], &BUSY[..]].concat();
    let document: Value = serde_json::from_str(&stdout_of(&args, to_json_lines(&log).as_bytes())).unwrap();
    let sum = |rows: &str, count: &str| {
        document[rows].as_array().unwrap().iter().map(|row| row[count].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("endpoints", "count"), sum("routes", "requests")), (9_000, 9_000));
    let requests_of = |path: &str| {
        let rows = document["routes"].as_array().unwrap().iter();
        rows.filter(|row| row["path"] == path).map(|row| row["requests"].as_u64().unwrap()).sum::<u64>()
    };
    let logged = |is: fn(&str) -> bool| log.iter().filter(|record| is(record.path)).count() as u64;
    assert_eq!(requests_of("/blog/:param"), logged(|path| path.starts_with("/blog/") && !path.ends_with("/edit")));
    assert_eq!(requests_of("/blog/:param/edit"), logged(|path| path.starts_with("/blog/") && path.ends_with("/edit")));
}

/// The breakers of the backtest and the rows of evidence go by the same names as everything else.
#[test]
fn a_declared_route_that_comes_late_keeps_its_requests_everywhere() {
    let place = tempfile::tempdir().unwrap();
    let record = |number: i64, method, path: String, status| Record {
        timestamp_ms: START_MS + number * 1000,
        method,
        path: path.leak(),
        status,
        duration_ms: Some(20.0),
    };
    let log = (0..7200).flat_map(|number| {
        let known = record(number, "GET", format!("/{}", name(number % 4)), 200);
        let late = [
            record(number, "GET", format!("/late/{}", name(number)), 200),
            record(number, "PUT", format!("/{}", name(0)), 200),
            record(number, "GET", format!("/other/{}", name(number)), if number % 600 < 200 { 503 } else { 200 }),
        ];
        [known].into_iter().chain(late.into_iter().filter(move |_| number >= 3600))
    });
    let whole = write(place.path(), "late.log", &log.collect::<Vec<_>>());
    let routes = place.path().join("routes.txt");
    std::fs::write(&routes, "/late/:name\n").unwrap();
    let declared = format!("--routes={}", routes.display());
    let document = replayed(&[&declared, "--max-routes=4"], &[&whole]);
    let cut = [&declared[..], "--max-routes=4", "--threads=8", "--chunk-bytes=999"];
    assert_eq!(replayed(&cut, &[&whole]), document);
    let row = |rows: &Value, method: &str, path: &str| {
        let rows = rows.as_array().unwrap();
        rows.iter().find(|row| row["method"] == method && row["path"] == path).unwrap().clone()
    };
    let known = format!("/{}", name(0));
    for (method, path) in [("GET", "/late/:name"), ("PUT", &*known), ("GET", "(other)")] {
        assert_eq!(row(&document["endpoints"], method, path)["count"], 3600, "{method} {path}");
        let evidence = row(&document["evidence"]["endpoints"], method, path);
        assert_eq!(evidence["maxConcurrentCalls"]["n"], 3600, "{method} {path}");
    }
}

#[test]
fn a_target_keeps_its_endpoint_when_workers_forget_theirs() {
    let place = tempfile::tempdir().unwrap();
    let record = |number: i64, path: String| Record {
        timestamp_ms: START_MS + number,
        method: "GET",
        path: path.leak(),
        status: 200,
        duration_ms: Some(20.0),
    };
    // More names than a worker keeps, and three targets that come again and again, at another number each time it forgot.
    let log = (0..140_000).flat_map(|number| {
        let known = ["/api/health", "/api/carts", "/api/prices"][number as usize % 3];
        [record(number, format!("/x/{}", name(number))), record(number, known.to_owned())]
    });
    let whole = write(place.path(), "many.log", &log.collect::<Vec<_>>());
    let document = replayed(&["--threads=1", "--chunk-bytes=99999"], &[&whole]);
    let count = |path: &str| {
        let rows = document["endpoints"].as_array().unwrap();
        rows.iter().find(|row| row["path"] == path).unwrap()["count"].as_u64().unwrap()
    };
    assert_eq!(["/api/health", "/api/carts", "/api/prices", "/x/:param"].map(count), [46_667, 46_667, 46_666, 140_000]);
}
