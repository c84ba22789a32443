//! Fits text into a width: how wide text is, how it is shortened and wrapped, which columns a table
//! keeps.
//!
//! Widths are display columns. Text must already be escaped. Nothing here knows what is shown.

use super::document::Column;
use unicode_width::UnicodeWidthChar;

/// Columns between two table columns.
pub(crate) const COLUMN_GAP: usize = 2;

/// A shortened cell keeps at least this many columns while something else can give way.
const LEAST_SHORTENED: usize = 12;

const ELLIPSIS: &str = "...";

/// How many display columns a text takes at most: an invisible mark counts as one, so that a pile of
/// them has a length.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(character: char) -> usize {
    character.width().unwrap_or(1).max(1)
}

/// The text in at most `limit` columns, its middle replaced by `...` when it is longer: a route's start
/// and end both tell it from others.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    if limit <= 2 * ELLIPSIS.len() {
        return take(text.chars(), limit).collect();
    }
    let kept = limit - ELLIPSIS.len();
    let head: String = take(text.chars(), kept.div_ceil(2)).collect();
    let mut tail: Vec<char> = take(text.chars().rev(), kept / 2).collect();
    tail.reverse();
    head + ELLIPSIS + &tail.into_iter().collect::<String>()
}

fn take(characters: impl Iterator<Item = char>, limit: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    characters.take_while(move |&character| {
        used += char_columns(character);
        used <= limit
    })
}

/// The text in lines of at most `width` columns, broken at spaces where possible; never inside a number
/// grouped by spaces.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in words(text) {
        let length = columns(&word);
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used > 0 && used + char_columns(character) > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += char_columns(character);
        }
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

/// Splits at spaces, but for those between two digits.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match words.last_mut() {
            Some(last) if ends_in_digit(last) && word.starts_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn ends_in_digit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit())
}

/// Which columns a table keeps, and how wide each may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fitting {
    /// Indices of the kept columns with their widths.
    pub(crate) kept: Vec<(usize, usize)>,
    /// Indices of the columns left out.
    pub(crate) left_out: Vec<usize>,
}

/// Makes columns of these natural widths fit: shortens what may be shortened, then leaves columns out by
/// rank, and shortens whatever is widest when even that is not enough.
pub(crate) fn fit(table: &[Column], natural: &[usize], width: usize) -> Fitting {
    let mut kept: Vec<(usize, usize)> = natural.iter().copied().enumerate().collect();
    let mut left_out = Vec::new();
    loop {
        let room = width.saturating_sub(COLUMN_GAP * kept.len().saturating_sub(1));
        let floor = |index: usize, natural: usize| {
            if table[index].fit.shortens() { natural.min(LEAST_SHORTENED) } else { natural }
        };
        if kept.iter().map(|&(index, natural)| floor(index, natural)).sum::<usize>() <= room {
            shrink(&mut kept, room, floor);
            break;
        }
        let ranked =
            kept.iter().enumerate().filter_map(|(at, &(index, _))| Some((table[index].fit.leave_out_rank()?, at)));
        let Some((_, at)) = ranked.min() else {
            shrink(&mut kept, room, |_, _| 1);
            break;
        };
        left_out.push(kept.remove(at).0);
    }
    left_out.sort_unstable();
    Fitting { kept, left_out }
}

/// Takes from the widest column above its floor until all fit.
fn shrink(kept: &mut [(usize, usize)], room: usize, floor: impl Fn(usize, usize) -> usize) {
    let floors: Vec<usize> = kept.iter().map(|&(index, natural)| floor(index, natural)).collect();
    while kept.iter().map(|&(_, width)| width).sum::<usize>() > room {
        let above = kept.iter_mut().zip(&floors).filter(|((_, width), floor)| width > floor);
        let Some(((_, width), _)) = above.max_by_key(|((_, width), _)| *width) else { return };
        *width -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Fit;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_gives_way() {
        let check = |text, limit, expected: &str| assert_eq!(shorten(text, limit), expected);
        check("GET /api/orders", 15, "GET /api/orders");
        check("GET /api/orders", 14, "GET /a...rders");
        check("GET /api/orders", 7, "GE...rs");
        check("GET /api/orders", 6, "GET /a");
        check("GET /api/orders", 0, "");
        check(
            "\u{4f60}\u{597d}\u{4f60}\u{597d}\u{4f60}\u{597d}",
            12,
            "\u{4f60}\u{597d}\u{4f60}\u{597d}\u{4f60}\u{597d}",
        );
        check("\u{4f60}\u{597d}\u{4f60}\u{597d}\u{4f60}\u{597d}", 11, "\u{4f60}\u{597d}...\u{4f60}\u{597d}");
        check("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", 7, "e\u{301}...\u{301}\u{301}");
    }

    #[test]
    fn lines_break_at_spaces() {
        let check = |text, width, expected: &[&str]| assert_eq!(wrap(text, width), expected);
        check("one two three", 13, &["one two three"]);
        check("one two three", 12, &["one two", "three"]);
        check("abcdefgh ij", 4, &["abcd", "efgh", "ij"]);
        check("is 1 240 ms", 6, &["is", "1 240", "ms"]);
        check("  two   words  ", 20, &["two words"]);
        check("", 10, &[]);
        check("\u{4f60}\u{597d}", 3, &["\u{4f60}", "\u{597d}"]);
    }

    fn table() -> Vec<Column> {
        vec![
            Column::left("name", Fit::Shorten),
            Column::right("a", Fit::LeaveOut(2)),
            Column::right("b", Fit::LeaveOut(1)),
            Column::right("c", Fit::Whole),
        ]
    }

    #[test]
    fn names_shrink_before_columns_go() {
        let check = |width, kept: &[(usize, usize)], left_out: &[usize]| {
            let fitting = fit(&table(), &[30, 5, 5, 5], width);
            assert_eq!((fitting.kept.as_slice(), fitting.left_out.as_slice()), (kept, left_out), "{width}");
        };
        check(51, &[(0, 30), (1, 5), (2, 5), (3, 5)], &[]);
        check(50, &[(0, 29), (1, 5), (2, 5), (3, 5)], &[]);
        check(33, &[(0, 12), (1, 5), (2, 5), (3, 5)], &[]);
        check(32, &[(0, 18), (1, 5), (3, 5)], &[2]);
        check(25, &[(0, 18), (3, 5)], &[1, 2]);
        check(18, &[(0, 11), (3, 5)], &[1, 2]);
    }

    proptest! {
        #[test]
        fn a_shortened_text_fits(text in any::<String>(), limit in 0usize..60) {
            prop_assert!(columns(&shorten(&text, limit)) <= limit);
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "[a-z0-9 \u{e9}\u{4f60}]{0,80}", width in 2usize..30) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| columns(line) <= width), "{:?}", lines);
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }

        #[test]
        fn a_fitted_table_fits(natural in prop::collection::vec(0usize..200, 4), width in 20usize..200) {
            let fitting = fit(&table(), &natural, width);
            let used: usize = fitting.kept.iter().map(|&(_, width)| width).sum();
            prop_assert!(used + COLUMN_GAP * (fitting.kept.len() - 1) <= width);
            prop_assert!(fitting.kept.iter().any(|&(index, _)| index == 0));
            prop_assert_eq!(fitting.kept.len() + fitting.left_out.len(), 4);
        }
    }
}
