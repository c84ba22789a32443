//! Durations of one endpoint and pane, left where the chunk that brought them has them.
//!
//! Only to be read again, run by run: their order means nothing.

use std::ops::Range;
use std::rc::Rc;

/// A stretch of one chunk's durations. The chunk's buffer is shared, because copying every duration into
/// a place of its own would cost more than the whole merge.
#[derive(Clone, Debug)]
pub struct ValueRun {
    chunk_ns: Rc<Vec<u64>>,
    start: u32,
    end: u32,
}

impl ValueRun {
    /// The stretch `range` of a chunk's durations, which lies within them.
    pub fn new(chunk_ns: &Rc<Vec<u64>>, range: Range<usize>) -> Self {
        ValueRun { chunk_ns: Rc::clone(chunk_ns), start: range.start as u32, end: range.end as u32 }
    }

    /// The durations, in nanoseconds.
    pub fn values_ns(&self) -> &[u64] {
        &self.chunk_ns[self.start as usize..self.end as usize]
    }
}

/// Runs of durations; the first two, which is nearly always all, without an allocation.
#[derive(Debug, Default)]
pub struct ValueRuns {
    first: [Option<ValueRun>; 2],
    rest: Vec<ValueRun>,
}

impl ValueRuns {
    /// Adds a run.
    pub fn push(&mut self, run: ValueRun) {
        match self.first.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(run),
            None => self.rest.push(run),
        }
    }

    /// Adds another's runs.
    pub fn append(&mut self, other: ValueRuns) {
        other.first.into_iter().flatten().chain(other.rest).for_each(|run| self.push(run));
    }

    /// The durations, run by run.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        self.first.iter().flatten().chain(&self.rest).map(ValueRun::values_ns)
    }
}

impl FromIterator<ValueRun> for ValueRuns {
    fn from_iter<I: IntoIterator<Item = ValueRun>>(runs: I) -> Self {
        let mut all = ValueRuns::default();
        runs.into_iter().for_each(|run| all.push(run));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_every_value() {
        let chunk = Rc::new((0..10).collect::<Vec<u64>>());
        let run = |range| ValueRun::new(&chunk, range);
        let mut runs = ValueRuns::from_iter([run(0..2), run(2..2)]);
        runs.append([run(4..7), run(9..10)].into_iter().collect());
        assert_eq!(runs.iter().flatten().copied().collect::<Vec<_>>(), [0, 1, 4, 5, 6, 9]);
    }
}
