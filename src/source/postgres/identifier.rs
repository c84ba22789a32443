//! SQL names as PostgreSQL reads and writes them.
//!
//! Text in, names out. Every name that goes into a statement goes through [`quote`].

use std::fmt;
use std::str::FromStr;

/// A table's name: database, schema and table, as many as were given, folded as PostgreSQL folds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// As it was typed, without its quotes.
    typed: String,
    /// As PostgreSQL looks it up.
    name: String,
}

/// Database, schema, table.
const MAX_PARTS: usize = 3;

const EXPECTED: &str = "expected a table name such as usage_events, billing.usage_events or billing.\"Usage Events\" \
                        (names with capitals, spaces or dots in double quotes, a quote inside doubled)";

impl FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) = read_part(rest).ok_or(EXPECTED)?;
            parts.push(part);
            rest = match after.trim_start() {
                "" => break,
                after => after.strip_prefix('.').ok_or(EXPECTED)?.trim_start(),
            };
        }
        if parts.len() > MAX_PARTS { Err(EXPECTED.to_owned()) } else { Ok(TableName { parts }) }
    }
}

/// The first name and what follows it.
fn read_part(text: &str) -> Option<(Part, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = read_quoted(quoted)?;
        return Some((Part { typed: name.clone(), name }, rest));
    }
    let end = text.find(|letter| !is_unquoted(letter)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let first = name.chars().next()?;
    let is_name = !first.is_ascii_digit() && first != '$';
    is_name.then(|| (Part { typed: name.to_owned(), name: name.to_ascii_lowercase() }, rest))
}

/// What stands before the closing quote, and what after it.
fn read_quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name += before;
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None if name.is_empty() || name.contains('\0') => return None,
            None => return Some((name, after)),
        }
    }
}

fn is_unquoted(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$') || !letter.is_ascii()
}

impl TableName {
    /// The table's own name as it was typed, for names whose case matters.
    pub(crate) fn typed(&self) -> &str {
        self.parts.last().map_or("", |part| &part.typed)
    }

    /// The table's own name as PostgreSQL looks it up.
    pub(crate) fn name(&self) -> &str {
        self.parts.last().map_or("", |part| &part.name)
    }
}

impl fmt::Display for TableName {
    /// The whole name, every part quoted.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|part| quote(&part.name)).collect();
        formatter.write_str(&parts.join("."))
    }
}

/// A name as a statement holds it.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name as a person would type it: quoted only where PostgreSQL asks for it.
pub(crate) fn typed_name(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let plain =
        name.chars().all(is_plain) && !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
    if plain { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(text.parse::<TableName>().ok().map(|name| name.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn names_fold_unless_quoted() {
        check("usage_events", Some("\"usage_events\""));
        check("Billing.Usage_Events", Some("\"billing\".\"usage_events\""));
        check("billing.\"Usage Events\"", Some("\"billing\".\"Usage Events\""));
        check("\"a.b\".\"c\"\"d\"", Some("\"a.b\".\"c\"\"d\""));
        check(" db . s . t ", Some("\"db\".\"s\".\"t\""));
        check("\u{e9}t\u{e9}$1", Some("\"\u{e9}t\u{e9}$1\""));
        assert_eq!("s.UsageEvents".parse::<TableName>().unwrap().typed(), "UsageEvents");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", ".", "a.", ".a", "1a", "$a", "a b", "a-b", "\"a", "\"\"", "a.b.c.d", "a;drop", "\"a\"b", "\"a\0\"",
            "a'",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn names_are_shown_as_one_would_type_them() {
        assert_eq!(typed_name("usage_events"), "usage_events");
        assert_eq!(typed_name("Usage Events"), "\"Usage Events\"");
        assert_eq!(typed_name("a\"b"), "\"a\"\"b\"");
        assert_eq!(typed_name("1a"), "\"1a\"");
    }

    proptest! {
        #[test]
        fn every_quoted_name_comes_back(name in "[^\\x00]{1,20}") {
            let parsed: TableName = quote(&name).parse().unwrap();
            prop_assert_eq!(parsed.name(), &*name);
        }

        #[test]
        fn no_text_breaks_out_of_its_quotes(text in any::<String>()) {
            if let Ok(name) = text.parse::<TableName>() {
                prop_assert_eq!(name.to_string().parse::<TableName>().unwrap().to_string(), name.to_string());
            }
        }
    }
}
