//! Any bytes as each of the files that settings come from, beside a small log.
#![no_main]

use learn_fuzz::{Place, check, choice};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

const LOG: &[u8] = b"{\"time\":\"2026-06-01T12:00:00Z\",\"method\":\"GET\",\"path\":\"/users/7/x\",\"status\":200,\"duration_ms\":5}\n\
{\"time\":\"2026-06-01T12:00:01Z\",\"method\":\"GET\",\"path\":\"/files/a/b\",\"status\":404,\"duration_ms\":9}\n";

const FLAGS: [&str; 5] = ["--settings", "--current", "--routes", "--openapi", "--nginx-conf"];

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = choice(data) else { return };
    PLACE.with_borrow_mut(|place| {
        let place = place.get_or_insert_with(Place::default);
        let (log, file) = (place.file("log", LOG), place.file("file", bytes));
        let flags = ["replay", &log, FLAGS[first % 5], &file, "--no-backtest", "--threads", "1", "-f", "json"];
        if let Some(bytes) = place.run(&flags) {
            check("json", &bytes);
        }
        if first % 5 == 1 {
            let other = place.file("other", b"{\"httpClient\":{\"timeoutMs\":2000}}");
            if let Some(bytes) = place.run(&["diff", &file, &other, "-f", "json"]) {
                check("json", &bytes);
            }
        }
    });
});
