//! Runs the built binary, away from the caller's settings and environment.

use crate::cases::Case;
use crate::cycle::{self, Cycle};
use crate::record::to_json_lines;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The path of the binary under test.
pub const LEARN: &str = env!("CARGO_BIN_EXE_learn");

/// A command that finds no settings but those that the test gives.
pub fn isolated(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("NO_COLOR", "1").env("HOME", folder).env("XDG_CONFIG_HOME", folder);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// `learn` with these arguments, in a folder of its own.
pub fn learn<S: AsRef<std::ffi::OsStr>>(args: &[S], stdin: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = isolated(LEARN, folder.path());
    command.args(args);
    feed(command, stdin)
}

/// Runs the command with `stdin` as its standard input, fed while the output is read.
pub fn feed(mut command: Command, stdin: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A command that needs no input, or has seen enough, may close the pipe.
        scope.spawn(move || pipe.write_all(stdin).ok());
        child.wait_with_output().unwrap()
    })
}

/// The standard output of a run that must succeed.
pub fn stdout_of<S: AsRef<std::ffi::OsStr> + std::fmt::Debug>(args: &[S], stdin: &[u8]) -> String {
    let output = learn(args, stdin);
    assert!(output.status.success(), "{args:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The cycles that `learn replay` finds in the case under a rule set.
pub fn replay(case: &Case, rules: &str) -> Vec<Cycle> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = isolated(LEARN, folder.path());
    command.args([
        "replay",
        "-",
        "--raw-paths",
        "--log-format",
        "json",
        "-f",
        "ndjson",
        "--threads",
        "1",
        "--rules",
        rules,
    ]);
    command.args(case.flags(rules, folder.path()));
    let output = feed(command, to_json_lines(&case.records).as_bytes());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{stderr}", case.name, output.status);
    cycle::from_learn(&String::from_utf8(output.stdout).unwrap())
}

/// `learn` tells of every case, cycle by cycle, what is expected.
pub fn assert_agrees(rules: &str, cases: &[Case], expected: &[Vec<Cycle>]) {
    let complaint = |(case, expected): (&Case, &Vec<Cycle>)| {
        let what = cycle::disagreement(expected, &replay(case, rules))?;
        Some(format!("{} ({}): {what}\n", case.name, case.knobs))
    };
    let complaints: Vec<String> = cases.iter().zip(expected).filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{} of {} cases disagree\n{}", complaints.len(), cases.len(), complaints.concat());
}
