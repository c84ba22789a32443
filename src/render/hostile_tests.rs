//! The documents as a whole: what no log can make them do.

use super::escape::is_hidden;
use super::sample;
use super::tests::{BUSY_MARKDOWN, show};
use crate::plan::OutputFormat;
use crate::report::Report;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

/// The busy report with every text that a log or a path can reach replaced.
fn hostile(text: &str) -> Report {
    let mut report = sample::busy();
    let some = || Some(text.to_owned());
    for input in &mut report.inputs {
        input.path = text.to_owned();
        input.format = text.to_owned();
        (input.latency_field, input.developer_field, input.error) = (some(), some(), some());
    }
    report.summary.rejected_samples = vec![text.to_owned()];
    report.summary.notes = vec![text.to_owned()];
    report.settings.input.filters = vec![text.to_owned()];
    (report.settings.input.since, report.settings.input.group_by) = (some(), some());
    report.reasons.timeout_ms.text = text.to_owned();
    report.reasons.timeout_ms.endpoint = some();
    for episode in &mut report.anomalies {
        (episode.method, episode.path, episode.group) = (text.to_owned(), text.to_owned(), some());
    }
    for endpoint in &mut report.endpoints {
        (endpoint.method, endpoint.path, endpoint.group) = (text.to_owned(), text.to_owned(), some());
    }
    for route in report.routes.iter_mut().flatten() {
        (route.path, route.first_path) = (text.to_owned(), text.to_owned());
    }
    report.usage_spikes.iter_mut().for_each(|spike| spike.developer_id = text.to_owned());
    report
}

/// A line of Markdown without its code spans: what GitHub would interpret.
fn outside_code(line: &str) -> String {
    let mut outside = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, span) = rest.split_at(start);
        outside.push_str(before);
        let fence = span.len() - span.trim_start_matches('`').len();
        let mut end = fence;
        loop {
            let next = end + span[end..].find('`').expect("every code span is closed");
            let run = span[next..].len() - span[next..].trim_start_matches('`').len();
            end = next + run;
            if run == fence {
                break;
            }
        }
        rest = &span[end..];
    }
    outside + rest
}

fn assert_inert_markdown(text: &str) {
    let shown = show(&hostile(text), OutputFormat::Markdown, 80, false);
    let harmless = |c: char| c.is_ascii_alphanumeric() || " .,;:()%='-|".contains(c);
    let mut cells = None;
    for line in shown.lines() {
        let outside = outside_code(line);
        assert!(outside.trim_start_matches(['#', ' ']).chars().all(harmless), "{line:?}");
        assert!(!outside.starts_with('#') || BUSY_MARKDOWN.contains(line), "{line:?}");
        let bars = line.matches('|').count();
        assert_eq!(bars, if line.starts_with('|') { *cells.get_or_insert(bars) } else { 0 }, "{line:?}");
        cells = cells.filter(|_| line.starts_with('|'));
    }
    let structure = |text: &str| text.lines().filter(|line| line.starts_with(['#', '|'])).count();
    assert_eq!(structure(&shown), structure(BUSY_MARKDOWN));
}

#[test]
fn markdown_injections_stay_text() {
    for text in [
        "</details><script>alert(1)</script>",
        "x|y|z",
        "`` ` ``` code",
        "![i](http://evil/x.png) [a](javascript:x)",
        "@octocat and @org/team, see #1 or GH-1, org/repo#2",
        "line\n# heading\n- item\n\n| a | b |",
        "&#64;octocat &lt;b&gt;",
        "**bold** _it_ ~~no~~ $x$ \\",
        "http://evil.example www.evil.example a@evil.example",
        "1. one",
        "1) one",
        "deadbeef 1234567 (deadbeef)",
        "`",
        "",
    ] {
        assert_inert_markdown(text);
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,120}",
        "[a-z/:\u{4f60}\u{ff21}\u{1f600}\u{1f1e6}\u{301}\u{fe0f}\u{200d}\x1b\n\t\u{202e}]{0,200}",
        "[`|<>&@#*_\\[\\]\\\\ a-z\n]{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_line_is_wider_than_asked(text in name(), width in prop_oneof![Just(40usize), Just(80), Just(120), 40..200usize]) {
        let shown = show(&hostile(&text), OutputFormat::Table, width, false);
        for line in shown.lines() {
            prop_assert!(line.width() <= width, "{} > {width}: {line:?}", line.width());
        }
    }

    #[test]
    fn huge_numbers_fit_too(number in any::<u64>(), value in any::<f64>()) {
        let mut report = sample::busy();
        report.endpoints[0].count = number;
        report.inputs[0].requests = number;
        report.inputs[0].rejected = number;
        report.anomalies[0].peak = Some(value);
        report.endpoints[0].p95_ms = Some(value);
        report.routes.iter_mut().flatten().for_each(|row| (row.requests, row.paths) = (number, number));
        report.current.http_client.timeout_ms = value;
        report.usage_spikes[0].data.current_calls = number;
        report.usage_spikes[0].data.baseline_mean = value;
        for line in show(&report, OutputFormat::Table, 40, false).lines() {
            prop_assert!(line.width() <= 40, "{line:?}");
        }
    }

    #[test]
    fn nothing_hidden_reaches_a_reader(text in name()) {
        for format in [OutputFormat::Table, OutputFormat::Markdown, OutputFormat::Json, OutputFormat::Ndjson] {
            let shown = show(&hostile(&text), format, 80, false);
            prop_assert!(!shown.contains(|c| c != '\n' && is_hidden(c)), "{shown:?}");
        }
        let rows = show(&hostile(&text), OutputFormat::Csv, 80, false);
        prop_assert_eq!(rows.lines().count(), 3);
        prop_assert!(!rows.contains(|c| c != '\n' && is_hidden(c)), "{rows:?}");
    }

    #[test]
    fn markdown_keeps_its_structure(text in name()) {
        assert_inert_markdown(&text);
    }
}
