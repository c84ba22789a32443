//! Agreement with a slow second reading through `serde_json`, and of cached with fresh parsers.

use super::*;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value that keeps its keys in order, repeated ones too.
#[derive(Clone, Debug)]
enum Tree {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array,
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Number(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Tree::Array)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }
        }
        deserializer.deserialize_any(TreeVisitor)
    }
}

/// Flattens in the order of the line; a name that comes again forgets itself and all below it.
fn flatten(prefix: &str, entries: Vec<(String, Tree)>, flat: &mut Vec<(String, Tree)>) {
    for (key, value) in entries {
        let name = format!("{prefix}{key}");
        let below = format!("{name}.");
        flat.retain(|(known, _)| *known != name && !known.starts_with(&below));
        if let Tree::Object(entries) = value {
            flat.push((name, Tree::Array));
            flatten(&below, entries, flat);
        } else {
            flat.push((name, value));
        }
    }
}

/// What the fields of one line say; `Err` for a line that is refused, or is no request.
#[derive(Debug, PartialEq)]
struct Said {
    timestamp_ms: i64,
    method: String,
    path: String,
    status: u16,
    duration_ms: Option<f64>,
    developer: Option<String>,
    extras: [Option<String>; 2],
}

#[derive(Debug, PartialEq)]
enum Refused {
    NoRequest,
    Rejected,
}

/// By the fields `t`, `m`, `req.url`, `s`, `d` (in ms), `meta.user`, `meta.a.b` and `x`.
fn read_slowly(line: &str) -> Result<Said, Refused> {
    let Ok(Tree::Object(entries)) = serde_json::from_str(line) else { return Err(Refused::Rejected) };
    let mut flat = Vec::new();
    flatten("", entries, &mut flat);
    let get = |name: &str| flat.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let text = |name: &str| match get(name) {
        Some(Tree::Text(text)) => Ok(text),
        Some(Tree::Number(number)) => Ok(number.to_string()),
        _ => Err(Refused::Rejected),
    };
    let named = |name: &str| text(name).ok().filter(|text| !matches!(text.as_str(), "" | "-"));
    let number = |text: String| text.parse::<f64>().map_err(|_| Refused::Rejected);
    let stamp = number(text("t")?)?;
    let timestamp_ms = if stamp.abs() < 1e11 { stamp * 1e3 } else { stamp }.round() as i64;
    let status = number(text("s")?)?;
    let status_is_known = status == 0.0 || (100.0..600.0).contains(&status);
    if status.fract() != 0.0 || !status_is_known {
        return Err(Refused::Rejected);
    }
    let duration_ms = match get("d") {
        None | Some(Tree::Null) => None,
        Some(Tree::Text(text)) if matches!(text.as_str(), "" | "-") => None,
        Some(_) => Some(number(text("d")?)?),
    };
    if duration_ms.is_some_and(|duration| !(0.0..=8.64e10).contains(&duration)) {
        return Err(Refused::Rejected);
    }
    let (method, path) = (text("m")?, text("req.url")?);
    if status == 0.0 || [&method, &path].iter().any(|text| matches!(text.as_str(), "" | "-")) {
        return Err(Refused::NoRequest);
    }
    let extra = |name: &str| match get(name) {
        Some(Tree::Bool(word)) => Some(word.to_string()),
        _ => named(name),
    };
    let extras = [extra("meta.a.b"), extra("x")];
    Ok(Said { timestamp_ms, method, path, status: status as u16, duration_ms, developer: named("meta.user"), extras })
}

fn said(line: Line) -> Result<Said, Refused> {
    let request = match line {
        Line::Request(request) => request,
        Line::NotRequest | Line::Comment => return Err(Refused::NoRequest),
        Line::Rejected(_) => return Err(Refused::Rejected),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ok(Said {
        timestamp_ms: request.timestamp_ms,
        method: text(request.method),
        path: text(request.path),
        status: request.status,
        duration_ms: request.duration.map(DecimalMs::millis),
        developer: request.developer.map(text),
        extras: [request.extras.get(0).map(text), request.extras.get(1).map(text)],
    })
}

fn map() -> JsonMap {
    let line = r#"{"t":1780315200000,"m":"GET","req":{"url":"/"},"s":200,"d":1}"#;
    let fields = vec![
        field(Role::Timestamp, "t", None),
        field(Role::Method, "m", None),
        field(Role::Path, "req.url", None),
        field(Role::Status, "s", None),
        field(Role::Duration, "d", Some(Unit::Millis)),
    ];
    let extras = vec!["meta.a.b".to_owned(), "x".to_owned()];
    let wanted = Wanted { fields, extras, developer: Some("meta.user".to_owned()), ..Wanted::default() };
    detect(&[line], &wanted).unwrap()
}

/// A JSON string in one of the many ways to write it.
fn written(text: &str, style: u8) -> String {
    match style {
        0 => serde_json::to_string(text).unwrap(),
        _ => format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>()),
    }
}

fn string() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(String::new()),
        Just("-".to_owned()),
        "[a-zA-Z/. ,:{}\\[\\]\"\\\\\n-]{0,40}",
        any::<String>(),
        Just("GET".to_owned()),
        Just("200".to_owned()),
    ];
    (text, prop_oneof![4 => Just(0u8), 1 => Just(1)]).prop_map(|(text, style)| written(&text, style))
}

