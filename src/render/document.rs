//! A report as headings, sentences and tables, before any medium is chosen.
//!
//! The table and Markdown show the same content, so it is put together once (`section`) and laid out
//! twice. Each piece of text says where it comes from, which lets each medium escape it its own way in
//! one place. Nothing here knows widths, colours or markup.

/// Everything that is shown, in order.
pub(crate) struct Document {
    /// The sections.
    pub(crate) sections: Vec<Section>,
}

/// One heading and what stands under it.
pub(crate) struct Section {
    /// The heading; never log text.
    pub(crate) title: String,
    /// The content.
    pub(crate) blocks: Vec<Block>,
}

/// One part of a section.
pub(crate) enum Block {
    /// A paragraph.
    Line(Text),
    /// Items of one kind.
    List(Vec<Text>),
    /// Rows and columns.
    Table(Table),
}

/// A piece of text and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Written in this crate, without any log text.
    Plain(String),
    /// A name, verbatim: an endpoint, a developer, a path, a setting.
    Name(String),
    /// A sentence that may hold log text.
    Prose(String),
}

impl Span {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Span::Plain(text.into())
    }

    pub(crate) fn name(text: impl Into<String>) -> Self {
        Span::Name(text.into())
    }
}

/// Pieces of text that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<Span>);

impl Text {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Text(vec![Span::plain(text)])
    }

    pub(crate) fn name(text: impl Into<String>) -> Self {
        Text(vec![Span::name(text)])
    }

    pub(crate) fn prose(text: impl Into<String>) -> Self {
        Text(vec![Span::Prose(text.into())])
    }

    /// Appends a sentence that may hold log text.
    pub(crate) fn then_prose(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Prose(text.into()));
        self
    }

    /// Appends a name.
    pub(crate) fn then_name(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::name(text));
        self
    }

    /// Appends words of this crate's own.
    pub(crate) fn then_plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::plain(text));
        self
    }
}

/// Rows under column titles.
pub(crate) struct Table {
    /// The columns.
    pub(crate) columns: Vec<Column>,
    /// The rows; each has a cell for every column.
    pub(crate) rows: Vec<Row>,
    /// The title for the rows' notes where they get a column of their own.
    pub(crate) note_title: Option<&'static str>,
}

/// A column's title and how it may give way when the table is too wide.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// The title.
    pub(crate) title: &'static str,
    /// To which side its cells lean.
    pub(crate) align: Align,
    /// What may happen to it.
    pub(crate) fit: Fit,
}

/// The side to which cells lean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// What may happen to a column when the table is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It stays whole.
    Whole,
    /// Its cells may be shortened in the middle.
    Shorten,
    /// It may be left out, the lowest rank first.
    LeaveOut(u8),
    /// Both: shortened first, left out by rank when that is not enough.
    ShortenOrLeaveOut(u8),
}

impl Fit {
    /// Whether cells may be shortened.
    pub(crate) fn shortens(self) -> bool {
        matches!(self, Fit::Shorten | Fit::ShortenOrLeaveOut(_))
    }

    /// The rank in which the column may be left out.
    pub(crate) fn leave_out_rank(self) -> Option<u8> {
        match self {
            Fit::LeaveOut(rank) | Fit::ShortenOrLeaveOut(rank) => Some(rank),
            Fit::Whole | Fit::Shorten => None,
        }
    }
}

impl Column {
    /// A column of words.
    pub(crate) fn left(title: &'static str, fit: Fit) -> Self {
        Column { title, align: Align::Left, fit }
    }

    /// A column of numbers.
    pub(crate) fn right(title: &'static str, fit: Fit) -> Self {
        Column { title, align: Align::Right, fit }
    }
}

/// One row.
pub(crate) struct Row {
    /// A cell for every column.
    pub(crate) cells: Vec<Span>,
    /// How much it should catch the eye.
    pub(crate) tone: Tone,
    /// What explains the row; too long for a cell.
    pub(crate) note: Option<Text>,
}

impl Row {
    /// A row without emphasis.
    pub(crate) fn new(cells: Vec<Span>) -> Self {
        Row { cells, tone: Tone::Normal, note: None }
    }
}

/// How much a line should catch the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Not at all.
    Normal,
    /// Stands out.
    Strong,
    /// Something to look at.
    Warning,
    /// Something to look at first.
    Alarm,
}
