//! A run that is ended from outside leaves the terminal as it found it, and nothing beside its result.

use crate::commands::{place, shell};

/// On a terminal of its own, a run that waits for more of its log is ended.
const SESSION: &str = r#"
mkfifo pipe
(cat fixtures/access.log; sleep 60) >pipe &
export TERM=xterm
script -qec 'learn replay pipe --chunk-bytes 10000 -o out.txt & run=$!
  sleep 2; kill -TERM $run; wait $run; echo "ended with $?"' /dev/null </dev/null
kill $!
"#;

#[test]
fn the_progress_bar_goes_away_with_the_run() {
    let place = place();
    let said = shell(SESSION, place.path(), b"");
    let shown = &said["stdout"];
    let (bar, end) = shown.split_once("ended with ").unwrap_or_else(|| panic!("{said:?}"));
    assert!(bar.contains("KiB at "), "no bar was drawn: {shown:?}");
    // Some shells say so themselves.
    let bar = bar.strip_suffix("Terminated\r\n").unwrap_or(bar);
    assert!(bar.ends_with("\r\u{1b}[2K"), "the bar is still there: {shown:?}");
    assert_eq!(end.trim(), "143", "{shown:?}");
    let left = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["fixtures", "pipe"]);
}
