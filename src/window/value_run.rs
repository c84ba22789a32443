//! Durations of one endpoint and pane, left where the chunk that brought them has them.
//!
//! Only to be read again, run by run: their order means nothing.

use std::ops::Range;
use std::sync::Arc;

/// A stretch of one chunk's durations. The chunk's buffer is shared, because copying every duration into
/// a place of its own would cost more than the whole merge.
#[derive(Clone, Debug)]
pub struct ValueRun {
    chunk_ns: Arc<Vec<u64>>,
    start: u32,
    end: u32,
    max_ns: u64,
}

impl ValueRun {
    /// The stretch `range` of a chunk's durations, which lies within them and has none longer than `max_ns`.
    pub fn new(chunk_ns: &Arc<Vec<u64>>, range: Range<usize>, max_ns: u64) -> Self {
        ValueRun { chunk_ns: Arc::clone(chunk_ns), start: range.start as u32, end: range.end as u32, max_ns }
    }

    /// No duration is longer, in nanoseconds.
    pub fn max_ns(&self) -> u64 {
        self.max_ns
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
    /// Durations in nanoseconds with how often they occurred, in no order.
    counted: Vec<(u64, u64)>,
}

impl ValueRuns {
    /// Adds a run.
    pub fn push(&mut self, run: ValueRun) {
        match self.first.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(run),
            None => self.rest.push(run),
        }
    }

    /// Adds durations in nanoseconds with how often they occurred.
    pub fn push_counted(&mut self, values: &[(u64, u64)]) {
        self.counted.extend_from_slice(values);
    }

    /// Adds what another has.
    pub fn append(&mut self, other: ValueRuns) {
        other.first.into_iter().flatten().chain(other.rest).for_each(|run| self.push(run));
        self.counted.extend(other.counted);
    }

    /// What [`Self::push_counted`] added; none of it is in the runs.
    pub fn counted(&self) -> &[(u64, u64)] {
        &self.counted
    }

    /// The runs.
    pub fn iter(&self) -> impl Iterator<Item = &ValueRun> {
        self.first.iter().flatten().chain(&self.rest)
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
        let chunk = Arc::new((0..10).collect::<Vec<u64>>());
        let run = |range| ValueRun::new(&chunk, range, 9);
        let runs = ValueRuns::from_iter([run(0..2), run(2..2), run(4..7), run(9..10)]);
        let values: Vec<u64> = runs.iter().flat_map(ValueRun::values_ns).copied().collect();
        assert_eq!(values, [0, 1, 4, 5, 6, 9]);
    }
}
