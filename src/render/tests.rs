//! The documents for people as a whole: what they say.

use super::*;
use crate::report::{EndpointRow, Episode, Severity};

pub(super) fn show(report: &Report, format: OutputFormat, width: usize, color: bool) -> String {
    let output = OutputPlan { format, file: None, width, color, progress: false, quiet: false };
    String::from_utf8(render(report, &output).unwrap()).unwrap()
}

fn table(report: &Report) -> String {
    show(report, OutputFormat::Table, 80, false)
}

const BUSY_TABLE: &str = r#"WHAT WAS READ
Input            Format          Requests  Rejected  Latency         Developer
--------------------------------------------------------------------------------
access.log       nginx combined    11 990         3  request_time s  remote_user
access.log.2.gz  nginx combined        44         0  -               -
- access.log.2.gz: the gzip stream ends early
12 034 requests in 12 050 lines, 2026-06-01 11:00:07 to 13:58:01 (all times are
UTC); 2 endpoints, 7 developers, 240 errors (2 %).
Worth knowing about the counts:
- 2 late requests counted in the totals but in no cycle
- 13 lines without a request
- 3 rejected lines that did not fit the format
- 34 requests without a duration
The first rejected lines:
- access.log:17:5: found "GET", expected `$status`, three digits

RECOMMENDED CONFIG
Rules: documented; 178 cycles, 4 of them skipped for too few requests.
Setting                            Current  Recommended
-------------------------------------------------------
circuitBreaker.failureThreshold       50 %         10 %
    10 less for each high or critical anomaly, 5 more in a calm cycle
circuitBreaker.openTimeoutMs     30 000 ms            -
    the rules never change it
bulkhead.maxConcurrentCalls             10            -
    the rules never change it
httpClient.timeoutMs             10 000 ms     1 240 ms
    2 x p95 of GET /api/search = 1 240 ms, smoothed 0.3 over 14 changes; without
    GET /api/search it would head for 1 000 ms.
httpClient.maxRetries                    3            2
    errors stayed below 1 %
- circuitBreaker.failureThreshold sat at its floor (10) for 87 % of the log, and
  is there now.

ANOMALIES
From   To     Endpoint         Metric      Severity      Peak  Baseline
-----------------------------------------------------------------------
12:05  12:09  GET /api/search  latency     critical  1 240 ms    210 ms
12:05  12:09  GET /api/search  error rate  high        12.5 %         -
12:05  12:09  GET /new         first seen  low              -         -

ENDPOINTS BY TOTAL TIME
Endpoint              Requests  Err %  p50 ms  p95 ms  p99 ms  Time %
---------------------------------------------------------------------
GET /api/search         12 000    2.0    90.2     620     910   100.0
POST /api/orders/:id        34    0.0       -       -       -       -

HOW ROUTES WERE MADE
Route            Why            Requests        Paths  The first of them
-------------------------------------------------------------------------
/blog/:param     many siblings     9 000  about 4 800  /blog/a-first-post
/api/orders/:id  ids                  34           30  /api/orders/17
1 route is called by the path itself.

USAGE SPIKES
Developer  From   To     Calls  Baseline  Ratio  Window
--------------------------------------------------------
dev_123    12:00  12:05    100        10     10
dev_9      12:00  12:05    100         0    new  partial
12 usage windows not tested: too little log before.

SILENCE
Nearly or wholly silent after busy windows (an outage, or a hole in the log):
- 12:30 to 12:45

NOTES
- access.log.2.gz has no latency; add `rt=$request_time` to its log_format.
"#;

const EMPTY_TABLE: &str = r#"WHAT WAS READ
0 requests in 0 lines; 0 endpoints, 0 errors.

RECOMMENDED CONFIG
Rules: documented; 0 cycles.
Setting                            Current  Recommended
-------------------------------------------------------
circuitBreaker.failureThreshold       50 %            -
    the rules never change it
circuitBreaker.openTimeoutMs     30 000 ms            -
    the rules never change it
bulkhead.maxConcurrentCalls             10            -
    the rules never change it
httpClient.timeoutMs             10 000 ms            -
    the rules never change it
httpClient.maxRetries                    3            -
    the rules never change it

ANOMALIES
No anomalies.

ENDPOINTS BY REQUESTS
No endpoints.

USAGE SPIKES
No developers in the log, so no usage to compare.
"#;

