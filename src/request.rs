//! The one record that every source yields and every stage reads.
//!
//! A `Request` borrows from the line it was parsed from, so that no line allocates. It must not know
//! which format it came from.

/// How many fields beyond the fixed ones a user can ask for (`--where`, `--group-by`).
pub const MAX_EXTRA_FIELDS: usize = 4;

/// How many fields a run can look for itself, beside those.
pub(crate) const MAX_OPTIONAL_FIELDS: usize = 8;

/// The values of both kinds that a request carries: first those asked for, then those looked for.
pub const EXTRA_VALUES: usize = MAX_EXTRA_FIELDS + MAX_OPTIONAL_FIELDS;

/// Switching protocols: the connection lives on, its duration is no latency.
pub(crate) const SWITCHING_PROTOCOLS: u16 = 101;

/// Nothing is known under this path.
pub(crate) const NOT_FOUND: u16 = 404;

/// Statuses from here on are errors.
pub(crate) const FIRST_ERROR_STATUS: u16 = 500;

/// One finished HTTP request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request<'a> {
    /// The moment the request ended, UTC, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The method as logged, for example `GET`.
    pub method: &'a [u8],
    /// The request target as logged, its query string included.
    pub path: &'a [u8],
    /// The status code, 100 to 599.
    pub status: u16,
    /// How long the request took; `None` where the log does not say.
    pub duration: Option<DecimalMs>,
    /// A connection that is long by design (`text/event-stream`): its duration is no latency.
    /// Status 101 is judged by its code and need not be marked.
    pub long_lived: bool,
    /// Who called, as logged; `None` when absent, empty or `-`.
    pub developer: Option<&'a [u8]>,
    /// The values of the extra fields: those asked for, in their order, then those looked for.
    pub extras: Extras<'a>,
}

/// The values of a request's extra fields, as places in the line, so that a run without any pays nothing for them.
#[derive(Clone, Copy, Default)]
pub struct Extras<'a> {
    pub(crate) line: &'a [u8],
    /// Text that does not stand in the line as it is.
    pub(crate) scratch: &'a [u8],
    pub(crate) places: &'a [Option<Place>],
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) text: Text,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Which text a [`Place`] is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// The line.
    Line,
    /// What was put together or decoded.
    Scratch,
}

impl<'a> Extras<'a> {
    /// One value; `None` when it is absent, empty or `-`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let place = self.places.get(index).copied().flatten()?;
        place.of(self.line, self.scratch)
    }
}

impl PartialEq for Extras<'_> {
    fn eq(&self, other: &Self) -> bool {
        (0..EXTRA_VALUES).all(|index| self.get(index) == other.get(index))
    }
}

impl std::fmt::Debug for Extras<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries((0..self.places.len()).map(|index| self.get(index))).finish()
    }
}

impl Place {
    /// The value in these two texts.
    #[inline(always)]
    pub(crate) fn of<'a>(self, line: &'a [u8], scratch: &'a [u8]) -> Option<&'a [u8]> {
        let text = match self.text {
            Text::Line => line,
            Text::Scratch => scratch,
        };
        text.get(self.start..self.end)
    }
}

/// What one line turned out to be.
#[allow(clippy::large_enum_variant, reason = "a line is looked at once and never stored")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// A request.
    Request(Request<'a>),
    /// A well-formed line without a request in it: an empty or broken request line.
    NotRequest,
    /// A line that is about the log itself, such as a header; counted as nothing.
    Comment,
    /// A line that does not fit the format.
    Rejected(Rejection<'a>),
}

impl Line<'_> {
    /// Whether it is in the format that it was read by, be there a request in it or not.
    pub fn is_read(&self) -> bool {
        matches!(self, Line::Request(_) | Line::NotRequest)
    }
}

/// Why a line was not read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection<'a> {
    /// Byte column where reading stopped, from 1.
    pub column: usize,
    /// The bytes found there (may be empty at the end of the line); hostile, to be escaped before use.
    pub found: &'a [u8],
    /// What would have been right there, for example ``"`$status`, three digits"``.
    pub expected: &'a str,
}

/// A duration exactly as written: `mantissa * 10^exponent` milliseconds.
///
/// Kept in decimal because the two consumers need different exact forms: panes add whole nanoseconds,
/// the published rules compute in the `f64` that the log's own digits denote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalMs {
    mantissa: u64,
    exponent: i8,
}

