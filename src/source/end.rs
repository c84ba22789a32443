//! When a log ends, for times that are relative to its end: the newest request in the last bytes of each input.
//!
//! One line whose clock is astray must not move the whole range by years. Inside a log such a line is rejected for lying
//! far from both its neighbours; the last one has a neighbour on one side only, so it is read, but it is not the end.

use super::format::{InputFormat, LineFormat};
use super::lines::{Chunk, Chunker};
use super::merge::{astray, is_apart};
use super::probe::Probe;
use super::{CHUNK_BYTES, Recognised};
use crate::backtest::spool::Stamps;
use anyhow::{Context, bail};
use std::io;

/// The newest request that can be trusted to be one.
pub(super) struct LogEnd {
    /// UTC ms.
    pub at_ms: i64,
    /// What was passed over.
    pub notes: Vec<String>,
}

impl LogEnd {
    /// The end of all inputs together; `max_gap_ms` is how far a lone request may lie from its neighbours.
    ///
    /// # Errors
    /// An input that has no end to look up, such as a pipe, or none in which a request is found.
    pub(super) fn of(inputs: &[Recognised], max_gap_ms: i64) -> anyhow::Result<LogEnd> {
        let mut at_ms = None;
        let mut notes = Vec::new();
        for input in inputs {
            let Some((format, stamps)) = &input.format else { continue };
            let path = &input.probe.shown;
            let timestamps = last_timestamps(&input.probe, format, *stamps)
                .with_context(|| format!("{path}: its end cannot be read"))?;
            let Some(timestamps) = timestamps else {
                bail!(
                    "{path}: a time relative to the log's end needs a regular file; give --since and --until as RFC 3339"
                )
            };
            let (newest_ms, last) = newest(timestamps, max_gap_ms);
            at_ms = at_ms.max(newest_ms);
            if last == LastLine::Astray {
                notes.push(format!(
                    "{path}: the last request lies further than --max-gap from the one before it, so its clock was not \
                     taken for the log's end"
                ));
            }
        }
        match at_ms {
            Some(at_ms) => Ok(LogEnd { at_ms, notes }),
            None => bail!("no request was found near the log's end, so --since/--until cannot be relative to it"),
        }
    }
}

/// The times of the last requests, in log order; `None` where the input can be read only once.
fn last_timestamps(probe: &Probe, format: &LineFormat, stamps: Stamps) -> io::Result<Option<Vec<i64>>> {
    let mut parser = InputFormat::new(format, stamps);
    if let Some(heading) = format.heading() {
        return match probe.chunker()? {
            Some(chunks) => last_chunks(chunks.headed(Some(heading)), &mut parser).map(Some),
            None => Ok(None),
        };
    }
    let tail = probe.tail()?;
    Ok(tail.map(|tail| tail.split(|byte| *byte == b'\n').filter_map(|line| parser.next_timestamp(line)).collect()))
}

/// The same of a log whose columns may change on the way: only from its start on is it known which hold at its end.
fn last_chunks(mut chunks: Chunker, parser: &mut InputFormat) -> io::Result<Vec<i64>> {
    let mut last: [Option<Chunk>; 2] = [None, None];
    // Where it breaks off, reading the input will tell; up to there it has an end.
    while let Ok(Some(chunk)) = chunks.next(CHUNK_BYTES) {
        last = [last[1].take(), Some(chunk)];
    }
    let mut timestamps = Vec::new();
    for chunk in last.iter().flatten() {
        timestamps.extend(parser.timestamps(chunk, &mut Vec::new())?);
    }
    Ok(timestamps)
}

/// What the last line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastLine {
    Trusted,
    /// Far from a line before it that is near its own neighbour.
    Astray,
}

/// The newest of the times, in log order, that is not astray.
fn newest(mut timestamps: Vec<i64>, max_gap_ms: i64) -> (Option<i64>, LastLine) {
    for index in astray(&timestamps, None, None, max_gap_ms).into_iter().rev() {
        timestamps.remove(index as usize);
    }
    let last = match timestamps[..] {
        [.., second, third, last] if is_apart(third, last, max_gap_ms) && !is_apart(second, third, max_gap_ms) => {
            timestamps.pop();
            LastLine::Astray
        }
        _ => LastLine::Trusted,
    };
    (timestamps.into_iter().max(), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_clock_at_the_end_is_not_the_end() {
        let check = |timestamps: &[i64], newest_ms, last| {
            assert_eq!(newest(timestamps.to_vec(), 1000), (newest_ms, last), "{timestamps:?}");
        };
        check(&[0, 10, 20], Some(20), LastLine::Trusted);
        check(&[0, 20, 10], Some(20), LastLine::Trusted);
        check(&[0, 10, 1010], Some(1010), LastLine::Trusted);
        check(&[0, 10, 1011], Some(10), LastLine::Astray);
        check(&[5000, 5010, 10], Some(5010), LastLine::Astray);
        // Two together are the log going on, and of two lines nobody knows which one is astray.
        check(&[0, 10, 9000, 9001], Some(9001), LastLine::Trusted);
        check(&[0, 9000], Some(9000), LastLine::Trusted);
        check(&[0, 9000, 10, 20], Some(20), LastLine::Trusted);
        check(&[0, 9000, 10, 20, 9000], Some(20), LastLine::Astray);
        check(&[], None, LastLine::Trusted);
    }
}
