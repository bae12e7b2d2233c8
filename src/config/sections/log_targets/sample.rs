//! `sample <ranges>:<size>`: of every `<size>` lines, those at some positions are sent.

use std::ops::RangeInclusive;

use crate::config::drafts::SampleDraft;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};

/// Reads `1,3-5:10`.
pub(super) fn read(word: &Placed<&str>) -> Parsed<SampleDraft> {
    let wrong =
        |reason: String| Mistake::new(word.place, format!("log sample '{}' {reason}", word.value));
    let Some((ranges, size)) = word.value.split_once(':') else {
        return Err(wrong("has no size: write <ranges>:<size>, such as 1:10".to_owned()));
    };
    let Some(size) = size.parse().ok().filter(|size: &u32| *size > 0) else {
        return Err(wrong(format!("has the invalid size '{size}'")));
    };
    let mut read = Vec::new();
    for text in ranges.split(',').filter(|text| !text.is_empty()) {
        let range = read_range(text);
        read.push(range.ok_or_else(|| wrong(format!("has the invalid range '{text}'")))?);
    }
    read.sort_by_key(|range| *range.start());
    let highest = read.iter().map(|range| *range.end()).max();
    match highest {
        None => Err(wrong("has no range".to_owned())),
        Some(highest) if highest > size => {
            Err(wrong(format!("has a range that ends behind the size, {size}")))
        }
        Some(_) if read.is_sorted_by(|one, next| one.end() < next.start()) => {
            Ok(SampleDraft { ranges: read, size })
        }
        Some(_) => Err(wrong("has ranges that overlap".to_owned())),
    }
}

/// Reads `3` or `3-5`. The first position is 1.
fn read_range(text: &str) -> Option<RangeInclusive<u32>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let range = low.parse().ok()?..=high.parse().ok()?;
    (*range.start() > 0 && !range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::diagnostic::Place;

    fn sample(text: &str) -> Result<SampleDraft, String> {
        read(&Placed { value: text, place: Place::default() }).map_err(|mistake| mistake.message)
    }

    #[test]
    fn ranges_are_positions_from_1() {
        assert_eq!(sample("1:2"), Ok(SampleDraft { ranges: vec![1..=1], size: 2 }));
        assert_eq!(sample("5,1-3,:5"), Ok(SampleDraft { ranges: vec![1..=3, 5..=5], size: 5 }));
    }

    #[test]
    fn what_haproxy_refuses_is_refused() {
        for text in ["1-5:4", "5:4", "0:4", "2-1:4", "1,1:4", "1-3,2:4", "1", ":3", "1:x", "1:0"] {
            assert!(sample(text).is_err(), "{text}");
        }
    }
}
