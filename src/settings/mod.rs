//! Settings from outside the command line: `learn.toml` and the environment, key by key.
//!
//! Files go in, values with their origin come out. It must not know what the values mean together;
//! that is `plan`'s work.

mod environment;
pub mod knob;
mod reader;

pub use environment::Environment;

use crate::plan::{FieldOverride, Latency, RuleChoice, Timezone};
use crate::source::postgres::TableName;
use anyhow::Context;
use knob::Chosen;
use std::path::{Path, PathBuf};

/// The file looked for in the working directory.
const FILE_NAME: &str = "learn.toml";

/// What the settings files say; whatever they do not say is absent.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `[anomalyConfig]`, `[tunerConfig]`, `[loopConfig]` and `[usage]`.
    pub knobs: Chosen,
    /// `rules`.
    pub rules: Option<RuleChoice>,
    /// `current`; a relative path is relative to the file that names it.
    pub current: Option<PathBuf>,
    /// `threads`.
    pub threads: Option<usize>,
    /// `[metrics]`: `retentionPeriod`, in milliseconds.
    pub retain_ms: Option<i64>,
    /// `[input]`.
    pub input: InputDefaults,
    /// The names in `[usage]`.
    pub usage: UsageDefaults,
}

/// Where `[usage]` says that the rows of `learn scan-usage` are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageDefaults {
    /// `table`.
    pub table: Option<TableName>,
    /// `developerColumn`.
    pub developer_column: Option<String>,
    /// `timeColumn`.
    pub time_column: Option<String>,
    /// `callsColumn`.
    pub calls_column: Option<String>,
    /// `apiColumn`.
    pub api_column: Option<String>,
    /// `amountColumn`.
    pub amount_column: Option<String>,
}

/// `[input]`.
#[derive(Clone, Debug, Default)]
pub struct InputDefaults {
    /// `logFormat`.
    pub log_format: Option<String>,
    /// `--nginx-conf`.
    pub nginx_conf: Option<String>,
    /// `latency`.
    pub latency: Option<Latency>,
    /// `timezone`.
    pub timezone: Option<Timezone>,
    /// `developerField`.
    pub developer_field: Option<String>,
    /// `rawPaths`.
    pub raw_paths: Option<bool>,
    /// `routes`; a relative path is relative to the file that names it.
    pub routes_file: Option<PathBuf>,
    /// `openapi`; likewise.
    pub openapi: Option<PathBuf>,
    /// `maxRoutes`.
    pub max_routes: Option<usize>,
    /// `maxDevelopers`.
    pub max_developers: Option<usize>,
    /// `maxRejects`, 0 to 1.
    pub max_rejects_ratio: Option<f64>,
    /// `fields`, each role at most once.
    pub fields: Vec<FieldOverride>,
}

impl Settings {
    /// Reads the file given, else `learn.toml` in the working directory where there is one, over the
    /// user's own file where there is one.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has an unknown key, a wrong type or a value out of bounds.
    pub fn load(given: Option<&Path>, environment: &Environment) -> anyhow::Result<Settings> {
        let mut settings = match &environment.user_settings {
            Some(path) => read_if_there(path)?,
            None => Settings::default(),
        };
        settings.overlay(match given {
            Some(path) => read(path)?,
            None => read_if_there(Path::new(FILE_NAME))?,
        });
        Ok(settings)
    }

    /// Takes over everything that `higher` says.
    fn overlay(&mut self, higher: Settings) {
        self.knobs.overlay(higher.knobs);
        self.rules = higher.rules.or(self.rules);
        self.current = higher.current.or(self.current.take());
        self.threads = higher.threads.or(self.threads);
        self.retain_ms = higher.retain_ms.or(self.retain_ms);
        self.input.overlay(higher.input);
        self.usage.overlay(higher.usage);
    }
}

impl UsageDefaults {
    fn overlay(&mut self, higher: UsageDefaults) {
        self.table = higher.table.or(self.table.take());
        self.developer_column = higher.developer_column.or(self.developer_column.take());
        self.time_column = higher.time_column.or(self.time_column.take());
        self.calls_column = higher.calls_column.or(self.calls_column.take());
        self.api_column = higher.api_column.or(self.api_column.take());
        self.amount_column = higher.amount_column.or(self.amount_column.take());
    }
}

