//! The endpoints as CSV with a header, for spreadsheets.
//!
//! Text cells are defused (`escape::csv_cell`); numbers are written as in JSON, absent ones are empty.

use super::escape::csv_cell;
use crate::report::{EndpointRow, Report};
use anyhow::Context as _;

/// The header and one row per endpoint, in the report's order; a `group` column when `--group-by` is in
/// force.
///
/// # Errors
/// When the rows cannot be written to memory.
pub(crate) fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    let grouped = report.settings.input.group_by.is_some();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut header = vec!["method", "path"];
    header.extend(grouped.then_some("group"));
    header.extend(["count", "errors", "errorRate", "totalMs", "meanMs", "p50Ms", "p95Ms", "p99Ms"]);
    writer.write_record(header)?;
    for endpoint in &report.endpoints {
        writer.write_record(record(endpoint, grouped))?;
    }
    writer.into_inner().context("the CSV rows were not written completely")
}

fn record(endpoint: &EndpointRow, grouped: bool) -> Vec<String> {
    let mut cells = vec![csv_cell(&endpoint.method), csv_cell(&endpoint.path)];
    if grouped {
        cells.push(csv_cell(endpoint.group.as_deref().unwrap_or_default()));
    }
    cells.extend([endpoint.count.to_string(), endpoint.errors.to_string(), endpoint.error_rate.to_string()]);
    let times_ms = [endpoint.total_ms, endpoint.mean_ms, endpoint.p50_ms, endpoint.p95_ms, endpoint.p99_ms];
    cells.extend(times_ms.map(|time_ms| time_ms.map(|value| value.to_string()).unwrap_or_default()));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn text(report: &Report) -> String {
        String::from_utf8(render(report).unwrap()).unwrap()
    }

    const HEADER: &str = "method,path,count,errors,errorRate,totalMs,meanMs,p50Ms,p95Ms,p99Ms\n";

    #[test]
    fn rows_stand_under_a_header() {
        let rows = "GET,/api/search,12000,240,0.02,1500000.5,125,90.25,620,910\nPOST,/api/orders/:id,34,0,0,,,,,\n";
        assert_eq!(text(&sample::busy()), format!("{HEADER}{rows}"));
        assert_eq!(text(&sample::empty()), HEADER);
    }

    #[test]
    fn hostile_cells_are_defused_and_quoted() {
        let mut report = sample::busy();
        report.endpoints.truncate(1);
        let check = |report: &mut Report, path: &str, expected: &str| {
            report.endpoints[0].path = path.to_owned();
            let row = format!("GET,{expected},12000,240,0.02,1500000.5,125,90.25,620,910\n");
            assert_eq!(text(report), format!("{HEADER}{row}"));
        };
        check(&mut report, "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        check(&mut report, "@SUM(1+1)*cmd|' /C calc'!A0", "'@SUM(1+1)*cmd|' /C calc'!A0");
        check(&mut report, "a\r\nGET,=1", "\"a\\x0D\\x0AGET,=1\"");
        check(&mut report, "-12.5", "-12.5");
    }

    #[test]
    fn a_grouped_report_has_a_group_column() {
        let mut report = sample::busy();
        report.settings.input.group_by = Some("metadata.region".to_owned());
        report.endpoints.truncate(1);
        report.endpoints[0].group = Some("+eu".to_owned());
        let expected = "method,path,group,count,errors,errorRate,totalMs,meanMs,p50Ms,p95Ms,p99Ms\n\
            GET,/api/search,'+eu,12000,240,0.02,1500000.5,125,90.25,620,910\n";
        assert_eq!(text(&report), expected);
    }
}
