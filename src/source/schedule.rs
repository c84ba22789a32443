//! Which chunk of which input comes next.
//!
//! The input that lags behind in log time goes first, so that overlapping inputs advance together and
//! little has to be kept. The schedule decides about memory and speed only: no result may depend on it.

use super::lines::{Chunk, Chunker};
use super::named::Heading;
use super::probe::Probe;
use crate::threads;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A chunk to read.
pub struct Job {
    /// The input, by its place in the run.
    pub input: usize,
    /// The chunk's number within the input.
    pub number: u64,
    /// The newest request of the input that is known so far.
    pub newest_ms: Option<i64>,
    /// The chunk.
    pub chunk: Chunk,
}

/// An input that has not been opened.
pub struct Queued {
    /// The input.
    pub probe: Probe,
    /// The time of its first request.
    pub first_ms: Option<i64>,
    /// Whether it holds anything.
    pub has_lines: bool,
    /// Its start, where its columns may change on the way.
    pub heading: Option<Heading>,
}

/// What a worker gets when it asks.
pub enum Next {
    /// A chunk.
    Job(Job),
    /// The end of one input: how many chunks it had, and whether it broke off.
    Ended(usize, u64, Option<io::Error>),
    /// Nothing is left.
    Done,
}

/// Stops the schedule when its thread panics, so that no other thread waits for what will not come.
pub struct StopOnPanic<'a>(pub &'a Schedule);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// The inputs' places, shared by all workers.
pub struct Schedule {
    board: Mutex<Board>,
    changed: Condvar,
    chunk_bytes: usize,
    /// Chunks that may be under way at once: of one input until they are merged, of all until the merge takes them.
    max_in_flight: u64,
}

struct Board {
    /// By input.
    places: Vec<Place>,
    /// Chunks that were given and that the merge has not taken.
    untaken: u64,
    /// Workers that wait for a change.
    waiting: usize,
}

struct Place {
    state: State,
    /// No request still to come is known to be older.
    frontier_ms: i64,
    newest_ms: Option<i64>,
    next_number: u64,
    in_flight: u64,
}

enum State {
    /// Nothing to read, but its end has not been told.
    Empty,
    Waiting(Box<Probe>, Option<Heading>),
    Open(Chunker),
    /// A worker is reading the next chunk.
    Reading,
    Ended,
}

impl Schedule {
    /// A schedule over inputs.
    pub fn new(inputs: impl Iterator<Item = Queued>, chunk_bytes: usize, max_in_flight: u64) -> Self {
        let places = inputs.map(|input| Place {
            state: if input.has_lines { State::Waiting(Box::new(input.probe), input.heading) } else { State::Empty },
            frontier_ms: input.first_ms.unwrap_or(i64::MIN),
            newest_ms: None,
            next_number: 0,
            in_flight: 0,
        });
        let board = Mutex::new(Board { places: places.collect(), untaken: 0, waiting: 0 });
        Schedule { board, changed: Condvar::new(), chunk_bytes, max_in_flight }
    }

    /// The next chunk; waits while too much is under way.
    pub fn next(&self) -> Next {
        let mut board = self.lock();
        loop {
            let unfinished = board.places.iter().enumerate().filter(|(_, place)| !matches!(place.state, State::Ended));
            let Some(input) = unfinished.min_by_key(|(_, place)| place.frontier_ms).map(|(input, _)| input) else {
                return Next::Done;
            };
            let most_under_way = board.untaken.max(board.places[input].in_flight);
            let place = &mut board.places[input];
            if matches!(place.state, State::Reading) || most_under_way >= self.max_in_flight {
                board.waiting += 1;
                board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
                board.waiting -= 1;
                continue;
            }
            match std::mem::replace(&mut place.state, State::Reading) {
                State::Empty => return self.end(input, board, None),
                State::Waiting(probe, heading) => match probe.into_chunker() {
                    Ok(chunker) => place.state = State::Open(chunker.headed(heading)),
                    Err(error) => return self.end(input, board, Some(error)),
                },
                State::Open(mut chunker) if chunker.reads() => {
                    drop(board);
                    let read = chunker.next(self.chunk_bytes);
                    return self.take(input, self.lock(), chunker, read);
                }
                State::Open(mut chunker) => {
                    let read = chunker.next(self.chunk_bytes);
                    return self.take(input, board, chunker, read);
                }
                State::Reading | State::Ended => {}
            }
        }
    }

