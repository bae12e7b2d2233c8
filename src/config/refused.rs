//! What HAProxy knows and stickd refuses, with the reason, so that a message can say more than
//! "unknown".

use super::keywords::Refusal::{Because, HttpOnly, NeedsScripts, NeedsTls, NotYet};
use super::keywords::{Action, Arity, Keyword, Refusal, Scope};

macro_rules! refused {
    ($($scope:expr, $refusal:expr => $($name:literal)+;)*) => {
        const ROWS: &[&[Keyword]] = &[$(&[$(Keyword {
            name: $name,
            scope: $scope,
            arity: Arity { min: 0, max: usize::MAX },
            arguments: "",
            help: "",
            action: Action::Refused($refusal),
        }),+]),*];
    };
}

/// Every refused keyword.
pub(super) fn keywords() -> impl Iterator<Item = &'static Keyword> {
    ROWS.iter().copied().flatten()
}

/// Why a kind of section is refused, if HAProxy knows it.
pub(super) fn section(word: &str) -> Option<Refusal> {
    match word {
        "resolvers" | "mailers" | "ring" | "log-forward" | "traces" => Some(NotYet),
        "userlist" | "cache" | "http-errors" | "fcgi-app" => Some(HttpOnly),
        "crt-store" | "acme" => Some(NeedsTls),
        "program" => Some(NeedsScripts),
        _ => None,
    }
}

refused! {
    Scope::GLOBAL, NotYet =>
        "set-var" "set-var-fmt" "tune.stick-counters"
        "pp2-never-send-local";
    Scope::GLOBAL, Because("start with -C <directory>, or write whole paths") => "default-path";
    Scope::GLOBAL, Because("'hard-stop-after' bounds how long an old worker stays") =>
        "mworker-max-reloads";
    Scope::GLOBAL, Because("a soft stop closes the listeners at once") => "grace";
    Scope::GLOBAL, Because("HAProxy 2.6 does not know it either") => "hash-seed";
    Scope::GLOBAL, NeedsScripts =>
        "external-check" "lua-load" "lua-load-per-thread" "lua-prepend-path";

    Scope::PROXY, NotYet =>
        "log-format-sd" "error-log-format" "declare";
    Scope::PROXY, Because("what servers send is passed on without being looked at") =>
        "tcp-response" "stick store-response";
    Scope::PROXY, Because("write a 'server' line") => "dispatch";
    Scope::PROXY, Because("a server's address has to be written: it is not the client's choice") =>
        "transparent" "option transparent";
    Scope::PROXY, Because("write 'stick on' with a sample instead") => "persist";
    Scope::PROXY, Because("the hash alone decides; a server's 'maxconn' bounds its load") =>
        "hash-balance-factor";
    Scope::PROXY, Because("there are no filters: bytes are passed on as they come") => "filter";
    Scope::PROXY, Because("what a side is sent counts as its activity, too") =>
        "option independent-streams";
    Scope::PROXY, Because("there is no statistics page: use the Runtime API or the exporter") =>
        "stats" "stats enable" "stats uri" "stats admin" "stats auth" "stats hide-version"
        "stats http-request" "stats realm" "stats refresh" "stats scope" "stats show-desc"
        "stats show-legends" "stats show-modules" "stats show-node";
    Scope::PROXY, NeedsScripts => "option external-check" "external-check";
    Scope::PROXY, Because("there are no filters, and so no agents of theirs to check") =>
        "option spop-check";
    Scope::PROXY, HttpOnly => "http-request" "use-fcgi-app" "unique-id-format";
    Scope::PROXY, Because("stickd sends no mail: watch its log or its metrics") => "email-alert";
    Scope::PROXY, Because("it does not exist any more, in HAProxy neither") =>
        "monitor-net" "grace" "appsession" "option forceclose" "option http_proxy"
        "option http-tunnel" "option http-use-htx";
    Scope::PROXY, Because("it does not exist any more: write 'timeout client'") => "clitimeout";
    Scope::PROXY, Because("it does not exist any more: write 'timeout connect'") => "contimeout";
    Scope::PROXY, Because("it does not exist any more: write 'timeout server'") => "srvtimeout";
    Scope::PROXY, Because("it does not exist any more: write 'option redispatch'") => "redispatch";

    Scope::PEERS, NotYet => "shards";

    Scope::LISTENER, Because("'accept-proxy' is the header that is understood") =>
        "accept-netscaler-cip";
    Scope::LISTENER.and(Scope::SERVER), Because("start stickd inside the network namespace") =>
        "namespace";
    Scope::STATS_SOCKET, NotYet => "accept-proxy";
    Scope::STATS_SOCKET, Because("it is for a 'bind' line") =>
        "transparent" "tcp-ut" "tfo" "mss" "defer-accept";
    Scope::BIND, Because("it is for a stats socket") => "level" "expose-fd";
    Scope::LISTENER, HttpOnly => "proto" "quic-cc-algo" "quic-force-retry" "quic-socket";
    Scope::LISTENER, NeedsTls =>
        "ssl" "crt" "crt-list" "crt-ignore-err" "ca-file" "ca-ignore-err" "ca-sign-file"
        "ca-sign-pass" "ca-verify-file" "ciphers" "ciphersuites" "curves" "ecdhe" "crl-file"
        "alpn" "npn" "allow-0rtt" "generate-certificates" "strict-sni" "verify"
        "prefer-client-ciphers"
        "force-sslv3" "force-tlsv10" "force-tlsv11" "force-tlsv12" "force-tlsv13" "no-sslv3"
        "no-tlsv10" "no-tlsv11" "no-tlsv12" "no-tlsv13" "no-tls-tickets" "no-ca-names"
        "ssl-min-ver" "ssl-max-ver" "tls-ticket-keys" "sigalgs" "client-sigalgs";

    Scope::SERVER, NotYet =>
        "proxy-v2-options" "resolvers" "shard";
    Scope::SERVER, Because("servers are connected to directly") => "socks4" "check-via-socks4";
    Scope::SERVER, Because("it needs 'resolvers', which are not supported yet") =>
        "resolve-net" "resolve-opts" "resolve-prefer";
    Scope::SERVER, Because("'send-proxy' tells a server its client's address") => "usesrc";
    Scope::SERVER, HttpOnly => "redir" "proto" "check-proto";
    Scope::SERVER, NeedsTls =>
        "ssl" "ca-file" "crl-file" "crt" "ciphers" "ciphersuites" "curves" "alpn" "npn"
        "sni" "verify" "verifyhost" "check-ssl"
        "check-sni" "check-alpn" "force-sslv3" "force-tlsv10" "force-tlsv11" "force-tlsv12"
        "force-tlsv13" "no-sslv3" "no-tlsv10" "no-tlsv11" "no-tlsv12" "no-tlsv13" "ssl-min-ver"
        "ssl-max-ver" "ssl-reuse" "no-ssl-reuse" "tls-tickets" "no-tls-tickets" "allow-0rtt"
        "send-proxy-v2-ssl" "send-proxy-v2-ssl-cn" "no-send-proxy-v2-ssl"
        "no-send-proxy-v2-ssl-cn" "sigalgs" "client-sigalgs";

    Scope::STICK_TABLE, NotYet => "write-to" "brates-factor";
}
