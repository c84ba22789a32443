//! Workers side by side: each reads chunks, and merges what all have read where no other is doing so.
//!
//! A thread for merging alone would be one more than there are processors, and take one from a worker with every chunk.
//! This module knows neither what a chunk holds nor what merging does.

use super::merge::Merge;
use super::schedule::{Schedule, StopOnPanic};
use super::worker::{Message, Worker};
use super::{Progress, describe};
use crate::threads::{self, lock};
use std::sync::Mutex;

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
    let mut merger = Merger { merge, schedule, progress, failure: None };
    let crew = &Crew::new(|message| merger.take(message));
    threads::run(workers, |number| {
        let _guard = StopOnPanic(schedule);
        let mut worker = new_worker(number);
        while let Some(message) = worker.next() {
            crew.hand_in(message);
        }
    });
    merger.failure.map_or(Ok(()), Err)
}

/// What the workers share: what was read, which is `T`s, and what merges one of them.
struct Crew<T, M> {
    /// What was read and not merged.
    read: Mutex<Vec<T>>,
    merge: Mutex<M>,
}

impl<T, M: FnMut(T)> Crew<T, M> {
    fn new(merge: M) -> Self {
        Crew { read: Mutex::default(), merge: Mutex::new(merge) }
    }

    /// Merges this and all else that was read, in the order of handing in. Where another worker is merging, that one looks
    /// for more once it is through.
    fn hand_in(&self, read: T) {
        self.with_read(|all| all.push(read));
        while self.with_read(|all| !all.is_empty()) {
            let Ok(mut merge) = self.merge.try_lock() else { return };
            self.with_read(std::mem::take).into_iter().for_each(&mut *merge);
        }
    }

    fn with_read<R>(&self, look: impl FnOnce(&mut Vec<T>) -> R) -> R {
        look(&mut lock(&self.read))
    }
}

/// Takes what workers tell into the merge.
struct Merger<'a, 'm> {
    merge: &'a mut Merge<'m>,
    schedule: &'a Schedule,
    progress: Progress<'a>,
    failure: Option<anyhow::Error>,
}

impl Merger<'_, '_> {
    fn take(&mut self, message: Message) {
        let schedule = self.schedule;
        let merged = |input, newest_ms| schedule.merged(input, newest_ms);
        let outcome = match message {
            Message::Part(delivery) => {
                schedule.taken();
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
                schedule.taken();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn all_is_merged_and_what_a_worker_hands_in_stays_in_order() {
        const WORKERS: usize = 4;
        const EACH: usize = 5000;
        let mut merged = Vec::new();
        let crew = &Crew::new(|item: (usize, usize)| merged.push(item));
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                scope.spawn(move || (0..EACH).for_each(|number| crew.hand_in((worker, number))));
            }
        });
        for worker in 0..WORKERS {
            let numbers = merged.iter().filter(|item| item.0 == worker).map(|item| item.1);
            assert!(numbers.eq(0..EACH), "{worker}");
        }
    }

    #[test]
    fn nobody_waits_for_a_merge_that_panicked() {
        let crew = &Crew::new(|item: u32| assert!(item > 0, "nothing to merge"));
        assert!(thread::scope(|scope| scope.spawn(|| crew.hand_in(0)).join()).is_err());
        (0..10).for_each(|item| crew.hand_in(item));
    }
}
