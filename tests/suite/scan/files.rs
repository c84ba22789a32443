//! Files hold the same truth as tables: CSV, NDJSON and Parquet, in every spelling of a time.

use super::truth::{self, DAY_US, Row, assert_events};
use crate::binary::{LEARN, feed, isolated};
use crate::rng::Rng;
use chrono::DateTime;
use polars::prelude::{DataType, IntoColumn, NamedFrom, ParquetWriter, Series, TimeUnit};
use std::fmt::Write;
use std::path::Path;

const DAY: &str = "2026-06-14T00:00:00Z";

fn rows() -> (Vec<Row>, i64) {
    let day_us = DateTime::parse_from_rfc3339(DAY).unwrap().timestamp_micros();
    (truth::rows(&mut Rng::new(44), day_us), day_us)
}

fn csv(rows: &[Row], time: impl Fn(i64) -> String) -> String {
    let mut text = String::from("request_id,created_at,developer_id\n");
    for (number, row) in rows.iter().enumerate() {
        writeln!(text, "{number},{},{}", time(row.at_us), row.developer.as_deref().unwrap_or("")).unwrap();
    }
    text
}

fn formatted(format: &'static str) -> impl Fn(i64) -> String {
    move |at_us| DateTime::from_timestamp_micros(at_us).unwrap().format(format).to_string()
}

fn ndjson(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let time = formatted("%Y-%m-%dT%H:%M:%S%.6fZ")(row.at_us);
        serde_json::json!({ "developer_id": row.developer, "created_at": time }).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

fn parquet(rows: &[Row], path: &Path, zone: Option<&str>) {
    let names: Vec<Option<&str>> = rows.iter().map(|row| row.developer.as_deref()).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.at_us).collect();
    let kind = DataType::Datetime(TimeUnit::Microseconds, zone.map(|_| polars::prelude::TimeZone::UTC));
    let columns = vec![
        Series::new("developer_id".into(), names).into_column(),
        Series::new("created_at".into(), times).cast(&kind).unwrap().into_column(),
    ];
    let mut frame = polars::prelude::DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
}

fn scan(folder: &Path, args: &[&str]) -> std::process::Output {
    let mut command = isolated(LEARN, folder);
    command.arg("scan-usage").args(args);
    feed(command, b"")
}

#[test]
fn every_layout_holds_the_same_spikes() {
    let (rows, day_us) = rows();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("rfc3339.csv", &csv(&rows, formatted("%Y-%m-%dT%H:%M:%S%.6fZ")));
    file("space.csv", &csv(&rows, formatted("%Y-%m-%d %H:%M:%S%.6f")));
    file("seconds.csv", &csv(&rows, |at_us| format!("{}.{:06}", at_us / 1_000_000, at_us % 1_000_000)));
    file("millis.csv", &csv(&rows, |at_us| at_us.div_euclid(1000).to_string()));
    file("rows.ndjson", &ndjson(&rows));
    parquet(&rows, &folder.path().join("local.parquet"), None);
    parquet(&rows, &folder.path().join("utc.parquet"), Some("UTC"));
    let expected = truth::spikes(&rows, day_us, day_us + DAY_US);
    for name in ["rfc3339.csv", "space.csv", "seconds.csv", "millis.csv", "rows.ndjson", "local.parquet", "utc.parquet"]
    {
        let output = scan(folder.path(), &[name, "--from", DAY, "--to", "2026-06-15", "-f", "ndjson"]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_events(name, &output.stdout, &expected);
    }
}

#[test]
fn without_a_range_the_first_twelve_windows_are_not_tested_and_the_last_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("developer_id,created_at\n");
    for at in ["12:00:00", "12:55:00", "13:00:00", "13:06:00"] {
        for _ in 0..20 {
            writeln!(text, "{at},2026-06-01T{at}Z").unwrap();
        }
    }
    std::fs::write(folder.path().join("usage.csv"), text).unwrap();
    let output = scan(folder.path(), &["usage.csv", "-f", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let spikes: Vec<_> = report["spikes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["developerId"].as_str(), s["partial"].as_bool()))
        .collect();
    assert_eq!(spikes, [(Some("13:00:00"), Some(false)), (Some("13:06:00"), Some(true))]);
    assert_eq!((&report["summary"]["windowsTested"], &report["summary"]["windowsNotTested"]), (&2.into(), &12.into()));
}

#[test]
fn counts_stand_for_their_calls() {
    let folder = tempfile::tempdir().unwrap();
    let text = "developer_id,created_at,calls\na,2026-06-01T12:00:00Z,24\na,2026-06-01T13:00:00Z,10\nb,2026-06-01T12:00:00Z,24\n\
                b,2026-06-01T13:00:00Z,11\nb,2026-06-01T13:00:00Z,\n";
    std::fs::write(folder.path().join("usage.csv"), text).unwrap();
    let output = scan(folder.path(), &["usage.csv", "--calls-column", "calls", "-f", "csv"]);
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        rows.lines().skip(1).collect::<Vec<_>>(),
        ["b,2026-06-01T13:00:00.000Z,2026-06-01T13:05:00.000Z,11,2,5,5.5,300000,false,false"]
    );
}

#[test]
fn the_first_unreadable_row_of_a_parquet_file_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let columns = vec![
        Series::new("developer_id".into(), ["a", "b", "c"]).into_column(),
        Series::new("created_at".into(), [Some("2026-06-01T00:00:00Z"), Some("never"), None]).into_column(),
        Series::new("calls".into(), [-1.5, 1.0, 1.0]).into_column(),
    ];
    let mut frame = polars::prelude::DataFrame::new_infer_height(columns).unwrap();
    let path = folder.path().join("usage.parquet");
    ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
    let check = |flags: &[&str], expected: &str| {
        let output = scan(folder.path(), &[&["usage.parquet", "-f", "json"], flags].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(expected), "{told}");
    };
    check(
        &["--max-rejects", "0.7"],
        "2 rows left out: no time that can be read (the first in row 2 of usage.parquet: \"never\")",
    );
    check(&["--calls-column", "calls"], "row 2 has \"never\", expected a timestamp");
    check(&["--calls-column", "calls"], "row 1 has \"-1.5\", expected a number, 0 or more");
}

#[test]
fn a_file_that_cannot_be_meant_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &[u8], expected: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        let output = scan(folder.path(), &[name]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(expected) && error.contains(name), "{error}");
    };
    check("columns.csv", b"developer,created_at\na,b\n", "nearest is `developer`");
    check("times.csv", b"developer_id,created_at\na,yesterday\n", "none of 1 rows has a time");
    check(
        "most.csv",
        b"developer_id,created_at\na,yesterday\nb,2026-06-01T00:00:00Z\nc,soon\n",
        "only 1 of 3 rows have a time in the column `created_at` (--max-rejects 0.5): line 2 has \"yesterday\", expected a timestamp",
    );
    check(
        "half.csv",
        b"developer_id,created_at\na,2026-06-01T00:00:00Z\n\"b,2026-06-01T00:00:00Z\nc,2026-06-01T00:00:00Z\n",
        "a quote is opened in the row `\"b,2026-06-01T00:00:00Z` and never closed, so that the 1 line after it would be lost",
    );
    let header = "; expected CSV with a header such as `developer_id,created_at`, NDJSON or Parquet";
    check(
        "semicolons.csv",
        b"developer_id;created_at\na;b\n",
        "separate its columns by semicolons; save it with commas;",
    );
    check("tabs.tsv", b"developer_id\tcreated_at\na\tb\n", &format!("columns by tabs; save it with commas{header}"));
    check("words.csv", b"hello world\n", &format!("begins with `hello world`, which is no header{header}"));
    check("long.csv", "\u{e4}".repeat(61).as_bytes(), &format!("`{}...`", "\u{e4}".repeat(60)));
    check("picture.csv", b"\x89PNG\r\n\x1a\n\0,\0", &format!("is no text{header}"));
    check("wide.csv", b"\xff\xfed\0e\0", "is UTF-16; save it as UTF-8");
    check("empty.csv", b"", "is empty; expected CSV with a header, NDJSON or Parquet");
    check("array.json", b"[{\"developer_id\":1}]", "one object a line");
    check("packed.csv", b"\x1f\x8b\x08", "compressed");
    check("broken.parquet", b"PAR1PAR1", "broken.parquet");
}

