//! Which requests take part: what `--status`, `--where`, `--method`, `--route` and `--exclude-route` mean.

use crate::plan::Filter;
use crate::request::Request;

/// The filters that look at the request itself.
pub fn passes_filter(filter: &Filter, request: &Request) -> bool {
    match filter {
        Filter::Status(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&request.status)),
        Filter::Equals(index, value) => request.extras.get(*index) == Some(value.as_bytes()),
        Filter::Method(_) | Filter::Route(_) | Filter::ExcludeRoute(_) => true,
    }
}

/// The filters that look at the endpoint, asked once for each.
pub fn admits(filter: &Filter, method: &[u8], route: &[u8]) -> bool {
    match filter {
        Filter::Method(methods) => methods.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(method)),
        Filter::Route(patterns) => patterns.iter().any(|pattern| matches_pattern(pattern.as_bytes(), route)),
        Filter::ExcludeRoute(patterns) => !patterns.iter().any(|pattern| matches_pattern(pattern.as_bytes(), route)),
        Filter::Status(_) | Filter::Equals(..) => true,
    }
}

/// Whether a route fits a pattern in which `*` stands for any run of bytes.
fn matches_pattern(pattern: &[u8], route: &[u8]) -> bool {
    let (mut p, mut r) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while r < route.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, r));
        } else if pattern.get(p) == Some(&route[r]) {
            (p, r) = (p + 1, r + 1);
        } else if let Some((after_star, taken)) = retry {
            (p, r) = (after_star, taken + 1);
            retry = Some((after_star, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, route: &str, expected| {
            assert_eq!(matches_pattern(pattern.as_bytes(), route.as_bytes()), expected, "{pattern} {route}");
        };
        check("/api/*", "/api/orders/:id", true);
        check("/api/*", "/ap", false);
        check("*/:id", "/api/orders/:id", true);
        check("/a*b*c", "/axxbyyc", true);
        check("/a*b*c", "/axxbyyd", false);
        check("/healthz", "/healthz", true);
        check("/healthz", "/healthz2", false);
        check("*", "", true);
        check("", "/", false);
    }
}
