//! `server` and `default-server` lines.

use super::{bind, init_addr};
use crate::config::Source;
use crate::config::keywords::words;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Action, Arity, Keyword, Scope, exactly};
use crate::config::text::address;
use crate::config::text::address::AddressError;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, Report};
use crate::config::text::draft::{ServerDraft, ServerSettings};
use crate::config::text::line::Line;
use crate::net::address::Address;

/// A row about a word of a `server` line.
pub(crate) const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerSettings, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword { name, scope: Scope::SERVER, arity, arguments, help, action: Action::Server(read) }
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("id", exactly(1), "<number>", "its number in stick tables and statistics", read_id),
    row(
        "weight",
        exactly(1),
        "<0-256>",
        "its share of new clients; 0: only known ones",
        |s, l, _| {
            s.weight = l.number(0, 0..=256)?;
            Ok(())
        },
    ),
    row("maxconn", exactly(1), "<count>", "most connections at a time (0: no limit)", |s, l, _| {
        s.maxconn = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("minconn", exactly(1), "<count>", "the limit while the backend is idle", |s, l, _| {
        s.minconn = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("maxqueue", exactly(1), "<count>", "longest queue for it (0: no limit)", |s, l, _| {
        s.maxqueue = l.number(0, 0..=u32::MAX)?;
        Ok(())
    }),
    row("disabled", exactly(0), "", "starts in maintenance", |server, _, _| {
        server.disabled = true;
        Ok(())
    }),
    row("enabled", exactly(0), "", "takes `disabled` back", |server, _, _| {
        server.disabled = false;
        Ok(())
    }),
    row("backup", exactly(0), "", "used when no other server is usable", |server, _, _| {
        server.backup = true;
        Ok(())
    }),
    row("no-backup", exactly(0), "", "takes `backup` back", |server, _, _| {
        server.backup = false;
        Ok(())
    }),
    row("send-proxy", exactly(0), "", "begins with a PROXY header (text)", |server, _, _| {
        server.send_proxy = true;
        Ok(())
    }),
    row("no-send-proxy", exactly(0), "", "takes `send-proxy` back", |server, _, _| {
        server.send_proxy = false;
        Ok(())
    }),
    row("send-proxy-v2", exactly(0), "", "begins with a PROXY header (binary)", |server, _, _| {
        server.send_proxy_v2 = true;
        Ok(())
    }),
    row("no-send-proxy-v2", exactly(0), "", "takes `send-proxy-v2` back", |server, _, _| {
        server.send_proxy_v2 = false;
        Ok(())
    }),
    row(
        "source",
        exactly(1),
        "<address>[:<port>]",
        "address to connect from",
        |server, line, _| {
            server.source = Some(Source { address: read_source(line)?, interface: None });
            Ok(())
        },
    ),
    row("init-addr", exactly(1), "<method>[,...]", "what if it does not resolve", init_addr::read),
    row("non-stick", exactly(0), "", "no stick table remembers it", |server, _, _| {
        server.non_stick = true;
        Ok(())
    }),
    row("stick", exactly(0), "", "takes `non-stick` back", |server, _, _| {
        server.non_stick = false;
        Ok(())
    }),
    row("interface", exactly(1), "<name>", "after `source`: the network interface", read_interface),
];

impl WordTarget for ServerSettings {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        match keyword.action {
            Action::Server(read) => read(self, line, report),
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// Reads `<name> <address> [words]`.
pub(crate) fn read(
    line: &Line<'_>,
    defaults: &ServerSettings,
    report: &mut Report,
) -> Parsed<ServerDraft> {
    let name = read_name(line, "server")?;
    read_after_name(line, 1, name, defaults, report)
}

/// Reads `<prefix> <count>|<first>-<last> <address> [words]`.
pub(super) fn read_template(
    line: &Line<'_>,
    defaults: &ServerSettings,
    report: &mut Report,
) -> Parsed<Vec<ServerDraft>> {
    let prefix = read_name(line, "server")?;
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
    if let Some(id) = &server.settings.id {
        return Err(Mistake::new(id.place, "'id' cannot be given to several servers"));
    }
    let servers = (first..=last).map(|number| {
        let mut server = server.clone();
        server.name.value.push_str(&number.to_string());
        server
    });
    Ok(servers.collect())
}

/// Reads the address, which is the argument at `at`, and the words after it.
fn read_after_name(
    line: &Line<'_>,
    at: usize,
    name: Placed<String>,
    defaults: &ServerSettings,
    report: &mut Report,
) -> Parsed<ServerDraft> {
    let typed = line.argument(at)?;
    let mut settings = defaults.clone();
    words::read(line, at + 1, Scope::SERVER, &mut settings, report);
    let address = init_addr::choose(&typed, line.hosts, &mut settings, report);
    let address = address.map_err(|error| {
        Mistake::new(typed.place, format!("address '{}' {}", typed.value, explain(&error)))
    })?;
    Ok(ServerDraft { name, address, settings })
}

/// HAProxy gives two of the mistakes a meaning, which is worth saying.
fn explain(error: &AddressError) -> String {
    match error {
        AddressError::MissingPort => {
            "has no port (connecting to the port the client came to is not supported)".to_owned()
        }
        AddressError::NoHost => {
            "names no host (connecting to the address the client came to is not supported)"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// Reads the words of a `default-server` line into `settings`.
pub(super) fn read_default(line: &Line<'_>, settings: &mut ServerSettings, report: &mut Report) {
    words::read(line, 0, Scope::SERVER, settings, report);
    if let Some(id) = settings.id.take() {
        report.error(id.place, "'id' cannot be given on a 'default-server' line");
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

fn read_interface(server: &mut ServerSettings, line: &Line<'_>, _: &mut Report) -> Parsed {
    let name = bind::interface_name(&line.argument(0)?)?;
    let Some(source) = &mut server.source else {
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

fn read_id(server: &mut ServerSettings, line: &Line<'_>, _: &mut Report) -> Parsed {
    let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
    server.id = Some(Placed { value, place: line.place });
    Ok(())
}
