//! What a log that holds no requests looks like, so that people hear it instead of a riddle.
//!
//! Lines in, a guess for a person out. No line is read by it.

use super::prefix::Prefix;
use std::fmt;

/// What a sample looks like to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// It has no line with anything on it.
    Empty,
    /// It holds bytes that no text has.
    Binary,
    /// Its lines are JSON objects.
    Json,
    /// nginx's error log.
    NginxErrors,
    /// Apache's error log.
    ApacheErrors,
    /// HAProxy's log of connections.
    HaproxyTcp,
    /// XML, such as exported Windows events.
    Xml,
    /// Messages of a program, each with a level.
    Messages,
    /// Anything else.
    Text,
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Looks::Empty => "nothing: every line is empty",
            Looks::Binary => "binary data",
            Looks::Json => "JSON lines",
            Looks::NginxErrors => "nginx's error log, which has no requests' statuses and times; give the access log",
            Looks::ApacheErrors => "Apache's error log, which has no requests' statuses and times; give the access log",
            Looks::HaproxyTcp => {
                "HAProxy's TCP log, which has connections and no requests; log with `option httplog` in mode http"
            }
            Looks::Xml => "XML; export the log as W3C or text lines, one request on each",
            Looks::Messages => "a program's messages with levels, not requests; give the access log",
            Looks::Text => "text of another format; give it with `--log-format`",
        })
    }
}
impl Looks {
    /// What most of the lines look like.
    pub(super) fn of(lines: &[&[u8]]) -> Looks {
        if lines.is_empty() {
            return Looks::Empty;
        }
        let most = |is_such: IsSuch| 2 * lines.iter().filter(|line| is_such(line)).count() >= lines.len();
        KINDS.iter().find(|(_, is_such)| most(*is_such)).map_or(Looks::Text, |(looks, _)| *looks)
    }
}

/// Whether a line is of a kind.
type IsSuch = fn(&[u8]) -> bool;

/// What a line of each kind is known by, the surest first.
const KINDS: [(Looks, IsSuch); 7] = [
    (Looks::Binary, is_binary),
    (Looks::Json, |line| line.trim_ascii().starts_with(b"{")),
    (Looks::NginxErrors, is_nginx_error),
    (Looks::ApacheErrors, is_apache_error),
    (Looks::HaproxyTcp, is_haproxy_tcp),
    (Looks::Xml, |line| line.trim_ascii().starts_with(b"<")),
    (Looks::Messages, is_message),
];

/// Stray escape sequences do not make a log binary; a tenth of such bytes, or one NUL, does.
fn is_binary(line: &[u8]) -> bool {
    let control = line.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
    line.contains(&0) || 10 * control > line.len()
}

fn without_syslog(line: &[u8]) -> &[u8] {
    Prefix::Syslog.behind(line).unwrap_or(line)
}

/// `2026/06/01 12:00:00 [error] 7#8: *9 ...`
fn is_nginx_error(line: &[u8]) -> bool {
    let digits = |at: std::ops::Range<usize>| line.get(at).is_some_and(|text| text.iter().all(u8::is_ascii_digit));
    digits(0..4) && line.get(4) == Some(&b'/') && line.get(19..21) == Some(b" [") && {
        let level: Vec<u8> = line[21..].iter().copied().take_while(u8::is_ascii_lowercase).collect();
        let behind = line.get(21 + level.len()..).unwrap_or_default();
        behind.starts_with(b"] ") && behind.get(2).is_some_and(u8::is_ascii_digit)
    }
}

/// `[Mon Jun 01 12:00:00.000000 2026] [core:error] [pid 7] ...`
fn is_apache_error(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"[").unwrap_or_default();
    let day = rest.get(..4).unwrap_or_default();
    [&b"Mon "[..], b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "].contains(&day)
        && memchr::memmem::find(rest, b"] [").is_some()
}

/// `192.0.2.1:7 [01/Jun/2026:12:00:00.000] front back/server 0/0/5 212 -- ...`: three times and no request.
fn is_haproxy_tcp(line: &[u8]) -> bool {
    let mut words = without_syslog(line).split(|&byte| byte == b' ');
    let stamp = words.nth(1).unwrap_or_default();
    let times = words.nth(2).unwrap_or_default();
    let is_times = times.split(|&byte| byte == b'/').count() == 3
        && times.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'+'));
    stamp.starts_with(b"[") && stamp.ends_with(b"]") && is_times && !line.contains(&b'"')
}

/// A level between spaces or brackets, or `level=`.
fn is_message(line: &[u8]) -> bool {
    const LEVELS: [&str; 10] =
        ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "info"];
    let is_level = |word: &[u8]| LEVELS.iter().any(|level| level.as_bytes() == word);
    let words = line.split(|byte| matches!(byte, b' ' | b'[' | b']' | b':' | b'.' | b'\t'));
    memchr::memmem::find(line, b"level=").is_some() || words.take(12).any(is_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(lines: &[&str]) -> Looks {
        Looks::of(&lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn each_kind_is_known_by_its_lines() {
        for (expected, line) in [
            (Looks::Binary, "a\0b"),
            (Looks::Binary, "\x1babcdefgh"),
            (Looks::Text, "\x1babcdefghi"),
            (Looks::Json, r#"{"status":200}"#),
            (Looks::NginxErrors, r#"2026/06/01 12:00:00 [error] 7#8: *9 limiting requests, request: "GET / HTTP/1.1""#),
            (Looks::ApacheErrors, "[Mon Jun 01 12:00:00.000001 2026] [core:error] [pid 7:tid 8] AH00126: Invalid URI"),
            (Looks::HaproxyTcp, "192.0.2.1:7 [01/Jun/2026:12:00:00.000] front back/s1 0/0/5007 212 -- 0/0/0/0/3 0/0"),
            (
                Looks::HaproxyTcp,
                "Jun  1 12:00:00 host haproxy[7]: 192.0.2.1:7 [01/Jun/2026:12:00:00.000] f b/s 0/-1/+7 212 -- 0/0 0/0",
            ),
            (Looks::Xml, "<Event xmlns=\"x\">"),
            (Looks::Messages, "2026-06-01T12:00:00,991Z [exec-9] WARN  o.a.Service - failed"),
            (Looks::Messages, "time=\"2026-06-01T12:00:00Z\" level=debug msg=\"x\""),
            (Looks::Text, "192.0.2.1:7 [x] front back/s1 0/0/5/7 200"),
            (Looks::Text, "May  1 00:00:00 example sshd[1]: hello"),
        ] {
            assert_eq!(looks(&[line]), expected, "{line}");
        }
        assert_eq!(looks(&[]), Looks::Empty);
    }

    #[test]
    fn half_of_the_lines_are_enough() {
        assert_eq!(looks(&["a\0", "b"]), Looks::Binary);
        assert_eq!(looks(&["a\0", "b", "c"]), Looks::Text);
    }
}
