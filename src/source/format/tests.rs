use super::*;
use crate::plan::InputName;
use crate::source::rejected::RejectedLine;
use std::io::Write;

#[test]
fn a_header_without_a_row_is_an_empty_log() {
    let of = |content: &str, choice: &FormatChoice| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
        LineFormat::of(&probe, choice, &Wanted::default()).map(|format| format.is_some())
    };
    const HEADER: &str = "#Version: 1.0\r\n#Fields: date time cs-method cs-uri-stem sc-status\r\n";
    for choice in [FormatChoice::Detect, FormatChoice::W3c] {
        assert!(!of(HEADER, &choice).unwrap());
        assert!(of(&format!("{HEADER}2026-06-01 12:00:00 GET / 200\n"), &choice).unwrap());
        let told = of(&format!("{HEADER}2026-06-01\n"), &choice).unwrap_err();
        assert!(format!("{told:#}").contains("none of the first lines has the 5 columns"), "{told:#}");
    }
    assert!(of("# a comment\n", &FormatChoice::Detect).is_err());
}

#[test]
fn only_a_file_that_is_blank_to_its_end_is_empty() {
    let of = |content: &[u8], choice: &FormatChoice| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let probe = Probe::open(&InputName::Path(file.path().to_owned())).unwrap();
        LineFormat::of(&probe, choice, &Wanted::default())
    };
    let mut long = vec![b'\n'; SAMPLE_BYTES];
    long.extend(b"127.0.0.1 - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 2\n");
    assert!(of(b"\n \r\n", &FormatChoice::Detect).unwrap().is_none());
    let told = of(&long, &FormatChoice::Detect).err().unwrap().to_string();
    assert!(told.contains("its first 64 KiB are blank"), "{told}");
    let log_format = "$remote_addr - - [$time_local] \"$request\" $status $body_bytes_sent".to_owned();
    let given = FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }]);
    assert!(of(&long, &given).unwrap().is_some());
}

/// The format's name, or why there is none.
fn named(lines: &[&str], choice: &FormatChoice, wanted: &Wanted) -> Result<String, String> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    match LineFormat::of_lines(&lines, choice, wanted) {
        Ok(format) => Ok(format.info().name),
        Err(error) => Err(format!("{error:#}")),
    }
}

const COMBINED: &str = r#"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 2 \"-\" \"-\""#;

