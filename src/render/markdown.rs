//! The report as GitHub Markdown, for pull requests and step summaries.
//!
//! Log text goes through `escape::markdown_name` and `escape::markdown_prose`; everything else is this
//! crate's own words.

use super::document::{Align, Block, Document, Row, Span, Table, Text};
use super::escape::{markdown_name, markdown_prose};
use super::layout::shorten;

/// The longest name or sentence shown, in columns: step summaries have a size limit.
const LONGEST_NAME: usize = 200;
const LONGEST_SENTENCE: usize = 1_000;

/// The document as Markdown, under the command that made it.
pub(crate) fn render(command: &str, document: &Document) -> Vec<u8> {
    let mut shown = format!("# learn {command}\n");
    for section in &document.sections {
        shown.extend(["\n## ", &section.title, "\n"]);
        for block in &section.blocks {
            shown.push('\n');
            match block {
                Block::Line(line) => shown.extend([&text(line), "\n"]),
                Block::List(items) => items.iter().for_each(|item| shown.extend(["- ", &text(item), "\n"])),
                Block::Table(table) => append_table(&mut shown, table),
            }
        }
    }
    shown.into_bytes()
}

fn append_table(shown: &mut String, table: &Table) {
    let notes = table.note_title.is_some();
    append_row(
        shown,
        table.columns.iter().map(|column| column.title.to_owned()).chain(table.note_title.map(str::to_owned)),
    );
    let rules = table.columns.iter().map(|column| match column.align {
        Align::Left => "---".to_owned(),
        Align::Right => "--:".to_owned(),
    });
    append_row(shown, rules.chain(table.note_title.map(|_| "---".to_owned())));
    for Row { cells, note, .. } in &table.rows {
        let note = notes.then(|| note.as_ref().map(text).unwrap_or_default());
        append_row(shown, cells.iter().map(span).chain(note));
    }
}

fn append_row(shown: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        shown.extend(["| ", &cell, " "]);
    }
    shown.push_str("|\n");
}

fn text(text: &Text) -> String {
    text.0.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Plain(text) => text.clone(),
        Span::Name(text) => markdown_name(&shorten(text, LONGEST_NAME)),
        Span::Prose(text) => markdown_prose(&shorten(text, LONGEST_SENTENCE)),
    }
}
