//! Keywords that HAProxy knows and stickd refuses, with the reason for the message.

use super::form::Refusal::{Because, HttpOnly, NeedsScripts, NotYet};
use super::form::{Arity, Handling, Keyword, Refusal, Scope, exactly};

macro_rules! refused {
    ($($scope:expr, $arity:expr, $refusal:expr => $($name:literal)+;)*) => {
        const ROWS: &[&[Keyword]] = &[$(&[$(
            Keyword::new($name, $scope, $arity, "", "", Handling::Refused($refusal))
        ),+]),*];
    };
}

/// Every refused keyword.
pub(in crate::config) fn keywords() -> impl Iterator<Item = &'static Keyword> {
    ROWS.iter().copied().flatten()
}

/// Why a kind of section is refused; `None` if HAProxy does not know such a section.
pub(in crate::config) fn section(word: &str) -> Option<Refusal> {
    match word {
        "traces" => Some(NotYet),
        "log-forward" => Some(Because(
            "it relays the messages of other programs; 'ring' and 'log' are about stickd's own",
        )),
        "crt-store" | "acme" => Some(Because("name each certificate, or their folder, with 'crt'")),
        "program" => Some(NeedsScripts),
        _ => None,
    }
}

/// Any number of words: the whole line is refused.
const LINE: Arity = Arity { min: 0, max: usize::MAX };

refused! {
    Scope::GLOBAL, LINE, NotYet =>
        "tune.stick-counters"
        "pp2-never-send-local";
    Scope::GLOBAL, LINE, Because("HAProxy 2.6 does not know it either") => "hash-seed";
    Scope::GLOBAL, LINE, NeedsScripts =>
        "lua-load" "lua-load-per-thread";

    Scope::PROXY, LINE, Because("there are no filters: bytes are passed on as they come") =>
        "filter";
    Scope::PROXY, LINE, Because("there are no filters, and so no agents of theirs to check") =>
        "option spop-check";
    Scope::PROXY, LINE, HttpOnly => "use-fcgi-app";
    Scope::PROXY, LINE, Because("it does not exist any more, in HAProxy neither") =>
        "monitor-net" "grace" "appsession" "option forceclose" "option http_proxy"
        "option http-tunnel" "option http-use-htx" "block" "reqadd" "reqallow" "reqdel" "reqdeny"
        "reqiallow" "reqidel" "reqideny" "reqipass" "reqirep" "reqitarpit" "reqpass" "reqrep"
        "reqtarpit" "rspadd" "rspdel" "rspdeny" "rspidel" "rspideny" "rspirep" "rsprep";
    Scope::GLOBAL, LINE, Because("it does not exist any more: write 'tune.bufsize'") =>
        "tune.chksize";
    Scope::PROXY, LINE, Because("it does not exist any more: write 'timeout client'") =>
        "clitimeout" "cliexp";
    Scope::PROXY, LINE, Because("it does not exist any more: write 'timeout connect'") =>
        "contimeout";
    Scope::PROXY, LINE, Because("it does not exist any more: write 'timeout server'") =>
        "srvtimeout" "srvexp";
    Scope::PROXY, LINE, Because("it does not exist any more: write 'option redispatch'") =>
        "redispatch" "redisp";

    Scope::PEERS, LINE, NotYet => "shards";

    Scope::LISTENER, exactly(1), Because("'accept-proxy' is the header that is understood") =>
        "accept-netscaler-cip";
    Scope::LISTENER.and(Scope::SERVER), exactly(1),
        Because("start stickd inside the network namespace") => "namespace";
    Scope::STATS_SOCKET, exactly(0), Because("it is for a 'bind' line") =>
        "accept-proxy" "transparent" "tfo" "defer-accept";
    Scope::STATS_SOCKET, exactly(1), Because("it is for a 'bind' line") => "tcp-ut" "mss";
    Scope::LISTENER, exactly(1), HttpOnly => "proto" "quic-cc-algo" "quic-socket";
    Scope::LISTENER, exactly(0), HttpOnly => "quic-force-retry";
    Scope::STATS_SOCKET, exactly(0),
        Because("a stats socket has no TLS: use a unix socket") => "ssl";
    Scope::BIND, exactly(0),
        Because("TLS 1.2 is the oldest version that is safe, and the oldest there is here") =>
        "force-sslv3" "force-tlsv10" "force-tlsv11";
    Scope::BIND, exactly(0), Because("certificates are not made: name them with 'crt'") =>
        "generate-certificates";
    Scope::BIND, exactly(1), Because("certificates are not made: name them with 'crt'") =>
        "ca-sign-file" "ca-sign-pass";
    Scope::BIND, exactly(1), Because("name each certificate, or their folder, with 'crt'") =>
        "crt-list";
    Scope::BIND, exactly(1), Because("a certificate is valid or not") =>
        "ca-ignore-err" "crt-ignore-err";
    Scope::BIND, exactly(1), Because("name all authorities in 'ca-file'") => "ca-verify-file";

    Scope::SERVER, exactly(1), NotYet => "shard";
    Scope::SERVER, exactly(1), Because("servers are connected to directly") => "socks4";
    Scope::SERVER, exactly(0), Because("servers are connected to directly") => "check-via-socks4";
    Scope::SERVER, exactly(1), HttpOnly => "redir" "proto" "check-proto";
    Scope::SERVER, exactly(0),
        Because("TLS 1.2 is the oldest version that is safe, and the oldest there is here") =>
        "force-sslv3" "force-tlsv10" "force-tlsv11";

    Scope::STICK_TABLE, exactly(1), NotYet => "write-to" "brates-factor";
}
