//! Logs that are made to hurt, each in an address space that is small beside it: counted, told, and never held.

use crate::binary::{LEARN, feed, isolated, stdout_of};
use crate::scan::server::is_root;
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// Runs a shell line in which `learn` may take this much address space, stacks and mapped files included.
fn within(mib: u64, line: &str, folder: &Path) -> Output {
    let bin = Path::new(LEARN).parent().unwrap();
    let mut command = isolated("sh", folder);
    command.args(["-c", &format!("learn() {{ (ulimit -v {}; exec learn \"$@\"); }}; {line}", mib << 10)]);
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    command.output().unwrap()
}

fn summary(output: &Output) -> Value {
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["summary"].take()
}

/// Awk that prints the good line of this number.
const LINE: &str = r#"function line(n, user, path) {
    printf "192.0.2.1 - %s [01/Jun/2026:%02d:%02d:%02d +0000] \"GET %s HTTP/1.1\" 200 5 \"-\" \"-\" rt=0.010 urt=0.010\n",
        user, n / 3600, n / 60 % 60, n % 60, path }"#;

const FLAGS: &str = "-q -f json --no-backtest --threads 2";

#[test]
fn a_line_of_a_hundred_megabytes_is_one_rejected_line() {
    let place = tempfile::tempdir().unwrap();
    let log = format!(
        "{{ awk '{LINE} BEGIN {{ line(1, \"-\", \"/a\") }}'; head -c 100000000 /dev/zero | tr '\\0' x; echo; \
         awk '{LINE} BEGIN {{ line(2, \"-\", \"/a\") }}'; }}"
    );
    for read in [format!("{log} > log; learn replay log {FLAGS}"), format!("{log} | learn replay - {FLAGS}")] {
        let summary = summary(&within(300, &read, place.path()));
        assert_eq!((&summary["lines"], &summary["requests"], &summary["rejected"]), (&3.into(), &2.into(), &1.into()));
    }
}

#[test]
fn a_gzip_bomb_is_read_in_pieces() {
    let place = tempfile::tempdir().unwrap();
    let line = format!(
        "{{ awk '{LINE} BEGIN {{ for (n = 0; n < 1000; n++) line(n, \"-\", \"/a\") }}'; head -c 300000000 /dev/zero; }} | \
         gzip -1 > bomb.gz; learn replay bomb.gz {FLAGS}"
    );
    let summary = summary(&within(200, &line, place.path()));
    assert_eq!((&summary["lines"], &summary["requests"]), (&1001.into(), &1000.into()));
}

#[test]
fn paths_and_developers_without_end_are_all_counted() {
    let place = tempfile::tempdir().unwrap();
    let line = |user: &str, path: &str, more: &str| {
        let line = format!(
            "awk '{LINE} BEGIN {{ for (n = 0; n < 200000; n++) line(n / 10, {user}, {path}) }}' | learn replay - {FLAGS} {more}"
        );
        summary(&within(700, &line, place.path()))
    };
    let paths = line("\"-\"", "\"/p/\" n \"x/y\"", "");
    assert_eq!((&paths["requests"], &paths["endpoints"]), (&200_000.into(), &1.into()));
    let developers = line("\"customer-\" n", "\"/a\"", "");
    assert_eq!((&developers["requests"], &developers["developers"]), (&200_000.into(), &200_000.into()));
    let limited = line("\"customer-\" n", "\"/a\"", "--max-developers 199999");
    assert_eq!((&limited["requests"], &limited["developers"]), (&200_000.into(), &Value::Null));
}

/// Runs a program as a user that may have one thread, whoever runs the tests: no such limit holds for root.
fn on_one_thread(program: &[&str], stdin: &[u8]) -> Output {
    const AS_ANOTHER: [&str; 6] = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ];
    const LIMITED: [&str; 3] = ["bash", "-c", "ulimit -u 1; exec \"$0\" \"$@\""];
    let words: Vec<&str> = AS_ANOTHER.iter().filter(|_| is_root()).chain(&LIMITED).chain(program).copied().collect();
    let place = tempfile::tempdir().unwrap();
    let mut command = isolated(words[0], place.path());
    command.args(&words[1..]);
    feed(command, stdin)
}

#[test]
fn a_run_makes_do_with_the_threads_that_it_gets() {
    assert!(!on_one_thread(&["timeout", "1", "true"], b"").status.success(), "the limit does not hold");
    let log = std::fs::read("fixtures/access.log").unwrap();
    let args = ["replay", "-", "-q", "-f", "json", "--no-backtest", "--threads", "8"];
    let limited = on_one_thread(&[&[LEARN], &args[..]].concat(), &log);
    let message = String::from_utf8_lossy(&limited.stderr);
    assert!(limited.status.success(), "{message}");
    assert_eq!(String::from_utf8(limited.stdout).unwrap(), stdout_of(&args, &log));
}
