//! A text format of two layouts, for a product that writes its logs in both: logs that were put together hold either.
//!
//! A line goes in, and what the first layout makes of it comes out or, where that rejects it, what the second does: a log
//! without the second pays nothing for it. Which layouts belong together is for `preset` to say.

use super::marks::LineMarks;
use super::nginx::{LogFormat, NginxParser};
use super::{FormatInfo, ParseLine};
use crate::backtest::spool::Stamps;
use crate::request::{Line, Rejection, Request};

/// Two layouts of one product, compiled. Both write the latency and the developer alike, or neither does.
#[derive(Clone, Debug)]
pub struct Pair {
    own: LogFormat,
    companion: LogFormat,
    /// Which of them the first lines are in.
    name: String,
}

impl Pair {
    /// A layout and its companion's; `lines` are the first ones of the log, which is named by what they hold.
    pub(super) fn new(own: LogFormat, companion: LogFormat, lines: &[&[u8]]) -> Pair {
        let (mut parser, mut other) = (own.parser(), companion.parser());
        let (of_own, rest): (Vec<&[u8]>, Vec<&[u8]>) = lines.iter().partition(|line| parser.parse_line(line).is_read());
        let has_companion = rest.iter().any(|line| other.parse_line(line).is_read());
        let [title, companions] = [&own, &companion].map(|format| format.info().name);
        let name = match (of_own.is_empty(), has_companion) {
            (false, true) => format!("{title} and {companions}"),
            (true, true) => companions,
            (_, false) => title,
        };
        Pair { own, companion, name }
    }

    /// What the format delivers.
    pub fn info(&self) -> FormatInfo {
        FormatInfo { name: self.name.clone(), ..self.own.info() }
    }

    /// What either layout is called.
    pub(super) fn titles(&self) -> [String; 2] {
        [&self.own, &self.companion].map(|format| format.info().name)
    }

    /// How exact the stamps are; `None`: they alone can tell.
    pub(crate) fn stamps(&self) -> Option<Stamps> {
        self.own.stamps().filter(|stamps| self.companion.stamps() == Some(*stamps))
    }

    /// A parser with caches of its own, one for each thread.
    pub fn parser(&self) -> PairParser {
        PairParser { own: self.own.parser(), companion: self.companion.parser() }
    }
}

/// Reads lines of one [`Pair`].
pub struct PairParser {
    own: NginxParser,
    companion: NginxParser,
}

impl ParseLine for PairParser {
    const USES_MARKS: bool = NginxParser::USES_MARKS;

    fn parse_line<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        let own = self.own.parse_line(line);
        or_companions(own, &mut self.companion, line)
    }

    #[inline(always)]
    fn parse_usual<'a>(&mut self, line: &[u8], marks: &LineMarks<'a, '_>) -> Option<Request<'a>> {
        self.own.parse_usual(line, marks)
    }

    fn parse_marked<'a>(&'a mut self, line: &'a [u8], marks: LineMarks) -> Line<'a> {
        let own = self.own.parse_marked(line, marks);
        or_companions(own, &mut self.companion, line)
    }
}

/// What the companion makes of a line that its layout is asked for; where neither reads it, the reason of the one that
/// got further.
#[inline(always)]
fn or_companions<'a>(own: Line<'a>, companion: &'a mut NginxParser, line: &'a [u8]) -> Line<'a> {
    let Line::Rejected(rejection) = own else { return own };
    match companion.parse_line(line) {
        Line::Rejected(other) => Line::Rejected(further(rejection, other)),
        read => read,
    }
}

fn further<'a>(own: Rejection<'a>, companion: Rejection<'a>) -> Rejection<'a> {
    if companion.column > own.column { companion } else { own }
}

#[cfg(test)]
mod tests;
