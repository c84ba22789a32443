//! What container runtimes, syslog and shippers of logs put around the lines that a server wrote.
//!
//! A line in, what the server wrote out. Nothing here knows what that means.

mod json;

use super::are_most;
use super::lines::without_byte_order_mark;
use super::named::escaped_len;
use super::time::TimeParser;
use crate::plan::Timezone;
use json::Key;
use memchr::memchr;

/// What stands before each line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// `{"log":"LINE\n","stream":"stdout","time":"..."}`, Docker's json-file driver, and what stands before the line in that text.
    DockerJson(Option<&'static Prefix>),
    /// `2026-06-01T12:00:00.000000000Z stdout F LINE`, the files under /var/log/pods.
    Cri,
    /// `[pod/NAME/CONTAINER] LINE`, of `kubectl logs --prefix`.
    Kubectl,
    /// `web-1  | LINE`, of `docker compose logs`.
    Compose,
    /// `<190>Jun  1 12:00:00 host nginx[7]: LINE`; the priority may be missing, the stamp be RFC 3339.
    Syslog,
    /// `<190>1 2026-06-01T12:00:00Z host nginx 7 - - LINE`.
    Syslog5424,
    /// `host nginx[7]: LINE`, what is left of syslog's where a shipper has taken the stamp; the host may be missing.
    Program,
    /// `{"host":"web-1","message":"LINE",...}`, of shippers, and what stands before the line in that text.
    Shipped(Key, Option<&'static Prefix>),
}

/// What a line holds behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stripped<'l> {
    /// What the server wrote, and where in the line it stands.
    Line(&'l [u8], Place),
    /// A part of a line that the container runtime split.
    Part,
    /// No such prefix.
    Bare,
}

/// Where what the server wrote begins in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the text begins that holds it.
    text: usize,
    /// How many bytes of that text stand before it, escapes undone.
    before: usize,
    /// Whether the text has escapes.
    is_escaped: bool,
}

impl Place {
    /// Where in the line that byte stands of what the server wrote; `scratch` is overwritten.
    pub(super) fn of_byte(self, line: &[u8], at: usize, scratch: &mut Vec<u8>) -> usize {
        let at = self.before + at;
        match line.get(self.text..) {
            Some(text) if self.is_escaped => self.text + escaped_len(text, at, scratch),
            _ => self.text + at,
        }
    }
}

impl Prefix {
    const ALL: [Prefix; 6] =
        [Prefix::DockerJson(None), Prefix::Cri, Prefix::Kubectl, Prefix::Compose, Prefix::Syslog5424, Prefix::Syslog];

    /// Those that a shipper passes on.
    const SHIPPED: [Prefix; 3] = [Prefix::Syslog5424, Prefix::Syslog, Prefix::Program];

    /// The prefix of most of the lines.
    pub(super) fn of(lines: &[&[u8]]) -> Option<Prefix> {
        Prefix::ALL.into_iter().find(|prefix| prefix.has_most(lines))
    }

    /// The prefixes by which most of the lines may be texts that a shipper passes on, for what they are tells only the
    /// format behind.
    pub(super) fn shipped(lines: &[&[u8]]) -> impl Iterator<Item = Prefix> {
        let bare = Key::ALL.into_iter().map(|key| (key, Prefix::Shipped(key, None)));
        let has_most = move |(key, bare): (Key, Prefix)| {
            let texts = bare.has_most(lines).then(|| bare.strip_all(lines))?;
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            Some(Prefix::Shipped(key, Prefix::SHIPPED.iter().find(|inner| inner.has_most(&texts))))
        };
        bare.filter_map(has_most)
    }

    /// Docker's, with what stands before most of the lines in it: a stamp of syslog's or a program with its process, which
    /// no server's own lines begin with.
    pub(super) fn docker_with_inner(lines: &[&[u8]]) -> Option<Prefix> {
        let texts = Prefix::DockerJson(None).strip_all(lines);
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let has_process = |text: &[u8]| {
            let behind = Prefix::Program.behind(text);
            behind.is_some_and(|rest| text[..text.len() - rest.len()].ends_with(b"]: "))
        };
        let is_sure = |inner: &&Prefix| match inner {
            Prefix::Program => are_most(&texts, has_process),
            inner => inner.has_most(&texts),
        };
        Some(Prefix::DockerJson(Some(Prefix::SHIPPED.iter().find(is_sure)?)))
    }

