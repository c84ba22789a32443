//! A worker's part: a chunk of lines in, exact counts by pane, endpoint and developer out.
//!
//! This is the hot loop: no allocation per line, no shared state. What depends on the lines before the chunk
//! (is a request late, is its clock astray) is decided by an assumption that `merge` checks; where it does
//! not hold, the chunk is read again with the facts.

mod names;
mod part;
mod plan;
mod rejects;

pub use part::ChunkPart;
pub use plan::{Before, ChunkPlan, Keeps};

use super::ParseLine;
use super::filter::passes_filter;
use super::lines::MAX_LINE_BYTES;
use super::marks::{LineMarks, Marks, for_each_line, for_each_marked_line};
use crate::advise::trace::fields::Visits;
use crate::backtest::call::{Call, KeptCall};
use crate::backtest::spool::Gatherer;
use crate::request::{DecimalMs, FIRST_ERROR_STATUS, Line, NOT_FOUND, Request, SWITCHING_PROTOCOLS};
use crate::route::endpoint::Interner;
use crate::route::path_of;
use crate::route::recent::RecentTargets;
use crate::rules::published::Arrival;
use crate::rules::zscore::Observation;
use crate::usage::count::UsageBuilder;
use crate::window::minute::{MinuteBuilder, MinuteRequest};
use crate::window::pane::{Answer, PaneBuilder};

/// A time before all that can be stamped.
const NEVER_MS: i64 = i64::MIN;

/// Turns chunks into parts; one per worker.
pub struct ChunkReader {
    plan: ChunkPlan,
    /// Endpoints in the worker's numbering.
    pub endpoints: Interner,
    /// Developers in the worker's numbering; the second part is not empty for keys.
    pub developers: Interner,
    /// What breakers are kept by, in the worker's numbering; empty where that is the endpoint.
    pub breakers: Interner,
    /// Targets and their endpoints; not in use where a field is part of an endpoint.
    recent: RecentTargets,
    /// Whether an endpoint passes the method and route filters.
    admitted: Vec<bool>,
    panes: PaneBuilder,
    minutes: MinuteBuilder,
    visits: Visits,
    usage: UsageBuilder,
    route: Vec<u8>,
    marks: Marks,
    part: ChunkPart,
    /// The chunk's requests one by one, as the backtest wants them.
    pub(super) calls: Gatherer,
    /// Requests of this chunk so far, clocks astray included.
    seen: u32,
    /// Whether a stamp can come again in this sense: see [`ChunkPlan::counts_only`].
    counts_only: bool,
    /// The stamp of the last request, where all that follows from it holds for the next one with the same.
    again_ms: i64,
    /// Requests of this chunk that had it; not yet in any other count.
    again: u32,
    last_ms: i64,
    newest_ms: i64,
    earliest_timely_ms: i64,
    kept_first_ms: i64,
    kept_last_ms: i64,
}

impl ChunkReader {
    /// A reader that has seen nothing.
    pub fn new(plan: ChunkPlan) -> Self {
        ChunkReader {
            endpoints: Interner::default(),
            developers: Interner::default(),
            breakers: Interner::default(),
            recent: RecentTargets::new(plan.numbers()),
            admitted: Vec::new(),
            panes: PaneBuilder::new(plan.pane_ms),
            minutes: MinuteBuilder::default(),
            visits: Visits::default(),
            usage: UsageBuilder::new(plan.usage_window_ms),
            route: Vec::new(),
            marks: Marks::default(),
            part: ChunkPart::default(),
            calls: Gatherer::default(),
            seen: 0,
            counts_only: plan.counts_only(),
            again_ms: NEVER_MS,
            again: 0,
            last_ms: 0,
            newest_ms: i64::MIN,
            earliest_timely_ms: i64::MAX,
            kept_first_ms: i64::MAX,
            kept_last_ms: i64::MIN,
            plan,
        }
    }

    /// Begins a chunk.
    pub fn start(&mut self, before: &Before) {
        // What an earlier chunk left behind when reading it failed.
        self.finish();
        self.calls.clear();
        self.seen = 0;
        self.again_ms = NEVER_MS;
        self.newest_ms = before.newest_ms.unwrap_or(i64::MIN);
        self.earliest_timely_ms = i64::MAX;
        (self.kept_first_ms, self.kept_last_ms) = (i64::MAX, i64::MIN);
    }

    /// Reads the next lines of the chunk. `developer_is_key` marks developers whose ids are secrets.
    pub fn read<P: ParseLine>(&mut self, parser: &mut P, lines: &[u8], developer_is_key: bool, before: &Before) {
        let key_mark: &[u8] = if developer_is_key { b"key" } else { b"" };
        if !P::USES_MARKS {
            for_each_line(lines, |line| self.read_line(parser, line, LineMarks::UNKNOWN, key_mark, before));
            return;
        }
        let mut marks = std::mem::take(&mut self.marks);
        for_each_marked_line(lines, &mut marks, |line, line_marks| match parser.parse_usual(line, &line_marks) {
            Some(request) => {
                self.part.lines += 1;
                self.take(&request, line_marks.text(), key_mark, before);
            }
            None => self.read_unusual_line(parser, line, line_marks, key_mark, before),
        });
        self.marks = marks;
    }

