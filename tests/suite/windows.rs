//! Window tables stand for their logs: what is replayed from one is what is replayed from the other, and two halves
//! added are the whole.

use crate::binary::{LEARN, feed, isolated, stdout_of};
use crate::properties::{BUSY, any_log, without_inputs};
use crate::record::{Record, to_json_lines};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;

/// Late requests, too: many lines stand further behind than this.
const LATENESS: &str = "--lateness=1m";

/// A folder with logs, and the commands that are run on them.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn log<'a>(&self, name: &str, records: impl IntoIterator<Item = &'a Record>) -> String {
        let records: Vec<Record> = records.into_iter().cloned().collect();
        std::fs::write(self.0.path().join(name), to_json_lines(&records)).unwrap();
        self.path(name)
    }

    /// The table of these inputs.
    fn windows(&self, name: &str, inputs: &[&str], flags: &[&str]) -> String {
        let table = self.path(name);
        stdout_of(&[&["windows", "-q", "-o", &table], flags, inputs].concat(), b"");
        table
    }

    fn bytes(&self, name: &str, inputs: &[&str], flags: &[&str]) -> Vec<u8> {
        std::fs::read(self.windows(name, inputs, flags)).unwrap()
    }
}

fn told(command: &[&str], flags: &[&str], input: &str) -> String {
    stdout_of(&[command, &BUSY[..3], &[LATENESS, "-q"], flags, &[input]].concat(), b"")
}

fn replayed(flags: &[&str], input: &str) -> Map<String, Value> {
    without_inputs(&told(&["replay", "-f", "json"], flags, input))
}

/// Takes out what only single requests can tell, and what was read of which files.
fn without_requests(mut document: Map<String, Value>) -> Map<String, Value> {
    let summary = document["summary"].as_object_mut().unwrap();
    for key in ["lines", "rejected", "rejectedSamples", "notRequests", "developers", "usageWindowsNotTested", "notes"] {
        assert!(summary.remove(key).is_some(), "{key}");
    }
    document.remove("usageSpikes");
    // Where no request has a latency, the reason names the input's field for it.
    let timeout = document.get_mut("reasons").and_then(|reasons| reasons["timeoutMs"].get_mut("text"));
    if let Some(Value::String(text)) = timeout {
        *text = text.replace("`durationsNs`", "`durationMs`");
    }
    if let Some(evidence) = document.get_mut("evidence") {
        let endpoints = evidence["endpoints"].as_array_mut().unwrap().iter_mut();
        endpoints.for_each(|endpoint| drop(endpoint.as_object_mut().unwrap().remove("maxConcurrentCalls")));
        evidence["global"].as_object_mut().unwrap().remove("maxConcurrentCalls");
    }
    if document["settings"]["rules"] == "evidence" {
        document["recommended"]["bulkhead"].take();
        document["reasons"]["maxConcurrentCalls"].take();
    }
    if let Some(backtest) = document.get_mut("backtest") {
        for key in ["peakInFlight", "peakAt"] {
            backtest["traffic"][key].take();
        }
        for key in ["verdict", "limits", "bestInHindsight"] {
            backtest[key].take();
        }
        if let Some(fitted) = backtest["fitted"].as_object_mut() {
            fitted["bulkhead"].take();
        }
        for config in backtest["configs"].as_array_mut().unwrap() {
            for key in ["breaker", "bulkhead", "regret"] {
                config[key].take();
            }
            config["config"]["bulkhead"].take();
        }
    }
    document
}

