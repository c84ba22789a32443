//! The committed logs in `fixtures/`, and where they come from: three hours of a small shop's API with an incident and a
//! developer whose usage spikes, and four days of usage. `LEARN_WRITE_FIXTURES=1` writes them anew.
//!
//! All arithmetic is on whole numbers, so that every platform makes the same bytes.

use crate::rng::Rng;
use std::path::Path;

/// Seed of the two logs.
const FIXTURE_SEED: u64 = 2_026;
/// 2026-06-01T12:00:00Z.
const START_S: i64 = 1_780_315_200;
const SPAN_S: i64 = 3 * 3600;
/// `GET /api/search` is six times slower than usual and fails now and then: 13:50 to 14:00.
const INCIDENT_S: std::ops::Range<i64> = START_S + 6600..START_S + 7200;
/// `dev_mallory` calls far more than ever before: the window 14:20 to 14:25.
const SPIKE_S: std::ops::Range<i64> = START_S + 8400..START_S + 8700;
const SPIKE_CALLS: i64 = 45;
/// As often as they call; `-` is nobody.
const DEVELOPERS: [&str; 10] =
    ["dev_ada", "dev_ada", "dev_ada", "dev_bob", "dev_bob", "dev_cyd", "dev_eve", "dev_mallory", "-", "-"];

/// A route and its ordinary traffic.
struct Route {
    method: &'static str,
    /// `{}` stands for an id.
    path: &'static str,
    status: u16,
    /// Mean time between two requests.
    every_s: i64,
    /// Duration of a typical request.
    typical_ms: i64,
    /// Share of 5xx.
    error_permille: i64,
}

const ROUTES: [Route; 9] = [
    Route { method: "GET", path: "/api/orders/{}", status: 200, every_s: 17, typical_ms: 48, error_permille: 2 },
    Route { method: "GET", path: "/api/search?q=lamp", status: 200, every_s: 20, typical_ms: 260, error_permille: 0 },
    Route { method: "GET", path: "/health", status: 200, every_s: 36, typical_ms: 1, error_permille: 0 },
    Route {
        method: "GET",
        path: "/api/products/{}/reviews",
        status: 200,
        every_s: 40,
        typical_ms: 95,
        error_permille: 0,
    },
    Route { method: "POST", path: "/api/orders", status: 201, every_s: 60, typical_ms: 140, error_permille: 4 },
    Route { method: "POST", path: "/login", status: 200, every_s: 90, typical_ms: 210, error_permille: 0 },
    Route { method: "GET", path: "/api/users/{}", status: 200, every_s: 100, typical_ms: 30, error_permille: 0 },
    Route { method: "POST", path: "/api/payments", status: 201, every_s: 120, typical_ms: 620, error_permille: 8 },
    Route { method: "DELETE", path: "/api/cart/{}", status: 204, every_s: 240, typical_ms: 35, error_permille: 0 },
];

/// A logged request.
struct Entry {
    /// Milliseconds since the start; the logs keep whole seconds.
    offset_ms: i64,
    client: i64,
    developer: &'static str,
    method: &'static str,
    path: String,
    status: u16,
    bytes: i64,
    duration_ms: i64,
}

fn entries() -> Vec<Entry> {
    let mut rng = Rng::new(FIXTURE_SEED);
    let mut entries = Vec::new();
    for route in &ROUTES {
        let mut at_ms = rng.range(0, route.every_s * 1000);
        while at_ms < SPAN_S * 1000 {
            let developer = *rng.pick(&DEVELOPERS);
            entries.push(entry(&mut rng, route, at_ms, developer));
            // Between half and one and a half of the mean.
            at_ms += rng.range(route.every_s * 500, route.every_s * 1500);
        }
    }
    for _ in 0..SPIKE_CALLS {
        let at_ms = rng.range((SPIKE_S.start - START_S) * 1000, (SPIKE_S.end - START_S) * 1000);
        entries.push(entry(&mut rng, &ROUTES[6], at_ms, "dev_mallory"));
    }
    entries.sort_by_key(|entry| entry.offset_ms);
    entries
}

