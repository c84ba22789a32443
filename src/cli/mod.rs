//! What the user typed: clap's types only, one file for each subcommand.
//!
//! Arguments and `LEARN_*` variables go in, typed values come out. It must not open a file or look at
//! two values together; that is `plan`'s work.

pub mod advise;
pub mod backtest;
pub mod completions;
pub mod diff;
pub mod formats;
pub mod man;
pub mod publish;
pub mod replay;
pub mod scan_usage;
pub(crate) mod value;
pub mod windows;

pub use value::{Color, KnobFlags};

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

const EXAMPLE: &str = "Example: learn replay access.log";

const EXAMPLES: &str = "\
Examples:
  What should my timeouts, retries and breaker be, and why?
    learn replay access.log

  The same over a rotated set, compressed files included:
    learn replay 'access.log*'

  For nginx with a log_format of its own:
    learn replay --log-format '$msec \"$request\" $status $request_time' a.log

  The last two hours of the orders, and what was slow upstream:
    learn replay --since 2h --route '/api/orders*' --latency upstream a.log

  The config that running services read, starting from the one in force:
    learn replay --current tunable.json -f config -o tunable.json access.log

  What does the whole log support, whatever its last minutes were?
    learn replay --rules evidence access.log

  Which developer went 5x over their baseline? In cron, every five minutes:
    learn scan-usage --webhook https://example.com/hook

  In CI: did the recommendation move by more than a tenth?
    learn diff tunable.json access.log --tolerance 10%

  What would these two configs have done to last week's traffic?
    learn backtest access.log --config old.json --config new.json

  What would the load balancer, the autoscaler and the cache make of this log?
    learn advise access.log

  Keep the last day as exact counts, and replay it with what came since:
    learn windows day.parquet access.log.1 --retain 24h -o day.parquet
    learn replay day.parquet access.log

  From a pipe, as one JSON document:
    ssh web1 cat /var/log/nginx/access.log | learn replay -f json";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  findings, only where asked for
  2  usage, input or I/O error

Every flag is also an environment variable: --max-gap is LEARN_MAX_GAP.
Settings come, first wins, from flags, variables, learn.toml in the working
directory (or --settings FILE), the user's ~/.config/learn/learn.toml,
defaults.";

const EXIT_CODES_HINT: &str = "`learn --help` shows more examples and the exit codes.";

/// Replays access logs through self-tuning resilience rules and prints the configuration that the traffic supports
#[derive(Parser, Clone, Debug)]
#[command(
    name = "learn",
    version,
    help_template = TEMPLATE,
    before_help = EXAMPLE,
    before_long_help = EXAMPLES,
    after_help = EXIT_CODES_HINT,
    after_long_help = EXIT_CODES,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A subcommand.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Replay access logs: the recommended configuration and why, anomalies, endpoints, usage spikes
    Replay(Box<replay::ReplayArgs>),
    /// Scan a usage table, or files, for developers whose calls spiked
    ScanUsage(Box<scan_usage::ScanUsageArgs>),
    /// Test configs on a log: what each would have cut, rejected and let through
    Backtest(Box<backtest::BacktestArgs>),
    /// Ask a log for advice: forecasts, upstream weights, scaling, and whether their figures hold
    Advise(Box<advise::AdviseArgs>),
    /// Write a log's exact counts by minute as a table that replay and backtest read back, and that merges
    Windows(Box<windows::WindowsArgs>),
    /// Show the known log formats, or which one a log is in and how its first request is read
    Formats(formats::FormatsArgs),
    /// Compare two configs, or a config and a log: what moved, and exit 1 when it matters
    Diff(Box<diff::DiffArgs>),
    /// Write a config where running services read it: their key in Redis
    Publish(publish::PublishArgs),
    /// Print a script that completes learn's command line in a shell
    Completions(completions::CompletionsArgs),
    /// Print a manual page, in roff
    Man(man::ManArgs),
}

/// Reads the command line and the `LEARN_*` variables.
///
/// # Errors
/// The exit code, once clap has said on standard error what is wrong, or on standard output what was
/// asked for (`--help`, `--version`).
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|mut error| {
        let typed: Vec<_> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        name_variable(&mut error, &typed, |name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()));
        // Nothing is left to tell when the stream itself is closed.
        let _ = error.print();
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// Adds to an error about a flag's value the variable that set it: clap names a flag that nobody typed.
fn name_variable(error: &mut clap::Error, typed: &[String], variable: impl Fn(&str) -> Option<String>) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(flag), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else { return };
    let Some(name) = flag.split([' ', '=', '[']).next().and_then(|flag| flag.strip_prefix("--")) else { return };
    let name = format!("LEARN_{}", name.replace('-', "_").to_uppercase());
    let is_typed = typed.iter().any(|argument| !value.is_empty() && argument.ends_with(&value));
    if !is_typed && variable(&name).is_some_and(|text| text.contains(&value)) {
        let hint = format!("the value comes from the environment variable {name}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn examples_fit_a_narrow_terminal() {
        fn check(command: &clap::Command) {
            let texts = [
                command.get_before_help(),
                command.get_before_long_help(),
                command.get_after_help(),
                command.get_after_long_help(),
            ];
            for text in texts.into_iter().flatten() {
                for line in text.to_string().lines() {
                    assert!(line.chars().count() < 80, "{}: {line}", command.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
    use clap::error::ErrorKind;

    #[test]
    fn clap_finds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_a_variable_that_help_does_not_show() {
        let mut command = Cli::command();
        command.build();
        let mut flags = 0;
        let commands = ["replay", "scan-usage", "backtest", "advise", "windows", "formats", "diff", "publish"]
            .map(|name| command.find_subcommand(name).unwrap());
        let analyses = command.find_subcommand("advise").unwrap().get_subcommands();
        let commands: Vec<_> = commands.into_iter().chain(analyses).collect();
        for argument in
            commands.iter().flat_map(|command| command.get_arguments()).filter(|argument| argument.get_id() != "help")
        {
            let Some(flag) = argument.get_long() else { continue };
            let variable = format!("LEARN_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(&*variable), "--{flag}");
            assert!(argument.is_hide_env_set(), "--{flag}");
            flags += 1;
        }
        assert!(flags > 80, "{flags}");
    }

    #[test]
    fn no_arguments_is_a_usage_error_with_help() {
        let error = Cli::try_parse_from(["learn"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!((error.exit_code(), error.use_stderr()), (2, true));
    }

    #[test]
    fn help_leads_with_examples_then_commands_then_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("no {text:?} in {help}"));
        assert!(at("Examples:") < at("Commands:") && at("Commands:") < at("Exit codes:"));
    }

    #[test]
    fn a_wrong_flag_is_a_usage_error_with_a_suggestion() {
        let error = Cli::try_parse_from(["learn", "replay", "--smoothing-facter", "1"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--smoothing-factor"), "{error}");
    }

    #[test]
    fn an_error_names_the_variable_that_caused_it() {
        let message = |typed: &[&str], set: &str| {
            let mut error = Cli::try_parse_from(["learn", "replay", "--threads", "many"]).unwrap_err();
            let typed: Vec<_> = typed.iter().map(ToString::to_string).collect();
            name_variable(&mut error, &typed, |name| (name == "LEARN_THREADS").then(|| set.to_owned()));
            error.to_string()
        };
        assert!(message(&[], "many").contains("variable LEARN_THREADS"));
        assert!(!message(&["--threads=many"], "many").contains("LEARN_THREADS"));
        assert!(!message(&[], "4").contains("LEARN_THREADS"));
    }
}
