//! Whole lines through whole formats.

use super::matcher::MAX_FOUND_LEN;
use super::*;
use crate::plan::{FieldOverride, Latency, Role, Unit};
use crate::request::{EXTRA_VALUES, Rejection};
use proptest::prelude::*;

const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
const TIMED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"#;
const MAY_1_MS: i64 = 1_746_057_600_000;

fn wanted() -> Wanted {
    Wanted::default()
}

fn extras(names: &[&str]) -> Wanted {
    Wanted { extras: names.iter().map(|&name| name.to_owned()).collect(), ..wanted() }
}

fn field(role: Role, name: &str, unit: Option<Unit>) -> Wanted {
    Wanted { fields: vec![FieldOverride { role, name: name.to_owned(), unit }], ..wanted() }
}

fn compile(log_format: &str, wanted: &Wanted) -> LogFormat {
    LogFormat::compile("test", log_format, wanted).unwrap()
}

fn error(log_format: &str, wanted: &Wanted) -> FormatError {
    LogFormat::compile("test", log_format, wanted).map(|_| ()).unwrap_err()
}

/// What became of a line, as text.
fn outcome(format: &LogFormat, line: impl AsRef<[u8]>) -> String {
    match format.parser().parse_line(line.as_ref()) {
        Line::Request(request) => show(&request),
        Line::NotRequest => "no request".to_owned(),
        Line::Comment => "comment".to_owned(),
        Line::Rejected(Rejection { column, found, expected }) => {
            format!("column {column}: found `{}`, expected {expected}", found.escape_ascii())
        }
    }
}

fn show(request: &Request) -> String {
    let text = |text: &[u8]| text.escape_ascii().to_string();
    let mut shown = format!(
        "{} {} {} {}",
        request.timestamp_ms - MAY_1_MS,
        text(request.method),
        text(request.path),
        request.status
    );
    if let Some(duration) = request.duration {
        shown += &format!(" {} ms", duration.millis());
    }
    if request.long_lived {
        shown += " long";
    }
    if let Some(developer) = request.developer {
        shown += &format!(" by {}", text(developer));
    }
    for index in 0..EXTRA_VALUES {
        if let Some(extra) = request.extras.get(index) {
            shown += &format!(" {index}={}", text(extra));
        }
    }
    shown
}

