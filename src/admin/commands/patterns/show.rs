//! `show map`, `show acl`, `get map` and `get acl`.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::IpAddr;

use super::naming;
use crate::admin::commands::answer::{Answer, Job, JobState};
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::rules::{
    EntryId, Kind, ListForm, ListId, Method, Output, PatternList, SEARCH_WORK_MAX, Subject,
};
use crate::net::regex::Work;

/// `show map [[@<version>] <map>]`, and the same for acls.
pub(super) fn show(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let form = naming::form(line);
    if line.word(2).is_none() {
        let lists = context.shared.patterns.all().zip(0..);
        let mut lists: Vec<(u32, ListId)> = lists
            .filter(|(list, _)| list.form == form)
            .map(|(list, at)| (list.number, ListId(at)))
            .collect();
        lists.sort_unstable();
        return Answer::job(Lists { header: Some("# id (file) description\n"), lists, next: 0 });
    }
    let (version, at) = naming::version(line);
    let list = match naming::list(line, at, context) {
        Ok(list) => list,
        Err(answer) => return answer,
    };
    let current = context.shared.patterns.list(list).map_or(0, |list| list.version);
    Answer::job(Entries { list, version: version.unwrap_or(current), last: EntryId(0) })
}

/// The lists that are still to be shown.
#[derive(Debug)]
struct Lists {
    /// The header, until it is written.
    header: Option<&'static str>,
    lists: Vec<(u32, ListId)>,
    next: usize,
}

impl Job for Lists {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        out.extend_from_slice(self.header.take().unwrap_or_default().as_bytes());
        while let Some((number, id)) = self.lists.get(self.next) {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            self.next += 1;
            if let Some(list) = context.shared.patterns.list(*id) {
                let PatternList { file, description, version, next_version, .. } = list;
                let file = file.as_deref().unwrap_or_default();
                let count = list.len();
                // Writing to a vector cannot fail, here and below.
                let _ = writeln!(
                    out,
                    "{number} ({file}) {description}. curr_ver={version} \
                     next_ver={next_version} entry_cnt={count}"
                );
            }
        }
        JobState::Finished
    }
}

/// The entries of a list that are still to be shown.
#[derive(Debug)]
struct Entries {
    list: ListId,
    version: u32,
    /// The last entry that was shown.
    last: EntryId,
}

impl Job for Entries {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let Some(list) = context.shared.patterns.list(self.list) else {
            return JobState::Finished;
        };
        for (id, entry) in list.after(self.version, self.last) {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            self.last = id;
            let _ = match list.form {
                ListForm::Acl => writeln!(out, "{:#014x} {}", id.0, entry.key),
                ListForm::Map => writeln!(out, "{:#014x} {} {}", id.0, entry.key, entry.value),
            };
        }
        JobState::Finished
    }
}

/// `get map <map> <value>`, and the same for acls.
pub(super) fn get(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let form = naming::form(line);
    let Some(value) = line.word(3) else {
        let word = naming::word(form);
        return Answer::error(format!("Missing {word} identifier and/or key."));
    };
    let found = naming::list(line, 2, context);
    match found.map(|id| context.shared.patterns.list(id)) {
        Ok(Some(list)) => Answer::text(finds(list, &Typed(value))),
        Ok(None) => Answer::text(""),
        Err(answer) => answer,
    }
}

/// What a value finds in a list: one line for each way in which the list is searched.
fn finds(list: &PatternList, value: &Typed<'_>) -> String {
    let mut text = String::new();
    for ((kind, is_tree), at) in list.kinds().zip(0..) {
        let case = if kind.ignores_case { "insensitive" } else { "sensitive" };
        let index = if is_tree { "tree" } else { "list" };
        let verb = if list.form == ListForm::Map { "found" } else { "match" };
        let mut work = Work::new(SEARCH_WORK_MAX);
        let found = match list.find(at, value, &mut work) {
            Some(found) => match list.form {
                ListForm::Acl => Some(format!("pattern=\"{}\"", found.entry.key)),
                ListForm::Map => Some(format!(
                    "key=\"{}\", value=\"{}\", type=\"{}\"",
                    found.entry.key,
                    found.entry.value,
                    type_of(kind, &found.entry.value)
                )),
            },
            None if kind.method == Method::Bool && value.number().is_some_and(|one| one != 0) => {
                Some("pattern=unknown".to_owned())
            }
            None => None,
        };
        let rest = match found {
            Some(found) => format!("yes, idx={index}, {found}"),
            None => "no".to_owned(),
        };
        text += &format!("type={}, case={case}, {verb}={rest}\n", kind.method.name());
    }
    text
}

/// The type of a value, in the words of HAProxy.
fn type_of(kind: Kind, value: &str) -> &'static str {
    match kind.output {
        Some(Output::Number) => "sint",
        Some(Output::Address) if value.contains(':') => "ipv6",
        Some(Output::Address) => "ipv4",
        Some(Output::Text | Output::Template) | None => "str",
    }
}

/// What a client typed, as a value.
struct Typed<'a>(&'a [u8]);

impl Typed<'_> {
    fn parse<T: std::str::FromStr>(&self) -> Option<T> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }
}

impl Subject for Typed<'_> {
    fn number(&self) -> Option<i64> {
        self.parse()
    }

    fn address(&self) -> Option<IpAddr> {
        self.parse()
    }

    fn text(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.0)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        self.text()
    }
}
