//! Counts by minute from requests that come nearly in order: a minute stays open until none can come any more that
//! started in it.
//!
//! A minute takes the requests that started in it by their stamps. Where stamps are whole seconds, these differ by less
//! than a second from the starts that requests come in the order of.

use super::call::MINUTE_US;
use super::spool::MAX_SPREAD_US;

/// Minutes that may still grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenMinutes<T> {
    /// By start, in microseconds.
    open: Vec<(i64, T)>,
    /// Empty counts, with the room that they took.
    spare: Vec<T>,
}

impl<T: Default> OpenMinutes<T> {
    /// The counts of the minute that holds `at_us`; nothing comes any more from before `floor_us`, which is no later.
    /// Hands minutes that are over to `close`, with their start in microseconds, in order of time; `close` leaves the
    /// counts empty.
    #[inline(always)]
    pub(crate) fn at(&mut self, at_us: i64, floor_us: i64, close: impl FnMut(i64, &mut T)) -> &mut T {
        let newest = self.open.len().wrapping_sub(1);
        let index = match self.open.get(newest) {
            Some((start_us, _)) if (at_us.wrapping_sub(*start_us) as u64) < MINUTE_US as u64 => newest,
            _ => self.find(at_us, floor_us, close),
        };
        &mut self.open[index].1
    }

    fn find(&mut self, at_us: i64, floor_us: i64, close: impl FnMut(i64, &mut T)) -> usize {
        let start_us = at_us.div_euclid(MINUTE_US) * MINUTE_US;
        let earlier = |open: &[(i64, T)]| open.partition_point(|(other_us, _)| *other_us < start_us);
        let index = earlier(&self.open);
        if self.open.get(index).is_some_and(|(other_us, _)| *other_us == start_us) {
            return index;
        }
        let over = self.open.partition_point(|(other_us, _)| other_us.saturating_add(MINUTE_US) <= floor_us);
        self.close(over, close);
        let index = earlier(&self.open);
        self.open.insert(index, (start_us, self.spare.pop().unwrap_or_default()));
        index
    }

    fn close(&mut self, minutes: usize, mut close: impl FnMut(i64, &mut T)) {
        for (start_us, mut counts) in self.open.drain(..minutes) {
            close(start_us, &mut counts);
            self.spare.push(counts);
        }
    }

    /// Hands over what is still open.
    pub(crate) fn finish(&mut self, close: impl FnMut(i64, &mut T)) {
        self.close(self.open.len(), close);
    }
}

/// Before what no request comes any more behind one with this stamp, where they come in order of start.
pub(crate) fn floor_behind_us(stamped_start_us: i64) -> i64 {
    stamped_start_us.saturating_sub(MAX_SPREAD_US)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::take;

    fn closed(calls: &[(i64, i64)]) -> Vec<(i64, u32)> {
        let mut minutes = OpenMinutes::<u32>::default();
        let mut closed = Vec::new();
        for (at_us, floor_us) in calls {
            *minutes.at(*at_us, *floor_us, |start_us, count| closed.push((start_us / MINUTE_US, take(count)))) += 1;
        }
        minutes.finish(|start_us, count| closed.push((start_us / MINUTE_US, take(count))));
        closed
    }

    #[test]
    fn a_minute_closes_when_nothing_of_it_can_come() {
        let at = [-1, 0, -1, MINUTE_US, MINUTE_US - 1, 2 * MINUTE_US - 1, 2 * MINUTE_US, 9 * MINUTE_US];
        let expected = [(-1, 2), (0, 2), (1, 2), (2, 1), (9, 1)];
        assert_eq!(closed(&at.map(|at_us| (at_us, at_us - 1))), expected);
        assert_eq!(closed(&at.map(|at_us| (at_us, -MINUTE_US))), expected);
    }

    #[test]
    fn minutes_come_in_any_order_above_the_floor() {
        let at = [7, 3, 5, 3, 9, 4].map(|minute| (minute * MINUTE_US, 3 * MINUTE_US));
        assert_eq!(closed(&at), [(3, 2), (4, 1), (5, 1), (7, 1), (9, 1)]);
        let then = [(10 * MINUTE_US, 5 * MINUTE_US), (5 * MINUTE_US, 5 * MINUTE_US)];
        assert_eq!(closed(&[&at[..], &then].concat()), [(3, 2), (4, 1), (5, 2), (7, 1), (9, 1), (10, 1)]);
    }
}
