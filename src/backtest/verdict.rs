//! The result in words: which config would have been better, at what price.
//!
//! Better is who loses fewer good calls: those that the timeout cuts, the breaker rejects and the bulkhead (with its
//! queue) rejects, the mechanisms taken alone. A config wins when every other loses more by over three standard
//! deviations of the counts (taken as Poisson, so the root of their sum) and by 0.01 % of the good calls; nobody wins
//! otherwise. Where the traffic cannot tell configs apart at all, that is said, with the reason, and nobody is even.

use super::report::{ConfigResult, TrafficResult};

/// Standard deviations beyond which two counts differ for real.
const NOISE_DEVIATIONS: f64 = 3.0;

/// Share of the good calls below which a difference is not worth a change.
const WORTHWHILE_SHARE: f64 = 1e-4;

/// Good calls below which even losing all of them is within noise: the smallest n above 3 x sqrt(n).
const MIN_GOOD: u64 = 10;

/// Good calls that one config loses.
struct Loss<'a> {
    result: &'a ConfigResult,
    calls: u64,
}

/// The sentences for configs tested on this traffic.
pub(super) fn verdict(configs: &[ConfigResult], traffic: &TrafficResult) -> String {
    if let Some(reason) = untestable(traffic) {
        return format!("Nothing could be tested: {reason}.");
    }
    let good = traffic.good;
    let mut losses: Vec<Loss> = configs.iter().map(|result| Loss { result, calls: good_lost(result) }).collect();
    // Stable: equal ones stay in the order given.
    losses.sort_by_key(|loss| loss.calls);
    match losses.as_slice() {
        [] => "No verdict: no config was tested.".to_owned(),
        [only] => format!("{}.", told(only, good)),
        [best, next, ..] if differs(best.calls, next.calls, good) => won(best, &losses[1..], good),
        [best, ..] => tied(best, &losses[1..], good),
    }
}

/// Why no config could have done better or worse than another.
fn untestable(traffic: &TrafficResult) -> Option<String> {
    let TrafficResult { good, failed, timed, .. } = *traffic;
    if good == 0 {
        return Some("no request succeeded, so no config could have lost one".to_owned());
    }
    if good < MIN_GOOD {
        let calls = if good == 1 { "call" } else { "calls" };
        return Some(format!(
            "only {good} good {calls}, where a difference beyond noise (3 standard deviations) takes {MIN_GOOD}"
        ));
    }
    (timed == 0 && failed == 0).then(|| {
        "no request has a duration, which a timeout and a bulkhead act on, and none failed, which a breaker acts on"
            .to_owned()
    })
}

/// Good calls that the three mechanisms lose, each taken alone.
fn good_lost(result: &ConfigResult) -> u64 {
    let cut = result.timeout.as_ref().map_or(0, |timeout| timeout.good_cut);
    let rejected = result.bulkhead.as_ref().map_or(0, |bulkhead| bulkhead.queue.good_rejected);
    cut + result.breaker.as_ref().map_or(0, |breaker| breaker.good_rejected) + rejected
}

/// Whether two counts differ beyond noise, and by enough to matter.
fn differs(fewer: u64, more: u64, good: u64) -> bool {
    let difference = more.abs_diff(fewer) as f64;
    let noise = NOISE_DEVIATIONS * ((fewer + more) as f64).sqrt();
    difference > noise && difference >= WORTHWHILE_SHARE * good as f64
}

fn won(best: &Loss, others: &[Loss], good: u64) -> String {
    let wheres: Vec<String> = others.iter().map(|other| told(other, good)).collect();
    let prices: Vec<String> = others.iter().map(|other| price(best.result, other.result)).collect();
    format!(
        "`{}` would have been better: {}, where {}. {}",
        best.result.name,
        told(best, good),
        wheres.join(", "),
        prices.join(" ")
    )
}

fn tied(best: &Loss, others: &[Loss], good: u64) -> String {
    let (even, worse): (Vec<&Loss>, Vec<&Loss>) =
        others.iter().partition(|other| !differs(best.calls, other.calls, good));
    let tellings = |losses: &[&Loss]| losses.iter().map(|loss| told(loss, good)).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "No config would have been clearly better: {}, {}; the difference is within noise (3 standard deviations) or \
         below 0.01 % of the good calls.",
        told(best, good),
        tellings(&even)
    );
    if !worse.is_empty() {
        text.push_str(&format!(" Worse: {}.", tellings(&worse)));
    }
    for other in even {
        text.push(' ');
        text.push_str(&price(best.result, other.result));
    }
    text
}

/// `NAME would have lost ...` with the figures that make the loss.
fn told(loss: &Loss, good: u64) -> String {
    let result = loss.result;
    let mut parts = Vec::new();
    if let Some(timeout) = &result.timeout {
        parts.push(format!("cut {}", percent(timeout.good_cut, good)));
    }
    if let Some(breaker) = &result.breaker {
        let rejected = percent(breaker.good_rejected, good);
        parts.push(format!("opened a breaker {} ({rejected} rejected)", times(breaker.openings)));
    }
    if let Some(bulkhead) = &result.bulkhead {
        parts.push(format!("turned {} away at the bulkhead", percent(bulkhead.queue.good_rejected, good)));
    }
    let lost = percent(loss.calls, good);
    let parts = if parts.is_empty() { "nothing of it could be tested".to_owned() } else { parts.join(", ") };
    format!("`{}` would have lost {lost} of the good calls ({parts})", result.name)
}

/// What choosing one config over another costs, and what it gives beside the good calls.
fn price(chosen: &ConfigResult, other: &ConfigResult) -> String {
    let mut prices = Vec::new();
    let mut gains = Vec::new();
    let mut note = |more: bool, text: String| if more { prices.push(text) } else { gains.push(text) };
    let (wait_ms, other_wait_ms) = (chosen.retries.worst_wait_ms, other.retries.worst_wait_ms);
    if chosen.timeout.is_some() && wait_ms != other_wait_ms {
        let text = format!("a caller waits {} at worst instead of {}", seconds(wait_ms), seconds(other_wait_ms));
        note(wait_ms > other_wait_ms, text);
    }
    if let (Some(breaker), Some(other_breaker)) = (&chosen.breaker, &other.breaker)
        && breaker.bad_kept_out != other_breaker.bad_kept_out
    {
        let (kept, other_kept) = (breaker.bad_kept_out, other_breaker.bad_kept_out);
        let word = if kept > other_kept { "more" } else { "fewer" };
        let text = format!("{} {word} bad calls are kept out by the breaker", kept.abs_diff(other_kept));
        note(kept < other_kept, text);
    }
    let tries = |result: &ConfigResult| result.retries.worst_minute_amplification;
    if let (Some(more), Some(other_more)) = (tries(chosen), tries(other))
        && (more - other_more).abs() >= 0.005
    {
        let text = format!("the worst minute sees {more:.2} tries per request instead of {other_more:.2}");
        note(more > other_more, text);
    }
    let versus = format!("against `{}`", other.name);
    match (prices.is_empty(), gains.is_empty()) {
        (true, true) => format!("There is no price {versus}."),
        (true, false) => format!("There is no price {versus}; besides, {}.", gains.join(" and ")),
        (false, true) => format!("The price {versus}: {}.", prices.join(" and ")),
        (false, false) => format!("The price {versus}: {}; in return {}.", prices.join(" and "), gains.join(" and ")),
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// A share in percent with two significant digits.
fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole as f64 * 100.0;
    if part == 0 {
        return "0 %".to_owned();
    }
    let decimals = (1.0 - percent.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{percent:.decimals$} %")
}

fn seconds(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}
