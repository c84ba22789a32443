//! How many failures an endpoint's window shows when nothing is wrong: an opening below that was a false one.
//!
//! The ends of an endpoint's calls are cut into periods of ten windows each, whatever a breaker did; so a busy and a
//! rare endpoint are judged on as many calls. A period falls into a class by its share of failures. The quiet ones are
//! the classes, from the lowest up, that make half of the endpoint's periods; the windows that lie within them give the
//! 99th percentile. An endpoint without a whole period has none, and no opening of it is called false.

use super::state::Window;

/// Windows' lengths that make a period.
const PERIOD_WINDOWS: u32 = 10;

/// Upper bounds of the classes, inclusive; the last class is everything above.
const CLASS_SHARES: [f64; 7] = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

const CLASSES: usize = CLASS_SHARES.len() + 1;

const PERCENTILE: f64 = 0.99;

/// All endpoints.
pub(super) struct Quiet {
    window_calls: u32,
    endpoints: Vec<Endpoint>,
}

/// One endpoint's windows.
#[derive(Clone)]
struct Endpoint {
    window: Window,
    /// Ends of the present period.
    calls: u32,
    failed: u32,
    /// Windows within the present period by their failures; those without any are the rest.
    present: Box<[u32]>,
    /// Periods by class.
    periods: [u64; CLASSES],
    /// Windows by class, then failures.
    windows: Box<[u64]>,
}

/// The 99th percentile by endpoint.
pub(super) struct Limits(Vec<u32>);

impl Limits {
    /// Whether quiet periods show more failures than this in more than one window of a hundred.
    pub(super) fn is_ordinary(&self, endpoint: u32, failures: u32) -> bool {
        self.0.get(endpoint as usize).is_some_and(|limit| failures < *limit)
    }
}

impl Quiet {
    pub(super) fn new(window_calls: u32) -> Self {
        Quiet { window_calls, endpoints: Vec::new() }
    }

    #[inline]
    fn at(&mut self, endpoint: u32) -> &mut Endpoint {
        let index = endpoint as usize;
        if index >= self.endpoints.len() {
            self.endpoints.resize(index + 1, Endpoint::new(self.window_calls));
        }
        &mut self.endpoints[index]
    }

    /// A call ended.
    pub(super) fn end(&mut self, endpoint: u32, failed: bool) {
        let window_calls = self.window_calls;
        self.at(endpoint).end(failed, window_calls);
    }

    /// So many calls ended well.
    pub(super) fn end_successes(&mut self, endpoint: u32, calls: u64) {
        let window_calls = self.window_calls;
        self.at(endpoint).end_successes(calls, window_calls);
    }

    pub(super) fn finish(self) -> Limits {
        Limits(self.endpoints.iter().map(Endpoint::limit).collect())
    }
}

impl Endpoint {
    fn new(window_calls: u32) -> Self {
        let sizes = window_calls as usize + 1;
        Endpoint {
            window: Window::default(),
            calls: 0,
            failed: 0,
            present: vec![0; sizes].into(),
            periods: [0; CLASSES],
            windows: vec![0; sizes * CLASSES].into(),
        }
    }

    fn end(&mut self, failed: bool, window_calls: u32) {
        self.calls += 1;
        self.failed += u32::from(failed);
        self.window.push(failed, window_calls);
        if self.calls >= window_calls {
            self.present[self.window.failures() as usize] += 1;
        }
        if self.calls == window_calls * PERIOD_WINDOWS {
            self.close_period(window_calls);
        }
    }

    /// Windows without a failure need not be counted one by one.
    fn end_successes(&mut self, mut calls: u64, window_calls: u32) {
        while calls > 0 && !self.window.is_settled(window_calls) {
            self.end(false, window_calls);
            calls -= 1;
        }
        while calls > 0 {
            let now = calls.min(u64::from(window_calls * PERIOD_WINDOWS - self.calls));
            self.calls += now as u32;
            calls -= now;
            if self.calls == window_calls * PERIOD_WINDOWS {
                self.close_period(window_calls);
            }
        }
    }

    #[inline]
    fn close_period(&mut self, window_calls: u32) {
        if self.failed == 0 {
            // No window within it has a failure.
            self.periods[0] += 1;
            self.windows[0] += u64::from(self.calls + 1 - window_calls);
            self.calls = 0;
        } else {
            self.close_failing_period(window_calls);
        }
    }

