//! Bytes in: opens what the plan names, finds out how its lines are laid out, and feeds the replay from all
//! cores. A bad line never ends a run: it is counted, with its place and reason.
//!
//! ```text
//! lines -> schedule -> chunk (workers) -> merge (one worker at a time) -> Replay
//! ```

pub mod apache;
mod asked;
mod chunk;
mod compression;
mod conclusion;
mod crew;
pub mod detect;
mod end;
pub mod explain;
mod filter;
mod format;
mod inputs;
mod lines;
mod looks;
pub(crate) mod marks;
mod merge;
pub mod named;
pub mod nginx;
pub mod pair;
pub mod postgres;
mod prefix;
pub mod preset;
mod probe;
pub(crate) mod query_log;
mod rejected;
pub mod scan;
mod schedule;
mod strangers;
pub mod table;
mod tally;
pub mod time;
pub(crate) mod tries;
mod trusting;
mod twins;
pub mod usage;
mod value;
pub(crate) mod wall;
pub(crate) mod window_table;
mod worker;

use crate::advise::trace::{Trace, TraceSpool};
use crate::backtest::spool::{Spool, Stamps, Stored};
use crate::plan::{InputName, ReplayPlan, TimeBound};
use crate::replay::{Kept, Reading, Replay};
use crate::report::LatencyHint;
use crate::request::DecimalMs;
use crate::window::minute::{MinuteTable, Repeats, Whose};
use anyhow::bail;
use chunk::{ChunkPlan, ChunkReader, Keeps};
use conclusion::conclude;
use end::LogEnd;
use format::{InputFormat, LineFormat};
use inputs::{Inputs, Recognised, recognise_all};
use marks::LineMarks;
use merge::{Grouping, InputMerge, Keep, Merge};
use probe::Probe;
use schedule::{Queued, Schedule};
use std::io;
use tally::InputTally;
use window_table::{Layout, TableSink};
use worker::Worker;

/// Bytes that a worker takes at once; large enough that merging costs little, small enough for caches.
pub const CHUNK_BYTES: usize = 4 << 20;

/// Chunks under way at once, beside two for each worker: enough to look ahead.
const SPARE_CHUNKS: u64 = 4;

/// Is told how many bytes of the inputs have been read since it was told last.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// What a compiled format tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatInfo {
    /// Its name for people, for example `nginx combined` or `JSON lines`.
    pub name: String,
    /// The field taken as latency.
    pub latency_field: Option<String>,
    /// That field's unit.
    pub latency_unit: Option<crate::plan::Unit>,
    /// The field taken as the developer.
    pub developer_field: Option<String>,
    /// Whether the developer's values are secrets by the field's name (API keys).
    pub developer_is_key: bool,
    /// What the first lines have in place of a latency, where they have none.
    pub latency_hint: Option<LatencyHint>,
}

/// Turns one line into a request or a reason why not.
///
/// A parser may keep caches and scratch space, but no line's result may depend on the lines before it.
pub trait ParseLine {
    /// Whether [`Self::parse_marked`] makes use of marks.
    const USES_MARKS: bool;

    /// Parses one line, without its line end.
    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> crate::request::Line<'a>;

    /// The request of a line that is as most are, which is then what [`Self::parse_marked`] would say; `None` tells
    /// nothing.
    fn parse_usual<'a>(&mut self, _line: &[u8], _marks: &LineMarks<'a, '_>) -> Option<crate::request::Request<'a>> {
        None
    }

    /// The same for a line of which something may be known beforehand.
    fn parse_marked<'a>(&'a mut self, line: &'a [u8], marks: LineMarks) -> crate::request::Line<'a>;
}

/// Reads every input into the replay, `progress` being told the bytes read. Where one of them is a window table, all
/// are counted by minute, for [`Replay::take_minutes`].
///
/// # Errors
/// An input that cannot be opened or recognised, no request in any input, too many rejected lines, a window table that
/// the plan asks too much of. An input that breaks off is none: what was read of it counts, and [`Reading::inputs`] says
/// what happened.
pub fn read(plan: &ReplayPlan, replay: &mut Replay, progress: Progress) -> anyhow::Result<Reading> {
    let inputs = recognise_all(plan)?;
    let Some((table, _)) = inputs.tables.first() else {
        let keeps = if plan.looks_again() { Keeps::Calls } else { Keeps::Counts };
        return read_recognised(plan, inputs, keeps, replay, progress);
    };
    window_table::refuse_rules(plan, &table.shown)?;
    let mut reading = read_recognised(plan, inputs, Keeps::Minutes, replay, progress)?;
    reading.summary.notes.push(NO_DEVELOPERS.to_owned());
    Ok(reading)
}

/// The same for counts by minute alone; the replay lends its names.
///
/// # Errors
/// Those of [`read`].
pub fn read_minutes(plan: &ReplayPlan, replay: &mut Replay, progress: Progress) -> anyhow::Result<Reading> {
    read_recognised(plan, recognise_all(plan)?, Keeps::Minutes, replay, progress)
}

