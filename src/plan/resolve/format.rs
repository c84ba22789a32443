//! How the lines are laid out by what the user gave: a template, a preset, one of an nginx.conf, and the fields.
//!
//! Reads the nginx.conf that was given; no log.

use crate::cli::replay::FormatFlags;
use crate::nearest::nearest;
use crate::plan::{FieldOverride, FormatChoice, LineTemplate, Wanted};
use crate::settings::{InputDefaults, overlay_fields};
use crate::source::apache;
use crate::source::nginx::conf::{self, NamedFormat};
use crate::source::preset::{self, FAMILIES, Preset};
use anyhow::{Context, bail, ensure};

/// How lines are laid out.
pub(super) struct Layout {
    /// Which format.
    pub(super) choice: FormatChoice,
    /// What it has to deliver, without what a selection adds.
    pub(super) wanted: Wanted,
    /// `--log-format` as it counts.
    pub(super) log_format: Option<String>,
    /// `--nginx-conf` as it counts.
    pub(super) nginx_conf: Option<String>,
}

/// Folds the flags over the defaults.
///
/// # Errors
/// A role given twice, and whatever is wrong with a format.
pub(super) fn layout(flags: &FormatFlags, defaults: &InputDefaults) -> anyhow::Result<Layout> {
    // Of two ways to say it the nearer one counts.
    let is_set_nearer = flags.log_format.is_some() || (flags.nginx_conf.is_none() && defaults.log_format.is_some());
    let nginx_conf = flags.nginx_conf.as_ref().or(defaults.nginx_conf.as_ref()).filter(|_| !is_set_nearer);
    let log_format = flags.log_format.as_ref().or(defaults.log_format.as_ref()).filter(|_| nginx_conf.is_none());
    let wanted = Wanted {
        latency: flags.latency.or(defaults.latency).unwrap_or_default(),
        fields: fields(flags, defaults)?,
        developer: flags.developer_field.clone().or_else(|| defaults.developer_field.clone()),
        timezone: flags.timezone.or(defaults.timezone).unwrap_or_default(),
        ..Wanted::default()
    };
    let choice = format_choice(log_format.map(String::as_str), nginx_conf.map(String::as_str))?;
    Ok(Layout { choice, wanted, log_format: log_format.cloned(), nginx_conf: nginx_conf.cloned() })
}

fn fields(flags: &FormatFlags, defaults: &InputDefaults) -> anyhow::Result<Vec<FieldOverride>> {
    for (i, field) in flags.fields.iter().enumerate() {
        let is_repeated = flags.fields[..i].iter().any(|other| other.role == field.role);
        ensure!(!is_repeated, "--field: `{}` is given more than once", field.role.name());
    }
    let mut fields = defaults.fields.clone();
    overlay_fields(&mut fields, &flags.fields);
    Ok(fields)
}

/// The format of `--log-format` or `--nginx-conf`; the first lines decide without either.
///
/// # Errors
/// A name that is not known, a string that is no format, a file that cannot be read or has no such format.
fn format_choice(log_format: Option<&str>, nginx_conf: Option<&str>) -> anyhow::Result<FormatChoice> {
    match (log_format, nginx_conf) {
        (Some(text), _) => of_text(text),
        (None, Some(conf)) => of_conf(conf),
        (None, None) => Ok(FormatChoice::Detect),
    }
}

fn of_text(text: &str) -> anyhow::Result<FormatChoice> {
    let template = |title: &str, log_format: &str| FormatChoice::Templates(vec![line_template(title, log_format)]);
    if text.contains('$') {
        return Ok(template("nginx log_format", text));
    }
    if text.contains('%') {
        let text = apache::as_template(text).context("--log-format")?;
        return Ok(template("Apache LogFormat", &text));
    }
    if let Some((.., choice)) = FAMILIES.iter().find(|(name, ..)| *name == text) {
        return Ok(choice.clone());
    }
    if let Some(preset) = preset::by_name(text) {
        return Ok(FormatChoice::Templates(vec![of_preset(preset)]));
    }
    let families = FAMILIES.iter().map(|(name, ..)| *name);
    let names: Vec<_> = preset::all().iter().map(|preset| preset.name).chain(families).collect();
    let nearest = nearest(text, names.iter().copied()).unwrap_or("combined");
    bail!(
        "--log-format: found `{text}`, expected an nginx log_format with its `$` variables, an Apache LogFormat with \
         its `%` directives or one of {}; the nearest one is {nearest}",
        names.join(", ")
    )
}

fn line_template(title: &str, log_format: &str) -> LineTemplate {
    LineTemplate { title: title.to_owned(), log_format: log_format.to_owned(), companion: None }
}

/// The layouts that go by a preset's name.
fn of_preset(preset: &Preset) -> LineTemplate {
    let companion = preset.companion().map(|companion| Box::new(companion.template()));
    LineTemplate { companion, ..preset.template() }
}

/// The formats of `FILE`, or the one of `FILE#NAME`.
fn of_conf(conf: &str) -> anyhow::Result<FormatChoice> {
    let whole = std::fs::read_to_string(conf);
    let (path, name) = match (&whole, conf.rsplit_once('#')) {
        // A `#` may belong to the file's name.
        (Err(_), Some((path, name))) => (path, Some(name)),
        _ => (conf, None),
    };
    let text = match (whole, name) {
        (Err(_), Some(_)) => std::fs::read_to_string(path),
        (whole, _) => whole,
    };
    let text = text.with_context(|| format!("--nginx-conf: {path}: cannot be read"))?;
    let formats = conf::log_formats(&text);
    match name {
        Some(name) => named(path, name, &formats),
        None if formats.is_empty() => bail!(
            "--nginx-conf: {path}: has no log_format directive; give the file that has it (included files are not \
             looked into), or --log-format combined for nginx's default"
        ),
        None => Ok(FormatChoice::Templates(formats.iter().map(|format| titled(format, &format.directive)).collect())),
    }
}

fn named(path: &str, name: &str, formats: &[NamedFormat]) -> anyhow::Result<FormatChoice> {
    if let Some(format) = formats.iter().find(|format| format.name == name) {
        return Ok(FormatChoice::Templates(vec![titled(format, &format.directive)]));
    }
    // nginx knows this one without being told.
    if let Some(preset) = preset::by_name(name).filter(|preset| preset.name == "combined") {
        return Ok(FormatChoice::Templates(vec![line_template(preset.title, preset.log_format)]));
    }
    let names: Vec<_> = formats.iter().map(|format| format.name.as_str()).collect();
    match names.as_slice() {
        [] => bail!("--nginx-conf: {path}: has no log_format directive, so none called `{name}`"),
        names => bail!("--nginx-conf: {path}: has no log_format `{name}`; it has {}", names.join(", ")),
    }
}

fn titled(format: &NamedFormat, directive: &str) -> LineTemplate {
    line_template(&format!("nginx {}", format.name), directive)
}
