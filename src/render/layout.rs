//! Fits text into a width: how wide text is, how it is shortened and wrapped, which columns a table
//! keeps.
//!
//! Widths are display columns. Text must already be escaped. Nothing here knows what is shown.

use super::document::Column;
use unicode_width::UnicodeWidthChar;

/// Columns between two table columns.
pub(crate) const COLUMN_GAP: usize = 2;

/// A shortened cell keeps at least this many columns while something else can be left out.
const LEAST_SHORTENED: usize = 12;

/// The same while a figure would have to give way.
const LEAST_NAME: usize = 8;

/// A title that is cut keeps at least this many columns.
const LEAST_TITLE: usize = 3;

const ELLIPSIS: &str = "...";

/// The same where there is little room.
const SHORT_ELLIPSIS: char = '\u{2026}';

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
        return cut(text, limit);
    }
    let kept = limit - ELLIPSIS.len();
    let head: String = take(text.chars(), kept.div_ceil(2)).collect();
    let mut tail: Vec<char> = take(text.chars().rev(), kept / 2).collect();
    tail.reverse();
    head + ELLIPSIS + &tail.into_iter().collect::<String>()
}

/// The text in at most `limit` columns, its end replaced by an ellipsis when it is longer.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match limit.checked_sub(1) {
        _ if columns(text) <= limit => text.to_owned(),
        Some(kept) => take(text.chars(), kept).chain([SHORT_ELLIPSIS]).collect(),
        None => String::new(),
    }
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

/// How wide a column is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width {
    /// With its title.
    pub(crate) natural: usize,
    /// Of its widest cell.
    pub(crate) cells: usize,
}

/// Makes columns of these widths fit: shortens what may be shortened, then leaves columns out by rank. Where that is not
/// enough, names are shortened further and titles are cut before columns are left out from the end: a figure that was cut
/// would be another one. Only a last column that is too wide by itself is cut.
pub(crate) fn fit(table: &[Column], widths: &[Width], width: usize) -> Fitting {
    let mut kept: Vec<(usize, usize)> = widths.iter().map(|width| width.natural).enumerate().collect();
    let mut left_out = Vec::new();
    let floor = |least_shortened: usize, title_stays: bool| {
        move |index: usize| match widths[index] {
            Width { natural, .. } if table[index].fit.shortens() => natural.min(least_shortened),
            Width { natural, .. } if title_stays => natural,
            Width { natural, cells } => cells.max(natural.min(LEAST_TITLE)),
        }
    };
    let (roomy, tight) = (floor(LEAST_SHORTENED, true), floor(LEAST_NAME, false));
    loop {
        let room = width.saturating_sub(COLUMN_GAP * kept.len().saturating_sub(1));
        let fits = |floor: &dyn Fn(usize) -> usize| kept.iter().map(|&(index, _)| floor(index)).sum::<usize>() <= room;
        if fits(&roomy) {
            shrink(&mut kept, room, roomy);
            break;
        }
        let ranked =
            kept.iter().enumerate().filter_map(|(at, &(index, _))| Some((table[index].fit.leave_out_rank()?, at)));
        let at = match ranked.min() {
            Some((_, at)) => at,
            None if fits(&tight) => {
                shrink(&mut kept, room, tight);
                break;
            }
            None if kept.len() > 1 => kept.len() - 1,
            None => {
                shrink(&mut kept, room, |_| 1);
                break;
            }
        };
        left_out.push(kept.remove(at).0);
    }
    left_out.sort_unstable();
    Fitting { kept, left_out }
}

/// Takes from the widest column above its floor until all fit.
fn shrink(kept: &mut [(usize, usize)], room: usize, floor: impl Fn(usize) -> usize) {
    let floors: Vec<usize> = kept.iter().map(|&(index, _)| floor(index)).collect();
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
        check("GET /api/orders", 6, "GET /\u{2026}");
        check("GET /api/orders", 1, "\u{2026}");
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

    /// Columns whose titles are no wider than their cells.
    fn widths(cells: &[usize]) -> Vec<Width> {
        cells.iter().map(|&cells| Width { natural: cells, cells }).collect()
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
            let fitting = fit(&table(), &widths(&[30, 5, 5, 5]), width);
            assert_eq!((fitting.kept.as_slice(), fitting.left_out.as_slice()), (kept, left_out), "{width}");
        };
        check(51, &[(0, 30), (1, 5), (2, 5), (3, 5)], &[]);
        check(50, &[(0, 29), (1, 5), (2, 5), (3, 5)], &[]);
        check(33, &[(0, 12), (1, 5), (2, 5), (3, 5)], &[]);
        check(32, &[(0, 18), (1, 5), (3, 5)], &[2]);
        check(25, &[(0, 18), (3, 5)], &[1, 2]);
        check(18, &[(0, 11), (3, 5)], &[1, 2]);
        check(15, &[(0, 8), (3, 5)], &[1, 2]);
        check(14, &[(0, 14)], &[1, 2, 3]);
        check(7, &[(0, 7)], &[1, 2, 3]);
    }

    #[test]
    fn titles_are_cut_before_figures_go() {
        let check = |width, kept: &[(usize, usize)], left_out: &[usize]| {
            let columns =
                [Column::left("name", Fit::Shorten), Column::right("b", Fit::Whole), Column::right("c", Fit::Whole)];
            let widths = [(30, 30), (14, 1), (5, 5)].map(|(natural, cells)| Width { natural, cells });
            let fitting = fit(&columns, &widths, width);
            assert_eq!((fitting.kept.as_slice(), fitting.left_out.as_slice()), (kept, left_out), "{width}");
        };
        check(35, &[(0, 12), (1, 14), (2, 5)], &[]);
        check(34, &[(0, 13), (1, 12), (2, 5)], &[]);
        check(20, &[(0, 8), (1, 3), (2, 5)], &[]);
        check(19, &[(0, 9), (1, 8)], &[2]);
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
        fn a_fitted_table_fits(cells in prop::collection::vec(0usize..200, 4), titles in prop::collection::vec(0usize..30, 4), width in 20usize..200) {
            let widths: Vec<Width> =
                cells.iter().zip(&titles).map(|(&cells, &title)| Width { natural: cells.max(title), cells }).collect();
            let fitting = fit(&table(), &widths, width);
            let is_whole = |&(index, width): &(usize, usize)| width >= cells[index] || table()[index].fit.shortens();
            prop_assert!(fitting.kept.iter().all(is_whole));
            let used: usize = fitting.kept.iter().map(|&(_, width)| width).sum();
            prop_assert!(used + COLUMN_GAP * (fitting.kept.len() - 1) <= width);
            prop_assert!(fitting.kept.iter().any(|&(index, _)| index == 0));
            prop_assert_eq!(fitting.kept.len() + fitting.left_out.len(), 4);
        }
    }
}
