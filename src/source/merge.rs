//! Parts of chunks into the replay, each input's in its own order.
//!
//! Workers finish in any order and judge lateness by what they knew; here every part is checked against the
//! facts, read again where they differ, and added up. How far time has passed for certain follows from the
//! newest request of every input.

use super::chunk::{Before, ChunkPart, ChunkReader};
use super::format::{InputFormat, lines_of};
use super::lines::Chunk;
use super::rejected::RejectedLine;
use super::tally::InputTally;
use crate::replay::Replay;
use crate::rules::published::Arrival;
use crate::usage::display_name;
use crate::window::value_run::ValueRun;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;

/// Chunks looked ahead for the neighbour of a request at a chunk's end.
const MAX_LOOKAHEAD: u64 = 3;

/// A worker's result.
pub struct Delivery {
    /// The worker, from 0.
    pub worker: usize,
    /// The input.
    pub input: usize,
    /// The chunk's number within the input.
    pub number: u64,
    /// The chunk itself, to be read again if need be.
    pub chunk: Chunk,
    /// What it adds up to.
    pub part: ChunkPart,
    /// Endpoints that the worker saw for the first time, in its numbering's order.
    pub new_endpoints: Vec<[Box<[u8]>; 3]>,
    /// Developers that the worker saw for the first time, with whether they are keys.
    pub new_developers: Vec<(Box<[u8]>, bool)>,
}

/// One input on its way through.
pub struct InputMerge {
    /// How its lines are laid out; `None` when there are none.
    format: Option<InputFormat>,
    /// What was counted.
    pub tally: InputTally,
    first_ms: Option<i64>,
    waiting: BTreeMap<u64, (usize, Chunk, ChunkPart)>,
    next_number: u64,
    /// How many chunks there are, once known.
    total: Option<u64>,
    newest_ms: Option<i64>,
    last_ms: Option<i64>,
    arrivals: VecDeque<Arrival>,
}

impl InputMerge {
    /// An input whose first request is known from its sample.
    pub fn new(format: Option<InputFormat>, tally: InputTally, first_ms: Option<i64>) -> Self {
        InputMerge {
            format,
            tally,
            first_ms,
            waiting: BTreeMap::new(),
            next_number: 0,
            total: None,
            newest_ms: None,
            last_ms: None,
            arrivals: VecDeque::new(),
        }
    }

    fn is_finished(&self) -> bool {
        self.total == Some(self.next_number)
    }

    /// No request still to come from this input is timely and older than this plus the lateness.
    fn frontier_ms(&self) -> i64 {
        if self.is_finished() { i64::MAX } else { self.newest_ms.or(self.first_ms).unwrap_or(i64::MIN) }
    }

    /// The first request after a chunk, as far as it is known.
    fn next_first_ms(&self, number: u64) -> Neighbour {
        for later in number + 1..=number + MAX_LOOKAHEAD {
            match self.waiting.get(&later) {
                Some((_, _, part)) => {
                    if let Some(first_ms) = part.first_ms {
                        return Neighbour::At(first_ms);
                    }
                }
                None if self.total.is_some_and(|total| later >= total) => return Neighbour::None,
                None => return Neighbour::Unknown,
            }
        }
        Neighbour::None
    }
}

enum Neighbour {
    At(i64),
    None,
    Unknown,
}

/// A worker's numbers in the run's numbering.
#[derive(Default)]
struct Numbering {
    endpoints: Vec<u32>,
    developers: Vec<u32>,
}

/// Everything on its way into the replay.
pub struct Merge<'a> {
    /// The inputs, in order.
    pub inputs: Vec<InputMerge>,
    replay: &'a mut Replay,
    /// By worker; the last one is this module's own reader.
    numberings: Vec<Numbering>,
    /// Reads chunks again.
    reader: ChunkReader,
    reader_reported: (usize, usize),
    buffer: Vec<u8>,
    lateness_ms: i64,
    max_gap_ms: i64,
    is_grouped: bool,
}

impl<'a> Merge<'a> {
    /// Nothing merged yet; `reader` is for chunks that have to be read again.
    pub fn new(
        inputs: Vec<InputMerge>,
        replay: &'a mut Replay,
        reader: ChunkReader,
        workers: usize,
        bounds: (i64, i64),
        is_grouped: bool,
    ) -> Self {
        let (lateness_ms, max_gap_ms) = bounds;
        Merge {
            inputs,
            replay,
            numberings: (0..=workers).map(|_| Numbering::default()).collect(),
            reader,
            reader_reported: (0, 0),
            buffer: Vec::new(),
            lateness_ms,
            max_gap_ms,
            is_grouped,
        }
    }

