//! Every spike of a day, from tables of every shape, equals a count over the rows.

use super::server::Database;
use super::truth::{self, DAY_US, Row, assert_events};
use crate::binary::feed;
use crate::rng::Rng;
use chrono::{DateTime, TimeZone};
use std::fmt::Write;

/// The days on which Berlin's clocks skip an hour and repeat one, and a plain one.
const DAYS: [&str; 3] = ["2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z", "2026-06-14T00:00:00Z"];

fn day_us(day: &str) -> i64 {
    DateTime::parse_from_rfc3339(day).unwrap().timestamp_micros()
}

const TABLES: &str = r#"
CREATE SCHEMA "bill.ing";
CREATE TABLE usage_events (id bigserial, developer_id varchar, api_id varchar, amount_usdc numeric(20,7),
    created_at timestamp without time zone DEFAULT now()) PARTITION BY HASH (developer_id);
CREATE TABLE usage_events_0 PARTITION OF usage_events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE usage_events_1 PARTITION OF usage_events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON usage_events (developer_id, created_at);
CREATE TABLE moments (developer_id text, created_at timestamptz);
CREATE TABLE "bill.ing"."Usage ""Odd"" Events" ("Who's" varchar, "At ""all""" timestamptz(6));
CREATE VIEW seen AS SELECT developer_id AS who, created_at AS seen_at FROM moments;
CREATE TABLE counted (developer_id text, created_at timestamptz, calls int);
CREATE TABLE berlin (developer_id text, created_at timestamp);
"#;

fn load(database: &Database, rows: &[Row]) {
    let mut sql =
        String::from("CREATE TEMP TABLE raw (who text, us bigint, berlin timestamp);\nCOPY raw FROM STDIN;\n");
    for Row { developer, at_us } in rows {
        let moment = DateTime::from_timestamp_micros(*at_us).unwrap();
        let berlin = chrono_tz::Europe::Berlin.from_utc_datetime(&moment.naive_utc()).naive_local();
        let who = developer.as_deref().unwrap_or("\\N");
        writeln!(sql, "{who}\t{at_us}\t{}", berlin.format("%Y-%m-%d %H:%M:%S%.6f")).unwrap();
    }
    sql += r#"\.
CREATE TEMP VIEW timed AS SELECT who, timestamptz 'epoch' + us * interval '1 microsecond' AS at, berlin FROM raw;
INSERT INTO usage_events (developer_id, created_at) SELECT who, at AT TIME ZONE 'UTC' FROM timed;
INSERT INTO moments SELECT who, at FROM timed;
INSERT INTO "bill.ing"."Usage ""Odd"" Events" SELECT who, at FROM timed;
INSERT INTO counted SELECT who, at, count(*) FROM timed GROUP BY who, at;
INSERT INTO counted SELECT who, at, NULL FROM timed;
INSERT INTO berlin SELECT who, berlin FROM timed;
ANALYZE;
"#;
    database.sql(&sql);
}

#[test]
fn every_window_of_a_day_equals_a_count_over_the_rows() {
    let database = Database::new("every_window");
    database.sql(TABLES);
    let mut rng = Rng::new(42);
    let rows: Vec<Row> = DAYS.iter().flat_map(|day| truth::rows(&mut rng, day_us(day))).collect();
    load(&database, &rows);
    let shapes: [&[&str]; 6] = [
        &[],
        &["--table", "moments", "--timezone", "Asia/Tokyo"],
        &[
            "--table",
            "\"bill.ing\".\"Usage \"\"Odd\"\" Events\"",
            "--developer-column",
            "Who's",
            "--time-column",
            "At \"all\"",
        ],
        &["--table", "Seen", "--developer-column", "who", "--time-column", "seen_at"],
        &["--table", "counted", "--calls-column", "calls"],
        &["--table", "public.moments", "--min-calls", "1"],
    ];
    let folder = tempfile::tempdir().unwrap();
    for zone in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"] {
        database.sql(&format!("ALTER DATABASE {} SET timezone = '{zone}'", database.name));
        for day in DAYS {
            let from = day_us(day);
            let expected = truth::spikes(&rows, from, from + DAY_US);
            assert!(expected.len() > 40, "{}", expected.len());
            let to = DateTime::from_timestamp_micros(from + DAY_US).unwrap().to_rfc3339();
            for shape in shapes {
                let mut command = database.scan(folder.path(), &["--from", day, "--to", &to, "-f", "ndjson"]);
                command.args(shape).args(["--as-of", "2027-01-01"]).env("PGTZ", zone);
                let output = feed(command, b"");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                assert_events(&format!("{zone} {day} {shape:?}"), &output.stdout, &expected);
            }
        }
    }
}

