//! The table of the actions of rules, one file for each subject, and how their words are read.

mod decisions;
mod ends;
mod entries;
mod packets;
mod priorities;
mod process_variables;
mod row;
mod variables;
mod words;

use std::sync::LazyLock;

use super::rule::RuleAction;
use crate::config::drafts::names::Names;
use crate::config::keywords::refused_samples;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::nearest::hint;
use words::ActionWords;

pub(in crate::config) use process_variables::process_variables;
pub use process_variables::read_for_command;
pub(super) use row::ActionRow;

/// Every action.
pub(super) static ACTIONS: LazyLock<Vec<ActionRow>> = LazyLock::new(|| {
    let about_connections = [decisions::rows(), ends::rows(), packets::rows(), priorities::rows()];
    let about_state = [entries::rows(), variables::rows()];
    about_connections.into_iter().chain(about_state).flatten().collect()
});

/// An action as it was read.
pub(super) struct ActionRead<'r, 'w> {
    pub(super) action: RuleAction,
    pub(super) row: &'static ActionRow,
    /// The words behind the action.
    pub(super) rest: &'r [Placed<&'w str>],
}

/// Reads the action that the words begin with.
///
/// # Errors
///
/// There is no such action, or its arguments are wrong.
pub(super) fn read<'r, 'w>(
    words: &'r [Placed<&'w str>],
    names: Names<'_>,
) -> Parsed<ActionRead<'r, 'w>> {
    let Some((word, rest)) = words.split_first() else {
        return Err(Mistake::new(Place::default(), "an action is missing"));
    };
    let (name, inside) = match word.value.split_once('(') {
        Some((name, inside)) => (name, Some(inside)),
        None => (word.value, None),
    };
    let row = ACTIONS.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| Mistake::new(word.place, unknown(name)))?;
    let mut words = ActionWords { name, word, inside, rest, names };
    let action = (row.read)(&mut words)?;
    Ok(ActionRead { action, row, rest: words.rest })
}

fn unknown(name: &str) -> String {
    match refused_samples::find(refused_samples::ACTIONS, name) {
        Some(refusal) => format!("'{name}' is refused: {}", refusal.reason()),
        None => {
            let known = ACTIONS.iter().map(|row| row.name.as_ref());
            format!("unknown action '{name}'{}", hint(name, known))
        }
    }
}
