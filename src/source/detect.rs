//! Which text format a log is written in.
//!
//! In go the first lines of a log, out comes the preset that reads most of them, or what the log looks like instead.
//! It must not read files.

use super::ParseLine;
use super::looks::Looks;
use super::nginx::{FormatError, LogFormat};
use super::preset::{self, Detection, Preset};
use crate::plan::{Unit, Wanted};
use crate::request::{Line, Request};
use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

/// Why no preset was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFormat {
    /// No preset reads at least half of the lines.
    #[error(
        "the log is in no known text format; it looks like {looks}{}",
        guess.as_ref().map(Guess::to_string).unwrap_or_default()
    )]
    Unknown {
        /// What it looks like.
        looks: Looks,
        /// The preset that read most lines, when any read one.
        guess: Option<Guess>,
    },
    /// The log could be in either of two formats whose latencies have other units.
    #[error(
        "the log's lines end with small whole numbers, which Apache's `%D` (microseconds) and `%T` (seconds) write \
         alike; say which it is by --log-format {in_micros} or --log-format {in_seconds}"
    )]
    UnknownUnit {
        /// The preset in microseconds.
        in_micros: &'static str,
        /// The preset in seconds.
        in_seconds: &'static str,
    },
    /// The log is in a known format, which does not log what is wanted.
    #[error("the log is in the format `{preset}`: {error}")]
    Lacking {
        /// The preset's name.
        preset: &'static str,
        /// What it lacks.
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

/// The preset that reads most of the sample, compiled for what is wanted, and how many lines it reads.
///
/// Lines without a request in them count as read, empty lines not at all.
///
/// # Errors
///
/// When no preset reads half of the lines, or when the one that does lacks a field that is wanted.
pub fn detect_text(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<(LogFormat, usize), NoFormat> {
    let sample = Sample::new(sample_lines);
    let plain = plain(wanted);
    let best = best(&sample, &plain);
    match best {
        Some((preset, parsed)) if 2 * parsed >= sample.lines.len() => {
            check_unit(preset, &sample, &plain)?;
            let lacking = |error| NoFormat::Lacking { preset: preset.name, error };
            let format = LogFormat::compile(preset.title, preset.log_format, wanted).map_err(lacking)?;
            let parsed = sample.read(&format, preset.detection);
            Ok((format, parsed))
        }
        best => {
            let guess = best.and_then(|(preset, parsed)| sample.guess(preset, parsed, &plain));
            Err(NoFormat::Unknown { looks: Looks::of(&sample.texts()), guess })
        }
    }
}

/// The presets that read any line of the sample and how many they read, the best first.
pub fn rank(sample_lines: &[&[u8]], wanted: &Wanted) -> Vec<(&'static Preset, usize)> {
    let (sample, plain) = (Sample::new(sample_lines), plain(wanted));
    let read = |(preset, format): (&'static Preset, LogFormat)| (preset, sample.read(&format, preset.detection));
    let mut candidates: Vec<_> = tried(&plain).map(read).filter(|(_, parsed)| *parsed > 0).collect();
    // Of equals the earlier preset stays first.
    candidates.sort_by_key(|(_, parsed)| Reverse(*parsed));
    candidates
}

/// What is wanted beyond a request must not decide which format a log is in.
fn plain(wanted: &Wanted) -> Wanted {
    Wanted { timezone: wanted.timezone, ..Wanted::default() }
}

/// The presets that a log is tried with.
fn tried(wanted: &Wanted) -> impl Iterator<Item = (&'static Preset, LogFormat)> {
    let tried = preset::all().iter().filter(|preset| preset.detection != Detection::ByName);
    tried.filter_map(|preset| Some((preset, LogFormat::compile(preset.title, preset.log_format, wanted).ok()?)))
}

/// The first that [`rank`] gives.
fn best(sample: &Sample, wanted: &Wanted) -> Option<(&'static Preset, usize)> {
    // What reads the first lines comes first, so that most others can be given up soon.
    let few = Sample { lines: sample.lines.iter().take(FEW_LINES).copied().collect() };
    let mut tried: Vec<_> = tried(wanted).enumerate().collect();
    tried.sort_by_key(|(_, (preset, format))| Reverse(few.read(format, preset.detection)));
    let mut best: Option<(usize, Reverse<usize>, &Preset)> = None;
    for (number, (preset, format)) in tried {
        let least = best.map_or(1, |(parsed, Reverse(earlier), _)| parsed + usize::from(number > earlier));
        if let Some(parsed) = sample.read_at_least(least, &format, preset.detection) {
            best = Some((parsed, Reverse(number), preset));
        }
    }
    best.map(|(parsed, _, preset)| (preset, parsed))
}

/// Lines that tell which presets to look at first.
const FEW_LINES: usize = 3;

/// No request takes less than this in every line of a log, so smaller whole numbers count no microseconds.
const LEAST_LIKELY_MAX: Duration = Duration::from_millis(1);

/// Whole numbers at a line's end are Apache's `%D` or its `%T`: only large ones tell.
fn check_unit(preset: &Preset, sample: &Sample, wanted: &Wanted) -> Result<(), NoFormat> {
    if preset.detection != Detection::TriedWithLarge {
        return Ok(());
    }
    let longest = sample.longest(preset, wanted);
    if longest.is_none_or(|longest| longest >= LEAST_LIKELY_MAX) {
        return Ok(());
    }
    let in_seconds = match preset.name {
        "apache-common-us" => "apache-common-s",
        _ => "apache-combined-s",
    };
    Err(NoFormat::UnknownUnit { in_micros: preset.name, in_seconds })
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

    fn texts(&self) -> Vec<&'a [u8]> {
        self.lines.iter().map(|(_, line)| *line).collect()
    }

    /// How many lines a format reads.
    fn read(&self, format: &LogFormat, detection: Detection) -> usize {
        self.read_at_least(0, format, detection).unwrap_or(0)
    }

    /// How many lines a format reads, if that is at least `least`.
    fn read_at_least(&self, least: usize, format: &LogFormat, detection: Detection) -> Option<usize> {
        let mut parser = format.parser();
        let mut parsed = self.lines.len();
        for (_, line) in &self.lines {
            parsed -= usize::from(!is_read(&parser.parse_line(line), detection));
            if parsed < least {
                return None;
            }
        }
        (parsed >= least).then_some(parsed)
    }

    /// Why a format does not read the first of the lines that it rejects.
    fn rejection(&self, format: &LogFormat) -> Option<String> {
        let mut parser = format.parser();
        self.lines.iter().find_map(|&(number, line)| match parser.parse_line(line) {
            Line::Rejected(rejected) => {
                let (column, found, expected) = (rejected.column, rejected.found.escape_ascii(), rejected.expected);
                Some(format!("line {number}, column {column}: found `{found}`, expected {expected}"))
            }
            _ => None,
        })
    }

    /// The longest latency of the lines that a preset reads.
    fn longest(&self, preset: &Preset, wanted: &Wanted) -> Option<Duration> {
        let mut parser = LogFormat::compile(preset.title, preset.log_format, wanted).ok()?.parser();
        let duration = |line: &[u8]| match parser.parse_line(line) {
            Line::Request(request) => request.duration,
            _ => None,
        };
        let durations = self.texts().into_iter().filter_map(duration);
        durations.map(|duration| Duration::from_nanos(duration.nanos())).max()
    }

    fn guess(&self, preset: &Preset, parsed: usize, wanted: &Wanted) -> Option<Guess> {
        let format = LogFormat::compile(preset.title, preset.log_format, wanted).ok()?;
        let rejection = self.rejection(&format)?;
        Some(Guess { preset: preset.name, parsed, lines: self.lines.len(), rejection })
    }
}

/// Whether a line tells for the format that it was read by.
fn is_read(line: &Line, detection: Detection) -> bool {
    match line {
        Line::Request(request) => detection != Detection::TriedWithPoint || !is_whole_seconds(request),
        Line::NotRequest => true,
        Line::Comment | Line::Rejected(_) => false,
    }
}

/// Whether a latency was logged in whole seconds, without a point.
fn is_whole_seconds(request: &Request) -> bool {
    request.duration.is_some_and(|duration| duration.exponent() == Unit::Seconds.millis_exponent())
}

#[cfg(test)]
mod tests {
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

    /// What a line of another server is taken for, and what is read of it: the time after 2026-06-01T12:00:00Z, the
    /// request, the latency and the developer.
    fn read(line: &str) -> String {
        let (format, _) = detect_text(&[line.as_bytes()], &Wanted::default()).unwrap();
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
}
