//! `server` and `default-server` lines as a whole: a name, an address, and words about both the
//! server and its health.

use std::sync::LazyLock;

use super::dns::init_addr;
use super::health::{self, agent, observe};
use super::{dns, server, tcp, tls};
use crate::config::drafts::{ServerDraft, ServerWords};
use crate::config::keywords::table::Table;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Keyword, Scope, inert, refused, words};
use crate::config::text::address;
use crate::config::text::address::AddressError;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// The rows of the words of a server.
pub(super) static WORDS: LazyLock<Table> = LazyLock::new(|| Table::new(rows()));

/// The rows themselves.
pub(super) fn rows() -> impl Iterator<Item = &'static Keyword> {
    let understood = [
        server::KEYWORDS,
        dns::server::KEYWORDS,
        health::SERVER_KEYWORDS,
        agent::KEYWORDS,
        observe::KEYWORDS,
        tcp::KEYWORDS,
        tls::SERVER_KEYWORDS,
        tls::SERVER_SHARED,
    ];
    understood.into_iter().flatten().chain(inert::keywords()).chain(refused::keywords())
}

/// Reads `<name> <address> [words]`.
pub(in crate::config) fn read(
    line: &Line<'_>,
    defaults: &ServerWords,
    report: &mut Report,
) -> Parsed<ServerDraft> {
    let name = server::read_name(line, "server")?;
    read_after_name(line, 1, name, defaults, report)
}

/// Reads the same line of a command, which adds a server. As in HAProxy such a server takes nothing
/// over from `default-server` lines, begins in maintenance and cannot have some of the words.
pub(in crate::config) fn read_added(line: &Line<'_>, report: &mut Report) -> Parsed<ServerDraft> {
    let name = server::read_name(line, "server")?;
    let typed = line.argument(1)?;
    let mut added = AddedWords(ServerWords::default());
    added.0.settings.disabled = true;
    words::read(line, 2, &WORDS, Scope::SERVER, &mut added, report);
    let AddedWords(mut words) = added;
    words.settings.maxconn = words.settings.maxconn.max(words.settings.minconn);
    let address = address::server(typed.value, line.hosts).map_err(|error| {
        let message = match error {
            AddressError::Unresolved(host) => {
                format!("address '{host}' is no IP address, and no name is looked up here")
            }
            error => format!("address '{}' {error}", typed.value),
        };
        Mistake::new(typed.place, message)
    })?;
    let from = words.settings.source.as_ref();
    if from.is_some_and(|source| source.foreign.is_some()) {
        let message = "'usesrc' stands in the configuration only: the process asks for the right \
                       to do that when it starts";
        return Err(Mistake::new(typed.place, message));
    }
    Ok(ServerDraft { name, address, host: None, words })
}

/// The words of a server that a command adds.
struct AddedWords(ServerWords);

/// The words that such a server cannot have.
const NOT_OF_ADDED: [&str; 16] = [
    "init-addr",
    "no-agent-check",
    "no-check",
    "no-check-send-proxy",
    "no-check-ssl",
    "no-send-proxy-v2-ssl",
    "no-send-proxy-v2-ssl-cn",
    "no-ssl",
    "non-stick",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "ssl-reuse",
    "stick",
    "tcp-ut",
];

impl WordTarget for AddedWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        if NOT_OF_ADDED.contains(&keyword.name) {
            let message = format!("'{}' option is not accepted for dynamic server", keyword.name);
            return Err(line.mistake(message));
        }
        self.0.read_word(keyword, line, report)
    }
}

/// Reads `<prefix> <count>|<first>-<last> <address> [words]`.
pub(super) fn read_template(
    line: &Line<'_>,
    defaults: &ServerWords,
    report: &mut Report,
) -> Parsed<Vec<ServerDraft>> {
    let prefix = server::read_name(line, "server")?;
    let typed = line.argument(1)?;
    let (first, last) = match typed.value.split_once('-') {
        Some((first, last)) => (first.parse().ok(), last.parse().ok()),
        None => (Some(1), typed.value.parse().ok()),
    };
    let (Some(first), Some(last)) = (first, last) else {
        let message = format!("'{}' is not a count or a range", typed.value);
        return Err(Mistake::new(typed.place, message));
    };
    if !(1..=last).contains(&first) || last - first >= u32::from(u16::MAX) {
        let message = format!("'{}' is not a range of servers", typed.value);
        return Err(Mistake::new(typed.place, message));
    }
    let server = read_after_name(line, 2, prefix, defaults, report)?;
    if let Some(id) = &server.words.id {
        return Err(Mistake::new(id.place, "'id' cannot be given to several servers"));
    }
    let servers = (first..=last).map(|number| {
        let mut server = server.clone();
        server.name.value.push_str(&number.to_string());
        server
    });
    Ok(servers.collect())
}

/// Reads the words of a `default-server` line into `defaults`.
pub(super) fn read_default(line: &Line<'_>, defaults: &mut ServerWords, report: &mut Report) {
    words::read(line, 0, &WORDS, Scope::SERVER, defaults, report);
    if let Some(id) = defaults.id.take() {
        report.error(id.place, "'id' cannot be given on a 'default-server' line");
    }
}

/// Reads the address, which is the argument at `at`, and the words after it.
fn read_after_name(
    line: &Line<'_>,
    at: usize,
    name: Placed<String>,
    defaults: &ServerWords,
    report: &mut Report,
) -> Parsed<ServerDraft> {
    let typed = line.argument(at)?;
    let mut words = defaults.clone();
    words::read(line, at + 1, &WORDS, Scope::SERVER, &mut words, report);
    // A minimum alone, or a minimum above the maximum, is the limit.
    words.settings.maxconn = words.settings.maxconn.max(words.settings.minconn);
    let host = words.resolvers.as_ref().and_then(|_| init_addr::named_host(typed.value));
    let address = match &host {
        Some(host) => init_addr::choose_named(&typed, host, line.hosts, &words, report),
        None => init_addr::choose(&typed, line.hosts, &mut words, report),
    };
    let address = address
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))?;
    Ok(ServerDraft { name, address, host, words })
}