    fn has_most(self, lines: &[&[u8]]) -> bool {
        are_most(lines, |line| self.strip(line, &mut Vec::new()) != Stripped::Bare)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Prefix::DockerJson(_) => "Docker's JSON",
            Prefix::Cri => "CRI",
            Prefix::Kubectl => "kubectl's prefix",
            Prefix::Compose => "docker compose",
            Prefix::Syslog | Prefix::Syslog5424 | Prefix::Program => "syslog",
            Prefix::Shipped(Key::Log, _) => "JSON's `log`",
            Prefix::Shipped(Key::Message, _) => "JSON's `message`",
            Prefix::Shipped(Key::Msg, _) => "JSON's `msg`",
            Prefix::Shipped(Key::JournalMessage, _) => "JSON's `MESSAGE`",
        }
    }

    /// What the server wrote, of each line; one that was split or has no prefix stays as it is.
    pub(super) fn strip_all(self, lines: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut scratch = Vec::new();
        let mut strip = |line: &&[u8]| match self.strip(line, &mut scratch) {
            Stripped::Line(rest, _) => rest.to_vec(),
            Stripped::Part | Stripped::Bare => line.to_vec(),
        };
        lines.iter().map(&mut strip).collect()
    }

    /// Takes the prefix off; `scratch` holds what was escaped.
    pub(super) fn strip<'l>(self, line: &'l [u8], scratch: &'l mut Vec<u8>) -> Stripped<'l> {
        match self {
            Prefix::DockerJson(inner) => match json::strip_docker(line, scratch) {
                Stripped::Line(text, place) => behind_inner(inner, text, place),
                other => other,
            },
            Prefix::Cri => strip_cri(line),
            Prefix::Shipped(key, inner) => {
                let Some((text, start)) = key.text_in(line, scratch) else { return Stripped::Bare };
                behind_inner(inner, text, Place { text: start, before: 0, is_escaped: true })
            }
            _ => self.behind(line).map_or(Stripped::Bare, |rest| stripped(line, rest)),
        }
    }

    /// What follows a prefix that is nothing more than text before the line.
    pub(super) fn behind(self, line: &[u8]) -> Option<&[u8]> {
        match self {
            Prefix::Kubectl => behind_kubectl(line),
            Prefix::Compose => behind_compose(line),
            Prefix::Syslog => behind_syslog(line),
            Prefix::Syslog5424 => behind_syslog_5424(line),
            Prefix::Program => behind_program(line),
            Prefix::DockerJson(_) | Prefix::Cri | Prefix::Shipped(..) => None,
        }
    }
}

/// The text, which begins at `place`, without a prefix of its own.
fn behind_inner<'l>(inner: Option<&Prefix>, text: &'l [u8], place: Place) -> Stripped<'l> {
    let rest = inner.and_then(|inner| inner.behind(text)).unwrap_or(text);
    Stripped::Line(rest, Place { before: place.before + text.len() - rest.len(), ..place })
}

/// `rest` is the end of `line`.
fn stripped<'l>(line: &'l [u8], rest: &'l [u8]) -> Stripped<'l> {
    Stripped::Line(rest, Place { text: line.len() - rest.len(), before: 0, is_escaped: false })
}

/// A line without the end that it was written with.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn strip_cri(line: &[u8]) -> Stripped<'_> {
    let parts = || {
        let (stamp, rest) = split_space(line)?;
        let (stream, rest) = split_space(rest)?;
        let is_cri = is_rfc3339(stamp) && matches!(stream, b"stdout" | b"stderr");
        // Tags may follow the flag after a colon.
        let (flag, rest) = split_space(rest).filter(|_| is_cri)?;
        Some((*flag.first()?, rest))
    };
    match parts() {
        Some((b'F', rest)) => stripped(line, rest),
        Some((b'P', _)) => Stripped::Part,
        _ => Stripped::Bare,
    }
}

