//! The reference that `stickd --manual` prints, made from the tables that the program itself reads:
//! a word that a table has cannot be missing here.
//!
//! ```text
//!   tables of config, admin, options --> sources --> entries --> text
//! ```
//!
//! `operation` has what no table has: signals, files and exit statuses.

mod entry;
mod operation;
mod sources;
mod text;

use crate::config::text::nearest::hint;
use entry::Entry;

/// The manual: all of it for an empty `name`, else the entries of that name. `timeout` and `tcplog`
/// find `timeout client` and `option tcplog`.
///
/// # Errors
/// What to say of a name that no entry has.
pub fn manual(name: &str) -> Result<String, String> {
    let entries = sources::entries();
    if name.is_empty() {
        return Ok(text::everything(&entries));
    }
    let is_name = |entry: &&Entry| entry.name == name;
    let begins = |entry: &&Entry| entry.name.split(' ').next() == Some(name);
    let has = |entry: &&Entry| entry.name.split(' ').any(|word| word == name);
    let tests: [&dyn Fn(&&Entry) -> bool; 3] = [&is_name, &begins, &has];
    let found = tests.iter().find_map(|test| {
        let found: Vec<&Entry> = entries.iter().filter(test).collect();
        (!found.is_empty()).then_some(found)
    });
    match found {
        Some(found) => Ok(text::of(&found)),
        None => {
            let hint = hint(name, entries.iter().map(|entry| entry.name.as_ref()));
            Err(format!("the manual has no entry '{name}'{hint}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::entry::Chapter;
    use super::*;
    use crate::admin::commands::COMMANDS;
    use crate::config::keywords;
    use crate::config::rules::reference;

    #[test]
    fn the_manual_names_every_word_of_the_tables() {
        let entries = sources::entries();
        let whole = text::everything(&entries);
        let words = reference::samples()
            .chain(reference::converters())
            .chain(reference::actions())
            .chain(reference::acls())
            .chain(reference::data_types());
        let words = words.map(|word| word.name);
        let words = words.chain(COMMANDS.iter().map(|command| Cow::from(command.words())));
        for name in keywords().map(|row| Cow::from(row.name)).chain(words) {
            assert!(entries.iter().any(|entry| entry.name == name), "{name}");
            assert!(whole.contains(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn every_entry_says_what_it_means() {
        for entry in sources::entries() {
            assert!(!entry.help.is_empty(), "{entry:?}");
            assert!(entry.syntax.starts_with(entry.name.as_ref()), "{entry:?}");
        }
    }

    #[test]
    fn a_word_of_several_sections_is_told_for_each() {
        let found = manual("maxconn").unwrap();
        for chapter in [Chapter::Global, Chapter::Proxies, Chapter::Servers] {
            assert!(found.contains(chapter.title()), "{found}");
        }
    }

    #[test]
    fn part_of_a_name_finds_what_has_it() {
        assert!(manual("timeout").unwrap().contains("timeout client"));
        assert!(manual("tcplog").unwrap().contains("option tcplog"));
        assert!(manual("timeout client").unwrap().lines().count() < 20);
    }

    #[test]
    fn an_unknown_word_is_told_with_the_nearest_name() {
        let error = manual("maxcon").unwrap_err();
        assert_eq!(error, "the manual has no entry 'maxcon'; did you mean 'maxconn'?");
        assert_eq!(manual("xyzzy").unwrap_err(), "the manual has no entry 'xyzzy'");
    }

    #[test]
    fn an_example_stands_on_one_line() {
        let whole = manual("").unwrap();
        for entry in sources::entries() {
            let examples = entry.facts.iter().filter(|(title, _)| *title == "Example");
            for (_, example) in examples.filter(|(_, example)| !example.is_empty()) {
                assert!(whole.contains(&format!("Example: {example}\n")), "{example}");
            }
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        let whole = manual("").unwrap();
        let long: Vec<&str> = whole
            .lines()
            .filter(|line| line.starts_with("        ") && line.chars().count() > text::COLUMNS)
            .filter(|line| line.trim().contains(' '))
            .filter(|line| !line.trim().starts_with("Example: "))
            .collect();
        assert!(long.is_empty(), "{long:?}");
    }
}
