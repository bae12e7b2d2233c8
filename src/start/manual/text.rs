//! The entries as text for a terminal. `scripts/man` reads the same text: a chapter's title stands
//! at the left edge, what an entry is called four columns in, and what is said about it eight.

use super::entry::{Chapter, Entry, Standing};

/// The longest line, unless one word or an example is longer.
pub(super) const COLUMNS: usize = 79;
const INDENTATION: &str = "        ";

/// The whole manual. Words that do nothing stand together where the reason is the same.
pub(super) fn everything(entries: &[Entry]) -> String {
    let mut text = String::new();
    for chapter in Chapter::ALL {
        write_title(&mut text, chapter);
        let of_chapter = || entries.iter().filter(|entry| entry.chapter == chapter);
        for entry in of_chapter().filter(|entry| entry.standing == Standing::Works) {
            write_entry(&mut text, entry);
        }
        for standing in [Standing::HasNoEffect, Standing::IsRefused] {
            let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
            for entry in of_chapter().filter(|entry| entry.standing == standing) {
                match groups.iter_mut().find(|(reason, _)| *reason == entry.help) {
                    Some((_, names)) => names.push(&entry.name),
                    None => groups.push((&entry.help, vec![&entry.name])),
                }
            }
            for (reason, names) in groups {
                text.push_str(&format!("    {}: {reason}\n", standing.title()));
                write_wrapped(&mut text, names.join(", ").split_inclusive(", "));
                text.push('\n');
            }
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Some entries, each under the title of its chapter.
pub(super) fn of(entries: &[&Entry]) -> String {
    let mut text = String::new();
    let mut chapter = None;
    for entry in entries {
        if chapter.replace(entry.chapter) != Some(entry.chapter) {
            write_title(&mut text, entry.chapter);
        }
        write_entry(&mut text, entry);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn write_title(text: &mut String, chapter: Chapter) {
    text.push_str(&format!("{}\n\n", chapter.title()));
}

fn write_entry(text: &mut String, entry: &Entry) {
    text.push_str(&format!("    {}\n", entry.syntax));
    match entry.standing {
        Standing::Works => write_paragraph(text, &sentence(&entry.help)),
        standing @ (Standing::HasNoEffect | Standing::IsRefused) => {
            write_paragraph(text, &format!("{}: {}", standing.title(), entry.help));
        }
    }
    for (title, fact) in entry.facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let line = format!("{title}: {fact}");
        // An example is copied from the screen, so it stays on one line.
        match *title {
            "Example" => text.push_str(&format!("{INDENTATION}{line}\n")),
            _ => write_paragraph(text, &line),
        }
    }
    text.push('\n');
}

/// The help of a row as a sentence: rows begin in lower case and have no full stop.
fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    let text = first.unwrap_or_default() + letters.as_str();
    if text.ends_with(['.', '?', '!']) { text } else { text + "." }
}

fn write_paragraph(text: &mut String, paragraph: &str) {
    let paragraph = paragraph.replace('`', "'");
    write_wrapped(text, paragraph.split_inclusive(' '));
}

/// Lines as long as fit, of parts that end with the blank that may be left out at a line's end.
fn write_wrapped<'a>(text: &mut String, parts: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for part in parts {
        let columns = INDENTATION.len() + line.chars().count() + part.trim_end().chars().count();
        if columns > COLUMNS && !line.is_empty() {
            text.push_str(&format!("{INDENTATION}{}\n", line.trim_end()));
            line.clear();
        }
        line.push_str(part);
    }
    text.push_str(&format!("{INDENTATION}{}\n", line.trim_end()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_between_its_parts() {
        let mut text = String::new();
        let word = "x".repeat(40);
        write_paragraph(&mut text, &format!("{word} {word} y"));
        assert_eq!(text, format!("{INDENTATION}{word}\n{INDENTATION}{word} y\n"));
    }

    #[test]
    fn help_becomes_a_sentence() {
        assert_eq!(sentence("the most clients"), "The most clients.");
        assert_eq!(sentence("It ends."), "It ends.");
    }
}