fn entry(rng: &mut Rng, route: &Route, offset_ms: i64, developer: &'static str) -> Entry {
    let incident = route.path.starts_with("/api/search") && INCIDENT_S.contains(&(START_S + offset_ms / 1000));
    let slowness = if incident { 6 } else { 1 };
    let tail = if rng.chance(30) { 3 } else { 1 };
    let duration_ms = route.typical_ms * slowness * tail * rng.range(70, 131) / 100;
    let failed = rng.chance(if incident { 250 } else { route.error_permille });
    Entry {
        offset_ms,
        client: rng.range(1, 255),
        developer,
        method: route.method,
        path: route.path.replace("{}", &rng.range(1000, 9000).to_string()),
        status: if failed { 503 } else { route.status },
        bytes: rng.range(80, 4000),
        duration_ms,
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn stamp(entry: &Entry, format: &str) -> String {
    chrono::DateTime::from_timestamp(START_S + entry.offset_ms / 1000, 0).unwrap().format(format).to_string()
}

/// nginx's `combined` with ` rt=$request_time urt=$upstream_response_time`.
pub fn access_log() -> String {
    let line = |e: &Entry| {
        let (time, rt, urt) = (stamp(e, "%d/%b/%Y:%T +0000"), seconds(e.duration_ms), seconds(e.duration_ms * 9 / 10));
        let Entry { client, developer, method, path, status, bytes, .. } = e;
        format!(
            "192.0.2.{client} - {developer} [{time}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"app/2.4\" rt={rt} urt={urt}\n"
        )
    };
    entries().iter().map(line).collect()
}

/// The same requests as nginx writes them with `escape=json`.
pub fn access_json() -> String {
    let line = |e: &Entry| {
        let (time, rt) = (stamp(e, "%FT%T+00:00"), seconds(e.duration_ms));
        let Entry { developer, method, path, status, .. } = e;
        let developer = if *developer == "-" { "" } else { developer };
        format!(
            "{{\"time_iso8601\":\"{time}\",\"remote_user\":\"{developer}\",\"request_method\":\"{method}\",\
             \"request_uri\":\"{path}\",\"status\":\"{status}\",\"request_time\":\"{rt}\"}}\n"
        )
    };
    entries().iter().map(line).collect()
}

/// Four days of two developers from eight to eight, counted by windows of five minutes. On the last day `dev_1` makes six
/// times as many calls from 13:00 to 13:20, and `dev_2` none from 14:00 to 15:30.
pub fn usage_days() -> String {
    const DAY_S: i64 = 86_400;
    let mut rng = Rng::new(FIXTURE_SEED);
    let mut text = String::from("developer_id,created_at,calls\n");
    for window in 0..4 * 288_i64 {
        let (day, slot) = (window / 288, window % 288);
        // A parabola from eight to eight, highest at two.
        let height = (72 * 72 - (slot - 168).pow(2)).max(0);
        for (developer, most) in [("dev_1", 60), ("dev_2", 90)] {
            let usual = most * height * rng.range(85, 115) / (72 * 72 * 100);
            let calls = match (developer, day, slot) {
                ("dev_1", 3, 156..160) => 6 * usual,
                ("dev_2", 3, 168..186) => 0,
                _ => usual,
            };
            if calls > 0 {
                let time = chrono::DateTime::from_timestamp(START_S - DAY_S / 2 + window * 300, 0).unwrap();
                text += &format!("{developer},{},{calls}\n", time.format("%Y-%m-%dT%H:%M:%SZ"));
            }
        }
    }
    text
}

#[test]
fn committed_fixtures_are_what_the_generator_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for (name, text) in [("access.log", access_log()), ("access.json", access_json()), ("usage-days.csv", usage_days())]
    {
        let file = folder.join(name);
        if std::env::var_os("LEARN_WRITE_FIXTURES").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap();
        assert!(committed == text, "{} differs from the generator; LEARN_WRITE_FIXTURES=1 rewrites it", file.display());
    }
}

#[test]
fn what_is_planted_is_there() {
    let entries = entries();
    let seconds = |entry: &Entry| START_S + entry.offset_ms / 1000;
    let incident = |e: &&Entry| e.path.starts_with("/api/search") && INCIDENT_S.contains(&seconds(e));
    let slow: Vec<&Entry> = entries.iter().filter(incident).collect();
    let failed = slow.iter().filter(|entry| entry.status == 503).count();
    assert!(slow.len() >= 30 && failed >= 5, "{} requests, {failed} failed", slow.len());
    let calls = |from: i64, to: i64| {
        let called = |e: &&Entry| e.developer == "dev_mallory" && (from..to).contains(&seconds(e));
        entries.iter().filter(called).count() as f64
    };
    let mean = calls(SPIKE_S.start - 3600, SPIKE_S.start) / 12.0;
    assert!(calls(SPIKE_S.start, SPIKE_S.end) > 5.0 * mean, "mean {mean}");
}