    fn take(
        &self,
        input: usize,
        mut board: MutexGuard<Board>,
        chunker: Chunker,
        read: io::Result<Option<Chunk>>,
    ) -> Next {
        let Board { places, untaken, .. } = &mut *board;
        let place = &mut places[input];
        if matches!(place.state, State::Ended) {
            // It was ended while the chunk was being read; other inputs may not be.
            drop(board);
            return self.next();
        }
        match read {
            Ok(Some(chunk)) => {
                place.state = State::Open(chunker);
                let number = place.next_number;
                place.next_number += 1;
                place.in_flight += 1;
                *untaken += 1;
                let job = Job { input, number, newest_ms: place.newest_ms, chunk };
                self.tell(board);
                Next::Job(job)
            }
            Ok(None) => self.end(input, board, None),
            Err(error) => self.end(input, board, Some(error)),
        }
    }

    fn end(&self, input: usize, mut board: MutexGuard<Board>, error: Option<io::Error>) -> Next {
        let place = &mut board.places[input];
        place.state = State::Ended;
        let chunks = place.next_number;
        self.tell(board);
        Next::Ended(input, chunks, error)
    }

    /// Says that the merge has taken a chunk, which may wait there for its turn. Of many small inputs, all might be read
    /// before that otherwise.
    pub fn taken(&self) {
        let mut board = self.lock();
        board.untaken -= 1;
        self.tell(board);
    }

    /// Says that a chunk has been merged, and how far its input has come.
    pub fn merged(&self, input: usize, newest_ms: Option<i64>) {
        let mut board = self.lock();
        let place = &mut board.places[input];
        place.in_flight -= 1;
        place.newest_ms = place.newest_ms.max(newest_ms);
        if let Some(newest_ms) = place.newest_ms {
            place.frontier_ms = newest_ms;
        }
        self.tell(board);
    }

    /// Ends one input where it is; how many chunks it had.
    pub fn end_early(&self, input: usize) -> u64 {
        let mut board = self.lock();
        let place = &mut board.places[input];
        place.state = State::Ended;
        let chunks = place.next_number;
        self.tell(board);
        chunks
    }

    /// Ends every input, so that no worker waits or starts anew.
    pub fn stop(&self) {
        let mut board = self.lock();
        board.places.iter_mut().for_each(|place| place.state = State::Ended);
        self.tell(board);
    }

    /// Wakes those who wait; a call to the kernel even where nobody does, so they are counted.
    fn tell(&self, board: MutexGuard<Board>) {
        let is_waited_for = board.waiting > 0;
        drop(board);
        if is_waited_for {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        threads::lock(&self.board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::InputName;
    use std::fs;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const SOON: Duration = Duration::from_millis(50);
    const AT_LAST: Duration = Duration::from_secs(30);

    #[test]
    fn small_inputs_are_not_read_far_ahead_of_the_merge() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = (0..20).map(|number| {
            let path = folder.path().join(number.to_string());
            fs::write(&path, "a line\n").unwrap();
            let probe = Probe::open(&InputName::Path(path)).unwrap();
            Queued { probe, first_ms: Some(number), has_lines: true, heading: None }
        });
        let (schedule, (sender, given)) = (Schedule::new(inputs, 100, 4), channel());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    match schedule.next() {
                        Next::Job(job) => sender.send(job.input).unwrap(),
                        Next::Ended(..) => {}
                        Next::Done => return,
                    }
                }
            });
            let _guard = StopOnPanic(&schedule);
            let is_given = |input| given.recv_timeout(AT_LAST) == Ok(input);
            assert!((0..4).all(is_given));
            for next in 4..8 {
                assert!(given.recv_timeout(SOON).is_err(), "before {next}");
                schedule.taken();
                assert!(is_given(next));
            }
            schedule.stop();
        });
    }
}
