//! Makes text from logs and paths harmless for the place where it is shown.
//!
//! In goes any text, out comes text that shows the same characters but cannot act: no escape sequence
//! for a terminal, no markup or mention for Markdown, no formula for a spreadsheet. Every renderer sends
//! every piece of such text through here, and nothing else in the crate decides what is harmless.
//!
//! Characters that do not show are written as `\xHH` (below U+0100) or `\u{...}`. A backslash that was
//! logged stays as it is: servers log `\xHH` themselves, and doubling it would make their paths
//! unreadable. So the escaped text is for reading, not for decoding; the JSON formats are lossless.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that act without showing: controls, bidirectional overrides, zero-width and invisible
/// characters, line separators.
pub(crate) fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text for a terminal: hidden characters are written out, the rest stays.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // Writing to a `String` cannot fail.
        let _ = match character {
            c if !is_hidden(c) => write!(shown, "{c}"),
            c if u32::from(c) < 0x100 => write!(shown, "\\x{:02X}", u32::from(c)),
            c => write!(shown, "\\u{{{:X}}}", u32::from(c)),
        };
    }
    Cow::Owned(shown)
}

/// A name for Markdown: a code span, in which no markup, link, mention or reference is recognised.
///
/// The fence is longer than any run of backticks inside, so that the name cannot close it. A `|` would
/// still end a table cell and is written `\x7C`.
pub fn markdown_name(text: &str) -> String {
    let text = terminal(text).replace('|', "\\x7C");
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_backtick_run(&text) + 1);
    // A code span loses one space at each end when it has both, so the added ones do not show.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A sentence with log text in it for Markdown: plain words and numbers stay, each run of other words