/// The same for the analyses: every request is kept, as calls and with all that the analyses look at.
///
/// # Errors
/// Those of [`read`], and a window table.
pub(crate) fn read_visits(
    plan: &ReplayPlan,
    replay: &mut Replay,
    progress: Progress,
) -> anyhow::Result<(Stored, Trace, Reading)> {
    let inputs = recognise_all(plan)?;
    if let Some((table, _)) = inputs.tables.first() {
        bail!("{} is a window table, which keeps no single requests: `learn advise` needs the logs", table.shown)
    }
    let mut reading = read_recognised(plan, inputs, Keeps::Visits, replay, progress)?;
    match (reading.kept.take(), reading.trace.take()) {
        (Some(Kept::Calls(calls)), Some(trace)) => Ok((calls, trace, reading)),
        _ => bail!("no request was kept"),
    }
}

/// A duration as logs write it, a number in a unit that this power of ten turns into milliseconds.
pub(crate) fn duration_of(text: &[u8], unit_exponent: i8) -> Option<DecimalMs> {
    value::duration(text, unit_exponent).ok().flatten()
}

fn read_recognised(
    plan: &ReplayPlan,
    Inputs { logs, tables }: Inputs,
    keeps: Keeps,
    replay: &mut Replay,
    progress: Progress,
) -> anyhow::Result<Reading> {
    if let Some((table, _)) = tables.first() {
        window_table::refuse_selection(&plan.input, &table.shown)?;
    }
    let is_relative = |bound| matches!(bound, Some(TimeBound::BeforeEnd(_)));
    let end = match is_relative(plan.input.since) || is_relative(plan.input.until) {
        true => Some(LogEnd::of(&logs, plan.rules.looping.max_gap_ms)?),
        false => None,
    };
    let end_ms = end.as_ref().map(|end| end.at_ms);
    let (since_ms, until_ms) = (resolve(plan.input.since, end_ms), resolve(plan.input.until, end_ms));
    let with_requests = logs.iter().filter(|log| log.first_ms.is_some()).map(|log| &log.probe);
    let probes = with_requests.chain(tables.iter().map(|(table, _)| table));
    let mut twins = twins::twins(twins::LOGS, probes.map(|probe| (&*probe.shown, &*probe.sample)));
    let mut keep = match keeps {
        Keeps::Counts => Keep::Counts,
        Keeps::Calls => Keep::Calls(Spool::create()?, None),
        Keeps::Visits => Keep::Calls(Spool::create()?, Some(Box::new(TraceSpool::create()?))),
        Keeps::Minutes => Keep::Minutes(MinuteTable::default()),
    };
    let keeps_own_routes = plan.input.declared.is_some() && !tables.is_empty();
    let (mut read, mut repeats) = read_tables(plan, tables, &mut keep, replay, progress)?;
    // What is known of a table says more than how its file begins.
    twins.retain(|twin| !repeats.iter().any(|repeats| repeats.is_of(&twin.shown)));
    let tabled = match &mut keep {
        Keep::Minutes(minutes) if !logs.is_empty() => std::mem::take(minutes),
        _ => MinuteTable::default(),
    };
    let chunk_plan = ChunkPlan::new(plan, keeps, since_ms, until_ms);
    let formats: Vec<Option<(LineFormat, Stamps)>> = logs.iter().map(|input| input.format.clone()).collect();
    let firsts: Vec<Option<i64>> = logs.iter().map(|input| input.first_ms).collect();
    let (tallies, keep) = read_chunks(plan, &chunk_plan, logs, &formats, keep, replay, progress)?;
    read.extend(firsts.into_iter().zip(tallies));
    read.sort_by(|(a_ms, a), (b_ms, b)| (a_ms, &a.input.path).cmp(&(b_ms, &b.input.path)));
    let (kept, trace) = match keep {
        Keep::Counts => (None, None),
        Keep::Calls(spool, trace) => {
            (Some(Kept::Calls(spool.finish()?)), trace.map(|trace| trace.finish()).transpose()?)
        }
        Keep::Minutes(mut minutes) => {
            repeats.extend(minutes.repeats(Whose::Logs, &tabled));
            minutes.append(tabled);
            (Some(Kept::Minutes(minutes.finish(&replay.tabled))), None)
        }
    };
    let mut reading = conclude(plan, read.into_iter().map(|(_, tally)| tally).collect(), since_ms, until_ms)?;
    reading.summary.notes.extend(twins.into_iter().map(|twin| twin.note));
    reading.summary.notes.extend(keeps_own_routes.then(|| OWN_ROUTES.to_owned()));
    reading.summary.notes.extend(end.into_iter().flat_map(|end| end.notes));
    reading.summary.notes.extend(repeats.iter().map(Repeats::to_string));
    Ok(Reading { kept, trace, repeats: repeats.into_iter().next(), ..reading })
}