impl InputDefaults {
    fn overlay(&mut self, higher: InputDefaults) {
        // Either way to name the format replaces the other.
        if higher.log_format.is_some() || higher.nginx_conf.is_some() {
            (self.log_format, self.nginx_conf) = (higher.log_format, higher.nginx_conf);
        }
        self.latency = higher.latency.or(self.latency);
        self.timezone = higher.timezone.or(self.timezone);
        self.developer_field = higher.developer_field.or(self.developer_field.take());
        self.raw_paths = higher.raw_paths.or(self.raw_paths);
        self.routes_file = higher.routes_file.or(self.routes_file.take());
        self.openapi = higher.openapi.or(self.openapi.take());
        self.max_routes = higher.max_routes.or(self.max_routes);
        self.max_developers = higher.max_developers.or(self.max_developers);
        self.max_rejects_ratio = higher.max_rejects_ratio.or(self.max_rejects_ratio);
        overlay_fields(&mut self.fields, &higher.fields);
    }
}

/// Replaces the fields whose role `higher` names too and adds the others.
pub(crate) fn overlay_fields(fields: &mut Vec<FieldOverride>, higher: &[FieldOverride]) {
    fields.retain(|field| higher.iter().all(|other| other.role != field.role));
    fields.extend_from_slice(higher);
}

fn read_if_there(path: &Path) -> anyhow::Result<Settings> {
    // In a directory that this user may not even search, as with somebody else's HOME, there is no file.
    if path.symlink_metadata().is_err() { Ok(Settings::default()) } else { read(path) }
}

fn read(path: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the settings file {}", path.display()))?;
    reader::read(&text, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RuleSet;

    fn settings(text: &str) -> Settings {
        reader::read(text, Path::new("learn.toml")).unwrap()
    }

    #[test]
    fn files_merge_key_by_key() {
        let mut merged = settings(
            "rules = 'published'\nthreads = 2\n[tunerConfig]\nminTimeoutMs = 1\ncooldownMs = 2\n\
             [input]\nlogFormat = 'json'\nfields = { duration = 'a@ms', path = 'p' }\n\
             [usage]\ntable = 'events'\ntimeColumn = 'at'\n[metrics]\nretentionPeriod = 1\n",
        );
        assert_eq!(merged.retain_ms, Some(3_600_000));
        merged.overlay(settings("[metrics]\nretentionPeriod = '2m'"));
        merged.overlay(settings(
            "threads = 3\n[tunerConfig]\ncooldownMs = 5\n[input]\nfields.duration = 'b'\n\
             [usage]\ntable = 'billing.events'\n",
        ));
        assert_eq!((merged.rules, merged.threads), (Some(RuleChoice::Replayed(RuleSet::Published)), Some(3)));
        assert_eq!(merged.retain_ms, Some(120_000));
        let tuner = merged.knobs.knobs().tuner;
        assert_eq!((tuner.min_timeout_ms, tuner.cooldown_ms), (1.0, 5.0));
        assert_eq!(merged.input.log_format.as_deref(), Some("json"));
        let fields: Vec<_> = merged.input.fields.iter().map(|field| (field.role.name(), field.name.as_str())).collect();
        assert_eq!(fields, [("path", "p"), ("duration", "b")]);
        assert_eq!(merged.input.fields[1].unit, None, "a field's unit goes with its name");
        let usage = merged.usage;
        assert_eq!((usage.table, usage.time_column.as_deref()), ("billing.events".parse().ok(), Some("at")));
    }

    #[test]
    fn the_file_given_goes_over_the_users_own() {
        let directory = tempfile::tempdir().unwrap();
        let [user, given, missing] =
            ["user.toml", "given.toml", "missing.toml"].map(|name| directory.path().join(name));
        std::fs::write(&user, "rules = 'published'\nthreads = 2").unwrap();
        std::fs::write(&given, "threads = 3").unwrap();
        let environment = Environment { user_settings: Some(user), ..Environment::default() };
        let settings = Settings::load(Some(&given), &environment).unwrap();
        assert_eq!((settings.rules, settings.threads), (Some(RuleChoice::Replayed(RuleSet::Published)), Some(3)));

        let error = Settings::load(Some(&missing), &environment).unwrap_err();
        assert!(format!("{error:#}").starts_with(&format!("cannot read the settings file {}", missing.display())));
        let nobody = Environment { user_settings: Some(missing), ..Environment::default() };
        assert_eq!(Settings::load(Some(&given), &nobody).unwrap().threads, Some(3));
    }
}
