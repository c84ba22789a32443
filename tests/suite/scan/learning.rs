//! `--rule negative-binomial` run after run: what is told does not depend on when it is asked.

use super::delivery::{Ran, run};
use super::server::Database;
use crate::binary::{LEARN, isolated};
use crate::rng::Rng;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Windows of a day.
const DAY: i64 = 288;

/// The day on which things happen, the ones before it being usual.
const EVENTFUL: i64 = 4 * DAY;

/// Alice's spike and Carol's silence.
const SPIKE: std::ops::Range<i64> = EVENTFUL + 145..EVENTFUL + 151;
const SILENCE: std::ops::Range<i64> = EVENTFUL + 142..EVENTFUL + 160;

fn time(window: i64) -> String {
    let first: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
    (first + TimeDelta::minutes(5 * window)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Five days of four developers with the same hours and different numbers of calls: window, developer, calls.
fn rows() -> Vec<(i64, &'static str, u64)> {
    let mut rng = Rng::new(7);
    let mut rows = Vec::new();
    for window in 0..5 * DAY {
        let hours = (window % DAY - 168) as f64 / 12.0;
        let shape = (-0.5 * (hours / 4.0).powi(2)).exp();
        for (developer, most) in [("alice", 60.0), ("bob", 25.0), ("carol", 120.0), ("dave", 40.0)] {
            let usual = (most * shape * (0.8 + 0.4 * (rng.range(0, 1000) as f64 / 1000.0))).round() as u64;
            let calls = match developer {
                "alice" if SPIKE.contains(&window) => usual * 8,
                "carol" if SILENCE.contains(&window) => 0,
                _ => usual,
            };
            rows.extend((calls > 0).then_some((window, developer, calls)));
        }
    }
    rows
}

/// Writes the rows that `is_there` lets through to `usage.csv`.
fn write(folder: &Path, is_there: impl Fn(i64, &str) -> bool) {
    let mut text = String::from("developer_id,created_at,calls\n");
    for (window, developer, calls) in rows().into_iter().filter(|(window, developer, _)| is_there(*window, developer)) {
        writeln!(text, "{developer},{},{calls}", time(window)).unwrap();
    }
    std::fs::write(folder.join("usage.csv"), text).unwrap();
}

fn scan(folder: &Path, args: &[&str]) -> Ran {
    let mut command = isolated(LEARN, folder);
    command.args(["scan-usage", "usage.csv", "--calls-column", "calls", "--rule", "negative-binomial"]);
    if !args.contains(&"-f") {
        command.args(["-f", "ndjson"]);
    }
    command.args(args);
    run(command)
}

/// A run by the clock, when `window` has just ended.
fn scan_after(folder: &Path, window: i64) -> Ran {
    scan(folder, &["--resolve", "--state", "state.json", "--as-of", &time(window + 1)])
}

/// Developer, kind, phase and the window's start of each event.
fn events(ndjson: &str) -> Vec<[String; 4]> {
    let event = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let data = &event["data"];
        [text(&event["developerId"]), text(&data["kind"]), text(&data["phase"]), text(&data["windowStart"])]
    };
    ndjson.lines().map(event).collect()
}

const FIRST: i64 = EVENTFUL + 138;
const LAST: i64 = EVENTFUL + 170;

/// All lines of one run over the range.
fn at_once(folder: &Path) -> BTreeSet<String> {
    let ran = scan(folder, &["--resolve", "--from", &time(FIRST), "--to", &time(LAST + 1)]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.out.lines().map(str::to_owned).collect()
}

#[test]
fn a_run_after_every_window_tells_what_one_run_over_all_tells() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |_, _| true);
    let expected = at_once(folder.path());
    let told = events(&expected.iter().map(|line| line.clone() + "\n").collect::<String>());
    let told: Vec<_> = told.iter().map(|event| event.each_ref().map(String::as_str)).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().any(|event| event[..3] == ["alice", "spike", "start"]), "{told:?}");
    assert!(told.iter().any(|event| event[..3] == ["carol", "drop", "end"]), "{told:?}");
    let mut found = Vec::new();
    for window in FIRST..=LAST {
        // Cron is off for half an hour in the midst of it.
        if (EVENTFUL + 147..EVENTFUL + 153).contains(&window) {
            continue;
        }
        let ran = scan_after(folder.path(), window);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(ran.err.contains("nothing was remembered"), window == FIRST, "{}", ran.err);
        found.extend(ran.out.lines().map(str::to_owned));
    }
    assert_eq!(found.len(), 4, "{found:#?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn rows_that_are_written_late_are_found_and_tell_nothing_twice() {
    let alice = |folder: &Path, window: i64| {
        let events = events(&scan_after(folder, window).out).into_iter();
        events.filter(|event| event[0] == "alice").map(|event| event[3][..16].to_owned()).collect::<Vec<_>>()
    };
    let at = |window: i64| time(window)[..16].to_owned();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |_, _| true);
    alice(folder.path(), SPIKE.start - 1);
    // The spike's first window is still empty when its turn comes.
    write(folder.path(), |window, developer| developer != "alice" || window < SPIKE.start);
    assert_eq!(alice(folder.path(), SPIKE.start), [""; 0]);
    write(folder.path(), |window, developer| developer != "alice" || window != SPIKE.start);
    assert_eq!(alice(folder.path(), SPIKE.start + 1), [at(SPIKE.start + 1)]);
    // Now it comes: the same episode, only earlier.
    write(folder.path(), |_, _| true);
    assert_eq!(alice(folder.path(), SPIKE.start + 2), [""; 0]);
    // A row that is late where nothing was told is news.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |window, developer| developer != "alice" || window < SPIKE.start);
    alice(folder.path(), SPIKE.start);
    write(folder.path(), |window, developer| developer != "alice" || window <= SPIKE.start);
    assert_eq!(alice(folder.path(), SPIKE.start + 1), [at(SPIKE.start)]);
}

