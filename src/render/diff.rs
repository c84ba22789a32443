//! A comparison of two configs -> bytes, in every form of `learn diff` and `learn publish`.

use super::document::{Block, Column, Document, Fit, Row, Section, Span, Table, Text, Tone};
use super::figure::{number, share};
use super::{json, markdown, table};
use crate::diff::tolerance::Tolerance;
use crate::diff::{Comparison, Verdict};
use crate::plan::OutputPlan;
use crate::plan::diff::DiffFormat;
use crate::tuning::setting::Setting;
use serde::{Serialize, Serializer};

/// A comparison and what it is called.
pub struct DiffReport<'a> {
    /// The command that made it: `diff` or `publish`.
    pub command: &'a str,
    /// The old config's name; `None`: there was none.
    pub old: Option<&'a str>,
    /// The new config's name.
    pub new: &'a str,
    /// Every setting.
    pub comparisons: &'a [Comparison],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDocument<'a> {
    schema_version: u32,
    old: Option<&'a str>,
    new: &'a str,
    verdict: JsonVerdict,
    settings: Vec<JsonSetting>,
}

struct JsonVerdict(Verdict);

impl Serialize for JsonVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self.0 {
            Verdict::Same => "same",
            Verdict::Within => "within",
            Verdict::Beyond => "beyond",
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonSetting {
    setting: &'static str,
    #[serde(serialize_with = "crate::tuning::optional_number")]
    old: Option<f64>,
    #[serde(serialize_with = "crate::tuning::number")]
    new: f64,
    change_ratio: Option<f64>,
    tolerance: Option<Tolerance>,
    verdict: JsonVerdict,
}

/// The comparison in a form, whole.
///
/// # Errors
/// When it cannot be serialised.
pub fn render(report: &DiffReport<'_>, format: DiffFormat, output: &OutputPlan) -> anyhow::Result<Vec<u8>> {
    match format {
        DiffFormat::Table => Ok(table::render(&document(report), output.width, output.color)),
        DiffFormat::Markdown => Ok(markdown::render(report.command, &document(report))),
        DiffFormat::Json => json::pretty(&json_document(report)),
        DiffFormat::Github => Ok(annotations(report).into_bytes()),
    }
}

fn overall(report: &DiffReport<'_>) -> Verdict {
    let any = |verdict| report.comparisons.iter().any(|comparison| comparison.verdict == verdict);
    match () {
        () if any(Verdict::Beyond) => Verdict::Beyond,
        () if any(Verdict::Within) => Verdict::Within,
        () => Verdict::Same,
    }
}

fn json_document<'a>(report: &DiffReport<'a>) -> JsonDocument<'a> {
    let had_old = report.old.is_some();
    let setting = |comparison: &Comparison| JsonSetting {
        setting: comparison.setting.name,
        old: had_old.then_some(comparison.old),
        new: comparison.new,
        change_ratio: comparison.change_ratio().filter(|_| had_old),
        tolerance: comparison.tolerance,
        verdict: JsonVerdict(comparison.verdict),
    };
    JsonDocument {
        schema_version: 1,
        old: report.old,
        new: report.new,
        verdict: JsonVerdict(overall(report)),
        settings: report.comparisons.iter().map(setting).collect(),
    }
}

fn document(report: &DiffReport<'_>) -> Document {
    let mut columns = vec![
        Column::left("Setting", Fit::Shorten),
        Column::right("Old", Fit::Whole),
        Column::right("New", Fit::Whole),
        Column::right("Change", Fit::LeaveOut(1)),
        Column::left("Verdict", Fit::Whole),
    ];
    if report.comparisons.iter().any(|comparison| comparison.tolerance.is_some()) {
        columns.push(Column::right("Tolerance", Fit::LeaveOut(0)));
    }
    let row = |comparison| {
        let mut row = row(comparison, report.old.is_some());
        row.cells.truncate(columns.len());
        row
    };
    let rows = report.comparisons.iter().map(row).collect();
    let names = match report.old {
        Some(old) => Text::name(old).then_plain(" -> ").then_name(report.new),
        None => Text::plain("(nothing) -> ").then_name(report.new),
    };
    let blocks = vec![
        Block::Line(Text::plain(sentence(report))),
        Block::Line(names),
        Block::Table(Table { columns, rows, note_title: None }),
    ];
    Document { sections: vec![Section { title: "What moved".to_owned(), blocks }] }
}

