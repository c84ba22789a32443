//! Lines as real loggers write them, with made-up addresses and names.

use super::*;

#[test]
fn nginx_with_quoted_numbers() {
    let line = r#"{"time_local":"01/Jun/2026:14:00:00 +0200","remote_addr":"192.0.2.1","remote_user":"","request":"GET /api/v1/users?id=7 HTTP/1.1","status":"200","body_bytes_sent":"368","request_time":"0.048","upstream_response_time":"0.047","http_user_agent":"curl\/8.0 \"x\""}"#;
    assert_eq!(read(line), "+0 GET /api/v1/users?id=7 200 48ms");
    let broken = line.replace("GET /api/v1/users?id=7 HTTP/1.1", r"\u0016\u0003\u0001").replace("\"200\"", "\"400\"");
    assert_eq!(read_by(line, &broken), "no request");
    let empty = line.replace("GET /api/v1/users?id=7 HTTP/1.1", "").replace("0.048", "-");
    assert_eq!(read_by(line, &empty), "no request");
    let absent = line.replace("0.048", "-").replace("\"remote_user\":\"\"", "\"remote_user\":\"bob\"");
    assert_eq!(read_by(line, &absent), "+0 GET /api/v1/users?id=7 200 by bob");
}

#[test]
fn nginx_with_plain_numbers() {
    let line = r#"{"time_iso8601":"2026-06-01T12:00:00+00:00","remote_addr":"192.0.2.1","request_method":"GET","uri":"/api/products/123480","status":200,"request_time":0.010,"body_bytes_sent":368,"sent_http_content_type":"text/html"}"#;
    assert_eq!(read(line), "+0 GET /api/products/123480 200 10ms");
    assert_eq!(read_by(line, &line.replace(":200,", ":000,")), "no request");
    for (content_type, mark) in
        [("text/event-stream", " long"), ("Text/Event-Stream; charset=utf-8", " long"), ("text/event", "")]
    {
        let line = line.replace("text/html", content_type);
        assert_eq!(read(&line), format!("+0 GET /api/products/123480 200 10ms{mark}"));
    }
}

#[test]
fn nginx_without_json_escaping() {
    let good = r#"{"msec":"1780315200.123","method":"GET","uri":"/a","status":200,"request_time":1.5}"#;
    let line = good.replace("/a", r"/a\x22b");
    assert_eq!(read_by(good, &line), "+123 GET /a\"b 200 1500ms");
}

#[test]
fn the_libraries_pattern_objects() {
    let line = r#"{"timestamp":"2026-06-01T12:00:00.250Z","method":"POST","path":"/orders","statusCode":201,"durationMs":48.799,"correlationId":"c-1","metadata":{"developerId":"dev_1","region":"eu"}}"#;
    assert_eq!(read(line), "+250 POST /orders 201 48.799ms by dev_1");
    let epoch = line.replace("\"2026-06-01T12:00:00.250Z\"", "1780315200250").replace("48.799", "4.8799E1");
    assert_eq!(read_by(line, &epoch), "+250 POST /orders 201 48.799ms by dev_1");
}

#[test]
fn pino_http() {
    let line = r#"{"level":30,"time":1780315200456,"pid":1,"hostname":"web","req":{"id":1,"method":"GET","url":"/health?x=1","headers":{"host":"example.test","accept":["*/*",null]},"remoteAddress":"::1"},"res":{"statusCode":304,"headers":{}},"responseTime":7,"msg":"request completed"}"#;
    assert_eq!(read(line), "+456 GET /health?x=1 304 7ms");
    let other = r#"{"level":30,"time":1780315200456,"pid":1,"hostname":"web","msg":"listening"}"#;
    assert_eq!(read_by(line, other), "no request");
    let without_status = line.replace("statusCode", "code");
    assert!(read_by(line, &without_status).ends_with("expected a field `res.statusCode`"));
}

#[test]
fn caddy() {
    let line = r#"{"level":"info","ts":1780315200.7564995,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.1","proto":"HTTP/1.0","method":"GET","host":"example.test","uri":"/x","headers":{"Accept":["*/*"]}},"bytes_read":0,"user_id":"","duration":0.000002701,"size":0,"status":200,"resp_headers":{"Server":["Caddy"]}}"#;
    assert_eq!(read(line), "+756 GET /x 200 0.002701ms");
    let whole = line.replace("0.000002701", "2");
    assert_eq!(detect(&[&whole], &Wanted::default()).unwrap().info().latency_unit, Some(Unit::Seconds));
    assert_eq!(read_by(line, &line.replace("\"status\":200", "\"status\":0")), "no request");
}

