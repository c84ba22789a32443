//! What the process finds around it, read once, so that everything after it is a function of values.

use super::knob;
use crate::deliver::redis::RedisPassword;
use crate::source::postgres::DatabaseUrl;
use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;

/// The terminal, the variables and the machine that a run was started in.
///
/// The default is a run without a terminal and without variables, on one core.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal that standard output is.
    pub terminal_columns: Option<usize>,
    /// `COLUMNS`, when it is a number above 0.
    pub columns_variable: Option<usize>,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `TERM` is `dumb`.
    pub term_is_dumb: bool,
    /// Cores to work on; 0 counts as 1.
    pub cores: usize,
    /// Where the user's own settings are, whether or not the file exists.
    pub user_settings: Option<PathBuf>,
    /// The variables of the original usage detector (`USAGE_ANOMALY_*`) that are set, and their values.
    pub seed_variables: Vec<(&'static str, String)>,
    /// `DATABASE_URL`.
    pub database_url: Option<DatabaseUrl>,
    /// `REDISCLI_AUTH`, the variable that redis-cli takes its password from.
    pub redis_password: Option<RedisPassword>,
    /// `LEARN_MAX_REJECTS` is set, maybe for other runs than this one.
    pub has_max_rejects: bool,
    /// `USAGE_ANOMALY_DETECTOR_ENABLED` of the original usage detector.
    pub detector_enabled: Option<String>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// Looks around.
    pub fn read() -> Self {
        let stdout = std::io::stdout();
        let seed_variables = knob::KNOBS.iter().filter_map(|knob| knob.seed_variable);
        Environment {
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: stdout.is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            terminal_columns: terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
            columns_variable: env::var("COLUMNS")
                .ok()
                .and_then(|text| text.parse().ok())
                .filter(|columns| *columns > 0),
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            term_is_dumb: env::var_os("TERM").is_some_and(|value| value == "dumb"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            user_settings: user_settings(absolute_path("XDG_CONFIG_HOME"), absolute_path("HOME")),
            seed_variables: seed_variables.filter_map(|name| Some((name, variable(name)?))).collect(),
            database_url: variable("DATABASE_URL").filter(|url| !url.is_empty()).map(DatabaseUrl::from),
            redis_password: variable("REDISCLI_AUTH").filter(|password| !password.is_empty()).map(RedisPassword::from),
            has_max_rejects: env::var_os("LEARN_MAX_REJECTS").is_some(),
            detector_enabled: variable("USAGE_ANOMALY_DETECTOR_ENABLED"),
            state_home: absolute_path("XDG_STATE_HOME"),
            home: absolute_path("HOME"),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The XDG specification has relative paths ignored.
fn absolute_path(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn user_settings(config_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let config_home = config_home.or_else(|| home.map(|home| home.join(".config")))?;
    Some(config_home.join("learn").join("learn.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_settings_are_in_the_config_directory() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(user_settings(path("/xdg"), path("/home/ada")), path("/xdg/learn/learn.toml"));
        assert_eq!(user_settings(None, path("/home/ada")), path("/home/ada/.config/learn/learn.toml"));
        assert_eq!(user_settings(None, None), None);
    }
}
