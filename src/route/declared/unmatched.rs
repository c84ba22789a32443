//! Whether declared routes are those of another service: patterns that match no request at all say nothing else.
//!
//! Patterns and the endpoints of a run in, a sentence out.

use super::DeclaredRoutes;
use crate::figure::counted;

/// What to say when no endpoint, by method and route, has the name of a pattern; nothing where there is none to tell.
pub(crate) fn note<'a>(
    declared: &DeclaredRoutes,
    mut endpoints: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Option<String> {
    let names = declared.names();
    // What is put together under a name in brackets is no path.
    let (method, path) = endpoints.clone().find(|(_, path)| path.starts_with('/'))?;
    let first = declared.patterns().first()?;
    let is_declared = |(method, path): (&str, &str)| names.has(method.as_bytes(), path.as_bytes());
    let count = declared.patterns().len() as u64;
    let patterns =
        if count == 1 { "the one pattern".to_owned() } else { format!("any of the {}", counted(count, "pattern")) };
    (!endpoints.any(is_declared)).then(|| {
        format!(
            "no request matches {patterns} of --routes and --openapi: the first is {first}, and the log has {method} {path}; \
             is a prefix missing, or are they another service's?"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patterns_of_which_none_is_used_are_told() {
        let mut declared = DeclaredRoutes::default();
        declared.add(Some("post"), "/v1/users/:id").unwrap();
        declared.add(None, "/v1/health").unwrap();
        let told = |endpoints: &[(&str, &str)]| note(&declared, endpoints.iter().copied());
        assert_eq!(told(&[("POST", "/a"), ("POST", "/v1/users/:id")]), None);
        assert_eq!(told(&[("GET", "/v1/health")]), None);
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("GET", "(unmatched)")]), None);
        let note = told(&[("GET", "(unmatched)"), ("GET", "/v1/users/:id")]).unwrap();
        assert!(note.starts_with("no request matches any of the 2 patterns of --routes"), "{note}");
        assert!(note.contains("the first is /v1/users/:id, and the log has GET /v1/users/:id;"), "{note}");
        assert!(super::note(&DeclaredRoutes::default(), [("GET", "/a")].into_iter()).is_none());
    }
}