#[test]
fn traefik() {
    let line = r#"{"ClientHost":"192.0.2.1","DownstreamStatus":200,"Duration":357313,"OriginDuration":324669,"OriginStatus":200,"Overhead":32644,"RequestMethod":"GET","RequestPath":"/a.save","ServiceURL":{"Scheme":"http","User":null},"StartUTC":"2026-06-01T11:59:59.587782192Z","level":"info","time":"2026-06-01T12:00:00Z"}"#;
    // The start and the duration rather than `time`, which is cut to seconds: .587782192 and .000357313.
    assert_eq!(read(line), "+-412 GET /a.save 200 0.324669ms");
    assert_eq!(read_by(line, &line.replace("357313", "217807")), "+-413 GET /a.save 200 0.324669ms");
    assert_eq!(read_by(line, &line.replace("357313", "217808")), "+-412 GET /a.save 200 0.324669ms");
    let without_start = line.replace("StartUTC", "Start");
    assert_eq!(read(&without_start), "+0 GET /a.save 200 0.324669ms");
    let info = detect(&[line], &Wanted::default()).unwrap().info();
    assert_eq!((info.latency_field.as_deref(), info.latency_unit), (Some("OriginDuration"), Some(Unit::Nanos)));
}

#[test]
fn alp() {
    let line = r#"{"time":"2026-06-01T21:00:00+09:00","method":"POST","uri":"/foo?token=x","status":200,"body_bytes":12,"response_time":0.057,"ua":"UA1"}"#;
    assert_eq!(read(line), "+0 POST /foo?token=x 200 57ms");
}

#[test]
fn a_latency_that_few_lines_have_gives_way_to_the_upstreams() {
    let plain = r#"{"time":"2026-06-01T12:00:00Z","method":"GET","uri":"/a","status":200,"apptime":0.057}"#;
    let both = plain.replace('}', r#","reqtime":0.060}"#);
    let field = |lines: &[&str]| detect(lines, &Wanted::default()).unwrap().info().latency_field.unwrap();
    assert_eq!(field(&[&both, plain]), "reqtime");
    assert_eq!(field(&[&both, plain, plain]), "apptime");
}

#[test]
fn elastic_common_schema() {
    let dotted = r#"{"@timestamp":"2026-06-01T12:00:00.000Z","http.request.method":"GET","url.path":"/a","http.response.status_code":200,"event.duration":1500000}"#;
    let nested = r#"{"@timestamp":"2026-06-01T12:00:00.000Z","http":{"request":{"method":"GET"},"response":{"status_code":200}},"url":{"path":"/a"},"event":{"duration":1500000}}"#;
    for (sample, line) in [(dotted, dotted), (dotted, nested), (nested, dotted), (nested, nested)] {
        assert_eq!(read_by(sample, line), "+0 GET /a 200 1.5ms");
    }
}

#[test]
fn stamps_without_a_zone_are_in_the_one_wanted() {
    let line = r#"{"time":"2026-06-01 14:00:00","method":"GET","path":"/a","status":200}"#;
    let wanted = Wanted { timezone: Timezone::Offset(7_200), ..Wanted::default() };
    let map = detect(&[line], &wanted).unwrap();
    assert_eq!(show(map.parser().parse_line(line.as_bytes())), "+0 GET /a 200");
}

#[test]
fn envoy() {
    let line = r#"{":authority":"example.com","duration":11,"method":"GET","response_code":200,"response_flags":"UT","start_time":"2026-06-01T12:00:00.100Z","upstream_host":null,"x-envoy-origin-path":"/a?b=1","x-envoy-upstream-service-time":"9"}"#;
    // The start and the duration make the end.
    assert_eq!(read(line), "+111 GET /a?b=1 200 11ms");
    let wanted = Wanted { latency: Latency::Upstream, extras: vec!["response_flags".to_owned()], ..Wanted::default() };
    let map = detect(&[line], &wanted).unwrap();
    assert_eq!(show(map.parser().parse_line(line.as_bytes())), "+111 GET /a?b=1 200 9ms [UT]");
    assert_eq!(read_by(line, &line.replace(":200,", ":0,")), "no request");
    assert_eq!(read_by(line, &line.replace("\"duration\":11", "\"duration\":null")), "+100 GET /a?b=1 200");
}

fn read_all(map: &FieldMap<impl Scan>, lines: &[&str]) -> Vec<String> {
    let mut parser = map.parser();
    lines.iter().map(|line| show(parser.parse_line(line.as_bytes()))).collect()
}

fn bytes<'l>(lines: &[&'l str]) -> Vec<&'l [u8]> {
    lines.iter().map(|line| line.as_bytes()).collect()
}

