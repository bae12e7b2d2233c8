//! The keywords of `defaults`, `frontend`, `backend` and `listen` sections.

use super::bind;
use super::{balance, log, log_line, server, server_line, stick};
use crate::config::drafts::BindDraft;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{ProxyDraft, ProxyKind, RuleKind, RuleLine};
use crate::config::keywords::{Action, Arity, Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::line;
use crate::config::text::line::Line;
use crate::config::text::report::{HTTP, Report};
use crate::config::types::SYNTAX;
use crate::config::{ProxyOptions, Source};

type Read = fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed;

const fn row(
    name: &'static str,
    scope: Scope,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: Read,
) -> Keyword {
    Keyword::new(name, scope, arity, arguments, help, Action::Proxy(read))
}

/// A row for an `option` without arguments, given by the flag it sets.
macro_rules! option {
    ($name:literal, $scope:expr, $help:literal, $($flag:ident),+) => {
        row($name, $scope, exactly(0), "", $help, |proxy, line, _| {
            set_option(proxy, line, |options| [$(&mut options.$flag),+].into())
        })
    };
}

/// A row for a timeout, given by the field it sets.
macro_rules! timeout {
    ($name:literal, $scope:expr, $help:literal, $field:ident) => {
        row($name, $scope, exactly(1), "<time>", $help, |proxy, line, _| {
            // HAProxy takes 0 for "no timeout".
            proxy.settings.$field = Some(line.time_ms(0)?).filter(|ms| *ms > 0);
            Ok(())
        })
    };
}

const ALL: Scope = Scope::PROXY;
const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND);
const FRONT: Scope = Scope::DEFAULTS.and(Scope::FRONTEND);
const BACK: Scope = Scope::DEFAULTS.and(Scope::BACKEND);

/// Why a keyword of logs has no effect in the frontend of the exporter.
const NO_LOG: &str = "requests for metrics are not logged";

