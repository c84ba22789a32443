//! The known name nearest to an unknown one, for "did you mean".
//!
//! Names in, a name out; what is said about it is the caller's.

/// The candidate with the fewest edits to `name`, the first of equals; `None` without candidates.
///
/// Case, `-` and `_` do not count, so that `error_rate_threshold` is `errorRateThreshold`.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    candidates.into_iter().min_by_key(|candidate| distance(&name, &plain(candidate)))
}

/// The nearest candidate if at most a third of the letters of `name` is wrong: past that a hint misleads.
pub(crate) fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = plain(name);
    let wrong = |candidate: &&str| distance(&letters, &plain(candidate));
    nearest(name, candidates).filter(|candidate| wrong(candidate) <= letters.len().div_ceil(3))
}

/// A longer name is not compared further than this, which bounds the work on a hostile one.
const MAX_LETTERS: usize = 64;

fn plain(name: &str) -> Vec<char> {
    let letters = name.chars().filter(|letter| !matches!(letter, '-' | '_'));
    letters.flat_map(char::to_lowercase).take(MAX_LETTERS).collect()
}

/// Levenshtein's distance: insertions, deletions and substitutions.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        let check = |from: &str, to: &str, expected| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&letters(from), &letters(to)), expected, "{from} -> {to}");
        };
        check("", "", 0);
        check("", "abc", 3);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("smoothing", "smothing", 1);
    }

    #[test]
    fn the_nearest_name_wins_and_ties_go_to_the_first() {
        assert_eq!(nearest("error_rate_threshhold", ["cooldownMs", "errorRateThreshold"]), Some("errorRateThreshold"));
        assert_eq!(nearest("ab", ["ax", "xb"]), Some("ax"));
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), ["a", "b"]), Some("a"));
    }

    #[test]
    fn a_name_is_similar_up_to_a_third_of_its_letters() {
        assert_eq!(similar("requst_time", ["status", "request_time"]), Some("request_time"));
        assert_eq!(similar("abcdxx", ["abcdef"]), Some("abcdef"));
        assert_eq!(similar("abcxxx", ["abcdef"]), None);
        assert_eq!(similar("", ["a"]), None);
        assert_eq!(similar("x", []), None);
    }
}
