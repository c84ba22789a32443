//! Runs code that trusts a file's bytes: damage makes polars panic, which is an error like any other here.
//!
//! What it asks the allocator for is beyond this module: a damaged length can still end the process.

use anyhow::Context;
use polars::prelude::PolarsResult;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_TRUSTING: Cell<bool> = const { Cell::new(false) };
}

/// What is wrong with bytes that cannot be those of a Parquet file.
pub(super) const DAMAGED: &str = "is no whole Parquet file, it may be cut or damaged";

/// What is read of a Parquet file, or that it is damaged; like [`trusting`], on this thread.
pub(super) fn whole<T>(read: impl FnOnce() -> PolarsResult<T>) -> anyhow::Result<T> {
    trusting(read).context(DAMAGED)?.context(DAMAGED)
}

/// `None` where the code panicked. It must keep to this thread: the panics of others are told.
fn trusting<T>(read: impl FnOnce() -> PolarsResult<T>) -> Option<PolarsResult<T>> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_TRUSTING.get() {
                told(panic);
            }
        }));
    });
    let was_trusting = IS_TRUSTING.replace(true);
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    IS_TRUSTING.set(was_trusting);
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::PolarsError;

    #[test]
    fn a_panic_is_no_result_and_an_error_stays_one() {
        assert_eq!(trusting(|| Ok(5)).unwrap().unwrap(), 5);
        assert!(trusting(|| Err::<(), _>(PolarsError::NoData("x".into()))).unwrap().is_err());
        assert!(trusting::<()>(|| panic!("damaged")).is_none());
        assert!(panic::catch_unwind(|| panic!("not trusting")).is_err());
    }
}
