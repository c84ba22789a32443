//! `learn advise queries` on logs that a real PostgreSQL wrote, on its pg_stat_statements, and with its planner.

use crate::binary::{LEARN, feed, isolated};
use crate::scan::server::Server;
use crate::schema::{assert_valid, validator};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A server that logs every statement in both machine-readable forms and counts them.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let settings = [
        "listen_addresses=",
        "shared_preload_libraries=pg_stat_statements",
        "logging_collector=on",
        "log_destination=csvlog,jsonlog",
        "log_directory=queries",
        "log_filename=server.log",
        "log_min_duration_statement=0",
        "autovacuum=off",
    ];
    Server::start("", "local all locked scram-sha-256\nlocal all all trust\n", &settings)
});

/// Twelve of each, above the threshold of ten: one that an index on its column serves, and one that reads every row.
const FEW_ROWS: &str = "SELECT * FROM orders WHERE customer_id = $1";
const ALL_ROWS: &str = "SELECT * FROM orders WHERE kind = $1";
const FEW_ROWS_INDEX: &str = "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"customer_id\");";
const ALL_ROWS_INDEX: &str = "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"kind\");";

struct Database(&'static str);

impl Database {
    /// A database with 20,000 orders of 5,000 customers, all of one kind.
    fn with_orders(name: &'static str) -> Self {
        SERVER.run_psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        let database = Database(name);
        database.sql(
            "CREATE EXTENSION hypopg; CREATE EXTENSION pg_stat_statements;
             CREATE TABLE orders AS SELECT n AS id, n % 5000 AS customer_id, 'x'::text AS kind, repeat('y', 100) AS note
             FROM generate_series(1, 20000) n; ANALYZE orders;",
        );
        database
    }

    fn sql(&self, sql: &str) -> String {
        SERVER.run_psql(self.0, sql).unwrap_or_else(|error| panic!("{sql:.300}\n{error}"))
    }

    fn run_both_kinds(&self) {
        let queries = (0..12).map(|n| {
            format!("SELECT * FROM orders WHERE customer_id = {n};\nselect * from orders where kind = 'x';\n")
        });
        self.sql(&queries.collect::<String>());
    }

    /// The server's log in this form, with everything that has run in this database.
    fn log(&self, form: &str, folder: &Path) -> PathBuf {
        let written = SERVER.folder.join("data/queries/server").with_extension(form);
        let mark = format!("last of {} in {form}", self.0);
        self.sql(&format!("DO $$ BEGIN RAISE LOG '{mark}'; END $$"));
        // The server hands its messages to a process that writes them when it gets to it.
        let all = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let all = std::fs::read_to_string(&written).unwrap();
            let lines = all.rfind('\n').map_or(0, |end| end + 1);
            all[..lines].contains(&format!("{mark}\"")).then(|| all[..lines].to_owned())
        });
        let file = folder.join(format!("{}.{form}", self.0));
        std::fs::write(&file, all.expect("the server's last message is not written")).unwrap();
        file
    }

    /// What `learn advise queries` finds with this database.
    fn advise(&self, args: &[&str], folder: &Path) -> Value {
        let (stdout, stderr) = self.told(&[&["-f", "json", "--slow", "0"], args].concat(), folder);
        let document = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{args:?}: {stderr}"));
        assert_valid(&validator("advise-queries"), &stdout);
        document
    }

    fn told(&self, args: &[&str], folder: &Path) -> (String, String) {
        let mut command = isolated(LEARN, folder);
        command.env("PGHOST", &SERVER.folder).env("PGUSER", "postgres").env("PGDATABASE", self.0);
        command.args(["advise", "queries", "--database-url", "postgres://"]).args(args);
        let output = feed(command, b"");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }
}

fn pattern<'a>(found: &'a Value, query: &str) -> &'a Value {
    let patterns = found["queries"]["patterns"].as_array().unwrap();
    patterns.iter().find(|row| row["query"] == query).unwrap_or_else(|| panic!("no {query} in {found:#}"))
}

fn statements(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["statement"].as_str().unwrap()).collect()
}