/// The longest duration taken for real, in nanoseconds: 1,000 days.
pub const MAX_DURATION_NS: u64 = 86_400_000_000_000_000;

/// Every power of ten that a `u64` holds.
pub(crate) const POW10_U64: [u64; 20] = {
    let mut table = [1u64; 20];
    let mut i = 1;
    while i < 20 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

const POW10_F64: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

impl DecimalMs {
    /// A duration of `mantissa * 10^exponent` milliseconds; `None` when it is longer than
    /// [`MAX_DURATION_NS`].
    #[inline(always)]
    pub fn new(mantissa: u64, exponent: i8) -> Option<Self> {
        let duration = DecimalMs { mantissa, exponent };
        // The common case, whole or fractional milliseconds of a sane size, is decided without a table.
        if exponent <= 0 && mantissa < MAX_DURATION_NS / 1_000_000 {
            return Some(duration);
        }
        (duration.wide_nanos()? <= u128::from(MAX_DURATION_NS)).then_some(duration)
    }

    /// The power of ten that the digits are multiplied by.
    pub(crate) fn exponent(self) -> i8 {
        self.exponent
    }

    /// Whole nanoseconds, halves rounded up.
    #[inline(always)]
    pub fn nanos(self) -> u64 {
        if self.exponent == 0 {
            return self.mantissa * 1_000_000;
        }
        // `new` bounds the value, so the conversion cannot fail.
        self.wide_nanos().and_then(|n| u64::try_from(n).ok()).unwrap_or(MAX_DURATION_NS)
    }

    /// [`Self::nanos`] in microseconds, rounded up.
    #[inline(always)]
    pub(crate) fn micros(self) -> u64 {
        if self.exponent == 0 { self.mantissa * 1_000 } else { self.nanos().div_ceil(1_000) }
    }

    fn wide_nanos(self) -> Option<u128> {
        let mantissa = u128::from(self.mantissa);
        let shift = i32::from(self.exponent) + 6;
        if shift >= 0 {
            if mantissa == 0 {
                return Some(0);
            }
            let factor = u128::from(*POW10_U64.get(shift as usize)?);
            return mantissa.checked_mul(factor);
        }
        let Some(&divisor) = POW10_U64.get(shift.unsigned_abs() as usize) else { return Some(0) };
        let divisor = u128::from(divisor);
        Some((mantissa + divisor / 2) / divisor)
    }

    /// The `f64` nearest to the written number, in milliseconds.
    pub fn millis(self) -> f64 {
        let exact = self.mantissa < (1 << 53);
        let power = POW10_F64.get(usize::from(self.exponent.unsigned_abs())).copied();
        match power {
            // One correctly rounded operation on two exact operands (Clinger's fast path).
            Some(power) if exact && self.exponent < 0 => self.mantissa as f64 / power,
            Some(power) if exact => self.mantissa as f64 * power,
            _ => format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::INFINITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanos_and_millis_are_exact() {
        let check = |mantissa, exponent, nanos, millis| {
            let duration = DecimalMs::new(mantissa, exponent).unwrap();
            assert_eq!((duration.nanos(), duration.millis()), (nanos, millis), "{mantissa}e{exponent}");
            assert_eq!(duration.micros(), nanos.div_ceil(1_000), "{mantissa}e{exponent}");
        };
        check(48_799, -3, 48_799_000, 48.799);
        check(10, 0, 10_000_000, 10.0);
        check(5, 3, 5_000_000_000, 5000.0);
        check(12_345_678, -7, 1_234_568, 1.234_567_8);
        check(0, 100, 0, 0.0);
        check(123, -128, 0, 123e-128);
        check(18_446_744_073_709_551_615, -13, 1_844_674_407_371, 1_844_674.407_370_955_2);
    }

    #[test]
    fn a_thousand_days_is_the_limit() {
        assert!(DecimalMs::new(86_400_000_000, 0).is_some());
        assert!(DecimalMs::new(86_400_000_001, 0).is_none());
        assert!(DecimalMs::new(u64::MAX, 5).is_none());
        assert!(DecimalMs::new(1, 120).is_none());
    }
}
