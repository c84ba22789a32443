//! What all that runs on several threads has in common. What is done on them is decided elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Does the work on so many threads, of which this is number 0, and comes back when all have done it.
pub(crate) fn run(threads: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        for number in 1..threads {
            // Where the system refuses a thread, those that there are do the work.
            if thread::Builder::new().spawn_scoped(scope, move || work(number)).is_err() {
                break;
            }
        }
        work(0);
    });
}

/// Drops what takes long to drop, while the caller goes on.
pub(crate) fn drop_aside<T: Send + 'static>(value: T) {
    // Where the system refuses a thread, this drops it at once.
    _ = thread::Builder::new().spawn(move || drop(value));
}

/// Locks what a thread that panicked may have left: the panic shows where the threads meet again.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is shared, once it is so no more.
pub(crate) fn into_inner<T>(shared: Mutex<T>) -> T {
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}
