//! What holds for every log: threads, chunks, files and their order, and the future change nothing; no input panics.

use crate::binary::{LEARN, feed, isolated, learn, stdout_of};
use crate::cycle::{Cycle, disagreement, from_learn};
use crate::record::{Record, to_json_lines};
use proptest::collection::vec;
use proptest::prelude::*;

/// Ten hours, in which lines stand at most `DISORDER_MS` behind a later one.
const SPAN_MS: i64 = 36_000_000;
const START_MS: i64 = 1_780_315_200_000;
/// Less than the default lateness, so that no line is late however the log is cut.
const DISORDER_MS: i64 = 240_000;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() }
}

fn record() -> impl Strategy<Value = Record> {
    let timestamp_ms = prop_oneof![
        START_MS..START_MS + SPAN_MS,
        START_MS..START_MS + SPAN_MS / 10,
        (0..SPAN_MS / 60_000).prop_map(|minute| START_MS + minute * 60_000),
    ];
    let method = prop::sample::select(vec!["GET", "POST"]);
    let path = prop::sample::select(vec!["/", "/orders", "/orders/items", "/search"]);
    let status = prop::sample::select(vec![200, 200, 200, 404, 500, 503, 101]);
    let duration_ms = prop_oneof![
        8 => (0..5000_u32).prop_map(|ms| Some(f64::from(ms))),
        8 => (0..5_000_000_u32).prop_map(|us| Some(f64::from(us) / 1000.0)),
        1 => Just(None),
    ];
    (timestamp_ms, method, path, status, duration_ms).prop_map(|(timestamp_ms, method, path, status, duration_ms)| {
        Record { timestamp_ms, method, path, status, duration_ms }
    })
}

/// A log whose disorder stays within `DISORDER_MS`.
pub fn any_log() -> impl Strategy<Value = Vec<Record>> {
    vec((record(), 0..=DISORDER_MS), 1..400).prop_map(|mut delayed| {
        delayed.sort_by_key(|(record, delay_ms)| record.timestamp_ms + delay_ms);
        delayed.into_iter().map(|(record, _)| record).collect()
    })
}

/// The flags that leave a property something to find in a log this small.
pub const BUSY: [&str; 4] =
    ["--window-size-minutes=30", "--min-samples-before-tuning=1", "--min-baseline-windows=1", "-"];

fn ndjson(rules: &str, records: &[Record], flags: &[&str]) -> String {
    let mut args = vec!["replay", "-f", "ndjson", "--rules", rules];
    args.extend(BUSY);
    args.extend(flags);
    stdout_of(&args, to_json_lines(records).as_bytes())
}

fn cycles(rules: &str, records: &[Record]) -> Vec<Cycle> {
    from_learn(&ndjson(rules, records, &[]))
}

fn rules() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["documented", "published", "zscore"])
}

/// The rule sets that see event time.
fn event_time_rules() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["documented", "zscore"])
}

