//! Tables that nobody's `learn windows` wrote: every row that cannot be is an error, and no bytes panic.

use super::*;
use crate::plan::InputName;
use crate::plan::windows::WindowsFormat;
use crate::render::window_table;
use crate::window::minute::MinuteRows;
use proptest::prelude::*;

const HEADER: &str = "windowTable,latency,minute,method,route,startMinute,outcome,late,requests,longConnections,\
                      firstRequest,lastRequest,firstStart,lastStart,durationsNs\n";

/// Three requests, one of them a long connection, one of 61 s.
const ROW: &str = "1,request,2026-06-01T12:05:00.000Z,GET,/a,2026-06-01T12:04:00.000Z,good,false,3,1,\
                   2026-06-01T12:04:00.001Z,2026-06-01T12:05:00.000Z,2026-06-01T12:04:00.000000Z,\
                   2026-06-01T12:04:59.999999Z,0 1000000\n";

/// The rows of a table, or the error.
fn rows_of(content: &[u8], filters: &[Filter]) -> Result<(MinuteRows, EndpointNames, u64), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
    let layout = Layout::of(&probe.sample).ok_or("no table")?;
    let (mut minutes, mut names) = (MinuteTable::default(), EndpointNames::default());
    let mut sink = TableSink { minutes: &mut minutes, names: &mut names, filters, latency: "request", requests: 0 };
    let (_, tally) = read(probe, layout, &mut sink).map_err(|error| format!("{error:#}"))?;
    Ok((minutes.finish(&names), names, tally.input.lines))
}

fn parquet(content: &str) -> Vec<u8> {
    let (rows, names, _) = rows_of(content.as_bytes(), &[]).unwrap();
    window_table::render(&rows, &names, "request", WindowsFormat::Parquet).unwrap()
}

#[test]
fn a_table_comes_back_from_either_form() {
    let other = ROW.replace("/a", "'=1+1").replace(",3,1,", ",4294967295,0,").replace("0 1000000", "7*4294967295");
    let content = format!("{HEADER}{ROW}{other}");
    let (rows, names, lines) = rows_of(content.as_bytes(), &[]).unwrap();
    assert_eq!((rows.requests(), lines), (4_294_967_298, 2));
    let routes: Vec<_> = rows.rows.iter().map(|row| names.name(row.key.endpoint).path.as_str()).collect();
    assert_eq!(routes, ["/a", "=1+1"]);
    let csv = window_table::render(&rows, &names, "request", WindowsFormat::Csv).unwrap();
    assert_eq!(String::from_utf8(csv).unwrap(), content);
    assert_eq!(rows_of(&parquet(&content), &[]).unwrap().0, rows);
    let marked = format!("\u{feff}{content}");
    assert_eq!(rows_of(marked.as_bytes(), &[]).unwrap().0, rows);
}

#[test]
fn rows_of_one_key_add_up_and_filtered_ones_are_counted() {
    let content = format!("{HEADER}{ROW}{ROW}");
    let (rows, ..) = rows_of(content.as_bytes(), &[]).unwrap();
    assert_eq!(rows.rows.len(), 1);
    assert_eq!((rows.rows[0].counts.requests, &rows.rows[0].values[..]), (6, &[(0, 2), (1_000_000, 2)][..]));
    let (rows, _, lines) = rows_of(content.as_bytes(), &[Filter::Route(vec!["/b".to_owned()])]).unwrap();
    assert_eq!((rows.rows.len(), lines), (0, 2));
}

