//! What HAProxy takes and what changes nothing in a TCP balancer with one thread: it is warned of.

use super::diagnostic::{Placed, Report};
use super::keywords::{Action, Keyword, Scope, at_least, exactly};

macro_rules! inert {
    ($($scope:expr, $arity:expr, $reason:expr => $($name:literal)+;)*) => {
        const ROWS: &[&[Keyword]] = &[$(&[$(Keyword {
            name: $name,
            scope: $scope,
            arity: $arity,
            arguments: "",
            help: $reason,
            action: Action::Inert,
        }),+]),*];
    };
}

/// Every keyword without effect; its help says why it has none.
pub(super) fn keywords() -> impl Iterator<Item = &'static Keyword> {
    ROWS.iter().copied().flatten()
}

/// Says that a keyword has no effect.
pub(super) fn warn(keyword: &Keyword, word: &Placed<&str>, report: &mut Report) {
    report.inert(word.place, keyword.name, keyword.help);
}

pub(super) const HTTP: &str = "only the exporter speaks HTTP here";
const TLS: &str = "nothing here uses TLS";
const EPOLL: &str = "stickd waits with epoll alone";
pub(super) const ONE_THREAD: &str = "one thread serves; for more cores see 'Scale' in README.md";
const SCRIPTS: &str = "stickd runs no scripts and no external programs";
const STATE: &str = "a reload hands over the states of servers by itself, and no file is read";
const TUNES: &str = "stickd does not have the part of HAProxy that is tuned";

inert! {
    Scope::GLOBAL, at_least(0), TLS =>
        "ca-base" "crt-base" "issuers-chain-path" "ssl-default-bind-ciphers"
        "ssl-default-bind-ciphersuites" "ssl-default-bind-curves" "ssl-default-bind-options"
        "ssl-default-bind-sigalgs" "ssl-default-bind-client-sigalgs"
        "ssl-default-server-ciphers" "ssl-default-server-ciphersuites"
        "ssl-default-server-options" "ssl-dh-param-file" "ssl-engine" "ssl-mode-async"
        "ssl-server-verify" "ssl-load-extra-files" "ssl-load-extra-del-ext" "ssl-propquery"
        "ssl-provider" "ssl-provider-path" "ssl-skip-self-issued-ca" "tune.ssl.cachesize"
        "tune.ssl.default-dh-param" "tune.ssl.lifetime" "tune.ssl.maxrecord" "tune.ssl.keylog"
        "tune.ssl.hard-maxrecord" "tune.ssl.capture-buffer-size" "tune.ssl.capture-cipherlist-size"
        "tune.ssl.ssl-ctx-cache-size" "tune.ssl.force-private-cache" "maxsslconn" "maxsslrate";
    Scope::GLOBAL, at_least(0), HTTP =>
        "h1-case-adjust" "h1-case-adjust-file" "h2-workaround-bogus-websocket-clients"
        "httpclient.resolvers.id" "httpclient.resolvers.prefer" "httpclient.ssl.ca-file"
        "httpclient.ssl.verify" "maxcomprate" "maxcompcpuusage" "close-spread-time"
        "tune.comp.maxlevel" "tune.h2.header-table-size" "tune.h2.initial-window-size"
        "tune.h2.max-concurrent-streams" "tune.h2.max-frame-size" "tune.http.cookielen"
        "tune.http.logurilen" "tune.http.maxhdr" "tune.idle-pool.shared" "tune.maxrewrite"
        "tune.pool-high-fd-ratio" "tune.pool-low-fd-ratio" "tune.zlib.memlevel"
        "tune.zlib.windowsize" "cluster-secret" "no-quic";
    Scope::GLOBAL, at_least(0), EPOLL =>
        "noepoll" "nopoll" "nokqueue" "noevports" "tune.fd.edge-triggered";
    Scope::GLOBAL, at_least(0), ONE_THREAD =>
        "numa-cpu-mapping" "stats bind-process" "tune.listener.multi-queue" "thread-groups"
        "thread-group";
    Scope::GLOBAL, at_least(0), SCRIPTS =>
        "insecure-fork-wanted" "insecure-setuid-wanted" "tune.lua.forced-yield"
        "tune.lua.maxmem" "tune.lua.session-timeout" "tune.lua.service-timeout"
        "tune.lua.task-timeout";
    Scope::GLOBAL, at_least(0), STATE => "server-state-base" "server-state-file";
    Scope::GLOBAL, at_least(0), TUNES =>
        "profiling.tasks" "profiling.memory" "tune.runqueue-depth" "tune.sched.low-latency"
        "tune.idletimer" "tune.buffers.limit" "tune.buffers.reserve" "tune.recv_enough"
        "tune.fail-alloc" "tune.vars.global-max-size" "tune.vars.proc-max-size"
        "tune.vars.reqres-max-size" "tune.vars.sess-max-size" "tune.vars.txn-max-size"
        "tune.pattern.cache-size" "expose-experimental-directives";
    Scope::GLOBAL, at_least(0), "stickd raises its limit of descriptors by itself" => "ulimit-n";
    Scope::GLOBAL, at_least(0), "names are looked up with getaddrinfo alone" => "nogetaddrinfo";

    Scope::PROXY, at_least(0), HTTP =>
        "http-response" "http-after-response" "http-error" "http-reuse" "http-send-name-header"
        "cookie" "dynamic-cookie-key" "capture" "compression" "redirect" "errorfile" "errorfiles"
        "errorloc" "errorloc302" "errorloc303" "monitor" "monitor-uri" "unique-id-header"
        "max-keep-alive-queue" "max-session-srv-conns" "timeout http-request"
        "timeout http-keep-alive" "timeout tarpit" "option httpclose" "option forwardfor"
        "option originalto" "option checkcache" "option accept-invalid-http-request"
        "option accept-invalid-http-response" "option disable-h2-upgrade"
        "option h1-case-adjust-bogus-client" "option h1-case-adjust-bogus-server"
        "option http-buffer-request" "option http-ignore-probes" "option http-keep-alive"
        "option http-no-delay" "option http-pretend-keepalive"
        "option http-restrict-req-hdr-names" "option http-server-close"
        "option http-use-proxy-header" "option idle-close-on-response"
        "option prefer-last-server";
    Scope::PROXY, at_least(0), ONE_THREAD => "bind-process";
    Scope::PROXY, at_least(0), STATE =>
        "load-server-state-from-file" "server-state-file-name";
    Scope::PROXY, at_least(0), "statistics are kept of a frontend as a whole" =>
        "option socket-stats";

    Scope::STATS_SOCKET, exactly(1), "no answer begins with a severity" => "severity-output";
    Scope::LISTENER, exactly(1), "every connection gets the same share of a turn" => "nice";

    Scope::SERVER, exactly(1), HTTP =>
        "cookie" "ws" "pool-low-conn" "pool-max-conn" "pool-purge-delay" "max-reuse";
    Scope::SERVER, exactly(1), "only the servers of a ring have it" => "log-proto";
    Scope::SERVER, exactly(0), "the first packet to a server never carries data" =>
        "tfo" "no-tfo";
    Scope::SERVER, exactly(0), TLS => "no-ssl" "no-check-ssl" "no-sni" "no-verifyhost";
}