    /// Takes a worker's result; calls `merged` with the newest request for each chunk that went through.
    pub fn take(&mut self, delivery: Delivery, merged: impl FnMut(usize, Option<i64>)) -> io::Result<()> {
        let Delivery { worker, input, number, chunk, part, new_endpoints, new_developers } = delivery;
        let endpoints = new_endpoints.iter().map(|parts| parts.each_ref().map(|part| &part[..]));
        let numbering = &mut self.numberings[worker];
        numbering.endpoints.extend(endpoints.map(|parts| self.replay.names.intern(parts, self.is_grouped)));
        let developers = new_developers.iter().map(|(id, is_key)| display_name(id, *is_key));
        numbering.developers.extend(developers.map(|shown| self.replay.usage.intern(&shown)));
        self.inputs[input].waiting.insert(number, (worker, chunk, part));
        self.drain(input, merged)
    }

    /// Notes the end of an input.
    pub fn end(&mut self, input: usize, chunks: u64, merged: impl FnMut(usize, Option<i64>)) -> io::Result<()> {
        self.inputs[input].total = Some(chunks);
        self.drain(input, merged)
    }

    /// Merges what is next in the input's order, and lets time pass.
    fn drain(&mut self, input: usize, mut merged: impl FnMut(usize, Option<i64>)) -> io::Result<()> {
        while let Some((worker, chunk, part)) = self.next_ready(input) {
            let (worker, part) = match self.facts_differ(input, &part) {
                Some(before) => (self.numberings.len() - 1, self.read_again(input, &chunk, &before)?),
                None => (worker, part),
            };
            self.merge(input, worker, part, chunk.file_bytes);
            merged(input, self.inputs[input].newest_ms);
        }
        self.drain_arrivals();
        let frontier_ms = self.inputs.iter().map(InputMerge::frontier_ms).min().unwrap_or(i64::MAX);
        // Everything still to come lies at or after the frontier less the lateness.
        self.replay.advance(frontier_ms.saturating_sub(self.lateness_ms));
        Ok(())
    }

    /// Removes the input's next part, if all that its check needs is there.
    fn next_ready(&mut self, input: usize) -> Option<(usize, Chunk, ChunkPart)> {
        let state = &mut self.inputs[input];
        let number = state.next_number;
        let (_, _, part) = state.waiting.get(&number)?;
        let needs_neighbour = self.max_gap_ms < i64::MAX && has_jump(part, state.last_ms, self.max_gap_ms);
        if needs_neighbour && matches!(state.next_first_ms(number), Neighbour::Unknown) {
            return None;
        }
        state.waiting.remove(&number)
    }

    /// What the chunk must be read again with, if its worker assumed something else.
    fn facts_differ(&mut self, input: usize, part: &ChunkPart) -> Option<Before> {
        let state = &self.inputs[input];
        let is_jumpy = has_jump(part, state.last_ms, self.max_gap_ms);
        let oldest_timely_ms = state.newest_ms.map(|newest_ms| newest_ms.saturating_sub(self.lateness_ms));
        let took_late = oldest_timely_ms.zip(part.earliest_timely_ms).is_some_and(|(oldest, took)| took < oldest);
        (is_jumpy || took_late).then(|| Before { newest_ms: state.newest_ms, astray: Vec::new() })
    }

    fn read_again(&mut self, input: usize, chunk: &Chunk, before: &Before) -> io::Result<ChunkPart> {
        let state = &mut self.inputs[input];
        let next_ms = match state.next_first_ms(state.next_number) {
            Neighbour::At(first_ms) => Some(first_ms),
            Neighbour::None | Neighbour::Unknown => None,
        };
        let lines = lines_of(chunk, &mut self.buffer)?;
        let Some(format) = &mut state.format else { return Ok(ChunkPart::default()) };
        let timestamps = format.timestamps(lines);
        let astray = astray(&timestamps, state.last_ms, next_ms, self.max_gap_ms);
        let before = Before { newest_ms: before.newest_ms, astray };
        let part = format.read(&mut self.reader, lines, &before);
        self.number_own_names();
        Ok(part)
    }

    /// Numbers what this module's own reader has seen.
    fn number_own_names(&mut self) {
        let Some(numbering) = self.numberings.last_mut() else { return };
        let (endpoints, developers) = self.reader_reported;
        for number in endpoints..self.reader.endpoints.len() {
            let parts = self.reader.endpoints.parts(number as u32);
            numbering.endpoints.push(self.replay.names.intern(parts, self.is_grouped));
        }
        for number in developers..self.reader.developers.len() {
            let [id, key_mark, _] = self.reader.developers.parts(number as u32);
            numbering.developers.push(self.replay.usage.intern(&display_name(id, !key_mark.is_empty())));
        }
        self.reader_reported = (self.reader.endpoints.len(), self.reader.developers.len());
    }

