//! Flags, variables and files folded into a [`DiffPlan`] or a [`PublishPlan`].
//!
//! Reads configs; opens no log beyond its first lines and connects to nothing.

use super::super::diff::{Action, DiffPlan, Origin, PublishPlan, Source};
use super::super::{OutputPlan, ReplayPlan};
use super::reading::ReadingFlags;
use super::{is_same_file, output_plan};
use crate::cli::diff::DiffArgs;
use crate::cli::publish::{PublishArgs, RedisFlags};
use crate::cli::replay::ReplayArgs;
use crate::deliver::redis::{RedisPlan, is_redis_url};
use crate::diff::tolerance::Tolerances;
use crate::settings::{Environment, Settings};
use crate::tuning::{TunableConfig, reader};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A config has a few hundred bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

const DEFAULT_PREFIX: &str = "auto-learning:";
const DEFAULT_REDIS_TIMEOUT_MS: i64 = 5_000;

/// 30 days, as the package sets it (0.3.1, `configTtlSeconds`).
const DEFAULT_TTL_MS: i64 = 2_592_000_000;

impl DiffPlan {
    /// Decides everything about a comparison, and reads the configs that are files. The strings are warnings.
    ///
    /// # Errors
    /// Files that cannot be read or are no config, values that contradict each other.
    pub fn resolve(
        args: &DiffArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<(DiffPlan, Vec<String>)> {
        ensure!(args.old != "-" || args.new != "-", "OLD and NEW are both `-`; standard input can be read once");
        let mut warnings = Vec::new();
        let mut origin = |text: &str| origin(text, args, settings, environment, &mut warnings);
        let plan = DiffPlan {
            old: origin(&args.old)?,
            new: origin(&args.new)?,
            tolerances: Tolerances::from_given(&args.tolerances)?,
            format: args.output.format.unwrap_or_default(),
            output: output_plan(&args.output.write, None, environment),
        };
        for text in [&args.old, &args.new] {
            refuse_replacing(Path::new(text), &plan.output)?;
        }
        Ok((plan, warnings))
    }
}

impl PublishPlan {
    /// Decides everything about a publication, and reads the config.
    ///
    /// # Errors
    /// A file that cannot be read or is no config, an address that is none.
    pub fn resolve(args: &PublishArgs, environment: &Environment) -> anyhow::Result<PublishPlan> {
        let name = args.file.display().to_string();
        let name = if name == "-" { "standard input".to_owned() } else { name };
        let text = if args.file == Path::new("-") { read_stdin()? } else { read_file(&args.file)? };
        let ttl_ms = args.ttl.unwrap_or(DEFAULT_TTL_MS).unsigned_abs();
        ensure!(ttl_ms.is_multiple_of(1000), "--ttl: Redis counts it in whole seconds");
        let plan = PublishPlan {
            config: reader::parse(&text).with_context(|| name.clone())?,
            name,
            redis: redis(&args.url, &args.redis, environment)?,
            ttl_s: ttl_ms / 1000,
            action: if args.dry_run { Action::Show } else { Action::Write },
            format: args.output.format.unwrap_or_default(),
            output: output_plan(&args.output.write, None, environment),
        };
        refuse_replacing(&args.file, &plan.output)?;
        Ok(plan)
    }
}

fn refuse_replacing(input: &Path, output: &OutputPlan) -> anyhow::Result<()> {
    let Some(target) = &output.file else { return Ok(()) };
    ensure!(!target.is_dir(), "--output: {} is a directory, expected a file", target.display());
    ensure!(!is_same_file(input, target), "--output would overwrite the input {}", target.display());
    Ok(())
}

fn redis(url: &str, flags: &RedisFlags, environment: &Environment) -> anyhow::Result<RedisPlan> {
    let timeout_ms = flags.redis_timeout.unwrap_or(DEFAULT_REDIS_TIMEOUT_MS).unsigned_abs();
    let key = format!("{}config", flags.prefix.as_deref().unwrap_or(DEFAULT_PREFIX));
    RedisPlan::new(url, environment.redis_password.as_ref(), key, Duration::from_millis(timeout_ms))
}

fn origin(
    text: &str,
    args: &DiffArgs,
    settings: &Settings,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Origin> {
    if is_redis_url(text) {
        let plan = redis(text, &args.redis, environment)?;
        return Ok(Origin { name: plan.name(), source: Source::Redis(Box::new(plan)) });
    }
    let (name, content) = match text {
        "-" => ("standard input".to_owned(), read_stdin()?),
        path => (path.to_owned(), read_file(Path::new(path))?),
    };
    let source = match kind(&content) {
        Kind::Config => Source::Config(parse(&content).with_context(|| name.clone())?),
        Kind::Log => Source::Log(Box::new(replay(text, &name, args, settings, environment, warnings)?)),
    };
    Ok(Origin { name, source })
}

fn parse(content: &[u8]) -> anyhow::Result<TunableConfig> {
    ensure!((content.len() as u64) < MAX_CONFIG_BYTES, "no config: it is larger than 1 MiB");
    reader::parse(content)
}

/// The replay of a log, as `learn replay` with the same flags would do it.
fn replay(
    path: &str,
    name: &str,
    args: &DiffArgs,
    settings: &Settings,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> anyhow::Result<ReplayPlan> {
    if path == "-" || !Path::new(path).metadata().is_ok_and(|metadata| metadata.is_file()) {
        bail!(
            "{name}: no config, and a log must be a regular file here; \
             replay it first: learn replay -f config | learn diff OLD -"
        );
    }
    let reading = ReadingFlags {
        files: &[PathBuf::from(path)],
        run: &args.run,
        input: &args.input,
        selection: &args.selection,
        write: &args.output.write,
        knobs: args.knobs.0.clone(),
    };
    let args = ReplayArgs { rules: args.rules.clone(), ..reading.replay_args() };
    let (plan, said) = ReplayPlan::resolve(&args, settings, environment)?;
    warnings.extend(said);
    Ok(plan)
}

fn read_stdin() -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    io::stdin().lock().take(MAX_CONFIG_BYTES).read_to_end(&mut content).context("standard input")?;
    Ok(content)
}

/// The file's first bytes: a config whole, a log's beginning.
fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_CONFIG_BYTES).read_to_end(&mut content));
    match read {
        Ok(_) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("{name}: no such file"),
        Err(error) => Err(error).with_context(|| format!("cannot read {name}")),
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Config,
    Log,
}

