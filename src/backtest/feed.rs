//! The spooled calls as batches of events: read on one thread and made into events on another where there may be two.

use super::call::Call;
use super::spool::Stored;
use super::timeline::{Batch, Timeline};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Slices of calls that may wait to be made into batches.
const WAITING_SLICES: usize = 2;

/// Batches that may wait to be taken.
const WAITING_BATCHES: usize = 4;

/// Hands on all batches of the calls that start at or after `from_us` by their stamps.
///
/// # Errors
/// Those of [`Stored::replay`].
pub(crate) fn for_each_batch(
    stored: &Stored,
    from_us: i64,
    threads: usize,
    mut each: impl FnMut(Arc<Batch>),
) -> anyhow::Result<()> {
    if threads == 1 {
        let mut timeline = Timeline::default();
        stored.replay(from_us, |calls| {
            timeline.take(calls, |batch| each(Arc::new(batch)));
            Ok(())
        })?;
        each(Arc::new(timeline.finish()));
        return Ok(());
    }
    let (slices, read) = sync_channel::<Vec<Call>>(WAITING_SLICES);
    let (batches, made) = sync_channel(WAITING_BATCHES);
    std::thread::scope(|scope| {
        // Nobody takes them any more when the thread behind has panicked, which shows there.
        let reader = scope.spawn(move || {
            stored.replay(from_us, |calls| {
                slices.send(calls.to_vec()).ok();
                Ok(())
            })
        });
        let maker = scope.spawn(move || {
            let mut timeline = Timeline::default();
            let send = |batch| drop(batches.send(Arc::new(batch)));
            read.iter().for_each(|calls| timeline.take(&calls, send));
            send(timeline.finish());
        });
        // Taken for good: when `each` panics, the threads must find that nobody listens.
        made.into_iter().for_each(each);
        maker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
