//! Which text format a log is written in.
//!
//! In go the first lines of a log, out comes the preset that reads most of them, or what the log looks like instead.
//! It must not read files.

use super::looks::Looks;
use super::nginx::{FormatError, LogFormat};
use super::pair::Pair;
use super::preset::{self, Detection, Preset};
use super::{FormatInfo, ParseLine};
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
        /// The preset that read most lines, when those are not too few to tell.
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

/// What a text log is written in.
#[derive(Clone, Debug)]
pub enum TextFormat {
    /// One layout.
    One(LogFormat),
    /// Two of one product.
    Two(Pair),
}

impl TextFormat {
    /// What the format delivers.
    pub fn info(&self) -> FormatInfo {
        match self {
            TextFormat::One(format) => format.info(),
            TextFormat::Two(pair) => pair.info(),
        }
    }
}

/// The preset that reads most of the sample, compiled for what is wanted, and how many lines it reads; or the
/// preset that reads more of them with its companion.
///
/// Lines without a request in them count as read, empty lines not at all.
///
/// # Errors
///
/// When no preset and no pair reads half of the lines, or when the one that does lacks a field that is wanted.
pub fn detect_text(sample_lines: &[&[u8]], wanted: &Wanted) -> Result<(TextFormat, usize), NoFormat> {
    let sample = Sample::new(sample_lines);
    let plain = plain(wanted);
    let best = best(&sample, &plain);
    let alone = best.map_or(0, |(_, parsed)| parsed);
    if let Some((preset, companion)) = pair(&sample, alone, &plain) {
        match sample.read_by_pair(preset, companion, wanted) {
            Ok((pair, parsed)) => return Ok((TextFormat::Two(pair), parsed)),
            // What only one of them lacks does not take a layout along that is enough alone.
            Err(_) if sample.is_enough(alone) => {}
            Err(lacking) => return Err(lacking),
        }
    }
    match best {
        Some((preset, parsed)) if sample.is_enough(parsed) => {
            check_unit(preset, &sample, &plain)?;
            let lacking = |error| NoFormat::Lacking { preset: preset.name, error };
            let format = LogFormat::compile(preset.title, preset.log_format, wanted).map_err(lacking)?;
            let parsed = sample.read(&format, preset.detection);
            Ok((TextFormat::One(format), parsed))
        }
        best => {
            let telling = best.filter(|(_, parsed)| LINES_FOR_A_TELLING_ONE * parsed >= sample.lines.len());
            let guess = telling.and_then(|(preset, parsed)| sample.guess(preset, parsed, &plain));
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

/// The first preset that reads enough of the sample with its companion, and that; together they read
/// more lines than the best preset `alone`.
fn pair(sample: &Sample, alone: usize, wanted: &Wanted) -> Option<(&'static Preset, &'static Preset)> {
    // Nothing reads more than all of the lines, and most logs are read whole.
    if alone == sample.lines.len() {
        return None;
    }
    let mut pairs = preset::all().iter().filter_map(|preset| Some((preset, preset.companion()?)));
    pairs.find(|(preset, companion)| {
        let read = sample.read_by_pair(preset, companion, wanted);
        read.is_ok_and(|(_, parsed)| parsed > alone && sample.is_enough(parsed))
    })
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

/// A preset that does not read one line of so many is no guess: half of them would be enough to take it, and lines of
/// several kinds in one log are each a smaller part.
const LINES_FOR_A_TELLING_ONE: usize = 3;

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

    /// Whether so many lines tell that the log is in the format by which they are read.
    fn is_enough(&self, parsed: usize) -> bool {
        2 * parsed >= self.lines.len()
    }

    /// A preset and its companion, compiled, and how many lines they read together.
    fn read_by_pair(&self, own: &Preset, companion: &Preset, wanted: &Wanted) -> Result<(Pair, usize), NoFormat> {
        let lacking = |preset: &Preset| {
            let preset = preset.name;
            move |error| NoFormat::Lacking { preset, error }
        };
        let format = LogFormat::compile(own.title, own.log_format, wanted).map_err(lacking(own))?;
        let other = LogFormat::compile_companion(companion.title, companion.log_format, wanted);
        let texts = self.texts();
        let pair = Pair::new(format, other.map_err(lacking(companion))?, &texts);
        let mut parser = pair.parser();
        let parsed = texts.iter().filter(|line| is_read(&parser.parse_line(line), own.detection)).count();
        Ok((pair, parsed))
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
        Line::Request(request) if detection == Detection::TriedWithPoint => !is_whole_seconds(request),
        line => line.is_read(),
    }
}

/// Whether a latency was logged in whole seconds, without a point.
fn is_whole_seconds(request: &Request) -> bool {
    request.duration.is_some_and(|duration| duration.exponent() == Unit::Seconds.millis_exponent())
}

#[cfg(test)]
mod tests;