    fn merge(&mut self, input: usize, worker: usize, mut part: ChunkPart, file_bytes: u64) {
        let numbering = &self.numberings[worker];
        part.panes.spans.iter().for_each(|span| self.replay.open_pane(*span));
        let chunk_ns = Rc::new(std::mem::take(&mut part.panes.values_ns));
        let mut start = 0;
        for cell in &part.panes.cells {
            let end = start + cell.counts.timed as usize;
            let values = ValueRun::new(&chunk_ns, start..end);
            self.replay.count(cell.pane, numbering.endpoints[cell.endpoint as usize], &cell.counts, values);
            start = end;
        }
        for span in &part.panes.spans {
            self.replay.usage.note_span(span.first_ms, span.last_ms);
        }
        for cell in &part.usage {
            self.replay.usage.add(cell.window, numbering.developers[cell.developer as usize], cell.calls);
        }
        let state = &mut self.inputs[input];
        let arrivals = std::mem::take(&mut part.arrivals).into_iter();
        state.arrivals.extend(
            arrivals.map(|arrival| Arrival { endpoint: numbering.endpoints[arrival.endpoint as usize], ..arrival }),
        );
        state.newest_ms = state.newest_ms.max(part.newest_ms);
        state.last_ms = part.last_ms.or(state.last_ms);
        state.next_number += 1;
        state.tally.add(&part, file_bytes);
    }

    /// Hands single requests on in arrival order: of several inputs, the one with the earliest next request
    /// goes first, the earlier input at equal times.
    fn drain_arrivals(&mut self) {
        loop {
            let mut earliest: Option<(i64, usize)> = None;
            for (index, input) in self.inputs.iter().enumerate() {
                let head = input.arrivals.front().map(|arrival| arrival.timestamp_ms);
                let bound = match head {
                    Some(timestamp_ms) => timestamp_ms,
                    None if input.is_finished() => continue,
                    None if input.next_number == 0 => input.first_ms.unwrap_or(i64::MIN),
                    None => i64::MIN,
                };
                if earliest.is_none_or(|(timestamp_ms, _)| bound < timestamp_ms) {
                    earliest = Some((bound, index));
                }
            }
            let Some(arrival) = earliest.and_then(|(_, index)| self.inputs[index].arrivals.pop_front()) else {
                return;
            };
            self.replay.arrive(arrival);
        }
    }
}

fn has_jump(part: &ChunkPart, last_ms: Option<i64>, max_gap_ms: i64) -> bool {
    let at_start = last_ms.zip(part.first_ms).is_some_and(|(last, first)| is_apart(last, first, max_gap_ms));
    part.has_jump || at_start
}

fn is_apart(a_ms: i64, b_ms: i64, max_gap_ms: i64) -> bool {
    a_ms.abs_diff(b_ms) > max_gap_ms as u64
}

/// Which of the requests are further than the largest gap from both their neighbours.
fn astray(timestamps: &[i64], before_ms: Option<i64>, after_ms: Option<i64>, max_gap_ms: i64) -> Vec<u32> {
    let neighbour = |index: Option<usize>| index.and_then(|index| timestamps.get(index)).copied();
    let is_astray = |index: &usize| {
        let previous = if *index == 0 { before_ms } else { neighbour(index.checked_sub(1)) };
        let next = if index + 1 == timestamps.len() { after_ms } else { neighbour(Some(index + 1)) };
        let own = timestamps[*index];
        previous.is_some_and(|previous| is_apart(previous, own, max_gap_ms))
            && next.is_some_and(|next| is_apart(own, next, max_gap_ms))
    };
    (0..timestamps.len()).filter(is_astray).map(|index| index as u32).collect()
}

/// Rejected lines of an input with their line numbers in it.
pub fn number_lines(rejects: Vec<RejectedLine>, lines_before: u64) -> impl Iterator<Item = RejectedLine> {
    rejects.into_iter().map(move |rejected| RejectedLine { line: lines_before + rejected.line, ..rejected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_requests_are_astray() {
        let far = 1000;
        assert_eq!(astray(&[0, 5000, 10], None, None, far), [1]);
        assert_eq!(astray(&[0, 1001, 1], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[0, 1002, 1], None, None, far), [1]);
        assert_eq!(astray(&[0, 5000, 5001, 10], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[5000, 10], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[5000, 10], Some(0), None, far), [0]);
        assert_eq!(astray(&[0, 5000], None, Some(20), far), [1]);
        assert_eq!(astray(&[0, 5000], None, None, far), [0u32; 0]);
        assert_eq!(astray(&[0, 5000, 99_000], None, Some(7), far), [1, 2]);
    }
}
