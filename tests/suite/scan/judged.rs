//! `--rule negative-binomial` judged on labelled usage that it was not tuned to, beside `mean5x`.
//!
//! The usage is a part of one seed of `tests/usage/usage_cases.py`; the way to score is that script's.

use crate::binary::{LEARN, feed, isolated};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

const SEED: &[u8] = include_bytes!("../../usage/seed-110.txt.xz");

const DAY: i64 = 288;
const DAYS: i64 = 14;

/// The first days are for learning.
const WARM_UP: i64 = 3 * DAY;

/// Alerts at most so many windows apart are one; so long after an incident they are neither right nor wrong.
const NEAR: i64 = 12;

fn first() -> DateTime<Utc> {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

struct Incident {
    developer: String,
    first: i64,
    last: i64,
    kind: String,
}

/// Writes the rows as CSV; the number of developers, and the incidents.
fn unpack(to: &Path) -> (usize, Vec<Incident>) {
    let mut text = String::new();
    liblzma::read::XzDecoder::new(SEED).read_to_string(&mut text).unwrap();
    let mut csv = String::from("developer_id,created_at,calls\n");
    let (mut developers, mut incidents) = (0, Vec::new());
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["!", developer, first, last, kind] = words[..] {
            let [first, last] = [first, last].map(|window| window.parse().unwrap());
            incidents.push(Incident { developer: developer.to_owned(), first, last, kind: kind.to_owned() });
            continue;
        }
        let [developer, _, counts] = words[..] else { panic!("{line:.80}") };
        developers += 1;
        for (window, calls) in (0..).zip(counts.split(',')).filter(|(_, calls)| !calls.is_empty()) {
            let time = (first() + TimeDelta::minutes(5 * window)).format("%Y-%m-%dT%H:%M:%SZ");
            writeln!(csv, "{developer},{time},{calls}").unwrap();
        }
    }
    std::fs::write(to, csv).unwrap();
    (developers, incidents)
}

/// The windows that a rule's events name, by developer.
fn flagged(folder: &Path, args: &[&str]) -> BTreeMap<String, BTreeSet<i64>> {
    let mut command = isolated(LEARN, folder);
    command.args(["scan-usage", "usage.csv", "--calls-column", "calls", "-q", "-f", "ndjson"]).args(args);
    let output = feed(command, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut flagged: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let window = |name: &str| {
            let time: DateTime<Utc> = event["data"][name].as_str().unwrap().parse().unwrap();
            (time - first()).num_minutes() / 5
        };
        let developer = event["developerId"].as_str().unwrap().to_owned();
        flagged.entry(developer).or_default().extend(window("windowStart")..window("windowEnd"));
    }
    flagged
}

struct Score {
    /// False alerts a day and 1,000 developers.
    wrong: f64,
    f1: f64,
    /// Found of all, by kind.
    kinds: BTreeMap<String, (usize, usize)>,
}

fn score(flagged: &BTreeMap<String, BTreeSet<i64>>, developers: usize, incidents: &[Incident]) -> Score {
    let (mut right, mut wrong, mut hit) = (0, 0, BTreeSet::new());
    for (developer, windows) in flagged {
        let mut alerts: Vec<Vec<i64>> = Vec::new();
        for &window in windows.iter().filter(|window| **window >= WARM_UP) {
            match alerts.last_mut() {
                Some(alert) if window - alert[alert.len() - 1] <= NEAR => alert.push(window),
                _ => alerts.push(vec![window]),
            }
        }
        let own = || incidents.iter().enumerate().filter(|(_, incident)| incident.developer == *developer);
        for alert in alerts {
            let any = |from: i64, to: i64| alert.iter().any(|window| (from..=to).contains(window));
            let touched: Vec<usize> =
                own().filter(|(_, incident)| any(incident.first, incident.last)).map(|(index, _)| index).collect();
            let is_after = own().any(|(_, incident)| any(incident.last + 1, incident.last + NEAR));
            match (touched.is_empty(), is_after) {
                (false, _) => right += 1,
                (true, true) => {}
                (true, false) => wrong += 1,
            }
            hit.extend(touched);
        }
    }
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (index, incident) in incidents.iter().enumerate() {
        let (found, all) = kinds.entry(incident.kind.clone()).or_default();
        (*found, *all) = (*found + usize::from(hit.contains(&index)), *all + 1);
    }
    let precision = f64::from(right) / f64::from(right + wrong);
    let recall = hit.len() as f64 / incidents.len() as f64;
    let thousand_days = developers as f64 / 1000.0 * (DAYS - WARM_UP / DAY) as f64;
    Score { wrong: f64::from(wrong) / thousand_days, f1: 2.0 * precision * recall / (precision + recall), kinds }
}

#[test]
fn incidents_are_found_without_crying_wolf() {
    let folder = tempfile::tempdir().unwrap();
    let (developers, incidents) = unpack(&folder.path().join("usage.csv"));
    assert_eq!((developers, incidents.len()), (120, 129));
    let learning = flagged(folder.path(), &["--rule", "negative-binomial", "--resolve"]);
    let found = score(&learning, developers, &incidents);
    assert!(
        found.wrong <= 30.0 && found.f1 >= 0.70,
        "{} false alerts, F1 {}, {:?}",
        found.wrong,
        found.f1,
        found.kinds
    );
    // A part of a seed has few of each kind: what nobody may miss is taken together.
    let (hit, all) = ["gap", "leak200", "spike10"].iter().fold((0, 0), |(hit, all), kind| {
        let (one, of) = found.kinds[*kind];
        (hit + one, all + of)
    });
    assert!(all > 50 && hit * 10 >= all * 9, "{:?}", found.kinds);
    let before = score(&flagged(folder.path(), &[]), developers, &incidents);
    assert!(before.wrong > 50.0 * found.wrong && before.f1 < 0.1, "{} false alerts, F1 {}", before.wrong, before.f1);
}
