//! Workers side by side: each reads chunks, and merges what all have read where no other is doing so.
//!
//! A thread for merging alone would be one more than there are processors, and take one from a worker with every chunk.
//! This module knows neither what a chunk holds nor what merging does.

use super::merge::Merge;
use super::schedule::{Schedule, StopOnPanic};
use super::worker::{Message, Worker};
use super::{Progress, describe};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Reads and merges everything with so many workers, of which this thread is one; `new_worker` is given their numbers.
///
/// # Errors
/// The first of merging.
pub(super) fn read_and_merge<'s>(
    merge: &mut Merge,
    workers: usize,
    new_worker: impl Fn(usize) -> Worker<'s> + Sync,
    schedule: &Schedule,
    progress: Progress,
) -> anyhow::Result<()> {
    let merger = Merger { merge, schedule, progress, failure: None };
    let crew = &Crew { read: Mutex::default(), merger: Mutex::new(merger), schedule };
    let new_worker = &new_worker;
    thread::scope(|scope| {
        for number in 1..workers {
            scope.spawn(move || crew.work(new_worker(number)));
        }
        crew.work(new_worker(0));
    });
    let mut merger = crew.merger.lock().unwrap_or_else(PoisonError::into_inner);
    merger.failure.take().map_or(Ok(()), Err)
}

/// What the workers share.
struct Crew<'a, 'm> {
    /// What was read and not merged.
    read: Mutex<Vec<Message>>,
    merger: Mutex<Merger<'a, 'm>>,
    schedule: &'a Schedule,
}

struct Merger<'a, 'm> {
    merge: &'a mut Merge<'m>,
    schedule: &'a Schedule,
    progress: Progress<'a>,
    failure: Option<anyhow::Error>,
}

impl Crew<'_, '_> {
    fn work(&self, mut worker: Worker) {
        let _guard = StopOnPanic(self.schedule);
        while let Some(message) = worker.next() {
            self.with_read(|read| read.push(message));
            self.merge_what_was_read();
        }
    }

    /// Merges until nothing is left. Where another worker is at it, that one looks for more once it is through.
    fn merge_what_was_read(&self) {
        while self.with_read(|read| !read.is_empty()) {
            let Ok(mut merger) = self.merger.try_lock() else { return };
            let messages = self.with_read(std::mem::take);
            messages.into_iter().for_each(|message| merger.take(message));
        }
    }

    fn with_read<T>(&self, look: impl FnOnce(&mut Vec<Message>) -> T) -> T {
        look(&mut self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Merger<'_, '_> {
    fn take(&mut self, message: Message) {
        let schedule = self.schedule;
        let merged = |input, newest_ms| schedule.merged(input, newest_ms);
        let outcome = match message {
            Message::Part(delivery) => {
                (self.progress)(delivery.chunk.file_bytes);
                self.merge.take(*delivery, merged)
            }
            Message::Ended(input, chunks, error) => {
                if let Some(error) = error {
                    self.merge.inputs[input].tally.input.error = Some(describe(&error));
                }
                self.merge.end(input, chunks, merged)
            }
            Message::Failed(input, number, error) => {
                let chunks = schedule.end_early(input);
                let failed = self.merge.fail(input, number, describe(&error), merged);
                failed.and_then(|()| self.merge.end(input, chunks, merged))
            }
        };
        if let Err(error) = outcome {
            // No worker may wait for a merge that will not come.
            schedule.stop();
            self.failure.get_or_insert(error);
        }
    }
}
