//! Tables that nobody's `learn windows` wrote: every row that cannot be is an error, and no bytes panic.

use super::*;
use crate::plan::InputName;
use crate::plan::windows::WindowsFormat;
use crate::render::window_table;
use crate::window::minute::MinuteRows;
use polars::prelude::{Column, DataFrame, DataType, ParquetReader, ParquetWriter, SerReader, TimeUnit};
use proptest::prelude::*;
use std::io::Cursor;

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
    let mut names = EndpointNames::default();
    let minutes = MinuteTable::default();
    let mut sink = TableSink { minutes, names: &mut names, filters, latency: "request", requests: 0 };
    let (_, tally) = read(probe, layout, &mut sink).map_err(|error| format!("{error:#}"))?;
    let minutes = sink.minutes;
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
fn a_cell_of_many_lines_is_bounded() {
    let line_feeds = "\n".repeat(65 << 20);
    let refused = rows_of(format!("{HEADER}{}", ROW.replace("/a", &format!("\"/a{line_feeds}\""))).as_bytes(), &[]);
    assert_eq!(refused.err().unwrap().split(": ").last(), Some("a row is longer than 64 MiB"));
    let two = ROW.replace("/a", "\"/a\n\n\"");
    assert_eq!(rows_of(format!("{HEADER}{two}{two}").as_bytes(), &[]).unwrap().2, 2);
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

/// One row more than Parquet packs together, and two more than are read at once.
#[test]
fn rows_of_several_groups_come_back() {
    let row = |number: u32| ROW.replace("/a", &format!("/{number:05}"));
    let content = format!("{HEADER}{}", (0..=1 << 14).map(row).collect::<String>());
    let (rows, _, lines) = rows_of(&parquet(&content), &[]).unwrap();
    assert_eq!(lines, (1 << 14) + 1);
    assert_eq!(rows, rows_of(content.as_bytes(), &[]).unwrap().0);
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
    check("good", "fine", "outcome: found `fine`, expected good, notFound, neither or failed");
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
    let mut names = EndpointNames::default();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{HEADER}{most}")).unwrap();
    for (before, fits) in [(MAX_REQUESTS - 4_294_967_295, true), (MAX_REQUESTS - 4_294_967_294, false)] {
        let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
        let minutes = MinuteTable::default();
        let mut sink = TableSink { minutes, names: &mut names, filters: &[], latency: "request", requests: before };
        assert_eq!(read(probe, Layout::Csv, &mut sink).is_ok(), fits);
    }
}

#[test]
fn other_columns_are_no_window_table() {
    let error = |content: &str| rows_of(content.as_bytes(), &[]).map(|_| ()).unwrap_err();
    assert!(error("windowTable,minute,method,route,x\n1,2\n").contains("its header lacks the column `latency`"));
    assert_eq!(error("windowTable,minute,method,x\n1,2\n"), "no table");
    assert!(error(&HEADER.replace("\n", ",more\n")).contains("other columns than a window table, or in another order"));
    let (names, last) = HEADER.trim().rsplit_once(',').unwrap();
    let moved = format!("{last},\"{}\"\n", names.replace(',', "\",\""));
    assert!(error(&moved).contains("other columns than a window table, or in another order"), "{moved}");
    assert_eq!(error("windowTables,x\n"), "no table");
    assert_eq!(rows_of(HEADER.as_bytes(), &[]).unwrap().2, 0);
    assert!(error(&format!("{HEADER}{}", ROW.trim_end())).contains("its last row has no line end, it may be cut"));
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

    #[test]
    fn damaged_parquet_is_an_error(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..6),
    ) {
        let whole = parquet(&format!("{HEADER}{ROW}"));
        let key = memchr::memmem::find(&whole, b"learn.sha256").unwrap();
        let mut content = whole.clone();
        for (at, bits) in flips {
            let at = 4 + at.index(content.len() - 4);
            // Without its key a table is one that another tool wrote.
            content[at] ^= if (key..key + 14).contains(&at) { 0 } else { bits };
        }
        prop_assume!(content != whole);
        let told = rows_of(&content, &[]).map(|_| ()).unwrap_err();
        prop_assert!(told.contains("it may be cut or damaged: its SHA-256 is another"), "{}", told);
    }
}

/// Tables that other tools wrote: no seal, the columns in an order of their own, other types for the same numbers.
#[test]
fn parquet_of_another_tool_is_read_by_the_names_of_its_columns() {
    let content = format!("{HEADER}{ROW}");
    let mut frame = ParquetReader::new(Cursor::new(parquet(&content))).finish().unwrap();
    frame = frame.select(frame.get_column_names_owned().into_iter().rev()).unwrap();
    frame.apply("requests", |column| column.cast(&DataType::UInt32).unwrap()).unwrap();
    let milliseconds = DataType::Datetime(TimeUnit::Milliseconds, None);
    frame.apply("minute", |column| column.cast(&milliseconds).unwrap()).unwrap();
    let write = |frame: &mut DataFrame| {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(frame).unwrap();
        bytes
    };
    assert_eq!(rows_of(&write(&mut frame), &[]).unwrap().0, rows_of(content.as_bytes(), &[]).unwrap().0);
    let error = |frame: &mut DataFrame| rows_of(&write(frame), &[]).map(|_| ()).unwrap_err();
    let mut other = frame.clone();
    other.apply("requests", |column| column.cast(&DataType::Float64).unwrap()).unwrap();
    assert!(error(&mut other).contains("the column `requests` is of type f64, expected whole numbers"));
    let mut other = frame.clone();
    other.apply("late", |column| Column::full_null(column.name().clone(), 1, &DataType::Boolean)).unwrap();
    assert!(error(&mut other).contains("the column `late` has nulls, expected true or false"));
    let mut other = frame.drop("outcome").unwrap();
    assert!(error(&mut other).contains("lacks the column `outcome`; expected a table that `learn windows` wrote"));
}

#[test]
fn cut_parquet_is_an_error_wherever_it_is_cut() {
    let content = parquet(&format!("{HEADER}{ROW}"));
    for len in (4..content.len()).step_by(7) {
        let told = rows_of(&content[..len], &[]).map(|_| ()).unwrap_err();
        assert!(told.contains("is no whole Parquet file, it may be cut or damaged"), "{len}: {told}");
    }
}
