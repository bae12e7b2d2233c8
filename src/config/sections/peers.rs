//! The keywords of `peers` sections.

use super::bind;
use super::{log_targets, server, server_line, stick, tls};
use crate::config::PeerAddress;
use crate::config::drafts::BindDraft;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{PeerDraft, PeerTemplateDraft, PeersDraft, ServerWords, TlsDraft};
use crate::config::keywords::words;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Keyword, Scope, at_least, exactly, rows_of};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Place};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::net::dns::name::Name;

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
    .example("peer lb2 192.0.2.2:10000")
    .differs("With `ssl` and `verify required` the certificate has to name the peer."),
    row(
        keyword_names::BIND,
        at_least(1),
        "<address>[,...] [words]",
        "Listens for peers at this address, in a section that names its nodes with `server`. A \
         second line, on another port, can have other words: a mesh takes TLS this way without a \
         cut.",
        read_bind,
    )
    .example("bind :10000")
    .differs(
        "With `ssl` and `verify required` a caller's certificate has to name the caller. HAProxy \
         has one such line in a section.",
    ),
    row(
        keyword_names::SERVER,
        at_least(1),
        "<name> [<address>:<port>]",
        "Adds a node. The local node stands without an address, as `bind` says it.",
        read_server,
    )
    .example("server lb2 192.0.2.2:10000")
    .differs("With `ssl` and `verify required` the certificate has to name the peer."),
    row(
        "allow",
        at_least(1),
        "<network>...",
        "Closes callers from elsewhere before they say anything. The networks of all nodes belong \
         on the list, that of this node included where an older process of it may call.",
        |section, line, _| {
            for word in line.arguments.iter().map(|word| line.placed(word)) {
                let network = address::network(word.value).ok_or_else(|| {
                    Mistake::new(word.place, format!("'{}' is not a network", word.value))
                })?;
                section.allowed.push(network);
            }
            Ok(())
        },
    )
    .by_default("callers from everywhere may say a name")
    .example("allow 192.0.2.0/24 2001:db8::/64")
    .differs("HAProxy does not have the word."),
    row(
        "peer-template",
        at_least(2),
        "<count> _<service>._tcp.<name> resolvers <section> [resolve-prefer ipv4|ipv6]",
        "Finds the nodes by DNS: each record of the service is a node, and the first label of its \
         host is its name. In Kubernetes that is the headless service of a StatefulSet, so that \
         `lb-0` knows itself by its host name. Nodes come and go with the records, at most \
         `<count>` at a time beside this one. The section needs a `bind` line.",
        read_template,
    )
    .example("peer-template 8 _peers._tcp.lb.example.com resolvers mydns")
    .differs("HAProxy does not know it. Its nodes need a list of the others."),
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
        "Gives words about TLS to the `peer`, `server` and `peer-template` lines after this line. \
         Other words of servers mean nothing for peers.",
        |section, line, report| {
            let words = read_words(line, 0, &section.default_tls, report);
            warn_unless(false, &words, "they belong on the line of the peer", report);
            section.default_tls = words.tls;
            Ok(())
        },
    )
    .example(
        "default-server ssl crt /etc/stickd/tls/site.pem ca-file /etc/stickd/tls/ca.pem \
         verify required",
    )
    .differs("With `verify required` the certificate has to name the peer."),
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

/// The words of servers that mean the same for peers.
const OF_NAMES: [&str; 2] = ["resolvers", "resolve-prefer"];

/// The most places of a `peer-template` line.
const TEMPLATE_MAX: u32 = 1024;

const OF_SERVERS: &str = "a peer is no server: nothing checks a peer and no client goes there";

/// The words of a server on the line of a peer. Those about TLS count, others have no effect there,
/// and other words that would change the connection to the peer are refused.
struct PeerWords(ServerWords);

impl WordTarget for PeerWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        const OF_CONNECTIONS: [&str; 5] =
            ["source", "interface", "send-proxy", "send-proxy-v2", "sni"];
        self.0.read_word(keyword, line, report)?;
        if OF_NAMES.contains(&keyword.name) {
            return Ok(());
        }
        if OF_CONNECTIONS.contains(&keyword.name) {
            let message = format!("'{}' is refused: not supported yet for peers", keyword.name);
            return Err(line.mistake(message));
        }
        let mut of_tls = tls::SERVER_KEYWORDS.iter().chain(tls::SERVER_SHARED);
        let is_of_tls = of_tls.any(|row| row.name == keyword.name);
        if !is_of_tls || keyword.name.contains("check-") {
            report.inert(line.place, keyword.name, OF_SERVERS);
        }
        Ok(())
    }
}

