//! What went wrong in the database, and what to do about it.

use super::connect::Target;
use super::identifier::typed_name;
use anyhow::anyhow;
use std::io::ErrorKind;
use std::time::Duration;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Connecting and logging in.
    Connect,
    /// Reading of this table, schema-qualified and quoted; empty before it is known.
    Read(&'a str),
    /// Asking about queries.
    Ask,
}

/// The whole message for an error of the database or of the way to it.
pub(super) fn explain(error: &sqlx::Error, target: &Target, timeout: Duration, step: Step<'_>) -> anyhow::Error {
    let advice = match error {
        sqlx::Error::Database(error) => database_advice(error.code().as_deref().unwrap_or(""), target, timeout, step),
        sqlx::Error::Tls(_) => certificate_advice(),
        // What the handshake finds wrong comes as the data that it is.
        sqlx::Error::Io(error) if step == Step::Connect && error.kind() == ErrorKind::InvalidData => {
            certificate_advice()
        }
        // A host that is no folder has no file to miss but those of the URL.
        sqlx::Error::Io(error)
            if step == Step::Connect && error.kind() == ErrorKind::NotFound && !target.host.starts_with('/') =>
        {
            "is that the file of sslrootcert, sslcert or sslkey (PGSSLROOTCERT, PGSSLCERT, PGSSLKEY)?".to_owned()
        }
        sqlx::Error::Protocol(_) if step == Step::Connect => {
            "is that port PostgreSQL's? Set --database-url, DATABASE_URL, or PGHOST and PGPORT".to_owned()
        }
        sqlx::Error::Io(_) if step == Step::Connect => {
            "is the server running there? Set --database-url, DATABASE_URL, or PGHOST and PGPORT".to_owned()
        }
        _ => "the connection was lost; run it again: nothing is skipped".to_owned(),
    };
    let (what, reason) = (doing(step), reason(error, step));
    anyhow!("{what} {target}: {reason}; {advice}")
}

fn certificate_advice() -> String {
    "check the certificate and `sslmode` (verify-full and verify-ca need its CA: sslrootcert or PGSSLROOTCERT)"
        .to_owned()
}

/// The message for a server that did not answer in time.
pub(super) fn silent(target: &Target, timeout: Duration, step: Step<'_>) -> anyhow::Error {
    let seconds = timeout.as_secs_f64();
    anyhow!(
        "{} {target}: no answer within {seconds} s; check the network, or give it more time with --timeout",
        doing(step)
    )
}

fn doing(step: Step<'_>) -> &'static str {
    match step {
        Step::Connect => "cannot connect to",
        Step::Read(_) => "cannot read from",
        Step::Ask => "cannot ask",
    }
}

fn reason(error: &sqlx::Error, step: Step<'_>) -> String {
    match error {
        sqlx::Error::Protocol(_) if step == Step::Connect => {
            "what answers there does not speak as PostgreSQL does".to_owned()
        }
        // The place in the driver's source says nothing to anybody else.
        sqlx::Error::Protocol(text) => text.split(" (sqlx").next().unwrap_or(text).to_owned(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        other => other.to_string(),
    }
}

/// By SQLSTATE, as the PostgreSQL manual's appendix lists them.
fn database_advice(code: &str, target: &Target, timeout: Duration, step: Step<'_>) -> String {
    let role = typed_name(&target.user);
    match code {
        "28P01" | "28000" => format!(
            "check the password of {role} in ~/.pgpass (which only its owner may read) or PGPASSWORD, and the server's pg_hba.conf"
        ),
        "3D000" => "name the database at the end of the URL, or in PGDATABASE".to_owned(),
        "42501" => grant(target, &role, step),
        "57014" if step == Step::Ask => {
            format!("the limit is {} s: give it more with --timeout", timeout.as_secs_f64())
        }
        "57014" => format!(
            "the limit is {} s: give it more with --timeout, or add an index on the time column; --explain shows the plan",
            timeout.as_secs_f64()
        ),
        "57P01" | "57P02" | "57P03" => {
            "the server is going down or coming up; run it again: nothing is skipped".to_owned()
        }
        "53300" => "the server has no free connection; run it again later".to_owned(),
        "42883" => "PostgreSQL 14 or newer is needed".to_owned(),
        _ => format!("the server's code for it is {code}"),
    }
}

fn grant(target: &Target, role: &str, step: Step<'_>) -> String {
    match step {
        Step::Connect => {
            format!("type, as its owner: GRANT CONNECT ON DATABASE {} TO {role};", typed_name(&target.database))
        }
        Step::Ask => format!("type, as a superuser: GRANT pg_read_all_stats TO {role};"),
        Step::Read("") => format!("type, as the schema's owner: GRANT USAGE ON SCHEMA its_name TO {role};"),
        Step::Read(table) => {
            let schema = table.split("\".\"").next().map_or("", |schema| schema.trim_start_matches('"'));
            format!(
                "type, as the table's owner: GRANT SELECT ON {table} TO {role}; GRANT USAGE ON SCHEMA {} TO {role};",
                typed_name(&schema.replace("\"\"", "\""))
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_is_told_without_the_places_in_the_driver() {
        let target = Target { host: "h".to_owned(), port: 80, database: "usage".to_owned(), user: "ada".to_owned() };
        let error = sqlx::Error::Protocol("unexpected response: 0x48 (sqlx_postgres::connection::tls:95)".to_owned());
        let told = |step| explain(&error, &target, Duration::from_secs(1), step).to_string();
        assert_eq!(
            told(Step::Connect),
            "cannot connect to database usage on h:80 as ada: what answers there does not speak as PostgreSQL does; is that \
             port PostgreSQL's? Set --database-url, DATABASE_URL, or PGHOST and PGPORT"
        );
        assert!(told(Step::Read("t")).contains(": unexpected response: 0x48; "), "{}", told(Step::Read("t")));
    }
}
