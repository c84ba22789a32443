//! Behaviour as data: each file of `tests/cases` is a command, what it reads, and everything it says.
//!
//! A file starts with comment lines (`# ...`) and the command (`$ learn ...`, run by `sh` in a fresh folder that holds
//! `fixtures/`). Sections follow, each led by a line `=== NAME`: `file PATH` (written into the folder first), `stdin`,
//! `stdout`, `stderr`, `status CODE`. `LEARN_WRITE_CASES=1` rewrites the last three from what the binary does.

use crate::binary::{LEARN, feed, isolated};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many files there are; a case that is not run would be a case that is not true.
const CASES: usize = 102;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// A case file.
struct CommandCase {
    head: String,
    command: String,
    sections: BTreeMap<String, String>,
}

impl CommandCase {
    fn parse(text: &str) -> CommandCase {
        let (mut head, mut command, mut sections) = (String::new(), String::new(), BTreeMap::new());
        let mut open: Option<String> = None;
        for line in text.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix("=== ") {
                let name = name.trim_end().to_owned();
                sections.insert(name.clone(), String::new());
                open = Some(name);
            } else if let Some(name) = &open {
                sections.entry(name.clone()).or_default().push_str(line);
            } else if let Some(line) = line.strip_prefix("$ ") {
                command = line.trim_end().to_owned();
            } else {
                head.push_str(line);
            }
        }
        CommandCase { head, command, sections }
    }

    fn run(&self) -> BTreeMap<String, String> {
        let place = place();
        for (name, text) in &self.sections {
            if let Some(path) = name.strip_prefix("file ") {
                std::fs::write(place.path().join(path), text).unwrap();
            }
        }
        let stdin = self.sections.get("stdin").map_or("", String::as_str);
        shell(&self.command, place.path(), stdin.as_bytes())
    }

    /// The file as it would stand with these results.
    fn text(&self, results: &BTreeMap<String, String>) -> String {
        let given = self.sections.iter().filter(|(name, _)| name.starts_with("file ") || *name == "stdin");
        let sections = given.chain(results).map(|(name, text)| format!("=== {name}\n{text}"));
        format!("{}$ {}\n{}", self.head, self.command, sections.collect::<String>())
    }
}

/// A folder with `fixtures/` in it.
pub fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), place.path().join("fixtures"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    place
}

/// Runs a command line in which `learn` is the built binary; what it said, by section.
pub fn shell(line: &str, folder: &Path, stdin: &[u8]) -> BTreeMap<String, String> {
    let bin = Path::new(LEARN).parent().unwrap();
    let mut command = isolated("sh", folder);
    command.arg("-c").arg(line).env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    let output = feed(command, stdin);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    BTreeMap::from([
        ("stdout".to_owned(), text(output.stdout)),
        ("stderr".to_owned(), text(output.stderr)),
        (format!("status {}", output.status.code().unwrap()), String::new()),
    ])
}

#[test]
fn every_command_says_what_its_case_says() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let rewrite = std::env::var_os("LEARN_WRITE_CASES").is_some();
    let mut complaints = String::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let case = CommandCase::parse(&text);
        let told = case.text(&case.run());
        if rewrite {
            std::fs::write(file, told).unwrap();
        } else if told != text {
            complaints += &format!("{}\n--- expected\n{text}\n--- got\n{told}\n", file.display());
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
    assert_eq!(files.len(), CASES);
}
