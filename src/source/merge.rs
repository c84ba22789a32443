//! Parts of chunks into the replay, each input's in its own order.
//!
//! Workers finish in any order and judge lateness by what they knew; here every part is checked against the
//! facts, read again where they differ, and added up. How far time has passed for certain follows from the
//! newest request of every input.

mod input;
mod numbering;

pub use input::InputMerge;
pub(super) use input::{astray, is_apart};
pub use numbering::Grouping;

use super::chunk::{Before, ChunkPart, ChunkReader};
use super::lines::Chunk;
use crate::advise::trace::{TraceBlock, TraceSpool};
use crate::backtest::spool::{Block, Spool};
use crate::replay::Replay;
use crate::route::endpoint::Interner;
use crate::window::minute::MinuteTable;
use crate::window::value_run::ValueRun;
use anyhow::Context;
use input::{Neighbour, Waiting, has_jump};
use numbering::{Numbering, for_each_endpoint};
use std::sync::Arc;

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
    /// Its requests for the backtest.
    pub block: Option<Block>,
    /// Endpoints that the worker saw for the first time, in its numbering's order.
    pub new_endpoints: Vec<[Box<[u8]>; 3]>,
    /// Developers that the worker saw for the first time, with whether they are keys.
    pub new_developers: Vec<(Box<[u8]>, bool)>,
    /// The same of what breakers are kept by, where that is not the endpoint.
    pub new_breakers: Vec<Box<[u8]>>,
    /// Whether the worker numbers endpoints anew after this.
    pub forgets_endpoints: bool,
    /// Whether it numbers developers anew.
    pub forgets_developers: bool,
}

/// What is kept of requests beside the counts that cycles are made of.
pub enum Keep {
    /// Nothing.
    Counts,
    /// Each of them, for the analyses also with all that they look at.
    Calls(Spool, Option<Box<TraceSpool>>),
    /// Their counts by minute, in place of all others.
    Minutes(MinuteTable),
}

/// Everything on its way into the replay.
pub struct Merge<'a> {
    /// The inputs, in order.
    pub inputs: Vec<InputMerge>,
    /// What is kept of the requests.
    pub keep: Keep,
    replay: &'a mut Replay,
    /// By worker; the last one is this module's own reader.
    numberings: Vec<Numbering>,
    /// Reads chunks again.
    reader: ChunkReader,
    reader_reported: (usize, usize, usize),
    /// What breakers are kept by, in the run's numbering.
    breakers: Interner,
    buffer: Vec<u8>,
    lateness_ms: i64,
    max_gap_ms: i64,
    grouping: Grouping,
}

impl<'a> Merge<'a> {
    /// Nothing merged yet; `reader` is for chunks that have to be read again.
    pub fn new(
        inputs: Vec<InputMerge>,
        replay: &'a mut Replay,
        reader: ChunkReader,
        workers: usize,
        bounds: (i64, i64),
        grouping: Grouping,
        keep: Keep,
    ) -> Self {
        let (lateness_ms, max_gap_ms) = bounds;
        Merge {
            inputs,
            keep,
            replay,
            numberings: (0..=workers).map(|_| Numbering::default()).collect(),
            reader,
            reader_reported: (0, 0, 0),
            breakers: Interner::default(),
            buffer: Vec::new(),
            lateness_ms,
            max_gap_ms,
            grouping,
        }
    }

    /// Takes a worker's result; calls `merged` with the newest request for each chunk that went through.
    pub fn take(&mut self, delivery: Delivery, mut merged: impl FnMut(usize, Option<i64>)) -> anyhow::Result<()> {
        let Delivery { worker, input, number, chunk, mut part, mut block, .. } = delivery;
        let Delivery { new_endpoints, new_developers, new_breakers, forgets_endpoints, forgets_developers, .. } =
            delivery;
        let endpoints = new_endpoints.iter().map(|parts| parts.each_ref().map(|part| &part[..]));
        let numbering = &mut self.numberings[worker];
        numbering.endpoints.extend(endpoints.map(|parts| self.grouping.number(self.replay, &self.keep, parts)));
        let developers = new_developers.iter();
        numbering.developers.extend(developers.map(|(id, is_key)| self.replay.usage.intern(id, *is_key)));
        let breakers = new_breakers.iter();
        numbering.breakers.extend(breakers.map(|value| self.breakers.number_of([b"", value, b""])));
        numbering.renumber(&mut part, block.as_mut(), self.replay);
        if forgets_endpoints {
            numbering.endpoints = Vec::new();
        }
        if forgets_developers {
            numbering.developers = Vec::new();
        }
        let file_bytes = chunk.file_bytes;
        // A chunk without a request is never read again, and must not keep the reading of its neighbours waiting.
        let has_request = part.first_ms.is_some();
        let chunk = has_request.then_some(chunk);
        let counts = self.inputs[input].wait(number, Waiting { chunk, file_bytes, part, block });
        if !(counts && has_request) {
            merged(input, None);
        }
        self.drain(input, merged)
    }

