//! The README's SQL, crontab, systemd units and settings do what they are there for, as they stand.
//!
//! Only what no test can have is put in their place: the server's name, the receiver's and the files in `/etc`.

use super::delivery::run;
use super::receiver::Receiver;
use super::server::{Database, socket};
use crate::binary::{LEARN, feed, isolated};
use std::path::Path;
use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The blocks of this kind that have this text in them.
fn blocks(kind: &str, with: &str) -> Vec<String> {
    let (readme, fence) = (readme(), format!("\n```{kind}\n"));
    let blocks = readme.split(&fence).skip(1).map(|block| block.split("\n```").next().unwrap());
    blocks.filter(|block| block.contains(with)).map(|block| format!("{block}\n")).collect()
}

fn block(kind: &str, with: &str) -> String {
    let found = blocks(kind, with);
    assert_eq!(found.len(), 1, "{kind} blocks with {with}");
    found.into_iter().next().unwrap()
}

/// The original's table, in two partitions, with calls that spike in whatever window a test happens to run.
const TABLE: &str = "
CREATE TABLE usage_events (developer_id varchar, api_id varchar, created_at timestamp DEFAULT now())
    PARTITION BY HASH (developer_id);
CREATE TABLE usage_events_p0 PARTITION OF usage_events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE usage_events_p1 PARTITION OF usage_events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO usage_events (developer_id, created_at)
SELECT 'dev_1', (now() AT TIME ZONE 'UTC') + window_number * interval '5 minutes'
FROM generate_series(-4, 3) window_number, generate_series(1, 20 << (window_number + 4)::int);
";

/// A place with all that the recipes name: the role's password, the webhook's secret, somebody to take the events.
struct Place {
    folder: tempfile::TempDir,
    database: Database,
    receiver: Receiver,
}

impl Place {
    /// Runs the README's SQL in a database of its own.
    fn new() -> Self {
        let database = Database::new("recipes");
        database.sql(TABLE);
        database.sql(&block("sql", "CREATE ROLE"));
        database.sql(&block("sql", "CREATE INDEX"));
        let readme = readme();
        let concurrently = readme.split('`').find(|code| code.starts_with("CREATE INDEX CONCURRENTLY")).unwrap();
        database.sql(concurrently);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("webhook.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let passwords = folder.path().join(".pgpass");
        std::fs::write(&passwords, "*:*:*:learn:choose one\n").unwrap();
        std::fs::set_permissions(&passwords, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Place { folder, database, receiver: Receiver::willing() }
    }

    /// The names of this place instead of the README's.
    fn here(&self, text: &str) -> String {
        let place = socket().display().to_string();
        let folder = self.folder.path().display().to_string();
        let url = format!("postgres://learn@{}/{}", place.replace('/', "%2F"), self.database.name);
        text.replace("postgres://learn@db.example/app", &url)
            .replace("PGHOST=db.example PGDATABASE=app", &format!("PGHOST={place} PGDATABASE={}", self.database.name))
            .replace("https://hooks.example/usage", &self.receiver.url)
            .replace("/etc/learn/pgpass", &format!("{folder}/.pgpass"))
            .replace("/etc/learn", &folder)
    }

    /// The run has delivered one more event than before, signed; the next run delivers nothing.
    fn assert_delivers(&self, line: &str) {
        let before = self.receiver.ids().len();
        let ran = run(shell(self.folder.path(), line));
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.err);
        let delivered = self.receiver.seen().split_off(before);
        assert_eq!(delivered.len(), 1, "{line}: {}", ran.err);
        assert!(delivered[0].header("webhook-signature").starts_with("v1,"), "{:?}", delivered[0]);
        assert!(delivered[0].body.contains("\"developerId\":\"dev_1\""), "{:?}", delivered[0]);
    }
}

/// A shell line as somebody would run it who has `learn` in the path.
fn shell(folder: &Path, line: &str) -> Command {
    let bin = Path::new(LEARN).parent().unwrap();
    let mut command = isolated("sh", folder);
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())).args(["-c", line]);
    command
}

/// Schedule and command of each line, as cron(8) reads them.
fn crontab(text: &str) -> Vec<([&str; 5], &str)> {
    let mut entries = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let mut rest = line.trim_start();
        let mut schedule = [""; 5];
        for field in &mut schedule {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap();
            (*field, rest) = (word, after.trim_start());
        }
        entries.push((schedule, rest));
    }
    entries
}

/// The minutes that a field `FROM-TO/STEP` stands for.
fn minutes(field: &str) -> Vec<u32> {
    let (range, step) = field.split_once('/').unwrap();
    let (from, to) = range.split_once('-').unwrap();
    let [from, to, step] = [from, to, step].map(|number| number.parse::<u32>().unwrap());
    (from..=to).step_by(step as usize).collect()
}

