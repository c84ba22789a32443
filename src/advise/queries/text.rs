//! SQL text without its literals, by PostgreSQL's lexical rules alone.
//!
//! Any text goes in and the same text comes out with literals, comments and letter case taken out: it tells which texts
//! are one statement before anything is parsed, and stands for the statement where it does not parse. Nothing fails here.

/// Stands for a literal until all are numbered; control characters of the input are spaces by then.
const LITERAL: char = '\u{1}';

/// Words that stand for values in a list of values.
const VALUE_WORDS: [&str; 4] = ["null", "true", "false", "default"];

/// The text with `$1`, `$2`, ... for its literals. Lists after IN, and rows of VALUES that look alike, are one.
pub(super) fn without_literals(sql: &str) -> String {
    let mut scanner = Scanner { rest: sql, out: String::with_capacity(sql.len().min(1024)), groups: Vec::new() };
    while scanner.step() {}
    number(scanner.out.trim_end_matches([' ', ';']))
}

/// Words before a bracket that call nothing.
const NO_CALLS: [&str; 24] = [
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "else",
    "except",
    "exists",
    "from",
    "having",
    "in",
    "intersect",
    "join",
    "not",
    "on",
    "or",
    "over",
    "select",
    "some",
    "then",
    "union",
    "values",
    "where",
];

/// How deep calls stand within calls, in a text without literals.
pub(super) fn call_depth(form: &str) -> usize {
    let (mut open, mut calls, mut deepest) = (Vec::new(), 0, 0);
    let (mut rest, mut word) = (form, "");
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => quoted(rest, '"'),
            _ if is_word(first) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        match first {
            ' ' => {}
            '(' => {
                let is_call = !word.is_empty() && !NO_CALLS.contains(&word);
                calls += usize::from(is_call);
                deepest = deepest.max(calls);
                open.push(is_call);
                word = "";
            }
            ')' => {
                calls -= usize::from(open.pop().unwrap_or(false));
                word = "";
            }
            _ if first == '"' || is_word(first) => word = &rest[..length],
            _ => word = "",
        }
        rest = &rest[length..];
    }
    deepest
}

/// Numbers the literals in their order.
fn number(marked: &str) -> String {
    let mut parts = marked.split(LITERAL);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (before, part) in parts.enumerate() {
        text += &format!("${}{part}", before + 1);
    }
    text
}

/// An open bracket.
struct Group {
    /// Where it stands in the result.
    start: usize,
    /// Nothing but values has followed.
    has_only_values: bool,
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
    groups: Vec<Group>,
}

impl Scanner<'_> {
    /// Takes one token; `false` at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        if let Some(length) = blank(rest) {
            self.rest = &rest[length..];
            if !self.out.is_empty() && !self.out.ends_with(' ') {
                self.out.push(' ');
            }
        } else if let Some(length) = literal(rest) {
            self.rest = &rest[length..];
            self.out.push(LITERAL);
        } else if first == '"' {
            self.rest = &rest[quoted(rest, '"')..];
            self.out += &rest[..rest.len() - self.rest.len()].replace(char::is_control, " ");
            self.spoil();
        } else if is_word(first) {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            self.rest = &rest[end..];
            let word = rest[..end].to_ascii_lowercase();
            if !VALUE_WORDS.contains(&word.as_str()) {
                self.spoil();
            }
            self.out += &word;
        } else {
            self.rest = &rest[first.len_utf8()..];
            self.symbol(first);
        }
        true
    }

    fn symbol(&mut self, symbol: char) {
        match symbol {
            '(' => {
                self.spoil();
                self.groups.push(Group { start: self.out.len(), has_only_values: true });
                self.out.push('(');
            }
            ')' => {
                self.out.push(')');
                if let Some(group) = self.groups.pop()
                    && group.has_only_values
                {
                    self.fold(group.start);
                }
            }
            ',' | '-' | '+' => self.out.push(symbol),
            _ => {
                self.spoil();
                self.out.push(symbol);
            }
        }
    }

    /// The innermost bracket holds more than values.
    fn spoil(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.has_only_values = false;
        }
    }

    /// Makes one of a list after IN, and drops a row that is like the one before.
    fn fold(&mut self, start: usize) {
        let (before, group) = self.out.split_at(start);
        let before = before.trim_end();
        let is_after_in = before.strip_suffix("in").is_some_and(|rest| !rest.ends_with(is_word));
        if is_after_in {
            self.out.truncate(start);
            self.out.extend(['(', LITERAL, ')']);
        } else if let Some(row) = before.strip_suffix(',').map(str::trim_end)
            && row.ends_with(group)
        {
            let end = row.len();
            self.out.truncate(end);
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii()
}

/// The length of white space or a comment; comments of the `/*` kind nest.
fn blank(text: &str) -> Option<usize> {
    let is_blank = |letter: char| letter.is_whitespace() || letter.is_control();
    let spaces = text.find(|letter| !is_blank(letter)).unwrap_or(text.len());
    if spaces > 0 {
        return Some(spaces);
    }
    if text.starts_with("--") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (bytes, mut at, mut depth) = (text.as_bytes(), 2, 1u64);
    while depth > 0 && at < bytes.len() {
        let step = match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth + 1, 2),
            b"*/" => (depth - 1, 2),
            _ => (depth, 1),
        };
        (depth, at) = (step.0, at + step.1);
    }
    Some(at)
}

