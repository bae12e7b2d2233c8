//! Which list and which version of it a command names.

use crate::admin::commands::answer::Answer;
use crate::admin::commands::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::config::rules::{EntryId, ListForm, ListId, Selection};

/// The form of the lists that a command is about: its second word.
pub(super) fn form(line: &CommandLine) -> ListForm {
    if line.word(1) == Some(b"map") { ListForm::Map } else { ListForm::Acl }
}

/// What HAProxy calls lists of a form.
pub(super) fn word(form: ListForm) -> &'static str {
    match form {
        ListForm::Acl => "ACL",
        ListForm::Map => "map",
    }
}

pub(super) fn unknown(form: ListForm) -> Answer {
    Answer::error(format!("Unknown {} identifier. Please use #<id> or <file>.", word(form)))
}

/// The version that a command names before the list, and the position of the list.
pub(super) fn version(line: &CommandLine) -> (Option<u32>, usize) {
    let Some(digits) = line.word(2).and_then(|word| word.strip_prefix(b"@")) else {
        return (None, 2);
    };
    // As in HAProxy, what is no number is version 0.
    (Some(text(digits).parse().unwrap_or(0)), 3)
}

/// The list that the word at a position names.
///
/// # Errors
///
/// There is none.
pub(super) fn list(line: &CommandLine, at: usize, context: &Context<'_>) -> Result<ListId, Answer> {
    let form = form(line);
    let name = line.text(at).unwrap_or_default();
    let found = context.shared.patterns.position(|list| list.is_named(form, &name));
    found.ok_or_else(|| unknown(form))
}

/// A word, which must be UTF-8.
///
/// # Errors
///
/// It is not.
pub(super) fn utf8(word: &[u8]) -> Result<&str, Answer> {
    std::str::from_utf8(word).map_err(|_| Answer::error("It is not valid UTF-8."))
}

/// The entries that a word names: by their key, or by the number that `show` prints, behind `#`.
pub(super) fn selection(word: &str) -> Selection<'_> {
    let Some(number) = word.strip_prefix('#') else { return Selection::Key(word) };
    let digits = number.strip_prefix("0x").unwrap_or(number);
    Selection::Entry(EntryId(u64::from_str_radix(digits, 16).unwrap_or(0)))
}
