//! What PostgreSQL's log messages say of statements and their durations.
//!
//! A message goes in, an execution comes out where it tells of one. The server has to log in English (lc_messages).

use crate::request::DecimalMs;
use crate::source::duration_of;
use std::collections::BTreeMap;

/// Sessions whose statement waits for its duration; past that, all of them are given up.
const MAX_SESSIONS: usize = 10_000;

/// A message, as far as it tells of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// A statement ran for so many nanoseconds.
    Execution(&'a str, u64),
    /// A statement begins; its duration comes in a message of its own.
    Statement(&'a str),
    /// What began last ran for so many nanoseconds.
    Duration(u64),
    /// A statement was parsed or bound, which is no execution.
    Step,
    /// Something else.
    Other,
}

/// Reads a message of log_min_duration_statement, log_statement or log_duration.
pub(super) fn read(message: &str) -> Message<'_> {
    let Some(rest) = message.strip_prefix("duration: ") else {
        return statement(message).map_or(Message::Other, Message::Statement);
    };
    let Some((number, rest)) = rest.split_once(" ms") else { return Message::Other };
    let Some(nanos) = duration_of(number.as_bytes(), 0).map(DecimalMs::nanos) else { return Message::Other };
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Message::Duration(nanos);
    }
    match statement(rest) {
        Some(sql) => Message::Execution(sql, nanos),
        None if rest.starts_with("parse ") || rest.starts_with("bind ") => Message::Step,
        None => Message::Other,
    }
}

/// The text of `statement: ...`, `execute name: ...` or `execute fetch from name: ...`.
fn statement(text: &str) -> Option<&str> {
    text.strip_prefix("statement: ").or_else(|| Some(text.strip_prefix("execute ")?.split_once(": ")?.1))
}

/// Statements that wait for their duration, by session.
#[derive(Default)]
pub(super) struct Pending {
    by_session: BTreeMap<String, String>,
}

impl Pending {
    /// Keeps a session's statement.
    pub(super) fn begin(&mut self, session: &str, sql: &str) {
        if self.by_session.len() >= MAX_SESSIONS {
            self.by_session.clear();
        }
        self.by_session.insert(session.to_owned(), sql.to_owned());
    }

    /// Takes it back out.
    pub(super) fn end(&mut self, session: &str) -> Option<String> {
        self.by_session.remove(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_server_are_understood() {
        let check = |text: &str, expected: Message<'_>| assert_eq!(read(text), expected, "{text}");
        check("duration: 12.345 ms  statement: SELECT 1", Message::Execution("SELECT 1", 12_345_000));
        check("duration: 0.001 ms  execute <unnamed>: SELECT ': '", Message::Execution("SELECT ': '", 1_000));
        check("duration: 1 ms  execute fetch from s/p: SELECT 1", Message::Execution("SELECT 1", 1_000_000));
        check("duration: 0.1 ms  parse s: SELECT 1", Message::Step);
        check("duration: 0.1 ms  bind s/p: SELECT 1", Message::Step);
        check("duration: 0.1 ms", Message::Duration(100_000));
        check("statement: SELECT 1", Message::Statement("SELECT 1"));
        check("execute s: SELECT 1", Message::Statement("SELECT 1"));
        check("duration: 5 ms  plan:\nQuery Text: SELECT 1", Message::Other);
        check("duration: much ms  statement: SELECT 1", Message::Other);
        check("duration: -1 ms  statement: SELECT 1", Message::Other);
        check("checkpoint starting: time", Message::Other);
    }

    #[test]
    fn a_statement_waits_for_its_duration_once() {
        let mut pending = Pending::default();
        pending.begin("a", "SELECT 1");
        pending.begin("a", "SELECT 2");
        assert_eq!((pending.end("b"), pending.end("a"), pending.end("a")), (None, Some("SELECT 2".to_owned()), None));
    }
}