fn cycles(flags: &[&str], input: &str) -> Vec<String> {
    let lines = told(&["replay", "-f", "ndjson"], flags, input);
    let lines = lines.lines().filter(|line| !line.starts_with("{\"type\":\"summary\""));
    lines.filter(|line| !line.starts_with("{\"type\":\"spike\"")).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_replayed_as_its_log_is(
        mut log in any_log(),
        in_seconds in any::<bool>(),
        extension in prop::sample::select(vec!["csv", "parquet"]),
        rules in prop::sample::select(vec!["documented", "evidence"]),
        interval in prop::sample::select(vec!["--default-interval-ms=60000", "--default-interval-ms=180000"]),
    ) {
        if in_seconds {
            log.iter_mut().for_each(|record| record.timestamp_ms -= record.timestamp_ms % 1000);
        }
        // Every selection below leaves something.
        (log[0].method, log[0].path) = ("GET", "/orders");
        let place = Place::new();
        let log = place.log("a.log", &log);
        let table = place.windows(&format!("a.{extension}"), &[&log], &[LATENESS]);
        for flags in [&["--rules", rules, interval][..], &["--route=/orders*", "--method=GET,POST"]] {
            let (of_log, of_table) = (replayed(flags, &log), replayed(flags, &table));
            prop_assert_eq!(without_requests(of_table), without_requests(of_log));
            prop_assert_eq!(cycles(flags, &table), cycles(flags, &log));
        }
        let split = |input: &str| without_inputs(&told(&["backtest", "-f", "json", "--split=0.4"], &[], input));
        prop_assert_eq!(without_requests(split(&table)), without_requests(split(&log)));
    }

    #[test]
    fn two_halves_added_are_the_whole(
        mut log in any_log(),
        cut in any::<prop::sample::Index>(),
        interleaved in any::<bool>(),
        in_seconds in any::<bool>(),
        extension in prop::sample::select(vec!["csv", "parquet"]),
    ) {
        if in_seconds {
            log.iter_mut().for_each(|record| record.timestamp_ms -= record.timestamp_ms % 1000);
        }
        let place = Place::new();
        let cut = cut.index(log.len());
        let is_first = |line: usize| if interleaved { line.is_multiple_of(2) } else { line <= cut };
        let half = |first: bool| (0..).zip(&log).filter(move |(line, _)| is_first(*line) == first).map(|(_, record)| record);
        prop_assume!(half(false).next().is_some());
        let (whole, a, b) =
            (place.log("whole.log", &log), place.log("a.log", half(true)), place.log("b.log", half(false)));
        let (a_table, b_table) =
            (place.windows("a.parquet", &[&a], &[]), place.windows("b.csv", &[&b], &["--threads=1"]));
        let bytes = |inputs: &[&str]| place.bytes(&format!("all.{extension}"), inputs, &[]);
        let expected = bytes(&[&whole]);
        prop_assert_eq!(&bytes(&[&a_table, &b_table]), &expected);
        prop_assert_eq!(&bytes(&[&b_table, &a_table]), &expected);
        prop_assert_eq!(&bytes(&[&b, &a_table]), &expected);
        prop_assert_eq!(&place.bytes(&format!("one.{extension}"), &[&whole], &["--threads=1"]), &expected);
        let both = ["replay", "-f", "json", "-q", &a, &b_table];
        let alone = ["replay", "-f", "json", "-q", &whole];
        let of = |args: &[&str]| without_requests(without_inputs(&stdout_of(args, b"")));
        prop_assert_eq!(of(&both), of(&alone));
    }
}

/// Every row of a CSV table as the schema sees it.
#[test]
fn rows_fit_their_schema() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/access.log");
    let table = stdout_of(&["windows", &fixture.display().to_string()], b"");
    let validator = crate::schema::validator("window-table-row");
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    for line in lines {
        let cell = |(name, cell): (&&str, &str)| {
            let value = match *name {
                "durationsNs" => cell
                    .split_whitespace()
                    .map(|pair| Value::from(pair.split('*').next().unwrap().parse::<u64>().unwrap()))
                    .collect(),
                "windowTable" | "requests" | "longConnections" => Value::from(cell.parse::<u64>().unwrap()),
                "late" => Value::from(cell == "true"),
                _ => Value::from(cell),
            };
            ((*name).to_owned(), value)
        };
        let row = Value::Object(names.iter().zip(line.split(',')).map(cell).collect());
        assert!(validator.is_valid(&row), "{row}");
    }
}

/// A log with tables of the hours before and after it, all in one run.
#[test]
fn inputs_in_any_order_give_the_same_bytes() {
    let place = Place::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/access.log").display().to_string();
    let text = std::fs::read_to_string(&fixture).unwrap();
    let part = |name: &str, number: usize| {
        let lines = text.lines().enumerate().filter(|(line, _)| line * 3 / text.lines().count() == number);
        std::fs::write(place.path(name), lines.map(|(_, line)| format!("{line}\n")).collect::<String>()).unwrap();
        place.path(name)
    };
    let logs = [part("first.log", 0), part("second.log", 1), part("third.log", 2)];
    let first = place.windows("first.parquet", &[&logs[0]], &[]);
    let third = place.windows("third.csv", &[&logs[2]], &[]);
    let inputs = [first.as_str(), logs[1].as_str(), third.as_str()];
    let ordered = |order: [usize; 3]| order.map(|number| inputs[number]);
    let replayed = |order| stdout_of(&[&["replay", "-q", "-f", "json"], &ordered(order)[..]].concat(), b"");
    let expected = (place.bytes("all.parquet", &inputs, &[]), replayed([0, 1, 2]));
    assert_eq!(place.bytes("whole.parquet", &[&fixture], &[]), expected.0);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!((place.bytes("all.parquet", &ordered(order), &[]), replayed(order)), expected, "{order:?}");
    }
}