/// The keys of a unit file, with their sections.
fn unit(text: &str) -> Vec<(String, String, String)> {
    let mut section = "";
    let mut keys = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name,
            None => {
                let (key, value) = line.split_once('=').unwrap();
                keys.push((section.to_owned(), key.to_owned(), value.to_owned()));
            }
        }
    }
    keys
}

#[test]
fn the_recipes_deliver() {
    let place = Place::new();
    let crontab_text = block("crontab", "learn scan-usage");
    let entries = crontab(&crontab_text);
    assert_eq!(entries.len(), 1);
    let (schedule, command) = entries[0];
    assert_eq!(minutes(schedule[0]), [1, 6, 11, 16, 21, 26, 31, 36, 41, 46, 51, 56]);
    assert_eq!(schedule[1..], ["*"; 4]);
    // Cron would take the rest of the line for standard input.
    assert!(!command.contains('%'), "{command}");
    place.assert_delivers(&place.here(command));

    let service = block("ini", "[Service]");
    let keys = unit(&service);
    let values = |name: &str| -> Vec<&str> {
        let of = |(section, key, _): &&(String, String, String)| section == "Service" && key == name;
        keys.iter().filter(of).map(|(_, _, value)| value.as_str()).collect()
    };
    assert_eq!((values("Type"), values("TimeoutStartSec")), (vec!["oneshot"], vec!["4min"]));
    let credentials = place.folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    for credential in values("LoadCredential") {
        let (name, file) = credential.split_once(':').unwrap();
        let copy = credentials.join(name);
        std::fs::copy(place.here(file), &copy).unwrap();
        std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    }
    let state = place.folder.path().join("var");
    std::fs::create_dir(&state).unwrap();
    let specified = |text: &str| {
        let text = place.here(text).replace("%d", credentials.to_str().unwrap());
        text.replace("/var/lib", state.to_str().unwrap())
    };
    let environment = values("Environment").into_iter().map(specified).collect::<Vec<_>>().join(" ");
    assert_eq!(values("ExecStart").len(), 1);
    place.assert_delivers(&format!("unset HOME; env {environment} {}", specified(values("ExecStart")[0])));
    // StateDirectory= is all that a dynamic user may write to.
    assert_eq!(values("StateDirectory"), ["learn"]);
    let written: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(written, ["learn"]);
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let units = blocks("ini", "# /etc/systemd/system/learn-scan.");
    assert_eq!(units.len(), 2);
    for text in &units {
        let path = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let known = ["Service", "Timer", "Install"];
        assert!(unit(text).iter().all(|(section, _, _)| known.contains(&section.as_str())), "{text}");
        let text = text.replace("ExecStart=learn", &format!("ExecStart={LEARN}"));
        std::fs::write(folder.path().join(Path::new(path).file_name().unwrap()), text).unwrap();
    }
    let timer = unit(&blocks("ini", "[Timer]")[0]);
    let timer = |name: &str| timer.iter().find(|(_, key, _)| key == name).map(|(_, _, value)| value.as_str());
    let expected = (Some("*:1/5"), Some("true"), Some("timers.target"));
    assert_eq!((timer("OnCalendar"), timer("Persistent"), timer("WantedBy")), expected);
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "learn-scan.timer", "learn-scan.service"]).current_dir(folder.path());
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("no systemd-analyze here: the units' keys are checked, systemd is not asked");
        return;
    }
    let output = feed(verify, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("learn-scan"), "{said}");
}

#[test]
fn the_settings_name_the_table() {
    let database = Database::new("settings_names");
    database.sql(
        "CREATE SCHEMA billing; CREATE TABLE billing.\"Usage Events\" (account text, at timestamptz, calls int);
         INSERT INTO billing.\"Usage Events\" VALUES ('dev_1', '2026-06-01T12:01:00Z', 20);",
    );
    let folder = tempfile::tempdir().unwrap();
    let scan = |line: &str| {
        let range = "--from 2026-06-01T12:00:00Z --to 2026-06-01T12:05:00Z --as-of 2026-06-02 -f csv";
        let mut command = shell(folder.path(), &format!("{line} {range}"));
        command.envs([
            ("PGHOST", socket()),
            ("PGDATABASE", Path::new(&database.name)),
            ("PGUSER", Path::new("postgres")),
        ]);
        run(command)
    };
    // The flags that the README gives for the same.
    let by_flags = scan(block("sh", "--developer-column").trim());
    assert_eq!(by_flags.code, Some(0), "{}", by_flags.err);
    assert!(by_flags.out.lines().count() == 2 && by_flags.out.contains("\ndev_1,"), "{}", by_flags.out);
    std::fs::write(folder.path().join("learn.toml"), block("toml", "[usage]")).unwrap();
    assert_eq!(scan("learn scan-usage").out, by_flags.out);
    // A flag goes over the file.
    let ran = scan("learn scan-usage --time-column when");
    assert!(ran.code == Some(2) && ran.err.contains("no column `when`"), "{}", ran.err);
}