/// The one suggestion is what the planner takes; the other candidate is dropped, with the costs that say so.
fn assert_told_apart(found: &Value) {
    let queries = &found["queries"];
    assert_eq!(statements(&queries["suggestions"]), [FEW_ROWS_INDEX], "{queries:#}");
    assert_eq!(statements(&queries["dropped"]), [ALL_ROWS_INDEX], "{queries:#}");
    let (taken, dropped) = (&queries["suggestions"][0], &queries["dropped"][0]);
    assert_eq!((&taken["verdict"], &dropped["reason"]), (&json!("taken"), &json!("no plan costs less with it")));
    let costs =
        |one: &Value| [&one["plans"][0]["before"], &one["plans"][0]["after"]].map(|cost| cost.as_f64().unwrap());
    let ([before, after], [as_it_is, with_it]) = (costs(taken), costs(dropped));
    assert!(after < before / 5.0, "{after} {before}");
    assert_eq!(with_it, as_it_is);
}

#[test]
fn logs_of_a_real_server_lead_to_what_its_planner_takes() {
    let database = Database::with_orders("logs");
    database.run_both_kinds();
    let folder = tempfile::tempdir().unwrap();
    let logs = ["csv", "json"].map(|form| database.log(form, folder.path()));
    let found = logs.each_ref().map(|log| database.advise(&[log.to_str().unwrap()], folder.path()));
    for found in &found {
        for query in [FEW_ROWS, ALL_ROWS] {
            let row = pattern(found, query);
            assert_eq!((&row["count"], &row["slow"], &row["unparsed"]), (&json!(12), &json!(true), &Value::Null));
            let [mean, p95, total] = ["meanMs", "p95Ms", "totalMs"].map(|key| row[key].as_f64().unwrap());
            assert!(mean > 0.0 && mean <= p95 && (total - 12.0 * mean).abs() < 1e-6, "{row:#}");
        }
        assert_told_apart(found);
    }
    assert_eq!(found[0]["inputs"][0]["format"], "PostgreSQL csvlog");
    assert_eq!(found[1]["inputs"][0]["format"], "PostgreSQL jsonlog");
    // The second log was taken after another message.
    let own = |found: &Value| {
        let rows = found["queries"]["patterns"].as_array().unwrap();
        rows.iter()
            .filter(|row| !row["query"].as_str().unwrap().starts_with("do "))
            .map(|row| row["count"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(own(&found[0]), own(&found[1]));

    let (lines, _) = database.told(&["-f", "ndjson", "--slow", "0", logs[0].to_str().unwrap()], folder.path());
    let validator = validator("advise-queries-line");
    lines.lines().for_each(|line| assert_valid(&validator, line));
    for kind in ["pattern", "suggestion", "dropped"] {
        assert!(lines.contains(&format!("{{\"type\":\"queries.{kind}\"")), "{lines}");
    }

    // The statement is one that the server takes, and afterwards its planner does use the index.
    database.sql(FEW_ROWS_INDEX);
    assert!(database.sql("EXPLAIN SELECT * FROM orders WHERE customer_id = 1").contains("orders_customer_id_idx"));
    let again = database.advise(&[logs[0].to_str().unwrap()], folder.path());
    assert_eq!(statements(&again["queries"]["suggestions"]), [""; 0]);
    let dropped = again["queries"]["dropped"].as_array().unwrap();
    assert_eq!(statements(&again["queries"]["dropped"]), [ALL_ROWS_INDEX, FEW_ROWS_INDEX]);
    assert_eq!(dropped[1]["reason"], "the index \"orders_customer_id_idx\" does it already");
}

#[test]
fn sums_of_pg_stat_statements_lead_to_the_same() {
    let database = Database::with_orders("sums");
    database.sql("SELECT pg_stat_statements_reset()");
    database.run_both_kinds();
    let folder = tempfile::tempdir().unwrap();
    let found = database.advise(&[], folder.path());
    assert_eq!(found["inputs"][0]["format"], "pg_stat_statements");
    for query in [FEW_ROWS, ALL_ROWS] {
        let row = pattern(&found, query);
        assert_eq!((&row["count"], &row["p95Ms"]), (&json!(12), &Value::Null));
        assert!(row["meanMs"].as_f64().unwrap() > 0.0);
    }
    assert_told_apart(&found);
}

/// log_statement and log_duration tell a statement and its duration in two lines.
#[test]
fn durations_in_lines_of_their_own_are_counted() {
    let database = Database::with_orders("halves");
    let session = "SET log_min_duration_statement = -1; SET log_duration = on; SET log_statement = 'all';\n";
    let queries: String = (0..12).map(|n| format!("SELECT * FROM orders WHERE id = {n};\n")).collect();
    database.sql(&format!("{session}{queries}"));
    let folder = tempfile::tempdir().unwrap();
    let log = database.log("csv", folder.path());
    let found = database.advise(&[log.to_str().unwrap()], folder.path());
    assert_eq!(pattern(&found, "SELECT * FROM orders WHERE id = $1")["count"], 12);
}

fn json_log(queries: &[&str], folder: &Path) -> PathBuf {
    let file = folder.join("queries.json");
    let lines = queries.iter().map(|query| {
        let executions: Vec<Value> = (0..11).map(|_| json!({ "query": query, "duration": 101 })).collect();
        format!("{}\n", json!({ "path": "/", "queryExecutions": executions }))
    });
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    file
}

#[test]
fn names_of_every_kind_give_statements_that_the_server_takes() {
    let database = Database::with_orders("names");
    database.sql(
        "CREATE SCHEMA \"My \"\"Schema\";
         CREATE TABLE \"My \"\"Schema\".\"Select\" AS SELECT n AS \"a\"\"; DROP TABLE orders; --\", n % 7 AS \"user\"
         FROM generate_series(1, 20000) n; ANALYZE \"My \"\"Schema\".\"Select\";
         CREATE TABLE events (at timestamptz, n int) PARTITION BY RANGE (at);
         CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         INSERT INTO events SELECT '2026-01-01'::timestamptz + n * interval '1 minute', n FROM generate_series(1, 20000) n;
         CREATE VIEW seen AS SELECT * FROM orders; ANALYZE;",
    );
    let folder = tempfile::tempdir().unwrap();
    let log = json_log(
        &[
            "SELECT * FROM \"My \"\"Schema\".\"Select\" WHERE \"a\"\"; DROP TABLE orders; --\" = 5",
            "SELECT n FROM events WHERE n = 17",
            "SELECT * FROM seen WHERE id = 5",
            "SELECT * FROM absent WHERE id = 5",
        ],
        folder.path(),
    );
    let found = database.advise(&[log.to_str().unwrap()], folder.path());
    let suggested = statements(&found["queries"]["suggestions"]);
    let expected = [
        "CREATE INDEX CONCURRENTLY ON \"My \"\"Schema\".\"Select\" (\"a\"\"; DROP TABLE orders; --\");",
        "CREATE INDEX ON \"public\".\"events\" (\"n\");",
    ];
    assert_eq!(suggested, expected, "{found:#}");
    suggested.iter().for_each(|statement| drop(database.sql(statement)));
    assert_eq!(database.sql("SELECT count(*) FROM orders"), "20000\n");
    let reasons: Vec<&Value> =
        found["queries"]["dropped"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("a view")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("no such table")), "{reasons:?}");
}

/// Whatever a log holds, nothing of it is run.
#[test]
fn hostile_statements_change_nothing_and_are_told() {
    let database = Database::with_orders("hostile");
    let folder = tempfile::tempdir().unwrap();
    let deep = format!("SELECT * FROM orders WHERE {}id = 1{}", "(".repeat(3000), ")".repeat(3000));
    let long = format!("SELECT * FROM orders WHERE id = 0{}", " OR id = 1".repeat(200_000));
    let log = json_log(
        &[
            "SELECT * FROM orders WHERE kind = 'a\\''; DROP TABLE orders; --' AND id = 1",
            "SELECT * FROM orders WHERE id = 2; DROP TABLE orders",
            "DELETE FROM orders WHERE id = 3",
            "UPDATE orders SET kind = 'z' WHERE id = ?",
            "SELECT pg_sleep(60) FROM orders WHERE id = (SELECT pg_sleep(60)::text::int)",
            "SELECT * FROM orders WHERE id = 1 \u{1b}[2J",
            "SELECT * FROM orders WHERE id = 'no number'",
            &deep,
            &long,
            "",
        ],
        folder.path(),
    );
    let started = std::time::Instant::now();
    let found = database.advise(&[log.to_str().unwrap()], folder.path());
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    assert_eq!(database.sql("SELECT count(*) FROM orders WHERE kind = 'x'"), "20000\n");
    assert_eq!(
        statements(&found["queries"]["suggestions"]),
        [
            "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"id\");",
            "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"kind\", \"id\");"
        ]
    );
    let unparsed = found["queries"]["patterns"].as_array().unwrap().iter().filter(|row| !row["unparsed"].is_null());
    assert!(unparsed.count() >= 4, "{found:#}");
    let unplanned = found["queries"]["suggestions"][0]["unplanned"].to_string();
    assert!(unplanned.contains("invalid input syntax"), "{unplanned}");
    let (table, _) = database.told(&["--slow", "0", log.to_str().unwrap()], folder.path());
    assert!(!table.contains('\u{1b}'), "{table}");
}

#[test]
fn without_the_extensions_it_says_what_to_do() {
    SERVER.run_psql("postgres", "CREATE DATABASE bare").unwrap();
    let database = Database("bare");
    database.sql("CREATE TABLE orders (id int)");
    let folder = tempfile::tempdir().unwrap();
    let log = json_log(&["SELECT * FROM orders WHERE id = 5"], folder.path());
    let found = database.advise(&[log.to_str().unwrap()], folder.path());
    assert_eq!(found["queries"]["suggestions"][0]["verdict"], "unchecked");
    assert!(found["notes"][0].as_str().unwrap().contains("CREATE EXTENSION hypopg"), "{found:#}");
    let (stdout, stderr) = database.told(&[], folder.path());
    assert!(stdout.is_empty() && stderr.contains("CREATE EXTENSION pg_stat_statements"), "{stderr}");
}

/// A role without rights sees its own statements, and is told about the others.
#[test]
fn a_role_without_rights_is_told_what_it_does_not_see() {
    let database = Database::with_orders("rights");
    database.sql("CREATE ROLE plain LOGIN; GRANT SELECT ON orders TO plain");
    database.run_both_kinds();
    let folder = tempfile::tempdir().unwrap();
    let mut command = isolated(LEARN, folder.path());
    command.env("PGHOST", &SERVER.folder).env("PGUSER", "plain").env("PGDATABASE", "rights");
    command.args(["advise", "queries", "-f", "json", "--database-url", "postgres://"]);
    let output = feed(command, b"");
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("GRANT pg_read_all_stats TO plain"), "{told}");
}

#[test]
fn no_message_shows_a_password() {
    SERVER.run_psql("postgres", "CREATE ROLE locked LOGIN PASSWORD 'right'").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for url in
        ["postgres://locked:hunter2@/postgres", "mysql://locked:hunter2@h/d", "postgres://locked:hunter2@127.0.0.1:1/d"]
    {
        let mut command = isolated(LEARN, folder.path());
        command.env("PGHOST", &SERVER.folder).args(["advise", "queries", "--database-url", url]);
        let output = feed(command, b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), told.contains("hunter2"), told.is_empty()),
            (Some(2), false, false),
            "{told}"
        );
    }
}

