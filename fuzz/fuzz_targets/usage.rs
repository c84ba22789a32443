//! Any bytes as a file of usage rows: CSV, NDJSON or Parquet by its first bytes.
#![no_main]

use learn_fuzz::{Place, check, choice};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

const FORMATS: [&str; 5] = ["table", "json", "ndjson", "csv", "markdown"];

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rows)) = choice(data) else { return };
    PLACE.with_borrow_mut(|place| {
        let place = place.get_or_insert_with(Place::default);
        let (rows, state) = (place.file("rows", rows), place.path("state").display().to_string());
        let format = FORMATS[first % 5];
        let mut flags = vec!["scan-usage", &rows, "-f", format, "--state", &state];
        flags.extend(["--from", "2026-06-01T12:00:00Z", "--to", "2026-06-01T15:00:00Z"]);
        if first & 8 != 0 {
            flags.extend(["--calls-column", "calls"]);
        }
        match first & 48 {
            16 => flags.extend(["--rule", "negative-binomial", "--resolve"]),
            32 => {
                flags.retain(|flag| *flag != "--state" && *flag != state);
                flags.push("--compare");
            }
            _ => {}
        }
        if let Some(bytes) = place.run(&flags) {
            check(format, &bytes);
        }
        std::fs::remove_file(&state).ok();
    });
});
