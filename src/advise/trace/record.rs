//! One request as the analyses see it, and its bytes in the temporary file.

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Visit {
    /// The moment it ended, UTC ms.
    pub ended_ms: i64,
    /// `None`: no latency in the log, or a long connection.
    pub duration_ns: Option<u64>,
    /// The endpoint, in the numbering of whoever holds the visit.
    pub endpoint: u32,
    /// The status code, 100 to 599.
    pub status: u16,
    /// What a cache said of it.
    pub cache: CacheState,
    /// How urgent it was.
    pub priority: Priority,
    /// A fingerprint of who asked; 0 where the log does not say.
    pub client: u64,
    /// A fingerprint of the request target, its query string included.
    pub target: u64,
    /// Memory in bytes, where the log says it.
    pub memory_bytes: Option<f64>,
    /// CPU, in whatever unit the log has it, where it says it.
    pub cpu: Option<f64>,
    /// The upstreams that were tried, in order; empty where none is logged.
    pub tries: Vec<Try>,
}

/// One try at an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// The upstream, in the numbering of whoever holds the visit.
    pub upstream: u32,
    /// `None`: it gave no answer.
    pub status: Option<u16>,
    /// How long it took; `None` where the log does not say.
    pub duration_us: Option<u64>,
}

/// What a cache said of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CacheState {
    /// Nothing.
    #[default]
    Unsaid,
    /// Answered from the cache.
    Hit,
    /// Not answered from it.
    Miss,
}

/// How urgent a request was (`x-priority`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// The log does not say, or says so.
    #[default]
    Normal,
    /// `high`
    High,
    /// `low`
    Low,
}

/// Stands for no duration and for no status.
const NONE_U64: u64 = u64::MAX;
const NO_STATUS: u16 = 0;

/// Bits of the byte of flags: two for the cache, two for the priority, then whether memory and CPU follow.
const PRIORITY_SHIFT: u8 = 2;
const HAS_MEMORY: u8 = 1 << 4;
const HAS_CPU: u8 = 1 << 5;
const TWO_BITS: u8 = 3;

impl Visit {
    /// Appends the bytes of this visit.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.ended_ms.to_le_bytes());
        out.extend(self.duration_ns.unwrap_or(NONE_U64).to_le_bytes());
        out.extend(self.client.to_le_bytes());
        out.extend(self.target.to_le_bytes());
        out.extend(self.endpoint.to_le_bytes());
        out.extend(self.status.to_le_bytes());
        let cache = match self.cache {
            CacheState::Unsaid => 0,
            CacheState::Hit => 1,
            CacheState::Miss => 2,
        };
        let priority = match self.priority {
            Priority::Normal => 0,
            Priority::High => 1,
            Priority::Low => 2,
        };
        let memory = if self.memory_bytes.is_some() { HAS_MEMORY } else { 0 };
        let cpu = if self.cpu.is_some() { HAS_CPU } else { 0 };
        out.extend([cache | priority << PRIORITY_SHIFT | memory | cpu, self.tries.len() as u8]);
        for figure in [self.memory_bytes, self.cpu].into_iter().flatten() {
            out.extend(figure.to_le_bytes());
        }
        for attempt in &self.tries {
            out.extend(attempt.duration_us.unwrap_or(NONE_U64).to_le_bytes());
            out.extend(attempt.upstream.to_le_bytes());
            out.extend(attempt.status.unwrap_or(NO_STATUS).to_le_bytes());
        }
    }

    /// The visit that `bytes` begin with, which are then those behind it; `None` where they break off.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Visit> {
        let ended_ms = i64::from_le_bytes(take(bytes)?);
        let duration_ns = some_u64(take(bytes)?);
        let client = u64::from_le_bytes(take(bytes)?);
        let target = u64::from_le_bytes(take(bytes)?);
        let endpoint = u32::from_le_bytes(take(bytes)?);
        let status = u16::from_le_bytes(take(bytes)?);
        let [flags, tries] = take(bytes)?;
        let mut figure = |flag: u8| match flags & flag {
            0 => Some(None),
            _ => Some(Some(f64::from_le_bytes(take(bytes)?))),
        };
        let (memory_bytes, cpu) = (figure(HAS_MEMORY)?, figure(HAS_CPU)?);
        let tries = (0..tries).map(|_| Try::decode(bytes)).collect::<Option<Vec<Try>>>()?;
        let cache = match flags & TWO_BITS {
            1 => CacheState::Hit,
            2 => CacheState::Miss,
            _ => CacheState::Unsaid,
        };
        let priority = match flags >> PRIORITY_SHIFT & TWO_BITS {
            1 => Priority::High,
            2 => Priority::Low,
            _ => Priority::Normal,
        };
        Some(Visit {
            ended_ms,
            duration_ns,
            endpoint,
            status,
            cache,
            priority,
            client,
            target,
            memory_bytes,
            cpu,
            tries,
        })
    }
}

impl Try {
    fn decode(bytes: &mut &[u8]) -> Option<Try> {
        let duration_us = some_u64(take(bytes)?);
        let upstream = u32::from_le_bytes(take(bytes)?);
        let status = Some(u16::from_le_bytes(take(bytes)?)).filter(|status| *status != NO_STATUS);
        Some(Try { upstream, status, duration_us })
    }
}

fn some_u64(bytes: [u8; 8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes)).filter(|value| *value != NONE_U64)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}