pub(super) const BUSY_MARKDOWN: &str = r#"# learn replay

## What was read

| Input | Format | Requests | Rejected | Latency | Developer |
| --- | --- | --: | --: | --- | --- |
| `access.log` | `nginx combined` | 11 990 | 3 | `request_time s` | `remote_user` |
| `access.log.2.gz` | `nginx combined` | 44 | 0 | - | - |

- `access.log.2.gz`: the gzip stream ends early

12 034 requests in 12 050 lines, 2026-06-01 11:00:07 to 13:58:01 (all times are UTC); 2 endpoints, 7 developers, 240 errors (2 %).

Worth knowing about the counts:

- 2 late requests counted in the totals but in no cycle
- 13 lines without a request
- 3 rejected lines that did not fit the format
- 34 requests without a duration

The first rejected lines:

- ``access.log:17:5: found "GET", expected `$status`, three digits``

## Recommended config

Rules: documented; 178 cycles, 4 of them skipped for too few requests.

| Setting | Current | Recommended | Reason |
| --- | --: | --: | --- |
| `circuitBreaker.failureThreshold` | 50 % | 10 % | 10 less for each high or critical anomaly, 5 more in a calm cycle |
| `circuitBreaker.openTimeoutMs` | 30 000 ms | - | the rules never change it |
| `bulkhead.maxConcurrentCalls` | 10 | - | the rules never change it |
| `httpClient.timeoutMs` | 10 000 ms | 1 240 ms | 2 x p95 of GET `/api/search` = 1 240 ms, smoothed 0.3 over 14 changes; without `GET /api/search` it would head for 1 000 ms. |
| `httpClient.maxRetries` | 3 | 2 | errors stayed below 1 % |

- `circuitBreaker.failureThreshold` sat at its floor (10) for 87 % of the log, and is there now.

## Anomalies

| From | To | Endpoint | Metric | Severity | Peak | Baseline |
| --- | --- | --- | --- | --- | --: | --: |
| 12:05 | 12:09 | `GET /api/search` | latency | critical | 1 240 ms | 210 ms |
| 12:05 | 12:09 | `GET /api/search` | error rate | high | 12.5 % | - |
| 12:05 | 12:09 | `GET /new` | first seen | low | - | - |

## Endpoints by total time

| Endpoint | Requests | Err % | p50 ms | p95 ms | p99 ms | Time % |
| --- | --: | --: | --: | --: | --: | --: |
| `GET /api/search` | 12 000 | 2.0 | 90.2 | 620 | 910 | 100.0 |
| `POST /api/orders/:id` | 34 | 0.0 | - | - | - | - |

## How routes were made

| Route | Why | Requests | Paths | The first of them |
| --- | --- | --: | --: | --- |
| `/blog/:param` | many siblings | 9 000 | about 4 800 | `/blog/a-first-post` |
| `/api/orders/:id` | ids | 34 | 30 | `/api/orders/17` |

1 route is called by the path itself.

## Usage spikes

| Developer | From | To | Calls | Baseline | Ratio | Window |
| --- | --- | --- | --: | --: | --: | --- |
| `dev_123` | 12:00 | 12:05 | 100 | 10 | 10 |  |
| `dev_9` | 12:00 | 12:05 | 100 | 0 | new | partial |

12 usage windows not tested: too little log before.

## Silence

Nearly or wholly silent after busy windows (an outage, or a hole in the log):

- 12:30 to 12:45

## Notes

- `access.log.2.gz` has no latency; add `` `rt=$request_time` `` to its `log_format`.
"#;

#[test]
fn the_table_says_everything_in_80_columns() {
    assert_eq!(table(&sample::busy()), BUSY_TABLE);
    assert_eq!(table(&sample::empty()), EMPTY_TABLE);
}

#[test]
fn markdown_says_the_same() {
    assert_eq!(show(&sample::busy(), OutputFormat::Markdown, 80, false), BUSY_MARKDOWN);
}

#[test]
fn every_format_is_reached() {
    let report = sample::busy();
    let start = |format| show(&report, format, 80, false).chars().take(12).collect::<String>();
    assert_eq!(start(OutputFormat::Json), "{\n  \"schemaV");
    assert_eq!(start(OutputFormat::Ndjson), "{\"type\":\"cyc");
    assert_eq!(start(OutputFormat::Csv), "method,path,");
    assert_eq!(start(OutputFormat::Config), "{\n  \"circuit");
}

