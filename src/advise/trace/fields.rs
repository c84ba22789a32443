//! Which logged fields the analyses look at beside those of every request, and what their values mean.
//!
//! Values are what clients and upstreams sent and so may be anything; what makes no sense counts as not said.

use super::record::{CacheState, Priority, Try, Visit};
use crate::request::{DecimalMs, MAX_OPTIONAL_FIELDS, Request};
use crate::route::endpoint::Interner;
use crate::source;
use std::hash::{DefaultHasher, Hasher};

/// The fields, each by the names that it goes by in the logs of nginx and others, the likeliest first.
pub(crate) const FIELDS: &[&[&str]] = &[
    &["memoryUsage"],
    &["cpuUsage"],
    &["upstream_addr", "upstreamAddr"],
    &["upstream_status", "upstreamStatus"],
    &["upstream_response_time", "upstreamResponseTime"],
    &["upstream_cache_status", "cacheHit", "cache_status", "cacheStatus"],
    &[
        "remote_addr",
        "http_x_forwarded_for",
        "client_ip",
        "clientIp",
        "remoteAddress",
        "req.remoteAddress",
        "request.remote_ip",
        "ClientHost",
        "c-ip",
        "host",
        "ip",
        "client",
    ],
    &["http_x_priority", "x-priority", "req.headers.x-priority", "headers.x-priority", "priority"],
];
const _: () = assert!(FIELDS.len() <= MAX_OPTIONAL_FIELDS);

const MEMORY: usize = 0;
const CPU: usize = 1;
const UPSTREAM: usize = 2;
const UPSTREAM_STATUS: usize = 3;
const UPSTREAM_TIME: usize = 4;
const CACHE: usize = 5;
const CLIENT: usize = 6;
const PRIORITY: usize = 7;

/// nginx tries an upstream's servers once each by default; more than this is no list of tries.
const MAX_TRIES: usize = 64;

/// Seconds as microseconds.
const SECONDS_EXPONENT: i8 = 3;
const NANOS_PER_MICRO: u64 = 1000;

/// Turns requests into visits; one per worker and chunk.
#[derive(Default)]
pub(crate) struct Visits {
    /// The upstreams of the chunk.
    upstreams: Interner,
    visits: Vec<Visit>,
}

impl Visits {
    /// Takes a request; `fields_at` is where its extra values of [`FIELDS`] begin.
    pub(crate) fn push(&mut self, request: &Request, fields_at: usize, endpoint: u32, duration: Option<DecimalMs>) {
        let field = |index: usize| request.extras.get(fields_at + index);
        let figure = |index: usize| {
            let text = std::str::from_utf8(field(index)?).ok()?;
            text.parse().ok().filter(|figure: &f64| figure.is_finite())
        };
        let tries = match field(UPSTREAM) {
            Some(addresses) => self.tries(addresses, field(UPSTREAM_STATUS), field(UPSTREAM_TIME)),
            None => Vec::new(),
        };
        self.visits.push(Visit {
            ended_ms: request.timestamp_ms,
            duration_ns: duration.map(DecimalMs::nanos),
            endpoint,
            status: request.status,
            cache: field(CACHE).map_or(CacheState::Unsaid, cache_state),
            priority: field(PRIORITY).map_or(Priority::Normal, priority),
            client: field(CLIENT).or(request.developer).map_or(0, fingerprint),
            target: fingerprint(request.path),
            memory_bytes: figure(MEMORY),
            cpu: figure(CPU),
            tries,
        });
    }

    /// What was taken since the last call.
    pub(crate) fn finish(&mut self) -> super::TraceBlock {
        let upstreams = std::mem::take(&mut self.upstreams);
        let name = |number: usize| Box::from(upstreams.parts(number as u32)[1]);
        super::TraceBlock {
            visits: std::mem::take(&mut self.visits),
            upstreams: (0..upstreams.len()).map(name).collect(),
        }
    }

    /// nginx's parallel lists of the servers tried. A list that is shorter than that of the addresses leaves its last
    /// tries unsaid.
    fn tries(&mut self, addresses: &[u8], statuses: Option<&[u8]>, times: Option<&[u8]>) -> Vec<Try> {
        let mut statuses = statuses.into_iter().flat_map(source::tries::tries);
        let mut times = times.into_iter().flat_map(source::tries::tries);
        let mut tries = Vec::new();
        for address in source::tries::tries(addresses).take(MAX_TRIES) {
            let (status, time) = (statuses.next(), times.next());
            if address == b"-" || address.is_empty() {
                continue;
            }
            tries.push(Try {
                upstream: self.upstreams.intern([b"", address, b""]),
                status: status.and_then(status_code),
                duration_us: time.and_then(seconds_as_micros),
            });
        }
        tries
    }
}

fn status_code(text: &[u8]) -> Option<u16> {
    let code = std::str::from_utf8(text).ok()?.parse().ok()?;
    (100..600).contains(&code).then_some(code)
}

