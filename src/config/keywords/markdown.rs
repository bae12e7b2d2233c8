//! Parts of the reference that several tables share.

/// A table of keywords, those with the same reason in one line.
pub(in crate::config) fn push_reasons<'a>(
    text: &mut String,
    title: &str,
    rows: impl Iterator<Item = (&'a str, &'a str)>,
) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, name) in rows {
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    if !reasons.is_empty() {
        text.push_str(&format!("\n| {title} | Why |\n|---|---|\n"));
    }
    for (reason, names) in reasons {
        text.push_str(&format!("| `{}` | {reason} |\n", names.join("`, `")));
    }
}