/// What is missing from a result over window tables, beside what is `null` in it.
const NO_DEVELOPERS: &str = "window tables hold no developers, so their requests take no part in usage spikes";

/// What the routes that a user declares cannot do.
const OWN_ROUTES: &str =
    "--routes and --openapi name the paths of logs; window tables keep the routes that they were made with";

/// What was counted of inputs, each with its first time.
type Tallies = Vec<(Option<i64>, InputTally)>;

/// Reads the window tables; what was counted of each, and which hold what those before them do.
fn read_tables(
    plan: &ReplayPlan,
    tables: Vec<(Probe, Layout)>,
    keep: &mut Keep,
    replay: &mut Replay,
    progress: Progress,
) -> anyhow::Result<(Tallies, Vec<Repeats>)> {
    let Keep::Minutes(minutes) = keep else { return Ok(Default::default()) };
    let mut sink = TableSink {
        minutes: MinuteTable::default(),
        names: &mut replay.tabled,
        filters: &plan.input.filters,
        latency: plan.input.wanted.latency.name(),
        requests: 0,
    };
    let (mut read, mut repeats) = (Vec::new(), Vec::new());
    for (probe, layout) in tables {
        let (first_ms, tally) = window_table::read(probe, layout, &mut sink)?;
        progress(tally.input.bytes);
        let table = std::mem::take(&mut sink.minutes);
        repeats.extend(table.repeats(Whose::Table(tally.input.path.clone()), minutes));
        minutes.append(table);
        read.push((first_ms, tally));
    }
    Ok((read, repeats))
}

/// The size of all inputs in bytes; `None` when one of them is a pipe.
pub fn total_bytes(plan: &ReplayPlan) -> Option<u64> {
    let size = |name: &InputName| match name {
        InputName::Stdin => None,
        InputName::Path(path) => path.metadata().ok().filter(|m| m.is_file()).map(|m| m.len()),
    };
    plan.input.files.iter().map(size).sum()
}

/// Whether more than half of the texts are such.
fn are_most(texts: &[&[u8]], is_such: impl Fn(&[u8]) -> bool) -> bool {
    2 * texts.iter().filter(|text| is_such(text)).count() > texts.len()
}

/// A bound as a time; `end_ms` is the log's end, for one that is relative to it.
fn resolve(bound: Option<TimeBound>, end_ms: Option<i64>) -> Option<i64> {
    match bound? {
        TimeBound::At(timestamp_ms) => Some(timestamp_ms),
        TimeBound::BeforeEnd(milliseconds) => end_ms.map(|end_ms| end_ms.saturating_sub(milliseconds)),
    }
}

fn read_chunks(
    plan: &ReplayPlan,
    chunk_plan: &ChunkPlan,
    inputs: Vec<Recognised>,
    formats: &[Option<(LineFormat, Stamps)>],
    keep: Keep,
    replay: &mut Replay,
    progress: Progress,
) -> anyhow::Result<(Vec<InputTally>, Keep)> {
    let keeps_all = plan.input.rejects.is_some();
    let tally = |input: &Recognised| {
        let info = input.format.as_ref().map(|(format, _)| format.info());
        let mut tally = InputTally::new(input.probe.shown.clone(), info, input.probe.compression, keeps_all);
        // Without a line it is not read again; otherwise the error comes when its turn does.
        let broken = input.probe.broken.as_ref().filter(|_| input.format.is_none());
        tally.input.error = broken.map(describe);
        tally.has_headers = input.format.is_none() && format::has_only_headers(&input.probe);
        tally
    };
    let merges = inputs
        .iter()
        .map(|input| {
            let format = input.format.as_ref().map(|(format, stamps)| InputFormat::new(format, *stamps));
            InputMerge::new(format, tally(input), input.first_ms)
        })
        .collect();
    let workers = plan.threads;
    let queued = inputs.into_iter().map(|input| Queued {
        has_lines: input.format.is_some(),
        heading: input.format.and_then(|(format, _)| format.heading()),
        first_ms: input.first_ms,
        probe: input.probe,
    });
    let schedule = Schedule::new(queued, plan.chunk_bytes, 2 * workers as u64 + SPARE_CHUNKS);
    let bounds = (chunk_plan.lateness_ms, chunk_plan.max_gap_ms);
    let own_reader = ChunkReader::new(chunk_plan.clone());
    let grouping = Grouping::by(plan.input.as_given.group_by.as_deref());
    let mut merge = Merge::new(merges, replay, own_reader, workers, bounds, grouping, keep);
    let new_worker = |number| Worker::new(number, &schedule, formats, chunk_plan.clone());
    crew::read_and_merge(&mut merge, workers, new_worker, &schedule, progress)?;
    Ok((merge.inputs.into_iter().map(|input| input.tally).collect(), merge.keep))
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends in the middle of its compressed data (truncated)".to_owned(),
        _ => format!("cannot be read further: {error}"),
    }
}