/// Letters alone, so that a path is no id by its looks.
fn word(number: usize) -> String {
    [number / 26 / 26, number / 26, number].iter().map(|digit| char::from(b'a' + (digit % 26) as u8)).collect()
}

/// A table keeps what one line tells of its route; folding, `(unmatched)` and `(other)` are decided when it is replayed.
#[test]
fn routes_are_named_as_from_the_log() {
    let place = Place::new();
    let record = |number: usize| {
        let (path, status) = match number % 4 {
            0 => (format!("/shop/{}", word(number / 4)), 200),
            1 => (format!("/{}", word(number)), 404),
            2 => ("/found/later".to_owned(), if number < 1_000 { 404 } else { 200 }),
            _ => (format!("/page/{}/of", word(number % 300)), 200),
        };
        let timestamp_ms = 1_780_315_200_000 + 5_000 * number as i64;
        Record { timestamp_ms, method: "GET", path: path.leak(), status, duration_ms: Some((number % 90) as f64) }
    };
    let records: Vec<Record> = (0..1_600).map(record).collect();
    let log = place.log("a.log", &records);
    let halves =
        [place.log("even.log", records.iter().step_by(2)), place.log("odd.log", records[1..].iter().step_by(2))];
    for (made, flags) in [(None, "--max-routes=50"), (None, "--max-routes=10000"), (Some("--raw-paths"), "--raw-paths")]
    {
        let of_log = without_requests(replayed(&[flags], &log));
        for (name, inputs) in [("a.parquet", &[log.as_str()][..]), ("both.csv", &[&halves[1], &halves[0]])] {
            let table = place.windows(name, inputs, made.as_slice());
            assert_eq!(without_requests(replayed(&[flags], &table)), of_log, "{name} {flags}");
            assert_eq!(cycles(&[flags], &table), cycles(&[flags], &log), "{name} {flags}");
        }
    }
    let table = place.windows("a.parquet", &[&log], &[]);
    let told = |flags: &[&str]| replayed(flags, &table)["endpoints"].to_string();
    let (folded, limited) = (told(&[]), told(&["--max-routes=50"]));
    for name in ["/shop/:param", "(unmatched)", "/found/later"] {
        assert!(folded.contains(name), "{name}: {folded}");
    }
    assert!(limited.contains("(other)") && !folded.contains("(other)"), "{limited}");
    std::fs::write(place.0.path().join("routes.txt"), "/shop/:name\n").unwrap();
    let declared = format!("--routes={}", place.0.path().join("routes.txt").display());
    let note = "window tables keep the routes that they were made with";
    for (input, is_told) in [(&table, true), (&log, false)] {
        let notes = replayed(&[&declared], input)["summary"]["notes"].to_string();
        assert_eq!(notes.contains(note), is_told, "{notes}");
    }
}

/// Pruned a minute at a time it is the same as pruned once.
#[test]
fn a_rolling_table_holds_what_the_newest_rows_reach_back_to() {
    let place = Place::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/access.log").display().to_string();
    let hour = |name: &str, hour: u32| {
        let flags =
            [format!("--since=2026-06-01T{hour}:00:00.001Z"), format!("--until=2026-06-01T{}:00:00.001Z", hour + 1)];
        place.windows(name, &[&fixture], &flags.each_ref().map(String::as_str))
    };
    let retain = ["--retain=80m"];
    let mut rolling = hour("rolling.csv", 12);
    for (name, number) in [("thirteen.csv", 13), ("fourteen.csv", 14)] {
        let next = hour(name, number);
        rolling = place.windows("rolling.csv", &[&rolling, &next], &retain);
    }
    let rolled = std::fs::read_to_string(&rolling).unwrap();
    assert_eq!(rolled.as_bytes(), place.bytes("once.csv", &[&fixture], &retain));
    let first = rolled.lines().nth(1).unwrap();
    assert!(first.starts_with("1,request,2026-06-01T13:41:00.000Z,"), "{first}");
}

