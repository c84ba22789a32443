//! What can be wrong with a log format, said to the person who wrote it.

/// Why a log format cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The text is blank, or a directive without a format string.
    #[error("the log format is empty; paste the string, or the whole `log_format` directive, from nginx.conf")]
    Empty,
    /// A quoted part of a directive does not end.
    #[error("the log format has a {quote} that is not closed; paste the directive up to its `;`")]
    OpenQuote {
        /// The quote character.
        quote: char,
    },
    /// `escape=` with a value that nginx does not know.
    #[error("the log format says `escape={found}`; nginx knows `default`, `json` and `none`")]
    UnknownEscape {
        /// The value.
        found: String,
    },
    /// A `$` without a name, or a `${` without its brace.
    #[error("the log format has a `$` without a variable's name before `{rest}`; names are letters, digits and `_`")]
    BadVariable {
        /// What follows the `$`.
        rest: String,
    },
    /// The format writes a JSON object.
    #[error(
        "the log format writes JSON objects, though not as JSON has them; read the log by --log-format json, and name its \
         fields with --field, for example --field duration=rt@s"
    )]
    JsonTemplate,
    /// Nothing tells where one variable ends and the next begins.
    #[error("nothing separates `${first}` from `${second}` in the log format, so their values cannot be told apart")]
    Adjacent {
        /// The variable before.
        first: String,
        /// The variable after.
        second: String,
    },
    /// Something without which a line is no request.
    #[error("the log format logs no {what}; add {remedy} to it")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The variables that would deliver it.
        remedy: &'static str,
    },
    /// A variable was asked for that the format does not log.
    #[error(
        "the log format logs no `{asked}`{}; it logs {known}",
        nearest.as_ref().map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
    )]
    UnknownVariable {
        /// The name asked for.
        asked: String,
        /// The most similar name that is logged, when one is similar at all.
        nearest: Option<String>,
        /// Every name that is logged, in order.
        known: String,
    },
    /// More extra fields than a request can carry.
    #[error("{asked} fields are filtered or grouped by; at most {} are possible", crate::request::MAX_EXTRA_FIELDS)]
    TooManyExtras {
        /// How many were asked for.
        asked: usize,
    },
}
