use super::*;

fn strip(prefix: Prefix, line: &str) -> String {
    match prefix.strip(line.as_bytes(), &mut Vec::new()) {
        Stripped::Line(rest, place) => {
            format!("{}: {}", place.of_byte(line.as_bytes(), 0, &mut Vec::new()), rest.escape_ascii())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_prefix_is_taken_off_and_told_from_the_others() {
    for (prefix, line, expected) in [
        (
            Prefix::DockerJson(None),
            r#"{"log":"a \"b\"\n","stream":"stdout","time":"2026-06-01T12:00:00Z"}"#,
            r#"8: a \"b\""#,
        ),
        (Prefix::DockerJson(None), r#"{"log":"a\r\n","stream":"stdout"}"#, "8: a"),
        (Prefix::Cri, "2026-06-01T12:00:00.123456789+02:00 stderr F a b", "45: a b"),
        (Prefix::Kubectl, "[pod/web-7/nginx] a b", "18: a b"),
        (Prefix::Compose, "web-1    | a b", "11: a b"),
        (Prefix::Compose, "web-1  |", "8: "),
        (Prefix::Syslog, "<190>Jun  1 12:00:00 host nginx: a b", "33: a b"),
        (Prefix::Syslog, "Jun 11 12:00:00 192.0.2.1 haproxy[7]: a b", "38: a b"),
        (Prefix::Syslog, "2026-06-01T12:00:00.5+00:00 host nginx[7]: a b", "43: a b"),
        (Prefix::Syslog5424, "<190>1 2026-06-01T12:00:00Z host nginx 7 - - a b", "45: a b"),
        (Prefix::Syslog5424, "<190>1 - host nginx 7 - [x@1 k=\"v\"] a b", "36: a b"),
        (Prefix::Syslog5424, "<190>1 - host nginx 7 - [x@1 k=\"v\"][y k=\"[w] \"] [a] b", "48: [a] b"),
        (Prefix::Syslog5424, "<190>1 - host nginx 7 - [x@1 k=\"\\\"\\] v\\\\\"] a b", "43: a b"),
        (Prefix::DockerJson(None), r#"{"log":"a\\n\r\n","stream":"stdout"}"#, r"8: a\\n"),
    ] {
        assert_eq!(strip(prefix, line), expected, "{line}");
        assert_eq!(Prefix::of(&[line.as_bytes()]), Some(prefix), "{line}");
    }
}

#[test]
fn a_shippers_text_has_its_own_prefix_taken_off() {
    for (lines, prefix, expected) in [
        (&[r#"{"message":"a b"}"#][..], Prefix::Shipped(Key::Message, None), "12: a b"),
        (&[r#"{"message":"web.0 nginx: a b"}"#], Prefix::Shipped(Key::Message, Some(&Prefix::Program)), "25: a b"),
        (&[r#"{"msg":"nginx[7]: a b"}"#], Prefix::Shipped(Key::Msg, Some(&Prefix::Program)), "18: a b"),
        (
            &[r#"{"log":"Jun  1 12:00:00 host nginx: a \"b\"\n"}"#],
            Prefix::Shipped(Key::Log, Some(&Prefix::Syslog)),
            r#"36: a \"b\""#,
        ),
        // As Go writes `<190>`.
        (
            &[r#"{"log":"\u003c190\u003eJun  1 12:00:00 host nginx: a \"b\""}"#],
            Prefix::Shipped(Key::Log, Some(&Prefix::Syslog)),
            r#"51: a \"b\""#,
        ),
        (&[r#"{"message":"a b"}"#, r#"{"message":"nginx: a b"}"#], Prefix::Shipped(Key::Message, None), "12: a b"),
    ] {
        let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(Prefix::shipped(&bytes).collect::<Vec<_>>(), [prefix], "{lines:?}");
        assert_eq!(strip(prefix, lines[0]), expected, "{lines:?}");
    }
    let several: [&[u8]; 3] = [br#"{"log":"a","msg":"b"}"#, br#"{"log":"a"}"#, br#"{"msg":"b"}"#];
    let keys = [Key::Log, Key::Msg].map(|key| Prefix::Shipped(key, None));
    assert_eq!(Prefix::shipped(&several).collect::<Vec<_>>(), keys);
    assert_eq!(Prefix::shipped(&several[1..]).count(), 0);
    assert_eq!(strip(Prefix::Shipped(Key::Msg, Some(&Prefix::Program)), r#"{"msg":"a b"}"#), "8: a b");
    assert_eq!(strip(Prefix::Shipped(Key::Msg, None), r#"{"log":"a b"}"#), "Bare");
    for line in ["::1 - - [", "fe80:: - - [", "192.0.2.1 - a: b", "a b c: d", "nginx:", "nginx: "] {
        let expected = if line == "nginx: " { "7: " } else { "Bare" };
        assert_eq!(strip(Prefix::Program, line), expected, "{line}");
    }
}

#[test]
fn parts_of_lines_are_told() {
    assert_eq!(strip(Prefix::Cri, "2026-06-01T12:00:00Z stdout P a"), "Part");
    assert_eq!(strip(Prefix::DockerJson(None), r#"{"log":"a","stream":"stdout"}"#), "Part");
    // What was logged ends with a backslash and an n; the line goes on.
    assert_eq!(strip(Prefix::DockerJson(None), r#"{"log":"a\\n","stream":"stdout"}"#), "Part");
    assert_eq!(strip(Prefix::DockerJson(None), r#"{"log":"a\\\\n","stream":"stdout"}"#), "Part");
    assert_eq!(strip(Prefix::DockerJson(None), r#"{"log":"a\\\n","stream":"stdout"}"#), r"8: a\\");
}

#[test]
fn other_lines_are_bare() {
    let combined = r#"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 2 "-" "a | b: c""#;
    let others = [
        combined,
        "",
        "|",
        "a| b",
        "{\"log\":\"a",
        "{\"log\":\"a\\",
        "<190>",
        "<9999>1 - - - - - - x",
        "Jun  1 12:00:00 host",
        "2026-06-01T12:00:00Z stdout X a",
        "2026-06-01 12:00:00 GET / 200",
        "[pod/a",
    ];
    for line in others {
        for prefix in Prefix::ALL {
            assert_eq!(strip(prefix, line), "Bare", "{prefix:?} {line}");
        }
        assert_eq!(Prefix::of(&[line.as_bytes()]), None, "{line}");
    }
}

#[test]
fn more_than_half_of_the_lines_decide() {
    let (with, without) = (&b"web | a"[..], &b"a"[..]);
    assert_eq!(Prefix::of(&[with, with, without]), Some(Prefix::Compose));
    assert_eq!(Prefix::of(&[with, without]), None);
    assert_eq!(Prefix::of(&[]), None);
}