    /// Notes that a chunk could not be read: what lies before it counts.
    pub fn fail(
        &mut self,
        input: usize,
        number: u64,
        error: String,
        mut merged: impl FnMut(usize, Option<i64>),
    ) -> anyhow::Result<()> {
        let dropped = self.inputs[input].cut(number, error);
        dropped.values().filter(|waiting| waiting.chunk.is_some()).for_each(|_| merged(input, None));
        merged(input, None);
        self.drain(input, merged)
    }

    /// Notes the end of an input.
    pub fn end(&mut self, input: usize, chunks: u64, merged: impl FnMut(usize, Option<i64>)) -> anyhow::Result<()> {
        self.inputs[input].end(chunks);
        self.drain(input, merged)
    }

    /// Merges what is next in the input's order, and lets time pass.
    fn drain(&mut self, input: usize, mut merged: impl FnMut(usize, Option<i64>)) -> anyhow::Result<()> {
        while let Some(Waiting { chunk, file_bytes, part, block }) = self.next_ready(input) {
            let (mut part, block) = match &chunk {
                Some(chunk) if self.facts_differ(input, &part) => self.read_again(input, chunk)?,
                _ => (part, block),
            };
            let visits = std::mem::take(&mut part.visits);
            self.merge(input, part, file_bytes);
            self.spool(input, block, visits)?;
            if chunk.is_some() {
                merged(input, self.inputs[input].newest_ms);
            }
        }
        self.drain_arrivals();
        let frontier_ms = self.inputs.iter().map(InputMerge::frontier_ms).min().unwrap_or(i64::MAX);
        // Everything still to come lies at or after the frontier less the lateness.
        self.replay.advance(frontier_ms.saturating_sub(self.lateness_ms));
        self.forget_leaves();
        Ok(())
    }

    /// Forgets the leaves that nothing refers to when there are many.
    fn forget_leaves(&mut self) {
        if !self.replay.has_many_leaves() {
            return;
        }
        let mut is_used = vec![false; self.replay.leaves()];
        self.for_each_leaf(|leaf| is_used[*leaf as usize] = true);
        let numbers = self.replay.forget_leaves(&is_used);
        self.for_each_leaf(|leaf| *leaf = numbers[*leaf as usize]);
    }

    /// Calls `change` with every leaf that something refers to.
    fn for_each_leaf(&mut self, mut change: impl FnMut(&mut u32)) {
        self.numberings.iter_mut().flat_map(|numbering| &mut numbering.endpoints).for_each(&mut change);
        for input in &mut self.inputs {
            input.waiting.values_mut().for_each(|waiting| for_each_endpoint(&mut waiting.part, &mut change));
            input.arrivals.iter_mut().for_each(|(_, arrival)| change(&mut arrival.endpoint));
        }
        self.replay.for_each_leaf(&mut change);
    }

    /// Removes the input's next part, if all that its check needs is there.
    fn next_ready(&mut self, input: usize) -> Option<Waiting> {
        let state = &mut self.inputs[input];
        let number = state.next_number;
        let waiting = state.waiting.get(&number)?;
        let needs_neighbour = has_jump(&waiting.part, state.last_ms, self.max_gap_ms);
        if needs_neighbour && matches!(state.next_first_ms(number), Neighbour::Unknown) {
            return None;
        }
        state.waiting.remove(&number)
    }

    /// Whether the chunk's worker assumed something of the lines before it that is not so.
    fn facts_differ(&self, input: usize, part: &ChunkPart) -> bool {
        let state = &self.inputs[input];
        let oldest_timely_ms = state.newest_ms.map(|newest_ms| newest_ms.saturating_sub(self.lateness_ms));
        let took_late = oldest_timely_ms.zip(part.earliest_timely_ms).is_some_and(|(oldest, took)| took < oldest);
        took_late || has_jump(part, state.last_ms, self.max_gap_ms)
    }

    fn read_again(&mut self, input: usize, chunk: &Chunk) -> anyhow::Result<(ChunkPart, Option<Block>)> {
        let state = &mut self.inputs[input];
        let next_ms = match state.next_first_ms(state.next_number) {
            Neighbour::At(first_ms) => Some(first_ms),
            Neighbour::None | Neighbour::Unknown => None,
        };
        let Some(format) = &mut state.format else { return Ok(Default::default()) };
        let unreadable = || format!("{}: cannot be read", state.tally.input.path);
        let timestamps = format.timestamps(chunk, &mut self.buffer).with_context(unreadable)?;
        let astray = astray(&timestamps, state.last_ms, next_ms, self.max_gap_ms);
        let before = Before { newest_ms: state.newest_ms, astray };
        let (mut part, mut block) =
            format.read(&mut self.reader, chunk, &mut self.buffer, &before).with_context(unreadable)?;
        self.number_own_names();
        if let Some(numbering) = self.numberings.last_mut() {
            numbering.renumber(&mut part, block.as_mut(), self.replay);
            if self.reader.forget_endpoints() {
                numbering.endpoints = Vec::new();
                self.reader_reported.0 = 0;
            }
            if self.reader.forget_developers() {
                numbering.developers = Vec::new();
                self.reader_reported.1 = 0;
            }
        }
        Ok((part, block))
    }

