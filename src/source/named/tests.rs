use super::*;
use crate::plan::{FieldOverride, Latency, Role};
use proptest::prelude::*;

mod agreement;
mod formats;

/// 2026-06-01T12:00:00Z.
const JUNE_MS: i64 = 1_780_315_200_000;

fn detect(lines: &[&str], wanted: &Wanted) -> Result<JsonMap, NoFields> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    JsonMap::detect(&lines, wanted)
}

fn field(role: Role, name: &str, unit: Option<Unit>) -> FieldOverride {
    FieldOverride { role, name: name.to_owned(), unit }
}

/// Reads one line by the map that another line gives.
fn read_by(sample: &str, line: &str) -> String {
    show(detect(&[sample], &Wanted::default()).unwrap().parser().parse_line(line.as_bytes()))
}

/// Reads one line by its own map.
fn read(line: &str) -> String {
    read_by(line, line)
}

fn show(line: Line) -> String {
    let request = match line {
        Line::Request(request) => request,
        Line::NotRequest => return "no request".to_owned(),
        Line::Comment => return "comment".to_owned(),
        Line::Rejected(Rejection { column, found, expected }) => {
            return format!("{column}: found `{}`, expected {expected}", found.escape_ascii());
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut shown = format!(
        "+{} {} {} {}",
        request.timestamp_ms - JUNE_MS,
        text(request.method),
        text(request.path),
        request.status
    );
    if let Some(duration) = request.duration {
        shown += &format!(" {}ms", duration.millis());
    }
    if request.long_lived {
        shown += " long";
    }
    if let Some(developer) = request.developer {
        shown += &format!(" by {}", text(developer));
    }
    for extra in (0..EXTRA_VALUES).filter_map(|index| request.extras.get(index)) {
        shown += &format!(" [{}]", text(extra));
    }
    shown
}

const PLAIN: &str = r#"{"ts":1780315200,"method":"GET","path":"/a","status":200,"durationMs":5}"#;

#[test]
fn a_line_that_is_no_object_is_rejected() {
    for (line, shown) in [
        ("", "1: found ``, expected `{`, a JSON object"),
        ("[]", "1: found `[]`, expected `{`, a JSON object"),
        ("  x", "3: found `x`, expected `{`, a JSON object"),
        ("{", "2: found ``, expected a key in double quotes"),
        ("{,}", "2: found `,}`, expected a key in double quotes"),
        ("{a:1}", "2: found `a:1}`, expected a key in double quotes"),
        (r#"{"a}"#, "5: found ``, expected `\"` at the end of the string"),
        (r#"{"a\"#, "5: found ``, expected `\"` at the end of the string"),
        (r#"{"a" 1}"#, "6: found `1}`, expected `:` after the key"),
        (r#"{"a":}"#, "6: found `}`, expected a value"),
        (r#"{"a":tru}"#, "6: found `tru}`, expected a value"),
        (r#"{"a":1"b":2}"#, "7: found `\\\"b\\\":2}`, expected `,` or `}`"),
        (r#"{"a":1x}"#, "7: found `x}`, expected `,` or `}`"),
        (r#"{"a":1.}"#, "8: found `}`, expected a digit"),
        (r#"{"a":-}"#, "7: found `}`, expected a digit"),
        (r#"{"a":1e+}"#, "9: found `}`, expected a digit"),
        (r#"{"a":1,}"#, "8: found `}`, expected a key in double quotes"),
        (r#"{"a":[1 2]}"#, "9: found `2]}`, expected `,` or `]`"),
        (r#"{"a":[1,]}"#, "9: found `]}`, expected a value"),
        (r#"{"a":1"#, "7: found ``, expected `,` or `}`"),
        (r#"{"a":{"b":1}"#, "13: found ``, expected `,` or `}`"),
        (r#"{} {}"#, "4: found `{}`, expected the end of the line after the object"),
    ] {
        assert_eq!(read_by(PLAIN, line), shown, "{line}");
    }
}

#[test]
fn what_is_found_is_cut_short() {
    let line = format!("{{}}{}", "x".repeat(1_000));
    let shown = format!("3: found `{}`, expected the end of the line after the object", "x".repeat(32));
    assert_eq!(read_by(PLAIN, &line), shown);
}

#[test]
fn nesting_ends_at_64() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        PLAIN.replace("}", &format!(",\"deep\":{open}{close}}}"))
    };
    assert_eq!(read_by(PLAIN, &nested(64)), "+0 GET /a 200 5ms");
    assert!(read_by(PLAIN, &nested(65)).ends_with("expected at most 64 objects and arrays in each other"));
}

#[test]
fn white_space_may_stand_wherever_json_has_it() {
    let spaced = PLAIN.replace(['{', '}', ':', ','], "\t$0 ").replace("$0", "");
    assert_ne!(spaced, PLAIN);
    let spaced =
        " { \"ts\" :\t1780315200 , \"method\": \"GET\",\"path\" :\"/a\" ,\r\"status\": 200 , \"durationMs\" : 5\t} \r";
    assert_eq!(read_by(PLAIN, spaced), "+0 GET /a 200 5ms");
    assert_eq!(read_by(spaced, PLAIN), "+0 GET /a 200 5ms");
    assert_eq!(read_by(PLAIN, &format!("{PLAIN}\r")), "+0 GET /a 200 5ms");
}

#[test]
fn a_line_without_what_it_needs_is_rejected() {
    for (gone, shown) in [
        ("\"ts\":1780315200,", "57: found ``, expected a field `ts`"),
        ("\"method\":\"GET\",", "58: found ``, expected a field `method`"),
        ("\"path\":\"/a\",", "61: found ``, expected a field `path`"),
        ("\"status\":200,", "60: found ``, expected a field `status`"),
    ] {
        assert_eq!(read_by(PLAIN, &PLAIN.replace(gone, "")), shown);
    }
    assert_eq!(read_by(PLAIN, &PLAIN.replace(":200,", ":null,")), "74: found ``, expected a field `status`");
    assert_eq!(read_by(PLAIN, &PLAIN.replace(",\"durationMs\":5", "")), "+0 GET /a 200");
}

#[test]
fn a_value_that_cannot_be_is_rejected_where_it_stands() {
    for (old, new, shown) in [
        ("1780315200", "\"noon\"", "8: found `noon`, expected a time such as"),
        ("1780315200", "true", "7: found `true`, expected a time such as"),
        (":200", ":600", "54: found `600`, expected a status code from 100 to 599 in `status`"),
        (":200", ":{\"code\":200}", "54: found `{`, expected a status code from 100 to 599 in `status`"),
        (":5", ":-5", "71: found `-5`, expected a duration in ms, 0 to 1,000 days, in `durationMs`"),
        (":5", ":\"5 ms\"", "72: found `5 ms`, expected a duration in ms, 0 to 1,000 days, in `durationMs`"),
        ("\"GET\"", "[]", "27: found `[`, expected a method in `method`"),
        ("\"/a\"", "true", "40: found `true`, expected a path in `path`"),
    ] {
        let shown_line = read_by(PLAIN, &PLAIN.replacen(old, new, 1));
        assert!(shown_line.starts_with(shown), "{shown_line} instead of {shown}");
    }
}

#[test]
fn a_broken_request_is_none() {
    for (old, new) in
        [("GET", ""), ("GET", "-"), ("/a", ""), ("/a", "-"), (":200", ":0"), (":200", ":000"), (":200", ":\"000\"")]
    {
        assert_eq!(read_by(PLAIN, &PLAIN.replacen(old, new, 1)), "no request", "{old} {new}");
    }
    // It excuses nothing else.
    let line = PLAIN.replace("GET", "-").replace(":5", ":-5");
    assert!(read_by(PLAIN, &line).contains("expected a duration"));
}

#[test]
fn the_last_of_equal_names_counts() {
    assert_eq!(read_by(PLAIN, &PLAIN.replace("}", ",\"status\":404}")), "+0 GET /a 404 5ms");
    assert_eq!(read_by(PLAIN, &PLAIN.replace("}", ",\"durationMs\":null}")), "+0 GET /a 200");
    let nested = r#"{"time":1780315200000,"req":{"method":"GET","url":"/a"},"res":{"statusCode":200}}"#;
    assert_eq!(read(nested), "+0 GET /a 200");
    let again = nested.replace("}}", "},\"req\":{\"url\":\"/b\"}}");
    assert!(read_by(nested, &again).ends_with("expected a field `req.method`"));
    let flat = nested.replace("}}", "},\"req.url\":\"/b\"}");
    assert_eq!(read_by(nested, &flat), "+0 GET /b 200");
}

#[test]
fn escapes_are_undone_in_values_and_keys() {
    let line = r#"{"\u0074s":"1780315\u003200","method":"\u0047ET","path":"\/a\"\u00e4","st\u0061tus":"2\u00300"}"#;
    assert_eq!(read_by(PLAIN, line), "+0 GET /a\"\u{e4} 200");
    // The next line does not see what the last one left behind.
    let mut parser = detect(&[PLAIN], &Wanted::default()).unwrap().parser();
    for _ in 0..2 {
        assert_eq!(show(parser.parse_line(line.as_bytes())), "+0 GET /a\"\u{e4} 200");
        assert_eq!(show(parser.parse_line(PLAIN.as_bytes())), "+0 GET /a 200 5ms");
    }
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let line = [&PLAIN.as_bytes()[..PLAIN.len() - 1], b",\"ua\":\"\xFF\x00\x1B[31m\"}"].concat();
    let map = detect(&[PLAIN], &Wanted { extras: vec!["ua".to_owned()], ..Wanted::default() }).unwrap();
    let mut parser = map.parser();
    let Line::Request(request) = parser.parse_line(&line) else { panic!("not a request") };
    assert_eq!(request.extras.get(0), Some(&b"\xFF\x00\x1B[31m"[..]));
}

#[test]
fn extras_are_text_numbers_and_words() {
    let extras = ["metadata.region", "retries", "cached", "a.b"].map(str::to_owned).to_vec();
    let map = detect(&[PLAIN], &Wanted { extras, ..Wanted::default() }).unwrap();
    let with = |more: &str| show(map.parser().parse_line(PLAIN.replace("}", &format!(",{more}}}")).as_bytes()));
    assert_eq!(
        with(r#""metadata":{"region":"eu"},"retries":2.50,"cached":true"#),
        "+0 GET /a 200 5ms [eu] [2.50] [true]"
    );
    assert_eq!(with(r#""a.b":1"#), "+0 GET /a 200 5ms [1]");
    assert_eq!(with(r#""a":{"b":1}"#), "+0 GET /a 200 5ms [1]");
    assert_eq!(with(r#""metadata.region":"us""#), "+0 GET /a 200 5ms [us]");
    for none in [r#""metadata":{}"#, r#""metadata":"eu""#, r#""retries":null"#, r#""cached":[]"#, r#""retries":"-""#] {
        assert_eq!(with(none), "+0 GET /a 200 5ms", "{none}");
    }
}

#[test]
fn one_field_may_have_two_roles() {
    let wanted = Wanted {
        developer: Some("path".to_owned()),
        extras: vec!["status".to_owned(), "method".to_owned()],
        ..Wanted::default()
    };
    let map = detect(&[PLAIN], &wanted).unwrap();
    assert_eq!(show(map.parser().parse_line(PLAIN.as_bytes())), "+0 GET /a 200 5ms by /a [200] [GET]");
}

#[test]
fn a_sample_without_fields_says_what_to_do() {
    let message = |lines: &[&str], wanted: &Wanted| detect(lines, wanted).unwrap_err().to_string();
    let none = Wanted::default();
    assert_eq!(
        message(&["GET / 200", "[1]"], &none),
        "none of the 2 sampled lines is a JSON object; JSON lines have one `{...}` on each line"
    );
    assert_eq!(
        message(&[&PLAIN.replace("path", "\\u001b")], &none),
        "no field of the lines holds the path: found `\\u{1b}`, `durationMs`, `method`, `status`, `ts`; \
         name it with `--field path=NAME`"
    );
    assert!(message(&[&PLAIN.replace("method", "m")], &none).contains("holds the method"));
    assert!(message(&[&PLAIN.replace("status", "s")], &none).contains("holds the status code"));
    assert!(message(&["{}"], &none).ends_with("found no fields; name it with `--field timestamp=NAME`"));
    let typo = Wanted { fields: vec![field(Role::Duration, "tookMs", None)], ..Wanted::default() };
    assert_eq!(
        message(&[PLAIN], &typo),
        "no sampled line has the field `tookMs` of `--field duration=tookMs`: found `durationMs`, `method`, `path`, \
         `status`, `ts`; name one of these"
    );
    let many: String = (0..40).map(|n| format!("\"f{n:02}\":1,")).collect();
    assert!(message(&[&format!("{{{many}\"z\":1}}")], &none).contains("`f29` and 11 more; name"));
}

#[test]
fn names_without_sense_in_their_values_are_passed_over() {
    let line = r#"{"timestamp":"now","time":"2026-06-01T12:00:00Z","date":"2026-06-01","method":3,"req":{"method":"GET"},
        "path":"C:\\logs","url":"/a","statusCode":"OK","status":200,"durationMs":"slow","latency_ms":3}"#;
    assert_eq!(read(line), "+0 GET /a 200 3ms");
}

#[test]
fn the_field_that_most_lines_have_is_taken() {
    let by_name = |names: &[&str]| {
        let lines: Vec<String> = names.iter().map(|name| PLAIN.replace("durationMs", name)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        detect(&lines, &Wanted::default()).unwrap().info().latency_field.unwrap()
    };
    assert_eq!(by_name(&["response_time", "request_time", "response_time"]), "response_time");
    assert_eq!(by_name(&["response_time", "request_time"]), "request_time");
}

#[test]
fn the_users_fields_win() {
    let line = r#"{"time":1780315200000,"at":1780315201000,"method":"GET","verb":"PUT","path":"/a","route":"/b","status":200,
        "code":500,"durationMs":1,"took":7000,"line":"POST /c HTTP/1.1"}"#;
    let read = |fields: Vec<FieldOverride>| {
        let map = detect(&[line], &Wanted { fields, ..Wanted::default() }).unwrap();
        (show(map.parser().parse_line(line.as_bytes())), map.info().latency_unit)
    };
    let all = vec![
        field(Role::Timestamp, "at", None),
        field(Role::Method, "verb", None),
        field(Role::Path, "route", None),
        field(Role::Status, "code", None),
        field(Role::Duration, "took", Some(Unit::Micros)),
    ];
    assert_eq!(read(all), ("+1000 PUT /b 500 7ms".to_owned(), Some(Unit::Micros)));
    assert_eq!(read(vec![field(Role::Duration, "took", None)]).1, Some(Unit::Millis));
    assert_eq!(read(vec![field(Role::Request, "line", None)]).0, "+0 POST /c 200 1ms");
    let mixed = vec![field(Role::Request, "line", None), field(Role::Path, "route", None)];
    assert_eq!(read(mixed).0, "+0 POST /b 200 1ms");
    let twice = vec![field(Role::Status, "status", None), field(Role::Status, "code", None)];
    assert_eq!(read(twice).0, "+0 GET /a 500 1ms");
}

#[test]
fn the_unit_goes_by_name_then_by_decimal_point() {
    let unit = |name: &str, value: &str| {
        let line = PLAIN.replace("durationMs", name).replace(":5}", &format!(":{value}}}"));
        let fields = vec![field(Role::Duration, name, None)];
        detect(&[&line], &Wanted { fields, ..Wanted::default() }).unwrap().info().latency_unit.unwrap()
    };
    for (name, value, expected) in [
        ("request_time", "5", Unit::Seconds),
        ("responseTime", "5.5", Unit::Millis),
        ("response_time", "5", Unit::Millis),
        ("response_time", "5.0", Unit::Seconds),
        ("response_time", "\"0.005\"", Unit::Seconds),
        ("took", "\"5\"", Unit::Millis),
        ("t_us", "5.5", Unit::Micros),
        ("wallNanos", "5", Unit::Nanos),
        ("wall_seconds", "5", Unit::Seconds),
        ("handler_ms", "5.5", Unit::Millis),
    ] {
        assert_eq!(unit(name, value), expected, "{name} {value}");
    }
}

#[test]
fn the_developer_is_the_first_known_name() {
    let info = |more: &str, wanted: &Wanted| {
        let info = detect(&[&PLAIN.replace("}", &format!(",{more}}}"))], wanted).unwrap().info();
        (info.developer_field.unwrap_or_default(), info.developer_is_key)
    };
    let none = Wanted::default();
    let found = |name: &str, is_key| (name.to_owned(), is_key);
    assert_eq!(info(r#""x":1"#, &none), found("", false));
    assert_eq!(info(r#""sub":"u1","userId":7"#, &none), found("userId", false));
    assert_eq!(info(r#""user":{"id":7},"sub":"u1""#, &none), found("sub", false));
    assert_eq!(info(r#""metadata":{"developerId":"d"},"userId":7"#, &none), found("metadata.developerId", false));
    assert_eq!(info(r#""apiKey":"k""#, &none), found("apiKey", true));
    assert_eq!(info(r#""remote_user":"-""#, &none), found("remote_user", false));
    for (name, is_key) in [("http_X_API_KEY", true), ("Authorization", true), ("tokenId", true), ("client", false)] {
        let wanted = Wanted { developer: Some(name.to_owned()), ..Wanted::default() };
        assert_eq!(info(r#""userId":7"#, &wanted), found(name, is_key));
    }
}

#[test]
fn a_developer_is_a_string_or_a_number() {
    let sample = PLAIN.replace("}", ",\"userId\":\"u\"}");
    for (value, shown) in [
        ("\"u7\"", " by u7"),
        ("42", " by 42"),
        ("\"\"", ""),
        ("\"-\"", ""),
        ("null", ""),
        ("true", ""),
        ("{\"id\":1}", ""),
    ] {
        let line = PLAIN.replace("}", &format!(",\"userId\":{value}}}"));
        assert_eq!(read_by(&sample, &line), format!("+0 GET /a 200 5ms{shown}"));
    }
}

#[test]
fn the_latency_may_be_the_upstreams() {
    let line = r#"{"msec":1780315200.5,"method":"GET","uri":"/a","status":"200","request_time":"0.020",
        "upstream_response_time":"0.010, 0.003"}"#;
    let latency = |latency| {
        let map = detect(&[line], &Wanted { latency, ..Wanted::default() }).unwrap();
        (map.info().latency_field.unwrap(), show(map.parser().parse_line(line.as_bytes())))
    };
    assert_eq!(latency(Latency::Request), ("request_time".to_owned(), "+500 GET /a 200 20ms".to_owned()));
    assert_eq!(latency(Latency::Upstream), ("upstream_response_time".to_owned(), "+500 GET /a 200 13ms".to_owned()));
}