#[test]
fn a_table_takes_the_place_of_itself_and_of_no_log() {
    let place = Place::new();
    let record =
        Record { timestamp_ms: 1_780_315_200_001, method: "GET", path: "/", status: 200, duration_ms: Some(1.0) };
    let log = place.log("a.log", [&record]);
    let later = place.log("b.log", [&Record { timestamp_ms: record.timestamp_ms + 60_000, ..record.clone() }]);
    let table = place.windows("a.parquet", &[&log], &[]);
    let once = std::fs::read(&table).unwrap();
    let both = place.bytes("a.parquet", &[&table, &later], &[]);
    assert_ne!(once, both);
    let before = std::fs::read(&log).unwrap();
    let mut command = isolated(LEARN, place.0.path());
    command.args(["windows", "a.log", "-f", "csv", "-o", "a.log"]);
    let output = feed(command, b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("would overwrite the input a.log"));
    assert_eq!(std::fs::read(&log).unwrap(), before);
}

/// As a job that is run again after it has done its work.
fn pack(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_table_is_not_replaced_by_one_that_counts_a_log_twice() {
    let place = Place::new();
    let at = |minute: i64| Record {
        timestamp_ms: 1_780_315_200_001 + minute * 60_000,
        method: "GET",
        path: "/",
        status: 200,
        duration_ms: Some(1.0),
    };
    let busy = |minute| [1.0, 2.0, 3.0].map(|duration_ms| Record { duration_ms: Some(duration_ms), ..at(minute) });
    let log = place.log("a.log", &[busy(0), busy(1)].concat());
    let table = place.windows("a.csv", &[&log], &[]);
    let before = std::fs::read(&table).unwrap();
    let run = |args: &[&str]| {
        let mut command = isolated(LEARN, place.0.path());
        command.args(args);
        let output = feed(command, b"");
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let longer = place.log("b.log", &[&busy(0)[..], &busy(1), &[at(1)], &busy(2), &busy(3)].concat());
    for (log, counts) in [(&log, "2 of the logs' 2 minutes"), (&longer, "1 of the logs' 2 minutes")] {
        let (code, told) = run(&["windows", &table, log, "-o", &table]);
        assert_eq!(code, Some(2));
        assert!(told.contains(&format!("{counts} within their time are in the window tables already")), "{told}");
        assert!(told.contains("the table stays as it was"), "{told}");
        assert_eq!(std::fs::read(&table).unwrap(), before);
    }
    let half = place.log("half.log", &[busy(5), busy(6)].concat());
    let packed = pack(&std::fs::read(&half).unwrap());
    std::fs::write(place.0.path().join("half.log.gz"), &packed[..packed.len() - 9]).unwrap();
    let (code, told) = run(&["windows", &table, "half.log.gz", "-o", &table]);
    assert_eq!((code, told.contains("the table stays as it was, since half of a log")), (Some(2), true), "{told}");
    assert_eq!(std::fs::read(&table).unwrap(), before);
    let (code, told) = run(&["windows", &table, &log, "-o", "other.csv"]);
    assert_eq!((code, told.contains("the same requests count twice")), (Some(0), true), "{told}");
    let (code, told) = run(&["replay", "-f", "json", &table, &log]);
    assert_eq!((code, told.contains("the same requests count twice")), (Some(0), true), "{told}");
    let parquet = place.windows("a.parquet", &[&log], &[]);
    let twice = "2 of the 2 minutes of a.parquet within their time are in the window tables before it already";
    let (code, told) = run(&["windows", &table, "a.parquet", "-o", &table]);
    assert_eq!((code, told.contains(twice)), (Some(2), true), "{told}");
    assert_eq!(std::fs::read(&table).unwrap(), before);
    std::fs::copy(&table, place.0.path().join("copy.csv")).unwrap();
    let (code, told) = run(&["replay", "--no-backtest", "-f", "json", &table, "copy.csv"]);
    assert_eq!((code, told.matches("the same requests count twice\"").count()), (Some(0), 1), "{told}");
    assert!(!told.contains("begin with the same"), "{told}");
    let other = place.windows("other-minutes.csv", &[&half], &[]);
    let (code, told) = run(&["replay", "--no-backtest", "-f", "json", &parquet, &other]);
    assert_eq!((code, told.contains("twice")), (Some(0), false), "{told}");
    let news = place.log("c.log", &[Record { status: 500, ..at(1) }, at(3)]);
    let (code, told) = run(&["windows", &table, &news, "-o", &table]);
    assert_eq!((code, told.contains("twice")), (Some(0), false), "{told}");
}
