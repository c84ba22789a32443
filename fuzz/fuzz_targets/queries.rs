//! Any bytes as a log with queries: PostgreSQL's csvlog or jsonlog, or JSON lines, through `learn advise queries`.
#![no_main]

use learn_fuzz::{FORMATS, Place, check, choice};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, log)) = choice(data) else { return };
    PLACE.with_borrow_mut(|place| {
        let place = place.get_or_insert_with(Place::default);
        let (log, format) = (place.file("log", log), FORMATS[first % 6]);
        let mut flags = vec!["advise", "queries", &log, "-f", format, "--max-rejects", "1", "--keep-going"];
        // The least that is slow and often enough, so that a query alone leads to a suggestion.
        if first & 8 != 0 {
            flags.extend(["--slow", "0.001", "--min-count", "1"]);
        }
        if let Some(bytes) = place.run(&flags) {
            // Its config is SQL.
            check(if format == "config" { "sql" } else { format }, &bytes);
        }
    });
});
