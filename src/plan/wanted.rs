//! What a run wants of the lines of a log: in which format they are, which field means what, in which unit and zone.
//!
//! Values only; how they are written is `text`'s, and how lines are read `source`'s.

/// How lines are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatChoice {
    /// Look at the first lines.
    Detect,
    /// The one of these that reads most of the first lines.
    Templates(Vec<LineTemplate>),
    /// JSON lines.
    Json,
    /// `label:value`, tabs between them.
    Ltsv,
    /// A table whose `#Fields:` line names its columns.
    W3c,
}

/// A line's layout: literals and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTemplate {
    /// What messages call it, for example `nginx combined`.
    pub title: String,
    /// The nginx `log_format` string, or the whole directive.
    pub log_format: String,
    /// The layout that is tried on lines which are not in this one, where the product writes both.
    pub companion: Option<Box<LineTemplate>>,
}

/// What the run wants of a format beyond time, method, path and status.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Which duration is the latency.
    pub latency: Latency,
    /// `--field ROLE=NAME` overrides.
    pub fields: Vec<FieldOverride>,
    /// The field that names the developer; `None`: the format's own choice.
    pub developer: Option<String>,
    /// Logged fields that `--where`, `--group-by` and `--breaker-by` read; at most [`crate::request::MAX_EXTRA_FIELDS`].
    pub extras: Vec<String>,
    /// Fields that are read where the log has them, after the extras: of each the names that it goes by, the likeliest
    /// first; at most [`crate::request::MAX_OPTIONAL_FIELDS`].
    pub optional: &'static [&'static [&'static str]],
    /// Zone of stamps without one.
    pub timezone: Timezone,
}

impl Wanted {
    /// The place of this field among the extras, to which it is added if it is not there.
    pub(crate) fn extra(&mut self, field: &str) -> usize {
        self.extras.iter().position(|extra| extra == field).unwrap_or_else(|| {
            self.extras.push(field.to_owned());
            self.extras.len() - 1
        })
    }
}

/// Which duration is the latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// The whole request, as the client saw it.
    #[default]
    Request,
    /// The upstream's part.
    Upstream,
}

/// The zone of stamps without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timezone {
    /// A fixed offset east of UTC, in seconds.
    Offset(i32),
    /// An IANA zone.
    Named(chrono_tz::Tz),
}

impl Default for Timezone {
    fn default() -> Self {
        Timezone::Offset(0)
    }
}

/// What a logged field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// When the request ended.
    Timestamp,
    /// The method.
    Method,
    /// The request target.
    Path,
    /// The status code.
    Status,
    /// The latency.
    Duration,
    /// The whole request line, `METHOD URI PROTO`.
    Request,
}

/// One `--field ROLE=NAME[@UNIT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOverride {
    /// What the field means.
    pub role: Role,
    /// The field's name; dots step into nested objects.
    pub name: String,
    /// The unit, for durations.
    pub unit: Option<Unit>,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// `s`, `ms`, `us` or `ns`.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Millis => "ms",
            Unit::Micros => "us",
            Unit::Nanos => "ns",
        }
    }

    /// The power of ten that turns a number in this unit into milliseconds.
    pub fn millis_exponent(self) -> i8 {
        match self {
            Unit::Seconds => 3,
            Unit::Millis => 0,
            Unit::Micros => -3,
            Unit::Nanos => -6,
        }
    }
}
