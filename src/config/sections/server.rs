//! `server` and `default-server` lines.

use super::{bind, init_addr};
use crate::config::Source;
use crate::config::drafts::ServerWords;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Action, Arity, Keyword, Scope, exactly};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::net::address::Address;

/// A row about a word of a `server` line.
pub(crate) const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerWords, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::SERVER, arity, arguments, help, Action::Server(read))
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("id", exactly(1), "<number>", "its number in stick tables and statistics", read_id),
    row(
        "weight",
        exactly(1),
        "<0-256>",
        "its share of new clients; 0: only known ones",
        |s, l, _| {
            s.settings.weight = l.number(0, 0..=256)?;
            Ok(())
        },
    ),
    row("maxconn", exactly(1), "<count>", "most connections at a time (0: no limit)", |s, l, _| {
        s.settings.maxconn = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("minconn", exactly(1), "<count>", "the limit while the backend is idle", |s, l, _| {
        s.settings.minconn = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("maxqueue", exactly(1), "<count>", "longest queue for it (0: no limit)", |s, l, _| {
        s.settings.maxqueue = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("disabled", exactly(0), "", "starts in maintenance", |server, _, _| {
        server.settings.disabled = true;
        Ok(())
    }),
    row("enabled", exactly(0), "", "takes `disabled` back", |server, _, _| {
        server.settings.disabled = false;
        Ok(())
    }),
    row("backup", exactly(0), "", "used when no other server is usable", |server, _, _| {
        server.settings.backup = true;
        Ok(())
    }),
    row("no-backup", exactly(0), "", "takes `backup` back", |server, _, _| {
        server.settings.backup = false;
        Ok(())
    }),
    row("send-proxy", exactly(0), "", "begins with a PROXY header (text)", |server, _, _| {
        server.settings.send_proxy = true;
        Ok(())
    }),
    row("no-send-proxy", exactly(0), "", "takes `send-proxy` back", |server, _, _| {
        server.settings.send_proxy = false;
        Ok(())
    }),
    row("send-proxy-v2", exactly(0), "", "begins with a PROXY header (binary)", |server, _, _| {
        server.settings.send_proxy_v2 = true;
        Ok(())
    }),
    row("no-send-proxy-v2", exactly(0), "", "takes `send-proxy-v2` back", |server, _, _| {
        server.settings.send_proxy_v2 = false;
        Ok(())
    }),
    row(
        "source",
        exactly(1),
        "<address>[:<port>]",
        "address to connect from",
        |server, line, _| {
            server.settings.source = Some(Source { address: read_source(line)?, interface: None });
            Ok(())
        },
    ),
    row("init-addr", exactly(1), "<method>[,...]", "what if it does not resolve", init_addr::read),
    row("non-stick", exactly(0), "", "no stick table remembers it", |server, _, _| {
        server.settings.non_stick = true;
        Ok(())
    }),
    row("stick", exactly(0), "", "takes `non-stick` back", |server, _, _| {
        server.settings.non_stick = false;
        Ok(())
    }),
    row("interface", exactly(1), "<name>", "after `source`: the network interface", read_interface),
];

impl WordTarget for ServerWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        match keyword.action {
            Action::Server(read) => read(self, line, report),
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// The name that the first argument gives to a server or a peer.
pub(super) fn read_name(line: &Line<'_>, what: &str) -> Parsed<Placed<String>> {
    let name = line.argument(0)?;
    check_name(&name, what)?;
    Ok(Placed { value: name.value.to_owned(), place: name.place })
}

/// HAProxy's rule for the names of proxies, servers and peers.
pub(crate) fn check_name(name: &Placed<&str>, what: &str) -> Parsed {
    let is_fine =
        |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':');
    match name.value.chars().find(|letter| !is_fine(letter)) {
        Some(letter) => Err(Mistake::new(
            name.place,
            format!("'{letter}' cannot stand in the name of a {what}: '{}'", name.value),
        )),
        None if name.value.is_empty() => {
            Err(Mistake::new(name.place, format!("the name of a {what} is empty")))
        }
        None => Ok(()),
    }
}

/// The address that the first argument gives as a source.
pub(super) fn read_source(line: &Line<'_>) -> Parsed<Address> {
    let typed = line.argument(0)?;
    address::source(typed.value, line.hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))
}

fn read_interface(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let name = bind::interface_name(&line.argument(0)?)?;
    let Some(source) = &mut server.settings.source else {
        return Err(line.mistake("'interface' has to follow 'source <address>'"));
    };
    source.interface = Some(name);
    Ok(())
}

/// The host that the first argument names, without a port.
pub(super) fn read_host(line: &Line<'_>) -> Parsed<Address> {
    let typed = line.argument(0)?;
    match read_source(line)? {
        Address::Ip(address) if address.port() != 0 => {
            let message = format!("'{}' wants an address without a port", line.keyword);
            Err(Mistake::new(typed.place, message))
        }
        host => Ok(host),
    }
}

fn read_id(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
    server.id = Some(Placed { value, place: line.place });
    Ok(())
}