fn seconds_as_micros(text: &[u8]) -> Option<u64> {
    let duration = source::duration_of(text, SECONDS_EXPONENT)?;
    Some(duration.nanos() / NANOS_PER_MICRO)
}

/// nginx's `$upstream_cache_status`, the `Cache-Status` of others, or a boolean.
fn cache_state(text: &[u8]) -> CacheState {
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    if [&b"HIT"[..], b"STALE", b"UPDATING", b"REVALIDATED", b"true"].iter().any(|word| is(word)) {
        CacheState::Hit
    } else if [&b"MISS"[..], b"EXPIRED", b"BYPASS", b"false"].iter().any(|word| is(word)) {
        CacheState::Miss
    } else {
        CacheState::Unsaid
    }
}

fn priority(text: &[u8]) -> Priority {
    if text.eq_ignore_ascii_case(b"high") {
        Priority::High
    } else if text.eq_ignore_ascii_case(b"low") {
        Priority::Low
    } else {
        Priority::Normal
    }
}

/// A number that stands for a text; never 0. It is compared with others of the same run alone.
fn fingerprint(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish().max(1)
}

/// A request of the first endpoint that says nothing but when it ended.
#[cfg(test)]
pub(crate) fn plain_visit(ended_ms: i64) -> Visit {
    Visit {
        ended_ms,
        duration_ns: None,
        endpoint: 0,
        status: 200,
        cache: CacheState::Unsaid,
        priority: Priority::Normal,
        client: 0,
        target: 1,
        memory_bytes: None,
        cpu: None,
        tries: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Extras, Place, Text};

    fn tries(addresses: &str, statuses: Option<&str>, times: Option<&str>) -> Vec<(String, Option<u16>, Option<u64>)> {
        let mut visits = Visits::default();
        let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
        let leak = |text: Option<&str>| text.map(|text| &*String::from(text).leak());
        let tries = visits.tries(addresses.as_bytes(), bytes(leak(statuses)), bytes(leak(times)));
        let block = visits.finish();
        let name = |number: u32| String::from_utf8_lossy(&block.upstreams[number as usize]).into_owned();
        tries.iter().map(|one| (name(one.upstream), one.status, one.duration_us)).collect()
    }

    #[test]
    fn every_try_of_a_list_is_told_apart() {
        let one = |name: &str, status, duration_us| (name.to_owned(), status, duration_us);
        assert_eq!(tries("10.0.0.1:80", Some("200"), Some("0.010")), [one("10.0.0.1:80", Some(200), Some(10_000))]);
        let expected = [
            one("10.0.0.1:80", Some(502), Some(10_000)),
            one("[2001:db8::1]:80", None, None),
            one("unix:/run/app.sock", Some(200), Some(2_500)),
        ];
        let addresses = "10.0.0.1:80, [2001:db8::1]:80 : unix:/run/app.sock";
        assert_eq!(tries(addresses, Some("502, - : 200"), Some("0.010, - : 0.0025")), expected);
        assert_eq!(tries("a:1, b:2", Some("502"), None), [one("a:1", Some(502), None), one("b:2", None, None)]);
        assert_eq!(tries("-", Some("-"), Some("-")), []);
        assert_eq!(tries("a:1", Some("999"), Some("fast")), [one("a:1", None, None)]);
        assert_eq!(tries(&"a:1, ".repeat(1000), None, None).len(), MAX_TRIES);
    }

    #[test]
    fn fields_mean_what_they_say() {
        let line = b"1048576 nan - - - hit 192.0.2.1 HIGH";
        let mut places = vec![None];
        let mut start = 0;
        for value in line.split(|byte| *byte == b' ') {
            places.push(Some(Place { text: Text::Line, start, end: start + value.len() }));
            start += value.len() + 1;
        }
        let extras = Extras { line, scratch: b"", places: &places };
        let request = Request {
            timestamp_ms: 5,
            method: b"GET",
            path: b"/a?b",
            status: 200,
            duration: None,
            long_lived: false,
            developer: Some(b"dev"),
            extras,
        };
        let mut visits = Visits::default();
        visits.push(&request, 1, 3, DecimalMs::new(2, 0));
        visits.push(&Request { extras: Extras::default(), developer: None, ..request }, 1, 3, None);
        let [known, unknown] = &visits.finish().visits[..] else { panic!("not two") };
        assert_eq!((known.memory_bytes, known.cpu, known.duration_ns), (Some(1_048_576.0), None, Some(2_000_000)));
        assert_eq!((known.cache, known.priority, known.tries.len()), (CacheState::Hit, Priority::High, 0));
        assert_eq!(known.client, fingerprint(b"192.0.2.1"));
        assert_eq!((unknown.client, unknown.cache, unknown.priority), (0, CacheState::Unsaid, Priority::Normal));
        assert_eq!(known.target, unknown.target);
    }
}
