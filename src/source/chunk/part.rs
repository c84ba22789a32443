//! What a chunk adds up to, on its way from a worker to the merge.
//!
//! Counts and lists only, in the worker's own numbering of names. Nothing is decided here.

use crate::advise::trace::TraceBlock;
use crate::route::paths::EndpointPaths;
use crate::rules::published::Arrival;
use crate::rules::zscore::Observation;
use crate::source::asked::AskedFields;
use crate::source::rejected::RejectedLine;
use crate::usage::count::UsageCell;
use crate::window::minute::MinuteCell;
use crate::window::pane::PanePart;
use hashbrown::HashMap;

/// What a chunk adds up to.
#[derive(Default)]
pub struct ChunkPart {
    /// Lines, empty ones included.
    pub lines: u64,
    /// Lines with a request.
    pub requests: u64,
    /// Requests outside the range or stopped by a filter.
    pub filtered_out: u64,
    /// Well-formed lines without a request.
    pub not_requests: u64,
    /// Lines that did not parse, clocks astray included.
    pub rejected: u64,
    /// Which of the fields that the user named have a value in some request.
    pub fields: AskedFields,
    /// The reasons, all or the first few.
    pub rejects: Vec<RejectedLine>,
    /// Requests that took part.
    pub kept: u64,
    /// Of those, too late for any cycle.
    pub late: u64,
    /// Of those, long connections.
    pub long_connections: u64,
    /// Of those, without a duration.
    pub without_latency: u64,
    /// Time of the first request in the chunk's order.
    pub first_ms: Option<i64>,
    /// Time of the last request in the chunk's order.
    pub last_ms: Option<i64>,
    /// Whether two neighbouring requests lie further apart than the largest gap.
    pub has_jump: bool,
    /// The newest request of this chunk and those before, clocks astray left out.
    pub newest_ms: Option<i64>,
    /// The earliest request that was not late.
    pub earliest_timely_ms: Option<i64>,
    /// Smallest and largest time of the requests that took part.
    pub kept_span_ms: Option<(i64, i64)>,
    /// Counts by pane and endpoint.
    pub panes: PanePart,
    /// Calls by window and developer.
    pub usage: Vec<UsageCell>,
    /// Requests one by one, each with the newest up to it (`published`).
    pub arrivals: Vec<(i64, Arrival)>,
    /// Requests one by one, those left out that are too late for any cycle (`zscore`).
    pub observations: Vec<Observation>,
    /// Counts by minute, where these are kept.
    pub minutes: Vec<MinuteCell>,
    /// The paths of each endpoint, for `--explain-routes`.
    pub(crate) paths: HashMap<u32, EndpointPaths>,
    /// Requests one by one, as the analyses want them.
    pub visits: TraceBlock,
}
