//! The spooled calls as batches of events, made on a thread of their own where there may be two.

use super::spool::Stored;
use super::timeline::{Batch, Timeline};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

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
        return make(stored, from_us, each);
    }
    let (sender, receiver) = sync_channel(WAITING_BATCHES);
    std::thread::scope(|scope| {
        // Nobody takes them any more when the other thread has panicked, which shows there.
        let maker = scope.spawn(move || make(stored, from_us, |batch| drop(sender.send(batch))));
        receiver.iter().for_each(&mut each);
        maker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn make(stored: &Stored, from_us: i64, mut each: impl FnMut(Arc<Batch>)) -> anyhow::Result<()> {
    let mut timeline = Timeline::default();
    stored.replay(from_us, |calls| {
        timeline.take(calls, |batch| each(Arc::new(batch)));
        Ok(())
    })?;
    each(Arc::new(timeline.finish()));
    Ok(())
}