/// The length of a literal or a parameter: a string, a number, `$1`.
fn literal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes {
        [b'\'', ..] => Some(quoted(text, '\'')),
        [b'e' | b'E', b'\'', ..] => Some(1 + escaped(&text[1..])),
        [b'b' | b'B' | b'x' | b'X' | b'n' | b'N', b'\'', ..] => Some(1 + quoted(&text[1..], '\'')),
        [b'u' | b'U', b'&', b'\'', ..] => Some(2 + quoted(&text[2..], '\'')),
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => Some(digits(bytes)),
        [b'$', b'0'..=b'9', ..] => Some(1 + bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count()),
        [b'$', ..] => dollar_quoted(text),
        _ => None,
    }
}

/// The length of a number, such as `1`, `1.5e-3`, `0xFF` or `1_000`.
fn digits(bytes: &[u8]) -> usize {
    let is_hex = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_exponent_sign = !is_hex && matches!(byte, b'+' | b'-') && at > 0 && matches!(bytes[at - 1], b'e' | b'E');
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || is_exponent_sign) {
            break;
        }
        at += 1;
    }
    at
}

/// The length of text in quotes that are doubled inside.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The length of text in single quotes in which a backslash takes the next character in.
fn escaped(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        at += match &bytes[at..] {
            [b'\\', ..] | [b'\'', b'\'', ..] => 2,
            [b'\'', ..] => return at + 1,
            _ => 1,
        };
    }
    // A backslash at the end, or before a character of several bytes, ends on no boundary.
    (at.min(text.len())..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len())
}

/// The length of `$tag$...$tag$`; without an end, up to the end.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = text[1..].find(|letter| !is_word(letter))? + 1;
    if !text[tag_end..].starts_with('$') {
        return None;
    }
    let tag = &text[..=tag_end];
    Some(text[tag.len()..].find(tag).map_or(text.len(), |end| end + 2 * tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sql: &str, expected: &str) {
        assert_eq!(without_literals(sql), expected, "{sql}");
    }

    #[test]
    fn literals_of_every_kind_are_taken_out() {
        check("SELECT * FROM t WHERE a = 'x' AND b=1.5e-3", "select * from t where a = $1 and b=$2");
        check(
            "select 'it''s', E'it\\'s', B'01', U&'\\0041', $$a'b$$, $f$ $$ $f$, $3",
            "select $1, $2, $3, $4, $5, $6, $7",
        );
        check("select .5, 0xFF, 1_000, -2, a1, t2.c3", "select $1, $2, $3, -$4, a1, t2.c3");
        check("SEARCH products WHERE name LIKE %ball%", "search products where name like %ball%");
    }

    #[test]
    fn comments_case_and_blanks_make_no_difference() {
        check("  Select  1 -- one\n + /* two /* three */ 4 */ A\t;", "select $1 + a");
        check("select \"A\"\"1 'x'\", b", "select \"A\"\"1 'x'\", b");
        check("select 1 /* never closed", "select $1");
    }

    #[test]
    fn lists_and_rows_are_one_whatever_their_length() {
        check("select a from t where b in (1,2, -3)", "select a from t where b in ($1)");
        check("select a from t where b IN('x')", "select a from t where b in($1)");
        check("select within (1, 2)", "select within ($1, $2)");
        check("select a from t where b in (select 1)", "select a from t where b in (select $1)");
        check(
            "insert into t values (1, 'a'), (2, 'b'),(3, null), (4, null)",
            "insert into t values ($1, $2),($3, null)",
        );
        check("select f(1, 2), f(1)", "select f($1, $2), f($3)");
    }

    #[test]
    fn what_never_closes_ends_with_the_text() {
        check("select 'a", "select $1");
        check("select \"a", "select \"a");
        check("select $x$ a", "select $1");
        check("select E'a\\", "select $1");
        check("select ((((1", "select (((($1");
        check("select 1))))", "select $1))))");
        check("", "");
    }

    #[test]
    fn calls_within_calls_are_counted() {
        let check = |form: &str, depth: usize| assert_eq!(call_depth(form), depth, "{form}");
        check("select a from t where b in ($1) and (c or (d))", 0);
        check("select f(g(h ($1)), i($2)) from t", 3);
        check("select \"f(\"(\"g\"(a))) from f(", 2);
        check("))f()", 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(sql in "\\PC{0,80}") {
            prop_assert!(!without_literals(&sql).contains(LITERAL));
        }

        // A `$` can meet the number of a literal, and then begins a string.
        #[test]
        fn reading_again_changes_nothing(sql in "[ -#%-~\u{e9}\n]{0,80}") {
            let once = without_literals(&sql);
            prop_assert_eq!(without_literals(&once), once);
        }

        #[test]
        fn literals_never_show(number in 10_000u32..99_999, text in "[a-z' ]{0,20}") {
            let quoted = text.replace('\'', "''");
            let sql = format!("select a from t where b = {number} and c = '{quoted}' and d in ({number}, '{quoted}')");
            prop_assert_eq!(without_literals(&sql), "select a from t where b = $1 and c = $2 and d in ($3)");
        }
    }
}
