//! Each event reaches each receiver once, whatever happens in between.

use super::receiver::{Receiver, nobody};
use super::server::Database;
use crate::binary::feed;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A table with a spike of `dev_1` at 12:00, of `dev_2` at 12:05 and of `dev_3` at 13:00.
fn database(name: &str) -> Database {
    let database = Database::new(name);
    spiking(&database);
    database
}

pub fn spiking(database: &Database) {
    database.sql("CREATE TABLE usage_events (developer_id varchar, created_at timestamp)");
    for (developer, at) in [("dev_1", "12:01"), ("dev_2", "12:06"), ("dev_3", "13:01")] {
        spike(database, developer, at);
    }
}

fn spike(database: &Database, developer: &str, at: &str) {
    database.sql(&format!(
        "INSERT INTO usage_events SELECT '{developer}', timestamp '2026-06-01 {at}' FROM generate_series(1, 20)"
    ));
}

/// What a run came to.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn run(command: Command) -> Ran {
    let output = feed(command, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn scan(database: &Database, folder: &Path, at: &str, args: &[&str]) -> Ran {
    let mut command = database.scan(folder, &["--as-of", &format!("2026-06-01T{at}Z")]);
    command.args(args);
    run(command)
}

fn developers(ndjson: &str) -> Vec<String> {
    let developer = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["developerId"].as_str().unwrap().to_owned()
    };
    ndjson.lines().map(developer).collect()
}

