//! Which numbers a knob takes, and how that is said.

use super::table::MAX_SPAN_MS;

/// Which numbers a knob takes; all of them finite.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds {
    Positive,
    NotNegative,
    Ratio,
    /// Minutes that make a whole number of milliseconds, up to [`MAX_SPAN_MS`].
    WholeMillis,
}

impl Bounds {
    pub(super) fn allow(self, number: f64) -> bool {
        number.is_finite()
            && match self {
                Bounds::Positive => number > 0.0,
                Bounds::NotNegative => number >= 0.0,
                Bounds::Ratio => (0.0..=1.0).contains(&number),
                Bounds::WholeMillis => is_whole_millis(number),
            }
    }

    pub(super) fn expected(self) -> String {
        match self {
            Bounds::Positive => "a number above 0".to_owned(),
            Bounds::NotNegative => "a number, 0 or more".to_owned(),
            Bounds::Ratio => "a number from 0 to 1".to_owned(),
            Bounds::WholeMillis => {
                format!("minutes above 0 that make a whole number of milliseconds, at most {}", MAX_SPAN_MS / 60_000)
            }
        }
    }
}

fn is_whole_millis(minutes: f64) -> bool {
    // 1.1 minutes are 66,000.000000000015 ms in binary arithmetic.
    const ROUNDING: f64 = 1e-6;
    let millis = minutes * 60_000.0;
    let whole = millis.round();
    (millis - whole).abs() < ROUNDING && (1.0..=MAX_SPAN_MS as f64).contains(&whole)
}

pub(super) fn expected_span(least_ms: i64) -> String {
    let least = if least_ms == 0 { "" } else { " above 0" };
    format!("a duration{least} with its unit, such as 30s, 5m, 2h or 7d, up to 36525d")
}

pub(super) fn span_text(millis: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.iter().find(|(unit_ms, _)| millis % unit_ms == 0);
    unit.map_or_else(|| format!("{millis}ms"), |(unit_ms, symbol)| format!("{}{symbol}", millis / unit_ms))
}
