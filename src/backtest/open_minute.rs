//! Counts by minute from requests that come nearly in order: the minute under way and the one before it stay open.
//!
//! Requests come by their start, but a minute takes those that started in it by their stamps. Where stamps are whole
//! seconds the two differ by less than a second, so never by more than one minute.

use super::call::MINUTE_US;

/// Two minutes that may still grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenMinutes<T> {
    /// The newer one's start, in microseconds; `None` before the first request.
    newer_us: Option<i64>,
    newer: T,
    older: T,
}

impl<T> OpenMinutes<T> {
    /// The counts of the minute that holds `at_us`. Hands minutes that are over to `close`, with their start in
    /// microseconds, in order of time; one without requests may be among them. `close` leaves the counts empty.
    #[inline]
    pub(crate) fn at(&mut self, at_us: i64, close: impl FnMut(i64, &mut T)) -> &mut T {
        match self.newer_us {
            Some(newer_us) if at_us < newer_us => &mut self.older,
            Some(newer_us) if (at_us.wrapping_sub(newer_us) as u64) < MINUTE_US as u64 => &mut self.newer,
            _ => self.turn(at_us, close),
        }
    }

    fn turn(&mut self, at_us: i64, mut close: impl FnMut(i64, &mut T)) -> &mut T {
        let next_us = at_us.div_euclid(MINUTE_US) * MINUTE_US;
        if let Some(newer_us) = self.newer_us.replace(next_us) {
            close(newer_us.saturating_sub(MINUTE_US), &mut self.older);
            if newer_us.saturating_add(MINUTE_US) == next_us {
                std::mem::swap(&mut self.newer, &mut self.older);
            } else {
                close(newer_us, &mut self.newer);
            }
        }
        &mut self.newer
    }

    /// Hands over what is still open.
    pub(crate) fn finish(&mut self, mut close: impl FnMut(i64, &mut T)) {
        let Some(newer_us) = self.newer_us.take() else { return };
        close(newer_us.saturating_sub(MINUTE_US), &mut self.older);
        close(newer_us, &mut self.newer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::take;

    #[test]
    fn a_minute_closes_when_the_second_after_it_begins() {
        let mut minutes = OpenMinutes::<u32>::default();
        let mut closed = Vec::new();
        for at_us in [-1, 0, -1, MINUTE_US, MINUTE_US - 1, 2 * MINUTE_US - 1, 2 * MINUTE_US, 9 * MINUTE_US] {
            *minutes.at(at_us, |start_us, count| closed.push((start_us / MINUTE_US, take(count)))) += 1;
        }
        minutes.finish(|start_us, count| closed.push((start_us / MINUTE_US, take(count))));
        closed.retain(|(_, count)| *count > 0);
        assert_eq!(closed, [(-1, 2), (0, 2), (1, 2), (2, 1), (9, 1)]);
    }
}
