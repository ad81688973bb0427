//! Exact decimal numbers in micro-units.

use std::fmt;
use std::str::FromStr;

/// A decimal number with six fractional digits, kept exactly as a whole count of millionths.
///
/// Sums and differences are exact. Products and quotients are rounded half to even at the sixth digit. Every
/// operation that would leave the range of `i128` answers `None`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number(i128);

const SCALE: i128 = 1_000_000;

impl Number {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(SCALE);

    /// The number that is `micro` millionths.
    #[must_use]
    pub const fn from_micro(micro: i128) -> Self {
        Self(micro)
    }

    /// How many millionths the number is.
    #[must_use]
    pub const fn micro(self) -> i128 {
        self.0
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self - other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `self * other`, rounded half to even at the sixth digit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(|product| Self(divide_half_even(product, SCALE)))
    }

    /// `self / other`, rounded half to even at the sixth digit; `None` when `other` is zero.
    #[must_use]
    pub fn over(self, other: Self) -> Option<Self> {
        if other.0 == 0 {
            return None;
        }
        self.0.checked_mul(SCALE).map(|scaled| Self(divide_half_even(scaled, other.0)))
    }

    /// The remainder of the truncated division, with the sign of `self`; `None` when `other` is zero.
    #[must_use]
    pub fn remainder(self, other: Self) -> Option<Self> {
        self.0.checked_rem(other.0).map(Self)
    }

    /// The nearest number to a binary float; `None` for what is not finite or out of range.
    ///
    /// The float's shortest decimal text is what counts, so that `29.33` stays 29.33.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_finite() { value.to_string().parse().ok() } else { None }
    }

    /// The nearest binary float.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the caller asked for the nearest float")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }

    /// The whole number, if there is no fraction and it fits.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        if self.0 % SCALE == 0 { i64::try_from(self.0 / SCALE).ok() } else { None }
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self(i128::from(whole) * SCALE)
    }
}

fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let twice = rest.unsigned_abs().saturating_mul(2);
    let away = match twice.cmp(&divisor.unsigned_abs()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
    };
    match (away, (dividend < 0) == (divisor < 0)) {
        (false, _) => quotient,
        (true, true) => quotient + 1,
        (true, false) => quotient - 1,
    }
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct NotANumber;

impl FromStr for Number {
    type Err = NotANumber;

    /// Reads `-12`, `12.5`, `.5`, `1e3`, `2.5E-4`. Digits beyond the sixth are rounded half to even.
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NotANumber)?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix(['-', '+']) {
            Some(rest) => (mantissa.starts_with('-'), rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || exponent.abs() > 40 {
            return Err(NotANumber);
        }
        let mut value: i128 = 0;
        let mut places = 0_i32;
        for (index, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
            if !byte.is_ascii_digit() {
                return Err(NotANumber);
            }
            if index >= whole.len() {
                if places >= 30 {
                    continue;
                }
                places += 1;
            }
            value = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(byte - b'0'))).ok_or(NotANumber)?;
        }
        let shift = 6 - places + exponent;
        let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(NotANumber)?;
        let micro =
            if shift >= 0 { value.checked_mul(power).ok_or(NotANumber)? } else { divide_half_even(value, power) };
        Ok(Self(if negative { -micro } else { micro }))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / SCALE.unsigned_abs(), magnitude % SCALE.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    fn n(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn decimals_are_read_and_written_exactly() {
        for text in ["0", "29.33", "-0.5", "1234567.000001", "9223372036854.775807"] {
            assert_eq!(n(text).to_string(), text);
        }
        assert_eq!(n("1e3"), Number::from(1000));
        assert_eq!(n("2.5E-4").to_string(), "0.00025");
        assert_eq!(n("0.0000005"), Number::ZERO);
        assert_eq!(n("0.0000015").micro(), 2);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "-", "1,000", "12a", "0x10", "1e", "NaN", "inf", "1e99"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn five_over_two_is_two_and_a_half() {
        assert_eq!(n("5").over(n("2")), Some(n("2.5")));
        assert_eq!(n("1").over(Number::ZERO), None);
        assert_eq!(n("0.1").plus(n("0.2")), Some(n("0.3")));
        assert_eq!(n("-7").remainder(n("2")), Some(n("-1")));
    }

    #[test]
    fn floats_count_by_their_shortest_text() {
        assert_eq!(Number::from_f64(29.33), Some(n("29.33")));
        assert_eq!(Number::from_f64(f64::NAN), None);
    }
}
