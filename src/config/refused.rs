//! What HAProxy knows and stickd refuses, with the reason, so that a message can say more than
//! "unknown".

use super::keywords::Refusal::{Because, HttpOnly, NeedsScripts, NeedsThreads, NeedsTls, NotYet};
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
        "mworker-max-reloads" "unix-bind" "default-path" "server-state-base"
        "server-state-file" "spread-checks" "max-spread-checks" "maxconnrate" "maxsessrate"
        "maxsslconn" "maxsslrate" "maxpipes" "zero-warning" "strict-limits" "set-dumpable"
        "nosplice" "nogetaddrinfo" "noreuseport" "profiling.tasks" "profiling.memory"
        "cluster-secret" "grace" "close-spread-time" "set-var" "set-var-fmt" "hash-seed"
        "tune.rcvbuf.client" "tune.rcvbuf.server" "tune.sndbuf.client" "tune.sndbuf.server"
        "tune.maxpollevents" "tune.pipesize" "tune.runqueue-depth" "tune.sched.low-latency"
        "tune.idletimer" "tune.maxrewrite" "tune.buffers.limit" "tune.buffers.reserve"
        "tune.recv_enough" "tune.stick-counters" "tune.fail-alloc" "tune.vars.global-max-size"
        "tune.vars.proc-max-size" "tune.pattern.cache-size" "pp2-never-send-local";
    Scope::GLOBAL, Because("stickd raises its limit of descriptors by itself") => "ulimit-n";
    Scope::GLOBAL, Because("give -q on the command line") => "quiet";
    Scope::GLOBAL, Because("stickd uses epoll alone") =>
        "noepoll" "nopoll" "nokqueue" "noevports" "tune.fd.edge-triggered";
    Scope::GLOBAL, NeedsThreads =>
        "thread-groups" "thread-group" "numa-cpu-mapping" "stats bind-process"
        "tune.listener.multi-queue" "no-quic";
    Scope::GLOBAL, NeedsScripts =>
        "external-check" "insecure-fork-wanted" "insecure-setuid-wanted" "lua-load"
        "lua-load-per-thread" "lua-prepend-path" "tune.lua.forced-yield" "tune.lua.maxmem"
        "tune.lua.session-timeout" "tune.lua.service-timeout" "tune.lua.task-timeout";
    Scope::GLOBAL, NeedsTls =>
        "ca-base" "crt-base" "issuers-chain-path" "ssl-default-bind-ciphers"
        "ssl-default-bind-ciphersuites" "ssl-default-bind-curves" "ssl-default-bind-options"
        "ssl-default-server-ciphers" "ssl-default-server-ciphersuites"
        "ssl-default-server-options" "ssl-dh-param-file" "ssl-engine" "ssl-mode-async"
        "ssl-server-verify" "ssl-load-extra-files" "ssl-load-extra-del-ext" "ssl-propquery"
        "ssl-provider" "ssl-provider-path" "ssl-skip-self-issued-ca" "tune.ssl.cachesize"
        "tune.ssl.default-dh-param" "tune.ssl.lifetime" "tune.ssl.maxrecord" "tune.ssl.keylog"
        "tune.ssl.capture-buffer-size" "tune.ssl.ssl-ctx-cache-size" "tune.ssl.force-private-cache";
    Scope::GLOBAL, HttpOnly =>
        "h1-case-adjust" "h1-case-adjust-file" "h2-workaround-bogus-websocket-clients"
        "httpclient.resolvers.id" "httpclient.resolvers.prefer" "httpclient.ssl.ca-file"
        "httpclient.ssl.verify" "maxcomprate" "maxcompcpuusage" "tune.comp.maxlevel"
        "tune.h2.header-table-size" "tune.h2.initial-window-size" "tune.h2.max-concurrent-streams"
        "tune.h2.max-frame-size" "tune.http.cookielen" "tune.http.logurilen" "tune.http.maxhdr"
        "tune.idle-pool.shared" "tune.pool-high-fd-ratio" "tune.pool-low-fd-ratio"
        "tune.zlib.memlevel" "tune.zlib.windowsize";

    Scope::PROXY, NotYet =>
        "tcp-response" "email-alert"
        "dispatch" "hash-balance-factor"
        "log-format-sd" "log-tag" "error-log-format" "server-template"
        "server-state-file-name" "load-server-state-from-file" "stick store-response"
        "filter" "declare" "persist" "stats" "monitor"
        "monitor-net" "clitcpka-cnt" "clitcpka-idle" "clitcpka-intvl" "srvtcpka-cnt"
        "srvtcpka-idle" "srvtcpka-intvl" "transparent" "option transparent"
        "option abortonclose" "option contstats"
        "option log-separate-errors"
        "option socket-stats" "option tcp-smart-accept"
        "option tcp-smart-connect" "option ldap-check" "option mysql-check"
        "option pgsql-check" "option redis-check" "option smtpchk" "option spop-check"
        "option ssl-hello-chk" "option prefer-last-server" "option independent-streams"
        "external-check";
    Scope::PROXY, NeedsScripts => "option external-check";
    Scope::PROXY, NeedsThreads => "bind-process";
    Scope::PROXY, HttpOnly =>
        "http-request" "http-response" "http-after-response" "http-error"
        "http-reuse" "http-send-name-header" "cookie" "dynamic-cookie-key" "capture"
        "compression" "redirect" "errorfile" "errorfiles" "errorloc" "errorloc302" "errorloc303"
        "monitor-uri" "unique-id-format" "unique-id-header" "retry-on" "max-keep-alive-queue"
        "max-session-srv-conns" "use-fcgi-app" "timeout http-request" "timeout http-keep-alive"
        "timeout tarpit" "option httplog" "option httpclose" "option forwardfor"
        "option originalto" "option checkcache" "option accept-invalid-http-request"
        "option accept-invalid-http-response" "option disable-h2-upgrade"
        "option h1-case-adjust-bogus-client" "option h1-case-adjust-bogus-server"
        "option http-buffer-request" "option http-ignore-probes" "option http-keep-alive"
        "option http-no-delay" "option http-pretend-keepalive" "option http-proxy"
        "option http-restrict-req-hdr-names" "option http-server-close" "option http-tunnel"
        "option http-use-htx" "option http-use-proxy-header" "option idle-close-on-response";
    Scope::PROXY, Because("it does not exist any more: write 'timeout client'") => "clitimeout";
    Scope::PROXY, Because("it does not exist any more: write 'timeout connect'") => "contimeout";
    Scope::PROXY, Because("it does not exist any more: write 'timeout server'") => "srvtimeout";
    Scope::PROXY, Because("it does not exist any more: write 'option redispatch'") => "redispatch";

    Scope::PEERS, NotYet => "shards";

    Scope::LISTENER, NotYet =>
        "accept-netscaler-cip" "transparent" "tcp-ut" "tfo" "mss" "defer-accept"
        "namespace" "nice" "severity-output";
    Scope::STATS_SOCKET, NotYet => "accept-proxy";
    Scope::BIND, Because("it is for a stats socket") => "level" "expose-fd";
    Scope::LISTENER, NeedsThreads => "process" "thread" "shards";
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
        "observe"
        "on-error" "error-limit" "agent-check" "no-agent-check" "agent-addr" "agent-inter"
        "agent-port" "agent-send" "check-via-socks4"
        "socks4"
        "proxy-v2-options" "resolvers" "resolve-net" "resolve-opts" "resolve-prefer" "init-addr"
        "tcp-ut" "tfo" "no-tfo" "non-stick" "stick" "namespace" "usesrc" "interface" "log-proto"
        "shard";
    Scope::SERVER, HttpOnly =>
        "cookie" "redir" "proto" "check-proto" "ws" "pool-low-conn" "pool-max-conn"
        "pool-purge-delay" "max-reuse";
    Scope::SERVER, NeedsTls =>
        "ssl" "no-ssl" "ca-file" "crl-file" "crt" "ciphers" "ciphersuites" "curves" "alpn" "npn"
        "sni" "no-sni" "verify" "verifyhost" "no-verifyhost" "check-ssl" "no-check-ssl"
        "check-sni" "check-alpn" "force-sslv3" "force-tlsv10" "force-tlsv11" "force-tlsv12"
        "force-tlsv13" "no-sslv3" "no-tlsv10" "no-tlsv11" "no-tlsv12" "no-tlsv13" "ssl-min-ver"
        "ssl-max-ver" "ssl-reuse" "no-ssl-reuse" "tls-tickets" "no-tls-tickets" "allow-0rtt"
        "send-proxy-v2-ssl" "send-proxy-v2-ssl-cn" "no-send-proxy-v2-ssl"
        "no-send-proxy-v2-ssl-cn" "sigalgs" "client-sigalgs";

    Scope::STICK_TABLE, NotYet => "write-to" "brates-factor";
}
