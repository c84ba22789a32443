//! Routes that a user declares: patterns in, for a method and a path the pattern that a router would choose out.
//!
//! A pattern is made of whole segments: `/users/:id` stands for any one segment in its second place,
//! `/files/*path` for one segment or more at its end, which may be empty: for `/files/`, not for `/files`, as httprouter,
//! gin and chi have it (Express, too, but without `/files/`). The most specific pattern wins, segment by segment from the
//! left: a name before a parameter before the rest of the path. This module must not know where patterns come from.

pub(crate) mod list;
pub(crate) mod openapi;
pub(crate) mod unmatched;

use hashbrown::HashMap;
use std::fmt;

/// Segments of the longest pattern; looking up is recursive.
const MAX_SEGMENTS: usize = 64;

/// Patterns, ready to be asked.
#[derive(Clone, Debug)]
pub struct DeclaredRoutes {
    /// The first one is the root.
    nodes: Vec<Node>,
    patterns: Vec<String>,
}

/// What may follow after the same segments.
#[derive(Clone, Debug, Default)]
struct Node {
    /// By segment, ascending.
    names: Vec<(Box<[u8]>, usize)>,
    parameter: Option<usize>,
    /// Patterns that end here.
    ends: Vec<End>,
    /// Patterns that end with `*` here.
    rests: Vec<End>,
}

/// The end of a pattern.
#[derive(Clone, Debug)]
struct End {
    /// Upper case; `None`: any method.
    method: Option<String>,
    pattern: usize,
}

/// Why a pattern is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    /// Byte of the pattern, from 0.
    pub(crate) at: usize,
    /// `found ..., expected ...`.
    pub(crate) message: String,
}

/// What became of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was new.
    New,
    /// An earlier one, of this number, stands for the same paths.
    Known(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment<'p> {
    Name(&'p str),
    Parameter,
    Rest,
}

impl Default for DeclaredRoutes {
    fn default() -> Self {
        DeclaredRoutes { nodes: vec![Node::default()], patterns: Vec::new() }
    }
}

impl DeclaredRoutes {
    /// Adds a pattern for one method or, with `None`, for all.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub(crate) fn add(&mut self, method: Option<&str>, pattern: &str) -> Result<Added, PatternError> {
        let segments = segments(pattern)?;
        let has_rest = segments.last() == Some(&Segment::Rest);
        let node = segments.into_iter().fold(0, |node, segment| self.step(node, segment));
        let known = self.patterns.iter().position(|known| known == pattern);
        let ends = |node: &mut Node| std::mem::take(if has_rest { &mut node.rests } else { &mut node.ends });
        let mut ends = ends(&mut self.nodes[node]);
        let method = method.map(str::to_ascii_uppercase);
        let added = match ends.iter().find(|end| end.method == method) {
            Some(end) => Added::Known(end.pattern),
            None => {
                let number = known.unwrap_or(self.patterns.len());
                ends.push(End { method, pattern: number });
                // An end of a method of its own goes before the one for all.
                ends.sort_by_key(|end| end.method.is_none());
                if number == self.patterns.len() {
                    self.patterns.push(pattern.to_owned());
                }
                Added::New
            }
        };
        *(if has_rest { &mut self.nodes[node].rests } else { &mut self.nodes[node].ends }) = ends;
        Ok(added)
    }

    /// The node after a segment, new or known.
    fn step(&mut self, node: usize, segment: Segment<'_>) -> usize {
        let new = self.nodes.len();
        let next = match segment {
            Segment::Rest => node,
            Segment::Parameter => *self.nodes[node].parameter.get_or_insert(new),
            Segment::Name(name) => {
                let names = &mut self.nodes[node].names;
                match names.binary_search_by(|(known, _)| (**known).cmp(name.as_bytes())) {
                    Ok(found) => names[found].1,
                    Err(place) => {
                        names.insert(place, (name.as_bytes().into(), new));
                        new
                    }
                }
            }
        };
        if next == new {
            self.nodes.push(Node::default());
        }
        next
    }

    /// The patterns, in the order in which they were added.
    pub(crate) fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// The names that its patterns give.
    pub(crate) fn names(&self) -> DeclaredNames {
        let mut methods: HashMap<Box<[u8]>, Vec<End>> = HashMap::new();
        for end in self.nodes.iter().flat_map(|node| node.ends.iter().chain(&node.rests)) {
            methods.entry(self.patterns[end.pattern].as_bytes().into()).or_default().push(end.clone());
        }
        DeclaredNames { methods }
    }

    /// The pattern for a request; one slash at the path's end makes no difference.
    pub fn find(&self, method: &[u8], path: &[u8]) -> Option<&[u8]> {
        let rest = path.strip_prefix(b"/")?;
        let pattern = self.find_from(0, Some(rest), method)?;
        Some(self.patterns[pattern].as_bytes())
    }

    /// Goes on at a node with what is left of the path; `None`: nothing.
    fn find_from(&self, node: usize, rest: Option<&[u8]>, method: &[u8]) -> Option<usize> {
        let node = &self.nodes[node];
        let end = |ends: &[End]| ends.iter().find(|end| end.takes(method)).map(|end| end.pattern);
        let Some(rest) = rest else { return end(&node.ends) };
        if rest.is_empty()
            && let Some(pattern) = end(&node.ends)
        {
            return Some(pattern);
        }
        let (segment, after) = match memchr::memchr(b'/', rest) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        let by_name = node.names.binary_search_by(|(known, _)| (**known).cmp(segment)).ok();
        let by_name = by_name.and_then(|found| self.find_from(node.names[found].1, after, method));
        let by_parameter = || {
            let parameter = node.parameter.filter(|_| !segment.is_empty())?;
            self.find_from(parameter, after, method)
        };
        by_name.or_else(by_parameter).or_else(|| end(&node.rests))
    }
}

