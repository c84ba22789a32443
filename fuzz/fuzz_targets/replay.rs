//! Any bytes as a log, packed or plain, or as a window table, through the whole of `learn replay`.
#![no_main]

use learn_fuzz::{FORMATS, Place, RULES, check, choice};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = choice(data) else { return };
    let Some((second, log)) = choice(rest) else { return };
    PLACE.with_borrow_mut(|place| {
        let place = place.get_or_insert_with(Place::default);
        let log = place.file("log", log);
        let (format, rules) = (FORMATS[first % 6], RULES[second % 4]);
        let mut flags = vec!["replay", &log, "--keep-going", "-f", format, "--rules", rules];
        flags.extend(["--threads", if second & 4 == 0 { "1" } else { "2" }]);
        flags.extend(["--chunk-bytes", if second & 8 == 0 { "4194304" } else { "64" }]);
        if second & 16 == 0 {
            flags.push("--no-backtest");
        }
        if second & 32 != 0 {
            flags.extend(["--latency", "upstream", "--raw-paths"]);
        }
        if second & 64 != 0 {
            flags.extend(["--since", "10m", "--max-rejects", "1"]);
        }
        if let Some(bytes) = place.run(&flags) {
            check(format, &bytes);
        }
    });
});
