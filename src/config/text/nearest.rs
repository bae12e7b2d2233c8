//! What a mistyped name was meant to be.

/// The candidate that is nearest to what was typed, if one is near enough to be meant.
pub(in crate::config) fn nearest_of<'a>(
    typed: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // In a word of one or two letters, one wrong letter is too much for a slip.
    let limit = if typed.len() < 3 { 0 } else { (typed.len() / 3).clamp(1, 3) };
    candidates
        .filter(|name| name.len().abs_diff(typed.len()) <= limit)
        .map(|name| (strsim::osa_distance(name, typed), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean 'x'?`, if a candidate is near enough to what was typed, else nothing.
pub(crate) fn hint<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest_of(typed, candidates).map(did_you_mean).unwrap_or_default()
}

/// The end of a message about a name that was mistyped.
pub(in crate::config) fn did_you_mean(name: &str) -> String {
    format!("; did you mean '{name}'?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_is_missing_extra_wrong_or_swapped_is_a_slip() {
        let meant = |typed| nearest_of(typed, ["balance", "bind", "id"].into_iter());
        for typed in ["balence", "blance", "ballance", "balanec"] {
            assert_eq!(meant(typed), Some("balance"), "{typed}");
        }
        assert_eq!(meant("bidn"), Some("bind"));
        assert_eq!(meant("bnid"), Some("bind"));
        assert_eq!(meant("ie"), None);
        assert_eq!(meant(""), None);
    }
}
