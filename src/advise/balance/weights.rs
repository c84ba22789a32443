//! From health scores to the weights of an nginx `upstream` block.
//!
//! Log text must not become configuration: only what is an address is written.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// What the weights sum up to, and the least of it for each upstream where there are many.
const WEIGHTS: u64 = 100;
const WEIGHTS_EACH: u64 = 10;

/// Whole weights in proportion to the scores, by the largest remainders (Hamilton); equal remainders in order. They sum
/// up to 100, or to ten times the number of upstreams if that is more.
pub(super) fn apportion(scores: &[f64]) -> Vec<u64> {
    let total = WEIGHTS.max(WEIGHTS_EACH * scores.len() as u64);
    let sum: f64 = scores.iter().sum();
    let quota = |score: &f64| match sum > 0.0 {
        true => score / sum * total as f64,
        false => total as f64 / scores.len() as f64,
    };
    let quotas: Vec<f64> = scores.iter().map(quota).collect();
    let mut weights: Vec<u64> = quotas.iter().map(|quota| quota.floor() as u64).collect();
    let mut by_remainder: Vec<usize> = (0..scores.len()).collect();
    by_remainder.sort_by(|a, b| quotas[*b].fract().total_cmp(&quotas[*a].fract()));
    let left = total.saturating_sub(weights.iter().sum());
    for place in by_remainder.into_iter().cycle().take(left as usize) {
        weights[place] += 1;
    }
    weights
}

/// Whether this can stand behind `server`: an address with a port, or a socket's path without anything special. nginx logs
/// the name of the group where none of its servers could be asked.
pub(super) fn is_address(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    match name.strip_prefix("unix:") {
        Some(path) => path.starts_with('/') && path.bytes().all(is_plain),
        None => name.parse::<SocketAddr>().is_ok(),
    }
}

/// The block. A weight of 0 is none that nginx takes, so such a server is down.
pub(super) fn block(name: &str, servers: &[(&str, u64)]) -> String {
    let mut text = format!("upstream {name} {{\n");
    for (address, weight) in servers {
        // Writing to a `String` cannot fail.
        let _ = match weight {
            0 => writeln!(text, "    server {address} down;"),
            weight => writeln!(text, "    server {address} weight={weight};"),
        };
    }
    text + "}\n"
}
