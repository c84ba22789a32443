//! Stages that pass work on, run by equal workers: each does whatever there is to do, so that hardly any waits for another.
//!
//! In go items from a source, one at a time, and jobs on them by the number of a stage. The jobs of a stage run one after
//! the other in the order in which they were posted, so that results do not tell how many workers there were. This module
//! must not know what an item is, or what a job does.

use crate::threads::{self, lock};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The source rests where as many jobs wait at one stage: items take memory.
const MAX_WAITING: usize = 8;

type Job<'env> = Box<dyn FnOnce(&Pipeline<'env>) + Send + 'env>;

/// Calls `take` with every item of `source`, one after the other, and runs all jobs that it and they post, on so many
/// threads, of which this is one.
///
/// # Errors
/// The first of the source; no job begins after it.
pub(crate) fn run<'env, T, E: Send>(
    threads: usize,
    source: impl IntoIterator<Item = Result<T, E>, IntoIter: Send>,
    mut take: impl FnMut(T, &Pipeline<'env>) + Send,
) -> Result<(), E> {
    let (mut items, mut failure) = (source.into_iter(), None);
    let step = Mutex::new(|pipeline: &Pipeline<'env>| match items.next() {
        Some(Ok(item)) => {
            take(item, pipeline);
            Source::Resting
        }
        Some(Err(error)) => {
            failure = Some(error);
            Source::Failed
        }
        None => Source::Over,
    });
    let pipeline = Pipeline { board: Mutex::default(), changed: Condvar::new() };
    threads::run(threads, |_| pipeline.work(&step));
    failure.map_or(Ok(()), Err)
}

/// Where jobs are posted.
pub(crate) struct Pipeline<'env> {
    board: Mutex<Board<'env>>,
    changed: Condvar,
}

/// What there is to do.
#[derive(Default)]
struct Board<'env> {
    source: Source,
    /// Those further down have higher numbers.
    stages: Vec<Stage<'env>>,
    /// Workers that found nothing to do.
    asleep: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Resting,
    Running,
    Over,
    /// Or a job panicked: nothing more begins.
    Failed,
}

#[derive(Default)]
struct Stage<'env> {
    /// Each with who posted it.
    jobs: VecDeque<(ThreadId, Job<'env>)>,
    is_running: bool,
}

/// What a worker does next.
enum Task<'env> {
    Run(usize, Job<'env>),
    StepSource,
    Wait,
    Stop,
}

impl<'env> Pipeline<'env> {
    /// Adds a job to a stage; a stage comes into being with its first. A job may post to stages further down only.
    pub(crate) fn post(&self, stage: usize, job: impl FnOnce(&Pipeline<'env>) + Send + 'env) {
        let job = Box::new(job);
        let mut board = lock(&self.board);
        if board.stages.len() <= stage {
            board.stages.resize_with(stage + 1, Stage::default);
        }
        board.stages[stage].jobs.push_back((thread::current().id(), job));
    }

    fn work(&self, step: &Mutex<impl FnMut(&Self) -> Source>) {
        let _guard = Leaving(self);
        let worker = thread::current().id();
        let mut board = lock(&self.board);
        loop {
            match board.begin(worker) {
                Task::Run(stage, job) => {
                    self.leave(board);
                    job(self);
                    board = lock(&self.board);
                    board.stages[stage].is_running = false;
                }
                Task::StepSource => {
                    self.leave(board);
                    let source = lock(step)(self);
                    board = lock(&self.board);
                    if board.source == Source::Running {
                        board.source = source;
                    }
                }
                Task::Wait => {
                    board.asleep += 1;
                    board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
                    board.asleep -= 1;
                }
                Task::Stop => return,
            }
        }
    }

    /// Gives the board free, and wakes another worker where there is more to do.
    fn leave(&self, board: MutexGuard<Board>) {
        let is_help_welcome = board.asleep > 0 && (board.ready(|_| true).is_some() || board.may_step());
        drop(board);
        if is_help_welcome {
            self.changed.notify_one();
        }
    }
}

impl<'env> Board<'env> {
    /// What the worker itself posted comes first: it has that in its cache. Then the source does, which all depends on.
    fn begin(&mut self, worker: ThreadId) -> Task<'env> {
        if self.source == Source::Failed {
            return Task::Stop;
        }
        if let Some(task) = self.take_job(|poster| poster == worker) {
            return task;
        }
        if self.may_step() {
            self.source = Source::Running;
            return Task::StepSource;
        }
        if let Some(task) = self.take_job(|_| true) {
            return task;
        }
        let is_over = self.source == Source::Over && !self.stages.iter().any(|stage| stage.is_running);
        if is_over { Task::Stop } else { Task::Wait }
    }