/// Warns of words about names that have no effect, unless they have.
fn warn_unless(has_effect: bool, words: &ServerWords, why: &str, report: &mut Report) {
    let place = words.resolvers.as_ref().map(|section| section.place).or(words.choice_place);
    if let Some(place) = place.filter(|_| !has_effect) {
        report.warning(place, format!("'resolvers' and its like have no effect: {why}"));
    }
}

/// Reads the words behind the argument at `at`.
fn read_words(line: &Line<'_>, at: usize, tls: &TlsDraft, report: &mut Report) -> ServerWords {
    let mut words = PeerWords(ServerWords { tls: tls.clone(), ..ServerWords::default() });
    words::read(line, at, &server_line::WORDS, Scope::SERVER, &mut words, report);
    words.0
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
    let peer = read_name_and_address(section, line, report)?;
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
    let peer = read_name_and_address(section, line, report)?;
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

fn read_name_and_address(
    section: &PeersDraft,
    line: &Line<'_>,
    report: &mut Report,
) -> Parsed<PeerDraft> {
    let name = server::read_name(line, "peer")?;
    let defaults = &section.default_tls;
    let second = line.get(2).map(|word| word.value);
    let is_word = |typed: &str| server_line::WORDS.find(Scope::SERVER, typed, second).is_some();
    let Some(typed) = line.get(1).filter(|typed| !is_word(typed.value)) else {
        let ServerWords { tls, .. } = read_words(line, 1, defaults, report);
        let nowhere = PeerDraft {
            name,
            address: None,
            resolvers: None,
            prefers_ipv4: false,
            tls,
            prepared: None,
        };
        return Ok(nowhere);
    };
    let words = read_words(line, 2, defaults, report);
    let is_asked = words.resolvers.is_some();
    let hosts = if is_asked { |_: &str| Vec::new() } else { line.hosts };
    let address = address::peer(typed.value, hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))?;
    if let PeerAddress::Unresolved { host, .. } = &address
        && !is_asked
    {
        let message =
            format!("peer '{}': '{host}' does not resolve; tried again later", name.value);
        report.warning(typed.place, message);
    }
    if address.has_no_port() {
        let message =
            format!("peer '{}' has no port: it is not called, and has to call", name.value);
        report.warning(typed.place, message);
    }
    let is_name = matches!(address, PeerAddress::Unresolved { .. });
    warn_unless(is_asked && is_name, &words, "no name is asked for", report);
    let ServerWords { resolvers, choice, tls, .. } = words;
    let prefers_ipv4 = choice.prefers_ipv4;
    let address = Some(address);
    Ok(PeerDraft { name, address, resolvers, prefers_ipv4, tls, prepared: None })
}

/// Reads `<count> <service> resolvers <section> [words]`.
fn read_template(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let count = u16::try_from(line.number(0, 1..=TEMPLATE_MAX)?).unwrap_or(u16::MAX);
    let typed = line.argument(1)?;
    let service: Option<Name> = typed.value.parse().ok();
    let Some(service) = service.filter(|name| name.as_str().starts_with('_')) else {
        let message = format!("'{}' is not the name of a service: _name._tcp.domain", typed.value);
        return Err(Mistake::new(typed.place, message));
    };
    let words = read_words(line, 2, &section.default_tls, report);
    let ServerWords { resolvers, choice, tls, .. } = words;
    let Some(resolvers) = resolvers else {
        return Err(line.mistake("'peer-template' wants 'resolvers <section>'"));
    };
    let prefers_ipv4 = choice.prefers_ipv4;
    section.templates.push(PeerTemplateDraft {
        count,
        service,
        resolvers,
        prefers_ipv4,
        tls,
        prepared: None,
    });
    Ok(())
}

fn read_bind(section: &mut PeersDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    section.bind_style.get_or_insert(line.place);
    let draft = bind::read(line, 0, Scope::BIND, &section.default_bind, report)?;
    if draft.settings.accept_proxy {
        return Err(line.mistake("'accept-proxy' is refused: not supported yet for peers"));
    }
    check_style(line, section.peer_style, report)?;
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
