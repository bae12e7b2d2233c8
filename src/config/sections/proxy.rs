//! The keywords of `defaults`, `frontend`, `backend` and `listen` sections, except the `option` and
//! `timeout` lines and those about logs and health checks.

use super::bind;
use super::{balance, options, server_line, source, stick};
use crate::config::Direction;
use crate::config::drafts::{BindDraft, ProxyDraft, RuleKind, RuleLine, keyword_names};
use crate::config::keywords::{Keyword, Scope, at_least, exactly};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::types::SYNTAX;

const ALL: Scope = Scope::PROXY;
const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND);
const FRONT: Scope = Scope::FRONT;
const BACK: Scope = Scope::BACK;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::of_proxy(
        "mode",
        ALL,
        exactly(1),
        "tcp|http",
        "Says what the section does: `tcp` passes bytes on, `http` serves pages of this process: \
         statistics, the monitor page, metrics.",
        read_mode,
    )
    .by_default("tcp")
    .example("mode tcp")
    .differs("HAProxy relays HTTP in `mode http`; here only pages of the process speak it."),
    Keyword::of_proxy(
        keyword_names::BIND,
        Scope::FRONTEND,
        at_least(1),
        "<address>[:<port>[-<port>]][,...] [words]",
        "Listens at these addresses. A range of ports listens at each port; `fd@<number>` is a \
         listening socket that the process inherits.",
        read_bind,
    )
    .example("bind 192.0.2.1:80,:8000-8003")
    .differs("HAProxy lets an address be bound twice; here that is a mistake."),
    Keyword::of_proxy(
        keyword_names::DEFAULT_BACKEND,
        FRONT,
        exactly(1),
        "<backend>",
        "Sends the connections to this backend that no `use_backend` sends elsewhere.",
        |proxy, line, _| {
            let name = line.argument(0)?;
            let value = name.value.to_owned();
            proxy.settings.default_backend = Some(Placed { value, place: name.place });
            Ok(())
        },
    )
    .example("default_backend web"),
    Keyword::of_proxy(
        keyword_names::MAXCONN,
        FRONT,
        exactly(1),
        "<count>",
        "Limits the connections of the frontend at a time; others wait in the kernel's queue. 0 is \
         as if the line were missing.",
        |proxy, line, _| {
            proxy.settings.maxconn = count(line)?;
            Ok(())
        },
    )
    .by_default("the limit of the process")
    .example("maxconn 2000"),
    Keyword::of_proxy(
        "backlog",
        FRONT,
        exactly(1),
        "<count>",
        "Sets the length of the kernel's queue of connections that are not accepted yet; 0 is as \
         if the line were missing.",
        |proxy, line, _| {
            proxy.settings.backlog = count(line)?;
            Ok(())
        },
    )
    .by_default("`maxconn` of the listener, else of the section")
    .example("backlog 1000"),
    Keyword::of_proxy(
        "balance",
        BACK,
        at_least(0),
        SYNTAX,
        "Chooses how a client without an entry in a stick table gets its server: servers in turns \
         by their weights, the server with the fewest connections, the first with room, by a hash \
         of the client's address or of an RDP client's cookie, or the least loaded of some that \
         are drawn.",
        |proxy, line, report| {
            balance::read(&mut proxy.settings, line, report)?;
            proxy.settings.has_balance = true;
            Ok(())
        },
    )
    .by_default("roundrobin")
    .example("balance leastconn")
    .differs("HAProxy also has algorithms that look at HTTP."),
    Keyword::of_proxy(
        "persist",
        BACK,
        exactly(1),
        "rdp-cookie[(<name>)]",
        "Sends an RDP client to the server that its cookie names, if that server is up. A session \
         broker sets such a cookie, `msts` unless another name is given. `tcp-request content` \
         rules have to wait for the cookie.",
        |proxy, line, _| {
            proxy.settings.rdp.persist = Some(balance::read_persist(line)?);
            Ok(())
        },
    )
    .example("persist rdp-cookie"),
    Keyword::of_proxy(
        "hash-type",
        BACK,
        at_least(1),
        "map-based|consistent [sdbm|djb2|crc32 [avalanche]]",
        "Says how `balance source` and `balance hash` turn a hash into a server: by a place in a \
         list, or on a ring where a change of the servers moves few clients.",
        |proxy, line, _| {
            proxy.settings.hash_type = balance::read_hash_type(line)?;
            Ok(())
        },
    )
    .by_default("map-based sdbm")
    .example("hash-type consistent crc32 avalanche")
    .differs("HAProxy also has the function `wt6`."),
    Keyword::of_proxy(
        "hash-balance-factor",
        BACK,
        exactly(1),
        "<percent>",
        "With `hash-type consistent` and with `balance random`, passes over servers that have more \
         than this percentage of the average of connections, measured by their weights. The next \
         server on the ring gets the client. 0 is as if the line were missing.",
        |proxy, line, _| {
            proxy.settings.hash_balance_factor = balance::read_factor(line)?;
            Ok(())
        },
    )
    .by_default("0")
    .example("hash-balance-factor 150"),
    Keyword::of_proxy(
        keyword_names::SERVER,
        Scope::BACKEND,
        at_least(2),
        "<name> <address>[:[+|-]<port>] [words]",
        "Adds a server to the backend. Without a port, each client is sent to the port that it \
         connected to; `+10` or `-10` adds to that port, or subtracts from it. Then a check needs \
         a `port`. Without an address (`*:80`), each client is sent to the address that it \
         connected to.",
        read_server,
    )
    .example("server s1 192.0.2.1:80 check"),
    Keyword::of_proxy(
        keyword_names::SERVER_TEMPLATE,
        Scope::BACKEND,
        at_least(3),
        "<prefix> <count>|<first>-<last> <address>[:[+|-]<port>] [words]",
        "Adds several servers whose names end in a number.",
        read_server_template,
    )
    .example("server-template app 1-3 192.0.2.1:80 check")
    .differs("HAProxy resolves their names again at run time."),
    Keyword::of_proxy(
        "dispatch",
        Scope::BACKEND,
        exactly(1),
        "<address>:<port>",
        "Sends all clients there, where no line `balance` chooses among servers. The address is no \
         server: it has no name, no checks and no statistics.",
        read_dispatch,
    )
    .example("dispatch 192.0.2.1:80"),
    Keyword::of_proxy(
        "transparent",
        BACK,
        exactly(0),
        "",
        "Is the old form of `option transparent`.",
        options::read_transparent,
    )
    .example("transparent"),
    Keyword::of_proxy(
        "default-server",
        BACK,
        at_least(0),
        "[words]",
        "Gives words to every `server` line after this line.",
        |p, l, r| {
            server_line::read_default(l, &mut p.settings.default_server, r);
            Ok(())
        },
    )
    .example("default-server check inter 5s"),
    Keyword::of_proxy(
        "source",
        BACK,
        at_least(1),
        "<address>[:<port>] [usesrc client|clientip|<address>] [interface <name>]",
        "Connects to servers from this address. With `usesrc`, from the address of the client or \
         from another address that this machine does not have; see the word of a `server` line.",
        source::read_line,
    )
    .by_default("the kernel chooses the address")
    .example("source 192.0.2.9"),
    Keyword::of_proxy(
        "retries",
        BACK,
        exactly(1),
        "<count>",
        "Tries a failed connect again so many times.",
        |p, l, _| {
            p.settings.retries = l.number(0, 0..=u32::MAX)?;
            Ok(())
        },
    )
    .by_default("3")
    .example("retries 2"),
    Keyword::of_proxy(
        "fullconn",
        BACK,
        exactly(1),
        "<count>",
        "Lets servers with a `minconn` have their whole `maxconn` once the backend has so many \
         connections; 0 is as if the line were missing.",
        |p, l, _| {
            p.settings.fullconn = count(l)?;
            Ok(())
        },
    )
    .by_default("a tenth of the limits of the frontends that lead here by default")
    .example("fullconn 1000"),
    Keyword::of_proxy(
        "rate-limit sessions",
        FRONT,
        exactly(1),
        "<count>",
        "Limits the new connections of the frontend in a second; others wait. 0 means no limit.",
        |p, l, _| {
            p.settings.rate_limit = count(l)?;
            Ok(())
        },
    )
    .idle_in_pages("the limit of pages is 'maxconn'")
    .by_default("no limit")
    .example("rate-limit sessions 500"),
    Keyword::of_proxy(
        keyword_names::STICK_TABLE,
        SECTIONS,
        at_least(1),
        "type <type> size <count> [words]",
        "Declares the stick table of the section, which has its name.",
        read_stick_table,
    )
    .example("stick-table type ip size 1m expire 30m"),
    Keyword::of_proxy(
        "stick on",
        Scope::BACKEND,
        at_least(1),
        RULE,
        "Sends a client to the server that the table has for it, and stores the server of a new \
         client.",
        read_stick_rule,
    )
    .example("stick on src table clients"),
    Keyword::of_proxy(
        "stick match",
        Scope::BACKEND,
        at_least(1),
        RULE,
        "Sends a client to the server that the table has for it, and stores nothing.",
        read_stick_rule,
    )
    .example("stick match src table clients"),
    Keyword::of_proxy(
        "stick store-request",
        Scope::BACKEND,
        at_least(1),
        RULE,
        "Stores the server of a client, and looks nothing up.",
        read_stick_rule,
    )
    .example("stick store-request src table clients"),
    Keyword::of_proxy(
        "stick store-response",
        Scope::BACKEND,
        at_least(1),
        RULE,
        "Stores the server of a client under a key that the server sends. `tcp-response \
         inspect-delay` and `tcp-response content` lines have to wait for what the key needs. Of \
         the lines with the same table the first that applies counts.",
        read_stick_rule,
    )
    .example("stick store-response payload_lv(43,1) table clients"),
    Keyword::of_proxy(
        "retry-on",
        BACK,
        at_least(1),
        "<event>...",
        "Says which failures are tried again. Of HAProxy's events only `conn-failure` can happen \
         to TCP; `none` tries nothing again.",
        read_retry_on,
    )
    .by_default("conn-failure")
    .example("retry-on conn-failure")
    .differs("HAProxy also tries HTTP requests again."),
    Keyword::of_proxy(
        "id",
        SECTIONS,
        exactly(1),
        "<number>",
        "Gives the section this number in statistics.",
        |proxy, line, _| {
            let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
            proxy.id = Some(Placed { value, place: line.place });
            Ok(())
        },
    )
    .by_default("the next number that is free")
    .example("id 10"),
    Keyword::of_proxy(
        "description",
        SECTIONS,
        at_least(1),
        "<text>",
        "Describes the section in statistics.",
        |proxy, line, _| {
            proxy.description = Some(line::joined(line.arguments));
            Ok(())
        },
    )
    .example("description shop of the office"),
    Keyword::of_proxy(
        "disabled",
        ALL,
        exactly(0),
        "",
        "Keeps the section in the configuration without starting it.",
        |proxy, _, _| {
            proxy.settings.disabled = true;
            Ok(())
        },
    )
    .example("disabled"),
    Keyword::of_proxy(
        "enabled",
        ALL,
        exactly(0),
        "",
        "Undoes a `disabled` that the section inherits.",
        |proxy, _, _| {
            proxy.settings.disabled = false;
            Ok(())
        },
    )
    .example("enabled"),
];

