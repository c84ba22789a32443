//! Any first line as a `log_format` or LogFormat, and what follows as a log in it.
#![no_main]

use learn_fuzz::{Place, check};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let (Some(Ok(format)), Some(log)) = (parts.next().map(std::str::from_utf8), parts.next()) else { return };
    PLACE.with_borrow_mut(|place| {
        let place = place.get_or_insert_with(Place::default);
        let (log, format) = (place.file("log", log), format!("--log-format={format}"));
        let flags = ["replay", &log, &format, "--max-rejects", "1", "--no-backtest", "--threads", "1", "-f", "json"];
        if let Some(bytes) = place.run(&flags) {
            check("json", &bytes);
        }
    });
});