/// Everything but how the input was split into files.
pub fn without_inputs(document: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut document: serde_json::Map<_, _> = serde_json::from_str(document).unwrap();
    assert!(document.remove("inputs").is_some());
    document
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn eight_threads_give_the_bytes_of_one(log in any_log(), rules in rules()) {
        let small = ["--threads=8", "--chunk-bytes=4096"];
        prop_assert_eq!(ndjson(rules, &log, &["--threads=1"]), ndjson(rules, &log, &small));
    }

    #[test]
    fn any_chunk_size_gives_the_same_bytes(log in any_log(), rules in rules(), chunk in 1..3000_u32) {
        let chunk = format!("--chunk-bytes={chunk}");
        prop_assert_eq!(ndjson(rules, &log, &[]), ndjson(rules, &log, &[&chunk]));
    }

    #[test]
    fn two_files_in_either_order_are_the_whole(
        mut log in any_log(),
        cut in any::<prop::sample::Index>(),
        interleaved in any::<bool>(),
        rules in event_time_rules(),
    ) {
        // Single requests of one moment go by file, and so may stand in another order than in the whole.
        let mut seen = std::collections::HashSet::new();
        log.retain(|record| rules != "zscore" || seen.insert(record.timestamp_ms));
        prop_assume!(log.len() > 1);
        let cut = 1 + cut.index(log.len() - 1);
        let numbered = log.iter().cloned().enumerate();
        let (first, second): (Vec<_>, Vec<_>) =
            numbered.partition(|(line, _)| if interleaved { line % 2 == 0 } else { *line < cut });
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, records: Vec<(usize, Record)>| {
            let file = folder.path().join(name);
            let records: Vec<Record> = records.into_iter().map(|(_, record)| record).collect();
            std::fs::write(&file, to_json_lines(&records)).unwrap();
            file.display().to_string()
        };
        let whole = write("whole.log", log.into_iter().enumerate().collect());
        let (a, b) = (write("a.log", first), write("b.log", second));
        let flags = &BUSY[..3];
        let replay = |files: &[&str]| {
            without_inputs(&stdout_of(&[&["replay", "-f", "json", "--rules", rules], flags, files].concat(), b""))
        };
        let expected = replay(&[&whole]);
        let (forth, back) = (replay(&[&a, &b]), replay(&[&b, &a]));
        for (key, value) in &expected {
            prop_assert_eq!(&forth[key], value, "{}", key);
            prop_assert_eq!(&back[key], value, "{}", key);
        }
    }

    #[test]
    fn the_future_changes_no_earlier_cycle(
        log in any_log(),
        minute in 1..SPAN_MS / 60_000,
        rules in event_time_rules(),
    ) {
        let cut_ms = START_MS + minute * 60_000;
        let past: Vec<Record> = log.iter().filter(|record| record.timestamp_ms <= cut_ms).cloned().collect();
        prop_assume!(!past.is_empty());
        let end = crate::reference::rfc3339(cut_ms);
        let mut told = cycles(rules, &past);
        told.retain(|cycle| cycle.end <= end);
        prop_assert_eq!(disagreement(&cycles(rules, &log)[..told.len()], &told), None);
    }

    #[test]
    fn later_lines_change_no_earlier_published_cycle(log in any_log(), lines in 1000..1400_usize) {
        // The package's origin is known after 1,000 lines; repeat the log until it is that long.
        let mut log: Vec<Record> = log.iter().cycle().take(1500).cloned().collect();
        log.sort_by_key(|record| record.timestamp_ms);
        let whole = cycles("published", &log);
        let mut cut = cycles("published", &log[..lines]);
        // The last cycle of the cut ran before its time.
        cut.pop();
        prop_assert_eq!(disagreement(&whole[..cut.len()], &cut), None);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..3000), rules in rules()) {
        survives(&bytes, &["--rules", rules])?;
    }

    #[test]
    fn damaged_logs_never_panic(
        log in any_log(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..60),
        nginx in any::<bool>(),
    ) {
        let mut bytes = if nginx { nginx_lines(&log) } else { to_json_lines(&log) }.into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survives(&bytes, &[])?;
    }

    #[test]
    fn any_stamp_and_duration_is_survived(stamps in vec(any::<i64>(), 1..20), durations in vec(any::<f64>(), 1..20)) {
        let line = |(stamp, duration): (&i64, &f64)| {
            format!(r#"{{"timestamp":{stamp},"method":"GET","path":"/","statusCode":200,"durationMs":{duration:e}}}"#) + "\n"
        };
        let lines: String = stamps.iter().zip(durations.iter().cycle()).map(line).collect();
        survives(lines.as_bytes(), &["--max-gap=1h"])?;
    }

    #[test]
    fn any_log_format_is_accepted_or_refused(format in "[^\\x00]{0,80}", log in any_log()) {
        survives(nginx_lines(&log).as_bytes(), &[&format!("--log-format={format}")])?;
    }
}

/// The run ends by itself, with a code that the documentation names.
fn survives(stdin: &[u8], flags: &[&str]) -> Result<(), TestCaseError> {
    for format in ["table", "ndjson"] {
        let mut args = vec!["replay", "-", "-f", format];
        args.extend(flags);
        let output = learn(&args, stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        prop_assert!(matches!(output.status.code(), Some(0 | 2)), "{}\n{}", output.status, stderr);
        prop_assert!(!stderr.contains("panicked"), "{}", stderr);
    }
    Ok(())
}

fn nginx_lines(records: &[Record]) -> String {
    let line = |record: &Record| {
        let time = chrono::DateTime::from_timestamp_millis(record.timestamp_ms).unwrap().format("%d/%b/%Y:%T %z");
        let (method, path, status) = (record.method, record.path, record.status);
        let seconds = record.duration_ms.unwrap_or_default() / 1000.0;
        format!("192.0.2.1 - - [{time}] \"{method} {path} HTTP/1.1\" {status} 5 \"-\" \"app\" rt={seconds:.3} urt=-\n")
    };
    records.iter().map(line).collect()
}

#[test]
fn a_line_of_a_hundred_megabytes_is_one_rejected_line() {
    let good = r#"{"timestamp":1780315200000,"method":"GET","path":"/","statusCode":200,"durationMs":5}"#;
    let mut log = format!("{good}\n").into_bytes();
    log.resize(log.len() + 100_000_000, b'x');
    log.extend(format!("\n{good}\n").bytes());
    let summary = stdout_of(&["replay", "-", "-f", "json"], &log);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!([&summary["summary"]["requests"], &summary["summary"]["rejected"]], [2, 1]);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = isolated("bash", folder.path());
    command.args(["-c", "set -o pipefail; \"$0\" replay - -f ndjson | head -c 1", LEARN]);
    let record = |i: i64| Record {
        timestamp_ms: START_MS + i * 60_000,
        method: "GET",
        path: "/",
        status: 200,
        duration_ms: Some(1.0),
    };
    // Far more output than a pipe holds.
    let log: Vec<Record> = (0..5000).map(record).collect();
    let output = feed(command, to_json_lines(&log).as_bytes());
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"{");
}
