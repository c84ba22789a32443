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
    assert!(read_by(line, other).ends_with("expected a field `res.statusCode`"));
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
    assert_eq!(read(line), "+0 GET /a.save 200 0.324669ms");
    let info = detect(&[line], &Wanted::default()).unwrap().info();
    assert_eq!((info.latency_field.as_deref(), info.latency_unit), (Some("OriginDuration"), Some(Unit::Nanos)));
}

#[test]
fn alp() {
    let line = r#"{"time":"2026-06-01T21:00:00+09:00","method":"POST","uri":"/foo?token=x","status":200,"body_bytes":12,"response_time":0.057,"ua":"UA1"}"#;
    assert_eq!(read(line), "+0 POST /foo?token=x 200 57ms");
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
