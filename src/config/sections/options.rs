//! The `option` lines of `defaults`, `frontend`, `backend` and `listen` sections, except those
//! that choose the format of the log (`log.rs`) and those about health checks (`health/`).

use super::log::NO_LOG;
use crate::config::ProxyOptions;
use crate::config::drafts::ProxyDraft;
use crate::config::keywords::{Arity, Keyword, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// A row for an `option` without arguments, from the flags that the option sets.
macro_rules! option {
    ($name:literal, $scope:expr, $help:literal, $($flag:ident),+) => {
        Keyword::of_proxy($name, $scope, exactly(0), "", $help, |proxy, line, _| {
            set_option(proxy, line, |options| [$(&mut options.$flag),+].into())
        })
    };
}

const ALL: Scope = Scope::PROXY;
const FRONT: Scope = Scope::FRONT;
const BACK: Scope = Scope::BACK;

/// Why an option of splicing has no effect in a section with pages.
const NO_SPLICE: &str = "metrics are written here and come from no server";

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::of_proxy(
        "option redispatch",
        BACK,
        Arity { min: 0, max: 1 },
        "[<interval>]",
        "Lets a client go to another server when its own does not answer. It moves at every retry \
         that is a multiple of the interval; a negative interval counts back from the last retry \
         (-1 when it is missing), and with 0 only clients move that no entry binds.",
        read_redispatch,
    )
    .by_default("a client stays with its server")
    .example("option redispatch"),
    Keyword::of_proxy(
        "option transparent",
        BACK,
        exactly(0),
        "",
        "Sends each client to the address and the port that it connected to, where no line \
         `dispatch` gives another place. That helps where the network leads clients of other \
         machines here, with `transparent` on the `bind` line.",
        read_transparent,
    )
    .by_default("clients go to the servers of the section")
    .example("option transparent"),
    option!(
        "option log-separate-errors",
        FRONT,
        "Logs connections that did not go well with the level `err`.",
        log_separate_errors
    )
    .by_default("all lines have the level `info`")
    .example("option log-separate-errors"),
    option!(
        "option socket-stats",
        FRONT,
        "Counts for each listener by itself, beside the frontend: `show stat`, the statistics \
         page and the metrics have a row for each `bind` address.",
        socket_stats
    )
    .idle_in_pages("its listeners are not counted")
    .by_default("the frontend is counted as a whole")
    .example("option socket-stats"),
    Keyword::of_proxy(
        "option contstats",
        FRONT,
        exactly(0),
        "",
        "Is accepted for HAProxy's sake: counters are always up to date.",
        always,
    )
    .example("option contstats")
    .differs("HAProxy counts a connection's bytes at its end without this option."),
    option!(
        "option abortonclose",
        BACK,
        "Gives up a client that closes its side while it waits for a server.",
        abort_on_close
    )
    .by_default("the client keeps its place")
    .example("option abortonclose"),
    option!(
        "option logasap",
        FRONT,
        "Writes a connection's line once the server is reached, not at the end.",
        logasap
    )
    .idle_in_pages(NO_LOG)
    .example("option logasap"),
    option!(
        "option dontlog-normal",
        FRONT,
        "Does not log connections that went well.",
        dontlog_normal
    )
    .idle_in_pages(NO_LOG)
    .example("option dontlog-normal"),
    option!(
        "option dontlognull",
        FRONT,
        "Does not log connections that carried no data.",
        dontlognull
    )
    .example("option dontlognull"),
    option!("option splice-auto", ALL, "Moves data inside the kernel where it pays.", splice_auto)
        .idle_in_pages(NO_SPLICE)
        .by_default("data passes through the process")
        .example("option splice-auto"),
    option!(
        "option splice-request",
        ALL,
        "Moves the data from clients to servers inside the kernel.",
        splice_request
    )
    .idle_in_pages(NO_SPLICE)
    .by_default("data passes through the process")
    .example("option splice-request"),
    option!(
        "option splice-response",
        ALL,
        "Moves the data from servers to clients inside the kernel.",
        splice_response
    )
    .idle_in_pages(NO_SPLICE)
    .by_default("data passes through the process")
    .example("option splice-response"),
    option!(
        "option tcpka",
        ALL,
        "Lets the kernel probe silent clients and servers (TCP keep-alive).",
        client_keepalive,
        server_keepalive
    )
    .example("option tcpka"),
    option!(
        "option clitcpka",
        FRONT,
        "Lets the kernel probe silent clients (TCP keep-alive).",
        client_keepalive
    )
    .example("option clitcpka"),
    option!(
        "option srvtcpka",
        BACK,
        "Lets the kernel probe silent servers (TCP keep-alive).",
        server_keepalive
    )
    .example("option srvtcpka"),
    option!(
        "option allbackups",
        BACK,
        "Uses all backup servers at once when no other server is usable.",
        all_backups
    )
    .by_default("the first usable backup server is used")
    .example("option allbackups"),
    option!(
        "option persist",
        BACK,
        "Sends a client to the server that a stick table has for it, even when that server is \
         down.",
        persist
    )
    .example("option persist"),
    option!(
        "option tcp-smart-accept",
        FRONT,
        "Lets the kernel acknowledge what a client sends together with the answer.",
        tcp_smart_accept
    )
    .example("option tcp-smart-accept"),
    option!(
        "option tcp-smart-connect",
        BACK,
        "Lets the kernel acknowledge what a server sends first together with what the client \
         sends.",
        tcp_smart_connect
    )
    .example("option tcp-smart-connect"),
    option!(
        "option nolinger",
        ALL,
        "Closes connections with a reset, so that no closed socket stays in the kernel.",
        nolinger
    )
    .idle_in_pages("a scraper is to get the whole answer")
    .example("option nolinger"),
];

/// Reads an option whose effect is always there.
fn always(_: &mut ProxyDraft, _: &Line<'_>, _: &mut Report) -> Parsed {
    Ok(())
}

pub(super) fn read_transparent(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    proxy.settings.transparent = (!line.negated).then_some(line.place);
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
