use crate::plan::{Latency, Wanted};
use crate::request::Line;
use crate::source::ParseLine;
use crate::source::marks::{Marks, for_each_marked_line};
use crate::source::nginx::{LogFormat, NginxParser};
use proptest::prelude::*;

const TIMED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"#;

/// Formats with literals at both ends and at none, quotes at either, stamps and lists before spaces, and values of any
/// length first, last and in the middle.
const FORMATS: [&str; 10] = [
    TIMED,
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    r#"[$time_local] "$request" $status $request_time"#,
    r#"$remote_addr [$time_iso8601] $status "$request" $upstream_response_time $request_time "$http_user_agent""#,
    r#"$time_local $status $body_bytes_sent "$request" $bytes_sent ms"#,
    r#""$remote_addr" "$time_local" "$request" $status rt=$request_time ua="$http_user_agent" x"#,
    r#"$msec $remote_user $status "$request" $upstream_response_time : $upstream_connect_time, $host"#,
    r#"$status up=$upstream_response_time"$request"$time_iso8601"#,
    r#"$time_local $status $remote_user "$request" $request_time"#,
    r#"$msec $time_local "$request" $status $request_time"#,
];

fn parser(log_format: &str, latency: Latency) -> NginxParser {
    LogFormat::compile("x", log_format, &Wanted { latency, ..Wanted::default() }).unwrap().parser()
}

/// How many of these lines are usual. All of those are what they would be anyway, and so is what marks tell of any.
fn count_usual(log_format: &str, latency: Latency, lines: &[u8]) -> usize {
    // What a text begins or ends with may be too near to its end.
    let text = [&b"something else\n"[..], lines, b"\nsomething else"].concat();
    let [mut one, mut marked, mut other] = [(); 3].map(|()| parser(log_format, latency));
    let mut count = 0;
    for_each_marked_line(&text, &mut Marks::default(), |line, marks| {
        if let Some(request) = one.parse_usual(line, &marks) {
            assert_eq!(Line::Request(request), other.parse_line(line), "{log_format}: {}", line.escape_ascii());
            count += 1;
        }
        let read = marked.parse_marked(line, marks);
        assert_eq!(read, other.parse_line(line), "{log_format}: {}", line.escape_ascii());
    });
    count
}

/// A line of a format with these values, in the order of [`NAMES`].
fn render(log_format: &str, values: &[String; NAMES.len()]) -> String {
    let mut line = log_format.to_owned();
    for (name, value) in NAMES.iter().zip(values) {
        line = line.replace(&format!("${name}"), value);
    }
    line
}

/// A name that another one begins with comes later.
const NAMES: [&str; 15] = [
    "remote_addr",
    "remote_user",
    "time_local",
    "time_iso8601",
    "msec",
    "request_time",
    "request",
    "status",
    "body_bytes_sent",
    "bytes_sent",
    "http_referer",
    "http_user_agent",
    "upstream_connect_time",
    "upstream_response_time",
    "host",
];

const USUAL: [&str; NAMES.len()] = [
    "192.0.2.7",
    "-",
    "01/May/2025:00:00:00 +0000",
    "2025-05-01T00:00:00+00:00",
    "1746057600.000",
    "0.123",
    "GET /a/1?b=2 HTTP/1.1",
    "200",
    "12",
    "34",
    "https://example.com/",
    "curl/8 (x; y)",
    "0.001",
    "0.122",
    "example.com",
];

fn usual() -> [String; NAMES.len()] {
    USUAL.map(str::to_owned)
}

#[test]
fn usual_lines_are_found() {
    for log_format in FORMATS {
        let line = render(log_format, &usual());
        let text = [&line[..]; 3].join("\n");
        // Where ` ` or ` : ` follows a list, it may belong to it; and so may a space to a stamp that no distance tells.
        let is_open = ["$upstream_response_time ", "$msec $time_local "].iter().any(|open| log_format.contains(open));
        let expected = if is_open { 0 } else { 3 };
        for latency in [Latency::Request, Latency::Upstream] {
            assert_eq!(count_usual(log_format, latency, text.as_bytes()), expected, "{log_format}");
        }
    }
}