/// A wall clock that shows an hour twice cannot tell which it was; outside of that hour every window is exact.
#[test]
fn wall_clock_times_are_those_of_their_zone() {
    let database = Database::new("wall_clock");
    database.sql(TABLES);
    let mut rng = Rng::new(43);
    let night = |row: &Row| !(day_us("2026-10-25T00:00:00Z")..day_us("2026-10-25T02:00:00Z")).contains(&row.at_us);
    let mut rows: Vec<Row> = DAYS.iter().flat_map(|day| truth::rows(&mut rng, day_us(day))).collect();
    rows.retain(night);
    load(&database, &rows);
    let folder = tempfile::tempdir().unwrap();
    for day in DAYS {
        let from = day_us(day);
        let to = DateTime::from_timestamp_micros(from + DAY_US).unwrap().to_rfc3339();
        let mut command =
            database.scan(folder.path(), &["--from", day, "--to", &to, "-f", "ndjson", "--table", "berlin"]);
        command.args(["--timezone", "Europe/Berlin", "--as-of", "2027-01-01"]);
        let output = feed(command, b"");
        assert_events(day, &output.stdout, &truth::spikes(&rows, from, from + DAY_US));
    }
}

#[test]
fn reading_is_all_it_takes_and_all_it_does() {
    let database = Database::new("reading");
    database.sql(TABLES);
    database.sql(
        "INSERT INTO usage_events (developer_id, created_at) SELECT 'dev', timestamp '2026-06-01 12:00' FROM generate_series(1, 9);
         CREATE ROLE reader LOGIN; GRANT SELECT (developer_id, created_at) ON usage_events TO reader;
         CREATE ROLE nobody_at_all LOGIN;",
    );
    let folder = tempfile::tempdir().unwrap();
    let run = |user: &str, args: &[&str]| {
        let mut command = database.scan(folder.path(), &["--as-of", "2026-06-01T12:05:00Z", "-f", "ndjson"]);
        command.args(args).env("PGUSER", user);
        let output = feed(command, b"");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, events, _) = run("reader", &[]);
    assert_eq!((code, events.lines().count()), (Some(0), 1));
    let (code, _, error) = run("nobody_at_all", &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("GRANT SELECT ON \"public\".\"usage_events\" TO nobody_at_all;"), "{error}");
    let (code, plan, _) = run("reader", &["--explain"]);
    assert!(code == Some(0) && plan.contains("Aggregate") && plan.contains("created_at"), "{plan}");
    // Even a view that writes cannot.
    database.sql(
        "CREATE TABLE written (at timestamptz);
         CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql AS 'INSERT INTO written VALUES (now()) RETURNING true';
         CREATE VIEW writing AS SELECT developer_id, created_at FROM usage_events WHERE writes();",
    );
    let (code, _, error) = run("postgres", &["--table", "writing"]);
    assert!(code == Some(2) && error.contains("read-only transaction"), "{error}");
    assert_eq!(database.sql("SELECT count(*) FROM written"), "0\n");
}

