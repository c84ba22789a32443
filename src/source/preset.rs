//! The formats known by name, and which of them a log is written in.
//!
//! In go the first lines of a log, out comes the compiled format that reads most of them, or what the
//! log looks like instead. It must not read files.

use super::ParseLine;
use super::nginx::{FormatError, LogFormat};
use crate::plan::Wanted;
use crate::request::Line;
use std::fmt;

/// A format known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// The nginx `log_format` string.
    pub log_format: &'static str,
    /// Whether [`detect_text`] tries it.
    pub detected: bool,
}

/// A preset that is its `base` and more behind it.
macro_rules! nginx {
    ($name:literal, $base:ident $(, $tail:literal)?) => {
        Preset { name: $name, log_format: concat!($base!() $(, $tail)?), detected: true }
    };
}

macro_rules! common {
    () => {
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#
    };
}

macro_rules! combined {
    () => {
        concat!(common!(), r#" "$http_referer" "$http_user_agent""#)
    };
}

macro_rules! forwarded {
    () => {
        concat!(combined!(), r#" "$http_x_forwarded_for""#)
    };
}

/// Every preset. Of two that read a log equally well the earlier is taken, so those that quote more
/// fields come first: to a format without `$http_x_forwarded_for` it looks like a part of the user agent.
static PRESETS: [Preset; 14] = [
    nginx!("combined-xff", forwarded),
    nginx!("combined-xff-time", forwarded, " $request_time"),
    nginx!("combined-xff-rt", forwarded, " rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"),
    nginx!("combined-xff-rt-only", forwarded, " rt=$request_time"),
    nginx!("combined-xff-rt-urt", forwarded, " rt=$request_time urt=$upstream_response_time"),
    nginx!("combined", combined),
    nginx!("combined-rt", combined, " rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"),
    nginx!("combined-rt-only", combined, " rt=$request_time"),
    nginx!("combined-rt-urt", combined, " rt=$request_time urt=$upstream_response_time"),
    nginx!(
        "combined-rt-quoted",
        combined,
        r#" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#
    ),
    nginx!("combined-time", combined, " $request_time"),
    nginx!("combined-times", combined, " $request_time $upstream_response_time"),
    nginx!("common", common),
    nginx!("common-time", common, " $request_time"),
];

/// Every preset, in the order in which detection tries them.
pub fn all() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this name.
pub fn by_name(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Why no preset was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFormat {
    /// No preset reads at least half of the lines.
    #[error("the log is in no known text format; it looks like {looks}{}", guess.as_ref().map(Guess::to_string).unwrap_or_default())]
    Unknown {
        /// What it looks like.
        looks: Looks,
        /// The preset that read most lines, when any read one.
        guess: Option<Guess>,
    },
    /// The log is in a known format, which does not log what is wanted.
    #[error("the log is in the nginx format `{preset}`: {error}")]
    Lacking {
        /// The preset's name.
        preset: &'static str,
        /// What it lacks.
        #[source]
        error: FormatError,
    },
}

/// The preset that came closest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The preset's name.
    pub preset: &'static str,
    /// Lines it reads.
    pub parsed: usize,
    /// Lines that are not empty.
    pub lines: usize,
    /// Why it did not read the first of the others: line, column, found, expected; safe to print.
    pub rejection: String,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Guess { preset, parsed, lines, rejection } = self;
        write!(f, "; closest is `{preset}`, which reads {parsed} of the first {lines} lines ({rejection})")
    }
}

/// What a sample looks like to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// It has no line with anything on it.
    Empty,
    /// It holds bytes that no text has.
    Binary,
    /// Its lines are JSON objects.
    Json,
    /// Anything else.
    Text,
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Looks::Empty => "nothing: every line is empty",
            Looks::Binary => "binary data",
            Looks::Json => "JSON lines",
            Looks::Text => "text of another format; give it with `--log-format`",
        })
    }
}

