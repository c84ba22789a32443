//! Lines that are passed on inside of JSON objects: by Docker's json-file driver, and by shippers such as Vector, Fluent
//! Bit, Filebeat and journald, each under a key of its own.
//!
//! An object in, the text in it out. Of the object only as much is looked at as leads to the text: what is wrong with the
//! rest makes no request wrong.

use super::{Place, Stripped, without_line_end};
use crate::source::named::unescape;
use memchr::memchr;
use std::ops::Range;

/// The outermost keys that shippers put a line under, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `log`, of Fluent Bit and Fluentd.
    Log,
    /// `message`, of most.
    Message,
    /// `msg`.
    Msg,
    /// `MESSAGE`, of `journalctl -o json`.
    JournalMessage,
}

const DOCKER_LEAD: &[u8] = b"{\"log\":\"";

impl Key {
    /// In the order in which they are tried.
    pub(super) const ALL: [Key; 4] = [Key::Log, Key::Message, Key::Msg, Key::JournalMessage];

    /// The key as it stands in the object.
    fn text(self) -> &'static [u8] {
        match self {
            Key::Log => b"log",
            Key::Message => b"message",
            Key::Msg => b"msg",
            Key::JournalMessage => b"MESSAGE",
        }
    }

    /// The text under this key and where it begins in the line; `scratch` holds it where it was escaped.
    pub(super) fn text_in<'l>(self, line: &'l [u8], scratch: &'l mut Vec<u8>) -> Option<(&'l [u8], usize)> {
        let span = span_of(line, self.text())?;
        let start = span.start;
        Some((without_line_end(decoded(&line[span], scratch)), start))
    }
}

/// The line that Docker's json-file driver put at the start of an object; `scratch` holds it where it was escaped.
pub(super) fn strip_docker<'l>(line: &'l [u8], scratch: &'l mut Vec<u8>) -> Stripped<'l> {
    let logged = || {
        let text = line.strip_prefix(DOCKER_LEAD)?;
        text.get(..string_end(text, 0)?)
    };
    let Some(logged) = logged() else { return Stripped::Bare };
    // Only the last part of a split line has the line end.
    let Some(logged) = without_escape(logged, b'n') else { return Stripped::Part };
    let logged = without_escape(logged, b'r').unwrap_or(logged);
    let place = Place { text: DOCKER_LEAD.len(), before: 0, is_escaped: true };
    Stripped::Line(decoded(logged, scratch), place)
}

/// A string with its escapes undone, in `scratch` where it has any.
fn decoded<'l>(text: &'l [u8], scratch: &'l mut Vec<u8>) -> &'l [u8] {
    if memchr(b'\\', text).is_none() {
        return text;
    }
    scratch.clear();
    unescape(text, scratch);
    scratch
}

/// A JSON string without the escape at its end; `None` where a backslash that is logged itself stands before the letter.
fn without_escape(text: &[u8], letter: u8) -> Option<&[u8]> {
    let before = text.strip_suffix(&[letter])?;
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    (backslashes % 2 == 1).then(|| &before[..before.len() - 1])
}

/// Where the first string under an outermost key stands, between its quotes.
fn span_of(line: &[u8], key: &[u8]) -> Option<Range<usize>> {
    let mut at = behind(line, 0, b'{')?;
    loop {
        let start = behind(line, at, b'"')?;
        let end = string_end(line, start)?;
        at = behind(line, end + 1, b':')?;
        match behind(line, at, b'"') {
            Some(text_start) => {
                let text_end = string_end(line, text_start)?;
                if line.get(start..end) == Some(key) {
                    return Some(text_start..text_end);
                }
                at = text_end + 1;
            }
            None => at = value_end(line, at)?,
        }
        at = behind(line, at, b',')?;
    }
}