#[test]
fn ltsv() {
    let line = "time:01/Jun/2026:14:00:00 +0200\tmethod:POST\turi:/a?b=1\tstatus:200\treqtime:0.057\tuser:-\tua:x:y";
    let lines = [
        line,
        "time:[01/Jun/2026:12:00:01 +0000]\treqtime:-\tstatus:503\turi:/b\tmethod:GET\tuser:bob\t",
        "time:01/Jun/2026:14:00:00 +0200\tmethod:POST\tno label",
        "time:01/Jun/2026:14:00:00 +0200\tstatus:200\tmethod:GET",
        "level:info\tmsg:started",
        "no label",
    ];
    assert!(LtsvMap::fits(line.as_bytes()) && !LtsvMap::fits(b"a:b") && !LtsvMap::fits(b"a b:c\td:e"));
    let wanted = Wanted { extras: vec!["ua".to_owned()], ..Wanted::default() };
    let map = LtsvMap::detect(&bytes(&lines[..1]), &wanted).unwrap();
    assert_eq!(
        read_all(&map, &lines),
        [
            "+0 POST /a?b=1 200 57ms [x:y]",
            "+1000 GET /b 503 by bob",
            "45: found `no label`, expected `label:value`, tabs between the fields",
            "54: found ``, expected a field `uri`",
            "no request",
            "1: found `no label`, expected `label:value`, tabs between the fields",
        ]
    );
    let request = "time:2026-06-01T12:00:00Z\treq:GET /c HTTP/1.1\tstatus:200\tapptime:0.5\treqtime_microsec:1500";
    let map = LtsvMap::detect(&bytes(&[request]), &Wanted::default()).unwrap();
    assert_eq!(read_all(&map, &[request]), ["+0 GET /c 200 1.5ms"]);
    let upstream = Wanted { latency: Latency::Upstream, ..Wanted::default() };
    assert_eq!(read_all(&LtsvMap::detect(&bytes(&[request]), &upstream).unwrap(), &[request]), ["+0 GET /c 200 500ms"]);
}

#[test]
fn iis() {
    let header = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query cs-username sc-status time-taken";
    let lines = [
        "#Software: Microsoft Internet Information Services 10.0",
        header,
        "2026-06-01 12:00:00 192.0.2.1 GET /a+b - - 200 15",
        "2026-06-01 12:00:01 192.0.2.1 GET /a - bob 500 1283",
        "#Fields: date time s-ip",
        header,
        "2026-06-01 12:00:00 192.0.2.1 GET",
        "2026-06-01 12:00:00 192.0.2.1 GET /a - - 200 15 7",
        "2026-06-01 25:00:00 192.0.2.1 GET /a - - 200 15",
    ];
    let map = W3cMap::detect(&bytes(&lines), &Wanted::default()).unwrap().unwrap();
    assert_eq!((map.info().name.as_str(), map.info().latency_unit), ("IIS", Some(Unit::Millis)));
    assert_eq!(
        read_all(&map, &lines),
        [
            "comment",
            "comment",
            "+0 GET /a+b 200 15ms",
            "+1000 GET /a 500 1283ms by bob",
            "comment",
            "comment",
            "34: found ``, expected as many values as `#Fields:` has columns",
            "49: found `7`, expected the end of the line: `#Fields:` has no more columns",
            "1: found `2026-06-01 25:00:00`, expected a time such as 2026-06-01T12:00:00.000Z or seconds \
             since 1970 in `date time`",
        ]
    );
}

