//! The keywords of `peers` sections.

use super::bind;
use super::{log_targets, server, server_line, stick};
use crate::config::drafts::BindDraft;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{PeerDraft, PeersDraft, ServerWords};
use crate::config::keywords::words;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Keyword, Scope, at_least, exactly, rows_of};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Place};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

rows_of!(Scope::PEERS, Peers(PeersDraft));

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "peer",
        at_least(1),
        "<name> <address>:<port>",
        "Adds a node with this name and address. The node with the local name listens at its \
         address.",
        read_peer,
    )
    .example("peer lb2 192.0.2.2:10000"),
    row(
        keyword_names::BIND,
        at_least(1),
        "<address>[,...] [words]",
        "Listens for peers at this address, in a section that names its nodes with `server`.",
        read_bind,
    )
    .example("bind :10000"),
    row(
        keyword_names::SERVER,
        at_least(1),
        "<name> [<address>:<port>]",
        "Adds a node. The local node stands without an address, as `bind` says it.",
        read_server,
    )
    .example("server lb2 192.0.2.2:10000"),
    row(
        "default-bind",
        at_least(0),
        "[words]",
        "Gives words to the `bind` line after this line, or to the address of the local `peer`.",
        |section, line, report| {
            words::read(line, 0, &bind::WORDS, Scope::BIND, &mut section.default_bind, report);
            Ok(())
        },
    )
    .example("default-bind v4v6"),
    row(
        "default-server",
        at_least(0),
        "[words]",
        "Is accepted for HAProxy's sake: the words of servers mean nothing for peers.",
        |_, line, report| {
            words::read(
                line,
                0,
                &server_line::WORDS,
                Scope::SERVER,
                &mut PeerWords::default(),
                report,
            );
            Ok(())
        },
    )
    .example("default-server check")
    .differs("HAProxy uses those about TLS."),
    row(
        keyword_names::TABLE,
        at_least(2),
        "<name> type <type> size <count> [words]",
        "Declares a table that belongs to the section; rules name it `<section>/<table>`.",
        read_table,
    )
    .example("table clients type ip size 100k expire 30m"),
    row(
        "disabled",
        exactly(0),
        "",
        "Keeps the section in the configuration without starting it.",
        |section, _, _| {
            section.disabled = true;
            Ok(())
        },
    )
    .example("disabled"),
    row("enabled", exactly(0), "", "Undoes a `disabled` before it.", |section, _, _| {
        section.disabled = false;
        Ok(())
    })
    .example("enabled"),
    row(
        "log",
        at_least(0),
        log_targets::TARGET_OR_GLOBAL,
        "Sends the section's messages to a target, or to those of `global`.",
        |section, line, _| log_targets::read(line, &mut section.log),
    )
    .can_be_negated()
    .by_default("the section does not log")
    .example("log global"),
];

const OF_SERVERS: &str = "a peer is no server: nothing checks a peer and no client goes there";

/// The words of a server on the line of a peer. They have no effect there, and words that would
/// change the connection to the peer are refused.
#[derive(Default)]
struct PeerWords(ServerWords);

impl WordTarget for PeerWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        const OF_CONNECTIONS: [&str; 5] =
            ["source", "interface", "send-proxy", "send-proxy-v2", "ssl"];
        self.0.read_word(keyword, line, report)?;
        if OF_CONNECTIONS.contains(&keyword.name) {
            let message = format!("'{}' is refused: not supported yet for peers", keyword.name);
            return Err(line.mistake(message));
        }
        report.inert(line.place, keyword.name, OF_SERVERS);
        Ok(())
    }
}

/// Checks that a section has either `peer` lines or `bind` and `server` lines. HAProxy refuses both
/// together.
fn check_style(line: &Line<'_>, other: Option<Place>, report: &Report) -> Parsed {
    match other {
        Some(place) => {
            let other = report.name(place);
            Err(line.mistake(format!("'peer' and 'bind' lines exclude each other; see {other}")))
        }
        None => Ok(()),
    }
}

