//! The `timeout` lines of `defaults`, `frontend`, `backend` and `listen` sections.

use crate::config::keywords::{Handling, Keyword, Scope, exactly};

/// A row for a timeout, from the field that the timeout sets.
macro_rules! timeout {
    ($name:literal, $scope:expr, $help:literal, $field:ident) => {
        Keyword::new(
            $name,
            $scope,
            exactly(1),
            "<time>",
            $help,
            Handling::Proxy(|proxy, line, _| {
                // HAProxy takes 0 for "no timeout".
                proxy.settings.$field = Some(line.time_ms(0)?).filter(|ms| *ms > 0);
                Ok(())
            }),
        )
    };
}

const FRONT: Scope = Scope::FRONT;
const BACK: Scope = Scope::BACK;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    timeout!(
        "timeout client",
        FRONT,
        "Ends a connection whose client is silent for this time; 0 means never.",
        timeout_client_ms
    )
    .by_default("never, with a warning")
    .example("timeout client 1m"),
    timeout!(
        "timeout client-fin",
        FRONT,
        "Replaces `timeout client` once the client's side is half-closed; 0 is as if the line \
         were missing.",
        timeout_client_fin_ms
    )
    .idle_in_pages("a half-closed connection lasts as long as 'timeout client' says")
    .by_default("the time of `timeout client`")
    .example("timeout client-fin 10s"),
    timeout!(
        "timeout connect",
        BACK,
        "Gives up a connect that takes longer than this time; 0 means never.",
        timeout_connect_ms
    )
    .by_default("never, with a warning")
    .example("timeout connect 5s"),
    timeout!(
        "timeout queue",
        BACK,
        "Refuses a connection that has waited for a server for this time; 0 is as if the line \
         were missing.",
        timeout_queue_ms
    )
    .by_default("the time of `timeout connect`")
    .example("timeout queue 10s"),
    timeout!(
        "timeout server",
        BACK,
        "Ends a connection whose server is silent for this time; 0 means never.",
        timeout_server_ms
    )
    .by_default("never, with a warning")
    .example("timeout server 1m"),
    timeout!(
        "timeout server-fin",
        BACK,
        "Replaces `timeout server` once the server's side is half-closed; 0 is as if the line \
         were missing.",
        timeout_server_fin_ms
    )
    .by_default("the time of `timeout server`")
    .example("timeout server-fin 10s"),
    timeout!(
        "timeout tunnel",
        BACK,
        "Replaces `timeout client` and `timeout server` once both sides are connected; 0 is as if \
         the line were missing.",
        timeout_tunnel_ms
    )
    .by_default("both stay in force")
    .example("timeout tunnel 1h"),
];