#[test]
fn a_spared_upstream_is_usual_and_a_list_or_a_user_is_not() {
    let count = |changes: &[(usize, &str)]| {
        let mut values = usual();
        changes.iter().for_each(|(index, value)| values[*index] = (*value).to_owned());
        let line = render(TIMED, &values);
        count_usual(TIMED, Latency::Request, [&line[..]; 4].join("\n").as_bytes())
    };
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&[(12, "-"), (13, "-")]), 4);
    assert_eq!(count(&[(0, "2001:db8::ffff:ffff:ffff:ffff:ffff:ffff")]), 4);
    for (index, value) in [(1, "ann"), (5, "12.345"), (7, "20"), (12, "0.001, 0.002"), (0, "a b"), (6, "GET")] {
        assert_eq!(count(&[(index, value)]), 0, "{value}");
    }
}

#[test]
fn a_dash_before_a_literal_of_dashes_is_part_of_that() {
    for dashes in ["-", "--", " -", "-x"] {
        let log_format = format!(r#"$remote_addr [$time_local] $remote_user{dashes}$status "$request" $request_time"#);
        let line = render(&log_format, &usual());
        let expected = if dashes.trim_matches('-').is_empty() { 0 } else { 4 };
        let found = count_usual(&log_format, Latency::Request, [&line[..]; 4].join("\n").as_bytes());
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn a_stamp_without_its_zone_is_none_however_the_line_is_split() {
    let mut values = usual();
    values[2] = "01/May/2025:00:00:00".to_owned();
    let line = render(FORMATS[9], &values);
    assert!(matches!(parser(FORMATS[9], Latency::Request).parse_line(line.as_bytes()), Line::Rejected(_)));
    assert_eq!(count_usual(FORMATS[9], Latency::Request, line.as_bytes()), 0);
}

#[test]
fn no_line_depends_on_the_stamp_before_it() {
    let stamps = ["01/May/2025:00:00:00 +0000", "01/May/2025:00:00:01 +0000", "01/Mai/2025:00:00:00 +0000"];
    let line = |stamp: &&str| {
        let mut values = usual();
        values[2] = (*stamp).to_owned();
        render(TIMED, &values)
    };
    let order = [0, 0, 1, 0, 2, 0, 2, 1, 1];
    let text: Vec<String> = order.iter().map(|index| line(&stamps[*index])).collect();
    assert_eq!(count_usual(TIMED, Latency::Request, text.join("\n").as_bytes()), 7);
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"[-0-9a ":,.\[\]=]{0,20}"#,
        "-|0[.][0-9]{3}|[0-9]{2}[.][0-9]{3}|[0-9]{3}|0[.]00[ ,:]|0[.]001, 0[.]002|- : 0[.]001|01/May/2025:00:00:00",
        r#"(GET|POST|X) /[a /0-9]{0,40}( HTTP/[0-9][.][0-9])?|GET|"|\\"|] "|" "|"#,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn usual_lines_are_read_as_any_other(
        log_format in prop::sample::select(FORMATS.to_vec()),
        lines in prop::collection::vec(
            (prop::collection::vec((0..NAMES.len(), value()), 0..3), 0usize..200, prop::option::of(any::<u8>())),
            1..6,
        ),
        latency in prop::sample::select(vec![Latency::Request, Latency::Upstream]),
    ) {
        let mut text = Vec::new();
        for (changes, at, byte) in lines {
            let mut values = usual();
            changes.into_iter().for_each(|(index, value)| values[index] = value);
            let mut line = render(log_format, &values).into_bytes();
            if let (Some(byte), Some(place)) = (byte, line.get_mut(at)) {
                *place = byte;
            }
            text.extend(line);
            text.push(b'\n');
        }
        count_usual(log_format, latency, &text);
        // The same with the carriage returns of another system.
        let lines = text.split(|byte| *byte == b'\n');
        count_usual(log_format, latency, &lines.collect::<Vec<_>>().join(&b"\r\n"[..]));
    }
}