const RULE: &str = "<sample> [table <name>] [if|unless <condition>]";

/// Reads a count, where 0 is as if the line were missing.
fn count(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.size(0, 0..=i32::MAX.unsigned_abs())?).filter(|count| *count > 0))
}

fn read_mode(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let mode = line.argument(0)?;
    let message = match mode.value {
        "tcp" => {
            proxy.settings.http = None;
            return Ok(());
        }
        "http" => {
            proxy.settings.http = Some(mode.place);
            return Ok(());
        }
        "health" => "'mode health' does not exist any more".to_owned(),
        other => format!("unknown mode '{other}': there are 'tcp' and, for pages, 'http'"),
    };
    Err(Mistake::new(mode.place, message))
}

/// Of the events of HAProxy only a failed connect can happen here, as stickd does not know the
/// protocol of the connections.
fn read_retry_on(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    const OF_HTTP: [&str; 4] =
        ["empty-response", "junk-response", "response-timeout", "0rtt-rejected"];
    proxy.settings.retries_connects = false;
    for word in line.arguments.iter().map(|word| line.placed(word)) {
        match word.value {
            "conn-failure" | "all-retryable-errors" => proxy.settings.retries_connects = true,
            "none" if line.arguments.len() == 1 => {}
            other if OF_HTTP.contains(&other) || other.parse::<u16>().is_ok() => {}
            other => {
                let message = format!("'retry-on' does not know the event '{other}'");
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    Ok(())
}

fn read_bind(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    proxy.binds.push(bind::read(line, 0, Scope::BIND, &BindDraft::default(), report)?);
    Ok(())
}

fn read_server(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let server = server_line::read(line, &proxy.settings.default_server, report)?;
    proxy.servers.push(server);
    Ok(())
}

fn read_dispatch(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let typed = line.argument(0)?;
    let value = address::connecting(typed.value, line.hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))?;
    proxy.dispatch = Some(Placed { value, place: line.place });
    Ok(())
}

fn read_server_template(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let servers = server_line::read_template(line, &proxy.settings.default_server, report)?;
    // Too many servers are an error, which is reported when all sections are read. Until then they
    // must not fill the memory.
    if proxy.servers.len() > usize::from(u16::MAX) {
        return Ok(());
    }
    proxy.servers.extend(servers);
    Ok(())
}

fn read_stick_table(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    if let Some(table) = &proxy.table {
        let message = format!("the section has a table already, at {}", report.name(table.place));
        return Err(line.mistake(message));
    }
    proxy.table = Some(stick::read_table(line, 0, report)?);
    Ok(())
}

fn read_stick_rule(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let (rule, words) = stick::read_rule(line)?;
    let direction = if rule.of_response { Direction::Response } else { Direction::Request };
    proxy.stick_rules.push(rule);
    proxy.rules.push(RuleLine {
        kind: RuleKind::Stick(direction),
        keyword: line.keyword,
        place: line.place,
        words,
    });
    Ok(())
}
