//! Where the database is and how to log in: `--database-url` or `DATABASE_URL`, else the `PG*` variables and
//! `~/.pgpass`, as `psql` has it.
//!
//! No text that leaves this module holds a password.

use anyhow::{bail, ensure};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::str::FromStr;

/// The name under which the server lists the session.
const APPLICATION_NAME: &str = "learn";

/// A connection string, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        DatabaseUrl(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl(..)")
    }
}

/// The server as messages and results name it, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host, or the folder of the socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role that logs in.
    pub user: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { host, port, database, user } = self;
        write!(formatter, "database {database} on {host}:{port} as {user}")
    }
}

/// How to connect, and to what.
///
/// # Errors
/// A connection string that cannot be read; its text is not repeated.
pub(super) fn options(url: Option<&DatabaseUrl>) -> anyhow::Result<(PgConnectOptions, Target)> {
    let options = match url {
        Some(url) => read_url(&url.0)?,
        None => PgConnectOptions::new(),
    };
    // Poolers in front of a server refuse start-up parameters that they do not know.
    let options = options.application_name(APPLICATION_NAME).extra_float_digits(None).disable_statement_logging();
    let user = options.get_username().to_owned();
    let socket = options.get_socket().map(|path| path.display().to_string());
    let target = Target {
        host: socket.unwrap_or_else(|| options.get_host().to_owned()),
        port: options.get_port(),
        database: options.get_database().unwrap_or(&user).to_owned(),
        user,
    };
    Ok((options, target))
}

fn read_url(url: &str) -> anyhow::Result<PgConnectOptions> {
    const EXPECTED: &str = "expected postgres://user@host:5432/database?sslmode=verify-full";
    let scheme = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = scheme else { bail!("the database URL cannot be read: {EXPECTED}") };
    // A password with one of these in it would end the host too early and turn up in another part.
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    ensure!(
        !rest[authority_end..].contains('@'),
        "the database URL has an `@` after its host: in a password write `/` as %2F, `?` as %3F, `#` as %23 and `@` as %40"
    );
    PgConnectOptions::from_str(url).map_err(|error| {
        let reason = match error {
            sqlx::Error::Configuration(reason) => reason.to_string(),
            _ => "it is no URL".to_owned(),
        };
        anyhow::anyhow!("the database URL cannot be read: {}; {EXPECTED}", without_secrets(&reason, url))
    })
}

/// The text without the URL's password, should a message ever quote it.
fn without_secrets(text: &str, url: &str) -> String {
    let authority = url.split_once("//").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    match login.split_once(':') {
        Some((_, password)) if !password.is_empty() => text.replace(password, "***"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Target, String> {
        let url = DatabaseUrl::from(url.to_owned());
        options(Some(&url)).map(|(_, target)| target).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn urls_name_the_server() {
        let target = read("postgres://ada:pa%2Fss@db.example:6000/usage?sslmode=disable").unwrap();
        assert_eq!(target.to_string(), "database usage on db.example:6000 as ada");
        let target = read("postgresql://ada@%2Frun%2Fpg/usage").unwrap();
        assert_eq!((&*target.host, &*target.database), ("/run/pg", "usage"));
        assert_eq!(read("postgres://ada@h").unwrap().database, "ada");
    }

    #[test]
    fn no_error_shows_a_password() {
        for url in [
            "mysql://ada:hunter2@host/db",
            "host=h password=hunter2",
            "postgres://ada:hunter2/x@host/db",
            "postgres://ada:12/hunter2@host/db",
            "postgres://ada:hunter2?x@host/db",
            "postgres://ada:hunter2@host:port/db",
            "postgres://ada:hunter2@host/db?sslmode=hunter2",
            "postgres://ada:hunter2@ho st/db",
            "postgres://ada:hunter2",
        ] {
            let error = read(url).expect_err(url);
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
        assert_eq!(format!("{:?}", DatabaseUrl("postgres://ada:hunter2@h".to_owned())), "DatabaseUrl(..)");
    }
}
