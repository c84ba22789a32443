//! Decimal numbers as logs write times and durations, kept exactly.
//!
//! Bytes in, `mantissa * 10^exponent` out, without a float in between: `0.1` has to stay a tenth.

use crate::request::POW10_U64;

/// Digits that always fit a `u64`.
const MAX_DIGITS: u32 = 19;

/// Exponents are held within this, which is far past every use.
const MAX_EXPONENT: i32 = 1_000_000;

/// A decimal number; digits past the 19th significant one are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

impl Decimal {
    /// Reads what JSON calls a number, leading zeros allowed.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (negative, unsigned) = match bytes {
            [b'-', unsigned @ ..] => (true, unsigned),
            _ => (false, bytes),
        };
        if let Some((mantissa, exponent)) = parse_short(unsigned) {
            return Some(Decimal { negative, mantissa, exponent });
        }
        let mut digits = Digits::default();
        let rest = digits.read(unsigned, 0)?;
        let rest = match rest {
            [b'.', fraction @ ..] => digits.read(fraction, -1)?,
            _ => rest,
        };
        let exponent = match rest {
            [] => digits.exponent,
            [b'e' | b'E', power @ ..] => digits.exponent.saturating_add(parse_exponent(power)?),
            _ => return None,
        };
        let exponent = if digits.mantissa == 0 { 0 } else { exponent.clamp(-MAX_EXPONENT, MAX_EXPONENT) };
        Some(Decimal { negative, mantissa: digits.mantissa, exponent })
    }

    /// Below zero; minus zero is not.
    pub(crate) fn is_negative(self) -> bool {
        self.negative && self.mantissa != 0
    }

    /// The digits without their point.
    pub(crate) fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// The power of ten that places the point.
    pub(crate) fn exponent(self) -> i32 {
        self.exponent
    }

    /// How many digits stand before the point, leading zeros apart; below 1 for numbers below 1.
    pub(crate) fn integer_digits(self) -> i32 {
        self.mantissa.checked_ilog10().map_or(0, |log| log as i32 + 1 + self.exponent)
    }

    /// This number times `10^power`; `None` past the exponents that are held.
    pub(crate) fn scaled(self, power: i32) -> Option<Self> {
        Some(Decimal { exponent: self.exponent.checked_add(power)?, ..self })
    }

    /// The magnitude without its fraction; `None` past a `u64`.
    pub(crate) fn truncated(self) -> Option<u64> {
        let power = POW10_U64.get(self.exponent.unsigned_abs() as usize).copied();
        match (self.exponent < 0, power) {
            (false, Some(power)) => self.mantissa.checked_mul(power),
            (false, None) => (self.mantissa == 0).then_some(0),
            (true, Some(power)) => Some(self.mantissa / power),
            (true, None) => Some(0),
        }
    }

    /// The magnitude, if it is a whole number.
    pub(crate) fn whole(self) -> Option<u64> {
        let whole = self.truncated()?;
        let exact = match POW10_U64.get(self.exponent.unsigned_abs() as usize) {
            Some(power) if self.exponent < 0 => whole * power == self.mantissa,
            None if self.exponent < 0 => self.mantissa == 0,
            _ => true,
        };
        exact.then_some(whole)
    }

    /// The sum of two magnitudes; `None` when 19 digits cannot hold it.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let (coarse, fine) = if self.exponent > other.exponent { (self, other) } else { (other, self) };
        let shift = coarse.exponent.abs_diff(fine.exponent) as usize;
        let aligned = match coarse.mantissa {
            0 => 0,
            mantissa => mantissa.checked_mul(*POW10_U64.get(shift)?)?,
        };
        Some(Decimal { negative: false, mantissa: aligned.checked_add(fine.mantissa)?, exponent: fine.exponent })
    }
}

#[derive(Default)]
struct Digits {
    mantissa: u64,
    significant: u32,
    exponent: i32,
}

impl Digits {
    /// Appends at least one digit; each moves the point by `point_step`, each that is cut off by one back.
    #[inline(always)]
    fn read<'a>(&mut self, bytes: &'a [u8], point_step: i32) -> Option<&'a [u8]> {
        let mut rest = bytes;
        while let [byte @ b'0'..=b'9', after @ ..] = rest {
            rest = after;
            if self.significant < MAX_DIGITS {
                self.mantissa = self.mantissa * 10 + u64::from(byte - b'0');
                self.significant += u32::from(self.mantissa != 0);
                self.exponent = self.exponent.saturating_add(point_step);
            } else {
                self.exponent = self.exponent.saturating_add(point_step + 1);
            }
        }
        (rest.len() < bytes.len()).then_some(rest)
    }
}