#[test]
fn cloudfront_with_and_without_its_header() {
    let row = "2026-06-01\t12:00:00\tFRA2\t703\t192.0.2.1\tGET\texample.com\t/a\t200\t-\tcurl/8.0%20x\tq=1\t-\tHit\tid==\t\
               example.com\thttps\t62\t0.113\t-\tTLSv1.3\tC\tHit\tHTTP/2.0\t-\t-\t51754\t0.113\tHit\ttext/plain\t20\t-\t-";
    let header = format!("#Fields: {}", w3c::CLOUDFRONT);
    for lines in [vec!["#Version: 1.0", header.as_str(), row], vec![row]] {
        let map = W3cMap::detect(&bytes(&lines), &Wanted::default()).unwrap().unwrap();
        assert_eq!((map.info().name.as_str(), map.info().latency_unit), ("CloudFront", Some(Unit::Seconds)));
        assert_eq!(read_all(&map, &[row]), ["+0 GET /a 200 113ms"]);
    }
    assert!(W3cMap::detect(&bytes(&["2026-06-01\t12:00:00\tGET"]), &Wanted::default()).is_none());
}

#[test]
fn w3c_tables_with_quotes_and_runs_of_spaces() {
    let lines = [
        "#Version: 1.0",
        "#Fields:  c-ip  cs(User-Agent)  date  time  cs-method  cs-uri  sc-status  time-taken",
        "192.0.2.1   \"a \"\"b\"\" c\"  \"2026-06-01\"  12:00:00.5  GET   \"\"   200  2",
        "192.0.2.1   x  2026-06-01   12:00:00   GET   /a   200   2   ",
    ];
    let wanted = Wanted { extras: vec!["cs(User-Agent)".to_owned()], ..Wanted::default() };
    let map = W3cMap::detect(&bytes(&lines), &wanted).unwrap().unwrap();
    assert_eq!((map.info().name.as_str(), map.info().latency_unit), ("W3C", Some(Unit::Seconds)));
    assert_eq!(read_all(&map, &lines[2..]), ["no request", "+0 GET /a 200 2000ms [x]"]);
    let path_too = lines[2].replace("\"\"   200", "/b   200");
    assert_eq!(read_all(&map, &[&path_too]), ["+500 GET /b 200 2000ms [a \"\"b\"\" c]"]);
    let no_row = W3cMap::detect(&bytes(&lines[..2]), &wanted).unwrap().map(|_| ());
    assert_eq!(no_row, Err(NoFields::NoRow { columns: 8 }));
}