/// Which routes are declared, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeclaredNames {
    /// By pattern.
    methods: HashMap<Box<[u8]>, Vec<End>>,
}

impl DeclaredNames {
    /// Whether a pattern was declared for a method.
    pub(crate) fn has(&self, method: &[u8], pattern: &[u8]) -> bool {
        self.methods.get(pattern).is_some_and(|ends| ends.iter().any(|end| end.takes(method)))
    }
}

impl End {
    fn takes(&self, method: &[u8]) -> bool {
        self.method.as_ref().is_none_or(|own| own.as_bytes().eq_ignore_ascii_case(method))
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// The segments of a pattern; parameters are `:name` or `{name}`.
fn segments(pattern: &str) -> Result<Vec<Segment<'_>>, PatternError> {
    let error = |at: usize, message: String| Err(PatternError { at, message });
    let Some(path) = pattern.strip_prefix('/') else {
        return error(0, format!("found `{pattern}`, expected a path that begins with `/`, such as /users/:id"));
    };
    if let Some((at, found)) = pattern.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        return error(at, format!("found {found:?}, expected one pattern a line, without blanks inside"));
    }
    if let Some((at, found)) = pattern.char_indices().find(|(_, c)| matches!(c, '?' | '#')) {
        return error(at, format!("found `{found}`, expected a path without its query and fragment"));
    }
    // Without a slash at its end, which makes no difference.
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let (mut segments, mut at) = (Vec::new(), 1);
    for text in path.split('/') {
        if segments.last() == Some(&Segment::Rest) {
            return error(
                at,
                format!("found `/{text}` after the rest of the path, expected `*` in the last segment only"),
            );
        }
        if segments.len() == MAX_SEGMENTS {
            return error(at, format!("found another segment, expected at most {MAX_SEGMENTS}"));
        }
        segments.push(match text.as_bytes() {
            [b':'] | b"{}" => return error(at, format!("found `{text}`, expected a name, such as :id")),
            [b':', ..] | [b'{', .., b'}'] => Segment::Parameter,
            [b'*', ..] => Segment::Rest,
            _ if text.contains(['{', '}']) => {
                return error(at, format!("found `{text}`, expected a placeholder for the whole segment, such as :id"));
            }
            _ => Segment::Name(text),
        });
        at += text.len() + 1;
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn routes(patterns: &[&str]) -> DeclaredRoutes {
        let mut routes = DeclaredRoutes::default();
        for pattern in patterns {
            let (method, pattern) = pattern.split_once(' ').map_or((None, *pattern), |(m, p)| (Some(m), p));
            assert_eq!(routes.add(method, pattern), Ok(Added::New), "{pattern}");
        }
        routes
    }

    #[track_caller]
    fn check(patterns: &[&str], request: &str, expected: &str) {
        let routes = routes(patterns);
        let (method, path) = request.split_once(' ').unwrap();
        let found = routes.find(method.as_bytes(), path.as_bytes()).map(String::from_utf8_lossy);
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{request}");
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        let patterns = ["/users/*rest", "/users/:id", "/users/me", "/users/:id/posts", "/:tenant/me", "/"];
        check(&patterns, "GET /users/me", "/users/me");
        check(&patterns, "GET /users/7", "/users/:id");
        check(&patterns, "GET /users/7/", "/users/:id");
        check(&patterns, "GET /users/7/posts", "/users/:id/posts");
        check(&patterns, "GET /users/me/posts", "/users/:id/posts");
        check(&patterns, "GET /users/7/posts/8", "/users/*rest");
        check(&patterns, "GET /users/", "/users/*rest");
        check(&patterns, "GET /users", "none");
        check(&patterns, "GET /acme/me", "/:tenant/me");
        check(&patterns, "GET /acme/you", "none");
        check(&patterns, "GET /", "/");
        check(&patterns, "GET users/me", "none");
        check(&patterns, "GET *", "none");
    }

    #[test]
    fn a_parameter_is_one_segment_that_is_not_empty() {
        check(&["/users/:id"], "GET /users/", "none");
        check(&["/users/:id/x"], "GET /users//x", "none");
        check(&["/a//b"], "GET /a//b", "/a//b");
        check(&["/v1/{id}/x"], "GET /v1/7/x", "/v1/{id}/x");
        check(&["/v1/things:batch"], "GET /v1/things:batch", "/v1/things:batch");
    }

    #[test]
    fn methods_keep_to_themselves() {
        let patterns = ["GET /a/:id", "POST /a/:key", "/a/*rest", "delete /a/b"];
        check(&patterns, "GET /a/1", "/a/:id");
        check(&patterns, "get /a/1", "/a/:id");
        check(&patterns, "POST /a/1", "/a/:key");
        check(&patterns, "PUT /a/1", "/a/*rest");
        check(&patterns, "DELETE /a/b", "/a/b");
        check(&patterns, "GET /a/b", "/a/:id");
        check(&["/a/:id", "GET /a/:own"], "GET /a/1", "/a/:own");
    }

    #[test]
    fn patterns_for_the_same_paths_are_told() {
        let mut routes = routes(&["/a/:id", "GET /b", "/c/*x"]);
        assert_eq!(routes.add(None, "/a/{key}"), Ok(Added::Known(0)));
        assert_eq!(routes.add(Some("get"), "/b/"), Ok(Added::Known(1)));
        assert_eq!(routes.add(None, "/c/*y"), Ok(Added::Known(2)));
        assert_eq!(routes.add(Some("PUT"), "/b"), Ok(Added::New));
        assert_eq!(routes.patterns(), ["/a/:id", "/b", "/c/*x"].map(str::to_owned));
        assert_eq!(routes.patterns().len(), 3);
    }

    #[test]
    fn errors_tell_place_and_expectation() {
        let error = |pattern: &str| DeclaredRoutes::default().add(None, pattern).unwrap_err();
        assert_eq!(error("users").message, "found `users`, expected a path that begins with `/`, such as /users/:id");
        assert_eq!((error("/a/:").at, error("/a/:").message.as_str()), (3, "found `:`, expected a name, such as :id"));
        assert_eq!(error("/a/*r/b").at, 6);
        assert_eq!(error("/a b").at, 2);
        assert_eq!(error("/a?b").at, 2);
        assert_eq!(error("/a/x.{format}").at, 3);
        assert_eq!(error(&"/a".repeat(65)).at, 129);
        assert!(DeclaredRoutes::default().add(None, &"/a".repeat(64)).is_ok());
    }

    /// Tries every pattern, and compares those that fit segment by segment.
    fn naive<'p>(patterns: &[&'p str], path: &str) -> Option<&'p str> {
        let rank = |pattern: &str| -> Option<Vec<u8>> {
            let (mut ranks, mut rest) = (Vec::new(), path.split('/').skip(1).collect::<Vec<_>>().into_iter());
            for part in pattern.split('/').skip(1) {
                let own = rest.next();
                match part.as_bytes()[0] {
                    b'*' if own.is_some() => return Some([ranks, vec![2]].concat()),
                    b':' if own.is_some_and(|own| !own.is_empty()) => ranks.push(1),
                    _ if own == Some(part) => ranks.push(0),
                    _ => return None,
                }
            }
            let rest: Vec<_> = rest.collect();
            (rest.is_empty() || rest == [""]).then_some(ranks)
        };
        let fitting = patterns.iter().filter_map(|pattern| Some((rank(pattern)?, *pattern)));
        fitting.min().map(|(_, pattern)| pattern)
    }

    proptest! {
        #[test]
        fn a_router_agrees_with_a_look_at_every_pattern(
            patterns in prop::collection::btree_set("(/(a|b|:x)){1,3}(/[*]r)?", 1..8),
            path in "(/(a|b|c|)){1,4}",
        ) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let routes = routes(&patterns);
            let found = routes.find(b"GET", path.as_bytes()).map(|found| String::from_utf8_lossy(found).into_owned());
            prop_assert_eq!(found.as_deref(), naive(&patterns, &path), "{:?} {}", patterns, path);
        }

        #[test]
        fn no_pattern_or_path_panics(pattern in "/?[/:*{}a-z ]{0,20}|\\PC{0,20}", path: Vec<u8>) {
            let mut routes = DeclaredRoutes::default();
            let _ = routes.add(None, &pattern);
            let _ = routes.find(b"GET", &path);
        }
    }
}