    /// [`Self::read_line`] where it is not the way of most lines.
    #[inline(never)]
    fn read_unusual_line<P: ParseLine>(
        &mut self,
        parser: &mut P,
        line: &[u8],
        line_marks: LineMarks,
        key_mark: &[u8],
        before: &Before,
    ) {
        self.read_line(parser, line, line_marks, key_mark, before);
    }

    #[inline(always)]
    fn read_line<P: ParseLine>(
        &mut self,
        parser: &mut P,
        line: &[u8],
        line_marks: LineMarks,
        key_mark: &[u8],
        before: &Before,
    ) {
        self.part.lines += 1;
        if line.len() > MAX_LINE_BYTES {
            self.reject_overlong(line);
            return;
        }
        match &parser.parse_marked(line, line_marks) {
            Line::Request(request) => self.take(request, line, key_mark, before),
            Line::NotRequest => self.part.not_requests += 1,
            Line::Rejected(rejection) if !is_blank(line) => self.reject(line, rejection),
            Line::Comment | Line::Rejected(_) => {}
        }
    }

    #[inline(always)]
    fn take(&mut self, request: &Request, text: &[u8], key_mark: &[u8], before: &Before) {
        if request.timestamp_ms == self.again_ms {
            self.again += 1;
            let endpoint = self.endpoint_of(request, text);
            self.count_again(request, endpoint, key_mark);
        } else {
            self.take_first(request, text, key_mark, before);
        }
    }

    /// Takes a request that has a stamp of its own.
    #[inline(always)]
    fn take_first(&mut self, request: &Request, text: &[u8], key_mark: &[u8], before: &Before) {
        self.again_ms = NEVER_MS;
        self.count_those_again();
        let timestamp_ms = request.timestamp_ms;
        if self.is_astray(timestamp_ms, before) {
            self.reject_astray(timestamp_ms);
            return;
        }
        self.part.requests += 1;
        let is_late = timestamp_ms < self.newest_ms.saturating_sub(self.plan.lateness_ms);
        self.newest_ms = self.newest_ms.max(timestamp_ms);
        if !is_late {
            self.earliest_timely_ms = self.earliest_timely_ms.min(timestamp_ms);
        }
        if self.plan.notes_fields {
            self.part.fields.note(request);
        }
        let is_in_range = timestamp_ms >= self.plan.since_ms && timestamp_ms < self.plan.until_ms;
        if !is_in_range || !self.passes(request) {
            self.part.filtered_out += 1;
            return;
        }
        let endpoint = self.endpoint_of(request, text);
        if !self.admitted[endpoint as usize] {
            self.part.filtered_out += 1;
            return;
        }
        self.count(request, endpoint, is_late, key_mark);
        if !is_late && before.astray.is_empty() && self.counts_only {
            self.again_ms = timestamp_ms;
        }
    }

    /// Adds the requests with a stamp that came again to the counts that they are to be in.
    fn count_those_again(&mut self) {
        let again = std::mem::take(&mut self.again);
        self.seen += again;
        self.part.requests += u64::from(again);
        self.part.kept += u64::from(again);
    }

    /// Notes the request's place among its neighbours; whether its clock is astray.
    #[inline(always)]
    fn is_astray(&mut self, timestamp_ms: i64, before: &Before) -> bool {
        let number = self.seen;
        self.seen += 1;
        if number == 0 {
            self.part.first_ms = Some(timestamp_ms);
        } else if timestamp_ms.abs_diff(self.last_ms) > self.plan.max_gap_ms as u64 {
            self.part.has_jump = true;
        }
        self.last_ms = timestamp_ms;
        !before.astray.is_empty() && before.astray.binary_search(&number).is_ok()
    }

    #[inline(always)]
    fn passes(&self, request: &Request) -> bool {
        self.plan.filters.is_empty() || self.plan.filters.iter().all(|filter| passes_filter(filter, request))
    }