#[test]
fn what_was_learnt_can_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |_, _| true);
    let expected = at_once(folder.path());
    let learnt = folder.path().join("state.json.learnt");
    let mut found = BTreeSet::new();
    for window in FIRST..=LAST {
        let ran = scan_after(folder.path(), window);
        found.extend(ran.out.lines().map(str::to_owned));
        let code = if window == SPIKE.start + 4 { 2 } else { 0 };
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        match window - SPIKE.start {
            1 => std::fs::remove_file(&learnt).unwrap(),
            3 => {
                let mut bytes = std::fs::read(&learnt).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&learnt, bytes).unwrap();
            }
            4 => {
                assert!(ran.err.contains("state.json.learnt.corrupt-1"), "{}", ran.err);
                assert!(learnt.with_file_name("state.json.learnt.corrupt-1").exists());
            }
            _ => {}
        }
    }
    assert_eq!(found, expected);
    let ran = scan(folder.path(), &["--state", "state.json", "--as-of", &time(LAST + 2), "--timezone", "Asia/Tokyo"]);
    assert!(ran.code == Some(0) && ran.err.contains("the rule learns anew"), "{}", ran.err);
}

#[test]
fn a_table_tells_what_a_file_tells() {
    let (database, folder) = (Database::new("learning"), tempfile::tempdir().unwrap());
    database.sql("CREATE TABLE usage_events (developer_id varchar, created_at timestamp, calls int)");
    let mut copy = String::from("COPY usage_events FROM STDIN;\n");
    for (window, developer, calls) in rows() {
        writeln!(copy, "{developer}\t{}\t{calls}", time(window).trim_end_matches('Z')).unwrap();
    }
    database.sql(&(copy + "\\.\n"));
    write(folder.path(), |_, _| true);
    let expected = at_once(folder.path());
    let rule = ["--calls-column", "calls", "--rule", "negative-binomial", "-f", "ndjson", "--resolve"];
    let scan = |args: &[&str]| {
        let mut command = database.scan(folder.path(), &rule);
        command.args(args);
        let ran = run(command);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let found = scan(&["--from", &time(FIRST), "--to", &time(LAST + 1)]);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    let mut found = Vec::new();
    for window in (FIRST..=LAST).step_by(8) {
        found.extend(scan(&["--as-of", &time(window + 1)]));
    }
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_log_tells_what_its_rows_tell() {
    let folder = tempfile::tempdir().unwrap();
    let rows = crate::fixture::usage_days();
    std::fs::write(folder.path().join("usage.csv"), &rows).unwrap();
    let mut log = String::new();
    for row in rows.lines().skip(1) {
        let [developer, time, calls] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let time: DateTime<Utc> = time.parse().unwrap();
        let stamp = time.format("%d/%b/%Y:%H:%M:%S +0000");
        let line = format!("192.0.2.1 - {developer} [{stamp}] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n");
        log += &line.repeat(calls.parse().unwrap());
    }
    std::fs::write(folder.path().join("access.log"), log).unwrap();
    let mut command = isolated(LEARN, folder.path());
    command.args(["replay", "access.log", "--no-backtest", "--spike-rule", "negative-binomial", "-f", "json"]);
    let (replayed, scanned) = (run(command), scan(folder.path(), &["-f", "json"]));
    let json =
        |ran: &Ran| serde_json::from_str::<serde_json::Value>(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    let (replayed, mut scanned) = (json(&replayed), json(&scanned));
    for episode in scanned["episodes"].as_array_mut().unwrap() {
        episode.as_object_mut().unwrap().remove("alreadySent").unwrap();
    }
    assert_eq!(replayed["usageEpisodes"].as_array().unwrap().len(), 2);
    assert_eq!(replayed["usageEpisodes"], scanned["episodes"]);
    assert_eq!(replayed["usageSpikes"].as_array().unwrap().len(), 0);
}

#[test]
fn knobs_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |window, _| window < 3);
    for (args, expected) in [
        (["--surprise", "0"], "expected a probability"),
        (["--surprise", "1"], "expected a probability"),
        (["--usage-window-ms", "60000"], "windows of 60000 ms do not divide a day"),
        (["--learn-from", "0s"], "expected a duration above 0"),
    ] {
        let ran = scan(folder.path(), &args);
        assert!(ran.code == Some(2) && ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
    let ran = scan(folder.path(), &["--min-calls", "5"]);
    assert!(ran.code == Some(0) && ran.err.contains("no effect on --rule negative-binomial"), "{}", ran.err);
}
