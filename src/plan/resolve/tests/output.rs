//! What is written, and where.

use super::*;

#[test]
fn colour_width_and_progress_follow_the_terminal() {
    let terminal = Environment {
        stdout_is_terminal: true,
        stderr_is_terminal: true,
        terminal_columns: Some(132),
        columns_variable: Some(100),
        cores: 2000,
        ..Environment::default()
    };
    let dumb = Environment { term_is_dumb: true, ..terminal.clone() };
    let no_color = Environment { no_color: true, ..terminal.clone() };
    let piped = Environment { stdout_is_terminal: false, ..terminal.clone() };
    let check = |typed: &[&str], environment: &Environment, color, width, progress| {
        let output = resolve_in(typed, &Settings::default(), environment).0.output;
        assert_eq!(
            (output.color, output.width, output.progress),
            (color, width, progress),
            "{typed:?} {environment:?}"
        );
    };
    check(&["-"], &terminal, true, 132, true);
    check(&["-"], &dumb, false, 132, false);
    check(&["-"], &no_color, false, 132, true);
    check(&["-"], &piped, false, 100, true);
    check(&["-", "-o", "-"], &terminal, true, 132, true);
    check(&["-", "-o", "result.txt"], &terminal, false, 100, true);
    check(&["-", "--color", "never", "-q"], &terminal, false, 132, false);
    check(&["-", "--color", "always"], &no_color, true, 132, true);
    assert_eq!(resolve_in(&["-"], &Settings::default(), &terminal).0.threads, 1024);
}

#[test]
fn only_ndjson_keeps_cycles() {
    assert!(resolve(&["-", "-f", "ndjson"]).rules.keep_cycles);
    assert!(!resolve(&["-", "-f", "json"]).rules.keep_cycles);
}

#[test]
fn no_file_is_written_over_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (log, out) = (path("a.log"), path("out"));
    fs::write(&log, "").unwrap();
    assert_eq!(
        error(&[&log, "-o", &path("./a.log")]),
        format!("--output would overwrite the input {}", path("./a.log"))
    );
    assert_eq!(error(&[&log, "--rejects", &log]), format!("--rejects would overwrite the input {log}"));
    assert_eq!(error(&[&log, "--rejects", &out, "-o", &out]), format!("--output and --rejects are both {out}"));
    assert!(error(&[&log, "-o", &path("")]).ends_with("is a directory, expected a file"));
    assert!(error(&[&log, "--rejects", "-"]).starts_with("--rejects: found `-`, expected a file"));
    let plan = resolve(&[&log, "--rejects", "/dev/null", "-o", "/dev/null"]);
    assert_eq!((plan.input.rejects, plan.output.file), (Some("/dev/null".into()), Some("/dev/null".into())));
}