fn behind_kubectl(line: &[u8]) -> Option<&[u8]> {
    let named = line.strip_prefix(b"[pod/")?;
    named.get(memchr(b']', named)? + 1..)?.strip_prefix(b" ")
}

fn behind_compose(line: &[u8]) -> Option<&[u8]> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let len = line.iter().take_while(|byte| is_name(byte)).count();
    let padded = line.get(len..).filter(|_| len > 0)?;
    let bar = padded.trim_ascii_start().strip_prefix(b"|").filter(|_| padded.first() == Some(&b' '))?;
    // An empty line has nothing behind the bar.
    bar.strip_prefix(b" ").or(bar.is_empty().then_some(bar))
}

fn behind_syslog(line: &[u8]) -> Option<&[u8]> {
    let line = behind_priority(line).unwrap_or(line);
    let rest = match split_space(line) {
        Some((stamp, rest)) if is_rfc3339(stamp) => rest,
        _ => behind_bsd_stamp(line)?,
    };
    let (_host, rest) = split_space(rest)?;
    let (tag, rest) = split_space(rest)?;
    tag.ends_with(b":").then_some(rest)
}

/// What follows `host nginx[7]: ` or `nginx: `; an IPv6 address at the start of a line is neither.
fn behind_program(line: &[u8]) -> Option<&[u8]> {
    let is_name = |word: &[u8]| {
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/[]".contains(byte);
        !word.is_empty() && word.iter().all(is_of_name)
    };
    let is_tag = |word: &[u8]| word.strip_suffix(b":").is_some_and(is_name);
    let (first, rest) = split_space(line)?;
    if is_tag(first) {
        return Some(rest);
    }
    let (second, rest) = split_space(rest)?;
    (is_name(first) && is_tag(second)).then_some(rest)
}

/// What follows `Jun  1 12:00:00 `.
fn behind_bsd_stamp(line: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = line.split_first_chunk::<16>()?;
    let is_stamp = matches!(
        stamp,
        [
            b'A'..=b'Z',
            b'a'..=b'z',
            b'a'..=b'z',
            b' ',
            b' ' | b'0'..=b'3',
            b'0'..=b'9',
            b' ',
            b'0'..=b'2',
            b'0'..=b'9',
            b':',
            b'0'..=b'5',
            b'0'..=b'9',
            b':',
            b'0'..=b'6',
            b'0'..=b'9',
            b' '
        ]
    );
    is_stamp.then_some(rest)
}

fn behind_syslog_5424(line: &[u8]) -> Option<&[u8]> {
    let mut rest = behind_priority(line)?.strip_prefix(b"1 ")?;
    // Stamp, host, application, process, message.
    for _ in 0..5 {
        rest = split_space(rest)?.1;
    }
    let rest = match rest {
        [b'-', rest @ ..] => rest,
        [b'[', ..] => behind_structured_data(rest)?,
        _ => return None,
    };
    rest.strip_prefix(b" ").map(without_byte_order_mark)
}

/// What follows `[id name="value"][...]`: inside of a value a backslash escapes, and a bracket ends nothing (RFC 5424,
/// 6.3.3).
fn behind_structured_data(text: &[u8]) -> Option<&[u8]> {
    let (mut in_value, mut is_escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_value => is_escaped = true,
            b'"' => in_value = !in_value,
            b']' if !in_value && text.get(at + 1) != Some(&b'[') => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

/// What follows `<190>`.
fn behind_priority(line: &[u8]) -> Option<&[u8]> {
    let digits = line.strip_prefix(b"<")?;
    let end = memchr(b'>', digits).filter(|&end| (1..=3).contains(&end))?;
    digits[..end].iter().all(u8::is_ascii_digit).then(|| &digits[end + 1..])
}

fn split_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', text)?;
    Some((&text[..space], &text[space + 1..]))
}

fn is_rfc3339(stamp: &[u8]) -> bool {
    stamp.get(10) == Some(&b'T') && TimeParser::new(Timezone::default()).iso8601(stamp).is_some()
}

#[cfg(test)]
mod tests;
