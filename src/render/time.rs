//! Times as people read them: what all times of a report share is left out.
//!
//! In go RFC 3339 UTC stamps as the report holds them. A stamp of another shape is shown as it is.

use crate::report::Report;

/// How much of each stamp is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeStyle {
    /// Where in `YYYY-MM-DD` the shown part begins; the length when the whole date is left out.
    date_start: usize,
    /// Where in `HH:MM:SS.mmm` the shown part ends.
    clock_end: usize,
}

const WHOLE_DATE: usize = 0;
const MONTH_AND_DAY: usize = "YYYY-".len();
const NO_DATE: usize = "YYYY-MM-DD".len();
const MINUTES: usize = "HH:MM".len();
const SECONDS: usize = "HH:MM:SS".len();
const MILLIS: usize = "HH:MM:SS.mmm".len();

impl TimeStyle {
    /// The shortest style that tells this report's times apart.
    pub(crate) fn of(report: &Report) -> Self {
        let bounds = report.summary.first_request.iter().chain(&report.summary.last_request);
        let style = TimeStyle::of_times(shown_times(report).map(String::as_str));
        let dates = bounds.chain(shown_times(report)).filter_map(|time| Some(split(time)?.0));
        TimeStyle { date_start: date_start(dates), ..style }
    }

    /// The shortest style that tells these times apart.
    pub(crate) fn of_times<'a>(times: impl Iterator<Item = &'a str> + Clone) -> Self {
        let dates = times.clone().filter_map(|time| Some(split(time)?.0));
        let clocks = times.filter_map(|time| Some(split(time)?.1));
        TimeStyle { date_start: date_start(dates), clock_end: clocks.map(clock_end).max().unwrap_or(MINUTES) }
    }

    /// One time.
    pub(crate) fn point(self, time: &str) -> String {
        match split(time) {
            Some((date, clock)) => self.join(date, clock),
            None => time.to_owned(),
        }
    }

    /// The end of a stretch that began at `from`: without the date when it is the same day.
    pub(crate) fn end(self, from: &str, to: &str) -> String {
        match (split(from), split(to)) {
            (Some((from_date, _)), Some((to_date, clock))) if from_date == to_date => self.clock(clock).to_owned(),
            _ => self.point(to),
        }
    }

    /// A stretch in words.
    pub(crate) fn range(self, from: &str, to: &str) -> String {
        format!("{} to {}", self.point(from), self.end(from, to))
    }

    fn clock(self, clock: &str) -> &str {
        clock.get(..self.clock_end).unwrap_or(clock)
    }

    fn join(self, date: &str, clock: &str) -> String {
        match date.get(self.date_start..) {
            None | Some("") => self.clock(clock).to_owned(),
            Some(date) => format!("{date} {}", self.clock(clock)),
        }
    }
}

/// The log's own range, to the second and with its date: `2026-06-01 00:00:12 to 23:59:58`.
pub(crate) fn log_range(from: &str, to: &str) -> String {
    TimeStyle { date_start: WHOLE_DATE, clock_end: SECONDS }.range(from, to)
}

fn shown_times(report: &Report) -> impl Iterator<Item = &String> + Clone {
    let episodes = report.anomalies.iter().flat_map(|episode| [&episode.from, &episode.to]);
    let spikes = report.usage_spikes.iter().flat_map(|spike| [&spike.data.window_start, &spike.data.window_end]);
    let gaps = report.summary.gaps.iter().chain(&report.summary.skipped_gaps).flat_map(|gap| [&gap.from, &gap.to]);
    let incidents = report.usage_episodes.iter().flatten();
    let incidents = incidents.flat_map(|episode| [&episode.start, &episode.end]);
    episodes.chain(spikes).chain(incidents).chain(gaps)
}

/// `2026-06-01T12:05:00.000Z` into its date and clock; `None` for any other shape.
fn split(time: &str) -> Option<(&str, &str)> {
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    (time.is_ascii() && date.len() == NO_DATE && clock.len() == MILLIS).then_some((date, clock))
}

fn date_start<'a>(mut dates: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = dates.next() else { return WHOLE_DATE };
    dates.fold(NO_DATE, |start, date| {
        let shared = match date {
            _ if date == first => NO_DATE,
            _ if date[..MONTH_AND_DAY] == first[..MONTH_AND_DAY] => MONTH_AND_DAY,
            _ => WHOLE_DATE,
        };
        start.min(shared)
    })
}

fn clock_end(clock: &str) -> usize {
    match (clock.get(MINUTES..SECONDS), clock.get(SECONDS..)) {
        (Some(":00"), Some(".000")) => MINUTES,
        (_, Some(".000")) => SECONDS,
        _ => MILLIS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use crate::report::Gap;

    fn style(times: &[(&str, &str)]) -> TimeStyle {
        let mut report = sample::empty();
        report.summary.gaps =
            times.iter().map(|&(from, to)| Gap { from: from.to_owned(), to: to.to_owned() }).collect();
        TimeStyle::of(&report)
    }

    #[test]
    fn shared_parts_are_left_out() {
        let check = |from, to, expected: &str| assert_eq!(style(&[(from, to)]).range(from, to), expected);
        check("2026-06-01T12:05:00.000Z", "2026-06-01T12:10:00.000Z", "12:05 to 12:10");
        check("2026-06-01T23:55:00.000Z", "2026-06-02T00:10:00.000Z", "06-01 23:55 to 06-02 00:10");
        check("2026-12-31T23:55:00.000Z", "2027-01-01T00:00:00.000Z", "2026-12-31 23:55 to 2027-01-01 00:00");
        check("2026-06-01T12:05:00.000Z", "2026-06-01T12:05:30.000Z", "12:05:00 to 12:05:30");
        check("2026-06-01T12:05:00.000Z", "2026-06-01T12:05:00.001Z", "12:05:00.000 to 12:05:00.001");
    }

    #[test]
    fn the_end_repeats_no_date() {
        let days = [("2026-06-01T12:05:00.000Z", "2026-06-02T12:05:00.000Z")];
        let style = style(&days);
        assert_eq!(style.range("2026-06-01T01:00:00.000Z", "2026-06-01T02:00:00.000Z"), "06-01 01:00 to 02:00");
    }

    #[test]
    fn the_log_range_counts_for_the_date() {
        let mut report = sample::empty();
        report.summary.first_request = Some("2026-06-01T12:00:07.001Z".to_owned());
        report.summary.last_request = Some("2026-06-02T12:00:07.001Z".to_owned());
        assert_eq!(TimeStyle::of(&report), TimeStyle { date_start: MONTH_AND_DAY, clock_end: MINUTES });
        let range = log_range("2026-06-01T12:00:07.001Z", "2026-06-01T12:00:09.999Z");
        assert_eq!(range, "2026-06-01 12:00:07 to 12:00:09");
    }

    #[test]
    fn other_shapes_are_shown_as_they_are() {
        let style = style(&[("99999999999999999 ms since 1970", "+12026-06-01T12:05:00.000Z")]);
        assert_eq!(style.point("99999999999999999 ms since 1970"), "99999999999999999 ms since 1970");
        assert_eq!(style.point("+12026-06-01T12:05:00.000Z"), "+12026-06-01T12:05:00.000Z");
        assert_eq!(
            style.point("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}T12:05:00.000Z"),
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}T12:05:00.000Z"
        );
    }
}
