//! W3C logs whose `#Fields:` line changes on the way: every row is read by the header above it, however the log is cut.

use crate::binary::{LEARN, feed, isolated, learn};
use std::fmt::Write;
use std::path::Path;

/// The orders of columns that the log goes through, one restart of the server after the other.
const HEADERS: [&str; 4] = [
    "date time cs-method cs-uri-stem sc-status time-taken cs-username",
    "date time s-ip cs-username sc-status sc-substatus cs-uri-stem cs-method time-taken",
    "time date cs-username sc-status time-taken cs-uri-stem cs-method",
    "cs-uri-stem cs-method time-taken sc-status cs-username x-more x-most date time",
];

fn value(column: &str, second: usize) -> String {
    let index = |len: usize| (second * 7919 / 3) % len;
    match column {
        "date" => "2026-06-01".to_owned(),
        "time" => format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        "cs-method" => ["GET", "POST"][index(2)].to_owned(),
        "cs-uri-stem" => ["/a", "/b/7", "/c"][index(3)].to_owned(),
        "sc-status" => ["200", "404", "503"][index(3)].to_owned(),
        "time-taken" => (10 + index(500)).to_string(),
        "cs-username" => ["ann", "bob", "-"][index(3)].to_owned(),
        _ => "7".to_owned(),
    }
}

/// Two hours of a request each second; the header changes after so many rows, `None`: never.
fn log(rows_of_a_header: Option<usize>) -> String {
    let mut log = "#Software: Microsoft Internet Information Services 10.0\r\n".to_owned();
    for second in 0..7200 {
        let header = HEADERS[rows_of_a_header.map_or(0, |rows| second / rows % HEADERS.len())];
        if second % rows_of_a_header.unwrap_or(7200) == 0 {
            write!(log, "#Fields: {header}\r\n").unwrap();
        }
        let row: Vec<String> = header.split(' ').map(|column| value(column, second)).collect();
        write!(log, "{}\r\n", row.join(" ")).unwrap();
    }
    log
}

fn cycles(log: &str, flags: &[&str], place: &Path) -> String {
    std::fs::write(place.join("iis.log"), log).unwrap();
    let mut command = isolated(LEARN, place);
    command.args(["replay", "-q", "-f", "ndjson"]).args(flags);
    let output = feed(command, log.as_bytes());
    assert!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
    // The summary counts headers among the lines.
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.contains(r#""type":"summary""#)).collect()
}

#[test]
fn rows_are_read_by_the_header_above_them() {
    let place = tempfile::tempdir().unwrap();
    let one = log(None);
    for rules in ["published", "documented"] {
        let expected = cycles(&one, &["iis.log", "--rules", rules], place.path());
        for rows in [1, 97, 3000] {
            let changing = log(Some(rows));
            for more in
                [&["iis.log"][..], &["-"], &["iis.log", "--threads=8", "--chunk-bytes=999"], &["-", "--chunk-bytes=50"]]
            {
                let flags = [&["--rules", rules][..], more].concat();
                assert!(cycles(&changing, &flags, place.path()) == expected, "{rows} {flags:?}");
            }
        }
    }
}

#[test]
fn the_end_of_the_log_is_read_by_its_last_header() {
    let place = tempfile::tempdir().unwrap();
    let since = ["iis.log", "--since=30m"];
    let expected = cycles(&log(None), &since, place.path());
    // The fourth header is in force from far before the last bytes on.
    assert!(cycles(&log(Some(1800)), &since, place.path()) == expected);
}

#[test]
fn rows_without_a_needed_column_are_rejected_with_their_header() {
    let log = "#Fields: date time cs-method cs-uri-stem sc-status\n\
               2026-06-01 12:00:00 GET /a 200\n\
               #Software: another\n\
               #Fields: date cs-method sc-status\n\
               2026-06-01 GET 200\n\
               #Fields: x\n\
               7\n\
               #Fields: sc-status cs-uri-stem cs-method time date\n\
               200 /a GET 12:00:01 2026-06-01\n";
    let output = learn(&["replay", "-", "-f", "ndjson", "--max-rejects", "0.1"], log.as_bytes());
    let told = String::from_utf8_lossy(&output.stderr);
    let first = "-:5:1: found \"2026-06-01 GET 200\", expected a value of `date time` and `cs-uri-stem`, which the \
                 `#Fields:` of line 4 lacks";
    assert!(told.contains("2 of 4 lines (50.0 %) were rejected"), "{told}");
    assert!(told.contains(first), "{told}");
    let formats = learn(&["formats", "-"], log.as_bytes());
    let told = String::from_utf8_lossy(&formats.stdout);
    assert!(told.contains("4 lines, 2 requests, 0 without one, 2 rejected"), "{told}");
}
