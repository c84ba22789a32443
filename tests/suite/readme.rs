//! The README's commands do what it shows.
//!
//! In its `console` blocks every `$ learn ...` and `$ cargo run --release -- ...` is run, in order, in one folder that
//! holds `fixtures/`. Where lines follow the command they are its standard output; `...` alone on a line stands for any
//! number of lines.

use crate::commands::{place, shell};
use std::path::Path;

/// The command lines of the `console` blocks, each with the output shown.
fn shown(readme: &str) -> Vec<(String, Vec<&str>)> {
    let mut shown: Vec<(String, Vec<&str>)> = Vec::new();
    let mut in_block = false;
    for line in readme.lines() {
        if let Some(info) = line.strip_prefix("```") {
            in_block = info == "console";
        } else if in_block && let Some(command) = line.strip_prefix("$ ") {
            shown.push((command.replace("cargo run --release -- ", "learn "), Vec::new()));
        } else if in_block && let Some((_, output)) = shown.last_mut() {
            output.push(line);
        }
    }
    shown.retain(|(command, _)| command.split_whitespace().any(|word| word == "learn"));
    shown
}

/// Whether the shown lines are the output, `...` standing for any lines.
fn matches(shown: &[&str], output: &[&str]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((&"...", rest)) => (0..=output.len()).any(|skip| matches(rest, &output[skip..])),
        Some((line, rest)) => {
            output.split_first().is_some_and(|(first, output)| first == line && matches(rest, output))
        }
    }
}

#[test]
fn every_command_of_the_readme_runs_and_prints_what_is_shown() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let place = place();
    let commands = shown(&readme);
    assert!(commands.len() >= 3, "{} commands found", commands.len());
    for (command, expected) in commands {
        let told = shell(&command, place.path(), b"");
        assert!(told.contains_key("status 0"), "$ {command}\n{told:?}");
        let output: Vec<&str> = told["stdout"].lines().collect();
        let good = expected.is_empty() || matches(&expected, &output);
        assert!(good, "$ {command}\n--- shown\n{}\n--- got\n{}", expected.join("\n"), told["stdout"]);
    }
}

/// The shell lines of each `yaml` block.
fn pipelines(readme: &str) -> Vec<Vec<String>> {
    let mut pipelines = Vec::new();
    for block in readme.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let line = |line: &str| {
            let step = line.trim().strip_prefix("- ")?;
            let step = step.strip_prefix("run: ").unwrap_or(step);
            step.starts_with("learn ").then(|| step.to_owned())
        };
        pipelines.push(block.lines().filter_map(line).collect());
    }
    pipelines
}

#[test]
fn the_pipelines_stop_at_what_moved_and_leave_a_summary() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let pipelines = pipelines(&readme);
    assert_eq!(pipelines.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    for (steps, summary) in pipelines.iter().zip(["summary.md", "resilience.md"]) {
        let place = place();
        let within = |command: &str| {
            let command = format!("export GITHUB_STEP_SUMMARY=summary.md; {command}");
            shell(&command, place.path(), b"")
        };
        within("cp fixtures/access.log fixtures/tunable.json .");
        let told: Vec<_> = steps.iter().map(|step| within(step)).collect();
        // The committed config is not what the fixture supports.
        let ends: Vec<_> = told.iter().map(|told| told.contains_key("status 0")).collect();
        assert_eq!(ends, [true, true, false], "{told:?}");
        assert!(told[2].contains_key("status 1") && told[2]["stdout"].contains("httpClient.timeoutMs"), "{told:?}");
        let summary = std::fs::read_to_string(place.path().join(summary)).unwrap();
        assert!(summary.contains("| `httpClient.timeoutMs` |"), "{summary}");
    }
}

#[test]
fn an_ellipsis_stands_for_lines_and_nothing_else_does() {
    assert!(matches(&["a", "...", "d"], &["a", "b", "c", "d"]));
    assert!(matches(&["a", "..."], &["a"]));
    assert!(!matches(&["a", "..."], &["b", "a"]));
    assert!(!matches(&["a"], &["a", "b"]));
}