/// Reads the common shapes, `12` and `0.345`, when no digit can need cutting; `None` decides nothing.
#[inline(always)]
fn parse_short(bytes: &[u8]) -> Option<(u64, i32)> {
    if bytes.len() > MAX_DIGITS as usize {
        return None;
    }
    let (mut mantissa, mut point) = (0u64, None);
    for (at, byte) in bytes.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() && at > 0 {
            point = Some(at + 1);
        } else {
            return None;
        }
    }
    let fraction_digits = bytes.len() - point.unwrap_or(bytes.len());
    let ends_in_digit = point != Some(bytes.len()) && !bytes.is_empty();
    let exponent = if mantissa == 0 { 0 } else { -(fraction_digits as i32) };
    ends_in_digit.then_some((mantissa, exponent))
}

#[cold]
fn parse_exponent(bytes: &[u8]) -> Option<i32> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let mut power = 0i32;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        power = power.saturating_mul(10).saturating_add(i32::from(digit));
    }
    Some(if negative { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> Option<(u64, i32)> {
        Decimal::parse(text.as_bytes()).map(|number| (number.mantissa, number.exponent))
    }

    #[test]
    fn digits_are_kept_as_written() {
        assert_eq!(parts("0.010"), Some((10, -3)));
        assert_eq!(parts("48.799"), Some((48_799, -3)));
        assert_eq!(parts("4.8799E1"), Some((48_799, -3)));
        assert_eq!(parts("1e-3"), Some((1, -3)));
        assert_eq!(parts("2E+2"), Some((2, 2)));
        assert_eq!(parts("007"), Some((7, 0)));
        assert_eq!(parts("0e99"), Some((0, 0)));
        assert_eq!(parts("1e99999999999"), Some((1, MAX_EXPONENT)));
        assert_eq!(parts("1e-99999999999"), Some((1, -MAX_EXPONENT)));
    }

    #[test]
    fn the_twentieth_digit_is_cut_off() {
        assert_eq!(parts("9999999999999999999"), Some((9_999_999_999_999_999_999, 0)));
        assert_eq!(parts("99999999999999999998"), Some((9_999_999_999_999_999_999, 1)));
        assert_eq!(parts("0.00000000000000000000012"), Some((12, -23)));
        assert_eq!(parts("1.2345678901234567894"), Some((1_234_567_890_123_456_789, -18)));
    }

    #[test]
    fn other_text_is_no_number() {
        for text in ["", "-", ".5", "5.", "+5", "1e", "1e+", "1.e3", "0x10", "1 ", " 1", "1,5", "--1", "1e1.5", "NaN"] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }

    #[test]
    fn minus_zero_is_not_negative() {
        assert!(!Decimal::parse(b"-0.00").unwrap().is_negative());
        assert!(Decimal::parse(b"-0.01").unwrap().is_negative());
    }

    #[test]
    fn whole_numbers_may_have_a_zero_fraction() {
        let whole = |text: &str| Decimal::parse(text.as_bytes()).unwrap().whole();
        assert_eq!(whole("200.0"), Some(200));
        assert_eq!(whole("2e2"), Some(200));
        assert_eq!(whole("200.1"), None);
        assert_eq!(whole("1e-25"), None);
        assert_eq!(whole("0.0"), Some(0));
        assert_eq!(whole("1e20"), None);
    }

    #[test]
    fn sums_are_exact() {
        let add =
            |a: &str, b: &str| Decimal::parse(a.as_bytes()).unwrap().checked_add(Decimal::parse(b.as_bytes()).unwrap());
        let exact = |mantissa, exponent| Some(Decimal { negative: false, mantissa, exponent });
        assert_eq!(add("0.010", "0.003"), exact(13, -3));
        assert_eq!(add("1e3", "0.5"), exact(10_005, -1));
        assert_eq!(add("0", "0.25"), exact(25, -2));
        assert_eq!(add("1e20", "1"), None);
    }

    proptest! {
        #[test]
        fn the_short_way_is_the_long_way(text in "0{0,3}[0-9]{0,19}(\\.[0-9]{0,19})?") {
            // A power of `e0` says nothing but takes the long way.
            prop_assert_eq!(parts(&text), parts(&format!("{text}e0")), "{}", text);
        }

        #[test]
        fn agrees_with_the_integers(integer in any::<u32>(), zeros in 0usize..4) {
            let number = Decimal::parse(format!("{integer}.{}0", "0".repeat(zeros)).as_bytes()).unwrap();
            prop_assert_eq!(number.whole(), Some(u64::from(integer)));
        }

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[-+0-9.eE]{0,40}") {
            for input in [&bytes[..], text.as_bytes()] {
                if let Some(number) = Decimal::parse(input) {
                    let _ = (number.whole(), number.integer_digits(), number.checked_add(number), number.scaled(-6));
                }
            }
        }
    }
}