#[test]
fn lines_are_found_in_the_objects_of_shippers() {
    let detected = |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        named(&lines, &FormatChoice::Detect, &Wanted::default())
    };
    for (object, name) in [
        (format!(r#"{{"log":"{COMBINED}\n","stream":"stdout"}}"#), "nginx combined in Docker's JSON"),
        (format!(r#"{{"log":"{COMBINED}","stream":"stdout"}}"#), "nginx combined in JSON's `log`"),
        (format!(r#"{{"date":1.5,"log":"{COMBINED}\n"}}"#), "nginx combined in JSON's `log`"),
        (format!(r#"{{"level":"info","msg":"{COMBINED}"}}"#), "nginx combined in JSON's `msg`"),
        (format!(r#"{{"PRIORITY":"6","MESSAGE":"{COMBINED}"}}"#), "nginx combined in JSON's `MESSAGE`"),
        // As of Logstash, whose `path` is the log file's.
        (format!(r#"{{"path":"/var/log/a.log","message":"{COMBINED}"}}"#), "nginx combined in JSON's `message`"),
        (format!(r#"{{"log":"restarted","message":"{COMBINED}"}}"#), "nginx combined in JSON's `message`"),
        (
            r#"{"message":"{\"ts\":1780315200,\"method\":\"GET\",\"path\":\"/\",\"status\":200}"}"#.to_owned(),
            "JSON lines in JSON's `message`",
        ),
    ] {
        assert_eq!(detected(std::slice::from_ref(&object)).as_deref(), Ok(name), "{object}");
    }
    let shipped = format!(r#"{{"message":"{COMBINED}"}}"#);
    let other = r#"{"message":"started"}"#.to_owned();
    assert!(detected(&[shipped.clone(), other.clone()]).is_ok());
    let refusal = detected(&[shipped, other.clone(), other]).unwrap_err();
    assert!(refusal.starts_with("no field of the lines holds the time: found `message`"), "{refusal}");
}

#[test]
fn a_prefix_in_dockers_json_is_taken_off_too() {
    let combined = |prefix: &str| format!("{prefix}{}", COMBINED.replace("1 - -", "1 - ann"));
    let log_format = super::super::preset::by_name("combined").unwrap().log_format.to_owned();
    let given = |log_format: String| {
        FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }])
    };
    let read = |prefix: &str, choice: &FormatChoice| {
        let line = format!(r#"{{"log":"{}\n","stream":"stdout"}}"#, combined(prefix));
        let format = LineFormat::of_lines(&[line.as_bytes()], choice, &Wanted::default()).unwrap();
        let name = format.info().name;
        match InputFormat::new(&format, Stamps::WholeSeconds).parse_next(line.as_bytes()) {
            Line::Request(request) => {
                format!("{name}: {}", request.developer.unwrap_or_default().escape_ascii())
            }
            other => panic!("{other:?}"),
        }
    };
    for prefix in [
        "",
        "<190>Jun  1 12:00:00 host nginx: ",
        r"\u003c190\u003e1 2026-06-01T12:00:00Z host nginx 7 - - ",
        "2026-06-01T12:00:00Z host nginx[7]: ",
        "host nginx[7]: ",
    ] {
        let name = "nginx combined in Docker's JSON: ann";
        assert_eq!(read(prefix, &FormatChoice::Detect), name, "{prefix}");
        assert_eq!(read(prefix, &given(log_format.clone())), "given in Docker's JSON: ann", "{prefix}");
    }
    // Whoever gives a format may have written the prefix into it.
    let whole = given(format!("$hostname nginx[$pid]: {log_format}"));
    assert_eq!(read("host nginx[7]: ", &whole), "given in Docker's JSON: ann");
}

#[test]
fn a_line_that_ends_too_soon_is_told_the_same_wherever_it_stands() {
    let line = COMBINED.replace('\\', "");
    let rejection = |lines: [String; 2]| {
        let bytes = lines.each_ref().map(|line| line.as_bytes());
        let format = LineFormat::of_lines(&bytes[..1], &FormatChoice::Detect, &Wanted::default()).unwrap();
        match InputFormat::new(&format, Stamps::WholeSeconds).parse_next(bytes[1]) {
            Line::Rejected(rejection) => RejectedLine::new(1, bytes[1], &rejection).reason,
            other => panic!("{other:?}"),
        }
    };
    let cut = |line: &str| line[..=line.find(" 200").unwrap()].to_owned();
    let plain = rejection([line.clone(), cut(&line)]);
    assert!(plain.starts_with("found the end of the line, "), "{plain}");
    for before in [r#"{"log":""#, r#"{"level":"info","message":""#] {
        let objects = [COMBINED, &cut(COMBINED)].map(|line| format!(r#"{before}{line}\n","stream":"stdout"}}"#));
        assert_eq!(rejection(objects), plain);
    }
}

#[test]
fn objects_that_are_requests_carry_none() {
    let request = |more: &str| format!(r#"{{"ts":1780315200,"method":"GET","path":"/","message":"{COMBINED}"{more}}}"#);
    let json = named(&[&request(r#","status":200"#)], &FormatChoice::Detect, &Wanted::default());
    assert_eq!(json.as_deref(), Ok("JSON lines"));
    for lines in [request(""), request("").replace(r#""method":"GET""#, r#""request":"GET / HTTP/1.1""#)] {
        let refusal = named(&[&lines], &FormatChoice::Detect, &Wanted::default()).unwrap_err();
        assert!(refusal.starts_with("no field of the lines holds the status code"), "{refusal}");
    }
}

#[test]
fn what_is_asked_for_is_asked_of_the_lines_in_objects() {
    let shipped = format!(r#"{{"message":"web.0 nginx: {COMBINED}"}}"#);
    let log_format = super::super::preset::by_name("combined").unwrap().log_format.to_owned();
    let given = FormatChoice::Templates(vec![LineTemplate { title: "given".to_owned(), log_format, companion: None }]);
    assert_eq!(named(&[&shipped], &given, &Wanted::default()).as_deref(), Ok("given in JSON's `message`"));
    let asked = Wanted { extras: vec!["upstream_addr".to_owned()], ..Wanted::default() };
    let refusal = named(&[&shipped], &FormatChoice::Detect, &asked).unwrap_err();
    assert!(refusal.starts_with("the log is in the format `combined`: "), "{refusal}");
}