fn scalar() -> impl Strategy<Value = String> {
    let words =
        prop::sample::select(&["null", "true", "false", "0", "200", "404", "599", "600", "-1", "0.25", "\"0.25\""]);
    let number =
        prop_oneof![(0i32..100_000).prop_map(|number| number.to_string()), "[1-9][0-9]{0,3}\\.[0-9]{0,2}[1-9]"];
    prop_oneof![string(), words.prop_map(str::to_owned), number, Just("1780315200000".to_owned())]
}

fn key() -> impl Strategy<Value = String> {
    const KEYS: [&str; 16] = [
        "t",
        "m",
        "req",
        "url",
        "req.url",
        "s",
        "d",
        "meta",
        "user",
        "meta.user",
        "a",
        "b",
        "a.b",
        "meta.a",
        "meta.a.b",
        "x",
    ];
    let known = (prop::sample::select(&KEYS), prop_oneof![9 => Just(0u8), 1 => Just(1)]);
    let unknown = "[a-z]{0,40}".prop_map(|key| written(&key, 0));
    prop_oneof![8 => known.prop_map(|(key, style)| written(key, style)), 1 => unknown]
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 1 => "[ \t\r]{1,3}"]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let entry = (space(), key(), space(), space(), value, space())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
    prop::collection::vec(entry, 0..9).prop_map(|entries| format!("{{{}}}", entries.join(",")))
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 24, 6, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
        prop_oneof![2 => object(inner.clone()), 1 => array, 2 => inner]
    })
}

/// Entries that make most lines requests.
const REQUEST: [&str; 5] =
    ["\"t\":1780315200000", "\"m\":\"GET\"", "\"req\":{\"id\":1,\"url\":\"/a\"}", "\"s\":200", "\"d\":1.5"];

/// A line of the entries of a request and of others, in any order.
fn line() -> impl Strategy<Value = String> {
    let other = (key(), value()).prop_map(|(key, value)| format!("{key}:{value}"));
    (prop::collection::vec(other, 0..6), any::<bool>(), space())
        .prop_flat_map(|(mut entries, in_order, space)| {
            entries.splice(0..0, REQUEST.map(str::to_owned));
            let entries = if in_order { Just(entries).boxed() } else { Just(entries).prop_shuffle().boxed() };
            (entries, Just(space))
        })
        .prop_map(|(entries, space)| format!("{{{}}}{space}", entries.join(",")))
}

/// Valid JSON of a kind whose validity lies in its structure alone: strings without escapes, numbers without zeros.
fn plain_value() -> impl Strategy<Value = String> {
    let scalar =
        prop_oneof!["\"[a-z {}:,\\[\\]]{0,20}\"", "-?[1-9]{1,9}(\\.[1-9]{1,9})?([eE][+-]?[1-9])?", "true|false|null"];
    scalar.prop_recursive(4, 24, 5, |inner| {
        let entry = (space(), "\"[a-z]{0,8}\"", space(), inner.clone())
            .prop_map(|(a, key, b, v)| format!("{a}{key}{b}:{b}{v}{a}"));
        let object = prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(",")));
        let array = prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , ")));
        prop_oneof![2 => object, 1 => array]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde(lines in prop::collection::vec(line(), 1..6)) {
        let mut parser = map().parser();
        for line in &lines {
            prop_assert_eq!(said(parser.parse_line(line.as_bytes())), read_slowly(line), "{}", line);
        }
    }

    #[test]
    fn no_line_depends_on_those_before(lines in prop::collection::vec((line(), any::<prop::sample::Index>(), any::<u8>()), 2..12)) {
        let mut parser = map().parser();
        for (line, at, byte) in &lines {
            // Broken lines are remembered too.
            let mut broken = line.clone().into_bytes();
            let at = at.index(broken.len());
            broken[at] = *byte;
            for line in [line.as_bytes(), &broken, &line.as_bytes()[..at]] {
                let mut fresh = map().parser();
                prop_assert_eq!(parser.parse_line(line), fresh.parse_line(line), "{}", line.escape_ascii());
            }
        }
    }

    #[test]
    fn accepts_the_structures_that_serde_accepts(
        lines in prop::collection::vec((plain_value(), any::<prop::sample::Index>(), "[]{}\\[:,\" 1-9a-z.eE+-]", 0u8..4), 1..5),
    ) {
        let (mut names, mut values) = (Names::new(&["a".to_owned(), "b.c".to_owned()]), Values::default());
        for (line, at, new, change) in &lines {
            let mut line = line.clone();
            let at = at.index(line.len());
            match change {
                0 => line.replace_range(at..at + 1, new),
                1 => line.insert_str(at, new),
                2 => line.replace_range(at..at + 1, ""),
                _ => {}
            }
            let is_object = line.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(&line).is_ok();
            prop_assert_eq!(scan::scan(line.as_bytes(), &mut names, &mut values).is_ok(), is_object, "{}", line);
        }
    }

    #[test]
    fn bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in r#"\{("[tmsdx](eq|eta|rl)?"[:,]?|[\[\]{}",:\\u0-9.eE+-]| |true|null){0,30}\}?"#,
    ) {
        let mut parser = map().parser();
        for line in [&bytes[..], text.as_bytes()] {
            let _ = parser.parse_line(line);
            let _ = JsonMap::detect(&[line, line], &Wanted::default());
        }
    }
}