/// The same of splicing.
const NO_SPLICE: &str = "metrics are written here and come from no server";

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("mode", ALL, exactly(1), "tcp|http", "`http` for the Prometheus exporter alone", read_mode),
    row(
        keyword_names::BIND,
        Scope::FRONTEND,
        at_least(1),
        "<address>[,...] [words]",
        "listen here",
        read_bind,
    )
    .example("bind :443,[::1]:443 accept-proxy"),
    row(
        "default_backend",
        FRONT,
        exactly(1),
        "<backend>",
        "where connections go",
        |proxy, line, _| {
            let name = line.argument(0)?;
            let value = name.value.to_owned();
            proxy.settings.default_backend = Some(Placed { value, place: name.place });
            Ok(())
        },
    )
    .refused_in_exporter(),
    row(
        keyword_names::MAXCONN,
        FRONT,
        exactly(1),
        "<count>",
        "most connections at a time",
        |proxy, line, _| {
            proxy.settings.maxconn = count(line)?;
            Ok(())
        },
    ),
    row(
        "backlog",
        FRONT,
        exactly(1),
        "<count>",
        "length of the kernel's queue",
        |proxy, line, _| {
            proxy.settings.backlog = count(line)?;
            Ok(())
        },
    ),
    row("balance", BACK, at_least(0), SYNTAX, "how a server is chosen", |proxy, line, _| {
        proxy.settings.balance = balance::read(line)?;
        Ok(())
    }),
    row(
        "hash-type",
        BACK,
        at_least(1),
        "map-based | consistent [sdbm | djb2 | crc32 [avalanche]]",
        "how a hash becomes a server",
        |proxy, line, _| {
            proxy.settings.hash_type = balance::read_hash_type(line)?;
            Ok(())
        },
    ),
    row(
        keyword_names::SERVER,
        Scope::BACKEND,
        at_least(2),
        "<name> <address> [words]",
        "a server",
        read_server,
    ),
    row(
        keyword_names::SERVER_TEMPLATE,
        Scope::BACKEND,
        at_least(3),
        "<prefix> <count>|<first>-<last> <address> [words]",
        "servers that differ in their numbers",
        read_server_template,
    ),
    row(
        "default-server",
        BACK,
        at_least(0),
        "[words]",
        "words for every server after it",
        |p, l, r| {
            server_line::read_default(l, &mut p.settings.default_server, r);
            Ok(())
        },
    ),
    row(
        "source",
        BACK,
        at_least(1),
        "<address>[:<port>] [interface <name>]",
        "where to connect from",
        read_source,
    ),
    row("retries", BACK, exactly(1), "<count>", "tries after a failed connect (3)", |p, l, _| {
        p.settings.retries = l.number(0, 0..=u32::MAX)?;
        Ok(())
    })
    .by_default("3"),
    row("fullconn", BACK, exactly(1), "<count>", "connections for full maxconn", |p, l, _| {
        p.settings.fullconn = count(l)?;
        Ok(())
    }),
    row("rate-limit sessions", FRONT, exactly(1), "<count>", "most per second", |p, l, _| {
        p.settings.rate_limit = count(l)?;
        Ok(())
    })
    .refused_in_exporter(),
    row(
        keyword_names::STICK_TABLE,
        SECTIONS,
        at_least(1),
        "type <type> size <count> [words]",
        "its table",
        read_stick_table,
    ),
    row("stick on", Scope::BACKEND, at_least(1), RULE, "match and store", read_stick_rule),
    row("stick match", Scope::BACKEND, at_least(1), RULE, "look up only", read_stick_rule),
    row("stick store-request", Scope::BACKEND, at_least(1), RULE, "store only", read_stick_rule),
    timeout!("timeout client", FRONT, "longest silence of a client", timeout_client_ms),
    timeout!("timeout client-fin", FRONT, "the same, half-closed", timeout_client_fin_ms)
        .idle_in_exporter("a half-closed connection lasts as long as 'timeout client' says"),
    timeout!("timeout connect", BACK, "longest wait for a connect", timeout_connect_ms),
    timeout!("timeout queue", BACK, "longest wait for a place at a server", timeout_queue_ms),
    timeout!("timeout server", BACK, "longest silence of a server", timeout_server_ms),
    timeout!("timeout server-fin", BACK, "the same, half-closed", timeout_server_fin_ms),
    timeout!(
        "timeout tunnel",
        BACK,
        "replaces client and server once connected",
        timeout_tunnel_ms
    ),
    row(
        "option redispatch",
        BACK,
        Arity { min: 0, max: 1 },
        "[<interval>]",
        "go to another server when the own one does not answer",
        read_redispatch,
    ),
    row("option tcplog", FRONT, exactly(0), "", "log in the TCP format", |proxy, line, _| {
        set_log_format(proxy, line);
        Ok(())
    })
    .idle_in_exporter(NO_LOG),
    row("option httplog", FRONT, Arity { min: 0, max: 1 }, "[clf]", HTTP_LOG, read_http_log)
        .idle_in_exporter(NO_LOG),
    row("option httpslog", FRONT, exactly(0), "", HTTP_LOG, read_http_log).idle_in_exporter(NO_LOG),
    row(
        "log-format",
        FRONT,
        exactly(1),
        "<format>",
        "what a line of the log says",
        read_log_format,
    )
    .idle_in_exporter(NO_LOG),
    row("log-tag", ALL, exactly(1), "<text>", "tag of its syslog lines", |proxy, line, _| {
        proxy.settings.log_tag = Some(line.argument(0)?.value.to_owned());
        Ok(())
    })
    .idle_in_exporter(NO_LOG),
    option!(
        "option log-separate-errors",
        FRONT,
        "log what did not go well as an error",
        log_separate_errors
    )
    .idle_in_exporter(NO_LOG),
    row("option contstats", FRONT, exactly(0), "", "always so: counters are up to date", always),
    option!("option abortonclose", BACK, "who has closed waits for no server", abort_on_close),
    row("retry-on", BACK, at_least(1), "<event>...", "what is tried again", read_retry_on),
    option!("option logasap", FRONT, "log once the server is reached", logasap)
        .idle_in_exporter(NO_LOG),
    option!("option dontlog-normal", FRONT, "do not log what went well", dontlog_normal)
        .idle_in_exporter(NO_LOG),
    option!("option dontlognull", FRONT, "do not log connections without data", dontlognull)
        .idle_in_exporter(NO_LOG),
    option!("option splice-auto", ALL, "splice where it pays", splice_auto)
        .idle_in_exporter(NO_SPLICE),
    option!("option splice-request", ALL, "splice from client to server", splice_request)
        .idle_in_exporter(NO_SPLICE),
    option!("option splice-response", ALL, "splice from server to client", splice_response)
        .idle_in_exporter(NO_SPLICE),
    option!(
        "option tcpka",
        ALL,
        "TCP keep-alive on both sides",
        client_keepalive,
        server_keepalive
    ),
    option!("option clitcpka", FRONT, "TCP keep-alive towards clients", client_keepalive),
    option!("option srvtcpka", BACK, "TCP keep-alive towards servers", server_keepalive),
    option!("option allbackups", BACK, "use all backup servers at once", all_backups),
    option!("option persist", BACK, "go to the known server even if it is down", persist),
    option!("option tcp-smart-accept", FRONT, "acknowledge with the answer", tcp_smart_accept),
    option!("option tcp-smart-connect", BACK, "acknowledge with the answer", tcp_smart_connect),
    option!("option nolinger", ALL, "close with a reset", nolinger)
        .idle_in_exporter("a scraper is to get the whole answer"),
    row(
        "log",
        ALL,
        at_least(0),
        "global | <target> [len <n>] [format <f>] <facility> [<level> [<level>]]",
        "where lines go",
        |proxy, line, _| log::read(line, &mut proxy.settings.log),
    )
    .can_be_negated(),
    row("id", SECTIONS, exactly(1), "<number>", "its number in statistics", |proxy, line, _| {
        let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
        proxy.id = Some(Placed { value, place: line.place });
        Ok(())
    }),
    row("description", SECTIONS, at_least(1), "<text>", "shown in statistics", |proxy, line, _| {
        proxy.description = Some(line::joined(line.arguments));
        Ok(())
    }),
    row("disabled", ALL, exactly(0), "", "configured, not started", |proxy, _, _| {
        proxy.settings.disabled = true;
        Ok(())
    }),
    row("enabled", ALL, exactly(0), "", "takes `disabled` back", |proxy, _, _| {
        proxy.settings.disabled = false;
        Ok(())
    }),
];

