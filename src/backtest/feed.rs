//! The spooled calls as batches of events: made on another thread where there may be two.

use super::spool::Stored;
use super::timeline::Batch;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Batches that may wait to be taken.
const WAITING_BATCHES: usize = 4;

/// Hands on all batches of the calls that start at or after `from_us` by their stamps.
///
/// # Errors
/// Those of [`Stored::batches`].
pub(crate) fn for_each_batch(
    stored: &Stored,
    from_us: i64,
    threads: usize,
    mut each: impl FnMut(Arc<Batch>),
) -> anyhow::Result<()> {
    if threads == 1 {
        return stored.batches(from_us).try_for_each(|batch| batch.map(|batch| each(Arc::new(batch))));
    }
    let (batches, made) = sync_channel(WAITING_BATCHES);
    std::thread::scope(|scope| {
        // Nobody takes them any more when the calling thread has panicked, which shows there.
        let hand_on = move |batch| drop(batches.send(Arc::new(batch)));
        let reader = scope.spawn(move || stored.batches(from_us).try_for_each(|batch| batch.map(&hand_on)));
        // Taken for good: when `each` panics, the thread must find that nobody listens.
        made.into_iter().for_each(each);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