#[test]
fn colour_adds_its_codes_and_nothing_else() {
    let report = sample::busy();
    let coloured = show(&report, OutputFormat::Table, 80, true);
    for line in ["\x1b[1mANOMALIES\x1b[0m", "\x1b[31m12:05  12:09  GET /api/search  latency     critical"] {
        assert!(coloured.contains(line), "{coloured}");
    }
    let plain =
        ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m"].iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, table(&report));
    let markdown = |color| show(&report, OutputFormat::Markdown, 80, color);
    assert_eq!(markdown(true), markdown(false));
}

#[test]
fn a_narrow_table_says_what_it_leaves_out() {
    let narrow = show(&sample::busy(), OutputFormat::Table, 40, false);
    assert!(narrow.contains("Left out at this width: p50 ms, p99 ms,\nTime %.\n"), "{narrow}");
    assert!(!table(&sample::busy()).contains("Left out"));
}

#[test]
fn twenty_rows_are_shown_and_the_rest_is_counted() {
    let mut report = sample::busy();
    let endpoint = |number: usize| EndpointRow { path: format!("/{number:02}"), ..report.endpoints[0].clone() };
    let rows: Vec<EndpointRow> = (1..=22).map(endpoint).collect();
    report.endpoints = rows[..20].to_vec();
    assert!(!table(&report).contains("more (use"));
    report.endpoints = rows;
    let shown = table(&report);
    assert!(shown.contains("GET /20") && !shown.contains("GET /21"), "{shown}");
    assert!(shown.contains("\nand 2 more (use -f json).\n"), "{shown}");
}

#[test]
fn too_many_anomalies_are_shown_by_severity() {
    let mut report = sample::busy();
    let mut episodes: Vec<Episode> = (0..20)
        .map(|number| Episode {
            path: format!("/{number:02}"),
            severity: Severity::Medium,
            ..report.anomalies[0].clone()
        })
        .collect();
    report.anomalies.clone_from(&episodes);
    assert!(table(&report).contains("ANOMALIES\n"));
    episodes.push(Episode { path: "/worst".to_owned(), ..report.anomalies[0].clone() });
    episodes[20].severity = Severity::Critical;
    report.anomalies = episodes;
    let shown = table(&report);
    let (worst, first) = (shown.find("GET /worst").unwrap(), shown.find("GET /00").unwrap());
    assert!(worst < first && !shown.contains("GET /19"), "{shown}");
    assert!(shown.contains("ANOMALIES, THE MOST SEVERE OF 21\n"), "{shown}");
}

#[test]
fn too_many_spikes_are_shown_by_calls_above_baseline() {
    let mut report = sample::busy();
    let mut spikes = vec![report.usage_spikes[0].clone(); 21];
    spikes.iter_mut().enumerate().for_each(|(number, spike)| spike.developer_id = format!("dev_{number:02}"));
    spikes[20].data.current_calls = 101;
    report.usage_spikes = spikes[..20].to_vec();
    assert!(table(&report).contains("USAGE SPIKES\n"));
    report.usage_spikes = spikes;
    let shown = table(&report);
    assert!(shown.find("dev_20").unwrap() < shown.find("dev_00").unwrap() && !shown.contains("dev_19"), "{shown}");
    assert!(shown.contains("USAGE SPIKES, THE LARGEST OF 21\n"), "{shown}");
}

#[test]
fn a_log_without_durations_has_no_latency_columns() {
    let mut report = sample::busy();
    report.endpoints.remove(0);
    let expected = "ENDPOINTS BY REQUESTS\n\
        Endpoint              Requests  Err %\n\
        -------------------------------------\n\
        POST /api/orders/:id        34    0.0\n";
    assert!(table(&report).contains(expected), "{}", table(&report));
}

#[test]
fn a_group_and_a_long_route_stay_on_one_line() {
    let mut report = sample::busy();
    report.endpoints[0].group = Some("eu".to_owned());
    report.endpoints[0].path = format!("/api/{}/last", "very-long-part/".repeat(20));
    let expected = "GET /api/very-...art//last [eu]    12 000    2.0    90.2     620     910   100.0\n";
    assert!(table(&report).contains(expected), "{}", table(&report));
}
