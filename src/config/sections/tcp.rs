//! Words about TCP sockets: keep-alive, the kernel's buffers, and options of listening sockets.

use crate::config::drafts::BindDraft;
use crate::config::drafts::{GlobalDraft, ProxyDraft, ServerWords};
use crate::config::keywords::{Action, Keyword, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn global(
    name: &'static str,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let (scope, action) = (Scope::GLOBAL, Action::Global(read));
    Keyword::new(name, scope, exactly(1), "<bytes>", help, action)
}

/// A row for a setting of keep-alive, given by the field that it sets.
macro_rules! probes {
    (
        $name:literal, $scope:expr, $argument:literal, $help:expr, $read:ident, $($field:ident).+
    ) => {
        Keyword::new(
            $name,
            $scope,
            exactly(1),
            $argument,
            $help,
            Action::Proxy(|proxy: &mut ProxyDraft, line, _| {
                proxy.settings.$($field).+ = $read(line)?;
                Ok(())
            }),
        )
    };
}

const fn bind(
    name: &'static str,
    words: usize,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut BindDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let (scope, action) = (Scope::BIND, Action::Bind(read));
    Keyword::new(name, scope, exactly(words), arguments, help, action)
}

const FRONT: Scope = Scope::DEFAULTS.and(Scope::FRONTEND);
const BACK: Scope = Scope::DEFAULTS.and(Scope::BACKEND);
const USER_TIMEOUT: &str = "longest wait for an acknowledgement";
const LOST: &str = "probes of keep-alive that may be lost";
const SILENCE: &str = "silence before the first probe of keep-alive";
const BETWEEN: &str = "time between two probes of keep-alive";

pub(crate) const KEYWORDS: &[Keyword] = &[
    global("tune.rcvbuf.client", "kernel's buffer for what clients send", |draft, line, _| {
        draft.global.kernel_buffers.client.receive = bytes(line)?;
        Ok(())
    }),
    global("tune.sndbuf.client", "kernel's buffer for what clients get", |draft, line, _| {
        draft.global.kernel_buffers.client.send = bytes(line)?;
        Ok(())
    }),
    global("tune.rcvbuf.server", "kernel's buffer for what servers send", |draft, line, _| {
        draft.global.kernel_buffers.server.receive = bytes(line)?;
        Ok(())
    }),
    global("tune.sndbuf.server", "kernel's buffer for what servers get", |draft, line, _| {
        draft.global.kernel_buffers.server.send = bytes(line)?;
        Ok(())
    }),
    probes!("clitcpka-cnt", FRONT, "<count>", LOST, probes_count, client_probes.count),
    probes!("clitcpka-idle", FRONT, "<time>", SILENCE, seconds, client_probes.idle_s),
    probes!("clitcpka-intvl", FRONT, "<time>", BETWEEN, seconds, client_probes.interval_s),
    probes!("srvtcpka-cnt", BACK, "<count>", LOST, probes_count, server_probes.count),
    probes!("srvtcpka-idle", BACK, "<time>", SILENCE, seconds, server_probes.idle_s),
    probes!("srvtcpka-intvl", BACK, "<time>", BETWEEN, seconds, server_probes.interval_s),
    bind("tcp-ut", 1, "<time>", USER_TIMEOUT, |bind, line, _| {
        bind.tcp.user_timeout_ms = user_timeout(line)?;
        Ok(())
    }),
    bind("mss", 1, "<bytes>", "largest segment that clients may send", read_mss),
    bind("defer-accept", 0, "", "accept a client once it has sent something", |bind, _, _| {
        bind.tcp.defer_accept = true;
        Ok(())
    }),
    bind("tfo", 0, "", "take data that comes with the first packet", |bind, _, _| {
        bind.tcp.fast_open = true;
        Ok(())
    }),
    bind("transparent", 0, "", "bind to an address of another machine too", |bind, _, _| {
        bind.tcp.transparent = true;
        Ok(())
    }),
    Keyword::new(
        "tcp-ut",
        Scope::SERVER,
        exactly(1),
        "<time>",
        USER_TIMEOUT,
        Action::Server(|server: &mut ServerWords, line, _| {
            server.settings.user_timeout_ms = user_timeout(line)?;
            Ok(())
        }),
    ),
];

/// A size, where 0 leaves it to the kernel.
fn bytes(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.number(0, 0..=i32::MAX.unsigned_abs())?).filter(|bytes| *bytes > 0))
}

/// A time for the kernel, where 0 leaves it to the kernel.
fn user_timeout(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.time_ms(0)?).filter(|ms| *ms > 0))
}

/// The kernel's limit is 127.
fn probes_count(line: &Line<'_>) -> Parsed<Option<u32>> {
    line.number(0, 1..=127).map(Some)
}

/// A time in whole seconds, which is also its unit when none is given; the kernel's limit is
/// 32767.
fn seconds(line: &Line<'_>) -> Parsed<Option<u32>> {
    let word = line.argument(0)?;
    let is_bare = word.value.bytes().all(|byte| byte.is_ascii_digit());
    if is_bare {
        return line.number(0, 1..=32_767).map(Some);
    }
    let seconds = line.time_ms(0)?.div_ceil(1000);
    let is_fine = (1..=32_767).contains(&seconds);
    let wrong = || Mistake::new(word.place, "is not between 1 and 32767 seconds");
    Ok(Some(is_fine.then_some(seconds).ok_or_else(wrong)?))
}

fn read_mss(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let size = line.argument(0)?;
    if size.value.starts_with('-') {
        let message = "an 'mss' that is taken off the kernel's is not supported: write the size";
        return Err(Mistake::new(size.place, message));
    }
    // What Linux takes.
    bind.tcp.mss = Some(line.number(0, 88..=32_767)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};
    use crate::net::tcp::Probes;

    #[test]
    fn a_bare_time_of_keep_alive_is_in_seconds_and_fractions_round_up() {
        let text = "defaults\n clitcpka-idle 30\n clitcpka-intvl 1500ms\n clitcpka-cnt 4\n\
                    listen l\n bind :1\n";
        let loaded = load_text_with("a", text, &Request::default(), |_| Vec::new()).unwrap();
        let expected = Probes { count: Some(4), idle_s: Some(30), interval_s: Some(2) };
        assert_eq!(loaded.config.frontends[0].probes, expected);
    }
}
