//! Agent checks as configured: a program beside the server is asked how it is.

use super::interval;
use crate::config::keywords::{Keyword, exactly};
use crate::config::sections::server;

pub(crate) const KEYWORDS: &[Keyword] = &[
    server::row(
        "agent-check",
        exactly(0),
        "",
        "ask a program beside it how it is",
        |server, _, _| {
            server.settings.health.agent.check = true;
            Ok(())
        },
    ),
    server::row("no-agent-check", exactly(0), "", "takes `agent-check` back", |server, _, _| {
        server.settings.health.agent.check = false;
        Ok(())
    }),
    server::row(
        "agent-port",
        exactly(1),
        "<port>",
        "the port of that program",
        |server, line, _| {
            let port = line.number(0, 1..=u32::from(u16::MAX))?;
            server.settings.health.agent.port = u16::try_from(port).ok();
            Ok(())
        },
    ),
    server::row(
        "agent-addr",
        exactly(1),
        "<address>",
        "its address (the server's)",
        |server, line, _| {
            server.settings.health.agent.addr = Some(server::read_host(line)?);
            Ok(())
        },
    ),
    server::row(
        "agent-inter",
        exactly(1),
        "<time>",
        "time between questions (2s)",
        |s, line, _| {
            s.settings.health.agent.inter_ms = interval(line)?;
            Ok(())
        },
    ),
    server::row(
        "agent-send",
        exactly(1),
        "<text>",
        "what that program is sent",
        |server, line, _| {
            line.argument(0)?.value.clone_into(&mut server.settings.health.agent.send);
            Ok(())
        },
    ),
];