#[test]
fn as_many_rows_may_be_unreadable_as_the_limit_says() {
    let folder = tempfile::tempdir().unwrap();
    let text = "developer_id,created_at,calls\na,yesterday,1\nb,2026-06-01T00:00:00Z,1\nb,2026-06-01T00:00:00Z,many\n\
                b,2026-06-01T00:00:00Z,2\n";
    std::fs::write(folder.path().join("usage.csv"), text).unwrap();
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    let code = |args: &[&str]| scan(folder.path(), args).status.code();
    assert_eq!(code(&["usage.csv", "--max-rejects", "0.25"]), Some(0));
    assert_eq!(code(&["usage.csv", "--max-rejects", "0.24"]), Some(2));
    let counted = ["usage.csv", "--calls-column", "calls", "--max-rejects"];
    // Rows without a time and rows without a count are judged together, wherever in time they lie.
    for bounds in [&[][..], &["--as-of", "2026-07-01"]] {
        assert_eq!(code(&[&counted[..], &["50%"], bounds].concat()), Some(0));
        assert_eq!(code(&[&counted[..], &["49%"], bounds].concat()), Some(2));
    }
    // Rows that the run does not ask for are no rejects, and an empty file among others is a note.
    let output = scan(folder.path(), &["usage.csv", "empty.csv", "--as-of", "2026-07-01"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(0) && text.contains("- 1 file without a byte"), "{text}");
}

#[test]
fn metrics_are_refused_where_no_scan_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("usage.csv"), "developer_id,created_at\na,2026-06-01T00:00:00Z\n").unwrap();
    let with = |args: &[&str]| {
        let output = scan(folder.path(), &[&["usage.csv", "--textfile", "out.prom"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error, folder.path().join("out.prom").exists())
    };
    for looking_back in [&[][..], &["--from", "2026-06-01"]] {
        let (code, error, is_written) = with(looking_back);
        assert!(code == Some(2) && error.contains("add --state FILE or --deliver") && !is_written, "{error}");
    }
    let (code, error, is_written) = with(&["--state", "state.json"]);
    assert!(code == Some(0) && is_written, "{error}");
}

#[test]
fn only_a_limit_that_was_typed_is_told_to_do_nothing_on_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let told = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = isolated(LEARN, folder.path());
        command.args(["scan-usage", "--database-url", "postgres://user@127.0.0.1:1/none"]).args(flags);
        command.envs(variables.iter().copied());
        String::from_utf8_lossy(&feed(command, b"").stderr).contains("--max-rejects has no effect on a database")
    };
    assert!(told(&["--max-rejects", "0.2"], &[]));
    assert!(!told(&[], &[("LEARN_MAX_REJECTS", "0.2")]));
}
