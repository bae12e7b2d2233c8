//! Times, sizes and lists in words.

/// A time as people say it.
pub(super) fn time(ms: impl Into<u64>) -> String {
    let ms = ms.into();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    match units.into_iter().find(|(unit, _)| ms >= *unit && ms % unit == 0) {
        Some((unit, name)) => format!("{} {name}", ms / unit),
        None => format!("{ms} ms"),
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes.
pub(super) fn bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// The items with commas, and a word before the last one.
pub(super) fn list(items: &[String], before_last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {before_last} {last}", first.join(", ")),
    }
}

/// The word with an `s` unless there is one of it.
pub(super) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let times = [0, 999, 1000, 1500, 60_000, 5_400_000, 7_200_000].map(|ms: u64| time(ms));
        assert_eq!(times, ["0 ms", "999 ms", "1 s", "1500 ms", "1 min", "90 min", "2 h"]);
        let numbers = [0, 999, 1000, 1_234_567].map(|n: u64| number(n));
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        let sizes = [12, 1536, 5 << 20, 3 << 30].map(bytes);
        assert_eq!(sizes, ["12 bytes", "1.5 KiB", "5.0 MiB", "3.0 GiB"]);
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(list(&items, "and"), "a, b and c");
        assert_eq!(list(&items[..1], "and"), "a");
        assert_eq!([count(1, "server"), count(2, "server")], ["1 server", "2 servers"]);
    }
}