/// The preset that reads most of the sample, compiled for what is wanted, and how many lines it reads.
///
/// Lines without a request in them count as read, empty lines not at all.
///
/// # Errors
///
/// When no preset reads half of the lines, or when the one that does lacks a field that is wanted.
pub fn detect_text(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<(LogFormat, usize), NoFormat> {
    let sample = Sample::new(sample_lines);
    // What is wanted beyond a request must not decide which format a log is in.
    let plain = Wanted { timezone: wanted.timezone, ..Wanted::default() };
    let mut best: Option<(&Preset, usize)> = None;
    for preset in PRESETS.iter().filter(|preset| preset.detected) {
        let Ok(format) = LogFormat::compile(preset.name, preset.log_format, &plain) else { continue };
        let (parsed, _) = sample.read(&format);
        if parsed > best.map_or(0, |(_, most)| most) {
            best = Some((preset, parsed));
        }
    }
    match best {
        Some((preset, parsed)) if 2 * parsed >= sample.lines.len() => {
            let lacking = |error| NoFormat::Lacking { preset: preset.name, error };
            let format = LogFormat::compile(preset.name, preset.log_format, wanted).map_err(lacking)?;
            let (parsed, _) = sample.read(&format);
            Ok((format, parsed))
        }
        best => {
            let guess = best.and_then(|(preset, parsed)| sample.guess(preset, parsed, &plain));
            Err(NoFormat::Unknown { looks: sample.looks(), guess })
        }
    }
}

/// The lines that are not empty, each with its number from 1.
struct Sample<'a> {
    lines: Vec<(usize, &'a [u8])>,
}

impl<'a> Sample<'a> {
    fn new(lines: &[&'a [u8]]) -> Sample<'a> {
        let numbered = lines.iter().enumerate().map(|(index, &line)| (index + 1, line));
        Sample { lines: numbered.filter(|(_, line)| !line.trim_ascii().is_empty()).collect() }
    }

    /// How many lines a format reads, and why it does not read the first of the others.
    fn read(&self, format: &LogFormat) -> (usize, Option<String>) {
        let mut parser = format.parser();
        let mut parsed = 0;
        let mut rejection = None;
        for &(number, line) in &self.lines {
            match parser.parse_line(line) {
                Line::Request(_) | Line::NotRequest => parsed += 1,
                Line::Rejected(rejected) if rejection.is_none() => {
                    let (column, found, expected) = (rejected.column, rejected.found.escape_ascii(), rejected.expected);
                    rejection = Some(format!("line {number}, column {column}: found `{found}`, expected {expected}"));
                }
                Line::Rejected(_) => {}
            }
        }
        (parsed, rejection)
    }

    fn guess(&self, preset: &Preset, parsed: usize, wanted: &Wanted) -> Option<Guess> {
        let format = LogFormat::compile(preset.name, preset.log_format, wanted).ok()?;
        let (_, rejection) = self.read(&format);
        Some(Guess { preset: preset.name, parsed, lines: self.lines.len(), rejection: rejection? })
    }

    fn looks(&self) -> Looks {
        let is_binary = |line: &[u8]| {
            let control = line.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
            // Stray escape sequences do not make a log binary; a tenth of such bytes, or one NUL, does.
            line.contains(&0) || 10 * control > line.len()
        };
        let most = |predicate: &dyn Fn(&[u8]) -> bool| {
            2 * self.lines.iter().filter(|(_, line)| predicate(line)).count() >= self.lines.len()
        };
        if self.lines.is_empty() {
            Looks::Empty
        } else if most(&is_binary) {
            Looks::Binary
        } else if most(&|line| line.trim_ascii().starts_with(b"{")) {
            Looks::Json
        } else {
            Looks::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FieldOverride, Role};

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

    #[test]
    fn names_are_unique_and_every_preset_compiles() {
        for (index, preset) in all().iter().enumerate() {
            assert_eq!(all().iter().position(|other| other.name == preset.name), Some(index));
            LogFormat::compile(preset.name, preset.log_format, &Wanted::default()).unwrap();
        }
        assert_eq!(by_name("combined").map(|preset| preset.log_format), Some(combined!()));
        assert_eq!(by_name("nothing"), None);
    }

    #[test]
    fn half_of_the_lines_are_enough() {
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
    }

    #[test]
    fn what_a_sample_looks_like_is_said() {
        let looks = |lines: &[&str]| match detect(lines) {
            Err(NoFormat::Unknown { looks, guess: None }) => looks,
            other => panic!("{other:?}"),
        };
        assert_eq!(looks(&[]), Looks::Empty);
        assert_eq!(looks(&["", "\r"]), Looks::Empty);
        assert_eq!(looks(&["a\0b"]), Looks::Binary);
        assert_eq!(looks(&["\x1babcdefgh"]), Looks::Binary);
        assert_eq!(looks(&["\x1babcdefghi"]), Looks::Text);
        assert_eq!(looks(&[r#"{"status":200}"#]), Looks::Json);
        assert_eq!(looks(&["May  1 00:00:00 example sshd[1]: hello"]), Looks::Text);
    }

    #[test]
    fn a_wanted_field_does_not_decide_the_format() {
        let line = format!("{COMMON}{AGENT}");
        let lines = [line.as_bytes()];
        let wanted = Wanted { extras: vec!["http_referrer".to_owned()], ..Wanted::default() };
        let error = detect_text(&lines, &wanted).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the log is in the nginx format `combined`: the log format logs no `http_referrer`, did you mean \
             `http_referer`?; it logs remote_addr, remote_user, time_local, request, status, body_bytes_sent, \
             http_referer, http_user_agent"
        );
        let field = FieldOverride { role: Role::Status, name: "http_referer".to_owned(), unit: None };
        let wanted = Wanted { fields: vec![field], ..Wanted::default() };
        assert_eq!(detect_text(&lines, &wanted).map(|(_, parsed)| parsed), Ok(0));
    }
}
