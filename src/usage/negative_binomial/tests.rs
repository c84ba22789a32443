//! The rule over whole days: what it says of known series, and that stopping and going on changes nothing.

use super::*;
use crate::plan::Timezone;

const WINDOW_MS: i64 = 300_000;
const DAY: i64 = 288;

/// 2026-06-01T00:00Z, a Monday.
const MONDAY: i64 = 1_780_272_000_000 / WINDOW_MS;

fn calendar(zone: &str) -> Calendar {
    Calendar::new(WINDOW_MS, zone.parse::<Timezone>().unwrap()).unwrap()
}

fn rule() -> NegativeBinomial {
    NegativeBinomial::new(calendar("UTC"), DEFAULT_SURPRISE)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("dev_{number}")).collect()
}

/// Repeatable noise between 0 and 1 (splitmix64).
fn noise(window: i64, developer: u64) -> f64 {
    let mut x = (window as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(developer);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// Calls of a working day: none at night, most at two in the afternoon, a fifth more or less from window to window.
fn working_day(slot: i64, window: i64, developer: u64, most: f64) -> u64 {
    let hours = (slot.rem_euclid(DAY) - 168) as f64 / 12.0;
    let shape = (-0.5 * (hours / 4.0).powi(2)).exp();
    (most * shape * (0.8 + 0.4 * noise(window, developer))).round() as u64
}

/// Runs windows of some developers; what is told as developer, phase, kind and the window's distance from the first.
fn told(
    rule: &mut NegativeBinomial,
    developers: usize,
    windows: impl IntoIterator<Item = (i64, Vec<u64>)>,
) -> Vec<Told> {
    for (window, calls) in windows {
        rule.close(window, (0..).zip(calls).filter(|(_, calls)| *calls > 0));
    }
    let alerts = rule.take_alerts(&names(developers));
    alerts.iter().map(|alert| (alert.developer, alert.phase, alert.evidence.kind, alert.window - MONDAY)).collect()
}

type Told = (u32, Phase, Kind, i64);

#[test]
fn a_burst_is_told_once_with_all_that_explains_it() {
    let burst = 5 * DAY + 150..5 * DAY + 156;
    let mut rule = rule();
    for window in 0..6 * DAY {
        let usual = working_day(window, window, 0, 60.0);
        let calls = if burst.contains(&window) { usual * 8 } else { usual };
        rule.close(MONDAY + window, (calls > 0).then_some((0, calls)));
    }
    let alerts = rule.take_alerts(&names(1));
    let phases: Vec<_> = alerts.iter().map(|alert| (alert.phase, alert.window - MONDAY)).collect();
    assert_eq!(phases, [(Phase::Start, burst.start), (Phase::End, burst.end - 1)]);
    let evidence = alerts[0].evidence;
    assert_eq!((evidence.kind, evidence.scale, evidence.observed), (Kind::Spike, 1, f64::from(alerts[0].calls)));
    assert!((40.0..70.0).contains(&evidence.expected) && evidence.probability < 1e-5, "{evidence:?}");
    assert!(evidence.profile.is_some_and(|profile| (40.0..70.0).contains(&profile)), "{evidence:?}");
    assert!((40.0..70.0).contains(&evidence.level) && evidence.ratio() > 5.0, "{evidence:?}");
    assert_eq!((alerts[0].trend.len(), alerts[0].trend[11]), (12, u64::from(alerts[0].calls)));
    let incidents = rule.take_incidents(&names(1));
    assert_eq!(incidents.len(), 1);
    let episode = &incidents[0].episode;
    assert_eq!((episode.start - MONDAY, episode.last - MONDAY), (burst.start, burst.end - 1));
    assert!(burst.contains(&(episode.peak - MONDAY)) && incidents[0].is_over);
    assert!((1500.0..3000.0).contains(&episode.excess), "{}", episode.excess);
}

#[test]
fn a_silence_is_a_drop_that_ends_with_the_first_call() {
    let silence = 5 * DAY + 150..5 * DAY + 170;
    let mut rule = rule();
    let windows = (0..6 * DAY).map(|window| {
        let calls = if silence.contains(&window) { 0 } else { working_day(window, window, 0, 60.0) };
        (MONDAY + window, vec![calls])
    });
    let found = told(&mut rule, 1, windows);
    let (start, end) = (silence.start + 5, silence.end - 1);
    assert_eq!(found, [(0, Phase::Start, Kind::Drop, start), (0, Phase::End, Kind::Drop, end)]);
}

#[test]
fn the_first_hour_says_nothing_and_the_first_day_only_what_is_beyond_everybody() {
    let steady = |calls: u64| (0..DAY).map(move |window| (MONDAY + window, vec![calls]));
    assert_eq!(told(&mut rule(), 1, steady(1)), []);
    assert_eq!(told(&mut rule(), 1, steady(100_000)), []);
    let burst_at = |at: i64, calls: u64| {
        let windows = (0..DAY).map(move |window| (MONDAY + window, vec![if window == at { calls } else { 2 }]));
        told(&mut rule(), 1, windows).len()
    };
    assert_eq!(burst_at(11, 1_000_000), 0, "the twelfth window of the first hour");
    assert_eq!(burst_at(12, 1_000_000), 2, "start and end");
    assert_eq!(burst_at(40, 50), 0, "no more than anybody may make");
}

#[test]
fn a_gap_of_two_days_is_no_silence_of_everybody_and_starts_nothing() {
    let gap = 5 * DAY..7 * DAY;
    let mut rule = rule();
    let windows = (0..9 * DAY).filter(|window| !gap.contains(window)).map(|window| {
        (MONDAY + window, (0..6).map(|developer| working_day(window, window, developer, 80.0)).collect())
    });
    assert_eq!(told(&mut rule, 6, windows), []);
    // A developer who does not come back is another matter.
    let windows = (9 * DAY..10 * DAY).map(|window| {
        let calls = |developer| if developer == 3 { 0 } else { working_day(window, window, developer, 80.0) };
        (MONDAY + window, (0..6).map(calls).collect())
    });
    let found = told(&mut rule, 6, windows);
    assert_eq!(
        found.iter().map(|found| (found.0, found.1, found.2)).collect::<Vec<_>>(),
        [(3, Phase::Start, Kind::Drop)]
    );
}

#[test]
fn after_four_weeks_without_rows_all_is_learnt_anew() {
    let mut rule = rule();
    let day = |first: i64| (first..first + DAY).map(|window| (MONDAY + window, vec![50, 50, 50]));
    assert_eq!(told(&mut rule, 3, day(0)), []);
    assert_eq!(
        told(&mut rule, 3, day(30 * DAY).map(|(window, calls)| (window, calls.iter().map(|n| n * 100).collect()))),
        []
    );
}

#[test]
fn a_clock_change_is_no_surprise_where_the_zone_is_known() {
    // The clocks of Berlin went back on 2026-10-25; rows follow its working day, abrupt as a shop's opening.
    let berlin = calendar("Europe/Berlin");
    let first = 1_792_368_000_000 / WINDOW_MS;
    let mut rule = NegativeBinomial::new(berlin, DEFAULT_SURPRISE);
    for window in first..first + 14 * DAY {
        let slot = berlin.place(window).slot as i64;
        let calls =
            |developer| if (108..204).contains(&slot) { 150 + (40.0 * noise(window, developer)) as u64 } else { 0 };
        rule.close(
            window,
            (0..4).map(|developer| (developer, calls(u64::from(developer)))).filter(|(_, calls)| *calls > 0),
        );
    }
    assert_ne!(berlin.place(first).slot, berlin.place(first + 13 * DAY).slot, "the clocks did change");
    assert_eq!(rule.take_alerts(&names(4)), []);
}

/// Three developers with a spike, a job every hour, a silence and a newcomer among them.
fn eventful(window: i64) -> Vec<u64> {
    let usual = |developer| working_day(window, window, developer, 60.0);
    let first = if (4 * DAY + 160..4 * DAY + 165).contains(&window) { usual(0) * 9 } else { usual(0) };
    let second = if window % 12 == 3 { 400 } else { 1 };
    let third = if (5 * DAY + 140..5 * DAY + 160).contains(&window) { 0 } else { usual(2) };
    let fourth = if window > 3 * DAY { (30.0 * noise(window, 3)) as u64 } else { 0 };
    let calls = [first, second, third, fourth];
    // All are known from the start, so that they keep their numbers.
    calls.map(|calls| if window == 0 { calls.max(1) } else { calls }).to_vec()
}

#[test]
fn stopping_after_every_window_changes_nothing() {
    let windows = || (0..6 * DAY).map(|window| (MONDAY + window, eventful(window)));
    let mut whole = rule();
    let expected = told(&mut whole, 4, windows());
    assert!(expected.len() >= 4, "{expected:?}");
    let mut found = Vec::new();
    let mut bytes = Vec::new();
    for window in windows() {
        let (mut rule, known) = match bytes.is_empty() {
            true => (rule(), Vec::new()),
            false => state::read(calendar("UTC"), DEFAULT_SURPRISE, &mut bytes.as_slice()).unwrap(),
        };
        assert!(known.iter().zip(names(4)).all(|(known, name)| *known == name));
        found.extend(told(&mut rule, 4, [window]));
        bytes.clear();
        state::write(&rule, &names(4), &mut bytes).unwrap();
    }
    assert_eq!(found, expected);
    let mut at_once = Vec::new();
    state::write(&whole, &names(4), &mut at_once).unwrap();
    assert_eq!(at_once, bytes);
}

#[test]
fn a_developer_takes_less_than_four_kilobytes() {
    let mut rule = rule();
    told(&mut rule, 4, (0..6 * DAY).map(|window| (MONDAY + window, eventful(window))));
    let mut bytes = Vec::new();
    state::write(&rule, &names(4), &mut bytes).unwrap();
    let mut one = Vec::new();
    rule.developers.truncate(3);
    state::write(&rule, &names(3), &mut one).unwrap();
    assert!(bytes.len() - one.len() < 4096, "{}", bytes.len() - one.len());
    assert!(size_of::<Developer>() < 4096, "{}", size_of::<Developer>());
}

#[test]
fn a_forgotten_developer_is_not_written() {
    let mut rule = rule();
    let windows = (0..30 * DAY).map(|window| (MONDAY + window, vec![5, if window < DAY { 5 } else { 0 }]));
    told(&mut rule, 2, windows);
    let mut bytes = Vec::new();
    state::write(&rule, &names(2), &mut bytes).unwrap();
    let (_, known) = state::read(calendar("UTC"), DEFAULT_SURPRISE, &mut bytes.as_slice()).unwrap();
    assert_eq!(known, ["dev_0"]);
}

#[test]
fn bytes_that_are_not_whole_are_refused() {
    let mut rule = rule();
    told(&mut rule, 4, (0..DAY).map(|window| (MONDAY + window, eventful(window))));
    let mut bytes = Vec::new();
    state::write(&rule, &names(4), &mut bytes).unwrap();
    let read = |zone: &str, bytes: &[u8]| state::read(calendar(zone), DEFAULT_SURPRISE, &mut &*bytes).map(|_| ());
    assert!(read("UTC", &bytes).is_ok());
    assert!(matches!(read("Europe/Berlin", &bytes), Err(state::Unreadable::Calendar(_))));
    for length in (0..bytes.len()).step_by(97) {
        assert!(matches!(read("UTC", &bytes[..length]), Err(state::Unreadable::Malformed(_))), "{length}");
    }
    bytes[8] = 2;
    assert!(matches!(read("UTC", &bytes), Err(state::Unreadable::Version(2))));
    // No flipped byte of the header or of the lengths may panic.
    bytes[8] = 1;
    for index in 0..bytes.len().min(2500) {
        let mut broken = bytes.clone();
        broken[index] ^= 0xA5;
        if let Ok((mut rule, known)) = state::read(calendar("UTC"), DEFAULT_SURPRISE, &mut broken.as_slice()) {
            let next = rule.last_window().unwrap() + 1;
            rule.close(next, [(0, 50)]);
            rule.take_alerts(&known);
        }
    }
}

#[test]
fn windows_that_are_not_told_of_teach() {
    let windows = |first: i64, last: i64| (first..last).map(|window| (MONDAY + window, eventful(window)));
    let mut whole = rule();
    let all = told(&mut whole, 4, windows(0, 6 * DAY));
    let mut late = rule();
    late.tell_from(MONDAY + 5 * DAY);
    let found = told(&mut late, 4, windows(0, 6 * DAY));
    let expected: Vec<_> = all.into_iter().filter(|found| found.3 >= 5 * DAY).collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[test]
fn windows_that_were_taken_are_not_taken_again() {
    let mut rule = rule();
    told(&mut rule, 4, (0..DAY).map(|window| (MONDAY + window, eventful(window))));
    let before = format!("{rule:?}");
    rule.close(MONDAY + DAY - 1, [(0, 1_000_000)]);
    rule.close(i64::MIN, [(0, 1_000_000)]);
    assert_eq!(format!("{rule:?}"), before);
}

/// Why the fewest calls stand out after five days of `usual` calls in each window and then some of `before`. Where
/// everything is improbable enough, ratio and excess decide.
fn fewest(usual: u64, before: &[u64]) -> Evidence {
    let mut rule = NegativeBinomial::new(calendar("UTC"), 0.5);
    let calls = std::iter::repeat_n(usual, 5 * DAY as usize).chain(before.iter().copied());
    assert_eq!(told(&mut rule, 1, (MONDAY..).zip(calls.map(|calls| vec![calls]))), []);
    let evidence = |calls: u64| {
        let mut rule = rule.clone();
        rule.close(MONDAY + 5 * DAY + before.len() as i64, [(0, calls)]);
        rule.take_alerts(&names(1)).first().map(|alert| alert.evidence)
    };
    (usual..).find_map(evidence).unwrap()
}

#[test]
fn a_window_needs_three_times_the_calls_and_ten_more() {
    let ratio = fewest(100, &[]);
    assert_eq!((ratio.scale, ratio.observed, ratio.expected), (1, 301.0, 100.25));
    let excess = fewest(3, &[]);
    assert_eq!((excess.scale, excess.observed, excess.expected), (1, 14.0, 3.25));
}

#[test]
fn three_windows_need_2_2_times_the_calls_and_twenty_more() {
    // The windows before have taught by then, so that somewhat more than 100 calls are expected of each.
    let ratio = fewest(100, &[240, 240]);
    assert_eq!(ratio.scale, 3);
    assert!(ratio.observed >= 2.2 * ratio.expected && ratio.observed - 1.0 < 2.2 * ratio.expected, "{ratio:?}");
    let excess = fewest(3, &[11, 11]);
    assert_eq!(excess.scale, 3);
    let more = excess.observed - excess.expected;
    assert!((20.0..21.0).contains(&more) && excess.ratio() > 2.2, "{excess:?}");
}

#[test]
fn six_windows_need_1_9_times_the_calls_and_thirty_more() {
    let ratio = fewest(100, &[200; 5]);
    assert_eq!(ratio.scale, 6);
    assert!(ratio.observed >= 1.9 * ratio.expected && ratio.observed - 1.0 < 1.9 * ratio.expected, "{ratio:?}");
    let excess = fewest(3, &[8; 5]);
    assert_eq!(excess.scale, 6);
    let more = excess.observed - excess.expected;
    assert!((30.0..31.0).contains(&more) && excess.ratio() > 1.9, "{excess:?}");
}

#[test]
fn after_three_hours_a_new_level_becomes_the_usual_one() {
    let calls = |window: i64| if window < 5 * DAY { 100 } else { 450 };
    let mut rule = rule();
    let found = told(&mut rule, 1, (0..12 * DAY).map(|window| (MONDAY + window, vec![calls(window)])));
    let hours = (found[1].3 - found[0].3) as f64 / 12.0;
    assert!((3.0..8.0).contains(&hours), "{hours} hours");
    // The hours in which it was news are learnt on the next days; the third time it is a habit.
    let starts: Vec<i64> = found.iter().filter(|found| found.1 == Phase::Start).map(|found| found.3 / DAY).collect();
    assert_eq!(starts, [5, 6, 7]);
}