fn read_peer(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    section.peer_style.get_or_insert(line.place);
    let peer = read_name_and_address(line, report)?;
    check_style(line, section.bind_style, report)?;
    let is_local = peer.name.value == section.local_name;
    if peer.address.is_none() {
        return Err(Mistake::new(peer.name.place, "a 'peer' line wants <name> <address>:<port>"));
    }
    if is_local {
        let typed = line.argument(1)?;
        let addresses = address::listening(typed.value, line.hosts).map_err(|error| {
            Mistake::new(typed.place, format!("address '{}' {error}", typed.value))
        })?;
        section.binds.push(BindDraft {
            place: typed.place,
            addresses,
            ..section.default_bind.clone()
        });
    }
    push(section, peer, report)
}

fn read_server(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let peer = read_name_and_address(line, report)?;
    let is_local = peer.name.value == section.local_name;
    match (is_local, &peer.address) {
        (true, Some(_)) => {
            let message = "the local peer's address belongs on a 'bind' line (or write 'peer')";
            return Err(Mistake::new(line.argument(1)?.place, message));
        }
        (false, None) => {
            let message = format!(
                "peer '{}' has no address, and is not the local one ('{}')",
                peer.name.value, section.local_name
            );
            return Err(Mistake::new(peer.name.place, message));
        }
        _ => {}
    }
    push(section, peer, report)
}

fn push(section: &mut PeersDraft, peer: PeerDraft, report: &Report) -> Parsed {
    let name = &peer.name.value;
    if let Some(twin) = section.peer_places.get(name) {
        let message = format!("there is a peer '{name}' already, at {}", report.name(*twin));
        return Err(Mistake::new(peer.name.place, message));
    }
    section.peer_places.insert(name.clone(), peer.name.place);
    section.peers.push(peer);
    Ok(())
}

fn read_name_and_address(line: &Line<'_>, report: &mut Report) -> Parsed<PeerDraft> {
    let name = server::read_name(line, "peer")?;
    let Some(typed) = line.get(1) else { return Ok(PeerDraft { name, address: None }) };
    let second = line.get(2).map(|word| word.value);
    if server_line::WORDS.find(Scope::SERVER, typed.value, second).is_some() {
        words::read(line, 1, &server_line::WORDS, Scope::SERVER, &mut PeerWords::default(), report);
        return Ok(PeerDraft { name, address: None });
    }
    let address = address::peer(typed.value, line.hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))?;
    if let crate::config::PeerAddress::Unresolved { host, .. } = &address {
        let message =
            format!("peer '{}': '{host}' does not resolve; tried again later", name.value);
        report.warning(typed.place, message);
    }
    if address.has_no_port() {
        let message =
            format!("peer '{}' has no port: it is not called, and has to call", name.value);
        report.warning(typed.place, message);
    }
    words::read(line, 2, &server_line::WORDS, Scope::SERVER, &mut PeerWords::default(), report);
    Ok(PeerDraft { name, address: Some(address) })
}

fn read_bind(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    section.bind_style.get_or_insert(line.place);
    let draft = bind::read(line, 0, Scope::BIND, &section.default_bind, report)?;
    if draft.settings.accept_proxy {
        return Err(line.mistake("'accept-proxy' is refused: not supported yet for peers"));
    }
    check_style(line, section.peer_style, report)?;
    if let Some(other) = section.binds.first() {
        let message = format!("a section has one 'bind' line; see {}", report.name(other.place));
        return Err(line.mistake(message));
    }
    section.binds.push(draft);
    Ok(())
}

fn read_table(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let name = server::read_name(line, "table")?;
    let mut table = stick::read_table(line, 1, report)?;
    if let Some(peers) = &table.peers {
        let message = "'peers' cannot be given here: the table belongs to this section";
        return Err(Mistake::new(peers.place, message));
    }
    if let Some(twin) = section.table_places.get(&name.value) {
        let at = report.name(*twin);
        let message = format!("there is a table '{}' already, at {at}", name.value);
        return Err(Mistake::new(name.place, message));
    }
    section.table_places.insert(name.value.clone(), table.place);
    table.name = Some(name.value);
    section.tables.push(table);
    Ok(())
}