#[test]
fn an_event_is_printed_once_and_an_outage_is_made_up_for() {
    let (database, folder) = (database("printed_once"), tempfile::tempdir().unwrap());
    let scan = |at: &str| {
        let ran = scan(&database, folder.path(), at, &["-f", "ndjson"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        developers(&ran.out)
    };
    assert_eq!(scan("12:05:00"), ["dev_1"]);
    assert_eq!(scan("12:06:00"), [""; 0]);
    // Off for two hours.
    assert_eq!(scan("14:06:00"), ["dev_2", "dev_3"]);
    assert_eq!(scan("14:11:00"), [""; 0]);
}

#[test]
fn a_catch_up_keeps_what_it_counted_before_the_time_limit() {
    let (database, folder) = (database("pieces"), tempfile::tempdir().unwrap());
    database.sql(
        "CREATE VIEW slow AS SELECT * FROM usage_events
         WHERE created_at < timestamp '2026-06-01 13:55' OR pg_sleep(0.2) IS NOT NULL",
    );
    spike(&database, "dev_4", "13:56");
    let scan = |at: &str, timeout: &str| {
        scan(&database, folder.path(), at, &["-f", "ndjson", "--table", "slow", "--timeout", timeout])
    };
    let ran = scan("12:05:00", "1s");
    assert_eq!((ran.code, developers(&ran.out)), (Some(0), vec!["dev_1".to_owned()]), "{}", ran.err);
    // Off for two hours; the last of it takes four seconds.
    let ran = scan("14:06:00", "1s");
    assert_eq!(
        (ran.code, developers(&ran.out)),
        (Some(2), vec!["dev_2".to_owned(), "dev_3".to_owned()]),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("the limit is 1 s"), "{}", ran.err);
    assert!(ran.err.contains("the windows up to 2026-06-01T13:55:00.000Z are tested"), "{}", ran.err);
    let ran = scan("14:11:00", "30s");
    assert_eq!((ran.code, developers(&ran.out)), (Some(0), vec!["dev_4".to_owned()]), "{}", ran.err);
}

#[test]
fn a_database_that_was_down_hides_nothing() {
    let (database, folder) = (database("was_down"), tempfile::tempdir().unwrap());
    let receiver = Receiver::willing();
    let scan = |at: &str| {
        let at = format!("2026-06-01T{at}Z");
        database.scan(folder.path(), &["--as-of", &at, "--state", "state.json", "--webhook", &receiver.url])
    };
    assert_eq!(run(scan("12:05:00")).code, Some(0));
    for at in ["12:10:00", "12:15:00"] {
        let mut command = scan(at);
        // Nobody listens on this port.
        command.env("PGHOST", "127.0.0.1").env("PGPORT", "1");
        let ran = run(command);
        assert!(ran.code == Some(2) && ran.err.contains("Connection refused"), "{}", ran.err);
    }
    assert_eq!(receiver.ids().len(), 1);
    let ran = run(scan("13:06:00"));
    let developers: Vec<_> = receiver.seen().iter().map(|delivery| delivery.body[..].contains("dev_2")).collect();
    assert_eq!((ran.code, developers), (Some(0), vec![false, true, false]), "{}", ran.err);
}

#[test]
fn rows_that_commit_ten_minutes_late_are_seen() {
    let (database, folder) = (database("late_rows"), tempfile::tempdir().unwrap());
    let scan = |at: &str| developers(&scan(&database, folder.path(), at, &["-f", "ndjson"]).out);
    assert_eq!(scan("15:00:00"), [""; 0]);
    assert_eq!(scan("15:05:00"), [""; 0]);
    spike(&database, "late", "14:56");
    assert_eq!(scan("15:10:00"), ["late"]);
    spike(&database, "late", "15:01");
    spike(&database, "later", "15:06");
    assert_eq!(scan("15:15:00"), ["late", "later"]);
}

#[test]
fn a_receiver_that_was_down_gets_everything_and_the_other_nothing_twice() {
    let (database, folder) = (database("one_down"), tempfile::tempdir().unwrap());
    let (up, down) = (Receiver::willing(), nobody());
    let ran = scan(&database, folder.path(), "12:05:00", &["--webhook", &up.url, "--webhook", &down]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("1 event not delivered"), "{}", ran.err);
    assert_eq!(up.ids().len(), 1);
    // The other is back, on the same address.
    let back = std::net::TcpListener::bind(down.strip_prefix("http://").unwrap()).unwrap();
    let answering = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = back.accept().unwrap();
            let mut request = [0; 8192];
            let length = stream.read(&mut request).unwrap();
            bodies.push(String::from_utf8_lossy(&request[..length]).into_owned());
            stream.write_all(b"HTTP/1.1 204 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
        bodies
    });
    let ran = scan(&database, folder.path(), "12:10:00", &["--webhook", &up.url, "--webhook", &down]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let bodies = answering.join().unwrap();
    assert!(bodies.iter().any(|body| body.contains(&up.ids()[0])), "the id is the same for every receiver");
    assert_eq!(up.ids().len(), 2);
}

#[test]
fn an_answer_of_500_is_tried_again_with_the_same_id() {
    let (database, folder) = (database("five_hundred"), tempfile::tempdir().unwrap());
    let moody = Receiver::start(|number| (if number == 0 { 500 } else { 200 }, Duration::ZERO));
    let ran = scan(&database, folder.path(), "12:05:00", &["--webhook", &moody.url]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ids = moody.ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    let first = &moody.seen()[0];
    assert!(first.path == "/" && first.body.contains("\"developerId\":\"dev_1\""), "{first:?}");
}

#[test]
fn a_slow_receiver_and_two_scans_at_once_make_no_second_delivery() {
    let (database, folder) = (database("slow"), tempfile::tempdir().unwrap());
    let slow = Receiver::start(|_| (200, Duration::from_secs(2)));
    let start = || {
        let mut command = database.scan(folder.path(), &["--as-of", "2026-06-01T12:05:00Z", "--webhook", &slow.url]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut scans = [start(), start()];
    for scan in &mut scans {
        assert_eq!(scan.wait().unwrap().code(), Some(0));
    }
    assert_eq!(slow.ids().len(), 1);
}

/// Killed while the receiver has the event but the scan has no answer yet.
#[test]
fn a_scan_that_is_killed_repeats_at_most_once_with_the_same_id() {
    let (database, folder) = (database("killed"), tempfile::tempdir().unwrap());
    let receiver = Receiver::start(|number| (200, Duration::from_secs(if number == 0 { 5 } else { 0 })));
    let mut command = database.scan(folder.path(), &["--as-of", "2026-06-01T12:05:00Z", "--webhook", &receiver.url]);
    let mut scan = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while receiver.ids().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    scan.kill().unwrap();
    scan.wait().unwrap();
    for at in ["12:05:30", "12:06:00", "12:06:30"] {
        let mut command = database.scan(folder.path(), &["--as-of", &format!("2026-06-01T{at}Z")]);
        command.args(["--webhook", &receiver.url]);
        assert_eq!(run(command).code, Some(0));
    }
    let ids = receiver.ids();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_run_for_others_hides_no_window_from_a_receiver() {
    let (database, folder) = (database("for_others"), tempfile::tempdir().unwrap());
    let receiver = Receiver::willing();
    scan(&database, folder.path(), "11:05:00", &["--webhook", &receiver.url]);
    // Somebody looks at a terminal, two hours later; then cron comes back.
    scan(&database, folder.path(), "11:05:00", &[]);
    scan(&database, folder.path(), "14:00:00", &[]);
    scan(&database, folder.path(), "14:05:00", &["--webhook", &receiver.url]);
    assert_eq!(receiver.ids().len(), 3);
}

#[test]
fn two_databases_with_the_default_state_do_not_meet() {
    let (one, other, folder) = (database("default_one"), database("default_other"), tempfile::tempdir().unwrap());
    for database in [&one, &other] {
        assert_eq!(developers(&scan(database, folder.path(), "12:05:00", &["-f", "ndjson"]).out), ["dev_1"]);
    }
    let states = std::fs::read_dir(folder.path().join("state/learn")).unwrap();
    let states =
        states.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|suffix| suffix == "json"));
    assert_eq!(states.count(), 2);
}

#[test]
fn a_corrupt_state_is_kept_aside_and_said() {
    let (database, folder) = (database("corrupt"), tempfile::tempdir().unwrap());
    let receiver = Receiver::willing();
    let state = folder.path().join("state.json");
    std::fs::write(&state, "{\"version\":1,").unwrap();
    let ran =
        scan(&database, folder.path(), "12:05:00", &["--state", state.to_str().unwrap(), "--webhook", &receiver.url]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("state.json.corrupt-1"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("state.json.corrupt-1")).unwrap(), "{\"version\":1,");
    assert_eq!(receiver.ids().len(), 1);
    let ran =
        scan(&database, folder.path(), "12:05:30", &["--state", state.to_str().unwrap(), "--webhook", &receiver.url]);
    assert_eq!((ran.code, receiver.ids().len()), (Some(0), 1), "{}", ran.err);
}

#[test]
fn a_state_whose_folder_is_a_file_keeps_no_event_back() {
    let (database, folder) = (database("unwritable"), tempfile::tempdir().unwrap());
    let receiver = Receiver::willing();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let state = folder.path().join("file/state.json");
    let ran =
        scan(&database, folder.path(), "12:05:00", &["--state", state.to_str().unwrap(), "--webhook", &receiver.url]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("cannot be made"), "{}", ran.err);
    assert_eq!(receiver.ids().len(), 1);
}

#[test]
fn looking_at_the_past_sends_nothing_unless_asked() {
    let (database, folder) = (database("the_past"), tempfile::tempdir().unwrap());
    let receiver = Receiver::willing();
    let range =
        ["--from", "2026-06-01T11:00:00Z", "--to", "2026-06-01T14:00:00Z", "-f", "ndjson", "--webhook", &receiver.url];
    let ran = scan(&database, folder.path(), "15:00:00", &range);
    assert_eq!(developers(&ran.out), ["dev_1", "dev_2", "dev_3"]);
    assert!(ran.err.contains("--deliver"), "{}", ran.err);
    assert!(receiver.ids().is_empty() && !folder.path().join("state").exists());
    let deliver: Vec<&str> = range.iter().copied().chain(["--deliver"]).collect();
    assert_eq!(scan(&database, folder.path(), "15:00:00", &deliver).code, Some(0));
    assert_eq!(receiver.ids().len(), 3);
}

#[test]
fn metrics_please_promtool_and_count_on() {
    let (database, folder) = (database("metrics"), tempfile::tempdir().unwrap());
    let file = folder.path().join("learn.prom");
    for at in ["12:05:00", "12:10:00"] {
        assert_eq!(scan(&database, folder.path(), at, &["--textfile", file.to_str().unwrap()]).code, Some(0));
    }
    let metrics = std::fs::read_to_string(&file).unwrap();
    for line in ["usage_anomaly_detector_runs_total 2\n", "usage_anomaly_detector_anomalies_total 2\n"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let output = feed(promtool, metrics.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Without rows the file says so, and so does the run.
    let ran = scan(&database, folder.path(), "20:00:00", &["--textfile", file.to_str().unwrap(), "--fail-on-empty"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no row in the last 65 minutes"), "{}", ran.err);
    assert!(std::fs::read_to_string(&file).unwrap().contains("rows_seen 0\n"));
}

#[test]
fn findings_end_with_one_where_asked() {
    let (database, folder) = (database("exit_code"), tempfile::tempdir().unwrap());
    let code = |at: &str, args: &[&str]| scan(&database, folder.path(), at, args).code;
    assert_eq!(code("12:05:00", &["--exit-code"]), Some(1));
    assert_eq!(code("12:05:00", &[]), Some(0));
    assert_eq!(code("12:05:00", &["--exit-code", "--new-developer", "skip"]), Some(0));
    assert_eq!(code("12:05:00", &["--exit-code", "--min-calls", "20"]), Some(1));
    assert_eq!(code("12:05:00", &["--exit-code", "--min-calls", "21"]), Some(0));
}
