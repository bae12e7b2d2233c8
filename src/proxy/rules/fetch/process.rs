//! What is told of the process, the machine and the time.

use std::time::UNIX_EPOCH;

use crate::config::rules::TimeUnit;
use crate::proxy::random::RandomNumbers;
use crate::reactor::clock;

/// The time since 1970 with an offset, both in a unit.
pub(super) fn date(offset: i64, unit: TimeUnit) -> i64 {
    let since = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = match unit {
        TimeUnit::Seconds => u128::from(since.as_secs()),
        TimeUnit::Milliseconds => since.as_millis(),
        TimeUnit::Microseconds => since.as_micros(),
    };
    i64::try_from(number).unwrap_or(i64::MAX).saturating_add(offset)
}

/// The name of this machine.
pub(in crate::proxy::rules) fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A random UUID of version 4 (RFC 4122, section 4.4).
pub(super) fn uuid(random: &mut RandomNumbers) -> String {
    let mut bits = || u128::from(random.below(1 << 16));
    let number = (0..8).fold(0_u128, |number, _| number << 16 | bits());
    let number = number & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{number:032x}");
    let part = |start: usize, end: usize| digits.get(start..end).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_its_variant() {
        let mut random = RandomNumbers::new(7);
        let (one, other) = (uuid(&mut random), uuid(&mut random));
        assert_ne!(one, other);
        let letters: Vec<char> = one.chars().collect();
        assert_eq!((one.len(), letters[14]), (36, '4'));
        assert!("89ab".contains(letters[19]), "{one}");
    }
}
