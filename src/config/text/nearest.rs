//! What a mistyped name was meant to be.

/// The candidate that is nearest to what was typed, if one is near enough to be meant.
pub(crate) fn nearest_of<'a>(
    typed: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Of one or two letters one is too much to be mistyped.
    let limit = if typed.len() < 3 { 0 } else { (typed.len() / 3).clamp(1, 3) };
    candidates
        .filter(|name| name.len().abs_diff(typed.len()) <= limit)
        .map(|name| (distance(name.as_bytes(), typed.as_bytes()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, changed or swapped with the next one.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let change = at(&above, column) + usize::from(letter != other);
            let put_or_take = at(&above, column + 1).min(at(&line, column)) + 1;
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(other)
                && to.get(column - 1) == Some(letter);
            let swap = if swapped { at(&before, column - 1) + 1 } else { usize::MAX };
            line.push(change.min(put_or_take).min(swap));
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(from.len())
}

/// `; did you mean 'x'?`, if a candidate is near enough to what was typed, else nothing.
pub(crate) fn hint<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest_of(typed, candidates).map(did_you_mean).unwrap_or_default()
}

/// The end of a message about a name that was mistyped.
pub(crate) fn did_you_mean(name: &str) -> String {
    format!("; did you mean '{name}'?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_put_in_taken_out_changed_and_swapped_are_counted() {
        assert_eq!(distance(b"balance", b"balence"), 1);
        assert_eq!(distance(b"bidn", b"bind"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
    }
}
