//! Decides which variable of a format plays which role.
//!
//! In go a [`Template`] and what the run wants, out come the [`Layout`] that splits lines and the
//! [`Roles`] that give its values a meaning. Everything that a rejection may have to say is written
//! here, once, so that reading lines allocates nothing.

use super::FormatError;
use super::kept::{Kept, Unlogged};
use super::matcher::{Exempt, Last, Layout, Literal, SLOTS, Slot, Step, Usual};
use super::syntax::{Escape, Piece, Template};
use super::usual::{Upstream, UsualLine};
use super::variable::{self, Clock, Form};
use crate::plan::{FieldOverride, Latency, Role, Unit, Wanted};
use crate::request::{EXTRA_VALUES, MAX_EXTRA_FIELDS};
use crate::source::FormatInfo;

/// The most values that can be kept: time, status, request, method, path, duration, developer, content
/// type and the extras.
const MAX_KEPT: usize = 8 + EXTRA_VALUES;
const _: () = assert!(MAX_KEPT < SLOTS);

/// What each kept value means.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    pub(super) time: Judged,
    pub(super) clock: Clock,
    /// What leads from the stamp to the request's end, where it is the start that is stamped.
    pub(super) until_end: Option<Duration>,
    pub(super) status: Judged,
    pub(super) status_form: StatusForm,
    /// The whole request line; read where `method` or `path` is absent.
    pub(super) request: Option<Slot>,
    pub(super) method: Option<Slot>,
    pub(super) path: Option<Slot>,
    pub(super) duration: Option<Duration>,
    pub(super) developer: Option<Slot>,
    /// Where the target stands: `path`, else `request`.
    pub(super) target: Slot,
    pub(super) content_type: Option<Slot>,
    /// `None`: not logged.
    pub(super) extras: Box<[Option<Slot>]>,
    pub(super) escape: Escape,
}

/// A value that can be wrong, and what a rejection then says.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) slot: Slot,
    pub(super) expected: Box<str>,
}

/// How a status is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusForm {
    /// Three digits.
    Digits,
    /// Or `-`, `-1` or `0` where no answer was begun.
    OrNone,
}

/// A duration.
#[derive(Clone, Debug)]
pub(super) struct Duration {
    pub(super) value: Judged,
    pub(super) form: Form,
    /// The power of ten that turns the logged unit into milliseconds.
    pub(super) unit_exponent: i8,
}

/// A format made ready to read lines.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) layout: Layout,
    /// What most lines look like.
    pub(super) usual: Vec<UsualLine>,
    pub(super) roles: Roles,
    pub(super) info: FormatInfo,
}

/// Compiles a template for what is wanted.
///
/// `title` is what people call the format.
pub(super) fn compile(
    title: &str,
    template: &Template,
    wanted: &Wanted,
    unlogged: Unlogged,
) -> Result<Compiled, FormatError> {
    check_separated(&template.pieces)?;
    let mut kept = Kept::new(&template.pieces, unlogged);
    let overridden = |role| wanted.fields.iter().rev().find(|field| field.role == role);

    let (request, method, path) = request_slots(&mut kept, overridden)?;
    let (time_name, time) = time_slot(&mut kept, overridden(Role::Timestamp))?;
    let clock = variable::clock(time_name);
    let until_end = variable::is_start(time_name).then(|| until_end(&mut kept)).flatten();
    let (status, status_form) = status_slot(&mut kept, overridden(Role::Status))?;
    let latency = latency(&mut kept, overridden(Role::Duration), wanted.latency)?;
    let developer = developer_slot(&mut kept, wanted.developer.as_deref())?;
    let content_type = kept.optional("sent_http_content_type");
    let extras = extra_slots(&mut kept, wanted)?;

    let info = FormatInfo {
        name: title.to_owned(),
        latency_field: latency.as_ref().map(|latency| latency.0.to_owned()),
        latency_unit: latency.as_ref().map(|latency| latency.1),
        developer_field: developer.map(|(name, _)| name.to_owned()),
        developer_is_key: developer.is_some_and(|(name, _)| crate::usage::is_key_field(name)),
        latency_hint: None,
    };
    let roles = Roles {
        time,
        clock,
        until_end,
        status,
        status_form,
        request,
        method,
        path,
        target: path.or(request).unwrap_or(Slot::UNREAD),
        duration: latency.map(|latency| latency.2),
        developer: developer.map(|(_, slot)| slot),
        content_type,
        extras,
        escape: template.escape,
    };
    let layout = layout(template, &kept);
    let usual =
        [Upstream::Asked, Upstream::Spared].iter().filter_map(|upstream| UsualLine::of(&layout, &roles, *upstream));
    Ok(Compiled { usual: usual.collect(), layout, roles, info })
}

