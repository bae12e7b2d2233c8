//! The words of `server` and `default-server` lines, except those about health (`health/`).

use super::source;
use crate::config::HashKey;
use crate::config::drafts::ServerWords;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Handling, Keyword, Scope, exactly, rows_of};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::net::address::Address;

// A row is about a word of a `server` line.
rows_of!(Scope::SERVER, Server(ServerWords));

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "id",
        exactly(1),
        "<number>",
        "Gives the server this number in stick tables and statistics. Nodes that share a table \
         must agree on it.",
        read_id,
    )
    .by_default("the next number that is free")
    .example("server s1 192.0.2.1:80 id 1"),
    row(
        "weight",
        exactly(1),
        "<0-256>",
        "Sets the server's share of new clients, 0 to 256. A server with 0 gets only clients that \
         a stick table sends to it.",
        |s, l, _| {
            s.settings.weight = l.number(0, 0..=256)?;
            Ok(())
        },
    )
    .by_default("1")
    .example("server s1 192.0.2.1:80 weight 10"),
    row(
        "maxconn",
        exactly(1),
        "<count>",
        "Limits the connections to the server at a time; others wait in a queue. 0 means no limit.",
        |s, l, _| {
            s.settings.maxconn = l.number(0, 0..=u32::MAX)?;
            Ok(())
        },
    )
    .by_default("no limit")
    .example("server s1 192.0.2.1:80 maxconn 100"),
    row(
        "minconn",
        exactly(1),
        "<count>",
        "Lowers the limit of `maxconn` to this number while the backend has few connections; the \
         limit grows with them up to `fullconn`.",
        |s, l, _| {
            s.settings.minconn = l.number(0, 0..=u32::MAX)?;
            Ok(())
        },
    )
    .by_default("the limit is always `maxconn`")
    .example("server s1 192.0.2.1:80 minconn 20 maxconn 100"),
    row(
        "maxqueue",
        exactly(1),
        "<count>",
        "Limits the connections that wait for this server; 0 means no limit.",
        |s, l, _| {
            s.settings.maxqueue = l.number(0, 0..=u32::MAX)?;
            Ok(())
        },
    )
    .by_default("no limit")
    .example("server s1 192.0.2.1:80 maxconn 100 maxqueue 50"),
    row("disabled", exactly(0), "", "Starts the server in maintenance.", |server, _, _| {
        server.settings.disabled = true;
        Ok(())
    })
    .example("server s1 192.0.2.1:80 disabled"),
    row(
        "enabled",
        exactly(0),
        "",
        "Undoes a `disabled` that the line inherits.",
        |server, _, _| {
            server.settings.disabled = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 enabled"),
    row(
        "backup",
        exactly(0),
        "",
        "Uses the server only when no server without this word is usable.",
        |server, _, _| {
            server.settings.backup = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 backup"),
    row(
        "no-backup",
        exactly(0),
        "",
        "Undoes a `backup` that the line inherits.",
        |server, _, _| {
            server.settings.backup = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-backup"),
    row(
        "send-proxy",
        exactly(0),
        "",
        "Begins every connection with a PROXY header of version 1, which is text and tells the \
         address of the client.",
        |server, _, _| {
            server.settings.send_proxy = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 send-proxy"),
    row(
        "no-send-proxy",
        exactly(0),
        "",
        "Undoes a `send-proxy` that the line inherits.",
        |server, _, _| {
            server.settings.send_proxy = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-send-proxy"),
    row(
        "send-proxy-v2",
        exactly(0),
        "",
        "Begins every connection with a PROXY header of version 2, which is binary and tells the \
         address of the client.",
        |server, _, _| {
            server.settings.send_proxy_v2 = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 send-proxy-v2"),
    row(
        "no-send-proxy-v2",
        exactly(0),
        "",
        "Undoes a `send-proxy-v2` that the line inherits.",
        |server, _, _| {
            server.settings.send_proxy_v2 = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-send-proxy-v2"),
    row(
        "send-proxy-v2-ssl",
        exactly(0),
        "",
        "Like `send-proxy-v2`, and tells the version of TLS with the client and whether the client \
         has shown a certificate.",
        |server, _, _| {
            server.settings.send_proxy_v2 = true;
            server.settings.proxy_v2.tls = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 send-proxy-v2-ssl"),
    row(
        "no-send-proxy-v2-ssl",
        exactly(0),
        "",
        "Undoes a `send-proxy-v2-ssl` that the line inherits.",
        |server, _, _| {
            server.settings.send_proxy_v2 = false;
            server.settings.proxy_v2.tls = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-send-proxy-v2-ssl"),
    row(
        "send-proxy-v2-ssl-cn",
        exactly(0),
        "",
        "Like `send-proxy-v2-ssl`, and tells the common name in the client's certificate.",
        |server, _, _| {
            server.settings.send_proxy_v2 = true;
            server.settings.proxy_v2.tls = true;
            server.settings.proxy_v2.common_name = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 send-proxy-v2-ssl-cn"),
    row(
        "no-send-proxy-v2-ssl-cn",
        exactly(0),
        "",
        "Undoes a `send-proxy-v2-ssl-cn` that the line inherits.",
        |server, _, _| {
            server.settings.send_proxy_v2 = false;
            server.settings.proxy_v2.tls = false;
            server.settings.proxy_v2.common_name = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-send-proxy-v2-ssl-cn"),
    row(
        "proxy-v2-options",
        exactly(1),
        "<option>[,...]",
        "Adds to the header of `send-proxy-v2`: `crc32c` a checksum, `unique-id` the id of \
         `unique-id-format`, `authority` the name of the host that the client wants, if the client \
         has sent it in a PROXY header or in its TLS hello. `ssl` adds what `send-proxy-v2-ssl` \
         does; `cert-cn`, `ssl-cipher`, `cert-sig` and `cert-key` do so too, and add the common \
         name of the client, the cipher suite, and the algorithm and the key of our certificate.",
        read_proxy_v2_options,
    )
    .example("server s1 192.0.2.1:80 send-proxy-v2 proxy-v2-options crc32c,ssl"),
    row(
        "source",
        exactly(1),
        "<address>[:<port>]",
        "Connects to the server from this address.",
        |server, line, _| {
            server.settings.source = Some(source::plain(line)?);
            Ok(())
        },
    )
    .by_default("`source` of the backend, else the kernel's choice")
    .example("server s1 192.0.2.1:80 source 192.0.2.9")
    .differs("HAProxy also knows ranges of ports."),
    row(
        "usesrc",
        exactly(1),
        "client|clientip|<address>[:<port>]",
        "Connects to the server from the address of the client, with or without the client's \
         port, or from this address, even if this machine does not have that address. The word \
         follows `source`, which gives the address for health checks. The process needs the \
         capability CAP_NET_ADMIN, and the answers of the server have to come back to this \
         machine.",
        source::read_usesrc,
    )
    .example("server s2 192.0.2.1:80 source 0.0.0.0 usesrc clientip"),
    row(
        "hash-key",
        exactly(1),
        "id|addr|addr-port",
        "Chooses what decides which clients the server gets with `hash-type consistent`: its \
         number, the address on this line, or the address and the port. With an address, nodes \
         that list the same servers in other orders send a client to the same server. Servers \
         with the same address need `addr-port`. A server with a unix socket has its number.",
        read_hash_key,
    )
    .by_default("id")
    .example("server s1 192.0.2.1:80 hash-key addr-port")
    .differs("HAProxy knows it since 3.0. With an address the clients get other servers there."),
    row("non-stick", exactly(0), "", "Lets no stick rule store this server.", |server, _, _| {
        server.settings.non_stick = true;
        Ok(())
    })
    .example("server s1 192.0.2.1:80 non-stick"),
    row("stick", exactly(0), "", "Undoes a `non-stick` that the line inherits.", |server, _, _| {
        server.settings.non_stick = false;
        Ok(())
    })
    .example("server s1 192.0.2.1:80 stick"),
    row(
        "interface",
        exactly(1),
        "<name>",
        "Connects to the server through this network interface. The word follows `source`.",
        read_interface,
    )
    .example("server s1 192.0.2.1:80 source 192.0.2.9 interface lo"),
];

impl WordTarget for ServerWords {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        match keyword.handling {
            Handling::Server(read) => read(self, line, report),
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// Reads the name of a server or a peer from the first argument.
pub(super) fn read_name(line: &Line<'_>, what: &str) -> Parsed<Placed<String>> {
    let name = line.argument(0)?;
    check_name(&name, what)?;
    Ok(Placed { value: name.value.to_owned(), place: name.place })
}

/// Checks the name of a proxy, a server or a peer by the rule of HAProxy.
pub(in crate::config) fn check_name(name: &Placed<&str>, what: &str) -> Parsed {
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

fn read_interface(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let name = super::bind::interface_name(&line.argument(0)?)?;
    source::of(server, line)?.interface = Some(name);
    Ok(())
}

/// Reads an address without a port from the first argument.
pub(super) fn read_host(line: &Line<'_>) -> Parsed<Address> {
    let typed = line.argument(0)?;
    match source::address(&typed, line)? {
        Address::Ip(address) if address.port() != 0 => {
            let message = format!("'{}' wants an address without a port", line.keyword);
            Err(Mistake::new(typed.place, message))
        }
        host => Ok(host),
    }
}

fn read_proxy_v2_options(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let word = line.argument(0)?;
    for option in word.value.split(',') {
        match option {
            "crc32c" => server.settings.proxy_v2.crc32c = true,
            "unique-id" => server.settings.proxy_v2.unique_id = true,
            "authority" => server.settings.proxy_v2.authority = true,
            "ssl" => server.settings.proxy_v2.tls = true,
            "cert-cn" => server.settings.proxy_v2.common_name = true,
            "ssl-cipher" => server.settings.proxy_v2.suite = true,
            "cert-sig" => server.settings.proxy_v2.signature = true,
            "cert-key" => server.settings.proxy_v2.key = true,
            other => {
                let message = format!(
                    "unknown option '{other}': 'crc32c', 'unique-id', 'authority', 'ssl', \
                     'cert-cn', 'ssl-cipher', 'cert-sig' or 'cert-key'"
                );
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    Ok(())
}

fn read_hash_key(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let key = line.argument(0)?;
    server.settings.hash_key = match key.value {
        "id" => HashKey::Id,
        "addr" => HashKey::Address,
        "addr-port" => HashKey::AddressAndPort,
        other => {
            let message = format!("unknown key '{other}': 'id', 'addr' or 'addr-port'");
            return Err(Mistake::new(key.place, message));
        }
    };
    Ok(())
}

fn read_id(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
    server.id = Some(Placed { value, place: line.place });
    Ok(())
}
