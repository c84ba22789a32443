//! What the fuzzers share: a command that is run on files, and what must hold whatever stands in them.

use clap::Parser;
use learn::cli::Cli;
use std::path::PathBuf;
use tempfile::TempDir;

/// Flags that a byte chooses among.
pub const FORMATS: [&str; 6] = ["table", "json", "ndjson", "csv", "markdown", "config"];
/// Sets of rules.
pub const RULES: [&str; 4] = ["documented", "published", "zscore", "evidence"];

/// A folder in memory that commands read from and write to.
pub struct Place {
    folder: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        // No settings but those that a fuzzer gives.
        std::env::set_current_dir(folder.path()).expect("the folder is there");
        Place { folder }
    }
}

impl Place {
    /// Where a file of this name stands.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the folder can be written");
        path.display().to_string()
    }

    /// Runs `learn` with these arguments and `-o`; what it wrote, if it came to that.
    pub fn run(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let out = self.path("out");
        let out_text = out.display().to_string();
        let typed = [&["learn"], arguments, &["-q", "-o", &out_text]].concat();
        let cli = Cli::try_parse_from(typed).ok()?;
        let result = learn::run(cli);
        let bytes = std::fs::read(&out).ok();
        std::fs::remove_file(&out).ok();
        assert!(result.is_err() || bytes.is_some(), "neither a result nor an error");
        bytes
    }
}

/// What a result must be in its format, whatever the log says: JSON is JSON, and no control character comes through.
pub fn check(format: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("the result is UTF-8");
    let is_hidden = |character: char| character.is_control() && character != '\n';
    assert!(!text.contains(is_hidden), "a control character in {format}");
    match format {
        "json" | "config" => drop(serde_json::from_str::<serde_json::Value>(text).expect("JSON")),
        "ndjson" => {
            text.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON")));
        }
        _ => {}
    }
}

/// The first byte and the rest; `None` of nothing.
pub fn choice(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}