fn check_separated(pieces: &[Piece]) -> Result<(), FormatError> {
    for pair in pieces.windows(2) {
        if let [Piece::Variable(first), Piece::Variable(second)] = pair {
            return Err(FormatError::Adjacent { first: first.clone(), second: second.clone() });
        }
    }
    Ok(())
}

type RequestSlots = (Option<Slot>, Option<Slot>, Option<Slot>);

/// The slots of the request line, the method and the target; the latter two win over the first.
fn request_slots<'w>(
    kept: &mut Kept,
    overridden: impl Fn(Role) -> Option<&'w FieldOverride>,
) -> Result<RequestSlots, FormatError> {
    let mut asked = |role| overridden(role).map(|field| kept.asked(&field.name)).transpose();
    let [request, method, path] = [asked(Role::Request)?, asked(Role::Method)?, asked(Role::Path)?];
    let mut request = request.map(|(_, slot)| slot);
    let mut method = method.map(|(_, slot)| slot);
    let mut path = path.map(|(_, slot)| slot);
    if request.is_none() && (method.is_none() || path.is_none()) {
        request = kept.optional("request");
    }
    if request.is_none() {
        method = method.or_else(|| kept.optional("request_method"));
        path = path.or_else(|| kept.first(&["request_uri", "uri", "document_uri"]).map(|(_, slot)| slot));
        if method.is_none() || path.is_none() {
            let remedy = "`$request`, or `$request_method` and `$request_uri`,";
            return Err(FormatError::Missing { what: "method and path of the request", remedy });
        }
    }
    Ok((request, method, path))
}

fn time_slot<'w>(kept: &mut Kept, asked: Option<&'w FieldOverride>) -> Result<(&'w str, Judged), FormatError> {
    let found = match asked {
        Some(field) => Some(kept.asked(&field.name)?),
        // The finest first.
        None => kept.first(&variable::STAMPS.map(|(name, _)| name)),
    };
    let missing = FormatError::Missing { what: "time", remedy: "`$time_local`, `$time_iso8601` or `$msec`" };
    let (name, slot) = found.ok_or(missing)?;
    let form = match variable::clock(name) {
        Clock::Local => "a time like 01/May/2025:00:00:00 +0000",
        Clock::LocalMillis => "a time like 01/May/2025:00:00:00.000",
        Clock::Iso8601 => "a time like 2025-05-01T00:00:00+00:00",
        Clock::Epoch => "seconds since 1970",
        Clock::Any => "a time",
    };
    Ok((name, Judged { slot, expected: format!("`${name}`, {form}").into() }))
}

/// What leads from a request's start to its end.
fn until_end(kept: &mut Kept) -> Option<Duration> {
    let (name, slot) = kept.first(&variable::UNTIL_END)?;
    Some(duration(name, slot, variable::timing(name)))
}

fn status_slot(kept: &mut Kept, asked: Option<&FieldOverride>) -> Result<(Judged, StatusForm), FormatError> {
    let (name, slot) = match asked {
        Some(field) => kept.asked(&field.name)?,
        None => {
            let missing = FormatError::Missing { what: "status code", remedy: "`$status`" };
            kept.first(&variable::STATUSES).ok_or(missing)?
        }
    };
    let form = if name == variable::STATUS { StatusForm::Digits } else { StatusForm::OrNone };
    Ok((Judged { slot, expected: format!("`${name}`, three digits from 100 to 599").into() }, form))
}