#[test]
fn w3c_uris_without_a_scheme() {
    let header = "#Fields: date time cs-method cs-uri cs-uri-query sc-status";
    let row = |uri: &str| format!("\"2026-06-01\" \"12:00:00\" \"GET\" \"{uri}\" \"x=1\" \"200\"");
    // Each as the only target of a log, and behind others.
    let detect = |header: &str, others: &[&str], uri: &str, wanted: &Wanted| {
        let rows: Vec<String> = others.iter().chain([&uri]).map(|uri| row(uri)).collect();
        let lines: Vec<&str> = [header].into_iter().chain(rows.iter().map(String::as_str)).collect();
        W3cMap::detect(&bytes(&lines), wanted).unwrap().map(|map| read_all(&map, &[&row(uri)]).join(""))
    };
    let read = |others: &[&str], uri: &str| detect(header, others, uri, &Wanted::default());
    let request = |path: &str| Ok(format!("+0 GET {path} 200"));
    let missing = |read: Result<String, NoFields>| matches!(read, Err(NoFields::Missing { role: Role::Path, .. }));
    let asked = Wanted { fields: vec![field(Role::Path, "cs-uri", None)], ..Wanted::default() };
    let hosted = ["example.com/b", "example.com/c"];
    for (uri, path) in [("example.com/a.php", "/a.php"), ("localhost/a", "/a"), ("example.com:8080/", "/")] {
        assert_eq!(read(&[], uri), request(path), "{uri}");
        // What can be read without the cut is read without it, and so is what was asked for.
        assert_eq!(read(&["http://example.com/b"], uri), request(uri), "{uri}");
        assert_eq!(detect(header, &hosted, uri, &asked), request(uri), "{uri}");
    }
    for other in ["default.asp", "styles.css?v=1", "images/a.png", "about:blank", "example.com:443", "example.com"] {
        assert!(missing(read(&[], other)), "{other}");
        for others in [&hosted[..], &["/b"], &["http://example.com/b"]] {
            assert_eq!(read(others, other), request(other), "{other}");
        }
        assert_eq!(detect(header, &[], other, &asked), request(other), "{other}");
    }
    assert_eq!(read(&[], "http://example.com/a"), request("http://example.com/a"));
    assert!(missing(read(&[], "")));
    assert!(missing(read(&["index.html"], "example.com/a")));
    // No other name holds such a value, be it a column's or a key.
    assert!(missing(detect(&header.replace("cs-uri ", "cs-uri-stem "), &[], "example.com/a", &Wanted::default())));
    for name in ["url", "cs-uri"] {
        let line = format!(r#"{{"ts":1780315200,"method":"GET","{name}":"example.com/a","status":200}}"#);
        assert!(missing(super::detect(&[&line], &Wanted::default()).map(|_| String::new())));
    }
    let line = r#"{"ts":1780315200,"method":"GET","cs-uri":"example.com/a","status":200}"#;
    let map = super::detect(&[line], &asked).unwrap();
    assert_eq!(read_all(&map, &[line]), ["+0 GET example.com/a 200"]);
}

proptest! {
    #[test]
    fn bytes_never_panic_in_tables_and_pairs(line in prop::collection::vec(prop::sample::select(b"\t \"#:a-1".to_vec()), 0..40)) {
        let header = b"#Fields: date time cs-method cs-uri-stem sc-status";
        let row = b"2026-06-01 12:00:00 GET /a 200";
        let mut parser = W3cMap::detect(&[header, row], &Wanted::default()).unwrap().unwrap().parser();
        let _ = parser.parse_line(&line);
        let _ = W3cMap::detect(&[&line, &line], &Wanted::default());
        let _ = LtsvMap::detect(&[&line], &Wanted::default());
        let pair = b"time:2026-06-01T12:00:00Z\treq:GET /c HTTP/1.1\tstatus:200";
        let _ = LtsvMap::detect(&[pair], &Wanted::default()).unwrap().parser().parse_line(&line);
    }
}

#[test]
fn variables_are_found_under_the_keys_that_hold_them() {
    let format = r#"log_format j escape=json '{"t":"$time_iso8601","q":{"m":"$request_method","u":"$uri","full":"$request_uri"},"s":$status,'
        '"rt":$request_time,"up":{"addr":"$upstream_addr"},"who":"$remote_user"}';"#;
    let line = r#"{"t":"2026-06-01T12:00:00+00:00","q":{"m":"GET","u":"/a","full":"/a?b"},"s":200,"rt":0.010,"up":{"addr":"192.0.2.9:80"},"who":"bob"}"#;
    let template = crate::source::nginx::json_template(format, Latency::Request).unwrap().unwrap();
    let read = |wanted: Wanted| {
        let map = JsonMap::written_by("j", &template, &[line.as_bytes()], &wanted).unwrap();
        let mut parser = map.parser();
        let Line::Request(request) = parser.parse_line(line.as_bytes()) else { panic!("no request") };
        let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        (text(request.method), text(request.path), request.developer.map(text), request.extras.get(0).map(text))
    };
    let found = |path: &str, extra: Option<&str>| {
        ("GET".to_owned(), path.to_owned(), Some("bob".to_owned()), extra.map(str::to_owned))
    };
    let asked = |name: &str| Wanted { extras: vec![name.to_owned()], ..Wanted::default() };
    for name in ["upstream_addr", "up.addr"] {
        assert_eq!(read(asked(name)), found("/a?b", Some("192.0.2.9:80")), "{name}");
    }
    let looked_for = Wanted { optional: &[&["upstream_addr"]], ..Wanted::default() };
    assert_eq!(read(looked_for), found("/a?b", Some("192.0.2.9:80")));
    let developer = Wanted { developer: Some("remote_user".to_owned()), ..Wanted::default() };
    assert_eq!(read(developer), found("/a?b", None));
    // One part of the target that is named leaves the others to the format.
    let path = FieldOverride { role: Role::Path, name: "q.u".to_owned(), unit: None };
    assert_eq!(read(Wanted { fields: vec![path], ..Wanted::default() }), found("/a", None));
}
