//! Random requests, from which the case families are made.

use crate::record::Record;
use crate::rng::Rng;

pub const MINUTE_MS: i64 = 60_000;
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const PATHS: [&str; 10] = [
    "/",
    "/api/orders",
    "/api/orders/items",
    "/api/search",
    "/cart",
    "/health",
    "/login",
    "/static/app.js",
    "/ümlaut",
    "/a b",
];
const STATUSES: [u16; 8] = [200, 200, 200, 201, 304, 404, 429, 499];

/// A start in the summer of 2026, anywhere within its minute.
pub fn start(rng: &mut Rng) -> i64 {
    rng.range(1_780_000_000_000, 1_790_000_000_000)
}

/// What one endpoint does.
#[derive(Clone, Copy)]
pub struct Endpoint {
    pub method: &'static str,
    pub path: &'static str,
    pub base_ms: i64,
    /// Share of 5xx.
    pub error_permille: i64,
    /// Decimals of its durations: 0 to 3.
    pub decimals: u32,
}

pub fn endpoints(rng: &mut Rng, count: i64) -> Vec<Endpoint> {
    let decimals = rng.range(0, 4) as u32;
    let mut endpoints: Vec<Endpoint> = (0..count)
        .map(|i| Endpoint {
            method: METHODS[(i / PATHS.len() as i64) as usize % METHODS.len()],
            path: PATHS[i as usize % PATHS.len()],
            base_ms: *rng.pick(&[0, 1, 3, 20, 80, 250, 900, 4000]),
            error_permille: *rng.pick(&[0, 0, 0, 5, 10, 50, 100, 300]),
            decimals,
        })
        .collect();
    let by = rng.range(0, count) as usize;
    endpoints.rotate_left(by);
    endpoints
}

impl Endpoint {
    pub fn at(&self, rng: &mut Rng, timestamp_ms: i64) -> Record {
        let unit = 10_i64.pow(self.decimals);
        let slow = if rng.chance(30) { rng.range(2, 12) } else { 1 };
        let low = self.base_ms * unit * slow / 2;
        let units = rng.range(low, low * 3 + 2);
        let failed = rng.chance(self.error_permille);
        let status = if failed { *rng.pick(&[500, 502, 503, 504]) } else { *rng.pick(&STATUSES) };
        self.with(timestamp_ms, status, units as f64 / unit as f64)
    }

    pub fn with(&self, timestamp_ms: i64, status: u16, duration_ms: f64) -> Record {
        Record { timestamp_ms, method: self.method, path: self.path, status, duration_ms: Some(duration_ms) }
    }
}

/// `count` requests over `span_ms`, the first endpoints busier than the last.
pub fn traffic(rng: &mut Rng, endpoints: &[Endpoint], from_ms: i64, span_ms: i64, count: i64) -> Vec<Record> {
    let mut records: Vec<Record> = (0..count)
        .map(|_| {
            let (one, other) = (rng.range(0, endpoints.len() as i64), rng.range(0, endpoints.len() as i64));
            let timestamp_ms = from_ms + rng.range(0, span_ms);
            endpoints[one.min(other) as usize].at(rng, timestamp_ms)
        })
        .collect();
    records.sort_by_key(|record| record.timestamp_ms);
    records
}

/// Some requests are written later than they ended, by up to `delay_ms`.
pub fn delay(rng: &mut Rng, records: &mut [Record], permille: i64, delay_ms: i64) {
    records.sort_by_cached_key(|record| {
        record.timestamp_ms + if rng.chance(permille) { rng.range(0, delay_ms + 1) } else { 0 }
    });
}
