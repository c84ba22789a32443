//! `--routes FILE`: one pattern a line, `#` and what follows it a comment.

use super::{Added, DeclaredRoutes};
use anyhow::bail;

/// Adds the patterns of a list to those there are; `file` is its name in messages.
///
/// # Errors
/// The first line that is no pattern or repeats another, as `file:line:column: what`, and a list without any.
pub(crate) fn read(text: &str, file: &str, routes: &mut DeclaredRoutes) -> anyhow::Result<()> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: Vec<(usize, usize)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let pattern = without_comment(line);
        let column = 1 + pattern.len() - pattern.trim_start().len();
        let pattern = pattern.trim();
        if pattern.is_empty() {
            continue;
        }
        let before = routes.patterns().len();
        match routes.add(None, pattern) {
            Ok(Added::New) => lines.push((before, number)),
            Ok(Added::Known(known)) => {
                let other = &routes.patterns()[known];
                let line = lines.iter().find(|(pattern, _)| *pattern == known).map_or(0, |(_, line)| *line);
                bail!(
                    "{file}:{number}:{column}: found `{pattern}`, which stands for the same paths as `{other}` in line \
                     {line}; remove one of them"
                )
            }
            Err(error) => bail!("{file}:{number}:{}: {error}", column + pattern[..error.at].chars().count()),
        }
    }
    if lines.is_empty() {
        bail!("{file}: no pattern in it, expected one a line, such as /users/:id")
    }
    Ok(())
}

/// A line up to a `#` at its start or after a blank; elsewhere the sign is an error to be told.
fn without_comment(line: &str) -> &str {
    let starts = line.match_indices('#').map(|(at, _)| at);
    let mut comments = starts.filter(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    comments.next().map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_between_comments_and_blank_lines() {
        let mut routes = DeclaredRoutes::default();
        read("\u{feff}# ours\n\n/users/:id  # one\r\n  /files/*path\n", "r.txt", &mut routes).unwrap();
        assert_eq!(routes.patterns(), ["/users/:id", "/files/*path"].map(str::to_owned));
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let check = |text: &str, expected: &str| {
            let told = read(text, "r.txt", &mut DeclaredRoutes::default()).unwrap_err().to_string();
            assert_eq!(told, expected);
        };
        check(
            "/a\n  users/:id\n",
            "r.txt:2:3: found `users/:id`, expected a path that begins with `/`, such as /users/:id",
        );
        check("/é/:", "r.txt:1:4: found `:`, expected a name, such as :id");
        check(
            "/a/:id\n# x\n/a/:key",
            "r.txt:3:1: found `/a/:key`, which stands for the same paths as `/a/:id` in line 1; remove one of them",
        );
        check("/a#b", "r.txt:1:3: found `#`, expected a path without its query and fragment");
        check("# none\n", "r.txt: no pattern in it, expected one a line, such as /users/:id");
    }
}