    /// Begins the job of [`Board::ready`].
    fn take_job(&mut self, is_wanted: impl Fn(ThreadId) -> bool) -> Option<Task<'env>> {
        let number = self.ready(is_wanted)?;
        let stage = &mut self.stages[number];
        let (_, job) = stage.jobs.pop_front()?;
        stage.is_running = true;
        Some(Task::Run(number, job))
    }

    /// The stage furthest down that can go on with a job of such a poster.
    fn ready(&self, is_wanted: impl Fn(ThreadId) -> bool) -> Option<usize> {
        let next =
            |stage: &Stage| !stage.is_running && stage.jobs.front().is_some_and(|(poster, _)| is_wanted(*poster));
        self.stages.iter().rposition(next)
    }

    fn may_step(&self) -> bool {
        self.source == Source::Resting && self.stages.iter().all(|stage| stage.jobs.len() < MAX_WAITING)
    }
}

/// A worker that leaves lets the others go, too: all is over, or it panicked.
struct Leaving<'a, 'env>(&'a Pipeline<'env>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.board).source = Source::Failed;
        }
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::into_inner;
    use std::convert::Infallible;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    const ITEMS: u64 = 300;

    #[test]
    fn every_stage_does_all_its_jobs_in_order_however_many_workers_there_are() {
        for threads in [0, 1, 2, 3, 9] {
            let seen: Vec<Mutex<Vec<u64>>> = (0..5).map(|_| Mutex::default()).collect();
            let done = run(threads, (0..ITEMS).map(Ok::<_, Infallible>), |item, pipeline| {
                let seen = &seen;
                pipeline.post(0, move |pipeline| {
                    lock(&seen[0]).push(item);
                    // The last two stages come into being on the way.
                    let stages = if item < ITEMS / 2 { 1..3 } else { 1..5 };
                    stages.for_each(|stage| pipeline.post(stage, move |_| lock(&seen[stage]).push(item)));
                });
            });
            assert_eq!(done, Ok(()));
            let expected = [0, 0, 0, ITEMS / 2, ITEMS / 2].map(|from| (from..ITEMS).collect::<Vec<u64>>());
            assert_eq!(seen.into_iter().map(into_inner).collect::<Vec<_>>(), expected, "{threads} threads");
        }
    }

    #[test]
    fn few_items_are_under_way_however_slow_a_stage_is() {
        for threads in [1, 2, 8] {
            let (under_way, most) = (&AtomicUsize::new(0), AtomicUsize::new(0));
            let done = run(threads, (0..ITEMS).map(Ok::<_, Infallible>), |item, pipeline| {
                most.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                let slow = move |_: &Pipeline| {
                    thread::sleep(Duration::from_millis(u64::from(item % 16 == 0)));
                    under_way.fetch_sub(1, SeqCst);
                };
                pipeline.post(0, move |pipeline| pipeline.post(1, slow));
            });
            assert_eq!(done, Ok(()));
            // At each stage those that wait and one that runs.
            assert!(most.into_inner() <= 2 * (MAX_WAITING + 1), "{threads} threads");
        }
    }

    #[test]
    fn an_error_of_the_source_ends_the_run() {
        for threads in [1, 2, 8] {
            let jobs = &AtomicUsize::new(0);
            let source = (0..ITEMS).map(|item| if item == 100 { Err("unreadable") } else { Ok(item) });
            let count = |_: &Pipeline| _ = jobs.fetch_add(1, SeqCst);
            assert_eq!(run(threads, source, |_, pipeline| pipeline.post(0, count)), Err("unreadable"));
            assert!(jobs.load(SeqCst) <= 100);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        for (threads, place) in [1, 2, 8].into_iter().flat_map(|threads| (0..3).map(move |place| (threads, place))) {
            let panic_at = move |here, item| assert!((here, item) != (place, 100), "as it should");
            let source = (0..ITEMS).map(Ok::<_, Infallible>);
            let ended = catch_unwind(AssertUnwindSafe(|| {
                run(threads, source, |item, pipeline| {
                    panic_at(0, item);
                    pipeline.post(0, move |pipeline| {
                        panic_at(1, item);
                        pipeline.post(1, move |_| panic_at(2, item));
                    });
                })
            }));
            assert!(ended.is_err(), "{threads} threads, place {place}");
        }
    }
}