type NamedLatency<'w> = (&'w str, Unit, Duration);

/// The variable taken as latency. The upstream's time stands in for a missing request time, but never
/// the other way round: who asks for the upstream's part must not get the client's waiting time.
fn latency<'w>(
    kept: &mut Kept,
    asked: Option<&'w FieldOverride>,
    latency: Latency,
) -> Result<Option<NamedLatency<'w>>, FormatError> {
    let name = |timing: &variable::Timing| timing.0;
    let found = match (asked, latency) {
        (Some(field), _) => Some(kept.asked(&field.name)?),
        (None, Latency::Request) => kept.first(&variable::REQUEST_TIMES.each_ref().map(name)),
        (None, Latency::Upstream) => kept.first(&variable::UPSTREAM_LATENCIES.each_ref().map(name)),
    };
    let Some((name, slot)) = found else { return Ok(None) };
    let (own_unit, form) = variable::timing(name);
    let unit = asked.and_then(|field| field.unit).unwrap_or(own_unit);
    Ok(Some((name, unit, duration(name, slot, (unit, form)))))
}

fn duration(name: &str, slot: Slot, (unit, form): (Unit, Form)) -> Duration {
    let numbers = match form {
        Form::Single | Form::Phase => "a number",
        Form::Whole => "a whole number",
        Form::List => "numbers",
    };
    let expected = format!("`${name}`, {numbers} ({}) or `-`", unit.symbol()).into();
    Duration { value: Judged { slot, expected }, form, unit_exponent: unit.millis_exponent() }
}

fn developer_slot<'w>(kept: &mut Kept, asked: Option<&'w str>) -> Result<Option<(&'w str, Slot)>, FormatError> {
    match asked {
        Some(name) => kept.asked_or_empty(name),
        None => Ok(kept.first(&["remote_user"])),
    }
}

fn extra_slots(kept: &mut Kept, Wanted { extras, optional, .. }: &Wanted) -> Result<Box<[Option<Slot>]>, FormatError> {
    if extras.len() > MAX_EXTRA_FIELDS {
        return Err(FormatError::TooManyExtras { asked: extras.len() });
    }
    let mut slots = Vec::with_capacity(extras.len() + optional.len());
    for name in extras {
        slots.push(kept.asked_or_empty(name)?.map(|(_, slot)| slot));
    }
    slots.extend(optional.iter().map(|names| kept.first(names).map(|(_, slot)| slot)));
    Ok(slots.into())
}

fn layout(template: &Template, kept: &Kept) -> Layout {
    let (lead, pieces) = match template.pieces.as_slice() {
        [Piece::Literal(lead), rest @ ..] => (lead.as_str(), rest),
        pieces => ("", pieces),
    };
    let lead_expected = format!("`{}` at the start of the line", visible(lead)).into();
    let lead = Literal::new(lead.as_bytes(), Exempt::Nothing);
    let mut quotes = lead.quotes();
    let mut steps = Vec::new();
    let mut last = None;
    // Literals and variables alternate, and the first is a variable now.
    for (index, pair) in pieces.chunks(2).enumerate() {
        let slot = kept.slot_at(index);
        match pair {
            [Piece::Variable(name), Piece::Literal(text)] => {
                let literal = Literal::new(text.as_bytes(), variable::exempt(name, text, template.escape));
                let anchor = literal.anchor(quotes);
                quotes += literal.quotes();
                steps.push(Step {
                    slot,
                    literal,
                    usual: variable::usual_len(name).and_then(Usual::new),
                    anchor,
                    expected: format!("`${name}` and then `{}`", visible(text)).into(),
                });
            }
            [Piece::Variable(name)] => {
                last = Some(Last { slot, shape: variable::shape(name) });
            }
            _ => {}
        }
    }
    Layout { lead, lead_expected, steps: steps.into(), last, quotes }
}

/// A literal as it can stand in a message.
fn visible(literal: &str) -> String {
    let mut text = String::new();
    for c in literal.chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}
