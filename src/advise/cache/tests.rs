//! Hits and guesses worked out by hand.

use super::kept::KeptAnswers;
use super::next::{Followed, Guess, NextRoutes};
use super::*;
use crate::advise::trace::CacheState;
use crate::advise::trace::fields::plain_visit;

const MS: u64 = 1_000_000;

/// A GET of route 0 that ended then, took so long and was for this target.
fn get(ended_ms: i64, duration_ms: u64, target: u64) -> Visit {
    Visit { duration_ns: Some(duration_ms * MS), target, ..plain_visit(ended_ms) }
}

fn hits(visits: &[Visit]) -> (u64, u64) {
    let mut answers = KeptAnswers::new(60_000);
    visits.iter().for_each(|visit| answers.take(visit));
    let route = answers.finish().remove(&0).unwrap();
    (route.repeated, route.hits)
}

#[test]
fn an_answer_is_fresh_for_less_than_the_time_to_live() {
    let again = |ended_ms| hits(&[get(1000, 500, 7), get(ended_ms, 500, 7)]);
    // Given at 1 000; the second begins 500 ms before it ends.
    assert_eq!((again(1499), again(1500)), ((1, 0), (1, 1)));
    assert_eq!((again(61_499), again(61_500)), ((1, 1), (1, 0)));
    assert_eq!(hits(&[get(0, 0, 7), get(1, 0, 8)]), (0, 0));
    // A hit renews nothing; a miss does.
    assert_eq!(hits(&[get(0, 0, 7), get(40_000, 0, 7), get(70_000, 0, 7), get(80_000, 0, 7)]), (3, 2));
    assert_eq!(hits(&[get(0, 0, 7), get(10_000_000, 0, 7), get(10_000_001, 0, 7)]), (2, 1));
}

#[test]
fn failures_are_not_kept_and_what_a_cache_answered_saves_nothing() {
    let failed = Visit { status: 404, ..get(0, 0, 7) };
    assert_eq!(hits(&[failed, get(1, 0, 7)]), (1, 0));
    let cached = Visit { cache: CacheState::Hit, ..get(1, 0, 7) };
    assert_eq!(hits(&[get(0, 0, 7), cached, get(2, 0, 7)]), (2, 1));
}

#[test]
fn the_median_is_of_misses_alone() {
    let mut answers = KeptAnswers::new(60_000);
    [get(1000, 10, 1), get(2000, 30, 2), get(3000, 20, 3), get(5000, 999, 1)].iter().for_each(|one| answers.take(one));
    let route = answers.finish().remove(&0).unwrap();
    assert_eq!((route.hits, route.median_miss_ms()), (1, Some(20.0)));
}

fn names(routes: &[&str]) -> EndpointNames {
    let mut names = EndpointNames::default();
    routes.iter().for_each(|route| {
        names.intern([b"GET", route.as_bytes(), b""], false);
    });
    names
}

fn visit(at_ms: i64, client: u64, endpoint: u32) -> Visit {
    Visit { client, endpoint, ..plain_visit(at_ms) }
}

/// Learnt before 1,000 s: after /a client 1 asks for /b twice and for /c once; then /b follows once of two times.
#[test]
fn guesses_are_learnt_first_and_held_out_then() {
    let mut next = NextRoutes::new(60_000, 1_000_000);
    let steps =
        [(0, 0), (1_000, 1), (100_000, 0), (159_999, 1), (300_000, 0), (300_001, 2), (500_000, 0), (560_000, 1)];
    steps.iter().for_each(|(at_ms, endpoint)| next.take(&visit(*at_ms, 1, *endpoint)));
    let held_out = [(1_000_000, 1, 0), (1_000_001, 2, 0), (1_000_002, 2, 2), (1_000_003, 1, 1)];
    held_out.iter().for_each(|(at_ms, client, endpoint)| next.take(&visit(*at_ms, *client, *endpoint)));
    let followed = next.finish(&names(&["/a", "/b", "/c"]));
    let guess = Guess { endpoint: 1, learnt_rate: 0.5, held_out: 2, right: 1 };
    assert_eq!(followed[0], Followed { visits: 6, guess: Some(guess) });
    assert_eq!(followed[2], Followed { visits: 2, guess: None });
}

#[test]
fn equal_guesses_go_by_name_and_strangers_follow_nobody() {
    let mut next = NextRoutes::new(60_000, 1_000_000);
    [(0, 0), (1, 1), (2, 0), (3, 2)].iter().for_each(|(at_ms, endpoint)| next.take(&visit(*at_ms, 1, *endpoint)));
    let followed = next.finish(&names(&["/a", "/c", "/b"]));
    assert_eq!(followed[0].guess.map(|guess| guess.endpoint), Some(2));
    let mut next = NextRoutes::new(60_000, 1_000_000);
    [(0, 0), (1, 1)].iter().for_each(|(at_ms, endpoint)| next.take(&visit(*at_ms, 0, *endpoint)));
    assert!(!next.has_clients());
    assert_eq!(next.finish(&names(&["/a", "/b"]))[0].guess, None);
}

/// Ten requests of which so many are hits, and ten guesses of which so many are right.
#[test]
fn what_pays_is_judged_at_its_thresholds() {
    let row = |hits: usize, right: u64, next: u32, config: CacheConfig| {
        let mut answers = KeptAnswers::new(60_000);
        answers.take(&get(0, 5, 0));
        (0..hits).for_each(|n| answers.take(&get(10 + n as i64, 5, 0)));
        (hits + 1..10).for_each(|n| answers.take(&get(100, 5, n as u64)));
        let guess = Guess { endpoint: next, learnt_rate: 1.0, held_out: 10, right };
        let followed = Followed { visits: 10, guess: Some(guess) };
        let mut names = names(&["/a"]);
        names.intern([b"POST", b"/b", b""], false);
        RouteRow::new(&names, 0, answers.finish().remove(&0), followed, true, &config).unwrap()
    };
    let judged = |hits, right, next| {
        let row = row(hits, right, next, CacheConfig { min_hit_rate: 0.3, ..CacheConfig::default() });
        (row.cache, row.prefetch)
    };
    assert_eq!((judged(2, 4, 0), judged(3, 5, 0)), ((false, false), (true, true)));
    assert_eq!(judged(0, 10, 1), (false, false));
    let few = row(9, 10, 0, CacheConfig { min_requests: 11, ..CacheConfig::default() });
    assert_eq!((few.cache, few.cache_reason.as_str(), few.prefetch), (false, "too few requests", false));
    let whole = row(3, 5, 0, CacheConfig::default());
    assert_eq!((whole.hit_rate, whole.miss_ms, whole.saved_ms), (Some(0.3), Some(5.0), Some(15.0)));
}