    #[inline(always)]
    fn count(&mut self, request: &Request, endpoint: u32, is_late: bool, key_mark: &[u8]) {
        let timestamp_ms = request.timestamp_ms;
        self.part.kept += 1;
        self.kept_first_ms = self.kept_first_ms.min(timestamp_ms);
        self.kept_last_ms = self.kept_last_ms.max(timestamp_ms);
        let answer = self.answer_of(request);
        if self.plan.keeps_paths {
            self.part.paths.entry(endpoint).or_default().note(answer, timestamp_ms, path_of(request.path));
        }
        let duration = self.latency_of(request);
        let duration_ns = duration.map(DecimalMs::nanos);
        if self.plan.keeps_arrivals {
            let duration_ms = duration.map(DecimalMs::millis);
            self.part.arrivals.push((self.newest_ms, Arrival { timestamp_ms, duration_ms, endpoint, answer }));
        }
        let developer = request.developer.map(|id| self.developers.intern([key_mark, id, b""]));
        self.part.late += u64::from(is_late);
        if self.plan.keeps == Keeps::Visits {
            self.visits.push(request, self.plan.optional_at, endpoint, duration);
        }
        if matches!(self.plan.keeps, Keeps::Calls | Keeps::Visits) {
            self.keep_call(request, endpoint, duration);
        }
        match self.plan.keeps {
            Keeps::Minutes => {
                let call = &Call::ended(timestamp_ms, duration_ns, endpoint, request.status);
                let is_long = is_long_connection(request);
                self.minutes.add(&MinuteRequest { timestamp_ms, call, duration_ns, answer, is_late, is_long });
            }
            _ if is_late => self.panes.add_late(timestamp_ms, endpoint, answer, duration_ns),
            _ => self.panes.add(timestamp_ms, endpoint, answer, duration_ns),
        }
        if is_late {
            return;
        }
        if self.plan.keeps_observations {
            self.observe(request, endpoint, answer, duration_ns);
        }
        if let Some(developer) = developer {
            self.usage.add(timestamp_ms, developer);
        }
    }

    /// [`Self::count`] for a request whose stamp is that of the one before, where nothing else is kept of requests.
    #[inline(always)]
    fn count_again(&mut self, request: &Request, endpoint: u32, key_mark: &[u8]) {
        let timestamp_ms = request.timestamp_ms;
        let answer = self.answer_of(request);
        let duration = self.latency_of(request);
        let duration_ns = duration.map(DecimalMs::nanos);
        if self.plan.keeps == Keeps::Calls {
            self.keep_call(request, endpoint, duration);
        }
        self.panes.add_again(timestamp_ms, endpoint, answer, duration_ns);
        if let Some(id) = request.developer {
            let developer = self.developers.intern([key_mark, id, b""]);
            self.usage.add(timestamp_ms, developer);
        }
    }

    #[inline(always)]
    fn keep_call(&mut self, request: &Request, endpoint: u32, duration: Option<DecimalMs>) {
        let breaker = self.breaker_of(request, endpoint);
        let call = KeptCall::new(duration.map(DecimalMs::micros), breaker, request.status);
        self.calls.push(request.timestamp_ms.saturating_mul(1000), call);
    }

    #[inline(always)]
    fn answer_of(&self, request: &Request) -> Answer {
        match request.status {
            FIRST_ERROR_STATUS.. => Answer::Failed,
            NOT_FOUND if !self.plan.raw_paths => Answer::NotFound,
            _ => Answer::Found,
        }
    }

    fn observe(&mut self, request: &Request, endpoint: u32, answer: Answer, duration_ns: Option<u64>) {
        let resource = |index: usize| {
            let text = request.extras.get(self.plan.optional_at + index)?;
            std::str::from_utf8(text).ok()?.parse().ok().filter(|figure: &f64| figure.is_finite())
        };
        self.part.observations.push(Observation {
            timestamp_ms: request.timestamp_ms,
            duration_ns,
            endpoint,
            is_error: answer == Answer::Failed,
            memory_bytes: resource(0),
            cpu: resource(1),
        });
    }

    #[inline(always)]
    fn latency_of(&mut self, request: &Request) -> Option<DecimalMs> {
        if is_long_connection(request) {
            self.part.long_connections += 1;
            return None;
        }
        self.part.without_latency += u64::from(request.duration.is_none());
        request.duration
    }

    /// What the chunk adds up to.
    pub fn finish(&mut self) -> ChunkPart {
        self.count_those_again();
        let mut part = std::mem::take(&mut self.part);
        part.last_ms = (self.seen > 0).then_some(self.last_ms);
        part.newest_ms = (self.newest_ms > i64::MIN).then_some(self.newest_ms);
        part.earliest_timely_ms = (self.earliest_timely_ms < i64::MAX).then_some(self.earliest_timely_ms);
        part.kept_span_ms = (part.kept > 0).then_some((self.kept_first_ms, self.kept_last_ms));
        part.panes = self.panes.finish();
        part.minutes = self.minutes.finish();
        part.visits = self.visits.finish();
        part.usage = self.usage.finish();
        part
    }
}

/// Adds the times of the requests in these lines, in order.
pub fn timestamps<P: ParseLine>(parser: &mut P, lines: &[u8], timestamps: &mut Vec<i64>) {
    for_each_line(lines, |line| {
        if line.len() <= MAX_LINE_BYTES
            && let Line::Request(request) = parser.parse_line(line)
        {
            timestamps.push(request.timestamp_ms);
        }
    });
}

fn is_long_connection(request: &Request) -> bool {
    request.status == SWITCHING_PROTOCOLS || request.long_lived
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