/// A log is what is no JSON at all, or has JSON lines: a whole object in its first line, without a config's section.
fn kind(content: &[u8]) -> Kind {
    let content = content.trim_ascii_start();
    let first_line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice(first_line) {
        Ok(Value::Object(object)) if !object.is_empty() && !reader::has_a_section(&object) => return Kind::Log,
        _ => {}
    }
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(content).is_ok();
    if content.is_empty() || content.starts_with(b"{") || is_json() { Kind::Config } else { Kind::Log }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_log_is_known_by_its_content() {
        let check = |text: &str, expected| assert_eq!(kind(text.as_bytes()), expected, "{text}");
        check("", Kind::Config);
        check("{}", Kind::Config);
        check("[]", Kind::Config);
        check("null\n", Kind::Config);
        check("\n{\n  \"circuitBreaker\": {}\n}\n", Kind::Config);
        check("{\"bulkhead\": {}, \"strange\": 1}", Kind::Config);
        check("{ \"bulkhead\": ", Kind::Config);
        check("{\"method\":\"GET\"}\n{\"method\":\"GET\"}\n", Kind::Log);
        check("192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5", Kind::Log);
        check("[01/Jun/2026:12:00:00 +0000] GET / 200", Kind::Log);
        check("\u{1f}\u{8b}", Kind::Log);
    }

    /// A config as somebody may have written it: whole or broken off, pretty or not.
    fn config() -> impl Strategy<Value = String> {
        (0.0..100.0, 1u32..100_000, any::<bool>(), "[ \\t\\r\\n]{0,3}").prop_map(
            |(failures, timeout_ms, is_pretty, before)| {
                let mut config = TunableConfig::default();
                config.circuit_breaker.failure_threshold = failures;
                config.http_client.timeout_ms = f64::from(timeout_ms);
                let text =
                    if is_pretty { serde_json::to_string_pretty(&config) } else { serde_json::to_string(&config) };
                before + &text.unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn a_config_is_one_however_it_is_written(text in config()) {
            prop_assert_eq!(kind(text.as_bytes()), Kind::Config);
            prop_assert_eq!(parse(text.as_bytes()).is_ok(), true);
        }

        /// So that what is wrong with it is told, and no log is looked for in it.
        #[test]
        fn a_config_that_breaks_off_is_no_log(text in config(), share in 0.0..1.0) {
            let cut = (text.len() as f64 * share) as usize;
            prop_assert_eq!(kind(&text.as_bytes()[..cut]), Kind::Config);
            prop_assert!(parse(&text.as_bytes()[..cut]).is_err());
        }

        #[test]
        fn json_lines_are_a_log(keys in prop::collection::vec("[a-z_]{1,12}", 1..8), lines in 1usize..4, number: i32) {
            prop_assume!(!keys.iter().any(|key| key == "bulkhead"));
            let object: serde_json::Map<_, _> = keys.into_iter().map(|key| (key, Value::from(number))).collect();
            let line = Value::Object(object).to_string() + "\n";
            prop_assert_eq!(kind(line.repeat(lines).as_bytes()), Kind::Log);
        }

        #[test]
        fn lines_of_a_server_are_a_log(host in "[a-z0-9.:]{1,20}", rest in "[^\\x00]{0,60}") {
            let line = format!("{host} - - [01/Jun/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5{rest}\n");
            prop_assert_eq!(kind(line.as_bytes()), Kind::Log);
        }

        #[test]
        fn any_bytes_are_something(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            kind(&bytes);
        }
    }
}
