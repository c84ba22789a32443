use super::*;
use crate::plan::{FieldOverride, Role};
use proptest::prelude::*;

const COMMON: &str = r#"192.0.2.7 - - [01/May/2025:00:00:00 +0000] "GET /a HTTP/1.1" 200 12"#;
const AGENT: &str = r#" "https://example.com/" "Mozilla/5.0 (X11; Linux x86_64) rt=1""#;

fn detect(lines: &[&str]) -> Result<(String, usize), NoFormat> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    detect_text(&lines, &Wanted::default()).map(|(format, parsed)| (format.info().name, parsed))
}

fn check(expected: &str, tail: &str) {
    let line = format!("{COMMON}{tail}");
    assert_eq!(detect(&[&line]), Ok((format!("nginx {expected}"), 1)), "{line}");
}

#[test]
fn every_preset_is_detected_from_a_line_of_its_own() {
    let agent = |tail: &str| format!("{AGENT}{tail}");
    check("common", "");
    check("common-time", " 0.005");
    check("combined", AGENT);
    check("combined-rt", &agent(" rt=0.010 uct=- urt=0.010, 0.003"));
    check("combined-rt-only", &agent(" rt=0.010"));
    check("combined-rt-urt", &agent(" rt=0.010 urt=0.009"));
    check("combined-rt-quoted", &agent(r#" rt=0.010 uct="0.000" uht="0.009" urt="0.009""#));
    check("combined-time", &agent(" 0.010"));
    check("combined-times", &agent(" 0.010 0.009, 0.001"));
    check("combined-xff", &agent(r#" "-""#));
    check("combined-xff-time", &agent(r#" "198.51.100.1, 198.51.100.2" 0.010"#));
    check("combined-xff-rt", &agent(r#" "-" rt=0.010 uct=0.001 urt=0.009"#));
    check("combined-xff-rt-only", &agent(r#" "-" rt=0.010"#));
    check("combined-xff-rt-urt", &agent(r#" "-" rt=0.010 urt=-"#));
}

proptest! {
    #[test]
    fn the_best_is_the_first_by_rank(
        tails in prop::collection::vec(
            prop::sample::select(vec![
                "", " 0.005", " 7", " x", r#" "-" "curl""#, r#" "-" "curl" 0.010"#, r#" "-" "curl" 10"#, r#" "-" "curl" "-""#,
                r#" "-" "curl" rt=0.010"#, r#" "-" "curl" rt=0.010 uct=- urt=-"#, r#" "-" "curl" rt=0.010 urt=-"#,
            ]),
            0..12,
        ),
    ) {
        let lines: Vec<String> = tails.iter().map(|tail| format!("{COMMON}{tail}")).collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let wanted = plain(&Wanted::default());
        let name = |best: Option<(&Preset, usize)>| best.map(|(preset, parsed)| (preset.name, parsed));
        prop_assert_eq!(name(best(&Sample::new(&lines), &wanted)), name(rank(&lines, &wanted).first().copied()));
    }
}

const PROXY: &str = r#"[01/Jun/2026:12:00:31 +0000] - 200 200 - GET https example.com "/a" [Client 192.0.2.1] [Length 12] [Gzip -] [Sent-to 192.0.2.9] "curl/8.0" "-""#;
const STANDARD: &str = r#"[01/Jun/2026:12:00:32 +0000] 404 - GET https example.com "/b" [Client 192.0.2.1] [Length 12] [Gzip -] "curl/8.0" "-""#;

#[test]
fn two_layouts_of_one_product_are_read_where_both_are_found() {
    let named = |name: &str, parsed| Ok((name.to_owned(), parsed));
    let both = "nginx-proxy-manager and nginx-proxy-manager standard";
    assert_eq!(detect(&[PROXY, STANDARD, "x"]), named(both, 2));
    assert_eq!(detect(&[STANDARD, "", PROXY, "x"]), named(both, 2));
    assert_eq!(detect(&["x", STANDARD, "y", PROXY]), named(both, 2));
    assert_eq!(detect(&[PROXY, PROXY, STANDARD]), named(both, 3));
    assert_eq!(detect(&[STANDARD, STANDARD, STANDARD, PROXY]), named(both, 4));
    assert_eq!(detect(&[PROXY, PROXY, "x"]), named("nginx-proxy-manager", 2));
    assert_eq!(detect(&[STANDARD, "x"]), named("nginx-proxy-manager standard", 1));
    let guess = |lines: &[&str]| match detect(lines) {
        Err(NoFormat::Unknown { guess, .. }) => guess.map(|guess| (guess.preset, guess.parsed)),
        found => panic!("{found:?}"),
    };
    // Together they read two of five, and the better of them fewer than a third.
    assert_eq!(guess(&["x", STANDARD, "y", PROXY, "z"]), None);
    assert_eq!(guess(&["x", STANDARD, "y"]), Some(("nginx-proxy-manager-standard", 1)));
    assert_eq!(guess(&["x", "y"]), None);
    assert_eq!(guess(&[]), None);
}

#[test]
fn a_pair_gives_up_only_what_it_cannot_read_without() {
    let lines = [PROXY, STANDARD, "x"].map(str::as_bytes);
    let extra = |name: &str| Wanted { extras: vec![name.to_owned()], ..Wanted::default() };
    let lacking = |wanted: &Wanted| match detect_text(&lines, wanted) {
        Ok((format, parsed)) => format!("{} {parsed}", format.info().name),
        Err(error) => error.to_string(),
    };
    assert_eq!(lacking(&extra("server")), "nginx-proxy-manager and nginx-proxy-manager standard 2");
    assert!(lacking(&extra("severs")).starts_with("the log is in the format `nginx-proxy-manager`: the log format"));
    let field = FieldOverride { role: Role::Status, name: "upstream_status".to_owned(), unit: None };
    let status = lacking(&Wanted { fields: vec![field.clone()], ..Wanted::default() });
    assert!(status.starts_with("the log is in the format `nginx-proxy-manager-standard`: the log format"), "{status}");
    let (mostly, wanted) =
        ([PROXY, PROXY, STANDARD].map(str::as_bytes), Wanted { fields: vec![field], ..Wanted::default() });
    let alone = detect_text(&mostly, &wanted).map(|(format, parsed)| (format.info().name, parsed));
    assert_eq!(alone, Ok(("nginx-proxy-manager".to_owned(), 2)));
}

/// What a line of another server is taken for, and what is read of it: the time after 2026-06-01T12:00:00Z, the
/// request, the latency and the developer.
fn read(line: &str) -> String {
    let (TextFormat::One(format), _) = detect_text(&[line.as_bytes()], &Wanted::default()).unwrap() else {
        panic!("one layout")
    };
    let mut parser = format.parser();
    let Line::Request(request) = parser.parse_line(line.as_bytes()) else { panic!("no request in {line}") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let latency = request.duration.map(|duration| format!(" {}ms", duration.millis())).unwrap_or_default();
    let developer = request.developer.map(|name| format!(" by {}", text(name))).unwrap_or_default();
    let (method, path) = (text(request.method), text(request.path));
    let offset_ms = request.timestamp_ms - 1_780_315_200_000;
    format!("{}: +{offset_ms} {method} {path} {}{latency}{developer}", format.info().name, request.status)
}

#[test]
fn other_servers_lines_are_known_and_read() {
    const STAMP: &str = "01/Jun/2026:12:00:00 +0000";
    let clf = |tail: &str| format!(r#"192.0.2.1 - bob [{STAMP}] "GET /a HTTP/1.1" 200 12{tail}"#);
    let agents = r#" "-" "curl/8.0""#;
    for (line, expected) in [
        (
            clf(&format!("{agents} 435 0.010 [shop-cart-80] [] 192.0.2.9:80, 192.0.2.8:80 5, 7 0.002, 0.007 502, 200 f00d")),
            "nginx ingress-nginx: +0 GET /a 200 10ms by bob",
        ),
        (format!("example.com:443 {}", clf(agents)), "Apache vhost_combined: +0 GET /a 200 by bob"),
        (format!("example.com {}", clf(agents)), "nginx host-combined: +0 GET /a 200 by bob"),
        (format!("example.com {}", clf(&format!(r#"{agents} "-""#))), "nginx host-combined-xff: +0 GET /a 200 by bob"),
        (format!("example.com {}", clf(agents)).replace("- bob", "- f00d bob"), "BunkerWeb: +0 GET /a 200 by bob"),
        (clf(&format!("{agents} 15250")), "Apache combined %D: +15 GET /a 200 15.25ms by bob"),
        (clf(" 15250"), "Apache common %D: +15 GET /a 200 15.25ms by bob"),
        (clf(&format!("{agents} 5.123 ms")), "morgan combined :response-time ms: +0 GET /a 200 5.123ms by bob"),
        (
            clf(&format!(r#"{agents} 7 "shop@docker" "http://192.0.2.9:80" 12ms"#)),
            "Traefik CLF: +12 GET /a 200 12ms by bob",
        ),
        (
            format!(r#"[{STAMP}] - 404 404 - GET http example.com "/a" [Client 192.0.2.1] [Length 192] [Gzip 3.10] [Sent-to app] "curl/8.0" "-""#),
            "nginx-proxy-manager: +0 GET /a 404",
        ),
        (
            format!(r#"[{STAMP}] 200 - GET http example.com "/a" [Client 192.0.2.1] [Length 192] [Gzip -] "curl/8.0" "-""#),
            "nginx-proxy-manager standard: +0 GET /a 200",
        ),
        (
            r#"192.0.2.1:7 [01/Jun/2026:12:00:00.250] web~ shop/s1 0/0/1/43/+2707 200 +26170 - - ---- 3/3/1/1/+1 0/0 {curl/8.0} {} "GET /a HTTP/1.1""#.to_owned(),
            "HAProxy httplog: +250 GET /a 200",
        ),
        (
            r#"192.0.2.1:7 [01/Jun/2026:12:00:00.250] web shop/s1 0/0/1/43/50 200 26170 - - ---- 3/3/1/1/0 0/0 "GET /a HTTP/1.1""#.to_owned(),
            "HAProxy httplog: +300 GET /a 200 50ms",
        ),
        (
            r#"https 2026-06-01T12:00:00.186641Z app/x/1 192.0.2.1:7 192.0.2.9:80 0.086 0.048 0.037 200 200 0 57 "GET https://example.com:443/a HTTP/1.1" "curl/8.0" C TLSv1.2 arn:x "Root=1" "example.com" "arn:y" 1 2026-06-01T12:00:00.022Z "forward" "-" "-""#.to_owned(),
            "AWS ALB: +186 GET https://example.com:443/a 200 48ms",
        ),
        (
            r#"http 2026-06-01T12:00:00Z app/x/1 192.0.2.1:7 - -1 -1 -1 503 - 0 57 "GET http://example.com:80/a HTTP/1.1" "-" - - - "Root=1" "-" "-" 0 2026-06-01T12:00:00Z "fixed-response" "-" "-""#.to_owned(),
            "AWS ALB: +0 GET http://example.com:80/a 503",
        ),
        (
            r#"2026-06-01T12:00:00.945958Z elb-1 192.0.2.1:7 192.0.2.9:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://example.com:80/a HTTP/1.1" "curl/8.0" - -"#.to_owned(),
            "AWS classic ELB: +945 GET http://example.com:80/a 200 1.048ms",
        ),
        (
            r#"[2026-06-01T12:00:00.310Z] "POST /api/v1 HTTP/2" 204 - 154 0 226 100 "192.0.2.1" "curl/8.0" "f00d" "example.com" "tcp://192.0.2.9:80""#.to_owned(),
            "Envoy: +536 POST /api/v1 204 226ms",
        ),
        (
            r#"[2026-06-01T12:00:00.310Z] "GET /a HTTP/1.1" 504 UT response_timeout - "-" 0 24 15000 - "-" "curl/8.0" "f00d" "example.com" "192.0.2.9:80" out|80||s.local 192.0.2.2:5 192.0.2.9:80 192.0.2.1:7 - default"#.to_owned(),
            "Envoy of Istio: +15310 GET /a 504 15000ms",
        ),
        (
            "1780315200.129  19827 192.0.2.1 TCP_MISS/200 4510 GET http://example.com/a - HIER_DIRECT/192.0.2.9 text/html".to_owned(),
            "Squid: +129 GET http://example.com/a 200 19827ms",
        ),
        (
            "2026/06/01 12:00:00 [2026-06-01 12:00:00.150624] [router:host-http] [origin:example.com] [client: 192.0.2.1] [useragent: curl/8.0 (x)] POST /a 404".to_owned(),
            "Zoraxy: +150 POST /a 404",
        ),
    ] {
        assert_eq!(read(&line), expected, "{line}");
    }
}

#[test]
fn small_whole_numbers_at_a_lines_end_tell_no_unit() {
    let line = |latency: &str| format!("{COMMON}{AGENT} {latency}");
    assert_eq!(detect(&[&line("1000")]), Ok(("Apache combined %D".to_owned(), 1)));
    let unknown = NoFormat::UnknownUnit { in_micros: "apache-combined-us", in_seconds: "apache-combined-s" };
    assert_eq!(detect(&[&line("999"), &line("0")]), Err(unknown));
    let common = NoFormat::UnknownUnit { in_micros: "apache-common-us", in_seconds: "apache-common-s" };
    assert_eq!(detect(&[&format!("{COMMON} 3")]), Err(common));
}

#[test]
fn half_of_the_lines_are_enough_and_a_third_for_a_guess() {
    let combined = format!("{COMMON}{AGENT}");
    assert_eq!(detect(&["x", "", &combined, " "]), Ok(("nginx combined".to_owned(), 1)));
    let guess = Guess {
        preset: "combined",
        parsed: 1,
        lines: 3,
        rejection: "line 2, column 1: found `x\\x1b[31m`, expected `$remote_addr` and then ` - `".to_owned(),
    };
    let expected = NoFormat::Unknown { looks: Looks::Text, guess: Some(guess) };
    assert_eq!(detect(&["", "x\x1b[31m", &combined, "y"]), Err(expected));
    let without_guess = NoFormat::Unknown { looks: Looks::Text, guess: None };
    assert_eq!(detect(&["x", &combined, "y", "z"]), Err(without_guess));
}

#[test]
fn a_wanted_field_does_not_decide_the_format() {
    let line = format!("{COMMON}{AGENT}");
    let lines = [line.as_bytes()];
    let wanted = Wanted { extras: vec!["http_referrer".to_owned()], ..Wanted::default() };
    let error = detect_text(&lines, &wanted).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log is in the format `combined`: the log format logs no `http_referrer`, did you mean \
         `http_referer`?; it logs remote_addr, remote_user, time_local, request, status, body_bytes_sent, \
         http_referer, http_user_agent"
    );
    let field = FieldOverride { role: Role::Status, name: "http_referer".to_owned(), unit: None };
    let wanted = Wanted { fields: vec![field], ..Wanted::default() };
    assert_eq!(detect_text(&lines, &wanted).map(|(_, parsed)| parsed), Ok(0));
}
