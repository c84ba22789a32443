use super::*;
use crate::plan::Wanted;
use crate::source::preset::{Preset, by_name};

const PROXY: &str = r#"[01/Jun/2026:12:00:31 +0000] - 200 200 - GET https example.com "/a" [Client 192.0.2.1] [Length 12] [Gzip -] [Sent-to 192.0.2.9] "curl/8.0" "-""#;
const STANDARD: &str = r#"[01/Jun/2026:12:00:32 +0000] 404 - GET https example.com "/b" [Client 192.0.2.1] [Length 12] [Gzip -] "curl/8.0" "-""#;
const NEITHER: &str = "2026/06/01 12:00:33 [error] 7#7: *1 connect() failed";

fn pair(lines: &[&str], wanted: &Wanted) -> Pair {
    let own = by_name("nginx-proxy-manager").unwrap();
    let compile = |preset: &Preset| LogFormat::compile_companion(preset.title, preset.log_format, wanted).unwrap();
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    Pair::new(compile(own), compile(own.companion().unwrap()), &lines)
}

/// What a parser says of a line, as text.
fn outcome(parser: &mut impl ParseLine, line: &str) -> String {
    match parser.parse_line(line.as_bytes()) {
        Line::Request(request) => {
            let extra = request.extras.get(0).map(|value| format!(" {}", value.escape_ascii())).unwrap_or_default();
            format!("{} {}{extra}", request.path.escape_ascii(), request.status)
        }
        Line::NotRequest => "no request".to_owned(),
        Line::Comment => "comment".to_owned(),
        Line::Rejected(Rejection { column, found, expected }) => {
            format!("column {column}: found `{}`, expected {expected}", found.escape_ascii())
        }
    }
}

#[test]
fn lines_of_either_layout_are_read_and_others_rejected() {
    let mut parser = pair(&[], &Wanted::default()).parser();
    for (line, expected) in [
        (PROXY, "/a 200"),
        (STANDARD, "/b 404"),
        (&PROXY.replace("GET", "-"), "no request"),
        (&STANDARD.replace("GET", "-"), "no request"),
        (NEITHER, "column 1: found `2026/06/01 12:00:33 [error] 7#7: *1 conn`, expected `[` at the start of the line"),
    ] {
        assert_eq!(outcome(&mut parser, line), expected, "{line}");
    }
}

#[test]
fn the_reason_is_of_the_layout_that_got_further_and_of_the_first_among_equals() {
    let pair = pair(&[], &Wanted::default());
    let mut parser = pair.parser();
    let column = |line: &str, parser: &mut NginxParser| match parser.parse_line(line.as_bytes()) {
        Line::Rejected(rejection) => rejection.column,
        _ => panic!("{line}"),
    };
    for (line, columns) in [
        (STANDARD.replace("[Length", "[Size"), [36, 71]),
        (PROXY.replace("[Length", "[Size"), [77, 77]),
        (PROXY.replace("- 200 200", "- 200 2x0"), [36, 30]),
    ] {
        let (own, companion) = (&mut pair.own.parser(), &mut pair.companion.parser());
        assert_eq!([column(&line, own), column(&line, companion)], columns, "{line}");
        let expected = if columns[1] > columns[0] { outcome(companion, &line) } else { outcome(own, &line) };
        assert_eq!(outcome(&mut parser, &line), expected, "{line}");
    }
}

#[test]
fn the_name_tells_which_layouts_the_first_lines_are_in() {
    let name = |lines: &[&str]| pair(lines, &Wanted::default()).info().name;
    const BOTH: &str = "nginx-proxy-manager and nginx-proxy-manager standard";
    assert_eq!(name(&[PROXY, STANDARD]), BOTH);
    assert_eq!(name(&[STANDARD, NEITHER, PROXY]), BOTH);
    assert_eq!(name(&[PROXY, NEITHER]), "nginx-proxy-manager");
    assert_eq!(name(&[STANDARD, NEITHER]), "nginx-proxy-manager standard");
    assert_eq!(name(&[NEITHER]), "nginx-proxy-manager");
}

#[test]
fn a_field_that_one_layout_lacks_is_empty_in_its_lines() {
    let wanted = Wanted { extras: vec!["server".to_owned()], ..Wanted::default() };
    let mut parser = pair(&[], &wanted).parser();
    assert_eq!(outcome(&mut parser, PROXY), "/a 200 192.0.2.9");
    assert_eq!(outcome(&mut parser, STANDARD), "/b 404");
}