/// becomes a code span as in [`markdown_name`].
///
/// Naming what is plain is the safe way round: whatever GitHub comes to recognise, a word of letters
/// alone is not it.
pub fn markdown_prose(text: &str) -> String {
    let text = terminal(text);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let is_bare = |place: usize| is_plain_word(words[place]) && !(place == 0 && is_list_marker(words[place]));
    let places: Vec<usize> = (0..words.len()).collect();
    let runs = places.chunk_by(|&left, &right| is_bare(left) == is_bare(right));
    let shown = runs.map(|run| {
        let joined = words[run[0]..run[0] + run.len()].join(" ");
        if is_bare(run[0]) { joined } else { code_in_sentence(&joined) }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A code span with the punctuation of the sentence behind it.
fn code_in_sentence(words: &str) -> String {
    let name = words.trim_end_matches([',', ';', '.']);
    if name.is_empty() || name.ends_with(' ') {
        return markdown_name(words);
    }
    markdown_name(name) + &words[name.len()..]
}

/// A text cell for CSV: hidden characters are written out, and a cell that a spreadsheet would run as a
/// formula gets a leading apostrophe. Numbers, negative ones included, stay numbers.
///
/// Quoting is the CSV writer's work.
pub fn csv_cell(text: &str) -> String {
    let shown = terminal(text);
    if is_formula(text) && !is_number(text) { format!("'{shown}") } else { shown.into_owned() }
}

fn longest_backtick_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// An English word, a number, a percentile such as `p95`, `=` or `%`, with the punctuation of a sentence around it.
fn is_plain_word(word: &str) -> bool {
    let core = word.strip_prefix('(').unwrap_or(word);
    let core = core.trim_end_matches([',', ';', ':', '.', ')']);
    let is_english = core.split('\'').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphabetic()));
    let is_number = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let is_percentile = core.strip_prefix('p').is_some_and(is_number);
    (is_english || is_number(core) || is_percentile || matches!(core, "=" | "%")) && !may_name_commit(core)
}

/// GitHub takes seven hexadecimal digits for the name of a commit.
fn may_name_commit(word: &str) -> bool {
    const LEAST_DIGITS: usize = 7;
    let mut runs = word.split(|c: char| !c.is_ascii_hexdigit());
    runs.any(|run| run.len() >= LEAST_DIGITS)
}

/// `1.` and `1)` at the start of a line begin a list.
fn is_list_marker(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(['.', ')'])
}

/// Whether a spreadsheet may take the cell for a formula: its first character, after spaces and quotes,
/// starts one. The full-width forms count, as spreadsheets fold them to ASCII.
fn is_formula(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| {
        c != '\t' && c != '\r' && (c.is_whitespace() || is_hidden(c) || matches!(c, '\'' | '"'))
    });
    start.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

fn is_number(text: &str) -> bool {
    // Rust's parser also takes `inf` and `nan`, which a spreadsheet does not.
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hidden_characters_are_written_out() {
        let check = |text, expected| assert_eq!(terminal(text), expected, "{text:?}");
        check("/api/orders/:id", "/api/orders/:id");
        check("\x1b[31mred\x07", "\\x1B[31mred\\x07");
        check("a\nb\r\t\0", "a\\x0Ab\\x0D\\x09\\x00");
        check("~\u{7f}\u{80}\u{9b}\u{9f}\u{a0}", "~\\x7F\\x80\\x9B\\x9F\u{a0}");
        check("\u{202e}gpj\u{2066}", "\\u{202E}gpj\\u{2066}");
        check("a\u{200b}b\u{feff}\u{2028}", "a\\u{200B}b\\u{FEFF}\\u{2028}");
        check("\u{61c}\u{200e}\u{200f}", "\\u{61C}\\u{200E}\\u{200F}");
        check("caf\u{e9} \u{4f60}\u{597d} \u{fffd}", "caf\u{e9} \u{4f60}\u{597d} \u{fffd}");
        check("logged \\x16", "logged \\x16");
    }

    #[test]
    fn hidden_ranges_end_where_they_should() {
        for (hidden, shown) in [
            ('\u{1f}', ' '),
            ('\u{7f}', '~'),
            ('\u{9f}', '\u{a0}'),
            ('\u{200b}', '\u{200a}'),
            ('\u{200f}', '\u{2010}'),
            ('\u{2028}', '\u{2027}'),
            ('\u{202e}', '\u{202f}'),
            ('\u{2060}', '\u{205f}'),
            ('\u{206f}', '\u{2070}'),
            ('\u{fe0f}', '\u{fe10}'),
        ] {
            assert!(is_hidden(hidden), "{hidden:?}");
            assert!(!is_hidden(shown), "{shown:?}");
        }
    }

    #[test]
    fn a_markdown_name_cannot_leave_its_span() {
        let check = |text, expected| assert_eq!(markdown_name(text), expected, "{text:?}");
        check("GET /a_b/*c*", "`GET /a_b/*c*`");
        check("a`b", "``a`b``");
        check("`", "`` ` ``");
        check("a```", "```` a``` ````");
        check("a|b", "`a\\x7Cb`");
        check("a\\|b", "`a\\\\x7Cb`");
        check("a\n# b", "`a\\x0A# b`");
        check("@octocat", "`@octocat`");
        check(" ", "`   `");
        check("", "");
    }

    #[test]
    fn only_plain_words_of_a_sentence_stay_bare() {
        let check = |text, expected| assert_eq!(markdown_prose(text), expected, "{text:?}");
        check("2 x p95 of GET /a = 1 240 ms, smoothed 0.3", "2 x p95 of GET `/a` = 1 240 ms, smoothed 0.3");
        check("(fixed) 87 % of it.", "(fixed) 87 % of it.");
        check("3 times (above 10 %), 3 down (11 of 12);", "3 times (above 10 %), 3 down (11 of 12);");
        check("the rule's own p99.9, not p", "the rule's own p99.9, not p");
        check("a note: see log_format, then", "a note: see `log_format`, then");
        check("add $a '$b - $c'; to it", "add `$a '$b - $c'`; to it");
        check("see #12 GH-12 @you you@x.org", "see `#12 GH-12 @you you@x.org`");
        check("#12 and @you. GH-12, x", "`#12` and `@you. GH-12`, x");
        check("<img src=x> [a](b) **b** _i_", "`<img src=x> [a](b) **b** _i_`");
        check("http://x.org www.x.org :tada: a|b", "`http://x.org www.x.org :tada: a\\x7Cb`");
        check("x.org, p.org p1x 1x 'a a' a''b", "`x.org, p.org p1x 1x 'a a' a''b`");
        check("... ; x", "`... ;` x");
        check("1) x 1. + - 1)", "`1)` x 1. `+ -` 1)");
        check("a\u{202e}b \u{e9}", "`a\\u{202E}b \u{e9}`");
    }

    #[test]
    fn what_may_name_a_commit_does_not_stay_bare() {
        for (bare, code) in
            [("facade", "defaced"), ("123456", "1234567"), ("0.123456", "0.1234567"), ("p1", "deadbeef")]
        {
            assert_eq!(markdown_prose(bare), bare);
            assert_eq!(markdown_prose(code), format!("`{code}`"));
            assert_eq!(markdown_prose(&format!("(see {code}).")), format!("(see `{code})`."));
        }
    }

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        let check = |text, expected| assert_eq!(csv_cell(text), expected, "{text:?}");
        check("=1+1", "'=1+1");
        check("+cmd", "'+cmd");
        check("-cmd", "'-cmd");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\\x09=1");
        check("\r=1", "'\\x0D=1");
        check("  =1", "'  =1");
        check("\"=1", "'\"=1");
        check("' \u{a0}=1", "'' \u{a0}=1");
        check("\u{feff}=1", "'\\u{FEFF}=1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("-inf", "'-inf");
        check("-5-3", "'-5-3");
        check("-5", "-5");
        check("+1.5e-3", "+1.5e-3");
        check("-0.25", "-0.25");
        check("/api?a=1", "/api?a=1");
        check("GET", "GET");
        check("a\nb", "a\\x0Ab");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            for shown in [terminal(&text).into_owned(), markdown_name(&text), markdown_prose(&text), csv_cell(&text)] {
                prop_assert!(!shown.contains(is_hidden), "{:?}", shown);
            }
        }

        #[test]
        fn a_span_has_its_fence_at_the_ends_alone(text in "[`| a\\\\\n]{1,20}") {
            let span = markdown_name(&text);
            let fence = span.len() - span.trim_start_matches('`').len();
            let inner = &span[fence..span.len() - fence];
            prop_assert!(!inner.starts_with('`') && !inner.ends_with('`'));
            prop_assert!(span.ends_with(&"`".repeat(fence)));
            prop_assert!(inner.split(|c| c != '`').all(|run| run.len() < fence));
            prop_assert!(!span.contains('|'));
        }
    }
}