    fn close_failing_period(&mut self, window_calls: u32) {
        let share = f64::from(self.failed) / f64::from(self.calls);
        let class = CLASS_SHARES.iter().position(|bound| share <= *bound).unwrap_or(CLASS_SHARES.len());
        let counted: u32 = self.present[1..].iter().sum();
        self.present[0] = self.calls + 1 - window_calls - counted;
        self.periods[class] += 1;
        let sizes = self.present.len();
        for (sum, count) in self.windows[class * sizes..].iter_mut().zip(&mut self.present) {
            *sum += u64::from(std::mem::take(count));
        }
        (self.calls, self.failed) = (0, 0);
    }

    fn limit(&self) -> u32 {
        let sizes = self.present.len();
        let half = self.periods.iter().sum::<u64>().div_ceil(2);
        let mut quiet = vec![0u64; sizes];
        let mut periods = 0;
        for (class, count) in self.periods.iter().enumerate() {
            if periods >= half {
                break;
            }
            periods += count;
            for (sum, windows) in quiet.iter_mut().zip(&self.windows[class * sizes..]) {
                *sum += windows;
            }
        }
        nearest_rank(&quiet, PERCENTILE)
    }
}

/// The smallest value that the given share of the counted values does not exceed.
fn nearest_rank(counts: &[u64], share: f64) -> u32 {
    let rank = ((counts.iter().sum::<u64>() as f64 * share).ceil() as u64).max(1);
    let mut below = 0;
    let found = counts.iter().position(|count| {
        below += count;
        below >= rank
    });
    found.unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One endpoint's ends, as they come.
    fn limits(ends: impl Iterator<Item = bool>) -> Limits {
        let mut quiet = Quiet::new(10);
        ends.for_each(|failed| quiet.end(0, failed));
        quiet.finish()
    }

    proptest! {
        #[test]
        fn successes_in_one_number_are_as_many_one_by_one(
            stretches in prop::collection::vec((0u64..250, 1u32..4), 1..30),
            window_calls in 1u32..=128,
        ) {
            let (mut numbers, mut singles) = (Quiet::new(window_calls), Quiet::new(window_calls));
            for (successes, failures) in stretches {
                numbers.end_successes(0, successes);
                (0..successes).for_each(|_| singles.end(0, false));
                (0..failures).for_each(|_| {
                    numbers.end(0, true);
                    singles.end(0, true);
                });
            }
            let told = |quiet: &Quiet| (quiet.endpoints[0].periods, quiet.endpoints[0].windows.clone());
            prop_assert_eq!(told(&numbers), told(&singles));
            prop_assert_eq!(numbers.finish().0, singles.finish().0);
        }
    }

    #[test]
    fn the_limit_is_that_of_the_quieter_half_of_the_periods() {
        // Twice a hundred calls with one failure in ten, spread, then twice a hundred with all failing.
        let calm = (0..200).map(|n| n % 10 == 5);
        let found = limits(calm.chain((0..200).map(|_| true)));
        assert_eq!([0, 1, 2].map(|failures| found.is_ordinary(0, failures)), [true, false, false]);
        // A pair in each ten: windows of ten always hold two.
        let found = limits((0..100).map(|n| n % 10 < 2));
        assert_eq!([1, 2].map(|failures| found.is_ordinary(0, failures)), [true, false]);
    }

    #[test]
    fn one_window_of_a_hundred_may_show_more() {
        // Of 91 windows in a period ten hold the failure; in one period of ten that is one in a hundred.
        let with_failures = |periods: i64| (0..1000i64).map(move |n| n % 100 == 50 && n / 100 < periods);
        assert!(!limits(with_failures(0)).is_ordinary(0, 0));
        // The classes of 0 % and of 1 % alike are quiet when less than half of the periods are clean.
        assert!(limits(with_failures(6)).is_ordinary(0, 0));
        assert!(!limits(with_failures(5)).is_ordinary(0, 0));
    }

    #[test]
    fn without_a_whole_period_nothing_is_ordinary() {
        assert!(!limits((0..99).map(|n| n % 2 == 0)).is_ordinary(0, 0));
        assert!(limits((0..100).map(|n| n % 2 == 0)).is_ordinary(0, 0));
        assert!(!limits((0..100).map(|n| n % 2 == 0)).is_ordinary(7, 0));
    }
}
