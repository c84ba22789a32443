//! Finds the `log_format` directives of an nginx.conf.
//!
//! The file's text in, each directive by its name out, as it stands there. Included files are not looked into.

/// A `log_format` directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFormat {
    /// Its name.
    pub name: String,
    /// The directive, from `log_format` to before its `;`.
    pub directive: String,
}

/// The `log_format` directives of a configuration, in order.
pub fn log_formats(text: &str) -> Vec<NamedFormat> {
    statements(text).into_iter().filter_map(named).collect()
}

fn named(statement: &str) -> Option<NamedFormat> {
    let rest = statement.strip_prefix("log_format").filter(|rest| rest.starts_with(char::is_whitespace))?;
    let name = rest.split_whitespace().next()?;
    Some(NamedFormat { name: name.trim_matches(['"', '\'']).to_owned(), directive: statement.to_owned() })
}

/// What stands between `;`, `{` and `}` that are neither quoted nor in a comment, comments before it left out.
fn statements(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (_, '\\') => {
                start.get_or_insert(at);
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '#') => {
                for (_, c) in chars.by_ref() {
                    if c == '\n' {
                        break;
                    }
                }
            }
            // `${name}` is no block.
            (None, '$') => {
                start.get_or_insert(at);
                if chars.as_str().starts_with('{') {
                    for (_, c) in chars.by_ref() {
                        if c == '}' {
                            break;
                        }
                    }
                }
            }
            (None, ';' | '{' | '}') => statements.extend(start.take().map(|start| text[start..at].trim_end())),
            (None, c) => {
                if matches!(c, '"' | '\'') {
                    quote = Some(c);
                }
                if !c.is_whitespace() {
                    start.get_or_insert(at);
                }
            }
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_wherever_they_stand() {
        let conf = "
            # log_format old '$a';
            user www; events { worker_connections 1; }
            http {
                log_format  main  '$remote_addr ; } # \"$request\" '
                                  \"$status\"; # log_format no '$b';
                log_formatted x;
                server { access_log /var/log/x.log main; set $v \"log_format y '$c';\"; }
                log_format 'json' escape=json '{\"t\":\"${msec}\"}';
                log_format bare $msec${status}x
            ";
        let found = log_formats(conf);
        let names: Vec<_> = found.iter().map(|format| format.name.as_str()).collect();
        assert_eq!(names, ["main", "json"]);
        assert!(found[0].directive.starts_with("log_format  main  '$remote_addr ; } # \"$request\" '"));
        assert!(found[0].directive.ends_with("\"$status\""), "{}", found[0].directive);
        assert_eq!(found[1].directive, "log_format 'json' escape=json '{\"t\":\"${msec}\"}'");
    }

    #[test]
    fn broken_text_ends_quietly() {
        for text in ["", "log_format", "log_format x '", "log_format x '$a\\", "# log_format", "${", "}};;"] {
            assert_eq!(log_formats(text), [], "{text}");
        }
    }
}
