//! Which windows a scan tests, and which it has to read for that.
//!
//! Times and a watermark in, window numbers out, counted from the epoch. Reads no clock: `now` is given.

/// Windows that a scan tests, both ends included; empty when `last` is before `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first window.
    pub first: i64,
    /// The last window.
    pub last: i64,
}

/// Windows before the watermark's that are tested again, for rows that were written late.
pub const AGAIN: i64 = 2;

impl Span {
    /// How many windows these are.
    pub fn count(self) -> u64 {
        u64::try_from(self.last - self.first + 1).unwrap_or(0)
    }

    /// Both spans and what lies between them.
    pub fn join(self, other: Span) -> Span {
        match (self.count(), other.count()) {
            (0, _) => other,
            (_, 0) => self,
            _ => Span { first: self.first.min(other.first), last: self.last.max(other.last) },
        }
    }

    /// The span in pieces of at most `most` windows, oldest first; itself where it is empty.
    pub fn pieces(self, most: i64) -> impl Iterator<Item = Span> {
        let firsts = (self.first..=self.last.max(self.first)).step_by(most.max(1) as usize);
        firsts.map(move |first| Span { first, last: first.saturating_add(most - 1).min(self.last) })
    }

    /// The rows to read, `from` inclusive and `to` exclusive, in UTC milliseconds: the tested windows and
    /// the `baseline` windows before them.
    pub fn bounds_ms(self, baseline: usize, window_ms: i64) -> (i64, i64) {
        let first = self.first.saturating_sub(i64::try_from(baseline).unwrap_or(i64::MAX));
        (first.saturating_mul(window_ms), self.last.saturating_add(1).saturating_mul(window_ms))
    }
}

/// The last window that is complete at `now_ms`, `grace_ms` being held back.
pub fn last_completed(now_ms: i64, grace_ms: i64, window_ms: i64) -> i64 {
    now_ms.saturating_sub(grace_ms).div_euclid(window_ms) - 1
}

/// What a scan by the clock tests: every window since the watermark, the last window tested, and the two
/// before again; without a watermark the last window alone. At most `catch_up` windows; the number left out
/// for that is second.
pub fn since(watermark: Option<i64>, last: i64, catch_up: i64) -> (Span, u64) {
    let Some(watermark) = watermark else { return (Span { first: last, last }, 0) };
    let first = watermark.saturating_add(1).min(last.saturating_add(1)).saturating_sub(AGAIN);
    let earliest = last.saturating_sub(catch_up.max(1)).saturating_add(1);
    let left_out = earliest.saturating_sub(watermark.saturating_add(1)).max(0);
    (Span { first: first.max(earliest), last }, left_out.unsigned_abs())
}

/// The windows with start >= `from_ms` and end <= `to_ms`, none after `last`.
pub fn between(from_ms: i64, to_ms: i64, last: i64, window_ms: i64) -> Span {
    let first = from_ms.div_euclid(window_ms) + i64::from(from_ms.rem_euclid(window_ms) != 0);
    Span { first, last: (to_ms.div_euclid(window_ms) - 1).min(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_span() {
        let pieces = |first, last| Span { first, last }.pieces(12).collect::<Vec<_>>();
        assert_eq!(pieces(5, 16), [Span { first: 5, last: 16 }]);
        assert_eq!(pieces(5, 17), [Span { first: 5, last: 16 }, Span { first: 17, last: 17 }]);
        assert_eq!(pieces(5, 4), [Span { first: 5, last: 4 }]);
        assert_eq!(pieces(0, 35).len(), 3);
    }

    #[test]
    fn a_window_is_complete_at_its_end_and_after_the_grace() {
        assert_eq!(last_completed(1299, 0, 100), 11);
        assert_eq!(last_completed(1300, 0, 100), 12);
        assert_eq!(last_completed(1329, 30, 100), 11);
        assert_eq!(last_completed(1330, 30, 100), 12);
        assert_eq!(last_completed(-1, 0, 100), -2);
    }

    #[test]
    fn a_scan_tests_what_came_since_and_the_last_two_again() {
        let check = |watermark, last, first, left_out| {
            assert_eq!(since(watermark, last, 24), (Span { first, last }, left_out), "{watermark:?} {last}");
        };
        check(None, 50, 50, 0);
        check(Some(49), 50, 48, 0);
        check(Some(50), 50, 49, 0);
        check(Some(48), 50, 47, 0);
        // The clock went back: nothing new, the last two again.
        check(Some(60), 50, 49, 0);
        // 24 windows at most; the 24th before is the first that still counts.
        check(Some(26), 50, 27, 0);
        check(Some(27), 50, 27, 0);
        check(Some(25), 50, 27, 1);
        check(Some(0), 50, 27, 26);
    }

    #[test]
    fn a_range_holds_whole_windows() {
        let check = |from, to, first, last| assert_eq!(between(from, to, 90, 100), Span { first, last });
        check(1000, 1300, 10, 12);
        check(1001, 1300, 11, 12);
        check(1000, 1299, 10, 11);
        check(-50, 100, 0, 0);
        check(1000, 99_999, 10, 90);
        assert_eq!(between(1000, 1099, 90, 100).count(), 0);
    }

    #[test]
    fn spans_join_and_read_their_baseline() {
        let span = |first, last| Span { first, last };
        assert_eq!(span(5, 6).join(span(9, 9)), span(5, 9));
        assert_eq!(span(5, 4).join(span(9, 9)), span(9, 9));
        assert_eq!(span(9, 9).join(span(5, 4)), span(9, 9));
        assert_eq!(span(20, 21).bounds_ms(12, 100), (800, 2200));
    }
}
