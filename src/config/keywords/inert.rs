//! Keywords of HAProxy that change nothing in a TCP balancer with one thread. stickd accepts them
//! with a warning.

use super::form::{Arity, Handling, Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, all as all_of};
use crate::config::text::line::Line;
use crate::config::text::nearest::hint;
use crate::config::text::report::{HTTP, Report};

macro_rules! inert {
    ($($scope:expr, $arity:expr, $check:expr, $reason:expr => $($name:literal)+;)*) => {
        const ROWS: &[&[Keyword]] = &[$(&[$(
            Keyword::new($name, $scope, $arity, "", $reason, Handling::Inert($check))
        ),+]),*];
    };
}

/// Every keyword without effect. The help of a row is the reason.
pub(in crate::config) fn keywords() -> impl Iterator<Item = &'static Keyword> {
    ROWS.iter().copied().flatten()
}

/// A kind of section without effect, and the reason.
pub(in crate::config) fn section(word: &str) -> Option<(&'static str, &'static str)> {
    const SECTIONS: [(&str, &str); 4] =
        [("cache", HTTP), ("fcgi-app", HTTP), ("http-errors", HTTP), ("mailers", MAIL)];
    SECTIONS.into_iter().find(|(known, _)| *known == word)
}

/// Reads a line without effect: reports that the line has no effect.
///
/// # Errors
/// The arguments are wrong.
pub(in crate::config) fn read(
    keyword: &Keyword,
    check: Check,
    line: &Line<'_>,
    report: &mut Report,
) -> Parsed {
    check(line)?;
    // `no` asks for what is the case already.
    if !line.negated {
        report.inert(line.place, keyword.name, keyword.help);
    }
    Ok(())
}

const TLS: &str = "TLS here has no such setting";
const STATS_TLS: &str = "a stats socket has no TLS";
const EPOLL: &str = "stickd waits with epoll alone";
pub(in crate::config) const ONE_THREAD: &str =
    "one thread serves; for more cores see 'Scale' in README.md";
const SCRIPTS: &str = "stickd runs no scripts, and no programs but those of 'external-check'";
/// Why nothing about mail has an effect.
pub(in crate::config) const MAIL: &str = "stickd sends no mail: watch its log or its metrics";
const STATE: &str = "a reload hands over the states of servers by itself, and no file is read";
const TUNES: &str = "stickd does not have the part of HAProxy that is tuned";

