//! The comparison with peers runs on a user's machine; without peers it has to run here.

use crate::binary::{LEARN, feed, isolated};
use std::path::Path;

#[test]
fn the_comparison_times_learn_on_logs_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/compare.py");
    let mut command = isolated("python3", place.path());
    // rustc is rustup's, which looks for its home.
    for name in ["HOME", "RUSTUP_HOME", "CARGO_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.arg(script).args(["--learn", LEARN, "--mib", "1", "--runs", "1", "--peers", ""]);
    let output = feed(command, b"");
    let (printed, message) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{message}");
    // The generator writes 216 bytes for a request of text and 279 of JSON, about.
    for (kind, requests) in [("text", 4_700..5_000), ("json", 3_600..3_900), ("gz", 4_700..5_000)] {
        let block = printed.split(&format!("\n{kind}, ")).nth(1).unwrap_or_else(|| panic!("no {kind}: {printed}"));
        let learn = block.lines().find(|line| line.starts_with("learn ")).unwrap();
        let count: u64 = learn.split_whitespace().last().unwrap().parse().unwrap();
        assert!(requests.contains(&count), "{kind}: {count}");
    }
}