/// A service that logs its queries with its requests gets both in one report; a selection of requests leaves them out.
#[test]
fn the_combined_report_has_the_queries_of_requests() {
    let folder = tempfile::tempdir().unwrap();
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/queries.json");
    let told = |args: &[&str]| {
        let mut command = isolated(LEARN, folder.path());
        command.args(["advise"]).args(args).arg(&log);
        String::from_utf8(feed(command, b"").stdout).unwrap()
    };
    let document = told(&["-f", "json"]);
    assert_valid(&validator("advise"), &document);
    let combined: Value = serde_json::from_str(&document).unwrap();
    let alone: Value = serde_json::from_str(&told(&["queries", "-f", "json"])).unwrap();
    assert_eq!(combined["queries"], alone["queries"]);
    let lines = told(&["-f", "ndjson"]);
    lines.lines().for_each(|line| assert_valid(&validator("advise-line"), line));
    assert!(lines.contains("{\"type\":\"queries.suggestion\""));
    assert!(told(&[]).contains("INDEXES TO CREATE"));
    assert!(!told(&["--route", "/api/orders"]).contains("INDEXES TO CREATE"));
}

/// The same executions in one file or in three, in any order, plain or packed, and however the lines break.
#[test]
fn files_and_their_order_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/queries.json")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let parts = [&lines[..9], &lines[9..20], &lines[20..]].map(|part| part.join("\n"));
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("whole", log.as_bytes());
    write("a", parts[0].as_bytes());
    write("b", parts[1].replace('\n', "\r\n").as_bytes());
    write("c", &zstd::encode_all(parts[2].as_bytes(), 1).unwrap());
    let found = |files: &[&str]| -> Value {
        let mut command = isolated(LEARN, folder.path());
        command.args(["advise", "queries", "-f", "json", "-q"]).args(files);
        let output = feed(command, b"");
        let document = String::from_utf8(output.stdout).unwrap();
        assert_valid(&validator("advise-queries"), &document);
        serde_json::from_str::<Value>(&document).unwrap()["queries"].clone()
    };
    let whole = found(&["whole"]);
    assert_eq!(whole["executions"], 49);
    for files in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
        assert_eq!(found(&files), whole, "{files:?}");
    }
}
