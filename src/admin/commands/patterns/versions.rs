//! `clear`, `prepare` and `commit` of maps and acls: what replaces a whole list.

use super::naming;
use crate::admin::commands::answer::{Answer, Job, JobState};
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_ROWS_MAX;
use crate::config::rules::PatternList;

/// `clear map [@<version>] <map>`, and the same for acls.
pub(super) fn clear(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let (version, at) = naming::version(line);
    if line.word(at).is_none() {
        return missing(line);
    }
    match naming::list(line, at, context) {
        Ok(list) => {
            context.shared.patterns.clear(list, version);
            Answer::job(Discard)
        }
        Err(answer) => answer,
    }
}

/// `prepare map <map>`, and the same for acls.
pub(super) fn prepare(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match naming::list(line, 2, context) {
        Ok(id) => {
            let list = context.shared.patterns.list_mut(id);
            let version = list.map_or(0, PatternList::prepare);
            Answer::text(format!("New version created: {version}\n"))
        }
        Err(answer) => answer,
    }
}

/// `commit map @<version> <map>`, and the same for acls.
pub(super) fn commit(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let (Some(version), at) = naming::version(line) else {
        return Answer::error("Missing version number.");
    };
    if line.word(at).is_none() {
        return missing(line);
    }
    match naming::list(line, at, context) {
        Ok(list) => match context.shared.patterns.commit(list, version) {
            Ok(()) => Answer::job(Discard),
            Err(_) => Answer::error("Version number out of range."),
        },
        Err(answer) => answer,
    }
}

fn missing(line: &CommandLine) -> Answer {
    Answer::error(format!("Missing {} identifier.", naming::word(naming::form(line))))
}

/// Entries are out of use and have to be removed, a number of them in each turn.
#[derive(Debug)]
struct Discard;

impl Job for Discard {
    fn advance(&mut self, context: &mut Context<'_>, _: &mut Vec<u8>) -> JobState {
        match context.shared.patterns.discard(SLICE_ROWS_MAX) {
            true => JobState::Finished,
            false => JobState::Unfinished,
        }
    }
}
