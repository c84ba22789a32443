//! The whole report as one JSON document, and the JSON writers that the other formats use.
//!
//! Characters that act without showing are written as `\uXXXX`, so that the output can be printed to a
//! terminal; a parser reads the same text either way. Keys and their order are the report's own.

use super::escape::is_hidden;
use crate::report::Report;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// The document: 2-space pretty JSON plus a newline.
///
/// # Errors
/// When the report cannot be serialised.
pub(crate) fn render(report: &Report) -> anyhow::Result<Vec<u8>> {
    pretty(report)
}

/// Any value as 2-space pretty JSON plus a newline.
pub(crate) fn pretty(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, PrettyFormatter::new())?;
    Ok(bytes)
}

/// Appends any value as one line of JSON.
pub(crate) fn append_line(bytes: &mut Vec<u8>, value: &impl Serialize) -> anyhow::Result<()> {
    write(bytes, value, CompactFormatter)
}

fn write(bytes: &mut Vec<u8>, value: &impl Serialize, formatter: impl Formatter) -> anyhow::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *bytes, Inert(formatter)))?;
    bytes.push(b'\n');
    Ok(())
}

/// A formatter that escapes every hidden character, beyond what JSON asks for.
struct Inert<F>(F);

impl<F: Formatter> Formatter for Inert<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            let (shown, hidden) = rest.split_at(at);
            writer.write_all(shown.as_bytes())?;
            let mut characters = hidden.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use proptest::prelude::*;

    fn line(value: &impl Serialize) -> String {
        let mut bytes = Vec::new();
        append_line(&mut bytes, value).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn hidden_characters_are_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(line(&text), format!("\"{expected}\"\n"));
        check("/api", "/api");
        check("\x1b[0m\n", "\\u001b[0m\\n");
        check("\u{7f}\u{9b}1m", "\\u007f\\u009b1m");
        check("a\u{202e}b\u{e0041}", "a\\u202eb\\udb40\\udc41");
        check("\u{e9}\u{4f60}\u{1f600}", "\u{e9}\u{4f60}\u{1f600}");
    }

    #[test]
    fn the_document_is_the_report() {
        let bytes = render(&sample::busy()).unwrap();
        assert!(bytes.starts_with(b"{\n  \"schemaVersion\": 1,\n  \"inputs\": [\n    {\n      \"path\": "));
        assert!(bytes.ends_with(b"}\n"));
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document, serde_json::to_value(sample::busy()).unwrap());
        assert!(document.get("cycles").is_none());
    }

    #[test]
    fn one_line_layout_differs_from_pretty_in_space_alone() {
        let pretty = String::from_utf8(render(&sample::empty()).unwrap()).unwrap();
        assert_eq!(pretty, serde_json::to_string_pretty(&sample::empty()).unwrap() + "\n");
        assert_eq!(line(&sample::empty()), serde_json::to_string(&sample::empty()).unwrap() + "\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            let line = line(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
            prop_assert!(!line.trim_end_matches('\n').contains(is_hidden));
        }
    }
}
