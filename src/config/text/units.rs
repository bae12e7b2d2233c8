//! Numbers with units: times, sizes, and plain numbers within a range.

use std::fmt;
use std::ops::RangeInclusive;

/// The longest time that can be configured, in milliseconds (about 24.8 days), as in HAProxy.
const TIME_MAX_MS: u64 = 2_147_483_647;

/// Why a number cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// The text does not begin with a digit.
    NotANumber,
    /// What follows the digits is not a unit of time.
    NotATimeUnit,
    /// What follows the digits is not a unit of size.
    NotASizeUnit,
    /// A time of more than [`TIME_MAX_MS`].
    TooLong,
    /// The number is larger than this maximum.
    TooLarge(u64),
    /// The number is outside this range.
    OutOfRange(u64, u64),
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => write!(f, "is not a number"),
            Self::NotATimeUnit => write!(f, "is not a time (units: us, ms, s, m, h, d)"),
            Self::NotASizeUnit => write!(f, "is not a size (units: k, m, g)"),
            Self::TooLong => write!(f, "is too long (at most {TIME_MAX_MS} ms, about 24.8 days)"),
            Self::TooLarge(max) => write!(f, "is too large (at most {max})"),
            Self::OutOfRange(min, max) => write!(f, "is not between {min} and {max}"),
        }
    }
}

/// The unit of a time that is written without one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BareTime {
    Milliseconds,
    Seconds,
}

/// A time in milliseconds, at most [`TIME_MAX_MS`]. A time without a unit is in milliseconds.
///
/// # Errors
/// The text is not a time, or the time is too long.
pub(in crate::config) fn time_ms(text: &str) -> Result<u32, UnitError> {
    time_ms_in(text, BareTime::Milliseconds)
}

/// The same, with a choice for a time without a unit. Microseconds are rounded up.
pub(crate) fn time_ms_in(text: &str, bare: BareTime) -> Result<u32, UnitError> {
    let (digits, unit) = split_unit(text)?;
    let value: u64 = digits.parse().map_err(|_| UnitError::TooLong)?;
    let factor = match unit {
        "us" => return within(value.div_ceil(1000)),
        "" => match bare {
            BareTime::Milliseconds => 1,
            BareTime::Seconds => 1000,
        },
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(UnitError::NotATimeUnit),
    };
    within(value.checked_mul(factor).ok_or(UnitError::TooLong)?)
}

fn within(ms: u64) -> Result<u32, UnitError> {
    u32::try_from(ms).ok().filter(|_| ms <= TIME_MAX_MS).ok_or(UnitError::TooLong)
}

/// A size or a count, which may end with k, m or g for powers of 1024.
///
/// # Errors
/// The text is not a size, or the size does not fit 32 bits.
pub(in crate::config) fn size(text: &str) -> Result<u32, UnitError> {
    let (digits, unit) = split_unit(text)?;
    let too_large = || UnitError::TooLarge(u64::from(u32::MAX));
    let value: u64 = digits.parse().map_err(|_| too_large())?;
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(UnitError::NotASizeUnit),
    };
    let value = value.checked_mul(1 << shift).ok_or_else(too_large)?;
    u32::try_from(value).map_err(|_| too_large())
}

/// A decimal number without a unit.
///
/// # Errors
/// The text is not a number, or the number is outside the range.
pub(in crate::config) fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, UnitError> {
    let out_of_range = || UnitError::OutOfRange(u64::from(*range.start()), u64::from(*range.end()));
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UnitError::NotANumber);
    }
    text.parse().ok().filter(|value| range.contains(value)).ok_or_else(out_of_range)
}

fn split_unit(text: &str) -> Result<(&str, &str), UnitError> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty()).ok_or(UnitError::NotANumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_units_of_haproxy() {
        assert_eq!(time_ms("15"), Ok(15));
        assert_eq!(time_ms("100us"), Ok(1));
        assert_eq!(time_ms("5000us"), Ok(5));
        assert_eq!(time_ms("3s"), Ok(3000));
        assert_eq!(time_ms("2m"), Ok(120_000));
        assert_eq!(time_ms("1h"), Ok(3_600_000));
        assert_eq!(time_ms("24d"), Ok(2_073_600_000));
        assert_eq!(time_ms("25d"), Err(UnitError::TooLong));
        assert_eq!(time_ms("2147483647"), Ok(2_147_483_647));
        assert_eq!(time_ms("2147483648"), Err(UnitError::TooLong));
        assert_eq!(time_ms("99999999999999999999d"), Err(UnitError::TooLong));
        assert_eq!(time_ms("1h30m"), Err(UnitError::NotATimeUnit));
        assert_eq!(time_ms("-1"), Err(UnitError::NotANumber));
        assert_eq!(time_ms(""), Err(UnitError::NotANumber));
    }

    #[test]
    fn sizes_count_in_powers_of_1024() {
        assert_eq!(size("20k"), Ok(20_480));
        assert_eq!(size("1M"), Ok(1_048_576));
        assert_eq!(size("2g"), Ok(2_147_483_648));
        assert_eq!(size("4g"), Err(UnitError::TooLarge(4_294_967_295)));
        assert_eq!(size("4294967295"), Ok(u32::MAX));
        assert_eq!(size("1kk"), Err(UnitError::NotASizeUnit));
        assert_eq!(size("k"), Err(UnitError::NotANumber));
    }

    #[test]
    fn numbers_stay_within_their_range() {
        assert_eq!(number("7", 0..=9), Ok(7));
        assert_eq!(number("10", 0..=9), Err(UnitError::OutOfRange(0, 9)));
        assert_eq!(number("-1", 0..=9), Err(UnitError::OutOfRange(0, 9)));
        assert_eq!(number("99999999999", 0..=9), Err(UnitError::OutOfRange(0, 9)));
        assert_eq!(number("+1", 0..=9), Err(UnitError::NotANumber));
        assert_eq!(number("1x", 0..=9), Err(UnitError::NotANumber));
    }
}