#[test]
fn a_row_that_cannot_be_is_an_error_that_names_it() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(ROW.contains(from), "{from}");
        let content = format!("{HEADER}{ROW}{}", ROW.replace(from, to));
        let told = rows_of(content.as_bytes(), &[]).map(|_| ()).unwrap_err();
        assert!(told.contains("row 2: ") && told.contains(expected), "{from} -> {to}: {told}");
    };
    check("1,request", "2,request", "of version 2, expected 1");
    check("1,request", "x,request", "windowTable: found `x`, expected a whole number");
    check("request,", "upstream,", "its durations are those of `--latency upstream`, this run wants request");
    check("12:05:00.000Z,GET", "12:05:00.001Z,GET", "minute: expected a whole minute");
    check("12:05:00.000Z,GET", "12:99:00Z,GET", "minute: found `2026-06-01T12:99:00Z`, expected a time");
    check("2026-06-01T12:05:00.000Z,GET", "0001-01-01T00:00:00.000Z,GET", "in the years 102 to 9898");
    check("/a,2026-06-01T12:04:00.000Z", "/a,9999-01-01T00:00:00.000Z", "in the years 102 to 9898");
    check("good", "fine", "outcome: found `fine`, expected good, neither or failed");
    check("false", "0", "late: found `0`, expected true or false");
    check(",3,1,", ",0,0,", "requests: found 0, expected a number from 1 to 4294967295");
    check(",3,1,", ",-3,0,", "requests: found -3");
    check(",3,1,", ",4294967296,1,", "requests: found 4294967296");
    check(",3,1,", ",99999999999999999999,1,", "expected a whole number");
    check(",3,1,", ",3,4,", "longConnections: found 4, expected a number from 0 to 3");
    check(",3,1,", ",3,2,", "found 2 durations, expected one for each of 1 requests at most");
    check("12:04:00.001Z", "12:04:00.000Z", "firstRequest, lastRequest: expected two times in order within the minute");
    check("12:05:00.000Z,2026", "12:05:00.001Z,2026", "within the minute that ends at `minute`");
    check("12:04:00.001Z", "12:04:00.001001Z", "expected whole milliseconds");
    check("12:04:00.000000Z", "12:03:59.999999Z", "firstStart, lastStart: expected two times in order within");
    check("12:04:59.999999Z", "12:05:00.000000Z", "within the minute from `startMinute` on");
    check("0 1000000", "1000000 0", "found 0 after 1000000, expected each duration once, ascending");
    check("0 1000000", "0*2 0", "found 0 after 0");
    check("0 1000000", "-1", "durationsNs: found -1");
    check("0 1000000", "86400000000000001", "expected 0 to 86400000000000000");
    check("0 1000000", "5*0", "found 0 times 5, expected once or more");
    check("0 1000000", "5*9223372036854775807 6*9223372036854775807", "found 9223372036854775807 durations");
    check("0 1000000", "a*1", "expected NANOSECONDS*COUNT pairs");
    check(",0 1000000", "", "found 14 cells, expected 15");
}

#[test]
fn a_request_starts_before_it_ends_by_a_thousand_days_at_most() {
    let with = |first_start: &str, minute: &str| {
        let row = ROW.replace("2026-06-01T12:04:00.000Z,good", &format!("{minute},good"));
        let row =
            row.replace("2026-06-01T12:04:00.000000Z", first_start).replace("2026-06-01T12:04:59.999999Z", first_start);
        rows_of(format!("{HEADER}{row}").as_bytes(), &[]).map(|_| ())
    };
    // firstRequest less 1,000 days.
    assert_eq!(with("2023-09-05T12:04:00.001000Z", "2023-09-05T12:04:00.000Z"), Ok(()));
    assert!(with("2023-09-05T12:04:00.000999Z", "2023-09-05T12:04:00.000Z").unwrap_err().contains("by 1,000 days"));
    assert_eq!(with("2026-06-01T12:05:00.000000Z", "2026-06-01T12:05:00.000Z"), Ok(()));
    assert!(with("2026-06-01T12:05:00.000001Z", "2026-06-01T12:05:00.000Z").unwrap_err().contains("before they end"));
}

#[test]
fn more_requests_than_can_be_summed_are_an_error() {
    let most = ROW.replace(",3,1,", ",4294967295,1,");
    let (mut minutes, mut names) = (MinuteTable::default(), EndpointNames::default());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{HEADER}{most}")).unwrap();
    for (before, fits) in [(MAX_REQUESTS - 4_294_967_295, true), (MAX_REQUESTS - 4_294_967_294, false)] {
        let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
        let mut sink =
            TableSink { minutes: &mut minutes, names: &mut names, filters: &[], latency: "request", requests: before };
        assert_eq!(read(probe, Layout::Csv, &mut sink).is_ok(), fits);
    }
}

#[test]
fn other_columns_are_no_window_table() {
    let error = |content: &str| rows_of(content.as_bytes(), &[]).map(|_| ()).unwrap_err();
    assert!(error("windowTable,x\n1,2\n").contains("its header lacks the column `latency`"));
    assert!(error(&HEADER.replace("\n", ",more\n")).contains("other columns than a window table, or in another order"));
    assert_eq!(error("windowTables,x\n"), "no table");
    assert_eq!(rows_of(HEADER.as_bytes(), &[]).unwrap().2, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let mut content = format!("{HEADER}{ROW}").into_bytes();
        let at = HEADER.len() + at.index(ROW.len());
        content.splice(at..at, text.clone());
        let _ = rows_of(&content, &[]);
        let _ = rows_of(&[b"PAR1", &text[..]].concat(), &[]);
    }
}

#[test]
fn cut_parquet_is_an_error_wherever_it_is_cut() {
    let content = parquet(&format!("{HEADER}{ROW}"));
    for len in (4..content.len()).step_by(7) {
        let told = rows_of(&content[..len], &[]).map(|_| ()).unwrap_err();
        assert!(told.contains("is no whole Parquet file, it may be cut or damaged"), "{len}: {told}");
    }
}
