//! The reference of the language, made from the tables.

use super::all_keywords::keywords;
use super::keywords::Scope;
use super::rules::reference as rules;
use crate::config::keywords::markdown::push_reasons;

/// Every keyword as Markdown: for each kind of section a table of what is understood, then what
/// has no effect and what is refused, and why.
pub fn reference() -> String {
    let mut text = String::new();
    for (scope, name) in Scope::NAMED {
        let rows = || keywords().filter(|row| row.scope.meets(scope));
        text.push_str(&format!("### {name}\n\n| Keyword | Meaning |\n|---|---|\n"));
        for row in rows().filter(|row| row.refusal().is_none() && !row.is_inert()) {
            let space = if row.arguments.is_empty() { "" } else { " " };
            let arguments = row.arguments.replace('|', "\\|");
            text.push_str(&format!("| `{}{space}{arguments}` | {} |\n", row.name, row.help));
        }
        let inert = rows().filter(|row| row.is_inert()).map(|row| (row.help, row.name));
        push_reasons(&mut text, "No effect", inert);
        let refused = rows().filter_map(|row| Some((row.refusal()?.reason(), row.name)));
        push_reasons(&mut text, "Refused", refused);
        text.push('\n');
    }
    text.push_str(&rules::markdown());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_names_every_keyword() {
        let reference = reference();
        for row in keywords() {
            assert!(reference.contains(&format!("`{}", row.name)), "{}", row.name);
        }
    }
}