/// Checks the arguments, so that HAProxy takes the same file.
type Check = fn(&Line<'_>) -> Parsed;

const ANY: Check = |_| Ok(());
const TIME: Check = |line| line.time_ms(0).map(|_| ());
const NUMBER: Check = |line| line.number(0, 0..=u32::MAX).map(|_| ());
const SIZE: Check = |line| line.size(0, 0..=u32::MAX).map(|_| ());
const ON_OFF: Check = |line| one_of(line, &["on", "off"]);

const NONE: Arity = exactly(0);
const ONE: Arity = exactly(1);
const SOME: Arity = at_least(1);
const AT_MOST_ONE: Arity = Arity { min: 0, max: 1 };
const AT_MOST_TWO: Arity = Arity { min: 1, max: 2 };

fn one_of(line: &Line<'_>, words: &[&str]) -> Parsed {
    let all = line.arguments.iter().map(|word| line.placed(word)).map(|word| {
        let is_known = words.contains(&word.value);
        is_known.then_some(()).ok_or_else(|| {
            let hint = hint(word.value, words.iter().copied());
            let message = format!("'{}' does not know '{}'{hint}", line.keyword, word.value);
            Mistake::new(word.place, message)
        })
    });
    all_of(all).map(|_| ())
}

/// Reads `<status> <file>`. The file is not opened.
const ERROR_FILE: Check = |line| {
    const HANDLED: [&str; 19] = [
        "200", "400", "401", "403", "404", "405", "407", "408", "410", "413", "421", "422", "425",
        "429", "500", "501", "502", "503", "504",
    ];
    let status = line.argument(0)?;
    if HANDLED.contains(&status.value) {
        return Ok(());
    }
    let message = format!("'{}' handles no status '{}'", line.keyword, status.value);
    Err(Mistake::new(status.place, message))
};

/// Reads `[except <network>] [header <name>] [if-none]`.
const FORWARDED: Check = |line| {
    let mut words = line.arguments.iter().map(|word| line.placed(word));
    while let Some(word) = words.next() {
        let takes_value = matches!(word.value, "except" | "header");
        if (takes_value && words.next().is_some()) || word.value == "if-none" {
            continue;
        }
        let message =
            format!("'{}' knows 'except', 'header' and 'if-none', each once", line.keyword);
        return Err(Mistake::new(word.place, message));
    }
    Ok(())
};

inert! {
    Scope::GLOBAL, ONE, ANY, TLS =>
        "issuers-chain-path" "ssl-default-bind-curves" "ssl-default-bind-sigalgs"
        "ssl-default-bind-client-sigalgs" "ssl-default-server-curves"
        "ssl-default-server-sigalgs" "ssl-default-server-client-sigalgs" "ssl-dh-param-file"
        "ssl-propquery" "ssl-provider" "ssl-provider-path" "ssl-security-level";
    Scope::GLOBAL, SOME, ANY, TLS => "ssl-engine";
    Scope::GLOBAL, NONE, ANY, TLS =>
        "ssl-mode-async" "ssl-load-extra-del-ext" "ssl-skip-self-issued-ca"
        "tune.ssl.force-private-cache";
    Scope::GLOBAL, SOME, |line| {
        one_of(line, &["none", "all", "bundle", "sctl", "ocsp", "issuer", "key"])
    }, TLS => "ssl-load-extra-files";
    Scope::GLOBAL, ONE, NUMBER, TLS =>
        "tune.ssl.cachesize" "tune.ssl.default-dh-param" "tune.ssl.maxrecord"
        "tune.ssl.hard-maxrecord" "tune.ssl.capture-buffer-size"
        "tune.ssl.capture-cipherlist-size" "tune.ssl.ssl-ctx-cache-size" "maxsslconn"
        "maxsslrate";
    Scope::GLOBAL, ONE, TIME, TLS => "tune.ssl.lifetime";
    Scope::GLOBAL, ONE, ON_OFF, TLS => "tune.ssl.keylog";

    Scope::GLOBAL, exactly(2), ANY, HTTP => "h1-case-adjust";
    Scope::GLOBAL, NONE, ANY, HTTP =>
        "h2-workaround-bogus-websocket-clients" "no-quic" "h1-accept-payload-with-any-method"
        "accept-unsafe-violations-in-http-request" "accept-unsafe-violations-in-http-response";
    Scope::GLOBAL, ONE, ANY, HTTP =>
        "h1-case-adjust-file" "httpclient.resolvers.id" "httpclient.resolvers.prefer"
        "httpclient.ssl.ca-file" "cluster-secret";
    Scope::GLOBAL, ONE, |line| one_of(line, &["none", "required"]), HTTP =>
        "httpclient.ssl.verify";
    Scope::GLOBAL, ONE, TIME, HTTP => "close-spread-time";
    Scope::GLOBAL, ONE, NUMBER, HTTP =>
        "maxcomprate" "maxcompcpuusage" "maxzlibmem"
        "tune.comp.maxlevel" "tune.h2.header-table-size" "tune.h2.initial-window-size"
        "tune.h2.max-concurrent-streams" "tune.h2.max-frame-size" "tune.http.cookielen"
        "tune.http.logurilen" "tune.http.maxhdr" "tune.maxrewrite"
        "tune.pool-high-fd-ratio" "tune.pool-low-fd-ratio" "tune.zlib.memlevel"
        "tune.zlib.windowsize";
    Scope::GLOBAL, ONE, ON_OFF, HTTP => "tune.idle-pool.shared";
    Scope::GLOBAL, NONE, ANY, EPOLL => "noepoll" "nopoll" "nokqueue" "noevports";
    Scope::GLOBAL, ONE, ON_OFF, EPOLL => "tune.fd.edge-triggered";
    Scope::GLOBAL, AT_MOST_ONE, ANY, ONE_THREAD => "numa-cpu-mapping";
    Scope::GLOBAL, ONE, ANY, ONE_THREAD => "stats bind-process" "thread-groups";
    Scope::GLOBAL, at_least(2), ANY, ONE_THREAD => "thread-group";
    Scope::GLOBAL, ONE, ON_OFF, ONE_THREAD => "tune.listener.multi-queue";
    Scope::GLOBAL, ONE, TIME, "a soft stop closes the listeners at once" => "grace";
    Scope::GLOBAL, AT_MOST_TWO, ANY, SCRIPTS => "lua-prepend-path";
    Scope::GLOBAL, ONE, NUMBER, "'hard-stop-after' bounds how long an old worker stays" =>
        "mworker-max-reloads";
    Scope::GLOBAL, ONE, NUMBER, SCRIPTS => "tune.lua.forced-yield" "tune.lua.maxmem";
    Scope::GLOBAL, ONE, TIME, SCRIPTS =>
        "tune.lua.session-timeout" "tune.lua.service-timeout" "tune.lua.task-timeout"
        "tune.lua.burst-timeout";
    Scope::GLOBAL, ONE, ANY, STATE => "server-state-base" "server-state-file";
    Scope::GLOBAL, ONE, |line| one_of(line, &["on", "off", "auto"]), TUNES => "profiling.tasks";
    Scope::GLOBAL, ONE, ON_OFF, TUNES => "profiling.memory" "tune.sched.low-latency";
    Scope::GLOBAL, ONE, TIME, TUNES => "tune.idletimer";
    Scope::GLOBAL, ONE, NUMBER, TUNES =>
        "tune.runqueue-depth" "tune.buffers.limit" "tune.buffers.reserve" "tune.recv_enough"
        "tune.fail-alloc" "tune.pattern.cache-size" "fd-hard-limit";
    Scope::GLOBAL, ONE, SIZE, TUNES =>
        "tune.vars.check-max-size";
    Scope::GLOBAL, NONE, ANY, TUNES => "expose-experimental-directives" "no-memory-trimming";
    Scope::GLOBAL, ONE, NUMBER, "stickd raises its limit of descriptors by itself" => "ulimit-n";
    Scope::GLOBAL, NONE, ANY, "names are looked up with getaddrinfo alone" => "nogetaddrinfo";

    Scope::PROXY, ONE, ANY, MAIL =>
        "email-alert mailers" "email-alert from" "email-alert to" "email-alert myhostname";
    Scope::PROXY, ONE, |line| {
        one_of(
            line,
            &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"],
        )
    }, MAIL => "email-alert level";
    Scope::PROXY, SOME, ANY, HTTP =>
        "http-response" "http-after-response" "http-error" "http-send-name-header"
        "cookie" "dynamic-cookie-key" "capture" "compression" "redirect" "errorfiles"
        "unique-id-header";
    Scope::PROXY, exactly(2), ERROR_FILE, HTTP =>
        "errorfile" "errorloc" "errorloc302" "errorloc303";
    Scope::PROXY, ONE, |line| {
        one_of(line, &["never", "safe", "aggressive", "always"])
    }, HTTP => "http-reuse";
    Scope::PROXY, NONE, ANY, "what a side is sent counts as its activity, too" =>
        "option independent-streams";
    Scope::PROXY, ONE, NUMBER, HTTP => "max-keep-alive-queue" "max-session-srv-conns";
    Scope::PROXY, ONE, TIME, HTTP =>
        "timeout http-request" "timeout http-keep-alive" "timeout tarpit";
    Scope::PROXY, at_least(0), FORWARDED, HTTP => "option forwardfor" "option originalto";
    Scope::PROXY, NONE, ANY, HTTP =>
        "option httpclose" "option checkcache" "option accept-invalid-http-request"
        "option accept-invalid-http-response" "option disable-h2-upgrade"
        "option h1-case-adjust-bogus-client" "option h1-case-adjust-bogus-server"
        "option http-buffer-request" "option http-ignore-probes" "option http-keep-alive"
        "option http-no-delay" "option http-pretend-keepalive" "option http-server-close"
        "option http-use-proxy-header" "option idle-close-on-response"
        "option prefer-last-server" "option accept-unsafe-violations-in-http-request"
        "option accept-unsafe-violations-in-http-response";
    Scope::PROXY, ONE, |line| one_of(line, &["preserve", "reject", "delete"]), HTTP =>
        "option http-restrict-req-hdr-names";
    Scope::PROXY, SOME, ANY, ONE_THREAD => "bind-process";
    Scope::PROXY, ONE, |line| one_of(line, &["global", "local", "none"]), STATE =>
        "load-server-state-from-file";
    Scope::PROXY, ONE, ANY, STATE => "server-state-file-name";

    Scope::STATS_SOCKET, ONE, |line| one_of(line, &["none", "number", "string"]),
        "no answer begins with a severity" => "severity-output";
    Scope::BIND, ONE, ANY, "it is for a stats socket" => "level" "expose-fd" "severity-output";
    Scope::LISTENER, ONE, ANY, "every connection gets the same share of a turn" => "nice";
    Scope::BIND, NONE, ANY, TLS => "allow-0rtt" "no-ca-names" "prefer-client-ciphers";
    Scope::BIND, ONE, ANY, TLS => "client-sigalgs" "curves" "ecdhe" "npn" "sigalgs";
    Scope::BIND, ONE, ANY, "the keys of tickets are our own, new with every process" =>
        "tls-ticket-keys";
    Scope::STATS_SOCKET, NONE, ANY, STATS_TLS =>
        "allow-0rtt" "force-sslv3" "force-tlsv10" "force-tlsv11" "force-tlsv12" "force-tlsv13"
        "generate-certificates" "no-ca-names" "no-sslv3" "no-tls-tickets" "no-tlsv10"
        "no-tlsv11" "no-tlsv12" "no-tlsv13" "no-alpn" "prefer-client-ciphers" "strict-sni";
    Scope::STATS_SOCKET, ONE, ANY, STATS_TLS =>
        "alpn" "ca-file" "ca-ignore-err" "ca-sign-file" "ca-sign-pass" "ca-verify-file"
        "ciphers" "ciphersuites" "client-sigalgs" "crl-file" "crt" "crt-ignore-err" "crt-list"
        "curves" "ecdhe" "npn" "sigalgs" "ssl-max-ver" "ssl-min-ver" "tls-ticket-keys" "verify";

    Scope::SERVER, ONE, ANY, HTTP =>
        "cookie" "ws" "pool-low-conn" "pool-max-conn" "pool-purge-delay" "max-reuse";
    Scope::SERVER, ONE, ANY, "only the servers of a ring have it" => "log-proto";
    Scope::SERVER, NONE, ANY, "the first packet to a server never carries data" =>
        "tfo" "no-tfo";
    Scope::SERVER, NONE, ANY, TLS => "allow-0rtt";
    Scope::SERVER, ONE, ANY, TLS => "client-sigalgs" "curves" "npn" "sigalgs";
}
