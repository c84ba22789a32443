//! Which format the user named: a template, a preset, or one of an nginx.conf.
//!
//! Reads the nginx.conf that was given; no log.

use crate::nearest::nearest;
use crate::plan::{FormatChoice, LineTemplate};
use crate::source::nginx::conf::{self, NamedFormat};
use crate::source::{apache, preset};
use anyhow::{Context, bail};

/// Formats that no template describes, by the names that people may look for.
pub(crate) const FAMILIES: [(&str, FormatChoice); 9] = [
    ("json", FormatChoice::Json),
    ("caddy", FormatChoice::Json),
    ("traefik-json", FormatChoice::Json),
    ("envoy-json", FormatChoice::Json),
    ("pino", FormatChoice::Json),
    ("ltsv", FormatChoice::Ltsv),
    ("w3c", FormatChoice::W3c),
    ("iis", FormatChoice::W3c),
    ("cloudfront", FormatChoice::W3c),
];

/// The format of `--log-format` or `--nginx-conf`; the first lines decide without either.
///
/// # Errors
/// A name that is not known, a string that is no format, a file that cannot be read or has no such format.
pub(super) fn format_choice(log_format: Option<&str>, nginx_conf: Option<&str>) -> anyhow::Result<FormatChoice> {
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
    if let Some((_, choice)) = FAMILIES.iter().find(|(name, _)| *name == text) {
        return Ok(choice.clone());
    }
    if let Some(preset) = preset::by_name(text) {
        return Ok(template(preset.title, preset.log_format));
    }
    let families = FAMILIES.iter().map(|(name, _)| *name);
    let names: Vec<_> = preset::all().iter().map(|preset| preset.name).chain(families).collect();
    let nearest = nearest(text, names.iter().copied()).unwrap_or("combined");
    bail!(
        "--log-format: found `{text}`, expected an nginx log_format with its `$` variables, an Apache LogFormat with \
         its `%` directives or one of {}; the nearest one is {nearest}",
        names.join(", ")
    )
}

fn line_template(title: &str, log_format: &str) -> LineTemplate {
    LineTemplate { title: title.to_owned(), log_format: log_format.to_owned() }
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