const HTTP_LOG: &str = "the same as `option tcplog`; not for the exporter";

/// How a `defaults` section's line is named among others that are about HTTP.
const HTTP_LOG_OF_MANY: &str = "option httplog (as option tcplog)";

const RULE: &str = "<sample> [table <name>] [if|unless <condition>]";

/// A count in which 0 means "not given".
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
        other => format!("unknown mode '{other}': there are 'tcp' and, for the exporter, 'http'"),
    };
    Err(Mistake::new(mode.place, message))
}

/// For what is the case with or without a word.
fn always(_: &mut ProxyDraft, _: &Line<'_>, _: &mut Report) -> Parsed {
    Ok(())
}

/// Of the events only a failed connect can happen where nothing is known of the protocol.
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

/// What comes of it in a section of its own is said when its mode is known
/// ([`report_http_log`]).
fn read_http_log(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    set_log_format(proxy, line);
    if proxy.kind == ProxyKind::Defaults && !line.negated {
        report.inert(line.place, HTTP_LOG_OF_MANY, HTTP);
    }
    Ok(())
}

/// `option tcplog` and its like are formats as `log-format` is one: the last line counts.
fn set_log_format(proxy: &mut ProxyDraft, line: &Line<'_>) {
    proxy.settings.options.tcplog = !line.negated;
    if !line.negated {
        proxy.settings.log_line = None;
    }
}

/// Reports the HTTP log of a section that relays.
pub(super) fn report_http_log(proxy: &ProxyDraft, report: &mut Report) {
    for said in &proxy.said {
        if matches!(said.keyword, "option httplog" | "option httpslog") {
            warn_of_http_log(said.keyword, said.place, report);
        }
    }
}

fn warn_of_http_log(keyword: &str, place: Place, report: &mut Report) {
    let message = format!("'{keyword}' is taken for 'option tcplog': what is relayed is TCP");
    report.warning(place, message);
}

fn read_log_format(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    proxy.settings.log_line = Some(log_line::compile(&line.argument(0)?)?);
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

fn read_server_template(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let servers = server_line::read_template(line, &proxy.settings.default_server, report)?;
    // More are an error, reported once all are known; they are not to fill the memory before.
    if proxy.servers.len() > usize::from(u16::MAX) {
        return Ok(());
    }
    proxy.servers.extend(servers);
    Ok(())
}

fn read_source(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let mut source = Source { address: server::read_source(line)?, interface: None };
    match (line.get(1), line.get(2), line.get(3)) {
        (None, ..) => {}
        (Some(word), Some(name), None) if word.value == "interface" => {
            source.interface = Some(bind::interface_name(&name)?);
        }
        (Some(word), ..) => {
            let message = format!(
                "'{}' after a source is refused: only 'interface <name>' is supported",
                word.value
            );
            return Err(Mistake::new(word.place, message));
        }
    }
    proxy.settings.source = Some(source);
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
    proxy.stick_rules.push(rule);
    proxy.rules.push(RuleLine {
        kind: RuleKind::Stick,
        keyword: line.keyword,
        place: line.place,
        words,
    });
    Ok(())
}

fn read_redispatch(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    proxy.settings.redispatch = if line.negated { None } else { Some(-1) };
    let Some(word) = line.get(0).filter(|_| !line.negated) else { return Ok(()) };
    let interval = word.value.parse().map_err(|_| {
        let message = format!("'option redispatch': '{}' is not a whole number", word.value);
        Mistake::new(word.place, message)
    })?;
    proxy.settings.redispatch = Some(interval);
    Ok(())
}

fn set_option(
    proxy: &mut ProxyDraft,
    line: &Line<'_>,
    flags: impl for<'a> FnOnce(&'a mut ProxyOptions) -> Vec<&'a mut bool>,
) -> Parsed {
    for flag in flags(&mut proxy.settings.options) {
        *flag = !line.negated;
    }
    Ok(())
}
