//! The report for a terminal: headings, sentences and tables within a width.
//!
//! All text goes through `escape::terminal`, so that the only control characters written are line ends
//! and, when colour is on, this module's own few SGR codes.

use super::document::{Align, Block, Document, Row, Section, Span, Table, Text, Tone};
use super::escape::terminal;
use super::layout::{COLUMN_GAP, Width, columns, cut, fit, shorten, wrap};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

/// Below this a table says nothing; a narrower terminal wraps.
const LEAST_WIDTH: usize = 40;
/// Sentences wider than this are hard to read.
const WIDEST_SENTENCE: usize = 100;
/// The longest name or sentence shown, in columns, so that a hostile log cannot fill the screen.
const LONGEST_NAME: usize = 300;
const LONGEST_SENTENCE: usize = 1_000;

const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('-'));

/// The document as text of at most `width` columns.
pub(crate) fn render(document: &Document, width: usize, color: bool) -> Vec<u8> {
    let mut terminal = Terminal { width: width.max(LEAST_WIDTH), color, shown: String::new() };
    for section in &document.sections {
        terminal.section(section);
    }
    terminal.shown.into_bytes()
}

struct Terminal {
    width: usize,
    color: bool,
    shown: String,
}

impl Terminal {
    fn section(&mut self, section: &Section) {
        if !self.shown.is_empty() {
            self.shown.push('\n');
        }
        self.line(&section.title.to_ascii_uppercase(), Tone::Strong);
        for block in &section.blocks {
            match block {
                Block::Line(text) => self.sentence("", "", text),
                Block::List(items) => items.iter().for_each(|item| self.sentence("- ", "  ", item)),
                Block::Table(table) => self.table(table),
            }
        }
    }

    /// A wrapped sentence, its first line after `first`, the others after `rest`, both of equal width.
    fn sentence(&mut self, first: &str, rest: &str, text: &Text) {
        let text: String = text.0.iter().map(shown).collect();
        let mut indent = first;
        for line in wrap(&text, self.width.min(WIDEST_SENTENCE) - first.len()) {
            self.line(&format!("{indent}{line}"), Tone::Normal);
            indent = rest;
        }
    }

    fn table(&mut self, table: &Table) {
        let cells: Vec<Vec<String>> = table.rows.iter().map(|row| row.cells.iter().map(shown).collect()).collect();
        let widths: Vec<Width> = (0..table.columns.len()).map(|index| column_width(table, &cells, index)).collect();
        let fitting = fit(&table.columns, &widths, self.width);
        let lines = lay_out(table, &cells, &fitting.kept);
        // One line each for the titles, the rule and every row, as no cell holds a line end.
        let (header, rows) = lines.split_at(lines.len().min(2));
        header.iter().for_each(|line| self.line(line, Tone::Normal));
        for (line, Row { tone, note, .. }) in rows.iter().zip(&table.rows) {
            self.line(line, *tone);
            note.iter().for_each(|note| self.sentence("    ", "    ", note));
        }
        if !fitting.left_out.is_empty() {
            let titles: Vec<&str> = fitting.left_out.iter().map(|&index| table.columns[index].title).collect();
            self.sentence("", "", &Text::plain(format!("Left out at this width: {}.", titles.join(", "))));
        }
    }

    fn line(&mut self, line: &str, tone: Tone) {
        let line = line.trim_end();
        match sgr(tone).filter(|_| self.color) {
            Some(code) => self.shown.extend(["\x1b[", code, "m", line, "\x1b[0m\n"]),
            None => self.shown.extend([line, "\n"]),
        }
    }
}

fn sgr(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Normal => None,
        Tone::Strong => Some("1"),
        Tone::Warning => Some("33"),
        Tone::Alarm => Some("31"),
    }
}

fn shown(span: &Span) -> String {
    let (text, limit) = match span {
        Span::Name(text) => (text, LONGEST_NAME),
        Span::Plain(text) | Span::Prose(text) => (text, LONGEST_SENTENCE),
    };
    shorten(&terminal(text), limit)
}

fn column_width(table: &Table, cells: &[Vec<String>], index: usize) -> Width {
    let cells = cells.iter().filter_map(|row| row.get(index)).map(|cell| columns(cell)).max().unwrap_or(0);
    Width { natural: cells.max(columns(table.columns[index].title)), cells }
}

/// The table's lines; `kept` has the columns to show and their widths.
fn lay_out(table: &Table, cells: &[Vec<String>], kept: &[(usize, usize)]) -> Vec<String> {
    let mut grid = comfy_table::Table::new();
    grid.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(kept.iter().map(|&(index, width)| cut(table.columns[index].title, width)));
    for row in cells {
        grid.add_row(kept.iter().map(|&(index, width)| row.get(index).map_or_else(String::new, |c| shorten(c, width))));
    }
    for (at, &(index, _)) in kept.iter().enumerate() {
        if let Some(column) = grid.column_mut(at) {
            column.set_padding((0, if at + 1 == kept.len() { 0 } else { COLUMN_GAP as u16 }));
            column.set_cell_alignment(match table.columns[index].align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
    }
    grid.lines().collect()
}