    /// Numbers what this module's own reader has seen.
    fn number_own_names(&mut self) {
        let Some(numbering) = self.numberings.last_mut() else { return };
        let (endpoints, developers, breakers) = self.reader_reported;
        for number in endpoints..self.reader.endpoints.len() {
            let parts = self.reader.endpoints.parts(number as u32);
            numbering.endpoints.push(self.grouping.number(self.replay, &self.keep, parts));
        }
        for number in developers..self.reader.developers.len() {
            let [key_mark, id, _] = self.reader.developers.parts(number as u32);
            numbering.developers.push(self.replay.usage.intern(id, !key_mark.is_empty()));
        }
        for number in breakers..self.reader.breakers.len() {
            numbering.breakers.push(self.breakers.number_of(self.reader.breakers.parts(number as u32)));
        }
        self.reader_reported = (self.reader.endpoints.len(), self.reader.developers.len(), self.reader.breakers.len());
    }

    fn merge(&mut self, input: usize, mut part: ChunkPart, file_bytes: u64) {
        part.panes.spans.iter().for_each(|span| self.replay.open_pane(*span));
        let chunk_ns = Arc::new(std::mem::take(&mut part.panes.values_ns));
        let mut start = 0;
        for cell in &part.panes.cells {
            let end = start + cell.counts.timed as usize;
            let values = ValueRun::new(&chunk_ns, start..end, cell.max_ns);
            self.replay.count(cell, values);
            start = end;
        }
        part.paths.drain().for_each(|(endpoint, paths)| self.replay.note_paths(endpoint, paths));
        for span in &part.panes.spans {
            self.replay.usage.note_span(span.first_ms, span.last_ms);
        }
        if let Keep::Minutes(minutes) = &mut self.keep {
            for cell in &part.minutes {
                minutes.add_cell(cell);
                if !cell.key.late {
                    let (first_ms, last_ms) = cell.counts.ended_ms;
                    self.replay.usage.note_span(first_ms, last_ms);
                }
            }
        }
        for cell in &part.usage {
            self.replay.usage.add(cell.window, cell.developer, cell.calls);
        }
        part.observations.drain(..).for_each(|observation| self.replay.observe(input, observation));
        let state = &mut self.inputs[input];
        let arrivals = std::mem::take(&mut part.arrivals).into_iter();
        let before_ms = state.newest_ms.unwrap_or(i64::MIN);
        state.arrivals.extend(arrivals.map(|(newest_ms, arrival)| (newest_ms.max(before_ms), arrival)));
        state.newest_ms = state.newest_ms.max(part.newest_ms);
        state.last_ms = part.last_ms.or(state.last_ms);
        state.next_number += 1;
        state.tally.add(&part, file_bytes);
    }

    /// Keeps a chunk's requests for the second look.
    fn spool(&mut self, input: usize, block: Option<Block>, visits: TraceBlock) -> anyhow::Result<()> {
        let (Keep::Calls(spool, trace), Some(block)) = (&mut self.keep, block) else { return Ok(()) };
        if let Some(trace) = trace {
            trace.push(input as u32, visits)?;
        }
        spool.push(input as u32, block)
    }

    /// Hands single requests on in arrival order: of several inputs, the one that is least far goes first,
    /// the earlier input where two are as far.
    fn drain_arrivals(&mut self) {
        loop {
            let unfinished = |input: &InputMerge| !input.arrivals.is_empty() || !input.is_finished();
            let mut bounds: Vec<(i64, usize)> = (0..self.inputs.len())
                .filter(|index| unfinished(&self.inputs[*index]))
                .map(|index| (self.inputs[index].arrival_bound_ms(), index))
                .collect();
            bounds.sort_unstable();
            let Some(&(_, first)) = bounds.first() else { return };
            let limit = bounds.get(1).copied().unwrap_or((i64::MAX, usize::MAX));
            let mut handed_on = false;
            while let Some(&(newest_ms, arrival)) = self.inputs[first].arrivals.front() {
                if (newest_ms, first) > limit {
                    break;
                }
                self.inputs[first].arrivals.pop_front();
                self.replay.arrive(arrival);
                handed_on = true;
            }
            if !handed_on {
                return;
            }
        }
    }
}
