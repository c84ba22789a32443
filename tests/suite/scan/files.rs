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
    check("array.json", b"[{\"developer_id\":1}]", "one object a line");
    check("packed.csv", b"\x1f\x8b\x08", "compressed");
    check("broken.parquet", b"PAR1PAR1", "broken.parquet");
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    let output = scan(folder.path(), &["empty.csv", "--fail-on-empty"]);
    assert_eq!(output.status.code(), Some(2));
}
