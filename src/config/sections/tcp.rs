//! Words about TCP sockets: keep-alive, the kernel's buffers, and options of listening sockets.

use crate::config::drafts::BindDraft;
use crate::config::drafts::{GlobalDraft, ProxyDraft, ServerWords};
use crate::config::keywords::{Handling, Keyword, Scope, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn global(
    name: &'static str,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let (scope, handling) = (Scope::GLOBAL, Handling::Global(read));
    Keyword::new(name, scope, exactly(1), "<bytes>", help, handling)
}

/// A row for a setting of keep-alive, from the field that the row sets.
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
            Handling::Proxy(|proxy: &mut ProxyDraft, line, _| {
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
    let (scope, handling) = (Scope::BIND, Handling::Bind(read));
    Keyword::new(name, scope, exactly(words), arguments, help, handling)
}

const FRONT: Scope = Scope::FRONT;
const BACK: Scope = Scope::BACK;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    global(
        "tune.rcvbuf.client",
        "Sets the kernel's receive buffer of the connections from clients, in bytes; 0 leaves the \
         size to the kernel.",
        |draft, line, _| {
            draft.global.kernel_buffers.client.receive = bytes(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's size")
    .example("tune.rcvbuf.client 65536"),
    global(
        "tune.sndbuf.client",
        "Sets the kernel's send buffer of the connections from clients, in bytes; 0 leaves the \
         size to the kernel.",
        |draft, line, _| {
            draft.global.kernel_buffers.client.send = bytes(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's size")
    .example("tune.sndbuf.client 65536"),
    global(
        "tune.rcvbuf.server",
        "Sets the kernel's receive buffer of the connections to servers, in bytes; 0 leaves the \
         size to the kernel.",
        |draft, line, _| {
            draft.global.kernel_buffers.server.receive = bytes(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's size")
    .example("tune.rcvbuf.server 65536"),
    global(
        "tune.sndbuf.server",
        "Sets the kernel's send buffer of the connections to servers, in bytes; 0 leaves the size \
         to the kernel.",
        |draft, line, _| {
            draft.global.kernel_buffers.server.send = bytes(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's size")
    .example("tune.sndbuf.server 65536"),
    probes!(
        "clitcpka-cnt",
        FRONT,
        "<count>",
        "Ends the connection of a client after so many unanswered probes of `option clitcpka`, 1 \
         to 127.",
        probes_count,
        client_probes.count
    )
    .by_default("the kernel's number")
    .example("clitcpka-cnt 3"),
    probes!(
        "clitcpka-idle",
        FRONT,
        "<time>",
        "Probes a client with `option clitcpka` after this silence, 1 to 32767 s. A number without \
         a unit is in seconds.",
        seconds,
        client_probes.idle_s
    )
    .by_default("the kernel's time")
    .example("clitcpka-idle 60s"),
    probes!(
        "clitcpka-intvl",
        FRONT,
        "<time>",
        "Waits for this time between two probes of `option clitcpka`, 1 to 32767 s. A number \
         without a unit is in seconds.",
        seconds,
        client_probes.interval_s
    )
    .by_default("the kernel's time")
    .example("clitcpka-intvl 10s"),
    probes!(
        "srvtcpka-cnt",
        BACK,
        "<count>",
        "Ends the connection to a server after so many unanswered probes of `option srvtcpka`, 1 \
         to 127.",
        probes_count,
        server_probes.count
    )
    .by_default("the kernel's number")
    .example("srvtcpka-cnt 3"),
    probes!(
        "srvtcpka-idle",
        BACK,
        "<time>",
        "Probes a server with `option srvtcpka` after this silence, 1 to 32767 s. A number without \
         a unit is in seconds.",
        seconds,
        server_probes.idle_s
    )
    .by_default("the kernel's time")
    .example("srvtcpka-idle 60s"),
    probes!(
        "srvtcpka-intvl",
        BACK,
        "<time>",
        "Waits for this time between two probes of `option srvtcpka`, 1 to 32767 s. A number \
         without a unit is in seconds.",
        seconds,
        server_probes.interval_s
    )
    .by_default("the kernel's time")
    .example("srvtcpka-intvl 10s"),
    bind(
        "tcp-ut",
        1,
        "<time>",
        "Ends the connection of a client who has not acknowledged data for this time; 0 leaves it \
         to the kernel.",
        |bind, line, _| {
            bind.settings.tcp.user_timeout_ms = user_timeout(line)?;
            Ok(())
        },
    )
    .by_default("the kernel's time")
    .example("bind :80 tcp-ut 30s"),
    bind(
        "mss",
        1,
        "<bytes>",
        "Limits the segments that clients may send to so many bytes, 88 to 32767.",
        read_mss,
    )
    .by_default("the kernel's size")
    .example("bind :80 mss 1400")
    .differs("HAProxy also takes a negative number, which it subtracts from the kernel's size."),
    bind(
        "defer-accept",
        0,
        "",
        "Accepts a client only once the client has sent something.",
        |bind, _, _| {
            bind.settings.tcp.defer_accept = true;
            Ok(())
        },
    )
    .example("bind :80 defer-accept"),
    bind(
        "tfo",
        0,
        "",
        "Takes the data that a client sends with its first packet (TCP Fast Open).",
        |bind, _, _| {
            bind.settings.tcp.fast_open = true;
            Ok(())
        },
    )
    .example("bind :80 tfo"),
    bind(
        "transparent",
        0,
        "",
        "Binds the address even if this machine does not have it.",
        |bind, _, _| {
            bind.settings.tcp.transparent = true;
            Ok(())
        },
    )
    .example("bind 192.0.2.1:80 transparent"),
    Keyword::new(
        "tcp-ut",
        Scope::SERVER,
        exactly(1),
        "<time>",
        "Ends the connection to a server that has not acknowledged data for this time; 0 leaves \
         it to the kernel.",
        Handling::Server(|server: &mut ServerWords, line, _| {
            server.settings.user_timeout_ms = user_timeout(line)?;
            Ok(())
        }),
    )
    .by_default("the kernel's time")
    .example("server s1 192.0.2.1:80 tcp-ut 30s"),
];

/// Reads a size in bytes, where 0 leaves the size to the kernel.
fn bytes(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.number(0, 0..=i32::MAX.unsigned_abs())?).filter(|bytes| *bytes > 0))
}

/// Reads a time, where 0 leaves the time to the kernel.
fn user_timeout(line: &Line<'_>) -> Parsed<Option<u32>> {
    Ok(Some(line.time_ms(0)?).filter(|ms| *ms > 0))
}

/// Reads a number of probes, for which the kernel's limit is 127.
fn probes_count(line: &Line<'_>) -> Parsed<Option<u32>> {
    line.number(0, 1..=127).map(Some)
}

/// Reads a time in whole seconds. Here a number without a unit is in seconds. The kernel's limit is
/// 32767 s.
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
    // The range that Linux accepts.
    bind.settings.tcp.mss = Some(line.number(0, 88..=32_767)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};
    use crate::net::tcp::Probes;

    #[test]
    fn a_bare_time_of_keep_alive_is_in_seconds_and_fractions_round_up() {
        let text = "defaults\n clitcpka-idle 30\n clitcpka-intvl 1500ms\n clitcpka-cnt 4\n listen \
                    l\n bind :1\n";
        let loaded = load_text_with("a", text, &Request::default(), |_| Vec::new()).unwrap();
        let expected = Probes { count: Some(4), idle_s: Some(30), interval_s: Some(2) };
        assert_eq!(loaded.config.frontends[0].probes, expected);
    }
}