fn sentence(report: &DiffReport<'_>) -> &'static str {
    match (report.old, report.command, overall(report)) {
        (None, ..) => "There was no config before.",
        (_, _, Verdict::Same) => "Nothing moved.",
        (_, "publish", _) => "Values are replaced.",
        (_, _, Verdict::Within) => "All that moved is within its tolerance.",
        (_, _, Verdict::Beyond) => "Values moved beyond their tolerance.",
    }
}

fn row(comparison: &Comparison, had_old: bool) -> Row {
    let Comparison { setting, old, new, tolerance, verdict } = *comparison;
    let (verdict, tone) = match verdict {
        Verdict::Same => ("same", Tone::Normal),
        Verdict::Within => ("within", Tone::Normal),
        Verdict::Beyond => ("moved", Tone::Strong),
    };
    let (old, change, verdict) = if had_old {
        (with_unit(old, setting), change(comparison), verdict)
    } else {
        ("-".to_owned(), "-".to_owned(), "new")
    };
    let tolerance = tolerance.map_or_else(|| "-".to_owned(), |tolerance| tolerance_text(tolerance, setting));
    let cells = [old, with_unit(new, setting), change, verdict.to_owned(), tolerance].map(Span::plain);
    Row { cells: [vec![Span::name(setting.name)], cells.to_vec()].concat(), tone, note: None }
}

fn with_unit(value: f64, setting: &Setting) -> String {
    match setting.quantity.symbol() {
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

fn tolerance_text(tolerance: Tolerance, setting: &Setting) -> String {
    match tolerance {
        Tolerance::Relative(ratio) => share(ratio),
        Tolerance::Absolute(amount) => with_unit(amount, setting),
    }
}

fn change(comparison: &Comparison) -> String {
    let sign = if comparison.new > comparison.old { "+" } else { "-" };
    match (comparison.verdict, comparison.change_ratio()) {
        (Verdict::Same, _) => "-".to_owned(),
        (_, Some(ratio)) => format!("{sign}{}", share(ratio.abs())),
        (_, None) => format!("{sign}{}", number((comparison.new - comparison.old).abs())),
    }
}

/// One workflow command for each setting that moved: an error beyond the tolerance, else a warning.
fn annotations(report: &DiffReport<'_>) -> String {
    let moved = report.comparisons.iter().filter(|comparison| comparison.verdict != Verdict::Same);
    moved.map(|comparison| annotation(comparison, report)).collect()
}

fn annotation(comparison: &Comparison, report: &DiffReport<'_>) -> String {
    let Comparison { setting, old, new, tolerance, verdict } = *comparison;
    let level = if verdict == Verdict::Beyond { "error" } else { "warning" };
    let allowed = match tolerance {
        Some(tolerance) => format!("; the tolerance is {}", tolerance_text(tolerance, setting)),
        None => String::new(),
    };
    let (from, to, change) = (with_unit(old, setting), with_unit(new, setting), change(comparison));
    let text = match report.old {
        Some(name) => format!("{from} in {name}, {to} in {} ({change}{allowed})", report.new),
        None => format!("{to} in {}", report.new),
    };
    let file = property(report.old.unwrap_or(report.new));
    format!("::{level} file={file},title={}::{}\n", property(setting.name), message(&text))
}

/// Text of a workflow command, as the runner's toolkit escapes it (`@actions/core`, command.ts).
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command; the same source.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::compare;
    use crate::diff::tolerance::Tolerances;
    use crate::tuning::TunableConfig;

    #[test]
    fn annotations_cannot_be_broken_out_of() {
        let (old, mut new) = (TunableConfig::default(), TunableConfig::default());
        new.http_client.timeout_ms = 12_000.0;
        let comparisons = compare(&old, &new, &Tolerances::default());
        let report =
            DiffReport { command: "diff", old: Some("a:b,c%\r\n::error"), new: "n", comparisons: &comparisons };
        assert_eq!(
            annotations(&report),
            "::error file=a%3Ab%2Cc%25%0D%0A%3A%3Aerror,title=httpClient.timeoutMs::10 000 ms in \
             a:b,c%25%0D%0A::error, 12 000 ms in n (+20 %25)\n"
        );
    }

    #[test]
    fn a_small_move_is_a_warning_and_none_is_silent() {
        let (old, mut new) = (TunableConfig::default(), TunableConfig::default());
        new.http_client.max_retries = 4.0;
        let tolerances = Tolerances::from_given(&["httpClient.maxRetries=1".parse().unwrap()]).unwrap();
        let comparisons = compare(&old, &new, &tolerances);
        let report = DiffReport { command: "diff", old: Some("a"), new: "b", comparisons: &comparisons };
        assert_eq!(
            annotations(&report),
            "::warning file=a,title=httpClient.maxRetries::3 in a, 4 in b (+33.3 %25; the tolerance is 1)\n"
        );
        let comparisons = compare(&old, &old, &tolerances);
        assert_eq!(annotations(&DiffReport { comparisons: &comparisons, ..report }), "");
    }
}
