//! What `cache` found, as the JSON has it.

use super::kept::RouteAnswers;
use super::next::{Followed, Guess};
use crate::advise::Basis;
use crate::advise::config::CacheConfig;
use crate::figure::share;
use crate::route::endpoint::EndpointNames;
use crate::tuning::optional_number;
use serde::Serialize;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// The requests that it rests on.
    pub basis: Basis,
    /// One row per route, by the time saved descending, then name.
    pub routes: Vec<RouteRow>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRow {
    /// The method.
    pub method: String,
    /// The route.
    pub path: String,
    /// The value of the `--group-by` field, when one is in force.
    pub group: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Share of them whose target had been asked for before, 0 to 1; `null` for other methods than GET, as all of the cache.
    #[serde(serialize_with = "optional_number")]
    pub repeated_share: Option<f64>,
    /// Requests that a cache answered already.
    pub already_cached: Option<u64>,
    /// Requests that a cache of its own would have answered.
    pub hits: Option<u64>,
    /// The same as a share of all, 0 to 1.
    #[serde(serialize_with = "optional_number")]
    pub hit_rate: Option<f64>,
    /// Median duration of the others, in milliseconds.
    #[serde(serialize_with = "optional_number")]
    pub miss_ms: Option<f64>,
    /// Hits times that.
    #[serde(serialize_with = "optional_number")]
    pub saved_ms: Option<f64>,
    /// Whether keeping answers pays.
    pub cache: bool,
    /// Why, or why not.
    pub cache_reason: String,
    /// What clients ask for next, such as `GET /cart`, by the first two thirds of the log.
    pub next: Option<String>,
    /// The share of requests there that it followed, 0 to 1.
    #[serde(serialize_with = "optional_number")]
    pub next_learnt_rate: Option<f64>,
    /// Requests in the last third.
    pub next_held_out: Option<u64>,
    /// The share of requests there that it followed, 0 to 1.
    #[serde(serialize_with = "optional_number")]
    pub next_hit_rate: Option<f64>,
    /// Whether fetching it ahead pays.
    pub prefetch: bool,
    /// Why, or why not.
    pub prefetch_reason: String,
}

impl RouteRow {
    /// The row of an endpoint; `None` without requests. `answers` are those of a GET.
    pub(super) fn new(
        names: &EndpointNames,
        number: u32,
        answers: Option<RouteAnswers>,
        followed: Followed,
        has_clients: bool,
        config: &CacheConfig,
    ) -> Option<Self> {
        if followed.visits == 0 {
            return None;
        }
        let name = names.name(number);
        let of_all = |count: u64| count as f64 / followed.visits as f64;
        let counted = answers.as_ref().map(|answers| (answers.repeated, answers.already, answers.hits));
        let miss_ms = answers.and_then(RouteAnswers::median_miss_ms);
        let hits = counted.map(|(_, _, hits)| hits);
        let caching = judge_cache(hits, miss_ms, followed.visits, config);
        let next = followed.guess.map(|guess| names.name(guess.endpoint));
        let is_get = next.is_some_and(|next| next.method == "GET");
        let prefetching = judge_prefetch(followed.guess, is_get, has_clients, config);
        let (cache, cache_reason) = verdict(caching);
        let (prefetch, prefetch_reason) = verdict(prefetching);
        Some(RouteRow {
            method: name.method.clone(),
            path: name.path.clone(),
            group: name.group.clone(),
            requests: followed.visits,
            repeated_share: counted.map(|(repeated, ..)| of_all(repeated)),
            already_cached: counted.map(|(_, already, _)| already),
            hits,
            hit_rate: hits.map(of_all),
            miss_ms,
            saved_ms: hits.zip(miss_ms).map(|(hits, miss_ms)| hits as f64 * miss_ms),
            cache,
            cache_reason,
            next: next.map(ToString::to_string),
            next_learnt_rate: followed.guess.map(|guess| guess.learnt_rate),
            next_held_out: followed.guess.map(|guess| guess.held_out),
            next_hit_rate: followed.guess.and_then(hit_rate),
            prefetch,
            prefetch_reason,
        })
    }
}

fn hit_rate(guess: Guess) -> Option<f64> {
    (guess.held_out > 0).then(|| guess.right as f64 / guess.held_out as f64)
}

fn verdict(judged: Result<String, String>) -> (bool, String) {
    let pays = judged.is_ok();
    (pays, judged.unwrap_or_else(|reason| reason))
}

/// Why answers are worth keeping, or why not.
fn judge_cache(hits: Option<u64>, miss_ms: Option<f64>, requests: u64, config: &CacheConfig) -> Result<String, String> {
    let hits = hits.ok_or("not a GET")?;
    if requests < config.min_requests as u64 {
        return Err("too few requests".to_owned());
    }
    let rate = hits as f64 / requests as f64;
    if hits == 0 {
        return Err("none is asked for again in time".to_owned());
    }
    if rate < config.min_hit_rate {
        return Err(format!("only {} would be hits", share(rate)));
    }
    match miss_ms {
        Some(0.0) => Err("its answers take no time".to_owned()),
        _ => Ok(format!("{} would be hits", share(rate))),
    }
}

/// Why the next route is worth fetching ahead, or why not.
fn judge_prefetch(
    guess: Option<Guess>,
    is_get: bool,
    has_clients: bool,
    config: &CacheConfig,
) -> Result<String, String> {
    if !has_clients {
        return Err("no client is logged".to_owned());
    }
    let guess = guess.ok_or("nothing follows soon")?;
    if guess.held_out < config.min_requests as u64 {
        return Err("too few in the last third".to_owned());
    }
    let rate = hit_rate(guess).unwrap_or(0.0);
    if !is_get {
        return Err("what follows is no GET".to_owned());
    }
    if rate < config.min_prefetch_rate {
        return Err(format!("right for only {}", share(rate)));
    }
    Ok(format!("right for {}", share(rate)))
}