/// The position behind this byte, which may have space before it.
fn behind(line: &[u8], at: usize, expected: u8) -> Option<usize> {
    let space = line.get(at..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    (line.get(at + space) == Some(&expected)).then_some(at + space + 1)
}

/// Where the string ends whose first byte is at `at`: its closing quote.
fn string_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        if line.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Where the comma or the bracket stands that ends a value which is no string.
fn value_end(line: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match line.get(at)? {
            b'"' => at = string_end(line, at + 1)?,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(key: Key, line: &str) -> Option<String> {
        let mut scratch = Vec::new();
        let (text, start) = key.text_in(line.as_bytes(), &mut scratch)?;
        Some(format!("{start}: {}", text.escape_ascii()))
    }

    #[test]
    fn a_text_is_found_under_its_key_wherever_it_stands() {
        for (line, expected) in [
            (r#"{"message":"a b"}"#, "12: a b"),
            (r#"{ "message" : "a b" }"#, "15: a b"),
            (r#"{"n":-1.5e3,"t":true,"o":{"message":"x","a":[{},"}"]},"s":"\"}","message":"a","z":1}"#, "75: a"),
            (r#"{"messages":"x","message":7,"message":"a","message":"b"}"#, "39: a"),
            (
                r#"{"message":"\"a\"\\\u00e4\ud83d\ude00\ud83d\u0000\n"}"#,
                r#"12: \"a\"\\\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd\x00"#,
            ),
            (r#"{"message":"a\r\n"}"#, "12: a"),
            (r#"{"message":"a\\n"}"#, r"12: a\\n"),
            (r#"{"message":""}"#, "12: "),
            // What follows the text is not looked at.
            (r#"{"message":"a"#, ""),
            (r#"{"message":"a","#, "12: a"),
        ] {
            assert_eq!(text(Key::Message, line).unwrap_or_default(), expected, "{line}");
        }
        for (key, name) in Key::ALL.into_iter().zip(["log", "message", "msg", "MESSAGE"]) {
            assert_eq!(text(key, &format!(r#"{{"time":1,"{name}":"a"}}"#)), Some(format!("{}: a", 14 + name.len())));
        }
    }

    #[test]
    fn what_is_no_such_object_has_no_text() {
        for line in [
            "",
            "{",
            "{}",
            "[]",
            "a",
            r#"["message","a"]"#,
            r#"{"message"}"#,
            r#"{"message":}"#,
            r#"{"message":null}"#,
            r#"{"message":["a"]}"#,
            r#"{"message":{"message":"a"}}"#,
            r#"{"message":"a\"#,
            r#"{"message":"a\""#,
            r#"{"Message":"a"}"#,
            r#"{"a":1"message":"a"}"#,
            r#"{"a":"b"}"message":"a"}"#,
            r#"{"a":[[[,"message":"a"}"#,
        ] {
            assert_eq!(text(Key::Message, line), None, "{line}");
        }
        assert_eq!(text(Key::Message, &format!(r#"{{"a":{},"message":"a"}}"#, "[".repeat(1 << 20))), None);
    }

    proptest! {
        #[test]
        fn agrees_with_serde(
            before in prop::collection::btree_map("[a-z\"\\\\]{0,3}", any::<String>(), 0..4),
            list in prop::collection::vec(any::<String>(), 0..3),
            message in any::<String>(),
        ) {
            let mut object = serde_json::json!({ "list": [list, { "message": "x" }], "message": message });
            object.as_object_mut().unwrap().extend(before.into_iter().map(|(key, text)| (key, text.into())));
            let line = object.to_string();
            let mut scratch = Vec::new();
            let (text, _) = Key::Message.text_in(line.as_bytes(), &mut scratch).unwrap();
            prop_assert_eq!(text, without_line_end(message.as_bytes()));
        }

        #[test]
        fn bytes_never_panic(line in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ mnu0\xff\0".to_vec()), 0..40)) {
            let objects = [[b"{\"m\":".as_slice(), &line].concat(), [b"{\"log\":\"".as_slice(), &line].concat(), line];
            for object in objects {
                let mut scratch = Vec::new();
                if let Some((_, start)) = Key::Log.text_in(&object, &mut scratch) {
                    prop_assert!(start <= object.len());
                }
                strip_docker(&object, &mut scratch);
            }
        }
    }
}