#[test]
fn explain_names_an_index_only_where_one_would_help() {
    let database = Database::new("explain");
    // The planner knows of no more than these rows, however many workers it may start.
    database.sql(
        "CREATE SCHEMA billing; CREATE TABLE billing.\"Usage Events\" (who text, \"At\" timestamptz);
         INSERT INTO billing.\"Usage Events\" SELECT 'dev', timestamptz '2026-06-01 00:00Z' + n * interval '60 ms'
         FROM generate_series(1, 1200000) n;
         ANALYZE;
         CREATE VIEW billing.seen AS SELECT who AS developer_id, \"At\" AS created_at FROM billing.\"Usage Events\";",
    );
    let folder = tempfile::tempdir().unwrap();
    let table = ["--table", "billing.\"Usage Events\"", "--developer-column", "who", "--time-column", "At"];
    let explain = |table: &[&str], range: &[&str]| {
        let mut command = database.scan(folder.path(), &["--explain", "--as-of", "2026-06-02"]);
        let output = feed(
            {
                command.args(table).args(range);
                command
            },
            b"",
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    let all = ["--from", "2026-06-01", "--to", "2026-06-02"];
    let an_hour = ["--from", "2026-06-01T10:00:00Z", "--to", "2026-06-01T11:00:00Z"];
    const STATEMENT: &str = "CREATE INDEX ON \"billing\".\"Usage Events\" USING brin (\"At\");";
    let [plan, advice] = explain(&table, &all);
    assert!(plan.contains("Seq Scan") && advice.is_empty(), "{plan}\n{advice}");
    let [plan, advice] = explain(&table, &an_hour);
    assert!(plan.contains("Seq Scan") && advice.contains(STATEMENT), "{plan}\n{advice}");
    let [_, advice] = explain(&["--table", "billing.seen"], &an_hour);
    assert!(advice.contains("behind \"created_at\", in \"billing\".\"Usage Events\""), "{advice}");
    // What it says works as it stands.
    database.sql(STATEMENT);
    let [plan, advice] = explain(&table, &an_hour);
    assert!(plan.contains("Bitmap Index Scan") && advice.is_empty(), "{plan}\n{advice}");
}

#[test]
fn z_scores_equal_a_count_over_the_days() {
    let database = Database::new("z_scores");
    database.sql(TABLES);
    // Nine quiet days and a loud one: z is exactly 3, and -3 for the one that fell silent.
    database.sql(
        "INSERT INTO usage_events (developer_id, api_id, amount_usdc, created_at)
         SELECT 'dev', 'loud', 0.1, timestamp '2026-06-01 10:00' + day * interval '1 day'
         FROM generate_series(0, 9) day, generate_series(1, CASE day WHEN 9 THEN 20 ELSE 10 END);
         INSERT INTO usage_events (developer_id, api_id, created_at)
         SELECT 'dev', 'quiet', timestamp '2026-06-01 10:00' + day * interval '1 day'
         FROM generate_series(0, 9) day, generate_series(1, CASE day WHEN 4 THEN 10 ELSE 20 END);
         INSERT INTO usage_events (developer_id, api_id, created_at)
         SELECT 'dev', 'loud', timestamp '2026-05-01' FROM generate_series(1, 900);",
    );
    let folder = tempfile::tempdir().unwrap();
    let scan = |extra: &[&str]| {
        let mut command =
            database.scan(folder.path(), &["--rule", "zscore-daily", "--as-of", "2026-06-11T00:00:00Z", "-f", "csv"]);
        command.args(extra);
        let output = feed(command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    const HEADER: &str = "apiId,day,type,calls,revenue,baselineMean,stdDev,zScore\n";
    let both = "loud,2026-06-10,spike,20,2.0000000,11,3,3\nquiet,2026-06-05,drop,10,,19,3,-3\n";
    assert_eq!(scan(&[]), format!("{HEADER}{both}"));
    assert_eq!(scan(&["--threshold", "3.0001"]), HEADER);
}
