//! Numbers as people read them: grouped by thousands, no more digits than mean something.
//!
//! For sentences, the table and Markdown alone; the formats for programs write full numbers.

/// Beyond this a number is written as a power of ten.
const LARGEST_PLAIN: f64 = 1e15;

/// A count: `1 234 567`.
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A count with its noun: `1 request`, `1 240 requests`.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A number with at most two decimals: `1 240`, `0.25`.
pub(crate) fn number(value: f64) -> String {
    trimmed(value, 2)
}

/// A number with at most three decimals: `1 439.912`.
pub(crate) fn fine(value: f64) -> String {
    trimmed(value, 3)
}

/// Milliseconds with about three significant digits: `0.84`, `12.3`, `1 240`.
pub(crate) fn millis(value_ms: f64) -> String {
    // The bounds lie where rounding would carry into the next digit.
    match value_ms.abs() {
        magnitude if magnitude < 9.995 => fixed(value_ms, 2),
        magnitude if magnitude < 99.95 => fixed(value_ms, 1),
        _ => fixed(value_ms, 0),
    }
}

/// A fraction as percent with one decimal, without the sign: `12.3`.
pub(crate) fn percent(fraction: f64) -> String {
    fixed(fraction * 100.0, 1)
}

/// A fraction as percent in a sentence: `87 %`, `0.4 %`, `less than 0.1 %`.
pub(crate) fn share(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent > 0.0 && percent < 0.1 { "less than 0.1 %".to_owned() } else { format!("{} %", trimmed(percent, 1)) }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value.abs() >= LARGEST_PLAIN {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.decimals$}");
    // A tiny negative rounds to `-0`.
    let text = if text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.')) { text.trim_start_matches('-') } else { &text };
    group(text)
}

/// Puts a space between each three digits of the integer part.
fn group(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let check = |value, expected: &str| assert_eq!(count(value), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1 000");
        check(12_345, "12 345");
        check(u64::MAX, "18 446 744 073 709 551 615");
        assert_eq!(counted(1, "request"), "1 request");
        assert_eq!(counted(0, "request"), "0 requests");
        assert_eq!(counted(1_240, "request"), "1 240 requests");
    }

    #[test]
    fn numbers_keep_two_decimals() {
        let check = |value, expected: &str| assert_eq!(number(value), expected);
        check(1_240.0, "1 240");
        check(100.0, "100");
        check(7_372.000_01, "7 372");
        check(-1_234.567, "-1 234.57");
        check(-0.001, "0");
        check(0.25, "0.25");
        check(0.10, "0.1");
        check(999_999_999_999_999.0, "999 999 999 999 999");
        check(1e15, "1.000e15");
        check(f64::MAX, "1.798e308");
        check(f64::INFINITY, "inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn milliseconds_keep_three_digits() {
        let check = |value, expected: &str| assert_eq!(millis(value), expected);
        check(0.0, "0.00");
        check(0.844, "0.84");
        check(9.99, "9.99");
        check(9.996, "10.0");
        check(99.94, "99.9");
        check(99.96, "100");
        check(1_240.4, "1 240");
    }

    #[test]
    fn fractions_become_percent() {
        assert_eq!(percent(0.1234), "12.3");
        assert_eq!(percent(0.0), "0.0");
        assert_eq!(share(0.87), "87 %");
        assert_eq!(share(0.0042), "0.4 %");
        assert_eq!(share(0.0), "0 %");
        assert_eq!(share(0.001), "0.1 %");
        assert_eq!(share(0.000_99), "less than 0.1 %");
        assert_eq!(share(1.0), "100 %");
    }

    #[test]
    fn fine_numbers_have_three_decimals_at_most() {
        let texts = [0.0, 12.0, 999.0, 1240.0, 1_234_567.25, -1234.5, 0.0004].map(fine);
        assert_eq!(texts, ["0", "12", "999", "1 240", "1 234 567.25", "-1 234.5", "0"]);
    }
}
