//! The committed log `fixtures/shop.json`: forty minutes of a small shop behind nginx with three upstreams, for the
//! analyses. `LEARN_WRITE_FIXTURES=1` writes it anew.
//!
//! All arithmetic is on whole numbers, so that every platform makes the same bytes.

use crate::rng::Rng;
use std::path::Path;

/// Seed of the log.
const SHOP_SEED: u64 = 2_027;
/// 2026-06-01T12:00:00Z.
const START_MS: i64 = 1_780_315_200_000;
const SPAN_MS: i64 = 40 * 60_000;
const UPSTREAMS: [&str; 3] = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"];
/// The second upstream takes this many times as long as the others.
const SLOW_FACTOR: i64 = 4;
/// The third upstream answers nothing: 12:20 to 12:22.
const DOWN_MS: std::ops::Range<i64> = 1_200_000..1_320_000;
/// Four times as many visitors: 12:25 to 12:30.
const RUSH_MS: std::ops::Range<i64> = 1_500_000..1_800_000;
/// `POST /cart` answers 503: 12:27:00 to 12:27:40.
const FAILING_MS: std::ops::Range<i64> = 1_620_000..1_660_000;
/// From here on the next product page takes five seconds: 12:10.
const STUCK_MS: i64 = 600_000;
/// From here on the next cart takes 600 MB: 12:35.
const GREEDY_MS: i64 = 2_100_000;

/// A logged request.
struct Entry {
    ended_ms: i64,
    client: i64,
    method: &'static str,
    uri: String,
    status: u16,
    duration_ms: i64,
    upstreams: String,
    statuses: String,
    times: String,
    memory_mb: i64,
}

/// A visitor looks at the catalogue, at one or two products, and mostly puts one into the cart.
fn entries() -> Vec<Entry> {
    let mut rng = Rng::new(SHOP_SEED);
    let mut entries = Vec::new();
    let mut at_ms = 0;
    while at_ms < SPAN_MS {
        let client = rng.range(1, 255);
        let mut now_ms = at_ms;
        let page = *rng.pick(&[1, 1, 1, 2, 3]);
        entries.push(entry(&mut rng, now_ms, client, "GET", format!("/catalog?page={page}"), 90));
        for _ in 0..*rng.pick(&[1, 1, 2]) {
            now_ms += rng.range(1_500, 6_000);
            let product = rng.range(1, 400);
            entries.push(entry(&mut rng, now_ms, client, "GET", format!("/products/{product}"), 60));
        }
        if rng.chance(700) {
            now_ms += rng.range(2_000, 9_000);
            entries.push(entry(&mut rng, now_ms, client, "POST", "/cart".to_owned(), 140));
        }
        let rush = if RUSH_MS.contains(&at_ms) { 4 } else { 1 };
        at_ms += rng.range(2_500, 6_500) / rush;
    }
    entries.retain(|entry| entry.ended_ms < SPAN_MS);
    entries.sort_by_key(|entry| entry.ended_ms);
    first_from(&mut entries, "GET", "/products", STUCK_MS, |entry| {
        entry.duration_ms = 5_000;
        entry.times = seconds(5_000);
    });
    first_from(&mut entries, "POST", "/cart", GREEDY_MS, |entry| entry.memory_mb = 600);
    entries
}

fn first_from(entries: &mut [Entry], method: &str, path: &str, from_ms: i64, change: impl Fn(&mut Entry)) {
    let is_first = |e: &&mut Entry| e.ended_ms >= from_ms && e.method == method && e.uri.starts_with(path);
    entries.iter_mut().find(is_first).into_iter().for_each(change);
}

fn entry(rng: &mut Rng, ended_ms: i64, client: i64, method: &'static str, uri: String, typical_ms: i64) -> Entry {
    let first = rng.range(0, 3) as usize;
    let is_down = first == 2 && DOWN_MS.contains(&ended_ms);
    let mut tries = vec![first];
    if is_down {
        tries.push(rng.range(0, 2) as usize);
    }
    let answers = tries[tries.len() - 1];
    let slowness = if answers == 1 { SLOW_FACTOR } else { 1 };
    let own_ms = typical_ms * slowness * rng.range(80, 121) / 100;
    let failed = (method == "POST" && FAILING_MS.contains(&ended_ms)) || rng.chance(3);
    let status = match (failed, method) {
        (true, _) => 503,
        (false, "POST") => 201,
        (false, _) => 200,
    };
    let listed = |item: &dyn Fn(usize) -> String| (0..tries.len()).map(item).collect::<Vec<_>>().join(", ");
    let is_last = |place: usize| place + 1 == tries.len();
    Entry {
        ended_ms,
        client,
        method,
        uri,
        status,
        duration_ms: own_ms + if is_down { 3 } else { 0 },
        upstreams: listed(&|place| UPSTREAMS[tries[place]].to_owned()),
        statuses: listed(&|place| if is_last(place) { status.to_string() } else { "502".to_owned() }),
        times: listed(&|place| if is_last(place) { seconds(own_ms) } else { "0.003".to_owned() }),
        memory_mb: rng.range(40, 60),
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// As nginx writes it with `escape=json`, `$msec` among the fields.
pub fn shop_json() -> String {
    let line = |e: &Entry| {
        let (time, took) = (seconds(START_MS + e.ended_ms), seconds(e.duration_ms));
        let Entry { client, method, uri, status, upstreams, statuses, times, memory_mb, .. } = e;
        let priority = if *method == "POST" { "high" } else { "" };
        let memory = memory_mb * 1_048_576;
        format!(
            "{{\"msec\":\"{time}\",\"remote_addr\":\"192.0.2.{client}\",\"request_method\":\"{method}\",\
             \"request_uri\":\"{uri}\",\"status\":\"{status}\",\"request_time\":\"{took}\",\
             \"upstream_addr\":\"{upstreams}\",\"upstream_status\":\"{statuses}\",\
             \"upstream_response_time\":\"{times}\",\"http_x_priority\":\"{priority}\",\"memoryUsage\":{memory}}}\n"
        )
    };
    entries().iter().map(line).collect()
}

#[test]
fn the_committed_shop_is_what_the_generator_gives() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shop.json");
    if std::env::var_os("LEARN_WRITE_FIXTURES").is_some() {
        std::fs::write(&file, shop_json()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(
        committed == shop_json(),
        "{} differs from the generator; LEARN_WRITE_FIXTURES=1 rewrites it",
        file.display()
    );
}