#[test]
fn combined_lines() {
    let format = compile(COMBINED, &wanted());
    let check = |line: &str, expected: &str| assert_eq!(outcome(&format, line), expected, "{line}");
    check(
        r#"192.0.2.7 - - [01/May/2025:00:00:01 +0000] "GET /api/a?b=1 HTTP/1.1" 200 12 "-" "curl/8.0""#,
        "1000 GET /api/a?b=1 200",
    );
    check(
        r#"2001:db8::1 - ann [01/May/2025:02:00:00 +0200] "POST / HTTP/2.0" 499 0 "https://example.com/ - [x] " "-""#,
        "0 POST / 499 by ann",
    );
    check(r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "-" 400 0 "-" "-""#, "no request");
    check(r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "" 400 0 "-" "-""#, "no request");
    check(r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "\x16\x03\x01\x02 \x00" 400 157 "-" "-""#, "no request");
    check(r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "GET / HTTP/1.1" 000 0 "-" "-""#, "no request");
    check(r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "GET / HTTP/1.1" 400 0 "-" "-""#, "0 GET / 400");
}

#[test]
fn a_carriage_return_is_no_part_of_the_line() {
    let line = "192.0.2.7 - - [01/May/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"-\" rt=0.010 uct=- urt=-";
    let format = compile(TIMED, &wanted());
    assert_eq!(outcome(&format, format!("{line}\r")), "0 GET / 200 10 ms");
    assert_eq!(outcome(&format, format!("{line}\r\r")), "column 96: found `\\r`, expected the end of the line");
}

#[test]
fn rejections_name_the_column() {
    let format = compile(TIMED, &wanted());
    let good = r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "GET / HTTP/1.1" 200 12 "-" "-" rt=0.010 uct=- urt=-"#;
    assert_eq!(outcome(&format, good), "0 GET / 200 10 ms");
    let check = |from: &str, to: &str, expected: &str| {
        let line = good.replace(from, to);
        assert_ne!(line, good);
        assert_eq!(outcome(&format, &line), expected, "{line}");
    };
    check(good, "", "column 1: found ``, expected `$remote_addr` and then ` - `");
    check(good, "hello", "column 1: found `hello`, expected `$remote_addr` and then ` - `");
    check(
        "- [",
        "-[",
        "column 13: found `-[01/May/2025:00:00:00 +0000] \"GET / HTT`, expected `$remote_user` and then ` [`"
            .replace("\"", "\\\"")
            .as_str(),
    );
    check(
        "May",
        "Mai",
        "column 16: found `01/Mai/2025:00:00:00 +0000`, expected `$time_local`, a time like 01/May/2025:00:00:00 +0000",
    );
    check(
        "01/May/2025:00:00:00 +0000",
        "-",
        "column 16: found `-`, expected `$time_local`, a time like 01/May/2025:00:00:00 +0000",
    );
    check(" 200 ", " 99 ", "column 61: found `99`, expected `$status`, three digits from 100 to 599");
    check(" 200 ", " 600 ", "column 61: found `600`, expected `$status`, three digits from 100 to 599");
    check("rt=0.010 u", "rt=abc u", "column 79: found `abc`, expected `$request_time`, a number (s) or `-`");
    check("rt=0.010 u", "rt=-0.001 u", "column 79: found `-0.001`, expected `$request_time`, a number (s) or `-`");
    check(" urt=-", "", "column 89: found `-`, expected `$upstream_connect_time` and then ` urt=`");
    check(" urt=-", " urt=- x=1", "column 97: found `x=1`, expected the end of the line");
    check(
        "\"-\" \"-\" rt",
        "\"-\" rt",
        "column 69: found `-\\\" rt=0.010 uct=- urt=-`, expected `$http_referer` and then `\" \"`",
    );
}

#[test]
fn found_text_is_cut() {
    let line = vec![b'x'; 1000];
    match compile(COMBINED, &wanted()).parser().parse_line(&line) {
        Line::Rejected(rejection) => assert_eq!(rejection.found.len(), MAX_FOUND_LEN),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broken_request_line_excuses_nothing_else() {
    let format = compile("$msec $status $request_time \"$request\"", &wanted());
    assert_eq!(outcome(&format, "1746057600.25 400 0.000 \"\""), "no request");
    assert_eq!(outcome(&format, "1746057600.25 400 0.000 \"GET /\""), "250 GET / 400 0 ms");
    assert!(outcome(&format, "1746057600.25 400 x \"\"").starts_with("column 19: found `x`"));
    assert!(outcome(&format, "1746057600.25 40 0.000 \"\"").starts_with("column 15: found `40`"));
    assert!(outcome(&format, "- 400 0.000 \"\"").starts_with("column 1: found `-`"));
}

#[test]
fn a_literal_may_begin_and_must_end_the_line() {
    let format = compile("<$msec|$status|$request_method|$uri>", &wanted());
    assert_eq!(outcome(&format, "<1746057600|200|GET|/a>"), "0 GET /a 200");
    assert_eq!(
        outcome(&format, "1746057600|200|GET|/a>"),
        "column 1: found `1746057600|200|GET|/a>`, expected `<` at the start of the line"
    );
    assert_eq!(outcome(&format, "<1746057600|200|GET|/a"), "column 21: found `/a`, expected `$uri` and then `>`");
    assert_eq!(outcome(&format, "<1746057600|200|GET|/a> "), "column 24: found ` `, expected the end of the line");
    assert_eq!(outcome(&format, "<1746057600|200|-|/a>"), "no request");
    assert_eq!(outcome(&format, "<1746057600|200|GET|->"), "no request");
    assert_eq!(outcome(&format, "<1746057600|200|get|/a>"), "no request");
}

#[test]
fn a_value_runs_to_the_first_occurrence_of_the_whole_literal() {
    let format = compile("$msec $status $request_method $uri =====$http_a=====end", &extras(&["http_a"]));
    assert_eq!(outcome(&format, "1746057600 200 GET / =====a====b=====end"), "0 GET / 200 0=a====b");
    assert_eq!(outcome(&format, "1746057600 200 GET / ==========end"), "0 GET / 200");
    assert!(outcome(&format, "1746057600 200 GET / =====a=====en").starts_with("column 27: found `a=====en`"));
}

#[test]
fn quotes_inside_of_values_are_escaped() {
    let line =
        r#"192.0.2.7 - a\x22b [01/May/2025:00:00:00 +0000] "GET /\xC3\xA4\"\x22 HTTP/1.1" 200 1 "a\" \"b" "c\\""#;
    let format = compile(COMBINED, &extras(&["http_referer", "http_user_agent", "remote_addr"]));
    let expected = r#"0 GET /\xc3\xa4\"\" 200 by a\"b 0=a\" \"b 1=c\\ 2=192.0.2.7"#;
    assert_eq!(outcome(&format, line), expected);
}

#[test]
fn escape_none_and_json_are_honoured() {
    let format = |escape: &str| format!(r#"log_format x escape={escape} '$msec $status "$request" "$http_a"';"#);
    let none = compile(&format("none"), &extras(&["http_a"]));
    assert_eq!(outcome(&none, r#"1746057600 200 "GET /\x22 HTTP/1.1" "a\""#), r"0 GET /\\x22 200 0=a\\");
    let json = compile(&format("json"), &extras(&["http_a"]));
    let line = r#"1746057600 200 "GET /\"\u001f HTTP/1.1" "a\\\" \"b""#;
    assert_eq!(outcome(&json, line), r#"0 GET /\"\x1f 200 0=a\\\" \"b"#);
    assert_eq!(outcome(&json, r#"1746057600 200 "GET / HTTP/1.1" """#), "0 GET / 200");
}

#[test]
fn no_line_depends_on_the_one_before() {
    let format = compile(TIMED, &extras(&["http_referer"]));
    let mut parser = format.parser();
    let lines = [
        r#"192.0.2.7 - \x41 [01/May/2025:00:00:00 +0000] "GET /\x41 HTTP/1.1" 200 12 "b\x41" "-" rt=0.010 uct=- urt=-"#,
        r#"192.0.2.7 - - [01/May/2025:00:00:59 +0000] "GET / HTTP/1.1" 200 12 "-" "-" rt=- uct=- urt=-"#,
        r#"192.0.2.7 - -"#,
        r#"192.0.2.7 - - [01/May/2025:00:01:00 +0000] "-" 200 12 "-" "-" rt=- uct=- urt=-"#,
    ];
    for line in lines.iter().chain(lines.iter().rev()) {
        let own = format!("{:?}", format.parser().parse_line(line.as_bytes()));
        assert_eq!(format!("{:?}", parser.parse_line(line.as_bytes())), own);
    }
}

#[test]
fn times_come_in_three_forms() {
    let check = |name: &str, value: &str| {
        let format = compile(&format!("[${name}] $status \"$request\""), &wanted());
        assert_eq!(outcome(&format, format!("[{value}] 200 \"GET / HTTP/1.1\"")), "0 GET / 200");
    };
    check("time_local", "01/May/2025:00:00:00 +0000");
    check("time_iso8601", "2025-05-01T00:00:00+00:00");
    check("msec", "1746057600.000");
    let finest = compile("$time_local|$msec|$status|$request", &wanted());
    assert_eq!(outcome(&finest, "01/May/2025:00:00:00 +0000|1746057600.123|200|GET /"), "123 GET / 200");
}

#[test]
fn an_end_is_the_start_and_the_duration_before_either_is_cut() {
    let check = |log_format: &str, line: &str, ended_ms: i64| {
        let format = compile(&format!("{log_format} $status_code \"$request\""), &wanted());
        let shown = outcome(&format, format!("{line} 200 \"GET / HTTP/1.1\""));
        assert!(shown.starts_with(&format!("{ended_ms} GET / 200 ")), "{line}: {shown}");
    };
    check("$start_time $request_time_us", "1746057600000700 1299", 1);
    check("$start_time $request_time_us", "1746057600000700 1300", 2);
    check("$start_time $duration_ms", "2025-05-01T00:00:00.000700Z 2", 2);
    check("$start_local $request_time_us", "01/May/2025:00:00:00 +0000 1999", 1);
    check("$accept_date $Ta", "01/May/2025:00:00:00.001 2", 3);
}

#[test]
fn the_spaces_of_a_stamp_and_of_a_list_belong_to_it() {
    let log_format = "$time_local $upstream_addr $upstream_response_time $status \"$request\"";
    let format = compile(log_format, &extras(&["upstream_addr"]));
    let check = |addr: &str, times: &str, expected: &str| {
        let line = format!("01/May/2025:00:00:00 +0000 {addr} {times} 200 \"GET / HTTP/1.1\"");
        assert_eq!(outcome(&format, &line), expected, "{line}");
    };
    check("192.0.2.7:80", "0.010", "0 GET / 200 10 ms 0=192.0.2.7:80");
    check("-", "-", "0 GET / 200");
    check("a, b : c", "0.010, 0.003 : 0.002", "0 GET / 200 15 ms 0=a, b : c");
    check("a", "0.010,", "column 41: found `\\\"GET / HTTP/1.1\\\"`, expected `$status` and then ` \"`");
}

#[test]
fn the_latency_is_the_one_that_is_logged() {
    let latency = |tail: &str, wanted: &Wanted| {
        let format = compile(&format!("$msec $status \"$request\"{tail}"), wanted);
        (format.info().latency_field, format.info().latency_unit)
    };
    let upstream = Wanted { latency: Latency::Upstream, ..wanted() };
    let seconds = |name: &str| (Some(name.to_owned()), Some(Unit::Seconds));
    let both = " $request_time $upstream_response_time";
    assert_eq!(latency(both, &wanted()), seconds("request_time"));
    assert_eq!(latency(both, &upstream), seconds("upstream_response_time"));
    assert_eq!(latency(" $upstream_response_time", &wanted()), seconds("upstream_response_time"));
    assert_eq!(latency(" $request_time", &upstream), (None, None));
    assert_eq!(latency("", &wanted()), (None, None));
    let chosen = field(Role::Duration, "upstream_header_time", Some(Unit::Millis));
    let expected = (Some("upstream_header_time".to_owned()), Some(Unit::Millis));
    assert_eq!(latency(" $request_time $upstream_header_time", &chosen), expected);
}

#[test]
fn durations_of_a_line() {
    let check = |wanted: &Wanted, expected: &str| {
        let format = compile("$msec $status \"$request\" rt=$request_time urt=$upstream_response_time", wanted);
        let line = "1746057600 200 \"GET / HTTP/1.1\" rt=0.020 urt=0.010, 0.003 : -";
        assert_eq!(outcome(&format, line), expected);
    };
    check(&wanted(), "0 GET / 200 20 ms");
    check(&Wanted { latency: Latency::Upstream, ..wanted() }, "0 GET / 200 13 ms");
    check(&field(Role::Duration, "$request_time", Some(Unit::Micros)), "0 GET / 200 0.00002 ms");
}

#[test]
fn event_streams_are_long_lived() {
    let format = compile("$msec $status \"$request\" $sent_http_content_type", &wanted());
    let long = |value: &str| outcome(&format, format!("1746057600 200 \"GET / HTTP/1.1\" {value}")).ends_with("long");
    assert!(long("text/event-stream"));
    assert!(long("Text/Event-Stream; charset=utf-8"));
    assert!(!long("text/event-strea"));
    assert!(!long("text/html"));
    assert!(!long("-"));
}

#[test]
fn a_column_before_no_name_is_no_developer() {
    let format = compile("$host $remote_addr - $remote_user [$time_local] \"$request\" $status", &wanted());
    for (user, expected) in
        [("-", ""), ("ann", " by ann"), ("ann b", " by ann b"), ("7bde -", ""), ("7bde-", " by 7bde-")]
    {
        let line = format!("h 192.0.2.1 - {user} [01/May/2025:00:00:00 +0000] \"GET / HTTP/1.1\" 200");
        assert_eq!(outcome(&format, &line), format!("0 GET / 200{expected}"));
    }
}

#[test]
fn the_developer_is_whoever_is_asked_for() {
    let log_format = "$msec $status \"$request\" $http_x_api_key|$remote_user|$cookie_id|";
    let line = "1746057600 200 \"GET / HTTP/1.1\" k1|ann|-|";
    let check = |developer: Option<&str>, expected: &str, name: &str, is_key| {
        let format = compile(log_format, &Wanted { developer: developer.map(str::to_owned), ..wanted() });
        assert_eq!(outcome(&format, line), format!("0 GET / 200{expected}"));
        assert_eq!(format.info().developer_field.as_deref(), Some(name));
        assert_eq!(format.info().developer_is_key, is_key);
    };
    check(None, " by ann", "remote_user", false);
    check(Some("http_x_api_key"), " by k1", "http_x_api_key", true);
    check(Some("$cookie_id"), "", "cookie_id", false);
    assert_eq!(compile("$msec $status \"$request\"", &wanted()).info().developer_field, None);
    for name in ["http_authorization", "arg_Token", "cookie_secret", "http_apikey"] {
        let format = format!("$msec $status \"$request\" ${name}");
        let asked = Wanted { developer: Some(name.to_owned()), ..wanted() };
        assert!(compile(&format, &asked).info().developer_is_key, "{name}");
    }
}

#[test]
fn fields_can_be_overridden() {
    let format = "$msec $http_t $status $sent_http_code \"$request\" $request_method $http_m $uri $http_p ";
    let line = "1746057600 1746057601 200 404 \"GET /r HTTP/1.1\" PUT PATCH /u /p ";
    let check = |role, name, expected| assert_eq!(outcome(&compile(format, &field(role, name, None)), line), expected);
    check(Role::Timestamp, "http_t", "1000 GET /r 200");
    check(Role::Status, "sent_http_code", "0 GET /r 404");
    check(Role::Method, "http_m", "0 PATCH /r 200");
    check(Role::Path, "uri", "0 GET /u 200");
    check(Role::Request, "http_m", "no request");
    let mut both = field(Role::Method, "http_m", None);
    both.fields.extend(field(Role::Path, "http_p", None).fields);
    assert_eq!(outcome(&compile(format, &both), line), "0 PATCH /p 200");
}

#[test]
fn a_variable_may_play_several_roles() {
    let format =
        compile("$msec $status \"$request\" $remote_user", &extras(&["remote_user", "status", "request", "msec"]));
    let line = "1746057600 200 \"GET / HTTP/1.1\" ann";
    assert_eq!(outcome(&format, line), "0 GET / 200 by ann 0=ann 1=200 2=GET / HTTP/1.1 3=1746057600");
}

#[test]
fn formats_that_cannot_work_say_why() {
    let check = |log_format: &str, wanted: &Wanted, expected: &str| {
        assert_eq!(error(log_format, wanted).to_string(), expected);
    };
    check(
        "$msec $status",
        &wanted(),
        "the log format logs no method and path of the request; add `$request`, or `$request_method` and `$request_uri`, to it",
    );
    check(
        "$msec $status $request_method",
        &wanted(),
        "the log format logs no method and path of the request; add `$request`, or `$request_method` and `$request_uri`, to it",
    );
    check(
        "$status $request",
        &wanted(),
        "the log format logs no time; add `$time_local`, `$time_iso8601` or `$msec` to it",
    );
    check("$msec $request", &wanted(), "the log format logs no status code; add `$status` to it");
    check(
        "$msec $status$request",
        &wanted(),
        "nothing separates `$status` from `$request` in the log format, so their values cannot be told apart",
    );
    check(
        "$msec $status '$request'",
        &extras(&["remote_usr"]),
        "the log format logs no `remote_usr`; it logs msec, status, request",
    );
    check(
        "$msec $status '$request' $remote_user $status",
        &extras(&["remote_usr"]),
        "the log format logs no `remote_usr`, did you mean `remote_user`?; it logs msec, status, request, remote_user",
    );
    check(
        "$msec $status '$request'",
        &extras(&["a", "b", "c", "d", "e"]),
        "5 fields are filtered or grouped by; at most 4 are possible",
    );
    check(
        "hello",
        &wanted(),
        "the log format logs no method and path of the request; add `$request`, or `$request_method` and `$request_uri`, to it",
    );
    check(
        "{\"a\":\"$request\"}",
        &wanted(),
        "the log format writes JSON objects, though not as JSON has them; read the log by --log-format json, and name its \
         fields with --field, for example --field duration=rt@s",
    );
    assert!(matches!(
        error("$msec $status $request", &field(Role::Duration, "x", None)),
        FormatError::UnknownVariable { .. }
    ));
    assert!(matches!(
        error("$msec $status $request", &Wanted { developer: Some("x".to_owned()), ..wanted() }),
        FormatError::UnknownVariable { .. }
    ));
}

/// The plain rule, without shortcuts: every value runs to the first unescaped occurrence of what follows.
fn naive_split<'a>(literals: &[&str], line: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut rest = line;
    let mut values = Vec::new();
    for literal in literals {
        let literal = literal.as_bytes();
        let end = (0..rest.len()).find(|&at| {
            let backslashes = rest[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
            rest[at..].starts_with(literal) && !(literal.starts_with(b"\"") && backslashes % 2 == 1)
        })?;
        values.push(&rest[..end]);
        rest = &rest[end + literal.len()..];
    }
    values.push(rest);
    Some(values)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("-".to_owned()), "[a-z0-9./:]{1,40}", "[ -!#-Z^-~]{0,60}"]
}

proptest! {
    #[test]
    fn shortcuts_agree_with_the_plain_rule(
        values in prop::collection::vec(r#"[-0-9a "\\\[\]=]{0,30}|-|0\.[0-9]{3}|[0-9]{3}"#, 8),
        noise in r#"[ "\\]{0,2}"#,
    ) {
        let names = ["remote_user", "http_a", "request_time", "http_b", "upstream_header_time", "http_c"];
        let literals = [" ", " [", "\"", "\" \"", "\\", "= \"", "]=0 - 0 0"];
        let mut log_format = "$msec|$status|$request_method|$uri|".to_owned();
        for (name, literal) in names.iter().zip(literals) {
            log_format += &format!("${name}{}", literal.replace('\\', "\\\\"));
        }
        log_format += "$http_z";
        let mut tail = String::new();
        for (value, literal) in values.iter().zip(literals) {
            tail += &format!("{value}{literal}{noise}");
        }
        for asked in [["remote_user", "http_a", "request_time", "http_b"], ["upstream_header_time", "http_c", "http_z", "uri"]] {
            let overridden = FieldOverride { role: Role::Duration, name: "msec".to_owned(), unit: Some(Unit::Nanos) };
            let wanted = Wanted { fields: vec![overridden], ..extras(&asked) };
            let log_format = format!("'{log_format}'").replacen('\'', "escape=default '", 1);
            let format = compile(&log_format, &wanted);
            let line = format!("1746057600|200|GET|/|{tail}");
            let split = naive_split(&literals[..6], tail.as_bytes());
            let mut parser = format.parser();
            match (parser.parse_line(line.as_bytes()), split) {
                (Line::Request(request), Some(split)) => {
                    for (number, name) in asked.iter().enumerate() {
                        let extra = request.extras.get(number);
                        let index = names.iter().chain(&["http_z"]).position(|other| other == name);
                        let expected = index.map_or(&b"/"[..], |index| split[index]);
                        let mut unescaped = Vec::new();
                        unescape::unescape(value::present(expected).unwrap_or_default(), Escape::Default, &mut unescaped);
                        prop_assert_eq!(extra.unwrap_or_default(), &unescaped[..], "{} in {}", name, line);
                    }
                }
                (Line::Rejected(_), None) => {}
                (parsed, split) => prop_assert!(false, "{parsed:?} {split:?} {line}"),
            }
        }
    }

    #[test]
    fn a_rendered_line_parses_back(
        addr in "[0-9a-f.:]{1,39}",
        user in "-|[a-z]{1,12}",
        second in 0i64..2_000_000_000,
        method in "GET|POST|[A-Z][A-Z_-]{0,19}",
        path in "/[!-~&&[^\"\\\\]]{0,80}",
        status in 100u16..600,
        bytes in any::<u32>(),
        referer in word(),
        agent in word(),
        millis in 0u64..100_000_000,
        upstream in prop::collection::vec(0u64..100_000, 0..4),
    ) {
        let time = chrono::DateTime::from_timestamp(second, 0).unwrap().format("%d/%b/%Y:%H:%M:%S +0000");
        let seconds = |millis: &u64| format!("{}.{:03}", millis / 1000, millis % 1000);
        let list = if upstream.is_empty() { "-".to_owned() } else { upstream.iter().map(seconds).collect::<Vec<_>>().join(", ") };
        let line = format!(
            "{addr} - {user} [{time}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{agent}\" rt={} uct=- urt={list}",
            seconds(&millis),
        );
        for latency in [Latency::Request, Latency::Upstream] {
            let format = compile(TIMED, &Wanted { latency, ..extras(&["http_referer", "http_user_agent", "remote_addr"]) });
            let mut parser = format.parser();
            let Line::Request(request) = parser.parse_line(line.as_bytes()) else { panic!("{line}") };
            prop_assert_eq!(request.timestamp_ms, second * 1000);
            prop_assert_eq!(request.method, method.as_bytes());
            prop_assert_eq!(request.path, path.as_bytes());
            prop_assert_eq!(request.status, status);
            let total = match latency {
                Latency::Request => Some(millis),
                Latency::Upstream => (!upstream.is_empty()).then(|| upstream.iter().sum()),
            };
            prop_assert_eq!(request.duration.map(DecimalMs::nanos), total.map(|millis| millis * 1_000_000));
            prop_assert_eq!(request.developer, value::present(user.as_bytes()));
            prop_assert_eq!(request.extras.get(0), value::present(referer.as_bytes()));
            prop_assert_eq!(request.extras.get(1), value::present(agent.as_bytes()));
            prop_assert_eq!(request.extras.get(2), Some(addr.as_bytes()));
        }
    }

    #[test]
    fn arbitrary_text_never_panics_in_compile(text in "\\PC*", near in r#"(log_format |escape=|\$[a-z]{0,3}|\$\{|[ '"\\;#{}]|\$request|\$status|\$msec){0,20}"#) {
        for text in [text, near] {
            if let Ok(format) = LogFormat::compile("x", &text, &wanted()) {
                let _ = format.parser().parse_line(text.as_bytes());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_in_parse_line(
        start in 0usize..120,
        cut in 0usize..120,
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        log_format in prop::sample::select(vec![COMBINED, TIMED, "$msec$$", "$msec\n$status\t$request"]),
    ) {
        let good = r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "GET / HTTP/1.1" 200 12 "-" "-" rt=0.010 uct=- urt=-"#.as_bytes();
        let Ok(format) = LogFormat::compile("x", log_format, &extras(&["status", "request"])) else { return Ok(()) };
        let mut parser = format.parser();
        let start = start.min(good.len());
        let mixed = [&good[..start], &bytes, &good[cut.min(good.len())..]].concat();
        for line in [&bytes[..], &mixed, good] {
            if let Line::Rejected(rejection) = parser.parse_line(line) {
                prop_assert!((1..=line.len() + 1).contains(&rejection.column));
                prop_assert!(line[rejection.column - 1..].starts_with(rejection.found));
            }
        }
    }
}
