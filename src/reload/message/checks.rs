//! The last results of checks, for who looks at a server before its first check in the successor.

use super::encoding::{decode, encode};
use super::names::{ProxyIndexes, ServerName};
use crate::config::CheckStatus;
use crate::proxy::Shared;
use crate::proxy::health::check::CheckKind;
use crate::proxy::health::check::result::CheckResult;

/// The last result of a server's checks of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCheck {
    /// The server's name.
    pub name: ServerName,
    /// The kind of the checks.
    pub kind: CheckKind,
    /// The result.
    pub result: CheckResult,
}

/// The word for what there is not.
const NOTHING: &str = "-";

const KINDS: [(CheckKind, &str); 2] = [(CheckKind::Health, "health"), (CheckKind::Agent, "agent")];

impl LastCheck {
    /// The message as words.
    pub fn write(&self) -> String {
        let Self { name, kind, result } = self;
        let CheckResult { status, code, info, is_for_log, duration_ms } = result;
        let kind = KINDS.iter().find(|(own, _)| own == kind).map_or(NOTHING, |(_, word)| word);
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
        format!(
            "last-check {} {kind} {} {} {} {} {}",
            name.write(),
            status.name(),
            or_nothing(code.map(|code| code.to_string())),
            or_nothing(duration_ms.map(|duration_ms| duration_ms.to_string())),
            if *is_for_log { "log" } else { "all" },
            encode(info),
        )
    }

    /// Reads the words that follow `last-check`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let name = ServerName::read(words)?;
        let kind = words.next()?;
        let (kind, _) = KINDS.into_iter().find(|(_, word)| *word == kind)?;
        let status = CheckStatus::named(words.next()?)?;
        let code = match words.next()? {
            NOTHING => None,
            code => Some(code.parse().ok()?),
        };
        let duration_ms = match words.next()? {
            NOTHING => None,
            duration_ms => Some(duration_ms.parse().ok()?),
        };
        let is_for_log = match words.next()? {
            "log" => true,
            "all" => false,
            _ => return None,
        };
        let result = CheckResult::new(status).with_info(decode(words.next()?)?);
        Some(Self { name, kind, result: CheckResult { code, duration_ms, is_for_log, ..result } })
    }

    /// Shows the result as the server's last one, if it is checked in this way here.
    pub fn adopt(&self, indexes: &ProxyIndexes, shared: &mut Shared) {
        let Some((id, index)) = indexes.server(&self.name, shared) else { return };
        if let Some(checked) = shared.backend_mut(id).server_mut(index).checked_mut(self.kind) {
            checked.last = self.result.clone();
        }
    }
}

/// The last results of all servers that have some.
pub fn last(shared: &Shared) -> impl Iterator<Item = LastCheck> {
    let servers = shared
        .backends
        .iter()
        .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)));
    servers.flat_map(|(backend, server)| {
        KINDS.into_iter().filter_map(move |(kind, _)| {
            let result = server.checked_of(kind)?.last.clone();
            let is_known = result.status != CheckStatus::Initialising;
            is_known.then(|| LastCheck { name: ServerName::of(backend, server), kind, result })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_reads_back_as_it_was_written() {
        let name = ServerName {
            backend: "web".to_owned(),
            server: "s1".to_owned(),
            address: "127.0.0.1:80".to_owned(),
        };
        let bare = CheckResult::new(CheckStatus::Layer4Passed);
        let full = CheckResult {
            code: Some(-1),
            duration_ms: Some(u64::MAX),
            is_for_log: true,
            ..CheckResult::new(CheckStatus::Layer7Timeout).with_info("no answer - 100 %")
        };
        for (kind, result) in [(CheckKind::Health, bare), (CheckKind::Agent, full)] {
            let check = LastCheck { name: name.clone(), kind, result };
            let text = check.write();
            assert_eq!(LastCheck::read(&mut text.split(' ').skip(1)), Some(check), "{text}");
        }
        assert_eq!(LastCheck::read(&mut "web s1 a health L9OK - - all %".split(' ')), None);
    }
}
