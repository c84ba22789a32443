//! What goes wrong in a database, and what the user is told: always what to do, never a password.

use super::server::{Database, socket};
use crate::binary::feed;
use std::process::Command;
use std::time::Duration;

const PASSWORD: &str = "hunter2secret";

fn told(command: Command) -> String {
    let output = feed(command, b"");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty());
    assert!(!error.contains(PASSWORD), "{error}");
    error
}

fn events(name: &str) -> Database {
    let database = Database::new(name);
    database.sql(
        "CREATE TABLE usage_events (developer_id varchar, created_at timestamp DEFAULT now());
         INSERT INTO usage_events SELECT 'dev_' || n FROM generate_series(1, 1000) n;
         CREATE TABLE \"Usage Rows\" (id int);
         CREATE VIEW slow AS SELECT * FROM usage_events WHERE pg_sleep(0.02) IS NOT NULL;",
    );
    database
}

#[test]
fn errors_say_what_to_do() {
    let database = events("errors");
    let folder = tempfile::tempdir().unwrap();
    let check = |args: &[&str], expected: &[&str]| {
        let error = told(database.scan(folder.path(), args));
        expected.iter().for_each(|part| assert!(error.contains(part), "{args:?}: no {part:?} in {error}"));
    };
    check(&["--table", "usage_evnts"], &["no table \"usage_evnts\"", "--table 'usage_events'"]);
    check(&["--table", "\"usage rows\""], &["--table '\"Usage Rows\"'"]);
    check(&["--time-column", "created"], &["no column `created`", "nearest is `created_at`", "developer_id"]);
    check(&["--time-column", "developer_id"], &["of type character varying, expected timestamp or timestamptz"]);
    check(&["--table", "slow", "--timeout", "500ms"], &["the limit is 0.5 s", "--timeout", "--explain"]);
    check(&["--from", "2026-06-02", "--to", "2026-06-01"], &["--from must be the earlier one"]);
    check(&["--to", "2026-06-01"], &["--to needs --from"]);
    check(&["--usage-multiplier", "0"], &["usage-multiplier"]);
    check(&["-f", "config"], &["config"]);
}

#[test]
fn no_password_is_ever_shown() {
    let database = events("passwords");
    let folder = tempfile::tempdir().unwrap();
    let place = socket().display().to_string().replace('/', "%2F");
    for url in [
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/db"),
        format!("postgres://postgres:{PASSWORD}@{place}/no_such_database"),
        format!("postgres://no_such_role:{PASSWORD}@{place}/{}", database.name),
        format!("postgres://postgres:x/{PASSWORD}@{place}/db"),
        format!("postgres://postgres:1/{PASSWORD}@{place}/db"),
        format!("postgres://postgres:{PASSWORD}@nowhere.invalid/db"),
        format!("postgres://postgres:{PASSWORD}@{place}/db?sslmode={PASSWORD}x"),
        format!("host=nowhere password={PASSWORD}"),
    ] {
        told(database.scan(folder.path(), &["--database-url", &url]));
        let mut command = database.scan(folder.path(), &[]);
        command.env("DATABASE_URL", &url);
        told(command);
    }
    let mut command = database.scan(folder.path(), &[]);
    command.env("PGHOST", "127.0.0.1").env("PGPORT", "1").env("PGPASSWORD", PASSWORD);
    assert!(told(command).contains("Connection refused"));
}

#[test]
fn a_query_that_is_killed_says_so_and_moves_nothing() {
    let database = events("killed_query");
    let folder = tempfile::tempdir().unwrap();
    let killer = std::thread::spawn({
        let name = database.name.clone();
        let database = Database { name };
        move || {
            for _ in 0..200 {
                let killed = database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'learn' \
                     AND datname = current_database() AND query LIKE '%date_bin%'",
                );
                if killed.contains('t') {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let state = folder.path().join("state.json");
    let error = told(database.scan(folder.path(), &["--table", "slow", "--state", state.to_str().unwrap()]));
    killer.join().unwrap();
    assert!(error.contains("run it again: nothing is skipped"), "{error}");
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    assert_eq!((&state["watermarks"], &state["runsTotal"]), (&serde_json::json!({}), &0.into()));
}

#[test]
fn the_original_s_variables_are_understood() {
    let database = events("variables");
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, value: &str| {
        let mut command = database.scan(folder.path(), &["-f", "json"]);
        command.env(name, value);
        let output = feed(command, b"");
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, out, err) = run("USAGE_ANOMALY_DETECTOR_ENABLED", "false");
    assert!(code == Some(0) && out.is_empty() && err.contains("nothing was scanned"), "{err}");
    let setting = |name: &str, value: &str, key: &str| {
        let (code, out, err) = run(name, value);
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap()["settings"][key].clone()
    };
    assert_eq!(setting("USAGE_ANOMALY_DETECTOR_ENABLED", "true", "multiplier"), 5);
    assert_eq!(setting("USAGE_ANOMALY_MULTIPLIER", "2.5", "multiplier"), 2.5);
    assert_eq!(setting("USAGE_ANOMALY_WINDOW_MS", "60000", "windowMs"), 60_000);
    assert_eq!(setting("USAGE_ANOMALY_BASELINE_WINDOWS", "6", "baselineWindows"), 6);
    assert_eq!(setting("USAGE_ANOMALY_POLL_INTERVAL_MS", "1", "multiplier"), 5);
    for (name, value) in [
        ("USAGE_ANOMALY_MULTIPLIER", "0"),
        ("USAGE_ANOMALY_MULTIPLIER", "inf"),
        ("USAGE_ANOMALY_WINDOW_MS", "1.5"),
        ("USAGE_ANOMALY_BASELINE_WINDOWS", "0"),
        ("USAGE_ANOMALY_DETECTOR_ENABLED", "perhaps"),
    ] {
        let (code, _, err) = run(name, value);
        assert!(code == Some(2) && err.contains(name), "{name}={value}: {err}");
    }
}

#[test]
fn a_password_comes_from_its_file_its_variable_or_the_url() {
    let database = events("password_file");
    database.sql(&format!("CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON usage_events TO locked;"));
    let folder = tempfile::tempdir().unwrap();
    let scan = || {
        let mut command = database.scan(folder.path(), &[]);
        command.env("PGUSER", "locked");
        command
    };
    let advice = told(scan());
    assert!(advice.contains("~/.pgpass") && advice.contains("PGPASSWORD"), "{advice}");
    let mut command = scan();
    command.env("PGPASSWORD", "wrong");
    assert!(told(command).contains("password authentication failed"));
    let works = |command: Command| assert_eq!(feed(command, b"").status.code(), Some(0));
    let mut command = scan();
    command.env("PGPASSWORD", PASSWORD);
    works(command);
    let mut command = database.scan(folder.path(), &[]);
    let place = socket().display().to_string().replace('/', "%2F");
    command.env("DATABASE_URL", format!("postgres://locked:{PASSWORD}@{place}/{}", database.name));
    works(command);
    let file = folder.path().join(".pgpass");
    std::fs::write(&file, format!("*:*:{}:locked:{PASSWORD}\n", database.name)).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    works(scan());
}
