//! `add map`, `add acl`, `set map`, `del map` and `del acl`.

use super::naming;
use super::naming::utf8;
use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::rules::{ChangeError, ListForm, ListId, Selection, WrongEntry, WrongPattern};

const ADD_MAP: &str = "'add map' expects three parameters (map identifier, key and value) or one \
                       parameter (map identifier) and a payload";
const ADD_ACL: &str = "'add acl' expects two parameters: ACL identifier and pattern.";
const SET_MAP: &str = "'set map' expects three parameters: map identifier, key and value.";

/// `add map [@<version>] <map> <key> <value>`, or with a payload of keys and values.
pub(super) fn add_map(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let (version, at) = naming::version(line);
    let entry = line.word(at + 1).zip(line.word(at + 2));
    if line.word(at).is_none() || (entry.is_none() && line.payload().is_none()) {
        return Answer::error(ADD_MAP);
    }
    naming::list(line, at, context)
        .and_then(|list| match (line.payload(), entry) {
            (Some(payload), _) => add_lines(list, version, utf8(payload)?, context),
            (None, Some((key, value))) => add(list, version, (utf8(key)?, utf8(value)?), context),
            (None, None) => Err(Answer::error(ADD_MAP)),
        })
        .map_or_else(|answer| answer, |()| Answer::text(""))
}

/// Adds what the lines of a payload have: a key and, behind blanks, a value in each.
fn add_lines(
    list: ListId,
    version: Option<u32>,
    payload: &str,
    context: &mut Context<'_>,
) -> Result<(), Answer> {
    for line in payload.lines() {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = value.trim_start_matches([' ', '\t']);
        if value.is_empty() {
            return Err(Answer::error(format!("Missing value for key '{key}'.")));
        }
        add(list, version, (key, value), context)?;
    }
    Ok(())
}

/// `add acl [@<version>] <acl> <pattern>`.
pub(super) fn add_acl(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let (version, at) = naming::version(line);
    let Some(pattern) = line.word(at + 1) else { return Answer::error(ADD_ACL) };
    naming::list(line, at, context)
        .and_then(|list| add(list, version, (utf8(pattern)?, ""), context))
        .map_or_else(|answer| answer, |()| Answer::text(""))
}

fn add(
    list: ListId,
    version: Option<u32>,
    (key, value): (&str, &str),
    context: &mut Context<'_>,
) -> Result<(), Answer> {
    let added = context.shared.patterns.add(list, version, (key, value));
    added.map_err(|error| refusal(&error, key, value, ""))
}

/// `set map <map> <key>|#<entry> <value>`.
pub(super) fn set_map(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let (Some(key), Some(value)) = (line.word(3), line.word(4)) else {
        return Answer::error(SET_MAP);
    };
    let set = naming::list(line, 2, context).and_then(|list| {
        let (key, value) = (utf8(key)?, utf8(value)?);
        let selection = naming::selection(key);
        let missing = match selection {
            Selection::Key(_) => "entry not found.",
            Selection::Entry(_) => "key or pattern not found.",
        };
        let set = context.shared.patterns.set(list, selection, value);
        set.map_err(|error| refusal(&error, key, value, missing))
    });
    set.map_or_else(|answer| answer, |()| Answer::text(""))
}

/// `del map <map> <key>|#<entry>`, and the same for acls.
pub(super) fn delete(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(key) = line.word(3) else {
        let word = naming::word(naming::form(line));
        return Answer::error(format!(
            "This command expects two parameters: {word} identifier and key."
        ));
    };
    // HAProxy speaks of maps here, for acls too.
    let list = naming::list(line, 2, context).map_err(|_| naming::unknown(ListForm::Map));
    let deleted = list.and_then(|list| {
        let key = utf8(key)?;
        let deleted = context.shared.patterns.remove(list, naming::selection(key));
        deleted.map_err(|error| refusal(&error, key, "", "Key not found."))
    });
    deleted.map_or_else(|answer| answer, |()| Answer::text(""))
}

/// Why a list was not changed, in the words of HAProxy where it has some.
fn refusal(error: &ChangeError, key: &str, value: &str, missing: &str) -> Answer {
    Answer::error(match error {
        ChangeError::NotFound => missing.to_owned(),
        ChangeError::Full => {
            "There is no room: what commands add to maps and acls may take 256 MiB.".to_owned()
        }
        ChangeError::Wrong(WrongEntry::Value(_)) => format!("unable to parse '{value}'."),
        ChangeError::Wrong(WrongEntry::Key(wrong)) => match wrong {
            WrongPattern::Address => format!("'{key}' is not a valid IPv4 or IPv6 address."),
            WrongPattern::Number => format!("'{key}' is not a number."),
            WrongPattern::Range => format!("'{key}' is not a valid number range."),
            WrongPattern::OddDigits => "an even number of hex digit is expected.".to_owned(),
            WrongPattern::Digit(digit) => format!("an hex digit is expected (found '{digit}')."),
            WrongPattern::Regex(error) => format!(
                "regex '{key}' is invalid (error={}, erroffset={}).",
                error.message, error.offset
            ),
        },
    })
}
